package entitlements_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/entitlements"
)

// datedInTurn gives its responses Dates in turn, and then the last one.
type datedInTurn struct {
	service
	dates []time.Time
}

func (d *datedInTurn) ListReceivedLicenses(ctx context.Context, in *licensemanager.ListReceivedLicensesInput) (*licensemanager.ListReceivedLicensesOutput, error) {
	if in.NextToken == "" {
		d.date = d.dates[0]
		if len(d.dates) > 1 {
			d.dates = d.dates[1:]
		}
	}
	return d.service.ListReceivedLicenses(ctx, in)
}

// A wrong local clock and one wrong Date end no license together, whichever
// response has the Date.
func TestWrongClockAndWrongDate(t *testing.T) {
	wrong := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, dates := range [][]time.Time{{wrong, date}, {date, wrong, date}, {date, date, wrong}} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(date))
			api := &datedInTurn{service{licenses: []licensemanager.GrantedLicense{license(with(feature("Premium")))}}, dates}
			set, err := entitlements.Load(t.Context(), api, sku, func(o *entitlements.Options) { o.Clock = setBy(4000 * 24 * time.Hour) })
			require.NoError(t, err)
			assert.True(t, set.Has("Premium"))
		})
	}
}

// A response without a Date does not make the local clock right.
func TestWrongClockAndNoDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(date))
		api := &datedInTurn{service{licenses: []licensemanager.GrantedLicense{license(with(feature("Premium")))}}, []time.Time{date, date, {}}}
		w, err := entitlements.Watch(t.Context(), api, sku, func(o *entitlements.Options) { o.Clock = setBy(4000 * 24 * time.Hour) })
		require.NoError(t, err)
		defer w.Close()
		for range 3 {
			set, _ := w.Current()
			assert.True(t, set.Has("Premium"))
			sleep(16 * time.Minute)
		}
	})
}
