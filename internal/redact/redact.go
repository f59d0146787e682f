// Package redact keeps secrets out of logs and errors: it gives structs a slog
// value that hides them, and takes a call's secrets out of a text that came
// from outside.
package redact

import (
	"encoding/json"
	"log/slog"
	"net/url"
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
		if v.Type().Elem().Kind() != reflect.Struct && v.Type().Elem() != secretType {
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

// Scrubber takes the secrets of one call out of texts.
type Scrubber struct{ replace []string }

// Add makes a Scrubber know a secret, in each form in which a server could
// repeat it.
func (s *Scrubber) Add(secret string) {
	if len(secret) < minLength {
		return
	}
	quoted, _ := json.Marshal(secret)
	s.replace = append(s.replace, secret, string(quoted[1:len(quoted)-1]), url.QueryEscape(secret))
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

// Text returns the text without the secrets, and without the beginning of one
// at its end, where an answer may have been cut off.
func (s *Scrubber) Text(text string) string {
	for _, secret := range s.replace {
		text = strings.ReplaceAll(text, secret, redacted)
	}
	for _, secret := range s.replace {
		for n := min(len(secret)-1, len(text)); n >= minLength; n-- {
			if strings.HasSuffix(text, secret[:n]) {
				text = text[:len(text)-n] + redacted
				break
			}
		}
	}
	return text
}

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
