package transport_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

const amzDate = "20060102T150405Z"

// refuseClock refuses the signature with a response of the service's time,
// ahead of the request's by the given time.
func refuseClock(code string, ahead time.Duration) responder {
	return func(req *http.Request) (*http.Response, error) {
		signed, _ := time.Parse(amzDate, req.Header.Get("X-Amz-Date"))
		return exception(403, code, "Date", signed.Add(ahead).Format(http.TimeFormat))(req)
	}
}

func TestClockSkew(t *testing.T) {
	for _, code := range []string{"InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch", "RequestInTheFuture", "AuthFailure"} {
		for _, ahead := range []time.Duration{time.Hour, -time.Hour, 5 * time.Minute} {
			for _, op := range operations {
				if op.service == "" {
					continue
				}
				t.Run(code+" "+ahead.String()+" "+op.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						http := play(refuseClock(code, ahead), reply(200, op.response))
						cfg := config(http)
						// The correction is no retry: it needs none of these.
						cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = 1 })
						call := op.open(t, cfg)
						start := time.Now().UTC()
						out, err := call(t.Context())
						require.NoError(t, err)
						assert.Equal(t, 2, out.Metadata().Attempts)
						_, err = call(t.Context())
						require.NoError(t, err)
						assert.Equal(t, []string{
							start.Format(amzDate),
							start.Add(ahead).Format(amzDate),
							start.Add(ahead).Format(amzDate), // later calls start with it
						}, http.header("X-Amz-Date"))
						assert.Zero(t, time.Since(start.Local()), "nobody waits")
					})
				})
			}
		}
	}
}

func TestClockIsNotCorrected(t *testing.T) {
	for name, a := range map[string]responder{
		"the clock is right":        refuseClock("InvalidSignatureException", 0),
		"the clock is right enough": refuseClock("InvalidSignatureException", 3*time.Minute),
		"no date":                   exception(403, "InvalidSignatureException"),
		"no date that can be read":  exception(403, "InvalidSignatureException", "Date", "now"),
		"another error":             refuseClock("AccessDeniedException", time.Hour),
		"years ahead":               refuseClock("InvalidSignatureException", 2*365*24*time.Hour),
		"years behind":              refuseClock("InvalidSignatureException", -2*365*24*time.Hour),
		"the year 9999":             exception(403, "InvalidSignatureException", "Date", "Fri, 31 Dec 9999 23:59:59 GMT"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				http := play(a)
				_, err := named("LM.CreateToken").open(t, config(http))(t.Context())
				assert.Equal(t, 403, responseError(t, err).StatusCode)
				assert.Len(t, http.sent, 1)
			})
		})
	}
	t.Run("unsigned", func(t *testing.T) {
		http := play(exception(403, "InvalidSignatureException", "Date", time.Now().Add(time.Hour).Format(http.TimeFormat)))
		for _, op := range []string{"OIDC.CreateToken", "LM.GetAccessToken"} {
			cfg := config(http)
			cfg.Credentials = nil
			http.sent = nil
			_, err := named(op).open(t, cfg)(t.Context())
			assert.Equal(t, 403, responseError(t, err).StatusCode)
			assert.Len(t, http.sent, 1)
		}
	})
}

// A server whose clock runs away must not keep a call going.
func TestSecondRefusalIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		http := play(refuseClock("InvalidSignatureException", time.Hour))
		call := named("LM.CreateToken").open(t, config(http))
		_, err := call(t.Context())
		assert.Equal(t, 2, responseError(t, err).Attempts)
		assert.Len(t, http.sent, 2)
		_, err = call(t.Context()) // a new call may correct the clock anew
		assert.Equal(t, 2, responseError(t, err).Attempts)
	})
}

