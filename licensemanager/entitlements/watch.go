package entitlements

import (
	"cmp"
	"context"
	"fmt"
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
	defaultEvery = 15 * time.Minute
	defaultSoon  = 7 * 24 * time.Hour

	// lookTimeout bounds a look, and startTimeout the first one where there is
	// a set to start from.
	lookTimeout  = time.Minute
	startTimeout = 10 * time.Second

	// firstPause is the pause after a failed look; it doubles up to
	// Options.Every.
	firstPause = 30 * time.Second

	// slice is the longest sleep: a timer may stand still while the machine is
	// suspended.
	slice = time.Minute
)

// Change is what a [Watcher] reports.
type Change struct {
	Before, After *Set

	// Names are the entitlements that differ, sorted. It is empty if only a
	// license differs, as after a renewal, and if nothing does.
	Names []string

	// ExpiringSoon are the usable licenses that end within Options.Soon. Each
	// is reported once for its end.
	ExpiringSoon []licensemanager.GrantedLicense
}

// Watcher keeps a [Set] up to date. It is safe for concurrent use, and costs
// one goroutine, which ends when the context of Watch ends or Close is called.
type Watcher struct {
	loader      *loader
	every, soon time.Duration
	useCache    bool // the cache file is good, or there is none
	restored    bool // there was a cache file
	cancel      context.CancelFunc
	done        chan struct{} // closed when the goroutine has ended
	changed     chan struct{}

	mu       sync.Mutex
	known    known
	set      *Set      // at the time of the last evaluation
	entitled bool      // there was a usable license once
	next     time.Time // when a license begins or ends; zero for never
	err      error     // of the last look
	cacheErr error     // why the cache file cannot be used

	// Of the goroutine alone.
	reported *Set
	warned   map[string]time.Time // the end for which a license was reported, by ARN
}

// known is what the service said last.
type known struct {
	licenses []licensemanager.GrantedLicense
	date     time.Time     // when, by its clock
	service  clock.Service // its clock now
}

// Watch looks at once, and then every 15 minutes, until ctx ends or Close is
// called. An empty set is not an error of Watch: the customer may buy a license
// later. Until then [Watcher.Err] has an [*EmptyError], and no cache file is
// created.
//
// If the first look fails, Watch starts from the cache file; without one, it
// returns the error of [Load], and a [*CacheError] if the file cannot be used.
// If it can look, such a file is no error of Watch: [Watcher.Err] has it, and
// the file is not written to until somebody removes it and starts again.
//
// With LicenseARN, Watch returns an [*EmptyError] if that license is of another
// product or issuer.
func Watch(ctx context.Context, api API, productSKU string, options ...func(*Options)) (*Watcher, error) {
	l, err := newLoader(api, productSKU, options)
	if err != nil {
		return nil, err
	}
	w := &Watcher{
		loader: l, every: l.options.Interval, soon: l.options.ExpiringSoon,
		done: make(chan struct{}), changed: make(chan struct{}, 1), warned: map[string]time.Time{},
	}
	if w.every == 0 {
		w.every = defaultEvery
	}
	if w.soon == 0 {
		w.soon = defaultSoon
	}
	timeout := lookTimeout
	if w.restore(); w.set != nil {
		timeout = startTimeout
	}
	start := w.loader.options.Clock.Elapsed()
	err = w.refresh(ctx, timeout)
	switch {
	case err != nil && (w.set == nil || ctx.Err() != nil):
		return nil, join(err, w.cacheErr)
	case w.loader.options.LicenseARN != "" && slices.ContainsFunc(w.set.unusable, isMistake):
		return nil, w.set.empty()
	}
	if w.reported == nil {
		w.reported = w.set
	}
	ctx, w.cancel = context.WithCancel(ctx)
	go w.run(ctx, start, err)
	return w, nil
}

// isMistake reports whether Options.LicenseARN cannot be meant.
func isMistake(u Unusable) bool {
	return u.Reason == ReasonWrongProduct || u.Reason == ReasonWrongIssuer
}

