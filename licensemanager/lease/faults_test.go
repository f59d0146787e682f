package lease_test

import (
	"context"
	"errors"
	"net/http"
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
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
)

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
		assert.Less(t, tries, 40, "attempts are up to a minute apart")
		s.ClearFaults()
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, lease.StateActive, l.State())
		assert.Equal(t, 1, s.Requests("CheckoutLicense"), "with the same seat")
		require.NoError(t, l.Close(t.Context()))
		assert.Zero(t, s.taken())
	})
}

// The service fails for good: the lease is lost within 30 seconds of the seat's
// expiry and Options.Grace, and not earlier, whether calls fail or hang.
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
					synctest.Wait() // for the event, which comes after Done
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

// The seat expires during an outage that is shorter than Options.Grace: the lease
// then takes another, if one is free.
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

// retrying is a client that retries by default.
func (s *service) retrying(t *testing.T) *licensemanager.Client {
	client, err := licensemanager.New(s.Config())
	require.NoError(t, err)
	return client
}

// failures are all failures that can follow a lost response.
var failures = map[string]func(awstokenstest.Faults){
	"cut":             awstokenstest.Faults.Cut,
	"5xx":             func(f awstokenstest.Faults) { f.Fail(http.StatusInternalServerError) },
	"gateway":         func(f awstokenstest.Faults) { f.FailUntyped(http.StatusBadGateway) },
	"throttled":       awstokenstest.Faults.Throttle,
	"access denied":   func(f awstokenstest.Faults) { f.Refuse("AccessDeniedException", "no policy allows it", nil) },
	"expired token":   func(f awstokenstest.Faults) { f.Refuse("ExpiredTokenException", "the token has expired", nil) },
	"no entitlements": func(f awstokenstest.Faults) { f.Refuse("NoEntitlementsAllowedException", "none", nil) },
	"validation":      func(f awstokenstest.Faults) { f.Refuse("ValidationException", "one is wrong", nil) },
	"HTML 404":        func(f awstokenstest.Faults) { f.FailUntyped(http.StatusNotFound) },
	"empty 200":       func(f awstokenstest.Faults) { f.Answer(200, nil, "") },
}

// The response of a checkout is lost, and any other failure follows: Acquire gets
// the seat that was taken, or leaves none.
func TestLostCheckoutAndAnotherFailure(t *testing.T) {
	for name, fault := range failures {
		for _, attempts := range []string{"of one call", "of two calls"} {
			t.Run(name+" "+attempts, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newService(t)
					client := s.client
					if attempts == "of one call" {
						client = s.retrying(t)
					}
					s.Next(1, "CheckoutLicense").LoseAnswer()
					fault(s.Next(2, "CheckoutLicense"))
					l, err := lease.Acquire(t.Context(), client, s.seats(1))
					require.NoError(t, err)
					assert.Equal(t, 1, s.taken())
					require.NoError(t, l.Close(t.Context()))
					assert.Zero(t, s.taken())

					s.Next(1, "CheckoutLicense").LoseAnswer()
					fault(s.Next(1, "CheckoutLicense"))
					l, err = lease.Acquire(within(t, 2*time.Second), client, s.seats(1))
					if err == nil { // retried in time
						err = l.Close(t.Context())
					}
					var taken *lease.TakenError
					assert.False(t, errors.As(err, &taken), "%v", err)
					assert.Zero(t, s.taken())
				})
			})
		}
	}
}

// The same, and the failure lasts: the error says that a seat may stay taken.
func TestLostCheckoutAndALastingFailure(t *testing.T) {
	for name, fault := range failures {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t)
				s.Next(1, "CheckoutLicense").LoseAnswer()
				fault(s.OneIn(1, "CheckoutLicense"))
				start := time.Now()
				_, err := lease.Acquire(within(t, time.Minute), s.client, s.seats(1))
				var taken *lease.TakenError
				require.ErrorAs(t, err, &taken)
				assert.ErrorContains(t, err, "may stay taken")
				switch name {
				case "access denied", "expired token", "no entitlements", "validation":
					assert.InDelta(t, 8, time.Since(start).Seconds(), 1, "the service says no, three times")
				default:
					assert.GreaterOrEqual(t, time.Since(start), time.Minute, "until the context ends")
					assert.LessOrEqual(t, time.Since(start), 2*time.Minute+time.Second)
				}
				var denied *lease.DeniedError
				assert.Equal(t, name == "no entitlements", errors.As(err, &denied))
				assert.Equal(t, 1, s.taken())
			})
		})
	}
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

