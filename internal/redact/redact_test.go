package redact_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"io"
	"math/rand/v2"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/redact"
)

func scrubber(secrets ...string) *redact.Scrubber {
	s := new(redact.Scrubber)
	for _, secret := range secrets {
		s.Add(awstokens.NewSecret(secret))
	}
	return s
}

// fakes have what the alphabets of real secrets have, and more.
var fakes = []string{
	"fake.eyJub3QiOiJhIHRva2VuIn0.c2lnbmF0dXJl",
	"FakeSecretAccess//Key+with/base64+=fake",
	"~fake-verifier_with.all~of-PKCE_",
	`fake"quoted\and<tagged>&more`,
	"fake secret with spaces",
	"0000fake0000fake0000fake0000fake",
}

var percent = regexp.MustCompile("%..")

func quoted(s string) string {
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

func everyByte(format string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			fmt.Fprintf(&b, format, s[i])
		}
		return b.String()
	}
}

// escapes are ways in which a service, a proxy or an HTTP client writes what it
// was sent.
var escapes = map[string]func(string) string{
	"plain":        func(s string) string { return s },
	"JSON":         quoted,
	"JSON, slash":  func(s string) string { return strings.ReplaceAll(s, "/", `\/`) },
	"JSON, HTML":   strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`, `"`, `\"`, `\`, `\\`).Replace,
	"query":        url.QueryEscape,
	"path":         url.PathEscape,
	"query, lower": func(s string) string { return percent.ReplaceAllStringFunc(url.QueryEscape(s), strings.ToLower) },
	"query, twice": func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"HTML":         html.EscapeString,
	"HTML, twice":  func(s string) string { return html.EscapeString(html.EscapeString(s)) },
	"HTML, all": func(s string) string {
		return strings.NewReplacer("+", "&#43;", "/", "&#x2F;", "=", "&#61;", ".", "&period;").Replace(s)
	},
	"JSON in JSON": func(s string) string { return quoted(quoted(s)) },
	"JSON in HTML": func(s string) string { return html.EscapeString(quoted(s)) },
	"JSON in URL":  func(s string) string { return url.QueryEscape(quoted(s)) },
	"wrapped":      func(s string) string { return regexp.MustCompile(".{20}").ReplaceAllString(s, "$0\r\n\t") },
}

// codes are ways to write bytes as numbers.
var codes = map[string]func(string) string{
	"%x":             everyByte("%02x"),
	"%X":             everyByte("%02X"),
	"% x":            func(s string) string { return fmt.Sprintf("% x", s) },
	"%# x":           func(s string) string { return fmt.Sprintf("%# x", s) },
	"%#x":            func(s string) string { return fmt.Sprintf("%#x", s) },
	"with colons":    everyByte("%02x:"),
	"dump":           func(s string) string { return hex.Dump([]byte(s)) },
	"%v":             func(s string) string { return fmt.Sprintf("%v", []byte(s)) },
	"%d":             func(s string) string { return fmt.Sprintf("%d", []byte(s)) },
	"%#v":            func(s string) string { return fmt.Sprintf("%#v", []byte(s)) },
	"numbers":        everyByte("%d,"),
	"spaced numbers": everyByte("%d, "),
	"JSON escapes":   everyByte(`\u00%02x`),
	"URL escapes":    everyByte("%%%02X"),
	"HTML escapes":   everyByte("&#%d;"),
	"HTML, hex":      everyByte("&#x%x;"),
	"C escapes":      everyByte(`\x%02x`),
}

func alphanumerics(s string) (n int) {
	for _, r := range s {
		if '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
			n++
		}
	}
	return n
}

// TestTextWithholdsASecret: in every form, whole or in part, as long as the
// part has 15 letters and digits, or 8 at the beginning.
func TestTextWithholdsASecret(t *testing.T) {
	for _, forms := range []map[string]func(string) string{escapes, codes} {
		for name, form := range forms {
			for _, secret := range fakes {
				assert.Equal(t, "[redacted]", scrubber(fakes...).Text("before "+form(secret)+" after"), "%s: %s", name, secret)
				for from := range secret {
					for to := from + 1; to <= len(secret); to++ {
						part := secret[from:to]
						if n := alphanumerics(part); n >= 15 || from == 0 && n >= 8 {
							text := "before: " + form(part) + "..."
							assert.Equal(t, "[redacted]", scrubber(secret).Text(text), "%s: %q of %q", name, part, secret)
						}
					}
				}
			}
		}
	}
}

