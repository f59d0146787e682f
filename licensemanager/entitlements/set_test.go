package entitlements_test

import (
	"context"
	"math"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/entitlements"
)

const (
	sku = "my-product"
	arn = "arn:aws:license-manager::111122223333:license:l-0123456789abcdef0123456789abcdef"
)

var date = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// service is a License Manager that has these licenses, and nothing else.
type service struct {
	mu       sync.Mutex
	licenses []licensemanager.GrantedLicense
	date     time.Time
	err      error

	listed []*licensemanager.ListReceivedLicensesInput
}

func (s *service) ListReceivedLicenses(_ context.Context, in *licensemanager.ListReceivedLicensesInput) (*licensemanager.ListReceivedLicensesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	copied := *in
	s.listed = append(s.listed, &copied)
	if s.err != nil {
		return nil, s.err
	}
	out := &licensemanager.ListReceivedLicensesOutput{Result: awstokens.Result{Date: s.date}}
	first, _ := strconv.Atoi(in.NextToken)
	if first < len(s.licenses) { // one license a page
		out.Licenses = s.licenses[first : first+1]
		out.NextToken = strconv.Itoa(first + 1)
	}
	return out, nil
}

func (s *service) GetLicense(context.Context, *licensemanager.GetLicenseInput) (*licensemanager.GetLicenseOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, s.err
	}
	return &licensemanager.GetLicenseOutput{License: &s.licenses[0].License, Result: awstokens.Result{Date: s.date}}, nil
}

// license is a usable one.
func license(change ...func(*licensemanager.GrantedLicense)) licensemanager.GrantedLicense {
	l := licensemanager.GrantedLicense{
		License: licensemanager.License{
			CreateTime: "2026-01-01T00:00:00Z",
			Issuer:     &licensemanager.IssuerDetails{KeyFingerprint: licensemanager.MarketplaceKeyFingerprint},
			LicenseArn: arn,
			ProductSKU: sku,
			Status:     licensemanager.LicenseStatusAvailable,
			Validity:   &licensemanager.DatetimeRange{Begin: "2026-01-01T00:00:00Z", End: "2027-01-01T00:00:00Z"},
		},
		ReceivedMetadata: &licensemanager.ReceivedMetadata{
			AllowedOperations: []licensemanager.AllowedOperation{licensemanager.AllowedOperationCheckoutLicense},
			ReceivedStatus:    licensemanager.ReceivedStatusActive,
		},
	}
	for _, f := range change {
		f(&l)
	}
	return l
}

// with gives a license entitlements.
func with(list ...licensemanager.Entitlement) func(*licensemanager.GrantedLicense) {
	return func(l *licensemanager.GrantedLicense) { l.Entitlements = list }
}

func created(when string) func(*licensemanager.GrantedLicense) {
	return func(l *licensemanager.GrantedLicense) { l.CreateTime, l.LicenseArn = when, arn+when }
}

func feature(name string) licensemanager.Entitlement {
	return licensemanager.Entitlement{Name: name, Unit: licensemanager.EntitlementUnitNone}
}

func count(name string, n int64) licensemanager.Entitlement {
	return licensemanager.Entitlement{Name: name, Unit: licensemanager.EntitlementUnitCount, MaxCount: &n}
}

func load(t *testing.T, licenses ...licensemanager.GrantedLicense) *entitlements.Set {
	t.Helper()
	set, err := entitlements.Load(t.Context(), &service{licenses: licenses, date: date}, sku)
	require.NoError(t, err)
	return set
}

type limit struct {
	n  int64
	ok bool
}

func limitOf(set *entitlements.Set, name string) limit {
	n, ok := set.Limit(name)
	return limit{n, ok}
}

func TestOneLicense(t *testing.T) {
	yes, no := true, false
	overage, strict, none := count("Overage", 5), count("Strict", 5), count("None", 0)
	overage.Overage, strict.Overage = &yes, &no
	set := load(t, license(with(
		feature("Premium"), count("Users", 10), overage, strict, none, count("Negative", -1),
		licensemanager.Entitlement{Name: "Unlimited", Unit: licensemanager.EntitlementUnitCount},
		licensemanager.Entitlement{Name: "Odd"},
		count("Twice", 1), feature("Twice"),
	)))
	for name, want := range map[string]struct {
		has   bool
		limit limit
	}{
		"Premium":   {true, limit{1, true}},
		"Users":     {true, limit{10, true}},
		"Overage":   {true, limit{0, false}},
		"Strict":    {true, limit{5, true}},
		"None":      {false, limit{0, true}},
		"Negative":  {false, limit{0, true}},
		"Unlimited": {true, limit{0, false}},
		"Odd":       {false, limit{0, true}},
		"Twice":     {true, limit{1, true}},
		"premium":   {false, limit{0, true}},
		"":          {false, limit{0, true}},
	} {
		assert.Equal(t, want.has, set.Has(name), name)
		assert.Equal(t, want.limit, limitOf(set, name), name)
	}
}

