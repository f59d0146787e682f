package lease_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/internal/clock"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
)

// service is a server without a network, and a client that does not retry: a
// failed call is a failed renewal. In a bubble of synctest it lives through
// weeks at once, and a goroutine that is left fails the test.
type service struct {
	*awstokenstest.Server
	awstokenstest.LicenseManager
	client *licensemanager.Client
}

func newService(t *testing.T) *service {
	t.Helper()
	server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
	cfg := server.Config()
	cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = 1 })
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	return &service{server, server.LicenseManager(), client}
}

// seats asks for a number of the license's seats.
func (s *service) seats(n int64) lease.Request {
	return lease.Request{
		ProductSKU:     s.ProductSKU(),
		KeyFingerprint: s.KeyFingerprint(),
		Entitlements:   []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, n)},
	}
}

func (s *service) taken() int { return s.SeatsTaken(awstokenstest.Seats) }

// events collects what a lease reports.
type events struct {
	mu   sync.Mutex
	list []lease.Event
}

func (e *events) option(o *lease.Options) {
	o.OnEvent = func(event lease.Event) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.list = append(e.list, event)
	}
}

func (e *events) count(kind lease.EventType) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range e.list {
		if event.Type == kind {
			n++
		}
	}
	return n
}

func grace(d time.Duration) func(*lease.Options) {
	return func(o *lease.Options) { o.Grace = d }
}

func TestThirtyDaysWithOneRenewalInTenFailing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.ChangeTokensOnExtend(true)
		s.OneIn(10, "ExtendLicenseConsumption").Fail(http.StatusInternalServerError)
		var e events
		l, err := lease.Acquire(t.Context(), s.client, s.seats(1), e.option)
		require.NoError(t, err)
		for range 30 * 24 * 6 {
			time.Sleep(10 * time.Minute)
			require.Equal(t, 1, s.taken())
			require.NotEqual(t, lease.StateLost, l.State())
		}
		require.NoError(t, l.Err())
		require.NoError(t, l.Close(context.Background()))
		assert.Zero(t, s.taken())
		assert.Equal(t, 1, s.Requests("CheckInLicense"))
		assert.Equal(t, 1, s.Requests("CheckoutLicense"), "the first seat was never lost")
		assert.Greater(t, e.count(lease.EventRenewed), 1000)
		assert.Greater(t, e.count(lease.EventRenewalFailed), 100)
		assert.Equal(t, 1, e.count(lease.EventCheckedIn))
	})
}

func TestRenewalsAreSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.SetSeats(100)
		start := time.Now()
		var e events
		var leases []*lease.Lease
		for range 50 {
			l, err := lease.Acquire(t.Context(), s.client, s.seats(1), e.option, func(o *lease.Options) { o.RenewAt = 0 }) // the default
			require.NoError(t, err)
			leases = append(leases, l)
		}
		time.Sleep(40 * time.Minute)
		synctest.Wait()
		moments := map[time.Duration]bool{}
		e.mu.Lock()
		for _, event := range e.list {
			after := event.Time.Sub(start)
			assert.GreaterOrEqual(t, after, 30*time.Minute, "half of the life")
			assert.LessOrEqual(t, after, 36*time.Minute, "0.6 of the life")
			moments[after.Truncate(time.Second)] = true
		}
		e.mu.Unlock()
		assert.Greater(t, len(moments), 30)
		for _, l := range leases {
			require.NoError(t, l.Close(t.Context()))
		}
	})
}