func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// Without credentials nothing is sent, so no seat can stay taken.
func TestCredentialsFail(t *testing.T) {
	for name, fault := range map[string]func(*service){
		"GetAccessToken fails":     func(s *service) { s.OneIn(1, "GetAccessToken").Fail(http.StatusInternalServerError) },
		"GetAccessToken refuses":   func(s *service) { s.OneIn(1, "GetAccessToken").Refuse("AccessDeniedException", "deleted", nil) },
		"GetAccessToken not found": func(s *service) { s.OneIn(1, "GetAccessToken").Refuse("ResourceNotFoundException", "none", nil) },
		"GetAccessToken is cut":    func(s *service) { s.OneIn(1, "GetAccessToken").Cut() },
		"GetAccessToken hangs":     func(s *service) { s.OneIn(1, "GetAccessToken").Delay(1000 * time.Hour) },
		"the role is wrong": func(s *service) {
			s.STS().OneIn(1, "AssumeRoleWithWebIdentity").Refuse("AccessDenied", "not authorized to perform sts:AssumeRoleWithWebIdentity", nil)
		},
		"STS fails": func(s *service) { s.STS().OneIn(1, "AssumeRoleWithWebIdentity").FailUntyped(http.StatusBadGateway) },
		"STS hangs": func(s *service) { s.STS().OneIn(1, "AssumeRoleWithWebIdentity").Delay(1000 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t)
				client, _ := s.product(t)
				fault(s)
				start := time.Now()
				_, err := lease.Acquire(within(t, time.Second), client, s.seats(1))
				require.Error(t, err)
				assert.LessOrEqual(t, time.Since(start), time.Second)
				assert.Zero(t, s.Requests("CheckoutLicense"))
				var taken *lease.TakenError
				assert.False(t, errors.As(err, &taken), "%v", err)
				var denied *lease.DeniedError
				assert.False(t, errors.As(err, &denied), "%v", err)
				t.Log(err)
				time.Sleep(5 * time.Minute) // until the provider gives up too
			})
		})
	}
}

// A deleted refresh token differs from an outage.
func TestRevokedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		product, tokenID := s.product(t)
		s.OneIn(1, "GetAccessToken").Cut()
		verdict, err := lease.Check(t.Context(), product, s.seats(1))
		assert.Equal(t, lease.VerdictUnknown, verdict)
		assert.Error(t, err)
		assert.NotErrorIs(t, err, tokencreds.ErrTokenRefused)
		s.ClearFaults()

		var e events
		l, err := lease.Acquire(t.Context(), product, s.seats(1), grace(time.Hour), e.option)
		require.NoError(t, err)
		_, err = s.client.DeleteToken(t.Context(), &licensemanager.DeleteTokenInput{TokenId: tokenID})
		require.NoError(t, err)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		assert.Equal(t, lease.StateDegraded, l.State())
		assert.ErrorIs(t, l.LastError(), tokencreds.ErrTokenRefused)
		e.mu.Lock()
		assert.ErrorIs(t, e.list[len(e.list)-1].Err, tokencreds.ErrTokenRefused)
		e.mu.Unlock()
		verdict, err = lease.Check(t.Context(), product, s.seats(1))
		assert.Equal(t, lease.VerdictUnknown, verdict)
		assert.ErrorIs(t, err, tokencreds.ErrTokenRefused)
		assert.NoError(t, l.Close(t.Context()), "the seat has expired")
	})
}

