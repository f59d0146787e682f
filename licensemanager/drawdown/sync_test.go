package drawdown_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/drawdown"
)

// After Sync, usage survives a kill, also during a call that hangs.
func TestSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		m := w.meter()
		require.NoError(t, m.Sync(), "there is nothing to write")
		add(t, m, 7)
		require.NoError(t, m.Sync())
		add(t, m, 100)
		w.crash(m)
		assert.Zero(t, w.taken())
		m = w.meter()
		assert.Equal(t, map[string]drawdown.Total{seats: {Owed: 7}}, m.Totals())

		w.network.state.Store("hangs")
		sleep(61 * time.Second)
		require.Len(t, w.network.sent, 1)
		begun := time.Now()
		add(t, m, 5)
		require.NoError(t, m.Sync())
		assert.Zero(t, time.Since(begun), "it does not wait for the call")
		assert.Equal(t, map[string]drawdown.Total{seats: {Owed: 12}}, m.Totals())
		w.crash(m)
		w.network.state.Store("")
		w.options = append(w.options, byHand) // otherwise it sends at once
		m = w.meter()
		assert.Equal(t, map[string]drawdown.Total{seats: {Owed: 12}}, m.Totals())
		require.NoError(t, m.Close(t.Context()))
		assert.EqualValues(t, 12, w.taken())
		assert.ErrorIs(t, m.Sync(), drawdown.ErrClosed)
	})
}

// What was added and synced is in the journal, whatever else happens at that
// time.
func TestSyncBesideFlush(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	m, err := drawdown.New(all, request, path, byHand)
	require.NoError(t, err)
	var adding, flushing sync.WaitGroup
	stop := make(chan struct{})
	flushing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				assert.NoError(t, m.Flush(t.Context()))
			}
		}
	})
	for range 8 {
		adding.Go(func() {
			for range 20 {
				assert.NoError(t, m.Add("n", 1))
				assert.NoError(t, m.Sync())
			}
		})
	}
	adding.Wait()
	text, err := os.ReadFile(path) // Flush may go on writing, but loses nothing
	close(stop)
	flushing.Wait()
	require.NoError(t, err)
	require.NoError(t, m.Close(t.Context()))
	assert.Equal(t, drawdown.Total{Charged: 160}, m.Totals()["n"])

	path = filepath.Join(t.TempDir(), "journal")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	m, err = drawdown.New(all, request, path, byHand)
	require.NoError(t, err)
	require.NoError(t, m.Close(t.Context()))
	assert.Equal(t, drawdown.Total{Charged: 160}, m.Totals()["n"])
}

// The journal is rewritten also while a batch has no response, and while the
// next one is a probe.
func TestJournalIsRewrittenInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "journal")
		var failure error = context.DeadlineExceeded
		var sent []string
		api := silent(func(in *licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error) {
			sent = append(sent, in.ClientToken)
			if failure != nil {
				return nil, failure
			}
			return all(in)
		})
		open := func() *drawdown.Meter {
			m, err := drawdown.New(api, request, path, byHand)
			require.NoError(t, err)
			return m
		}
		m := open()
		long := strings.Repeat("n", 100_000)
		addAll := func() {
			for range 50 {
				require.NoError(t, m.Add(long, 2))
				require.NoError(t, m.Sync())
			}
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.Less(t, info.Size(), int64(1<<20+500_000))
		}
		restart := func() {
			want := m.Totals()
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			require.Error(t, m.Close(ended))
			m = open()
			assert.Equal(t, want, m.Totals())
		}
		require.NoError(t, m.Add("n", 7))
		require.Error(t, m.Flush(t.Context()))
		addAll() // beside an open batch
		restart()
		require.Error(t, m.Flush(t.Context()))
		assert.Equal(t, sent[0], sent[1], "the batch is the same")

		time.Sleep(9 * time.Minute)
		require.Error(t, m.Flush(t.Context()))
		assert.Equal(t, map[string]drawdown.Total{"n": {Unknown: 7}, long: {Owed: 100}}, m.Totals())
		addAll() // beside an open probe
		restart()
		time.Sleep(9 * time.Minute)
		require.Error(t, m.Flush(t.Context()))
		assert.Equal(t, map[string]drawdown.Total{"n": {Unknown: 7}, long: {Unknown: 1, Owed: 199}}, m.Totals())
		time.Sleep(9 * time.Minute)
		failure = &licensemanager.RateLimitExceededException{}
		require.Error(t, m.Flush(t.Context()))
		addAll() // while the next batch is a probe
		restart()
		failure = context.DeadlineExceeded
		require.Error(t, m.Flush(t.Context()))
		time.Sleep(9 * time.Minute)
		failure = nil
		require.Error(t, m.Close(t.Context()))
		assert.Equal(t, map[string]drawdown.Total{"n": {Unknown: 7}, long: {Unknown: 3, Charged: 297}}, m.Totals())
	})
}

func TestErr(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.manager.SetSeats(10)
		m := w.meter()
		require.NoError(t, m.Err(), "nothing was sent yet")
		add(t, m, 7)
		w.network.state.Store("down")
		sleep(61 * time.Second)
		require.ErrorIs(t, m.Err(), errNoNetwork)
		w.network.state.Store("")
		require.NoError(t, m.Flush(t.Context()))
		require.NoError(t, m.Err())
		add(t, m, 7)
		require.Len(t, denials(m.Close(t.Context())), 1)
		assert.Len(t, denials(m.Err()), 1)
		assert.ErrorIs(t, m.Flush(t.Context()), drawdown.ErrClosed)
		assert.Len(t, denials(m.Err()), 1)
	})
}
