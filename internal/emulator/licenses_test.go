package emulator_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

const noLicense = "arn:aws:license-manager::111122223333:license:l-none"

func TestCreateLicense(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	in := licenseInput()
	out, err := w.lm.CreateLicense(t.Context(), in)
	require.NoError(t, err)
	assert.Regexp(t, `^arn:aws:license-manager::111122223333:license:l-[0-9a-f]{32}$`, out.LicenseArn)
	assert.Equal(t, licensemanager.LicenseStatusAvailable, out.Status)
	assert.Equal(t, "1", out.Version)
	want := &licensemanager.License{
		Beneficiary:              customer,
		ConsumptionConfiguration: in.ConsumptionConfiguration,
		CreateTime:               at(0),
		Entitlements:             in.Entitlements,
		HomeRegion:               "us-east-1",
		Issuer:                   &licensemanager.IssuerDetails{KeyFingerprint: fingerprint, Name: "Example Corp", SignKey: in.Issuer.SignKey},
		LicenseArn:               out.LicenseArn,
		LicenseName:              in.LicenseName,
		ProductName:              in.ProductName,
		ProductSKU:               "sku-1",
		Status:                   licensemanager.LicenseStatusAvailable,
		Validity:                 in.Validity,
		Version:                  "1",
	}
	assert.Equal(t, want, w.getLicense(t, out.LicenseArn))
	w.Behave(func(b *emulator.Behavior) { b.ZonelessTimes = true })
	got, err := w.lm.GetLicense(t.Context(), &licensemanager.GetLicenseInput{LicenseArn: out.LicenseArn})
	require.NoError(t, err)
	assert.Equal(t, "2026-01-02T03:04:05", got.License.CreateTime)

	again, err := w.lm.CreateLicense(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, out.LicenseArn, again.LicenseArn)
	in.ProductSKU = "sku-2"
	_, err = w.lm.CreateLicense(t.Context(), in)
	refused(t, err, "ValidationException")
}

func TestInvalidLicenses(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	for name, tt := range map[string]struct {
		change func(*licensemanager.CreateLicenseInput)
		code   string
	}{
		"another Region":       {func(in *licensemanager.CreateLicenseInput) { in.HomeRegion = "eu-central-1" }, "RedirectException"},
		"a day that is not":    {func(in *licensemanager.CreateLicenseInput) { in.Validity.Begin = "2026-02-30T00:00:00Z" }, "ValidationException"},
		"ends at its begin":    {func(in *licensemanager.CreateLicenseInput) { in.Validity.End = in.Validity.Begin }, "ValidationException"},
		"a negative count":     {func(in *licensemanager.CreateLicenseInput) { in.Entitlements[0].MaxCount = ptr(int64(-1)) }, "ValidationException"},
		"an entitlement twice": {func(in *licensemanager.CreateLicenseInput) { in.Entitlements[1] = in.Entitlements[0] }, "ValidationException"},
		"a negative life": {func(in *licensemanager.CreateLicenseInput) {
			in.ConsumptionConfiguration.ProvisionalConfiguration.MaxTimeToLiveInMinutes = -1
		}, "ValidationException"},
		"a negative borrow": {func(in *licensemanager.CreateLicenseInput) {
			in.ConsumptionConfiguration.BorrowConfiguration.MaxTimeToLiveInMinutes = -1
		}, "ValidationException"},
	} {
		in := licenseInput()
		tt.change(in)
		_, err := w.lm.CreateLicense(t.Context(), in)
		assert.Error(t, err, name)
		refused(t, err, tt.code)
	}
	in := licenseInput()
	in.HomeRegion = "eu-central-1"
	_, err := w.lm.CreateLicense(t.Context(), in)
	var redirect *licensemanager.RedirectException
	require.ErrorAs(t, err, &redirect)
	assert.Equal(t, "eu-central-1", redirect.Location)

	unchecked, err := w.lm.With(func(c *awstokens.Config) { c.DisableValidation = true })
	require.NoError(t, err)
	_, err = unchecked.CreateLicense(t.Context(), nil)
	refused(t, err, "ValidationException")
	_, err = unchecked.ListLicenseVersions(t.Context(), nil)
	refused(t, err, "InvalidParameterValueException") // it publishes no other
}

