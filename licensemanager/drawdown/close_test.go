package drawdown_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
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

// A batch that became unknown is reported once, also if Close interrupts the flush
// in which it did, or retries after it.
func TestCloseReportsWhatIsUnknown(t *testing.T) {
	for name, state := range map[string]string{"hanging": "hangs", "lost": "loses", "down": "down"} {
		for _, byItself := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var reported error
					w := newWorld(t, func(o *drawdown.Options) {
						o.OnError = func(err error) { reported = errors.Join(reported, err) }
						if !byItself {
							o.Interval = -1
						}
					})
					m := w.meter()
					add(t, m, 7)
					w.network.state.Store("loses")
					require.Error(t, m.Flush(t.Context()))
					add(t, m, 5)
					w.network.state.Store(state)
					if byItself {
						for m.Totals()[seats].Unknown == 0 {
							sleep(time.Second)
						}
					} else {
						sleep(9 * time.Minute)
					}
					time.AfterFunc(10*time.Second, func() { w.network.state.Store("") })
					reported = errors.Join(reported, m.Close(t.Context()))
					assert.Equal(t, 1, strings.Count(reported.Error(), "nobody can know"), reported)
					assert.Equal(t, drawdown.Total{Charged: 5, Unknown: 7}, m.Totals()[seats])
					assert.EqualValues(t, 12, w.taken())
				})
			})
		}
	}
}

// Close does not retry what is denied in part.
func TestCloseOfADenial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, byHand)
		m := w.meter()
		add(t, m, 7)
		require.NoError(t, m.Add("Typo", 5))
		start := time.Now()
		assert.Len(t, denials(m.Close(t.Context())), 1)
		assert.Zero(t, time.Since(start))
		assert.Equal(t, map[string]drawdown.Total{seats: {Charged: 7}, "Typo": {Owed: 5}}, m.Totals())
	})
}

// Close does not retry what is refused for good, though the batch, whose response
// was lost before, stays open.
func TestCloseOfARefusedBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, byHand)
		m := w.meter()
		add(t, m, 7)
		w.network.state.Store("loses")
		require.Error(t, m.Flush(t.Context()))
		w.network.state.Store("")
		w.manager.OneIn(1, "CheckoutLicense").Refuse("AccessDeniedException", "no", nil)
		start := time.Now()
		require.ErrorContains(t, m.Close(t.Context()), "no")
		assert.Zero(t, time.Since(start))
		assert.Equal(t, drawdown.Total{Owed: 7}, m.Totals()[seats])
	})
}

// Nothing else waits for the retries of Close.
func TestCallsBesideClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, byHand)
		m := w.meter()
		add(t, m, 7)
		w.network.state.Store("down")
		closed := make(chan error)
		go func() { closed <- m.Close(t.Context()) }()
		sleep(2 * time.Second)
		start := time.Now()
		for name, call := range map[string]func() error{
			"Add":    func() error { return m.Add(seats, 1) },
			"Flush":  func() error { return m.Flush(t.Context()) },
			"Forget": func() error { return m.Forget(seats) },
			"Sync":   m.Sync,
		} {
			assert.ErrorIs(t, call(), drawdown.ErrClosed, name)
		}
		assert.Zero(t, time.Since(start))
		require.Error(t, <-closed)
		assert.Equal(t, drawdown.Total{Owed: 7}, m.Totals()[seats])
	})
}
