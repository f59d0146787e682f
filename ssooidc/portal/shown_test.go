package portal_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
)

// report keeps what an assertion says.
type report struct{ strings.Builder }

func (r *report) Errorf(format string, args ...any) { fmt.Fprintf(r, format, args...) }

// TestUsedProviderShowsNothing: it does not show the access token or the
// credentials, however it is printed.
func TestUsedProviderShowsNothing(t *testing.T) {
	server := awstokenstest.NewServer(t)
	token := server.IdentityCenter().SignIn()
	creds := readOnly(t, server, static(token), inRegion("us-east-1"))
	_, err := creds.Retrieve(t.Context())
	require.NoError(t, err)
	got, err := creds.Retrieve(t.Context()) // the renewal has come to its end
	require.NoError(t, err)

	for name, value := range map[string]any{"provider": creds, "credentials": got, "list": []any{creds, got}} {
		var shown strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%p"} {
			fmt.Fprintf(&shown, verb, value)
		}
		for _, handler := range []slog.Handler{slog.NewTextHandler(&shown, nil), slog.NewJSONHandler(&shown, nil)} {
			slog.New(handler).Info("used", "value", value, "list", []any{value})
		}
		text, _ := json.Marshal(value)
		shown.Write(text)
		var r report
		assert.Nil(&r, value)
		assert.Equal(&r, value, reflect.New(reflect.TypeOf(value)).Elem().Interface())
		shown.WriteString(r.String())
		for _, secret := range []string{token.Reveal(), got.SecretAccessKey.Reveal(), got.SessionToken.Reveal()} {
			for _, form := range []string{secret[:12], fmt.Sprintf("%x", secret[:12]), strings.Trim(fmt.Sprint([]byte(secret[:12])), "[]")} {
				assert.NotContains(t, shown.String(), form, name)
			}
		}
	}
}
