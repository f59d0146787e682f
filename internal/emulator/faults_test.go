package emulator_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

func (w *world) inject(t *testing.T, when emulator.When, fault emulator.Fault) {
	t.Helper()
	require.NoError(t, w.Inject(when, fault))
}

// status is the HTTP status of an error.
func status(err error) int {
	var response *awstokens.ResponseError
	if errors.As(err, &response) {
		return response.StatusCode
	}
	return 0
}

func TestErrorsHaveTheServicesFormat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for id, tt := range map[emulator.ServiceID]struct {
		call                func() error
		throttled, internal string
	}{
		emulator.LicenseManager: {func() error { _, err := w.lm.ListTokens(t.Context(), nil); return err },
			"RateLimitExceededException", "ServerInternalException"},
		emulator.IdentityCenter: {func() error {
			_, err := w.oidc.RegisterClient(t.Context(), &ssooidc.RegisterClientInput{ClientName: "test", ClientType: "public"})
			return err
		}, "SlowDownException", "InternalServerException"},
		emulator.STS: {func() error {
			_, err := w.sts.AssumeRoleWithWebIdentity(t.Context(), w.webIdentity(awstokens.NewSecret("fake-token")))
			return err
		},
			"Throttling", "InternalFailure"},
	} {
		w.inject(t, emulator.When{Service: id, Next: 1}, emulator.Fault{Throttle: true})
		err := tt.call()
		refused(t, err, tt.throttled)
		assert.Equal(t, 400, status(err), id)
		w.inject(t, emulator.When{Service: id, Next: 1}, emulator.Fault{InternalStatus: 503})
		err = tt.call()
		refused(t, err, tt.internal)
		assert.Equal(t, 503, status(err), id)
		w.inject(t, emulator.When{Service: id, Next: 1}, emulator.Fault{Code: tt.internal, Message: "on request"})
		err = tt.call()
		refused(t, err, tt.internal)
		assert.Equal(t, 500, status(err), id)
	}
}

func TestScriptedErrorsHaveTheirMembers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.inject(t, emulator.When{Service: emulator.LicenseManager, Next: 1}, emulator.Fault{
		Code: "RedirectException", Message: "elsewhere", Members: map[string]string{"Location": "https://elsewhere.example.com"},
	})
	_, err := w.lm.ListTokens(t.Context(), nil)
	var redirect *licensemanager.RedirectException
	require.ErrorAs(t, err, &redirect)
	assert.Equal(t, "https://elsewhere.example.com", redirect.Location)

	w.inject(t, emulator.When{Service: emulator.STS, Operation: "AssumeRoleWithWebIdentity", Next: 1}, emulator.Fault{Code: "IDPCommunicationError"})
	_, err = w.sts.AssumeRoleWithWebIdentity(t.Context(), w.webIdentity(awstokens.NewSecret("fake-token")))
	refused(t, err, "IDPCommunicationError")
	assert.Equal(t, 400, status(err))
}

func TestFaultsKeepTheirOrderAndCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.inject(t, emulator.When{Service: emulator.IdentityCenter, OneIn: 1}, emulator.Fault{CutBefore: true})
	w.inject(t, emulator.When{Service: emulator.LicenseManager, Operation: "CreateToken", OneIn: 1}, emulator.Fault{CutBefore: true})
	w.inject(t, emulator.When{Service: emulator.LicenseManager, Operation: "ListTokens", Next: 2}, emulator.Fault{Throttle: true})
	w.inject(t, emulator.When{Service: emulator.LicenseManager, Operation: "ListTokens", OneIn: 3}, emulator.Fault{InternalStatus: 500})
	var codes []string
	for range 9 {
		_, err := w.lm.ListTokens(t.Context(), nil)
		var api smithy.APIError
		code := ""
		if errors.As(err, &api) {
			code = api.ErrorCode()
		}
		codes = append(codes, code)
	}
	const throttled, internal = "RateLimitExceededException", "ServerInternalException"
	assert.Equal(t, []string{throttled, throttled, internal, "", "", internal, "", "", internal}, codes)
	assert.Equal(t, 9, w.Requests(emulator.LicenseManager, "ListTokens"))
	assert.Equal(t, 9, w.Requests(emulator.LicenseManager, ""))
	assert.Zero(t, w.Requests(emulator.IdentityCenter, ""))

	w.ClearFaults()
	for range 3 {
		_, err := w.lm.ListTokens(t.Context(), nil)
		assert.NoError(t, err)
	}
}

func TestCutConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, tt := range []struct {
		fault  emulator.Fault
		minted int
	}{
		{emulator.Fault{CutBefore: true}, 0},
		{emulator.Fault{LoseAnswer: true}, 1},
	} {
		clientToken := "t-" + strconv.Itoa(i)
		w.inject(t, emulator.When{Service: emulator.LicenseManager, Next: 1}, tt.fault)
		_, err := w.lm.CreateToken(t.Context(), w.tokenInput(clientToken))
		var send *awstokens.SendError
		require.ErrorAs(t, err, &send)
		assert.Equal(t, tt.minted, w.Minted(clientToken))
		w.createToken(t, w.tokenInput(clientToken))
		assert.Equal(t, 1, w.Minted(clientToken))
	}
}

func TestOmittedErrorHeader(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.inject(t, emulator.When{Service: emulator.IdentityCenter, Next: 1}, emulator.Fault{OmitErrorHeader: true})
	w.inject(t, emulator.When{Service: emulator.LicenseManager, Next: 1}, emulator.Fault{OmitErrorHeader: true})
	got := w.send(t, w.request(t, "/token", "application/json", `{"clientId":"c","clientSecret":"s","grantType":"refresh_token","refreshToken":"r"}`))
	assert.Equal(t, http.StatusUnauthorized, got.status)
	assert.Empty(t, got.header.Get("X-Amzn-Errortype"))
	assert.Equal(t, "invalid_client", got.json(t)["error"])
	got = w.send(t, w.target(t, "ListTokens", `{}`))
	assert.Empty(t, got.header.Get("X-Amzn-Errortype"))
	assert.Equal(t, "MissingAuthenticationTokenException", got.json(t)["__type"])
}

func TestScriptedResponse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.inject(t, emulator.When{Service: emulator.LicenseManager, Next: 1}, emulator.Fault{Answer: &emulator.Answer{
		Status: 418, Header: http.Header{"x-note": {"tea"}}, Body: "<html>",
	}})
	got := w.send(t, w.target(t, "ListTokens", `{}`))
	assert.Equal(t, 418, got.status)
	assert.Equal(t, "tea", got.header.Get("X-Note"))
	assert.Equal(t, "<html>", got.body)
}

func TestDelayEndsWithTheClient(t *testing.T) {
	t.Parallel()
	server, err := emulator.New(emulator.Options{})
	require.NoError(t, err)
	ctx, giveUp := context.WithCancel(t.Context())
	ended := make(chan struct{}, 1)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { ended <- struct{}{} }()
		giveUp() // now that the request is there
		server.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	cfg := server.Config()
	cfg.BaseEndpoint = front.URL
	w := &world{Server: server}
	w.lm, _, _ = clients(t, cfg)

	w.inject(t, emulator.When{Service: emulator.LicenseManager, Next: 1}, emulator.Fault{Delay: time.Hour})
	_, err = w.lm.CreateToken(ctx, w.tokenInput("t-1"))
	assert.ErrorIs(t, err, context.Canceled)
	<-ended
	assert.Equal(t, 1, w.Requests(emulator.LicenseManager, ""))
	assert.Zero(t, w.Minted("t-1"), "given up before it had any effect")

	w.inject(t, emulator.When{Service: emulator.LicenseManager, Next: 1}, emulator.Fault{Delay: time.Nanosecond})
	w.createToken(t, w.tokenInput("t-1"))
}

