package refresh_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/refresh"
)

// numbered returns credentials that a test tells from others.
func numbered(n int64) awstokens.Credentials {
	return awstokens.Credentials{AccessKeyID: strconv.FormatInt(n, 10)}
}

// source makes numbered credentials; each takes a second.
type source struct {
	made    atomic.Int64
	running atomic.Int64
	fail    atomic.Bool
	life    time.Duration
}

var errSource = errors.New("no value today")

func (s *source) renew(ctx context.Context) (awstokens.Credentials, time.Duration, error) {
	if s.running.Add(1) != 1 {
		panic("two renewals at once")
	}
	defer s.running.Add(-1)
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return awstokens.Credentials{}, 0, ctx.Err()
	}
	n := s.made.Add(1)
	if s.fail.Load() {
		return awstokens.Credentials{}, 0, errSource
	}
	return numbered(n), s.life, nil
}

func TestValueIsRenewedEarlyWithoutWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{life: time.Hour}
		c := refresh.New(refresh.Options{}, s.renew)
		get := func() (awstokens.Credentials, time.Duration) {
			start := time.Now()
			v, err := c.Get(t.Context())
			require.NoError(t, err)
			waited := time.Since(start)
			synctest.Wait()
			return v, waited
		}
		v, waited := get()
		assert.Equal(t, numbered(1), v)
		assert.Equal(t, time.Second, waited, "the first caller waits")

		time.Sleep(54 * time.Minute)
		v, waited = get()
		assert.Equal(t, numbered(1), v, "54 minutes later it is not early yet")
		assert.Zero(t, waited)

		time.Sleep(2 * time.Minute)
		v, waited = get()
		assert.Equal(t, numbered(1), v, "near the end callers still get the old value")
		assert.Zero(t, waited, "and do not wait for the new one")
		time.Sleep(2 * time.Second)
		v, _ = get()
		assert.Equal(t, numbered(2), v)
		assert.Equal(t, int64(2), s.made.Load())
	})
}

func TestOneRenewalServesAllCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{life: time.Hour}
		c := refresh.New(refresh.Options{}, s.renew)
		for round := range int64(3) {
			var wg sync.WaitGroup
			for range 100 {
				wg.Go(func() {
					v, err := c.Get(t.Context())
					assert.NoError(t, err)
					assert.Equal(t, numbered(round+1), v)
				})
			}
			wg.Wait()
			assert.Equal(t, round+1, s.made.Load())
			time.Sleep(2 * time.Hour)
		}
	})
}

func TestFailureKeepsTheOldValueAndPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{life: time.Hour}
		c := refresh.New(refresh.Options{}, s.renew)
		_, err := c.Get(t.Context())
		require.NoError(t, err)

		s.fail.Store(true)
		time.Sleep(56 * time.Minute)
		for range 170 { // seconds, to within the last minute of the value
			v, err := c.Get(t.Context())
			require.NoError(t, err)
			require.Equal(t, numbered(1), v)
			time.Sleep(time.Second)
		}
		assert.Equal(t, int64(1+3), s.made.Load(), "one retry a minute")

		time.Sleep(2 * time.Minute)
		_, err = c.Get(t.Context())
		assert.ErrorIs(t, err, errSource, "an expired value is not served")
		s.fail.Store(false)
		v, err := c.Get(t.Context())
		require.NoError(t, err, "and the next caller does not wait for the pause")
		assert.Equal(t, numbered(s.made.Load()), v)
	})
}

func TestCallerLeavesRenewalStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{life: time.Hour}
		c := refresh.New(refresh.Options{}, s.renew)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := c.Get(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		v, err := c.Get(t.Context())
		require.NoError(t, err)
		assert.Equal(t, numbered(1), v, "the renewal went on without its first caller")
	})
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{life: time.Hour}
		c := refresh.New(refresh.Options{}, s.renew)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, c.Wait(ended), "nothing runs")
		_, err := c.Get(ended)
		require.ErrorIs(t, err, context.Canceled)
		assert.ErrorIs(t, c.Wait(ended), context.Canceled)
		assert.True(t, c.Renewing())
		require.NoError(t, c.Wait(t.Context()))
		assert.False(t, c.Renewing())
		assert.NoError(t, c.Wait(ended))
		v, err := c.Get(ended)
		assert.NoError(t, err)
		assert.Equal(t, numbered(1), v)
	})
}

