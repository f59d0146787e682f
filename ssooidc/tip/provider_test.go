package tip_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/tip"
)

func TestCredentialsSign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		cfg := w.Config()
		p := w.provider(t, w.source)
		assert.Zero(t, w.sent(), "nothing is sent before it is needed")
		cfg.Credentials = p
		client, err := licensemanager.New(cfg)
		require.NoError(t, err)
		for range 3 {
			_, err = client.ListTokens(t.Context(), nil)
			require.NoError(t, err)
		}
		creds := w.good(t, p)
		assert.Equal(t, "111122223333", creds.AccountID)
		assert.Equal(t, time.Hour, creds.Expires.Sub(w.Now()).Round(time.Second))
		assert.Equal(t, 1, w.count("jwt-bearer"))
		assert.Equal(t, 1, w.count("AssumeRole"))
	})
}

// A renewal uses the refresh token, and the Source only after the session has
// ended.
func TestRefreshTokenIsUsedFirst(t *testing.T) {
	for _, behave := range []func(awstokenstest.IdentityCenter, bool){
		func(awstokenstest.IdentityCenter, bool) {},
		awstokenstest.IdentityCenter.RotateRefreshTokens,
		awstokenstest.IdentityCenter.OmitRefreshTokens,
		awstokenstest.IdentityCenter.OmitIdentityContext,
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			behave(w.IdentityCenter(), true)
			p := w.provider(t, w.source)
			w.good(t, p)
			for hour := 1; hour < 24; hour++ {
				time.Sleep(time.Hour)
				w.good(t, p)
				assert.Equal(t, 1, w.asked())
				assert.Equal(t, hour, w.count("refresh_token"))
			}
			time.Sleep(time.Hour)
			w.good(t, p)
			assert.Equal(t, 2, w.asked(), "the session lives 24 hours")
			assert.Equal(t, 24, w.count("refresh_token"))

			w.IdentityCenter().EndSessions()
			time.Sleep(time.Hour)
			w.good(t, p)
			assert.Equal(t, 3, w.asked())
			assert.Equal(t, 3, w.count("jwt-bearer"))
		})
	}
}

// Only a refusal of the refresh token makes the Source be asked.
func TestRefreshTokenRefusals(t *testing.T) {
	for code, refused := range map[string]bool{
		"ExpiredTokenException":         true,
		"InvalidGrantException":         true,
		"UnauthorizedClientException":   true,
		"UnsupportedGrantTypeException": true,
		"AccessDeniedException":         false,
		"InternalServerException":       false,
		"InvalidRequestException":       false,
		"UnrecognizedClientException":   false,
	} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				p := w.provider(t, w.source)
				w.good(t, p)
				time.Sleep(time.Hour)
				w.IdentityCenter().Next(1, "CreateTokenWithIAM").Refuse(code, "no", nil)
				if !refused {
					err := failure(t, p, tip.StepExchangeRefreshToken)
					assert.NotErrorIs(t, err, tip.ErrSessionEnded)
					assert.Equal(t, 1, w.asked())
				}
				w.good(t, p)
				if refused {
					assert.Equal(t, 2, w.asked())
				} else {
					assert.Equal(t, 1, w.asked(), "the refresh token is kept")
				}
			})
		})
	}
}

