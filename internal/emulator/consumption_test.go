package emulator_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
	"github.com/seed-25f54b62/awstokens/internal/sts"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// The license that the emulator starts with needs no set-up.
func TestSeededLicense(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	out := w.checkout(t, func(in *licensemanager.CheckoutLicenseInput) {
		in.Beneficiary, in.ProductSKU, in.KeyFingerprint, in.NodeId = "", w.ProductSKU(), w.KeyFingerprint(), "node-1"
		in.Entitlements = []licensemanager.EntitlementData{licensemanager.Count(emulator.SeedCount, 10), licensemanager.Feature(emulator.SeedFeature)}
	})
	assert.Equal(t, w.LicenseARN(), out.LicenseArn)
	assert.Equal(t, "node-1", out.NodeId)
	assert.Len(t, out.EntitlementsAllowed, 2)
	assert.Equal(t, at(0), out.IssuedAt)
	assert.Equal(t, at(time.Hour), out.Expiration)
	assert.Regexp(t, "^[0-9a-f]{32}$", out.LicenseConsumptionToken.Reveal())
	assert.Equal(t, 10, w.SeatsTaken(emulator.SeedCount))
	assert.Zero(t, w.SeatsTaken(emulator.SeedFeature))
	assert.Equal(t, map[string]string{emulator.SeedCount: "10", emulator.SeedFeature: "0"}, w.usage(t, w.LicenseARN()))
	require.NoError(t, checkIn(t, w.lm, out.LicenseConsumptionToken.Reveal()))
	assert.Zero(t, w.SeatsTaken(emulator.SeedCount))
}

func TestSeatsExpireExactlyAtTheirEnd(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	arn := w.license(t)
	first := w.checkout(t, asking(seats(3)...))
	w.notAllowed(t)

	w.Advance(time.Hour - time.Nanosecond)
	w.notAllowed(t)
	extended, err := w.extend(t, first.LicenseConsumptionToken.Reveal())
	require.NoError(t, err)
	assert.Equal(t, first.LicenseConsumptionToken, extended.LicenseConsumptionToken)
	assert.Equal(t, at(2*time.Hour-time.Second), extended.Expiration, "a full period from now, in whole seconds")

	w.Advance(time.Hour - time.Second)
	assert.Equal(t, "3", w.usage(t, arn)["Seats"])
	w.Advance(time.Nanosecond)
	assert.Equal(t, "0", w.usage(t, arn)["Seats"])
	_, err = w.extend(t, first.LicenseConsumptionToken.Reveal())
	refused(t, err, "ResourceNotFoundException")
	refused(t, checkIn(t, w.lm, first.LicenseConsumptionToken.Reveal()), "ResourceNotFoundException")
	w.checkout(t, asking(seats(3)...))
}

// No seat outlives its license.
func TestSeatsEndWithTheLicense(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	end := startTime.Add(90 * time.Minute)
	arn := w.license(t, func(in *licensemanager.CreateLicenseInput) {
		in.Validity = &licensemanager.DatetimeRange{Begin: at(0), End: end.In(time.FixedZone("", 3600)).Format(time.RFC3339)}
	})
	seat := w.checkout(t)
	assert.Equal(t, at(time.Hour), seat.Expiration)
	w.Advance(45 * time.Minute)
	extended, err := w.extend(t, seat.LicenseConsumptionToken.Reveal())
	require.NoError(t, err)
	assert.Equal(t, at(90*time.Minute), extended.Expiration)
	assert.Equal(t, at(90*time.Minute), w.checkout(t).Expiration)
	assert.Equal(t, licensemanager.LicenseStatusAvailable, w.getLicense(t, arn).Status)

	w.Advance(45 * time.Minute)
	assert.Equal(t, licensemanager.LicenseStatusExpired, w.getLicense(t, arn).Status)
	_, err = w.extend(t, seat.LicenseConsumptionToken.Reveal())
	refused(t, err, "ResourceNotFoundException")
	w.notAllowed(t)
}

