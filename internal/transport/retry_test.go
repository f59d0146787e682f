package transport_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

func TestRetries(t *testing.T) {
	type failure struct {
		name     string
		response responder
		tries    int // of an idempotent operation
		single   int // of the others
	}
	failures := []failure{
		{"RateLimitExceededException", exception(400, "RateLimitExceededException"), 3, 3},
		{"in the body", reply(400, `{"__type":"com.amazonaws.licensemanager#RateLimitExceededException"}`), 3, 3},
		{"ThrottlingException", exception(400, "ThrottlingException"), 3, 3},
		{"429", reply(429, ""), 3, 1},
		{"ServerInternalException", exception(500, "ServerInternalException"), 3, 1}, // not an exception of OIDC,
		{"InternalServerException", exception(500, "InternalServerException"), 3, 3},
		{"server_error", reply(500, `{"error":"server_error"}`), 3, 3},
		{"cut 500", cutOff(500), 3, 1},
		{"connection refused", refused, 3, 3},
		{"response lost", lost, 3, 1},
		{"response cut off", cutOff(200), 3, 1},
		{"no response", func(req *http.Request) (*http.Response, error) {
			_, _ = io.Copy(io.Discard, req.Body)
			return nil, nil
		}, 3, 1},
		{"slow_down", reply(400, `{"error":"slow_down"}`), 1, 1},
		{"authorization_pending", reply(400, `{"error":"authorization_pending"}`), 1, 1},
		{"unknown error", exception(400, "BrandNewException"), 1, 1},
		{"403", reply(403, ""), 1, 1},
		{"404", reply(404, "<html>"), 1, 1},
		{"200 with garbage", reply(200, "garbage"), 1, 1},
	}
	for status := 500; status <= 511; status++ {
		failures = append(failures,
			failure{"untyped " + strconv.Itoa(status), reply(status, "<html>"), 3, 1},
			failure{"typed " + strconv.Itoa(status), exception(status, "ValidationException"), 3, 1})
	}
	for _, code := range []string{"ValidationException", "InvalidParameterValueException", "AccessDeniedException",
		"ResourceNotFoundException", "ResourceLimitExceededException", "ExpiredTokenException", "InvalidGrantException",
		"InvalidRequestException", "SlowDownException", "AuthorizationPendingException", "InvalidClientException"} {
		failures = append(failures, failure{code, exception(400, code), 1, 1})
	}

	eachOperation(t, func(t *testing.T, op operation) {
		for _, f := range failures {
			t.Run(f.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					tries := f.tries
					if op.single {
						tries = f.single
					}
					http := play(f.response)
					_, err := op.open(t, config(http))(t.Context())
					requireOperationError(t, err)
					assertAttempts(t, http, tries)
					var response *awstokens.ResponseError
					var send *awstokens.SendError
					switch {
					case errors.As(err, &response):
						assert.Equal(t, tries, response.Attempts)
					case errors.As(err, &send):
						assert.Equal(t, tries, send.Attempts)
					default:
						t.Errorf("%T says nothing of attempts", err)
					}
				})
			})
		}
		// Whatever fails twice, the third attempt may succeed.
		t.Run("success in the end", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				http := play(refused, exception(400, "ThrottlingException"), reply(200, op.response))
				out, err := op.open(t, config(http))(t.Context())
				require.NoError(t, err)
				assert.Equal(t, awstokens.Result{RequestID: fakeRequestID, Attempts: 3}, *out.Metadata())
				assertAttempts(t, http, 3)
			})
		})
	})
}

