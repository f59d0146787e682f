package lease_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
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
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
)

func TestCloseChecksInOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		ctx, cancel := context.WithCancel(t.Context())
		l, err := lease.Acquire(ctx, s.client, s.seats(1))
		require.NoError(t, err)
		cancel() // of the checkout, not of the lease
		time.Sleep(2 * time.Hour)
		assert.Equal(t, lease.StateActive, l.State())

		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { assert.NoError(t, l.Close(t.Context())) })
		}
		wg.Wait()
		assert.NoError(t, l.Close(t.Context()))
		assert.Zero(t, s.taken())
		assert.Equal(t, 1, s.Requests("CheckInLicense"))
		assert.Equal(t, lease.StateClosed, l.State())
		assert.ErrorIs(t, l.Err(), lease.ErrClosed)
		<-l.Done()
	})
}

func TestCloseWithAnEndedContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		l, err := lease.Acquire(t.Context(), s.client, s.seats(1))
		require.NoError(t, err)
		k := lease.Keep(t.Context(), s.client, s.seats(1))
		synctest.Wait()
		require.Equal(t, 2, s.taken())
		s.OneIn(1, "CheckInLicense").Cut()
		for _, held := range []interface {
			Close(context.Context) error
			Expires() time.Time
		}{l, k} {
			var taken *lease.TakenError
			err := held.Close(ended)
			require.ErrorAs(t, err, &taken)
			assert.ErrorIs(t, err, context.Canceled)
			assert.WithinDuration(t, held.Expires(), taken.Until, 2*time.Second)
			s.ClearFaults()
			require.NoError(t, held.Close(context.WithoutCancel(ended)))
			assert.NoError(t, held.Close(ended), "the seat was given back")
			s.OneIn(1, "CheckInLicense").Cut()
		}
		assert.Zero(t, s.taken())
	})
}

func TestCloseWithoutAContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		l, err := lease.Acquire(t.Context(), s.client, s.seats(2))
		require.NoError(t, err)
		k := lease.Keep(t.Context(), s.client, s.seats(2))
		for _, c := range []func(context.Context) error{l.Close, k.Close} {
			require.EqualError(t, c(nil), "lease: the context is nil") //nolint:staticcheck // a caller's mistake
			require.NoError(t, c(t.Context()))
		}
	})
}

// The extension that is under way changes the token: the seat is given back with
// the new one, also when Close has returned.
func TestCloseDuringARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.ChangeTokensOnExtend(true)
		l, err := lease.Acquire(t.Context(), s.client, s.seats(1))
		require.NoError(t, err)
		s.Next(1, "ExtendLicenseConsumption").Delay(10 * time.Second)
		for s.Requests("ExtendLicenseConsumption") == 0 {
			time.Sleep(time.Second)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, l.Close(ctx), context.DeadlineExceeded)
		assert.Equal(t, 1, s.taken())
		require.NoError(t, l.Close(t.Context()))
		assert.Zero(t, s.taken())
		assert.Equal(t, 1, s.Requests("CheckInLicense"))
	})
}

// The check-in is retried during an outage.
func TestCloseSurvivesAnOutage(t *testing.T) {
	for name, fault := range map[string]func(awstokenstest.Faults){
		"cut":       awstokenstest.Faults.Cut,
		"5xx":       func(f awstokenstest.Faults) { f.Fail(http.StatusInternalServerError) },
		"throttled": awstokenstest.Faults.Throttle,
		"hanging":   func(f awstokenstest.Faults) { f.Delay(1000 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t)
				var e events
				l, err := lease.Acquire(t.Context(), s.client, s.seats(1), e.option)
				require.NoError(t, err)
				start := time.Now()
				fault(s.OneIn(1, "CheckInLicense"))
				time.AfterFunc(20*time.Second, s.ClearFaults)

				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				err = l.Close(ctx)
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				if name != "hanging" {
					assert.ErrorContains(t, err, "operation error License Manager: CheckInLicense", "why the seat was not given back")
				}
				assert.Equal(t, time.Second, time.Since(start))
				assert.Equal(t, 1, s.taken())
				assert.Equal(t, lease.StateClosed, l.State())
				assert.Zero(t, e.count(lease.EventCheckedIn)+e.count(lease.EventCheckInFailed), "there is no outcome yet")

				time.Sleep(35 * time.Second) // nobody waits
				assert.Zero(t, s.taken())
				assert.Equal(t, 1, e.count(lease.EventCheckedIn))
				assert.Zero(t, e.count(lease.EventCheckInFailed))
				if name != "hanging" {
					assert.InDelta(t, 10, s.Requests("CheckInLicense"), 1, "the pauses grow")
				}
				assert.NoError(t, l.Close(t.Context()))
			})
		})
	}
}

