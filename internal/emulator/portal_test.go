package emulator_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// portal sends a raw request to the access portal.
func (w *world) portal(t *testing.T, method, path string, token awstokens.Secret) response {
	t.Helper()
	req, err := http.NewRequest(method, w.URL()+path, nil)
	require.NoError(t, err)
	if !token.IsZero() {
		req.Header.Set("x-amz-sso_bearer_token", token.Reveal())
	}
	return w.send(t, req)
}

const credentialsPath = "/federation/credentials?role_name=ReadOnlyAccess&account_id=111122223333"

func TestPortal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.SignIn()
	got := w.portal(t, "GET", "/assignment/accounts?max_result=1", token)
	assert.Equal(t, http.StatusOK, got.status)
	assert.Equal(t, []any{map[string]any{"accountId": "111122223333", "accountName": "Emulator", "emailAddress": "emulator@example.com"}}, got.json(t)["accountList"])
	next, _ := got.json(t)["nextToken"].(string)
	got = w.portal(t, "GET", "/assignment/accounts?max_result=1&next_token="+next, token)
	assert.Len(t, got.json(t)["accountList"], 1)
	assert.Nil(t, got.json(t)["nextToken"])
	got = w.portal(t, "GET", "/assignment/roles?account_id=444455556666", token)
	assert.Equal(t, []any{map[string]any{"roleName": "PowerUserAccess", "accountId": "444455556666"}}, got.json(t)["roleList"])
	got = w.portal(t, "POST", "/logout", token)
	assert.Equal(t, response{http.StatusOK, got.header, ""}, got)

	w.SetAccounts(emulator.Account{ID: "123456789012"})
	got = w.portal(t, "GET", "/assignment/roles?account_id=123456789012", w.SignIn())
	assert.Equal(t, []any{}, got.json(t)["roleList"])
}

func TestPortalRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token, expired := w.SignIn(), w.SignIn()
	for _, tt := range []struct {
		method, path string
		token        awstokens.Secret
		status       int
		code         string
	}{
		{"GET", credentialsPath, awstokens.NewSecret(""), http.StatusBadRequest, "InvalidRequestException"},
		{"GET", credentialsPath, awstokens.NewSecret("fake-token"), http.StatusUnauthorized, "UnauthorizedException"},
		{"GET", "/federation/credentials?role_name=ReadOnlyAccess", token, http.StatusBadRequest, "InvalidRequestException"},
		{"GET", "/federation/credentials?account_id=111122223333", token, http.StatusBadRequest, "InvalidRequestException"},
		{"GET", "/federation/credentials?role_name=PowerUserAccess&account_id=111122223333", token, http.StatusForbidden, "ForbiddenException"},
		{"GET", "/federation/credentials?role_name=ReadOnlyAccess&account_id=999999999999", token, http.StatusForbidden, "ForbiddenException"},
		{"GET", "/assignment/roles?account_id=999999999999", token, http.StatusForbidden, "ForbiddenException"},
		{"GET", "/assignment/accounts?max_result=0", token, http.StatusBadRequest, "InvalidRequestException"},
		{"GET", "/assignment/accounts?max_result=101", token, http.StatusBadRequest, "InvalidRequestException"},
		{"GET", "/assignment/accounts?max_result=many", token, http.StatusBadRequest, "InvalidRequestException"},
		{"GET", "/assignment/accounts?next_token=!", token, http.StatusBadRequest, "InvalidRequestException"},
		{"POST", "/logout", awstokens.NewSecret("fake-token"), http.StatusUnauthorized, "UnauthorizedException"},
	} {
		got := w.portal(t, tt.method, tt.path, tt.token)
		assert.Equal(t, tt.status, got.status, tt.path)
		assert.Equal(t, tt.code, got.header.Get("X-Amzn-Errortype"), tt.path)
		assert.Equal(t, "com.amazonaws.switchboard.portal#"+tt.code, got.json(t)["__type"], tt.path)
		assert.NotEmpty(t, got.json(t)["message"], tt.path)
	}
	assert.Equal(t, http.StatusNotFound, w.portal(t, "POST", credentialsPath, token).status)
	assert.Equal(t, http.StatusNotFound, w.portal(t, "GET", "/logout", token).status)

	w.Advance(time.Hour - time.Nanosecond)
	assert.Equal(t, http.StatusOK, w.portal(t, "GET", credentialsPath, expired).status)
	w.Advance(time.Nanosecond)
	assert.Equal(t, http.StatusUnauthorized, w.portal(t, "GET", credentialsPath, expired).status)
}

// Credentials of the portal sign calls of their account for an hour, even if the
// user logs out.
func TestPortalCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	token := w.SignIn()
	keys := w.portal(t, "GET", credentialsPath, token).json(t)["roleCredentials"].(map[string]any)
	assert.Equal(t, float64(startTime.Add(time.Hour).UnixMilli()), keys["expiration"])
	withKey(keys["accessKeyId"].(string), keys["secretAccessKey"].(string), keys["sessionToken"].(string))(&w.cfg)
	lm, _, _ := clients(t, w.cfg)

	assert.Equal(t, http.StatusOK, w.portal(t, "POST", "/logout", token).status)
	req := w.request(t, "/", "application/x-www-form-urlencoded", "Action=GetCallerIdentity&Version=2011-06-15")
	w.sign(t, req, "sts")
	assert.Regexp(t, `<Arn>arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_ReadOnlyAccess_[0-9a-f]{16}/emulated-user</Arn>`, w.send(t, req).body)
	w.Advance(time.Hour - time.Second)
	_, err := lm.ListTokens(t.Context(), nil)
	assert.NoError(t, err)
	w.Advance(time.Second)
	_, err = lm.ListTokens(t.Context(), nil)
	refused(t, err, "ExpiredTokenException")
}

// A logout ends every access token of the login, and its refresh token.
func TestLogoutEndsTheLogin(t *testing.T) {
	t.Parallel()
	for _, rotate := range []bool{false, true} {
		w := newWorld(t)
		w.Behave(func(b *emulator.Behavior) { b.AutoApprove, b.RotateRefreshTokens = true, rotate })
		client := w.register(t)
		device, err := w.oidc.StartDeviceAuthorization(t.Context(), &ssooidc.StartDeviceAuthorizationInput{
			ClientId: client.ClientId, ClientSecret: client.ClientSecret, StartUrl: "https://example.awsapps.com/start",
		})
		require.NoError(t, err)
		first, err := w.token(t, client, ssooidc.GrantTypeDeviceCode, func(in *ssooidc.CreateTokenInput) { in.DeviceCode = device.DeviceCode })
		require.NoError(t, err)
		refreshToken := first.RefreshToken
		refresh := func() (*ssooidc.CreateTokenOutput, error) {
			return w.token(t, client, ssooidc.GrantTypeRefreshToken, func(in *ssooidc.CreateTokenInput) { in.RefreshToken = refreshToken })
		}
		second, err := refresh()
		require.NoError(t, err)
		if rotate {
			refreshToken = second.RefreshToken
		}
		other := w.SignIn()
		assert.Equal(t, http.StatusOK, w.portal(t, "POST", "/logout", second.AccessToken).status)
		for _, token := range []awstokens.Secret{first.AccessToken, second.AccessToken} {
			assert.Equal(t, http.StatusUnauthorized, w.portal(t, "GET", credentialsPath, token).status)
		}
		_, err = refresh()
		refused(t, err, "InvalidGrantException")
		assert.Equal(t, http.StatusOK, w.portal(t, "GET", credentialsPath, other).status)
	}
}
