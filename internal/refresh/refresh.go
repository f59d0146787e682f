// Package refresh caches credentials. It renews them before they expire, one
// renewal at a time, and returns the old ones as long as they are valid.
package refresh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/seed-25f54b62/awstokens"
)

const (
	early = 5 * time.Minute // how long before their end credentials are renewed
	pause = time.Minute     // the shortest time between two renewals while there are valid credentials
)

// Options are the settings of a Cache. Zero values mean the defaults.
type Options struct {
	// Now is the clock that lives are measured with; default time.Now. Only
	// differences matter, so it may be wrong.
	Now func() time.Time

	// Timeout bounds a renewal, which does not end with the context of the caller
	// that needed it first. Default 1 minute.
	Timeout time.Duration
}

// Renew returns new credentials and their life, counted from the call of Renew. A
// life that is shorter than a minute counts as a minute; Discard is for credentials
// that a service does not accept. Only one Renew runs at a time. Its context has the
// values, but not the end, of that of a caller.
type Renew func(context.Context) (credentials awstokens.Credentials, life time.Duration, err error)

// Cache holds credentials. It is safe for concurrent use.
type Cache struct {
	options Options
	renew   Renew

	mu          sync.Mutex
	credentials awstokens.Credentials
	has         bool          // there are credentials
	got         time.Time     // when the renewal that got them began
	life        time.Duration // after got
	renewIn     time.Duration // after got
	flight      *flight       // the running renewal, or nil
}

type flight struct {
	done chan struct{}

	// Set before done is closed.
	credentials awstokens.Credentials
	err         error

	failure error // the last that Failed recorded; guarded by the mutex of the Cache
}

// New returns an empty cache.
func New(options Options, renew Renew) *Cache {
	if options.Now == nil {
		options.Now = time.Now
	}
	options.Timeout = cmp.Or(options.Timeout, time.Minute)
	return &Cache{options: options, renew: renew}
}

// Get returns the credentials. While they are valid, Get does not wait: five
// minutes before their end, or after half of a short life, they are renewed in the
// background, and a renewal that fails is retried a minute later. Without valid
// credentials, Get waits for a renewal and returns its error if it fails. If the
// context ends first, the error also wraps the last failure of the renewal.
func (c *Cache) Get(ctx context.Context) (awstokens.Credentials, error) {
	if ctx == nil {
		return awstokens.Credentials{}, errors.New("the context is nil")
	}
	c.mu.Lock()
	age := Elapsed(c.got, c.options.Now())
	good := c.has && age < c.life
	if c.flight == nil && (!good || age >= c.renewIn) {
		c.flight = &flight{done: make(chan struct{})}
		go c.fly(context.WithoutCancel(ctx), c.flight)
	}
	credentials, f := c.credentials, c.flight
	c.mu.Unlock()

	if good {
		return credentials, nil
	}
	select {
	case <-f.done:
		return f.credentials, f.err
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		if f.failure != nil {
			return awstokens.Credentials{}, fmt.Errorf("%w (last failure: %w)", ctx.Err(), f.failure)
		}
		return awstokens.Credentials{}, ctx.Err()
	}
}

// Failed records a failure that does not end the running renewal.
func (c *Cache) Failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flight != nil {
		c.flight.failure = err
	}
}

// Renewing reports whether a renewal is running.
func (c *Cache) Renewing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flight != nil
}

// Wait waits until no renewal is running. It returns nil or the context's error.
func (c *Cache) Wait(ctx context.Context) error {
	for {
		c.mu.Lock()
		f := c.flight
		c.mu.Unlock()
		if f == nil {
			return nil
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Discard drops the credentials if they are the ones that a service refused.
func (c *Cache) Discard(refused awstokens.Credentials) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.credentials.AccessKeyID == refused.AccessKeyID {
		c.credentials, c.has = awstokens.Credentials{}, false
	}
}

// fly runs one renewal.
func (c *Cache) fly(ctx context.Context, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	start := c.options.Now()
	var life time.Duration
	f.err = errors.New("the renewal ended its goroutine")
	defer func() { c.land(f, start, life) }() // also after runtime.Goexit, or callers would wait for ever
	f.credentials, life, f.err = c.renew(ctx)
}

// land ends a renewal with its outcome.
func (c *Cache) land(f *flight, start time.Time, life time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.err != nil {
		c.renewIn = Elapsed(c.got, c.options.Now()) + pause
	} else {
		life = max(life, pause)
		c.credentials, c.has, c.got, c.life = f.credentials, true, start, life
		c.renewIn = life - min(early, life/2) // or a short life would be renewed all the time
	}
	c.flight = nil
	close(f.done)
}

// The lives of credentials that AWS issues.
const (
	shortest = 15 * time.Minute
	longest  = 12 * time.Hour
)

// Life returns how long the credentials in a response are valid, counted from the
// response. It is measured with the service's clock: date is the response's, and
// may be a second old. Without a date it is measured with the local clock, which
// may be wrong, and is at least the shortest life that AWS issues. It is never
// more than the longest.
func Life(expires, date, now time.Time) time.Duration {
	if date.IsZero() {
		return min(max(expires.Sub(now), shortest), longest)
	}
	return min(max(expires.Sub(date), time.Second)-time.Second, longest)
}

// Elapsed returns the time between two readings of a clock. If both have a
// monotonic reading, a wall clock that was set back does not shorten it. One that
// was set forward, or ran while the machine was suspended, lengthens it.
func Elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}
