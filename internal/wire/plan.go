package wire

import (
	"cmp"
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/seed-25f54b62/awstokens"
)

// maxDepth bounds how deeply values are nested, so that no body and no cyclic
// value exhausts the stack.
const maxDepth = 1000

// Kinds beside those of package reflect.
const (
	foreign = reflect.Invalid           // encoding/json encodes it: []byte, json.Number, what has methods for that
	secret  = reflect.UnsafePointer + 1 // [awstokens.Secret]
)

// plan is what the encoder and the decoder need to know about a type. It is
// made once and does not change, except for size.
type plan struct {
	typ       reflect.Type
	kind      reflect.Kind
	decodes   bool // encoding/json decodes it
	hasIsZero bool

	elem     *plan   // of a pointer, list or map
	fields   []field // of a struct, in the order of encoding/json
	bindings []field // those that travel outside the body, sorted by name

	size atomic.Int64 // the capacity that the next body of this type starts with
}

// field is a member of a struct, possibly of one embedded in it.
type field struct {
	name, key                     string // key is the name as it is encoded, with the colon
	index                         []int
	plan                          *plan
	omitEmpty, omitZero, required bool
	in                            string // header or query, or empty for the body
}

var (
	plans sync.Map // reflect.Type to *plan

	secretType = reflect.TypeFor[awstokens.Secret]()
	numberType = reflect.TypeFor[json.Number]()
	codeType   = reflect.TypeFor[codeText]()
)

// planOf returns the plan of a type. It publishes the plans that it makes
// when all are complete, because they refer to each other.
func planOf(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	made := planner{}
	p := made.plan(t)
	for t, p := range made {
		plans.LoadOrStore(t, p)
	}
	return p
}

// planner holds the plans that are being made, so that a recursive type ends.
type planner map[reflect.Type]*plan

func (made planner) plan(t reflect.Type) *plan {
	if p := made[t]; p != nil {
		return p
	}
	p := &plan{typ: t, kind: t.Kind()}
	made[t] = p
	methods := reflect.PointerTo(t)
	has := func(method, textMethod reflect.Type) bool {
		return methods.Implements(method) || methods.Implements(textMethod) && !embedsSecret(t)
	}
	switch {
	case t == secretType:
		p.kind = secret
		return p
	case has(reflect.TypeFor[json.Marshaler](), reflect.TypeFor[encoding.TextMarshaler]()),
		t == numberType, p.kind == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		p.kind = foreign
	case p.kind == reflect.Struct:
		made.collect(p, t, nil)
	case p.kind == reflect.Pointer, p.kind == reflect.Slice, p.kind == reflect.Array, p.kind == reflect.Map:
		p.elem = made.plan(t.Elem())
	}
	p.hasIsZero = methods.Implements(reflect.TypeFor[isZeroer]())
	p.decodes = p.kind == foreign || p.kind == reflect.Interface || p.kind == reflect.Array ||
		p.kind == reflect.Map && t.Key().Kind() != reflect.String ||
		has(reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[encoding.TextUnmarshaler]())
	return p
}

// embedsSecret reports whether the text methods of t may be those of a Secret.
func embedsSecret(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && slices.ContainsFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool {
		return f.Anonymous && (f.Type == secretType || f.Type == reflect.PointerTo(secretType))
	})
}

// collect adds the fields of t, which is p's type or embedded in it at index.
// Of several with one name the least embedded counts.
func (made planner) collect(p *plan, t reflect.Type, index []int) {
	for i := range t.NumField() {
		sf := t.Field(i)
		f := field{index: append(slices.Clip(index), i), required: sf.Tag.Get("wire") == "required"}
		tag := sf.Tag.Get("json")
		for _, in := range []string{"header", "query"} {
			if t, ok := sf.Tag.Lookup(in); ok {
				f.in, tag = in, t
			}
		}
		name, options, _ := strings.Cut(tag, ",")
		if sf.Anonymous && name == "" && sf.Type.Kind() == reflect.Struct && sf.Type != secretType {
			made.collect(p, sf.Type, f.index)
			continue
		}
		if !sf.IsExported() || tag == "-" {
			continue
		}
		f.name = cmp.Or(name, sf.Name)
		f.key = `"` + f.name + `":`
		f.plan = made.plan(sf.Type)
		f.omitEmpty = slices.Contains(strings.Split(options, ","), "omitempty")
		f.omitZero = slices.Contains(strings.Split(options, ","), "omitzero")
		if f.in != "" {
			at := 0 // sorted by name, as other SDKs send them
			for at < len(p.bindings) && p.bindings[at].name < f.name {
				at++
			}
			p.bindings = slices.Insert(p.bindings, at, f)
			continue
		}
		same := slices.IndexFunc(p.fields, func(g field) bool { return g.name == f.name })
		if same >= 0 && len(p.fields[same].index) <= len(f.index) {
			continue
		}
		if same >= 0 {
			p.fields = slices.Delete(p.fields, same, same+1)
		}
		p.fields = append(p.fields, f)
	}
}
