package awstokenstest_test

import (
	"context"
	"crypto/x509"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/internal/sts"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

func checkout(ctx context.Context, client *licensemanager.Client, server *awstokenstest.Server) (*licensemanager.CheckoutLicenseOutput, error) {
	return client.CheckoutLicense(ctx, &licensemanager.CheckoutLicenseInput{
		CheckoutType:   licensemanager.CheckoutTypeProvisional,
		ClientToken:    licensemanager.NewClientToken(),
		Entitlements:   []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 1)},
		KeyFingerprint: server.LicenseManager().KeyFingerprint(),
		ProductSKU:     server.LicenseManager().ProductSKU(),
	})
}

func TestSeats(t *testing.T) {
	t.Parallel()
	server := awstokenstest.NewServer(t, inProcess)
	client := newClient(t, server)
	server.LicenseManager().SetSeats(1)
	seat, err := checkout(t.Context(), client, server)
	require.NoError(t, err)
	assert.Equal(t, server.LicenseManager().LicenseARN(), seat.LicenseArn)
	assert.Equal(t, 1, server.LicenseManager().SeatsTaken(awstokenstest.Seats))
	assert.Zero(t, server.LicenseManager().SeatsTaken(awstokenstest.Feature))
	_, err = checkout(t.Context(), client, server)
	assert.Equal(t, "NoEntitlementsAllowedException", codeOf(err))

	server.LicenseManager().SetSeats(10)
	server.LicenseManager().SuspendLicense(server.LicenseManager().LicenseARN())
	_, err = checkout(t.Context(), client, server)
	assert.Equal(t, "NoEntitlementsAllowedException", codeOf(err))
	server.LicenseManager().ResumeLicense(server.LicenseManager().LicenseARN())
	_, err = checkout(t.Context(), client, server)
	assert.NoError(t, err)
	server.LicenseManager().ChangeLicense(server.LicenseManager().LicenseARN(), func(l *licensemanager.License) { l.ProductSKU = "other" })
	_, err = checkout(t.Context(), client, server)
	assert.Equal(t, "NoEntitlementsAllowedException", codeOf(err))
	assert.Panics(t, func() { server.LicenseManager().SuspendLicense("arn:aws:license-manager::111122223333:license:l-none") })

	_, err = checkout(t.Context(), newClientOf(t, server.ConfigOf("444455556666")), server)
	assert.Equal(t, "NoEntitlementsAllowedException", codeOf(err), "it has no grant")
	assert.Panics(t, func() { server.ConfigOf("4444-5555-6666") })
}

// SetSeats also limits an entitlement that had no limit.
func TestSetSeatsOfUnlimited(t *testing.T) {
	t.Parallel()
	server := awstokenstest.NewServer(t, inProcess)
	service := server.LicenseManager()
	service.ChangeLicense(service.LicenseARN(), func(l *licensemanager.License) { l.Entitlements[0].MaxCount = nil })
	service.SetSeats(0)
	_, err := checkout(t.Context(), newClient(t, server), server)
	assert.Equal(t, "NoEntitlementsAllowedException", codeOf(err))
}

func TestLicenseBehavior(t *testing.T) {
	t.Parallel()
	server := awstokenstest.NewServer(t, inProcess, atFrozen)
	client := newClient(t, server)
	create := func() *licensemanager.CreateLicenseOutput {
		known, err := client.GetLicense(t.Context(), &licensemanager.GetLicenseInput{LicenseArn: server.LicenseManager().LicenseARN()})
		require.NoError(t, err)
		out, err := client.CreateLicense(t.Context(), &licensemanager.CreateLicenseInput{
			Beneficiary:              "b",
			ClientToken:              "c-1",
			ConsumptionConfiguration: known.License.ConsumptionConfiguration,
			Entitlements:             known.License.Entitlements,
			HomeRegion:               known.License.HomeRegion,
			Issuer:                   &licensemanager.Issuer{Name: "i"},
			LicenseName:              "l",
			ProductName:              "p",
			ProductSKU:               "s",
			Validity:                 known.License.Validity,
		})
		require.NoError(t, err)
		return out
	}
	server.LicenseManager().PendingPeriod(time.Minute)
	pending := create()
	assert.Equal(t, licensemanager.LicenseStatusPendingAvailable, pending.Status)
	server.LicenseManager().ClientTokenWindow(time.Hour)
	server.Advance(59 * time.Minute)
	assert.Equal(t, pending.LicenseArn, create().LicenseArn)

	server.LicenseManager().DeletionPeriod(time.Minute)
	deleted, err := client.DeleteLicense(t.Context(), &licensemanager.DeleteLicenseInput{LicenseArn: pending.LicenseArn, SourceVersion: "1"})
	require.NoError(t, err)
	assert.Equal(t, licensemanager.LicenseDeletionStatusPendingDelete, deleted.Status)

	server.LicenseManager().NotOnboarded(true)
	_, err = client.ListReceivedLicenses(t.Context(), nil)
	assert.ErrorContains(t, err, "Service role not found")
}