func TestCloseReportsItsFailure(t *testing.T) {
	for _, c := range []struct {
		fault  func(awstokenstest.Faults)
		target any
	}{
		{func(f awstokenstest.Faults) { f.Fail(http.StatusInternalServerError) }, new(*licensemanager.ServerInternalException)},
		{func(f awstokenstest.Faults) {
			f.Refuse("AccessDeniedException", "no identity-based policy allows it", nil)
		}, new(*licensemanager.AccessDeniedException)},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newService(t)
			var e events
			l, err := lease.Acquire(t.Context(), s.client, s.seats(1), e.option)
			require.NoError(t, err)
			c.fault(s.OneIn(1, "CheckInLicense"))
			start := time.Now()
			var taken *lease.TakenError
			err = l.Close(t.Context())
			require.ErrorAs(t, err, &taken)
			assert.ErrorAs(t, err, c.target)
			assert.WithinDuration(t, l.Expires(), taken.Until, 2*time.Second)
			assert.Equal(t, time.Minute, time.Since(start))
			assert.Equal(t, err, l.Close(t.Context()), "the second call returns the same")
			assert.Equal(t, 1, e.count(lease.EventCheckInFailed))
		})
	}
}

// A Keeper that is closed before its first call gives the seat in the store back,
// or says until when it is taken, and keeps its record.
func TestCloseBeforeTheFirstCall(t *testing.T) {
	fails := func(context.Context) error { return errors.New("no credentials") }
	hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for name, c := range map[string]struct {
		retrieve func(context.Context) error
		wait     time.Duration // until Close
		limit    time.Duration // of Close
		took     time.Duration
		taken    int
	}{
		"at once":                {limit: time.Minute},
		"without credentials":    {retrieve: fails, limit: time.Minute, taken: 1},
		"after attempts":         {retrieve: fails, wait: 10 * time.Minute, limit: time.Minute, taken: 1},
		"credentials hang":       {retrieve: hangs, limit: 8 * time.Second, took: 8 * time.Second, taken: 1},
		"credentials hang on":    {retrieve: hangs, limit: time.Minute, took: 30 * time.Second, taken: 1},
		"hang during a retry":    {retrieve: hangs, wait: 33 * time.Second, limit: 8 * time.Second, took: 8 * time.Second, taken: 1},
		"hang during an opening": {retrieve: hangs, wait: 20 * time.Second, limit: time.Minute, took: 10 * time.Second, taken: 1},
	} {
		for _, ended := range []bool{false, true} { // Keep's context
			t.Run(fmt.Sprint(name, " ", ended), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newService(t)
					s.client = s.of(t, "111122223333")
					path, expires := s.killed(t)
					if c.retrieve != nil {
						s.client = s.with(t, c.retrieve)
					}
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					if ended && c.wait == 0 {
						cancel()
					}
					var e events
					k := lease.Keep(ctx, s.client, s.seats(1), keptIn(path), e.option)
					time.Sleep(c.wait)
					start, closed := time.Now(), k.Close(within(t, c.limit))
					assert.Equal(t, c.took, time.Since(start))
					assert.Equal(t, c.taken, s.taken())
					if c.taken == 0 {
						require.NoError(t, closed)
						assert.NoFileExists(t, path)
						return
					}
					var taken *lease.TakenError
					require.ErrorAs(t, closed, &taken)
					assert.WithinDuration(t, expires, taken.Until, 2*time.Second)
					time.Sleep(time.Minute)
					require.ErrorAs(t, k.Close(t.Context()), &taken)
					assert.WithinDuration(t, expires, taken.Until, 2*time.Second)
					assert.Equal(t, 1, e.count(lease.EventCheckInFailed))
					assert.Equal(t, 1, s.Requests(""))

					s.client = s.of(t, "111122223333")
					next := lease.Keep(t.Context(), s.client, s.seats(1), keptIn(path))
					synctest.Wait()
					assert.Equal(t, lease.StateActive, next.State(), "the record was left")
					require.NoError(t, next.Close(t.Context()))
					assert.Zero(t, s.taken())
				})
			})
		}
	}
}

