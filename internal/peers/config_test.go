package peers

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	sdklm "github.com/aws/aws-sdk-go-v2/service/licensemanager"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
)

// home sets a home directory that has only a config file, and unsets the AWS
// variables of the machine's environment.
func home(t *testing.T, server *awstokenstest.Server) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // which is put back in the end
			require.NoError(t, os.Unsetenv(name))
		}
	}
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	// The clients that the SDK's configuration makes for itself do not know
	// AWS_ENDPOINT_URL.
	for _, service := range []string{"LICENSE_MANAGER", "SSO_OIDC", "SSO", "STS"} {
		t.Setenv("AWS_ENDPOINT_URL_"+service, server.URL())
	}
	path := filepath.Join(dir, ".aws", "config")
	t.Setenv("AWS_CONFIG_FILE", path) // the SDK has looked for HOME before
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, ".aws", "credentials"))
	require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte(`[profile dev]
sso_session = peer
sso_account_id = 111122223333
sso_role_name = ReadOnlyAccess
region = us-east-1

[profile nobody]
sso_session = peer
sso_account_id = 999999999999
sso_role_name = Emperor
region = us-east-1

[sso-session peer]
sso_start_url = https://example.awsapps.com/start
sso_region = us-east-1
sso_registration_scopes = sso:account:access
`), 0o600))
}

// load returns the SDK's configuration, which connects to no other machine.
func load(t *testing.T, options ...func(*config.LoadOptions) error) aws.Config {
	t.Helper()
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		if !strings.HasPrefix(address, "127.0.0.1:") {
			return nil, errors.New("not an address of the emulator: " + address)
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial}}
	t.Cleanup(client.CloseIdleConnections)
	cfg, err := config.LoadDefaultConfig(t.Context(), append(options, config.WithHTTPClient(client))...)
	require.NoError(t, err)
	return cfg
}

// A login of ours, by a session of the config file, is one that the SDK's own
// configuration finds: it refreshes the token and calls AWS with the role's
// credentials, until a logout of ours ends it.
func TestSDKConfigUsesOurLogin(t *testing.T) {
	server := awstokenstest.NewServer(t)
	home(t, server)
	server.IdentityCenter().AutoApprove(true)
	session, err := login.LoadSession("peer")
	require.NoError(t, err)
	withServer := func(o *login.Options) { o.Config, o.Flow, o.Prompt = server.Config(), login.FlowDevice, silent{} }
	_, err = login.Login(t.Context(), session, withServer)
	require.NoError(t, err)

	var before string
	for _, expired := range []bool{false, true} {
		if expired {
			store, err := login.NewFileStore("")
			require.NoError(t, err)
			expire(t, store.TokenPath(session))
		}
		cfg := load(t, config.WithSharedConfigProfile("dev"))
		who, err := sdksts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil)
		require.NoError(t, err)
		assert.Contains(t, *who.Arn, ":assumed-role/AWSReservedSSO_ReadOnlyAccess_")
		keys, err := cfg.Credentials.Retrieve(t.Context())
		require.NoError(t, err)
		assert.True(t, keys.CanExpire)
		assert.Equal(t, "111122223333", keys.AccountID)
		assert.NotEqual(t, before, keys.AccessKeyID)
		before = keys.AccessKeyID
		_, err = sdklm.NewFromConfig(cfg).ListTokens(t.Context(), nil)
		require.NoError(t, err)
	}
	assert.Equal(t, 2, server.IdentityCenter().Requests("CreateToken"), "one for the login, one for the refresh")

	cfg := load(t, config.WithSharedConfigProfile("nobody"))
	_, err = cfg.Credentials.Retrieve(t.Context())
	assert.ErrorContains(t, err, "ForbiddenException")

	require.NoError(t, login.Logout(t.Context(), session, withServer))
	cfg = load(t, config.WithSharedConfigProfile("dev"))
	_, err = cfg.Credentials.Retrieve(t.Context())
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// With the environment of Environ, the SDK's own configuration uses the server,
// also if the config file says to ignore endpoints in the environment.
func TestSDKConfigUsesEnviron(t *testing.T) {
	server := awstokenstest.NewServer(t)
	home(t, server)
	require.NoError(t, os.Unsetenv("AWS_ENDPOINT_URL_LICENSE_MANAGER")) // which home has set
	require.NoError(t, os.WriteFile(os.Getenv("AWS_CONFIG_FILE"), []byte("[default]\nignore_configured_endpoint_urls = true\n"), 0o600))
	for _, variable := range server.Environ() {
		if name, value, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, value)
		}
	}
	_, err := sdklm.NewFromConfig(load(t)).ListTokens(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, 1, server.LicenseManager().Requests("ListTokens"))
}

// An access token of License Manager in a file is a web identity for the SDK's
// own configuration, as it is for tokencreds.
func TestSDKConfigUsesAnAccessToken(t *testing.T) {
	server := awstokenstest.NewServer(t)
	home(t, server)
	client, err := licensemanager.New(server.Config())
	require.NoError(t, err)
	minted, err := client.CreateToken(t.Context(), &licensemanager.CreateTokenInput{
		ClientToken: "peer", LicenseArn: server.LicenseManager().LicenseARN(), RoleArns: []string{server.LicenseManager().RoleARN()},
	})
	require.NoError(t, err)
	access, err := client.GetAccessToken(t.Context(), &licensemanager.GetAccessTokenInput{Token: minted.Token})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(access.AccessToken.Reveal()), 0o600))
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", file)
	t.Setenv("AWS_ROLE_ARN", server.LicenseManager().RoleARN())
	t.Setenv("AWS_ROLE_SESSION_NAME", "peer")
	t.Setenv("AWS_REGION", "us-east-1")

	cfg := load(t)
	who, err := sdksts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil)
	require.NoError(t, err)
	assert.Contains(t, *who.Arn, ":assumed-role/AWSLicenseManagerConsumptionRole/peer")
	server.LicenseManager().ConsumptionRoleOnly(true)
	arn := server.LicenseManager().LicenseARN()
	license, err := sdklm.NewFromConfig(cfg).GetLicense(t.Context(), &sdklm.GetLicenseInput{LicenseArn: &arn})
	require.NoError(t, err)
	assert.Equal(t, server.LicenseManager().ProductSKU(), *license.License.ProductSKU)
}
