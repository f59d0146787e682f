package drawdown_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/licensemanager/drawdown"
)

// Close retries a call that may succeed later, for a minute, and charges what is
// owed once. What it cannot charge is in the journal.
func TestCloseSurvivesAnOutage(t *testing.T) {
	for name, test := range map[string]struct {
		begin  func(*world)
		outage time.Duration // how long it lasts
		wait   time.Duration // of the context of Close
		least  time.Duration // that Close takes
		most   time.Duration
	}{
		"down":               {func(w *world) { w.network.state.Store("down") }, 20 * time.Second, time.Hour, 20 * time.Second, 45 * time.Second},
		"lost":               {func(w *world) { w.network.state.Store("loses") }, 20 * time.Second, time.Hour, 20 * time.Second, 45 * time.Second},
		"hanging":            {func(w *world) { w.network.state.Store("hangs") }, 20 * time.Second, time.Hour, 20 * time.Second, 45 * time.Second},
		"throttled":          {func(w *world) { w.manager.OneIn(1, "CheckoutLicense").Throttle() }, 20 * time.Second, time.Hour, 20 * time.Second, 45 * time.Second},
		"5xx":                {func(w *world) { w.manager.OneIn(1, "CheckoutLicense").Fail(http.StatusInternalServerError) }, 20 * time.Second, time.Hour, 20 * time.Second, 45 * time.Second},
		"longer than Close":  {func(w *world) { w.network.state.Store("loses") }, time.Hour, 2 * time.Hour, 25 * time.Second, 90 * time.Second},
		"longer than ctx":    {func(w *world) { w.network.state.Store("down") }, time.Hour, 4 * time.Second, 4 * time.Second, 4 * time.Second},
		"refused, not again": {func(w *world) { w.manager.OneIn(1, "CheckoutLicense").Refuse("AccessDeniedException", "no", nil) }, time.Hour, 2 * time.Hour, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, byHand)
				m := w.meter()
				add(t, m, 5)
				test.begin(w)
				end := time.AfterFunc(test.outage, func() {
					w.network.state.Store("")
					w.server.ClearFaults()
				})
				defer end.Stop()

				ctx, cancel := context.WithTimeout(t.Context(), test.wait)
				defer cancel()
				start := time.Now()
				err := m.Close(ctx)
				took := time.Since(start)
				assert.GreaterOrEqual(t, took, test.least)
				assert.LessOrEqual(t, took, test.most)
				if test.outage < time.Hour {
					require.NoError(t, err)
					assert.Equal(t, drawdown.Total{Charged: 5}, m.Totals()[seats])
					assert.EqualValues(t, 5, w.taken())
					return
				}
				require.Error(t, err)
				assert.Equal(t, drawdown.Total{Owed: 5}, m.Totals()[seats])
				end.Reset(0)
				synctest.Wait()
				again := w.meter()
				require.NoError(t, again.Flush(t.Context()))
				assert.Equal(t, drawdown.Total{Charged: 5}, again.Totals()[seats])
				assert.EqualValues(t, 5, w.taken())
				require.NoError(t, again.Close(t.Context()))
			})
		})
	}
}
