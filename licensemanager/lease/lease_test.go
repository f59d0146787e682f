package lease_test

import (
	"context"
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
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
)

// service is a server without a network, and a client that does not retry, so
// that a failed attempt is a failed call. Tests run it in a bubble of synctest,
// where weeks pass at once and a goroutine that is left over fails the test.
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

// seats is a request for a number of the license's seats.
func (s *service) seats(n int64) lease.Request {
	return lease.Request{
		ProductSKU:     s.ProductSKU(),
		KeyFingerprint: s.KeyFingerprint(),
		Entitlements:   []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, n)},
	}
}

// product is a client with the credentials of a refresh token, and the token's ID.
func (s *service) product(t *testing.T) (client *licensemanager.Client, tokenID string) {
	minted, err := s.client.CreateToken(t.Context(), &licensemanager.CreateTokenInput{
		ClientToken: licensemanager.NewClientToken(), LicenseArn: s.LicenseARN(), RoleArns: []string{s.RoleARN()},
	})
	require.NoError(t, err)
	cfg := s.Config()
	cfg.Credentials, err = tokencreds.New(cfg, tokencreds.Token(minted.Token), func(o *tokencreds.Options) { o.RoleARN = s.RoleARN() })
	require.NoError(t, err)
	client, err = licensemanager.New(cfg)
	require.NoError(t, err)
	return client, minted.TokenId
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

// An error that a user makes, as in a test, has a text.
func TestZeroErrors(t *testing.T) {
	for _, err := range []error{&lease.DeniedError{}, &lease.LostError{}, &lease.PartialError{}, &lease.StoreError{}, &lease.TakenError{}} {
		assert.NotEmpty(t, err.Error())
	}
}

// The caller may change its slice of entitlements afterwards.
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
