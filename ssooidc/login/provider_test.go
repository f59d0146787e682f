package login

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
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
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// tokenLife is that of the fake service's access tokens.
const tokenLife = time.Hour

// newService starts a service in process, for a bubble of synctest, that rotates refresh tokens.
func newService(t *testing.T) *awstokenstest.Server {
	t.Helper()
	server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
	server.IdentityCenter().AutoApprove(true)
	server.IdentityCenter().RotateRefreshTokens(true)
	return server
}

// logIn saves a token of the service and returns it.
func logIn(t *testing.T, server *awstokenstest.Server, store Store) *Token {
	t.Helper()
	client, err := ssooidc.New(server.Config())
	require.NoError(t, err)
	registered, err := client.RegisterClient(t.Context(), &ssooidc.RegisterClientInput{
		ClientName: "test", ClientType: ssooidc.ClientTypePublic,
	})
	require.NoError(t, err)
	device, err := client.StartDeviceAuthorization(t.Context(), &ssooidc.StartDeviceAuthorizationInput{
		ClientId: registered.ClientId, ClientSecret: registered.ClientSecret, StartUrl: mySSO.StartURL,
	})
	require.NoError(t, err)
	out, err := client.CreateToken(t.Context(), &ssooidc.CreateTokenInput{
		ClientId: registered.ClientId, ClientSecret: registered.ClientSecret,
		GrantType: ssooidc.GrantTypeDeviceCode, DeviceCode: device.DeviceCode,
	})
	require.NoError(t, err)
	token := &Token{
		StartURL: mySSO.StartURL, Region: mySSO.Region,
		AccessToken: out.AccessToken, ExpiresAt: server.Now().Add(tokenLife).Truncate(time.Second), RefreshToken: out.RefreshToken,
		ClientID: registered.ClientId, ClientSecret: registered.ClientSecret,
		RegistrationExpiresAt: time.Unix(registered.ClientSecretExpiresAt, 0).UTC(),
	}
	require.NoError(t, store.SaveToken(t.Context(), mySSO, token))
	return token
}

// change changes the stored token.
func change(t *testing.T, store Store, how func(*Token)) {
	t.Helper()
	token := load(t, store)
	how(token)
	require.NoError(t, store.SaveToken(t.Context(), mySSO, token))
}

func load(t *testing.T, store Store) *Token {
	t.Helper()
	token, err := store.LoadToken(t.Context(), mySSO)
	require.NoError(t, err)
	return token
}

// reports collects what a provider reports.
type reports struct {
	mu   sync.Mutex
	errs []error
}

func (r *reports) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
}

// take returns what was reported since the last time.
func (r *reports) take() []error {
	r.mu.Lock()
	defer r.mu.Unlock()
	errs := r.errs
	r.errs = nil
	return errs
}

func newProvider(t *testing.T, server *awstokenstest.Server, store Store, options ...func(*ProviderOptions)) (*Provider, *reports) {
	t.Helper()
	var r reports
	provider, err := NewProvider(mySSO, append([]func(*ProviderOptions){func(o *ProviderOptions) {
		o.Store, o.Config, o.Report = store, server.Config(), r.add
	}}, options...)...)
	require.NoError(t, err)
	return provider, &r
}

// get returns the access token.
func get(t *testing.T, p *Provider) awstokens.Secret {
	t.Helper()
	token, err := p.RetrieveBearerToken(t.Context())
	require.NoError(t, err)
	assert.True(t, token.CanExpire)
	assert.True(t, token.Expires.After(p.clocks.wall()), "a token that is served has not expired")
	return awstokens.NewSecret(token.Value)
}

func TestATokensLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), NewMemoryStore()
		first := logIn(t, server, store)
		change(t, store, func(token *Token) { *token = *parse(t, withMember(t, token, `"more": 1`)) })
		provider, reported := newProvider(t, server, store)
		assert.Equal(t, first.AccessToken, get(t, provider))
		time.Sleep(tokenLife - earlyWindow)
		assert.Equal(t, first.AccessToken, get(t, provider))
		require.Equal(t, 1, server.IdentityCenter().Requests("CreateToken"))

		time.Sleep(time.Second)
		second := get(t, provider)
		assert.NotEqual(t, first.AccessToken, second, "who begins an early refresh gets what it got")
		saved := load(t, store)
		assert.Equal(t, second, saved.AccessToken)
		assert.NotEqual(t, first.RefreshToken, saved.RefreshToken)
		assert.Equal(t, server.Now().Add(tokenLife).Truncate(time.Second), saved.ExpiresAt)
		text, err := saved.CacheJSON()
		require.NoError(t, err)
		assert.Contains(t, string(text), `"more":1`)
		assert.Equal(t, first.ClientID, saved.ClientID)
		assert.Equal(t, first.RegistrationExpiresAt, saved.RegistrationExpiresAt)
		time.Sleep(tokenLife + time.Hour)
		assert.NotEqual(t, second, get(t, provider))
		assert.Equal(t, 3, server.IdentityCenter().Requests("CreateToken"))
		assert.Empty(t, reported.take())
	})
}

// withMember returns the JSON of a token with one member more.
func withMember(t *testing.T, token *Token, member string) []byte {
	t.Helper()
	text, err := token.CacheJSON()
	require.NoError(t, err)
	return []byte(strings.TrimSuffix(string(text), "}") + ", " + member + "}")
}

func parse(t *testing.T, text []byte) *Token {
	t.Helper()
	token, err := ParseToken(text)
	require.NoError(t, err)
	return token
}

func TestRefreshTokenIsKeptWhenTheResponseHasNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), NewMemoryStore()
		server.IdentityCenter().OmitRefreshTokens(true) // the member is null then
		first := logIn(t, server, store)
		provider, _ := newProvider(t, server, store)
		for range 3 {
			time.Sleep(tokenLife)
			get(t, provider)
			assert.Equal(t, first.RefreshToken, load(t, store).RefreshToken)
		}
		server.IdentityCenter().Next(1, "CreateToken").Answer(200, nil, `{"accessToken": "fake-access", "expiresIn": 3600}`)
		time.Sleep(tokenLife)
		assert.Equal(t, "fake-access", get(t, provider).Reveal())
		assert.Equal(t, first.RefreshToken, load(t, store).RefreshToken)
	})
}

// An early refresh is tried once a minute. While it fails, the old token is
// served, and the last failure is an error only when that has expired.
func TestAnEarlyRefreshThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), NewMemoryStore()
		first := logIn(t, server, store)
		provider, reported := newProvider(t, server, store)
		server.IdentityCenter().OneIn(1, "CreateToken").Refuse("InvalidScopeException", "no", nil)
		time.Sleep(tokenLife - earlyWindow + time.Second)
		for range 2 * 14 {
			assert.Equal(t, first.AccessToken, get(t, provider))
			time.Sleep(30 * time.Second)
		}
		assert.Equal(t, 1+14, server.IdentityCenter().Requests("CreateToken"))
		errs := reported.take()
		assert.Len(t, errs, 14)
		var refusal *ssooidc.InvalidScopeException
		assert.ErrorAs(t, errs[0], &refusal)

		time.Sleep(time.Minute)
		_, err := provider.RetrieveBearerToken(t.Context())
		assert.ErrorAs(t, err, &refusal)
		var failure *Error
		require.ErrorAs(t, err, &failure)
		assert.Equal(t, mySSO, failure.Session)
		assert.NoError(t, failure.Kind, "trying again may help")
		assert.Empty(t, reported.take())
		server.ClearFaults()
		assert.NotEqual(t, first.AccessToken, get(t, provider), "an expired token is refreshed at once")
	})
}

// slow delays the response to the next refresh.
func slow(server *awstokenstest.Server, by time.Duration) {
	server.IdentityCenter().Next(1, "CreateToken").Delay(by)
}

func TestCallersDuringARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), NewMemoryStore()
		first := logIn(t, server, store)
		provider, _ := newProvider(t, server, store)
		get(t, provider)

		time.Sleep(tokenLife - earlyWindow + time.Second)
		slow(server, 8*time.Second)
		begun := time.Now()
		go get(t, provider)
		synctest.Wait()
		assert.Equal(t, first.AccessToken, get(t, provider), "others go on with the token")
		assert.Zero(t, time.Since(begun))
		synctest.Wait()
		time.Sleep(earlyPatience)
		synctest.Wait() // the one that began it has the old token now
		time.Sleep(3 * time.Second)
		synctest.Wait()
		second := get(t, provider)
		assert.NotEqual(t, first.AccessToken, second)
		assert.Equal(t, 2, server.IdentityCenter().Requests("CreateToken"))

		time.Sleep(tokenLife - 8*time.Second - lateWindow + time.Second)
		slow(server, 20*time.Second)
		begun = time.Now()
		go get(t, provider)
		synctest.Wait()
		assert.NotEqual(t, second, get(t, provider), "near the end, all wait")
		assert.Equal(t, 20*time.Second, time.Since(begun))
		assert.Equal(t, 3, server.IdentityCenter().Requests("CreateToken"))
	})
}

// A token that the store has is served although its refresh takes long, also
// to the first caller.
func TestTheFirstCallerNearTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), NewMemoryStore()
		first := logIn(t, server, store)
		time.Sleep(tokenLife - 10*time.Minute)
		slow(server, 30*time.Second)
		provider, _ := newProvider(t, server, store)
		begun := time.Now()
		assert.Equal(t, first.AccessToken, get(t, provider))
		assert.Equal(t, earlyPatience, time.Since(begun))
		time.Sleep(time.Minute)
		assert.NotEqual(t, first.AccessToken, get(t, provider))
	})
}

func TestACallerThatGivesUpDoesNotEndTheRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), NewMemoryStore()
		first := logIn(t, server, store)
		provider, _ := newProvider(t, server, store)
		time.Sleep(tokenLife)
		slow(server, 10*time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := provider.RetrieveBearerToken(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = provider.RetrieveBearerToken(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		assert.NotEqual(t, first.RefreshToken, load(t, store).RefreshToken)
		get(t, provider)
		assert.Equal(t, 2, server.IdentityCenter().Requests("CreateToken"))
	})
}

// exiting is an HTTP client that ends the goroutine, as t.FailNow does.
type exiting struct{}

func (exiting) Do(*http.Request) (*http.Response, error) { runtime.Goexit(); return nil, nil }

// A refresh that ends its goroutine keeps no caller waiting.
func TestRefreshThatEndsItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), NewMemoryStore()
		first := logIn(t, server, store)
		provider, reported := newProvider(t, server, store, func(o *ProviderOptions) { o.Config.HTTPClient = exiting{} })
		time.Sleep(tokenLife - lateWindow)
		assert.Equal(t, first.AccessToken, get(t, provider))
		assert.Len(t, reported.take(), 1)
		time.Sleep(lateWindow)
		for range 2 {
			_, err := provider.RetrieveBearerToken(t.Context())
			assert.ErrorContains(t, err, "the refresh ended its goroutine")
		}
	})
}

// flaky is a store whose methods fail when told.
type flaky struct {
	Store
	loads, saves, locks, reserves fault
}

// fault is an error that comes and goes.
type fault struct{ err atomic.Pointer[error] }

func (f *fault) set(err error) { f.err.Store(&err) }

func (f *fault) get() error {
	if err := f.err.Load(); err != nil {
		return *err
	}
	return nil
}

func (f *flaky) LoadToken(ctx context.Context, s Session) (*Token, error) {
	if err := f.loads.get(); err != nil {
		return nil, err
	}
	return f.Store.LoadToken(ctx, s)
}

func (f *flaky) SaveToken(ctx context.Context, s Session, t *Token) error {
	if err := f.saves.get(); err != nil {
		return err
	}
	return f.Store.SaveToken(ctx, s, t)
}

func (f *flaky) Lock(ctx context.Context, s Session, l Lock) (func(), error) {
	if err := f.locks.get(); err != nil {
		return nil, err
	}
	return f.Store.Lock(ctx, s, l)
}

func (f *flaky) ReserveToken(ctx context.Context, s Session) (func(), error) {
	if err := f.reserves.get(); err != nil {
		return nil, err
	}
	return f.Store.ReserveToken(ctx, s)
}

