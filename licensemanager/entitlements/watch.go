package entitlements

import (
	"cmp"
	"context"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/atomicfile"
	"github.com/seed-25f54b62/awstokens/internal/clock"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

const (
	defaultInterval     = 15 * time.Minute
	defaultExpiringSoon = 7 * 24 * time.Hour

	// refreshTimeout limits a refresh, and startTimeout the first one if there is
	// a cache file to start from.
	refreshTimeout = time.Minute
	startTimeout   = 10 * time.Second

	// firstPause is the pause after a failed refresh, and until there has been a
	// usable license. It doubles up to Options.Interval.
	firstPause = 30 * time.Second

	// A license that is not in a response is looked for again, this often.
	confirmations = 2
	confirmPause  = time.Second

	// maxSleep is the longest sleep: a timer may stand still while the machine is
	// suspended.
	maxSleep = time.Minute
)

// Change is what a [Watcher] reports.
type Change struct {
	Before, After *Set

	// Names are the entitlements that differ, sorted. It is empty if only
	// licenses differ, for example after a renewal, or if nothing does.
	Names []string

	// ExpiringSoon are the usable licenses that end within Options.ExpiringSoon.
	// Each is reported once, and again if its end changes.
	ExpiringSoon []licensemanager.GrantedLicense
}

// Watcher keeps a [Set] up to date. It is safe for concurrent use, and has one
// goroutine, which ends when the context of Watch ends or Close is called.
type Watcher struct {
	loader   *loader
	useCache bool // the cache file is valid, or there is none
	restored bool // there was a valid cache file
	cancel   context.CancelFunc
	done     chan struct{} // closed when the goroutine has ended
	changed  chan struct{}

	mu       sync.Mutex
	known    known
	set      *Set      // at the time of the last evaluation
	entitled bool      // there has been a usable license
	next     time.Time // when a license begins or ends next; zero: never
	err      error     // of the last refresh
	cacheErr error     // of the cache file

	// Used by the goroutine alone.
	reported *Set
	warned   map[string]time.Time // the end for which a license was reported, by ARN
}

// known is what the service returned last.
type known struct {
	licenses []licensemanager.GrantedLicense
	date     time.Time // when, by the service's clock
	service  clock.Service
}

// Watch asks the service at once, and then every 15 minutes, until ctx ends or
// Close is called. It waits for the first refresh: at most a minute, or 10 seconds
// if there is a cache file. An empty set is not an error of Watch, because the
// customer may buy a license later: until then, [Watcher.Err] returns an
// [*EmptyError], and no cache file is created.
//
// If the first refresh fails, Watch starts from the cache file. Without one, it
// returns the error of [Load], which wraps a [*CacheError] as well if the file
// cannot be used; a program may call Watch again. If the first refresh succeeds,
// such a file is not an error of Watch: [Watcher.Err] returns it, and the Watcher
// does not write to the file.
//
// With LicenseARN, Watch returns an [*EmptyError] if that license is of another
// product or issuer.
func Watch(ctx context.Context, api API, productSKU string, options ...func(*Options)) (*Watcher, error) {
	l, err := newLoader(api, productSKU, options)
	if err != nil {
		return nil, err
	}
	w := &Watcher{
		loader: l, done: make(chan struct{}), changed: make(chan struct{}, 1), warned: map[string]time.Time{},
	}
	l.options.Interval = cmp.Or(l.options.Interval, defaultInterval)
	l.options.ExpiringSoon = cmp.Or(l.options.ExpiringSoon, defaultExpiringSoon)
	timeout := refreshTimeout
	if w.restore(); w.set != nil {
		timeout = startTimeout
	}
	start := l.options.Clock.Elapsed()
	err = w.refresh(ctx, timeout)
	switch {
	case err != nil && (w.set == nil || ctx.Err() != nil):
		return nil, join(err, w.cacheErr)
	case l.options.LicenseARN != "" && slices.ContainsFunc(w.set.unusable, isMistake):
		return nil, w.set.empty()
	}
	if w.reported == nil {
		w.reported = w.set
	}
	ctx, w.cancel = context.WithCancel(ctx)
	go w.run(ctx, start, err)
	return w, nil
}

// isMistake reports whether Options.LicenseARN must be a mistake.
func isMistake(u UnusableLicense) bool {
	return u.Reason == ReasonWrongProduct || u.Reason == ReasonWrongIssuer
}

// restore starts from the cache file, if there is one.
func (w *Watcher) restore() {
	if w.loader.options.CacheFile == "" {
		return
	}
	atomicfile.Clean(w.loader.options.CacheFile, atomicfile.Leftover)
	var c *cached
	c, w.cacheErr = w.loader.readCache()
	w.useCache = w.cacheErr == nil
	if c == nil {
		return
	}
	w.restored = true
	// The local clock says how long ago that was. If it was set back, the time in
	// between does not count; nor do the years by which a clock that starts in 1970
	// was set.
	now, saved := w.loader.options.Clock.Now(), c.Saved
	if c.Seen.Sub(saved) > maxOdd && now.After(c.Seen) {
		saved = c.Seen
	}
	passed := max(0, now.Sub(saved))
	k := known{licenses: c.Licenses, date: c.Date}
	k.service.Guess(w.loader.options.Clock, c.Seen.Add(passed))
	w.learn(k, nil)
	w.reported = w.set
}

// run is the goroutine. The last refresh began at start and returned err.
func (w *Watcher) run(ctx context.Context, start time.Duration, err error) {
	defer close(w.done)
	defer close(w.changed)
	pause := firstPause
	for {
		w.report()
		wait := w.loader.options.Interval
		if err == nil && w.wasEntitled() {
			pause = firstPause
		} else {
			wait = min(pause, wait)
			pause = 2 * wait
		}
		if w.sleepUntil(ctx, start+wait-rand.N(wait/10+1)) != nil {
			return
		}
		start = w.loader.options.Clock.Elapsed()
		if err = w.refresh(ctx, refreshTimeout); ctx.Err() != nil {
			return
		}
	}
}

func (w *Watcher) sleepUntil(ctx context.Context, due time.Duration) error {
	for {
		left := due - w.loader.options.Clock.Elapsed()
		if left <= 0 {
			return ctx.Err()
		}
		if err := w.loader.options.Clock.Sleep(ctx, min(left, maxSleep)); err != nil {
			return err
		}
	}
}

// refresh asks the service, and keeps what it learns.
func (w *Watcher) refresh(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	k := w.known // nobody else writes it
	found, date, err := w.loader.load(ctx, &k.service)
	for i := 0; i < confirmations && err == nil && lacks(found, k.licenses); i++ {
		if err = w.loader.options.Clock.Sleep(ctx, confirmPause); err == nil {
			found, date, err = w.loader.load(ctx, &k.service)
		}
	}
	switch {
	case err == nil:
		k.licenses, k.date = found, date
	case k.date.IsZero():
		return err
	case w.useCache:
		// Another process may have reached the service.
		if c, _ := w.loader.readCache(); c != nil && c.Date.After(k.date) {
			k.licenses, k.date = c.Licenses, c.Date
		}
	}
	w.learn(k, err)
	// An empty set creates no file: the issuer may be a mistake, and the file
	// would be refused when that is corrected. A cancellation is written.
	if w.useCache && (w.restored || w.wasEntitled()) {
		// Also after a failure: the time that the service was known to have shows
		// the next start whether the local clock was set back.
		saveErr := w.loader.writeCache(cached{Date: k.date, Seen: w.now(), Licenses: k.licenses})
		w.mu.Lock()
		w.cacheErr = saveErr
		w.mu.Unlock()
	}
	return err
}

// lacks reports whether one of the known licenses was not found.
func lacks(found, known []licensemanager.GrantedLicense) bool {
	return slices.ContainsFunc(known, func(l licensemanager.GrantedLicense) bool { return !has(found, l.LicenseArn) })
}

func has(list []licensemanager.GrantedLicense, arn string) bool {
	return slices.ContainsFunc(list, func(l licensemanager.GrantedLicense) bool { return l.LicenseArn == arn })
}

func (w *Watcher) learn(k known, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known, w.err = k, err
	w.evaluate()
}

// now is the time of the service. The caller holds mu or is the goroutine, which
// alone writes known.
func (w *Watcher) now() time.Time {
	return w.known.service.Now(w.loader.options.Clock)
}

// evaluate makes the set of now. The caller holds mu.
func (w *Watcher) evaluate() {
	k, now := w.known, w.now()
	w.set = evaluate(&w.loader.options, w.loader.productSKU, k.licenses, k.date, now)
	w.entitled = w.entitled || len(w.set.licenses) > 0
	w.next = time.Time{}
	for i := range k.licenses {
		begin, end := period(&k.licenses[i])
		for _, due := range []time.Time{begin, end, end.Add(w.loader.options.Grace)} {
			if due.After(now) && (w.next.IsZero() || due.Before(w.next)) {
				w.next = due
			}
		}
	}
}

// report reports what has changed since the last report.
func (w *Watcher) report() {
	set, _ := w.Current()
	c := Change{Before: w.reported, After: set, Names: differences(w.reported, set), ExpiringSoon: w.expiringSoon(set)}
	if sameLicenses(c.Before, c.After) && len(c.ExpiringSoon) == 0 {
		return
	}
	w.reported = set
	select {
	case w.changed <- struct{}{}:
	default: // the value that nobody has received yet stands for this change too
	}
	if w.loader.options.OnChange != nil {
		w.loader.options.OnChange(c)
	}
}

// sameLicenses reports whether two sets have the same usable licenses, in any
// order.
func sameLicenses(a, b *Set) bool {
	byARN := func(a, b licensemanager.GrantedLicense) int { return strings.Compare(a.LicenseArn, b.LicenseArn) }
	return reflect.DeepEqual(slices.SortedFunc(slices.Values(a.licenses), byARN), slices.SortedFunc(slices.Values(b.licenses), byARN))
}

// expiringSoon returns the licenses that end soon, without those that were
// reported.
func (w *Watcher) expiringSoon(set *Set) (list []licensemanager.GrantedLicense) {
	now := w.now()
	warned := map[string]time.Time{}
	for _, license := range set.licenses {
		_, end := period(&license)
		if end.IsZero() || end.Sub(now) > w.loader.options.ExpiringSoon {
			continue
		}
		warned[license.LicenseArn] = end
		if !w.warned[license.LicenseArn].Equal(end) {
			list = append(list, license)
		}
	}
	w.warned = warned
	return list
}

// Current returns what the customer is entitled to now, and how long ago the
// service confirmed it. The set is never nil. A license that has ended since then
// is not in it, unless Options.Grace keeps it. While the service can be reached,
// age is at most Options.Interval. The program decides how old is too old;
// [Watcher.Err] says why the set is old.
func (w *Watcher) Current() (set *Set, age time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if !w.next.IsZero() && !now.Before(w.next) {
		w.evaluate()
	}
	return w.set, max(0, now.Sub(w.known.date))
}

// Err returns why the last refresh failed, or why the cache file cannot be used,
// or nil. Until the Watcher has seen a usable license, the error is or wraps an
// [*EmptyError], which names the product and the issuer. A later cancellation is not
// an error. The error of a refresh wraps that of the credentials, such as
// tokencreds.ErrTokenRefused.
func (w *Watcher) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.err
	if !w.entitled {
		err = join(err, w.set.empty())
	}
	return join(err, w.cacheErr)
}

func (w *Watcher) wasEntitled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.entitled
}

// Changed returns a channel that gets a value after a change: Current differs, or
// a license ends soon. The channel holds one value, for one receiver, and is
// closed when the Watcher ends.
func (w *Watcher) Changed() <-chan struct{} { return w.changed }

// Close ends the Watcher and waits for it, so OnChange must not call it.
// Current still works. Closing again does nothing.
func (w *Watcher) Close() {
	w.cancel()
	<-w.done
}
