//go:build !race

// Package budget_test holds the module to what a call may cost. The race
// detector allocates too, so it has no part in this.
package budget_test

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// stub reads every request and gives it the same answer.
type stub struct{ body string }

func (s stub) Do(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return nil, err
		}
	}
	return &http.Response{
		StatusCode:    http.StatusOK,
		Header:        http.Header{"X-Amzn-Requestid": {"11111111-2222-3333-4444-555555555555"}},
		Body:          io.NopCloser(strings.NewReader(s.body)),
		ContentLength: int64(len(s.body)),
	}, nil
}

func config(body string) awstokens.Config {
	return awstokens.Config{
		Region:      "us-east-1",
		Credentials: awstokens.StaticCredentials("AKIDEXAMPLE", "not-a-real-secret-key", ""),
		HTTPClient:  stub{body},
	}
}

var (
	licenseManagerConfig = config(`{"Token":"` + strings.Repeat("x", 600) + `","TokenId":"t-1","TokenType":"REFRESH_TOKEN"}`)
	oidcConfig           = config(`{"accessToken":"` + strings.Repeat("x", 300) + `","tokenType":"Bearer","expiresIn":28800,"refreshToken":"` +
		strings.Repeat("y", 300) + `","idToken":null}`)
	portalConfig = config(`{"roleCredentials":{"accessKeyId":"ASIAEXAMPLE","secretAccessKey":"not-a-real-secret-key","sessionToken":"` +
		strings.Repeat("x", 600) + `","expiration":1893456000000}}`)
)

// signedCall costs 117 allocations of 9.3 KB when it is written by hand with
// net/http and aws-http-auth.
func signedCall(tb testing.TB) func() error {
	client, err := licensemanager.New(licenseManagerConfig)
	require.NoError(tb, err)
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

// unsignedCall costs 30 allocations of 3 KB when it is written by hand with
// net/http.
func unsignedCall(tb testing.TB) func() error {
	client, err := ssooidc.New(oidcConfig)
	require.NoError(tb, err)
	in := &ssooidc.CreateTokenInput{
		ClientId:     "client-example",
		ClientSecret: "not-a-real-client-secret",
		GrantType:    ssooidc.GrantTypeRefreshToken,
		RefreshToken: "not-a-real-refresh-token",
	}
	return func() error {
		_, err := client.CreateToken(context.Background(), in)
		return err
	}
}

// boundCall is an unsigned call without a body, whose input is in the request's
// query and headers.
func boundCall(tb testing.TB) func() error {
	client, err := portal.New(portalConfig)
	require.NoError(tb, err)
	in := &portal.GetRoleCredentialsInput{
		RoleName:    "ReadOnlyAccess",
		AccountId:   "111122223333",
		AccessToken: "not-a-real-access-token",
	}
	return func() error {
		_, err := client.GetRoleCredentials(context.Background(), in)
		return err
	}
}

func newClient(testing.TB) func() error {
	return func() error {
		_, err := licensemanager.New(licenseManagerConfig)
		return err
	}
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

func TestBudgets(t *testing.T) {
	for name, budget := range map[string]struct {
		call   func(testing.TB) func() error
		allocs float64
		bytes  uint64
	}{
		"signed call":   {signedCall, 65, 7 << 10},
		"unsigned call": {unsignedCall, 40, 9 << 9},
		"bound call":    {boundCall, 45, 5 << 10},
		"New":           {newClient, 10, 2 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			call := budget.call(t)
			run := func() { require.NoError(t, call()) }
			allocs, bytes := testing.AllocsPerRun(1000, run), bytesPerRun(1000, run)
			assert.LessOrEqual(t, allocs, budget.allocs, "allocations")
			assert.LessOrEqual(t, bytes, budget.bytes, "bytes")
			t.Logf("%.0f allocations, %d bytes", allocs, bytes)
		})
	}
}