var errFull = errors.New("no space left")

func TestATokenThatCannotBeSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), &flaky{Store: NewMemoryStore()}
		first := logIn(t, server, store)
		provider, reported := newProvider(t, server, store)
		time.Sleep(tokenLife)
		store.saves.set(errFull)
		second := get(t, provider)
		assert.NotEqual(t, first.AccessToken, second, "it is served")
		errs := reported.take()
		require.Len(t, errs, 1)
		require.ErrorIs(t, errs[0], errFull)
		assert.ErrorContains(t, errs[0], "only this process has the new token")

		// It is refreshed from what the process has, not from what the store has.
		for range 3 {
			time.Sleep(tokenLife)
			third := get(t, provider)
			assert.NotEqual(t, second, third)
			second = third
		}
		assert.NotEmpty(t, reported.take())
		assert.Equal(t, first.RefreshToken, load(t, store).RefreshToken)

		// Saving is tried again, once a minute.
		time.Sleep(time.Minute)
		assert.Equal(t, second, get(t, provider))
		assert.Len(t, reported.take(), 1)
		assert.Equal(t, second, get(t, provider))
		assert.Empty(t, reported.take())
		store.saves.set(nil)
		time.Sleep(time.Minute)
		assert.Equal(t, second, get(t, provider))
		assert.Equal(t, second, load(t, store).AccessToken)
		assert.Equal(t, 1+4, server.IdentityCenter().Requests("CreateToken"))
		assert.Empty(t, reported.take())
	})
}

func TestALoginReplacesATokenThatCouldNotBeSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), &flaky{Store: NewMemoryStore()}
		logIn(t, server, store)
		provider, _ := newProvider(t, server, store)
		time.Sleep(tokenLife)
		store.saves.set(errFull)
		get(t, provider)
		store.saves.set(nil)
		newer := logIn(t, server, store)
		time.Sleep(time.Minute)
		assert.Equal(t, newer.AccessToken, get(t, provider))
		assert.Equal(t, newer.AccessToken, load(t, store).AccessToken)

		store.saves.set(errFull)
		time.Sleep(tokenLife)
		get(t, provider)
		store.saves.set(nil)
		require.NoError(t, store.DeleteToken(t.Context(), mySSO))
		time.Sleep(tokenLife)
		_, err := provider.RetrieveBearerToken(t.Context())
		assert.ErrorIs(t, err, ErrLoginRequired)
		_, err = store.LoadToken(t.Context(), mySSO)
		assert.ErrorIs(t, err, ErrNotFound, "a logout stays one")
	})
}

// A token that was saved late is what the store has, and not that of another program.
func TestADiscardedTokenThatIsSavedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), &flaky{Store: NewMemoryStore()}
		logIn(t, server, store)
		provider, _ := newProvider(t, server, store)
		time.Sleep(tokenLife)
		store.saves.set(errFull)
		token := get(t, provider)
		store.saves.set(nil)
		provider.Discard(token)
		server.IdentityCenter().Next(1, "CreateToken").Refuse("InvalidGrantException", "revoked", nil)
		_, err := provider.RetrieveBearerToken(t.Context())
		assert.ErrorIs(t, err, ErrSessionEnded)
	})
}

// Programs that know nothing of the lock use up a refresh token, and save what
// they got a moment after.
func TestInvalidGrantReadsTheStoreAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), NewMemoryStore()
		token := logIn(t, server, store)
		provider, reported := newProvider(t, server, store)
		time.Sleep(tokenLife)

		client, err := ssooidc.New(server.Config())
		require.NoError(t, err)
		out, err := client.CreateToken(t.Context(), &ssooidc.CreateTokenInput{
			ClientId: token.ClientID, ClientSecret: token.ClientSecret,
			GrantType: ssooidc.GrantTypeRefreshToken, RefreshToken: token.RefreshToken,
		})
		require.NoError(t, err)
		time.AfterFunc(120*time.Millisecond, func() {
			token.AccessToken, token.RefreshToken, token.ExpiresAt = out.AccessToken, out.RefreshToken, server.Now().Add(tokenLife)
			assert.NoError(t, store.SaveToken(context.Background(), mySSO, token))
		})
		assert.Equal(t, out.AccessToken, get(t, provider))
		assert.Empty(t, reported.take())

		// What they saved has expired, too: it is refreshed.
		time.Sleep(2 * tokenLife)
		stale := *load(t, store)
		get(t, provider)
		renewed := *load(t, store)
		change(t, store, func(token *Token) { *token = stale })
		time.Sleep(2 * tokenLife)
		time.AfterFunc(10*time.Millisecond, func() {
			assert.NoError(t, store.SaveToken(context.Background(), mySSO, &renewed))
		})
		assert.NotEqual(t, renewed.AccessToken, get(t, provider))
		assert.NotEqual(t, renewed.RefreshToken, load(t, store).RefreshToken)
	})
}

