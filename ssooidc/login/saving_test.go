package login

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
)

// loginTo logs in by device, for a session whose prompt nobody need see.
func loginTo(t *testing.T, server *awstokenstest.Server, store Store, options ...func(*Options)) (*Token, error) {
	t.Helper()
	return Login(t.Context(), mySSO, append([]func(*Options){func(o *Options) {
		o.Store, o.Config, o.Flow, o.Prompt, o.Force = store, server.Config(), FlowDevice, mute{}, true
	}}, options...)...)
}

// Where a new token cannot be saved, the refresh token is not spent.
func TestNoSpaceForANewToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), &flaky{Store: NewMemoryStore()}
		first := logIn(t, server, store)
		provider, reported := newProvider(t, server, store)
		get(t, provider)
		store.reserves.set(errFull)
		time.Sleep(tokenLife - lateWindow)
		assert.Equal(t, first.AccessToken, get(t, provider))
		errs := reported.take()
		require.Len(t, errs, 1)
		require.ErrorIs(t, errs[0], errFull)
		assert.ErrorContains(t, errs[0], "not refreshed, because a new token could not be saved")

		time.Sleep(lateWindow)
		_, err := provider.RetrieveBearerToken(t.Context())
		var failure *Error
		require.ErrorAs(t, err, &failure)
		require.ErrorIs(t, err, errFull)
		assert.NoError(t, failure.Kind, "a retry helps")
		assert.Equal(t, 1, server.IdentityCenter().Requests("CreateToken"))

		store.reserves.set(nil)
		assert.NotEqual(t, first.AccessToken, get(t, provider))
	})
}

// slowStore takes long to reserve space.
type slowStore struct{ Store }

func (s slowStore) ReserveToken(ctx context.Context, _ Session) (func(), error) {
	select {
	case <-time.After(prepareTimeout - time.Second):
		return func() {}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// A store that takes long does not shorten the time for the response, without
// which the refresh token would be spent for nothing.
func TestASlowStoreDoesNotCutOffARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), slowStore{NewMemoryStore()}
		first := logIn(t, server, store)
		provider, reported := newProvider(t, server, store)
		time.Sleep(tokenLife)
		slow(server, refreshTimeout-time.Second)
		assert.NotEqual(t, first.AccessToken, get(t, provider))
		assert.Empty(t, reported.take())
	})
}

// What a refresh would not help is said, disk or not.
func TestNoSpaceAndNothingToRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), &flaky{Store: NewMemoryStore()}
		logIn(t, server, store)
		change(t, store, func(token *Token) { token.RefreshToken = awstokens.Secret{} })
		provider, _ := newProvider(t, server, store)
		provider.Discard(get(t, provider))
		store.reserves.set(errFull)
		_, err := provider.RetrieveBearerToken(t.Context())
		assert.ErrorIs(t, err, ErrLoginRequired)
	})
}

// Nobody is asked to log in for a token that could not be saved.
func TestNoSpaceForALogin(t *testing.T) {
	for _, reason := range []error{errFull, ErrReadOnly} {
		synctest.Test(t, func(t *testing.T) {
			server, store := newService(t), &flaky{Store: NewMemoryStore()}
			store.reserves.set(reason)
			token, err := loginTo(t, server, store)
			require.ErrorIs(t, err, reason)
			assert.Nil(t, token)
			assert.Zero(t, server.IdentityCenter().Requests("StartDeviceAuthorization"))
		})
	}
}

// A login that cannot be saved in the end has its token all the same.
func TestLoginReturnsTheTokenThatWasNotSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), &flaky{Store: NewMemoryStore()}
		store.saves.set(errFull)
		token, err := loginTo(t, server, store)
		var failure *Error
		require.ErrorAs(t, err, &failure)
		require.ErrorIs(t, err, errFull)
		assert.ErrorContains(t, err, "the token was not saved")
		require.NotNil(t, token)
		assert.True(t, accepts(t, server, token.AccessToken))
	})
}

