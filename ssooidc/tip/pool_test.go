package tip_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/ssooidc/tip"
)

func (w *world) pool(t *testing.T, options ...func(*tip.PoolOptions)) *tip.Pool {
	t.Helper()
	p, err := tip.NewPool(w.Config(), app, options...)
	require.NoError(t, err)
	return p
}

func TestPoolTellsUsersApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		pool := w.pool(t, func(o *tip.PoolOptions) { o.Idle = 2 * time.Hour })
		ann, bob := pool.For("ann", w.source), pool.For("bob", w.source)
		assert.Zero(t, pool.Users(), "none before its first call")
		first, other := w.good(t, ann), w.good(t, bob)
		assert.NotEqual(t, first, other)
		assert.Equal(t, first, w.good(t, ann))
		assert.Equal(t, first, w.good(t, pool.For("ann", func(context.Context) (awstokens.Secret, error) {
			t.Error("a JWT is not needed")
			return awstokens.Secret{}, nil
		})))
		assert.Equal(t, 2, w.asked())
		assert.Equal(t, 2, pool.Users())

		// The last Source is asked.
		w.IdentityCenter().EndSessions()
		time.Sleep(time.Hour)
		failed := func(context.Context) (awstokens.Secret, error) { return awstokens.Secret{}, errAway }
		assert.ErrorIs(t, failure(t, pool.For("ann", failed), tip.StepGetJWT), tip.ErrSessionEnded)
		w.good(t, ann)

		for _, provider := range []awstokens.CredentialsProvider{pool.For("", w.source), pool.For("ann", nil)} {
			failure(t, provider, tip.StepGetJWT)
		}
	})
}

func TestPoolDiscardsAndForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		pool := w.pool(t)
		ann := pool.For("ann", w.source)
		discard := ann.(interface{ Discard(awstokens.Credentials) }).Discard
		discard(awstokens.Credentials{}) // of nobody yet
		first := w.good(t, ann)
		discard(first)
		second := w.good(t, ann)
		assert.NotEqual(t, first, second)
		assert.Equal(t, 1, w.asked())

		pool.Forget("ann")
		pool.Forget("ann")
		assert.Zero(t, pool.Users())
		assert.NotEqual(t, second, w.good(t, ann))
		assert.Equal(t, 2, w.asked(), "the session is forgotten, too")
	})
}

// The user that was asked for least recently goes first, but not one whose
// credentials are being renewed.
func TestPoolIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		pool := w.pool(t, func(o *tip.PoolOptions) { o.MaxUsers = 3 })
		get := func(user string) { w.good(t, pool.For(user, w.source)) }
		for _, user := range []string{"a", "b", "c", "a", "d"} {
			get(user)
			time.Sleep(time.Second)
		}
		assert.Equal(t, 3, pool.Users())
		asked := w.asked()
		for _, user := range []string{"a", "c", "d"} {
			get(user)
		}
		assert.Equal(t, asked, w.asked())
		get("b") // in the place of a
		assert.Equal(t, asked+1, w.asked())
		get("c")
		assert.Equal(t, asked+1, w.asked())
		get("a")
		assert.Equal(t, asked+2, w.asked())

		// A caller gives up, and the exchange goes on.
		w.IdentityCenter().Next(1, "CreateTokenWithIAM").Delay(30 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		slow := pool.For("slow", w.source)
		_, err := slow.Retrieve(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		for _, user := range []string{"e", "f", "g", "h"} {
			get(user)
		}
		assert.Equal(t, 3, pool.Users())
		asked = w.asked()
		w.good(t, slow)
		assert.Equal(t, asked, w.asked(), "one exchange at a time")
	})
}

// A user is forgotten an hour after its last use, also if nothing else happens.
func TestPoolForgetsWhoIsIdle(t *testing.T) {
	for idle, option := range map[time.Duration]time.Duration{time.Hour: 0, 5 * time.Hour: 5 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			pool := w.pool(t, func(o *tip.PoolOptions) { o.Idle = option })
			for i := range 10 {
				w.good(t, pool.For(fmt.Sprint(i), w.source))
				time.Sleep(idle / 20)
			}
			assert.Equal(t, 10, pool.Users())
			sent := w.sent()
			time.Sleep(idle/2 - 1)
			assert.Equal(t, 10, pool.Users())
			time.Sleep(time.Nanosecond)
			for left := 9; left >= 0; left-- {
				synctest.Wait()
				assert.Equal(t, left, pool.Users())
				time.Sleep(idle / 20)
			}
			assert.Equal(t, sent, w.sent(), "nothing is renewed that nobody asks for")
			w.good(t, pool.For("0", w.source))
			assert.Equal(t, 11, w.asked())
		})
	}
}

// One JWT is not sent for two users, and is forgotten a day after it has
// expired.
func TestPoolRemembersJWTs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		pool := w.pool(t)
		same := always(w.IdentityCenter().UserJWT())
		w.IdentityCenter().Next(1, "CreateTokenWithIAM").Delay(time.Second)
		go pool.For("ann", same).Retrieve(t.Context())
		time.Sleep(time.Millisecond)
		for _, user := range []string{"bob", "cem"} {
			err := failure(t, pool.For(user, same), tip.StepGetJWT)
			assert.ErrorIs(t, err, tip.ErrJWTRefused)
			assert.ErrorContains(t, err, "used before")
		}
		time.Sleep(time.Second)
		pool.Forget("ann")
		failure(t, pool.For("ann", same), tip.StepGetJWT)

		for i := range 300 {
			w.good(t, pool.For(fmt.Sprint(i), w.source))
			time.Sleep(time.Hour)
		}
		assert.Less(t, pool.Spent(), 130)
		assert.Zero(t, w.resent)
	})
}
