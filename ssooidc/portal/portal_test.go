package portal_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

const account = "111122223333"

// impatient retries at once.
func impatient(cfg awstokens.Config) awstokens.Config {
	cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.BaseDelay = -1 })
	return cfg
}

func newClient(t *testing.T, cfg awstokens.Config) *portal.Client {
	t.Helper()
	client, err := portal.New(impatient(cfg))
	require.NoError(t, err)
	return client
}

// response is an HTTP client that always returns the same one, and keeps the
// last request.
type response struct {
	status int
	body   string
	sent   *http.Request
}

func (a *response) Do(req *http.Request) (*http.Response, error) {
	a.sent = req
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

const someKeys = `{"roleCredentials":{"accessKeyId":"ASIAEXAMPLE","secretAccessKey":"fake-key","sessionToken":"fake-session","expiration":1893456000123}}`

// TestWire expects what aws-sdk-go-v2 sends, byte for byte.
func TestWire(t *testing.T) {
	stub := &response{status: 200, body: someKeys}
	client := newClient(t, awstokens.Config{Region: "eu-central-1", HTTPClient: stub})
	const token, odd, oddInQuery = "fake-token+/= x", "n/e+x=t t,.@-ü", "n%2Fe%2Bx%3Dt+t%2C.%40-%C3%BC"
	secret := awstokens.NewSecret(token)
	for want, call := range map[string]func() error{
		"GET /federation/credentials?account_id=111122223333&role_name=" + oddInQuery: func() error {
			_, err := client.GetRoleCredentials(t.Context(), &portal.GetRoleCredentialsInput{AccessToken: secret, AccountId: account, RoleName: odd})
			return err
		},
		"GET /assignment/accounts": func() error {
			_, err := client.ListAccounts(t.Context(), &portal.ListAccountsInput{AccessToken: secret})
			return err
		},
		"GET /assignment/accounts?max_result=7&next_token=" + oddInQuery: func() error {
			_, err := client.ListAccounts(t.Context(), &portal.ListAccountsInput{AccessToken: secret, MaxResults: 7, NextToken: odd})
			return err
		},
		"GET /assignment/roles?account_id=111122223333&max_result=7&next_token=" + oddInQuery: func() error {
			_, err := client.ListAccountRoles(t.Context(), &portal.ListAccountRolesInput{AccessToken: secret, AccountId: account, MaxResults: 7, NextToken: odd})
			return err
		},
		"POST /logout": func() error {
			_, err := client.Logout(t.Context(), &portal.LogoutInput{AccessToken: secret})
			return err
		},
	} {
		require.NoError(t, call(), want)
		assert.Equal(t, want, stub.sent.Method+" "+stub.sent.URL.RequestURI())
		assert.Equal(t, "portal.sso.eu-central-1.amazonaws.com", stub.sent.URL.Host)
		assert.Equal(t, []string{token}, stub.sent.Header[http.CanonicalHeaderKey("x-amz-sso_bearer_token")])
		for _, none := range []string{"Authorization", "Content-Type", "X-Amz-Date"} {
			assert.Empty(t, stub.sent.Header[none], "%s has %s", want, none)
		}
		assert.Nil(t, stub.sent.Body, want)
	}
}

// TestSkeletons reads what `aws sso ... --generate-cli-skeleton` prints.
func TestSkeletons(t *testing.T) {
	fake := awstokens.NewSecret("fake")
	for skeleton, want := range map[string]any{
		`{"roleName": "r", "accountId": "1", "accessToken": "fake"}`:                   &portal.GetRoleCredentialsInput{RoleName: "r", AccountId: "1", AccessToken: fake},
		`{"nextToken": "n", "maxResults": 7, "accessToken": "fake"}`:                   &portal.ListAccountsInput{NextToken: "n", MaxResults: 7, AccessToken: fake},
		`{"nextToken": "n", "maxResults": 7, "accessToken": "fake", "accountId": "1"}`: &portal.ListAccountRolesInput{NextToken: "n", MaxResults: 7, AccessToken: fake, AccountId: "1"},
		`{"accessToken": "fake"}`: &portal.LogoutInput{AccessToken: fake},
	} {
		got := reflect.New(reflect.TypeOf(want).Elem()).Interface()
		decoder := json.NewDecoder(strings.NewReader(skeleton))
		decoder.DisallowUnknownFields()
		require.NoError(t, decoder.Decode(got))
		assert.Equal(t, want, got)
	}
}

// TestUnsendableStrings: a string that cannot be sent is an error, which does not
// contain it.
func TestUnsendableStrings(t *testing.T) {
	stub := &response{status: 200, body: someKeys}
	client := newClient(t, awstokens.Config{Region: "eu-central-1", HTTPClient: stub})
	for text, want := range map[string]string{
		"fake-token\n": "a line break or another control character", "fake\x00token": "control character", "fake\x7ftoken": "control character", "fake-\xff": "invalid UTF-8",
	} {
		_, err := client.Logout(t.Context(), &portal.LogoutInput{AccessToken: awstokens.NewSecret(text)})
		var refused *smithy.SerializationError
		require.ErrorAs(t, err, &refused)
		assert.ErrorContains(t, err, want)
		assert.NotContains(t, err.Error(), "fake")
	}
	_, err := client.ListAccounts(t.Context(), &portal.ListAccountsInput{AccessToken: awstokens.NewSecret("fake\ttoken"), NextToken: "\xff"})
	assert.ErrorContains(t, err, "invalid UTF-8")
	assert.Nil(t, stub.sent)
}

func TestAccountsAndRoles(t *testing.T) {
	server := awstokenstest.NewServer(t)
	client, token := newClient(t, server.Config()), server.IdentityCenter().SignIn()

	var names []string
	for a, err := range client.Accounts(t.Context(), &portal.ListAccountsInput{AccessToken: token}) {
		require.NoError(t, err)
		for r, err := range client.AccountRoles(t.Context(), &portal.ListAccountRolesInput{AccessToken: token, AccountId: a.AccountId}) {
			require.NoError(t, err)
			assert.Equal(t, a.AccountId, r.AccountId)
			names = append(names, a.AccountName+"/"+r.RoleName)
		}
	}
	assert.Equal(t, []string{"Emulator/AdministratorAccess", "Emulator/ReadOnlyAccess", "Sandbox/PowerUserAccess"}, names)

	server.IdentityCenter().SetAccounts(
		awstokenstest.Account{ID: "1", Roles: []string{"a", "b", "c", "d", "e"}}, awstokenstest.Account{ID: "2"}, awstokenstest.Account{ID: "3"},
	)
	before := server.IdentityCenter().Requests("")
	var ids, roles string
	for a, err := range client.Accounts(t.Context(), &portal.ListAccountsInput{AccessToken: token, MaxResults: 2}) {
		require.NoError(t, err)
		ids += a.AccountId
	}
	for r, err := range client.AccountRoles(t.Context(), &portal.ListAccountRolesInput{AccessToken: token, AccountId: "1", MaxResults: 2}) {
		require.NoError(t, err)
		roles += r.RoleName
	}
	assert.Equal(t, "123 abcde", ids+" "+roles)
	assert.Equal(t, 2+3, server.IdentityCenter().Requests("")-before, "pages")

	for _, err := range client.Accounts(t.Context(), &portal.ListAccountsInput{AccessToken: awstokens.NewSecret("fake")}) {
		var unauthorized *portal.UnauthorizedException
		assert.ErrorAs(t, err, &unauthorized)
	}
	for _, err := range client.AccountRoles(t.Context(), nil) {
		var required *smithy.ParamRequiredError
		assert.ErrorAs(t, err, &required)
	}
}

func TestGetRoleCredentials(t *testing.T) {
	server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.FrozenAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) })
	client := newClient(t, server.Config())
	out, err := client.GetRoleCredentials(t.Context(), &portal.GetRoleCredentialsInput{
		AccessToken: server.IdentityCenter().SignIn(), AccountId: account, RoleName: "ReadOnlyAccess",
	})
	require.NoError(t, err)
	keys := out.RoleCredentials
	assert.Equal(t, server.Now().Add(time.Hour).UnixMilli(), keys.Expiration)
	assert.True(t, keys.Expires().Equal(server.Now().Add(time.Hour)))
	assert.Equal(t, 1, out.Attempts)
	assert.NotEmpty(t, out.RequestID)

	cfg := impatient(server.Config())
	cfg.Credentials = awstokens.StaticCredentials(keys.AccessKeyId, keys.SecretAccessKey.Reveal(), keys.SessionToken.Reveal())
	lm, err := licensemanager.New(cfg)
	require.NoError(t, err)
	_, err = lm.ListTokens(t.Context(), nil)
	assert.NoError(t, err)
	server.Advance(time.Hour)
	_, err = lm.ListTokens(t.Context(), nil)
	assert.ErrorContains(t, err, "ExpiredTokenException", "the credentials expire")
}

