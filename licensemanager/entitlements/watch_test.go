package entitlements_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
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
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/entitlements"
)

// network is the network between a client and a service in process.
type network struct {
	next awstokens.HTTPClient

	mu    sync.Mutex
	state string // "" is up
}

func (n *network) set(state string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.state = state
}

func (n *network) is() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state
}

var errNoNetwork = errors.New("no network")

func (n *network) Do(req *http.Request) (*http.Response, error) {
	switch n.is() {
	case "down":
		return nil, errNoNetwork
	case "hangs":
		<-req.Context().Done()
		return nil, req.Context().Err()
	case "fails":
		return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: http.NoBody, Request: req}, nil
	}
	return n.next.Do(req)
}

// world is a service in process, with a network before it.
type world struct {
	*testing.T
	server  *awstokenstest.Server
	manager awstokenstest.LicenseManager
	network *network
	client  *licensemanager.Client
	options []func(*entitlements.Options)

	mu      sync.Mutex
	changes []entitlements.Change
}

func newWorld(t *testing.T, options ...func(*entitlements.Options)) *world {
	w := &world{T: t, server: awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })}
	w.manager = w.server.LicenseManager()
	cfg := w.server.Config()
	w.network = &network{next: cfg.HTTPClient}
	cfg.HTTPClient = w.network
	w.client = client(t, cfg)
	w.options = append([]func(*entitlements.Options){of(w.server), func(o *entitlements.Options) { o.OnChange = w.onChange }}, options...)
	return w
}

func (w *world) onChange(c entitlements.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.changes = append(w.changes, c)
}

func (w *world) take() []entitlements.Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.changes
	w.changes = nil
	return taken
}

func (w *world) watch() *entitlements.Watcher {
	w.Helper()
	watcher, err := entitlements.Watch(w.Context(), w.client, w.manager.ProductSKU(), w.options...)
	require.NoError(w, err)
	return watcher
}

func (w *world) change(f func(*licensemanager.License)) {
	w.manager.ChangeLicense(w.manager.LicenseARN(), f)
}

// endIn gives the license an end.
func (w *world) endIn(d time.Duration) {
	w.change(func(l *licensemanager.License) { l.Validity.End = time.Now().Add(d).UTC().Format(time.RFC3339) })
}

func seats(w *entitlements.Watcher) int64 {
	set, _ := w.Current()
	n, _ := set.Limit(awstokenstest.Seats)
	return n
}

func sleep(d time.Duration) {
	time.Sleep(d) // the bubble's
	synctest.Wait()
}

func inFile(t *testing.T) func(*entitlements.Options) {
	path := filepath.Join(t.TempDir(), "entitlements.json")
	return func(o *entitlements.Options) { o.CacheFile = path }
}

func TestWatchSeesChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		watcher := w.watch()
		defer watcher.Close()
		assert.EqualValues(t, 10, seats(watcher))
		_, age := watcher.Current()
		assert.Less(t, age, time.Second)
		synctest.Wait()
		assert.Empty(t, w.take(), "the first set is no change")

		w.manager.SetSeats(20)
		sleep(13 * time.Minute)
		assert.EqualValues(t, 10, seats(watcher))
		_, age = watcher.Current()
		assert.InDelta(t, 13*time.Minute, age, float64(time.Second))
		sleep(2 * time.Minute)
		assert.EqualValues(t, 20, seats(watcher))
		<-watcher.Changed()
		changes := w.take()
		require.Len(t, changes, 1)
		assert.Equal(t, []string{awstokenstest.Seats}, changes[0].Names)
		assert.Equal(t, limit{10, true}, limitOf(changes[0].Before, awstokenstest.Seats))
		assert.Equal(t, limit{20, true}, limitOf(changes[0].After, awstokenstest.Seats))
		assert.Empty(t, changes[0].ExpiringSoon)

		// A renewal changes no entitlement.
		w.endIn(365 * 24 * time.Hour)
		sleep(15 * time.Minute)
		changes = w.take()
		require.Len(t, changes, 1)
		assert.Empty(t, changes[0].Names)
		assert.NotEqual(t, changes[0].Before.Expires(), changes[0].After.Expires())

		w.manager.SuspendLicense(w.manager.LicenseARN())
		sleep(15 * time.Minute)
		set, _ := watcher.Current()
		assert.False(t, set.Has(awstokenstest.Feature))
		assert.NoError(t, watcher.Err(), "a cancellation is no failure")
		_, err := set.Ask(awstokenstest.Feature, 1)
		var empty *entitlements.EmptyError
		require.ErrorAs(t, err, &empty)
		assert.Equal(t, entitlements.ReasonNotAvailable, empty.Unusable[0].Reason)
		changes = w.take()
		require.Len(t, changes, 1)
		assert.Equal(t, []string{awstokenstest.Seats, awstokenstest.Feature}, changes[0].Names)

		before := w.manager.Requests("ListReceivedLicenses")
		sleep(24 * time.Hour)
		assert.InDelta(t, 24*4, w.manager.Requests("ListReceivedLicenses")-before, 10)
		assert.Empty(t, w.take(), "nothing has changed")
	})
}

func TestWatchReportsWhatExpiresSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endIn(8 * 24 * time.Hour)
		watcher := w.watch()
		defer watcher.Close()
		sleep(23 * time.Hour)
		assert.Empty(t, w.take())
		sleep(2 * time.Hour)
		changes := w.take()
		require.Len(t, changes, 1)
		require.Len(t, changes[0].ExpiringSoon, 1)
		assert.Equal(t, w.manager.LicenseARN(), changes[0].ExpiringSoon[0].LicenseArn)
		assert.Empty(t, changes[0].Names)
		<-watcher.Changed()

		w.network.set("down")
		sleep(24 * time.Hour)
		assert.Empty(t, w.take(), "once is enough")
		w.network.set("")
		w.endIn(2 * 24 * time.Hour)
		sleep(15 * time.Minute)
		require.Len(t, w.take(), 1, "another end")
		w.network.set("down")
		sleep(2*24*time.Hour - 15*time.Minute + time.Second) // dates have whole seconds
		set, _ := watcher.Current()
		assert.False(t, set.Has(awstokenstest.Feature), "the license ends without the service too")
		sleep(15 * time.Minute)
		changes = w.take()
		require.Len(t, changes, 1)
		assert.Equal(t, []string{awstokenstest.Seats, awstokenstest.Feature}, changes[0].Names)
	})
}

func TestWatchWithGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *entitlements.Options) { o.Grace, o.ExpiringSoon = 48*time.Hour, -1 })
		w.endIn(time.Hour)
		watcher := w.watch()
		defer watcher.Close()
		w.network.set("down")
		sleep(48 * time.Hour)
		assert.EqualValues(t, 10, seats(watcher), "it may have been renewed")
		sleep(time.Hour)
		assert.EqualValues(t, 0, seats(watcher))

		w.endIn(time.Hour)
		w.network.set("")
		sleep(15 * time.Minute)
		assert.EqualValues(t, 10, seats(watcher))
		sleep(time.Hour)
		assert.EqualValues(t, 0, seats(watcher), "the service says that it has not been renewed")
	})
}

// Grace does not keep a license that had ended when the service was asked.
func TestNoGraceAfterTheEnd(t *testing.T) {
	api := &service{licenses: []licensemanager.GrantedLicense{license(with(feature("Premium")))}, date: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}
	w, err := entitlements.Watch(t.Context(), api, sku, func(o *entitlements.Options) { o.Grace = time.Hour })
	require.NoError(t, err)
	defer w.Close()
	set, _ := w.Current()
	assert.False(t, set.Has("Premium"))
}

func TestWatchDuringAnOutage(t *testing.T) {
	for _, state := range []string{"down", "hangs", "fails"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			watcher := w.watch()
			w.network.set(state)
			sleep(24 * time.Hour)
			_, age := watcher.Current()
			assert.InDelta(t, 24*time.Hour, age, float64(time.Second))
			assert.EqualValues(t, 10, seats(watcher))
			if state == "down" {
				assert.ErrorIs(t, watcher.Err(), errNoNetwork)
			}
			assert.Error(t, watcher.Err())
			assert.Empty(t, w.take())
			w.manager.SetSeats(5)
			w.network.set("")
			sleep(15 * time.Minute)
			assert.EqualValues(t, 5, seats(watcher))
			assert.NoError(t, watcher.Err())

			w.network.set(state)
			begun := time.Now()
			sleep(20 * time.Minute)
			go watcher.Close()
			_, open := <-watcher.Changed() // of the change to 5
			assert.True(t, open)
			_, open = <-watcher.Changed()
			assert.False(t, open)
			assert.Less(t, time.Since(begun), 21*time.Minute, "closing does not wait for a service that hangs")
			watcher.Close()
			assert.EqualValues(t, 5, seats(watcher), "Current still works")
		})
	}
}

// failing is an API that records when it is called.
type failing struct {
	service
	calls []time.Duration
	start time.Time
}

