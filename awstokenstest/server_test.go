package awstokenstest_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/internal/sts"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

var frozen = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// newClient returns a client that makes one attempt.
func newClient(t *testing.T, server *awstokenstest.Server) *licensemanager.Client {
	t.Helper()
	return newClientOf(t, oneAttempt(server.Config()))
}

func newClientOf(t *testing.T, cfg awstokens.Config) *licensemanager.Client {
	t.Helper()
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	return client
}

func oneAttempt(cfg awstokens.Config) awstokens.Config {
	cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = 1 })
	return cfg
}

// codeOf returns the code of an exception, or the text of another error.
func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

func create(t *testing.T, client *licensemanager.Client, license string) error {
	t.Helper()
	_, err := client.CreateToken(t.Context(), &licensemanager.CreateTokenInput{ClientToken: "t-1", LicenseArn: license})
	return err
}

func inProcess(o *awstokenstest.Options) { o.InProcess = true }

func atFrozen(o *awstokenstest.Options) { o.FrozenAt = frozen }

func TestOptions(t *testing.T) {
	t.Parallel()
	server := awstokenstest.NewServer(t, nil, atFrozen, func(o *awstokenstest.Options) {
		o.Region, o.AccountID, o.Addr, o.Path = "eu-central-1", "222233334444", "localhost:0", "/a/b/"
		o.Issuer, o.KeyID, o.Algorithm, o.RoleClaim = "https://issuer.example.com", "k-1", "RS256", "arns"
	})
	assert.Equal(t, "eu-central-1", server.Config().Region)
	assert.Equal(t, frozen, server.Now())
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+/a/b$`, server.URL())
	role := server.LicenseManager().RoleARN()
	assert.Contains(t, role, "222233334444")
	out, err := newClient(t, server).CreateToken(t.Context(), &licensemanager.CreateTokenInput{
		ClientToken: "t-1", LicenseArn: server.LicenseManager().LicenseARN(), RoleArns: []string{role},
	})
	require.NoError(t, err)
	header, claims := parts(t, out.Token)
	assert.Equal(t, map[string]any{"alg": "RS256", "kid": "k-1", "typ": "JWT"}, header)
	assert.Equal(t, "https://issuer.example.com", claims["iss"])
	assert.Equal(t, []any{role}, claims["arns"])

	root := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.Path = "/" })
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+$`, root.URL())
	assert.NoError(t, create(t, newClient(t, root), root.LicenseManager().LicenseARN()))
}

func TestInvalidOptions(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]func(*awstokenstest.Options){
		"algorithm":      func(o *awstokenstest.Options) { o.Algorithm = "none" },
		"account":        func(o *awstokenstest.Options) { o.AccountID = "12345678901x" },
		"not loopback":   func(o *awstokenstest.Options) { o.Addr = "0.0.0.0:0" },
		"relative path":  func(o *awstokenstest.Options) { o.Path = "a" },
		"addr and no IO": func(o *awstokenstest.Options) { o.Addr, o.InProcess = "127.0.0.1:0", true },
		"page and no IO": func(o *awstokenstest.Options) { o.Window, o.InProcess = true, true },
	} {
		_, err := awstokenstest.Start(option)
		assert.ErrorContains(t, err, "awstokenstest: ", name)
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{false, true} {
		server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.Window = on })
		resp, err := http.Get(server.URL())
		require.NoError(t, err)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		resp.Body.Close()
		assert.Equal(t, on, resp.StatusCode == http.StatusOK)
		assert.Equal(t, on, strings.Contains(string(text), "<title>Emulator</title>"))
	}
}

// parts decodes a JWT without verifying it.
func parts(t *testing.T, token awstokens.Secret) (header, claims map[string]any) {
	t.Helper()
	segments := strings.Split(token.Reveal(), ".")
	require.Len(t, segments, 3)
	for i, into := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(segments[i])
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, into))
	}
	return header, claims
}

