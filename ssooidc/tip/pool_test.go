package tip_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
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
		assert.ErrorIs(t, failure(t, pool.For("ann", failed), tip.StepSource), tip.ErrSessionEnded)
		w.good(t, ann)

		for _, provider := range []awstokens.CredentialsProvider{pool.For("", w.source), pool.For("ann", nil)} {
			failure(t, provider, tip.StepSource)
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
			time.Sleep(1)
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
			err := failure(t, pool.For(user, same), tip.StepSource)
			assert.ErrorIs(t, err, tip.ErrAssertionRefused)
			assert.ErrorContains(t, err, "used before")
		}
		time.Sleep(time.Second)
		pool.Forget("ann")
		failure(t, pool.For("ann", same), tip.StepSource)

		for i := range 300 {
			w.good(t, pool.For(fmt.Sprint(i), w.source))
			time.Sleep(time.Hour)
		}
		assert.Less(t, pool.Spent(), 130)
		assert.Zero(t, w.resent)
	})
}

// canned answers each request with tokens as long as those of AWS.
type canned struct{ made atomic.Int64 }

const (
	refreshTokenLength = 1200
	sessionTokenLength = 1300
	contextLength      = 1500
)

func (c *canned) Do(req *http.Request) (*http.Response, error) {
	n := c.made.Add(1)
	fake := func(length int) string {
		return fmt.Sprintf("fake-%d-%s", n, strings.Repeat("x", length))[:length]
	}
	now := time.Now()
	body := `{"accessToken":"` + fake(1000) + `","expiresIn":3600,"refreshToken":"` + fake(refreshTokenLength) +
		`","awsAdditionalDetails":{"identityContext":"` + fake(contextLength) + `"}}`
	if req.URL.Path != "/token" {
		body = `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>` + fmt.Sprintf("ASIA%016d", n) + `</AccessKeyId><SecretAccessKey>` + fake(40) +
			`</SecretAccessKey><SessionToken>` + fake(sessionTokenLength) + `</SessionToken><Expiration>` + now.Add(time.Hour).UTC().Format(time.RFC3339) +
			`</Expiration></Credentials><AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/UserAccess/awstokens</Arn></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>`
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Date": {now.UTC().Format(http.TimeFormat)}}, Body: io.NopCloser(strings.NewReader(body)), Request: req,
	}, nil
}

func cannedPool(t testing.TB, options ...func(*tip.PoolOptions)) *tip.Pool {
	pool, err := tip.NewPool(awstokens.Config{
		Region: "us-east-1", HTTPClient: new(canned), Credentials: awstokens.StaticCredentials("AKIAFAKE", "fake", ""),
	}, app, options...)
	require.NoError(t, err)
	return pool
}

func userJWT(user string) tip.Source {
	return func(context.Context) (awstokens.Secret, error) {
		now := time.Now()
		return jwt(map[string]any{"jti": user + now.String(), "exp": now.Add(time.Hour).Unix()}), nil
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) + int64(m.StackInuse)
}

// A pool costs what its users' tokens cost and little more, and gives that back
// when the users are idle.
func TestPoolCostsWhatIsLive(t *testing.T) {
	const users = 10_000
	synctest.Test(t, func(t *testing.T) {
		pool := cannedPool(t)
		fill := func() {
			for i := range users {
				user := fmt.Sprintf("user-%05d", i)
				_, err := pool.For(user, userJWT(user)).Retrieve(t.Context())
				require.NoError(t, err)
			}
		}
		before, goroutines := heap(), runtime.NumGoroutine()
		fill()
		assert.Equal(t, users, pool.Users())
		synctest.Wait()
		assert.Equal(t, goroutines, runtime.NumGoroutine())
		perUser := (heap() - before) / users
		t.Logf("%d bytes a user, of which %d are its tokens", perUser, refreshTokenLength+sessionTokenLength)
		assert.Less(t, perUser, int64(5_000))

		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Zero(t, pool.Users())
		left := (heap() - before) / users
		t.Logf("%d bytes a user when all are idle", left)
		assert.Less(t, left, int64(400), "an empty map and the JWTs of the last day")
		runtime.KeepAlive(pool)
	})
}

// BenchmarkPool is a call for a user that is in the pool already. It costs the
// same, however many there are.
func BenchmarkPool(b *testing.B) {
	for _, users := range []int{10, 10_000} {
		b.Run(fmt.Sprint(users), func(b *testing.B) {
			pool := cannedPool(b)
			var providers []awstokens.CredentialsProvider
			for i := range users {
				user := fmt.Sprint(i)
				providers = append(providers, pool.For(user, userJWT(user)))
				_, err := providers[i].Retrieve(b.Context())
				require.NoError(b, err)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := providers[i%users].Retrieve(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
