package login

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// These tests are about what users of other tools complain of most. Those of
// processes that refresh at once are in process_test.go.

func TestCorruptCacheFiles(t *testing.T) {
	const secret = "fake-secret-in-a-file"
	whole := []byte(`{"accessToken": "` + secret + `", "expiresAt": "2026-01-02T03:04:05Z"}`)
	for name, content := range map[string][]byte{
		"empty":         {},
		"half-written":  whole[:len(whole)-3],
		"overwritten":   append(whole[:len(whole):len(whole)], `"}`...),
		"zeros":         make([]byte, 4096),
		"not an object": []byte(`"` + secret + `"`),
		"no token":      []byte(`{"clientSecret": "` + secret + `"}`),
		"wrong types":   []byte(`{"accessToken": {"` + secret + `": 1}}`),
		"not UTF-8":     append([]byte{0xff, 0xfe}, secret...),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, store := newService(t), newFiles(t)
				path := store.TokenPath(mySSO)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
				require.NoError(t, os.WriteFile(path, content, 0o600))
				begun := time.Now()
				provider, _ := newProvider(t, server, store)
				_, err := provider.RetrieveBearerToken(t.Context())
				assert.Equal(t, 75*time.Millisecond, time.Since(begun), "it was read again")

				var corrupt *CorruptCacheError
				require.ErrorAs(t, err, &corrupt)
				assert.Equal(t, path, corrupt.Path)
				assert.ErrorIs(t, err, ErrLoginRequired)
				assert.ErrorContains(t, err, path)
				assert.NotContains(t, err.Error(), secret)

				token := logIn(t, server, store) // which replaces it
				assert.Equal(t, token.AccessToken, get(t, provider))
			})
		})
	}
}

// The AWS CLI truncates a file and writes in place.
func TestHalfWrittenFiles(t *testing.T) {
	store := newFiles(t)
	require.NoError(t, store.SaveToken(t.Context(), mySSO, &Token{AccessToken: awstokens.NewSecret("fake"), ExpiresAt: moment}))
	path := store.TokenPath(mySSO)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for cut := range len(whole) {
		require.NoError(t, os.WriteFile(path, whole[:cut], 0o600))
		waits := 0
		store.wait = func(context.Context, time.Duration) error {
			if waits++; waits == 3 { // the other program goes on
				return os.WriteFile(path, whole, 0o600)
			}
			return nil
		}
		token, err := store.LoadToken(t.Context(), mySSO)
		require.NoError(t, err)
		require.Equal(t, "fake", token.AccessToken.Reveal())
	}

	require.NoError(t, os.WriteFile(path, nil, 0o600))
	store.wait = func(context.Context, time.Duration) error { return context.Canceled }
	_, err = store.LoadToken(t.Context(), mySSO)
	assert.ErrorIs(t, err, context.Canceled, "nobody waits for longer than they want")
}

// The service decides when a registration is over: the time in the store is by
// a clock that may have been set since. The access token is served for as long
// as it is good.
func TestExpiredRegistrationIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), NewMemoryStore()
		first := logIn(t, server, store)
		change(t, store, func(token *Token) { token.RegistrationExpiresAt = server.Now().Add(time.Minute) })
		var local localClock
		provider, reported := newProvider(t, server, store, local.use)
		time.Sleep(tokenLife - earlyWindow + time.Minute)
		second := get(t, provider)
		assert.NotEqual(t, first.AccessToken, second, "it is over by the local clock only")
		require.Empty(t, reported.take())

		server.Advance(90 * 24 * time.Hour)
		time.Sleep(tokenLife - time.Minute)
		assert.Equal(t, second, get(t, provider))
		errs := reported.take()
		require.Len(t, errs, 1)
		assert.ErrorIs(t, errs[0], ErrRegistrationExpired)
		time.Sleep(time.Minute)
		_, err := provider.RetrieveBearerToken(t.Context())
		assert.ErrorIs(t, err, ErrRegistrationExpired)
		var client *ssooidc.InvalidClientException
		assert.ErrorAs(t, err, &client)
	})
}

