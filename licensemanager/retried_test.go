package licensemanager_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// newServer returns a server and a client of it that retries at once.
func newServer(t *testing.T) (*awstokenstest.Server, *licensemanager.Client) {
	t.Helper()
	server := awstokenstest.NewServer(t)
	cfg := server.Config()
	cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.BaseDelay = -time.Second })
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	return server, client
}

// TestGoneAfterALostResponse: the retry of a deletion or a check-in finds nothing,
// and the error says that the first attempt may have done it.
func TestGoneAfterALostResponse(t *testing.T) {
	server, client := newServer(t)
	service := server.LicenseManager()
	minted, err := client.CreateToken(t.Context(), &licensemanager.CreateTokenInput{ClientToken: "c-1", LicenseArn: service.LicenseARN()})
	require.NoError(t, err)
	held, err := client.CheckoutLicense(t.Context(), &licensemanager.CheckoutLicenseInput{
		CheckoutType: licensemanager.CheckoutTypeProvisional, ClientToken: "c-1", ProductSKU: service.ProductSKU(), KeyFingerprint: service.KeyFingerprint(),
		Entitlements: []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 1)},
	})
	require.NoError(t, err)
	deleteToken := func() error {
		_, err := client.DeleteToken(t.Context(), &licensemanager.DeleteTokenInput{TokenId: minted.TokenId})
		return err
	}
	checkIn := func() error {
		_, err := client.CheckInLicense(t.Context(), &licensemanager.CheckInLicenseInput{LicenseConsumptionToken: held.LicenseConsumptionToken})
		return err
	}
	for operation, call := range map[string]func() error{"DeleteToken": deleteToken, "CheckInLicense": checkIn} {
		service.Next(1, operation).LoseAnswer()
		err := call()
		var gone *licensemanager.ResourceNotFoundException
		require.ErrorAs(t, err, &gone, operation)
		assert.True(t, awstokens.MayHaveProcessed(err), operation)
		assert.Equal(t, 2, service.Requests(operation))

		err = call()
		require.ErrorAs(t, err, &gone, operation)
		assert.False(t, awstokens.MayHaveProcessed(err), "%s: it was gone before", operation)
	}
	assert.Zero(t, service.SeatsTaken(awstokenstest.Seats))
}

// TestOneTokenForOneClientToken: a call with the same ClientToken within 10 minutes
// returns the same token. A later one creates another, which can replace the first.
func TestOneTokenForOneClientToken(t *testing.T) {
	server, client := newServer(t)
	create := func() *licensemanager.CreateTokenOutput {
		out, err := client.CreateToken(t.Context(), &licensemanager.CreateTokenInput{ClientToken: "c-1", LicenseArn: server.LicenseManager().LicenseARN()})
		require.NoError(t, err)
		return out
	}
	server.LicenseManager().Next(1, "CreateToken").LoseAnswer()
	first := create()
	assert.Equal(t, 2, first.Attempts, "the first response was lost")
	server.Advance(9 * time.Minute)
	again := create()
	assert.Equal(t, first.TokenId, again.TokenId)
	assert.True(t, again.Token.Equal(first.Token))
	assert.Equal(t, 1, server.LicenseManager().Minted("c-1"))

	server.Advance(2 * time.Minute)
	second := create()
	assert.NotEqual(t, first.TokenId, second.TokenId)
	assert.Equal(t, 2, server.LicenseManager().Minted("c-1"))
}
