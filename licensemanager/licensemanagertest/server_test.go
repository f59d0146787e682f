package licensemanagertest_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/licensemanagertest"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

var frozen = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// newClient returns a client that makes one attempt.
func newClient(t *testing.T, server *licensemanagertest.Server) *licensemanager.Client {
	t.Helper()
	cfg := server.Config()
	cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = 1 })
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	return client
}

func create(t *testing.T, client *licensemanager.Client, license string) error {
	t.Helper()
	_, err := client.CreateToken(t.Context(), &licensemanager.CreateTokenInput{ClientToken: "t-1", LicenseArn: license})
	return err
}

func TestOptions(t *testing.T) {
	t.Parallel()
	server := licensemanagertest.NewServer(t,
		licensemanagertest.WithRegion("eu-central-1"),
		licensemanagertest.WithFrozenTime(frozen),
		licensemanagertest.WithIssuer("https://issuer.example.com"),
		licensemanagertest.WithKeyID("k-1"),
		licensemanagertest.WithAlgorithm("RS256"),
		licensemanagertest.WithRoleClaim("arns"),
	)
	assert.Equal(t, "eu-central-1", server.Config().Region)
	assert.Equal(t, frozen, server.Now())
	assert.NoError(t, create(t, newClient(t, server), server.LicenseArn()))

	_, err := licensemanagertest.Start(licensemanagertest.WithAlgorithm("none"))
	assert.Error(t, err)
}

func TestLicensesAndTokens(t *testing.T) {
	t.Parallel()
	server := licensemanagertest.NewServer(t, licensemanagertest.WithFrozenTime(frozen))
	client := newClient(t, server)
	const license = "arn:aws:license-manager::444455556666:license:l-00000000000000000000000000000000"
	var missing *licensemanager.ResourceNotFoundException
	require.ErrorAs(t, create(t, client, license), &missing)
	server.AddLicense(license)
	require.NoError(t, create(t, client, license))
	assert.Equal(t, 1, server.Minted("t-1"))
	assert.Equal(t, 2, server.Requests("CreateToken"))
	assert.Equal(t, 2, server.Requests(""))

	server.ZonelessTimes(true)
	out, err := client.ListTokens(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, out.Tokens, 1)
	assert.Equal(t, "2027-01-02T03:04:05", out.Tokens[0].ExpirationTime)
}

func TestClock(t *testing.T) {
	t.Parallel()
	server := licensemanagertest.NewServer(t)
	assert.WithinDuration(t, time.Now(), server.Now(), time.Minute)
	server.Freeze()
	server.SetTime(frozen)
	server.Advance(time.Hour)
	assert.Equal(t, frozen.Add(time.Hour), server.Now())
	assert.Equal(t, server.Now(), server.Config().Now())
}

func TestFaults(t *testing.T) {
	t.Parallel()
	server := licensemanagertest.NewServer(t)
	client := newClient(t, server)
	next := server.Next(1, "CreateToken")
	for name, tt := range map[string]struct {
		script func()
		code   string
		status int
	}{
		"throttle":     {next.Throttle, "RateLimitExceededException", 400},
		"fail":         {func() { next.Fail(503) }, "ServerInternalException", 503},
		"fail untyped": {func() { next.FailUntyped(502) }, "UnknownError", 502},
		"refuse":       {func() { next.Refuse("RedirectException", "elsewhere", nil) }, "RedirectException", 400},
		"answer":       {func() { next.Answer(http.StatusConflict, nil, `{"__type":"Other"}`) }, "Other", 409},
	} {
		tt.script()
		err := create(t, client, server.LicenseArn())
		var api smithy.APIError
		require.ErrorAs(t, err, &api, name)
		assert.Equal(t, tt.code, api.ErrorCode(), name)
		var response *awstokens.ResponseError
		require.ErrorAs(t, err, &response, name)
		assert.Equal(t, tt.status, response.StatusCode, name)
	}
	assert.Zero(t, server.Minted("t-1"))

	var send *awstokens.SendError
	next.Cut()
	assert.ErrorAs(t, create(t, client, server.LicenseArn()), &send)
	assert.Zero(t, server.Minted("t-1"))
	next.LoseAnswer()
	assert.ErrorAs(t, create(t, client, server.LicenseArn()), &send)
	assert.Equal(t, 1, server.Minted("t-1"))

	server.Next(1, "ListTokens").Delay(time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := client.ListTokens(ctx, nil)
	assert.ErrorIs(t, err, context.DeadlineExceeded)

	next.OmitErrorHeader()
	var missing *licensemanager.ResourceNotFoundException
	assert.ErrorAs(t, create(t, client, server.LicenseArn()+"0"), &missing, "found by the body")

	server.OneIn(2, "").Throttle()
	assert.NoError(t, create(t, client, server.LicenseArn()))
	assert.Error(t, create(t, client, server.LicenseArn()))
	server.ClearFaults()
	for range 2 {
		assert.NoError(t, create(t, client, server.LicenseArn()))
	}
}

func TestScriptsThatCannotBe(t *testing.T) {
	t.Parallel()
	server := licensemanagertest.NewServer(t)
	assert.Panics(t, func() { server.Next(1, "NoSuchOperation") })
	assert.Panics(t, func() { server.Requests("NoSuchOperation") })
	assert.Panics(t, func() { server.Next(0, "").Throttle() })
	assert.Panics(t, func() { server.OneIn(1, "").Fail(42) })
	assert.NotPanics(t, func() { server.Requests("AssumeRoleWithWebIdentity") })
}

// One server is both services.
func TestIdentityCenter(t *testing.T) {
	t.Parallel()
	server := licensemanagertest.NewServer(t)
	identity := server.IdentityCenter()
	assert.Equal(t, server.URL(), identity.URL())
	client, err := ssooidc.New(server.Config())
	require.NoError(t, err)
	_, err = client.RegisterClient(t.Context(), &ssooidc.RegisterClientInput{ClientName: "test", ClientType: ssooidc.ClientTypePublic})
	require.NoError(t, err)
	assert.Equal(t, 1, identity.Requests("RegisterClient"))
}

// tb is a testing.TB that notes what happens to it.
type tb struct {
	failed   []any
	cleanups []func()
}

func (*tb) Helper()             {}
func (t *tb) Cleanup(f func())  { t.cleanups = append(t.cleanups, f) }
func (t *tb) Fatal(args ...any) { t.failed = args; panic(errFatal) }

var errFatal = errors.New("the test ends here")

func TestNewServer(t *testing.T) {
	t.Parallel()
	var end tb
	server := licensemanagertest.NewServer(&end)
	require.Len(t, end.cleanups, 1)
	end.cleanups[0]()
	assert.Error(t, create(t, newClient(t, server), server.LicenseArn()), "closed")

	assert.PanicsWithError(t, errFatal.Error(), func() {
		licensemanagertest.NewServer(&end, licensemanagertest.WithAlgorithm("none"))
	})
	assert.NotEmpty(t, end.failed)
}
