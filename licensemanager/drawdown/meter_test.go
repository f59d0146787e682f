package drawdown_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
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
	"github.com/seed-25f54b62/awstokens/licensemanager/drawdown"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
)

const seats = awstokenstest.Seats

// network is the network between a client and a service in process.
type network struct {
	next  awstokens.HTTPClient
	state atomic.Value // "" is up
	off   atomic.Int64 // how wrong the Date of the next response is

	mu   sync.Mutex
	sent []string // bodies of CheckoutLicense
}

var errNoNetwork = errors.New("no network")

func (n *network) Do(req *http.Request) (*http.Response, error) {
	state := n.state.Load()
	if state == "down" {
		return nil, errNoNetwork
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(req.Header.Get("X-Amz-Target"), ".CheckoutLicense") {
		n.mu.Lock()
		n.sent = append(n.sent, string(body))
		n.mu.Unlock()
	}
	if state == "hangs" {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	req.Body = io.NopCloser(strings.NewReader(string(body)))
	resp, err := n.next.Do(req)
	if err != nil {
		return nil, err
	}
	if state == "loses" {
		return nil, io.ErrUnexpectedEOF
	}
	if off := n.off.Swap(0); off != 0 {
		date, err := http.ParseTime(resp.Header.Get("Date"))
		if err != nil {
			return nil, err
		}
		resp.Header.Set("Date", date.Add(time.Duration(off)).Format(http.TimeFormat))
	}
	return resp, nil
}

// world is a service in process, a network before it, and a journal.
type world struct {
	*testing.T
	server  *awstokenstest.Server
	manager awstokenstest.LicenseManager
	network *network
	client  *licensemanager.Client
	path    string
	options []func(*drawdown.Options)
}

func newWorld(t *testing.T, options ...func(*drawdown.Options)) *world {
	w := &world{
		T: t, server: awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true }),
		path: filepath.Join(t.TempDir(), "usage.journal"), options: options,
	}
	w.manager = w.server.LicenseManager()
	w.manager.SetSeats(1000)
	cfg := w.server.Config()
	w.network = &network{next: cfg.HTTPClient}
	w.network.state.Store("")
	cfg.HTTPClient = w.network
	var err error
	w.client, err = licensemanager.New(cfg)
	require.NoError(t, err)
	return w
}

// byHand makes a Meter send only in Flush and Close.
func byHand(o *drawdown.Options) { o.Interval = -1 }

func (w *world) request() drawdown.Request {
	return drawdown.Request{ProductSKU: w.manager.ProductSKU(), KeyFingerprint: w.manager.KeyFingerprint(), NodeID: "node-1"}
}

func (w *world) meter() *drawdown.Meter {
	w.Helper()
	m, err := drawdown.New(w.client, w.request(), w.path, w.options...)
	require.NoError(w, err)
	return m
}

// crash ends a Meter and gives its journal, as it is now, to the next one.
func (w *world) crash(m *drawdown.Meter) {
	w.Helper()
	text, err := os.ReadFile(w.path)
	require.NoError(w, err)
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	_ = m.Close(ctx)
	w.path = filepath.Join(w.TempDir(), "usage.journal")
	require.NoError(w, os.WriteFile(w.path, text, 0o600))
}

func (w *world) taken() int64 { return int64(w.manager.SeatsTaken(seats)) }

func add(t *testing.T, m *drawdown.Meter, n int64) {
	t.Helper()
	require.NoError(t, m.Add(seats, n))
}

func sleep(d time.Duration) {
	time.Sleep(d) // the bubble's
	synctest.Wait()
}

func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		m := w.meter()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				for range 4 {
					assert.NoError(t, m.Add(seats, 1))
				}
			})
		}
		wg.Wait()
		assert.Equal(t, map[string]drawdown.Total{seats: {Owed: 200}}, m.Totals())
		sleep(time.Minute)
		assert.EqualValues(t, 200, w.taken())
		assert.Equal(t, map[string]drawdown.Total{seats: {Charged: 200}}, m.Totals())
		assert.Equal(t, 1, w.manager.Requests("CheckoutLicense"))
		assert.Contains(t, w.network.sent[0], `"CheckoutType":"PERPETUAL"`)
		assert.Contains(t, w.network.sent[0], `"NodeId":"node-1"`)
		sleep(time.Hour)
		assert.Equal(t, 1, w.manager.Requests("CheckoutLicense"), "there is nothing to send")

		add(t, m, 5)
		require.NoError(t, m.Flush(t.Context()))
		assert.EqualValues(t, 205, w.taken())
		add(t, m, 7)
		require.NoError(t, m.Close(t.Context()))
		assert.EqualValues(t, 212, w.taken())
		assert.Equal(t, map[string]drawdown.Total{seats: {Charged: 212}}, m.Totals())

		require.NoError(t, m.Close(t.Context()), "closing again does nothing")
		assert.ErrorIs(t, m.Add(seats, 1), drawdown.ErrClosed)
		assert.ErrorIs(t, m.Flush(t.Context()), drawdown.ErrClosed)
		info, err := os.Stat(w.path)
		require.NoError(t, err)
		if runtime.GOOS != "windows" { // which has no such modes
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		}
		again := w.meter()
		defer again.Close(t.Context())
		assert.Equal(t, map[string]drawdown.Total{seats: {Charged: 212}}, again.Totals())
	})
}

