package secrets_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.yaml.in/yaml/v3"
)

// way is a way to show a value.
type way struct {
	name string
	show func(any) string

	// blind reports whether the way shows nothing of a shape, whatever is in
	// it.
	blind func(shape) bool
}

// ways are all of them: prints, which call methods or stop at pointers, and
// dumps, which do not. Of all, quickWays are those that differ most.
var (
	ways      = slices.Concat(prints, dumps)
	prints    = slices.Concat(fmtWays(fmtFormats()...), encoders)
	quickWays = slices.Concat(fmtWays("%v", "%+v", "%#v", "%s", "%q", "%x", "%d"), encoders, []way{{"dump of memory", memory, seesAll}})
)

// fmtFormats are all verbs with flags, and what is no verb, which fmt treats
// alike.
func fmtFormats() (all []string) {
	for _, verb := range "vdoObBxXcqUeEfFgGstpTw" {
		for _, flags := range []string{"", "+", "#", " ", "0", "-60", "+#", ".30"} {
			all = append(all, "%"+flags+string(verb))
		}
	}
	return append(all, "%a", "%D", "%y", "%Z", "%z", "%+z", "%#z", "%!", "%$", "%(", "%~", "%é", "%世", "%", "%-", "no verb")
}

func fmtWays(formats ...string) (list []way) {
	for _, format := range formats {
		blind := seesAddress
		switch format[len(format)-1] {
		case 'p':
			blind = func(s shape) bool { return s.isReference }
		case 'T':
			blind = func(shape) bool { return true }
		}
		list = append(list, way{format, func(v any) string { return fmt.Sprintf(format, v) }, blind})
	}
	return list
}

var encoders = []way{
	{"Errorf", func(v any) string { format := "%w, %v"; return fmt.Errorf(format, v, v).Error() }, seesAddress},
	{"Sprint", func(v any) string { return fmt.Sprint(v, v) + fmt.Sprintln("it", v) }, seesAddress},
	{"log", logged(func(out io.Writer, v any) { log.New(out, "", 0).Print("it: ", v) }), seesAddress},
	{"slog text", logged(func(out io.Writer, v any) { logTo(slog.NewTextHandler(out, nil), v) }), seesAddress},
	{"slog JSON", logged(func(out io.Writer, v any) { logTo(slog.NewJSONHandler(out, nil), v) }), isHidden},
	{"JSON", encoded(json.Marshal), isHidden},
	{"XML", encoded(xml.Marshal), func(s shape) bool { return s.isHidden || s.isMap }},
	{"YAML", encoded(yaml.Marshal), isHidden},
}

var dumps = []way{
	{"testify's diff", func(v any) (text string) {
		var out report
		defer func() { // it cannot sort a map with arrays as keys in an unexported field
			if p := recover(); p != nil {
				text = out.String() + fmt.Sprint(p)
			}
		}()
		assert.Nil(&out, v)
		assert.Empty(&out, v)
		assert.Equal(&out, v, reflect.New(reflect.TypeOf(v)).Elem().Interface())
		assert.ElementsMatch(&out, []any{v}, []any{})
		return out.String()
	}, seesAll},
	{"dump of memory", memory, seesAll},
}

func seesAddress(s shape) bool { return s.isAddress }
func isHidden(s shape) bool    { return s.isHidden }
func seesAll(shape) bool       { return false }

func logged(log func(io.Writer, any)) func(any) string {
	return func(v any) string {
		var out bytes.Buffer
		log(&out, v)
		return out.String()
	}
}

func logTo(h slog.Handler, v any) {
	slog.New(h).With("with", v).WithGroup("g").Info("m", "attr", v, slog.Group("group", "attr", v, slog.Group("inner", "attr", v)))
}

// encoded also has the encoder's error, and what it panics with.
func encoded(encode func(any) ([]byte, error)) func(any) string {
	return func(v any) (text string) {
		defer func() {
			if p := recover(); p != nil {
				text += fmt.Sprint(p)
			}
		}()
		data, err := encode(v)
		return string(data) + fmt.Sprint(err)
	}
}

// report keeps what an assertion says.
type report struct{ strings.Builder }

func (r *report) Errorf(format string, args ...any) { fmt.Fprintf(r, format, args...) }

// memory is what anything can show that looks into values by reflection, as
// dumpers and debuggers do: whatever pointers, interfaces and unexported fields
// lead to, at any depth. It calls no method.
func memory(v any) string {
	var d dump
	d.value(reflect.ValueOf(v))
	return d.String()
}

type dump struct {
	strings.Builder
	seen map[visit]bool
}

type visit struct {
	at  uintptr
	typ reflect.Type
}

