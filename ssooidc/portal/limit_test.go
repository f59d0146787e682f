package portal_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// perSecond is the portal's published limit.
const perSecond = 20

// limited is an HTTP client with the limit of the portal: it permits 20 requests at
// once, and then one every 50 ms.
type limited struct {
	awstokens.HTTPClient
	latency time.Duration

	mu   sync.Mutex
	left float64
	at   time.Time
}

func (l *limited) Do(req *http.Request) (*http.Response, error) {
	time.Sleep(l.latency)
	if l.permits() {
		return l.HTTPClient.Do(req)
	}
	return &http.Response{
		StatusCode: http.StatusTooManyRequests, Header: http.Header{"X-Amzn-Errortype": {"TooManyRequestsException"}},
		Body: io.NopCloser(strings.NewReader(`{"message":"HTTP 429 Unknown Code"}`)),
	}, nil
}

func (l *limited) permits() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.left = min(perSecond, l.left+perSecond*now.Sub(l.at).Seconds())
	l.at = now
	if l.left < 1 {
		return false
	}
	l.left--
	return true
}

// TestListAgainstTheRateLimit lists the roles of 665 accounts: no call fails, and it
// takes at most twice the time that the limit permits.
func TestListAgainstTheRateLimit(t *testing.T) {
	const accounts, pages = 665, 7
	permitted := (accounts + pages - perSecond) * time.Second / perSecond
	for name, test := range map[string]struct {
		workers int
		latency time.Duration
	}{
		"one":             {1, 0},
		"one, 30 ms away": {1, 30 * time.Millisecond},
		"ten":             {10, 0},
		"ten, 30 ms away": {10, 30 * time.Millisecond},
	} {
		for range 3 {
			synctest.Test(t, func(t *testing.T) {
				server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
				list := make([]awstokenstest.Account, accounts)
				for i := range list {
					list[i] = awstokenstest.Account{ID: fmt.Sprintf("%012d", i), Roles: []string{"ReadOnlyAccess"}}
				}
				server.IdentityCenter().SetAccounts(list...)
				cfg := server.Config()
				cfg.Retryer = nil
				cfg.HTTPClient = &limited{HTTPClient: cfg.HTTPClient, latency: test.latency}
				client, err := portal.New(cfg)
				require.NoError(t, err)

				start := time.Now()
				assert.Equal(t, accounts, countRoles(t, client, server.IdentityCenter().SignIn(), test.workers), name)
				took := time.Since(start)
				assert.Less(t, took, 2*permitted, name)
				assert.GreaterOrEqual(t, took, permitted-time.Second, "%s: the limit had no effect", name)
			})
		}
	}
}

// countRoles returns how many roles a user has in all accounts.
func countRoles(t *testing.T, client *portal.Client, token awstokens.Secret, workers int) (roles int) {
	ids := make(chan string)
	var mu sync.Mutex
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for id := range ids {
				for _, err := range client.AccountRoles(t.Context(), &portal.ListAccountRolesInput{AccessToken: token, AccountId: id}) {
					if assert.NoError(t, err) {
						mu.Lock()
						roles++
						mu.Unlock()
					}
				}
			}
		})
	}
	for account, err := range client.Accounts(t.Context(), &portal.ListAccountsInput{AccessToken: token}) {
		if assert.NoError(t, err) {
			ids <- account.AccountId
		}
	}
	close(ids)
	all.Wait()
	return roles
}

// TestDefaultRetryer: a call makes ten attempts, unless the configuration has a
// Retryer.
func TestDefaultRetryer(t *testing.T) {
	attempts := func(client *portal.Client, err error) (n int) {
		require.NoError(t, err)
		synctest.Test(t, func(t *testing.T) {
			_, err := client.ListAccounts(t.Context(), &portal.ListAccountsInput{AccessToken: awstokens.NewSecret("fake")})
			var failed *awstokens.ResponseError
			require.ErrorAs(t, err, &failed)
			n = failed.Attempts
		})
		return n
	}
	cfg := awstokens.Config{Region: "eu-central-1", HTTPClient: &response{status: 429}}
	client, err := portal.New(cfg)
	assert.Equal(t, 10, attempts(client, err))
	assert.Equal(t, 10, attempts(client.With(nil)))
	cfg.Retryer = awstokens.NewStandardRetryer()
	client, err = portal.New(cfg)
	assert.Equal(t, 3, attempts(client, err))
	assert.Equal(t, 3, attempts(client.With(func(cfg *awstokens.Config) { cfg.UseFIPS = true })))
	assert.Equal(t, 10, attempts(client.With(func(cfg *awstokens.Config) { cfg.Retryer = nil })))
}
