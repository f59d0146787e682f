package refresh_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/internal/refresh"
)

// source makes numbered values with a life of an hour; each takes a second.
type source struct {
	made    atomic.Int64
	running atomic.Int64
	fail    atomic.Bool
	life    time.Duration
}

var errSource = errors.New("no value today")

func (s *source) renew(ctx context.Context) (int64, time.Time, error) {
	if s.running.Add(1) != 1 {
		panic("two renewals at once")
	}
	defer s.running.Add(-1)
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return 0, time.Time{}, ctx.Err()
	}
	n := s.made.Add(1)
	if s.fail.Load() {
		return 0, time.Time{}, errSource
	}
	if s.life == 0 {
		return n, time.Time{}, nil
	}
	return n, time.Now().Add(s.life), nil
}

func TestValueIsRenewedEarlyWithoutWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{life: time.Hour}
		c := refresh.New(refresh.Options{}, s.renew)
		get := func() (int64, time.Duration) {
			start := time.Now()
			v, err := c.Get(t.Context())
			require.NoError(t, err)
			waited := time.Since(start)
			synctest.Wait()
			return v, waited
		}
		v, waited := get()
		assert.Equal(t, int64(1), v)
		assert.Equal(t, time.Second, waited, "the first caller waits")

		time.Sleep(54 * time.Minute)
		v, waited = get()
		assert.Equal(t, int64(1), v, "54 minutes later it is not early yet")
		assert.Zero(t, waited)

		time.Sleep(2 * time.Minute)
		v, waited = get()
		assert.Equal(t, int64(1), v, "near the end callers still get the old value")
		assert.Zero(t, waited, "and do not wait for the new one")
		time.Sleep(2 * time.Second)
		v, _ = get()
		assert.Equal(t, int64(2), v)
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
					assert.Equal(t, round+1, v)
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
			require.Equal(t, int64(1), v)
			time.Sleep(time.Second)
		}
		assert.Equal(t, int64(1+3), s.made.Load(), "one try a minute")

		time.Sleep(2 * time.Minute)
		_, err = c.Get(t.Context())
		assert.ErrorIs(t, err, errSource, "an expired value is not served")
		s.fail.Store(false)
		v, err := c.Get(t.Context())
		require.NoError(t, err, "and the next caller does not wait for the pause")
		assert.Equal(t, s.made.Load(), v)
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
		assert.Equal(t, int64(1), v, "the renewal went on without its first caller")
	})
}

func TestRenewalIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := refresh.New(refresh.Options{Timeout: time.Second}, func(ctx context.Context) (int, time.Time, error) {
			<-ctx.Done()
			return 0, time.Time{}, ctx.Err()
		})
		_, err := c.Get(t.Context())
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestShortAndEndlessLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short := &source{life: time.Minute} // shorter than the early window
		c := refresh.New(refresh.Options{}, short.renew)
		for range 25 {
			_, err := c.Get(t.Context())
			require.NoError(t, err)
			time.Sleep(time.Second)
		}
		assert.Equal(t, int64(1), short.made.Load(), "not before half of its life")

		endless := &source{}
		c = refresh.New(refresh.Options{}, endless.renew)
		for range 3 {
			v, err := c.Get(t.Context())
			require.NoError(t, err)
			assert.Equal(t, int64(1), v)
			time.Sleep(1000 * time.Hour)
		}
	})
}
