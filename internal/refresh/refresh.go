// Package refresh caches a value that expires. It renews the value before that,
// one renewal at a time, and returns the old one as long as it is valid.
package refresh

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	early = 5 * time.Minute // how long before its end a value is renewed
	pause = time.Minute     // the shortest time between two renewals while there is a valid value
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

// Renew returns a new value and its life, counted from the call of Renew. A life
// that is shorter than a minute counts as a minute; Discard is for a value that a
// service does not accept. Only one Renew runs at a time. Its context has the
// values, but not the end, of that of a caller.
type Renew[T any] func(context.Context) (value T, life time.Duration, err error)

// Cache holds a value. It is safe for concurrent use.
type Cache[T any] struct {
	options Options
	renew   Renew[T]

	mu      sync.Mutex
	value   T
	has     bool          // there is a value
	got     time.Time     // when the renewal that got value began
	life    time.Duration // of value
	renewIn time.Duration // after got
	flight  *flight[T]    // the running renewal, or nil
}

type flight[T any] struct {
	done chan struct{}

	// Set before done is closed.
	value T
	err   error

	failure error // the last that Failed recorded; guarded by the mutex of the Cache
}

// New returns an empty cache.
func New[T any](options Options, renew Renew[T]) *Cache[T] {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Timeout == 0 {
		options.Timeout = time.Minute
	}
	return &Cache[T]{options: options, renew: renew}
}

// Get returns the value. While the value is valid, Get does not wait: five
// minutes before its end, or after half of a short life, it is renewed in the
// background, and a renewal that fails is retried a minute later. Without a valid
// value, Get waits for a renewal and returns its error if it fails. If the context
// ends first, the error also wraps the last failure of the renewal.
func (c *Cache[T]) Get(ctx context.Context) (T, error) {
	if ctx == nil {
		var zero T
		return zero, errors.New("the context is nil")
	}
	c.mu.Lock()
	age := Elapsed(c.got, c.options.Now())
	good := c.has && age < c.life
	if c.flight == nil && (!good || age >= c.renewIn) {
		c.flight = &flight[T]{done: make(chan struct{})}
		go c.fly(context.WithoutCancel(ctx), c.flight)
	}
	value, f := c.value, c.flight
	c.mu.Unlock()

	if good {
		return value, nil
	}
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		var zero T
		if f.failure != nil {
			return zero, fmt.Errorf("%w (last failure: %w)", ctx.Err(), f.failure)
		}
		return zero, ctx.Err()
	}
}

// Failed records a failure that does not end the running renewal.
func (c *Cache[T]) Failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flight != nil {
		c.flight.failure = err
	}
}

// Renewing reports whether a renewal is running.
func (c *Cache[T]) Renewing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flight != nil
}

// Wait waits until no renewal is running. It returns nil or the context's error.
func (c *Cache[T]) Wait(ctx context.Context) error {
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

// Discard drops the value if isBad returns true for it.
func (c *Cache[T]) Discard(isBad func(T) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.has && isBad(c.value) {
		var zero T
		c.value, c.has = zero, false
	}
}

// fly runs one renewal.
func (c *Cache[T]) fly(ctx context.Context, f *flight[T]) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	start := c.options.Now()
	var value T
	var life time.Duration
	err := errors.New("the renewal ended its goroutine")
	defer func() { c.land(f, start, value, life, err) }() // also after runtime.Goexit, or callers would wait for ever
	value, life, err = c.renew(ctx)
}

// land ends a renewal with its outcome.
func (c *Cache[T]) land(f *flight[T], start time.Time, value T, life time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.renewIn = Elapsed(c.got, c.options.Now()) + pause
	} else {
		life = max(life, pause)
		c.value, c.has, c.got, c.life = value, true, start, life
		c.renewIn = life - min(early, life/2) // or a short life would be renewed all the time
	}
	c.flight = nil
	f.value, f.err = value, err
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
	return min(max(expires.Sub(date)-time.Second, 0), longest)
}

// Elapsed returns the time between two readings of a clock. If both have a
// monotonic reading, a wall clock that was set back does not shorten it. One that
// was set forward, or ran while the machine was suspended, lengthens it.
func Elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}
