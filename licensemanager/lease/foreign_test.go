package lease_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
)

// A program that was killed starts with another Request: the seat in the store is
// given back before another is taken.
func TestStartWithAnotherRequest(t *testing.T) {
	for name, c := range map[string]struct {
		wait time.Duration
		fate map[string]fate // of the second program
	}{
		"at once":                   {},
		"after a day":               {wait: 24 * time.Hour},
		"a wrong refusal":           {fate: map[string]fate{"CheckInLicense 1": isRefused}},
		"killed before giving back": {fate: map[string]fate{"CheckInLicense 1": killsBefore}},
		"killed after giving back":  {fate: map[string]fate{"CheckInLicense 1": killsAfter}},
	} {
		t.Run(name, func(t *testing.T) {
			inSeats(t, 2, func(t *testing.T, s *service, p *place) {
				first := s.run(t, p, nil)
				first.kill()
				time.Sleep(c.wait)

				var e events
				var next *program
				for fates := c.fate; next == nil || next.dead.Load(); fates = nil {
					next = s.runWith(t, p, fates, s.seats(2), e.option)
					assert.LessOrEqual(t, s.mostTaken(10*time.Second), 2)
				}
				assert.Equal(t, lease.StateActive, next.State())
				assert.Equal(t, s.seats(2).Entitlements, next.Granted())
				assert.Equal(t, 2, s.taken())
				assert.Equal(t, 1, e.count(lease.EventRecordDropped))
				assert.Equal(t, 2, s.Requests("CheckoutLicense"))
				next.kill()

				again := s.runWith(t, p, nil, s.seats(2))
				assert.Equal(t, lease.StateActive, again.State())
				assert.Equal(t, 2, s.Requests("CheckoutLicense"), "the new seat is resumed")
				require.NoError(t, again.Close(t.Context()))
				assert.Zero(t, s.taken())
			})
		})
	}
}

// Between giving back and taking, there are never two seats.
func TestAnotherRequestNeedsNoSecondSeat(t *testing.T) {
	inSeats(t, 1, func(t *testing.T, s *service, p *place) {
		s.run(t, p, nil).kill()
		request := s.seats(1)
		request.Beneficiary = "111122223333"
		var e events
		l, err := lease.Acquire(t.Context(), s.client, request, keptIn(p.next()), e.option)
		require.NoError(t, err)
		assert.Equal(t, 1, s.taken())
		assert.Equal(t, 1, e.count(lease.EventRecordDropped))
		require.NoError(t, l.Close(t.Context()))
		assert.NoFileExists(t, filepath.Join(p.dir, "disk", "seat.json"))
	})
}

// The seat of another Request cannot be given back: it is waited for.
func TestSeatOfAnotherRequestStays(t *testing.T) {
	for name, fault := range map[string]func(awstokenstest.Faults){
		"no right":  func(f awstokenstest.Faults) { f.Refuse("AccessDeniedException", "not authorized", nil) },
		"forbidden": func(f awstokenstest.Faults) { f.Refuse("ConflictException", "early check-in is not allowed", nil) },
		"outage":    func(f awstokenstest.Faults) { f.Fail(500) },
	} {
		t.Run(name, func(t *testing.T) {
			inSeats(t, 2, func(t *testing.T, s *service, p *place) {
				first := s.run(t, p, nil)
				expires := first.Expires()
				first.kill()
				fault(s.OneIn(1, "CheckInLicense"))
				s.testBlocked(t, p, expires)

				var e events
				k := lease.Keep(t.Context(), s.client, s.seats(2), keptIn(p.next()), e.option)
				time.Sleep(30 * time.Minute)
				assert.Equal(t, lease.StateAcquiring, k.State())
				assertBlocked(t, k.Err(), p.path, expires)
				assert.Equal(t, 1, s.Requests("CheckoutLicense"))
				assert.Positive(t, e.count(lease.EventAcquireFailed))

				time.Sleep(time.Until(expires) + 6*time.Minute)
				synctest.Wait()
				assert.Equal(t, lease.StateActive, k.State())
				assert.Equal(t, 1, e.count(lease.EventRecordDropped))
				s.ClearFaults()
				require.NoError(t, k.Close(t.Context()))
				assert.Zero(t, s.taken())
			})
		})
	}
}

// testBlocked: Acquire does not wait, and the record stays that of the other
// Request.
func (s *service) testBlocked(t *testing.T, p *place, expires time.Time) {
	_, err := lease.Acquire(within(t, 3*time.Second), s.client, s.seats(2), keptIn(p.next()))
	assertBlocked(t, err, p.path, expires)
	var taken *lease.TakenError
	require.ErrorAs(t, err, &taken)
	assert.WithinDuration(t, expires, taken.Until, 2*time.Second)
	assert.Equal(t, 1, s.taken())
	assert.FileExists(t, p.path)
	assert.Equal(t, 1, s.Requests("CheckoutLicense"))
}

func assertBlocked(t *testing.T, err error, path string, expires time.Time) {
	t.Helper()
	assertStoreError(t, err, lease.StoreOtherRequest, path)
	var store *lease.StoreError
	require.ErrorAs(t, err, &store)
	assert.WithinDuration(t, expires, store.Until, 2*time.Second)
	assert.ErrorContains(t, err, "could not be given back and is free at 20")
}

// The seat of a checkout without a response has no name for another Request.
func TestCheckoutOfAnotherRequest(t *testing.T) {
	inSeats(t, 3, func(t *testing.T, s *service, p *place) {
		s.run(t, p, map[string]fate{"CheckoutLicense 1": killsAfter})
		next := s.runWith(t, p, nil, s.seats(2))
		assert.Equal(t, lease.StateActive, next.State())
		var taken *lease.TakenError
		require.ErrorAs(t, next.Close(t.Context()), &taken)
		assert.Equal(t, 1, s.taken())
		time.Sleep(time.Until(taken.Until) + time.Second)
		assert.Zero(t, s.taken())
	})
}

// The check-in has the beneficiary of the Request that took the seat.
func TestBeneficiaryOfAnotherRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		api := &beneficiaries{Client: s.client}
		path := filepath.Join(t.TempDir(), "seat.json")
		for i, account := range []string{"111122223333", ""} {
			request := s.seats(1)
			request.Beneficiary = account
			l, err := lease.Acquire(t.Context(), api, request, keptIn(path))
			require.NoError(t, err)
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, l.Close(t.Context()))
			if i == 0 {
				require.NoError(t, os.WriteFile(path, data, 0o600))
			}
		}
		old, own := "111122223333", "" // the old seat has gone: three refusals
		assert.Equal(t, []string{old, old, old, old, own}, api.of)
	})
}

// beneficiaries are those of check-ins.
type beneficiaries struct {
	*licensemanager.Client
	mu sync.Mutex
	of []string
}

func (b *beneficiaries) CheckInLicense(ctx context.Context, in *licensemanager.CheckInLicenseInput) (*licensemanager.CheckInLicenseOutput, error) {
	b.mu.Lock()
	b.of = append(b.of, in.Beneficiary)
	b.mu.Unlock()
	return b.Client.CheckInLicense(ctx, in)
}
