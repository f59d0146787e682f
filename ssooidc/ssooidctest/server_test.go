package ssooidctest_test

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
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/ssooidctest"
)

const redirect = "http://127.0.0.1/oauth/callback"

var frozen = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// session is a client that makes one attempt, and its registration.
type session struct {
	*ssooidc.Client
	registered *ssooidc.RegisterClientOutput
}

func newSession(t *testing.T, server *ssooidctest.Server) *session {
	t.Helper()
	cfg := server.Config()
	cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = 1 })
	client, err := ssooidc.New(cfg)
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
	server := ssooidctest.NewServer(t, ssooidctest.WithRegion("eu-central-1"), ssooidctest.WithFrozenTime(frozen))
	assert.Equal(t, "eu-central-1", server.Config().Region)
	s := newSession(t, server)

	approved := s.start(t)
	require.NoError(t, server.ApproveDevice(approved.UserCode.Reveal()))
	_, err := s.poll(t, approved.DeviceCode)
	assert.NoError(t, err)

	denied := s.start(t)
	require.NoError(t, server.DenyDevice(denied.UserCode.Reveal()))
	_, err = s.poll(t, denied.DeviceCode)
	var refusal *ssooidc.AccessDeniedException
	assert.ErrorAs(t, err, &refusal)
	assert.Error(t, server.ApproveDevice(denied.UserCode.Reveal()))

	server.AutoApprove(true)
	_, err = s.poll(t, s.start(t).DeviceCode)
	assert.NoError(t, err)
	assert.Equal(t, 3, server.Requests("StartDeviceAuthorization"))
}

func TestAuthorizeAndRotate(t *testing.T) {
	t.Parallel()
	server := ssooidctest.NewServer(t)
	s := newSession(t, server)
	const verifier = "a-code-verifier-of-at-least-43-characters-in-all"
	hash := sha256.Sum256([]byte(verifier))
	code, err := server.Authorize(s.registered.ClientId, redirect, base64.RawURLEncoding.EncodeToString(hash[:]))
	require.NoError(t, err)
	first, err := s.token(t, &ssooidc.CreateTokenInput{
		GrantType: ssooidc.GrantTypeAuthorizationCode, Code: awstokens.Secret(code), RedirectUri: redirect, CodeVerifier: verifier,
	})
	require.NoError(t, err)

	refresh := &ssooidc.CreateTokenInput{GrantType: ssooidc.GrantTypeRefreshToken, RefreshToken: first.RefreshToken}
	server.RotateRefreshTokens(true)
	second, err := s.token(t, refresh)
	require.NoError(t, err)
	assert.NotEmpty(t, second.RefreshToken)
	_, err = s.token(t, refresh)
	var invalid *ssooidc.InvalidGrantException
	assert.ErrorAs(t, err, &invalid)

	_, err = server.Authorize("unknown", redirect, "challenge")
	assert.Error(t, err)
}

func TestIdentityContext(t *testing.T) {
	t.Parallel()
	const application = "arn:aws:sso::111122223333:application/ssoins-0123456789abcdef/apl-0123456789abcdef"
	server := ssooidctest.NewServer(t)
	s := newSession(t, server)
	for _, omit := range []bool{false, true} {
		server.OmitIdentityContext(omit)
		code, err := server.Authorize(application, "https://app.example.com/", "")
		require.NoError(t, err)
		out, err := s.CreateTokenWithIAM(t.Context(), &ssooidc.CreateTokenWithIAMInput{
			ClientId: application, GrantType: ssooidc.GrantTypeAuthorizationCode,
			Code: awstokens.Secret(code), RedirectUri: "https://app.example.com/",
		})
		require.NoError(t, err)
		assert.Equal(t, omit, out.AwsAdditionalDetails == nil)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	server := ssooidctest.NewServer(t)
	assert.WithinDuration(t, time.Now(), server.Now(), time.Minute)
	server.Freeze()
	server.SetTime(frozen)
	server.Advance(time.Hour)
	assert.Equal(t, frozen.Add(time.Hour), server.Now())
}

func TestFaults(t *testing.T) {
	t.Parallel()
	server := ssooidctest.NewServer(t)
	s := newSession(t, server)
	next := server.Next(1, "CreateToken")
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
		_, err := s.poll(t, "fake-device-code")
		var api smithy.APIError
		require.ErrorAs(t, err, &api, name)
		assert.Equal(t, tt.code, api.ErrorCode(), name)
		var response *awstokens.ResponseError
		require.ErrorAs(t, err, &response, name)
		assert.Equal(t, tt.status, response.StatusCode, name)
	}

	var send *awstokens.SendError
	device := s.start(t)
	require.NoError(t, server.ApproveDevice(device.UserCode.Reveal()))
	next.Cut()
	_, err := s.poll(t, device.DeviceCode)
	assert.ErrorAs(t, err, &send)
	next.LoseAnswer()
	_, err = s.poll(t, device.DeviceCode)
	assert.ErrorAs(t, err, &send)
	_, err = s.poll(t, device.DeviceCode)
	var used *ssooidc.InvalidGrantException
	assert.ErrorAs(t, err, &used, "the lost answer had the token")

	next.Delay(time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = s.CreateToken(ctx, &ssooidc.CreateTokenInput{ClientId: "c", ClientSecret: "fake", GrantType: ssooidc.GrantTypeRefreshToken, RefreshToken: "fake"})
	assert.ErrorIs(t, err, context.DeadlineExceeded)

	server.OneIn(1, "").Throttle()
	server.ClearFaults()
	s.start(t)
	assert.Panics(t, func() { server.Next(1, "NoSuchOperation") })
	assert.Panics(t, func() { server.Next(0, "").Throttle() })
}

// tb is a testing.TB that notes what happens to it.
type tb struct{ cleanups []func() }

func (*tb) Helper()            {}
func (t *tb) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }
func (*tb) Fatal(args ...any)  { panic(args) }

func TestNewServerClosesAtTheEnd(t *testing.T) {
	t.Parallel()
	var end tb
	server := ssooidctest.NewServer(&end)
	require.Len(t, end.cleanups, 1)
	end.cleanups[0]()
	resp, err := http.Post(server.URL()+"/client/register", "application/json", http.NoBody)
	if err == nil {
		resp.Body.Close()
	}
	assert.Error(t, err)
}
