package drawdown_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/drawdown"
)

const pages = "Pages"

// countPages adds a second entitlement to the license.
func (w *world) countPages(most int64) {
	w.manager.ChangeLicense(w.manager.LicenseARN(), func(l *licensemanager.License) {
		l.Entitlements = append(l.Entitlements, licensemanager.Entitlement{Name: pages, Unit: licensemanager.EntitlementUnitCount, MaxCount: &most})
	})
}

// While the service sends no responses for hours, one unit for each window may
// be lost, after the first batch. When the outage is over, all else is charged
// at once.
func TestLongOutage(t *testing.T) {
	for name, begin := range map[string]func(*world){
		"lost":    func(w *world) { w.network.state.Store("loses") },
		"hanging": func(w *world) { w.network.state.Store("hangs") },
		"typed":   func(w *world) { w.manager.OneIn(1, "CheckoutLicense").Fail(http.StatusInternalServerError) },
		"gateway": func(w *world) { w.manager.OneIn(1, "CheckoutLicense").FailUntyped(http.StatusBadGateway) },
	} {
		for _, crashes := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " crashes: ", crashes), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					w.manager.SetSeats(1_000_000)
					w.countPages(1_000_000)
					m := w.meter()
					begin(w)
					for minute := range int64(6 * 60) {
						add(t, m, 10)
						require.NoError(t, m.Add(pages, 3))
						sleep(time.Minute)
						if crashes && minute%50 == 49 {
							require.NoError(t, m.Sync())
							w.crash(m)
							m = w.meter()
						}
					}
					w.network.state.Store("")
					w.server.ClearFaults()
					sleep(time.Minute)
					total, ofPages := m.Totals()[seats], m.Totals()[pages]
					const windows = 6*60/9 + 1
					assert.LessOrEqual(t, total.Unknown+ofPages.Unknown, int64(13+windows))
					assert.EqualValues(t, 3600, total.Charged+total.Unknown)
					assert.EqualValues(t, 1080, ofPages.Charged+ofPages.Unknown)
					assert.GreaterOrEqual(t, w.taken(), total.Charged)
					assert.LessOrEqual(t, w.taken(), total.Charged+total.Unknown)
					require.NoError(t, m.Close(t.Context()))
				})
			})
		}
	}
}

// lose makes the next batch, of n, unknown.
func (w *world) lose(m *drawdown.Meter, n int64) {
	w.Helper()
	w.network.state.Store("loses")
	require.Error(w, m.Flush(w.Context()))
	time.Sleep(9 * time.Minute)
	var unknown *drawdown.UnknownError
	require.ErrorAs(w, m.Flush(w.Context()), &unknown)
	assert.EqualValues(w, n, unknown.Amounts[0].N)
}

// A probe that the service has not processed is followed by another one, also
// after a crash.
func TestProbeNotDelivered(t *testing.T) {
	for _, crash := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, byHand)
			m := w.meter()
			add(t, m, 7)
			w.lose(m, 7)
			restart := func() {
				if crash {
					w.crash(m)
					m = w.meter()
				}
			}
			restart()
			w.network.state.Store("")
			w.manager.OneIn(1, "CheckoutLicense").Throttle()
			add(t, m, 20)
			require.Error(t, m.Flush(t.Context()))
			assert.Equal(t, map[string]drawdown.Total{seats: {Unknown: 7, Owed: 20}}, m.Totals())
			restart()
			w.server.ClearFaults()
			w.lose(m, 1)
			restart()
			assert.Equal(t, map[string]drawdown.Total{seats: {Unknown: 8, Owed: 19}}, m.Totals())
			w.network.state.Store("")
			require.NoError(t, m.Flush(t.Context()))
			assert.Equal(t, map[string]drawdown.Total{seats: {Charged: 19, Unknown: 8}}, m.Totals())

			requests := len(w.network.sent)
			add(t, m, 5)
			require.NoError(t, m.Close(t.Context()))
			assert.Len(t, w.network.sent, requests+1, "the service responds again")
			assert.EqualValues(t, 32, w.taken())
		})
	}
}

// The denial of a probe is not reported, but that of all that is owed: what is
// denied of one entitlement does not hold up another one.
func TestProbeThatIsDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, byHand)
		w.countPages(100)
		m := w.meter()
		add(t, m, 7)
		w.lose(m, 7)
		w.network.state.Store("")
		require.NoError(t, m.Add(pages, 100))
		add(t, m, 5)
		err := m.Flush(t.Context())
		require.NoError(t, err, "a unit of the larger amount was charged, and then the rest")
		add(t, m, 3)
		w.lose(m, 3)

		w.network.state.Store("")
		require.NoError(t, m.Add(pages, 4))
		add(t, m, 2)
		requests := len(w.network.sent)
		found := denials(m.Flush(t.Context()))
		require.Len(t, found, 1)
		assert.EqualValues(t, 4, found[pages].N)
		assert.Len(t, w.network.sent, requests+2)
		assert.Equal(t, map[string]drawdown.Total{seats: {Charged: 7, Unknown: 10}, pages: {Charged: 100, Owed: 4}}, m.Totals())
		require.Error(t, m.Close(t.Context()))
	})
}