// killed is the store of a program that was killed with its seat.
func (s *service) killed(t *testing.T) (path string, expires time.Time) {
	old := filepath.Join(t.TempDir(), "seat.json")
	l, err := lease.Acquire(t.Context(), s.client, s.seats(1), keptIn(old))
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	data, err := os.ReadFile(old)
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "seat.json")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path, l.Expires()
}

// Nothing is sent if there is no seat to give back, or another lease has it.
func TestCloseWithoutASeat(t *testing.T) {
	for _, used := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := newService(t)
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			path := filepath.Join(t.TempDir(), "seat.json")
			if used {
				l, err := lease.Acquire(t.Context(), s.client, s.seats(1), keptIn(path))
				require.NoError(t, err)
				defer l.Close(t.Context())
			}
			before, taken := s.Requests(""), s.taken()
			k := lease.Keep(ended, s.client, s.seats(1), keptIn(path))
			require.NoError(t, k.Close(t.Context()))
			assert.Equal(t, before, s.Requests(""))
			assert.Equal(t, taken, s.taken())
		})
	}
}

// A license may forbid check-in.
func TestCheckInForbidden(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		l, err := lease.Acquire(t.Context(), s.client, s.seats(1))
		require.NoError(t, err)
		s.OneIn(1, "CheckInLicense").Refuse("ConflictException", "early check-in is not allowed", nil)
		var taken *lease.TakenError
		require.ErrorAs(t, l.Close(t.Context()), &taken)
		assert.WithinDuration(t, l.Expires(), taken.Until, 2*time.Second)
		assert.Equal(t, 1, s.Requests("CheckInLicense"))
	})
}

// Giving back ends after a minute if the service hangs.
func TestGivingBackEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		l, err := lease.Acquire(t.Context(), s.client, s.seats(1))
		require.NoError(t, err)
		s.OneIn(1, "CheckInLicense").Delay(1000 * time.Hour)
		for name, give := range map[string]func() error{
			"Close": func() error { return l.Close(t.Context()) },
			"Check": func() error { _, err := lease.Check(t.Context(), s.client, s.seats(1)); return err },
			"Acquire": func() error {
				s.Next(1, "CheckoutLicense").LoseAnswer()
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Nanosecond, cancel)
				_, err := lease.Acquire(ctx, s.client, s.seats(1))
				assert.ErrorIs(t, err, context.Canceled)
				return err
			},
		} {
			start := time.Now()
			var taken *lease.TakenError
			assert.ErrorAs(t, give(), &taken, name)
			assert.InDelta(t, time.Minute, time.Since(start), float64(time.Millisecond), name)
		}
	})
}