func TestLicenseVersions(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	arn := w.license(t)
	seat := w.checkout(t, asking(seats(2)...))

	in := w.version(t, arn, func(in *licensemanager.CreateLicenseVersionInput) {
		in.Entitlements = in.Entitlements[:1]
		in.Entitlements[0].MaxCount = ptr(int64(1))
		in.LicenseName = "Smaller"
	})
	out, err := w.lm.CreateLicenseVersion(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, "2", out.Version)
	again, err := w.lm.CreateLicenseVersion(t.Context(), in)
	require.NoError(t, err, "the same call, although the source is no longer current")
	assert.Equal(t, "2", again.Version)
	stale := w.version(t, arn)
	stale.SourceVersion = "1"
	_, err = w.lm.CreateLicenseVersion(t.Context(), stale)
	refused(t, err, "ConflictException")

	assert.Equal(t, map[string]string{"Seats": "2"}, w.usage(t, arn), "more than there are now")
	_, err = w.extend(t, seat.LicenseConsumptionToken.Reveal())
	require.NoError(t, err)
	w.notAllowed(t)

	reset := w.version(t, arn, func(in *licensemanager.CreateLicenseVersionInput) { in.ResetUsage, in.SourceVersion = true, "" })
	_, err = w.lm.CreateLicenseVersion(t.Context(), reset)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"Seats": "0"}, w.usage(t, arn))
	_, err = w.extend(t, seat.LicenseConsumptionToken.Reveal())
	refused(t, err, "ResourceNotFoundException")

	var versions []string
	for version, err := range w.lm.LicenseVersions(t.Context(), &licensemanager.ListLicenseVersionsInput{LicenseArn: arn, MaxResults: 1}) {
		require.NoError(t, err)
		versions = append(versions, version.Version+" "+version.LicenseName)
	}
	assert.Equal(t, []string{"1 Example license", "2 Smaller", "3 Smaller"}, versions)
	first, err := w.lm.GetLicense(t.Context(), &licensemanager.GetLicenseInput{LicenseArn: arn, Version: "1"})
	require.NoError(t, err)
	assert.EqualValues(t, 3, *first.License.Entitlements[0].MaxCount)
	_, err = w.lm.GetLicense(t.Context(), &licensemanager.GetLicenseInput{LicenseArn: arn, Version: "4"})
	refused(t, err, "InvalidParameterValueException")

	for _, status := range []licensemanager.LicenseStatus{"DELETED", "EXPIRED", "PENDING_AVAILABLE"} {
		_, err = w.lm.CreateLicenseVersion(t.Context(), w.version(t, arn, withStatus(status)))
		refused(t, err, "ValidationException")
	}
	_, err = w.lm.CreateLicenseVersion(t.Context(), w.version(t, arn, func(in *licensemanager.CreateLicenseVersionInput) { in.HomeRegion = "eu-central-1" }))
	refused(t, err, "RedirectException")
	_, err = w.lm.CreateLicenseVersion(t.Context(), w.version(t, arn, func(in *licensemanager.CreateLicenseVersionInput) { in.LicenseArn = noLicense }))
	refused(t, err, "ResourceNotFoundException")
}

func TestLicenseStatuses(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	w.Behave(func(b *emulator.Behavior) { b.PendingPeriod, b.DeletionPeriod = time.Minute, time.Hour })
	arn := w.license(t)
	assert.Equal(t, licensemanager.LicenseStatusPendingAvailable, w.getLicense(t, arn).Status)
	w.notAllowed(t)
	w.Advance(time.Minute)
	assert.Equal(t, licensemanager.LicenseStatusAvailable, w.getLicense(t, arn).Status)
	w.checkout(t)
	for _, status := range []licensemanager.LicenseStatus{licensemanager.LicenseStatusSuspended, licensemanager.LicenseStatusDeactivated} {
		w.changeLicense(t, arn, withStatus(status))
		assert.Equal(t, status, w.getLicense(t, arn).Status)
		w.notAllowed(t)
	}
	w.changeLicense(t, arn)
	seat := w.checkout(t)

	in := &licensemanager.DeleteLicenseInput{LicenseArn: arn, SourceVersion: "1"}
	_, err := w.lm.DeleteLicense(t.Context(), in)
	refused(t, err, "ConflictException")
	in.SourceVersion = "4"
	out, err := w.lm.DeleteLicense(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, licensemanager.LicenseDeletionStatusPendingDelete, out.Status)
	assert.Equal(t, at(time.Hour+time.Minute), out.DeletionDate)
	refused(t, checkIn(t, w.lm, seat.LicenseConsumptionToken.Reveal()), "ResourceNotFoundException")
	w.notAllowed(t)
	w.Advance(time.Hour)
	assert.Equal(t, licensemanager.LicenseStatusDeleted, w.getLicense(t, arn).Status)
	_, err = w.lm.DeleteLicense(t.Context(), in)
	refused(t, err, "ConflictException")
	_, err = w.lm.CreateLicenseVersion(t.Context(), w.version(t, arn))
	refused(t, err, "ConflictException")
	_, err = w.lm.CreateGrant(t.Context(), grantInput(arn))
	refused(t, err, "InvalidParameterValueException")
	_, err = w.lm.CreateToken(t.Context(), &licensemanager.CreateTokenInput{ClientToken: "t-1", LicenseArn: arn})
	refused(t, err, "ResourceNotFoundException")

	w.Behave(func(b *emulator.Behavior) { b.DeletionPeriod = 0 })
	out, err = w.lm.DeleteLicense(t.Context(), &licensemanager.DeleteLicenseInput{LicenseArn: w.LicenseARN(), SourceVersion: "1"})
	require.NoError(t, err)
	assert.Equal(t, licensemanager.LicenseDeletionStatusDeleted, out.Status)
}

