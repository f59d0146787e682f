package tip_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc/tip"
)

// user is someone whose JWTs come from an identity provider that has faults of
// its own.
type user struct {
	*world
	name    string
	running atomic.Int32
	last    awstokens.Secret
}

func (u *user) source(t *testing.T) tip.Source {
	return func(ctx context.Context) (awstokens.Secret, error) {
		assert.EqualValues(t, 1, u.running.Add(1), "two exchanges at once")
		defer u.running.Add(-1)
		select {
		case <-time.After(rand.N(3 * time.Second)):
		case <-ctx.Done():
			return awstokens.Secret{}, ctx.Err()
		}
		switch rand.N(12) {
		case 0:
			return awstokens.Secret{}, errAway
		case 1:
			return u.last, nil // once more, or none
		case 2:
			return jwt(map[string]any{"exp": u.Now().Add(time.Hour).Unix()}), nil
		case 3:
			return jwt(map[string]any{"jti": u.name + u.Now().String(), "exp": u.Now().Add(-time.Minute).Unix()}), nil
		}
		u.last = u.IdentityCenter().UserJWT()
		return u.last, nil
	}
}

// scriptFaults makes the services fail in most ways for as long as the context
// lasts.
func (w *world) scriptFaults(ctx context.Context) {
	tokens, roles := w.IdentityCenter(), w.STS()
	tokens.OneIn(5, "CreateTokenWithIAM").Throttle()
	tokens.OneIn(7, "CreateTokenWithIAM").LoseAnswer()
	tokens.OneIn(11, "CreateTokenWithIAM").Cut()
	tokens.OneIn(13, "CreateTokenWithIAM").Fail(500)
	tokens.OneIn(17, "CreateTokenWithIAM").FailUntyped(502)
	tokens.OneIn(19, "CreateTokenWithIAM").Delay(40 * time.Second)
	tokens.OneIn(23, "CreateTokenWithIAM").Answer(200, nil, "<html>")
	tokens.OneIn(29, "CreateTokenWithIAM").Refuse("ThrottlingException", "", nil)
	roles.OneIn(6, "").Throttle()
	roles.OneIn(8, "").LoseAnswer()
	roles.OneIn(12, "").Fail(500)
	roles.OneIn(15, "").Refuse("AccessDenied", "no", nil)
	for ctx.Err() == nil {
		select {
		case <-time.After(rand.N(4 * time.Hour)):
			tokens.EndSessions()
			tokens.RotateRefreshTokens(rand.N(2) == 0)
			tokens.OmitIdentityContext(rand.N(2) == 0)
		case <-ctx.Done():
		}
	}
}

// crowd is goroutines that act for users of a pool, and what came of their calls.
type crowd struct {
	*world
	cfg                  awstokens.Config
	pool                 *tip.Pool
	good, signed, failed atomic.Int64
	kinds                map[error]*atomic.Int64 // of failures
}

// act makes calls for a user at random times, and signs requests with what it gets.
func (c *crowd) act(ctx context.Context, t *testing.T, name string, source tip.Source, calls int) {
	creds := c.pool.For(name, source)
	signing := c.cfg
	signing.Credentials = creds
	client, err := licensemanager.New(signing)
	assert.NoError(t, err)
	for range calls {
		time.Sleep(rand.N(time.Hour))
		c.call(ctx, t, creds, client)
	}
}

func (c *crowd) call(ctx context.Context, t *testing.T, creds awstokens.CredentialsProvider, client *licensemanager.Client) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second+rand.N(2*time.Minute))
	defer cancel()
	got, err := creds.Retrieve(ctx)
	if err == nil {
		assert.True(t, got.Expires.After(c.Now()), "expired credentials")
		if rand.N(10) == 0 {
			_, err = client.ListTokens(ctx, nil)
			c.signed.Add(1)
		}
	}
	var typed *tip.Error
	switch {
	case err == nil:
		c.good.Add(1)
	case errors.As(err, &typed), errors.Is(err, context.DeadlineExceeded):
		c.failed.Add(1)
		for kind, count := range c.kinds {
			if errors.Is(err, kind) {
				count.Add(1)
			}
		}
	default:
		t.Errorf("untyped error: %s", err)
	}
}

