package lease_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
)

func keptIn(path string) func(*lease.Options) {
	return func(o *lease.Options) { o.Store = lease.NewFileStore(path) }
}

// heldRecord is the file of a seat that is held.
func heldRecord(t *testing.T, s *service, request lease.Request) (path string, data []byte) {
	path = filepath.Join(t.TempDir(), "state", "seat.json")
	l, err := lease.Acquire(t.Context(), s.client, request, keptIn(path))
	require.NoError(t, err)
	data, err = os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, l.Close(t.Context()))
	return path, data
}

func TestStoreIsOneFileAndALock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		path := filepath.Join(t.TempDir(), "state", "seat.json")
		l, err := lease.Acquire(t.Context(), s.client, s.seats(1), keptIn(path))
		require.NoError(t, err)
		info, err := os.Stat(path)
		require.NoError(t, err)
		if runtime.GOOS != "windows" { // which has no such modes
			assert.Equal(t, os.FileMode(0o600), info.Mode())
		}
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.True(t, json.Valid(data))

		_, err = lease.Acquire(t.Context(), s.client, s.seats(1), keptIn(path))
		assertStoreError(t, err, lease.StoreInUse, path)
		assert.Equal(t, 1, s.Requests("CheckoutLicense"))
		require.NoError(t, l.Close(t.Context()))
		left, err := os.ReadDir(filepath.Dir(path))
		require.NoError(t, err)
		require.Len(t, left, 1, "the lock stays")
		assert.Equal(t, "seat.json.lock", left[0].Name())

		l, err = lease.Acquire(t.Context(), s.client, s.seats(1), keptIn(path))
		require.NoError(t, err)
		require.NoError(t, l.Close(t.Context()))
	})
}

func TestStoreWithoutAPath(t *testing.T) {
	t.Chdir(t.TempDir())
	s := newService(t)
	k := lease.Keep(t.Context(), s.client, s.seats(1), keptIn(""))
	assert.Equal(t, lease.StateClosed, k.State())
	_, err := lease.Acquire(t.Context(), s.client, s.seats(1), keptIn(""))
	for _, err := range []error{k.Err(), err} {
		var store *lease.StoreError
		require.ErrorAs(t, err, &store)
		assert.EqualError(t, err, "lease: the store cannot be used: its path is empty")
	}
	assert.Zero(t, s.Requests(""))
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	assert.Empty(t, files)
}

func assertStoreError(t *testing.T, err error, problem lease.StoreProblem, path string) {
	t.Helper()
	var store *lease.StoreError
	require.ErrorAs(t, err, &store)
	assert.Equal(t, problem, store.Problem)
	assert.Equal(t, path, store.Path)
	assert.ErrorContains(t, err, path)
}

// A record that is not this lease's: nothing is sent and nothing is deleted.
func TestForeignRecord(t *testing.T) {
	year := regexp.MustCompile(`"firstSent":"20\d\d`)
	for name, c := range map[string]struct {
		problem lease.StoreProblem
		file    func([]byte) []byte
		request func(*lease.Request)
		account string
	}{
		"empty":         {problem: lease.StoreDamaged, file: func([]byte) []byte { return []byte{} }},
		"cut short":     {problem: lease.StoreDamaged, file: func(b []byte) []byte { return b[:len(b)/2] }},
		"another file":  {problem: lease.StoreDamaged, file: func([]byte) []byte { return []byte(`{"version":1}`) }},
		"a digit wrong": {problem: lease.StoreDamaged, file: func(b []byte) []byte { return bytes.Replace(b, []byte("held"), []byte("hemd"), 1) }},
		"too long":      {problem: lease.StoreDamaged, file: func([]byte) []byte { return bytes.Repeat([]byte(" "), 2<<20) }},
		"newer version": {problem: lease.StoreNewerVersion, file: func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"version":1`), []byte(`"version":2`), 1)
		}},
		"later date": {problem: lease.StoreFromFuture, file: func(b []byte) []byte {
			return lease.Sign(year.ReplaceAll(b, []byte(`"firstSent":"2222`)))
		}},
		"product": {problem: lease.StoreOtherProduct, request: func(r *lease.Request) { r.ProductSKU = "another" }},
		"issuer":  {problem: lease.StoreOtherProduct, request: func(r *lease.Request) { r.KeyFingerprint = "" }},
		"account": {problem: lease.StoreOtherAccount, account: "444455556666"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t)
				s.client = s.of(t, "111122223333")
				request := s.seats(1)
				path, data := heldRecord(t, s, s.seats(1))
				if c.file != nil {
					data = c.file(data)
				}
				require.NoError(t, os.WriteFile(path, data, 0o600))
				if c.request != nil {
					c.request(&request)
				}
				if c.account != "" {
					s.client = s.of(t, c.account)
				}
				before := s.Requests("")
				_, err := lease.Acquire(t.Context(), s.client, request, keptIn(path))
				assertStoreError(t, err, c.problem, path)

				k := lease.Keep(t.Context(), s.client, request, keptIn(path))
				time.Sleep(10 * time.Minute)
				assert.Equal(t, lease.StateAcquiring, k.State())
				assertStoreError(t, k.Err(), c.problem, path)
				require.NoError(t, k.Close(t.Context()))
				assert.Equal(t, before, s.Requests(""), "nothing is sent")
				after, err := os.ReadFile(path)
				require.NoError(t, err)
				assert.Equal(t, data, after)
			})
		})
	}
}