// A JWT is sent again only if the service cannot have processed it.
func TestJWTIsSentOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		fault func(awstokenstest.Faults)
		sent  int  // requests of the first Retrieve
		kept  bool // the JWT may be sent by the next one
	}{
		"lost response":    {awstokenstest.Faults.LoseAnswer, 1, false},
		"cut":              {awstokenstest.Faults.Cut, 1, false}, // all of it was written
		"internal error":   {func(f awstokenstest.Faults) { f.Fail(500) }, 1, false},
		"bad gateway":      {func(f awstokenstest.Faults) { f.FailUntyped(502) }, 1, false},
		"gateway throttle": {func(f awstokenstest.Faults) { f.FailUntyped(429) }, 1, true},
		"not JSON":         {func(f awstokenstest.Faults) { f.Answer(200, nil, "<html>") }, 1, false},
		"empty":            {func(f awstokenstest.Faults) { f.Answer(200, nil, "{}") }, 1, false},
		"invalid request":  {func(f awstokenstest.Faults) { f.Refuse("InvalidRequestException", "", nil) }, 1, false},
		"refused":          {func(f awstokenstest.Faults) { f.Refuse("InvalidGrantException", "", nil) }, 1, false},
		"bad signature":    {func(f awstokenstest.Faults) { f.Refuse("UnrecognizedClientException", "", nil) }, 1, true},
		"throttled":        {func(f awstokenstest.Faults) { f.Refuse("ThrottlingException", "", nil) }, 3, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				cfg := w.Config()
				cfg.Retryer = eager{awstokens.NewStandardRetryer()} // is asked, and overruled
				p, err := tip.NewProvider(cfg, app, w.source)
				require.NoError(t, err)
				tt.fault(w.IdentityCenter().OneIn(1, "CreateTokenWithIAM"))
				failure(t, p, tip.StepExchangeJWT)
				assert.Equal(t, tt.sent, w.count("jwt-bearer"))
				w.ClearFaults()
				w.good(t, p)
				if tt.kept {
					assert.Equal(t, 1, w.asked())
				} else {
					assert.Equal(t, 2, w.asked())
				}
				assert.Zero(t, w.resent)
				assert.Zero(t, w.IdentityCenter().ReusedJWTs())
			})
		})
	}
}

// eager is a Retryer that would retry everything.
type eager struct{ awstokens.Retryer }

func (eager) IsErrorRetryable(error) bool { return true }

// The Retryer of the configuration limits the exchange of a JWT as it limits every
// call: by initial tokens or, if it has them, by attempt tokens.
func TestRetryerLimitsTheExchange(t *testing.T) {
	for name, limits := range map[string]func(*counting) awstokens.Retryer{
		"calls":    func(c *counting) awstokens.Retryer { return c },
		"attempts": func(c *counting) awstokens.Retryer { return attempts{c} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				cfg := w.Config()
				c := &counting{Retryer: awstokens.NewStandardRetryer()}
				cfg.Retryer = limits(c)
				p, err := tip.NewProvider(cfg, app, w.source)
				require.NoError(t, err)
				w.IdentityCenter().Next(1, "CreateTokenWithIAM").Refuse("ThrottlingException", "", nil)
				w.good(t, p) // two attempts of the exchange, one of AssumeRole
				if name == "calls" {
					assert.Equal(t, counting{c.Retryer, 2, 0}, *c)
				} else {
					assert.Equal(t, counting{c.Retryer, 0, 3}, *c)
				}
			})
		})
	}
}

// counting counts the tokens that a Retryer is asked for.
type counting struct {
	awstokens.Retryer
	initial, attempts int
}

func (c *counting) GetInitialToken() func(error) error {
	c.initial++
	return c.Retryer.GetInitialToken()
}

// attempts also limits attempts, as a retryer of an SDK may.
type attempts struct{ *counting }

func (a attempts) GetAttemptToken(context.Context) (func(error) error, error) {
	a.counting.attempts++
	return func(error) error { return nil }, nil
}

// The service asks for a slower pace, which the client leaves to its caller.
func TestSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.provider(t, w.source)
		w.IdentityCenter().Next(4, "CreateTokenWithIAM").Throttle()
		start := time.Now()
		w.good(t, p)
		assert.Equal(t, 1, w.asked())
		assert.Equal(t, 5, w.count("jwt-bearer"))
		assert.GreaterOrEqual(t, time.Since(start), 7500*time.Millisecond)
		assert.LessOrEqual(t, time.Since(start), 15*time.Second)

		w.IdentityCenter().OneIn(1, "CreateTokenWithIAM").Throttle()
		p = w.provider(t, w.source)
		start = time.Now()
		err := failure(t, p, tip.StepExchangeJWT)
		var slow *ssooidc.SlowDownException
		assert.ErrorAs(t, err, &slow)
		assert.LessOrEqual(t, time.Since(start), 20*time.Second)

		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, err = p.Retrieve(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorAs(t, err, &slow, "the error has the last failure")
		assert.Equal(t, 2, w.asked(), "the JWT is kept")
		time.Sleep(time.Minute)
	})
}