func TestBadArguments(t *testing.T) {
	w := newWorld(t, byHand)
	m := w.meter()
	defer m.Close(t.Context())
	for _, n := range []int64{0, -1, math.MinInt64} {
		assert.ErrorContains(t, m.Add("Documents", n), fmt.Sprintf(`%d to "Documents"`, n))
	}
	assert.Error(t, m.Add("", 1))
	assert.ErrorContains(t, m.Add("Documents\xff", 1), "UTF-8") // would keep all else from being charged
	var noClient *licensemanager.Client
	path := filepath.Join(t.TempDir(), "journal")
	for name, test := range map[string]struct {
		api     drawdown.API
		sku     string
		journal string
		window  time.Duration
	}{
		"no API":     {nil, "sku", path, 0},
		"no client":  {noClient, "sku", path, 0},
		"no product": {w.client, "", path, 0},
		"no journal": {w.client, "sku", "", 0},
		"no window":  {w.client, "sku", path, time.Millisecond},
	} {
		_, err := drawdown.New(test.api, drawdown.Request{ProductSKU: test.sku}, test.journal, nil, func(o *drawdown.Options) { o.Window = test.window })
		assert.Error(t, err, name)
		assert.NoFileExists(t, path, name)
	}
	_, err := drawdown.New(w.client, w.request(), path, func(o *drawdown.Options) {
		o.Units = map[string]licensemanager.EntitlementUnit{"Documents": "count"}
	})
	assert.ErrorContains(t, err, `"count" of "Documents"`)
	assert.NoFileExists(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, m.Add("Documents", 1))
	assert.ErrorIs(t, m.Flush(ctx), context.Canceled)
}

// Every response is lost. The batch is sent again, by the same Meter or by the
// next one, and charged once.
func TestLostResponses(t *testing.T) {
	for _, crash := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, byHand)
			m := w.meter()
			add(t, m, 7)
			w.network.state.Store("loses")
			for range 3 {
				err := m.Flush(t.Context())
				require.True(t, awstokens.MayHaveProcessed(err))
				time.Sleep(time.Minute)
			}
			assert.EqualValues(t, 7, w.taken())
			assert.Equal(t, map[string]drawdown.Total{seats: {Owed: 7}}, m.Totals())
			if crash {
				w.crash(m)
				m = w.meter()
			}
			add(t, m, 5)
			w.network.state.Store("")
			require.NoError(t, m.Flush(t.Context()))
			assert.EqualValues(t, 12, w.taken())
			assert.Equal(t, map[string]drawdown.Total{seats: {Charged: 12}}, m.Totals())
			require.NoError(t, m.Close(t.Context()))
		})
	}
}

// A process that is killed while a batch has no response does not lose what was
// added before the last Flush.
func TestKilledDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, byHand)
		m := w.meter()
		w.network.state.Store("loses")
		for n := range int64(3) {
			add(t, m, n+1)
			require.Error(t, m.Flush(t.Context()))
		}
		w.crash(m)
		w.network.state.Store("")
		m = w.meter()
		assert.Equal(t, map[string]drawdown.Total{seats: {Owed: 6}}, m.Totals())
		require.NoError(t, m.Close(t.Context()))
		assert.EqualValues(t, 6, w.taken())
	})
}

// A Meter sends a batch again by itself: soon after a lost response, and at once
// after a crash.
func TestLostResponsesInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var failures []error
		w := newWorld(t, func(o *drawdown.Options) {
			o.Interval = time.Hour
			o.OnError = func(err error) {
				mu.Lock()
				defer mu.Unlock()
				failures = append(failures, err)
			}
		})
		m := w.meter()
		add(t, m, 7)
		w.network.state.Store("loses")
		sleep(time.Hour + time.Minute)
		mu.Lock()
		assert.InDelta(t, 3, len(failures), 1, "one call each 30 seconds")
		mu.Unlock()
		w.network.state.Store("")
		sleep(time.Minute)
		assert.Equal(t, map[string]drawdown.Total{seats: {Charged: 7}}, m.Totals())

		add(t, m, 5)
		w.network.state.Store("loses")
		require.Error(t, m.Flush(t.Context()))
		w.crash(m)
		w.network.state.Store("")
		m = w.meter()
		sleep(10 * time.Minute)
		assert.Equal(t, map[string]drawdown.Total{seats: {Charged: 12}}, m.Totals())
		assert.EqualValues(t, 12, w.taken())
		require.NoError(t, m.Close(t.Context()))
	})
}