// TestIncompleteCredentials: a response without one member of the credentials is an
// error.
func TestIncompleteCredentials(t *testing.T) {
	stub := &response{status: 200}
	client := newClient(t, awstokens.Config{Region: "eu-central-1", HTTPClient: stub})
	for _, member := range []string{"accessKeyId", "secretAccessKey", "sessionToken", "expiration"} {
		stub.body = strings.Replace(someKeys, member, "renamed", 1)
		_, err := client.GetRoleCredentials(t.Context(), &portal.GetRoleCredentialsInput{AccessToken: awstokens.NewSecret("fake"), AccountId: account, RoleName: "r"})
		var unusable *smithy.DeserializationError
		require.ErrorAs(t, err, &unusable)
		assert.ErrorContains(t, err, member)
	}
}

func TestErrors(t *testing.T) {
	server := awstokenstest.NewServer(t)
	client, token := newClient(t, server.Config()), server.IdentityCenter().SignIn()
	get := func(token awstokens.Secret, account, role string) error {
		_, err := client.GetRoleCredentials(t.Context(), &portal.GetRoleCredentialsInput{AccessToken: token, AccountId: account, RoleName: role})
		return err
	}
	next := server.IdentityCenter().Next(1, "GetRoleCredentials")
	for name, header := range map[string]func(){"with the header": func() {}, "without": next.OmitErrorHeader} {
		t.Run(name, func(t *testing.T) {
			header()
			err := get(awstokens.NewSecret("fake-token"), account, "ReadOnlyAccess")
			var unauthorized *portal.UnauthorizedException
			require.ErrorAs(t, err, &unauthorized)
			assert.Equal(t, "Session token not found or invalid", unauthorized.Message)
			var failed *awstokens.ResponseError
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, http.StatusUnauthorized, failed.StatusCode)
			assert.Equal(t, 1, failed.Attempts)

			for _, notMine := range [][2]string{{account, "Other"}, {"999999999999", "ReadOnlyAccess"}} {
				header()
				var forbidden *smithy.GenericAPIError
				require.ErrorAs(t, get(token, notMine[0], notMine[1]), &forbidden)
				assert.Equal(t, "ForbiddenException", forbidden.Code)
			}
		})
	}

	next.Refuse("ResourceNotFoundException", "no such account", nil)
	var missing *portal.ResourceNotFoundException
	require.ErrorAs(t, get(token, account, "ReadOnlyAccess"), &missing)
	assert.Equal(t, "no such account", missing.ErrorMessage())

	server.IdentityCenter().Next(2, "GetRoleCredentials").Throttle()
	assert.NoError(t, get(token, account, "ReadOnlyAccess"), "throttling is retried")
	server.IdentityCenter().Next(3, "GetRoleCredentials").Throttle()
	var throttled *portal.TooManyRequestsException
	assert.ErrorAs(t, get(token, account, "ReadOnlyAccess"), &throttled)
	next.Fail(http.StatusInternalServerError)
	assert.NoError(t, get(token, account, "ReadOnlyAccess"))

	// Every operation is idempotent.
	next.LoseAnswer()
	assert.NoError(t, get(token, account, "ReadOnlyAccess"))
	server.IdentityCenter().OneIn(1, "GetRoleCredentials").LoseAnswer() // an http.Client retries a GET by itself, too
	var send *awstokens.SendError
	require.ErrorAs(t, get(token, account, "ReadOnlyAccess"), &send)
	assert.True(t, send.Written, "the service had the whole request")
	server.ClearFaults()

	server.Advance(time.Hour)
	var expired *portal.UnauthorizedException
	assert.ErrorAs(t, get(token, account, "ReadOnlyAccess"), &expired)
	server.Close()
	require.ErrorAs(t, get(token, account, "ReadOnlyAccess"), &send)
	assert.False(t, send.Written, "the service is closed")
}

