package awstokens_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

var (
	exported = awstokens.Credentials{
		AccessKeyID:     "ASIAFAKE",
		SecretAccessKey: awstokens.NewSecret("fake/secret+key"),
		SessionToken:    awstokens.NewSecret("fake-session"),
		AccountID:       "111122223333",
		Expires:         time.Date(2026, 11, 25, 21, 0, 0, 999, time.FixedZone("", 3600)),
	}
	handlerToken = awstokens.NewSecret("fake-authorization-token")
)

func TestWriteProcessCredentials(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, awstokens.WriteProcessCredentials(&b, exported))
	assert.Equal(t, `{"Version":1,"AccessKeyId":"ASIAFAKE","SecretAccessKey":"fake/secret+key","SessionToken":"fake-session",`+
		`"Expiration":"2026-11-25T20:00:00Z","AccountId":"111122223333"}`+"\n", b.String())

	b.Reset()
	require.NoError(t, awstokens.WriteProcessCredentials(&b, awstokens.Credentials{AccessKeyID: "AKIAFAKE", SecretAccessKey: awstokens.NewSecret("fake")}))
	assert.Equal(t, `{"Version":1,"AccessKeyId":"AKIAFAKE","SecretAccessKey":"fake"}`+"\n", b.String(), "long-lived ones do not expire")

	b.Reset()
	for _, incomplete := range []awstokens.Credentials{{}, {AccessKeyID: "AKIAFAKE"}, {SecretAccessKey: awstokens.NewSecret("fake")}} {
		assert.ErrorIs(t, awstokens.WriteProcessCredentials(&b, incomplete), awstokens.ErrNoCredentials)
	}
	assert.Error(t, awstokens.WriteProcessCredentials(&b, awstokens.Credentials{
		AccessKeyID: "AKIAFAKE", SecretAccessKey: awstokens.NewSecret("fake"), Expires: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
	}))
	assert.Empty(t, b.String())
	assert.ErrorIs(t, awstokens.WriteProcessCredentials(full{}, exported), errFull)
}

var errFull = errors.New("the disk is full")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// serve serves a provider on a loopback address and returns the URL.
func serve(t *testing.T, provider awstokens.CredentialsProvider, token awstokens.Secret) string {
	t.Helper()
	server := httptest.NewServer(awstokens.CredentialsHandler(provider, token))
	t.Cleanup(server.Close)
	return server.URL
}

// ask asks for credentials and returns status and body.
func ask(t *testing.T, url string, change ...func(*http.Request)) (int, map[string]string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", handlerToken.Reveal())
	for _, f := range change {
		f(req)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	assert.Equal(t, "no-store", resp.Header.Get("Cache-Control"))
	var members map[string]string
	if req.Method != http.MethodHead {
		require.NoError(t, json.Unmarshal(body, &members), "%s", body)
	}
	return resp.StatusCode, members
}

// someCredentials is a provider that counts its calls.
type someCredentials struct {
	credentials awstokens.Credentials
	err         error
	calls       int
}

func (p *someCredentials) Retrieve(context.Context) (awstokens.Credentials, error) {
	p.calls++
	return p.credentials, p.err
}

func TestCredentialsHandler(t *testing.T) {
	provider := &someCredentials{credentials: exported}
	url := serve(t, provider, handlerToken)
	for _, path := range []string{"", "/", "/any/path?any=query"} {
		status, got := ask(t, url+path)
		assert.Equal(t, http.StatusOK, status)
		assert.Equal(t, map[string]string{
			"AccessKeyId": "ASIAFAKE", "SecretAccessKey": "fake/secret+key", "Token": "fake-session",
			"Expiration": "2026-11-25T20:00:00Z", "AccountId": "111122223333",
		}, got)
	}
	assert.Equal(t, 3, provider.calls, "nothing is kept")

	// The local clock may be wrong, so it does not decide what has expired.
	provider.credentials.Expires = time.Now().Add(-time.Hour)
	status, got := ask(t, url)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, provider.credentials.Expires.UTC().Format(time.RFC3339), got["Expiration"])

	// SDKs require an expiry.
	provider.credentials = awstokens.Credentials{AccessKeyID: "AKIAFAKE", SecretAccessKey: awstokens.NewSecret("fake")}
	_, got = ask(t, url)
	expires, err := time.Parse(time.RFC3339, got["Expiration"])
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(time.Hour), expires, time.Minute)
	delete(got, "Expiration")
	assert.Equal(t, map[string]string{"AccessKeyId": "AKIAFAKE", "SecretAccessKey": "fake", "Token": ""}, got)
}

