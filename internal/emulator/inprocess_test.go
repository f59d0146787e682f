package emulator_test

import (
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/aws/smithy-go/aws-http-auth/sigv4"
	v4 "github.com/aws/smithy-go/aws-http-auth/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
	"github.com/seed-25f54b62/awstokens/internal/sts"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// All services respond in the caller's goroutine as they do over a network.
func TestInProcess(t *testing.T) {
	t.Parallel()
	server, err := emulator.New(emulator.Options{FrozenAt: startTime})
	require.NoError(t, err)
	server.ServeInProcess(prefix)
	cfg := server.Config()
	assert.Equal(t, "http://127.0.0.1:0"+prefix, server.URL())
	lm, oidc, tokens := clients(t, cfg)
	_, err = lm.ListTokens(t.Context(), nil)
	require.NoError(t, err)
	_, err = oidc.RegisterClient(t.Context(), &ssooidc.RegisterClientInput{ClientName: "test", ClientType: ssooidc.ClientTypePublic})
	require.NoError(t, err)
	_, err = tokens.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: server.RoleARN(), RoleSessionName: "session"})
	require.NoError(t, err)

	outside, err := lm.With(func(c *awstokens.Config) { c.BaseEndpoint = "http://127.0.0.1:0" })
	require.NoError(t, err)
	_, err = outside.ListTokens(t.Context(), nil)
	var response *awstokens.ResponseError
	require.ErrorAs(t, err, &response, "it serves only its prefix")
	assert.Equal(t, http.StatusNotFound, response.StatusCode)

	require.NoError(t, server.Close())
	body := &closed{Reader: strings.NewReader("{}")}
	req, err := http.NewRequest(http.MethodPost, server.URL(), body)
	require.NoError(t, err)
	_, err = cfg.HTTPClient.Do(req)
	assert.Error(t, err)
	assert.True(t, body.closed)
	assert.NoError(t, server.Close())
}

// Requests of other clients are processed as by a server.
func TestInProcessRequests(t *testing.T) {
	t.Parallel()
	server, err := emulator.New(emulator.Options{FrozenAt: startTime})
	require.NoError(t, err)
	server.ServeInProcess(prefix)
	cfg := server.Config()

	// Another SDK has a RawPath without the endpoint's path, and signs a header
	// that net/http adds.
	const listTokens = "{}"
	req, err := http.NewRequest(http.MethodPost, server.URL()+"/", strings.NewReader(listTokens))
	require.NoError(t, err)
	req.Header.Set("X-Amz-Target", "AWSLicenseManager.ListTokens")
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("Content-Length", "2")
	key, err := cfg.Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	hash := sha256.Sum256([]byte(listTokens))
	signer := sigv4.New(func(o *v4.SignerOptions) { o.HeaderRules = everyHeader{} })
	require.NoError(t, signer.SignRequest(&sigv4.SignRequestInput{
		Request: req, PayloadHash: hash[:], Credentials: authKey(key), Service: "license-manager", Region: cfg.Region, Time: startTime,
	}))
	req.Header.Del("Content-Length")
	req.URL.RawPath = "/"
	resp, err := cfg.HTTPClient.Do(req)
	require.NoError(t, err)
	assert.Equal(t, http.StatusOK, resp.StatusCode)

	req, err = http.NewRequest(http.MethodGet, server.URL(), nil)
	require.NoError(t, err)
	resp, err = cfg.HTTPClient.Do(req)
	require.NoError(t, err)
	assert.Equal(t, "404 Not Found", resp.Status)
	assert.NoError(t, resp.Body.Close())

	req, err = http.NewRequest(http.MethodPost, server.URL(), iotest.ErrReader(errBody))
	require.NoError(t, err)
	_, err = cfg.HTTPClient.Do(req)
	assert.ErrorIs(t, err, errBody)
	var failed *url.Error
	assert.ErrorAs(t, err, &failed, "as an http.Client has it")
}

var errBody = errors.New("the body cannot be read")

type closed struct {
	io.Reader
	closed bool
}

func (c *closed) Close() error { c.closed = true; return nil }
