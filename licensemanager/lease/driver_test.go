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
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/internal/clock"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
)

// retrying is a client with the default retries.
func (s *service) retrying(t *testing.T) *licensemanager.Client {
	client, err := licensemanager.New(s.Config())
	require.NoError(t, err)
	return client
}

// failures are all that can follow a lost response.
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

// A checkout whose response is lost, and any other failure after it: Acquire
// gets the seat that was taken, or leaves none.
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

// The same, and the failure does not go away: the error says that a seat may be
// taken.
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

// Credentials that cannot be had are no reason to think that a seat was taken.
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
				minted, err := s.client.CreateToken(t.Context(), &licensemanager.CreateTokenInput{
					ClientToken: licensemanager.NewClientToken(), LicenseArn: s.LicenseARN(), RoleArns: []string{s.RoleARN()},
				})
				require.NoError(t, err)
				fault(s)
				cfg := s.Config()
				creds, err := tokencreds.New(cfg, tokencreds.Token(minted.Token), func(o *tokencreds.Options) { o.RoleARN = s.RoleARN() })
				require.NoError(t, err)
				cfg.Credentials = creds
				client, err := licensemanager.New(cfg)
				require.NoError(t, err)

				start := time.Now()
				_, err = lease.Acquire(within(t, time.Second), client, s.seats(1))
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

// A lost response that changed the token: the lease waits for the seat's known
// expiry, takes another seat, and Close tells of the one without a name.
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

// set is the system's clock with a wall clock that can be set.
type set struct {
	clock.System
	by *atomic.Int64
}

func (c set) Now() time.Time { return c.System.Now().Add(time.Duration(c.by.Load())) }

// The wall clock is wrong, or set during a lease: that costs no seat, and no
// seat is claimed that has gone.
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
					assert.WithinDuration(t, c.Now().Add(45*time.Minute), l.Expires(), 20*time.Minute)
					assert.Equal(t, 1, s.Requests("CheckoutLicense"))
					require.NoError(t, l.Close(t.Context()))
				})
			})
		}
	}
}

// The machine is suspended for hours: nothing is claimed at wake-up, and
// another seat is taken.
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

// A service that is not right in its head: no lease spins or sleeps for ever.
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
				api := &odd{Client: s.client, expiration: expiration}
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

type odd struct {
	*licensemanager.Client
	expiration func(now time.Time) string
}

func (o *odd) ExtendLicenseConsumption(ctx context.Context, in *licensemanager.ExtendLicenseConsumptionInput) (*licensemanager.ExtendLicenseConsumptionOutput, error) {
	out, err := o.Client.ExtendLicenseConsumption(ctx, in)
	if err == nil {
		out.Expiration = o.expiration(time.Now())
	}
	return out, err
}

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

// A program waits for its seat, and is told why there is none when it gives up.
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
		time.AfterFunc(time.Hour, func() { assert.NoError(t, first.Close(t.Context())) })
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { assert.NoError(t, k.Wait(t.Context())) })
		}
		wg.Wait()
		assert.WithinRange(t, time.Now(), start.Add(time.Hour), start.Add(time.Hour+5*time.Minute))

		s.SetSeats(0)
		other := lease.Keep(t.Context(), s.client, s.seats(1))
		time.AfterFunc(time.Hour, func() { assert.NoError(t, other.Close(t.Context())) })
		assert.Equal(t, lease.ErrClosed, other.Wait(t.Context()))
		require.NoError(t, k.Close(t.Context()))
		assert.Equal(t, lease.ErrClosed, k.Wait(t.Context()))
	})
	broken := lease.Keep(t.Context(), nil, lease.Request{})
	assert.Equal(t, broken.Err(), broken.Wait(t.Context()))
	assert.EqualError(t, broken.Wait(nil), "lease: the context is nil") //nolint:staticcheck // a caller's mistake
}

// The caller may use its slice of entitlements again.
func TestEntitlementsAreCopied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		request := s.seats(1)
		first := lease.Keep(t.Context(), s.client, request)
		request.Entitlements[0].Value = "2"
		second := lease.Keep(t.Context(), s.client, request)
		require.NoError(t, first.Wait(t.Context()))
		require.NoError(t, second.Wait(t.Context()))
		assert.Equal(t, 3, s.taken())
		require.NoError(t, first.Close(t.Context()))
		require.NoError(t, second.Close(t.Context()))
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

// A Keeper gives a partial seat back, and says what was missing until the next
// checkout.
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

// Without what fails, days of composed faults: the service, not the machine,
// says who holds what.
func TestLeasesAmongFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.SetSeats(1)
		s.ChangeTokensOnExtend(false)
		s.OneIn(3, "ExtendLicenseConsumption").LoseAnswer()
		s.OneIn(5, "ExtendLicenseConsumption").Refuse("ResourceNotFoundException", "none", nil)
		s.OneIn(7, "").Fail(http.StatusInternalServerError)
		s.OneIn(4, "CheckInLicense").LoseAnswer()
		k := lease.Keep(t.Context(), s.client, s.seats(1), grace(time.Hour))
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