func (f *failing) GetLicense(ctx context.Context, in *licensemanager.GetLicenseInput) (*licensemanager.GetLicenseOutput, error) {
	f.mu.Lock()
	f.calls = append(f.calls, time.Since(f.start))
	f.mu.Unlock()
	return f.service.GetLicense(ctx, in)
}

// After a failure, a Watcher retries after 30 seconds, then after twice as long, up
// to the interval; a tenth of each pause is random.
func TestPausesAfterFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(date))
		api := &failing{service: service{licenses: []licensemanager.GrantedLicense{license()}, date: date}, start: date}
		w, err := entitlements.Watch(t.Context(), api, sku, func(o *entitlements.Options) { o.LicenseARN = arn })
		require.NoError(t, err)
		api.mu.Lock()
		api.err = errNoNetwork
		api.mu.Unlock()
		sleep(2 * time.Hour)
		w.Close()
		want := []time.Duration{15 * time.Minute, 30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute}
		require.Greater(t, len(api.calls), len(want))
		for i, pause := range want {
			got := api.calls[i+1] - api.calls[i]
			assert.LessOrEqual(t, got, pause)
			assert.GreaterOrEqual(t, got, pause/10*9)
		}
	})
}

// Processes may share a cache file, whose directory need not exist.
func TestSharedCacheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "new", "entitlements.json")
		w := newWorld(t, func(o *entitlements.Options) { o.CacheFile = path })
		watchers := []*entitlements.Watcher{w.watch(), w.watch(), w.watch()}
		w.manager.SetSeats(20)
		sleep(24 * time.Hour)
		for _, watcher := range watchers {
			assert.NoError(t, watcher.Err())
			watcher.Close()
		}
		w.network.set("down")
		watcher := w.watch()
		assert.EqualValues(t, 20, seats(watcher))
		watcher.Close()
		files, err := os.ReadDir(filepath.Dir(path))
		require.NoError(t, err)
		assert.Len(t, files, 1, "no temporary file is left")
	})
}

// A process that cannot reach the service takes the newer licenses of another from
// the file that they share, and leaves them there.
func TestNewerSharedCacheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, inFile(t))
		offline := w.watch()
		w.network.set("down")
		sleep(15 * time.Minute)
		w.manager.SetSeats(20)
		online, err := entitlements.Watch(t.Context(), client(t, w.server.Config()), w.manager.ProductSKU(), w.options...)
		require.NoError(t, err)
		online.Close()
		sleep(15 * time.Minute)
		require.ErrorIs(t, offline.Err(), errNoNetwork)
		assert.EqualValues(t, 20, seats(offline))
		offline.Close()
		watcher := w.watch()
		assert.EqualValues(t, 20, seats(watcher))
		watcher.Close()
	})
}

func TestWatchEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		watcher, err := entitlements.Watch(ctx, w.client, w.manager.ProductSKU(), w.options...)
		require.NoError(t, err)
		cancel()
		_, open := <-watcher.Changed()
		assert.False(t, open)
		watcher.Close()

		_, err = entitlements.Watch(ctx, w.client, w.manager.ProductSKU(), w.options...)
		assert.ErrorIs(t, err, context.Canceled)
	})
}

func TestWatchStartsFromItsFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var path string
		w := newWorld(t, inFile(t), func(o *entitlements.Options) { path = o.CacheFile })
		w.network.set("down")
		_, err := entitlements.Watch(t.Context(), w.client, w.manager.ProductSKU(), w.options...)
		require.ErrorIs(t, err, errNoNetwork, "there is nothing to start from")
		w.network.set("")
		w.endIn(10 * 24 * time.Hour)
		w.watch().Close()
		info, err := os.Stat(path)
		require.NoError(t, err)
		if runtime.GOOS != "windows" { // which has no such modes
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		}

		w.network.set("hangs")
		time.Sleep(24 * time.Hour)
		begun := time.Now()
		watcher := w.watch()
		assert.LessOrEqual(t, time.Since(begun), 10*time.Second)
		assert.EqualValues(t, 10, seats(watcher))
		_, age := watcher.Current()
		assert.InDelta(t, 24*time.Hour, age, float64(11*time.Second))
		assert.ErrorIs(t, watcher.Err(), context.DeadlineExceeded)
		sleep(6 * time.Hour)
		watcher.Close()
		w.manager.SetSeats(20)
		w.network.set("")
		watcher = w.watch()
		assert.EqualValues(t, 20, seats(watcher))
		synctest.Wait()
		changes := w.take()
		require.Len(t, changes, 1, "what changed while nobody watched")
		assert.Equal(t, limit{10, true}, limitOf(changes[0].Before, awstokenstest.Seats))
		watcher.Close()

		w.network.set("down")
		time.Sleep(9 * 24 * time.Hour)
		watcher = w.watch()
		assert.EqualValues(t, 0, seats(watcher), "the license has ended")
		watcher.Close()
	})
}