func TestLogout(t *testing.T) {
	server := awstokenstest.NewServer(t)
	server.IdentityCenter().AutoApprove(true)
	client := newClient(t, server.Config())
	oidc, err := ssooidc.New(impatient(server.Config()))
	require.NoError(t, err)
	registered, err := oidc.RegisterClient(t.Context(), &ssooidc.RegisterClientInput{ClientName: "test", ClientType: ssooidc.ClientTypePublic})
	require.NoError(t, err)
	device, err := oidc.StartDeviceAuthorization(t.Context(), &ssooidc.StartDeviceAuthorizationInput{
		ClientId: registered.ClientId, ClientSecret: registered.ClientSecret, StartUrl: "https://example.awsapps.com/start",
	})
	require.NoError(t, err)
	in := &ssooidc.CreateTokenInput{
		ClientId: registered.ClientId, ClientSecret: registered.ClientSecret, GrantType: ssooidc.GrantTypeDeviceCode, DeviceCode: device.DeviceCode,
	}
	first, err := oidc.CreateToken(t.Context(), in)
	require.NoError(t, err)
	server.IdentityCenter().RotateRefreshTokens(true)
	in.GrantType, in.RefreshToken = ssooidc.GrantTypeRefreshToken, first.RefreshToken
	second, err := oidc.CreateToken(t.Context(), in)
	require.NoError(t, err)
	in.RefreshToken = second.RefreshToken
	other := server.IdentityCenter().SignIn()

	out, err := client.Logout(t.Context(), &portal.LogoutInput{AccessToken: first.AccessToken})
	require.NoError(t, err)
	assert.NotEmpty(t, out.RequestID)

	var unauthorized *portal.UnauthorizedException
	for _, token := range []awstokens.Secret{first.AccessToken, second.AccessToken} {
		_, err = client.ListAccounts(t.Context(), &portal.ListAccountsInput{AccessToken: token})
		assert.ErrorAs(t, err, &unauthorized, "all access tokens of the session")
	}
	_, err = oidc.CreateToken(t.Context(), in)
	var invalid *ssooidc.InvalidGrantException
	assert.ErrorAs(t, err, &invalid, "its refresh token")
	_, err = client.ListAccounts(t.Context(), &portal.ListAccountsInput{AccessToken: other})
	assert.NoError(t, err, "no other session")
	_, err = client.Logout(t.Context(), &portal.LogoutInput{AccessToken: first.AccessToken})
	assert.ErrorAs(t, err, &unauthorized)
}