// One wrong refusal of an extension, with one seat or more: the seat is kept,
// and no second one is taken.
func TestRefusedExtension(t *testing.T) {
	for _, code := range []string{"ValidationException", "InvalidParameterValueException", "ResourceNotFoundException", "AccessDeniedException"} {
		for _, seats := range []int{1, 5} {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t)
				s.SetSeats(seats)
				var e events
				l, err := lease.Acquire(t.Context(), s.client, s.seats(1), e.option)
				require.NoError(t, err)
				s.Next(1, "ExtendLicenseConsumption").Refuse(code, "there is none", nil)
				for range 300 {
					time.Sleep(time.Minute)
					synctest.Wait()
					require.Equal(t, 1, s.taken())
				}
				assert.Equal(t, lease.StateActive, l.State())
				assert.Equal(t, 1, e.count(lease.EventRenewalFailed))
				assert.Equal(t, 1, s.Requests("CheckoutLicense"))
				require.NoError(t, l.Close(t.Context()))
				assert.Zero(t, s.taken())
			})
		}
	}
}

// The response of an extension that changed the token is lost: the lease waits for
// the seat's known expiry, takes another seat, and Close reports the one that
// nobody can name.
func TestLostExtensionThatChangedTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.ChangeTokensOnExtend(true)
		s.Next(1, "ExtendLicenseConsumption").LoseAnswer()
		l, err := lease.Acquire(t.Context(), s.client, s.seats(1))
		require.NoError(t, err)
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		assert.Equal(t, lease.StateDegraded, l.State())
		assert.Equal(t, 1, s.taken())
		time.Sleep(time.Minute + 10*time.Second)
		synctest.Wait()
		assert.Equal(t, lease.StateActive, l.State())
		assert.Equal(t, 2, s.taken())
		var taken *lease.TakenError
		require.ErrorAs(t, l.Close(t.Context()), &taken)
		time.Sleep(time.Until(taken.Until) - 30*time.Minute)
		assert.Equal(t, 1, s.taken())
		time.Sleep(30*time.Minute + time.Second)
		assert.Zero(t, s.taken())
	})
}

// While the seat is held and renewals fail, LastError says why.
func TestLastError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		l, err := lease.Acquire(t.Context(), s.client, s.seats(1))
		require.NoError(t, err)
		k := lease.Keep(t.Context(), s.client, s.seats(1))
		require.NoError(t, k.Wait(t.Context()))
		for _, held := range []interface {
			State() lease.State
			Err() error
			LastError() error
		}{l, k} {
			assert.NoError(t, held.LastError())
			s.OneIn(1, "ExtendLicenseConsumption").Fail(http.StatusInternalServerError)
			time.Sleep(40 * time.Minute)
			synctest.Wait()
			assert.Equal(t, lease.StateDegraded, held.State())
			assert.NoError(t, held.Err(), "the seat is held")
			var exception *licensemanager.ServerInternalException
			assert.ErrorAs(t, held.LastError(), &exception)
			s.ClearFaults()
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			assert.Equal(t, lease.StateActive, held.State())
			assert.NoError(t, held.LastError())
		}
		require.NoError(t, l.Close(t.Context()))
		require.NoError(t, k.Close(t.Context()))
	})
}

// Ten days of composed faults: the seat is always held, and never a second one.
func TestLeasesAmongFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.SetSeats(1)
		s.ChangeTokensOnExtend(false)
		s.OneIn(3, "ExtendLicenseConsumption").LoseAnswer()
		s.OneIn(5, "ExtendLicenseConsumption").Refuse("ResourceNotFoundException", "none", nil)
		s.OneIn(7, "").Fail(http.StatusInternalServerError)
		s.OneIn(4, "CheckInLicense").LoseAnswer()
		var running atomic.Int32
		slow := func(o *lease.Options) {
			o.OnEvent = func(lease.Event) {
				assert.EqualValues(t, 1, running.Add(1), "one event at a time")
				time.Sleep(time.Second)
				running.Add(-1)
			}
		}
		k := lease.Keep(t.Context(), s.client, s.seats(1), grace(time.Hour), slow)
		for range 10 * 24 * 12 {
			time.Sleep(5 * time.Minute)
			synctest.Wait()
			require.Contains(t, []lease.State{lease.StateActive, lease.StateDegraded}, k.State())
			require.Equal(t, 1, s.taken())
		}
		require.NoError(t, k.Close(t.Context()))
		assert.Zero(t, s.taken())
	})
}
