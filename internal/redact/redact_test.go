package redact_test

import (
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/redact"
)

func scrubber(secrets ...string) *redact.Scrubber {
	s := new(redact.Scrubber)
	for _, secret := range secrets {
		s.Add(secret)
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
}

var percent = regexp.MustCompile("%..")

func quoted(s string) string {
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

func TestTextHidesASecretInEveryForm(t *testing.T) {
	forms := map[string]func(string) string{
		"plain":        func(s string) string { return s },
		"JSON":         quoted,
		"JSON, slash":  func(s string) string { return strings.ReplaceAll(s, "/", `\/`) },
		"JSON, HTML":   strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`, `"`, `\"`, `\`, `\\`).Replace,
		"query":        url.QueryEscape,
		"path":         url.PathEscape,
		"query, lower": func(s string) string { return percent.ReplaceAllStringFunc(url.QueryEscape(s), strings.ToLower) },
		"HTML":         html.EscapeString,
		"HTML, all": func(s string) string {
			return strings.NewReplacer("+", "&#43;", "/", "&#x2F;", "=", "&#61;", ".", "&period;").Replace(s)
		},
		"JSON in JSON": func(s string) string { return quoted(quoted(s)) },
		"JSON in HTML": func(s string) string { return html.EscapeString(quoted(s)) },
		"JSON in URL":  func(s string) string { return url.QueryEscape(quoted(s)) },
	}
	for name, form := range forms {
		for _, secret := range fakes {
			text := form(secret)
			got := scrubber(fakes...).Text("before " + text + " after")
			assert.NotContains(t, got, "ake", "%s: %s", name, text)
			assert.True(t, strings.HasPrefix(got, "before ") && strings.HasSuffix(got, " after"), "%s: %s", name, got)
			assert.Contains(t, got, "[redacted]", name)

			// However much of it an answer shows before it is cut off, at most
			// the first few characters are left, which tell nothing.
			for cut := range len(text) {
				got := scrubber(secret).Text("before " + text[:cut])
				got = strings.TrimPrefix(got, "before ")
				assert.LessOrEqual(t, len(strings.ReplaceAll(got, "[redacted]", "")), 4, "%s: %q cut to %q is %q", name, secret, text[:cut], got)
			}
		}
	}
}

func TestText(t *testing.T) {
	for name, test := range map[string]struct {
		secrets    []string
		text, want string
	}{
		"nothing to hide":            {fakes, "the token has expired", "the token has expired"},
		"no secrets":                 {nil, "a text", "a text"},
		"empty text":                 {fakes, "", ""},
		"twice":                      {[]string{"fake-one"}, "fake-one, fake-one.", "[redacted], [redacted]."},
		"side by side":               {[]string{"fake-one", "Fake+two"}, "fake-oneFake+two", "[redacted][redacted]"},
		"one begins like another":    {[]string{"fake", "fake-and-more"}, "<fake-and-more>", "<[redacted]>"},
		"one within another":         {[]string{"part", "fake-part-fake"}, "<fake-part-fake>", "<[redacted]>"},
		"shortened":                  {[]string{"fake.abcdefghijklmnop"}, "Value 'fake.abcdefghijk...' is bad", "Value '[redacted]...' is bad"},
		"shortened after an escape":  {[]string{"fakefake/abcdefghijk"}, "Value fakefake%2Fabcdefgh...", "Value [redacted]..."},
		"too little to tell":         {[]string{"fake.abcdefghijklmnop"}, "fake.abc or fake.def", "fake.abc or fake.def"},
		"too short to look for":      {[]string{"abc"}, "abc", "abc"},
		"escaped at its end":         {[]string{"fake-base64=="}, "fake-base64%3D%3D.", "[redacted]%3D%3D."},
		"no letters":                 {[]string{"-+/=-+/="}, "<-+/=-+/=>", "<[redacted]>"},
		"not ASCII":                  {[]string{"пароль"}, "<пароль>", "<[redacted]>"},
		"a near miss":                {[]string{"fake-1"}, "fake-2, fake?", "fake-2, fake?"},
		"its beginning, then itself": {[]string{"aaab-fake"}, "aaaab-fake", "a[redacted]"},
	} {
		assert.Equal(t, test.want, scrubber(test.secrets...).Text(test.text), name)
	}
}

func TestAddFrom(t *testing.T) {
	type inner struct{ Secret awstokens.Secret }
	type outer struct {
		Plain   string
		Secret  awstokens.Secret
		Many    []awstokens.Secret
		Nested  []inner
		Pointer *inner
		None    *inner
		Any     any
	}
	s := new(redact.Scrubber)
	s.AddFrom(&outer{"public", "fake-1st", []awstokens.Secret{"fake-2nd"}, []inner{{"fake-3rd"}}, &inner{"fake-4th"}, nil, inner{"fake-5th"}})
	assert.Equal(t, "public"+strings.Repeat(" [redacted]", 5), s.Text("public fake-1st fake-2nd fake-3rd fake-4th fake-5th"))
}

func TestStrings(t *testing.T) {
	type part struct{ Message string }
	v := &struct {
		part
		Code   string
		Number int
		Nested *part
		None   *part
	}{part{"not seen from outside"}, "echo fake-secret", 1, &part{"fake-secret"}, nil}
	scrubber("fake-secret").Strings(v)
	assert.Equal(t, "echo [redacted]", v.Code)
	assert.Equal(t, "[redacted]", v.Nested.Message)
}

func TestError(t *testing.T) {
	s := scrubber("fake-secret")
	assert.Same(t, io.EOF, s.Error(io.EOF), "there is nothing to hide")

	leak := fmt.Errorf("malformed answer %q: %w", "fake-secret", io.ErrUnexpectedEOF)
	err := s.Error(leak)
	require.EqualError(t, err, `malformed answer "[redacted]": unexpected EOF`)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.NotErrorIs(t, err, io.EOF)
	assert.NoError(t, errors.Unwrap(err), "nobody can get at the original")
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), "fake-secret")
}

