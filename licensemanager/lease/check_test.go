package lease_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
)

func TestCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		verdict, err := lease.Check(t.Context(), s.client, s.seats(1))
		assert.NoError(t, err)
		assert.Equal(t, lease.VerdictEntitled, verdict)
		assert.Zero(t, s.taken(), "no seat stays taken")

		s.Next(3, "CheckInLicense").Fail(http.StatusInternalServerError)
		verdict, err = lease.Check(t.Context(), s.client, s.seats(1))
		assert.NoError(t, err)
		assert.Equal(t, lease.VerdictEntitled, verdict)
		assert.Zero(t, s.taken(), "the check-in is retried")

		s.OneIn(1, "CheckInLicense").Fail(http.StatusInternalServerError)
		verdict, err = lease.Check(t.Context(), s.client, s.seats(1))
		assert.Error(t, err)
		assert.Equal(t, lease.VerdictEntitled, verdict)
		s.ClearFaults()

		s.SetSeats(0)
		verdict, err = lease.Check(t.Context(), s.client, s.seats(1))
		var denied *lease.DeniedError
		assert.ErrorAs(t, err, &denied)
		assert.Equal(t, lease.VerdictDenied, verdict)

		for name, fault := range map[string]func(awstokenstest.Faults){
			"cut":       awstokenstest.Faults.Cut,
			"5xx":       func(f awstokenstest.Faults) { f.Fail(500) },
			"throttled": awstokenstest.Faults.Throttle,
			"no permission": func(f awstokenstest.Faults) {
				f.Refuse("AccessDeniedException", "no identity-based policy allows it", nil)
			},
			"other region": func(f awstokenstest.Faults) { f.Refuse("RedirectException", "", nil) },
		} {
			fault(s.Next(1, "CheckoutLicense"))
			verdict, err = lease.Check(within(t, time.Second), s.client, s.seats(1))
			assert.Error(t, err, name)
			assert.Equal(t, lease.VerdictUnknown, verdict, name)
			assert.Equal(t, 1, s.taken(), name)
			s.ClearFaults()
		}
	})
}

// VerdictOf finds a denial in the errors of a Lease and a Keeper.
func TestVerdictOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.Next(1, "CheckoutLicense").Delay(time.Second)
		k := lease.Keep(t.Context(), s.client, s.seats(1))
		assert.Equal(t, lease.VerdictUnknown, lease.VerdictOf(k.Err()), "no response yet")
		assert.NoError(t, k.Wait(t.Context()))
		assert.Equal(t, lease.VerdictEntitled, lease.VerdictOf(k.Err()))
		assert.NoError(t, k.Close(t.Context()))
		assert.Equal(t, lease.VerdictUnknown, lease.VerdictOf(k.Err()), "closed")

		s.SetSeats(0)
		_, err := lease.Acquire(t.Context(), s.client, s.seats(1))
		assert.Equal(t, lease.VerdictDenied, lease.VerdictOf(err))
		k = lease.Keep(t.Context(), s.client, s.seats(1))
		synctest.Wait()
		assert.Equal(t, lease.StateAcquiring, k.State())
		assert.Equal(t, lease.VerdictDenied, lease.VerdictOf(k.Err()))
		assert.Equal(t, lease.VerdictDenied, lease.VerdictOf(k.Wait(within(t, time.Second))))
		s.OneIn(1, "").Cut()
		time.Sleep(10 * time.Minute)
		assert.Equal(t, lease.VerdictUnknown, lease.VerdictOf(k.Err()), "an outage")
		_ = k.Close(t.Context())
	})
	assert.Equal(t, lease.VerdictDenied, lease.VerdictOf(&lease.LostError{Err: &lease.PartialError{}}))
	assert.Equal(t, lease.VerdictDenied, lease.VerdictOf(&lease.TakenError{Err: &lease.DeniedError{}}))
}
