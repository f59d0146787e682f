package lease_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
)

// program is one run of a program, a Keeper with a store, until it is killed.
// Then it sends nothing and saves nothing any more.
type program struct {
	*lease.Keeper
	t     *testing.T
	inner awstokens.HTTPClient
	place *place
	fates map[string]fate // by operation and number: "CheckInLicense 1"
	sent  map[string]int
	dead  atomic.Bool
}

// fate is what happens to a request.
type fate int

const (
	passes fate = iota
	killsBefore
	killsAfter
	isRefused
	isForbidden
)

func (s *service) run(t *testing.T, p *place, fates map[string]fate) *program {
	return s.runWith(t, p, fates, s.seats(1))
}

func (s *service) runWith(t *testing.T, p *place, fates map[string]fate, request lease.Request, options ...func(*lease.Options)) *program {
	cfg := s.Config()
	program := &program{t: t, inner: cfg.HTTPClient, place: p, fates: fates, sent: map[string]int{}}
	cfg.HTTPClient = program
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	program.Keeper = lease.Keep(t.Context(), client, request, append(options, keptIn(p.next()))...)
	t.Cleanup(func() { _ = program.Close(context.Background()) })
	synctest.Wait()
	return program
}

func (p *program) kill() {
	p.place.kill()
	p.dead.Store(true)
}

// Do implements awstokens.HTTPClient.
func (p *program) Do(r *http.Request) (*http.Response, error) {
	operation := operationOf(r)
	p.sent[operation]++
	fate := p.fates[fmt.Sprint(operation, " ", p.sent[operation])]
	switch {
	case fate == killsBefore && !p.dead.Load():
		p.kill()
	case fate == isRefused && !p.dead.Load():
		return respond(r, 400, "ResourceNotFoundException"), nil
	case fate == isForbidden && !p.dead.Load():
		return respond(r, 400, "AccessDeniedException"), nil
	}
	if p.dead.Load() {
		return nil, &net.OpError{Op: "dial", Err: errKilled}
	}
	resp, err := p.inner.Do(r)
	if fate == killsAfter {
		p.kill()
		return nil, io.ErrUnexpectedEOF
	}
	return resp, err
}

var errKilled = errors.New("the process was killed")

// mostTaken lets time pass and returns how many seats were taken at most.
func (s *service) mostTaken(d time.Duration) (most int) {
	for ; d > 0; d -= 10 * time.Second {
		time.Sleep(10 * time.Second)
		synctest.Wait()
		most = max(most, s.taken())
	}
	return most
}

// inSeats runs a test in a bubble, with a license of so many seats.
func inSeats(t *testing.T, seats int, test func(*testing.T, *service, *place)) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.SetSeats(seats)
		test(t, s, newPlace(t))
	})
}

func TestKilledAfterTheCheckout(t *testing.T) {
	for wait, orphan := range map[time.Duration]bool{0: false, 5 * time.Minute: false, 20 * time.Minute: true} {
		inSeats(t, 2, func(t *testing.T, s *service, p *place) {
			s.run(t, p, map[string]fate{"CheckoutLicense 1": killsAfter})
			time.Sleep(wait)
			next := s.run(t, p, nil)
			assert.Equal(t, lease.StateActive, next.State())
			assert.Equal(t, s.seats(1).Entitlements, next.Granted())
			if !orphan {
				assert.Equal(t, 1, s.mostTaken(2*time.Hour), "the same seat")
				require.NoError(t, next.Close(t.Context()))
				assert.Zero(t, s.taken())
				return
			}
			assert.Equal(t, 2, s.taken(), "the ClientToken names the first seat for ten minutes only")
			var taken *lease.TakenError
			require.ErrorAs(t, next.Close(t.Context()), &taken)
			assert.Equal(t, 1, s.taken())
			time.Sleep(time.Until(taken.Until) + time.Second)
			assert.Zero(t, s.taken())
		})
	}
}

func TestKilledAfterAnExtensionThatWasNotNoted(t *testing.T) {
	for refusal, checkouts := range map[fate]int{isRefused: 1, isForbidden: 2} { // the same seat, or another after it was given back
		inSeats(t, 2, func(t *testing.T, s *service, p *place) {
			first := s.run(t, p, map[string]fate{"ExtendLicenseConsumption 1": killsAfter})
			time.Sleep(25 * time.Minute)
			p.fail(true)
			time.Sleep(15 * time.Minute)
			require.True(t, first.dead.Load())
			p.fail(false)
			time.Sleep(25 * time.Minute) // past the expiry that the record knows
			next := s.run(t, p, map[string]fate{"ExtendLicenseConsumption 1": refusal})
			assert.Equal(t, 1, s.mostTaken(time.Minute))
			assert.Equal(t, lease.StateActive, next.State())
			assert.Equal(t, checkouts, s.Requests("CheckoutLicense"))
			require.NoError(t, next.Close(t.Context()))
		})
	}
}