func TestRefusedCheckoutDoesNotSayWhy(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		license  func(*licensemanager.CreateLicenseInput)
		checkout func(*licensemanager.CheckoutLicenseInput)
	}{
		"more seats than there are": {checkout: asking(seats(4)...)},
		"no such entitlement":       {checkout: asking(licensemanager.Count("Chairs", 1))},
		"a feature for a count":     {checkout: asking(licensemanager.Feature("Seats"))},
		"a count for a feature":     {checkout: asking(licensemanager.Count("Premium", 1))},
		"another count":             {checkout: asking(licensemanager.Count("Storage", 1))},
		"another value":             {checkout: asking(licensemanager.EntitlementData{Name: "Tier", Unit: licensemanager.EntitlementUnitNone, Value: "silver"})},
		"no such product":           {checkout: func(in *licensemanager.CheckoutLicenseInput) { in.ProductSKU = "sku-2" }},
		"another issuer": {checkout: func(in *licensemanager.CheckoutLicenseInput) {
			in.KeyFingerprint = licensemanager.MarketplaceKeyFingerprint
		}},
		"another beneficiary": {checkout: func(in *licensemanager.CheckoutLicenseInput) { in.Beneficiary = "somebody" }},
		"neither beneficiary nor grant": {checkout: func(in *licensemanager.CheckoutLicenseInput) {
			in.Beneficiary = ""
		}},
		"not valid yet": {license: func(in *licensemanager.CreateLicenseInput) {
			in.Validity = ptr(licensemanager.Period(startTime.Add(time.Second), time.Time{}))
		}},
		"valid no more": {license: func(in *licensemanager.CreateLicenseInput) {
			in.Validity = ptr(licensemanager.Period(startTime.Add(-time.Hour), startTime))
		}},
		"not provisional": {license: func(in *licensemanager.CreateLicenseInput) {
			in.ConsumptionConfiguration.ProvisionalConfiguration = nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newLicensing(t)
			if tt.license == nil {
				tt.license = func(*licensemanager.CreateLicenseInput) {}
			}
			if tt.checkout == nil {
				tt.checkout = func(*licensemanager.CheckoutLicenseInput) {}
			}
			w.license(t, tt.license)
			w.notAllowed(t, tt.checkout)
		})
	}
}

func TestAmounts(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	w.license(t)
	for _, value := range []string{"", "0", "-1", "+1", "1.5", "one", "9223372036854775808"} {
		_, err := w.lm.CheckoutLicense(t.Context(), checkoutInput(asking(licensemanager.EntitlementData{Name: "Seats", Unit: licensemanager.EntitlementUnitCount, Value: value})))
		refused(t, err, "InvalidParameterValueException")
	}
	feature := w.checkout(t, asking(licensemanager.Feature("Tier")))
	assert.Equal(t, "gold", feature.EntitlementsAllowed[0].Value, "the license's own")
	assert.Equal(t, feature.EntitlementsAllowed, w.checkout(t, asking(feature.EntitlementsAllowed...)).EntitlementsAllowed)
}

func TestPartialCheckout(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	arn := w.license(t)
	out := w.checkout(t, asking(
		licensemanager.Count("Seats", 2), licensemanager.Count("Seats", 2), licensemanager.Count("Chairs", 1),
		licensemanager.Feature("Seats"), licensemanager.Feature("Premium"), licensemanager.Count("Seats", 1),
	))
	assert.Equal(t, []licensemanager.EntitlementData{
		licensemanager.Count("Seats", 2), licensemanager.Feature("Premium"), licensemanager.Count("Seats", 1),
	}, out.EntitlementsAllowed)
	assert.Equal(t, "3", w.usage(t, arn)["Seats"])
	assert.Equal(t, []licensemanager.EntitlementData{licensemanager.Feature("Premium")},
		w.checkout(t, asking(licensemanager.Count("Seats", 1), licensemanager.Feature("Premium"))).EntitlementsAllowed)
}

