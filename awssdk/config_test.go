package awssdk_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	sdklm "github.com/aws/aws-sdk-go-v2/service/licensemanager"
	sdksso "github.com/aws/aws-sdk-go-v2/service/sso"
	sdkoidc "github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/smithy-go/logging"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awssdk"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// TestMain removes the machine's configuration, also for the examples.
func TestMain(m *testing.M) {
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "AWS_") {
			os.Unsetenv(name)
		}
	}
	os.Setenv("AWS_CONFIG_FILE", os.DevNull)
	os.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	os.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	os.Exit(m.Run())
}

// file writes a file that a variable names.
func file(t *testing.T, variable, content string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	t.Setenv(variable, path)
}

// A profile with keys, a Region, an endpoint, attempts and an app ID.
func TestLoad(t *testing.T) {
	server := awstokenstest.NewServer(t)
	keys, err := server.Config().Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	t.Setenv("AWS_PROFILE", "seller")
	file(t, "AWS_CONFIG_FILE", "[profile seller]\nregion = us-east-1\nendpoint_url = "+server.URL()+"\nmax_attempts = 2\nsdk_ua_app_id = shop\n"+
		"aws_access_key_id = "+keys.AccessKeyID+"\naws_secret_access_key = "+keys.SecretAccessKey.Reveal()+"\n")
	cfg, err := awssdk.Load(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "us-east-1", cfg.Region)
	assert.Equal(t, "shop", cfg.AppID)
	assert.Nil(t, cfg.Logger)
	assert.Equal(t, 2, cfg.Retryer.MaxAttempts())
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	server.LicenseManager().Next(2, "ListTokens").Throttle()
	_, err = client.ListTokens(t.Context(), nil)
	require.ErrorContains(t, err, "after 2 attempts")
	_, err = client.ListTokens(t.Context(), nil)
	require.NoError(t, err)

	_, err = awssdk.Load(t.Context(), config.WithSharedConfigProfile("nobody"))
	var missing config.SharedConfigProfileNotExistError
	require.ErrorAs(t, err, &missing)
	cfg, err = awssdk.Load(t.Context(), config.WithRegion("eu-west-1"))
	require.NoError(t, err)
	assert.Equal(t, "eu-west-1", cfg.Region)
}

func TestEmptyConfig(t *testing.T) {
	cfg, err := awssdk.FromConfig(aws.Config{})
	require.NoError(t, err)
	assert.Equal(t, awstokens.Config{}, cfg)
}

func TestDeprecatedResolver(t *testing.T) {
	var cfg aws.Config
	//lint:ignore SA1019 it must be refused
	cfg.EndpointResolverWithOptions = aws.EndpointResolverWithOptionsFunc(nil)
	_, err := awssdk.FromConfig(cfg)
	require.ErrorContains(t, err, "set BaseEndpoint")
}

// recordHost fails every request, and records its URL.
type recordHost struct{ url string }

func (r *recordHost) Do(req *http.Request) (*http.Response, error) {
	r.url = strings.TrimSuffix(req.URL.Scheme+"://"+req.URL.Host+req.URL.Path, "/")
	return nil, errFake
}

