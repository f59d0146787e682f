package licensemanagertest_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/sts"
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

// tell returns the code of an exception, or that there is none.
func tell(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

func TestSeats(t *testing.T) {
	t.Parallel()
	server := licensemanagertest.NewServer(t, licensemanagertest.WithoutNetwork())
	client := newClient(t, server)
	server.SetSeats(1)
	seat, err := checkout(t.Context(), client, server)
	require.NoError(t, err)
	assert.Equal(t, server.LicenseArn(), seat.LicenseArn)
	assert.Equal(t, 1, server.SeatsTaken(licensemanagertest.Seats))
	assert.Zero(t, server.SeatsTaken(licensemanagertest.Feature))
	_, err = checkout(t.Context(), client, server)
	assert.Equal(t, "NoEntitlementsAllowedException", tell(err))

	server.SetSeats(10)
	server.SuspendLicense(server.LicenseArn())
	_, err = checkout(t.Context(), client, server)
	assert.Equal(t, "NoEntitlementsAllowedException", tell(err))
	server.ResumeLicense(server.LicenseArn())
	_, err = checkout(t.Context(), client, server)
	assert.NoError(t, err)
	server.ChangeLicense(server.LicenseArn(), func(l *licensemanager.License) { l.ProductSKU = "other" })
	_, err = checkout(t.Context(), client, server)
	assert.Equal(t, "NoEntitlementsAllowedException", tell(err))
	assert.Panics(t, func() { server.SuspendLicense("arn:aws:license-manager::111122223333:license:l-none") })

	_, err = checkout(t.Context(), newClientOf(t, server.ConfigOf("444455556666")), server)
	assert.Equal(t, "NoEntitlementsAllowedException", tell(err), "it has no grant")
}

func newClientOf(t *testing.T, cfg awstokens.Config) *licensemanager.Client {
	t.Helper()
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	return client
}

func TestLicenseBehavior(t *testing.T) {
	t.Parallel()
	server := licensemanagertest.NewServer(t, licensemanagertest.WithoutNetwork(), licensemanagertest.WithFrozenTime(frozen))
	client := newClient(t, server)
	create := func() *licensemanager.CreateLicenseOutput {
		known, err := client.GetLicense(t.Context(), &licensemanager.GetLicenseInput{LicenseArn: server.LicenseArn()})
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
	server.PendingPeriod(time.Minute)
	pending := create()
	assert.Equal(t, licensemanager.LicenseStatusPendingAvailable, pending.Status)
	server.ClientTokenWindow(time.Hour)
	server.Advance(59 * time.Minute)
	assert.Equal(t, pending.LicenseArn, create().LicenseArn)

	server.DeletionPeriod(time.Minute)
	deleted, err := client.DeleteLicense(t.Context(), &licensemanager.DeleteLicenseInput{LicenseArn: pending.LicenseArn, SourceVersion: "1"})
	require.NoError(t, err)
	assert.Equal(t, licensemanager.LicenseDeletionStatusPendingDelete, deleted.Status)

	server.NotOnboarded(true)
	_, err = client.ListReceivedLicenses(t.Context(), nil)
	assert.ErrorContains(t, err, "Service role not found")
}

func TestConsumptionRole(t *testing.T) {
	t.Parallel()
	server := licensemanagertest.NewServer(t, licensemanagertest.WithoutNetwork())
	client := newClient(t, server)
	server.ConsumptionRoleOnly(true)
	created, err := client.CreateToken(t.Context(), &licensemanager.CreateTokenInput{
		ClientToken: "t-1", LicenseArn: server.LicenseArn(), RoleArns: []string{server.RoleArn()},
	})
	require.NoError(t, err, "other credentials may do everything")
	access, err := client.GetAccessToken(t.Context(), &licensemanager.GetAccessTokenInput{Token: created.Token})
	require.NoError(t, err)
	roles, err := sts.New(server.Config())
	require.NoError(t, err)
	role, err := roles.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: server.RoleArn(), RoleSessionName: "session", WebIdentityToken: access.AccessToken,
	})
	require.NoError(t, err)
	cfg := server.Config()
	key := role.Credentials()
	cfg.Credentials = awstokens.StaticCredentials(key.AccessKeyID, key.SecretAccessKey, key.SessionToken)
	consumer := newClientOf(t, cfg)
	_, err = checkout(t.Context(), consumer, server)
	assert.NoError(t, err)
	_, err = consumer.ListReceivedLicenses(t.Context(), nil)
	assert.Equal(t, "AccessDeniedException", tell(err))
}

func TestSignKey(t *testing.T) {
	t.Parallel()
	server := licensemanagertest.NewServer(t, licensemanagertest.WithoutNetwork())
	out, err := newClient(t, server).CheckoutBorrowLicense(t.Context(), &licensemanager.CheckoutBorrowLicenseInput{
		ClientToken:            "b-1",
		DigitalSignatureMethod: licensemanager.DigitalSignatureMethodJwtPs384,
		Entitlements:           []licensemanager.EntitlementData{licensemanager.Feature(licensemanagertest.Feature)},
		LicenseArn:             server.LicenseArn(),
	})
	require.NoError(t, err)
	key, err := x509.ParsePKIXPublicKey(server.SignKeyDER())
	require.NoError(t, err)
	assert.Equal(t, server.SignKey(), key)
	jws, err := jose.ParseSignedCompact(out.SignedToken.Reveal(), []jose.SignatureAlgorithm{jose.PS384})
	require.NoError(t, err)
	_, err = jws.Verify(key)
	assert.NoError(t, err)
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
