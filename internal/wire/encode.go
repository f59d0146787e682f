package wire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/seed-25f54b62/awstokens"
)

// The capacities of the first body of a type, and at most of later ones.
const firstCapacity, maxCapacity = 256, 32 << 10

// encodeJSON returns what encoding/json makes of in, without the escapes for
// HTML, but:
//   - Each [awstokens.Secret] is written with its text.
//   - A field that has a tag header or query is left out.
//   - Invalid UTF-8 is an error, because encoding/json sends something else in
//     its place.
//   - A method of a pointer is used where the value has no address, too.
//   - An embedded pointer is a member with the name of its type, and the tag
//     option string is ignored.
//
// Its errors name the member, but do not repeat the value, which may be a
// secret.
func encodeJSON(in any) ([]byte, error) {
	if in == nil {
		return []byte("null"), nil
	}
	v := reflect.ValueOf(in)
	p := planOf(v.Type())
	size := cmp.Or(p.size.Load(), firstCapacity)
	e := encoder{buf: make([]byte, 0, size)}
	e.value(p, addressable(v))
	if e.err != nil {
		return nil, e.err
	}
	if need := int64(len(e.buf)); need > size { // with room for the next to be a little longer
		p.size.Store(min(need+need/8, maxCapacity))
	}
	return e.buf, nil
}

// encoder writes values, until one of them leads to an error.
type encoder struct {
	buf    []byte
	member string // the one that is being written, for errors
	depth  int
	err    error
}

func (e *encoder) fail(problem string) {
	if e.err == nil {
		e.err = memberError(e.member, problem)
	}
}

func (e *encoder) failType(t reflect.Type) {
	e.fail("of type " + t.String() + " cannot be represented in JSON")
}

// memberError is an error about one member of an input, or about the input if
// the name is empty.
func memberError(name, problem string) error {
	if name == "" {
		return errors.New("input " + problem)
	}
	return errors.New("member " + name + " " + problem)
}

// value writes v, which has an address unless it is a pointer.
func (e *encoder) value(p *plan, v reflect.Value) {
	switch p.kind {
	case reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map:
		if v.IsNil() {
			e.buf = append(e.buf, "null"...)
			return
		}
	}
	if e.depth++; e.depth > maxDepth {
		e.fail("is nested too deeply")
	}
	if e.err != nil {
		return
	}
	outer := e.member
	switch p.kind {
	case secret:
		start := len(e.buf)
		e.buf = v.Addr().Interface().(*awstokens.Secret).AppendReveal(append(e.buf, '"'))
		e.endString(start)
	case reflect.String:
		e.string(v.String())
	case reflect.Bool:
		e.buf = strconv.AppendBool(e.buf, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		e.buf = strconv.AppendInt(e.buf, v.Int(), 10)
	case reflect.Pointer:
		e.value(p.elem, v.Elem())
	case reflect.Interface:
		e.value(planOf(v.Elem().Type()), addressable(v.Elem()))
	case reflect.Slice, reflect.Array:
		e.list(p, v)
	case reflect.Struct:
		e.structure(p, v)
	case reflect.Map:
		e.mapping(p, v)
	default:
		e.standard(v)
	}
	e.member = outer
	e.depth--
}

func (e *encoder) list(p *plan, v reflect.Value) {
	e.buf = append(e.buf, '[')
	for i := range v.Len() {
		e.value(p.elem, v.Index(i))
		e.buf = append(e.buf, ',')
	}
	e.end(']')
}

func (e *encoder) structure(p *plan, v reflect.Value) {
	e.buf = append(e.buf, '{')
	for i := range p.fields {
		f := &p.fields[i]
		value := v.FieldByIndex(f.index)
		if f.omits(value) {
			continue
		}
		e.buf = append(e.buf, f.key...)
		e.member = f.name
		e.value(f.plan, value)
		e.buf = append(e.buf, ',')
	}
	e.end('}')
}

func (e *encoder) mapping(p *plan, v reflect.Value) {
	if p.typ.Key().Kind() != reflect.String {
		e.failType(p.typ)
		return
	}
	keys := make([]string, 0, v.Len())
	for entries := v.MapRange(); entries.Next(); {
		keys = append(keys, entries.Key().String())
	}
	slices.Sort(keys)
	e.buf = append(e.buf, '{')
	for _, key := range keys {
		e.string(key)
		e.buf = append(e.buf, ':')
		e.member = key
		e.value(p.elem, addressable(v.MapIndex(reflect.ValueOf(key).Convert(p.typ.Key()))))
		e.buf = append(e.buf, ',')
	}
	e.end('}')
}

// end writes the end of a list or an object in the place of its last comma.
func (e *encoder) end(c byte) {
	if last := len(e.buf) - 1; e.buf[last] == ',' {
		e.buf = e.buf[:last]
	}
	e.buf = append(e.buf, c)
}

func (e *encoder) string(s string) {
	start := len(e.buf)
	e.buf = append(append(e.buf, '"'), s...)
	e.endString(start)
}

// endString makes a string of the text that follows the quote at start.
func (e *encoder) endString(start int) {
	text := e.buf[start+1:]
	switch rest := text[plainPrefix(text):]; {
	case len(rest) == 0:
	case !utf8.Valid(rest):
		e.fail("contains invalid UTF-8")
	case bytes.ContainsFunc(rest, isEscaped):
		s := string(text)
		e.buf = e.buf[:start]
		e.standard(reflect.ValueOf(&s).Elem())
		return
	}
	e.buf = append(e.buf, '"')
}

// isEscaped reports whether encoding/json escapes a character. U+2028 and
// U+2029 are line ends in JavaScript.
func isEscaped(r rune) bool {
	return r < ' ' || r == '"' || r == '\\' || r == '\u2028' || r == '\u2029'
}

// standard writes v as encoding/json does. The error does not hold that of
// encoding/json, which may repeat the value.
func (e *encoder) standard(v reflect.Value) {
	var b bytes.Buffer
	standard := json.NewEncoder(&b)
	standard.SetEscapeHTML(false)
	if standard.Encode(v.Addr().Interface()) != nil {
		e.failType(v.Type())
	} else if !utf8.Valid(b.Bytes()) {
		e.fail("contains invalid UTF-8")
	}
	e.buf = append(e.buf, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}

// addressable returns v, or a copy that has an address, where that is needed
// to call methods.
func addressable(v reflect.Value) reflect.Value {
	if v.Kind() == reflect.Pointer {
		return v
	}
	copied := reflect.New(v.Type()).Elem()
	copied.Set(v)
	return copied
}

type isZeroer interface{ IsZero() bool }

// omits reports whether a tag option leaves the field out, whose value is v.
func (f *field) omits(v reflect.Value) bool {
	p := f.plan
	switch {
	case !f.omitEmpty && !f.omitZero:
		return false
	case v.IsZero():
		return f.omitZero || v.Kind() != reflect.Struct || p.kind == secret
	case f.omitEmpty && (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0:
		return true
	case v.Kind() == reflect.Pointer:
		p, v = p.elem, v.Elem()
	}
	return f.omitZero && p.hasIsZero && v.Addr().Interface().(isZeroer).IsZero()
}
