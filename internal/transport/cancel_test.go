package transport_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

// requireCanceled requires the one form that the end of a context has.
func requireCanceled(t *testing.T, err, reason error) {
	t.Helper()
	requireOperationError(t, err)
	var canceled *smithy.CanceledError
	require.ErrorAs(t, err, &canceled)
	require.ErrorIs(t, err, reason)
}

// hang is a server that never responds.
func hang(req *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, req.Body)
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// hangIn is a response that stops in the middle of its body.
func hangIn(status int) responder {
	return func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(hangingBody{req.Context()})}, nil
	}
}

type hangingBody struct{ ctx context.Context }

func (b hangingBody) Read([]byte) (int, error) {
	<-b.ctx.Done()
	return 0, b.ctx.Err()
}

// synctest itself fails a test that leaves a goroutine.
func TestCancellation(t *testing.T) {
	for name, test := range map[string]struct {
		responses []responder
		status    int // of the server error in the chain
	}{
		"during the request":                  {[]responder{hang}, 0},
		"during the body":                     {[]responder{hangIn(200)}, 200},
		"during the body of an error":         {[]responder{hangIn(400)}, 400},
		"during the body of a server error":   {[]responder{hangIn(500)}, 500},
		"during the wait":                     {[]responder{exception(503, "ThrottlingException", "Retry-After", "60")}, 503},
		"during the wait after no connection": {[]responder{refused}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			eachOperation(t, func(t *testing.T, op operation) {
				synctest.Test(t, func(t *testing.T) {
					const patience = 50 * time.Millisecond
					open := func() (func(context.Context) (output, error), *script) {
						http := play(test.responses...)
						cfg := config(http)
						cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = -1 })
						return op.open(t, cfg), http
					}
					check := func(err, reason error, start time.Time) {
						requireCanceled(t, err, reason)
						assert.Equal(t, patience, time.Since(start), "ends at once")
						assert.Equal(t, test.status, statusOf(err))
					}

					call, _ := open()
					start := time.Now()
					ctx, cancel := context.WithCancel(t.Context())
					time.AfterFunc(patience, cancel)
					_, err := call(ctx)
					check(err, context.Canceled, start)

					call, _ = open()
					start = time.Now()
					ctx, cancel = context.WithTimeout(t.Context(), patience)
					defer cancel()
					_, err = call(ctx)
					check(err, context.DeadlineExceeded, start)
				})
			})
		})
	}
}

func TestCanceledBeforehand(t *testing.T) {
	eachOperation(t, func(t *testing.T, op operation) {
		http := play(reply(200, op.response))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := op.open(t, config(http))(ctx)
		requireCanceled(t, err, context.Canceled)
		assert.Empty(t, http.sent)
	})
}

// However the context ends between two attempts, what the service said first
// stays visible.
func TestCanceledBetweenAttempts(t *testing.T) {
	for name, change := range map[string]func(*awstokens.Config, context.CancelFunc){
		"retrieving credentials": func(cfg *awstokens.Config, cancel context.CancelFunc) {
			asked := 0
			cfg.Credentials = awstokens.CredentialsFunc(func(ctx context.Context) (awstokens.Credentials, error) {
				if asked++; asked == 2 {
					cancel()
				}
				return awstokens.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: awstokens.NewSecret("not-a-real-secret-key")}, ctx.Err()
			})
		},
		"waiting for an attempt's token": func(cfg *awstokens.Config, cancel context.CancelFunc) {
			cfg.Retryer = &canceling{cancel: cancel}
		},
	} {
		t.Run(name, func(t *testing.T) {
			http := play(reply(503, ""))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			cfg := config(http)
			cfg.Retryer = eager{}
			change(&cfg, cancel)
			_, err := named("LM.CreateToken").open(t, cfg)(ctx)
			requireCanceled(t, err, context.Canceled)
			assert.Equal(t, 503, statusOf(err))
			assert.Len(t, http.sent, 1)
		})
	}
}

type canceling struct {
	eager
	cancel context.CancelFunc
	asked  int
}

func (c *canceling) GetAttemptToken(ctx context.Context) (func(error) error, error) {
	if c.asked++; c.asked == 2 {
		c.cancel()
	}
	return func(error) error { return nil }, ctx.Err()
}

// A token that was taken for a retry is given back when the wait is cut short.
func TestCanceledWaitReleasesItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(play(reply(503, "")))
		r := &recorder{}
		cfg.Retryer = r
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := named("LM.CreateToken").open(t, cfg)(ctx)
		requireCanceled(t, err, context.DeadlineExceeded)
		assert.Equal(t, "retry released, failed true", r.said[len(r.said)-1])
	})
}

// A timeout of the HTTP client is not the caller's cancellation.
func TestHTTPClientTimeoutIsASendError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		http := play(func(req *http.Request) (*http.Response, error) {
			ctx, cancel := context.WithTimeout(req.Context(), time.Second)
			defer cancel()
			return hang(req.WithContext(ctx))
		})
		_, err := named("LM.GetAccessToken").open(t, config(http))(t.Context())
		requireOperationError(t, err)
		var canceled *smithy.CanceledError
		assert.NotErrorAs(t, err, &canceled)
		var send *awstokens.SendError
		require.ErrorAs(t, err, &send)
		assert.True(t, send.Written)
		assert.Len(t, http.sent, 3)
	})
}

// The same over a real connection, which must be closed in the end.
func TestCancellationOnTheWire(t *testing.T) {
	for name, handler := range map[string]func(http.ResponseWriter){
		"during the request": func(http.ResponseWriter) {},
		"during the body": func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, `{"Tok`)
			_ = http.NewResponseController(w).Flush()
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			served := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				_, _ = io.Copy(io.Discard, req.Body)
				handler(w)
				cancel()
				<-req.Context().Done() // the client hangs up
				close(served)
			}))
			defer server.Close()
			cfg := config(server.Client())
			cfg.BaseEndpoint = server.URL
			_, err := named("LM.CreateToken").open(t, cfg)(ctx)
			requireCanceled(t, err, context.Canceled)
			<-served
		})
	}
}

// The connection of a 101 is open for as long as both sides like, and no
// context ends it. Nobody must wait for what comes over it.
func TestSwitchingProtocols(t *testing.T) {
	eachOperation(t, func(t *testing.T, op operation) {
		done := make(chan struct{})
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			_, _ = io.Copy(io.Discard, req.Body)
			conn, _, err := http.NewResponseController(w).Hijack()
			if assert.NoError(t, err) {
				_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: fake\r\n\r\n")
				waitForClose(conn)
			}
			close(done)
		}))
		defer server.Close()
		cfg := config(server.Client())
		cfg.BaseEndpoint = server.URL
		_, err := op.open(t, cfg)(t.Context())
		assert.Equal(t, 101, responseError(t, err).StatusCode)
		<-done
	})
}

func waitForClose(conn net.Conn) {
	_, _ = io.Copy(io.Discard, conn)
	conn.Close()
}