// set is a clock whose wall time somebody set.
type set struct {
	awstokens.Clock
	by atomic.Int64
}

func setBy(by time.Duration) *set {
	s := &set{Clock: real{time.Now()}}
	s.by.Store(int64(by))
	return s
}

func (s *set) Now() time.Time { return s.Clock.Now().Add(time.Duration(s.by.Load())) }

// real is the clock of the bubble.
type real struct{ start time.Time }

func (real) Now() time.Time           { return time.Now() }
func (r real) Elapsed() time.Duration { return time.Since(r.start) }
func (real) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// The local clock is hours off, is set while the program runs and between two
// runs. No entitlement is lost, and none lasts longer.
func TestWatchWithAWrongClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := setBy(5 * time.Hour)
		w := newWorld(t, inFile(t), func(o *entitlements.Options) { o.Clock = clock })
		w.endIn(3 * 24 * time.Hour)
		watcher := w.watch()
		w.network.set("down")
		for _, by := range []time.Duration{-5 * time.Hour, 400 * 24 * time.Hour, 0} {
			clock.by.Store(int64(by))
			sleep(12 * time.Hour)
			assert.EqualValues(t, 10, seats(watcher))
		}
		_, age := watcher.Current()
		assert.InDelta(t, 36*time.Hour, age, float64(time.Second))
		watcher.Close()

		clock.by.Store(int64(-20 * time.Hour))
		watcher = w.watch()
		_, age = watcher.Current()
		assert.InDelta(t, 36*time.Hour, age, float64(time.Hour), "no younger than it was")
		sleep(35 * time.Hour)
		assert.EqualValues(t, 10, seats(watcher))
		sleep(2 * time.Hour)
		assert.EqualValues(t, 0, seats(watcher))
		watcher.Close()
	})
}

// A machine without a battery for its clock starts years off. The cache file,
// whose age the local clock gives, does not outweigh the service.
func TestWatchStartsWithACacheAndAWrongClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := setBy(0)
		w := newWorld(t, inFile(t), func(o *entitlements.Options) { o.Clock = clock })
		w.endIn(30 * 24 * time.Hour)
		w.watch().Close()
		clock.by.Store(int64(400 * 24 * time.Hour))
		watcher := w.watch()
		defer watcher.Close()
		assert.EqualValues(t, 10, seats(watcher))
		_, age := watcher.Current()
		assert.Less(t, age, time.Second)
	})
}

// The local clock is years ahead while the cache file is written, and right at the
// next start: the file is used.
func TestCacheFromTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := setBy(1000 * 24 * time.Hour)
		w := newWorld(t, inFile(t), func(o *entitlements.Options) { o.Clock = clock })
		w.watch().Close()
		clock.by.Store(0)
		w.network.set("down")
		watcher := w.watch()
		assert.EqualValues(t, 10, seats(watcher))
		watcher.Close()
		w.network.set("")
		watcher = w.watch()
		assert.NoError(t, watcher.Err())
		watcher.Close()
	})
}

// A machine without a battery for its clock starts in 1970, without the service.
// Its clock is set before the next start, also without the service. No license ends.
func TestCacheFromThePast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := setBy(0)
		w := newWorld(t, inFile(t), func(o *entitlements.Options) { o.Clock = clock })
		w.endIn(10 * 24 * time.Hour)
		w.watch().Close()
		w.network.set("down")
		clock.by.Store(int64(time.Until(time.Unix(0, 0))))
		watcher := w.watch()
		sleep(time.Hour)
		watcher.Close()
		clock.by.Store(0)
		time.Sleep(24 * time.Hour)
		watcher = w.watch()
		assert.EqualValues(t, 10, seats(watcher))
		_, age := watcher.Current()
		assert.InDelta(t, 25*time.Hour, age, float64(15*time.Minute))
		watcher.Close()

		// One that stays days behind counts the time between two runs.
		clock.by.Store(int64(-5 * 24 * time.Hour))
		for hours := 25; hours <= 25+3*24; hours += 24 {
			watcher = w.watch()
			_, age = watcher.Current()
			assert.InDelta(t, time.Duration(hours)*time.Hour, age, float64(time.Hour))
			sleep(time.Minute) // which writes the file
			watcher.Close()
			time.Sleep(24 * time.Hour)
		}
	})
}

