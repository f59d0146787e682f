package login

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// reader takes the members that are known out of a JSON object and leaves the
// others. It matches names exactly, which encoding/json does not, and its
// errors show nothing of the text.
type reader struct {
	members map[string]json.RawMessage
	err     error // the first
}

func newReader(data []byte) reader {
	var r reader
	if json.Unmarshal(data, &r.members) != nil {
		r.err = errors.New("not a whole JSON object")
	}
	return r
}

// take takes a member out. Null is as good as absent.
func take[T any](r *reader, name string) T {
	var value T
	raw, ok := r.members[name]
	if !ok {
		return value
	}
	delete(r.members, name)
	if json.Unmarshal(raw, &value) != nil && r.err == nil {
		r.err = fmt.Errorf("%s has the wrong type", name)
	}
	return value
}

// time takes a time out, in any of the forms that are in use: with seconds,
// with fractions of them, with an offset for the Z, or with UTC for it.
func (r *reader) time(name string) time.Time {
	text := take[string](r, name)
	if text == "" {
		return time.Time{}
	}
	if cut, ok := strings.CutSuffix(text, "UTC"); ok {
		text = cut + "Z"
	}
	t, err := time.Parse(time.RFC3339, text)
	t = t.UTC()
	if (err != nil || t.Year() > maxYear || t.Year() < 0) && r.err == nil {
		r.err = fmt.Errorf("%s is not a time", name)
	}
	return t
}

// rest returns the members that nobody took, and the first error.
func (r *reader) rest() (map[string]json.RawMessage, error) {
	if len(r.members) == 0 {
		return nil, r.err
	}
	return r.members, r.err
}

// maxYear is the last that timeLayout can write.
const maxYear = 9999

// require notes that a member is not there.
func (r *reader) require(name string, ok bool) {
	if !ok && r.err == nil {
		r.err = fmt.Errorf("no %s", name)
	}
}

// timeLayout is how times are written.
const timeLayout = "2006-01-02T15:04:05Z"

// writer makes a JSON object byte for byte as json.dumps of Python does, which
// the AWS CLI uses: spaces after commas and colons, and nothing but ASCII.
type writer struct{ text strings.Builder }

// name begins a member.
func (w *writer) name(name string) {
	if w.text.Len() > 0 {
		w.text.WriteString(", ")
	}
	w.quote(name)
	w.text.WriteString(": ")
}

// string adds a member, unless it is empty.
func (w *writer) string(name, value string) {
	if value != "" {
		w.name(name)
		w.quote(value)
	}
}

// null adds a member that is null.
func (w *writer) null(name string) {
	w.name(name)
	w.text.WriteString("null")
}

// time adds a member, unless it is zero.
func (w *writer) time(name string, value time.Time) {
	if !value.IsZero() {
		w.string(name, value.UTC().Format(timeLayout))
	}
}

// list adds a member that is a list.
func list[S ~string](w *writer, name string, values []S) {
	w.name(name)
	w.text.WriteByte('[')
	for i, value := range values {
		if i > 0 {
			w.text.WriteString(", ")
		}
		w.quote(string(value))
	}
	w.text.WriteByte(']')
}

// object returns the JSON, with more members at its end.
func (w *writer) object(more map[string]json.RawMessage) []byte {
	for _, name := range slices.Sorted(maps.Keys(more)) {
		w.name(name)
		w.text.Write(more[name])
	}
	return []byte("{" + w.text.String() + "}")
}

var shortEscapes = map[rune]string{
	'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`,
}

func (w *writer) quote(text string) {
	w.text.WriteByte('"')
	for _, r := range text {
		if short, ok := shortEscapes[r]; ok {
			w.text.WriteString(short)
		} else if ' ' <= r && r <= '~' {
			w.text.WriteRune(r)
		} else {
			for _, unit := range utf16.AppendRune(nil, r) {
				fmt.Fprintf(&w.text, `\u%04x`, unit)
			}
		}
	}
	w.text.WriteByte('"')
}
