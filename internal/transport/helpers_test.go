package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

const (
	licenseARN    = "arn:aws:license-manager::123456789012:license:l-0123456789abcdef0123456789abcdef"
	fakeRequestID = "11111111-2222-3333-4444-555555555555"
)

type output interface{ Metadata() *awstokens.Result }

// operation is one of the API's operations with a valid input, seen through
// the public clients: what these tests say holds whatever the internals do.
type operation struct {
	name       string
	uri        string // path and query
	target     string // X-Amz-Target
	service    string // that signs; empty for none
	optional   bool   // signed only if there are credentials
	single     bool   // not idempotent
	empty      bool   // an empty body is a success
	response   string // a success
	tokenless  string // a response without what the operation is for; empty if nothing is
	emptyToken string // the same with an empty text
	mistyped   string // a response whose token is of another type; empty if it has none

	// open makes a client, and returns a function that makes the call.
	open func(*testing.T, awstokens.Config) func(context.Context) (output, error)
}

var operations = []operation{
	{
		name: "LM.CreateToken", target: "AWSLicenseManager.CreateToken", service: "license-manager",
		response:  `{"Token":"fake.refresh.token","TokenId":"t-1","TokenType":"REFRESH_TOKEN"}`,
		tokenless: `{"TokenId":"t-1"}`, emptyToken: `{"Token":"","TokenId":"t-1"}`, mistyped: `{"Token":["fake"]}`,
		open: opener(licensemanager.New, (*licensemanager.Client).CreateToken, &licensemanager.CreateTokenInput{
			ClientToken: "the-one-client-token", LicenseArn: licenseARN,
		}),
	}, {
		name: "LM.GetAccessToken", target: "AWSLicenseManager.GetAccessToken", service: "license-manager", optional: true,
		response:  `{"AccessToken":"fake.access.token"}`,
		tokenless: `{}`, emptyToken: `{"AccessToken":""}`, mistyped: `{"AccessToken":{}}`,
		open: opener(licensemanager.New, (*licensemanager.Client).GetAccessToken, &licensemanager.GetAccessTokenInput{
			Token: awstokens.NewSecret("fake.refresh.token"),
		}),
	}, {
		name: "LM.ListTokens", target: "AWSLicenseManager.ListTokens", service: "license-manager",
		response: `{"Tokens":[{"TokenId":"t-1"}]}`,
		open:     opener(licensemanager.New, (*licensemanager.Client).ListTokens, nil),
	}, {
		name: "LM.DeleteToken", target: "AWSLicenseManager.DeleteToken", service: "license-manager",
		response: `{}`, empty: true,
		open: opener(licensemanager.New, (*licensemanager.Client).DeleteToken, &licensemanager.DeleteTokenInput{
			TokenId: "t-1",
		}),
	}, {
		name: "OIDC.RegisterClient", uri: "/client/register",
		response:  `{"clientId":"c-1","clientSecret":"fake-client-secret","tokenEndpoint":null}`,
		tokenless: `{"clientId":"c-1"}`, emptyToken: `{"clientId":"c-1","clientSecret":""}`, mistyped: `{"clientSecretExpiresAt":"soon"}`,
		open: opener(ssooidc.New, (*ssooidc.Client).RegisterClient, &ssooidc.RegisterClientInput{
			ClientName: "test", ClientType: ssooidc.ClientTypePublic,
		}),
	}, {
		name: "OIDC.StartDeviceAuthorization", uri: "/device_authorization",
		response:  `{"deviceCode":"fake-device-code","userCode":"FAKE-CODE","verificationUri":"https://example.com/"}`,
		tokenless: `{"userCode":"FAKE-CODE","verificationUri":"https://example.com/"}`, emptyToken: `{"deviceCode":""}`, mistyped: `{"interval":"1"}`,
		open: opener(ssooidc.New, (*ssooidc.Client).StartDeviceAuthorization, &ssooidc.StartDeviceAuthorizationInput{
			ClientId: "c-1", ClientSecret: awstokens.NewSecret("fake-client-secret"), StartUrl: "https://example.com/start",
		}),
	}, {
		name: "OIDC.CreateToken", uri: "/token", single: true,
		response:  `{"accessToken":"fake-access-token","tokenType":"Bearer","expiresIn":28800,"refreshToken":null}`,
		tokenless: `{"tokenType":"Bearer"}`, emptyToken: `{"accessToken":""}`, mistyped: `{"accessToken":{"a":1}}`,
		open: opener(ssooidc.New, (*ssooidc.Client).CreateToken, &ssooidc.CreateTokenInput{
			ClientId: "c-1", ClientSecret: awstokens.NewSecret("fake-client-secret"), GrantType: ssooidc.GrantTypeDeviceCode, DeviceCode: awstokens.NewSecret("fake-device-code"),
		}),
	}, {
		name: "OIDC.CreateTokenWithIAM", uri: "/token?aws_iam=t", service: "sso-oauth", single: true,
		response:  `{"accessToken":"fake-access-token","tokenType":"Bearer","expiresIn":3600}`,
		tokenless: `{"refreshToken":"fake"}`, emptyToken: `{"accessToken":""}`, mistyped: `{"expiresIn":"3600"}`,
		open: opener(ssooidc.New, (*ssooidc.Client).CreateTokenWithIAM, &ssooidc.CreateTokenWithIAMInput{
			ClientId: "c-1", GrantType: ssooidc.GrantTypeRefreshToken, RefreshToken: awstokens.NewSecret("fake-refresh-token"),
		}),
	},
}