func TestUnknownLicenses(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	ctx, foreign := t.Context(), w.as(t, otherAccount)
	for client, arn := range map[*licensemanager.Client]string{w.lm: noLicense, foreign: w.LicenseARN()} {
		_, err := client.GetLicense(ctx, &licensemanager.GetLicenseInput{LicenseArn: arn})
		refused(t, err, "InvalidParameterValueException")
		_, err = client.GetLicenseUsage(ctx, &licensemanager.GetLicenseUsageInput{LicenseArn: arn})
		refused(t, err, "InvalidParameterValueException")
		_, err = client.ListLicenseVersions(ctx, &licensemanager.ListLicenseVersionsInput{LicenseArn: arn})
		refused(t, err, "InvalidParameterValueException")
		_, err = client.DeleteLicense(ctx, &licensemanager.DeleteLicenseInput{LicenseArn: arn, SourceVersion: "1"})
		refused(t, err, "InvalidParameterValueException")
		_, err = client.CreateGrant(ctx, grantInput(arn))
		refused(t, err, "InvalidParameterValueException")
		_, err = client.CheckoutBorrowLicense(ctx, borrowInput(arn))
		refused(t, err, "ResourceNotFoundException")
		_, err = client.CreateToken(ctx, &licensemanager.CreateTokenInput{ClientToken: "t-1", LicenseArn: arn})
		refused(t, err, "ResourceNotFoundException")
	}
}

func TestListLicenses(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	arns := []string{w.LicenseARN()}
	for i := range 4 {
		arns = append(arns, w.license(t, func(in *licensemanager.CreateLicenseInput) { in.ProductSKU = fmt.Sprintf("sku-%d", i%2) }))
	}
	w.changeLicense(t, arns[1], withStatus(licensemanager.LicenseStatusSuspended))
	list := func(in *licensemanager.ListLicensesInput) (found []string) {
		for l, err := range w.lm.Licenses(t.Context(), in) {
			require.NoError(t, err)
			found = append(found, l.LicenseArn)
		}
		return found
	}
	assert.Equal(t, arns, list(nil))
	assert.Equal(t, arns, list(&licensemanager.ListLicensesInput{MaxResults: 2}))
	assert.Equal(t, arns[3:4], list(&licensemanager.ListLicensesInput{LicenseArns: arns[3:4]}))
	for name, tt := range map[string]struct {
		filter licensemanager.Filter
		want   []string
	}{
		"sku":         {licensemanager.Filter{Name: "ProductSKU", Values: []string{"sku-1"}}, []string{arns[2], arns[4]}},
		"status":      {licensemanager.Filter{Name: "Status", Values: []string{"SUSPENDED"}}, arns[1:2]},
		"fingerprint": {licensemanager.Filter{Name: "Fingerprint", Values: []string{fingerprint}}, arns[1:]},
		"beneficiary": {licensemanager.Filter{Name: "Beneficiary", Values: []string{"nobody"}}, nil},
	} {
		assert.Equal(t, tt.want, list(&licensemanager.ListLicensesInput{Filters: []licensemanager.Filter{tt.filter}, MaxResults: 1}), name)
	}
	foreign, err := w.as(t, otherAccount).ListLicenses(t.Context(), nil)
	require.NoError(t, err)
	assert.Empty(t, foreign.Licenses)

	for _, filter := range []licensemanager.Filter{
		{Name: "IssuerName", Values: []string{"not a filter of this operation"}},
		{Name: "ProductSKU", Values: []string{"sku-0", "sku-1"}},
		{Name: "ProductSKU"},
	} {
		_, err = w.lm.ListLicenses(t.Context(), &licensemanager.ListLicensesInput{Filters: []licensemanager.Filter{filter}})
		refused(t, err, "InvalidParameterValueException")
	}
	page, err := w.lm.ListLicenses(t.Context(), &licensemanager.ListLicensesInput{MaxResults: 5})
	require.NoError(t, err)
	assert.Empty(t, page.NextToken, "nothing follows a page that is just full")
	for _, next := range []string{"?", "bm9uZQ"} {
		_, err = w.lm.ListLicenses(t.Context(), &licensemanager.ListLicensesInput{NextToken: next})
		refused(t, err, "InvalidParameterValueException")
	}
}