func TestNilContext(t *testing.T) {
	s := &source{}
	var none context.Context
	_, err := refresh.New(refresh.Options{}, s.renew).Get(none)
	assert.ErrorContains(t, err, "context is nil")
	assert.Zero(t, s.made.Load())
}

func TestRenewalIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := refresh.New(refresh.Options{Timeout: time.Second}, func(ctx context.Context) (awstokens.Credentials, time.Duration, error) {
			<-ctx.Done()
			return awstokens.Credentials{}, 0, ctx.Err()
		})
		_, err := c.Get(t.Context())
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// TestRenewalEndsItsGoroutine: its callers do not wait for ever, and the next
// renewal is tried.
func TestRenewalEndsItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		exits := true
		c := refresh.New(refresh.Options{}, func(context.Context) (awstokens.Credentials, time.Duration, error) {
			if exits {
				runtime.Goexit()
			}
			return numbered(1), time.Hour, nil
		})
		_, err := c.Get(t.Context())
		assert.ErrorContains(t, err, "ended its goroutine")
		exits = false
		v, err := c.Get(t.Context())
		require.NoError(t, err)
		assert.Equal(t, numbered(1), v)
	})
}

func TestShortLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short := &source{life: time.Minute} // shorter than the early window
		c := refresh.New(refresh.Options{}, short.renew)
		for range 25 {
			_, err := c.Get(t.Context())
			require.NoError(t, err)
			time.Sleep(time.Second)
		}
		assert.Equal(t, int64(1), short.made.Load(), "not before half of its life")
	})
}

// TestLifeIsCountedFromTheCall: a renewal that takes long has used up some of
// the life of what it gets.
func TestLifeIsCountedFromTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{life: time.Minute}
		c := refresh.New(refresh.Options{}, s.renew)
		_, err := c.Get(t.Context())
		require.NoError(t, err)
		time.Sleep(59*time.Second - 1) // and 1 s before
		s.fail.Store(true)
		_, err = c.Get(t.Context())
		require.NoError(t, err)
		time.Sleep(time.Nanosecond)
		_, err = c.Get(t.Context())
		assert.ErrorIs(t, err, errSource)
	})
}

// wall is a clock without a monotonic reading, as one that a program is given.
type wall struct{ offset atomic.Int64 }

func (w *wall) Now() time.Time           { return time.Now().Add(time.Duration(w.offset.Load())).Round(0) }
func (w *wall) set(offset time.Duration) { w.offset.Store(int64(offset)) }

// TestWrongClock: a clock that is off changes nothing. One that is set ahead during
// a life causes a renewal.
func TestWrongClock(t *testing.T) {
	for _, offset := range []time.Duration{-50 * 365 * 24 * time.Hour, -5 * time.Hour, -time.Minute, 0, 2 * time.Hour, 50 * 365 * 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			s, clock := &source{life: time.Hour}, new(wall)
			clock.set(offset)
			c := refresh.New(refresh.Options{Now: clock.Now}, s.renew)
			for range 24 * 12 {
				_, err := c.Get(t.Context())
				require.NoError(t, err)
				time.Sleep(5 * time.Minute)
			}
			assert.EqualValues(t, 27, s.made.Load(), "one every 55 minutes, clock %s off", offset)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		s, clock := &source{life: time.Hour}, new(wall)
		c := refresh.New(refresh.Options{Now: clock.Now}, s.renew)
		_, err := c.Get(t.Context())
		require.NoError(t, err)
		clock.set(2 * time.Hour)
		v, err := c.Get(t.Context())
		require.NoError(t, err)
		assert.Equal(t, numbered(2), v, "a clock that jumps ahead cannot be told from a machine that was suspended")
	})
}

// TestNoLifeIsNoLoop: a life that cannot be right does not cause a renewal for
// every call.
func TestNoLifeIsNoLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, life := range []time.Duration{-1 << 63, -time.Hour, 1, time.Second, time.Minute} {
			s := &source{life: life}
			c := refresh.New(refresh.Options{}, s.renew)
			for range 600 {
				_, err := c.Get(t.Context())
				require.NoError(t, err)
				time.Sleep(time.Second)
				synctest.Wait()
			}
			assert.InDelta(t, 20, s.made.Load(), 2, "one every 30 seconds, which is half of a minute")
		}
	})
}

