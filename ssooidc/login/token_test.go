package login

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// botocoreNames are names and files of botocore.
type botocoreNames struct {
	TokenNames []struct{ Name, StartURL, SHA1 string }

	RegistrationNames []struct {
		Name, StartURL, Region, JSON, SHA1 string
		Scopes                             []string
	}

	TokenFile, RegistrationFile string
}

func TestFilesLikeBotocore(t *testing.T) {
	var want botocoreNames
	golden(t, "botocore.json", &want)

	token := parse(t, []byte(want.TokenFile))
	assert.Equal(t, &Token{
		StartURL: "https://größe.example/start#/", Region: "us-east-1",
		AccessToken: awstokens.NewSecret("fake-access-token"), ExpiresAt: moment, RefreshToken: awstokens.NewSecret("fake-refresh-token"),
		ClientID: "fake-client", ClientSecret: awstokens.NewSecret("fake-client-secret"),
		RegistrationExpiresAt: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC),
	}, token)
	text, err := token.CacheJSON()
	require.NoError(t, err)
	assert.JSONEq(t, want.TokenFile, string(text))

	registration, err := ParseRegistration([]byte(want.RegistrationFile))
	require.NoError(t, err)
	assert.Equal(t, &Registration{
		ClientID: "fake-client", ClientSecret: awstokens.NewSecret("fake-client-secret"), ExpiresAt: moment,
		Scopes:     []string{"sso:account:access"},
		GrantTypes: []ssooidc.GrantType{ssooidc.GrantTypeAuthorizationCode, ssooidc.GrantTypeRefreshToken},
	}, registration)
	text, err = registration.CacheJSON()
	require.NoError(t, err)
	assert.JSONEq(t, want.RegistrationFile, string(text))
}

var moment = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestTimes(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2026-01-02T03:04:05Z":      moment,
		"2026-01-02T03:04:05.678Z":  moment.Add(678 * time.Millisecond),
		"2026-01-02T03:04:05+00:00": moment,
		"2026-01-02T05:04:05+02:00": moment,
		"2026-01-02T03:04:05+0000":  moment,
		"2026-01-02T03:04:05UTC":    moment,
		"2026-01-02T03:04:05 UTC":   moment,
		"2026-01-02T03:04:05":       moment,
		"20260102T030405Z":          moment,
		"20260102T030405":           moment,
		"20260102T030405+0000":      moment,
		" 2026-01-02T03:04:05Z ":    moment,
		"2026-01-02T03:04:05.678":   moment.Add(678 * time.Millisecond),
	} {
		token := parse(t, fmt.Appendf(nil, `{"accessToken": "fake", "expiresAt": %q}`, text))
		assert.Equal(t, want, token.ExpiresAt, text)
		written, err := token.CacheJSON()
		require.NoError(t, err)
		assert.Equal(t, `{"accessToken":"fake","expiresAt":"2026-01-02T03:04:05Z"}`, string(written), text)
	}
}

// cacheFile is a Token or a Registration.
type cacheFile interface{ CacheJSON() ([]byte, error) }

func parseToken(data []byte) (cacheFile, error)        { return ParseToken(data) }
func parseRegistration(data []byte) (cacheFile, error) { return ParseRegistration(data) }

func TestUnknownMembersAreKept(t *testing.T) {
	const more = `"AccessToken": "another member", "a": [1, {"b": null}], "big": 12345678901234567890.10, "ü": "\ud83d\udd11"`
	for text, parse := range map[string]func([]byte) (cacheFile, error){
		`{"accessToken": "fake", "expiresAt": "2026-01-02T03:04:05Z", ` + more + `}`:                   parseToken,
		`{"clientId": "c", "clientSecret": "fake", "expiresAt": "2026-01-02T03:04:05Z", ` + more + `}`: parseRegistration,
	} {
		value, err := parse([]byte(text))
		require.NoError(t, err)
		written, err := value.CacheJSON()
		require.NoError(t, err)
		assert.JSONEq(t, text, string(written))
		assert.Contains(t, string(written), "12345678901234567890.10", "a number is not read")
	}
}