func TestOverageAndNoLimit(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	arn := w.license(t)
	const most = 1<<63 - 1
	storage := licensemanager.EntitlementData{Name: "Storage", Unit: licensemanager.EntitlementUnitGigabytes, Value: "150"}
	w.checkout(t, asking(storage, licensemanager.Count("Logins", most)))
	w.checkout(t, asking(storage))
	w.notAllowed(t, asking(licensemanager.Count("Logins", 1)))
	out, err := w.lm.GetLicenseUsage(t.Context(), &licensemanager.GetLicenseUsageInput{LicenseArn: arn})
	require.NoError(t, err)
	assert.Contains(t, out.LicenseUsage.EntitlementUsages, licensemanager.EntitlementUsage{
		Name: "Storage", Unit: licensemanager.EntitlementUnitGigabytes, ConsumedValue: "300", MaxCount: "100",
	})
	assert.Contains(t, out.LicenseUsage.EntitlementUsages, licensemanager.EntitlementUsage{
		Name: "Logins", Unit: licensemanager.EntitlementUnitCount, ConsumedValue: "9223372036854775807",
	})
}

func TestPerpetual(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	arn := w.license(t, func(in *licensemanager.CreateLicenseInput) { in.Issuer.SignKey = "" })
	drawn := w.checkout(t, perpetual, asking(licensemanager.Count("Scans", 5)))
	assert.Equal(t, licensemanager.CheckoutTypePerpetual, drawn.CheckoutType)
	assert.Empty(t, drawn.Expiration)
	assert.Empty(t, drawn.SignedToken, "the issuer has no key")
	_, err := w.extend(t, drawn.LicenseConsumptionToken.Reveal())
	refused(t, err, "InvalidParameterValueException")
	refused(t, checkIn(t, w.lm, drawn.LicenseConsumptionToken.Reveal()), "ConflictException")

	seat := w.checkout(t, perpetual)
	require.NoError(t, checkIn(t, w.lm, seat.LicenseConsumptionToken.Reveal()))
	w.Advance(300 * 24 * time.Hour)
	assert.Equal(t, "5", w.usage(t, arn)["Scans"], "it does not expire")
	w.notAllowed(t, asking(licensemanager.Count("Scans", 1)))
}

func TestTheNewestLicenseIsTaken(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	older, newer := w.license(t), w.license(t)
	assert.Equal(t, newer, w.checkout(t, asking(seats(3)...)).LicenseArn)
	w.notAllowed(t)
	w.changeLicense(t, newer, withStatus(licensemanager.LicenseStatusSuspended))
	assert.Equal(t, older, w.checkout(t).LicenseArn, "of those that can be used")
}

func TestCheckoutIsIdempotent(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	arn := w.license(t)
	in := checkoutInput()
	again := func() *licensemanager.CheckoutLicenseOutput {
		out, err := w.lm.CheckoutLicense(t.Context(), in)
		require.NoError(t, err)
		out.Result = awstokens.Result{}
		return out
	}
	first := again()
	w.Advance(10*time.Minute - 1)
	assert.Equal(t, first, again())
	assert.Equal(t, "1", w.usage(t, arn)["Seats"])

	different := checkoutInput(asking(seats(2)...), func(other *licensemanager.CheckoutLicenseInput) { other.ClientToken = in.ClientToken })
	_, err := w.lm.CheckoutLicense(t.Context(), different)
	refused(t, err, "ValidationException")

	require.NoError(t, checkIn(t, w.lm, first.LicenseConsumptionToken.Reveal()))
	second := again()
	assert.NotEqual(t, first.LicenseConsumptionToken, second.LicenseConsumptionToken, "the first does not live")

	w.Advance(10 * time.Minute)
	third := again()
	assert.NotEqual(t, second.LicenseConsumptionToken, third.LicenseConsumptionToken, "the window is over")
	w.Behave(func(b *emulator.Behavior) { b.ClientTokenWindow = 30 * time.Minute })
	w.Advance(30*time.Minute - 1)
	assert.Equal(t, third, again())
}