// A test may end its goroutine in OnChange, by t.FailNow. The Watcher ends.
func TestGoexitInOnChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *entitlements.Options) { o.OnChange = func(entitlements.Change) { runtime.Goexit() } })
		watcher := w.watch()
		w.manager.SetSeats(20)
		for range watcher.Changed() {
		}
		watcher.Close()
		assert.EqualValues(t, 20, seats(watcher))
	})
}

// suspended is a clock of a machine that was suspended: timers stood still.
type suspended struct {
	awstokens.Clock
	ahead atomic.Int64
}

func (s *suspended) Elapsed() time.Duration {
	return s.Clock.Elapsed() + time.Duration(s.ahead.Load())
}

func TestWatchLooksSoonAfterASuspension(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := &suspended{Clock: real{time.Now()}}
		w := newWorld(t, func(o *entitlements.Options) { o.Clock = clock })
		watcher := w.watch()
		defer watcher.Close()
		sleep(time.Second)
		w.manager.SetSeats(20)
		clock.ahead.Store(int64(5 * time.Hour))
		_, age := watcher.Current()
		assert.Greater(t, age, 5*time.Hour)
		sleep(time.Minute)
		assert.EqualValues(t, 20, seats(watcher))
	})
}

func TestCacheThatCannotBeUsed(t *testing.T) {
	key := awstokens.NewSecret("not-a-real-key-0")
	withKey := func(key string) func(*entitlements.Options) {
		return func(o *entitlements.Options) { o.Key = awstokens.NewSecret(key) }
	}
	edit := func(from, to string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Contains(t, string(text), from)
			require.NoError(t, os.WriteFile(path, bytes.Replace(text, []byte(from), []byte(to), 1), 0o600))
		}
	}
	for name, test := range map[string]struct {
		problem entitlements.CacheProblem
		before  func(*entitlements.Options) // when it is written
		spoil   func(*testing.T, string)
		after   func(*entitlements.Options) // when it is read
	}{
		"an edit":           {problem: entitlements.CacheDamaged, spoil: edit(`"MaxCount":10`, `"MaxCount":99`)},
		"an edit of a date": {problem: entitlements.CacheDamaged, spoil: edit(`"date":"20`, `"date":"21`)},
		"an edit with a key": {
			problem: entitlements.CacheDamaged, before: withKey(key.Reveal()), after: withKey(key.Reveal()), spoil: edit(`"MaxCount":10`, `"MaxCount":99`),
		},
		"another key": {problem: entitlements.CacheDamaged, before: withKey(key.Reveal()), after: withKey("not-a-real-key-1")},
		"a key":       {problem: entitlements.CacheWrongKey, after: withKey(key.Reveal())},
		"no key":      {problem: entitlements.CacheWrongKey, before: withKey(key.Reveal())},
		"empty":       {problem: entitlements.CacheDamaged, spoil: func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) }},
		"cut":         {problem: entitlements.CacheDamaged, spoil: func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 100)) }},
		"a directory": {problem: entitlements.CacheUnreadable, spoil: func(t *testing.T, path string) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o700))
		}},
		"no version":      {problem: entitlements.CacheDamaged, spoil: edit(`"version":1`, `"version":0`)},
		"a newer version": {problem: entitlements.CacheNewerVersion, spoil: edit(`"version":1`, `"version":2`)},
		"another product": {problem: entitlements.CacheOtherProduct, after: func(o *entitlements.Options) { o.LicenseARN = arn }},
		"another issuer":  {problem: entitlements.CacheOtherProduct, after: func(o *entitlements.Options) { o.KeyFingerprint = "aws:1:Me:issuer-fingerprint" }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var path string
				w := newWorld(t, inFile(t), func(o *entitlements.Options) { path = o.CacheFile })
				options := w.options
				w.options = append(options, test.before)
				w.watch().Close()
				if test.spoil != nil {
					test.spoil(t, path)
				}
				spoilt, _ := os.ReadFile(path)

				w.network.set("down")
				_, err := entitlements.Watch(t.Context(), w.client, w.manager.ProductSKU(), append(options, test.after)...)
				var problem *entitlements.CacheError
				require.ErrorAs(t, err, &problem)
				assert.ErrorIs(t, err, errNoNetwork)
				assert.Equal(t, test.problem, problem.Problem)
				assert.Equal(t, path, problem.Path)
				assert.Contains(t, problem.Error(), path)
				assert.NotContains(t, problem.Error(), "\n")

				// It is no error of Watch if the service can be reached, and is not deleted.
				w.network.set("")
				watcher, err := entitlements.Watch(t.Context(), w.client, w.manager.ProductSKU(), append(options, test.after)...)
				require.NoError(t, err)
				for range 2 {
					require.ErrorAs(t, watcher.Err(), &problem)
					sleep(15 * time.Minute)
				}
				watcher.Close()
				left, _ := os.ReadFile(path)
				assert.Equal(t, spoilt, left)
			})
		})
	}
}

func TestCacheThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "dir")
		require.NoError(t, os.WriteFile(dir, nil, 0o600)) // where the directory should be
		w := newWorld(t, func(o *entitlements.Options) { o.CacheFile = filepath.Join(dir, "file") })
		watcher := w.watch()
		defer watcher.Close()
		assert.EqualValues(t, 10, seats(watcher))
		assert.ErrorContains(t, watcher.Err(), dir)
		w.network.set("down")
		sleep(15 * time.Minute)
		assert.ErrorIs(t, watcher.Err(), errNoNetwork)
		assert.ErrorContains(t, watcher.Err(), dir)
	})
}

// model is what the licenses are, as the issuer made them.
type model struct {
	seats     int
	premium   bool
	end       time.Time // zero for none
	suspended bool
}

// TestThirtyDays is a month of purchases, upgrades, renewals, cancellations,
// outages and restarts. Whenever the service could be reached for an interval
// in which nothing changed, the Watcher is up to date. Without
// AWSTOKENS_EXHAUSTIVE it is five days, because writing files takes time.
func TestThirtyDays(t *testing.T) {
	days, seeds := 5, uint64(1)
	if exhaustive {
		days, seeds = 30, 2
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { watchFor(t, days, rand.New(rand.NewPCG(seed, 12))) })
		})
	}
}

func watchFor(t *testing.T, days int, random *rand.Rand) {
	const step, interval = time.Minute, 15 * time.Minute
	w := newWorld(t, inFile(t))
	w.server.LicenseManager().OneIn(5, "ListReceivedLicenses").Throttle()
	w.server.LicenseManager().OneIn(7, "ListReceivedLicenses").LoseAnswer()
	w.server.LicenseManager().OneIn(11, "ListReceivedLicenses").Fail(http.StatusInternalServerError)
	models := map[string]*model{w.manager.LicenseARN(): {seats: 10, premium: true}}
	arns := []string{w.manager.LicenseARN()}
	watcher := w.watch()
	defer func() { watcher.Close() }()

	start := time.Now()
	stable := start // since when nothing has changed and the service could be reached
	var outageEnds time.Time
	checks, events, outages, restarts := 0, map[string]int{}, 0, 0
	reported, _ := watcher.Current()
	for time.Since(start) < time.Duration(days)*24*time.Hour {
		now := time.Now()
		if kind := w.anEvent(random, models, &arns); kind != "" {
			events[kind]++
			stable = now
		}
		switch {
		case w.network.is() != "" && !now.Before(outageEnds):
			w.network.set("")
			stable = now
		case w.network.is() == "" && random.IntN(8*60) == 0:
			outages++
			w.network.set([]string{"down", "hangs", "fails"}[random.IntN(3)])
			outageEnds = now.Add(time.Duration(random.IntN(12*60)) * time.Minute)
		}
		if random.IntN(24*60) == 0 {
			restarts++
			watcher.Close()
			watcher = w.watch()
		}
		sleep(step)
		for _, m := range models { // an end is a change too
			if !m.end.IsZero() && !m.end.Before(now) && !m.end.After(time.Now()) {
				stable = time.Now()
			}
		}

		current, age := watcher.Current()
		if watcher.Err() != nil { // it could not be reached
			stable = time.Now()
		}
		for _, c := range w.take() {
			reported = c.After
		}
		if w.network.is() != "" || time.Since(stable) < interval+step {
			continue
		}
		checks++
		wantSeats, wantPremium, wantEnd := expected(models)
		n, _ := current.Limit(awstokenstest.Seats)
		require.EqualValues(t, wantSeats, n, "%s", time.Since(start))
		require.Equal(t, wantPremium, current.Has(awstokenstest.Feature))
		require.True(t, wantEnd.Equal(current.Expires()), "%s, not %s", current.Expires(), wantEnd)
		require.LessOrEqual(t, age, interval+step)
		require.Equal(t, current.Licenses(), reported.Licenses(), "the last report is up to date")
	}
	t.Logf("%d checks, events %v, %d outages, %d restarts", checks, events, outages, restarts)
	assert.Greater(t, checks, 400*days)
	for _, kind := range []string{"upgrade", "renewal", "cancellation", "resumption", "purchase", "feature"} {
		assert.Positive(t, events[kind], kind)
	}
	assert.GreaterOrEqual(t, outages, days/2)
	assert.GreaterOrEqual(t, restarts, days/2)
}