// After the window, a batch without a response is reported once and not sent
// again.
func TestPastTheWindow(t *testing.T) {
	for _, crash := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, byHand)
			m := w.meter()
			add(t, m, 7)
			sent := time.Now()
			w.network.state.Store("loses")
			require.Error(t, m.Flush(t.Context()))
			if crash {
				w.crash(m)
				m = w.meter()
			}
			add(t, m, 5)
			time.Sleep(9 * time.Minute)
			w.network.state.Store("")
			requests := len(w.network.sent)
			err := m.Flush(t.Context())
			var unknown *drawdown.UnknownError
			require.ErrorAs(t, err, &unknown)
			assert.Equal(t, []drawdown.Amount{{Name: seats, Unit: licensemanager.EntitlementUnitCount, N: 7}}, unknown.Amounts)
			assert.WithinDuration(t, sent, unknown.Sent, time.Second)
			assert.False(t, unknown.Charged)
			assert.ErrorContains(t, err, seats)
			assert.Equal(t, map[string]drawdown.Total{seats: {Charged: 5, Unknown: 7}}, m.Totals())
			assert.Len(t, w.network.sent, requests+2, "later usage is charged, after a probe")
			require.NoError(t, m.Flush(t.Context()))
			require.NoError(t, m.Close(t.Context()))
			again := w.meter()
			require.NoError(t, again.Close(t.Context()))
			assert.Equal(t, map[string]drawdown.Total{seats: {Charged: 5, Unknown: 7}}, again.Totals())
			assert.EqualValues(t, 12, w.taken())
		})
	}
}

// clock is the clock of a synctest bubble, with a wall time that somebody set.
type clock struct {
	start time.Time
	by    *atomic.Int64
}

func (c clock) Now() time.Time         { return time.Now().Add(time.Duration(c.by.Load())) }
func (c clock) Elapsed() time.Duration { return time.Since(c.start) }
func (clock) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func withClock() (*atomic.Int64, func(*drawdown.Options)) {
	by := new(atomic.Int64)
	return by, func(o *drawdown.Options) { o.Clock = clock{time.Now(), by} }
}

// Setting the wall clock while the process runs has no effect on a batch without
// a response.
func TestClockIsSetWhileItRuns(t *testing.T) {
	for _, by := range []time.Duration{-5 * time.Hour, 5 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			wall, option := withClock()
			w := newWorld(t, byHand, option)
			m := w.meter()
			add(t, m, 7)
			w.network.state.Store("loses")
			require.Error(t, m.Flush(t.Context()))
			wall.Store(int64(by))
			w.network.state.Store("")
			require.NoError(t, m.Flush(t.Context()))
			assert.EqualValues(t, 7, w.taken())
			require.NoError(t, m.Close(t.Context()))
		})
	}
}

// If the wall clock is set between a crash and the next start, a batch is never
// charged twice without an error.
func TestClockIsSetBetweenTwoRuns(t *testing.T) {
	for name, test := range map[string]struct {
		from      time.Duration // how far ahead the clock is before it is set
		by, after time.Duration
		unknown   bool // it is reported
		charged   bool // it was sent again
		throttled bool // the service responded before, with its Date
	}{
		"forward":                              {by: 5 * time.Hour, after: time.Minute, unknown: true},
		"far back":                             {by: -5 * time.Hour, after: time.Minute, unknown: true},
		"years back":                           {by: -1000 * 24 * time.Hour, after: time.Minute, unknown: true},
		"back, and the window is over":         {by: -time.Hour, after: time.Hour + 5*time.Minute, unknown: true, charged: true},
		"right, and the window is over":        {from: time.Hour, after: time.Hour + 5*time.Minute, unknown: true, charged: true},
		"back, and the service tells the time": {by: -time.Hour, after: time.Hour + 5*time.Minute, unknown: true, throttled: true},
		"back a little":                        {by: -3 * time.Second, after: time.Second, charged: true},
		"back a little, long before the start": {by: -time.Minute, after: 5 * time.Minute, charged: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				wall, option := withClock()
				wall.Store(int64(test.from))
				w := newWorld(t, byHand, option)
				m := w.meter()
				add(t, m, 1)
				require.NoError(t, m.Flush(t.Context())) // the response gives the service's clock
				add(t, m, 7)
				w.network.state.Store("loses")
				require.Error(t, m.Flush(t.Context()))
				w.crash(m)
				time.Sleep(test.after)
				wall.Store(int64(test.by))
				w.network.state.Store("")
				m = w.meter()
				if test.throttled {
					w.manager.Next(3, "CheckoutLicense").Throttle()
					require.Error(t, m.Flush(t.Context()))
				}
				err := m.Flush(t.Context())
				if test.unknown {
					var unknown *drawdown.UnknownError
					require.ErrorAs(t, err, &unknown)
					assert.Equal(t, test.charged, unknown.Charged)
				} else {
					assert.NoError(t, err)
				}
				total := m.Totals()[seats]
				assert.Equal(t, test.charged, total.Charged == 8, "%v", total)
				assert.GreaterOrEqual(t, total.Charged+total.Unknown, w.taken(), "nothing is charged that was not reported")
				require.NoError(t, m.Close(t.Context()))
			})
		})
	}
}