func TestExtension(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	arn := w.license(t)
	in := checkoutInput()
	seat, err := w.lm.CheckoutLicense(t.Context(), in)
	require.NoError(t, err)
	w.Advance(time.Minute)
	dry, err := w.lm.ExtendLicenseConsumption(t.Context(), &licensemanager.ExtendLicenseConsumptionInput{DryRun: true, LicenseConsumptionToken: seat.LicenseConsumptionToken})
	require.NoError(t, err)
	assert.Equal(t, seat.LicenseConsumptionToken, dry.LicenseConsumptionToken)
	repeated, err := w.lm.CheckoutLicense(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, seat.Expiration, repeated.Expiration, "nothing was changed")

	w.Behave(func(b *emulator.Behavior) { b.ChangeTokensOnExtend = true })
	dry, err = w.lm.ExtendLicenseConsumption(t.Context(), &licensemanager.ExtendLicenseConsumptionInput{DryRun: true, LicenseConsumptionToken: seat.LicenseConsumptionToken})
	require.NoError(t, err)
	assert.Equal(t, seat.LicenseConsumptionToken, dry.LicenseConsumptionToken)
	extended, err := w.extend(t, seat.LicenseConsumptionToken.Reveal())
	require.NoError(t, err)
	assert.NotEqual(t, seat.LicenseConsumptionToken, extended.LicenseConsumptionToken)
	assert.Equal(t, at(time.Hour+time.Minute), extended.Expiration)
	_, err = w.extend(t, seat.LicenseConsumptionToken.Reveal())
	refused(t, err, "ResourceNotFoundException")
	refused(t, checkIn(t, w.lm, seat.LicenseConsumptionToken.Reveal()), "ResourceNotFoundException")
	assert.Equal(t, "1", w.usage(t, arn)["Seats"], "it is the same checkout")

	w.changeLicense(t, arn, withStatus(licensemanager.LicenseStatusSuspended))
	_, err = w.extend(t, extended.LicenseConsumptionToken.Reveal())
	refused(t, err, "AccessDeniedException")
	w.changeLicense(t, arn)
	_, err = w.extend(t, extended.LicenseConsumptionToken.Reveal())
	assert.NoError(t, err)
}

func TestCheckIn(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	w.license(t)
	seat := w.checkout(t).LicenseConsumptionToken
	_, err := w.lm.CheckInLicense(t.Context(), &licensemanager.CheckInLicenseInput{Beneficiary: "somebody", LicenseConsumptionToken: seat})
	refused(t, err, "ResourceNotFoundException")
	refused(t, checkIn(t, w.as(t, otherAccount), seat.Reveal()), "ResourceNotFoundException")
	_, err = w.lm.CheckInLicense(t.Context(), &licensemanager.CheckInLicenseInput{Beneficiary: customer, LicenseConsumptionToken: seat})
	require.NoError(t, err)
	refused(t, checkIn(t, w.lm, seat.Reveal()), "ResourceNotFoundException")

	mixed := w.checkout(t, asking(licensemanager.Count("Seats", 1), licensemanager.Count("Scans", 1))).LicenseConsumptionToken
	err = checkIn(t, w.lm, mixed.Reveal())
	refused(t, err, "ConflictException")
	assert.ErrorContains(t, err, "does not allow this check-in", "a message that showed the token would be redacted")
}