// expected returns what the usable licenses have now.
func expected(models map[string]*model) (seats int, premium bool, end time.Time) {
	forever := false
	for _, m := range models {
		if m.suspended || !m.end.IsZero() && !time.Now().Before(m.end) {
			continue
		}
		seats += m.seats
		premium = premium || m.premium
		forever = forever || m.end.IsZero()
		if m.end.After(end) {
			end = m.end
		}
	}
	if forever {
		return seats, premium, time.Time{}
	}
	return seats, premium, end
}

// anEvent is something that the issuer does, a few times a day.
func (w *world) anEvent(random *rand.Rand, models map[string]*model, arns *[]string) string {
	if random.IntN(4*60) != 0 {
		return ""
	}
	arn := (*arns)[random.IntN(len(*arns))]
	m := models[arn]
	switch random.IntN(6) {
	case 0:
		m.seats = random.IntN(100)
		w.manager.ChangeLicense(arn, func(l *licensemanager.License) {
			n := int64(m.seats)
			l.Entitlements[0].MaxCount = &n
		})
		return "upgrade"
	case 1:
		m.end = time.Now().Add(time.Duration(random.IntN(5*24)) * time.Hour).Truncate(time.Second).UTC()
		w.manager.ChangeLicense(arn, func(l *licensemanager.License) { l.Validity.End = m.end.Format(time.RFC3339) })
		return "renewal"
	case 2:
		m.suspended = true
		w.manager.SuspendLicense(arn)
		return "cancellation"
	case 3:
		m.suspended = false
		w.manager.ResumeLicense(arn)
		return "resumption"
	case 4:
		m.premium = !m.premium
		w.manager.ChangeLicense(arn, func(l *licensemanager.License) {
			l.Entitlements = slices.DeleteFunc(l.Entitlements, func(e licensemanager.Entitlement) bool { return e.Name == awstokenstest.Feature })
			if m.premium {
				l.Entitlements = append(l.Entitlements, feature(awstokenstest.Feature))
			}
		})
		return "feature"
	default:
		if len(*arns) == 5 {
			return ""
		}
		bought := fmt.Sprintf("arn:aws:license-manager::111122223333:license:l-%032x", len(*arns))
		w.manager.AddLicense(bought)
		w.manager.ChangeLicense(bought, func(l *licensemanager.License) { l.ProductSKU = w.manager.ProductSKU() })
		*arns = append(*arns, bought)
		models[bought] = &model{seats: 10, premium: true}
		return "purchase"
	}
}

// A forgotten KeyFingerprint is reported, and leaves no cache file, which would be
// refused when the right one is set.
func TestWatchOfAnEmptySet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var path string
		w := newWorld(t, inFile(t), func(o *entitlements.Options) { path = o.CacheFile })
		options := w.options
		w.options = append(options, func(o *entitlements.Options) { o.KeyFingerprint = "" })
		watcher := w.watch()
		var empty *entitlements.EmptyError
		require.ErrorAs(t, watcher.Err(), &empty)
		assert.Equal(t, licensemanager.MarketplaceKeyFingerprint, empty.KeyFingerprint)
		w.network.set("down")
		sleep(15 * time.Minute)
		assert.ErrorIs(t, watcher.Err(), errNoNetwork)
		assert.ErrorAs(t, watcher.Err(), &empty)
		watcher.Close()
		assert.NoFileExists(t, path)

		w.network.set("")
		w.options = options
		watcher = w.watch()
		assert.NoError(t, watcher.Err())
		w.endIn(20 * time.Minute)
		sleep(time.Hour)
		assert.Zero(t, seats(watcher), "the license has ended")
		watcher.Close()

		w.network.set("down")
		watcher = w.watch()
		assert.Zero(t, seats(watcher))
		assert.ErrorAs(t, watcher.Err(), &empty)
		watcher.Close()
		w.network.set("")
		w.change(func(l *licensemanager.License) { l.Validity.End = "" })
		watcher = w.watch()
		assert.NoError(t, watcher.Err())
		watcher.Close()
	})
}

