package login

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// localClock is the wall clock of a machine, which somebody sets. The service
// has the right time.
type localClock struct{ ahead atomic.Int64 }

func (c *localClock) set(by time.Duration) { c.ahead.Add(int64(by)) }

func (c *localClock) now() time.Time {
	return time.Now().Round(0).Add(time.Duration(c.ahead.Load()))
}

func (c *localClock) use(o *ProviderOptions) { o.Config.Now = c.now }

// accepts reports whether the access portal accepts a token.
func accepts(t *testing.T, server *awstokenstest.Server, token awstokens.Secret) bool {
	t.Helper()
	client, err := portal.New(server.Config())
	require.NoError(t, err)
	_, err = client.ListAccounts(t.Context(), &portal.ListAccountsInput{AccessToken: token})
	var refused *portal.UnauthorizedException
	if err != nil {
		require.ErrorAs(t, err, &refused)
	}
	return err == nil
}

func TestLifeOf(t *testing.T) {
	assert.Equal(t, time.Hour, lifeOf(3600))
	assert.Equal(t, assumedLife, lifeOf(0))
	assert.Equal(t, assumedLife, lifeOf(-1))
	assert.Equal(t, time.Minute, lifeOf(1))
}

func TestRegistrationEnd(t *testing.T) {
	const days = 90 * 24 * time.Hour
	out := ssooidc.RegisterClientOutput{ClientSecretExpiresAt: moment.Add(days).Unix()}
	local := moment.Add(-300 * 24 * time.Hour)
	assert.Equal(t, moment.Add(days), registrationEnd(&out, local), "nobody knows better")
	out.Date = moment
	assert.Equal(t, local.Add(days), registrationEnd(&out, local.Add(time.Millisecond)))
	out.ClientSecretExpiresAt = 0
	assert.Equal(t, never, registrationEnd(&out, local))

	// What never ends can be written and read, and serves any login.
	text, err := (&Registration{ClientID: "c", ClientSecret: awstokens.NewSecret("fake"), ExpiresAt: never}).CacheJSON()
	require.NoError(t, err)
	r, err := ParseRegistration(text)
	require.NoError(t, err)
	assert.True(t, loginAt(moment.Add(1000*days)).serves(r, ssooidc.GrantTypeDeviceCode))
}

// A file's times have four digits for the year, whatever a program sets.
func TestTimesAfter9999(t *testing.T) {
	late := never.Add(time.Hour)
	text, err := (&Token{AccessToken: awstokens.NewSecret("fake"), ExpiresAt: late, RegistrationExpiresAt: late}).CacheJSON()
	require.NoError(t, err)
	token := parse(t, text)
	assert.Equal(t, never, token.ExpiresAt)
	assert.Equal(t, never, token.RegistrationExpiresAt)
}

// A token that ended in the distant past, which a Duration cannot represent, is no
// more valid than another that has ended.
func TestATimeOfLongAgo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), NewMemoryStore()
		first := logIn(t, server, store)
		change(t, store, func(token *Token) { token.ExpiresAt = time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC) })
		clock := new(localClock)
		provider, _ := newProvider(t, server, store, func(o *ProviderOptions) {
			o.Config.Now = func() time.Time { clock.set(1); return clock.now() } // time goes on
		})
		assert.NotEqual(t, first.AccessToken, get(t, provider))
	})
}

// A life that the response does not say causes one refresh, and not one for each call.
func TestATokenWithoutALife(t *testing.T) {
	for name, life := range map[string]string{"absent": "", "null": `, "expiresIn": null`, "nothing": `, "expiresIn": 0`, "a second": `, "expiresIn": 1`} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, store := newService(t), NewMemoryStore()
				logIn(t, server, store)
				server.IdentityCenter().OneIn(1, "CreateToken").Answer(200, nil, `{"accessToken": "fake-access"`+life+`}`)
				time.Sleep(tokenLife)
				for range 5 { // processes
					provider, _ := newProvider(t, server, store)
					for range 40 {
						assert.Equal(t, "fake-access", get(t, provider).Reveal())
					}
					if name == "a second" {
						break // other processes may take it for expired
					}
				}
				assert.Equal(t, 1+1, server.IdentityCenter().Requests("CreateToken"))
			})
		})
	}
}