func TestText(t *testing.T) {
	for name, test := range map[string]struct {
		secrets  []string
		text     string
		withheld bool
	}{
		"nothing to withhold":        {fakes, "the token has expired", false},
		"no secrets":                 {nil, "a text", false},
		"empty text":                 {fakes, "", false},
		"one of two":                 {[]string{"fake-one", "Fake+two"}, "the client is Fake+two.", true},
		"side by side":               {[]string{"fake-one", "Fake+two"}, "fake-oneFake+two", true},
		"one begins like another":    {[]string{"fake", "fake-and-more"}, "<fake-and-more>", true},
		"shortened":                  {[]string{"fake.abcdefghijklmnop"}, "Value 'fake.abcdefghijk...' is bad", true},
		"shortened after an escape":  {[]string{"fakefake/abcdefghijk"}, "Value fakefake%2Fabcdefgh...", true},
		"too little to tell":         {[]string{"fake.abcdefghijklmnop"}, "fake.abc or fake.def", false},
		"too short to look for":      {[]string{"abc"}, "abc", false},
		"short":                      {[]string{"fake"}, "<fake>", true},
		"short, escaped at its end":  {[]string{"fake-base64=="}, "fake-base64%3D%3D.", true},
		"no letters":                 {[]string{"-+/=-+/="}, "<-+/=-+/=>", true},
		"not ASCII":                  {[]string{"пароль"}, "<пароль>", true},
		"a near miss":                {[]string{"fake-1"}, "fake-2, fake?", false},
		"in another case":            {[]string{"fakefakefakefake"}, "FAKEFAKEFAKEFAKE", false},
		"its beginning, then itself": {[]string{"aaab-fake"}, "aaaab-fake", true},
		"after a digit":              {[]string{"fake-secret-one"}, "7" + fmt.Sprintf("%x", "fake-secret-one"), true},
		"in a longer list":           {[]string{"fake-secret-one"}, fmt.Sprint([]byte("body: fake-secret-one.")), true},
	} {
		want := test.text
		if test.withheld {
			want = "[redacted]"
		}
		assert.Equal(t, want, scrubber(test.secrets...).Text(test.text), name)
	}
}

// messages are of the kind that must get through, though it has long words,
// identifiers, numbers and escapes.
var messages = []string{
	"1 validation error detected: Value at 'licenseArn' failed to satisfy constraint: Member must satisfy regular expression pattern: ^arn:aws[a-zA-Z-]*:[A-Za-z0-9]",
	"User: arn:aws:sts::123456789012:assumed-role/AWSLicenseManagerConsumptionRole/awstokens is not authorized to perform: license-manager:CheckoutLicense",
	"Signature expired: 20261125T201530Z is now earlier than 20261125T203000Z (20261125T203500Z - 5 min.)",
	"Get \"https://portal.sso.us-east-1.amazonaws.com/assignment/accounts?max_result=100\": dial tcp [2600:1f18:24e6:b900:6e8b:9a2c:b2d3:41c6]:443: connect: connection refused",
	"tls: failed to verify certificate: x509: certificate is valid for 10.0.0.1, 10.0.0.2, not license-manager.us-east-1.amazonaws.com",
	"RequestID: 4a2f9f1e-7c61-4a40-9a53-0d3b2f6a9d11, serial 01:23:45:67:89:ab:cd:ef:01:23",
	"<html><head><title>502 Bad Gateway</title></head><body>&nbsp;&copy; 2026 %E2%9C%93 \\u003cb\\u003e 1, 2, 3, 4, 5, 6, 7, 8, 9, 10</body></html>",
	"The grant arn:aws:license-manager::123456789012:grant:g-0123456789abcdef0123456789abcdef is not active",
}

