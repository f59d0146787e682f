// Package redact keeps secrets out of logs and errors: it gives structs a slog
// value and a format that hide them, and takes a call's secrets out of a text that came
// from outside.
package redact

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"

	"github.com/seed-25f54b62/awstokens"
)

const redacted = "[redacted]"

// minLength is the shortest secret that is searched for: a shorter one would
// match by chance.
const minLength = 4

var secretType = reflect.TypeFor[awstokens.Secret]()

// LogValue returns the fields of a struct as a slog group, however deep, with
// every Secret hidden. It is what a struct's LogValue method returns.
func LogValue(v any) slog.Value { return logValue(reflect.ValueOf(v)) }

func logValue(v reflect.Value) slog.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return slog.AnyValue(nil)
		}
		return logValue(v.Elem())
	case reflect.Struct:
		var attrs []slog.Attr
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if field.IsExported() && !v.Field(i).IsZero() {
				attrs = append(attrs, slog.Attr{Key: field.Name, Value: logValue(v.Field(i))})
			}
		}
		return slog.GroupValue(attrs...)
	case reflect.Slice:
		switch item := v.Type().Elem(); {
		case item == secretType, item.Kind() == reflect.Struct, item.Kind() == reflect.Pointer:
		default:
			return slog.AnyValue(v.Interface())
		}
		items := make([]string, v.Len())
		for i := range items {
			items[i] = logValue(v.Index(i)).String()
		}
		return slog.AnyValue(items)
	}
	if v.Type() == secretType {
		return slog.StringValue(redacted)
	}
	return slog.AnyValue(v.Interface())
}

// Format writes the fields of a struct as the verb %+v does, with every Secret
// hidden whatever the verb. It is what a struct's Format method calls: fmt
// itself, when a pointer does not suit the verb (%s), prints what it points to
// without asking any method how.
func Format(f fmt.State, v any) {
	s := reflect.ValueOf(v)
	separator := ""
	_, _ = io.WriteString(f, "{")
	for i := range s.NumField() {
		if field := s.Type().Field(i); field.IsExported() {
			_, _ = fmt.Fprintf(f, "%s%s:%+v", separator, field.Name, s.Field(i).Interface())
			separator = " "
		}
	}
	_, _ = io.WriteString(f, "}")
}

// Scrubber takes the secrets of one call out of texts.
type Scrubber struct{ secrets []string }

// Add makes a Scrubber know a secret.
func (s *Scrubber) Add(secret string) {
	if len(secret) >= minLength {
		s.secrets = append(s.secrets, secret)
	}
}

// AddFrom adds every Secret in a value, however deep.
func (s *Scrubber) AddFrom(v any) { s.addFrom(reflect.ValueOf(v)) }

func (s *Scrubber) addFrom(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			s.addFrom(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			s.addFrom(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			s.addFrom(v.Index(i))
		}
	case reflect.String:
		if v.Type() == secretType {
			s.Add(v.String())
		}
	}
}

// Text returns the text without the secrets, however they are escaped, and
// without the beginning of one: an answer may have been cut off, or have
// shortened what it repeats.
func (s *Scrubber) Text(text string) string {
	var clean strings.Builder
	done := 0
	for i := 0; i < len(text); {
		n := 0
		for _, secret := range s.secrets {
			n = max(n, match(text[i:], secret))
		}
		if n == 0 {
			i++
			continue
		}
		clean.WriteString(text[done:i])
		clean.WriteString(redacted)
		i += n
		done = i
	}
	if done == 0 {
		return text
	}
	return clean.String() + text[done:]
}

const (
	// minPrefix is how much of a secret's beginning gives it away in the middle
	// of a text. At the end of the text, minLength does.
	minPrefix = 16

	// resumption is how many letters and digits must follow an escape as they
	// follow in the secret.
	resumption = 4

	// maxEscape is how many bytes may stand for one that is escaped, perhaps
	// more than once: %5Cu0026.
	maxEscape = 12
)

// match returns how many bytes at the beginning of a text show a secret, or a
// telling part of its beginning. Bytes other than letters and digits can be
// escaped in more ways than anybody lists (JSON has three, URLs and HTML two
// each, and they nest), so whatever begins like an escape is taken for them, up
// to where the letters and digits go on.
func match(text, secret string) int {
	if strings.HasPrefix(text, secret) {
		return len(secret)
	}
	start := span(secret, false)
	n, i := 0, start
	for i < len(secret) && n < len(text) {
		if same := commonPrefix(text[n:], secret[i:i+span(secret[i:], true)]); same > 0 {
			n, i = n+same, i+same
			continue
		}
		if i == start || isAlphanumeric(secret[i]) {
			break
		}
		gap := span(secret[i:], false)
		rest, plain := strings.CutPrefix(text[n:], secret[i:i+gap])
		if plain && (rest == "" || commonPrefix(rest, secret[i+gap:]) > 0) {
			n, i = n+gap, i+gap
			continue
		}
		if strings.HasPrefix(secret[i:i+gap], text[n:]) {
			n = len(text) // cut off between the letters and digits
			break
		}
		if !strings.ContainsAny(text[n:n+1], `\%&+`) {
			break
		}
		next := secret[i+gap:]
		next = next[:min(span(next, true), resumption)]
		window := text[n:min(len(text), n+gap*maxEscape+len(next))]
		at := strings.Index(window, next)
		if at < 0 && len(window) == len(text)-n {
			return len(text) // cut off in an escape, or just after it
		}
		if at < 0 {
			break
		}
		n, i = n+at, i+gap
	}
	switch shown := i - start; {
	case i == len(secret) && shown >= minLength,
		n == len(text) && shown >= minLength,
		shown >= minPrefix:
		return n
	}
	return 0
}

// span returns how many bytes at the beginning of a text are ASCII letters and
// digits, or are not.
func span(text string, alphanumeric bool) int {
	for i := range len(text) {
		if isAlphanumeric(text[i]) != alphanumeric {
			return i
		}
	}
	return len(text)
}

func isAlphanumeric(b byte) bool {
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

func commonPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// Error returns the error as it is, or, if its text shows a secret, an error
// with the scrubbed text that errors.Is takes for the original.
func (s *Scrubber) Error(err error) error {
	text := err.Error()
	if clean := s.Text(text); clean != text {
		return &scrubbed{clean, func(target error) bool { return errors.Is(err, target) }}
	}
	return err
}

// scrubbed has no Unwrap, because what it stands for shows a secret, and holds
// it in a function, because fmt can look into every field of a struct.
type scrubbed struct {
	text string
	is   func(error) bool
}

func (e *scrubbed) Error() string        { return e.text }
func (e *scrubbed) Is(target error) bool { return e.is(target) }

// Strings scrubs every text in the struct that v points to.
func (s *Scrubber) Strings(v any) { s.strings(reflect.ValueOf(v)) }

func (s *Scrubber) strings(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			s.strings(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			s.strings(v.Field(i))
		}
	case reflect.String:
		if v.CanSet() {
			v.SetString(s.Text(v.String()))
		}
	}
}
