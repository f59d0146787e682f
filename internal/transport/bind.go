package transport

import (
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Binding is what of an input travels outside the body.
type Binding struct {
	query  strings.Builder
	header map[string][]string // whose lists requests share
	err    error
}

// Query adds a parameter to the query. Calls in alphabetical order make the
// query that other SDKs make.
func (b *Binding) Query(name, value string) {
	b.check(value)
	if b.query.Len() > 0 {
		b.query.WriteByte('&')
	}
	b.query.WriteString(name + "=" + url.QueryEscape(value))
}

// Header sets a header, whose name must be in its canonical form.
func (b *Binding) Header(name, value string) {
	b.check(value)
	// Left to the HTTP client, a token that was read from a file with its
	// line's end would look like a connection that failed.
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		b.err = errors.New("the value for the header " + name + " holds a line's end or another control character")
	}
	if b.header == nil {
		b.header = make(map[string][]string, 1)
	}
	b.header[name] = []string{value}
}

// check refuses text that is not UTF-8, as EncodeJSON does.
func (b *Binding) check(value string) {
	if !utf8.ValidString(value) {
		b.err = errNotUTF8
	}
}