// A refusal of what was signed by the service's clock is not for the time.
func TestKnownSkewIsNoNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := named("LM.CreateToken")
		http := play(refuseClock("InvalidSignatureException", time.Hour), reply(200, op.response), refuseClock("InvalidSignatureException", 0))
		call := op.open(t, config(http))
		_, err := call(t.Context())
		require.NoError(t, err)
		_, err = call(t.Context())
		assert.Equal(t, 1, responseError(t, err).Attempts)
	})
}

// Calls that were under way when another call corrected the clock were signed
// with the old time, and need their correction, too.
func TestClockSkewOfConcurrentCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls = 5
		op := named("LM.CreateToken")
		start := time.Now()
		client := httpFunc(func(req *http.Request) (*http.Response, error) {
			time.Sleep(time.Second) // of the bubble: until all calls are under way
			signed, _ := time.Parse(amzDate, req.Header.Get("X-Amz-Date"))
			if signed.Sub(start) < time.Hour {
				return exception(403, "InvalidSignatureException", "Date", start.Add(time.Hour).UTC().Format(http.TimeFormat))(req)
			}
			return reply(200, op.response)(req)
		})
		call := op.open(t, config(client))
		errs := make(chan error)
		for range calls {
			go func() {
				_, err := call(t.Context())
				errs <- err
			}()
		}
		for range calls {
			assert.NoError(t, <-errs)
		}
	})
}

// httpFunc is an HTTPClient for concurrent requests.
type httpFunc responder

func (f httpFunc) Do(req *http.Request) (*http.Response, error) { return f(req) }

// A Retry-After date is a date of the service's clock.
func TestRetryAfterByTheServicesClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := named("LM.CreateToken")
		date := time.Now().Add(time.Hour + 10*time.Second).UTC().Format(http.TimeFormat)
		http := play(refuseClock("RequestExpired", time.Hour), reply(503, "", "Retry-After", date), reply(200, op.response))
		start := time.Now()
		_, err := op.open(t, config(http))(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 10*time.Second, time.Since(start).Truncate(time.Second))
	})
}

// The correction is none of a Retryer's business: no token is taken for it,
// and none is released twice.
func TestClockCorrectionTakesNoToken(t *testing.T) {
	op := named("LM.CreateToken")
	cfg := config(play(refuseClock("RequestExpired", time.Hour), reply(200, op.response)))
	r := &recorder{}
	cfg.Retryer = r
	_, err := op.open(t, cfg)(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"initial", "initial released, failed true"}, r.said)
}

// A service that accepts the local time gets it again, whatever its Date is.
func TestGoodResponseAloneCorrectsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := named("LM.CreateToken")
		now := time.Now().UTC()
		http := play(reply(200, op.response, "Date", now.Add(time.Hour).Format(http.TimeFormat)))
		call := op.open(t, config(http))
		for range 2 {
			_, err := call(t.Context())
			require.NoError(t, err)
		}
		assert.Equal(t, []string{now.Format(amzDate), now.Format(amzDate)}, http.header("X-Amz-Date"))
	})
}

// A good response undoes a correction that was wrong, or that the local clock
// no longer needs, and follows a clock that was set since.
func TestGoodResponseCorrectsTheClock(t *testing.T) {
	const corrected, year = 300 * 24 * time.Hour, 365 * 24 * time.Hour
	for name, test := range map[string]struct{ ahead, want time.Duration }{
		"the local clock is right":         {0, 0},
		"the local clock is off otherwise": {-3 * time.Hour, -3 * time.Hour},
		"the date is wrong":                {2 * year, corrected},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				op := named("LM.CreateToken")
				now := time.Now().UTC()
				good := reply(200, op.response, "Date", now.Add(test.ahead).Format(http.TimeFormat))
				http := play(refuseClock("InvalidSignatureException", corrected), good)
				call := op.open(t, config(http))
				for range 2 {
					_, err := call(t.Context())
					require.NoError(t, err)
				}
				assert.Equal(t, []string{now.Format(amzDate), now.Add(corrected).Format(amzDate), now.Add(test.want).Format(amzDate)}, http.header("X-Amz-Date"))
			})
		})
	}
}