// assertAttempts asserts that a call sent that many requests, all the same but
// for the number of the attempt: the same ClientToken above all.
func assertAttempts(t *testing.T, http *script, want int) {
	t.Helper()
	if !assert.Len(t, http.sent, want) {
		return
	}
	id := http.sent[0].Header.Get("Amz-Sdk-Invocation-Id")
	assert.Len(t, id, 36)
	for i, req := range http.sent {
		assert.Equal(t, id, req.Header.Get("Amz-Sdk-Invocation-Id"))
		assert.Equal(t, fmt.Sprintf("attempt=%d; max=3", i+1), req.Header.Get("Amz-Sdk-Request"))
		if http.body[i] != "" { // a refused connection reads none
			assert.Equal(t, http.body[want-1], http.body[i])
		}
		if req.GetBody == nil {
			continue // not idempotent
		}
		body, err := req.GetBody()
		require.NoError(t, err)
		whole, _ := io.ReadAll(body)
		first, _ := http.sent[0].GetBody()
		firstWhole, _ := io.ReadAll(first)
		assert.Equal(t, string(firstWhole), string(whole))
		if http.body[i] != "" {
			assert.Equal(t, string(whole), http.body[i])
		}
	}
}

// cutOff is a response that breaks in the middle of its body.
func cutOff(status int) responder {
	return func(req *http.Request) (*http.Response, error) {
		_, _ = io.Copy(io.Discard, req.Body)
		return &http.Response{StatusCode: status, ContentLength: -1, Body: io.NopCloser(cutBody{})}, nil
	}
}

type cutBody struct{}

func (cutBody) Read(p []byte) (int, error) { return copy(p, `{"To`), io.ErrUnexpectedEOF }

func TestEachCallHasItsOwnInvocationID(t *testing.T) {
	op := named("LM.ListTokens")
	http := play(reply(200, op.response))
	call := op.open(t, config(http))
	for range 2 {
		_, err := call(t.Context())
		require.NoError(t, err)
	}
	ids := http.header("Amz-Sdk-Invocation-Id")
	assert.NotEqual(t, ids[0], ids[1])
}

// A server that reads the whole request and then closes may have processed it.
func TestResponseLostOnTheWire(t *testing.T) {
	eachOperation(t, func(t *testing.T, op operation) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer listener.Close()
		var served atomic.Int32
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				if req, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					_, _ = io.Copy(io.Discard, req.Body)
					served.Add(1)
				}
				conn.Close()
			}
		}()
		cfg := config(&http.Client{Transport: &http.Transport{}})
		cfg.BaseEndpoint = "http://" + listener.Addr().String()
		cfg.Retryer = eager{}
		_, err = op.open(t, cfg)(t.Context())
		requireOperationError(t, err)
		var send *awstokens.SendError
		require.ErrorAs(t, err, &send)
		assert.True(t, send.Written)
		assert.Equal(t, !op.single, send.RetryableError())
		assert.True(t, awstokens.MayHaveProcessed(err))
		want := int32(3)
		if op.single {
			want = 1 // although the Retryer wants more
		}
		assert.Equal(t, want, served.Load())
	})
}

func TestConnectionRefusedOnTheWire(t *testing.T) {
	eachOperation(t, func(t *testing.T, op operation) {
		cfg := config(&http.Client{Transport: &http.Transport{}})
		cfg.BaseEndpoint = "http://127.0.0.1:1" // the system gives this port to nobody
		cfg.Retryer = eager{}
		_, err := op.open(t, cfg)(t.Context())
		var send *awstokens.SendError
		require.ErrorAs(t, err, &send)
		assert.False(t, send.Written)
		assert.False(t, awstokens.MayHaveProcessed(err))
		assert.Equal(t, 3, send.Attempts)
	})
}

// eager retries everything at once.
type eager struct{}

func (eager) IsErrorRetryable(error) bool                  { return true }
func (eager) MaxAttempts() int                             { return 3 }
func (eager) RetryDelay(int, error) (time.Duration, error) { return 0, nil }
func (eager) GetInitialToken() func(error) error           { return func(error) error { return nil } }
func (eager) GetRetryToken(context.Context, error) (func(error) error, error) {
	return func(error) error { return nil }, nil
}

// Even a Retryer that says yes to everything does not send a code twice.
func TestSingleUseIsNotAtARetryersDiscretion(t *testing.T) {
	for _, op := range operations {
		for _, a := range []responder{lost, cutOff(200), reply(200, "garbage")} {
			http := play(a)
			cfg := config(http)
			cfg.Retryer = eager{}
			_, err := op.open(t, cfg)(t.Context())
			requireOperationError(t, err)
			if op.single {
				assert.Len(t, http.sent, 1, op.name)
			}
		}
	}
}