func TestLicensesAreMerged(t *testing.T) {
	gigabytes := func(n int64) licensemanager.Entitlement {
		return licensemanager.Entitlement{Name: "Storage", Unit: licensemanager.EntitlementUnitGigabytes, MaxCount: &n}
	}
	old := license(created("2026-01-01T00:00:00Z"), with(count("Users", 10), feature("Premium"), count("Storage", 7), count("Many", math.MaxInt64), count("Zero", 0)))
	middle := license(created("2026-01-02T00:00:00Z"), with(count("Users", 5), count("Many", 1), licensemanager.Entitlement{Name: "Any", Unit: licensemanager.EntitlementUnitCount}))
	last := license(created("2026-01-03T00:00:00Z"), with(gigabytes(0), count("Any", 3), count("Zero", 0)))
	for _, order := range [][]licensemanager.GrantedLicense{{old, middle, last}, {last, middle, old}, {middle, last, old}} {
		set := load(t, order...)
		assert.Equal(t, []licensemanager.GrantedLicense{last, middle, old}, set.Licenses(), "newest first")
		assert.Equal(t, limit{15, true}, limitOf(set, "Users"))
		assert.Equal(t, limit{math.MaxInt64, true}, limitOf(set, "Many"))
		assert.Equal(t, limit{0, false}, limitOf(set, "Any"))
		assert.True(t, set.Has("Premium"))
		assert.True(t, set.Has("Storage"), "the older license has some")
		assert.False(t, set.Has("Zero"))
		assert.Equal(t, limit{0, true}, limitOf(set, "Storage"), "in the unit of the newest")
		_, err := set.Ask("Storage", 1)
		assert.Error(t, err)
	}

	twice := load(t, old, old) // because pages shift, or it has two grants
	assert.Equal(t, limit{10, true}, limitOf(twice, "Users"))
	assert.Len(t, twice.Licenses(), 1)

	set := load(t, old)
	set.Licenses()[0] = last
	assert.Equal(t, []licensemanager.GrantedLicense{old}, set.Licenses(), "the list is the caller's")
}

func TestAsk(t *testing.T) {
	n := int64(100)
	set := load(t, license(with(
		feature("Premium"), count("Users", 10), licensemanager.Entitlement{Name: "Free", Unit: licensemanager.EntitlementUnitCount},
		licensemanager.Entitlement{Name: "Storage", Unit: licensemanager.EntitlementUnitGigabytes, MaxCount: &n},
	)))
	for _, test := range []struct {
		name string
		n    int64
		want licensemanager.EntitlementData
	}{
		{"Premium", 1, licensemanager.Feature("Premium")},
		{"Users", 10, licensemanager.Count("Users", 10)},
		{"Free", math.MaxInt64, licensemanager.Count("Free", math.MaxInt64)},
		{"Storage", 3, licensemanager.EntitlementData{Name: "Storage", Unit: licensemanager.EntitlementUnitGigabytes, Value: "3"}},
	} {
		data, err := set.Ask(test.name, test.n)
		require.NoError(t, err)
		assert.Equal(t, test.want, data)
	}
	for _, test := range []struct {
		name   string
		n      int64
		reason entitlements.Reason
	}{
		{"Users", 0, entitlements.ReasonNotPositive},
		{"Users", -1, entitlements.ReasonNotPositive},
		{"Premium", 0, entitlements.ReasonNotPositive},
		{"Users", 11, entitlements.ReasonTooMany},
		{"Premium", 2, entitlements.ReasonFeature},
		{"users", 1, entitlements.ReasonNoEntitlement},
		{"", 1, entitlements.ReasonNoEntitlement},
	} {
		data, err := set.Ask(test.name, test.n)
		var refused *entitlements.AskError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, entitlements.AskError{Name: test.name, N: test.n, Reason: test.reason}, *refused)
		assert.ErrorContains(t, err, strconv.Quote(test.name))
		assert.Zero(t, data)
	}
}