// What the service cannot have processed is owed, and nothing is unknown.
func TestNotDelivered(t *testing.T) {
	for name, fail := range map[string]func(*world){
		"no network": func(w *world) { w.network.state.Store("down") },
		"throttled":  func(w *world) { w.manager.OneIn(1, "CheckoutLicense").Throttle() },
		"refused":    func(w *world) { w.manager.OneIn(1, "CheckoutLicense").Refuse("AccessDeniedException", "no", nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, byHand)
				m := w.meter()
				fail(w)
				for range 3 {
					add(t, m, 2)
					require.Error(t, m.Flush(t.Context()))
					time.Sleep(time.Hour)
				}
				assert.Equal(t, map[string]drawdown.Total{seats: {Owed: 6}}, m.Totals())
				w.crash(m)
				m = w.meter()
				assert.Equal(t, map[string]drawdown.Total{seats: {Owed: 6}}, m.Totals(), "what was in a batch is in the journal")
				w.network.state.Store("")
				w.server.ClearFaults()
				require.NoError(t, m.Close(t.Context()))
				assert.EqualValues(t, 6, w.taken())
			})
		})
	}
}

// A denial after a lost response may be wrong: the batch may have been charged.
func TestDeniedAfterALostResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, byHand)
		m := w.meter()
		defer m.Close(t.Context())
		add(t, m, 7)
		w.network.state.Store("loses")
		require.Error(t, m.Flush(t.Context()))
		w.network.state.Store("")
		w.manager.Next(2, "CheckoutLicense").Refuse("NoEntitlementsAllowedException", "no", nil)
		require.NoError(t, m.Flush(t.Context()))
		assert.EqualValues(t, 7, w.taken())

		w.manager.SetSeats(10)
		w.manager.Next(1, "CheckoutLicense").FailUntyped(http.StatusBadGateway) // before it is processed
		add(t, m, 5)
		var denied *drawdown.DeniedError
		require.ErrorAs(t, m.Flush(t.Context()), &denied)
		assert.EqualValues(t, 7, w.taken())
		assert.Equal(t, drawdown.Total{Charged: 7, Owed: 5}, m.Totals()[seats])
	})
}

func TestDenials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, byHand, func(o *drawdown.Options) {
			o.Units = map[string]licensemanager.EntitlementUnit{"Wrong": licensemanager.EntitlementUnitGigabytes, "Storage": licensemanager.EntitlementUnitGigabytes}
		})
		w.manager.ChangeLicense(w.manager.LicenseARN(), func(l *licensemanager.License) {
			ten := int64(10)
			l.Entitlements = append(l.Entitlements,
				licensemanager.Entitlement{Name: "Storage", Unit: licensemanager.EntitlementUnitGigabytes, MaxCount: &ten},
				licensemanager.Entitlement{Name: "Wrong", Unit: licensemanager.EntitlementUnitTerabytes, MaxCount: &ten})
		})
		w.manager.SetSeats(10)
		m := w.meter()
		add(t, m, 8)
		require.NoError(t, m.Add("Storage", 3))
		require.NoError(t, m.Flush(t.Context()))

		add(t, m, 3)
		for _, name := range []string{"Storage", "Wrong", "Other", awstokenstest.Feature} {
			require.NoError(t, m.Add(name, 1))
		}
		err := m.Flush(t.Context())
		assert.Equal(t, map[string]drawdown.DeniedError{
			seats:                 {Name: seats, Unit: "Count", N: 3, Reason: drawdown.ReasonUsedUp, Left: 2},
			"Wrong":               {Name: "Wrong", Unit: "Gigabytes", N: 1, Reason: drawdown.ReasonWrongUnit, LicenseUnit: "Terabytes", Left: -1},
			"Other":               {Name: "Other", Unit: "Count", N: 1, Reason: drawdown.ReasonNoEntitlement, Left: -1},
			awstokenstest.Feature: {Name: awstokenstest.Feature, Unit: "Count", N: 1, Reason: drawdown.ReasonWrongUnit, LicenseUnit: "None", Left: -1},
		}, denials(err), "a part was charged")
		for name := range denials(err) {
			assert.ErrorContains(t, err, fmt.Sprintf("%q", name))
		}
		assert.NotContains(t, err.Error(), "\n")
		assert.Equal(t, drawdown.Total{Charged: 4}, m.Totals()["Storage"])
		assert.Equal(t, drawdown.Total{Charged: 8, Owed: 3}, m.Totals()[seats])

		w.manager.SetSeats(20) // the customer buys more
		err = m.Close(t.Context())
		assert.Len(t, denials(err), 3)
		assert.Equal(t, drawdown.Total{Charged: 11}, m.Totals()[seats])
		assert.EqualValues(t, 11, w.taken())
		again := w.meter()
		assert.Equal(t, drawdown.Total{Owed: 1}, again.Totals()["Wrong"], "it stays owed")

		w.manager.SuspendLicense(w.manager.LicenseARN())
		err = again.Flush(t.Context())
		for _, denied := range denials(err) {
			assert.Equal(t, drawdown.ReasonNoLicense, denied.Reason)
			var none *licensemanager.NoEntitlementsAllowedException
			assert.ErrorAs(t, &denied, &none)
		}
		assert.Len(t, denials(err), 3)
		assert.Error(t, again.Close(t.Context()))
	})
}

