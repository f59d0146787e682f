package emulator_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

func (w *world) tokenInput(clientToken string) *licensemanager.CreateTokenInput {
	return &licensemanager.CreateTokenInput{
		ClientToken:     clientToken,
		LicenseArn:      w.LicenseARN(),
		RoleArns:        []string{w.RoleARN()},
		TokenProperties: []string{"customer=example", "tier=2"},
	}
}

func (w *world) createToken(t *testing.T, in *licensemanager.CreateTokenInput) *licensemanager.CreateTokenOutput {
	t.Helper()
	out, err := w.lm.CreateToken(t.Context(), in)
	require.NoError(t, err)
	return out
}

func (w *world) accessToken(t *testing.T, refresh awstokens.Secret) awstokens.Secret {
	t.Helper()
	out, err := w.lm.GetAccessToken(t.Context(), &licensemanager.GetAccessTokenInput{Token: refresh})
	require.NoError(t, err)
	return out.AccessToken
}

func TestTokensHaveTheDocumentedClaims(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		options   emulator.Options
		issuer    string
		algorithm string
		kid       string
		roles     string
	}{
		{name: "defaults", issuer: "https://openid-license-manager.amazonaws.com", algorithm: "ES256", kid: "emulator", roles: "roles"},
		{
			name:    "all that is not published, changed",
			options: emulator.Options{Issuer: "https://issuer.example.com", Algorithm: "RS256", KeyID: "k-1", RoleClaim: "arns"},
			issuer:  "https://issuer.example.com", algorithm: "RS256", kid: "k-1", roles: "arns",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *emulator.Options) {
				tt.options.FrozenAt = startTime
				*o = tt.options
			})
			created := w.createToken(t, w.tokenInput("t-1"))
			header, refresh := claimsOf(t, created.Token)
			assert.Equal(t, map[string]any{"alg": tt.algorithm, "kid": tt.kid, "typ": "JWT"}, header)
			assert.Equal(t, map[string]any{
				"iss":    tt.issuer,
				"sub":    created.TokenId,
				"aud":    w.LicenseARN(),
				"amr":    []any{"customer=example", "tier=2", "aws:license-manager:token-issuer-account-id:111122223333"},
				"iat":    unix(startTime),
				"exp":    unix(startTime.AddDate(0, 0, 365)),
				"jti":    created.TokenId,
				tt.roles: []any{w.RoleARN()},
			}, refresh)

			w.Advance(time.Minute)
			_, access := claimsOf(t, w.accessToken(t, created.Token))
			assert.NotEqual(t, refresh["jti"], access["jti"])
			assert.Equal(t, unix(startTime.Add(time.Minute)), access["iat"])
			assert.Equal(t, unix(startTime.Add(time.Minute+time.Hour)), access["exp"])
			for _, same := range []string{"iss", "sub", "aud", "amr", tt.roles} {
				assert.Equal(t, refresh[same], access[same], same)
			}
		})
	}
}

func unix(t time.Time) json.Number { return json.Number(strconv.FormatInt(t.Unix(), 10)) }

func TestCreateTokenRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, tt := range map[string]struct{ body, code, message string }{
		"not JSON":              {`{`, "SerializationException", "not a JSON object"},
		"no object":             {`null`, "SerializationException", "not a JSON object"},
		"empty":                 {``, "SerializationException", "not a JSON object"},
		"not UTF-8":             {"{\"ClientToken\":\"\xff\"}", "SerializationException", "UTF-8"},
		"a number for a text":   {`{"ClientToken":1}`, "SerializationException", "ClientToken"},
		"a text for a number":   {`{"ExpirationInDays":"30"}`, "SerializationException", "ExpirationInDays"},
		"a fraction":            {`{"ExpirationInDays":1.5}`, "SerializationException", "ExpirationInDays"},
		"a text for a list":     {`{"RoleArns":"arn"}`, "SerializationException", "RoleArns"},
		"nothing":               {`{}`, "ValidationException", "CreateTokenInput.LicenseArn"},
		"members in lower case": {`{"clientToken":"t","licenseArn":"LICENSE"}`, "ValidationException", "CreateTokenInput.ClientToken"},
		"white space":           {`{"ClientToken":"t t","LicenseArn":"LICENSE"}`, "ValidationException", "CreateTokenInput.ClientToken"},
		"four properties":       {`{"ClientToken":"t","LicenseArn":"LICENSE","TokenProperties":["1","2","3","4"]}`, "ValidationException", "TokenProperties"},
		"no days":               {`{"ClientToken":"t","LicenseArn":"LICENSE","ExpirationInDays":0}`, "ValidationException", "ExpirationInDays"},
		"negative days":         {`{"ClientToken":"t","LicenseArn":"LICENSE","ExpirationInDays":-1}`, "ValidationException", "ExpirationInDays"},
		"too many days":         {`{"ClientToken":"t","LicenseArn":"LICENSE","ExpirationInDays":2147483647}`, "ValidationException", "9999"},
		"unknown license":       {`{"ClientToken":"t","LicenseArn":"arn:aws:license-manager::111122223333:license:l-none"}`, "ResourceNotFoundException", "l-none"},
		"a token that is too long": {`{"ClientToken":"t","LicenseArn":"LICENSE","TokenProperties":["` + strings.Repeat("x", 4096) + `"]}`,
			"ValidationException", "4096"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := w.target(t, "CreateToken", strings.ReplaceAll(tt.body, "LICENSE", w.LicenseARN()))
			w.sign(t, req, "license-manager")
			got := w.send(t, req)
			assert.Equal(t, http.StatusBadRequest, got.status)
			assert.Equal(t, "application/x-amz-json-1.1", got.header.Get("Content-Type"))
			assert.Equal(t, tt.code, got.header.Get("X-Amzn-Errortype"))
			assert.Equal(t, tt.code, got.json(t)["__type"])
			assert.Contains(t, got.json(t)["Message"], tt.message)
			assert.NotContains(t, got.json(t)["Message"], "Config.", "advice for a client")
		})
	}
	assert.Zero(t, w.Minted("t"))
}

