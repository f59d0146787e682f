package lease_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/clock"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
)

// A lease that waits takes at most 4.5 KB of heap and stack, however many are
// held.
func TestBytesPerLease(t *testing.T) {
	n := 400
	if exhaustive() {
		n = 10000
	}
	cost := bytesPerLease(t, n)
	t.Logf("%d bytes for each of %d leases", cost, n)
	assert.LessOrEqual(t, cost, 4608)
}

// BenchmarkLeases renews one of many leases that are held. The cost of a renewal
// does not grow with their number, but for the processor's caches.
func BenchmarkLeases(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprintf("held=%d", n), func(b *testing.B) {
			cost := bytesPerLease(b, n)
			clocks := make([]*handClock, n)
			for i := range clocks {
				c := &handClock{start: time.Now(), asleep: make(chan struct{}, 1), wake: make(chan struct{})}
				l, err := lease.Acquire(context.Background(), granting{c}, anyRequest, func(o *lease.Options) { o.Clock = c })
				require.NoError(b, err)
				b.Cleanup(func() { assert.NoError(b, l.Close(context.Background())) })
				<-c.asleep
				clocks[i] = c
			}
			b.ReportAllocs()
			for b.Loop() {
				clocks[rand.IntN(n)].renew()
			}
			b.ReportMetric(float64(cost), "B/lease")
		})
	}
}

// bytesPerLease measures leases that wait by the system's clock.
func bytesPerLease(tb testing.TB, n int) int {
	used := func() uint64 {
		for range 5 { // what one cycle finds, a later one frees
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	api := granting{clock.New()}
	acquire := func() *lease.Lease {
		l, err := lease.Acquire(context.Background(), api, anyRequest)
		require.NoError(tb, err)
		return l
	}
	require.NoError(tb, acquire().Close(context.Background())) // what is made once
	before, goroutines := used(), runtime.NumGoroutine()
	leases := make([]*lease.Lease, n)
	for i := range leases {
		leases[i] = acquire()
	}
	cost := int(used()-before) / n
	assert.Less(tb, runtime.NumGoroutine()-goroutines, n/10, "a lease that waits has no goroutine")
	for _, l := range leases {
		require.NoError(tb, l.Close(context.Background()))
	}
	return cost
}

var anyRequest = lease.Request{ProductSKU: "product", Entitlements: []licensemanager.EntitlementData{licensemanager.Count("Users", 1)}}

// granting is a service without memory that grants each seat for an hour.
type granting struct{ clock awstokens.Clock }

func (g granting) CheckoutLicense(_ context.Context, in *licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error) {
	now := g.clock.Now()
	return &licensemanager.CheckoutLicenseOutput{
		LicenseConsumptionToken: awstokens.NewSecret("0123456789abcdef0123456789abcdef"), EntitlementsAllowed: in.Entitlements,
		IssuedAt: now.Format(time.RFC3339), Expiration: now.Add(time.Hour).Format(time.RFC3339),
		LicenseArn: "arn:aws:license-manager::111122223333:license:l-0123456789abcdef0123456789abcdef",
	}, nil
}

func (g granting) ExtendLicenseConsumption(_ context.Context, in *licensemanager.ExtendLicenseConsumptionInput) (*licensemanager.ExtendLicenseConsumptionOutput, error) {
	return &licensemanager.ExtendLicenseConsumptionOutput{
		LicenseConsumptionToken: in.LicenseConsumptionToken, Expiration: g.clock.Now().Add(time.Hour).Format(time.RFC3339),
	}, nil
}

func (granting) CheckInLicense(context.Context, *licensemanager.CheckInLicenseInput) (*licensemanager.CheckInLicenseOutput, error) {
	return &licensemanager.CheckInLicenseOutput{}, nil
}

// handClock is a clock that is moved by hand.
type handClock struct {
	start   time.Time
	elapsed atomic.Int64
	asleep  chan struct{} // has a value while Sleep waits
	wake    chan struct{}
}

func (c *handClock) Now() time.Time         { return c.start.Add(c.Elapsed()) }
func (c *handClock) Elapsed() time.Duration { return time.Duration(c.elapsed.Load()) }

func (c *handClock) Sleep(ctx context.Context, _ time.Duration) error {
	c.asleep <- struct{}{}
	select {
	case <-c.wake:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// renew moves the clock to the renewal, and waits until the lease sleeps again.
func (c *handClock) renew() {
	c.elapsed.Add(int64(40 * time.Minute))
	c.wake <- struct{}{}
	<-c.asleep
}