// A usage that is no count of anything does not overflow what is left.
func TestOddUsage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, byHand)
		w.manager.OneIn(1, "GetLicenseUsage").Answer(http.StatusOK, nil,
			`{"LicenseUsage":{"EntitlementUsages":[{"Name":"`+seats+`","Unit":"Count","ConsumedValue":"-9223372036854775808"}]}}`)
		m := w.meter()
		add(t, m, 5000)
		var denied *drawdown.DeniedError
		require.ErrorAs(t, m.Flush(t.Context()), &denied)
		assert.Equal(t, int64(1000), denied.Left)
		require.Error(t, m.Close(t.Context()))
	})
}

func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, byHand)
		m := w.meter()
		add(t, m, 8)
		require.NoError(t, m.Add("Seets", 3))
		err := m.Flush(t.Context())
		require.Len(t, denials(err), 1)
		assert.ErrorContains(t, err, "Meter.Forget")
		require.NoError(t, m.Add("Seets", 4)) // not in the journal

		w.network.state.Store("loses")
		add(t, m, 1)
		require.Error(t, m.Flush(t.Context()))
		assert.ErrorContains(t, m.Forget("Seets"), "has no response")
		assert.EqualValues(t, 7, m.Totals()["Seets"].Owed)
		w.network.state.Store("")
		require.Len(t, denials(m.Flush(t.Context())), 1)

		require.NoError(t, m.Add("Seets", 5))
		require.NoError(t, m.Forget("Seets"))
		require.NoError(t, m.Forget("Other"), "nothing is owed of it")
		want := map[string]drawdown.Total{seats: {Charged: 9}}
		assert.Equal(t, want, m.Totals())
		require.NoError(t, m.Flush(t.Context()))
		w.crash(m)
		assert.ErrorIs(t, m.Forget("Seets"), drawdown.ErrClosed)
		m = w.meter()
		assert.Equal(t, want, m.Totals(), "it is in the journal")
		require.NoError(t, m.Close(t.Context()))
		assert.EqualValues(t, 9, w.taken())
	})
}

// denials returns the DeniedErrors that an error joins, by name.
func denials(err error) map[string]drawdown.DeniedError {
	found := map[string]drawdown.DeniedError{}
	for _, denied := range drawdown.Denials(fmt.Errorf("wrapped: %w", err)) {
		found[denied.Name] = *denied
	}
	return found
}

// The role of a customer without an AWS account permits CheckoutLicense and
// GetLicense alone.
func TestDenialWithTheConsumptionRole(t *testing.T) {
	server := awstokenstest.NewServer(t)
	manager := server.LicenseManager()
	manager.ConsumptionRoleOnly(true)
	cfg := server.Config()
	seller, err := licensemanager.New(cfg)
	require.NoError(t, err)
	minted, err := seller.CreateToken(t.Context(), &licensemanager.CreateTokenInput{
		ClientToken: licensemanager.NewClientToken(), LicenseArn: manager.LicenseARN(), RoleArns: []string{manager.RoleARN()},
	})
	require.NoError(t, err)
	cfg.Credentials, err = tokencreds.New(cfg, tokencreds.Token(minted.Token), func(o *tokencreds.Options) { o.RoleARN = manager.RoleARN() })
	require.NoError(t, err)
	product, err := licensemanager.New(cfg)
	require.NoError(t, err)

	for arn, want := range map[string]map[string]drawdown.Reason{
		"":                   {seats: drawdown.ReasonUnknown, "Other": drawdown.ReasonUnknown},
		manager.LicenseARN(): {seats: drawdown.ReasonUsedUp, "Other": drawdown.ReasonNoEntitlement},
	} {
		request := drawdown.Request{ProductSKU: manager.ProductSKU(), KeyFingerprint: manager.KeyFingerprint()}
		m, err := drawdown.New(product, request, filepath.Join(t.TempDir(), "journal"), byHand, func(o *drawdown.Options) { o.LicenseARN = arn })
		require.NoError(t, err)
		add(t, m, 11)
		require.NoError(t, m.Add("Other", 1))
		found := denials(m.Close(t.Context()))
		require.Len(t, found, 2)
		for name, reason := range want {
			assert.Equal(t, reason, found[name].Reason, name)
			assert.EqualValues(t, -1, found[name].Left)
		}
	}
}