// The service goes away for good: the lease is lost within 30 seconds of the
// seat's expiry and the grace after it, and not earlier, whether calls fail or
// hang.
func TestLostAtTheDocumentedMoment(t *testing.T) {
	for name, outage := range map[string]func(awstokenstest.Faults){
		"refused": awstokenstest.Faults.Cut,
		"hanging": func(f awstokenstest.Faults) { f.Delay(1000 * time.Hour) },
	} {
		for _, period := range []time.Duration{0, 10 * time.Minute, 3 * time.Hour} {
			t.Run(name+" "+period.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newService(t)
					var e events
					l, err := lease.Acquire(t.Context(), s.client, s.seats(1), grace(period), e.option)
					require.NoError(t, err)
					outage(s.OneIn(1, ""))
					moment := l.Expires().Add(period)
					time.Sleep(time.Until(moment) - time.Nanosecond)
					synctest.Wait()
					assert.Equal(t, lease.StateDegraded, l.State())
					assert.NoError(t, l.Err())

					<-l.Done()
					assert.Equal(t, lease.StateLost, l.State())
					var lost *lease.LostError
					require.ErrorAs(t, l.Err(), &lost)
					assert.WithinRange(t, lost.At, moment, moment.Add(30*time.Second))
					assert.Equal(t, 1, e.count(lease.EventLost))

					var taken *lease.TakenError
					require.ErrorAs(t, l.Close(t.Context()), &taken, "an extension may have been processed")
					assert.WithinRange(t, taken.Until, time.Now(), time.Now().Add(time.Hour))
					assert.ErrorAs(t, l.Err(), &lost, "Close does not hide why")
					assert.Equal(t, lease.EventLost, e.list[len(e.list)-1].Type)
				})
			})
		}
	}
}

func TestOutageIsSurvived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		var e events
		l, err := lease.Acquire(t.Context(), s.client, s.seats(1), e.option)
		require.NoError(t, err)
		time.Sleep(20 * time.Minute)
		s.OneIn(1, "").Cut()
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		assert.Equal(t, lease.StateDegraded, l.State())
		tries := e.count(lease.EventRenewalFailed)
		assert.Greater(t, tries, 10)
		assert.Less(t, tries, 40, "tries are up to a minute apart")
		s.ClearFaults()
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, lease.StateActive, l.State())
		assert.Equal(t, 1, s.Requests("CheckoutLicense"), "with the same seat")
		require.NoError(t, l.Close(t.Context()))
		assert.Zero(t, s.taken())
	})
}

// The seat expires during an outage, within the grace: the lease takes another
// when the service is back, if there is one.
func TestSeatThatHasGone(t *testing.T) {
	for name, full := range map[string]bool{"another is free": false, "none is free": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t)
				s.SetSeats(1)
				var e events
				l, err := lease.Acquire(t.Context(), s.client, s.seats(1), grace(3*time.Hour), e.option)
				require.NoError(t, err)
				s.OneIn(1, "").Cut()
				time.Sleep(2 * time.Hour)
				assert.Zero(t, s.taken(), "the service has checked it in")
				s.ClearFaults()
				if full {
					other, err := lease.Acquire(t.Context(), s.client, s.seats(1))
					require.NoError(t, err)
					defer func() { assert.NoError(t, other.Close(context.Background())) }()
				}
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if full {
					assert.Equal(t, lease.StateDegraded, l.State())
					<-l.Done()
					assert.Equal(t, lease.StateLost, l.State())
					var denied *lease.DeniedError
					require.ErrorAs(t, l.Err(), &denied)
					assert.Equal(t, lease.ReasonSeatsFull, denied.Reason)
				} else {
					assert.Equal(t, lease.StateActive, l.State())
					assert.Equal(t, 1, e.count(lease.EventReacquired))
				}
				err = l.Close(t.Context())
				if full {
					assert.NoError(t, err)
					return
				}
				var taken *lease.TakenError
				require.ErrorAs(t, err, &taken, "a lost extension may have been processed")
			})
		})
	}
}

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

// The extension that is under way changes the token: the seat must be given
// back under the new one, also when nobody waits for it any more.
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

// An outage that passes costs no seat: the check-in is repeated.
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
				assert.ErrorIs(t, l.Close(ctx), context.DeadlineExceeded)
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
			assert.Equal(t, err, l.Close(t.Context()), "the second call says the same")
			assert.Equal(t, 1, e.count(lease.EventCheckInFailed))
		})
	}
}

// A license that forbids check-in.
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

