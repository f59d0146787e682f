package login

import (
	"cmp"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf16"
)

// tokenKey returns the key of a session's token.
func tokenKey(s Session) string { return hash(cmp.Or(s.Name, s.StartURL)) }

// registrationKey returns the key of a session's registration. The AWS CLI hashes
// the JSON of what tells registrations apart, as Python writes it, with the members
// sorted by name.
func registrationKey(s Session) string {
	name, scopes := "null", "null"
	if s.Name != "" {
		name = pythonString(s.Name)
	}
	if len(s.Scopes) > 0 {
		quoted := make([]string, len(s.Scopes))
		for i, scope := range s.Scopes {
			quoted[i] = pythonString(scope)
		}
		scopes = "[" + strings.Join(quoted, ", ") + "]"
	}
	return hash(fmt.Sprintf(`{"region": %s, "scopes": %s, "session_name": %s, "startUrl": %s, "tool": "botocore"}`,
		pythonString(s.Region), scopes, name, pythonString(s.StartURL)))
}

// pythonString returns the JSON of a string as Python's json.dumps writes it, in
// ASCII.
func pythonString(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		if short := strings.IndexRune("\"\\\b\f\n\r\t", r); short >= 0 {
			b.WriteString(`\` + `"\bfnrt`[short:short+1])
		} else if ' ' <= r && r <= '~' {
			b.WriteRune(r)
		} else {
			for _, unit := range utf16.AppendRune(nil, r) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		}
	}
	b.WriteByte('"')
	return b.String()
}

// hash is SHA-1 because the AWS CLI names its files so. It protects nothing.
func hash(text string) string {
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}