func TestCloseWithoutTheService(t *testing.T) {
	for _, state := range []string{"down", "hangs"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			m := w.meter()
			add(t, m, 7)
			w.network.state.Store(state)
			sleep(time.Minute) // a batch is under way
			add(t, m, 5)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			begun := time.Now()
			require.Error(t, m.Close(ctx))
			assert.LessOrEqual(t, time.Since(begun), 5*time.Second)
			w.network.state.Store("")
			m = w.meter()
			sleep(time.Minute)
			require.NoError(t, m.Close(t.Context()))
			assert.Equal(t, map[string]drawdown.Total{seats: {Charged: 12}}, m.Totals())
			assert.EqualValues(t, 12, w.taken())
		})
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, byHand)
		m := w.meter()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, m.Close(ctx), "there is nothing to send")

		m = w.meter()
		add(t, m, 7)
		require.ErrorIs(t, m.Close(ctx), context.Canceled)
		require.NoError(t, m.Close(ctx), "closing again does nothing")
		assert.Zero(t, w.taken())
		m = w.meter()
		assert.Equal(t, map[string]drawdown.Total{seats: {Owed: 7}}, m.Totals(), "nothing is lost")
		require.NoError(t, m.Close(t.Context()))
		assert.EqualValues(t, 7, w.taken())
	})
}

func TestCloseInterruptsAFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, byHand)
		m := w.meter()
		add(t, m, 7)
		w.network.state.Store("hangs")
		flushed := make(chan error)
		go func() { flushed <- m.Flush(context.Background()) }()
		sleep(time.Second)
		waiting, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		assert.ErrorIs(t, m.Flush(waiting), context.DeadlineExceeded, "flushes wait for each other")
		w.network.state.Store("")
		begun := time.Now()
		closed := make(chan error)
		go func() { closed <- m.Close(t.Context()) }()
		assert.ErrorIs(t, <-flushed, context.Canceled)
		require.NoError(t, <-closed)
		assert.Zero(t, time.Since(begun))
		assert.EqualValues(t, 7, w.taken())
		assert.Equal(t, map[string]drawdown.Total{seats: {Charged: 7}}, m.Totals())
	})
}

// silent is an API of another kind, with its own errors and odd responses.
type silent func(*licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error)

func (f silent) CheckoutLicense(_ context.Context, in *licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error) {
	return f(in)
}

func TestOddResponses(t *testing.T) {
	allow := func(list ...licensemanager.EntitlementData) silent {
		return func(*licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error) {
			return &licensemanager.CheckoutLicenseOutput{EntitlementsAllowed: list}, nil
		}
	}
	for name, test := range map[string]struct {
		api  silent
		want drawdown.Total
	}{
		"nothing is listed": {allow(), drawdown.Total{Charged: 7}},
		"no number":         {allow(licensemanager.EntitlementData{Name: "n", Unit: "Count"}), drawdown.Total{Charged: 7}},
		"less":              {allow(licensemanager.Count("n", 3)), drawdown.Total{Charged: 3, Owed: 4}},
		"more":              {allow(licensemanager.Count("n", 9)), drawdown.Total{Charged: 7}},
		"in two parts":      {allow(licensemanager.Count("n", 3), licensemanager.Count("n", 4)), drawdown.Total{Charged: 7}},
		"negative":          {allow(licensemanager.Count("n", -1)), drawdown.Total{Owed: 7}},
		"another":           {allow(licensemanager.Count("o", 7)), drawdown.Total{Charged: 7}},
		"another unit":      {allow(licensemanager.EntitlementData{Name: "n", Unit: "Bytes", Value: "7"}), drawdown.Total{Charged: 7}},
	} {
		m, err := drawdown.New(test.api, drawdown.Request{ProductSKU: "sku"}, filepath.Join(t.TempDir(), "journal"), byHand)
		require.NoError(t, err)
		require.NoError(t, m.Add("n", 7))
		err = m.Flush(t.Context())
		assert.Equal(t, test.want, m.Totals()["n"], name)
		var mismatch *drawdown.MismatchError
		odd := strings.HasPrefix(name, "another")
		assert.Equal(t, odd, errors.As(err, &mismatch), name)
		assert.Equal(t, odd || test.want.Owed > 0, err != nil, name)
		for _, denied := range denials(err) {
			assert.Equal(t, drawdown.ReasonUnknown, denied.Reason)
		}
		_ = m.Close(t.Context())
	}
}

// An unknown error may mean that the license was charged; an exception of the
// service does not.
func TestErrorsOfAnotherAPI(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			err  error
			same bool // the batch is sent again as it is
		}{
			{errors.New("it broke"), true},
			{context.DeadlineExceeded, true},
			{&licensemanager.ServerInternalException{}, true},
			{&licensemanager.AccessDeniedException{}, false},
			{(&licensemanager.CheckoutLicenseInput{}).Validate(), false},
		} {
			var tokens []string
			api := silent(func(in *licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error) {
				tokens = append(tokens, in.ClientToken)
				return nil, test.err
			})
			m, err := drawdown.New(api, drawdown.Request{ProductSKU: "sku"}, filepath.Join(t.TempDir(), "journal"), byHand)
			require.NoError(t, err)
			require.NoError(t, m.Add("n", 1))
			for range 2 {
				require.ErrorIs(t, m.Flush(t.Context()), test.err)
			}
			assert.Equal(t, test.same, tokens[0] == tokens[1], "%v", test.err)
			_ = m.Close(t.Context())
		}
	})
}

