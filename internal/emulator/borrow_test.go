package emulator_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

func borrowInput(arn string, list ...licensemanager.EntitlementData) *licensemanager.CheckoutBorrowLicenseInput {
	if len(list) == 0 {
		list = seats(1)
	}
	return &licensemanager.CheckoutBorrowLicenseInput{
		CheckoutMetadata:       []licensemanager.Metadata{{Name: "site", Value: "ship"}, {Name: "ticket", Value: "42"}},
		ClientToken:            token(),
		DigitalSignatureMethod: licensemanager.DigitalSignatureMethodJwtPs384,
		Entitlements:           list,
		LicenseArn:             arn,
		NodeId:                 "node-1",
	}
}

// payload verifies a JWS with the public key and returns its payload.
func (w *world) payload(t *testing.T, token awstokens.Secret) map[string]any {
	t.Helper()
	jws, err := jose.ParseSignedCompact(token.Reveal(), []jose.SignatureAlgorithm{jose.PS384})
	require.NoError(t, err)
	text, err := jws.Verify(w.SignKey())
	require.NoError(t, err)
	var members map[string]any
	require.NoError(t, json.Unmarshal(text, &members))
	return members
}

func TestBorrow(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	arn := w.license(t)
	in := borrowInput(arn, licensemanager.Count("Seats", 2), licensemanager.Feature("Premium"))
	out, err := w.lm.CheckoutBorrowLicense(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, in.CheckoutMetadata, out.CheckoutMetadata)
	assert.Equal(t, in.Entitlements, out.EntitlementsAllowed)
	assert.Equal(t, at(24*time.Hour), out.Expiration)
	assert.Equal(t, map[string]any{
		"entitlementsAllowed": []any{
			map[string]any{"name": "Seats", "unit": "Count", "value": "2"},
			map[string]any{"name": "Premium", "unit": "None", "value": ""},
		},
		"expiration":              "2026-01-03T03:04:05",
		"issuedAt":                "2026-01-02T03:04:05",
		"licenseArn":              arn,
		"licenseConsumptionToken": out.LicenseConsumptionToken.Reveal(),
		"nodeId":                  "node-1",
		"checkoutMetadata":        map[string]any{"site": "ship", "ticket": "42"},
	}, w.payload(t, out.SignedToken))

	again, err := w.lm.CheckoutBorrowLicense(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, out.SignedToken, again.SignedToken)
	assert.Equal(t, "2", w.usage(t, arn)["Seats"])
	_, err = w.extend(t, out.LicenseConsumptionToken.Reveal())
	refused(t, err, "InvalidParameterValueException")
	refused(t, checkIn(t, w.lm, out.LicenseConsumptionToken.Reveal()), "ConflictException")
	w.Advance(24 * time.Hour)
	assert.Equal(t, "0", w.usage(t, arn)["Seats"])
}

func TestBorrowIsAllOrNothing(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	arn := w.license(t)
	for _, list := range [][]licensemanager.EntitlementData{
		seats(4),
		{licensemanager.Count("Seats", 1), licensemanager.Count("Chairs", 1)},
		{licensemanager.Count("Seats", 2), licensemanager.Count("Seats", 2)},
	} {
		_, err := w.lm.CheckoutBorrowLicense(t.Context(), borrowInput(arn, list...))
		refused(t, err, "NoEntitlementsAllowedException")
	}
	assert.Equal(t, "0", w.usage(t, arn)["Seats"])
	_, err := w.lm.CheckoutBorrowLicense(t.Context(), borrowInput(arn, licensemanager.EntitlementData{Name: "Seats", Unit: licensemanager.EntitlementUnitCount}))
	refused(t, err, "InvalidParameterValueException")
}

func TestBorrowRefusals(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	borrow := func(arn string) error {
		_, err := w.lm.CheckoutBorrowLicense(t.Context(), borrowInput(arn))
		return err
	}
	refused(t, borrow("arn:aws:license-manager::111122223333:license:l-none"), "ResourceNotFoundException")
	refused(t, borrow(w.license(t, func(in *licensemanager.CreateLicenseInput) { in.Issuer.SignKey = "" })), "EntitlementNotAllowedException")
	refused(t, borrow(w.license(t, func(in *licensemanager.CreateLicenseInput) {
		in.ConsumptionConfiguration.BorrowConfiguration = nil
	})), "EntitlementNotAllowedException")
	suspended := w.license(t)
	w.changeLicense(t, suspended, withStatus(licensemanager.LicenseStatusSuspended))
	refused(t, borrow(suspended), "NoEntitlementsAllowedException")

	client, err := w.lm.With(func(c *awstokens.Config) { c.DisableValidation = true })
	require.NoError(t, err)
	in := borrowInput(w.LicenseARN())
	in.DigitalSignatureMethod = "JWT_HS384"
	_, err = client.CheckoutBorrowLicense(t.Context(), in)
	refused(t, err, "ValidationException")
}

func TestEarlyCheckInOfABorrowedLicense(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	out, err := w.lm.CheckoutBorrowLicense(t.Context(), borrowInput(w.LicenseARN(), licensemanager.Count(emulator.SeedCount, 10)))
	require.NoError(t, err)
	assert.Equal(t, at(7*24*time.Hour), out.Expiration)
	require.NoError(t, checkIn(t, w.lm, out.LicenseConsumptionToken.Reveal()))
	assert.Zero(t, w.SeatsTaken(emulator.SeedCount))
}

// An ordinary checkout of an issuer with a key is signed, too.
func TestSignedCheckout(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	arn := w.license(t)
	out := w.checkout(t, perpetual)
	assert.Equal(t, map[string]any{
		"entitlementsAllowed":     []any{map[string]any{"name": "Seats", "unit": "Count", "value": "1"}},
		"issuedAt":                "2026-01-02T03:04:05",
		"licenseArn":              arn,
		"licenseConsumptionToken": out.LicenseConsumptionToken.Reveal(),
	}, w.payload(t, out.SignedToken))
}
