package login

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var mySSO = Session{
	Name: "my-sso", StartURL: "https://my-sso-portal.awsapps.com/start", Region: "us-east-1",
	Scopes: []string{"sso:account:access"},
}

func TestFileNames(t *testing.T) {
	store, err := NewFileStore(t.TempDir())
	require.NoError(t, err)
	assert.Equal(t, "0ad374308c5a4e22f723adf10145eafad7c4031c.json", filepath.Base(store.TokenPath(mySSO)))
	assert.Equal(t, "c5cfae6e3e4f067423a532368c8b514b6a4b0ace.json", filepath.Base(store.RegistrationPath(mySSO)))
	unscoped := mySSO
	unscoped.Scopes = nil
	assert.Equal(t, "5d2ad48f7ce068c072924f44a42fb81ca0fd6b99.json", filepath.Base(store.RegistrationPath(unscoped)))
}

func TestStores(t *testing.T) {
	files, err := NewFileStore(filepath.Join(t.TempDir(), "sso", "cache"))
	require.NoError(t, err)
	for name, store := range map[string]Store{"file": files, "memory": NewMemoryStore()} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			_, err := store.LoadToken(ctx, mySSO)
			require.ErrorIs(t, err, ErrNotFound)
			_, err = store.LoadRegistration(ctx, mySSO)
			require.ErrorIs(t, err, ErrNotFound)
			require.NoError(t, store.DeleteToken(ctx, mySSO))
			require.NoError(t, store.DeleteRegistration(ctx, mySSO))

			token := &Token{
				StartURL: mySSO.StartURL, Region: mySSO.Region, AccessToken: "fake-access",
				ExpiresAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), RefreshToken: "fake-refresh",
			}
			require.NoError(t, store.SaveToken(ctx, mySSO, token))
			loaded, err := store.LoadToken(ctx, mySSO)
			require.NoError(t, err)
			assert.Equal(t, token, loaded)

			registration := &Registration{ClientID: "id", ClientSecret: "fake-secret", ExpiresAt: token.ExpiresAt, Scopes: mySSO.Scopes}
			require.NoError(t, store.SaveRegistration(ctx, mySSO, registration))
			found, err := store.LoadRegistration(ctx, mySSO)
			require.NoError(t, err)
			assert.Equal(t, registration, found)

			unlock, err := store.Lock(ctx, mySSO)
			require.NoError(t, err)
			unlock()

			require.NoError(t, store.DeleteToken(ctx, mySSO))
			_, err = store.LoadToken(ctx, mySSO)
			assert.True(t, errors.Is(err, ErrNotFound))
		})
	}
}
