package login

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

var mySSO = Session{
	Name: "my-sso", StartURL: "https://my-sso-portal.awsapps.com/start", Region: "us-east-1",
	Scopes: []string{"sso:account:access"},
}

func newFiles(t *testing.T) *FileStore {
	t.Helper()
	store, err := NewFileStore(filepath.Join(t.TempDir(), "sso", "cache"))
	require.NoError(t, err)
	return store
}

func TestFileNames(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	store, err := NewFileStore("")
	require.NoError(t, err)
	cache := filepath.Join(home, ".aws", "sso", "cache")
	assert.Equal(t, filepath.Join(cache, "0ad374308c5a4e22f723adf10145eafad7c4031c.json"), store.TokenPath(mySSO))
	assert.Equal(t, filepath.Join(cache, "c5cfae6e3e4f067423a532368c8b514b6a4b0ace.json"), store.RegistrationPath(mySSO))
	unscoped := mySSO
	unscoped.Scopes = nil
	assert.Equal(t, filepath.Join(cache, "5d2ad48f7ce068c072924f44a42fb81ca0fd6b99.json"), store.RegistrationPath(unscoped))
}

// Systemd units and build sandboxes have no HOME.
func TestHomeOfThePasswordDatabase(t *testing.T) {
	who, err := user.Current()
	if err != nil || who.HomeDir == "" {
		t.Skip("the user has no home directory")
	}
	t.Setenv("HOME", "")
	t.Setenv("USERPROFILE", "")
	t.Setenv("AWS_CONFIG_FILE", "")
	store, err := NewFileStore("")
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(who.HomeDir, ".aws", "sso", "cache"), filepath.Dir(store.TokenPath(mySSO)))
	path, err := configPath()
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(who.HomeDir, ".aws", "config"), path)
}

// A token file that is a symbolic link stays one.
func TestSymbolicLinkIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), newFiles(t)
		logIn(t, server, store)
		path, elsewhere := store.TokenPath(mySSO), filepath.Join(t.TempDir(), "token")
		require.NoError(t, os.Rename(path, elsewhere))
		if err := os.Symlink(elsewhere, path); err != nil {
			t.Skip(err)
		}
		provider, reported := newProvider(t, server, store)
		time.Sleep(tokenLife)
		token := get(t, provider)
		require.Empty(t, reported.take())
		text, err := os.ReadFile(elsewhere)
		require.NoError(t, err)
		assert.Equal(t, token, parse(t, text).AccessToken)
		link, err := os.Readlink(path)
		require.NoError(t, err)
		assert.Equal(t, elsewhere, link)
	})
}

// linkToZero makes a link to a device that has no end.
func linkToZero(path string) error {
	if runtime.GOOS == "windows" {
		return errors.ErrUnsupported
	}
	return os.Symlink("/dev/zero", path)
}

// What is no file neither blocks nor fills the memory, and the end of the
// context ends the wait for a file that may become whole.
func TestFilesThatAreNotRegular(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"FIFO":      mkfifo,
		"/dev/zero": linkToZero,
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			store := newFiles(t)
			require.NoError(t, os.MkdirAll(store.dir, 0o700))
			for _, path := range []string{store.TokenPath(mySSO), store.RegistrationPath(mySSO), store.path("config")} {
				if err := make(path); err != nil {
					t.Skip(err)
				}
			}
			_, err := store.LoadToken(t.Context(), mySSO)
			var corrupt *CorruptCacheError
			require.ErrorAs(t, err, &corrupt)
			assert.Equal(t, "not a regular file", corrupt.Reason)
			_, err = store.LoadRegistration(t.Context(), mySSO)
			require.ErrorAs(t, err, &corrupt)
			ctx, cancel := context.WithCancel(t.Context())
			store.wait = func(ctx context.Context, _ time.Duration) error {
				cancel()
				return ctx.Err()
			}
			_, err = store.LoadToken(ctx, mySSO)
			assert.ErrorIs(t, err, context.Canceled)

			t.Setenv("AWS_CONFIG_FILE", store.path("config"))
			_, err = LoadSession("x")
			assert.ErrorContains(t, err, "not a regular file")
			if name != "directory" {
				require.NoError(t, store.SaveToken(t.Context(), mySSO, &Token{AccessToken: awstokens.NewSecret("fake"), ExpiresAt: moment}))
				assert.Equal(t, "fake", load(t, store).AccessToken.Reveal())
			}
		})
	}
}

