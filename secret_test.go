package awstokens_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

const fake = "not-a-real-secret"

func TestSecretShowsNothing(t *testing.T) {
	secret := awstokens.Secret(fake)
	type holder struct {
		Secret  awstokens.Secret
		Pointer *awstokens.Secret
		List    []awstokens.Secret
		Map     map[string]awstokens.Secret
		Any     any
	}
	values := map[string]any{
		"itself":  secret,
		"pointer": &secret,
		"list":    []awstokens.Secret{secret, secret},
		"map":     map[awstokens.Secret]awstokens.Secret{secret: secret},
		"struct":  holder{Secret: secret, List: []awstokens.Secret{secret}, Map: map[string]awstokens.Secret{"k": secret}, Any: secret},
	}
	hidden := func(t *testing.T, text string) {
		t.Helper()
		for _, form := range []string{fake, fmt.Sprintf("%x", fake), fmt.Sprintf("%X", fake), fmt.Sprintf("% x", fake), fmt.Sprint([]byte(fake)), fmt.Sprintf("%U", []rune(fake))} {
			assert.False(t, strings.Contains(text, form), text)
		}
	}
	for name, value := range values {
		t.Run(name, func(t *testing.T) {
			for _, verb := range strings.Fields("%v %+v %#v %s %q %+q %#q %x %X %#x %d %t %b %o %c %U %e %g %08.3f %-30s %.2s %z") {
				text := fmt.Sprintf(verb, value)
				hidden(t, text)
				if name == "itself" || name == "pointer" {
					assert.Equal(t, "[redacted]", text, verb)
				}
			}
			hidden(t, fmt.Sprint(value)+fmt.Sprintln("x", value))
		})
	}
	assert.Equal(t, "[redacted]", secret.String())
	assert.Equal(t, "[redacted]", secret.GoString())
	assert.Equal(t, "[redacted]", fmt.Sprint(awstokens.Secret("")), "not even that it is empty")
	assert.Equal(t, fake, secret.Reveal())
}

func TestSecretInSlog(t *testing.T) {
	secret := awstokens.Secret(fake)
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			slog.New(handler(&out)).With("with", secret).WithGroup("group").Info("message",
				"value", secret, "pointer", &secret, slog.Group("inner", "value", secret))
			assert.NotContains(t, out.String(), fake)
			assert.Equal(t, 4, strings.Count(out.String(), "[redacted]"), out.String())
		})
	}
}

// TestSecretIsPlainJSON: JSON is what goes over the wire.
func TestSecretIsPlainJSON(t *testing.T) {
	type holder struct {
		Secret awstokens.Secret `json:"secret"`
		Empty  awstokens.Secret `json:"empty,omitempty"`
	}
	in := holder{Secret: "a\"b\\c\n🔑"}
	text, err := json.Marshal(in)
	require.NoError(t, err)
	assert.Equal(t, `{"secret":"a\"b\\c\n🔑"}`, string(text))
	var out holder
	require.NoError(t, json.Unmarshal(text, &out))
	assert.Equal(t, in, out)
	require.NoError(t, json.Unmarshal([]byte(`{"secret":null}`), &out))
}