// meanwhile is an HTTP client whose next response comes after something else has
// happened. If refusal is not empty, that is the service's exception.
type meanwhile struct {
	awstokens.HTTPClient
	happens func()
	refusal string
}

func (m *meanwhile) Do(req *http.Request) (*http.Response, error) {
	resp, err := m.HTTPClient.Do(req)
	if happens := m.happens; happens != nil {
		m.happens = nil
		happens()
		time.Sleep(refreshTimeout - time.Second)
		if m.refusal != "" {
			resp.StatusCode, resp.Header = http.StatusBadRequest, http.Header{"X-Amzn-Errortype": {m.refusal}}
		}
	}
	return resp, err
}

// Programs that know nothing of the lock log in or out while a refresh is under way.
// Whatever becomes of that, and however long it takes, what they did counts.
func TestOtherProgramsDuringARefresh(t *testing.T) {
	for _, refusal := range []string{"", "InvalidGrantException", "ExpiredTokenException", "InvalidClientException"} {
		for _, discarded := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				server, store := newService(t), NewMemoryStore()
				logIn(t, server, store)
				slowly := &meanwhile{HTTPClient: server.Config().HTTPClient, refusal: refusal}
				provider, reported := newProvider(t, server, store, func(o *ProviderOptions) { o.Config.HTTPClient = slowly })
				if discarded {
					provider.Discard(get(t, provider))
				} else {
					time.Sleep(tokenLife)
				}
				var second *Token
				slowly.happens = func() { second = logIn(t, server, store) }
				got := get(t, provider)
				assert.Equal(t, second.AccessToken, got)
				assert.Equal(t, second, load(t, store))
				assert.Empty(t, reported.take())

				time.Sleep(tokenLife)
				slowly.happens = func() { assert.NoError(t, store.DeleteToken(t.Context(), mySSO)) }
				_, err := provider.RetrieveBearerToken(t.Context())
				require.ErrorIs(t, err, ErrLoginRequired)
				_, err = store.LoadToken(t.Context(), mySSO)
				require.ErrorIs(t, err, ErrNotFound, "a logout stays one")
			})
		}
	}
}