// TestCredentialsHandlerContext: the provider gets the context of the request.
func TestCredentialsHandlerContext(t *testing.T) {
	url := serve(t, awstokens.CredentialsFunc(func(ctx context.Context) (awstokens.Credentials, error) {
		assert.NotNil(t, ctx.Value(http.ServerContextKey))
		return exported, nil
	}), handlerToken)
	status, _ := ask(t, url)
	assert.Equal(t, http.StatusOK, status)
}

func TestCredentialsHandlerRefuses(t *testing.T) {
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	host := func(host string) func(*http.Request) { return func(r *http.Request) { r.Host = host } }
	method := func(m string) func(*http.Request) { return func(r *http.Request) { r.Method = m } }
	provider := &someCredentials{credentials: exported}
	url := serve(t, provider, handlerToken)
	for name, tt := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"no token":          {func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		"an empty token":    {header("Authorization", ""), 401},
		"another token":     {header("Authorization", "fake-authorization-tokeN"), 401},
		"half of the token": {header("Authorization", "fake-authorization"), 401},
		"a longer token":    {header("Authorization", handlerToken.Reveal()+"x"), 401},
		"the redacted one":  {header("Authorization", handlerToken.String()), 401},
		"as a bearer":       {header("Authorization", "Bearer "+handlerToken.Reveal()), 401},
		"a web site":        {host("attacker.example.com"), 403},
		"one with our port": {host("attacker.example.com" + url[strings.LastIndex(url, ":"):]), 403},
		"127.0.0.1.nip.io":  {host("127.0.0.1.nip.io"), 403},
		"another address":   {host("192.0.2.1:80"), 403},
		"no host":           {host(":80"), 403},
		"POST":              {method(http.MethodPost), 405},
		"HEAD":              {method(http.MethodHead), 405},
		"OPTIONS":           {method(http.MethodOptions), 405},
	} {
		status, got := ask(t, url, tt.change)
		assert.Equal(t, tt.status, status, name)
		if name != "HEAD" {
			assert.NotEmpty(t, got["code"], name)
			assert.NotEmpty(t, got["message"], name)
			assert.Equal(t, map[string]string{"code": got["Code"], "message": got["Message"], "Code": got["code"], "Message": got["message"]}, got, name)
		}
	}
	assert.Zero(t, provider.calls, "the provider is not asked")

	for _, good := range []string{"localhost", "LOCALHOST:80", "127.0.0.1", "127.8.9.10:1", "[::1]:80", "[::1]"} {
		status, _ := ask(t, url, host(good))
		assert.Equal(t, http.StatusOK, status, good)
	}

	url = serve(t, provider, awstokens.Secret{})
	for _, token := range []string{"", "x"} {
		status, _ := ask(t, url, header("Authorization", token))
		assert.Equal(t, http.StatusUnauthorized, status, "without a token, nobody gets in")
	}
}

// A request from another machine is refused, also if it has the token.
func TestCredentialsHandlerServesLoopbackOnly(t *testing.T) {
	handler := awstokens.CredentialsHandler(&someCredentials{credentials: exported}, handlerToken)
	for from, status := range map[string]int{
		"127.0.0.1:5000": 200, "127.1.2.3:5000": 200, "[::1]:5000": 200, "[::ffff:127.0.0.1]:5000": 200,
		"192.0.2.1:5000": 403, "[2001:db8::1]:5000": 403, "[::ffff:192.0.2.1]:5000": 403, "10.0.0.1:5000": 403,
		"": 403, "@": 403, "localhost:5000": 403, "127.0.0.1": 403,
	} {
		req := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/", nil)
		req.RemoteAddr = from
		req.Header.Set("Authorization", handlerToken.Reveal())
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, req)
		assert.Equal(t, status, w.Code, from)
	}
}