// smallDisk is a directory on a file system of 256 KiB, if the test may mount
// one. Fill takes the rest of the space.
func smallDisk(t *testing.T) (store *FileStore, fill, empty func()) {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("no small file system: %s", out)
	}
	t.Cleanup(func() { assert.NoError(t, exec.Command("umount", dir).Run()) })
	store, err := NewFileStore(filepath.Join(dir, "cache"))
	require.NoError(t, err)
	filler := filepath.Join(dir, "filler")
	return store, func() {
			require.ErrorIs(t, os.WriteFile(filler, make([]byte, 1<<20), 0o600), syscall.ENOSPC)
		}, func() {
			require.NoError(t, os.Remove(filler))
		}
}

func TestAFullDisk(t *testing.T) {
	store, fill, empty := smallDisk(t)
	synctest.Test(t, func(t *testing.T) {
		server := newService(t)
		// The disk fills up while the user is asked: the space is there already.
		token, err := loginTo(t, server, store, func(o *Options) { o.Prompt = promptTo(fill) })
		require.NoError(t, err)
		assert.Equal(t, token.AccessToken, load(t, store).AccessToken)

		provider, reported := newProvider(t, server, store)
		time.Sleep(tokenLife - lateWindow)
		assert.Equal(t, token.AccessToken, get(t, provider))
		require.ErrorIs(t, errors.Join(reported.take()...), syscall.ENOSPC)
		time.Sleep(lateWindow)
		_, err = provider.RetrieveBearerToken(t.Context())
		require.ErrorIs(t, err, syscall.ENOSPC)
		_, err = loginTo(t, server, store)
		require.ErrorIs(t, err, syscall.ENOSPC)
		assert.Equal(t, 1, server.IdentityCenter().Requests("CreateToken"))
		assert.Equal(t, 1, server.IdentityCenter().Requests("StartDeviceAuthorization"))

		empty()
		assert.Equal(t, get(t, provider), load(t, store).AccessToken)
	})
}

// promptTo is a prompt that does something when it shows.
type promptTo func()

func (p promptTo) Show(context.Context, Request, func(string) error) error {
	p()
	return nil
}

// readOnlyStore is a store that this process may not write to.
type readOnlyStore struct{ Store }

func (readOnlyStore) SaveToken(context.Context, Session, *Token) error    { return ErrReadOnly }
func (readOnlyStore) DeleteToken(context.Context, Session) error          { return ErrReadOnly }
func (readOnlyStore) Lock(context.Context, Session, Lock) (func(), error) { return nil, ErrReadOnly }
func (readOnlyStore) ReserveToken(context.Context, Session) (func(), error) {
	return nil, ErrReadOnly
}

// A process that may not write leaves the refresh to one that may, and does it
// alone only near the end.
func TestARefreshThatCannotBeSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), NewMemoryStore()
		first := logIn(t, server, store)
		provider, reported := newProvider(t, server, readOnlyStore{store})
		get(t, provider)
		time.Sleep(tokenLife - earlyWindow + time.Minute)
		assert.Equal(t, first.AccessToken, get(t, provider))
		writer, _ := newProvider(t, server, store)
		second := get(t, writer)
		time.Sleep(earlyPause)
		assert.Equal(t, second, get(t, provider))
		assert.Equal(t, 1+1, server.IdentityCenter().Requests("CreateToken"))
		require.Empty(t, reported.take())

		last := second
		for range 3 { // lives, in which nobody else refreshes
			for range 60 {
				last = get(t, provider)
				assert.True(t, accepts(t, server, last))
				time.Sleep(time.Minute)
			}
			errs := reported.take()
			require.Len(t, errs, 1, "one report for one token")
			assert.ErrorIs(t, errs[0], ErrReadOnly)
			assert.ErrorContains(t, errs[0], "only this process has the new token")
		}
		assert.Equal(t, second, load(t, store).AccessToken)

		// Somebody logs in again: that is what counts.
		next := logIn(t, server, store)
		time.Sleep(tokenLife - earlyWindow)
		assert.Equal(t, next.AccessToken, get(t, provider))
		assert.NotEqual(t, next.AccessToken, last)
	})
}

