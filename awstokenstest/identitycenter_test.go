package awstokenstest_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

const (
	redirect    = "http://127.0.0.1/oauth/callback"
	application = "arn:aws:sso::111122223333:application/ssoins-0123456789abcdef/apl-0123456789abcdef"
)

// session is a client that makes one attempt, and its registration.
type session struct {
	*ssooidc.Client
	registered *ssooidc.RegisterClientOutput
}

func newSession(t *testing.T, server *awstokenstest.Server) *session {
	t.Helper()
	client, err := ssooidc.New(oneAttempt(server.Config()))
	require.NoError(t, err)
	registered, err := client.RegisterClient(t.Context(), &ssooidc.RegisterClientInput{
		ClientName: "test", ClientType: ssooidc.ClientTypePublic, RedirectUris: []string{redirect},
		GrantTypes: []ssooidc.GrantType{ssooidc.GrantTypeDeviceCode, ssooidc.GrantTypeAuthorizationCode, ssooidc.GrantTypeRefreshToken},
	})
	require.NoError(t, err)
	return &session{client, registered}
}

func (s *session) start(t *testing.T) *ssooidc.StartDeviceAuthorizationOutput {
	t.Helper()
	out, err := s.StartDeviceAuthorization(t.Context(), &ssooidc.StartDeviceAuthorizationInput{
		ClientId: s.registered.ClientId, ClientSecret: s.registered.ClientSecret, StartUrl: "https://example.awsapps.com/start",
	})
	require.NoError(t, err)
	return out
}

func (s *session) poll(t *testing.T, deviceCode awstokens.Secret) (*ssooidc.CreateTokenOutput, error) {
	t.Helper()
	return s.token(t, &ssooidc.CreateTokenInput{GrantType: ssooidc.GrantTypeDeviceCode, DeviceCode: deviceCode})
}

func (s *session) token(t *testing.T, in *ssooidc.CreateTokenInput) (*ssooidc.CreateTokenOutput, error) {
	t.Helper()
	in.ClientId, in.ClientSecret = s.registered.ClientId, s.registered.ClientSecret
	return s.CreateToken(t.Context(), in)
}

func TestDevices(t *testing.T) {
	t.Parallel()
	server := awstokenstest.NewServer(t, atFrozen)
	s := newSession(t, server)

	approved := s.start(t)
	require.NoError(t, server.IdentityCenter().ApproveDevice(approved.UserCode.Reveal()))
	_, err := s.poll(t, approved.DeviceCode)
	assert.NoError(t, err)

	denied := s.start(t)
	require.NoError(t, server.IdentityCenter().DenyDevice(denied.UserCode.Reveal()))
	_, err = s.poll(t, denied.DeviceCode)
	var refusal *ssooidc.AccessDeniedException
	assert.ErrorAs(t, err, &refusal)
	assert.Error(t, server.IdentityCenter().ApproveDevice(denied.UserCode.Reveal()))

	server.IdentityCenter().AutoApprove(true)
	_, err = s.poll(t, s.start(t).DeviceCode)
	assert.NoError(t, err)
	assert.Equal(t, 3, server.IdentityCenter().Requests("StartDeviceAuthorization"))
}

func TestAuthorizeAndRotate(t *testing.T) {
	t.Parallel()
	server := awstokenstest.NewServer(t)
	s := newSession(t, server)
	const verifier = "a-code-verifier-of-at-least-43-characters-in-all"
	hash := sha256.Sum256([]byte(verifier))
	code, err := server.IdentityCenter().Authorize(s.registered.ClientId, redirect, base64.RawURLEncoding.EncodeToString(hash[:]))
	require.NoError(t, err)
	first, err := s.token(t, &ssooidc.CreateTokenInput{
		GrantType: ssooidc.GrantTypeAuthorizationCode, Code: awstokens.NewSecret(code), RedirectUri: redirect, CodeVerifier: awstokens.NewSecret(verifier),
	})
	require.NoError(t, err)

	refresh := &ssooidc.CreateTokenInput{GrantType: ssooidc.GrantTypeRefreshToken, RefreshToken: first.RefreshToken}
	same, err := s.token(t, refresh)
	require.NoError(t, err)
	assert.Equal(t, first.RefreshToken.Reveal(), same.RefreshToken.Reveal())
	server.IdentityCenter().OmitRefreshTokens(true)
	none, err := s.token(t, refresh)
	require.NoError(t, err)
	assert.Empty(t, none.RefreshToken)
	server.IdentityCenter().OmitRefreshTokens(false)
	server.IdentityCenter().RotateRefreshTokens(true)
	second, err := s.token(t, refresh)
	require.NoError(t, err)
	assert.NotEmpty(t, second.RefreshToken)
	_, err = s.token(t, refresh)
	var invalid *ssooidc.InvalidGrantException
	assert.ErrorAs(t, err, &invalid)

	_, err = server.IdentityCenter().Authorize("unknown", redirect, "challenge")
	assert.Error(t, err)
}