// A batch that cannot be encoded is not sent, so it stays owed.
func TestNodeIDThatCannotBeSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, byHand)
		named := w.request()
		named.NodeID = "caf\xe9" // as a host in Latin-1 may be called
		m, err := drawdown.New(w.client, named, w.path, w.options...)
		require.NoError(t, err)
		add(t, m, 7)
		for range 2 {
			require.ErrorContains(t, m.Flush(t.Context()), "NodeId")
			time.Sleep(10 * time.Minute)
		}
		require.Error(t, m.Close(t.Context()))
		m = w.meter()
		assert.Equal(t, drawdown.Total{Owed: 7}, m.Totals()[seats])
		require.NoError(t, m.Close(t.Context()))
		assert.EqualValues(t, 7, w.taken())
	})
}

// Text of the service in an error is one line.
func TestErrorsAreOneLine(t *testing.T) {
	const hostile = "Count\nforged\x1b[2J"
	for _, err := range []error{
		&drawdown.DeniedError{Name: hostile, Reason: drawdown.ReasonWrongUnit, LicenseUnit: hostile},
		&drawdown.MismatchError{Allowed: []licensemanager.EntitlementData{{Name: hostile, Unit: hostile}}},
		&drawdown.UnknownError{Amounts: []drawdown.Amount{{Name: hostile, Unit: hostile}}},
	} {
		assert.NotContains(t, err.Error(), "\n")
		assert.NotContains(t, err.Error(), "\x1b")
		assert.Contains(t, err.Error(), "forged")
	}
}

// No time of the service or of the local clock is too far away to be written.
func TestTimesThatDoNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, byHand)
		m := w.meter()
		add(t, m, 1)
		header := http.Header{"Date": {"Fri, 31 Dec 9999 23:59:59 GMT"}, "X-Amzn-Errortype": {"AccessDeniedException"}}
		w.manager.Next(1, "CheckoutLicense").Answer(http.StatusBadRequest, header, "{}")
		require.Error(t, m.Flush(t.Context()))
		sleep(time.Minute)
		require.NoError(t, m.Flush(t.Context()))
		require.NoError(t, m.Close(t.Context()))
		assert.EqualValues(t, 1, w.taken())
	})
	synctest.Test(t, func(t *testing.T) {
		wall, option := withClock()
		wall.Store(math.MinInt64)
		w := newWorld(t, byHand, option)
		m := w.meter()
		add(t, m, 1)
		w.network.state.Store("loses")
		require.Error(t, m.Flush(t.Context()))
		w.crash(m)
		w.network.state.Store("")
		wall.Store(math.MaxInt64)
		m = w.meter()
		sleep(10 * time.Minute)
		var unknown *drawdown.UnknownError
		require.ErrorAs(t, m.Flush(t.Context()), &unknown)
		require.NoError(t, m.Close(t.Context()))
	})
}

// The clock of a gateway does not make a batch too old.
func TestDateOfAGateway(t *testing.T) {
	var tokens []string
	api := silent(func(in *licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error) {
		tokens = append(tokens, in.ClientToken)
		date := time.Now()
		switch len(tokens) {
		case 1:
			return &licensemanager.CheckoutLicenseOutput{Result: awstokens.Result{Date: date}}, nil
		case 2, 3:
			return nil, &awstokens.ResponseError{StatusCode: http.StatusGatewayTimeout, Date: date.Add(time.Hour), Err: &smithy.GenericAPIError{Code: "Unknown", Fault: smithy.FaultServer}}
		case 4:
			return nil, &awstokens.ResponseError{StatusCode: http.StatusGatewayTimeout, Date: date.Add(time.Hour), Err: errors.New("no name")}
		}
		return &licensemanager.CheckoutLicenseOutput{Result: awstokens.Result{Date: date}}, nil
	})
	m, err := drawdown.New(api, drawdown.Request{ProductSKU: "sku"}, filepath.Join(t.TempDir(), "journal"), byHand)
	require.NoError(t, err)
	defer m.Close(t.Context())
	require.NoError(t, m.Add("n", 1))
	require.NoError(t, m.Flush(t.Context()))
	require.NoError(t, m.Add("n", 1))
	for range 3 {
		var unknown *drawdown.UnknownError
		err := m.Flush(t.Context())
		require.Error(t, err)
		require.NotErrorAs(t, err, &unknown)
	}
	require.NoError(t, m.Flush(t.Context()))
	assert.Equal(t, tokens[1], tokens[4])
}