func (d *dump) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		at := visit{v.Pointer(), v.Type()}
		if v.IsNil() || d.seen[at] {
			return
		}
		if d.seen == nil {
			d.seen = map[visit]bool{}
		}
		d.seen[at] = true
		d.value(v.Elem())
	case reflect.Interface:
		d.value(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			d.value(v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			for i := range v.Len() {
				d.WriteByte(byte(v.Index(i).Uint()))
			}
			d.WriteByte('\n')
			return
		}
		for i := range v.Len() {
			d.value(v.Index(i))
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			d.value(entries.Key())
			d.value(entries.Value())
		}
	case reflect.String:
		d.WriteString(v.String() + "\n")
	}
}

// shape is a value where a program may have it.
type shape struct {
	name  string
	value any

	isReference bool // a pointer, a slice or a map, and so is all that leads to the value
	isAddress   bool // fmt prints the address of the value
	isHidden    bool // an encoder does not find the value
	isMap       bool
}

type (
	exported struct{ Value any }
	hidden   struct {
		value any
		list  []any
		table map[string]any
	}
	deep struct{ down **hidden }
)

// shapes returns a value, and if it is a pointer to a struct the struct,
// wherever a program may have it.
func shapes(value any) []shape {
	all := around(value)
	if v := reflect.ValueOf(value); v.Kind() == reflect.Pointer && v.Elem().Kind() == reflect.Struct {
		all = append(all, around(v.Elem().Interface())...)
	}
	return all
}

func around(v any) []shape {
	typ := reflect.TypeOf(v)
	list := reflect.MakeSlice(reflect.SliceOf(typ), 1, 1)
	list.Index(0).Set(reflect.ValueOf(v))
	table := reflect.MakeMap(reflect.MapOf(reflect.TypeFor[string](), list.Type()))
	table.SetMapIndex(reflect.ValueOf("k"), list)
	unexported := &hidden{v, []any{v}, map[string]any{"k": v}}
	pointer := typ.Kind() == reflect.Pointer
	reference := pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map
	return []shape{
		{name: "itself", value: v, isReference: reference},
		{name: "list", value: list.Interface(), isReference: true, isAddress: pointer},
		{name: "map of lists", value: table.Interface(), isReference: true, isAddress: pointer, isMap: true},
		{name: "list of any", value: []any{v}, isReference: true, isAddress: pointer},
		{name: "map of any", value: map[string]any{"k": v}, isReference: true, isAddress: pointer, isMap: true},
		{name: "field", value: exported{v}, isReference: reference, isAddress: pointer},
		{name: "unexported fields", value: *unexported, isReference: reference, isAddress: pointer, isHidden: true},
		{name: "pointer to unexported fields", value: unexported, isReference: true, isAddress: pointer, isHidden: true},
		{name: "behind pointers", value: deep{&unexported}, isReference: true, isAddress: true, isHidden: true},
	}
}

// exhaustive shows every value in every shape in every way. Without it, a shape
// is shown in a fifth of the ways of fmt, others for each shape and value, and
// in all other ways.
var exhaustive = os.Getenv("AWSTOKENS_EXHAUSTIVE") != ""

// assertHides asserts that no way shows a secret of a value.
func assertHides(t *testing.T, n *needles, name string, value any, ways []way) {
	t.Helper()
	seen := map[string]bool{}
	for i, s := range shapes(value) {
		for j, w := range ways {
			if !exhaustive && len(ways) > len(quickWays) && w.name[0] == '%' && (i+j+len(name))%5 != 0 {
				continue
			}
			text := w.show(s.value)
			if seen[text] {
				continue
			}
			seen[text] = true
			if found := n.in(text); found != "" {
				t.Errorf("%s, %s, %s: %s", name, s.name, w.name, found)
				return // one way is enough
			}
		}
	}
}

// careless is an error that says what was refused.
type careless string

func (e careless) Error() string { return "refused: " + string(e) }

// TestWaysShow: each way shows a secret that is plain text, in each shape that
// it is not blind to.
func TestWaysShow(t *testing.T) {
	type plain struct {
		Token string
		Key   []byte
		token string
	}
	n := newNeedles(fake(1), fake(2), fake(3))
	for _, value := range []any{
		&plain{fake(1), []byte(fake(2)), fake(3)},
		fake(1), []string{fake(1)}, json.RawMessage(`"` + fake(1) + `"`), careless(fake(1)),
	} {
		for _, s := range shapes(value) {
			for _, w := range ways {
				if text := w.show(s.value); n.in(text) == "" && !w.blind(s) {
					t.Errorf("%T, %s, %s: %s", value, s.name, w.name, text)
				}
			}
		}
	}
}