func TestLicensesAndTokens(t *testing.T) {
	t.Parallel()
	server := awstokenstest.NewServer(t, atFrozen)
	client := newClient(t, server)
	const license = "arn:aws:license-manager::444455556666:license:l-00000000000000000000000000000000"
	var missing *licensemanager.ResourceNotFoundException
	require.ErrorAs(t, create(t, client, license), &missing)
	server.LicenseManager().AddLicense(license)
	require.NoError(t, create(t, client, license))
	assert.Equal(t, 1, server.LicenseManager().Minted("t-1"))
	assert.Equal(t, 2, server.LicenseManager().Requests("CreateToken"))
	assert.Equal(t, 2, server.LicenseManager().Requests(""))

	server.LicenseManager().ZonelessTimes(true)
	out, err := client.ListTokens(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, out.Tokens, 1)
	assert.Equal(t, "2027-01-02T03:04:05", out.Tokens[0].ExpirationTime)
}

func TestClock(t *testing.T) {
	t.Parallel()
	server := awstokenstest.NewServer(t)
	assert.WithinDuration(t, time.Now(), server.Now(), time.Minute)
	server.Freeze()
	server.SetTime(frozen)
	server.Advance(time.Hour)
	assert.Equal(t, frozen.Add(time.Hour), server.Now())
	assert.Equal(t, server.Now(), server.Config().Now())
}

func TestFaults(t *testing.T) {
	t.Parallel()
	server := awstokenstest.NewServer(t)
	client := newClient(t, server)
	next := server.LicenseManager().Next(1, "CreateToken")
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
		err := create(t, client, server.LicenseManager().LicenseARN())
		var api smithy.APIError
		require.ErrorAs(t, err, &api, name)
		assert.Equal(t, tt.code, api.ErrorCode(), name)
		var response *awstokens.ResponseError
		require.ErrorAs(t, err, &response, name)
		assert.Equal(t, tt.status, response.StatusCode, name)
	}
	assert.Zero(t, server.LicenseManager().Minted("t-1"))

	var send *awstokens.SendError
	next.Cut()
	assert.ErrorAs(t, create(t, client, server.LicenseManager().LicenseARN()), &send)
	assert.Zero(t, server.LicenseManager().Minted("t-1"))
	next.LoseAnswer()
	assert.ErrorAs(t, create(t, client, server.LicenseManager().LicenseARN()), &send)
	assert.Equal(t, 1, server.LicenseManager().Minted("t-1"))

	server.LicenseManager().Next(1, "ListTokens").Delay(time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := client.ListTokens(ctx, nil)
	assert.ErrorIs(t, err, context.DeadlineExceeded)

	next.OmitErrorHeader()
	var missing *licensemanager.ResourceNotFoundException
	assert.ErrorAs(t, create(t, client, server.LicenseManager().LicenseARN()+"0"), &missing, "found by the body")

	server.LicenseManager().OneIn(2, "").Throttle()
	assert.NoError(t, create(t, client, server.LicenseManager().LicenseARN()))
	assert.Error(t, create(t, client, server.LicenseManager().LicenseARN()))
	server.ClearFaults()
	for range 2 {
		assert.NoError(t, create(t, client, server.LicenseManager().LicenseARN()))
	}
}

// A delayed request is not processed if the client gives up, one whose response
// is delayed is.
func TestDelays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, inProcess)
		service, client := server.LicenseManager(), newClient(t, server)
		for minted, delay := range []func(time.Duration){service.Next(2, "CreateToken").Delay, service.Next(2, "CreateToken").DelayAnswer} {
			delay(2 * time.Minute)
			input := &licensemanager.CreateTokenInput{ClientToken: strconv.Itoa(minted), LicenseArn: service.LicenseARN()}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			_, err := client.CreateToken(ctx, input)
			cancel()
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.True(t, awstokens.MayHaveProcessed(err))
			assert.Equal(t, minted, service.Minted(input.ClientToken))

			start := time.Now()
			_, err = client.CreateToken(t.Context(), input)
			require.NoError(t, err)
			assert.Equal(t, 2*time.Minute, time.Since(start))
			assert.Equal(t, 1, service.Minted(input.ClientToken))
		}
	})
}