func TestFileNamesLikeBotocore(t *testing.T) {
	var want botocoreNames
	golden(t, "botocore.json", &want)
	for _, known := range want.TokenNames {
		assert.Equal(t, known.SHA1, tokenKey(Session{Name: known.Name, StartURL: known.StartURL}), "%q %q", known.Name, known.StartURL)
	}
	for _, known := range want.RegistrationNames {
		s := Session{Name: known.Name, StartURL: known.StartURL, Region: known.Region, Scopes: known.Scopes}
		assert.Equal(t, known.SHA1, registrationKey(s), known.JSON)
	}
}

func stores(t *testing.T) map[string]Store {
	return map[string]Store{"file": newFiles(t), "memory": NewMemoryStore()}
}

func TestStores(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			_, err := store.LoadToken(ctx, mySSO)
			require.ErrorIs(t, err, ErrNotFound)
			_, err = store.LoadRegistration(ctx, mySSO)
			require.ErrorIs(t, err, ErrNotFound)
			require.NoError(t, store.DeleteToken(ctx, mySSO))
			require.NoError(t, store.DeleteRegistration(ctx, mySSO))

			token := &Token{StartURL: mySSO.StartURL, Region: mySSO.Region, AccessToken: awstokens.NewSecret("fake-access"), ExpiresAt: moment, RefreshToken: awstokens.NewSecret("fake-refresh")}
			require.NoError(t, store.SaveToken(ctx, mySSO, token))
			loaded, err := store.LoadToken(ctx, mySSO)
			require.NoError(t, err)
			assert.Equal(t, token, loaded)
			loaded.AccessToken = awstokens.NewSecret("fake-other")
			loaded, err = store.LoadToken(ctx, mySSO)
			require.NoError(t, err)
			assert.Equal(t, token, loaded, "a caller's change is the caller's")

			registration := &Registration{ClientID: "id", ClientSecret: awstokens.NewSecret("fake-secret"), ExpiresAt: moment, Scopes: mySSO.Scopes}
			require.NoError(t, store.SaveRegistration(ctx, mySSO, registration))
			found, err := store.LoadRegistration(ctx, mySSO)
			require.NoError(t, err)
			assert.Equal(t, registration, found)
			other := mySSO
			other.Scopes = nil
			_, err = store.LoadRegistration(ctx, other)
			assert.ErrorIs(t, err, ErrNotFound, "other scopes are another registration")
			_, err = store.LoadToken(ctx, other)
			assert.NoError(t, err, "but the same token")

			require.NoError(t, store.DeleteToken(ctx, mySSO))
			_, err = store.LoadToken(ctx, mySSO)
			assert.ErrorIs(t, err, ErrNotFound)
			require.NoError(t, store.DeleteRegistration(ctx, mySSO))
			_, err = store.LoadRegistration(ctx, mySSO)
			assert.ErrorIs(t, err, ErrNotFound)

			ended, end := context.WithCancel(ctx)
			end()
			_, err = store.LoadToken(ended, mySSO)
			assert.ErrorIs(t, err, context.Canceled)
			assert.ErrorIs(t, store.SaveToken(ended, mySSO, token), context.Canceled)
			assert.ErrorIs(t, store.DeleteToken(ended, mySSO), context.Canceled)
			_, err = store.Lock(ended, mySSO, LockToken)
			assert.ErrorIs(t, err, context.Canceled)
		})
	}
}