// of is a client with credentials that tell their account.
func (s *service) of(t *testing.T, account string) *licensemanager.Client {
	cfg := s.Config()
	inner := cfg.Credentials
	cfg.Credentials = awstokens.CredentialsFunc(func(ctx context.Context) (awstokens.Credentials, error) {
		c, err := inner.Retrieve(ctx)
		c.AccountID = account
		return c, err
	})
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	return client
}

// with is a client whose credentials cannot be had.
func (s *service) with(t *testing.T, retrieve func(context.Context) error) *licensemanager.Client {
	cfg := s.Config()
	cfg.Credentials = awstokens.CredentialsFunc(func(ctx context.Context) (awstokens.Credentials, error) {
		return awstokens.Credentials{}, retrieve(ctx)
	})
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	return client
}

// Credentials that do not tell their account, and then hang, do not delay the loss.
func TestSaveWaitsForNoCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		hangs := make(chan struct{})
		cfg := s.Config()
		inner := cfg.Credentials
		cfg.Credentials = awstokens.CredentialsFunc(func(ctx context.Context) (awstokens.Credentials, error) {
			select {
			case <-hangs:
				<-ctx.Done()
				return awstokens.Credentials{}, ctx.Err()
			default:
				return inner.Retrieve(ctx)
			}
		})
		client, err := licensemanager.New(cfg)
		require.NoError(t, err)
		l, err := lease.Acquire(t.Context(), client, s.seats(1), keptIn(filepath.Join(t.TempDir(), "seat.json")))
		require.NoError(t, err)
		close(hangs)
		<-l.Done()
		var lost *lease.LostError
		require.ErrorAs(t, l.Err(), &lost)
		assert.WithinRange(t, lost.At, l.Expires(), l.Expires().Add(30*time.Second))
		_ = l.Close(t.Context())
	})
}

// A Keeper takes its seat as soon as the store can be used.
func TestKeeperWaitsForItsStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		path := filepath.Join(t.TempDir(), "seat.json")
		first := lease.Keep(t.Context(), s.client, s.seats(1), keptIn(path))
		time.Sleep(time.Minute)
		var e events
		second := lease.Keep(t.Context(), s.client, s.seats(1), keptIn(path), e.option)
		time.Sleep(time.Hour)
		assertStoreError(t, second.Err(), lease.StoreInUse, path)
		assert.InDelta(t, 62, e.count(lease.EventAcquireFailed), 3)
		assert.Equal(t, 1, s.taken())
		require.NoError(t, first.Close(t.Context()))
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, lease.StateActive, second.State())
		assert.Equal(t, 1, s.taken())
		require.NoError(t, second.Close(t.Context()))
	})
}

