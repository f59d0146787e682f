package transport_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A RoundTripper may read a body after it has returned, such as one that gives up
// waiting for a connection while another goroutine goes on. What counts as not
// written, and is sent again, is not sent after all.
func TestBodyIsReadAfterTheFailure(t *testing.T) {
	op := named("OIDC.CreateToken")
	var attempts []*http.Request
	whole := 0
	send := func(req *http.Request) {
		if body, err := io.ReadAll(req.Body); err == nil && int64(len(body)) == req.ContentLength {
			whole++
		}
	}
	cfg := config(&http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		if attempts = append(attempts, req); len(attempts) == 1 {
			return nil, errors.New("no connection in time")
		}
		for _, req := range attempts {
			send(req)
		}
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(op.response)), Request: req}, nil
	})})
	cfg.Retryer = eager{}
	_, err := op.open(t, cfg)(t.Context())
	require.NoError(t, err)
	assert.Len(t, attempts, 2)
	assert.Equal(t, 1, whole)
}