func TestLockExcludesGoroutines(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			var inside atomic.Int32
			done := make(chan error)
			for range 20 {
				go func() {
					unlock, err := store.Lock(t.Context(), mySSO, LockToken)
					if err == nil {
						if inside.Add(1) > 1 {
							err = errors.New("two at once")
						}
						runtime.Gosched()
						inside.Add(-1)
						unlock()
						unlock() // does nothing
					}
					done <- err
				}()
			}
			for range 20 {
				assert.NoError(t, <-done)
			}

			unlock, err := store.Lock(t.Context(), mySSO, LockToken)
			require.NoError(t, err)
			defer unlock()
			soon, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			_, err = store.Lock(soon, mySSO, LockToken)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			other := mySSO
			other.Name = "other"
			unlockOther, err := store.Lock(t.Context(), other, LockToken)
			require.NoError(t, err, "other sessions do not wait")
			unlockOther()
		})
	}
}

func TestOnlyTheOwnerMayRead(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has other permissions")
	}
	store := newFiles(t)
	unlock, err := store.Lock(t.Context(), mySSO, LockToken)
	require.NoError(t, err)
	defer unlock()
	require.NoError(t, store.SaveToken(t.Context(), mySSO, &Token{AccessToken: awstokens.NewSecret("fake"), ExpiresAt: moment}))
	require.NoError(t, store.SaveRegistration(t.Context(), mySSO, &Registration{ClientID: "c", ClientSecret: awstokens.NewSecret("fake"), ExpiresAt: moment}))
	require.NoError(t, os.Chmod(store.TokenPath(mySSO), 0o644))
	require.NoError(t, store.SaveToken(t.Context(), mySSO, &Token{AccessToken: awstokens.NewSecret("fake"), ExpiresAt: moment}))

	info, err := os.Stat(store.dir)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o700), info.Mode().Perm())
	entries, err := os.ReadDir(store.dir)
	require.NoError(t, err)
	assert.Len(t, entries, 3)
	for _, entry := range entries {
		info, err := entry.Info()
		require.NoError(t, err)
		assert.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), entry.Name())
	}
}

// Programs that look at every .json file must find tokens and registrations
// only.
func TestNothingElseEndsInJSON(t *testing.T) {
	store := newFiles(t)
	unlock, err := store.Lock(t.Context(), mySSO, LockToken)
	require.NoError(t, err)
	unlock()
	leftover, err := os.CreateTemp(store.dir, "."+filepath.Base(store.TokenPath(mySSO))+".*")
	require.NoError(t, err)
	require.NoError(t, leftover.Close())
	found, err := filepath.Glob(filepath.Join(store.dir, "*.json"))
	require.NoError(t, err)
	assert.Empty(t, found)

	require.NoError(t, store.SaveToken(t.Context(), mySSO, &Token{AccessToken: awstokens.NewSecret("fake"), ExpiresAt: moment}))
	assert.FileExists(t, leftover.Name(), "it may be in use")
	old := time.Now().Add(-2 * time.Hour)
	require.NoError(t, os.Chtimes(leftover.Name(), old, old))
	require.NoError(t, store.SaveToken(t.Context(), mySSO, &Token{AccessToken: awstokens.NewSecret("fake"), ExpiresAt: moment}))
	assert.NoFileExists(t, leftover.Name())

	require.NoError(t, os.WriteFile(leftover.Name(), []byte("half of a fake token"), 0o600))
	mine := store.TokenPath(mySSO) + ".bak"
	require.NoError(t, os.WriteFile(mine, nil, 0o600))
	require.NoError(t, store.DeleteToken(t.Context(), mySSO))
	assert.NoFileExists(t, leftover.Name(), "no part of a deleted token stays")
	assert.FileExists(t, mine)
}