func TestKilledAfterACheckInThatWasNotNoted(t *testing.T) {
	inSeats(t, 1, func(t *testing.T, s *service, p *place) {
		first := s.run(t, p, map[string]fate{"CheckInLicense 1": killsAfter})
		p.fail(true)
		_ = first.Close(t.Context())
		require.Zero(t, s.taken())
		p.fail(false)
		next := s.run(t, p, nil)
		assert.Equal(t, 1, s.mostTaken(time.Minute))
		assert.Equal(t, lease.StateActive, next.State())
		require.NoError(t, next.Close(t.Context()))
		assert.Zero(t, s.taken())
	})
}

func TestKilledBeforeTheCheckIn(t *testing.T) {
	inSeats(t, 2, func(t *testing.T, s *service, p *place) {
		_ = s.run(t, p, map[string]fate{"CheckInLicense 1": killsBefore}).Close(t.Context())
		require.Equal(t, 1, s.taken())
		next := s.run(t, p, map[string]fate{"ExtendLicenseConsumption 1": isRefused, "ExtendLicenseConsumption 2": isRefused})
		assert.Equal(t, 1, s.mostTaken(3*time.Hour), "never two")
		assert.Equal(t, lease.StateActive, next.State())
		require.NoError(t, next.Close(t.Context()))
		assert.Zero(t, s.taken())
	})
}

// Killed at each call, and started again sooner or later.
func TestKilledAtEachCall(t *testing.T) {
	for _, at := range []string{"CheckoutLicense 1", "ExtendLicenseConsumption 1", "ExtendLicenseConsumption 2", "CheckInLicense 1"} {
		for _, kill := range []fate{killsBefore, killsAfter} {
			for _, wait := range []time.Duration{0, 5 * time.Minute, 15 * time.Minute, 70 * time.Minute} {
				for seats := 1; seats <= 2; seats++ {
					name := fmt.Sprint(at, " ", kill, " after ", wait, " seats ", seats)
					inSeats(t, seats, func(t *testing.T, s *service, p *place) {
						first := s.run(t, p, map[string]fate{at: kill})
						if !first.dead.Load() {
							time.Sleep(80 * time.Minute)
							_ = first.Close(t.Context())
						}
						require.True(t, first.dead.Load(), name)
						time.Sleep(wait)
						next := s.run(t, p, nil)
						lost := at == "CheckoutLicense 1" && kill == killsAfter && wait == 15*time.Minute
						most := s.mostTaken(20 * time.Second)
						if lost && seats == 1 { // nobody can name the seat until it expires
							assert.NotEqual(t, lease.StateActive, next.State(), name)
							most = s.mostTaken(50 * time.Minute)
						}
						assert.Equal(t, lease.StateActive, next.State(), name)
						if seats == 1 || !lost {
							assert.Equal(t, 1, most, name)
						}
						time.Sleep(61 * time.Minute)
						require.NoError(t, next.Close(t.Context()), name)
						assert.Zero(t, s.taken(), name)
					})
				}
			}
		}
	}
}

// Acquire resumes a seat as a Keeper does, also on a machine with another name.
func TestAcquireResumes(t *testing.T) {
	for _, at := range []string{"CheckoutLicense 1", "ExtendLicenseConsumption 1"} {
		inSeats(t, 1, func(t *testing.T, s *service, p *place) {
			s.run(t, p, map[string]fate{at: killsAfter})
			if at == "ExtendLicenseConsumption 1" {
				time.Sleep(37 * time.Minute)
			}
			request := s.seats(1)
			request.NodeID = "another"
			l, err := lease.Acquire(t.Context(), s.client, request, keptIn(p.next()))
			require.NoError(t, err)
			assert.Equal(t, lease.StateActive, l.State())
			assert.Equal(t, s.LicenseARN(), l.LicenseARN())
			assert.Equal(t, request.Entitlements, l.Granted())
			assert.Equal(t, 1, s.taken())
			time.Sleep(61 * time.Minute) // nobody knows when the first checkout was sent, so it may have left a seat
			require.NoError(t, l.Close(t.Context()))
			assert.Zero(t, s.taken())
		})
	}
}

// In an outage a program that was killed is not licensed: nothing proves that its
// seat lives.
func TestResumedInAnOutage(t *testing.T) {
	inSeats(t, 1, func(t *testing.T, s *service, p *place) {
		s.run(t, p, nil).kill()
		s.OneIn(1, "").Cut()
		k := s.run(t, p, nil)
		time.Sleep(20 * time.Minute)
		assert.Equal(t, lease.StateAcquiring, k.State())
		assert.Equal(t, lease.VerdictUnknown, lease.VerdictOf(k.Err()))
		assert.Zero(t, k.Expires())
		s.ClearFaults()
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		assert.Equal(t, lease.StateActive, k.State())
		assert.Equal(t, s.seats(1).Entitlements, k.Granted())
		require.NoError(t, k.Close(t.Context()))
	})
}