// A service that hangs for good holds nobody for longer than is said.
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

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// However a checkout fails, no seat stays taken.
func TestFailedAcquireLeavesNoSeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)

		s.Next(1, "CheckoutLicense").LoseAnswer()
		_, err := lease.Acquire(within(t, time.Second), s.client, s.seats(1))
		var send *awstokens.SendError
		assert.ErrorAs(t, err, &send)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Zero(t, s.taken(), "the response was lost")

		s.Next(1, "CheckoutLicense").Delay(time.Minute)
		ctx := within(t, time.Second)
		_, err = lease.Acquire(ctx, s.client, s.seats(1))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Zero(t, s.taken(), "the context ended")

		before := s.Requests("")
		_, err = lease.Acquire(ctx, s.client, s.seats(1))
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, before, s.Requests(""), "the context had ended before")
	})
}

func TestInvalidOptions(t *testing.T) {
	s := newService(t)
	for name, option := range map[string]func(*lease.Options){
		"RenewAt of 1":        func(o *lease.Options) { o.RenewAt = 1 },
		"RenewAt below 0":     func(o *lease.Options) { o.RenewAt = -0.6 },
		"RenewAt of 1e-9":     func(o *lease.Options) { o.RenewAt = 1e-9 },
		"RenewAt of NaN":      func(o *lease.Options) { o.RenewAt = math.NaN() },
		"Grace below 0":       func(o *lease.Options) { o.Grace = -1 },
		"Grace of a lifetime": func(o *lease.Options) { o.Grace = math.MaxInt64 },
	} {
		_, err := lease.Acquire(t.Context(), s.client, s.seats(1), nil, option)
		assert.ErrorContains(t, err, "RenewAt", name)
		k := lease.Keep(t.Context(), s.client, s.seats(1), option)
		assert.Equal(t, lease.StateClosed, k.State(), name)
		assert.ErrorContains(t, k.Err(), "RenewAt", name)
		assert.Zero(t, k.Expires())
		assert.NoError(t, k.Close(t.Context()), name)
	}
	assert.Zero(t, s.Requests(""))
}

func TestInvalidRequest(t *testing.T) {
	s := newService(t)
	for field, spoil := range map[string]func(*lease.Request){
		"ProductSKU":   func(r *lease.Request) { r.ProductSKU = "" },
		"Entitlements": func(r *lease.Request) { r.Entitlements = nil },
	} {
		request := s.seats(1)
		spoil(&request)
		path := filepath.Join(t.TempDir(), "seat.json")
		k := lease.Keep(t.Context(), s.client, request, keptIn(path))
		assert.Equal(t, lease.StateClosed, k.State(), field)
		_, err := lease.Acquire(t.Context(), s.client, request, keptIn(path))
		for _, err := range []error{k.Err(), err} {
			var invalid smithy.InvalidParamsError
			assert.ErrorAs(t, err, &invalid, field)
			assert.ErrorContains(t, err, field)
		}
		assert.NoError(t, k.Close(t.Context()))
		assert.NoFileExists(t, path+".lock")
	}
	assert.Zero(t, s.Requests(""))
}

func TestNoAPI(t *testing.T) {
	var client *licensemanager.Client
	for _, api := range []lease.API{nil, client} {
		_, err := lease.Acquire(t.Context(), api, lease.Request{})
		assert.ErrorContains(t, err, "the API is nil")
		assert.ErrorContains(t, lease.Keep(t.Context(), api, lease.Request{}).Err(), "the API is nil")
		verdict, err := lease.Check(t.Context(), api, lease.Request{})
		assert.ErrorContains(t, err, "the API is nil")
		assert.Equal(t, lease.VerdictUnknown, verdict)
	}
}

func TestManyLeasesAndFewerSeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.SetSeats(300)
		var wg sync.WaitGroup
		var granted, refused, most atomic.Int64
		release := make(chan struct{})
		for range 500 {
			wg.Go(func() {
				l, err := lease.Acquire(t.Context(), s.client, s.seats(1))
				if err != nil {
					var denied *lease.DeniedError
					assert.ErrorAs(t, err, &denied)
					refused.Add(1)
					return
				}
				granted.Add(1)
				most.Store(max(most.Load(), int64(s.taken())))
				<-release
				assert.NoError(t, l.Err())
				assert.NoError(t, l.Close(t.Context()))
			})
		}
		time.Sleep(5 * time.Hour)
		assert.Equal(t, 300, s.taken())
		close(release)
		wg.Wait()
		assert.Equal(t, int64(300), granted.Load())
		assert.Equal(t, int64(200), refused.Load())
		assert.LessOrEqual(t, most.Load(), int64(300))
		assert.Zero(t, s.taken())
	})
}