func TestInvalidScripts(t *testing.T) {
	t.Parallel()
	server := awstokenstest.NewServer(t, inProcess)
	for operation, of := range map[string][]bool{ // of License Manager, Identity Center, STS
		"":                   {true, true, true},
		"CreateToken":        {true, true, false},
		"DeleteToken":        {true, false, false},
		"GetRoleCredentials": {false, true, false},
		"AssumeRole":         {false, false, true},
		"NoSuchOperation":    {false, false, false},
	} {
		for i, service := range []awstokenstest.Service{server.LicenseManager().Service, server.IdentityCenter().Service, server.STS().Service} {
			for _, use := range []func(){
				func() { service.Next(1, operation) },
				func() { service.OneIn(1, operation) },
				func() { service.Requests(operation) },
			} {
				if of[i] {
					assert.NotPanics(t, use, operation)
				} else {
					assert.Panics(t, use, operation)
				}
			}
		}
	}
	assert.Panics(t, func() { server.STS().Next(0, "") })
	assert.Panics(t, func() { server.STS().OneIn(-1, "") })
	for _, status := range []int{-1, 0, 42, 199, 600} {
		assert.Panics(t, func() { server.STS().OneIn(1, "").Fail(status) }, status)
		assert.Panics(t, func() { server.STS().OneIn(1, "").FailUntyped(status) }, status)
		assert.Panics(t, func() { server.STS().OneIn(1, "").Answer(status, nil, "") }, status)
	}
	assert.Panics(t, func() { server.STS().OneIn(1, "").Refuse("", "no fault at all", nil) })
}

// A script is what it was when it was written, whatever becomes of its map.
func TestScriptsAreCopied(t *testing.T) {
	t.Parallel()
	server := awstokenstest.NewServer(t, inProcess)
	client, faults := newClient(t, server), server.LicenseManager().Next(1, "CreateToken")
	members, header := map[string]string{}, http.Header{}
	for _, region := range []string{"eu-west-1", "us-west-2"} {
		members["Location"] = region
		faults.Refuse("RedirectException", "elsewhere", members)
	}
	for _, code := range []string{"FirstException", "SecondException"} {
		header.Set("X-Amzn-Errortype", code)
		faults.Answer(http.StatusBadRequest, header, "{}")
	}
	for _, region := range []string{"eu-west-1", "us-west-2"} {
		var redirect *licensemanager.RedirectException
		require.ErrorAs(t, create(t, client, server.LicenseManager().LicenseARN()), &redirect)
		assert.Equal(t, region, redirect.Location)
	}
	for _, code := range []string{"FirstException", "SecondException"} {
		assert.Equal(t, code, codeOf(create(t, client, server.LicenseManager().LicenseARN())))
	}
}