// One wrong Date, ahead or behind, does not make a batch too old, nor a checkout
// a second one.
func TestWrongDate(t *testing.T) {
	for _, off := range []time.Duration{-time.Hour, time.Hour} {
		for name, wrong := range map[string]int{"before the batch": 0, "of a refusal": 2, "of a throttled retry": 3} {
			t.Run(fmt.Sprint(name, " ", off), func(t *testing.T) {
				var tokens []string
				api := silent(func(in *licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error) {
					call := len(tokens)
					tokens = append(tokens, in.ClientToken)
					date := time.Now()
					issued := date.UTC().Format(time.RFC3339)
					if call == wrong {
						date = date.Add(off)
					}
					exception := func(err error) error {
						return &awstokens.ResponseError{StatusCode: http.StatusBadRequest, Date: date, Err: err}
					}
					switch call {
					case 1:
						return nil, context.DeadlineExceeded // it may be charged
					case 2:
						return nil, exception(&licensemanager.NoEntitlementsAllowedException{})
					case 3:
						return nil, exception(&licensemanager.RateLimitExceededException{})
					}
					return &licensemanager.CheckoutLicenseOutput{IssuedAt: issued, Result: awstokens.Result{Date: date}}, nil
				})
				synctest.Test(t, func(t *testing.T) {
					m, err := drawdown.New(api, drawdown.Request{ProductSKU: "sku"}, filepath.Join(t.TempDir(), "journal"), byHand)
					require.NoError(t, err)
					defer m.Close(t.Context())
					require.NoError(t, m.Add("n", 1))
					require.NoError(t, m.Flush(t.Context()))
					require.NoError(t, m.Add("n", 2))
					for range 2 {
						var unknown *drawdown.UnknownError
						err := m.Flush(t.Context())
						require.Error(t, err)
						require.NotErrorAs(t, err, &unknown)
					}
					require.NoError(t, m.Flush(t.Context()))
					assert.Equal(t, drawdown.Total{Charged: 3}, m.Totals()["n"])
					require.Len(t, tokens, 5)
					for _, token := range tokens[2:] {
						assert.Equal(t, tokens[1], token)
					}
				})
			})
		}
	}
}

// No sum overflows: Add returns an error first.
func TestSumsThatDoNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = math.MaxInt64
		path := filepath.Join(t.TempDir(), "journal")
		open := func(api drawdown.API, unit licensemanager.EntitlementUnit) *drawdown.Meter {
			m, err := drawdown.New(api, request, path, byHand, func(o *drawdown.Options) {
				o.Units = map[string]licensemanager.EntitlementUnit{"n": unit}
			})
			require.NoError(t, err)
			return m
		}
		lost := silent(func(*licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error) {
			return nil, context.DeadlineExceeded
		})
		m := open(lost, "")
		require.NoError(t, m.Add("n", most/2))
		require.Error(t, m.Flush(t.Context()))
		require.NoError(t, m.Add("n", most/2))
		require.Error(t, m.Close(t.Context()))

		m = open(all, "")
		require.NoError(t, m.Add("n", 1))
		assert.ErrorContains(t, m.Add("n", 1), "too large")
		assert.Equal(t, drawdown.Total{Owed: most}, m.Totals()["n"])
		require.NoError(t, m.Flush(t.Context()))
		assert.ErrorContains(t, m.Add("n", 1), "too large", "what was charged counts too")
		require.NoError(t, m.Add("other", most))
		require.NoError(t, m.Close(t.Context()))

		m = open(all, licensemanager.EntitlementUnitGigabytes)
		require.NoError(t, m.Add("n", 5))
		require.NoError(t, m.Close(t.Context()))
		assert.Equal(t, map[string]drawdown.Total{"n": {Charged: most}, "other": {Charged: most}}, m.Totals(), "units are added up")
	})
}

// The longest Window does not overflow.
func TestEndlessWindow(t *testing.T) {
	m, err := drawdown.New(all, drawdown.Request{ProductSKU: "sku"}, filepath.Join(t.TempDir(), "journal"), byHand, func(o *drawdown.Options) { o.Window = math.MaxInt64 })
	require.NoError(t, err)
	require.NoError(t, m.Add("n", 1))
	require.NoError(t, m.Flush(t.Context()))
	assert.Equal(t, drawdown.Total{Charged: 1}, m.Totals()["n"])
	require.NoError(t, m.Close(t.Context()))
}

func TestCloseInOnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var m *drawdown.Meter
		closed := make(chan error, 2)
		w.options = append(w.options, func(o *drawdown.Options) {
			o.OnError = func(error) {
				w.network.state.Store("")
				closed <- m.Close(t.Context())
				closed <- m.Close(t.Context())
			}
		})
		m = w.meter()
		add(t, m, 7)
		w.network.state.Store("down")
		sleep(2 * time.Minute)
		require.Len(t, closed, 2)
		require.NoError(t, <-closed)
		require.NoError(t, <-closed)
		assert.EqualValues(t, 7, w.taken())
	})
}

// A test may end its goroutine in OnError, by t.FailNow. Flush and Close still
// work.
func TestGoexitInOnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *drawdown.Options) { o.OnError = func(error) { runtime.Goexit() } })
		m := w.meter()
		add(t, m, 7)
		w.network.state.Store("down")
		sleep(time.Minute)
		w.network.state.Store("")
		require.NoError(t, m.Flush(t.Context()))
		add(t, m, 5)
		require.NoError(t, m.Close(t.Context()))
		assert.EqualValues(t, 12, w.taken())
	})
}
