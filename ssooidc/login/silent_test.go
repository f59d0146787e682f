package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// slowResponses is an HTTP client whose responses take a while to come back.
type slowResponses struct {
	awstokens.HTTPClient
	by time.Duration
}

func (c slowResponses) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.HTTPClient.Do(req)
	select {
	case <-time.After(c.by):
		return resp, err
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
}

// loginFunc calls Login and returns how often it has asked the user, who approves.
type loginFunc func(context.Context, ...func(*Options)) (token *Token, asked int, err error)

// expiredLogin runs a test in a bubble, with a login whose token has expired.
func expiredLogin(t *testing.T, test func(t *testing.T, server *awstokenstest.Server, store *MemoryStore, loginAgain loginFunc)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), NewMemoryStore()
		logIn(t, server, store)
		time.Sleep(tokenLife - lateWindow + time.Second) // as good as expired
		test(t, server, store, func(ctx context.Context, options ...func(*Options)) (*Token, int, error) {
			var asked atomic.Int32
			token, err := Login(ctx, mySSO, append([]func(*Options){func(o *Options) {
				o.Store, o.Config, o.Flow = store, server.Config(), FlowDevice
				o.Prompt = promptFor(func(context.Context, Request) { asked.Add(1) })
			}}, options...)...)
			return token, int(asked.Load()), err
		})
	})
}

// A program that logs in at each start asks nobody while the session lives.
func TestLoginRefreshes(t *testing.T) {
	expiredLogin(t, func(t *testing.T, server *awstokenstest.Server, store *MemoryStore, loginAgain loginFunc) {
		for range 5 {
			before := load(t, store)
			token, asked, err := loginAgain(t.Context())
			require.NoError(t, err)
			assert.Zero(t, asked)
			assert.NotEqual(t, before.AccessToken, token.AccessToken)
			assert.Equal(t, token, load(t, store))
			assert.True(t, accepts(t, server, token.AccessToken))
			time.Sleep(2 * time.Hour)
		}
		_, asked, err := loginAgain(t.Context(), func(o *Options) { o.Force = true })
		require.NoError(t, err)
		assert.Equal(t, 1, asked)
	})
}

// If the refresh is refused, only the user can help; if nobody can tell, the user
// is not asked for nothing.
func TestLoginWhoseRefreshFails(t *testing.T) {
	for name, tt := range map[string]struct {
		fault func(*awstokenstest.Server)
		asks  bool
	}{
		"session has ended":      {func(s *awstokenstest.Server) { s.IdentityCenter().EndSessions() }, true},
		"registration has ended": {func(s *awstokenstest.Server) { s.Advance(91 * 24 * time.Hour) }, true},
		"client may not refresh": {func(s *awstokenstest.Server) {
			s.IdentityCenter().Next(1, "CreateToken").Refuse("UnauthorizedClientException", "no", nil)
		}, true},
		"unknown refusal": {func(s *awstokenstest.Server) {
			s.IdentityCenter().Next(1, "CreateToken").Refuse("UnheardOfException", "no", nil)
		}, true},
		"lost response": {func(s *awstokenstest.Server) { s.IdentityCenter().Next(9, "CreateToken").LoseAnswer() }, false},
		"503":           {func(s *awstokenstest.Server) { s.IdentityCenter().Next(9, "CreateToken").Fail(503) }, false},
		"throttled": {func(s *awstokenstest.Server) {
			s.IdentityCenter().Next(9, "CreateToken").Refuse("ThrottlingException", "slower", nil)
		}, false},
		"slow down": {func(s *awstokenstest.Server) {
			s.IdentityCenter().Next(9, "CreateToken").Refuse("SlowDownException", "slower", nil)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			expiredLogin(t, func(t *testing.T, server *awstokenstest.Server, store *MemoryStore, loginAgain loginFunc) {
				tt.fault(server)
				token, asked, err := loginAgain(t.Context())
				if tt.asks {
					require.NoError(t, err)
					assert.Equal(t, 1, asked)
					assert.True(t, accepts(t, server, token.AccessToken))
					return
				}
				var failure *Error
				require.ErrorAs(t, err, &failure)
				assert.NoError(t, failure.Kind)
				assert.False(t, has[*Error](failure.Err), "the session is named once")
				assert.Zero(t, asked)
				assert.Nil(t, token)
				server.ClearFaults()
				_, asked, err = loginAgain(t.Context(), func(o *Options) { o.Force = true })
				require.NoError(t, err)
				assert.Equal(t, 1, asked)
			})
		})
	}
}