func TestClientTokenMakesOneTokenIn10Minutes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.createToken(t, w.tokenInput("t-1"))

	w.Advance(10*time.Minute - time.Nanosecond)
	assert.Equal(t, first.Token.Reveal(), w.createToken(t, w.tokenInput("t-1")).Token.Reveal())
	other := w.tokenInput("t-1")
	other.RoleArns = nil
	_, err := w.lm.CreateToken(t.Context(), other)
	refused(t, err, "ValidationException")
	assert.Equal(t, 1, w.Minted("t-1"))

	w.Advance(time.Nanosecond)
	second := w.createToken(t, w.tokenInput("t-1"))
	assert.NotEqual(t, first.TokenId, second.TokenId)
	assert.Equal(t, 2, w.Minted("t-1"))

	empty := w.target(t, "CreateToken", `{"ClientToken":"t-2","LicenseArn":"`+w.LicenseARN()+`","RoleArns":[]}`)
	w.sign(t, empty, "license-manager")
	require.Equal(t, http.StatusOK, w.send(t, empty).status)
	w.createToken(t, &licensemanager.CreateTokenInput{ClientToken: "t-2", LicenseArn: w.LicenseARN()})
	assert.Equal(t, 1, w.Minted("t-2"), "an empty list is no list")
}

// AWS publishes no limit of ExpirationInDays.
func TestLongLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	days := int32(100_000)
	in := w.tokenInput("t-1")
	in.ExpirationInDays = &days
	created := w.createToken(t, in)
	w.Advance(time.Duration(days-1) * 24 * time.Hour)
	_, err := w.lm.GetAccessToken(t.Context(), &licensemanager.GetAccessTokenInput{Token: created.Token})
	require.NoError(t, err)
	w.Advance(24 * time.Hour)
	_, err = w.lm.GetAccessToken(t.Context(), &licensemanager.GetAccessTokenInput{Token: created.Token})
	refused(t, err, "AccessDeniedException")
}

func TestGetAccessToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	days := int32(2)
	in := w.tokenInput("t-1")
	in.ExpirationInDays = &days
	created := w.createToken(t, in)
	get := func(token awstokens.Secret, properties ...string) error {
		_, err := w.lm.GetAccessToken(t.Context(), &licensemanager.GetAccessTokenInput{Token: token, TokenProperties: properties})
		return err
	}

	assert.NoError(t, get(created.Token, "tier=2"))
	refused(t, get(created.Token, "tier=2", "tier=3"), "AccessDeniedException")
	refused(t, get(awstokens.NewSecret("garbage")), "ValidationException")
	refused(t, get(w.accessToken(t, created.Token)), "ValidationException")

	other := newWorld(t)
	refused(t, get(other.createToken(t, other.tokenInput("t-1")).Token), "ValidationException")

	unsigned, err := w.lm.With(func(c *awstokens.Config) { c.Credentials = nil })
	require.NoError(t, err)
	_, err = unsigned.GetAccessToken(t.Context(), &licensemanager.GetAccessTokenInput{Token: created.Token})
	assert.NoError(t, err, "no signature is needed")
	wrong, err := w.lm.With(withKey("AKIAUNKNOWNEXAMPLE00", "another-fake-secret", ""))
	require.NoError(t, err)
	_, err = wrong.GetAccessToken(t.Context(), &licensemanager.GetAccessTokenInput{Token: created.Token})
	refused(t, err, "UnrecognizedClientException")

	w.SetTime(startTime.AddDate(0, 0, 2).Add(-time.Nanosecond))
	assert.NoError(t, get(created.Token))
	w.Advance(time.Nanosecond)
	refused(t, get(created.Token), "AccessDeniedException")
}

func TestListTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	license := strings.Replace(w.LicenseARN(), "l-0", "l-f", 1)
	w.AddLicense(license)
	var ids []string
	for i := range 5 {
		in := w.tokenInput("t-" + strconv.Itoa(i))
		if i == 3 {
			in.LicenseArn = license
		}
		ids = append(ids, w.createToken(t, in).TokenId)
	}
	_, err := w.lm.DeleteToken(t.Context(), &licensemanager.DeleteTokenInput{TokenId: ids[1]})
	require.NoError(t, err)

	list := func(in *licensemanager.ListTokensInput) (found []string) {
		for token, err := range w.lm.Tokens(t.Context(), in) {
			require.NoError(t, err)
			found = append(found, token.TokenId)
		}
		return found
	}
	assert.Equal(t, ids, list(nil))
	before := w.Requests(emulator.LicenseManager, "ListTokens")
	assert.Equal(t, ids, list(&licensemanager.ListTokensInput{MaxResults: 2}))
	assert.Equal(t, 3, w.Requests(emulator.LicenseManager, "ListTokens")-before)
	assert.Equal(t, ids, list(&licensemanager.ListTokensInput{MaxResults: 5}))
	assert.Equal(t, []string{ids[0], ids[4]}, list(&licensemanager.ListTokensInput{TokenIds: []string{ids[4], "unknown", ids[0]}}))
	assert.Equal(t, ids[3:4], list(&licensemanager.ListTokensInput{
		Filters: []licensemanager.Filter{{Name: "LicenseArns", Values: []string{license}}}, MaxResults: 1,
	}))

	out, err := w.lm.ListTokens(t.Context(), &licensemanager.ListTokensInput{TokenIds: ids[1:2]})
	require.NoError(t, err)
	require.Len(t, out.Tokens, 1)
	assert.Equal(t, licensemanager.TokenData{
		ExpirationTime: "2027-01-02T03:04:05Z", LicenseArn: w.LicenseARN(), RoleArns: []string{w.RoleARN()}, Status: "DELETED",
		TokenId: ids[1], TokenProperties: []string{"customer=example", "tier=2"}, TokenType: "REFRESH_TOKEN",
	}, out.Tokens[0])

	w.Behave(func(b *emulator.Behavior) { b.ZonelessTimes = true })
	out, err = w.lm.ListTokens(t.Context(), &licensemanager.ListTokensInput{TokenIds: ids[:1]})
	require.NoError(t, err)
	assert.Equal(t, "2027-01-02T03:04:05", out.Tokens[0].ExpirationTime)

	for _, in := range []*licensemanager.ListTokensInput{
		{NextToken: "not one of ours"},
		{NextToken: "bm9uZQ"},
		{Filters: []licensemanager.Filter{{Name: "Status", Values: []string{"AVAILABLE"}}}},
		{Filters: []licensemanager.Filter{{Name: "LicenseArns", Values: []string{license, w.LicenseARN()}}}},
	} {
		_, err := w.lm.ListTokens(t.Context(), in)
		refused(t, err, "ValidationException")
	}
}

func TestDeleteToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	created := w.createToken(t, w.tokenInput("t-1"))
	access := w.accessToken(t, created.Token)
	in := &licensemanager.DeleteTokenInput{TokenId: created.TokenId}
	_, err := w.lm.DeleteToken(t.Context(), in)
	require.NoError(t, err)

	_, err = w.lm.GetAccessToken(t.Context(), &licensemanager.GetAccessTokenInput{Token: created.Token})
	refused(t, err, "AccessDeniedException")
	_, err = w.sts.AssumeRoleWithWebIdentity(t.Context(), w.webIdentity(access))
	assert.NoError(t, err, "an access token stays good")
	_, err = w.lm.DeleteToken(t.Context(), in)
	refused(t, err, "ResourceNotFoundException")
}

func TestEmptyBodies(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	w.license(t)
	for operation, body := range map[string]string{
		"DeleteToken":    `{"TokenId":"` + w.createToken(t, w.tokenInput("t-1")).TokenId + `"}`,
		"CheckInLicense": `{"LicenseConsumptionToken":"` + w.checkout(t).LicenseConsumptionToken.Reveal() + `"}`,
	} {
		req := w.target(t, operation, body)
		w.sign(t, req, "license-manager")
		got := w.send(t, req)
		assert.Equal(t, http.StatusOK, got.status, operation)
		assert.Empty(t, got.body, operation)
	}
}

func TestUnknownOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, target := range []string{"AWSLicenseManager.NoSuchOperation", "AnotherService.CreateToken"} {
		req := w.target(t, "", "{}")
		req.Header.Set("X-Amz-Target", target)
		got := w.send(t, req)
		assert.Equal(t, http.StatusBadRequest, got.status)
		assert.Equal(t, "UnknownOperationException", got.json(t)["__type"])
	}
}