// Whatever is left of a text that holds a secret, the secret is not in it.
func FuzzText(f *testing.F) {
	f.Add("before ", "fake/secret", " after")
	f.Add(`{"Token":"`, "fake.token", `"`)
	f.Add("fake", "fakefake", "fake")
	f.Add("", "a+++", "+")
	f.Fuzz(func(t *testing.T, before, secret, after string) {
		if len(secret) < 4 || strings.Contains("[redacted]", secret) {
			t.Skip()
		}
		got := scrubber(secret).Text(before + secret + after)
		for _, left := range strings.Split(got, "[redacted]") {
			if strings.Contains(left, secret) {
				t.Errorf("%q is left", got)
			}
		}
	})
}

func TestLogValue(t *testing.T) {
	type inner struct{ Secret awstokens.Secret }
	type outer struct {
		Text     string
		Number   *int
		Secret   awstokens.Secret
		Empty    awstokens.Secret
		List     []string
		Secrets  []awstokens.Secret
		Structs  []inner
		Pointers []*inner
		Pointer  *inner
		hidden   string
	}
	one := 1
	v := redact.LogValue(&outer{"text", &one, "fake", "", []string{"a"}, []awstokens.Secret{"fake"}, []inner{{"fake"}}, []*inner{{"fake"}, nil}, &inner{"fake"}, "fake"})
	var out strings.Builder
	slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key != "v" {
			return slog.Attr{} // time and such
		}
		return a
	}})).Info("", "v", v)
	assert.JSONEq(t, `{"v":{"Text":"text","Number":1,"Secret":"[redacted]","List":["a"],"Secrets":["[redacted]"],
		"Structs":["[Secret=[redacted]]"],"Pointers":["[Secret=[redacted]]","<nil>"],"Pointer":{"Secret":"[redacted]"}}}`, out.String())
}

func TestFormat(t *testing.T) {
	v := struct {
		Text   string
		Secret awstokens.Secret
		List   []string
		hidden string
	}{"text", "fake", []string{"a", "b"}, "hidden"}
	assert.Equal(t, "{Text:text Secret:[redacted] List:[a b]}", fmt.Sprint(formatted{v}))
	assert.Equal(t, "{}", fmt.Sprintf("%s", formatted{struct{}{}}))
}

type formatted struct{ v any }

func (f formatted) Format(s fmt.State, _ rune) { redact.Format(s, f.v) }