func TestCredentialsHandlerErrors(t *testing.T) {
	call := func(status int, err error) error {
		return &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: &awstokens.ResponseError{StatusCode: status, Err: err}}
	}
	for name, tt := range map[string]struct {
		err    error
		status int
		code   string
	}{
		"no login":       {errors.New("log in first"), 403, "CredentialsUnavailable"},
		"no credentials": {fmt.Errorf("the provider: %w", awstokens.ErrNoCredentials), 403, "NoCredentials"},
		"denied":         {call(403, &smithy.GenericAPIError{Code: "AccessDenied", Message: "no", Fault: smithy.FaultClient}), 403, "AccessDenied"},
		"throttled":      {call(400, &smithy.GenericAPIError{Code: "Throttling", Message: "slower", Fault: smithy.FaultClient}), 503, "Throttling"},
		"broken":         {call(500, &smithy.GenericAPIError{Code: "InternalFailure", Message: "sorry", Fault: smithy.FaultServer}), 503, "InternalFailure"},
		"unreachable":    {&awstokens.SendError{Err: errors.New("connection refused")}, 503, "CredentialsUnavailable"},
		"late":           {context.DeadlineExceeded, 503, "CredentialsUnavailable"},
		"lost response":  {fmt.Errorf("the session: %w", &awstokens.SendError{Err: io.ErrUnexpectedEOF, Written: true}), 503, "CredentialsUnavailable"},
		"unreadable":     {call(200, &smithy.DeserializationError{Err: errors.New("<html>")}), 503, "CredentialsUnavailable"},
		"faulty":         {call(502, &smithy.GenericAPIError{Code: "UnknownError"}), 503, "UnknownError"},
		"slow down":      {call(400, &smithy.GenericAPIError{Code: "SlowDownException"}), 503, "SlowDownException"},
		"ended after a lost response": {
			fmt.Errorf("log in again: %w; the last request failed: %w", call(400, &smithy.GenericAPIError{Code: "InvalidGrantException"}), &awstokens.SendError{Err: context.DeadlineExceeded, Written: true}),
			403, "InvalidGrantException",
		},
	} {
		provider := &someCredentials{credentials: exported, err: tt.err}
		status, got := ask(t, serve(t, provider, handlerToken))
		assert.Equal(t, tt.status, status, name)
		assert.Equal(t, map[string]string{"code": tt.code, "message": tt.err.Error(), "Code": tt.code, "Message": tt.err.Error()}, got, name)
	}
	for _, empty := range []awstokens.CredentialsProvider{awstokens.AnonymousCredentials{}, nil} {
		status, got := ask(t, serve(t, empty, handlerToken))
		assert.Equal(t, 403, status)
		assert.Equal(t, "NoCredentials", got["code"])
	}
	forEver := exported
	forEver.Expires = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	status, got := ask(t, serve(t, &someCredentials{credentials: forEver}, handlerToken))
	assert.Equal(t, 500, status)
	assert.Contains(t, got["message"], "cannot be encoded")
}

func ExampleWriteProcessCredentials() {
	// The AWS config file names the program:
	//
	//	[profile licensed]
	//	credential_process = /usr/local/bin/license-credentials
	provider := awstokens.StaticCredentials("AKIAFAKE", "not-a-real-key", "") // such as a tokencreds.Provider
	credentials, err := provider.Retrieve(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	var stdout strings.Builder // os.Stdout
	if err := awstokens.WriteProcessCredentials(&stdout, credentials); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(stdout.String())
	// Output: {"Version":1,"AccessKeyId":"AKIAFAKE","SecretAccessKey":"not-a-real-key"}
}
