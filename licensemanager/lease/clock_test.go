package lease_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/clock"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
)

// set is the system's clock with a wall clock that can be set.
type set struct {
	clock.System
	by *atomic.Int64
}

func (c set) Now() time.Time { return c.System.Now().Add(time.Duration(c.by.Load())) }

// The wall clock is wrong, or set during a lease: no seat is lost, and no seat is
// claimed that has gone.
func TestWallClockIsSet(t *testing.T) {
	for _, by := range []time.Duration{-24 * time.Hour, -2 * time.Hour, 2 * time.Hour, 24 * time.Hour} {
		for _, outage := range []bool{false, true} {
			t.Run(fmt.Sprint(by, outage), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newService(t)
					c := set{clock.New(), new(atomic.Int64)}
					l, err := lease.Acquire(t.Context(), s.client, s.seats(1), func(o *lease.Options) { o.Clock = c })
					require.NoError(t, err)
					time.Sleep(10 * time.Minute)
					c.by.Store(int64(by))
					if outage {
						s.OneIn(1, "").Cut()
					}
					for range 120 {
						time.Sleep(time.Minute)
						synctest.Wait()
						if l.State() == lease.StateActive {
							require.Equal(t, 1, s.taken())
						}
					}
					s.ClearFaults()
					if outage {
						assert.Equal(t, lease.StateLost, l.State())
						_ = l.Close(t.Context())
						return
					}
					assert.Equal(t, lease.StateActive, l.State())
					assert.WithinRange(t, l.Expires(), c.Now().Add(23*time.Minute), c.Now().Add(61*time.Minute)) // 0.4 of the life, or all of it
					assert.Equal(t, 1, s.Requests("CheckoutLicense"))
					require.NoError(t, l.Close(t.Context()))
				})
			})
		}
	}
}

// When the wall clock jumps ahead, the lease is degraded for seconds; when it
// jumps back, it stays active.
func TestWallClockJumps(t *testing.T) {
	for by, want := range map[time.Duration]lease.State{2 * time.Hour: lease.StateDegraded, -2 * time.Hour: lease.StateActive} {
		synctest.Test(t, func(t *testing.T) {
			s := newService(t)
			c := set{clock.New(), new(atomic.Int64)}
			l, err := lease.Acquire(t.Context(), s.client, s.seats(1), func(o *lease.Options) { o.Clock = c })
			require.NoError(t, err)
			time.Sleep(10*time.Minute + time.Second)
			c.by.Store(int64(by))
			assert.Equal(t, want, l.State())
			time.Sleep(30 * time.Second)
			synctest.Wait()
			assert.Equal(t, lease.StateActive, l.State())
			require.NoError(t, l.Close(t.Context()))
		})
	}
}

// testClock is a clock that a test moves.
type testClock struct {
	mu      sync.Mutex
	wall    time.Time
	elapsed time.Duration
	moved   chan struct{}
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wall
}

func (c *testClock) Elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.elapsed
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall, c.elapsed = c.wall.Add(d), c.elapsed+d
	close(c.moved)
	c.moved = make(chan struct{})
}

func (c *testClock) Sleep(ctx context.Context, d time.Duration) error {
	until := c.Elapsed() + d
	for {
		c.mu.Lock()
		now, moved := c.elapsed, c.moved
		c.mu.Unlock()
		if now >= until {
			return ctx.Err()
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// A lease goes by Options.Clock, here one that is a day behind the service's.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		c := &testClock{wall: time.Now().Add(-24 * time.Hour), moved: make(chan struct{})}
		var e events
		l, err := lease.Acquire(t.Context(), s.client, s.seats(1), e.option, func(o *lease.Options) { o.Clock = c })
		require.NoError(t, err)
		assert.WithinDuration(t, c.Now().Add(time.Hour), l.Expires(), time.Second)
		c.advance(29 * time.Minute)
		synctest.Wait()
		assert.Zero(t, e.count(lease.EventRenewed))
		c.advance(8 * time.Minute)
		synctest.Wait()
		assert.Equal(t, 1, e.count(lease.EventRenewed))
		require.NoError(t, l.Close(t.Context()))
	})
}

// The machine is suspended for hours: afterwards the lease is not active, until it
// has taken another seat.
func TestSuspension(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		c := &testClock{wall: time.Now(), moved: make(chan struct{})}
		l, err := lease.Acquire(t.Context(), s.client, s.seats(1), func(o *lease.Options) { o.Clock = c })
		require.NoError(t, err)
		s.OneIn(1, "").Delay(time.Second)
		time.Sleep(5 * time.Hour) // the service's clock
		c.advance(5 * time.Hour)  // the process's, all at once
		assert.Equal(t, lease.StateDegraded, l.State())
		time.Sleep(time.Minute)
		c.advance(time.Second)
		time.Sleep(time.Minute)
		c.advance(2 * time.Second)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, lease.StateActive, l.State())
		assert.Equal(t, 1, s.taken())
		require.NoError(t, l.Close(t.Context()))
	})
}