// Concurrent clients never take more seats than there are, and free all of them.
func TestSeatsAreNeverOversold(t *testing.T) {
	t.Parallel()
	const seats, callers = 300, 500
	server, err := emulator.New(emulator.Options{FrozenAt: startTime})
	require.NoError(t, err)
	server.ServeInProcess(prefix)
	require.NoError(t, server.ChangeLicense(server.LicenseARN(), func(l *licensemanager.License) {
		*l.Entitlements[0].MaxCount = seats
		l.Issuer.SignKey = ""
	}))
	cfg := server.Config()
	cfg.Retryer = attempts(1)
	client, _, _ := clients(t, cfg)
	var granted atomic.Int32
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			in := checkoutInput(asking(licensemanager.Count(emulator.SeedCount, 1)))
			in.Beneficiary, in.ProductSKU, in.KeyFingerprint = "", server.ProductSKU(), server.KeyFingerprint()
			seat, err := client.CheckoutLicense(t.Context(), in)
			if err != nil {
				refused(t, err, "NoEntitlementsAllowedException")
				return
			}
			granted.Add(1)
			if taken := server.SeatsTaken(emulator.SeedCount); taken > seats {
				t.Errorf("%d seats are taken", taken)
			}
			_, err = client.ExtendLicenseConsumption(t.Context(), &licensemanager.ExtendLicenseConsumptionInput{LicenseConsumptionToken: seat.LicenseConsumptionToken})
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	assert.EqualValues(t, seats, granted.Load())
	assert.Equal(t, seats, server.SeatsTaken(emulator.SeedCount))
	server.Advance(time.Hour)
	assert.Zero(t, server.SeatsTaken(emulator.SeedCount))
}

func TestConsumptionRole(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	other := w.license(t)
	refresh := w.createToken(t, w.tokenInput("t-1"))
	role, err := w.sts.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: w.RoleARN(), RoleSessionName: "session", WebIdentityToken: w.accessToken(t, refresh.Token),
	})
	require.NoError(t, err)
	client, err := w.lm.With(withCredentials(role.Credentials()))
	require.NoError(t, err)
	_, err = client.ListTokens(t.Context(), nil)
	require.NoError(t, err, "without the option, everything is permitted")

	w.Behave(func(b *emulator.Behavior) { b.ConsumptionRoleOnly = true })
	ofToken := func(in *licensemanager.CheckoutLicenseInput) {
		in.Beneficiary, in.ProductSKU, in.KeyFingerprint = "", w.ProductSKU(), w.KeyFingerprint()
		in.Entitlements = []licensemanager.EntitlementData{licensemanager.Feature(emulator.SeedFeature)}
	}
	_, err = client.GetLicense(t.Context(), &licensemanager.GetLicenseInput{LicenseArn: w.LicenseARN()})
	require.NoError(t, err)
	seat, err := client.CheckoutLicense(t.Context(), checkoutInput(ofToken))
	require.NoError(t, err)
	_, err = client.ExtendLicenseConsumption(t.Context(), &licensemanager.ExtendLicenseConsumptionInput{LicenseConsumptionToken: seat.LicenseConsumptionToken})
	require.NoError(t, err)
	require.NoError(t, checkIn(t, client, seat.LicenseConsumptionToken.Reveal()))

	_, err = client.GetLicense(t.Context(), &licensemanager.GetLicenseInput{LicenseArn: other})
	refused(t, err, "AccessDeniedException")
	_, err = client.CheckoutLicense(t.Context(), checkoutInput())
	refused(t, err, "NoEntitlementsAllowedException")
	refused(t, checkIn(t, client, w.checkout(t).LicenseConsumptionToken.Reveal()), "AccessDeniedException")
	for name, call := range map[string]func() error{
		"GetLicenseUsage": func() error {
			_, err := client.GetLicenseUsage(t.Context(), &licensemanager.GetLicenseUsageInput{LicenseArn: w.LicenseARN()})
			return err
		},
		"ListReceivedLicenses": func() error { _, err := client.ListReceivedLicenses(t.Context(), nil); return err },
		"ListTokens":           func() error { _, err := client.ListTokens(t.Context(), nil); return err },
		"CreateToken":          func() error { _, err := client.CreateToken(t.Context(), w.tokenInput("t-2")); return err },
		"CheckoutBorrowLicense": func() error {
			_, err := client.CheckoutBorrowLicense(t.Context(), borrowInput(w.LicenseARN()))
			return err
		},
	} {
		err := call()
		refused(t, err, "AccessDeniedException")
		assert.ErrorContains(t, err, "license-manager:"+name)
	}
	_, err = w.lm.ListTokens(t.Context(), nil)
	assert.NoError(t, err, "other credentials are as before")
}
