package transport_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

// An HTTP client that keeps a copy of the body and retries by itself does not send
// a single-use request again. What it asks for before, with the same context, does
// not count.
func TestClientThatRetriesByItself(t *testing.T) {
	for name, configure := range map[string]func(*httptest.Server){
		"HTTP/1.1": (*httptest.Server).StartTLS,
		"HTTP/2":   func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() },
	} {
		t.Run(name, func(t *testing.T) {
			eachOperation(t, func(t *testing.T, op operation) {
				var whole atomic.Int32
				server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if body, err := io.ReadAll(r.Body); err == nil && len(body) > 0 {
						whole.Add(1)
					}
					w.WriteHeader(http.StatusServiceUnavailable)
				}))
				configure(server)
				t.Cleanup(server.Close)
				base := server.Client().Transport
				retry := roundTripper(func(req *http.Request) (resp *http.Response, err error) {
					body, err := io.ReadAll(req.Body)
					require.NoError(t, err)
					before, err := http.NewRequestWithContext(req.Context(), http.MethodGet, server.URL, nil)
					require.NoError(t, err)
					resp, err = base.RoundTrip(before)
					require.NoError(t, err)
					for range 3 {
						resp.Body.Close()
						again := req.Clone(req.Context())
						again.Body = io.NopCloser(bytes.NewReader(body))
						if resp, err = base.RoundTrip(again); err != nil {
							return nil, err
						}
					}
					return resp, nil
				})
				for _, client := range []awstokens.HTTPClient{&http.Client{Transport: retry}, doer(retry)} {
					whole.Store(0)
					cfg := config(client)
					cfg.BaseEndpoint, cfg.Retryer = server.URL, once(nil).Retryer
					_, err := op.open(t, cfg)(t.Context())
					require.Error(t, err)
					assert.True(t, awstokens.MayHaveProcessed(err))
					if op.single {
						assert.ErrorContains(t, err, "sent a single-use request again")
					}
					assert.EqualValues(t, map[bool]int{true: 1, false: 3}[op.single], whole.Load())
				}
			})
		})
	}
}

// Over HTTP/2, net/http may report that a request was written after its response
// has come, and the client has begun to send it again.
func TestResponseBeforeTheRequestWasWritten(t *testing.T) {
	eachOperation(t, func(t *testing.T, op operation) {
		canceled := false
		cfg := config(doer(roundTripper(func(req *http.Request) (*http.Response, error) {
			trace := httptrace.ContextClientTrace(req.Context())
			send := func() {
				trace.WroteHeaderField(":authority", []string{req.Host})
				trace.WroteHeaderField("amz-sdk-invocation-id", req.Header["Amz-Sdk-Invocation-Id"])
			}
			send()
			_, err := io.Copy(io.Discard, req.Body)
			require.NoError(t, err)
			if trace.GotFirstResponseByte != nil {
				trace.GotFirstResponseByte()
			}
			send()
			canceled = req.Context().Err() != nil
			trace.WroteRequest(httptrace.WroteRequestInfo{})
			return nil, io.ErrUnexpectedEOF
		})))
		cfg.Retryer = once(nil).Retryer
		_, err := op.open(t, cfg)(t.Context())
		require.Error(t, err)
		assert.Equal(t, op.single, canceled)
	})
}
