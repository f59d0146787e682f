package licensemanagertest_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/licensemanagertest"
)

func checkout(ctx context.Context, client *licensemanager.Client, server *licensemanagertest.Server) (*licensemanager.CheckoutLicenseOutput, error) {
	return client.CheckoutLicense(ctx, &licensemanager.CheckoutLicenseInput{
		CheckoutType:   licensemanager.CheckoutTypeProvisional,
		ClientToken:    licensemanager.NewClientToken(),
		Entitlements:   []licensemanager.EntitlementData{licensemanager.Count(licensemanagertest.Seats, 1)},
		KeyFingerprint: server.KeyFingerprint(),
		ProductSKU:     server.ProductSKU(),
	})
}

// A seat lives through a month of renewals without a network and in no time,
// also when one in ten fails, and then ends by itself.
func TestWithoutNetworkInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := licensemanagertest.NewServer(t, licensemanagertest.WithoutNetwork())
		client, err := licensemanager.New(server.Config())
		require.NoError(t, err)
		start := time.Now()
		seat, err := checkout(t.Context(), client, server)
		require.NoError(t, err)
		expires, err := seat.Expires()
		require.NoError(t, err)
		assert.Equal(t, start.Add(time.Hour).UTC(), expires, "the server goes by the bubble's clock")

		server.OneIn(10, "ExtendLicenseConsumption").Fail(500)
		server.ChangeTokensOnExtend(true)
		token := seat.LicenseConsumptionToken
		for range 30 * 24 {
			time.Sleep(time.Until(expires) - time.Minute)
			out, err := client.ExtendLicenseConsumption(t.Context(), &licensemanager.ExtendLicenseConsumptionInput{LicenseConsumptionToken: token})
			require.NoError(t, err)
			token = out.LicenseConsumptionToken
			expires, err = out.Expires()
			require.NoError(t, err)
		}
		assert.Greater(t, time.Since(start), 29*24*time.Hour)

		time.Sleep(time.Until(expires) - time.Nanosecond)
		assert.Equal(t, 1, server.SeatsTaken(licensemanagertest.Seats))
		time.Sleep(time.Nanosecond)
		assert.Zero(t, server.SeatsTaken(licensemanagertest.Seats))
	})
}

func TestFaultsWithoutNetwork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := licensemanagertest.NewServer(t, licensemanagertest.WithoutNetwork())
		client := newClient(t, server)
		next := server.Next(1, "CheckoutLicense")

		for name, tt := range map[string]struct {
			script func()
			taken  int
		}{
			"cut":  {next.Cut, 0},
			"lost": {next.LoseAnswer, 1},
		} {
			tt.script()
			before := server.SeatsTaken(licensemanagertest.Seats)
			_, err := checkout(t.Context(), client, server)
			assert.ErrorIs(t, err, io.ErrUnexpectedEOF, name)
			var send *awstokens.SendError
			if assert.ErrorAs(t, err, &send, name) {
				assert.True(t, send.Written, name)
			}
			assert.Equal(t, tt.taken, server.SeatsTaken(licensemanagertest.Seats)-before, name)
		}

		start := time.Now()
		next.Delay(time.Minute)
		_, err := checkout(t.Context(), client, server)
		assert.NoError(t, err)
		assert.Equal(t, time.Minute, time.Since(start))

		next.Delay(time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start = time.Now()
		_, err = checkout(ctx, client, server)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Minute, time.Since(start))
		_, err = checkout(ctx, client, server)
		assert.ErrorIs(t, err, context.DeadlineExceeded)

		server.Close()
		_, err = checkout(t.Context(), client, server)
		var send *awstokens.SendError
		if assert.ErrorAs(t, err, &send) {
			assert.False(t, send.Written, "nobody was there")
		}
	})
}