func TestIdentityContext(t *testing.T) {
	t.Parallel()
	server := awstokenstest.NewServer(t)
	s := newSession(t, server)
	for _, omit := range []bool{false, true} {
		server.IdentityCenter().OmitIdentityContext(omit)
		code, err := server.IdentityCenter().Authorize(application, "https://app.example.com/", "")
		require.NoError(t, err)
		out, err := s.CreateTokenWithIAM(t.Context(), &ssooidc.CreateTokenWithIAMInput{
			ClientId: application, GrantType: ssooidc.GrantTypeAuthorizationCode,
			Code: awstokens.NewSecret(code), RedirectUri: "https://app.example.com/",
		})
		require.NoError(t, err)
		assert.Equal(t, omit, out.AwsAdditionalDetails == nil)
	}
}

func TestUserJWT(t *testing.T) {
	t.Parallel()
	server := awstokenstest.NewServer(t, atFrozen)
	s := newSession(t, server)
	exchange := func(jwt awstokens.Secret) error {
		_, err := s.CreateTokenWithIAM(t.Context(), &ssooidc.CreateTokenWithIAMInput{
			ClientId: application, GrantType: ssooidc.GrantTypeJWTBearer, Assertion: jwt,
		})
		return err
	}
	jwt := server.IdentityCenter().UserJWT()
	_, claims := parts(t, jwt)
	assert.NotEmpty(t, claims["jti"])
	assert.EqualValues(t, frozen.Add(time.Hour).Unix(), claims["exp"])
	assert.NoError(t, exchange(jwt))
	assert.Equal(t, "InvalidGrantException", codeOf(exchange(jwt)), "it can be exchanged once")
	assert.NoError(t, exchange(server.IdentityCenter().UserJWT()), "each is a new one")

	jwt = server.IdentityCenter().UserJWT()
	server.Advance(time.Hour)
	assert.Equal(t, "ExpiredTokenException", codeOf(exchange(jwt)))
}

func TestPortal(t *testing.T) {
	t.Parallel()
	server := awstokenstest.NewServer(t, inProcess)
	client, err := portal.New(server.Config())
	require.NoError(t, err)
	server.IdentityCenter().SetAccounts(awstokenstest.Account{ID: "222233334444", Name: "n", EmailAddress: "e", Roles: []string{"r"}})
	token := server.IdentityCenter().SignIn()
	accounts, err := client.ListAccounts(t.Context(), &portal.ListAccountsInput{AccessToken: token})
	require.NoError(t, err)
	assert.Equal(t, []portal.AccountInfo{{AccountId: "222233334444", AccountName: "n", EmailAddress: "e"}}, accounts.AccountList)
	role := &portal.GetRoleCredentialsInput{AccessToken: token, AccountId: "222233334444", RoleName: "r"}
	_, err = client.GetRoleCredentials(t.Context(), role)
	assert.NoError(t, err)
	role.RoleName = "other"
	_, err = client.GetRoleCredentials(t.Context(), role)
	assert.Equal(t, "ForbiddenException", codeOf(err))
	assert.Equal(t, 2, server.IdentityCenter().Requests("GetRoleCredentials"))
}

func TestIdentityCenterFaults(t *testing.T) {
	t.Parallel()
	server := awstokenstest.NewServer(t)
	s := newSession(t, server)
	next := server.IdentityCenter().Next(1, "CreateToken")
	for name, tt := range map[string]struct {
		script func()
		code   string
		status int
	}{
		"nothing":           {func() {}, "InvalidGrantException", 400},
		"omit error header": {next.OmitErrorHeader, "InvalidGrantException", 400},
		"throttle":          {next.Throttle, "SlowDownException", 400},
		"fail":              {func() { next.Fail(500) }, "InternalServerException", 500},
		"fail untyped":      {func() { next.FailUntyped(503) }, "UnknownError", 503},
		"refuse": {func() {
			next.Refuse("InvalidRequestException", "no key", map[string]string{"reason": "KMS_DisabledException"})
		}, "InvalidRequestException", 400},
		"answer": {func() { next.Answer(http.StatusBadRequest, nil, `{"error":"expired_token"}`) }, "ExpiredTokenException", 400},
	} {
		tt.script()
		_, err := s.poll(t, awstokens.NewSecret("fake-device-code"))
		var api smithy.APIError
		require.ErrorAs(t, err, &api, name)
		assert.Equal(t, tt.code, api.ErrorCode(), name)
		var response *awstokens.ResponseError
		require.ErrorAs(t, err, &response, name)
		assert.Equal(t, tt.status, response.StatusCode, name)
	}

	var send *awstokens.SendError
	device := s.start(t)
	require.NoError(t, server.IdentityCenter().ApproveDevice(device.UserCode.Reveal()))
	next.Cut()
	_, err := s.poll(t, device.DeviceCode)
	assert.ErrorAs(t, err, &send)
	next.LoseAnswer()
	_, err = s.poll(t, device.DeviceCode)
	assert.ErrorAs(t, err, &send)
	_, err = s.poll(t, device.DeviceCode)
	var used *ssooidc.InvalidGrantException
	assert.ErrorAs(t, err, &used, "the lost response had the token")

	next.Delay(time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = s.CreateToken(ctx, &ssooidc.CreateTokenInput{ClientId: "c", ClientSecret: awstokens.NewSecret("fake"), GrantType: ssooidc.GrantTypeRefreshToken, RefreshToken: awstokens.NewSecret("fake")})
	assert.ErrorIs(t, err, context.DeadlineExceeded)

	server.IdentityCenter().OneIn(1, "").Throttle()
	server.ClearFaults()
	s.start(t)
}
