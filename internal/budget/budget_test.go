//go:build !race

// Package budget_test holds the module to what a call may cost. The race
// detector allocates too, so it has no part in this. That Validate of a valid
// input allocates nothing, and that encoding one allocates once, is asserted for
// every input in internal/facts.
package budget_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/aws/smithy-go/metrics"
	"github.com/aws/smithy-go/tracing"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// stub reads every request and responds with body. It writes another letter in
// place of every # each time, so that no two responses have the same token.
type stub struct {
	body  []byte
	calls int
}

func (s *stub) Do(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return nil, err
		}
	}
	s.calls++
	body := bytes.Clone(s.body)
	for i, letter := range body {
		if letter == '#' {
			body[i] = 'A' + byte((s.calls*31+i*s.calls)%26)
		}
	}
	return &http.Response{
		StatusCode:    http.StatusOK,
		Header:        http.Header{"X-Amzn-Requestid": {"11111111-2222-3333-4444-555555555555"}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
	}, nil
}

// cost is what a call allocates.
type cost struct {
	allocs float64
	bytes  uint64
}

func measure(t *testing.T, call func() error) cost {
	run := func() { require.NoError(t, call()) }
	return cost{testing.AllocsPerRun(1000, run), bytesPerRun(1000, run)}
}

// bytesPerRun is testing.AllocsPerRun for bytes.
func bytesPerRun(runs int, f func()) uint64 {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	f()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		f()
	}
	runtime.ReadMemStats(&after)
	return (after.TotalAlloc - before.TotalAlloc) / uint64(runs)
}

// ownCost is what the stub allocates.
func (s *stub) ownCost(t *testing.T) cost {
	req := &http.Request{Body: http.NoBody}
	return measure(t, func() error {
		_, err := s.Do(req)
		return err
	})
}

func (s *stub) config() awstokens.Config {
	return awstokens.Config{
		Region:      "us-east-1",
		Credentials: awstokens.StaticCredentials("AKIDEXAMPLE", "not-a-real-secret-key", ""),
		HTTPClient:  s,
	}
}

func token(length int) string { return strings.Repeat("#", length) }

// signedCall costs 111 allocations when it is written by hand with net/http and
// aws-http-auth, and 308 with aws-sdk-go-v2.
func signedCall(t *testing.T, s *stub) func() error {
	s.body = []byte(`{"Token":"` + token(600) + `","TokenId":"t-1","TokenType":"REFRESH_TOKEN"}`)
	client, err := licensemanager.New(s.config())
	require.NoError(t, err)
	in := &licensemanager.CreateTokenInput{
		ClientToken:     "00000000-0000-4000-8000-000000000000",
		LicenseArn:      "arn:aws:license-manager::123456789012:license:l-0123456789abcdef0123456789abcdef",
		RoleArns:        []string{"arn:aws:iam::123456789012:role/Consumer"},
		TokenProperties: []string{"customer=example"},
	}
	return func() error {
		_, err := client.CreateToken(context.Background(), in)
		return err
	}
}

// unsignedCall costs 30 allocations by hand, and 226 with aws-sdk-go-v2.
func unsignedCall(t *testing.T, s *stub) func() error {
	s.body = []byte(`{"accessToken":"` + token(300) + `","tokenType":"Bearer","expiresIn":28800,"refreshToken":"` + token(300) + `","idToken":null}`)
	client, err := ssooidc.New(s.config())
	require.NoError(t, err)
	in := &ssooidc.CreateTokenInput{
		ClientId:     "client-example",
		ClientSecret: awstokens.NewSecret("not-a-real-client-secret"),
		GrantType:    ssooidc.GrantTypeRefreshToken,
		RefreshToken: awstokens.NewSecret("not-a-real-refresh-token"),
	}
	return func() error {
		_, err := client.CreateToken(context.Background(), in)
		return err
	}
}

// boundCall is an unsigned call without a body, whose input is in the request's
// query and headers.
func boundCall(t *testing.T, s *stub) func() error {
	s.body = []byte(`{"roleCredentials":{"accessKeyId":"ASIAEXAMPLE","secretAccessKey":"` + token(40) + `","sessionToken":"` + token(600) + `","expiration":1893456000000}}`)
	client, err := portal.New(s.config())
	require.NoError(t, err)
	in := &portal.GetRoleCredentialsInput{
		RoleName:    "ReadOnlyAccess",
		AccountId:   "111122223333",
		AccessToken: awstokens.NewSecret("not-a-real-access-token"),
	}
	return func() error {
		_, err := client.GetRoleCredentials(context.Background(), in)
		return err
	}
}

func TestCalls(t *testing.T) {
	for name, budget := range map[string]struct {
		call func(*testing.T, *stub) func() error
		cost
	}{
		"signed call":   {signedCall, cost{62, 7500}},
		"unsigned call": {unsignedCall, cost{44, 5500}},
		"bound call":    {boundCall, cost{45, 5000}},
	} {
		t.Run(name, func(t *testing.T) {
			s := new(stub)
			call := budget.call(t, s)
			whole, own := measure(t, call), s.ownCost(t)
			is := cost{whole.allocs - own.allocs, whole.bytes - own.bytes}
			assert.LessOrEqual(t, is.allocs, budget.allocs, "allocations")
			assert.LessOrEqual(t, is.bytes, budget.bytes, "bytes")
			t.Logf("%+v, without the stub's %+v", is, own)
		})
	}
}

// Tracing and metrics that are left nil allocate nothing.
func TestTelemetryLeftNil(t *testing.T) {
	rate := runtime.MemProfileRate
	t.Cleanup(func() { runtime.MemProfileRate = rate })
	runtime.MemProfileRate = 1
	for name, call := range map[string]func(*testing.T, *stub) func() error{
		"signed call": signedCall, "unsigned call": unsignedCall, "bound call": boundCall,
	} {
		t.Run(name, func(t *testing.T) {
			before := telemetryAllocs()
			one := call(t, new(stub))
			for range 100 {
				require.NoError(t, one())
			}
			assert.Equal(t, before, telemetryAllocs())
		})
	}

	// What is looked for can be found.
	s := &stub{body: []byte(`{"Tokens":[]}`)}
	cfg := s.config()
	cfg.TracerProvider, cfg.MeterProvider = tracing.NopTracerProvider{}, metrics.NopMeterProvider{}
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	before := telemetryAllocs()
	_, err = client.ListTokens(t.Context(), nil)
	require.NoError(t, err)
	assert.Greater(t, telemetryAllocs(), before)
}

// telemetryAllocs is how many allocations were made so far below a function of
// the file that traces and measures.
func telemetryAllocs() (n int64) {
	for range 2 { // what is allocated in a cycle is published with the second that follows
		runtime.GC()
	}
	records := make([]runtime.MemProfileRecord, 10_000)
	found, ok := runtime.MemProfile(records, true)
	if !ok {
		panic("more records than expected")
	}
	for _, record := range records[:found] {
		frames := runtime.CallersFrames(record.Stack())
		for more := true; more; {
			var frame runtime.Frame
			frame, more = frames.Next()
			if strings.HasSuffix(frame.File, "/transport/telemetry.go") {
				n += record.AllocObjects
				break
			}
		}
	}
	return n
}

func TestNew(t *testing.T) {
	cfg := new(stub).config()
	is := measure(t, func() error {
		_, err := licensemanager.New(cfg)
		return err
	})
	assert.LessOrEqual(t, is.allocs, 10.0, "allocations")
	t.Logf("%+v", is)
}