func TestLife(t *testing.T) {
	now := time.Date(2026, 11, 25, 20, 0, 0, 0, time.UTC)
	in := func(d time.Duration) time.Time { return now.Add(d) }
	for _, wrong := range []time.Duration{-50 * 365 * 24 * time.Hour, -5 * time.Hour, 0, 2 * time.Hour, 50 * 365 * 24 * time.Hour} {
		assert.Equal(t, time.Hour-time.Second, refresh.Life(in(time.Hour), now, in(wrong)), "clock %s off", wrong)
		assert.Zero(t, refresh.Life(in(-time.Hour), now, in(wrong)), "a Date that is ahead")
		assert.Equal(t, 12*time.Hour, refresh.Life(in(24*time.Hour), now, in(wrong)), "a Date that is behind")
		assert.Equal(t, 12*time.Hour, refresh.Life(in(time.Hour), time.Unix(0, 0), in(wrong)))
		assert.Zero(t, refresh.Life(time.Time{}, now, in(wrong)), "longer ago than a Duration can represent")
	}
	for local, want := range map[time.Duration]time.Duration{
		0: time.Hour, 30 * time.Minute: 30 * time.Minute, 50 * time.Minute: 15 * time.Minute, 2 * time.Hour: 15 * time.Minute, -5 * time.Hour: 6 * time.Hour, -50 * time.Hour: 12 * time.Hour,
	} {
		assert.Equal(t, want, refresh.Life(in(time.Hour), time.Time{}, in(local)), "clock %s off, and no Date", local)
	}
}

// TestElapsed: of the two readings of a time, the one that ran further counts.
func TestElapsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := time.Now()
		time.Sleep(time.Hour)
		now := time.Now()
		assert.Equal(t, time.Hour, refresh.Elapsed(from, now))
		assert.Equal(t, time.Hour, refresh.Elapsed(from.Round(0), now))
		assert.Equal(t, 3*time.Hour, refresh.Elapsed(from, now.Round(0).Add(2*time.Hour)))
	})
}

func TestDiscard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{life: time.Hour}
		c := refresh.New(refresh.Options{}, s.renew)
		c.Discard(awstokens.Credentials{})
		_, err := c.Get(t.Context())
		require.NoError(t, err)
		c.Discard(numbered(7))
		v, err := c.Get(t.Context())
		require.NoError(t, err)
		assert.Equal(t, numbered(1), v, "it is another that is bad")
		for range 2 { // callers who got the same one report it
			c.Discard(numbered(1))
			v, err = c.Get(t.Context())
			require.NoError(t, err)
			assert.Equal(t, numbered(2), v)
		}

		// What is discarded is not served while the next renewal fails.
		s.fail.Store(true)
		c.Discard(numbered(2))
		_, err = c.Get(t.Context())
		assert.ErrorIs(t, err, errSource)
	})
}

// TestFailed: a caller whose context ends learns what the renewal waits for.
func TestFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *refresh.Cache
		c = refresh.New(refresh.Options{}, func(ctx context.Context) (awstokens.Credentials, time.Duration, error) {
			time.Sleep(time.Second)
			c.Failed(errSource)
			time.Sleep(2 * time.Second)
			return numbered(1), time.Hour, nil
		})
		c.Failed(errors.New("of no renewal"))
		for after, failed := range map[time.Duration]bool{500 * time.Millisecond: false, 1500 * time.Millisecond: true} {
			ctx, cancel := context.WithTimeout(t.Context(), after)
			defer cancel()
			_, err := c.Get(ctx)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, failed, errors.Is(err, errSource), after)
			v, err := c.Get(t.Context())
			require.NoError(t, err)
			c.Discard(numbered(1))
			assert.Equal(t, numbered(1), v)
		}
	})
}

// TestNothingRunsUnderTheLock: a source that calls back does not block.
func TestNothingRunsUnderTheLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *refresh.Cache
		c = refresh.New(refresh.Options{
			Now: func() time.Time { return time.Now() },
		}, func(ctx context.Context) (awstokens.Credentials, time.Duration, error) {
			c.Discard(numbered(1))
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, err := c.Get(ctx) // waits for this very renewal
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			return numbered(1), time.Hour, nil
		})
		_, err := c.Get(t.Context())
		assert.NoError(t, err)
	})
}