// 100 goroutines act for 25 users through faults, with a local clock that is right
// or wrong: no JWT is sent again, no refresh token is exchanged twice at once, and
// each call ends in credentials that the services accept or in a typed error.
// AWSTOKENS_EXHAUSTIVE=1 has 400 goroutines act for 100 users.
func TestPoolThroughFaults(t *testing.T) {
	const callers, calls = 4, 10
	users := 25
	if os.Getenv("AWSTOKENS_EXHAUSTIVE") != "" {
		users = 100
	}
	kinds := map[error]*atomic.Int64{tip.ErrJWTRefused: {}, tip.ErrSessionEnded: {}, tip.ErrContextDenied: {}, context.DeadlineExceeded: {}}
	for _, tt := range []struct {
		wrong     time.Duration // of the local clock
		bootstrap bool
		limit     int // of the pool
	}{{0, false, users}, {0, true, users - 5}, {3 * time.Hour, true, users}, {-3 * time.Hour, false, users - 5}} {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &crowd{world: newWorld(t), kinds: kinds}
				application := app
				c.cfg = offset(c.Config(), tt.wrong)
				if tt.bootstrap {
					application.BootstrapRoleARN, c.cfg.Credentials = bootstrapRole, nil
				}
				var err error
				c.pool, err = tip.NewPool(c.cfg, application, func(o *tip.PoolOptions) { o.MaxUsers = tt.limit })
				require.NoError(t, err)
				ctx, stop := context.WithCancel(t.Context())
				go c.scriptFaults(ctx)

				var wg sync.WaitGroup
				for i := range users {
					u := &user{world: c.world, name: userName(i)}
					source := u.source(t)
					for range callers {
						wg.Go(func() { c.act(ctx, t, u.name, source, calls) })
					}
				}
				wg.Wait()
				stop()
				c.ClearFaults()
				t.Logf("%d good, %d of them used, %d failed; %d requests of CreateTokenWithIAM, %d with a JWT",
					c.good.Load(), c.signed.Load(), c.failed.Load(), c.IdentityCenter().Requests("CreateTokenWithIAM"), c.count("jwt-bearer"))
				assert.Zero(t, c.resent, "JWTs sent again")
				assert.Zero(t, c.together, "refresh tokens exchanged twice at once")
				assert.Zero(t, c.IdentityCenter().ReusedJWTs())
				assert.Greater(t, c.good.Load(), c.failed.Load())
				assert.LessOrEqual(t, c.pool.Users(), tt.limit)

				for i := range users {
					c.world.good(t, c.pool.For(userName(i), c.source))
				}
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				assert.Zero(t, c.pool.Users())
			})
		})
	}
	for kind, count := range kinds {
		assert.NotZero(t, count.Load(), "%s", kind)
	}
}

// Two days of one user: credentials are never served expired by the service's
// clock, whatever the local one shows, and the Source is asked once a session.
func TestTwoDays(t *testing.T) {
	for _, wrong := range []time.Duration{0, 3 * time.Hour, -3 * time.Hour} {
		for _, duration := range []time.Duration{0, 15 * time.Minute} {
			t.Run(fmt.Sprint(wrong, duration), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					slow := func(ctx context.Context) (awstokens.Secret, error) {
						time.Sleep(20 * time.Second)
						return w.source(ctx)
					}
					cfg := offset(w.Config(), wrong)
					p, err := tip.NewProvider(cfg, app, slow, func(o *tip.Options) { o.Duration = duration })
					require.NoError(t, err)
					cfg.Credentials = p
					client, err := licensemanager.New(cfg)
					require.NoError(t, err)

					keys := map[string]bool{}
					for start := w.Now(); w.Now().Sub(start) < 48*time.Hour; time.Sleep(time.Minute/2 + rand.N(time.Minute)) {
						creds, err := p.Retrieve(t.Context())
						require.NoError(t, err)
						require.True(t, creds.Expires.After(w.Now()), "served %s after their end", w.Now().Sub(creds.Expires))
						keys[creds.AccessKeyID] = true
						if rand.N(20) == 0 {
							_, err = client.ListTokens(t.Context(), nil)
							require.NoError(t, err)
						}
					}
					life := time.Hour
					if duration != 0 {
						life = duration
					}
					renewals := float64(48*time.Hour) / float64(life-5*time.Minute)
					assert.InDelta(t, renewals, len(keys), 0.1*renewals)
					assert.Equal(t, 2, w.asked(), "sessions of 24 hours")
					assert.InDelta(t, w.count("AssumeRole"), len(keys), 2, "one request each, one that learned the clock, one that is under way")
				})
			})
		}
	}
}
