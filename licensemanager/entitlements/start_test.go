package entitlements_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager/entitlements"
)

// Watch waits a minute for a service that does not respond, or 10 seconds if it
// has a cache file. A refused call is retried at the latest after the interval.
func TestHowLongAStartTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, inFile(t))
		w.network.set("hangs")
		begun := time.Now()
		_, err := entitlements.Watch(t.Context(), w.client, w.manager.ProductSKU(), w.options...)
		require.Error(t, err)
		assert.Equal(t, time.Minute, time.Since(begun))

		w.network.set("")
		w.watch().Close()
		w.network.set("hangs")
		begun = time.Now()
		watcher := w.watch()
		defer watcher.Close()
		assert.Equal(t, 10*time.Second, time.Since(begun))
		assert.EqualValues(t, 10, seats(watcher))

		sleep(3 * time.Hour)
		require.Error(t, watcher.Err())
		w.network.set("")
		sleep(15*time.Minute + time.Second)
		assert.NoError(t, watcher.Err())
	})
}

// The loops of the package documentation start a program without the service and
// without a license.
func TestFirstStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.network.set("down")
		w.manager.SuspendLicense(w.manager.LicenseARN())
		time.AfterFunc(time.Hour, func() { w.network.set("") })
		time.AfterFunc(3*time.Hour, func() { w.manager.ResumeLicense(w.manager.LicenseARN()) })
		begun := time.Now()
		watcher, err := entitlements.Watch(t.Context(), w.client, w.manager.ProductSKU(), w.options...)
		for err != nil {
			require.ErrorIs(t, err, errNoNetwork)
			time.Sleep(30 * time.Second)
			watcher, err = entitlements.Watch(t.Context(), w.client, w.manager.ProductSKU(), w.options...)
		}
		assert.InDelta(t, time.Hour, time.Since(begun), float64(time.Minute))
		defer watcher.Close()
		set, _ := watcher.Current()
		for !set.Has(awstokenstest.Seats) {
			_, open := <-watcher.Changed()
			require.True(t, open)
			set, _ = watcher.Current()
		}
		assert.InDelta(t, 3*time.Hour, time.Since(begun), float64(16*time.Minute))
	})
}

// A first response without a license, which may be wrong or older than a purchase,
// is not believed for an interval. A customer without a license costs no more
// requests than that in the long run.
func TestFirstResponseWithoutALicense(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		api := &forgetful{API: w.client}
		api.next.Store(1)
		watcher, err := entitlements.Watch(t.Context(), api, w.manager.ProductSKU(), w.options...)
		require.NoError(t, err)
		assert.Zero(t, seats(watcher))
		sleep(30 * time.Second)
		assert.EqualValues(t, 10, seats(watcher))
		watcher.Close()

		w.manager.SuspendLicense(w.manager.LicenseARN())
		watcher = w.watch()
		defer watcher.Close()
		before := w.manager.Requests("ListReceivedLicenses")
		sleep(24 * time.Hour)
		assert.InDelta(t, 24*4+5, w.manager.Requests("ListReceivedLicenses")-before, 11)
	})
}
