package emulator_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go/aws-http-auth/credentials"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/aws-http-auth/sigv4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
	"github.com/seed-25f54b62/awstokens/internal/sts"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// startTime is the time of the clock at the start of every test.
var startTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const prefix = "/some/prefix"

// world is an emulator with this library's clients, which make one attempt.
type world struct {
	*emulator.Server
	cfg  awstokens.Config
	lm   *licensemanager.Client
	oidc *ssooidc.Client
	sts  *sts.Client
}

func newWorld(t *testing.T, change ...func(*emulator.Options)) *world {
	t.Helper()
	options := emulator.Options{FrozenAt: startTime}
	for _, f := range change {
		f(&options)
	}
	server, err := emulator.New(options)
	require.NoError(t, err)
	require.NoError(t, server.Listen("127.0.0.1:0", prefix))
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		assert.NoError(t, server.Close())
	})
	cfg := server.Config()
	cfg.HTTPClient = &http.Client{Transport: transport}
	cfg.Retryer = attempts(1)
	w := &world{Server: server, cfg: cfg}
	w.lm, w.oidc, w.sts = clients(t, cfg)
	return w
}

func clients(t *testing.T, cfg awstokens.Config) (*licensemanager.Client, *ssooidc.Client, *sts.Client) {
	t.Helper()
	lm, err := licensemanager.New(cfg)
	require.NoError(t, err)
	unchecked := cfg
	unchecked.DisableValidation = true // it is the server that is tested
	oidc, err := ssooidc.New(unchecked)
	require.NoError(t, err)
	tokens, err := sts.New(cfg)
	require.NoError(t, err)
	return lm, oidc, tokens
}

// attempts is a retryer that does not wait.
func attempts(n int) awstokens.Retryer {
	return awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) {
		o.MaxAttempts, o.BaseDelay, o.RetryBudget = n, -1, -1
	})
}

// request makes a raw request, without a signature.
func (w *world) request(t *testing.T, path, contentType, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, w.URL()+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	return req
}

// target makes a raw request of License Manager, without a signature.
func (w *world) target(t *testing.T, operation, body string) *http.Request {
	t.Helper()
	req := w.request(t, "/", "application/x-amz-json-1.1", body)
	req.Header.Set("X-Amz-Target", "AWSLicenseManager."+operation)
	return req
}

// sign signs a raw request for the emulator, except for what change does.
func (w *world) sign(t *testing.T, req *http.Request, service string, change ...func(*sigv4.SignRequestInput)) {
	t.Helper()
	key, err := w.cfg.Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	body, err := req.GetBody()
	require.NoError(t, err)
	text, err := io.ReadAll(body)
	require.NoError(t, err)
	hash := sha256.Sum256(text)
	in := &sigv4.SignRequestInput{
		Request: req, PayloadHash: hash[:], Credentials: authKey(key), Service: service, Region: w.cfg.Region, Time: w.Now(),
	}
	for _, f := range change {
		f(in)
	}
	require.NoError(t, sigv4.New().SignRequest(in))
}

// response is a raw response.
type response struct {
	status int
	header http.Header
	body   string
}

func (w *world) send(t *testing.T, req *http.Request) response {
	t.Helper()
	resp, err := w.cfg.HTTPClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return response{resp.StatusCode, resp.Header, string(body)}
}

func (r response) json(t *testing.T) map[string]any {
	t.Helper()
	var members map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.body), &members), r.body)
	return members
}

// claimsOf returns the claims of a JWT without verifying it.
func claimsOf(t *testing.T, token awstokens.Secret) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token.Reveal(), ".")
	require.Len(t, parts, 3)
	for i, into := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		require.NoError(t, err)
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		require.NoError(t, decoder.Decode(into))
	}
	return header, claims
}

// refused checks the code of an error of a service.
func refused(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if assert.ErrorAs(t, err, &api) {
		assert.Equal(t, code, api.ErrorCode(), api.ErrorMessage())
	}
}

func withKey(id, secret, session string) func(*awstokens.Config) {
	return func(c *awstokens.Config) { c.Credentials = awstokens.StaticCredentials(id, secret, session) }
}

func withCredentials(c awstokens.Credentials) func(*awstokens.Config) {
	return withKey(c.AccessKeyID, c.SecretAccessKey.Reveal(), c.SessionToken.Reveal())
}

// authKey is a key in the type of aws-http-auth.
func authKey(key awstokens.Credentials) credentials.Credentials {
	return credentials.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey.Reveal(), SessionToken: key.SessionToken.Reveal()}
}