// makeReadOnly makes a directory read-only: by its mode, which does not stop
// root, or else by a mount.
func makeReadOnly(t *testing.T, dir string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no mode for a read-only directory")
	}
	if os.Getuid() != 0 {
		require.NoError(t, os.Chmod(dir, 0o555))
		t.Cleanup(func() { assert.NoError(t, os.Chmod(dir, 0o755)) })
		return
	}
	for _, args := range [][]string{{"--bind", dir, dir}, {"-o", "remount,bind,ro", dir}} {
		if out, err := exec.CommandContext(t.Context(), "mount", args...).CombinedOutput(); err != nil {
			t.Skipf("no read-only file system: %s", out)
		}
		if args[0] == "--bind" {
			t.Cleanup(func() { assert.NoError(t, exec.Command("umount", dir).Run()) })
		}
	}
}

// A token file that is mounted by itself cannot be replaced. The new token goes to
// the file of the host, or that would have a spent one.
func TestAMountedFile(t *testing.T) {
	for name, readOnlyRoot := range map[string]bool{"in a container": false, "in a read-only container": true} {
		t.Run(name, func(t *testing.T) { testAMountedFile(t, readOnlyRoot) })
	}
}

func testAMountedFile(t *testing.T, readOnlyRoot bool) {
	synctest.Test(t, func(t *testing.T) {
		server, host, container := newService(t), newFiles(t), newFiles(t)
		token := logIn(t, server, host)
		require.NoError(t, container.SaveToken(t.Context(), mySSO, token))
		path := container.TokenPath(mySSO)
		if readOnlyRoot {
			makeReadOnly(t, container.dir)
		}
		if out, err := exec.CommandContext(t.Context(), "mount", "--bind", host.TokenPath(mySSO), path).CombinedOutput(); err != nil {
			t.Skipf("no mount of a file: %s", out)
		}
		defer func() { assert.NoError(t, exec.Command("umount", path).Run()) }()
		provider, reported := newProvider(t, server, container)
		time.Sleep(tokenLife)
		second := get(t, provider)
		assert.Empty(t, reported.take())
		assert.Equal(t, second, load(t, host).AccessToken)

		provider, _ = newProvider(t, server, host)
		time.Sleep(tokenLife)
		third := get(t, provider)
		assert.NotEqual(t, second, third)
	})
}

// In a container without root, the directory of a mounted file is often root's, and
// only the file can be written. A second link stands for the mount.
func TestAMountedFileInADirectoryOfRoot(t *testing.T) {
	if os.Getuid() <= 0 {
		t.Skip("root may write to every directory, and Windows knows no user ID")
	}
	synctest.Test(t, func(t *testing.T) {
		server, host, container := newService(t), newFiles(t), newFiles(t)
		logIn(t, server, host)
		require.NoError(t, os.MkdirAll(container.dir, 0o755))
		require.NoError(t, os.Link(host.TokenPath(mySSO), container.TokenPath(mySSO)))
		makeReadOnly(t, container.dir)
		provider, reported := newProvider(t, server, container)
		time.Sleep(tokenLife)
		second := get(t, provider)
		assert.Empty(t, reported.take())
		assert.Equal(t, second, load(t, host).AccessToken)
	})
}

func TestAReadOnlyDirectory(t *testing.T) {
	for name, withLock := range map[string]bool{"no lock file": false, "a lock file": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, store := newService(t), newFiles(t)
				token := logIn(t, server, store)
				if withLock {
					unlock, err := store.Lock(t.Context(), mySSO, LockToken)
					require.NoError(t, err)
					unlock()
				}
				require.NoError(t, os.Chmod(store.TokenPath(mySSO), 0o444))
				makeReadOnly(t, store.dir)
				provider, reported := newProvider(t, server, store)
				time.Sleep(tokenLife)
				second := get(t, provider)
				assert.NotEqual(t, token.AccessToken, second)
				errs := reported.take()
				require.Len(t, errs, 1)
				assert.ErrorIs(t, errs[0], ErrReadOnly)

				assert.ErrorIs(t, store.SaveRegistration(t.Context(), mySSO, new(Registration)), ErrReadOnly, "there is no file")
				_, err := loginTo(t, server, store)
				require.ErrorIs(t, err, ErrReadOnly)
				assert.Equal(t, 1, server.IdentityCenter().Requests("StartDeviceAuthorization"), "nobody is asked")

				require.True(t, accepts(t, server, second))
				err = Logout(t.Context(), mySSO, func(o *Options) { o.Store, o.Config = store, server.Config() })
				require.ErrorIs(t, err, ErrReadOnly)
				assert.Equal(t, 1, server.IdentityCenter().Requests("Logout"))
			})
		})
	}
	for _, reason := range []error{fs.ErrPermission, syscall.EROFS} {
		assert.ErrorIs(t, readOnly(&fs.PathError{Err: reason}), ErrReadOnly)
	}
	assert.NotErrorIs(t, readOnly(fs.ErrNotExist), ErrReadOnly)
}