// A seat whose Expiration cannot be read is held, and assumed to live for an hour.
func TestUnreadableDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		request := lease.Request{ProductSKU: "product", Entitlements: []licensemanager.EntitlementData{licensemanager.Feature("F")}}
		api := &fake{expiration: "soon"}
		l, err := lease.Acquire(t.Context(), api, request)
		require.NoError(t, err)
		assert.Equal(t, time.Hour, time.Until(l.Expires()))
		time.Sleep(50 * time.Minute)
		assert.Equal(t, lease.StateDegraded, l.State(), "extended, but nobody knows for how long")
		api.set(time.Now().Add(time.Hour).Format(time.RFC3339))
		time.Sleep(time.Minute)
		assert.Equal(t, lease.StateActive, l.State())
		require.NoError(t, l.Close(t.Context()))
		assert.Equal(t, []string{"token"}, api.checkedIn)

		api.checkoutErr = errors.New("no idea")
		_, err = lease.Acquire(t.Context(), api, request)
		assert.ErrorIs(t, err, api.checkoutErr)
	})
}

// fake is a service that returns one Expiration.
type fake struct {
	mu          sync.Mutex
	expiration  string
	checkoutErr error
	checkedIn   []string
}

func (f *fake) set(expiration string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.expiration = expiration
}

func (f *fake) CheckoutLicense(_ context.Context, in *licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error) {
	if f.checkoutErr != nil {
		return nil, f.checkoutErr
	}
	return &licensemanager.CheckoutLicenseOutput{LicenseConsumptionToken: awstokens.NewSecret("token"), EntitlementsAllowed: in.Entitlements, Expiration: f.expiration}, nil
}

func (f *fake) ExtendLicenseConsumption(context.Context, *licensemanager.ExtendLicenseConsumptionInput) (*licensemanager.ExtendLicenseConsumptionOutput, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &licensemanager.ExtendLicenseConsumptionOutput{Expiration: f.expiration}, nil
}

func (f *fake) CheckInLicense(_ context.Context, in *licensemanager.CheckInLicenseInput) (*licensemanager.CheckInLicenseOutput, error) {
	f.checkedIn = append(f.checkedIn, in.LicenseConsumptionToken.Reveal())
	return &licensemanager.CheckInLicenseOutput{}, nil
}

// Whatever Expiration an extension returns, no lease spins or sleeps forever.
func TestOddExtensions(t *testing.T) {
	for name, expiration := range map[string]func(now time.Time) string{
		"past":          func(now time.Time) string { return now.Add(-time.Hour).Format(time.RFC3339) },
		"does not move": func(time.Time) string { return "2000-01-01T01:00:00Z" },
		"in 9999":       func(time.Time) string { return "9999-12-31T23:59:59Z" },
		"unreadable":    func(time.Time) string { return "soon" },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t)
				api := &odd{s.client, expiration}
				l, err := lease.Acquire(t.Context(), api, s.seats(1), grace(30*time.Minute))
				require.NoError(t, err)
				time.Sleep(26 * time.Hour)
				synctest.Wait()
				extended := s.Requests("ExtendLicenseConsumption")
				assert.Less(t, extended, 26*60, "once a minute")
				assert.Greater(t, extended, 1)
				assert.Equal(t, name != "in 9999", l.Err() != nil)
				require.NoError(t, l.Close(t.Context()))
				assert.Zero(t, s.taken())
			})
		})
	}
}

// odd is a service whose extensions have an Expiration of the test.
type odd struct {
	lease.API
	expiration func(now time.Time) string
}

func (o *odd) ExtendLicenseConsumption(ctx context.Context, in *licensemanager.ExtendLicenseConsumptionInput) (*licensemanager.ExtendLicenseConsumptionOutput, error) {
	out, err := o.API.ExtendLicenseConsumption(ctx, in)
	if err == nil {
		out.Expiration = o.expiration(time.Now())
	}
	return out, err
}

// The clock of a proxy, whose responses are not those of the service, ends no seat.
func TestDateOfAProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		k := lease.Keep(t.Context(), s.client, s.seats(1))
		require.NoError(t, k.Wait(t.Context()))
		date := http.Header{"Date": {time.Now().AddDate(0, 0, 1).UTC().Format(http.TimeFormat)}}
		s.OneIn(1, "ExtendLicenseConsumption").Answer(http.StatusForbidden, date, "<html>log in to the network first</html>")
		time.Sleep(40 * time.Minute)
		s.ClearFaults()
		require.NoError(t, k.Close(t.Context()))
		assert.Zero(t, s.taken())
	})
}