// Bad JWTs are refused before anything is sent.
func TestJWTsAreCheckedFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		now := w.Now()
		at := func(d time.Duration) int64 { return now.Add(d).Unix() }
		good := map[string]any{"jti": "some", "exp": at(time.Hour)}
		text := jwt(good).Reveal()
		for name, token := range map[string]string{
			"empty":             "",
			"no JWT":            "fake-token",
			"two parts":         text[:strings.LastIndex(text, ".")],
			"four parts":        text + ".x",
			"a line break":      text + "\n",
			"not base64":        "!" + text,
			"not JSON":          "e30.fake.e30",
			"a list":            "e30.W10.e30",
			"no jti":            jwt(map[string]any{"exp": at(time.Hour)}).Reveal(),
			"an empty jti":      jwt(map[string]any{"jti": "", "exp": at(time.Hour)}).Reveal(),
			"no exp":            jwt(map[string]any{"jti": "some"}).Reveal(),
			"null exp":          jwt(map[string]any{"jti": "some", "exp": nil}).Reveal(),
			"text exp":          jwt(map[string]any{"jti": "some", "exp": "tomorrow"}).Reveal(),
			"over a day past":   jwt(map[string]any{"jti": "some", "exp": at(-25 * time.Hour)}).Reveal(),
			"before all time":   jwt(map[string]any{"jti": "some", "exp": -1e300}).Reveal(),
			"a number too long": strings.Replace(text, ".", ".eyJqdGkiOiJhIiwiZXhwIjoxZTQwMH0.", 1),
		} {
			err := failure(t, w.provider(t, always(awstokens.NewSecret(token))), tip.StepGetJWT)
			assert.ErrorIs(t, err, tip.ErrJWTRefused, name)
			if token != "" {
				assert.NotContains(t, err.Error(), token, name)
			}
		}
		assert.Zero(t, w.sent())

		for _, exp := range []float64{float64(at(time.Hour)) + 0.5, 1e300} {
			w.good(t, w.provider(t, always(jwt(map[string]any{"jti": fmt.Sprint(exp), "exp": exp}))))
		}
	})
}

// A JWT that has expired is refused by the service's clock, as soon as that is
// known.
func TestExpiredJWT(t *testing.T) {
	for _, wrong := range []time.Duration{0, 3 * time.Hour, -3 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			expired := always(jwt(map[string]any{"jti": "late", "exp": w.Now().Add(-time.Second).Unix()}))
			source := expired
			p, err := tip.NewProvider(offset(w.Config(), wrong), app, func(ctx context.Context) (awstokens.Secret, error) { return source(ctx) })
			require.NoError(t, err)

			err = failure(t, p, tip.StepExchangeJWT)
			assert.ErrorIs(t, err, tip.ErrJWTRefused, "the service says so")
			if wrong != 0 { // a Date that the local clock does not agree with takes a second
				source = always(jwt(map[string]any{"jti": "late as well", "exp": w.Now().Unix()}))
				failure(t, p, tip.StepExchangeJWT)
			}
			before := w.sent()
			source = always(jwt(map[string]any{"jti": "late, too", "exp": w.Now().Unix()}))
			err = failure(t, p, tip.StepGetJWT)
			assert.ErrorIs(t, err, tip.ErrJWTRefused)
			assert.ErrorContains(t, err, "expired at 2000-01-01T00:00:0")
			assert.Equal(t, before, w.sent(), "before anything is sent")

			// What the service still accepts is sent.
			source = always(jwt(map[string]any{"jti": "in time", "exp": w.Now().Add(time.Second).Unix()}))
			w.good(t, p)
		})
	}
}

// ahead is an HTTP client by which one good response of STS can have a wrong Date.
type ahead struct {
	awstokens.HTTPClient
	by time.Duration
}