func opener[C, I, O any, PO interface {
	*O
	output
}](newClient func(awstokens.Config) (*C, error), call func(*C, context.Context, *I) (PO, error), in *I) func(*testing.T, awstokens.Config) func(context.Context) (output, error) {
	return func(t *testing.T, cfg awstokens.Config) func(context.Context) (output, error) {
		t.Helper()
		client, err := newClient(cfg)
		require.NoError(t, err)
		return func(ctx context.Context) (output, error) {
			out, err := call(client, ctx, in)
			if (out == nil) == (err == nil) {
				t.Errorf("output %v with error %v", out, err)
			}
			if err != nil {
				return nil, err
			}
			return out, nil
		}
	}
}

// named returns one of the operations.
func named(name string) operation {
	for _, op := range operations {
		if op.name == name {
			return op
		}
	}
	panic("no operation " + name)
}

// eachOperation runs a subtest for every operation.
func eachOperation(t *testing.T, test func(*testing.T, operation)) {
	for _, op := range operations {
		t.Run(op.name, func(t *testing.T) { test(t, op) })
	}
}

// config returns a configuration with fake keys.
func config(client awstokens.HTTPClient) awstokens.Config {
	return awstokens.Config{
		Region:      "us-east-1",
		Credentials: awstokens.StaticCredentials("AKIDEXAMPLE", "not-a-real-secret-key", "not-a-real-session-token"),
		HTTPClient:  client,
	}
}

// responder is what a server, or the way to it, does with a request.
type responder func(*http.Request) (*http.Response, error)

// script is an HTTPClient that responds to requests in turn, with the last response over
// and over, and keeps what was sent.
type script struct {
	responses []responder

	mu   sync.Mutex
	sent []*http.Request
	body []string // nobody reads a body twice
}

func play(responses ...responder) *script { return &script{responses: responses} }

func (s *script) Do(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	next := s.responses[min(len(s.sent), len(s.responses)-1)]
	s.sent = append(s.sent, req)
	s.body = append(s.body, "")
	i := len(s.body) - 1
	s.mu.Unlock()

	body := req.Body
	var read strings.Builder
	req.Body = io.NopCloser(io.TeeReader(body, &read))
	resp, err := next(req)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.body[i] = read.String()
	return resp, err
}

// header returns the values of a header, a request each.
func (s *script) header(name string) []string {
	var values []string
	for _, req := range s.sent {
		values = append(values, req.Header.Get(name))
	}
	return values
}

// reply responds with a status, a body, and headers given as names and values.
func reply(status int, body string, headers ...string) responder {
	return func(req *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, req.Body)
		header := http.Header{"X-Amzn-Requestid": {fakeRequestID}}
		for i := 0; i < len(headers); i += 2 {
			header.Set(headers[i], headers[i+1])
		}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
	}
}

// exception responds with an error of the service, named by the header.
func exception(status int, code string, headers ...string) responder {
	return reply(status, `{"Message":"says the service"}`, append([]string{"X-Amzn-Errortype", code}, headers...)...)
}

// refused is a connection that could not be made.
func refused(*http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

// lost is a connection that broke after the request was written.
func lost(req *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, req.Body)
	return nil, io.ErrUnexpectedEOF
}

// requireOperationError requires what all errors of a call have in common.
func requireOperationError(t *testing.T, err error) {
	t.Helper()
	var op *smithy.OperationError
	require.ErrorAs(t, err, &op)
	require.Same(t, op, err, "the operation's error is the outermost")
}

// responseError requires and returns a ResponseError.
func responseError(t *testing.T, err error) *awstokens.ResponseError {
	t.Helper()
	requireOperationError(t, err)
	var response *awstokens.ResponseError
	require.ErrorAs(t, err, &response)
	return response
}

var errFake = errors.New("fake failure")