// restore starts from the cache file, if there is one.
func (w *Watcher) restore() {
	if w.loader.options.CacheFile == "" {
		return
	}
	atomicfile.Clean(w.loader.options.CacheFile, leftover)
	var c *cached
	c, w.cacheErr = w.loader.readCache()
	w.useCache = w.cacheErr == nil
	if c == nil {
		return
	}
	w.restored = true
	// The local clock says how long ago that was, unless it was set back.
	passed := max(0, w.loader.options.Clock.Now().Sub(c.Saved))
	k := known{licenses: c.Licenses, date: c.Date}
	k.service.Guess(w.loader.options.Clock, c.Seen.Add(passed))
	w.learn(k, nil)
	w.reported = w.set
}

// run is the goroutine. The last look began at start and ended with err.
func (w *Watcher) run(ctx context.Context, start time.Duration, err error) {
	defer close(w.done)
	defer close(w.changed)
	pause := firstPause
	for {
		w.report()
		wait := w.every
		if err == nil {
			pause = firstPause
		} else {
			wait = min(pause, w.every)
			pause = 2 * wait
		}
		if w.sleepUntil(ctx, start+wait-rand.N(wait/10+1)) != nil {
			return
		}
		start = w.loader.options.Clock.Elapsed()
		if err = w.refresh(ctx, lookTimeout); ctx.Err() != nil {
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
		if err := w.loader.options.Clock.Sleep(ctx, min(left, slice)); err != nil {
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
	switch {
	case err == nil:
		k.licenses, k.date = found, date
	case k.date.IsZero():
		return err
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

func (w *Watcher) learn(k known, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known, w.err = k, err
	w.evaluate()
}

// now is the service's clock, as far as it is known. The caller holds mu, or is
// the goroutine, which alone writes what is known.
func (w *Watcher) now() time.Time {
	return w.known.service.Now(w.loader.options.Clock)
}

// evaluate makes the set of this moment. The caller holds mu.
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

// report tells what is different since the last report.
func (w *Watcher) report() {
	set, _ := w.Current()
	c := Change{Before: w.reported, After: set, Names: differences(w.reported, set), ExpiringSoon: w.expiringSoon(set)}
	if sameLicenses(c.Before, c.After) && len(c.ExpiringSoon) == 0 {
		return
	}
	w.reported = set
	select {
	case w.changed <- struct{}{}:
	default: // one that nobody has taken yet stands for this one too
	}
	if w.loader.options.OnChange != nil {
		w.loader.options.OnChange(c)
	}
}

// sameLicenses compares the usable licenses of two sets, in any order.
func sameLicenses(a, b *Set) bool {
	byARN := func(a, b licensemanager.GrantedLicense) int { return strings.Compare(a.LicenseArn, b.LicenseArn) }
	return reflect.DeepEqual(slices.SortedFunc(slices.Values(a.licenses), byARN), slices.SortedFunc(slices.Values(b.licenses), byARN))
}

// expiringSoon returns the licenses that end soon and were not reported yet.
func (w *Watcher) expiringSoon(set *Set) (list []licensemanager.GrantedLicense) {
	now := w.now()
	warned := map[string]time.Time{}
	for _, license := range set.licenses {
		_, end := period(&license)
		if end.IsZero() || end.Sub(now) > w.soon {
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
// service confirmed it, by the service's clock: age is at most the interval
// while the service can be reached. The set is never nil. A license that has
// ended since then is not in it, unless Options.Grace keeps it.
//
// A program decides by age how old is too old; [Watcher.Err] says why it is.
func (w *Watcher) Current() (set *Set, age time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if !w.next.IsZero() && !now.Before(w.next) {
		w.evaluate()
	}
	return w.set, max(0, now.Sub(w.known.date))
}

// Err returns why the last look failed or could not be kept in the cache file,
// or nil. Until the Watcher has seen a usable license it is, or wraps, an
// [*EmptyError], which names the product and the issuer; a later cancellation is
// no failure. In the error of a look, errors.Is finds what the credentials
// report, such as a refresh token that was refused.
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

// join is both errors in one line.
func join(a, b error) error {
	if a != nil && b != nil {
		return fmt.Errorf("%w (%w)", a, b)
	}
	return cmp.Or(a, b)
}

// Changed returns a channel that receives a value after a change: Current is
// different, or a license ends soon. It holds one value, for one receiver, and
// is closed when the Watcher ends.
func (w *Watcher) Changed() <-chan struct{} { return w.changed }

// Close ends the Watcher and waits for it, so OnChange must not call it.
// Current still works. Closing again does nothing.
func (w *Watcher) Close() {
	w.cancel()
	<-w.done
}