var failedRefreshes = map[string]struct {
	spoil func(t *testing.T, server *awstokenstest.Server, store *flaky)
	kind  error
	text  string
	sent  int
}{
	"no token": {
		spoil: func(t *testing.T, _ *awstokenstest.Server, store *flaky) {
			require.NoError(t, store.DeleteToken(t.Context(), mySSO))
		},
		kind: ErrLoginRequired, text: "login required: log in: not in the token cache",
	},
	"no refresh token": {
		spoil: func(t *testing.T, _ *awstokenstest.Server, store *flaky) {
			change(t, store, func(token *Token) { token.RefreshToken = awstokens.Secret{} })
		},
		kind: ErrLoginRequired, text: "no refresh token",
	},
	"no client": {
		spoil: func(t *testing.T, _ *awstokenstest.Server, store *flaky) {
			change(t, store, func(token *Token) { token.ClientSecret = awstokens.Secret{} })
		},
		kind: ErrLoginRequired, text: "no client",
	},
	"revoked": {
		spoil: func(t *testing.T, _ *awstokenstest.Server, store *flaky) {
			change(t, store, func(token *Token) { token.RefreshToken = awstokens.NewSecret("fake-revoked-token") })
		},
		kind: ErrSessionEnded, text: "the session has ended: log in again: ", sent: 1,
	},
	"over": {
		spoil: func(_ *testing.T, server *awstokenstest.Server, _ *flaky) {
			server.IdentityCenter().Next(1, "CreateToken").Refuse("ExpiredTokenException", "too old", nil)
		},
		kind: ErrSessionEnded, text: "too old", sent: 1,
	},
	"over, and the clock is wrong": {
		spoil: func(_ *testing.T, server *awstokenstest.Server, _ *flaky) {
			server.IdentityCenter().Next(1, "CreateToken").Answer(400, http.Header{
				"X-Amzn-Errortype": {"ExpiredTokenException"}, "Date": {time.Now().Add(-2 * time.Hour).UTC().Format(http.TimeFormat)},
			}, `{"error":"expired_token"}`)
		},
		kind: ErrSessionEnded, text: "the local clock is 3h0m0s ahead of the service's", sent: 1,
	},
	"spent by a lost response": {
		spoil: func(t *testing.T, server *awstokenstest.Server, store *flaky) {
			server.IdentityCenter().Next(1, "CreateToken").LoseAnswer()
		},
		text: "request send failed", sent: 1,
	},
	"unknown client": {
		spoil: func(t *testing.T, _ *awstokenstest.Server, store *flaky) {
			change(t, store, func(token *Token) { token.ClientID = "somebody" })
		},
		kind: ErrRegistrationExpired, text: "registers a new client", sent: 1,
	},
	"wrong region, as the service says": {
		spoil: func(_ *testing.T, server *awstokenstest.Server, _ *flaky) {
			server.IdentityCenter().Next(1, "CreateToken").Refuse("InvalidRequestRegionException", "elsewhere", map[string]string{"region": "eu-north-1"})
		},
		kind: ErrWrongRegion, text: "eu-north-1", sent: 1,
	},
	"no lock": {
		spoil: func(_ *testing.T, _ *awstokenstest.Server, store *flaky) { store.locks.set(fs.ErrPermission) },
		text:  "wait for the lock: permission denied",
	},
	"store fails": {
		spoil: func(_ *testing.T, _ *awstokenstest.Server, store *flaky) { store.loads.set(fs.ErrPermission) },
		text:  "permission denied",
	},
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for name, test := range failedRefreshes {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, store := newService(t), &flaky{Store: NewMemoryStore()}
				logIn(t, server, store)
				provider, reported := newProvider(t, server, store)
				test.spoil(t, server, store)
				time.Sleep(tokenLife)
				_, err := provider.RetrieveBearerToken(t.Context())
				var failure *Error
				require.ErrorAs(t, err, &failure)
				assert.Equal(t, mySSO, failure.Session)
				assert.Equal(t, test.kind, failure.Kind)
				if test.kind != nil {
					assert.ErrorIs(t, err, test.kind)
				}
				assert.ErrorContains(t, err, `session "my-sso" of https://my-sso-portal.awsapps.com/start in us-east-1: `)
				assert.ErrorContains(t, err, test.text)
				assert.Equal(t, 1+test.sent, server.IdentityCenter().Requests("CreateToken"))
				assert.Empty(t, reported.take(), "an error that is returned is not reported")
			})
		})
	}
}