// A seat that has certainly expired needs no check-in.
func TestCloseAfterTheExpiry(t *testing.T) {
	for name, fault := range map[string]func(*service){
		"no response": func(s *service) {
			s.OneIn(1, "ExtendLicenseConsumption").Throttle()
			s.OneIn(1, "CheckInLicense").Delay(1000 * time.Hour)
		},
		"no right":  func(s *service) { s.OneIn(1, "").Refuse("AccessDeniedException", "not authorized", nil) },
		"throttled": func(s *service) { s.OneIn(1, "").Throttle() },
	} {
		for _, wait := range []time.Duration{59*time.Minute + 30*time.Second, 3 * time.Hour} {
			t.Run(fmt.Sprint(name, " ", wait), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newService(t)
					path := filepath.Join(t.TempDir(), "seat.json")
					var e events
					k := lease.Keep(t.Context(), s.client, s.seats(1), keptIn(path), e.option)
					require.NoError(t, k.Wait(t.Context()))
					fault(s)
					time.Sleep(wait)
					start, sent := time.Now(), s.Requests("CheckInLicense")
					require.NoError(t, k.Close(t.Context()))
					if wait > time.Hour {
						assert.Zero(t, time.Since(start))
						assert.Equal(t, sent, s.Requests("CheckInLicense"))
					} else {
						assert.LessOrEqual(t, time.Since(start), time.Minute)
					}
					assert.Equal(t, 1, e.count(lease.EventCheckedIn))
					assert.NoFileExists(t, path)
					assert.Zero(t, s.taken())
				})
			})
		}
	}
}

// An extension that waited for credentials is processed late in its call. Without
// its response, the seat counts as expired only when that extension has expired.
func TestCloseBeforeALateExtensionExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		cfg := s.Config()
		inner, late := cfg.Credentials, new(atomic.Bool)
		cfg.Credentials = awstokens.CredentialsFunc(func(ctx context.Context) (awstokens.Credentials, error) {
			if late.Load() {
				time.Sleep(25 * time.Second)
			}
			return inner.Retrieve(ctx)
		})
		client, err := licensemanager.New(cfg)
		require.NoError(t, err)
		k := lease.Keep(t.Context(), client, s.seats(1), lease.Jitter(func() float64 { return 0 }))
		require.NoError(t, k.Wait(t.Context()))
		time.Sleep(35 * time.Minute)
		late.Store(true)
		s.Next(1, "ExtendLicenseConsumption").LoseAnswer()
		time.Sleep(90 * time.Second) // it is due after 36 minutes
		s.ClearFaults()
		s.OneIn(1, "").Throttle()
		late.Store(false)
		time.Sleep(59*time.Minute + 40*time.Second)
		require.Equal(t, 1, s.taken())
		s.ClearFaults()
		require.NoError(t, k.Close(t.Context()))
		assert.Zero(t, s.taken())
	})
}

// A record whose time has passed, in an outage: nothing but a Date of the service
// proves that, but nobody is told of the time.
func TestTakenUntilInAnOutage(t *testing.T) {
	inSeats(t, 1, func(t *testing.T, s *service, p *place) {
		s.run(t, p, nil).kill()
		time.Sleep(3 * time.Hour)
		s.OneIn(1, "").Cut()
		var taken *lease.TakenError
		var store *lease.StoreError
		_, err := lease.Acquire(within(t, time.Second), s.client, s.seats(2), keptIn(p.next()))
		require.ErrorAs(t, err, &taken)
		require.ErrorAs(t, err, &store)
		assert.Zero(t, taken.Until)
		assert.Zero(t, store.Until)
	})
}

// The end of Close's context never reports a time that has passed.
func TestTakenUntilIsAhead(t *testing.T) {
	inSeats(t, 1, func(t *testing.T, s *service, p *place) {
		s.run(t, p, nil).kill()
		s.OneIn(1, "").Throttle()
		k := lease.Keep(t.Context(), s.client, s.seats(1), keptIn(p.next()))
		time.Sleep(3 * time.Hour)
		for _, limit := range []time.Duration{time.Second, time.Hour} {
			var taken *lease.TakenError
			require.ErrorAs(t, k.Close(within(t, limit)), &taken, "the record may lack an extension")
			assert.Zero(t, taken.Until)
		}
	})
}
