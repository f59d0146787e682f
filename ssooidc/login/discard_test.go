package login

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// endSession does at the portal what another program's logout does.
func endSession(t *testing.T, server *awstokenstest.Server, token *Token) {
	t.Helper()
	client, err := portal.New(server.Config())
	require.NoError(t, err)
	_, err = client.Logout(t.Context(), &portal.LogoutInput{AccessToken: token.AccessToken})
	require.NoError(t, err)
}

// A session that was ended elsewhere still has a token that has not expired.
// The program is told to log in, Login asks the user, and the provider goes on
// with the new token.
func TestSessionEndedElsewhere(t *testing.T) {
	for name, change := range map[string]func(*Token){
		"refresh token is refused": func(*Token) {},
		"no refresh token":         func(token *Token) { token.RefreshToken = awstokens.Secret{} },
		"registration has expired": func(token *Token) { token.RegistrationExpiresAt = time.Unix(0, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, store := newService(t), NewMemoryStore()
				token := logIn(t, server, store)
				change(token)
				require.NoError(t, store.SaveToken(t.Context(), mySSO, token))
				provider, reports := newProvider(t, server, store)
				creds, err := portal.RoleCredentials(server.Config(), provider, "111122223333", "ReadOnlyAccess")
				require.NoError(t, err)
				endSession(t, server, token)

				_, err = creds.Retrieve(t.Context())
				assertMustLogIn(t, err)
				_, err = creds.Retrieve(t.Context())
				assertMustLogIn(t, err)
				assert.False(t, load(t, store).ExpiresAt.After(server.Now()))

				asked := server.IdentityCenter().Requests("StartDeviceAuthorization")
				next, err := Login(t.Context(), mySSO, func(o *Options) { o.Store, o.Config, o.Flow, o.Prompt = store, server.Config(), FlowDevice, mute{} })
				require.NoError(t, err)
				assert.Equal(t, asked+1, server.IdentityCenter().Requests("StartDeviceAuthorization"))
				_, err = creds.Retrieve(t.Context())
				require.NoError(t, err)
				assert.Equal(t, next.AccessToken, get(t, provider))
				assert.Empty(t, reports.take())
			})
		})
	}
}

// assertMustLogIn looks for what the package's story says.
func assertMustLogIn(t *testing.T, err error) {
	t.Helper()
	assert.True(t, Needed(err))
	for _, kind := range []error{ErrLoginRequired, ErrSessionEnded, ErrRegistrationExpired} {
		if errors.Is(err, kind) {
			return
		}
	}
	assert.Fail(t, "nothing says to log in", "%v", err)
}

// mute is a prompt that nobody sees.
type mute struct{}

func (mute) Show(context.Context, Request, func(string) error) error { return nil }

// Only the access token was refused: the user is not asked.
func TestDiscardRefreshes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), NewMemoryStore()
		logIn(t, server, store)
		provider, _ := newProvider(t, server, store)
		first := get(t, provider)
		provider.Discard(first)
		second := get(t, provider)
		assert.NotEqual(t, first, second)
		assert.Equal(t, second, load(t, store).AccessToken)

		provider.Discard(first)
		assert.Equal(t, second, get(t, provider), "it was replaced before")
		provider.Discard(second)
		assert.Equal(t, second, get(t, provider), "the service would use up one after the other")
		time.Sleep(discardPause)
		provider.Discard(second)
		assert.NotEqual(t, second, get(t, provider))
	})
}

// Somebody has logged in again in the meantime.
func TestDiscardReadsTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), NewMemoryStore()
		old := logIn(t, server, store)
		provider, _ := newProvider(t, server, store)
		assert.Equal(t, old.AccessToken, get(t, provider))
		next := logIn(t, server, store)
		asked := server.IdentityCenter().Requests("CreateToken")
		provider.Discard(old.AccessToken)
		assert.Equal(t, next.AccessToken, get(t, provider))
		assert.Equal(t, asked, server.IdentityCenter().Requests("CreateToken"))
	})
}

// A failure that may pass leaves the store's token as it is.
func TestDiscardWhenARefreshFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), NewMemoryStore()
		token := logIn(t, server, store)
		provider, _ := newProvider(t, server, store)
		provider.Discard(get(t, provider))
		server.IdentityCenter().Next(9, "CreateToken").Fail(500)
		_, err := provider.RetrieveBearerToken(t.Context())
		var failure *Error
		require.ErrorAs(t, err, &failure)
		assert.NoError(t, failure.Kind)
		assert.Equal(t, token.ExpiresAt, load(t, store).ExpiresAt)
		server.ClearFaults()
		assert.NotEqual(t, token.AccessToken, get(t, provider))
	})
}
