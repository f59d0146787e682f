package emulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/redact"
)

// shown formats an exchange without its secrets, which it collects.
type shown struct{ secrets redact.Scrubber }

func (s *shown) exchange(e *exchange) (sent, received string) {
	r := e.request
	sent = r.Method + " " + s.url(r.sent.RequestURI()) + "\nHost: " + r.Host + "\n" + s.headers(r.Header) +
		s.body(r.Header.Get("Content-Type"), r.body, len(r.body))
	if e.status == 0 {
		return sent, "No response: the connection was closed."
	}
	return sent, strconv.Itoa(e.status) + " " + http.StatusText(e.status) + "\n" + s.headers(e.header) +
		s.body(e.header.Get("Content-Type"), e.body, e.size)
}

var (
	// A name is that of a secret if it matches the first and not the second.
	secretName = regexp.MustCompile(`(?i)token|secret|code|verifier|assertion|context|signature|password|cookie|authorization`)
	plainName  = regexp.MustCompile(`^(?i:clientToken|nextToken|tokens|next_token|tokenIds?|tokenType|tokenProperties|(issued|requested|subject)TokenType|code_challenge(_method)?)$`)
	signedWith = regexp.MustCompile(`(Signature=)(.*)$`)
	xmlText    = regexp.MustCompile(`<(\w+)>([^<]*)</`)
)

// isSecret reports whether a value of this name is secret. Of a member of a form,
// the last part of the name counts.
func isSecret(name string) bool {
	name = name[strings.LastIndexByte(name, '.')+1:]
	return secretName.MatchString(name) && !plainName.MatchString(name)
}

// value returns the value of a name, redacted if it is secret.
func (s *shown) value(name, value string) string {
	switch {
	case value == "" || !isSecret(name) && !strings.HasPrefix(value, "eyJ"): // a JWT
		return value
	case strings.EqualFold(name, "Authorization") && strings.HasPrefix(value, sigv4Algorithm+" "):
		return signedWith.ReplaceAllStringFunc(value, func(match string) string {
			s.secrets.Add(awstokens.NewSecret(strings.TrimPrefix(match, "Signature=")))
			return "Signature=[redacted]"
		})
	}
	for secret := range strings.FieldsSeq(value) { // without Bearer and the prefix of all of the emulator's secrets
		if secret = strings.TrimPrefix(secret, "emulated-"); secret != "Bearer" {
			s.secrets.Add(awstokens.NewSecret(secret))
		}
	}
	return "[redacted]"
}

func (s *shown) headers(header http.Header) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			if name == "Location" || name == "Referer" {
				value = s.url(value)
			}
			text.WriteString(name + ": " + s.value(name, value) + "\n")
		}
	}
	return text.String()
}

// url returns a URL without the secrets of its query.
func (s *shown) url(text string) string {
	path, query, found := strings.Cut(text, "?")
	if !found {
		return text
	}
	return path + "?" + s.form(query, "&")
}

func (s *shown) form(text, separator string) string {
	form, err := url.ParseQuery(text)
	if err != nil {
		return "[redacted: it cannot be parsed]"
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range form[name] {
			pairs = append(pairs, name+"="+s.value(name, value))
		}
	}
	return strings.Join(pairs, separator)
}

// body returns a body in one of the formats of the services without its secrets.
// A body in another format is redacted as a whole.
func (s *shown) body(contentType string, body []byte, size int) string {
	var text bytes.Buffer
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	switch {
	case size == 0:
		return ""
	case strings.HasPrefix(contentType, "application/x-www-form-urlencoded"):
		return "\n" + s.form(string(body), "\n")
	case contentType == "text/xml":
		return "\n" + xmlText.ReplaceAllStringFunc(string(body), func(match string) string {
			parts := xmlText.FindStringSubmatch(match)
			if parts[1] == "Code" { // of an error
				return match
			}
			return "<" + parts[1] + ">" + s.value(parts[1], parts[2]) + "</"
		})
	case decoder.Decode(&value) != nil || decoder.More():
		return fmt.Sprintf("\n[redacted: %d bytes of %s]", size, cmp.Or(contentType, "an unknown type"))
	}
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(s.json("", value)); err != nil {
		panic(err) // it was JSON
	}
	return "\n" + text.String()
}

// json returns a JSON value without its secrets. Everything in the value of a
// secret name is redacted.
func (s *shown) json(name string, value any) any {
	switch value := value.(type) {
	case string:
		return s.value(name, value)
	case []any:
		for i := range value {
			value[i] = s.json(name, value[i])
		}
	case map[string]any:
		for member := range value {
			inner := member
			if isSecret(name) {
				inner = name
			}
			value[member] = s.json(inner, value[member])
		}
	}
	return value
}