func TestRefreshTokenIsKeptAfterARecoverableError(t *testing.T) {
	for name, fault := range map[string]func(*testing.T, *service){
		"500":       func(_ *testing.T, s *service) { s.IdentityCenter().OneIn(1, "CreateToken").Fail(500) },
		"503":       func(_ *testing.T, s *service) { s.IdentityCenter().OneIn(1, "CreateToken").FailUntyped(503) },
		"throttled": func(_ *testing.T, s *service) { s.IdentityCenter().OneIn(1, "CreateToken").Throttle() },
		"network":   func(_ *testing.T, s *service) { s.IdentityCenter().OneIn(1, "CreateToken").Cut() },
		"nonsense":  func(_ *testing.T, s *service) { s.IdentityCenter().OneIn(1, "CreateToken").Answer(200, nil, "<html>") },
		"too slow":  func(_ *testing.T, s *service) { s.IdentityCenter().OneIn(1, "CreateToken").Delay(time.Hour) },
		"corrupt file": func(t *testing.T, s *service) {
			require.NoError(t, os.WriteFile(s.files.TokenPath(mySSO), []byte("{"), 0o600))
		},
		"file is busy": func(t *testing.T, s *service) {
			path := s.files.TokenPath(mySSO)
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{newService(t), newFiles(t)}
				first := logIn(t, s.Server, s.files)
				path := s.files.TokenPath(mySSO)
				file, err := os.ReadFile(path)
				require.NoError(t, err)
				provider, reported := newProvider(t, s.Server, s.files)
				get(t, provider)

				time.Sleep(tokenLife - earlyWindow + time.Minute)
				fault(t, s)
				assert.Equal(t, first.AccessToken, get(t, provider))
				time.Sleep(5 * time.Minute)
				assert.Equal(t, first.AccessToken, get(t, provider))
				assert.NotEmpty(t, reported.take())
				time.Sleep(tokenLife)
				_, err = provider.RetrieveBearerToken(t.Context())
				require.Error(t, err)
				for _, kind := range []error{ErrSessionEnded, ErrRegistrationExpired, ErrWrongRegion} {
					assert.NotErrorIs(t, err, kind)
				}

				s.ClearFaults()
				if name == "corrupt file" || name == "file is busy" {
					require.NoError(t, os.Remove(path))
					require.NoError(t, os.WriteFile(path, file, 0o600))
				}
				assert.Equal(t, first.RefreshToken, load(t, s.files).RefreshToken)
				assert.NotEqual(t, first.AccessToken, get(t, provider))
			})
		})
	}
}

// service is the service and the files of its session.
type service struct {
	*awstokenstest.Server
	files *FileStore
}

func TestWrongRegionIsExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), NewMemoryStore()
		logIn(t, server, store)
		change(t, store, func(token *Token) {
			token.Region, token.RefreshToken = "eu-west-1", awstokens.NewSecret("fake-token-of-another-region")
		})
		provider, _ := newProvider(t, server, store)
		time.Sleep(tokenLife)
		_, err := provider.RetrieveBearerToken(t.Context())
		assert.ErrorIs(t, err, ErrWrongRegion)
		var grant *ssooidc.InvalidGrantException
		assert.ErrorAs(t, err, &grant)
		assert.ErrorContains(t, err, "in us-east-1: ")
		assert.ErrorContains(t, err, "the token is of eu-west-1")
		assert.ErrorContains(t, err, "sso_region")
	})
}