func TestLogoutWithoutALock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, store := newService(t), &flaky{Store: NewMemoryStore()}
		logOut := func() error {
			return Logout(t.Context(), mySSO, func(o *Options) { o.Store, o.Config = store, server.Config() })
		}
		token := logIn(t, server, store)
		store.locks.set(fs.ErrInvalid)
		require.NoError(t, logOut())
		assert.False(t, accepts(t, server, token.AccessToken))
		_, err := store.LoadToken(t.Context(), mySSO)
		assert.ErrorIs(t, err, ErrNotFound)
	})
}

// A file that is no token is removed, and the caller told that the session goes
// on.
func TestLogoutWithACorruptFile(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"half":      func(path string) error { return os.WriteFile(path, []byte("{"), 0o600) },
		"FIFO":      func(path string) error { return errors.Join(os.Remove(path), mkfifo(path)) },
		"/dev/zero": func(path string) error { return errors.Join(os.Remove(path), linkToZero(path)) },
	} {
		t.Run(name, func(t *testing.T) {
			server, store := newService(t), newFiles(t)
			logIn(t, server, store)
			err := spoil(store.TokenPath(mySSO))
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skip(err)
			}
			require.NoError(t, err)
			err = Logout(t.Context(), mySSO, func(o *Options) { o.Store, o.Config = store, server.Config() })
			var corrupt *CorruptCacheError
			require.ErrorAs(t, err, &corrupt)
			assert.ErrorContains(t, err, "the session lasts until it expires")
			_, err = os.Lstat(store.TokenPath(mySSO))
			assert.ErrorIs(t, err, fs.ErrNotExist)
		})
	}
}

// While somebody is asked to log in, the session's other users go on, also in
// other processes.
func TestTokenIsRefreshedDuringAPrompt(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newService(t)
				server.IdentityCenter().AutoApprove(false)
				approved := make(chan error, 1)
				asked := func(after time.Duration) func(*Options) {
					return func(o *Options) {
						o.Timeout = 10 * time.Minute
						o.Prompt = promptFor(func(ctx context.Context, r Request) {
							select {
							case <-time.After(after):
								approved <- server.IdentityCenter().ApproveDevice(r.UserCode.Reveal())
							case <-ctx.Done():
							}
						})
					}
				}
				first, err := loginTo(t, server, store, asked(0))
				require.NoError(t, errors.Join(err, <-approved))
				time.Sleep(tokenLife - time.Minute)
				done := make(chan *Token, 1)
				go func() {
					token, err := loginTo(t, server, store, asked(10*time.Minute-5*time.Second))
					assert.NoError(t, err)
					done <- token
				}()
				synctest.Wait()
				begun := time.Now()
				files, _ := store.(*FileStore)
				for i := range 9 { // processes
					own := store
					if files != nil {
						own, err = NewFileStore(files.dir)
						require.NoError(t, err)
					}
					provider, reported := newProvider(t, server, own)
					require.True(t, accepts(t, server, get(t, provider)), i)
					provider.Discard(get(t, provider))
					require.True(t, accepts(t, server, get(t, provider)))
					require.Empty(t, reported.take())
					time.Sleep(time.Minute)
				}
				assert.WithinDuration(t, begun.Add(9*time.Minute), time.Now(), time.Second, "nobody waited")
				require.Empty(t, done)
				token := <-done
				require.NoError(t, <-approved)
				assert.NotEqual(t, first.AccessToken, token.AccessToken)
				assert.Equal(t, token.AccessToken, load(t, store).AccessToken)
			})
		})
	}
}

// promptFor is a prompt of one kind of flow.
type promptFor func(context.Context, Request)

func (p promptFor) Show(ctx context.Context, r Request, _ func(string) error) error {
	p(ctx, r)
	return nil
}
