package redact

import (
	"reflect"
	"slices"
	"strings"
)

// Body returns Text of a response that could not be decoded into out, because it
// is cut off or has something around it. Nobody knows the secrets in it, so it is
// withheld if it has the name of a Secret of out, and after that a colon, an
// equals sign or the end of a tag.
func (s *Scrubber) Body(text string, out any) string {
	if out == nil {
		return s.Text(text)
	}
	names := secretNames(nil, reflect.TypeOf(out), map[reflect.Type]bool{})
	if len(names) > 0 && slices.ContainsFunc(layers(text), func(text string) bool {
		text = strings.ToLower(text)
		return slices.ContainsFunc(names, func(name string) bool { return hasValue(text, name) })
	}) {
		return redacted
	}
	return s.Text(text)
}

func hasValue(text, name string) bool {
	for {
		_, after, found := strings.Cut(text, name)
		if !found {
			return false
		}
		text = strings.TrimLeft(after, "&\"'\\ \t\r\n") // an entity is read as &
		if text != "" && strings.IndexByte(":=>", text[0]) >= 0 {
			return true
		}
	}
}

// secretNames appends the names of the members of a type that are secret, in
// lower case.
func secretNames(names []string, t reflect.Type, seen map[reflect.Type]bool) []string {
	if t = elem(t); t.Kind() != reflect.Struct || seen[t] {
		return names
	}
	seen[t] = true
	for i := range t.NumField() {
		field := t.Field(i)
		if elem(field.Type) != secretType {
			names = secretNames(names, field.Type, seen)
			continue
		}
		names = append(names, strings.ToLower(field.Name))
		if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); tag != "" {
			names = append(names, strings.ToLower(tag))
		}
	}
	return names
}

// elem returns the type of what is in a list, a map or behind a pointer.
func elem(t reflect.Type) reflect.Type {
	for range maxNesting {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			t = t.Elem()
		default:
			return t
		}
	}
	return t
}

const maxNesting = 100 // a list may be one of itself
