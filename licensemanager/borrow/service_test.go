package borrow_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/borrow"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
)

// Verify accepts a token of the service until it expires.
func TestTokenOfTheService(t *testing.T) {
	server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
	client, err := licensemanager.New(server.Config())
	require.NoError(t, err)
	in := &licensemanager.CheckoutBorrowLicenseInput{
		CheckoutMetadata:       []licensemanager.Metadata{{Name: "site", Value: "north"}},
		ClientToken:            licensemanager.NewClientToken(),
		DigitalSignatureMethod: licensemanager.DigitalSignatureMethodJwtPs384,
		Entitlements: []licensemanager.EntitlementData{
			licensemanager.Count(awstokenstest.Seats, 3), licensemanager.Feature(awstokenstest.Feature),
		},
		LicenseArn: server.LicenseManager().LicenseARN(),
		NodeId:     "node-1",
	}
	out, err := client.CheckoutBorrowLicense(t.Context(), in)
	require.NoError(t, err)
	again, err := client.CheckoutBorrowLicense(t.Context(), in)
	require.NoError(t, err)
	assert.True(t, out.LicenseConsumptionToken.Equal(again.LicenseConsumptionToken), "with the same ClientToken, it is the same license")

	verifier, err := borrow.NewVerifier(server.LicenseManager().SignKey(), func(o *borrow.Options) { o.Now = server.Now })
	require.NoError(t, err)
	want := borrow.Want{
		LicenseARN:   server.LicenseManager().LicenseARN(),
		NodeID:       "node-1",
		Metadata:     map[string]string{"site": "north"},
		Entitlements: []borrow.EntitlementData{borrow.Count(awstokenstest.Seats, 3), borrow.Feature(awstokenstest.Feature)},
	}
	license, err := verifier.Verify(out.SignedToken, want)
	require.NoError(t, err)
	expires, err := out.Expires()
	require.NoError(t, err)
	assert.True(t, expires.Equal(license.Expiration))
	assert.True(t, out.LicenseConsumptionToken.Equal(license.LicenseConsumptionToken))

	want.NodeID = "node-2"
	_, err = verifier.Verify(out.SignedToken, want)
	assert.ErrorIs(t, err, borrow.ErrOtherNode)

	want.NodeID = "node-1"
	server.Advance(expires.Sub(server.Now()) + time.Second)
	_, err = verifier.Verify(out.SignedToken, want)
	assert.ErrorIs(t, err, borrow.ErrExpired)
}

// The role of a customer without an AWS account permits giving back alone.
func TestPermissionsOfTheConsumptionRole(t *testing.T) {
	server := awstokenstest.NewServer(t)
	manager := server.LicenseManager()
	cfg := server.Config()
	account, err := licensemanager.New(cfg)
	require.NoError(t, err)
	minted, err := account.CreateToken(t.Context(), &licensemanager.CreateTokenInput{
		ClientToken: licensemanager.NewClientToken(), LicenseArn: manager.LicenseARN(), RoleArns: []string{manager.RoleARN()},
	})
	require.NoError(t, err)
	cfg.Credentials, err = tokencreds.New(cfg, tokencreds.Token(minted.Token), func(o *tokencreds.Options) { o.RoleARN = manager.RoleARN() })
	require.NoError(t, err)
	product, err := licensemanager.New(cfg)
	require.NoError(t, err)

	in := &licensemanager.CheckoutBorrowLicenseInput{
		ClientToken:            licensemanager.NewClientToken(),
		DigitalSignatureMethod: licensemanager.DigitalSignatureMethodJwtPs384,
		Entitlements:           []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 1)},
		LicenseArn:             manager.LicenseARN(),
	}
	manager.ConsumptionRoleOnly(true)
	_, err = product.CheckoutBorrowLicense(t.Context(), in)
	var denied *licensemanager.AccessDeniedException
	require.ErrorAs(t, err, &denied)
	manager.ConsumptionRoleOnly(false)
	out, err := product.CheckoutBorrowLicense(t.Context(), in)
	require.NoError(t, err)
	manager.ConsumptionRoleOnly(true)
	_, err = product.CheckInLicense(t.Context(), &licensemanager.CheckInLicenseInput{LicenseConsumptionToken: out.LicenseConsumptionToken})
	require.NoError(t, err)
	assert.Zero(t, manager.SeatsTaken(awstokenstest.Seats))
}
