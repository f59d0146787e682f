package awstokens_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html/template"
	"log"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

const fake = "not-a-real-secret"

// tellTales are the ways in which a formatter could write the secret: its
// first characters, because a dump has 16 bytes a line.
var tellTales = func() []string {
	some := fake[:8]
	return []string{
		some, fmt.Sprintf("%x", some), fmt.Sprintf("%X", some), fmt.Sprintf("% x", some), fmt.Sprintf("%# x", some),
		strings.Trim(fmt.Sprint([]byte(some)), "[]"), strings.Trim(fmt.Sprintf("%#v", []byte(some)), "[]byte{}"),
		strings.Trim(fmt.Sprintf("%U", []rune(some)), "[]"), strings.Trim(fmt.Sprintf("%b", []byte(some)), "[]"),
		strings.Trim(fmt.Sprintf("%o", []byte(some)), "[]"), strings.Trim(fmt.Sprintf("%c", []byte(some)), "[]"),
		base64.StdEncoding.EncodeToString([]byte(fake))[:10],
	}
}()

func assertShowsNothing(t *testing.T, text, how string) {
	t.Helper()
	for _, tellTale := range tellTales {
		if strings.Contains(text, tellTale) {
			t.Errorf("%s: %s", how, text)
		}
	}
}

type embedded struct{ awstokens.Secret }

type holder struct {
	Secret  awstokens.Secret
	Pointer *awstokens.Secret
	List    []awstokens.Secret
	Any     any
	hidden  awstokens.Secret
	pointer *awstokens.Secret
	list    []awstokens.Secret
	table   map[string]awstokens.Secret
	any     any
	deep    **holder
}

func newHolder() *holder {
	secret := awstokens.NewSecret(fake)
	list, table := []awstokens.Secret{secret}, map[string]awstokens.Secret{"k": secret}
	deep := &holder{hidden: secret, pointer: &secret}
	return &holder{secret, &secret, list, secret, secret, &secret, list, table, &secret, &deep}
}

// shapes are the ways in which a program can hold a secret.
func shapes() map[string]any {
	secret := awstokens.NewSecret(fake)
	pointer := &secret
	return map[string]any{
		"itself":             secret,
		"pointer":            pointer,
		"pointer to pointer": &pointer,
		"list":               []awstokens.Secret{secret, secret},
		"array":              [2]awstokens.Secret{secret, secret},
		"list of pointers":   []*awstokens.Secret{pointer},
		"map":                map[string]awstokens.Secret{"k": secret},
		"list of any":        []any{secret, pointer, newHolder()},
		"struct":             *newHolder(),
		"pointer to struct":  newHolder(),
		"embedded":           embedded{secret},
		"map of structs":     map[string]holder{"k": *newHolder()},
	}
}

// TestSecretInFmt tries every letter, those that are no verb among them, with
// flags.
func TestSecretInFmt(t *testing.T) {
	for name, value := range shapes() {
		for verb := 'A'; verb <= 'z'; verb++ {
			for _, flags := range []string{"", "+", "#", "-30", ".2", " ", "08.3"} {
				format := "%" + flags + string(verb)
				text := fmt.Sprintf(format, value)
				assertShowsNothing(t, text, name+" "+format)
				if verb != 'p' && verb != 'T' && verb != 'w' && (name == "itself" || name == "pointer") && 'a' <= verb {
					assert.Equal(t, "[redacted]", text, format)
				}
				assertShowsNothing(t, fmt.Errorf(format, value).Error(), name+" "+format)
			}
		}
		assertShowsNothing(t, fmt.Sprint(value)+fmt.Sprintln("x", value), name)
		var out bytes.Buffer
		log.New(&out, "", 0).Print("x", value)
		assertShowsNothing(t, out.String(), name+" in log")
	}
	assert.Equal(t, "[redacted]", awstokens.NewSecret(fake).String())
	assert.Equal(t, "[redacted]", awstokens.NewSecret(fake).GoString())
	assert.Equal(t, "[redacted]", fmt.Sprint(awstokens.Secret{}), "not even that it is empty")
}