// What is stored cannot be refreshed, or is of another session.
func TestLoginThatCannotRefresh(t *testing.T) {
	for name, how := range map[string]func(*Token){
		"no refresh token":  func(token *Token) { token.RefreshToken = awstokens.Secret{} },
		"no client":         func(token *Token) { token.ClientID = "" },
		"another start URL": func(token *Token) { token.StartURL += "/" },
		"another Region":    func(token *Token) { token.Region = "eu-west-1" },
	} {
		t.Run(name, func(t *testing.T) {
			expiredLogin(t, func(t *testing.T, server *awstokenstest.Server, store *MemoryStore, loginAgain loginFunc) {
				change(t, store, how)
				_, asked, err := loginAgain(t.Context())
				require.NoError(t, err)
				assert.Equal(t, 1, asked)
				assert.Equal(t, 2, server.IdentityCenter().Requests("CreateToken"), "two logins")
			})
		})
	}
}

// The session has got another start URL in the same Region. A Provider refreshes the
// token of the old one, as the AWS CLI does, and Login still asks the user.
func TestARefreshKeepsTheStartURLOfTheLogin(t *testing.T) {
	expiredLogin(t, func(t *testing.T, server *awstokenstest.Server, store *MemoryStore, loginAgain loginFunc) {
		change(t, store, func(token *Token) { token.StartURL = "https://before.awsapps.com/start" })
		provider, _ := newProvider(t, server, store)
		refreshed := get(t, provider)
		assert.Equal(t, refreshed, load(t, store).AccessToken)
		token, asked, err := loginAgain(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, asked)
		assert.NotEqual(t, refreshed, token.AccessToken)
		assert.Equal(t, mySSO.StartURL, token.StartURL)
	})
}

// The user gives up while the response with the next refresh token is under way.
func TestLoginThatIsCancelledDuringTheRefresh(t *testing.T) {
	expiredLogin(t, func(t *testing.T, server *awstokenstest.Server, store *MemoryStore, loginAgain loginFunc) {
		slow := func(by time.Duration) func(*Options) {
			return func(o *Options) { o.Config.HTTPClient = slowResponses{server.Config().HTTPClient, by} }
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		token, asked, err := loginAgain(ctx, slow(8*time.Second))
		require.NoError(t, err)
		assert.Zero(t, asked)
		assert.Equal(t, 8*time.Second, time.Since(begun))
		assert.Equal(t, token, load(t, store))

		// A user who has given up does not wait for ever.
		time.Sleep(2 * time.Hour)
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun = time.Now()
		_, asked, err = loginAgain(ctx, slow(30*time.Second))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "wait for the refresh")
		assert.Zero(t, asked)
		assert.Equal(t, time.Second+refreshPatience, time.Since(begun))
		time.Sleep(time.Minute)
		assert.NotEqual(t, token, load(t, store), "the refresh goes on")
	})
}

func TestLoginReturnsTheRefreshedTokenThatWasNotSaved(t *testing.T) {
	expiredLogin(t, func(t *testing.T, server *awstokenstest.Server, store *MemoryStore, loginAgain loginFunc) {
		full := &suddenlyFull{Store: store}
		full.saves.Store(saveTries)
		token, asked, err := loginAgain(t.Context(), func(o *Options) { o.Store = full })
		require.NoError(t, err, "the last retry saves it")
		assert.Zero(t, asked)
		assert.Equal(t, token, load(t, store))

		time.Sleep(2 * time.Hour)
		full.saves.Store(saveTries + 1)
		last, asked, err := loginAgain(t.Context(), func(o *Options) { o.Store = full })
		assert.ErrorIs(t, err, errFull)
		assert.Zero(t, asked)
		assert.Equal(t, token, load(t, store))
		assert.True(t, accepts(t, server, last.AccessToken))
	})
}

// suddenlyFull is a store that does not know in advance that it is full for some saves.
type suddenlyFull struct {
	Store
	saves atomic.Int32
}

