package lease_test

import (
	"context"
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
)

func TestDenialsAreExplained(t *testing.T) {
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

// With Request.LicenseARN, the permissions of the consumption role are enough.
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
				product, _ := s.product(t)
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

// A wrong wall clock makes no license look expired.
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

// An exception of a credentials provider explains no denial.
func TestDenialIsNotExplainedByCredentials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService(t)
		s.SetSeats(0)
		cfg, calls := s.Config(), 0
		good := cfg.Credentials
		cfg.Credentials = awstokens.CredentialsFunc(func(ctx context.Context) (awstokens.Credentials, error) {
			if calls++; calls > 1 {
				return awstokens.Credentials{}, &licensemanager.InvalidParameterValueException{}
			}
			return good.Retrieve(ctx)
		})
		client, err := licensemanager.New(cfg)
		require.NoError(t, err)
		request := s.seats(1)
		request.LicenseARN = s.LicenseARN()
		_, err = lease.Acquire(t.Context(), client, request)
		var denied *lease.DeniedError
		require.ErrorAs(t, err, &denied)
		assert.Equal(t, lease.ReasonUnknown, denied.Reason)
	})
}

// A denial because of a missing KeyFingerprint names it.
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

// The context ends when the service has just granted a part: the part is given
// back nevertheless.
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