// TestByteOrderMark: an editor on Windows has saved the file.
func TestByteOrderMark(t *testing.T) {
	token := parse(t, []byte("\ufeff"+`{"accessToken": "fake", "expiresAt": "2026-01-02T03:04:05Z"}`))
	assert.Equal(t, moment, token.ExpiresAt)
	r, err := ParseRegistration([]byte("\ufeff" + `{"clientId": "c", "clientSecret": "fake", "expiresAt": "2026-01-02T03:04:05Z"}`))
	require.NoError(t, err)
	assert.Equal(t, moment, r.ExpiresAt)
}

// TestAnUnreadableRegistrationEnd: the token is good all the same, and the
// member is kept for whoever can read it.
func TestAnUnreadableRegistrationEnd(t *testing.T) {
	for _, end := range []string{`"soon"`, `1772503445`, `{"at": 1}`, `[]`, `"10000-01-01T00:00:00Z"`} {
		text := `{"accessToken":"fake","expiresAt":"2026-01-02T03:04:05Z","registrationExpiresAt":` + end + `}`
		token := parse(t, []byte(text))
		assert.Zero(t, token.RegistrationExpiresAt)
		written, err := token.CacheJSON()
		require.NoError(t, err)
		assert.JSONEq(t, text, string(written))
		token.RegistrationExpiresAt = moment
		written, err = token.CacheJSON()
		require.NoError(t, err)
		assert.Contains(t, string(written), `"registrationExpiresAt":"2026-01-02T03:04:05Z"`)
	}
	for _, end := range []string{`null`, `""`} {
		assert.Zero(t, parse(t, []byte(`{"accessToken":"fake","expiresAt":"2026-01-02T03:04:05Z","registrationExpiresAt":`+end+`}`)).RegistrationExpiresAt)
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		``:                       "not a whole JSON object",
		`null`:                   "no accessToken",
		`[]`:                     "not a whole JSON object",
		`{"accessToken": "fake"`: "not a whole JSON object",
		`{}`:                     "no accessToken",
		`{"AccessToken": "fake", "expiresAt": "2026-01-02T03:04:05Z"}`:       "no accessToken",
		`{"accessToken": null, "expiresAt": "2026-01-02T03:04:05Z"}`:         "no accessToken",
		`{"accessToken": "fake"}`:                                            "no expiresAt",
		`{"accessToken": 424242, "expiresAt": "2026-01-02T03:04:05Z"}`:       "accessToken has the wrong type",
		`{"accessToken": "fake", "expiresAt": "tomorrow"}`:                   "expiresAt: not a time",
		`{"accessToken": "fake", "expiresAt": "9999-12-31T23:59:59-01:00"}`:  "expiresAt: not a time",
		`{"accessToken": "fake", "expiresAt": "0000-01-01T00:00:00+01:00"}`:  "expiresAt: not a time",
		`{"accessToken": "fake", "expiresAt": 1767323045}`:                   "expiresAt has the wrong type",
		`{"accessToken": "fake", "expiresAt": "2026-01-02T03:04:05+01:00Z"}`: "expiresAt: not a time",
	} {
		_, err := ParseToken([]byte(text))
		assert.EqualError(t, err, want, text)
	}
	for text, want := range map[string]string{
		`{}`:                "no clientId",
		`{"clientId": "c"}`: "no clientSecret",
		`{"clientId": "c", "clientSecret": "fake"}`:                                                       "no expiresAt",
		`{"clientId": "c", "clientSecret": "fake", "expiresAt": "2026-01-02T03:04:05Z", "scopes": "one"}`: "scopes has the wrong type",
	} {
		_, err := ParseRegistration([]byte(text))
		assert.EqualError(t, err, want, text)
	}
}

// loginAt is a login without scopes at a time.
func loginAt(now time.Time) *login { return &login{now: func() time.Time { return now }} }

func TestRegistrationServes(t *testing.T) {
	device := &Registration{ExpiresAt: moment, Scopes: []string{"a", "b"}}
	browser := &Registration{ExpiresAt: moment, GrantTypes: []ssooidc.GrantType{ssooidc.GrantTypeAuthorizationCode, ssooidc.GrantTypeRefreshToken}}
	before := loginAt(moment.Add(-minRegistration - time.Second))
	assert.True(t, before.serves(device, ssooidc.GrantTypeDeviceCode))
	assert.False(t, before.serves(device, ssooidc.GrantTypeAuthorizationCode), "a registration without grant types is for the device flow")
	assert.True(t, before.serves(browser, ssooidc.GrantTypeAuthorizationCode))
	assert.False(t, before.serves(browser, ssooidc.GrantTypeDeviceCode))
	assert.False(t, loginAt(moment.Add(-minRegistration)).serves(device, ssooidc.GrantTypeDeviceCode))
	before.scopes = []string{"b"}
	assert.True(t, before.serves(device, ssooidc.GrantTypeDeviceCode))
	before.scopes = []string{"b", "c"}
	assert.False(t, before.serves(device, ssooidc.GrantTypeDeviceCode))
}