// A token that lives shorter than the early window is refreshed at half its
// life, and not all the time.
func TestAShortLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), NewMemoryStore()
		logIn(t, server, store)
		server.IdentityCenter().OneIn(1, "CreateToken").Answer(200, nil, `{"accessToken": "fake-access", "expiresIn": 600}`)
		time.Sleep(tokenLife)
		provider, _ := newProvider(t, server, store)
		for range 100 {
			get(t, provider)
			time.Sleep(time.Minute)
		}
		assert.InDelta(t, 100/5, server.IdentityCenter().Requests("CreateToken")-1, 4)
	})
}

// A clock that is hours or months off costs neither refreshes nor a login.
func TestAWrongClock(t *testing.T) {
	for _, ahead := range []time.Duration{-400 * 24 * time.Hour, -5 * time.Hour, 2 * time.Hour, 100 * 24 * time.Hour, 30 * 365 * 24 * time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, store := newService(t), NewMemoryStore()
				var local localClock
				local.set(ahead)
				token, err := Login(t.Context(), mySSO, func(o *Options) {
					o.Store, o.Config, o.Flow, o.Prompt = store, server.Config(), FlowDevice, mute{}
					o.Config.Now = local.now
				})
				require.NoError(t, err)
				assert.WithinDuration(t, local.now().Add(tokenLife), token.ExpiresAt, 2*time.Second)
				assert.WithinDuration(t, local.now().Add(90*24*time.Hour), token.RegistrationExpiresAt, 2*time.Second)
				provider, reported := newProvider(t, server, store, local.use)
				for range 10 * 60 {
					assert.True(t, accepts(t, server, get(t, provider)))
					time.Sleep(time.Minute)
				}
				assert.Empty(t, reported.take())
				assert.LessOrEqual(t, server.IdentityCenter().Requests("CreateToken"), 1+14)

				_, err = Login(t.Context(), mySSO, func(o *Options) {
					o.Store, o.Config, o.Flow, o.Prompt, o.Force = store, server.Config(), FlowDevice, mute{}, true
					o.Config.Now = local.now
				})
				require.NoError(t, err)
				assert.Equal(t, 1, server.IdentityCenter().Requests("RegisterClient"), "the registration serves again")
			})
		})
	}
}

// A clock that is set while a token is good costs one refresh at most. A
// process that has the token knows its age; another one is told by the service.
func TestAClockThatIsSet(t *testing.T) {
	for _, by := range []time.Duration{-400 * 24 * time.Hour, -5 * time.Hour, -30 * time.Minute, 30 * time.Minute, 5 * time.Hour, 100 * 24 * time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, store := newService(t), NewMemoryStore()
				logIn(t, server, store)
				var local localClock
				provider, reported := newProvider(t, server, store, local.use)
				for minute := range 10 * 60 {
					if minute == 100 {
						local.set(by)
					}
					assert.True(t, accepts(t, server, get(t, provider)), "minute %d", minute)
					time.Sleep(time.Minute)
				}
				assert.LessOrEqual(t, server.IdentityCenter().Requests("CreateToken"), 1+14+1)

				// Set again, so that the store's token seems to be good for long, or over.
				local.set(by)
				time.Sleep(tokenLife)
				other, _ := newProvider(t, server, store, local.use)
				for range 10 {
					token := get(t, other)
					if accepts(t, server, token) {
						continue
					}
					other.Discard(token)
					assert.True(t, accepts(t, server, get(t, other)))
				}
				assert.Empty(t, reported.take())
			})
		})
	}
}

// The pauses between two tries are not by a clock that somebody sets.
func TestPausesWhenTheClockIsSetBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), NewMemoryStore()
		logIn(t, server, store)
		var local localClock
		provider, _ := newProvider(t, server, store, local.use)
		first := get(t, provider)
		provider.Discard(first)
		second := get(t, provider)
		require.NotEqual(t, first, second)
		local.set(-24 * time.Hour)
		time.Sleep(discardPause)
		provider.Discard(second)
		assert.NotEqual(t, second, get(t, provider))
	})
}
