package emulator_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/internal/emulator"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

func (w *world) startDevice(t *testing.T, client *ssooidc.RegisterClientOutput) *ssooidc.StartDeviceAuthorizationOutput {
	t.Helper()
	out, err := w.oidc.StartDeviceAuthorization(t.Context(), &ssooidc.StartDeviceAuthorizationInput{
		ClientId: client.ClientId, ClientSecret: client.ClientSecret, StartUrl: "https://example.awsapps.com/start",
	})
	require.NoError(t, err)
	return out
}

func (w *world) poll(t *testing.T, client *ssooidc.RegisterClientOutput, device *ssooidc.StartDeviceAuthorizationOutput) (*ssooidc.CreateTokenOutput, error) {
	t.Helper()
	return w.token(t, client, ssooidc.GrantTypeDeviceCode, func(in *ssooidc.CreateTokenInput) { in.DeviceCode = device.DeviceCode })
}

func TestDeviceAuthorization(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.register(t)
	device := w.startDevice(t, client)
	assert.EqualValues(t, 600, device.ExpiresIn)
	assert.EqualValues(t, 1, device.Interval)
	assert.Regexp(t, `^[A-Z]{4}-[A-Z]{4}$`, device.UserCode.Reveal())
	assert.Equal(t, w.URL()+"/device", device.VerificationUri)
	assert.Equal(t, device.VerificationUri+"?user_code="+device.UserCode.Reveal(), device.VerificationUriComplete.Reveal())

	_, err := w.poll(t, client, device)
	refused(t, err, "AuthorizationPendingException")
	require.NoError(t, w.ApproveDevice(device.UserCode.Reveal()))
	assert.Error(t, w.DenyDevice(device.UserCode.Reveal()), "it no longer waits")
	_, err = w.poll(t, client, device)
	require.NoError(t, err)
	_, err = w.poll(t, client, device)
	refused(t, err, "InvalidGrantException")
}

func TestDeviceSlowDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.register(t)
	device := w.startDevice(t, client)
	for i, step := range []struct {
		wait time.Duration
		code string
	}{
		{0, "AuthorizationPendingException"}, // the first poll is never too early
		{time.Second, "AuthorizationPendingException"},
		{time.Second - time.Nanosecond, "SlowDownException"}, // from now on 6 s
		{5 * time.Second, "SlowDownException"},               // from now on 11 s
		{11 * time.Second, "AuthorizationPendingException"},
		{10 * time.Second, "SlowDownException"},
	} {
		w.Advance(step.wait)
		_, err := w.poll(t, client, device)
		var pending *ssooidc.AuthorizationPendingException
		if step.code == "AuthorizationPendingException" {
			assert.ErrorAs(t, err, &pending, i)
		} else {
			refused(t, err, step.code)
		}
	}
}

func TestDeviceDeniedAndExpired(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.register(t)
	denied, late := w.startDevice(t, client), w.startDevice(t, client)
	require.NoError(t, w.DenyDevice(denied.UserCode.Reveal()))
	_, err := w.poll(t, client, denied)
	refused(t, err, "AccessDeniedException")

	_, err = w.poll(t, w.register(t), late)
	refused(t, err, "InvalidGrantException")
	w.Advance(600*time.Second - time.Nanosecond)
	_, err = w.poll(t, client, late)
	refused(t, err, "AuthorizationPendingException")
	w.Advance(time.Nanosecond)
	_, err = w.poll(t, client, late)
	refused(t, err, "ExpiredTokenException")
	assert.Error(t, w.ApproveDevice(late.UserCode.Reveal()))
}

func TestStartUrlMustBeAURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.register(t)
	_, err := w.oidc.StartDeviceAuthorization(t.Context(), &ssooidc.StartDeviceAuthorizationInput{
		ClientId: client.ClientId, ClientSecret: client.ClientSecret, StartUrl: "no URL",
	})
	refused(t, err, "InvalidRequestException")
}

func TestAutoApprove(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *emulator.Options) { o.AutoApprove = true })
	client := w.register(t)
	_, err := w.poll(t, client, w.startDevice(t, client))
	assert.NoError(t, err)
}

// A person in a terminal approves with curl.
func TestDevicePageByProgram(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.register(t)
	device := w.startDevice(t, client)
	const form = "application/x-www-form-urlencoded"

	got := w.send(t, w.request(t, "/device", form, "user_code=NONE-NONE"))
	assert.Equal(t, http.StatusBadRequest, got.status)
	got = w.send(t, w.request(t, "/device", form, "user_code="+device.UserCode.Reveal()))
	assert.Equal(t, http.StatusOK, got.status, got.body)
	assert.Equal(t, "The device is approved.\n", got.body)
	_, err := w.poll(t, client, device)
	assert.NoError(t, err)

	denied := w.startDevice(t, client)
	got = w.send(t, w.request(t, "/device", form, "decision=deny&user_code="+denied.UserCode.Reveal()))
	assert.Equal(t, http.StatusOK, got.status, got.body)
	_, err = w.poll(t, client, denied)
	refused(t, err, "AccessDeniedException")
}

func TestDevicePageInBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.register(t)
	device := w.startDevice(t, client)
	code := device.UserCode.Reveal()

	got := w.browse(t, http.MethodGet, w.URL()+"/device", "")
	assert.Equal(t, http.StatusOK, got.status)
	assert.Contains(t, got.body, `<label for="code">`)
	got = w.browse(t, http.MethodGet, device.VerificationUriComplete.Reveal(), "")
	assert.Contains(t, got.body, `value="`+code+`"`)
	assert.Contains(t, got.body, "<strong>test</strong>")
	assert.Contains(t, got.body, "sso:account:access")

	got = w.browse(t, http.MethodPost, w.URL()+"/device", `user_code="><b>`)
	assert.Equal(t, http.StatusBadRequest, got.status)
	assert.Contains(t, got.body, `role="alert"`)
	assert.NotContains(t, got.body, "<b>")
	typed := strings.ToLower(strings.Replace(code, "-", " ", 1))
	got = w.browse(t, http.MethodPost, w.URL()+"/device", "decision=approve&user_code="+url.QueryEscape(typed))
	assert.Equal(t, http.StatusOK, got.status)
	assert.Contains(t, got.body, "The device is approved")
	_, err := w.poll(t, client, device)
	assert.NoError(t, err)
}

// A page of another site cannot send the forms in its visitor's name.
func TestPagesRefuseOtherSites(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	device := w.startDevice(t, w.register(t))
	for _, path := range []string{"/device", "/authorize"} {
		req := w.request(t, path, "application/x-www-form-urlencoded", "user_code="+device.UserCode.Reveal())
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		assert.Equal(t, http.StatusForbidden, w.send(t, req).status)
		got := w.browse(t, http.MethodHead, w.URL()+path, "")
		assert.Equal(t, http.StatusMethodNotAllowed, got.status)
		assert.Equal(t, "GET, POST", got.header.Get("Allow"))
	}
	assert.NoError(t, w.ApproveDevice(device.UserCode.Reveal()), "it still waits")
}