func TestSecretInSlog(t *testing.T) {
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var out bytes.Buffer
		secret := awstokens.NewSecret(fake)
		slog.New(handler(&out)).With("with", secret).WithGroup("group").Info("message", "value", secret, "pointer", &secret, slog.Group("inner", "value", secret))
		assert.Equal(t, 4, strings.Count(out.String(), "[redacted]"), out.String())
		for shape, value := range shapes() {
			slog.New(handler(&out)).Info("message", "value", value, "list", []any{value}, "map", map[string]any{"k": value})
			assertShowsNothing(t, out.String(), name+" "+shape)
			out.Reset()
		}
	}
}

func TestSecretInEncoders(t *testing.T) {
	type document struct {
		Secret    awstokens.Secret
		Attribute awstokens.Secret `xml:",attr"`
		List      []awstokens.Secret
	}
	secret := awstokens.NewSecret(fake)
	for name, value := range shapes() {
		for encoder, encode := range map[string]func(any) ([]byte, error){
			"JSON": json.Marshal,
			"XML":  xml.Marshal,
			"gob": func(v any) ([]byte, error) {
				var out bytes.Buffer
				err := gob.NewEncoder(&out).Encode(v)
				return out.Bytes(), err
			},
			"template": func(v any) ([]byte, error) {
				var out bytes.Buffer
				err := template.Must(template.New("").Parse(`{{.}} {{printf "%s %q %x" . . .}} {{js .}}<script>x = {{.}}</script>`)).Execute(&out, v)
				return out.Bytes(), err
			},
		} {
			text, err := encode(value)
			assertShowsNothing(t, string(text), encoder+" "+name)
			assertShowsNothing(t, fmt.Sprint(err), encoder+" "+name)
		}
	}
	text, err := json.Marshal(document{secret, secret, []awstokens.Secret{secret}})
	require.NoError(t, err)
	assert.JSONEq(t, `{"Secret":"[redacted]","Attribute":"[redacted]","List":["[redacted]"]}`, string(text))
	text, err = xml.Marshal(document{secret, secret, []awstokens.Secret{secret}})
	require.NoError(t, err)
	assert.Equal(t, `<document Attribute="[redacted]"><Secret>[redacted]</Secret><List>[redacted]</List></document>`, string(text))
}

// failure keeps what an assertion reports.
type failure struct{ strings.Builder }

func (f *failure) Errorf(format string, args ...any) { fmt.Fprintf(f, format, args...) }

// TestSecretInDiff: testify prints the memory of values that differ, and calls
// no method of theirs.
func TestSecretInDiff(t *testing.T) {
	for name, value := range shapes() {
		var f failure
		assert.False(t, assert.Equal(&f, value, reflect.New(reflect.TypeOf(value)).Elem().Interface()))
		assert.False(t, assert.Nil(&f, value))
		assert.False(t, assert.Zero(&f, value))
		assert.Equal(t, name != "pointer to pointer", strings.Contains(f.String(), "Diff:"), name)
		assertShowsNothing(t, f.String(), name)
	}
	var f failure
	assert.False(t, assert.Equal(&f, newHolder(), &holder{}))
	assertShowsNothing(t, f.String(), "two structs")
}