// What is good for one use is not sent so late that the end of the context is
// likely to cut off the response: it would be spent for nothing.
func TestSingleUseIsNotSentTooLate(t *testing.T) {
	eachOperation(t, func(t *testing.T, op operation) {
		for took, late := range map[time.Duration]bool{20 * time.Second: false, 40 * time.Second: true} {
			synctest.Test(t, func(t *testing.T) {
				slow := func(req *http.Request) (*http.Response, error) {
					time.Sleep(took)
					return exception(400, "ThrottlingException")(req)
				}
				http := play(slow, reply(200, op.response))
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				_, err := op.open(t, config(http))(ctx)
				if op.single && late {
					require.Len(t, http.sent, 1)
					require.Equal(t, 400, statusOf(err))
					require.ErrorContains(t, err, "not retried: the context ends too soon")
					return
				}
				require.NoError(t, err)
				require.Len(t, http.sent, 2)
			})
		}
	})
}

// The waits are what the service asks for, at least, and random below a bound
// that doubles.
func TestWaits(t *testing.T) {
	const day = "Sat, 01 Jan 2000 00:00:30 GMT" // synctest begins at midnight
	for name, test := range map[string]struct {
		retryAfter string
		atLeast    time.Duration
		atMost     time.Duration
	}{
		"backoff":           {"", 0, 150 * time.Millisecond},
		"seconds":           {"7", 14 * time.Second, 14 * time.Second},
		"zero":              {"0", 0, 150 * time.Millisecond},
		"longest":           {"300", 10 * time.Minute, 10 * time.Minute},
		"date":              {day, 30 * time.Second, 30*time.Second + 100*time.Millisecond},
		"date that is past": {"Fri, 31 Dec 1999 23:59:59 GMT", 0, 150 * time.Millisecond},
		"negative":          {"-5", 0, 150 * time.Millisecond},
		"nonsense":          {"soon", 0, 150 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				http := play(reply(503, "", "Retry-After", test.retryAfter))
				start := time.Now()
				_, err := named("LM.ListTokens").open(t, config(http))(t.Context())
				waited := time.Since(start)
				assert.Len(t, http.sent, 3)
				assert.GreaterOrEqual(t, waited, test.atLeast)
				assert.LessOrEqual(t, waited, test.atMost)
				assert.Equal(t, 3, responseError(t, err).Attempts)
			})
		})
	}
}

func TestRetryAfterTooLong(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"301":                           301 * time.Second,
		"Sat, 01 Jan 2000 01:00:00 GMT": time.Hour,
		"99999999999999999999999":       (1<<31 - 1) * time.Second, // more than can be counted is long, too
	} {
		t.Run(value, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				http := play(exception(400, "RateLimitExceededException", "Retry-After", value))
				start := time.Now()
				_, err := named("LM.CreateToken").open(t, config(http))(t.Context())
				assert.Zero(t, time.Since(start))
				assert.Len(t, http.sent, 1)
				response := responseError(t, err)
				assert.Equal(t, want, response.RetryAfter)
				var limited *licensemanager.RateLimitExceededException
				assert.ErrorAs(t, err, &limited)
				assert.ErrorContains(t, err, "longer than 5m0s")
			})
		})
	}
}

func TestMaxAttempts(t *testing.T) {
	for limit, want := range map[int]int{1: 1, 2: 2, 5: 5, -1: 7} {
		synctest.Test(t, func(t *testing.T) {
			responses := make([]responder, 6, 7)
			for i := range responses {
				responses[i] = reply(503, "")
			}
			op := named("LM.CreateToken")
			http := play(append(responses, reply(200, op.response))...)
			cfg := config(http)
			cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = limit })
			_, err := op.open(t, cfg)(t.Context())
			assert.Equal(t, limit < 0, err == nil)
			assert.Len(t, http.sent, want)
		})
	}
}

func TestEmptyBudgetEndsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := named("LM.GetAccessToken")
		http := play(reply(503, ""), reply(503, ""), reply(503, ""), reply(503, ""), reply(200, op.response), reply(503, ""))
		cfg := config(http)
		cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.RetryBudget = 29 })
		call := op.open(t, cfg)
		_, err := call(t.Context()) // takes 28 of 29
		assert.NotErrorIs(t, err, awstokens.ErrRetryBudgetSpent)
		assert.Len(t, http.sent, 3)
		_, err = call(t.Context()) // finds 1
		require.ErrorIs(t, err, awstokens.ErrRetryBudgetSpent)
		assert.Equal(t, 503, responseError(t, err).StatusCode, "the service's own error comes along")
		assert.Len(t, http.sent, 4)
		_, err = call(t.Context()) // puts 1 back, which is not yet a retry
		require.NoError(t, err)
		_, err = call(t.Context())
		require.ErrorIs(t, err, awstokens.ErrRetryBudgetSpent)
	})
}

// recorder is a Retryer that notes what it is asked and told.
type recorder struct {
	eager
	delay, token error // what to fail with
	said         []string
}

func (r *recorder) note(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func (r *recorder) release(what string) func(error) error {
	return func(err error) error {
		r.note("%s released, failed %t", what, err != nil)
		return errFake // which is nobody's business
	}
}

func (r *recorder) GetInitialToken() func(error) error {
	r.note("initial")
	return r.release("initial")
}

func (r *recorder) GetRetryToken(_ context.Context, err error) (func(error) error, error) {
	r.note("retry after status %d", statusOf(err))
	return r.release("retry"), r.token
}

func (r *recorder) RetryDelay(attempt int, err error) (time.Duration, error) {
	r.note("delay after attempt %d", attempt)
	return time.Second, r.delay
}

func statusOf(err error) int {
	var response *awstokens.ResponseError
	if errors.As(err, &response) {
		return response.StatusCode
	}
	return 0
}

func TestCustomRetryer(t *testing.T) {
	for name, test := range map[string]struct {
		responses []responder
		change    func(*recorder)
		says      []string
		err       error
	}{
		"success": {
			says: []string{"initial", "initial released, failed false"},
		},
		"success at the third attempt": {
			responses: []responder{exception(503, "ThrottlingException"), refused},
			says: []string{"initial", "initial released, failed true",
				"retry after status 503", "delay after attempt 1", "retry released, failed true",
				"retry after status 0", "delay after attempt 2", "retry released, failed false"},
		},
		"no token": {
			responses: []responder{exception(503, "ThrottlingException")},
			change:    func(r *recorder) { r.token = errFake },
			says:      []string{"initial", "initial released, failed true", "retry after status 503"},
			err:       errFake,
		},
		"no delay": {
			responses: []responder{exception(503, "ThrottlingException")},
			change:    func(r *recorder) { r.delay = errFake },
			says: []string{"initial", "initial released, failed true", "retry after status 503", "delay after attempt 1",
				"retry released, failed true"}, // a token that is kept would be lost
			err: errFake,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				op := named("OIDC.CreateToken")
				r := &recorder{}
				if test.change != nil {
					test.change(r)
				}
				cfg := config(play(append(test.responses, reply(200, op.response))...))
				cfg.Retryer = r
				_, err := op.open(t, cfg)(t.Context())
				assert.Equal(t, test.says, r.said)
				if test.err == nil {
					assert.NoError(t, err)
				} else {
					assert.ErrorIs(t, err, test.err)
					assert.Equal(t, 503, responseError(t, err).StatusCode, "the service's own error comes along")
				}
			})
		})
	}
}

// limiter also limits attempts, as a retryer of an SDK may.
type limiter struct {
	recorder
	failAt int
}

func (l *limiter) GetAttemptToken(ctx context.Context) (func(error) error, error) {
	l.note("attempt")
	if l.failAt--; l.failAt == 0 {
		return nil, errFake
	}
	return l.release("attempt"), ctx.Err()
}

