// Package refresh keeps a value that expires: it renews it before it does, by
// one caller at a time, and goes on serving the old one for as long as that is
// good.
package refresh

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Forever is the life of a value that does not expire.
const Forever time.Duration = 1<<63 - 1

// Options are the settings of a Cache. Zero values mean the defaults.
type Options struct {
	// Now is the clock that lives are measured with; default time.Now. Only how
	// far it moves matters, so it may be wrong.
	Now func() time.Time

	// Early is how long before its end a value is renewed, while callers still
	// get the old one. Default 5 minutes.
	Early time.Duration

	// Pause is how long after a renewal the next one is tried at the earliest,
	// while there is a value that is good; default 1 minute.
	Pause time.Duration

	// Timeout bounds a renewal, which is not bound to the context of the
	// caller that happened to need it first. Default 1 minute.
	Timeout time.Duration
}

// Renew gets a new value and its life, counted from the call of Renew. A value
// whose life is shorter than Options.Pause is kept for that long: it is Discard
// that ends what a service does not accept. Renew runs once at a time. Its
// context has the values, but not the end, of a caller's.
type Renew[T any] func(context.Context) (value T, life time.Duration, err error)

// Cache holds a value. It is safe for concurrent use.
type Cache[T any] struct {
	options Options
	renew   Renew[T]

	mu      sync.Mutex
	value   T
	has     bool          // value is one
	got     time.Time     // when the renewal that got value began
	life    time.Duration // of value
	renewIn time.Duration // after got
	flight  *flight[T]    // the renewal under way, if there is one
}

type flight[T any] struct {
	done chan struct{}

	// Set before done is closed.
	value T
	err   error

	failure error // the last one of the renewal under way; guarded by the Cache
}

// New returns an empty cache.
func New[T any](options Options, renew Renew[T]) *Cache[T] {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Early == 0 {
		options.Early = 5 * time.Minute
	}
	if options.Pause == 0 {
		options.Pause = time.Minute
	}
	if options.Timeout == 0 {
		options.Timeout = time.Minute
	}
	return &Cache[T]{options: options, renew: renew}
}

// Get returns the value. While the value is good, Get does not wait: near its
// end it is renewed in the background, and a renewal that fails is retried
// later. When there is no good value, Get waits for a renewal and returns its
// error if it fails. If the context ends first, the error has the last failure
// of the renewal as well.
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

// Failed records a failure that does not end the renewal under way.
func (c *Cache[T]) Failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flight != nil {
		c.flight.failure = err
	}
}

// Renewing reports whether a renewal is under way.
func (c *Cache[T]) Renewing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flight != nil
}

// Discard forgets the value if it is one that isBad reports.
func (c *Cache[T]) Discard(isBad func(T) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.has && isBad(c.value) {
		var zero T
		c.value, c.has = zero, false
	}
}

// fly makes one renewal.
func (c *Cache[T]) fly(ctx context.Context, f *flight[T]) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	start := c.options.Now()
	var value T
	var life time.Duration
	err := errors.New("the renewal ended its goroutine")
	defer func() { c.land(f, start, value, life, err) }() // whatever renew does, nobody waits for ever
	value, life, err = c.renew(ctx)
}

// land ends a renewal.
func (c *Cache[T]) land(f *flight[T], start time.Time, value T, life time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err != nil:
		c.renewIn = Elapsed(c.got, c.options.Now()) + c.options.Pause
	case life == Forever:
		c.value, c.has, c.got, c.life, c.renewIn = value, true, start, Forever, Forever
	default:
		life = max(life, c.options.Pause)
		c.value, c.has, c.got, c.life = value, true, start, life
		c.renewIn = life - min(c.options.Early, life/2) // a short life must not be renewed all the time
	}
	c.flight = nil
	f.value, f.err = value, err
	close(f.done)
}

// longest is how long AWS makes credentials at most.
const longest = 12 * time.Hour

// Life is how long credentials are good that a response brought, counted from
// the response, by the service's clock alone; a Date may be a second old, and
// one that is far behind must not make them last longer than AWS makes any.
// Without a Date it is measured with the local clock, which may be wrong, and
// is taken for no shorter and no longer than AWS makes credentials.
func Life(expires, date, now time.Time) time.Duration {
	if date.IsZero() {
		return min(max(expires.Sub(now), 15*time.Minute), longest)
	}
	return min(max(expires.Sub(date)-time.Second, 0), longest)
}

// Elapsed is the time between two readings of a clock. A wall clock that was
// set back does not shorten it, if both have a monotonic reading; one that was
// set forward, or ran on while the machine was suspended, lengthens it.
func Elapsed(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}
