package emulator_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

const (
	application = "arn:aws:sso::111122223333:application/ssoins-0123456789abcdef/apl-0123456789abcdef"
	redirect    = "http://127.0.0.1/oauth/callback"
	verifier    = "a-code-verifier-of-at-least-43-characters-in-all"
)

func challenge() string {
	hash := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

func (w *world) register(t *testing.T, grants ...ssooidc.GrantType) *ssooidc.RegisterClientOutput {
	t.Helper()
	out, err := w.oidc.RegisterClient(t.Context(), &ssooidc.RegisterClientInput{
		ClientName: "test", ClientType: "public", Scopes: []string{"sso:account:access", "other:scope"},
		GrantTypes: grants, RedirectUris: []string{redirect},
	})
	require.NoError(t, err)
	return out
}

// token requests a token with a grant; change fills in its members.
func (w *world) token(t *testing.T, client *ssooidc.RegisterClientOutput, grant ssooidc.GrantType, change func(*ssooidc.CreateTokenInput)) (*ssooidc.CreateTokenOutput, error) {
	t.Helper()
	in := &ssooidc.CreateTokenInput{ClientId: client.ClientId, ClientSecret: client.ClientSecret, GrantType: grant}
	change(in)
	return w.oidc.CreateToken(t.Context(), in)
}

func TestRegisterClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.send(t, w.request(t, "/client/register", "application/json", `{"clientName":"test","clientType":"public"}`))
	assert.Equal(t, http.StatusOK, got.status)
	members := got.json(t)
	assert.Equal(t, float64(startTime.Unix()), members["clientIdIssuedAt"])
	assert.Equal(t, float64(startTime.Add(90*24*time.Hour).Unix()), members["clientSecretExpiresAt"])
	for _, null := range []string{"authorizationEndpoint", "tokenEndpoint"} {
		value, present := members[null]
		assert.True(t, present && value == nil, null)
	}
	assert.Greater(t, len(members["clientSecret"].(string)), 500)

	for body, want := range map[string][2]string{
		`{"clientName":"test","clientType":"confidential"}`:                                          {"InvalidClientMetadataException", "invalid_client_metadata"},
		`{"clientName":"test","clientType":"public","grantTypes":["password"]}`:                      {"UnsupportedGrantTypeException", "unsupported_grant_type"},
		`{"clientName":"test","clientType":"public","redirectUris":["http://example.com/callback"]}`: {"InvalidRedirectUriException", "invalid_redirect_uri"},
		`{"clientName":"test","clientType":"public","redirectUris":["no URI"]}`:                      {"InvalidRedirectUriException", "invalid_redirect_uri"},
		`{"clientName":"test","clientType":"public","scopes":["two scopes"]}`:                        {"InvalidScopeException", "invalid_scope"},
		`{"clientType":"public"}`:                          {"InvalidRequestException", "invalid_request"},
		`{"clientName":"test","clientType":["public"]}`:    {"InvalidRequestException", "invalid_request"},
		`clientName=test&clientType=public&scopes=nothing`: {"InvalidRequestException", "invalid_request"},
	} {
		got := w.send(t, w.request(t, "/client/register", "application/json", body))
		assert.Equal(t, http.StatusBadRequest, got.status, body)
		assert.True(t, strings.HasPrefix(got.header.Get("X-Amzn-Errortype"), want[0]+":http://internal.amazon.com/"), body)
		assert.Equal(t, want[1], got.json(t)["error"], body)
		assert.NotEmpty(t, got.json(t)["error_description"], body)
	}
}

func TestClientAuthentication(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.register(t)
	start := func(id string, secret awstokens.Secret) error {
		_, err := w.oidc.StartDeviceAuthorization(t.Context(), &ssooidc.StartDeviceAuthorizationInput{
			ClientId: id, ClientSecret: secret, StartUrl: "https://example.awsapps.com/start",
		})
		return err
	}
	assert.NoError(t, start(client.ClientId, client.ClientSecret))
	refused(t, start("unknown", client.ClientSecret), "InvalidClientException")
	err := start(client.ClientId, awstokens.NewSecret("fake-secret"))
	refused(t, err, "InvalidClientException")
	var response *awstokens.ResponseError
	require.ErrorAs(t, err, &response)
	assert.Equal(t, http.StatusUnauthorized, response.StatusCode)

	w.SetTime(client.Expires().Add(-time.Nanosecond))
	assert.NoError(t, start(client.ClientId, client.ClientSecret))
	w.Advance(time.Nanosecond)
	refused(t, start(client.ClientId, client.ClientSecret), "InvalidClientException")
}

func TestGrantsOfAClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.register(t)
	_, err := w.token(t, client, ssooidc.GrantTypeAuthorizationCode, func(in *ssooidc.CreateTokenInput) {
		in.Code, in.RedirectUri = awstokens.NewSecret("fake-code"), redirect
	})
	refused(t, err, "UnauthorizedClientException")
	_, err = w.token(t, client, ssooidc.GrantTypeJWTBearer, func(*ssooidc.CreateTokenInput) {})
	refused(t, err, "UnsupportedGrantTypeException")

	browser := w.register(t, ssooidc.GrantTypeAuthorizationCode)
	_, err = w.oidc.StartDeviceAuthorization(t.Context(), &ssooidc.StartDeviceAuthorizationInput{
		ClientId: browser.ClientId, ClientSecret: browser.ClientSecret, StartUrl: "https://example.awsapps.com/start",
	})
	refused(t, err, "UnauthorizedClientException")
}

func TestAuthorizationCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.register(t, ssooidc.GrantTypeAuthorizationCode, ssooidc.GrantTypeRefreshToken)
	const withPort = "http://127.0.0.1:8400/oauth/callback"
	authorize := func(t *testing.T) awstokens.Secret {
		t.Helper()
		code, err := w.Authorize(emulator.Authorization{ClientID: client.ClientId, RedirectURI: withPort, CodeChallenge: challenge()})
		require.NoError(t, err)
		return awstokens.NewSecret(code)
	}
	exchange := func(code awstokens.Secret, uri string, verifier awstokens.Secret) (*ssooidc.CreateTokenOutput, error) {
		return w.token(t, client, ssooidc.GrantTypeAuthorizationCode, func(in *ssooidc.CreateTokenInput) {
			in.Code, in.RedirectUri, in.CodeVerifier = code, uri, verifier
		})
	}

	code := authorize(t)
	out, err := exchange(code, withPort, awstokens.NewSecret(verifier))
	require.NoError(t, err)
	assert.Equal(t, "Bearer", out.TokenType)
	assert.EqualValues(t, 3600, out.ExpiresIn)
	assert.NotEmpty(t, out.RefreshToken)
	assert.Empty(t, out.IdToken)
	_, err = exchange(code, withPort, awstokens.NewSecret(verifier))
	refused(t, err, "InvalidGrantException")

	for name, try := range map[string]func(awstokens.Secret) (*ssooidc.CreateTokenOutput, error){
		"another verifier": func(code awstokens.Secret) (*ssooidc.CreateTokenOutput, error) {
			return exchange(code, withPort, awstokens.NewSecret("guess"))
		},
		"no verifier": func(code awstokens.Secret) (*ssooidc.CreateTokenOutput, error) {
			return exchange(code, withPort, awstokens.NewSecret(""))
		},
		"another redirect URI": func(code awstokens.Secret) (*ssooidc.CreateTokenOutput, error) {
			return exchange(code, redirect, awstokens.NewSecret(verifier))
		},
	} {
		code := authorize(t)
		_, err = try(code)
		refused(t, err, "InvalidGrantException")
		_, err = exchange(code, withPort, awstokens.NewSecret(verifier))
		assert.Error(t, err, "no second guess after %s", name)
	}

	late := authorize(t)
	w.Advance(10 * time.Minute)
	_, err = exchange(late, withPort, awstokens.NewSecret(verifier))
	refused(t, err, "InvalidGrantException")
}

func TestAuthorizeRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.register(t, ssooidc.GrantTypeAuthorizationCode)
	for _, a := range []emulator.Authorization{
		{ClientID: "unknown", RedirectURI: redirect, CodeChallenge: challenge()},
		{ClientID: client.ClientId, RedirectURI: "http://127.0.0.1/elsewhere", CodeChallenge: challenge()},
		{ClientID: client.ClientId, RedirectURI: redirect},
		{ClientID: client.ClientId, RedirectURI: redirect, CodeChallenge: challenge(), Scopes: []string{"unregistered"}},
	} {
		_, err := w.Authorize(a)
		assert.Error(t, err)
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.register(t, ssooidc.GrantTypeAuthorizationCode, ssooidc.GrantTypeRefreshToken)
	code, err := w.Authorize(emulator.Authorization{
		ClientID: client.ClientId, RedirectURI: redirect, CodeChallenge: challenge(), Scopes: []string{"sso:account:access"},
	})
	require.NoError(t, err)
	out, err := w.token(t, client, ssooidc.GrantTypeAuthorizationCode, func(in *ssooidc.CreateTokenInput) {
		in.Code, in.RedirectUri, in.CodeVerifier, in.Scope = awstokens.NewSecret(code), redirect, awstokens.NewSecret(verifier), []string{"sso:account:access"}
	})
	require.NoError(t, err)
	_, err = w.token(t, client, ssooidc.GrantTypeRefreshToken, func(in *ssooidc.CreateTokenInput) {
		in.RefreshToken, in.Scope = out.RefreshToken, []string{"other:scope"}
	})
	refused(t, err, "InvalidScopeException")
}

func TestRefreshTokenRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *emulator.Options) { o.AutoApprove = true })
	client := w.register(t)
	refresh := func(token awstokens.Secret) (*ssooidc.CreateTokenOutput, error) {
		return w.token(t, client, ssooidc.GrantTypeRefreshToken, func(in *ssooidc.CreateTokenInput) { in.RefreshToken = token })
	}
	first, err := w.poll(t, client, w.startDevice(t, client))
	require.NoError(t, err)

	for _, omit := range []bool{false, true} {
		w.Behave(func(b *emulator.Behavior) { b.OmitRefreshTokens, b.RotateRefreshTokens = omit, omit })
		for range 2 {
			out, err := refresh(first.RefreshToken)
			require.NoError(t, err)
			assert.NotEqual(t, first.AccessToken.Reveal(), out.AccessToken.Reveal())
			if omit {
				assert.Empty(t, out.RefreshToken, "the old one stays good")
			} else {
				assert.Equal(t, first.RefreshToken.Reveal(), out.RefreshToken.Reveal())
			}
		}
	}

	w.Behave(func(b *emulator.Behavior) { b.OmitRefreshTokens, b.RotateRefreshTokens = false, true })
	second, err := refresh(first.RefreshToken)
	require.NoError(t, err)
	require.NotEmpty(t, second.RefreshToken)
	_, err = refresh(first.RefreshToken)
	refused(t, err, "InvalidGrantException")
	_, err = refresh(second.RefreshToken)
	assert.NoError(t, err)

	_, err = w.token(t, w.register(t), ssooidc.GrantTypeRefreshToken, func(in *ssooidc.CreateTokenInput) { in.RefreshToken = second.RefreshToken })
	refused(t, err, "InvalidGrantException")
}

// assertion returns a JWT of some identity provider.
func assertion(t *testing.T, claims map[string]any) awstokens.Secret {
	t.Helper()
	payload, err := json.Marshal(claims)
	require.NoError(t, err)
	encode := base64.RawURLEncoding.EncodeToString
	return awstokens.NewSecret(encode([]byte(`{"alg":"RS256"}`)) + "." + encode(payload) + "." + encode([]byte("fake signature")))
}

// withIAM makes tokens of an application.
func (w *world) withIAM(t *testing.T, grant ssooidc.GrantType, change func(*ssooidc.CreateTokenWithIAMInput)) (*ssooidc.CreateTokenWithIAMOutput, error) {
	in := &ssooidc.CreateTokenWithIAMInput{ClientId: application, GrantType: grant}
	change(in)
	return w.oidc.CreateTokenWithIAM(t.Context(), in)
}

// bearer makes tokens of an application with a JWT of some identity provider.
func (w *world) bearer(t *testing.T, claims map[string]any) (*ssooidc.CreateTokenWithIAMOutput, error) {
	return w.withIAM(t, ssooidc.GrantTypeJWTBearer, func(in *ssooidc.CreateTokenWithIAMInput) { in.Assertion = assertion(t, claims) })
}