// The endpoints are those of the SDK's own clients, whatever the configuration
// says.
func TestEndpoints(t *testing.T) {
	for name, test := range map[string]struct {
		env     []string
		profile string
		options []func(*config.LoadOptions) error
	}{
		"the Region's":         {},
		"FIPS":                 {env: []string{"AWS_USE_FIPS_ENDPOINT", "true"}},
		"dual-stack":           {profile: "use_dualstack_endpoint = true"},
		"both":                 {options: []func(*config.LoadOptions) error{config.WithUseFIPSEndpoint(aws.FIPSEndpointStateEnabled), config.WithUseDualStackEndpoint(aws.DualStackEndpointStateEnabled)}},
		"not FIPS":             {env: []string{"AWS_USE_FIPS_ENDPOINT", "false"}, profile: "use_fips_endpoint = true"},
		"environment":          {env: []string{"AWS_ENDPOINT_URL", "https://env.example/x"}},
		"of one service":       {env: []string{"AWS_ENDPOINT_URL", "https://env.example", "AWS_ENDPOINT_URL_SSO", "https://portal.example"}},
		"profile":              {profile: "endpoint_url = https://profile.example"},
		"profile, one service": {profile: "services = mine\n[services mine]\nlicense_manager =\n  endpoint_url = https://lm.example\nsso_oidc =\n  endpoint_url = https://oidc.example"},
		"environment first":    {env: []string{"AWS_ENDPOINT_URL", "https://env.example"}, profile: "services = mine\n[services mine]\nlicense_manager =\n  endpoint_url = https://lm.example"},
		"ignored":              {env: []string{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", "AWS_ENDPOINT_URL", "https://env.example", "AWS_ENDPOINT_URL_SSO_OIDC", "https://oidc.example"}},
		"ignored by profile":   {profile: "ignore_configured_endpoint_urls = true\nendpoint_url = https://profile.example"},
		"option":               {env: []string{"AWS_ENDPOINT_URL_LICENSE_MANAGER", "https://lm.example"}, options: []func(*config.LoadOptions) error{config.WithBaseEndpoint("https://option.example")}},
	} {
		t.Run(name, func(t *testing.T) {
			env := append([]string{"AWS_REGION", "us-east-1", "AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY", "not-a-real-secret-key"}, test.env...)
			for i := 0; i < len(env); i += 2 {
				t.Setenv(env[i], env[i+1])
			}
			file(t, "AWS_CONFIG_FILE", "[default]\n"+test.profile+"\n")
			options := append(test.options, config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }))
			sdk, err := config.LoadDefaultConfig(t.Context(), options...)
			require.NoError(t, err)
			theirs := new(recordHost)
			sdk.HTTPClient = theirs
			cfg, err := awssdk.Load(t.Context(), options...)
			require.NoError(t, err)
			ours := new(recordHost)
			cfg.HTTPClient = ours
			ctx := t.Context()

			_, _ = sdklm.NewFromConfig(sdk).ListTokens(ctx, &sdklm.ListTokensInput{})
			lm, err := licensemanager.New(cfg)
			require.NoError(t, err)
			_, _ = lm.ListTokens(ctx, nil)
			assert.NotEmpty(t, theirs.url)
			assert.Equal(t, theirs.url, ours.url, "License Manager")

			_, _ = sdkoidc.NewFromConfig(sdk).RegisterClient(ctx, &sdkoidc.RegisterClientInput{ClientName: aws.String("test"), ClientType: aws.String("public")})
			oidc, err := ssooidc.New(cfg)
			require.NoError(t, err)
			_, _ = oidc.RegisterClient(ctx, &ssooidc.RegisterClientInput{ClientName: "test", ClientType: ssooidc.ClientTypePublic})
			assert.Equal(t, theirs.url, ours.url, "SSO OIDC")

			_, _ = sdksso.NewFromConfig(sdk).ListAccounts(ctx, &sdksso.ListAccountsInput{AccessToken: aws.String("fake")})
			sso, err := portal.New(cfg)
			require.NoError(t, err)
			_, _ = sso.ListAccounts(ctx, &portal.ListAccountsInput{AccessToken: awstokens.NewSecret("fake")})
			assert.Equal(t, theirs.url, ours.url, "SSO")
		})
	}
}

func TestRetryers(t *testing.T) {
	retryer := func(cfg aws.Config) awstokens.Retryer {
		got, err := awssdk.FromConfig(cfg)
		require.NoError(t, err)
		return got.Retryer
	}
	given := retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = 7 })
	assert.Same(t, given, retryer(aws.Config{Retryer: func() aws.Retryer { return given }, RetryMaxAttempts: 2}))
	assert.IsType(t, (*awstokens.StandardRetryer)(nil), retryer(aws.Config{RetryMaxAttempts: 4}))
	assert.Equal(t, 4, retryer(aws.Config{RetryMaxAttempts: 4, RetryMode: aws.RetryModeStandard}).MaxAttempts())
	adaptive := retryer(aws.Config{RetryMaxAttempts: 5, RetryMode: aws.RetryModeAdaptive})
	assert.IsType(t, (*retry.AdaptiveMode)(nil), adaptive)
	assert.Equal(t, 5, adaptive.MaxAttempts())
	assert.Equal(t, 3, retryer(aws.Config{RetryMode: aws.RetryModeAdaptive}).MaxAttempts())
	assert.Nil(t, retryer(aws.Config{}), "each client has its own")
}

