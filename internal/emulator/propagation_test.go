package emulator_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
	"github.com/seed-25f54b62/awstokens/internal/sts"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// exchange makes tokens of an application with a user's JWT.
func (w *world) exchange(t *testing.T) *ssooidc.CreateTokenWithIAMOutput {
	t.Helper()
	out, err := w.oidc.CreateTokenWithIAM(t.Context(), &ssooidc.CreateTokenWithIAMInput{
		ClientId: application, GrantType: ssooidc.GrantTypeJWTBearer, Assertion: w.UserJWT(),
	})
	require.NoError(t, err)
	return out
}

func (w *world) refreshApplication(t *testing.T, token awstokens.Secret) (*ssooidc.CreateTokenWithIAMOutput, error) {
	t.Helper()
	return w.oidc.CreateTokenWithIAM(t.Context(), &ssooidc.CreateTokenWithIAMInput{
		ClientId: application, GrantType: ssooidc.GrantTypeRefreshToken, RefreshToken: token,
	})
}

func (w *world) assume(t *testing.T, contexts ...sts.ProvidedContext) error {
	t.Helper()
	_, err := w.sts.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: w.RoleARN(), RoleSessionName: "session", ProvidedContexts: contexts})
	return err
}

func contextOf(out *ssooidc.CreateTokenWithIAMOutput) sts.ProvidedContext {
	return sts.ProvidedContext{
		ProviderArn:      "arn:aws:iam::aws:contextProvider/IdentityCenter",
		ContextAssertion: out.AwsAdditionalDetails.IdentityContext,
	}
}

func TestContexts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := contextOf(w.exchange(t))
	assert.NoError(t, w.assume(t, good))
	assert.NoError(t, w.assume(t, good, good, good, good, contextOf(w.exchange(t))))

	unknown, elsewhere := good, good
	unknown.ContextAssertion = awstokens.NewSecret("fake-context")
	elsewhere.ProviderArn += "s"
	for _, bad := range []sts.ProvidedContext{unknown, elsewhere} {
		refused(t, w.assume(t, bad), "ValidationError")
		refused(t, w.assume(t, good, bad), "ValidationError")
	}

	cfg := w.cfg
	cfg.DisableValidation = true
	careless, err := sts.New(cfg)
	require.NoError(t, err)
	_, err = careless.AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: w.RoleARN(), RoleSessionName: "session", ProvidedContexts: []sts.ProvidedContext{good, good, good, good, good, good},
	})
	refused(t, err, "ValidationError")
	short := good
	short.ContextAssertion = awstokens.NewSecret("x")
	_, err = careless.AssumeRole(t.Context(), &sts.AssumeRoleInput{
		RoleArn: w.RoleARN(), RoleSessionName: "session", ProvidedContexts: []sts.ProvidedContext{short},
	})
	refused(t, err, "ValidationError")

	w.EndSessions()
	w.Advance(time.Hour - 1)
	assert.NoError(t, w.assume(t, good), "a context outlives its session")
	w.Advance(1)
	err = w.assume(t, good)
	refused(t, err, "ValidationError")
	assert.ErrorContains(t, err, "expired")
}

func TestDenySetContext(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *emulator.Options) { o.DenySetContext = true })
	assert.NoError(t, w.assume(t), "without a context")
	err := w.assume(t, contextOf(w.exchange(t)))
	refused(t, err, "AccessDenied")
	assert.ErrorContains(t, err, "sts:SetContext")
}

// A session of an application ends 24 hours after the grant that began it,
// whether or not it is used and its refresh tokens rotate. That of a registered
// client does not.
func TestApplicationSession(t *testing.T) {
	t.Parallel()
	for _, rotate := range []bool{false, true} {
		for life, option := range map[time.Duration]time.Duration{24 * time.Hour: 0, 90 * time.Minute: 90 * time.Minute} {
			w := newWorld(t, func(o *emulator.Options) {
				o.RotateRefreshTokens, o.ApplicationSession, o.AutoApprove = rotate, option, true
			})
			client := w.register(t)
			login, err := w.poll(t, client, w.startDevice(t, client))
			require.NoError(t, err)

			token := w.exchange(t).RefreshToken
			for range 2 {
				w.Advance(life/2 - 1)
				out, err := w.refreshApplication(t, token)
				require.NoError(t, err)
				token = out.RefreshToken
			}
			w.Advance(2)
			_, err = w.refreshApplication(t, token)
			refused(t, err, "ExpiredTokenException")
			w.Advance(24 * time.Hour)
			_, err = w.refreshApplication(t, token)
			refused(t, err, "InvalidGrantException")

			_, err = w.token(t, client, ssooidc.GrantTypeRefreshToken, func(in *ssooidc.CreateTokenInput) { in.RefreshToken = login.RefreshToken })
			assert.NoError(t, err)
		}
	}
}

func TestEndSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before, portalToken := w.exchange(t), w.SignIn()
	w.EndSessions()
	_, err := w.refreshApplication(t, before.RefreshToken)
	refused(t, err, "InvalidGrantException")
	assert.Equal(t, http.StatusUnauthorized, w.portal(t, "GET", credentialsPath, portalToken).status)
	_, err = w.refreshApplication(t, w.exchange(t).RefreshToken)
	assert.NoError(t, err)
	assert.Equal(t, http.StatusOK, w.portal(t, "GET", credentialsPath, w.SignIn()).status)
}

func TestReusedJWTs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := &ssooidc.CreateTokenWithIAMInput{ClientId: application, GrantType: ssooidc.GrantTypeJWTBearer, Assertion: w.UserJWT()}
	require.NoError(t, w.Inject(emulator.When{Service: emulator.IdentityCenter, Next: 1}, emulator.Fault{LoseAnswer: true}))
	_, err := w.oidc.CreateTokenWithIAM(t.Context(), in)
	require.Error(t, err)
	assert.Zero(t, w.ReusedJWTs())
	for n := range 2 {
		_, err = w.oidc.CreateTokenWithIAM(t.Context(), in)
		refused(t, err, "InvalidGrantException")
		assert.Equal(t, n+1, w.ReusedJWTs())
	}
}

// A user's JWT is a web identity for any role, as often as it is presented.
func TestUserJWTAsWebIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	jwt := w.UserJWT()
	role := "arn:aws:iam::444455556666:role/Bootstrap"
	for range 2 {
		got := w.form(t, url.Values{
			"Action":           {"AssumeRoleWithWebIdentity"},
			"RoleArn":          {role},
			"RoleSessionName":  {"session"},
			"WebIdentityToken": {jwt.Reveal()},
		})
		require.Equal(t, http.StatusOK, got.status, got.body)
		assert.Contains(t, got.body, "<Arn>arn:aws:sts::444455556666:assumed-role/Bootstrap/session</Arn>")
		assert.Contains(t, got.body, "<Provider>https://idp.example.com</Provider><Audience>awstokens</Audience>")
	}
	w.Advance(time.Hour)
	_, err := w.sts.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{RoleArn: role, RoleSessionName: "session", WebIdentityToken: jwt})
	refused(t, err, "ExpiredTokenException")
}

func TestUserJWTPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := func(method string) response {
		req, err := http.NewRequest(method, w.URL()+"/user-jwt", nil)
		require.NoError(t, err)
		return w.send(t, req)
	}
	got := page(http.MethodGet)
	assert.Equal(t, http.StatusOK, got.status)
	assert.NotEqual(t, got.body, page(http.MethodGet).body)
	_, err := w.oidc.CreateTokenWithIAM(t.Context(), &ssooidc.CreateTokenWithIAMInput{
		ClientId: application, GrantType: ssooidc.GrantTypeJWTBearer, Assertion: awstokens.NewSecret(strings.TrimSpace(got.body)),
	})
	assert.NoError(t, err)
	assert.Equal(t, http.StatusNotFound, page(http.MethodPost).status)
}

// An expired signature is told from an expired token: it is no OAuth error.
func TestExpiredSignerIsNoOAuthError(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	out, err := w.sts.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: w.RoleARN(), RoleSessionName: "session"})
	require.NoError(t, err)
	w.Advance(time.Hour)
	cfg := w.cfg
	withCredentials(out.Credentials())(&cfg)
	client, err := ssooidc.New(cfg)
	require.NoError(t, err)
	_, err = client.CreateTokenWithIAM(t.Context(), &ssooidc.CreateTokenWithIAMInput{
		ClientId: application, GrantType: ssooidc.GrantTypeJWTBearer, Assertion: w.UserJWT(),
	})
	var expired *ssooidc.ExpiredTokenException
	require.ErrorAs(t, err, &expired)
	assert.Empty(t, expired.OAuthError)
	assert.Contains(t, expired.Message, "security token included in the request is expired")
	assert.ErrorContains(t, err, "StatusCode: 403")
}