// Text of the service in an error is one line.
func TestErrorsAreOneLine(t *testing.T) {
	const hostile = "arn\nforged\x1b[2J"
	for _, err := range []error{
		&entitlements.EmptyError{ProductSKU: hostile, KeyFingerprint: hostile, Unusable: []entitlements.UnusableLicense{{LicenseARN: hostile}}},
		&entitlements.AskError{Name: hostile},
	} {
		assert.NotContains(t, err.Error(), "\n")
		assert.NotContains(t, err.Error(), "\x1b")
		assert.Contains(t, err.Error(), "forged")
	}
}

func TestExpires(t *testing.T) {
	ending := func(end string) licensemanager.GrantedLicense {
		return license(created("2026-01-01T00:00:00Z"), func(l *licensemanager.GrantedLicense) { l.Validity.End, l.LicenseArn = end, arn+end })
	}
	first, last := ending("2026-04-01T00:00:00Z"), ending(" 2026-05-01T00:00:00 ")
	assert.Equal(t, time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC), load(t, first).Expires())
	assert.Equal(t, time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), load(t, first, last).Expires().UTC())
	assert.Zero(t, load(t, first, ending(""), last).Expires())
	assert.Zero(t, load(t, first, ending("next year")).Expires(), "a date that cannot be parsed is no end")
}

func TestUsable(t *testing.T) {
	for name, change := range map[string]func(*licensemanager.GrantedLicense){
		"all is well": func(*licensemanager.GrantedLicense) {},
		"little is known": func(l *licensemanager.GrantedLicense) {
			*l = license()
			l.ReceivedMetadata, l.Validity, l.Issuer, l.Status, l.ProductSKU = nil, nil, nil, "", ""
		},
		"dates make no sense": func(l *licensemanager.GrantedLicense) { l.Validity.Begin, l.Validity.End = "soon", "never" },
		"the first second":    func(l *licensemanager.GrantedLicense) { l.Validity.Begin = date.Format(time.RFC3339) },
		"the last second":     func(l *licensemanager.GrantedLicense) { l.Validity.End = date.Add(time.Second).Format(time.RFC3339) },
		"no operations":       func(l *licensemanager.GrantedLicense) { l.ReceivedMetadata.AllowedOperations = nil },
	} {
		set, err := entitlements.Load(t.Context(), &service{licenses: []licensemanager.GrantedLicense{license(with(feature("Premium")), change)}, date: date}, sku)
		require.NoError(t, err, name)
		assert.Equal(t, name != "little is known", set.Has("Premium"), name)
	}
	for name, test := range map[string]struct {
		reason entitlements.Reason
		change func(*licensemanager.GrantedLicense)
	}{
		"expired":   {entitlements.ReasonExpired, func(l *licensemanager.GrantedLicense) { l.Validity.End = date.Format(time.RFC3339) }},
		"status":    {entitlements.ReasonExpired, func(l *licensemanager.GrantedLicense) { l.Status = licensemanager.LicenseStatusExpired }},
		"not begun": {entitlements.ReasonNotBegun, func(l *licensemanager.GrantedLicense) { l.Validity.Begin = date.Add(time.Second).Format(time.RFC3339) }},
		"suspended": {entitlements.ReasonNotAvailable, func(l *licensemanager.GrantedLicense) { l.Status = licensemanager.LicenseStatusSuspended }},
		"accepted": {entitlements.ReasonNotGranted, func(l *licensemanager.GrantedLicense) {
			l.ReceivedMetadata.ReceivedStatus = licensemanager.ReceivedStatusDisabled
		}},
		"only listed": {entitlements.ReasonNotGranted, func(l *licensemanager.GrantedLicense) {
			l.ReceivedMetadata.AllowedOperations[0] = licensemanager.AllowedOperationListPurchasedLicenses
		}},
		"other product": {entitlements.ReasonWrongProduct, func(l *licensemanager.GrantedLicense) { l.ProductSKU = "other" }},
		"other issuer":  {entitlements.ReasonWrongIssuer, func(l *licensemanager.GrantedLicense) { l.Issuer.KeyFingerprint = "aws:1:Me:issuer-fingerprint" }},
	} {
		_, err := entitlements.Load(t.Context(), &service{licenses: []licensemanager.GrantedLicense{license(test.change)}, date: date}, sku)
		var empty *entitlements.EmptyError
		require.ErrorAs(t, err, &empty, name)
		assert.Equal(t, entitlements.EmptyError{
			ProductSKU: sku, KeyFingerprint: licensemanager.MarketplaceKeyFingerprint, Unusable: []entitlements.UnusableLicense{{LicenseARN: arn, Reason: test.reason}},
		}, *empty, name)
		assert.ErrorContains(t, err, arn)
		assert.ErrorContains(t, err, sku)
	}
}