func (a *ahead) Do(req *http.Request) (*http.Response, error) {
	resp, err := a.HTTPClient.Do(req)
	if err == nil && resp.StatusCode == http.StatusOK && a.by != 0 && strings.Contains(req.Header.Get("Content-Type"), "form") {
		date, _ := http.ParseTime(resp.Header.Get("Date"))
		resp.Header.Set("Date", date.Add(a.by).UTC().Format(http.TimeFormat))
		a.by = 0
	}
	return resp, err
}

// One wrong Date keeps no user out, and the next response corrects it.
func TestOneDateAhead(t *testing.T) {
	for _, wrong := range []time.Duration{0, 3 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.IdentityCenter().OmitRefreshTokens(true)
			cfg := offset(w.Config(), wrong)
			client := &ahead{HTTPClient: cfg.HTTPClient}
			cfg.HTTPClient = client
			pool, err := tip.NewPool(cfg, app)
			require.NoError(t, err)
			client.by = 30 * 24 * time.Hour
			w.good(t, pool.For("first", w.source))
			assert.Zero(t, client.by)
			// The client of STS may have to correct its own clock first.
			if _, err := pool.For("second", w.source).Retrieve(t.Context()); err != nil {
				var failed *tip.Error
				require.ErrorAs(t, err, &failed)
				assert.Equal(t, tip.StepAssumeRole, failed.Step, "the JWT was accepted")
			}
			w.good(t, pool.For("third", w.source))
		})
	}
}

func TestUsedJWT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.provider(t, always(w.IdentityCenter().UserJWT()))
		w.IdentityCenter().Next(1, "CreateTokenWithIAM").LoseAnswer()
		err := failure(t, p, tip.StepExchangeJWT)
		assert.True(t, awstokens.MayHaveProcessed(err))
		assert.NotErrorIs(t, err, tip.ErrJWTRefused)
		for range 3 {
			err = failure(t, p, tip.StepGetJWT)
			assert.ErrorIs(t, err, tip.ErrJWTRefused)
			assert.ErrorContains(t, err, "used before")
		}
		assert.Equal(t, 1, w.sent())
	})
}

// The session ends, and the user is not there for another JWT.
func TestSessionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.provider(t, w.source)
		first := w.good(t, p)
		w.IdentityCenter().EndSessions()
		w.away = errAway

		time.Sleep(57 * time.Minute)
		for range 3 {
			assert.Equal(t, first, w.good(t, p), "old credentials are good to their end")
			synctest.Wait()
		}
		assert.Equal(t, 1, w.count("refresh_token"))
		time.Sleep(3 * time.Minute)
		for range 2 {
			err := failure(t, p, tip.StepGetJWT)
			assert.ErrorIs(t, err, tip.ErrSessionEnded)
			assert.ErrorIs(t, err, errAway)
			var invalid *ssooidc.InvalidGrantException
			assert.ErrorAs(t, err, &invalid)
			assert.False(t, awstokens.MayHaveProcessed(err))
		}
		assert.Equal(t, 1, w.count("refresh_token"), "a refused one is not sent again")

		w.away = nil
		w.IdentityCenter().Next(1, "CreateTokenWithIAM").Refuse("InvalidGrantException", "not this one", nil)
		err := failure(t, p, tip.StepExchangeJWT)
		assert.ErrorIs(t, err, tip.ErrSessionEnded)
		assert.ErrorIs(t, err, tip.ErrJWTRefused)
		w.IdentityCenter().Next(1, "CreateTokenWithIAM").LoseAnswer()
		assert.NotErrorIs(t, failure(t, p, tip.StepExchangeJWT), tip.ErrSessionEnded, "an outage")
		w.good(t, p)
		time.Sleep(time.Hour)
		w.good(t, p)

		w.away = errAway
		p = w.provider(t, w.source)
		assert.NotErrorIs(t, failure(t, p, tip.StepGetJWT), tip.ErrSessionEnded, "there was none")
	})
}

func TestContextDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.provider(t, w.source)
		w.STS().DenySetContext(true)
		err := failure(t, p, tip.StepAssumeRole)
		assert.ErrorIs(t, err, tip.ErrContextDenied)
		assert.ErrorContains(t, err, "must allow sts:SetContext:")

		for message, permission := range map[string]string{
			"User: u is not authorized to perform: sts:AssumeRole on resource: r": "sts:AssumeRole:",
			"User: u is not authorized to perform: sts:SetContext on resource: r": "sts:SetContext:",
			"no": "sts:AssumeRole and sts:SetContext:",
		} {
			w.STS().Next(1, "AssumeRole").Refuse("AccessDenied", message, nil)
			err := failure(t, p, tip.StepAssumeRole)
			assert.ErrorIs(t, err, tip.ErrContextDenied)
			assert.ErrorContains(t, err, "must allow "+permission)
		}
		w.STS().Next(1, "AssumeRole").Refuse("RegionDisabledException", "not here", nil)
		assert.NotErrorIs(t, failure(t, p, tip.StepAssumeRole), tip.ErrContextDenied)

		w.STS().DenySetContext(false)
		w.good(t, p)
		assert.Equal(t, 1, w.asked(), "the session was kept")
		assert.Equal(t, 1, w.count("jwt-bearer"))
	})
}

func TestIdentityContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.provider(t, w.source)
		w.IdentityCenter().OmitIdentityContext(true)
		w.good(t, p)

		for body, text := range map[string]string{
			`{"accessToken":"fake","awsAdditionalDetails":null}`:                                                 "no identity context",
			`{"accessToken":"fake","awsAdditionalDetails":{"identityContext":null}}`:                             "no identity context",
			`{"accessToken":"fake","idToken":"` + jwt(map[string]any{"sub": "u"}).Reveal() + `"}`:                "no identity context",
			`{"accessToken":"fake","idToken":"` + jwt(map[string]any{"sts:identity_context": 1}).Reveal() + `"}`: "ID token in the response: it is not a JWT",
			`{"accessToken":"fake","idToken":"fake"}`:                                                            "ID token in the response: it is not a JWT",
		} {
			w.IdentityCenter().Next(1, "CreateTokenWithIAM").Answer(200, nil, body)
			assert.ErrorContains(t, failure(t, w.provider(t, w.source), tip.StepExchangeJWT), text, body)
			w.good(t, p)
		}
	})
}

// Credentials are renewed early, by one exchange at a time, and the old ones are
// served in the meantime.
func TestRenewsEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.provider(t, w.source)
		hundred := func() (keys map[string]int) {
			var mu sync.Mutex
			keys = map[string]int{}
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					creds, err := p.Retrieve(t.Context())
					assert.NoError(t, err)
					mu.Lock()
					defer mu.Unlock()
					keys[creds.AccessKeyID]++
				})
			}
			wg.Wait()
			return keys
		}
		w.IdentityCenter().OneIn(1, "CreateTokenWithIAM").Delay(10 * time.Second)
		first := hundred()
		assert.Len(t, first, 1)
		assert.Equal(t, 1, w.count("jwt-bearer"))

		time.Sleep(54 * time.Minute)
		assert.Equal(t, first, hundred())
		assert.Zero(t, w.count("refresh_token"))
		time.Sleep(time.Minute)
		start := time.Now()
		for range 5 {
			assert.Equal(t, first, hundred())
		}
		assert.Zero(t, time.Since(start), "nobody waits")
		time.Sleep(11 * time.Second)
		second := hundred()
		assert.NotEqual(t, first, second)
		assert.Equal(t, 1, w.count("refresh_token"))
		assert.Equal(t, 1, w.asked())
	})
}

func TestDiscard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p := w.provider(t, w.source)
		first := w.good(t, p)
		p.Discard(awstokens.Credentials{AccessKeyID: "another"})
		assert.Equal(t, first, w.good(t, p))
		p.Discard(first)
		assert.NotEqual(t, first, w.good(t, p))
		assert.Equal(t, 1, w.asked())
	})
}