// A disk that fails: a checkout whose ClientToken is not safe is not sent, and
// a seat that is held is kept.
func TestSavesFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		p := newPlace(t)
		p.fail(true)
		_, err := lease.Acquire(t.Context(), s.client, s.seats(1), keptIn(p.path))
		assertStoreError(t, err, lease.StoreFailed, p.path)
		var e events
		k := lease.Keep(t.Context(), s.client, s.seats(1), keptIn(p.path), e.option)
		time.Sleep(10 * time.Minute)
		assert.Equal(t, lease.StateAcquiring, k.State())
		assertStoreError(t, k.Err(), lease.StoreFailed, p.path)
		assert.Zero(t, s.Requests(""), "nothing is sent")
		p.fail(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, lease.StateActive, k.State())

		saved := e.count(lease.EventSaveFailed)
		p.fail(true)
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		assert.Equal(t, lease.StateActive, k.State())
		assert.Greater(t, e.count(lease.EventSaveFailed), saved)
		p.fail(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		p.kill()
		k2 := lease.Keep(t.Context(), s.client, s.seats(1), keptIn(p.next()))
		synctest.Wait()
		assert.Equal(t, lease.StateActive, k2.State(), "the record was saved later")
		assert.Equal(t, 1, s.Requests("CheckoutLicense"))
		require.NoError(t, k2.Close(t.Context()))
		assert.Zero(t, s.taken())
		_ = k.Close(t.Context()) // of the process that was killed
	})
}

// A place is where the stores of one program after the other keep their record.
// Each gets a path of its own that leads to the same file, so that a program
// can be killed: its path leads nowhere any more.
type place struct {
	t    *testing.T
	dir  string
	n    int
	path string // of the program that runs
}

func newPlace(t *testing.T) *place {
	if runtime.GOOS == "windows" {
		t.Skip("Windows does not remove the directory of an open file, which stands for a kill here")
	}
	p := &place{t: t, dir: t.TempDir()}
	require.NoError(t, os.Mkdir(filepath.Join(p.dir, "disk"), 0o700))
	p.next()
	return p
}

// next is the path for the next program.
func (p *place) next() string {
	p.n++
	dir := filepath.Join(p.dir, string(rune('a'+p.n%26))+string(rune('a'+p.n/26)))
	require.NoError(p.t, os.Mkdir(dir, 0o700))
	p.path = filepath.Join(dir, "seat.json")
	require.NoError(p.t, os.Symlink(filepath.Join(p.dir, "disk", "seat.json"), p.path))
	return p.path
}

// kill keeps the program from saving anything more.
func (p *place) kill() {
	dir := filepath.Dir(p.path)
	require.NoError(p.t, os.RemoveAll(dir))
	require.NoError(p.t, os.WriteFile(dir, nil, 0o600))
	for _, at := range []string{"disk", "aside"} { // the lock of a killed process is free
		_ = os.Remove(filepath.Join(p.dir, at, "seat.json.lock"))
	}
}

// fail makes saves fail until it is undone.
func (p *place) fail(on bool) {
	disk, aside := filepath.Join(p.dir, "disk"), filepath.Join(p.dir, "aside")
	if on {
		require.NoError(p.t, os.Rename(disk, aside))
		require.NoError(p.t, os.WriteFile(disk, nil, 0o600))
		return
	}
	require.NoError(p.t, os.Remove(disk))
	require.NoError(p.t, os.Rename(aside, disk))
}

func TestLinkedStoreHasTheLockOfItsTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		dir := t.TempDir()
		path, link := filepath.Join(dir, "seat.json"), filepath.Join(dir, "link.json")
		if err := os.Symlink(path, link); err != nil {
			t.Skip(err)
		}
		l, err := lease.Acquire(t.Context(), s.client, s.seats(1), keptIn(link))
		require.NoError(t, err)
		_, err = lease.Acquire(t.Context(), s.client, s.seats(1), keptIn(path))
		assertStoreError(t, err, lease.StoreInUse, path)
		require.NoError(t, l.Close(t.Context()))
	})
}

func TestLockIsNoRegularFile(t *testing.T) {
	s := newService(t)
	path := filepath.Join(t.TempDir(), "seat.json")
	require.NoError(t, os.Mkdir(path+".lock", 0o700))
	_, err := lease.Acquire(t.Context(), s.client, s.seats(1), keptIn(path))
	assertStoreError(t, err, lease.StoreFailed, path)
	assert.ErrorContains(t, err, "not a regular file")
}