func TestJWTBearer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out, err := w.bearer(t, map[string]any{"jti": "once", "exp": startTime.Unix() + 1})
	require.NoError(t, err)
	assert.Equal(t, ssooidc.TokenTypeAccessToken, out.IssuedTokenType)
	require.NotNil(t, out.AwsAdditionalDetails)
	_, claims := claimsOf(t, out.IdToken)
	assert.Equal(t, out.AwsAdditionalDetails.IdentityContext.Reveal(), claims["sts:identity_context"])
	_, err = w.bearer(t, map[string]any{"jti": "once", "exp": startTime.Unix() + 2})
	refused(t, err, "InvalidGrantException")
	_, err = w.bearer(t, map[string]any{"jti": "late", "exp": startTime.Unix()})
	refused(t, err, "ExpiredTokenException")
	for _, claims := range []map[string]any{{"exp": startTime.Unix() + 1}, {"jti": "no exp"}} {
		_, err = w.bearer(t, claims)
		refused(t, err, "InvalidGrantException")
	}
	for _, garbage := range []awstokens.Secret{awstokens.NewSecret("garbage"), awstokens.NewSecret("a.b.c"), awstokens.NewSecret("a.!.c")} {
		_, err = w.withIAM(t, ssooidc.GrantTypeJWTBearer, func(in *ssooidc.CreateTokenWithIAMInput) { in.Assertion = garbage })
		refused(t, err, "InvalidGrantException")
	}

	w.Behave(func(b *emulator.Behavior) { b.OmitIdentityContext = true })
	refreshed, err := w.refreshApplication(t, out.RefreshToken)
	require.NoError(t, err)
	assert.Equal(t, out.RefreshToken.Reveal(), refreshed.RefreshToken.Reveal())
	assert.Nil(t, refreshed.AwsAdditionalDetails)
	_, claims = claimsOf(t, refreshed.IdToken)
	assert.NotEmpty(t, claims["sts:identity_context"])

	// A jti is remembered for a day.
	lasting := map[string]any{"jti": "once", "exp": startTime.AddDate(1, 0, 0).Unix()}
	w.SetTime(startTime.Add(24*time.Hour - 1))
	_, err = w.bearer(t, lasting)
	refused(t, err, "InvalidGrantException")
	w.Advance(1)
	_, err = w.bearer(t, lasting)
	assert.NoError(t, err)
}

func TestTokenExchange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code, err := w.Authorize(emulator.Authorization{ClientID: application, RedirectURI: "https://app.example.com/", Scopes: []string{"a", "b"}})
	require.NoError(t, err)
	byCode, err := w.withIAM(t, ssooidc.GrantTypeAuthorizationCode, func(in *ssooidc.CreateTokenWithIAMInput) {
		in.Code, in.RedirectUri = awstokens.NewSecret(code), "https://app.example.com/"
	})
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, byCode.Scope)

	exchange := func(change func(*ssooidc.CreateTokenWithIAMInput)) (*ssooidc.CreateTokenWithIAMOutput, error) {
		return w.withIAM(t, ssooidc.GrantTypeTokenExchange, func(in *ssooidc.CreateTokenWithIAMInput) {
			in.SubjectToken, in.SubjectTokenType = byCode.AccessToken, ssooidc.TokenTypeAccessToken
			change(in)
		})
	}
	exchanged, err := exchange(func(in *ssooidc.CreateTokenWithIAMInput) { in.Scope = []string{"a"} })
	require.NoError(t, err)
	assert.Equal(t, []string{"a"}, exchanged.Scope)
	assert.Empty(t, exchanged.RefreshToken)
	exchanged, err = exchange(func(in *ssooidc.CreateTokenWithIAMInput) { in.RequestedTokenType = ssooidc.TokenTypeRefreshToken })
	require.NoError(t, err)
	assert.Equal(t, ssooidc.TokenTypeRefreshToken, exchanged.IssuedTokenType)
	assert.NotEmpty(t, exchanged.RefreshToken)
	for code, change := range map[string]func(*ssooidc.CreateTokenWithIAMInput){
		"InvalidRequestException":       func(in *ssooidc.CreateTokenWithIAMInput) { in.SubjectTokenType = ssooidc.TokenTypeRefreshToken },
		"InvalidGrantException":         func(in *ssooidc.CreateTokenWithIAMInput) { in.SubjectToken = awstokens.NewSecret("fake-token") },
		"InvalidClientException":        func(in *ssooidc.CreateTokenWithIAMInput) { in.ClientId = "no ARN" },
		"UnsupportedGrantTypeException": func(in *ssooidc.CreateTokenWithIAMInput) { in.GrantType = ssooidc.GrantTypeDeviceCode },
		"InvalidScopeException":         func(in *ssooidc.CreateTokenWithIAMInput) { in.Scope = []string{"c"} },
	} {
		_, err := exchange(change)
		refused(t, err, code)
	}
	_, err = exchange(func(in *ssooidc.CreateTokenWithIAMInput) { in.RequestedTokenType = "urn:example" })
	refused(t, err, "InvalidRequestException")

	// A token that has expired is remembered for a day.
	w.Advance(time.Hour)
	_, err = exchange(func(*ssooidc.CreateTokenWithIAMInput) {})
	refused(t, err, "ExpiredTokenException")
	w.Advance(24 * time.Hour)
	_, err = exchange(func(*ssooidc.CreateTokenWithIAMInput) {})
	refused(t, err, "InvalidGrantException")
}
