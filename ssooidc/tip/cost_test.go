//go:build !race

package tip_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/ssooidc/tip"
)

// canned responds to each request with tokens as long as those of AWS.
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

// fill gets credentials for users that the Pool does not remember.
func fill(t testing.TB, pool *tip.Pool, users int) {
	t.Helper()
	for i := range users {
		_, err := pool.For(userName(i), userJWT(userName(i))).Retrieve(t.Context())
		require.NoError(t, err)
	}
}

// bytesPerUser is what a user was measured to cost, 3,700 bytes, with 30 %
// headroom. The refresh token and the session token alone are 2,500 bytes.
const bytesPerUser = 4_800

// A user costs little more than its tokens, and nothing of that is left when the
// users are idle. AWSTOKENS_EXHAUSTIVE=1 measures 10,000 users.
func TestPoolMemory(t *testing.T) {
	users := 1_000
	if os.Getenv("AWSTOKENS_EXHAUSTIVE") != "" {
		users = 10_000
	}
	synctest.Test(t, func(t *testing.T) {
		pool := cannedPool(t)
		before, goroutines := heap(), runtime.NumGoroutine()
		fill(t, pool, users)
		assert.Equal(t, users, pool.Users())
		synctest.Wait()
		assert.Equal(t, goroutines, runtime.NumGoroutine())
		perUser := (heap() - before) / int64(users)
		t.Logf("%d bytes per user, of which %d are its tokens", perUser, refreshTokenLength+sessionTokenLength)
		assert.Less(t, perUser, int64(bytesPerUser))

		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Zero(t, pool.Users())
		left := (heap() - before) / int64(users)
		t.Logf("%d bytes per user when all are idle", left)
		assert.Less(t, left, int64(400), "an empty map and the JWTs of the last day")
		runtime.KeepAlive(pool)
	})
}

// Retrieve allocates nothing for a user that the Pool remembers, however many
// there are. BenchmarkPool measures its time.
func TestPoolRetrieveAllocatesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := cannedPool(t)
		for _, users := range []int{100, 1_000} {
			fill(t, pool, users)
			one := pool.For(userName(users/2), userJWT(userName(users/2)))
			assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = one.Retrieve(t.Context()) }), "%d users", users)
		}
	})
}

// BenchmarkPool measures Retrieve for one user while the Pool holds others, and
// the memory of a user. Both stay the same, however many users there are.
func BenchmarkPool(b *testing.B) {
	for _, users := range []int{100, 1_000, 10_000} {
		b.Run(fmt.Sprint(users), func(b *testing.B) {
			before := heap()
			pool := cannedPool(b)
			fill(b, pool, users)
			perUser := float64(heap()-before) / float64(users)
			one := pool.For(userName(users/2), userJWT(userName(users/2)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := one.Retrieve(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(perUser, "B/user")
		})
	}
}

// While the identity provider of many users hangs, the Pool has more of them than it
// may, and can forget none. A call costs what it costs without them.
func TestPoolOfBusyUsers(t *testing.T) {
	pool := cannedPool(t, func(o *tip.PoolOptions) { o.MaxUsers = 10 })
	one := pool.For("one", userJWT("one"))
	fastest := func() time.Duration {
		best := time.Hour
		for range 100 {
			start := time.Now()
			for range 10 {
				_, err := one.Retrieve(t.Context())
				require.NoError(t, err)
			}
			best = min(best, time.Since(start))
		}
		return best
	}
	alone := fastest()

	const users = 10_000
	hangs := make(chan struct{})
	var calls sync.WaitGroup
	for i := range users {
		calls.Go(func() {
			_, err := pool.For(userName(i), func(context.Context) (awstokens.Secret, error) {
				<-hangs
				return awstokens.Secret{}, errAway
			}).Retrieve(context.Background())
			assert.ErrorIs(t, err, errAway)
		})
	}
	for pool.Users() < users {
		time.Sleep(time.Millisecond)
	}
	busy := fastest()
	t.Logf("%v for 10 calls alone, %v beside %d busy users", alone, busy, users)
	assert.Less(t, busy, 20*alone+20*time.Microsecond)
	close(hangs)
	calls.Wait()
	_, err := one.Retrieve(t.Context())
	require.NoError(t, err)
	assert.LessOrEqual(t, pool.Users(), 10)
}
