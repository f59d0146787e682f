//go:build !race

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