// The bootstrap role is assumed with the JWT, which is then exchanged, too. Its
// credentials are used while they last.
func TestBootstrapRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		cfg := w.Config()
		cfg.Credentials = nil
		withRole := app
		withRole.BootstrapRoleARN = bootstrapRole
		p, err := tip.NewProvider(cfg, withRole, w.source)
		require.NoError(t, err)
		w.good(t, p)
		assert.Equal(t, 1, w.asked())
		assert.Equal(t, 1, w.count("AssumeRoleWithWebIdentity"))

		time.Sleep(56 * time.Minute)
		w.good(t, p)
		synctest.Wait()
		assert.Equal(t, 1, w.count("refresh_token"))
		assert.Equal(t, 1, w.asked(), "the credentials of the bootstrap role are still good")

		time.Sleep(time.Hour)
		w.good(t, p)
		assert.Equal(t, 2, w.asked(), "they have expired")
		assert.Equal(t, 2, w.count("AssumeRoleWithWebIdentity"))
		assert.Equal(t, 2, w.count("refresh_token"))
		assert.Equal(t, 1, w.count("jwt-bearer"), "the session lives on")

		// The second JWT was not exchanged, and serves for the next session.
		w.IdentityCenter().EndSessions()
		time.Sleep(56 * time.Minute)
		w.good(t, p)
		synctest.Wait()
		assert.Equal(t, 2, w.asked())
		assert.Equal(t, 2, w.count("jwt-bearer"))
		assert.Zero(t, w.resent)

		time.Sleep(2 * time.Hour)
		w.away = errAway
		assert.NotErrorIs(t, failure(t, p, tip.StepGetJWT), tip.ErrSessionEnded)
		w.away = nil
		w.STS().Next(1, "AssumeRoleWithWebIdentity").Refuse("InvalidIdentityToken", "no", nil)
		assert.ErrorIs(t, failure(t, p, tip.StepAssumeBootstrapRole), tip.ErrJWTRefused)
		w.STS().Next(1, "AssumeRoleWithWebIdentity").Refuse("AccessDenied", "no", nil)
		asked := w.asked() + 1
		err = failure(t, p, tip.StepAssumeBootstrapRole)
		assert.NotErrorIs(t, err, tip.ErrJWTRefused)
		assert.NotErrorIs(t, err, tip.ErrContextDenied)
		w.good(t, p)
		assert.Equal(t, asked, w.asked(), "a JWT that STS did not refuse is kept")
	})
}

// A longer life of the bootstrap role's credentials saves JWTs.
func TestDurations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		withRole := app
		withRole.BootstrapRoleARN = bootstrapRole
		p, err := tip.NewProvider(w.Config(), withRole, w.source, nil, func(o *tip.Options) {
			o.Duration, o.BootstrapDuration = 15*time.Minute, 45*time.Minute-1
		})
		require.NoError(t, err)
		creds := w.good(t, p)
		assert.Equal(t, 15*time.Minute, creds.Expires.Sub(w.Now()).Round(time.Second))
		for range 4 {
			assert.Equal(t, 1, w.asked())
			time.Sleep(10*time.Minute + time.Second)
			w.good(t, p)
			synctest.Wait()
		}
		time.Sleep(10 * time.Minute)
		w.good(t, p)
		synctest.Wait()
		assert.Equal(t, 2, w.asked())
	})
}