func (s *suddenlyFull) SaveToken(ctx context.Context, session Session, t *Token) error {
	if s.saves.Add(-1) >= 0 {
		return errFull
	}
	return s.Store.SaveToken(ctx, session, t)
}

// Force asks the user also if another process has just refreshed the token or logged in.
func TestForceAlwaysAsks(t *testing.T) {
	expiredLogin(t, func(t *testing.T, server *awstokenstest.Server, store *MemoryStore, loginAgain loginFunc) {
		results := make(chan int, 2)
		call := func(options ...func(*Options)) {
			_, asked, err := loginAgain(t.Context(), options...)
			assert.NoError(t, err)
			results <- asked
		}
		go call(func(o *Options) { o.Config.HTTPClient = slowResponses{server.Config().HTTPClient, time.Second} })
		synctest.Wait()
		go call(func(o *Options) { o.Force = true })
		assert.Equal(t, 0, <-results)
		assert.Equal(t, 1, <-results)
	})
}

func TestWait(t *testing.T) {
	for name, left := range map[string]time.Duration{"early": earlyWindow - time.Second, "late": lateWindow - time.Second, "expired": -time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, store := newService(t), NewMemoryStore()
				first := logIn(t, server, store)
				provider, _ := newProvider(t, server, store, func(o *ProviderOptions) {
					o.Config.HTTPClient = slowResponses{server.Config().HTTPClient, 10 * time.Second}
				})
				require.NoError(t, provider.Wait(t.Context()), "nothing runs")
				time.Sleep(tokenLife - left)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err := provider.AccessToken(ctx)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				assert.ErrorIs(t, provider.Wait(ctx), context.DeadlineExceeded)
				assert.Equal(t, first.AccessToken, load(t, store).AccessToken)
				require.NoError(t, provider.Wait(t.Context()))
				next := load(t, store)
				assert.NotEqual(t, first.AccessToken, next.AccessToken)
				assert.NoError(t, provider.Wait(ctx), "nothing runs any more")
				assert.Equal(t, next.AccessToken, get(t, provider))
			})
		})
	}
}

// A refresh token that the service refuses is sent once a minute, until the store
// has another token.
func TestARefusedRefreshTokenIsNotSentWithEachCall(t *testing.T) {
	expiredLogin(t, func(t *testing.T, server *awstokenstest.Server, store *MemoryStore, loginAgain loginFunc) {
		server.IdentityCenter().EndSessions()
		time.Sleep(lateWindow)
		provider, _ := newProvider(t, server, store)
		sent := func() int { return server.IdentityCenter().Requests("CreateToken") }
		before := sent()
		for minute := range 3 {
			for range 10 {
				_, err := provider.AccessToken(t.Context())
				assert.ErrorIs(t, err, ErrSessionEnded)
			}
			assert.Equal(t, minute+1, sent()-before)
			time.Sleep(refusedPause)
		}
		_, err := provider.AccessToken(t.Context())
		assert.ErrorIs(t, err, ErrSessionEnded)
		token, asked, err := loginAgain(t.Context())
		require.NoError(t, err)
		assert.Equal(t, 1, asked)
		assert.Equal(t, token.AccessToken, get(t, provider))
	})
}

func TestNeeded(t *testing.T) {
	refused := &awstokens.ResponseError{StatusCode: 401, Err: new(portal.UnauthorizedException)}
	for want, errs := range map[bool][]error{
		true: {
			&Error{Kind: ErrLoginRequired, Err: ErrNotFound},
			&Error{Kind: ErrSessionEnded},
			&Error{Kind: ErrRegistrationExpired},
			&portal.Error{Err: &Error{Kind: ErrSessionEnded}},
			fmt.Errorf("an SDK: %w", &smithy.OperationError{Err: &portal.Error{Err: refused}}),
		},
		false: {
			nil,
			errors.New("something else"),
			context.Canceled,
			&Error{Kind: ErrWrongRegion},
			&Error{Err: ErrDenied},
			&Error{Err: ErrTimedOut},
			&Error{Err: &awstokens.SendError{Err: errors.New("no route")}},
		},
	} {
		for _, err := range errs {
			assert.Equal(t, want, Needed(err), "%v", err)
		}
	}
}
