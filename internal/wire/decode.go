package wire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"

	"github.com/seed-25f54b62/awstokens"
)

// decodeJSON fills what out points to from a body that is one JSON object, as
// encoding/json does, but:
//   - A value that does not fit its field leaves the field as it is, and one
//     that does not fit a list is dropped, as is null in a list of anything
//     but lists, maps and interfaces. Neither is an error.
//   - A number or boolean fits a string field, with its literal text. A number
//     without a fraction, such as 10.0 or 1e1, fits an integer field. A string
//     fits a number or boolean field if it holds such a value.
//   - A member whose name differs from the field's in case counts only if no
//     member has the field's very name.
//   - An embedded pointer is a member with the name of its type, and the tag
//     option string is ignored.
//
// Interfaces, arrays and types with methods for it are left to encoding/json:
// the whole value fits or not.
//
// It reads the body once. On an error, which repeats nothing of the body, out
// may be half filled. With a nil out it only checks the body.
func decodeJSON(body []byte, out any) error {
	v := reflect.ValueOf(out)
	if out != nil && (v.Kind() != reflect.Pointer || v.IsNil()) {
		return errors.New("the output is not a pointer to a value")
	}
	d := decoder{scanner{body: body}}
	switch {
	case d.space() != '{':
		d.fail()
	case out == nil:
		d.skip()
	default:
		d.value(planOf(v.Type().Elem()), v.Elem())
	}
	if d.space(); d.pos < len(body) {
		d.fail()
	}
	return d.err()
}

type decoder struct{ scanner }

// value reads the next value into v. It returns false, and v has not changed,
// if the value does not fit.
func (d *decoder) value(p *plan, v reflect.Value) bool {
	c := d.peek()
	switch {
	case p.decodes:
		return d.standard(p, v)
	case c == 'n':
		d.literal()
		switch p.kind {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			v.SetZero()
		}
		return true
	case p.kind == reflect.Pointer:
		return d.pointer(p, v)
	case c == '{' && p.kind == reflect.Struct:
		d.structure(p, v)
	case c == '{' && p.kind == reflect.Map:
		d.mapping(p, v)
	case c == '[' && p.kind == reflect.Slice:
		d.slice(p, v)
	case c == '{' || c == '[':
		d.skip()
		return false
	case c == '"':
		return setScalar(p, v, d.text())
	default:
		text := d.literal()
		return p.typ != codeType && setScalar(p, v, text)
	}
	return true
}

// standard leaves the next value to encoding/json.
func (d *decoder) standard(p *plan, v reflect.Value) bool {
	start := d.pos
	d.skip()
	decoded := reflect.New(p.typ)
	if d.failed || json.Unmarshal(d.body[start:d.pos:d.pos], decoded.Interface()) != nil {
		return false
	}
	v.Set(decoded.Elem())
	return true
}

func (d *decoder) pointer(p *plan, v reflect.Value) bool {
	if !v.IsNil() {
		return d.value(p.elem, v.Elem())
	}
	target := reflect.New(p.elem.typ)
	if !d.value(p.elem, target.Elem()) {
		return false
	}
	v.Set(target)
	return true
}

func (d *decoder) slice(p *plan, v reflect.Value) {
	var mayBeNil bool
	switch p.elem.typ.Kind() {
	case reflect.Interface, reflect.Slice, reflect.Map:
		mayBeNil = true
	}
	v.SetZero()
	for more := d.open(']'); more; more = d.next(']') {
		isNull, n := d.peek() == 'n', v.Len()
		v.Grow(1)
		v.SetLen(n + 1)
		if !d.value(p.elem, v.Index(n)) || isNull && !mayBeNil {
			v.SetLen(n)
		}
	}
	if v.IsNil() {
		v.Set(reflect.MakeSlice(p.typ, 0, 0))
	}
}

func (d *decoder) mapping(p *plan, v reflect.Value) {
	if v.IsNil() {
		v.Set(reflect.MakeMap(p.typ))
	}
	key, value := reflect.New(p.typ.Key()).Elem(), reflect.New(p.elem.typ).Elem()
	for more := d.open('}'); more; more = d.next('}') {
		key.SetString(string(d.name()))
		value.SetZero()
		if d.value(p.elem, value) {
			v.SetMapIndex(key, value)
		}
	}
}

// match says how a member's name is that of a field. The better one counts.
type match byte

const (
	noMatch match = iota
	foldedMatch
	exactMatch
)

func (d *decoder) structure(p *plan, v reflect.Value) {
	best := make([]match, len(p.fields)) // so far
	likely := 0                          // members mostly come in the order of the fields
	for more := d.open('}'); more; more = d.next('}') {
		i, found := p.find(d.name(), likely)
		if found == noMatch || found < best[i] {
			d.skip()
			continue
		}
		f := &p.fields[i]
		member := v.FieldByIndex(f.index)
		if best[i] == foldedMatch {
			member.SetZero()
		}
		best[i], likely = found, i+1
		d.value(f.plan, member)
	}
}

// find returns the index of the field that a name means.
func (p *plan) find(name []byte, likely int) (int, match) {
	for n := range p.fields {
		if i := (likely + n) % len(p.fields); string(name) == p.fields[i].name {
			return i, exactMatch
		}
	}
	for i := range p.fields {
		if strings.EqualFold(string(name), p.fields[i].name) {
			return i, foldedMatch
		}
	}
	return 0, noMatch
}

// setScalar stores text, which is that of a string, a boolean or a number.
func setScalar(p *plan, v reflect.Value, text []byte) bool {
	switch {
	case p.kind == secret:
		s := v.Addr().Interface().(*awstokens.Secret)
		if s.UnmarshalText(text) != nil { // text that an encoder writes for any secret
			*s = awstokens.NewSecret(string(text))
		}
	case p.kind == reflect.String:
		v.SetString(string(text))
	case p.kind == reflect.Bool:
		is := string(text) == "true"
		if !is && string(text) != "false" {
			return false
		}
		v.SetBool(is)
	case v.CanInt():
		n, err := strconv.ParseInt(string(integer(text)), 10, p.typ.Bits())
		if err != nil {
			return false
		}
		v.SetInt(n)
	case v.CanUint(), v.CanFloat():
		return string(text) != "null" && json.Unmarshal(integer(text), v.Addr().Interface()) == nil
	default:
		return false
	}
	return true
}

// integer returns a number without fraction and exponent, or what it is given
// if that is no integer, or a very large one. It does not use a float64, which
// rounds large integers.
func integer(number []byte) []byte {
	if !bytes.ContainsAny(number, ".eE") || !json.Valid(number) {
		return number
	}
	const maxExponent = 30 // larger integers fit no type
	mantissa, exponent := string(number), 0
	if i := strings.IndexAny(mantissa, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(mantissa[i+1:]); err != nil || max(exponent, -exponent) > maxExponent {
			return number
		}
		mantissa = mantissa[:i]
	}
	sign := mantissa[:len(mantissa)-len(strings.TrimPrefix(mantissa, "-"))]
	whole, fraction, _ := strings.Cut(mantissa[len(sign):], ".")
	digits := whole + fraction + strings.Repeat("0", max(0, exponent-len(fraction)))
	end := len(digits) - max(0, len(fraction)-exponent)
	if strings.Trim(digits[max(0, end):], "0") != "" {
		return number
	}
	return []byte(sign + cmp.Or(strings.TrimLeft(digits[:max(0, end)], "0"), "0"))
}