func TestPartialCheckout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		request := s.seats(2)
		request.Entitlements = append(request.Entitlements, licensemanager.Feature("Unheard"))

		_, err := lease.Acquire(t.Context(), s.client, request)
		var partial *lease.PartialError
		require.ErrorAs(t, err, &partial)
		assert.Equal(t, []licensemanager.EntitlementData{licensemanager.Feature("Unheard")}, partial.Missing)
		assert.ErrorContains(t, err, "Unheard")
		assert.Zero(t, s.taken(), "the part is given back")

		request.AllowPartial = true
		l, err := lease.Acquire(t.Context(), s.client, request)
		require.NoError(t, err)
		assert.Equal(t, []licensemanager.EntitlementData{licensemanager.Feature("Unheard")}, l.Missing())
		assert.Equal(t, []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 2)}, l.Granted())
		assert.Equal(t, s.LicenseARN(), l.LicenseARN())
		require.NoError(t, l.Close(t.Context()))
		assert.Zero(t, s.taken())
	})
}

// The context ends just when the service has granted a part: that part goes
// back all the same.
func TestPartIsGivenBackAfterTheContextEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		request := s.seats(2)
		request.Entitlements = append(request.Entitlements, licensemanager.Feature("Unheard"))
		ctx, cancel := context.WithCancel(t.Context())
		_, err := lease.Acquire(ctx, endsAfterCheckout{s.client, cancel}, request)
		var partial *lease.PartialError
		require.ErrorAs(t, err, &partial)
		assert.Zero(t, s.taken())

		before := s.Requests("")
		verdict, err := lease.Check(ctx, s.client, s.seats(1))
		assert.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, lease.VerdictUnknown, verdict)
		assert.Equal(t, before, s.Requests(""), "nothing is sent when the context has ended before")
	})
}

// endsAfterCheckout ends the caller's context when a checkout has succeeded.
type endsAfterCheckout struct {
	*licensemanager.Client
	end context.CancelFunc
}

func (e endsAfterCheckout) CheckoutLicense(ctx context.Context, in *licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error) {
	defer e.end()
	return e.Client.CheckoutLicense(ctx, in)
}

func TestRefusalsAreExplained(t *testing.T) {
	for reason, prepare := range map[lease.Reason]func(*service, *lease.Request){
		lease.ReasonSeatsFull: func(s *service, r *lease.Request) {
			_, err := s.client.CheckoutLicense(context.Background(), &licensemanager.CheckoutLicenseInput{
				CheckoutType: licensemanager.CheckoutTypeProvisional, ClientToken: licensemanager.NewClientToken(),
				Entitlements: s.seats(10).Entitlements, KeyFingerprint: r.KeyFingerprint, ProductSKU: r.ProductSKU,
			})
			if err != nil {
				panic(err)
			}
		},
		lease.ReasonTooMany:       func(s *service, r *lease.Request) { r.Entitlements[0].Value = "11" },
		lease.ReasonNoLicense:     func(s *service, r *lease.Request) { r.ProductSKU = "unheard" },
		lease.ReasonNoEntitlement: func(s *service, r *lease.Request) { r.Entitlements[0].Name = "Unheard" },
		lease.ReasonWrongUnit: func(s *service, r *lease.Request) {
			r.Entitlements[0] = licensemanager.Feature(awstokenstest.Seats)
		},
		lease.ReasonNotAvailable: func(s *service, r *lease.Request) { s.SuspendLicense(s.LicenseARN()) },
		lease.ReasonExpired: func(s *service, r *lease.Request) {
			s.ChangeLicense(s.LicenseARN(), func(l *licensemanager.License) {
				period := licensemanager.Period(time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
				l.Validity = &period
			})
		},
		lease.ReasonUnknown: func(s *service, r *lease.Request) {
			s.SetSeats(0)
			s.OneIn(1, "ListReceivedLicenses").Refuse("AccessDeniedException", "not in the policy of the role", nil)
		},
	} {
		t.Run(string(reason), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t)
				request := s.seats(1)
				prepare(s, &request)
				_, err := lease.Acquire(t.Context(), s.client, request)
				var denied *lease.DeniedError
				require.ErrorAs(t, err, &denied)
				assert.Equal(t, reason, denied.Reason, err.Error())
				var exception *licensemanager.NoEntitlementsAllowedException
				assert.ErrorAs(t, err, &exception)
			})
		})
	}
}

