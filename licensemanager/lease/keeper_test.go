package lease_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
)

// A Keeper lives through an outage at its start, a loss and a denial.
func TestKeeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.SetSeats(1)
		s.OneIn(1, "").Cut()
		var e events
		k := lease.Keep(t.Context(), s.client, s.seats(1), e.option)
		synctest.Wait()
		assert.Equal(t, lease.StateAcquiring, k.State(), "no network is a state")
		var send *awstokens.SendError
		assert.ErrorAs(t, k.Err(), &send)
		assert.Zero(t, k.Expires())
		time.Sleep(10 * time.Minute)
		assert.Equal(t, lease.StateAcquiring, k.State())

		s.ClearFaults()
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, lease.StateActive, k.State())
		assert.NoError(t, k.Err())
		assert.Equal(t, s.seats(1).Entitlements, k.Granted())
		assert.Empty(t, k.Missing())
		assert.Equal(t, s.LicenseARN(), k.LicenseARN())
		assert.WithinDuration(t, time.Now().Add(time.Hour), k.Expires(), 2*time.Minute)
		assert.Equal(t, 1, e.count(lease.EventAcquired))

		s.OneIn(1, "").Cut()
		time.Sleep(61 * time.Minute)
		synctest.Wait()
		assert.Equal(t, lease.StateLost, k.State())
		assert.ErrorAs(t, k.Err(), &send)
		assert.Equal(t, 1, e.count(lease.EventLost))
		assert.Zero(t, s.taken())
		s.ClearFaults()
		other, err := lease.Acquire(t.Context(), s.client, s.seats(1))
		require.NoError(t, err)
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		assert.Equal(t, lease.StateLost, k.State())
		var denied *lease.DeniedError
		require.ErrorAs(t, k.Err(), &denied)
		assert.Equal(t, lease.ReasonSeatsFull, denied.Reason)
		require.NoError(t, other.Close(t.Context()))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		assert.Equal(t, lease.StateActive, k.State())
		assert.Equal(t, 1, e.count(lease.EventReacquired))

		time.Sleep(time.Hour) // an extension during the outage may have been processed
		require.NoError(t, k.Close(t.Context()))
		require.NoError(t, k.Close(t.Context()))
		assert.Equal(t, lease.StateClosed, k.State())
		assert.ErrorIs(t, k.Err(), lease.ErrClosed)
		assert.Zero(t, s.taken())
	})
}

// A program waits for its seat, and gets the reason if its context ends first.
func TestKeeperWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.SetSeats(1)
		first := lease.Keep(t.Context(), s.client, s.seats(1))
		require.NoError(t, first.Wait(t.Context()))
		assert.Equal(t, lease.StateActive, first.State())
		require.NoError(t, first.Wait(t.Context()), "the seat is held")

		k := lease.Keep(t.Context(), s.client, s.seats(1))
		err := k.Wait(within(t, time.Minute))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		var denied *lease.DeniedError
		require.ErrorAs(t, err, &denied)
		assert.Equal(t, lease.ReasonSeatsFull, denied.Reason)
		start := time.Now()
		var wg sync.WaitGroup
		closeLater := func(k *lease.Keeper) {
			wg.Go(func() {
				time.Sleep(time.Hour)
				assert.NoError(t, k.Close(t.Context()))
			})
		}
		closeLater(first)
		for range 3 {
			wg.Go(func() { assert.NoError(t, k.Wait(t.Context())) })
		}
		wg.Wait()
		assert.WithinRange(t, time.Now(), start.Add(time.Hour), start.Add(time.Hour+5*time.Minute))

		s.SetSeats(0)
		other := lease.Keep(t.Context(), s.client, s.seats(1))
		closeLater(other)
		assert.Equal(t, lease.ErrClosed, other.Wait(t.Context()))
		wg.Wait()
		require.NoError(t, k.Close(t.Context()))
		assert.Equal(t, lease.ErrClosed, k.Wait(t.Context()))
	})
	broken := lease.Keep(t.Context(), nil, lease.Request{})
	assert.Equal(t, broken.Err(), broken.Wait(t.Context()))
	var none context.Context
	assert.EqualError(t, broken.Wait(none), "lease: the context is nil")
}

// A Keeper gives a partial seat back, and says what was missing.
func TestKeeperWithAPartialSeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		request := s.seats(2)
		request.Entitlements = append(request.Entitlements, licensemanager.Feature("Unheard"))
		var e events
		k := lease.Keep(t.Context(), s.client, request, e.option)
		synctest.Wait()
		assert.Equal(t, lease.StateAcquiring, k.State())
		assert.Zero(t, s.taken(), "the part is given back")
		require.Equal(t, 1, e.count(lease.EventAcquireFailed))
		for _, err := range []error{k.Err(), e.list[0].Err} {
			var partial *lease.PartialError
			require.ErrorAs(t, err, &partial)
			assert.Equal(t, []licensemanager.EntitlementData{licensemanager.Feature("Unheard")}, partial.Missing)
		}
		require.NoError(t, k.Close(t.Context()))
		assert.Zero(t, s.taken())
	})
}

// The end of its context closes a Keeper, in every state.
func TestKeeperEndsWithItsContext(t *testing.T) {
	for name, prepare := range map[string]func(*service){
		"active":  func(*service) {},
		"denied":  func(s *service) { s.SetSeats(0) },
		"hanging": func(s *service) { s.Next(1, "CheckoutLicense").Delay(time.Hour) },
		"offline": func(s *service) { s.Next(1000, "").Cut() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t)
				prepare(s)
				ctx, cancel := context.WithCancel(t.Context())
				k := lease.Keep(ctx, s.client, s.seats(1))
				synctest.Wait()
				cancel()
				synctest.Wait()
				assert.Equal(t, lease.StateClosed, k.State())
				assert.ErrorIs(t, k.Err(), lease.ErrClosed)
				err := k.Close(context.Background())
				if name == "offline" { // the first checkout may have been processed
					var taken *lease.TakenError
					assert.ErrorAs(t, err, &taken)
				} else {
					assert.NoError(t, err)
				}
				assert.Zero(t, s.taken())

				k = lease.Keep(ctx, s.client, s.seats(1))
				before := s.Requests("")
				assert.NoError(t, k.Close(context.Background()))
				assert.Equal(t, before, s.Requests(""), "the context had ended before")
			})
		})
	}
}