// The debug log of a whole life, with faults, and every error of it.
func TestDebugLogsHaveNoSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), newFiles(t)
		first := logIn(t, server, store)
		var log bytes.Buffer
		provider, err := NewProvider(mySSO, func(o *ProviderOptions) {
			o.Store, o.Config = store, server.Config()
			o.Config.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		require.NoError(t, err)
		secrets := []awstokens.Secret{first.AccessToken, first.RefreshToken, first.ClientSecret}
		for _, fault := range []func(){
			func() {},
			func() { server.IdentityCenter().Next(1, "CreateToken").Fail(500) },
			func() {
				server.IdentityCenter().Next(1, "CreateToken").Answer(400, nil, fmt.Sprintf(`{"error": "invalid_scope", "error_description": "%s"}`, load(t, store).RefreshToken.Reveal()))
			},
			func() {
				server.IdentityCenter().Next(1, "CreateToken").Answer(500, nil, "<p>"+load(t, store).ClientSecret.Reveal())
			},
			func() {
				server.IdentityCenter().Next(1, "CreateToken").Refuse("InvalidGrantException", "used: "+load(t, store).RefreshToken.Reveal(), nil)
			},
			func() {
				token, err := os.ReadFile(store.TokenPath(mySSO))
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(store.TokenPath(mySSO), token[:len(token)-10], 0o600))
			},
		} {
			fault()
			time.Sleep(tokenLife)
			if _, err := provider.RetrieveBearerToken(t.Context()); err != nil {
				fmt.Fprintf(&log, "%v %+v %#v %q\n", err, err, err, err)
			}
			if token, err := store.LoadToken(t.Context(), mySSO); err == nil {
				secrets = append(secrets, token.AccessToken, token.RefreshToken)
			}
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			fmt.Fprintf(&log, verb, provider)
		}
		assert.Greater(t, strings.Count(log.String(), "\n"), 6)
		for _, secret := range secrets {
			assert.NotContains(t, log.String(), secret.Reveal())
		}
	})
}

// recoverable are faults that must not cost the session.
func recoverable(t *testing.T, server *awstokenstest.Server, store *flaky, random *rand.Rand) []func() {
	createToken := func(n int) awstokenstest.Faults { return server.IdentityCenter().Next(n, "CreateToken") }
	return []func(){
		func() { createToken(1).Fail(500) },
		func() { createToken(4).FailUntyped(503) },
		func() { createToken(1).Throttle() },
		func() { createToken(2).Cut() },
		func() { createToken(1).Delay(45 * time.Second) },
		func() { createToken(1).Delay(2 * time.Minute) }, // given up before it has an effect
		func() { createToken(1).Refuse("InvalidGrantException", "only for a moment", nil) },
		func() { store.locks.set(errFull) },
		func() { store.loads.set(errFull) },
		func() { store.saves.set(errFull) },
		func() { // another program writes in place, and is slow
			path := store.Store.(*FileStore).TokenPath(mySSO)
			whole, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, whole[:random.IntN(len(whole))], 0o600))
			time.AfterFunc(time.Duration(random.IntN(1000))*time.Millisecond, func() {
				assert.NoError(t, os.WriteFile(path, whole, 0o600))
			})
		},
	}
}

// In 100 lives of a token, each with a fault, the session is never lost: the
// refresh token rotates, and the one that a process or the store has last is
// always the one that the service takes next. AWSTOKENS_EXHAUSTIVE=1 runs 500.
func TestFaultsCostNoSession(t *testing.T) {
	const seed = 4
	lives := 100
	if os.Getenv("AWSTOKENS_EXHAUSTIVE") != "" {
		lives = 500
	}
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), &flaky{Store: newFiles(t)}
		logIn(t, server, store)
		random := rand.New(rand.NewPCG(seed, seed))
		provider, reported := newProvider(t, server, store)
		faults := recoverable(t, server, store, random)
		var failed, served, unsaved int
		for range lives {
			time.Sleep(tokenLife - earlyWindow + time.Duration(random.Int64N(int64(2*earlyWindow))))
			faults[random.IntN(len(faults))]()
			var callers sync.WaitGroup
			for range 1 + random.IntN(3) {
				patience := time.Duration(random.Int64N(int64(10 * time.Second)))
				callers.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					_, _ = provider.RetrieveBearerToken(ctx)
				})
			}
			callers.Wait()
			if _, err := provider.RetrieveBearerToken(t.Context()); err != nil {
				failed++
			} else {
				served++
			}
			unsaved += len(reported.take())
			server.ClearFaults()
			store.loads.set(nil)
			store.saves.set(nil)
			store.locks.set(nil)
			time.Sleep(2 * time.Minute) // a refresh that is still under way ends, and the next may begin
			last := get(t, provider)
			if random.IntN(2) == 0 { // another process goes on
				assert.Equal(t, last, load(t, store).AccessToken)
				provider, reported = newProvider(t, server, store)
			}
		}
		assert.NotZero(t, failed)
		assert.NotZero(t, served)
		assert.NotZero(t, unsaved)
		t.Logf("%d times no token, %d times one in spite of the fault, %d reports, %d requests", failed, served, unsaved, server.IdentityCenter().Requests("CreateToken"))
	})
}