// A resumed seat whose expiry nobody knows is not claimed.
func TestResumedWithoutAnExpiration(t *testing.T) {
	for name, expiration := range map[string]string{"none": "", "unreadable": "soon", "not ahead": "1999-01-01T00:00:00Z"} {
		inSeats(t, 1, func(t *testing.T, s *service, p *place) {
			s.run(t, p, map[string]fate{"ExtendLicenseConsumption 1": killsBefore})
			time.Sleep(37 * time.Minute)
			api := &odd{s.client, func(time.Time) string { return expiration }}
			k := lease.Keep(t.Context(), api, s.seats(1), keptIn(p.next()))
			synctest.Wait()
			assert.Equal(t, lease.StateAcquiring, k.State(), name)
			assert.ErrorContains(t, k.Err(), "Expiration", name)
			p.kill()

			ctx, cancel := context.WithTimeout(t.Context(), 330*time.Second)
			defer cancel()
			_, err := lease.Acquire(ctx, api, s.seats(1), keptIn(p.next()))
			require.ErrorIs(t, err, context.DeadlineExceeded, name)
			assert.EqualError(t, err, "context deadline exceeded: the extension succeeded, but its Expiration is unreadable or not ahead", name)
			assert.Zero(t, s.taken(), name)
			_ = k.Close(t.Context()) // of the process that was killed
		})
	}
}

// Without the permission to check in, a seat that expired while the program did
// not run is replaced.
func TestResumedWithoutPermissionToCheckIn(t *testing.T) {
	for _, acquires := range []bool{false, true} {
		inSeats(t, 1, func(t *testing.T, s *service, p *place) {
			s.OneIn(1, "CheckInLicense").Refuse("AccessDeniedException", "not authorized", nil)
			s.run(t, p, nil).kill()
			time.Sleep(3 * time.Hour)
			if !acquires {
				next := s.run(t, p, nil)
				time.Sleep(time.Minute)
				synctest.Wait()
				assert.Equal(t, lease.StateActive, next.State())
				next.kill()
				return
			}
			l, err := lease.Acquire(t.Context(), s.client, s.seats(1), keptIn(p.next()))
			require.NoError(t, err)
			var taken *lease.TakenError
			require.ErrorAs(t, l.Close(t.Context()), &taken)
		})
	}
}

// One wrong denial of the permission to extend does not end a seat that lives.
func TestResumedWithAWrongDenial(t *testing.T) {
	inSeats(t, 2, func(t *testing.T, s *service, p *place) {
		s.run(t, p, nil).kill()
		next := s.run(t, p, map[string]fate{"ExtendLicenseConsumption 1": isForbidden})
		assert.Equal(t, 1, s.mostTaken(time.Minute))
		assert.Equal(t, lease.StateActive, next.State())
		assert.Equal(t, 1, s.Requests("CheckoutLicense"), "the same seat")
		require.NoError(t, next.Close(t.Context()))
	})
}

// Without the permission to extend, a seat is replaced as soon as it has expired.
func TestWithoutPermissionToExtend(t *testing.T) {
	type holder interface {
		State() lease.State
		Close(context.Context) error
	}
	for name, start := range map[string]func(*service, context.Context, func(*lease.Options)) (holder, error){
		"Keep": func(s *service, ctx context.Context, o func(*lease.Options)) (holder, error) {
			k := lease.Keep(ctx, s.client, s.seats(1), o)
			return k, k.Wait(ctx)
		},
		"Acquire": func(s *service, ctx context.Context, o func(*lease.Options)) (holder, error) {
			return lease.Acquire(ctx, s.client, s.seats(1), o)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inSeats(t, 2, func(t *testing.T, s *service, p *place) {
				s.OneIn(1, "ExtendLicenseConsumption").Refuse("AccessDeniedException", "not authorized", nil)
				s.run(t, p, nil).kill()
				time.Sleep(2 * time.Hour)
				l, err := start(s, t.Context(), keptIn(p.next()))
				require.NoError(t, err, "resumed after the expiry")
				for range 5 {
					require.Equal(t, 1, s.mostTaken(time.Hour+10*time.Second))
					require.Equal(t, lease.StateActive, l.State())
				}
				assert.Equal(t, 7, s.Requests("CheckoutLicense"))
				require.NoError(t, l.Close(t.Context()))
				assert.Zero(t, s.taken())
			})
		})
	}
}