// With a license's ARN, the permissions of the consumption role are enough.
func TestDenialsAreExplainedByGetLicense(t *testing.T) {
	for reason, prepare := range map[lease.Reason]func(*service, *lease.Request){
		lease.ReasonSeatsFull: func(s *service, r *lease.Request) { r.Entitlements[0].Value = "10" },
		lease.ReasonTooMany:   func(s *service, r *lease.Request) { r.Entitlements[0].Value = "11" },
		lease.ReasonNoLicense: func(s *service, r *lease.Request) {
			s.ConsumptionRoleOnly(false) // which may see no other license
			r.LicenseARN += "f"
			r.ProductSKU = "unheard"
		},
		lease.ReasonExpired: func(s *service, r *lease.Request) {
			s.ChangeLicense(s.LicenseARN(), func(l *licensemanager.License) {
				period := licensemanager.Period(time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour))
				l.Validity = &period
			})
		},
		lease.ReasonWrongProduct:  func(s *service, r *lease.Request) { r.ProductSKU = "unheard" },
		lease.ReasonWrongIssuer:   func(s *service, r *lease.Request) { r.KeyFingerprint = "" },
		lease.ReasonNoEntitlement: func(s *service, r *lease.Request) { r.Entitlements[0].Name = "Unheard" },
		lease.ReasonWrongUnit: func(s *service, r *lease.Request) {
			r.Entitlements[0] = licensemanager.Feature(awstokenstest.Seats)
		},
		lease.ReasonNotAvailable: func(s *service, r *lease.Request) { s.SuspendLicense(s.LicenseARN()) },
		lease.ReasonUnknown: func(s *service, r *lease.Request) {
			r.Entitlements[0].Value = "10"
			s.OneIn(1, "GetLicense").Fail(500)
		},
	} {
		t.Run(string(reason), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t)
				other, err := lease.Acquire(t.Context(), s.client, s.seats(1))
				require.NoError(t, err)
				defer func() { assert.NoError(t, other.Close(context.Background())) }()
				product := s.product(t)
				s.ConsumptionRoleOnly(true)
				request := s.seats(1)
				request.LicenseARN = s.LicenseARN()
				prepare(s, &request)
				_, err = lease.Acquire(t.Context(), product, request)
				var denied *lease.DeniedError
				require.ErrorAs(t, err, &denied)
				assert.Equal(t, reason, denied.Reason, err.Error())
				assert.Zero(t, s.Requests("ListReceivedLicenses"))
			})
		})
	}
}

// product is a client with credentials of the license's refresh token.
func (s *service) product(t *testing.T) *licensemanager.Client {
	minted, err := s.client.CreateToken(t.Context(), &licensemanager.CreateTokenInput{
		ClientToken: licensemanager.NewClientToken(), LicenseArn: s.LicenseARN(), RoleArns: []string{s.RoleARN()},
	})
	require.NoError(t, err)
	cfg := s.Config()
	cfg.Credentials, err = tokencreds.New(cfg, tokencreds.Token(minted.Token), func(o *tokencreds.Options) { o.RoleARN = s.RoleARN() })
	require.NoError(t, err)
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	return client
}