// A client of the SDK follows redirects to other hosts, with the body of a
// request that has GetBody and with headers that carry a token.
func TestRedirects(t *testing.T) {
	var mu sync.Mutex
	var leaked string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		leaked += string(body) + r.Header.Get("X-Amz-Sso_bearer_token")
	}))
	defer elsewhere.Close()
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	}))
	defer service.Close()
	got := func() string {
		mu.Lock()
		defer mu.Unlock()
		defer func() { leaked = "" }()
		return leaked
	}

	buildable := awshttp.NewBuildableClient()
	for name, client := range map[string]aws.HTTPClient{
		"BuildableClient": buildable,
		"frozen":          buildable.Freeze(),
		"http.Client":     &http.Client{},
		"wrapped":         wrapped{buildable},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequest(http.MethodPost, service.URL, strings.NewReader("fake-refresh-token"))
			require.NoError(t, err)
			resp, err := client.Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			assert.Equal(t, "fake-refresh-token", got(), "what the client does")

			cfg := aws.Config{Region: "us-east-1", HTTPClient: client, BaseEndpoint: aws.String(service.URL)}
			_, _ = sdksso.NewFromConfig(cfg).GetRoleCredentials(t.Context(), &sdksso.GetRoleCredentialsInput{
				AccountId: aws.String("111122223333"), RoleName: aws.String("r"), AccessToken: aws.String("fake-access-token"),
			})
			assert.Equal(t, "fake-access-token", got(), "what the SDK does")

			safe, err := awssdk.FromConfig(cfg)
			require.NoError(t, err)
			oidc, err := ssooidc.New(safe)
			require.NoError(t, err)
			_, err = oidc.CreateToken(t.Context(), &ssooidc.CreateTokenInput{
				ClientId: "c", ClientSecret: awstokens.NewSecret("fake-secret"), GrantType: ssooidc.GrantTypeRefreshToken, RefreshToken: awstokens.NewSecret("fake-refresh-token"),
			})
			require.Error(t, err)
			sso, err := portal.New(safe)
			require.NoError(t, err)
			_, err = sso.GetRoleCredentials(t.Context(), &portal.GetRoleCredentialsInput{
				AccountId: "111122223333", RoleName: "r", AccessToken: awstokens.NewSecret("fake-access-token"),
			})
			require.Error(t, err)
			assert.Empty(t, got())
		})
	}
}

type wrapped struct{ client aws.HTTPClient }

func (w wrapped) Do(req *http.Request) (*http.Response, error) { return w.client.Do(req) }

// The SDK's own client keeps its settings, and gets a timeout if it has none.
func TestBuildableClient(t *testing.T) {
	client := func(b *awshttp.BuildableClient) *http.Client {
		cfg, err := awssdk.FromConfig(aws.Config{HTTPClient: b})
		require.NoError(t, err)
		require.IsType(t, (*http.Client)(nil), cfg.HTTPClient)
		return cfg.HTTPClient.(*http.Client)
	}
	got := client(awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) { tr.MaxConnsPerHost = 7 }))
	assert.Equal(t, 7, got.Transport.(*http.Transport).MaxConnsPerHost)
	assert.Equal(t, awstokens.DefaultHTTPClient().Timeout, got.Timeout)
	assert.Equal(t, awstokens.DefaultHTTPClient().Transport.(*http.Transport).HTTP2, got.Transport.(*http.Transport).HTTP2)
	pings := new(http.HTTP2Config)
	got = client(awshttp.NewBuildableClient().WithTransportOptions(func(tr *http.Transport) { tr.HTTP2 = pings }))
	assert.Equal(t, pings, got.Transport.(*http.Transport).HTTP2)
	assert.Equal(t, 3*time.Second, client(awshttp.NewBuildableClient().WithTimeout(3*time.Second)).Timeout)
}

func TestLogger(t *testing.T) {
	server := awstokenstest.NewServer(t)
	var log bytes.Buffer
	logged := func(mode aws.ClientLogMode) string {
		log.Reset()
		cfg, err := awssdk.FromConfig(aws.Config{Region: "us-east-1", Logger: logging.NewStandardLogger(&log), ClientLogMode: mode, BaseEndpoint: aws.String(server.URL())})
		require.NoError(t, err)
		client, err := licensemanager.New(cfg)
		require.NoError(t, err)
		_, err = client.GetAccessToken(t.Context(), &licensemanager.GetAccessTokenInput{Token: awstokens.NewSecret("not-a-real-token")})
		require.Error(t, err)
		return log.String()
	}
	assert.Empty(t, logged(0))
	assert.Empty(t, logged(aws.LogSigning|aws.LogDeprecatedUsage))
	for _, mode := range []aws.ClientLogMode{aws.LogRetries, aws.LogRequest, aws.LogRequestWithBody, aws.LogResponse, aws.LogResponseWithBody} {
		line := logged(mode)
		assert.Regexp(t, `^SDK .* DEBUG msg="awstokens: attempt" service="License Manager" operation=GetAccessToken attempt=1 status=400 .*\n$`, line)
		assert.Equal(t, 1, strings.Count(line, "\n"))
		assert.NotContains(t, line, "not-a-real")
	}
}

// Load needs no context that lasts, because it retrieves nothing.
func TestLoadCanceled(t *testing.T) {
	t.Setenv("AWS_REGION", "us-east-1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	cfg, err := awssdk.Load(ctx)
	require.NoError(t, err, "nothing is retrieved yet")
	_, err = cfg.Credentials.Retrieve(ctx)
	require.Error(t, err) // of the context, or that there are none: the SDK looks meanwhile
}
