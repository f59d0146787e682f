package transport_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A proxy can change the status of a success, and then its body can be cut off:
// the error shows nothing of a token, although the body cannot be decoded.
func TestTokenInABrokenErrorBody(t *testing.T) {
	op := named("OIDC.CreateToken")
	const whole = `{"accessToken":"fake-access-token","refreshToken":"fake-refresh-token"}`
	check := func(body string, end error, limit int64) {
		cfg := config(&http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
			_, _ = io.Copy(io.Discard, req.Body)
			return &http.Response{StatusCode: 500, ContentLength: -1, Request: req, Body: io.NopCloser(&endsWith{strings.NewReader(body), end})}, nil
		})})
		cfg.MaxResponseBytes = limit
		_, err := op.open(t, cfg)(t.Context())
		if assert.Error(t, err) {
			assert.NotContains(t, err.Error(), "fake-")
		}
	}
	for i := range len(whole) {
		check(whole[:i], io.ErrUnexpectedEOF, 0)
		check(whole, io.EOF, int64(i))
	}
	for _, body := range []string{"[" + whole + "]", "<pre>" + whole, `{"body":` + whole + "}", "accessToken=fake-access-token"} {
		check(body, io.EOF, 0)
	}
}

// A redirect that cannot be followed shows nothing of where it goes.
func TestTokenInALocation(t *testing.T) {
	eachOperation(t, func(t *testing.T, op operation) {
		cfg := config(&http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
			_, _ = io.Copy(io.Discard, req.Body)
			return &http.Response{StatusCode: 302, Request: req, Body: http.NoBody, Header: http.Header{
				"Location": {"https://[example.com/?code=fake-authorization-code"},
			}}, nil
		})})
		_, err := op.open(t, cfg)(t.Context())
		assert.ErrorContains(t, err, "Location")
		assert.NotContains(t, err.Error(), "fake-")
	})
}

// endsWith reads to an end of another kind.
type endsWith struct {
	io.Reader
	end error
}

func (r *endsWith) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF {
		err = r.end
	}
	return n, err
}