func TestCloseEndsADelay(t *testing.T) {
	t.Parallel()
	for minted, fault := range []emulator.Fault{{Delay: time.Hour}, {DelayAnswer: time.Hour}} {
		w := newWorld(t)
		w.inject(t, emulator.When{Service: emulator.LicenseManager, Next: 1}, fault)
		done := make(chan error)
		go func() {
			_, err := w.lm.CreateToken(t.Context(), w.tokenInput("t-1"))
			done <- err
		}()
		require.Eventually(t, func() bool {
			return w.Requests(emulator.LicenseManager, "") == 1 && w.Minted("t-1") == minted
		}, 30*time.Second, time.Millisecond)
		require.NoError(t, w.Close())
		assert.Error(t, <-done)
		assert.Equal(t, minted, w.Minted("t-1"))
		assert.NoError(t, w.Close(), "a second time")
	}
}

func TestInvalidFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	assert.Error(t, w.Inject(emulator.When{}, emulator.Fault{Throttle: true}))
	assert.Error(t, w.Inject(emulator.When{Service: emulator.LicenseManager, Next: 1}, emulator.Fault{InternalStatus: 99}))
	assert.Error(t, w.Inject(emulator.When{Service: emulator.LicenseManager, Next: 1}, emulator.Fault{Answer: &emulator.Answer{}}))
	assert.Error(t, w.Inject(emulator.When{Next: 1}, emulator.Fault{Throttle: true}), "of no service")
	for operation, of := range map[string][]emulator.ServiceID{
		"":                   {emulator.LicenseManager, emulator.IdentityCenter, emulator.STS},
		"CreateToken":        {emulator.LicenseManager, emulator.IdentityCenter},
		"DeleteToken":        {emulator.LicenseManager},
		"GetRoleCredentials": {emulator.IdentityCenter},
		"AssumeRole":         {emulator.STS},
		"DeleteEverything":   nil,
	} {
		for _, id := range []emulator.ServiceID{emulator.LicenseManager, emulator.IdentityCenter, emulator.STS, "Other"} {
			assert.Equal(t, slices.Contains(of, id), w.CheckOperation(id, operation) == nil, "%s of %s", operation, id)
		}
	}
}

// CreateToken is an operation of two services.
func TestFaultOfOneService(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.inject(t, emulator.When{Service: emulator.IdentityCenter, Operation: "CreateToken", OneIn: 1}, emulator.Fault{Throttle: true})
	w.createToken(t, w.tokenInput("t-1"))
	_, err := w.oidc.CreateToken(t.Context(), &ssooidc.CreateTokenInput{
		ClientId: "fake", ClientSecret: awstokens.NewSecret("fake"), GrantType: ssooidc.GrantTypeDeviceCode, DeviceCode: awstokens.NewSecret("fake"),
	})
	refused(t, err, "SlowDownException")
	assert.Equal(t, 1, w.Requests(emulator.LicenseManager, "CreateToken"))
	assert.Equal(t, 1, w.Requests(emulator.IdentityCenter, "CreateToken"))
	assert.Zero(t, w.Requests(emulator.STS, ""))
}

// With every fault on, a ClientToken stands for one token.
func TestManyClientsUnderFaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n, fault := range map[int]emulator.Fault{
		5: {Throttle: true}, 7: {InternalStatus: 500}, 11: {CutBefore: true}, 13: {LoseAnswer: true},
	} {
		w.inject(t, emulator.When{Service: emulator.LicenseManager, OneIn: n}, fault)
	}
	client, err := w.lm.With(func(c *awstokens.Config) { c.Retryer = attempts(20) })
	require.NoError(t, err)
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			out, err := client.CreateToken(t.Context(), w.tokenInput("t-"+strconv.Itoa(i)))
			if assert.NoError(t, err) {
				_, err = client.GetAccessToken(t.Context(), &licensemanager.GetAccessTokenInput{Token: out.Token})
				assert.NoError(t, err)
			}
			w.Advance(time.Millisecond)
			w.AddLicense("arn:aws:license-manager::111122223333:license:l-" + strconv.Itoa(i))
			w.Behave(func(b *emulator.Behavior) { b.ZonelessTimes = !b.ZonelessTimes })
		})
	}
	wg.Wait()
	for i := range 50 {
		assert.Equal(t, 1, w.Minted("t-"+strconv.Itoa(i)))
	}
}