// TestLogoutAfterALostResponse: the retry finds that the session has ended, and the
// error says that the first attempt may have ended it.
func TestLogoutAfterALostResponse(t *testing.T) {
	server := awstokenstest.NewServer(t)
	client := newClient(t, server.Config())
	server.IdentityCenter().Next(1, "Logout").LoseAnswer()
	_, err := client.Logout(t.Context(), &portal.LogoutInput{AccessToken: server.IdentityCenter().SignIn()})
	var unauthorized *portal.UnauthorizedException
	require.ErrorAs(t, err, &unauthorized)
	assert.True(t, awstokens.MayHaveProcessed(err))
	assert.Equal(t, 2, server.IdentityCenter().Requests("Logout"))

	_, err = client.Logout(t.Context(), &portal.LogoutInput{AccessToken: awstokens.NewSecret("fake")})
	require.ErrorAs(t, err, &unauthorized)
	assert.False(t, awstokens.MayHaveProcessed(err), "the session did not exist")
}

// TestLogoutResponses: an empty body or any JSON object is a success, the page of a
// proxy is not.
func TestLogoutResponses(t *testing.T) {
	for body, ok := range map[string]bool{"": true, `{}`: true, `{"addedLater":1}`: true, "<html>Sign in to the network</html>": false, "{": false} {
		client := newClient(t, awstokens.Config{Region: "eu-central-1", HTTPClient: &response{status: 200, body: body}})
		_, err := client.Logout(t.Context(), &portal.LogoutInput{AccessToken: awstokens.NewSecret("fake")})
		assert.Equal(t, ok, err == nil, "%s: %v", body, err)
	}
}

func TestConfiguration(t *testing.T) {
	_, err := portal.New(awstokens.Config{})
	assert.ErrorContains(t, err, "no region")
	_, err = portal.New(awstokens.Config{BaseEndpoint: "http://portal.example.com"})
	assert.ErrorIs(t, err, awstokens.ErrInsecureEndpoint)

	stub := &response{status: 200}
	client := newClient(t, awstokens.Config{Region: "eu-central-1", HTTPClient: stub})
	fips, err := client.With(func(cfg *awstokens.Config) { cfg.UseFIPS = true })
	require.NoError(t, err)
	_, err = fips.Logout(t.Context(), &portal.LogoutInput{AccessToken: awstokens.NewSecret("fake")})
	require.NoError(t, err)
	assert.Equal(t, "portal.sso-fips.eu-central-1.amazonaws.com", stub.sent.Host)
	_, err = client.With(func(cfg *awstokens.Config) { cfg.Region = "" })
	assert.Error(t, err)
	proxied, err := url.Parse("https://sso.example.com/eu")
	require.NoError(t, err)
	one, err := client.With(func(cfg *awstokens.Config) { cfg.ServiceEndpoints = map[string]string{"SSO": proxied.String()} })
	require.NoError(t, err)
	_, err = one.Logout(t.Context(), &portal.LogoutInput{AccessToken: awstokens.NewSecret("fake")})
	require.NoError(t, err)
	assert.Equal(t, "https://sso.example.com/eu/logout", stub.sent.URL.String())
}