// TestNothingSecretIsPrinted: what is printed or encoded of a token, in any
// way, shows none of its secrets, nor a member that has no field.
func TestNothingSecretIsPrinted(t *testing.T) {
	const text = `{"accessToken": "fake-secret-1", "expiresAt": "2026-01-02T03:04:05Z", "refreshToken": "fake-secret-2",
		"clientId": "c", "clientSecret": "fake-secret-3", "newSecret": "fake-secret-4", "startUrl": "visible"}`
	token := parse(t, []byte(text))
	registration, err := ParseRegistration([]byte(text))
	require.NoError(t, err)
	store := NewMemoryStore()
	require.NoError(t, store.SaveToken(t.Context(), mySSO, token))
	provider, err := NewProvider(mySSO, func(o *ProviderOptions) { o.Store = store })
	require.NoError(t, err)
	_, _ = provider.RetrieveBearerToken(t.Context())

	for _, value := range []any{token, *token, registration, *registration, []Token{*token}, store, provider, &Error{Session: mySSO}} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%p", "%w"} {
			fmt.Fprintf(&out, verb, value)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "value", value)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "value", value)
		encoded, err := json.Marshal(value)
		require.NoError(t, err)
		out.Write(encoded)
		assert.NotContains(t, out.String(), "fake-secret", "%T", value)
		assert.NotContains(t, out.String(), fmt.Sprintf("%x", "fake-secret"), "%T", value)
	}
}

// TestEncodedTokenIsNotParsed: somebody has stored a token with encoding/json,
// and the secrets are lost.
func TestEncodedTokenIsNotParsed(t *testing.T) {
	_, err := ParseToken([]byte(`{"accessToken": "[redacted]", "expiresAt": "2026-01-02T03:04:05Z"}`))
	assert.ErrorContains(t, err, "accessToken: ")
	assert.ErrorContains(t, err, "[redacted]")
}

func fuzzCacheFile(f *testing.F, parse func([]byte) (cacheFile, error), seeds ...string) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
		f.Add([]byte(seed[:len(seed)/2]))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := parse(data)
		if err != nil {
			return
		}
		text, err := first.CacheJSON()
		require.NoError(t, err)
		require.True(t, json.Valid(text), "%q", text)
		second, err := parse(text)
		require.NoError(t, err, "what was read is written so that it can be read")
		again, err := second.CacheJSON()
		require.NoError(t, err)
		require.Equal(t, string(text), string(again), "and stays as it is")
	})
}

func FuzzTokenFile(f *testing.F) {
	fuzzCacheFile(f, parseToken,
		`{"startUrl": "https://x.example/start", "region": "us-east-1", "accessToken": "fake", "expiresAt": "2026-01-02T03:04:05Z", "clientId": "c", "clientSecret": "fake", "registrationExpiresAt": "2026-04-01T00:00:00.000Z", "refreshToken": "fake"}`,
		`{"accessToken": "\ud83d\udd11 <&>\u007f", "expiresAt": "2026-01-02T03:04:05UTC", "unknown": {"a": [null, 1e400]}, "refreshToken": null}`,
		`{"accessToken": "fake", "expiresAt": "9999-12-31T23:59:59-01:00"}`,
		"\ufeff"+`{"accessToken": "fake", "expiresAt": "20260102T030405", "registrationExpiresAt": 7}`,
	)
}

func FuzzRegistrationFile(f *testing.F) {
	fuzzCacheFile(f, parseRegistration,
		`{"clientId": "c", "clientSecret": "fake", "expiresAt": "2026-01-02T03:04:05Z", "scopes": ["sso:account:access"], "grantTypes": ["authorization_code", "refresh_token"]}`,
		`{"clientId": "c", "clientSecret": "fake", "expiresAt": "2026-01-02T03:04:05+00:00", "scopes": null, "grantTypes": [], "": 0}`,
	)
}