func TestConsumptionRole(t *testing.T) {
	t.Parallel()
	server := awstokenstest.NewServer(t, inProcess)
	client := newClient(t, server)
	server.LicenseManager().ConsumptionRoleOnly(true)
	created, err := client.CreateToken(t.Context(), &licensemanager.CreateTokenInput{
		ClientToken: "t-1", LicenseArn: server.LicenseManager().LicenseARN(), RoleArns: []string{server.LicenseManager().RoleARN()},
	})
	require.NoError(t, err, "other credentials may do everything")
	access, err := client.GetAccessToken(t.Context(), &licensemanager.GetAccessTokenInput{Token: created.Token})
	require.NoError(t, err)
	roles, err := sts.New(server.Config())
	require.NoError(t, err)
	role, err := roles.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: server.LicenseManager().RoleARN(), RoleSessionName: "session", WebIdentityToken: access.AccessToken,
	})
	require.NoError(t, err)
	cfg := server.Config()
	key := role.Credentials()
	cfg.Credentials = awstokens.StaticCredentials(key.AccessKeyID, key.SecretAccessKey.Reveal(), key.SessionToken.Reveal())
	consumer := newClientOf(t, cfg)
	_, err = checkout(t.Context(), consumer, server)
	assert.NoError(t, err)
	_, err = consumer.ListReceivedLicenses(t.Context(), nil)
	assert.Equal(t, "AccessDeniedException", codeOf(err))
}

func TestSignKey(t *testing.T) {
	t.Parallel()
	server := awstokenstest.NewServer(t, inProcess)
	out, err := newClient(t, server).CheckoutBorrowLicense(t.Context(), &licensemanager.CheckoutBorrowLicenseInput{
		ClientToken:            "b-1",
		DigitalSignatureMethod: licensemanager.DigitalSignatureMethodJwtPs384,
		Entitlements:           []licensemanager.EntitlementData{licensemanager.Feature(awstokenstest.Feature)},
		LicenseArn:             server.LicenseManager().LicenseARN(),
	})
	require.NoError(t, err)
	key, err := x509.ParsePKIXPublicKey(server.LicenseManager().SignKeyDER())
	require.NoError(t, err)
	assert.Equal(t, server.LicenseManager().SignKey(), key)
	jws, err := jose.ParseSignedCompact(out.SignedToken.Reveal(), []jose.SignatureAlgorithm{jose.PS384})
	require.NoError(t, err)
	_, err = jws.Verify(key)
	assert.NoError(t, err)
}

// In a bubble, a seat is extended for a month, although one in ten requests fails,
// and then expires.
func TestInProcessInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, inProcess)
		client, err := licensemanager.New(server.Config())
		require.NoError(t, err)
		start := time.Now()
		seat, err := checkout(t.Context(), client, server)
		require.NoError(t, err)
		expires, err := seat.Expires()
		require.NoError(t, err)
		assert.Equal(t, start.Add(time.Hour).UTC(), expires, "the server goes by the bubble's clock")

		server.LicenseManager().OneIn(10, "ExtendLicenseConsumption").Fail(500)
		server.LicenseManager().ChangeTokensOnExtend(true)
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
		assert.Equal(t, 1, server.LicenseManager().SeatsTaken(awstokenstest.Seats))
		time.Sleep(time.Nanosecond)
		assert.Zero(t, server.LicenseManager().SeatsTaken(awstokenstest.Seats))
	})
}

func TestFaultsInProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, inProcess)
		client := newClient(t, server)
		next := server.LicenseManager().Next(1, "CheckoutLicense")

		for name, tt := range map[string]struct {
			script func()
			taken  int
		}{
			"cut":  {next.Cut, 0},
			"lost": {next.LoseAnswer, 1},
		} {
			tt.script()
			before := server.LicenseManager().SeatsTaken(awstokenstest.Seats)
			_, err := checkout(t.Context(), client, server)
			assert.ErrorIs(t, err, io.ErrUnexpectedEOF, name)
			var send *awstokens.SendError
			if assert.ErrorAs(t, err, &send, name) {
				assert.True(t, send.Written, name)
			}
			assert.Equal(t, tt.taken, server.LicenseManager().SeatsTaken(awstokenstest.Seats)-before, name)
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
			assert.False(t, send.Written, "the server was closed")
		}
	})
}
