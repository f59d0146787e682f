package lease_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
)

// partly is a request of which the service grants only one seat.
func (s *service) partly() lease.Request {
	request := s.seats(1)
	request.Entitlements = append(request.Entitlements, licensemanager.Feature("Unheard"))
	return request
}

// While a part cannot be given back, a Keeper takes no other, and says why the
// program is not licensed.
func TestPartThatCannotBeGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.OneIn(1, "CheckInLicense").Refuse("ConflictException", "early check-in is not allowed", nil)
		k := lease.Keep(t.Context(), s.client, s.partly())
		for range 180 {
			time.Sleep(time.Minute)
			synctest.Wait()
			require.LessOrEqual(t, s.taken(), 1)
			require.Equal(t, lease.VerdictDenied, lease.VerdictOf(k.Err()), "%v", k.Err())
		}
		assert.InDelta(t, 3, s.Requests("CheckoutLicense"), 1, "another part is taken when the first has expired")
		var taken *lease.TakenError
		require.ErrorAs(t, k.Close(t.Context()), &taken)
		assert.False(t, taken.Until.IsZero())
	})
}

// An outage during the check-in of a part does not hide the denial.
func TestPartIsGivenBackAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.Next(3, "CheckInLicense").Fail(500)
		k := lease.Keep(t.Context(), s.client, s.partly())
		for range 20 {
			time.Sleep(3 * time.Second)
			synctest.Wait()
			require.Equal(t, lease.VerdictDenied, lease.VerdictOf(k.Err()), "%v", k.Err())
		}
		assert.Zero(t, s.taken())
		var partial *lease.PartialError
		assert.True(t, errors.As(k.Err(), &partial) && k.Err() == partial, "%v", k.Err())
		require.NoError(t, k.Close(t.Context()))
	})
}

// A program that was killed before it gave a part back does not resume the part,
// but gives it back.
func TestKilledWithAPart(t *testing.T) {
	inSeats(t, 2, func(t *testing.T, s *service, p *place) {
		first := s.runWith(t, p, map[string]fate{"CheckInLicense 1": killsBefore}, s.partly())
		require.Equal(t, 1, s.taken())
		require.True(t, first.dead.Load())

		next := s.runWith(t, p, nil, s.partly())
		assert.Zero(t, s.taken())
		assert.Equal(t, lease.StateAcquiring, next.State())
		assert.Equal(t, lease.VerdictDenied, lease.VerdictOf(next.Err()), "%v", next.Err())
		assert.Zero(t, next.sent["ExtendLicenseConsumption"])
		require.NoError(t, next.Close(t.Context()))
	})
}