// What the credentials that sign have to do with is not taken for what this
// package's calls have to do with.
func TestCredentialsOfTheProgramFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		cfg := w.Config()
		oidc, err := ssooidc.New(cfg)
		require.NoError(t, err)
		var signErr error
		cfg.Credentials = awstokens.CredentialsFunc(func(ctx context.Context) (awstokens.Credentials, error) {
			if signErr != nil {
				return awstokens.Credentials{}, signErr
			}
			return w.Config().Credentials.Retrieve(ctx)
		})
		p, err := tip.NewProvider(cfg, app, w.source)
		require.NoError(t, err)

		for name, fault := range map[string]func(awstokenstest.Faults){
			"refused":   func(f awstokenstest.Faults) { f.Refuse("InvalidGrantException", "", nil) },
			"expired":   func(f awstokenstest.Faults) { f.Refuse("ExpiredTokenException", "", nil) },
			"slow down": awstokenstest.Faults.Throttle,
			"lost":      awstokenstest.Faults.LoseAnswer,
			"denied":    func(f awstokenstest.Faults) { f.Refuse("AccessDenied", "", nil) },
		} {
			fault(w.IdentityCenter().Next(1, "CreateToken"))
			_, signErr = oidc.CreateToken(t.Context(), &ssooidc.CreateTokenInput{
				ClientId: "c", ClientSecret: awstokens.NewSecret("fake"), GrantType: ssooidc.GrantTypeRefreshToken, RefreshToken: awstokens.NewSecret("fake"),
			})
			require.Error(t, signErr)
			start := time.Now()
			err := failure(t, p, tip.StepExchangeJWT)
			assert.ErrorIs(t, err, signErr, name)
			assert.NotErrorIs(t, err, tip.ErrJWTRefused, name)
			assert.Zero(t, time.Since(start), name)
		}
		assert.Equal(t, 1, w.asked(), "the JWT was not sent, and is kept")
		signErr = nil
		w.good(t, p)
		time.Sleep(time.Hour)
		signErr = &ssooidc.InvalidGrantException{}
		assert.NotErrorIs(t, failure(t, p, tip.StepExchangeRefreshToken), tip.ErrSessionEnded)
		signErr = nil
		w.good(t, p)
		assert.Equal(t, 1, w.asked())

		// Expired credentials of the program are not an expired session.
		time.Sleep(time.Hour)
		w.IdentityCenter().Next(1, "CreateTokenWithIAM").Answer(403, map[string][]string{"X-Amzn-Errortype": {"ExpiredTokenException"}},
			`{"message":"The security token included in the request is expired"}`)
		assert.NotErrorIs(t, failure(t, p, tip.StepExchangeRefreshToken), tip.ErrSessionEnded)
		w.good(t, p)
		assert.Equal(t, 1, w.asked())
	})
}

func TestNewProviderChecks(t *testing.T) {
	server := awstokenstest.NewServer(t, inProcess)
	source := always(server.IdentityCenter().UserJWT())
	for name, tt := range map[string]struct {
		change func(*awstokens.Config, *tip.Application, *tip.Options)
		text   string
		lax    bool // DisableValidation admits it
	}{
		"no application": {func(_ *awstokens.Config, a *tip.Application, _ *tip.Options) { a.ARN = "" }, "Application.ARN", false},
		"no access role": {func(_ *awstokens.Config, a *tip.Application, _ *tip.Options) { a.AccessRoleARN = "" }, "Application.AccessRoleARN", false},
		"not an ARN":     {func(_ *awstokens.Config, a *tip.Application, _ *tip.Options) { a.ARN = "apl-0123456789abcdef" }, "Application.ARN", true},
		"another's ARN":  {func(_ *awstokens.Config, a *tip.Application, _ *tip.Options) { a.ARN = a.AccessRoleARN }, "Application.ARN", true},
		"an instance": {func(_ *awstokens.Config, a *tip.Application, _ *tip.Options) {
			a.ARN = "arn:aws:sso:::instance/ssoins-0123456789abcdef"
		}, "Application.ARN", true},
		"a user": {func(_ *awstokens.Config, a *tip.Application, _ *tip.Options) {
			a.AccessRoleARN = "arn:aws:iam::111122223333:user/u"
		}, "Application.AccessRoleARN", true},
		"no bootstrap":    {func(_ *awstokens.Config, a *tip.Application, _ *tip.Options) { a.BootstrapRoleARN = "Bootstrap" }, "Application.BootstrapRoleARN", true},
		"session name":    {func(_ *awstokens.Config, _ *tip.Application, o *tip.Options) { o.RoleSessionName = "two words" }, "option RoleSessionName", true},
		"short":           {func(_ *awstokens.Config, _ *tip.Application, o *tip.Options) { o.Duration = time.Minute }, "option Duration", true},
		"long":            {func(_ *awstokens.Config, _ *tip.Application, o *tip.Options) { o.Duration = math.MaxInt64 }, "option Duration", true},
		"short bootstrap": {func(_ *awstokens.Config, _ *tip.Application, o *tip.Options) { o.BootstrapDuration = -1 }, "option BootstrapDuration", true},
		"no Region":       {func(c *awstokens.Config, _ *tip.Application, _ *tip.Options) { c.Region, c.BaseEndpoint = "", "" }, "egion", false},
	} {
		for _, disabled := range []bool{false, true} {
			cfg, changed := server.Config(), app
			cfg.DisableValidation = disabled
			var options tip.Options
			tt.change(&cfg, &changed, &options)
			_, err := tip.NewProvider(cfg, changed, source, func(o *tip.Options) { *o = options })
			if tt.lax && disabled {
				assert.NoError(t, err, name)
				continue
			}
			assert.ErrorContains(t, err, tt.text, name)
			_, poolErr := tip.NewPool(cfg, changed, func(o *tip.PoolOptions) { o.Options = options })
			assert.EqualError(t, poolErr, err.Error(), name)
		}
	}
	for _, partition := range []string{"aws", "aws-cn", "aws-us-gov"} {
		changed := tip.Application{ARN: strings.Replace(app.ARN, "aws", partition, 1), AccessRoleARN: strings.Replace(app.AccessRoleARN, "aws", partition, 1)}
		_, err := tip.NewProvider(server.Config(), changed, source)
		assert.NoError(t, err, partition)
	}
}