// A wall clock that is wrong makes no license look expired.
func TestDenialIsExplainedByTheServicesClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.SetSeats(0)
		s.ChangeLicense(s.LicenseARN(), func(l *licensemanager.License) {
			period := licensemanager.Period(time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
			l.Validity = &period
		})
		c := set{clock.New(), new(atomic.Int64)}
		c.by.Store(int64(2 * time.Hour))
		request := s.seats(1)
		for _, arn := range []string{"", s.LicenseARN()} {
			request.LicenseARN = arn
			_, err := lease.Acquire(t.Context(), s.client, request, func(o *lease.Options) { o.Clock = c })
			var denied *lease.DeniedError
			require.ErrorAs(t, err, &denied)
			assert.Equal(t, lease.ReasonTooMany, denied.Reason)
		}
	})
}

// An error that a program makes itself, in a test, has a text.
func TestZeroErrors(t *testing.T) {
	for _, err := range []error{&lease.DeniedError{}, &lease.LostError{}, &lease.PartialError{}, &lease.StoreError{}, &lease.TakenError{}} {
		assert.NotEmpty(t, err.Error())
	}
}

// A key fingerprint that was forgotten is named as a cause.
func TestOtherIssuer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		request := s.seats(1)
		request.KeyFingerprint = ""
		_, err := lease.Acquire(t.Context(), s.client, request)
		var denied *lease.DeniedError
		require.ErrorAs(t, err, &denied)
		assert.Equal(t, lease.ReasonNoLicense, denied.Reason)
		assert.ErrorContains(t, err, "KeyFingerprint")
	})
}

func TestCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		verdict, err := lease.Check(t.Context(), s.client, s.seats(1))
		assert.NoError(t, err)
		assert.Equal(t, lease.VerdictEntitled, verdict)
		assert.Zero(t, s.taken(), "the probe leaves no seat taken")

		s.Next(3, "CheckInLicense").Fail(http.StatusInternalServerError)
		verdict, err = lease.Check(t.Context(), s.client, s.seats(1))
		assert.NoError(t, err)
		assert.Equal(t, lease.VerdictEntitled, verdict)
		assert.Zero(t, s.taken(), "the check-in is repeated")

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

// A refresh token that was deleted looks like no outage.
func TestRevokedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		minted, err := s.client.CreateToken(t.Context(), &licensemanager.CreateTokenInput{
			ClientToken: licensemanager.NewClientToken(), LicenseArn: s.LicenseARN(), RoleArns: []string{s.RoleARN()},
		})
		require.NoError(t, err)
		cfg := s.Config()
		creds, err := tokencreds.New(cfg, tokencreds.Token(minted.Token), func(o *tokencreds.Options) { o.RoleARN = s.RoleARN() })
		require.NoError(t, err)
		cfg.Credentials = creds
		product, err := licensemanager.New(cfg)
		require.NoError(t, err)

		s.OneIn(1, "GetAccessToken").Cut()
		verdict, err := lease.Check(t.Context(), product, s.seats(1))
		assert.Equal(t, lease.VerdictUnknown, verdict)
		assert.Error(t, err)
		assert.NotErrorIs(t, err, tokencreds.ErrTokenRefused)
		s.ClearFaults()

		var e events
		l, err := lease.Acquire(t.Context(), product, s.seats(1), grace(time.Hour), e.option)
		require.NoError(t, err)
		_, err = s.client.DeleteToken(t.Context(), &licensemanager.DeleteTokenInput{TokenId: minted.TokenId})
		require.NoError(t, err)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		assert.Equal(t, lease.StateDegraded, l.State())
		e.mu.Lock()
		assert.ErrorIs(t, e.list[len(e.list)-1].Err, tokencreds.ErrTokenRefused)
		e.mu.Unlock()
		verdict, err = lease.Check(t.Context(), product, s.seats(1))
		assert.Equal(t, lease.VerdictUnknown, verdict)
		assert.ErrorIs(t, err, tokencreds.ErrTokenRefused)
		assert.NoError(t, l.Close(t.Context()), "the seat has expired")
	})
}

// testClock is a Clock that a test moves.
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

// A lease lives by its own clock, here one that is a day behind the service's.
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

// A date that cannot be read must not cost the caller a seat that was granted.
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

// fake is an API of the test's own.
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