func TestRevealGivesTheText(t *testing.T) {
	for _, text := range []string{"", "a", fake, "\x00\xff", "a\"b\\c\n🔑", strings.Repeat("x", 4095), strings.Repeat("x", 4096), strings.Repeat("xyz", 3000)} {
		secret := awstokens.NewSecret(text)
		assert.Equal(t, text, secret.Reveal())
		assert.Equal(t, text, secret.Reveal(), "again")
		assert.Equal(t, "before "+text, string(secret.AppendReveal([]byte("before "))))
		assert.Equal(t, text == "", secret.IsZero())
		var read awstokens.Secret
		require.NoError(t, read.UnmarshalText([]byte(text)))
		assert.True(t, secret.Equal(read))
	}
	buffer, secret := make([]byte, 0, 64), awstokens.NewSecret(fake)
	assert.Zero(t, testing.AllocsPerRun(100, func() { secret.AppendReveal(buffer) }))
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { sink = awstokens.NewSecret(fake) }), 2.0)
	secret = awstokens.NewSecret(strings.Repeat(fake, 50))
	assert.LessOrEqual(t, testing.AllocsPerRun(100, func() { text = secret.Reveal() }), 1.0)
}

var (
	sink awstokens.Secret
	text string
)

// TestSecretsAreImmutable: neither a copy nor what was read from nor written
// to a buffer is part of a secret.
func TestSecretsAreImmutable(t *testing.T) {
	buffer := []byte(fake)
	var secret awstokens.Secret
	require.NoError(t, secret.UnmarshalText(buffer))
	assert.Equal(t, fake, string(buffer), "the decoder's buffer is its own")
	clear(buffer)
	assert.Equal(t, fake, secret.Reveal())
	clear(secret.AppendReveal(nil))
	assert.Equal(t, fake, secret.Reveal())

	same := secret
	require.NoError(t, secret.UnmarshalText([]byte("another")))
	assert.Equal(t, fake, same.Reveal())

	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { assert.Equal(t, fake, same.Reveal()) })
	}
	all.Wait()
}

func TestSecretsCompareByValue(t *testing.T) {
	secret := awstokens.NewSecret
	for _, test := range []struct{ a, b string }{{fake, fake}, {fake, fake + "x"}, {fake, "not-a-real-secreT"}, {fake, ""}, {"", ""}} {
		equal := test.a == test.b
		assert.Equal(t, equal, secret(test.a).Equal(secret(test.b)), test)
		assert.Equal(t, equal, secret(test.b).Equal(secret(test.a)), test)
		assert.Equal(t, equal, reflect.DeepEqual(secret(test.a), secret(test.b)), test)
		assert.Equal(t, equal, reflect.DeepEqual(&holder{hidden: secret(test.a)}, &holder{hidden: secret(test.b)}), test)
	}
	assert.True(t, reflect.DeepEqual(awstokens.Secret{}, secret("")))
	assert.False(t, reflect.TypeFor[awstokens.Secret]().Comparable(), "== would compare pointers")
}

// TestSecretOutOfJSON: what an encoder wrote in place of a secret is never
// taken for one.
func TestSecretOutOfJSON(t *testing.T) {
	type document struct {
		Secret awstokens.Secret `json:"secret"`
		Empty  awstokens.Secret `json:"empty,omitzero"`
	}
	var in document
	require.NoError(t, json.Unmarshal([]byte(`{"secret":"a\"b\\c\n🔑"}`), &in))
	assert.Equal(t, "a\"b\\c\n🔑", in.Secret.Reveal())
	require.NoError(t, json.Unmarshal([]byte(`{"secret":null}`), &in))
	assert.Equal(t, "a\"b\\c\n🔑", in.Secret.Reveal(), "null changes nothing, as for a string")
	require.NoError(t, json.Unmarshal([]byte(`{"secret":""}`), &in))
	assert.True(t, in.Secret.IsZero())

	text, err := json.Marshal(in)
	require.NoError(t, err)
	assert.Equal(t, `{"secret":""}`, string(text))
	text, err = json.Marshal(document{Secret: awstokens.NewSecret(fake)})
	require.NoError(t, err)
	assert.Equal(t, `{"secret":"[redacted]"}`, string(text))
	err = json.Unmarshal(text, &in)
	assert.ErrorContains(t, err, "Secret.Reveal")
	assert.True(t, in.Secret.IsZero())

	assert.NoError(t, new(awstokens.Secret).UnmarshalText([]byte("[redacted] ")), "nothing but the text itself")
}