// One odd Date ends no license and is not in the cache file. A second one that
// agrees is believed.
func TestOddDate(t *testing.T) {
	for _, odd := range []time.Time{time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, 0)} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(date))
			api := &service{licenses: []licensemanager.GrantedLicense{license(with(feature("Premium")))}, date: date}
			path := filepath.Join(t.TempDir(), "cache")
			w, err := entitlements.Watch(t.Context(), api, sku, func(o *entitlements.Options) { o.CacheFile = path })
			require.NoError(t, err)
			defer w.Close()
			has := func() bool {
				set, _ := w.Current()
				return set.Has("Premium")
			}
			assert.True(t, has())
			api.mu.Lock()
			api.date = odd
			api.mu.Unlock()
			sleep(16 * time.Minute)
			api.mu.Lock()
			assert.Len(t, api.listed, 4)
			api.mu.Unlock()
			assert.True(t, has())
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.NotContains(t, string(text), odd.UTC().Format("2006-"))
			sleep(15 * time.Minute)
			assert.False(t, has(), "two agree")
		})
	}
}

// noLicense is an API that returns nothing and no error.
type noLicense struct{ service }

func (*noLicense) GetLicense(context.Context, *licensemanager.GetLicenseInput) (*licensemanager.GetLicenseOutput, error) {
	return new(licensemanager.GetLicenseOutput), nil
}

func TestNoLicenseInTheResponse(t *testing.T) {
	_, err := entitlements.Load(t.Context(), &noLicense{}, sku, func(o *entitlements.Options) { o.LicenseARN = arn })
	assert.ErrorContains(t, err, "has no license")
}

// forgetful is an API that denies the license in the next responses.
type forgetful struct {
	entitlements.API
	next atomic.Int64
}

func (f *forgetful) ListReceivedLicenses(ctx context.Context, in *licensemanager.ListReceivedLicensesInput) (*licensemanager.ListReceivedLicensesOutput, error) {
	out, err := f.API.ListReceivedLicenses(ctx, in)
	if err == nil && f.next.Add(-1) >= 0 {
		out.Licenses = nil
	}
	return out, err
}

func (f *forgetful) GetLicense(ctx context.Context, in *licensemanager.GetLicenseInput) (*licensemanager.GetLicenseOutput, error) {
	if f.next.Add(-1) >= 0 {
		return nil, &licensemanager.ResourceNotFoundException{}
	}
	return f.API.GetLicense(ctx, in)
}

// Two wrong responses in a row end no license, in memory or in the cache file.
// Three end it.
func TestLicenseThatIsMissed(t *testing.T) {
	for _, one := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, inFile(t))
			if one {
				w.options = append(w.options, func(o *entitlements.Options) { o.LicenseARN = w.manager.LicenseARN() })
			}
			api := &forgetful{API: w.client}
			watch := func() *entitlements.Watcher {
				watcher, err := entitlements.Watch(t.Context(), api, w.manager.ProductSKU(), w.options...)
				require.NoError(t, err)
				return watcher
			}
			for missed, seatsLeft := range []int64{10, 10, 10, 0} {
				watcher := watch()
				assert.EqualValues(t, 10, seats(watcher))
				w.take()
				api.next.Store(int64(missed))
				sleep(16 * time.Minute) // one interval, and the pauses before it asks again
				assert.Equal(t, seatsLeft, seats(watcher), missed)
				assert.Equal(t, seatsLeft == 0, len(w.take()) > 0, missed)
				watcher.Close()

				w.network.set("down")
				watcher = w.watch()
				assert.Equal(t, seatsLeft, seats(watcher), missed)
				watcher.Close()
				w.network.set("")
			}
		})
	}
}

// A set that is too large for the cache file, which could not be read, leaves the
// file as it was.
func TestCacheTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(date))
		api := &service{licenses: []licensemanager.GrantedLicense{license(with(count("Users", 10)))}, date: date}
		file := inFile(t)
		watch := func() *entitlements.Watcher {
			w, err := entitlements.Watch(t.Context(), api, sku, file)
			require.NoError(t, err)
			return w
		}
		users := func(w *entitlements.Watcher) int64 {
			set, _ := w.Current()
			n, _ := set.Limit("Users")
			return n
		}
		watch().Close()
		api.licenses[0] = license(with(count("Users", 20)), func(l *licensemanager.GrantedLicense) { l.Beneficiary = strings.Repeat("b", 16<<20) })
		w := watch()
		assert.EqualValues(t, 20, users(w))
		assert.ErrorContains(t, w.Err(), "too long")
		w.Close()
		api.err = errNoNetwork
		w = watch()
		defer w.Close()
		assert.EqualValues(t, 10, users(w))
	})
}