func TestFileStoreErrors(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	store, err := NewFileStore(filepath.Join(dir, "file"))
	require.NoError(t, err)
	assert.Error(t, store.SaveToken(t.Context(), mySSO, &Token{AccessToken: awstokens.NewSecret("fake"), ExpiresAt: moment}))
	_, err = store.Lock(t.Context(), mySSO, LockToken)
	assert.Error(t, err)

	store = newFiles(t)
	require.NoError(t, os.MkdirAll(filepath.Join(store.TokenPath(mySSO), "not empty"), 0o700))
	assert.Error(t, store.SaveToken(t.Context(), mySSO, &Token{AccessToken: awstokens.NewSecret("fake"), ExpiresAt: moment}))
	assert.Error(t, store.DeleteToken(t.Context(), mySSO))
	store.wait = func(context.Context, time.Duration) error { return nil }
	_, err = store.LoadToken(t.Context(), mySSO)
	assert.Error(t, err)
	entries, err := os.ReadDir(store.dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "no temporary file stays")

	require.NoError(t, os.WriteFile(store.RegistrationPath(mySSO), []byte(`{"a": "`+strings.Repeat("x", maxFile)+`"}`), 0o600))
	_, err = store.LoadRegistration(t.Context(), mySSO)
	var corrupt *CorruptCacheError
	require.ErrorAs(t, err, &corrupt)
	assert.Equal(t, "longer than 1 MiB", corrupt.Reason)
}

// TestLocksAreIndependent: a prompt that waits for a person keeps nobody from
// refreshing the token.
func TestLocksAreIndependent(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			unlockPrompt, err := store.Lock(t.Context(), mySSO, LockPrompt)
			require.NoError(t, err)
			unlockToken, err := store.Lock(t.Context(), mySSO, LockToken)
			require.NoError(t, err)
			ended, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			for _, lock := range []Lock{LockPrompt, LockToken} {
				_, err = store.Lock(ended, mySSO, lock)
				assert.ErrorIs(t, err, context.DeadlineExceeded, lock)
			}
			unlockPrompt()
			unlockToken()
		})
	}
	_, err := newFiles(t).Lock(t.Context(), mySSO, "other")
	assert.ErrorContains(t, err, `no lock "other"`)
}

// A refresh during a prompt does not take the space of the login.
func TestReservationsAreNested(t *testing.T) {
	store := newFiles(t)
	token := &Token{AccessToken: awstokens.NewSecret("fake"), ExpiresAt: moment}
	reserved := func() (n int) {
		entries, err := os.ReadDir(store.dir)
		require.NoError(t, err)
		for _, entry := range entries {
			if info, err := entry.Info(); err == nil && info.Size() == tokenSpace {
				n++
			}
		}
		return n
	}
	release, err := store.ReserveToken(t.Context(), mySSO)
	require.NoError(t, err)
	for range 3 {
		done, err := store.ReserveToken(t.Context(), mySSO)
		require.NoError(t, err)
		require.NoError(t, store.SaveToken(t.Context(), mySSO, token))
		done()
		assert.Equal(t, 1, reserved())
	}
	release()
	assert.Zero(t, reserved())
}

func TestReserveToken(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			ended, end := context.WithCancel(t.Context())
			end()
			_, err := store.ReserveToken(ended, mySSO)
			assert.ErrorIs(t, err, context.Canceled)

			for _, saves := range []int{0, 1, 2} {
				release, err := store.ReserveToken(t.Context(), mySSO)
				require.NoError(t, err)
				_, err = store.LoadToken(t.Context(), mySSO)
				require.Equal(t, saves > 1, err == nil, "nothing is changed yet")
				for range saves {
					require.NoError(t, store.SaveToken(t.Context(), mySSO, &Token{AccessToken: awstokens.NewSecret("fake"), ExpiresAt: moment}))
				}
				release()
				release()
			}
			if files, ok := store.(*FileStore); ok {
				entries, err := os.ReadDir(files.dir)
				require.NoError(t, err)
				assert.Len(t, entries, 1, "only the token is left")
			}
		})
	}
}