// A refresh token that is spent by a request whose response was lost, or was
// another's, is refused after that. The error has both, and no call sends a
// refresh token twice.
func TestErrorHasTheLostRefresh(t *testing.T) {
	for name, fault := range map[string]func(*awstokenstest.Server, *ProviderOptions){
		"lost": func(server *awstokenstest.Server, _ *ProviderOptions) {
			server.IdentityCenter().Next(1, "CreateToken").LoseAnswer()
		},
		"504 of a gateway that forwards": func(_ *awstokenstest.Server, o *ProviderOptions) {
			o.Config.HTTPClient = &gateway{HTTPClient: o.Config.HTTPClient}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, store := newService(t), NewMemoryStore()
				first := logIn(t, server, store)
				provider, reported := newProvider(t, server, store, func(o *ProviderOptions) { fault(server, o) })
				time.Sleep(tokenLife - lateWindow)
				assert.Equal(t, first.AccessToken, get(t, provider))
				assert.Equal(t, 1+1, server.IdentityCenter().Requests("CreateToken"))
				require.Len(t, reported.take(), 1)

				time.Sleep(lateWindow)
				_, err := provider.RetrieveBearerToken(t.Context())
				require.ErrorIs(t, err, ErrSessionEnded)
				assert.Regexp(t, `InvalidGrantException: .*; the last request failed: .*(unexpected EOF|504)`, err)
				assert.Equal(t, 1+2, server.IdentityCenter().Requests("CreateToken"))

				logIn(t, server, store)
				get(t, provider)
				change(t, store, func(token *Token) { token.RefreshToken = awstokens.NewSecret("fake-revoked-token") })
				time.Sleep(tokenLife)
				_, err = provider.RetrieveBearerToken(t.Context())
				require.ErrorIs(t, err, ErrSessionEnded)
				assert.NotContains(t, err.Error(), "the last request failed", "that was another token")
			})
		})
	}
}

// gateway forwards the first request, and responds with 504 in the place of
// the service.
type gateway struct {
	awstokens.HTTPClient
	done bool
}

func (g *gateway) Do(req *http.Request) (*http.Response, error) {
	resp, err := g.HTTPClient.Do(req)
	if err == nil && !g.done {
		g.done = true
		resp.StatusCode, resp.Header, resp.Body = http.StatusGatewayTimeout, http.Header{}, http.NoBody
	}
	return resp, err
}

// hosts is an HTTP client that notes where requests go.
type hosts []string

func (h *hosts) Do(r *http.Request) (*http.Response, error) {
	*h = append(*h, r.URL.Host)
	return nil, errors.New("no network today")
}

func TestProviderUsesTheSessionsRegion(t *testing.T) {
	store := NewMemoryStore()
	require.NoError(t, store.SaveToken(t.Context(), mySSO, &Token{
		Region: "eu-west-1", AccessToken: awstokens.NewSecret("fake"), ExpiresAt: moment, RefreshToken: awstokens.NewSecret("fake"), ClientID: "c", ClientSecret: awstokens.NewSecret("fake"),
	}))
	var called hosts
	provider, err := NewProvider(mySSO, func(o *ProviderOptions) {
		o.Store = store
		o.Config = awstokens.Config{
			Region: "ap-south-1", HTTPClient: &called,
			Retryer: awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = 1 }),
		}
	})
	require.NoError(t, err)
	assert.Equal(t, mySSO.Region, provider.Region())
	_, err = provider.RetrieveBearerToken(t.Context())
	assert.ErrorContains(t, err, "no network today")
	assert.Equal(t, hosts{"oidc.us-east-1.amazonaws.com"}, called)
}

func TestNewProvider(t *testing.T) {
	_, err := NewProvider(Session{Name: "x"})
	assert.ErrorContains(t, err, "no start URL")
	bad := mySSO
	bad.Region = "us east"
	_, err = NewProvider(bad)
	assert.ErrorContains(t, err, "region")

	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	provider, err := NewProvider(mySSO)
	require.NoError(t, err)
	_, err = provider.RetrieveBearerToken(t.Context())
	assert.ErrorIs(t, err, ErrLoginRequired)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.ErrorContains(t, err, "0ad374308c5a4e22f723adf10145eafad7c4031c.json")
}

func TestReportDefaultsToTheLogger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), NewMemoryStore()
		logIn(t, server, store)
		var lines bytes.Buffer
		provider, err := NewProvider(mySSO, func(o *ProviderOptions) {
			o.Store, o.Config = store, server.Config()
			o.Config.Logger = slog.New(slog.NewTextHandler(&lines, &slog.HandlerOptions{Level: slog.LevelWarn}))
		})
		require.NoError(t, err)
		time.Sleep(tokenLife - lateWindow)
		server.IdentityCenter().Next(1, "CreateToken").Refuse("InvalidScopeException", "no", nil)
		get(t, provider)
		assert.Equal(t, 1, strings.Count(lines.String(), "\n"))
		assert.Contains(t, lines.String(), "InvalidScopeException: no")
	})
}