// TestTextLetsMessagesThrough: a message is not taken for a secret by chance.
func TestTextLetsMessagesThrough(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2)) // the same tokens in every run
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for _, n := range []int{8, 32, 300, 4096} {
		for range 20 {
			secret := make([]byte, n)
			for i := range secret {
				secret[i] = alphabet[r.IntN(len(alphabet))]
			}
			s := scrubber(string(secret))
			for _, message := range messages {
				require.Equal(t, message, s.Text(message), "%s", secret)
			}
		}
	}
	// Consumption tokens are hex, as are many identifiers.
	for range 200 {
		s := scrubber(fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()))
		for _, message := range messages {
			require.Equal(t, message, s.Text(message))
		}
	}
}

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "",
		"a message, with ünïcode 語 🔑":    "a message, with ünïcode 語 🔑",
		"one\ntwo":                       "one two",
		"one\r\ntwo\n":                   "one  two",
		"\x1b[2J\x1b]0;title\x07cleared": "[2J ]0;title cleared",
		"a\u202egnp.exe":                 "a gnp.exe",
		"a\u2066b\u2069c\u200e\u061c":    "a b c",
		"a\u0085b\u2028c\u2029d":         "a b c d",
		"a\x00b\x7fc\u009bd":             "a b c d",
		"\xffa\xc3":                      "a",
		"tab\there":                      "tab here",
	} {
		assert.Equal(t, want, redact.Line(text), "%q", text)
		assert.Equal(t, want, scrubber("fake-secret").Text(text), "%q", text)
	}
}

func TestAddFrom(t *testing.T) {
	secret := awstokens.NewSecret
	type inner struct{ Secret awstokens.Secret }
	type outer struct {
		Plain   string
		Secret  awstokens.Secret
		Many    []awstokens.Secret
		Nested  []inner
		Array   [1]inner
		Map     map[string]inner
		Pointer *inner
		None    *inner
		Any     any
	}
	s := new(redact.Scrubber)
	s.AddFrom(&outer{
		"public", secret("fake-1st"), []awstokens.Secret{secret("fake-2nd")}, []inner{{secret("fake-3rd")}}, [1]inner{{secret("fake-4th")}},
		map[string]inner{"k": {secret("fake-5th")}}, &inner{secret("fake-6th")}, nil, inner{secret("fake-7th")},
	})
	for _, text := range []string{"fake-1st", "fake-2nd", "fake-3rd", "fake-4th", "fake-5th", "fake-6th", "fake-7th"} {
		assert.True(t, s.Shows(text), text)
	}
	assert.False(t, s.Shows("public"))
	for _, nothing := range []any{nil, (*outer)(nil), 1, &outer{}} {
		s := new(redact.Scrubber)
		s.AddFrom(nothing)
		assert.False(t, s.Shows("fake-1st"))
	}
}

func TestStrings(t *testing.T) {
	type part struct{ Message string }
	v := &struct {
		part
		Code   string
		Number int
		Nested *part
		None   *part
	}{part{"not seen from outside"}, "echo fake-secret", 1, &part{"two\nlines"}, nil}
	scrubber("fake-secret").Strings(v)
	assert.Equal(t, "[redacted]", v.Code)
	assert.Equal(t, "two lines", v.Nested.Message)
}

func TestError(t *testing.T) {
	s := scrubber("fake-secret")
	assert.Same(t, io.EOF, s.Error(io.EOF), "there is nothing to withhold")

	leak := fmt.Errorf("malformed response %q: %w", "fake-secret", io.ErrUnexpectedEOF)
	err := s.Error(leak)
	require.EqualError(t, err, "[redacted]")
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.NotErrorIs(t, err, io.EOF)
	assert.NoError(t, errors.Unwrap(err), "nobody can get at the original")
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), "fake-secret")

	err = s.Error(fmt.Errorf("malformed status line \"a\nb\": %w", io.ErrUnexpectedEOF))
	require.EqualError(t, err, `malformed status line "a b": unexpected EOF`)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// What is left of a text that holds a secret does not hold it, and is one
// printable line.
func FuzzText(f *testing.F) {
	f.Add("before ", "fake/secret", " after")
	f.Add(`{"Token":"`, "fake.token", `"`)
	f.Add("fake", "fakefake", "fake")
	f.Add("", "a+++", "+")
	f.Add("0x", "\xff\x00\x00\x00", "\n")
	f.Fuzz(func(t *testing.T, before, secret, after string) {
		s := scrubber(secret)
		got := s.Text(before + secret + after)
		if len(secret) >= 4 && got != "[redacted]" {
			t.Errorf("%q is left", got)
		}
		for _, form := range []string{"%x", "% X", "%v"} {
			if alphanumerics(secret) >= 8 && !s.Shows(fmt.Sprintf(form, []byte(secret))) {
				t.Errorf("%s is left", form)
			}
		}
		if line := redact.Line(before + after); !utf8.ValidString(line) || strings.ContainsAny(line, "\n\r\x1b\u2028\u202e") {
			t.Errorf("%q", line)
		}
	})
}
