// Package refresh keeps a value that expires: it renews it before it does, by
// one caller at a time, and goes on serving the old one for as long as that is
// good.
package refresh

import (
	"context"
	"sync"
	"time"
)

// Options are the settings of a Cache. Zero values mean the defaults.
type Options struct {
	// Now is the clock that expirations are compared with; default time.Now.
	Now func() time.Time

	// Early is how long before its expiration a value is renewed, while
	// callers still get the old one. Default 5 minutes.
	Early time.Duration

	// Pause is how long after a failed early renewal the next one is tried;
	// default 1 minute.
	Pause time.Duration

	// Timeout bounds a renewal, which is not bound to the context of the
	// caller that happened to need it first. Default 1 minute.
	Timeout time.Duration
}

// Renew gets a new value and its expiration; the zero time is never. It runs
// once at a time. Its context has the values, but not the end, of a caller's.
type Renew[T any] func(context.Context) (value T, expires time.Time, err error)

// Cache holds a value. It is safe for concurrent use.
type Cache[T any] struct {
	options Options
	renew   Renew[T]

	mu      sync.Mutex
	value   T
	expires time.Time  // when value ends; zero for never
	renewAt time.Time  // when to begin to renew value; zero for never
	has     bool       // value is one
	flight  *flight[T] // the renewal under way, if there is one
}

type flight[T any] struct {
	done  chan struct{}
	value T // set before done is closed
	err   error
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
// end it is renewed in the background, and a renewal that fails is tried again
// later. When there is no good value, Get waits for a renewal, or until the
// context ends, and returns the renewal's error if it fails.
func (c *Cache[T]) Get(ctx context.Context) (T, error) {
	c.mu.Lock()
	now := c.options.Now()
	good := c.has && (c.expires.IsZero() || now.Before(c.expires))
	early := good && !c.renewAt.IsZero() && !now.Before(c.renewAt)
	if c.flight == nil && (!good || early) {
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
		var zero T
		return zero, ctx.Err()
	}
}

// fly makes one renewal.
func (c *Cache[T]) fly(ctx context.Context, f *flight[T]) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	value, expires, err := c.renew(ctx)

	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.options.Now()
	if err == nil {
		c.value, c.expires, c.has = value, expires, true
		c.renewAt = time.Time{}
		if !expires.IsZero() {
			// A value with a short life must not be renewed all the time.
			c.renewAt = expires.Add(-min(c.options.Early, expires.Sub(now)/2))
		}
	} else {
		c.renewAt = now.Add(c.options.Pause)
	}
	c.flight = nil
	f.value, f.err = value, err
	close(f.done)
}