func TestAttemptTokens(t *testing.T) {
	op := named("OIDC.CreateToken")
	run := func(t *testing.T, failAt int) ([]string, *script, error) {
		http := play(exception(503, "ThrottlingException"), reply(200, op.response))
		cfg := config(http)
		l := &limiter{failAt: failAt}
		cfg.Retryer = l
		_, err := op.open(t, cfg)(t.Context())
		return l.said, http, err
	}
	synctest.Test(t, func(t *testing.T) {
		said, _, err := run(t, 0)
		require.NoError(t, err)
		assert.Equal(t, []string{"attempt", "attempt released, failed true",
			"retry after status 503", "delay after attempt 1", "attempt", "attempt released, failed false", "retry released, failed false"}, said)
	})
	synctest.Test(t, func(t *testing.T) {
		_, http, err := run(t, 1)
		requireOperationError(t, err)
		assert.ErrorIs(t, err, errFake)
		assert.Empty(t, http.sent)
	})
	synctest.Test(t, func(t *testing.T) {
		_, http, err := run(t, 2)
		assert.ErrorIs(t, err, errFake)
		assert.Equal(t, 503, responseError(t, err).StatusCode, "the service's own error comes along")
		assert.Len(t, http.sent, 1)
	})
}

// A setting that is out of the ordinary must not make a call panic.
func TestStandardRetryerAtItsLimits(t *testing.T) {
	for name, change := range map[string]func(*awstokens.StandardRetryerOptions){
		"longest backoff": func(o *awstokens.StandardRetryerOptions) { o.BaseDelay, o.MaxBackoff = 1<<63-1, 1<<63-1 },
		"no backoff":      func(o *awstokens.StandardRetryerOptions) { o.BaseDelay = -1 },
		"negative cap":    func(o *awstokens.StandardRetryerOptions) { o.MaxBackoff = -1 },
		"no Retry-After":  func(o *awstokens.StandardRetryerOptions) { o.MaxRetryAfter = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			r := awstokens.NewStandardRetryer(change)
			for _, attempt := range []int{0, 1, 2, 31, 32, 33, 64, 1000} {
				delay, err := r.RetryDelay(attempt, &awstokens.ResponseError{StatusCode: 503, Err: errFake})
				assert.NoError(t, err, attempt)
				assert.GreaterOrEqual(t, delay, time.Duration(0), attempt)
			}
		})
	}
}

func TestLastServerErrorIsReturned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		http := play(exception(400, "ThrottlingException"), reply(502, ""), reply(500, `{"error":"server_error","error_description":"fake outage"}`, "X-Amzn-Requestid", "the-last"))
		_, err := named("OIDC.RegisterClient").open(t, config(http))(t.Context())
		response := responseError(t, err)
		assert.Equal(t, 500, response.HTTPStatusCode())
		assert.Equal(t, "the-last", response.ServiceRequestID())
		assert.Equal(t, 3, response.Attempts)
		var internal *ssooidc.InternalServerException
		require.ErrorAs(t, err, &internal)
		assert.Equal(t, "fake outage", internal.Description)
		assert.ErrorContains(t, err, "after 3 attempts")
	})
}

func TestLogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := named("LM.CreateToken")
		slow := func(req *http.Request) (*http.Response, error) {
			time.Sleep(2 * time.Second)
			return exception(400, "ThrottlingException")(req)
		}
		cfg := config(play(slow, refused, reply(200, op.response)))
		cfg.Now = func() time.Time { return time.Unix(1_700_000_000, 0) } // which may stand still
		var log bytes.Buffer
		cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		_, err := op.open(t, cfg)(t.Context())
		require.NoError(t, err)
		const common = `level=DEBUG msg="awstokens: attempt" service="License Manager" operation=CreateToken attempt=`
		assert.Equal(t, common+`1 status=400 request_id=`+fakeRequestID+` duration=2s error="https response error StatusCode: 400, RequestID: `+fakeRequestID+`, api error ThrottlingException: says the service"`+"\n"+
			common+`2 status=0 request_id="" duration=0s error="request send failed after 2 attempts: dial tcp: connection refused"`+"\n"+
			common+`3 status=200 request_id=`+fakeRequestID+` duration=0s`+"\n", log.String())
	})
}
