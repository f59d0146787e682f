package wire

import (
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/seed-25f54b62/awstokens"
)

// bind writes the members of an input that travel outside the body, by their
// tags: `query:"role_name"`, with the option omitzero, and
// `header:"X-Amz-Sso_bearer_token"`, in canonical form. Query parameters are
// sorted by name, as other SDKs send them. No operation has two such headers.
func (p *plan) bind(req *Request, v reflect.Value) error {
	for i := range p.bindings {
		f := &p.bindings[i]
		member := v.FieldByIndex(f.index)
		if f.omits(member) {
			continue
		}
		value := plainText(member)
		switch {
		case !utf8.ValidString(value):
			return memberError(f.name, "contains invalid UTF-8")
		case f.in == "header" && strings.ContainsFunc(value, isControl):
			// The HTTP client would report it as a failed connection.
			return memberError(f.name, "contains a line break or another control character")
		case f.in == "header":
			req.Header[0] = HeaderField{f.name, []string{value}}
		default:
			if req.Query != "" {
				req.Query += "&"
			}
			req.Query += f.name + "=" + url.QueryEscape(value)
		}
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// plainText is the text of a string, a Secret or a number.
func plainText(v reflect.Value) string {
	switch {
	case v.Type() == secretType:
		return v.Interface().(awstokens.Secret).Reveal()
	case v.CanInt():
		return strconv.FormatInt(v.Int(), 10)
	}
	return v.String()
}