// A fault that is scripted for one service does not happen to another, and
// ClearFaults removes those of all.
func TestFaultsAndCountersOfEachService(t *testing.T) {
	t.Parallel()
	server := awstokenstest.NewServer(t, inProcess)
	lm := newClient(t, server)
	oidc := newSession(t, server)
	roles, err := sts.New(oneAttempt(server.Config()))
	require.NoError(t, err)
	call := func() (codes []string) {
		_, identity := oidc.CreateToken(t.Context(), &ssooidc.CreateTokenInput{
			ClientId: "fake", ClientSecret: awstokens.NewSecret("fake"), GrantType: ssooidc.GrantTypeDeviceCode, DeviceCode: awstokens.NewSecret("fake"),
		})
		_, role := roles.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: server.LicenseManager().RoleARN(), RoleSessionName: "session"})
		for _, err := range []error{create(t, lm, server.LicenseManager().LicenseARN()), identity, role} {
			codes = append(codes, codeOf(err))
		}
		return codes
	}
	server.LicenseManager().Next(1, "").Throttle()
	assert.Equal(t, []string{"RateLimitExceededException", "InvalidClientException", "<nil>"}, call())
	server.IdentityCenter().OneIn(1, "CreateToken").Throttle()
	assert.Equal(t, []string{"<nil>", "SlowDownException", "<nil>"}, call())
	server.STS().OneIn(1, "AssumeRole").Refuse("AccessDenied", "no", nil)
	assert.Equal(t, []string{"<nil>", "SlowDownException", "AccessDenied"}, call())
	server.ClearFaults()
	assert.Equal(t, []string{"<nil>", "InvalidClientException", "<nil>"}, call())

	assert.Equal(t, 4, server.LicenseManager().Requests("CreateToken"))
	assert.Equal(t, 4, server.LicenseManager().Requests(""))
	assert.Equal(t, 4, server.IdentityCenter().Requests("CreateToken"))
	assert.Equal(t, 5, server.IdentityCenter().Requests(""), "and a registration")
	assert.Equal(t, 4, server.STS().Requests(""))
}

// An environment that points at other places does not keep another process from
// the server.
func TestEnviron(t *testing.T) {
	const child = "AWSTOKENSTEST_LICENSE"
	if license := os.Getenv(child); license != "" {
		cfg, err := awstokens.ConfigFromEnv()
		require.NoError(t, err)
		require.NoError(t, create(t, newClientOf(t, cfg), license))
		return
	}
	for name, value := range map[string]string{
		"AWS_PROFILE": "other", "AWS_SESSION_TOKEN": "fake-session-token", "AWS_REGION": "us-west-2", "AWS_CA_BUNDLE": "no-such-file",
		"AWS_ENDPOINT_URL_LICENSE_MANAGER": "https://license-manager.example.com", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "OTHER": "kept",
	} {
		t.Setenv(name, value)
	}
	server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.Region = "eu-central-1" })
	env := server.Environ()
	assert.Contains(t, env, "OTHER=kept")
	cmd := exec.Command(os.Args[0], "-test.run=^TestEnviron$")
	cmd.Env = append(env, child+"="+server.LicenseManager().LicenseARN())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Equal(t, 1, server.LicenseManager().Minted("t-1"))

	assert.Panics(t, func() { awstokenstest.NewServer(t, inProcess).Environ() })
}

// Where a proxy is set, programs in Python would send it what is for the server.
func TestEnvironBehindAProxy(t *testing.T) {
	for _, tt := range []struct{ name, value, want string }{
		{"NO_PROXY", "", "127.0.0.1"},
		{"NO_PROXY", "corp.example", "corp.example,127.0.0.1"},
		{"no_proxy", "corp.example", "corp.example,127.0.0.1"},
		{"NO_PROXY", "*", "*"},
	} {
		t.Setenv("NO_PROXY", "")
		t.Setenv("no_proxy", "")
		t.Setenv(tt.name, tt.value)
		cmd := exec.Cmd{Env: awstokenstest.NewServer(t).Environ()}
		assert.Contains(t, cmd.Environ(), "no_proxy="+tt.want)
		if runtime.GOOS != "windows" { // where they are one variable
			assert.Contains(t, cmd.Environ(), "NO_PROXY="+tt.want)
		}
	}
}

// tb is a testing.TB that records its calls.
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
	server := awstokenstest.NewServer(&end)
	assert.Regexp(t, `/emulator$`, server.URL())
	require.Len(t, end.cleanups, 1)
	end.cleanups[0]()
	resp, err := http.Post(server.URL()+"/client/register", "application/json", http.NoBody)
	if err == nil {
		resp.Body.Close()
	}
	assert.Error(t, err, "closed")

	assert.PanicsWithError(t, errFatal.Error(), func() {
		awstokenstest.NewServer(&end, func(o *awstokenstest.Options) { o.Algorithm = "none" })
	})
	assert.NotEmpty(t, end.failed)
}