func TestNewProviderErrors(t *testing.T) {
	server := awstokenstest.NewServer(t, inProcess)
	source := always(server.IdentityCenter().UserJWT())
	_, err := tip.NewProvider(server.Config(), tip.Application{ARN: "x"}, source, func(o *tip.Options) { o.Duration = 1 })
	var required *smithy.ParamRequiredError
	assert.ErrorAs(t, err, &required)
	var violation *awstokens.ConstraintError
	assert.ErrorAs(t, err, &violation)
	assert.ErrorContains(t, err, "option Duration", "all are reported at once")

	_, err = tip.NewProvider(server.Config(), app, nil)
	assert.ErrorContains(t, err, "Source")
	cfg := server.Config()
	cfg.Credentials = nil
	_, err = tip.NewProvider(cfg, app, source)
	assert.ErrorIs(t, err, awstokens.ErrNoCredentials)
	assert.ErrorContains(t, err, "BootstrapRoleARN")
	_, err = tip.NewPool(server.Config(), app, nil, func(o *tip.PoolOptions) { o.MaxUsers = -1 })
	assert.ErrorContains(t, err, "MaxUsers")
	_, err = tip.NewPool(server.Config(), app, func(o *tip.PoolOptions) { o.Idle = -1 })
	assert.ErrorContains(t, err, "Idle")
}

// Neither a provider nor a pool shows what it holds.
func TestShowsNoSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		p, pool := w.provider(t, w.source), w.pool(t)
		creds, other := w.good(t, p), w.good(t, pool.For("ann", w.source))
		synctest.Wait() // fmt takes no lock
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			text := fmt.Sprintf(verb+verb+verb, p, pool, pool.For("ann", w.source))
			for _, c := range []awstokens.Credentials{creds, other} {
				assert.NotContains(t, text, c.SecretAccessKey.Reveal())
				assert.NotContains(t, text, c.SessionToken.Reveal())
			}
			assert.NotContains(t, text, "emulated-rt-")
		}
	})
}

func TestErrorText(t *testing.T) {
	for step, text := range map[tip.Step]string{
		tip.StepGetJWT:               "identity propagation: cannot get a JWT of the user: why",
		tip.StepAssumeBootstrapRole:  "identity propagation: cannot assume the bootstrap role: why",
		tip.StepExchangeRefreshToken: "identity propagation: cannot exchange the refresh token for an identity context: why",
		tip.StepExchangeJWT:          "identity propagation: cannot exchange the JWT for an identity context: why",
		tip.StepAssumeRole:           "identity propagation: cannot assume the access role: why",
	} {
		assert.EqualError(t, &tip.Error{Step: step, Err: errors.New("why")}, text)
	}
}