func TestListReceivedLicenses(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	grantee := w.as(t, otherAccount)
	offered, active := w.license(t), w.license(t)
	w.license(t) // nobody's
	w.grant(t, offered)
	w.activate(t, active)
	list := func(in *licensemanager.ListReceivedLicensesInput) map[string]licensemanager.ReceivedStatus {
		found := map[string]licensemanager.ReceivedStatus{}
		for l, err := range grantee.ReceivedLicenses(t.Context(), in) {
			require.NoError(t, err)
			found[l.LicenseArn] = l.ReceivedMetadata.ReceivedStatus
		}
		return found
	}
	both := map[string]licensemanager.ReceivedStatus{offered: licensemanager.ReceivedStatusPendingAccept, active: licensemanager.ReceivedStatusActive}
	assert.Equal(t, both, list(&licensemanager.ListReceivedLicensesInput{MaxResults: 1}))
	for _, filter := range []licensemanager.Filter{
		{Name: "ProductSKU", Values: []string{"sku-1"}},
		{Name: "Status", Values: []string{"AVAILABLE"}},
		{Name: "Fingerprint", Values: []string{fingerprint}},
		{Name: "IssuerName", Values: []string{"Example Corp"}},
		{Name: "Beneficiary", Values: []string{customer}},
	} {
		assert.Equal(t, both, list(&licensemanager.ListReceivedLicensesInput{Filters: []licensemanager.Filter{filter}}), filter.Name)
		filter.Values = []string{"other"}
		assert.Empty(t, list(&licensemanager.ListReceivedLicensesInput{Filters: []licensemanager.Filter{filter}}), filter.Name)
	}
	assert.Len(t, list(&licensemanager.ListReceivedLicensesInput{LicenseArns: []string{active}}), 1)
	_, err := grantee.ListReceivedLicenses(t.Context(), &licensemanager.ListReceivedLicensesInput{Filters: []licensemanager.Filter{{Name: "Name"}}})
	refused(t, err, "InvalidParameterValueException")

	page, err := grantee.ListReceivedLicenses(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, grantInput("").AllowedOperations, page.Licenses[0].ReceivedMetadata.AllowedOperations)

	w.Behave(func(b *emulator.Behavior) { b.NotOnboarded = true })
	_, err = grantee.ListReceivedLicenses(t.Context(), nil)
	refused(t, err, "AccessDeniedException")
	assert.ErrorContains(t, err, "Service role not found")
}

func TestAddedLicenses(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	arn := "arn:aws:license-manager::" + otherAccount + ":license:l-0123"
	w.AddLicense(arn)
	w.AddLicense(arn)
	out := w.checkout(t, func(in *licensemanager.CheckoutLicenseInput) {
		in.Beneficiary, in.ProductSKU, in.KeyFingerprint = "", "l-0123", "aws:"+otherAccount+":Emulator:issuer-fingerprint"
		in.Entitlements = []licensemanager.EntitlementData{licensemanager.Count(emulator.SeedCount, 1)}
	})
	assert.Equal(t, arn, out.LicenseArn)
	received, err := w.lm.ListReceivedLicenses(t.Context(), nil)
	require.NoError(t, err)
	assert.Len(t, received.Licenses, 2)

	require.NoError(t, w.ChangeLicense(arn, func(l *licensemanager.License) { *l.Entitlements[0].MaxCount = 1 }))
	first, err := w.lm.GetLicense(t.Context(), &licensemanager.GetLicenseInput{LicenseArn: arn, Version: "1"})
	require.NoError(t, err)
	assert.EqualValues(t, 10, *first.License.Entitlements[0].MaxCount)
	assert.EqualValues(t, 1, *w.getLicense(t, arn).Entitlements[0].MaxCount)
	assert.Error(t, w.ChangeLicense(noLicense, func(*licensemanager.License) {}))
}
