package emulator

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// license is a license in all its versions.
type license struct {
	arn       string
	account   string                   // that issued it
	created   time.Time                // by the emulator's clock
	available time.Time                // until then it is PENDING_AVAILABLE
	deleted   time.Time                // from then on it is DELETED, before it PENDING_DELETE; zero if nobody deleted it
	versions  []licensemanager.License // oldest first, at least one
	tags      tags
	checkouts map[*checkout]struct{}
	consumed  map[entitlementKey]int64 // how much of what is counted is checked out
	drawn     map[entitlementKey]int64 // how much of that never expires
}

func (l *license) current() *licensemanager.License { return &l.versions[len(l.versions)-1] }

// status returns the status at a time. A license whose validity has ended is
// EXPIRED, whatever status its issuer gave it.
func (l *license) status(now time.Time) licensemanager.LicenseStatus {
	end := l.ends()
	switch {
	case !l.deleted.IsZero() && now.Before(l.deleted):
		return licensemanager.LicenseStatusPendingDelete
	case !l.deleted.IsZero():
		return licensemanager.LicenseStatusDeleted
	case now.Before(l.available):
		return licensemanager.LicenseStatusPendingAvailable
	case !end.IsZero() && !now.Before(end):
		return licensemanager.LicenseStatusExpired
	}
	return l.current().Status
}

// usable reports whether something can be checked out of the license.
func (l *license) usable(now time.Time) bool {
	begin, _ := l.current().Validity.Begins() // was checked
	return l.status(now) == licensemanager.LicenseStatusAvailable && !now.Before(begin)
}

// ends returns the end of the license's validity, or zero if it has none.
func (l *license) ends() time.Time {
	end, _ := l.current().Validity.Ends() // was checked
	return end.UTC()
}

// until returns the end of a period that begins now, or that of the license's
// validity if it is earlier, in whole seconds as in a response.
func (l *license) until(now time.Time, minutes int32) time.Time {
	end := time.Unix(now.Unix()+int64(minutes)*60, 0).UTC()
	if own := l.ends().Truncate(time.Second); !own.IsZero() && own.Before(end) {
		return own
	}
	return end
}

func (l *license) entitlement(name string, unit licensemanager.EntitlementUnit) *licensemanager.Entitlement {
	list := l.current().Entitlements
	i := slices.IndexFunc(list, func(e licensemanager.Entitlement) bool { return e.Name == name && e.Unit == unit })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// change gives the license a new version.
func (l *license) change(to licensemanager.License) {
	to.Version = strconv.Itoa(len(l.versions) + 1)
	l.versions = append(l.versions, to)
}

// add makes a license known.
func (l *licenseManager) add(made *license) {
	made.checkouts, made.consumed, made.drawn = map[*checkout]struct{}{}, map[entitlementKey]int64{}, map[entitlementKey]int64{}
	l.licenses.add(made.arn, made)
	l.indexSKU(made)
}

// indexSKU makes a license known by its current product SKU. The licenses of a
// SKU are in the order of their creation.
func (l *licenseManager) indexSKU(of *license) {
	sku := of.current().ProductSKU
	if slices.Contains(l.bySKU[sku], of) {
		return
	}
	l.bySKU[sku] = append(l.bySKU[sku], of)
	slices.SortFunc(l.bySKU[sku], func(a, b *license) int { return cmp.Compare(l.licenses.at[a.arn], l.licenses.at[b.arn]) })
}

// find returns the license of an ARN, or nil.
func (l *licenseManager) find(arn string) *license { return l.licenses.get(arn) }

// findFor is find for a license that the caller's account issued or was granted.
// For any other, it returns nil.
func (l *licenseManager) findFor(r *request, arn string) *license {
	found := l.find(arn)
	if found == nil || found.account != r.account() && l.received(r.account(), found) == nil {
		return nil
	}
	return found
}

// noSuchLicense is the refusal of the operations for which no
// ResourceNotFoundException is published.
func noSuchLicense(arn string) *failure {
	return fail("InvalidParameterValueException", "License %s does not exist.", arn)
}

// getLicense describes a version of a license to an account that issued it or
// was granted it.
func (l *licenseManager) getLicense(r *request, in *licensemanager.GetLicenseInput) (any, *failure) {
	if !l.permits(r, in.LicenseArn) {
		return nil, accessDenied()
	}
	found := l.findFor(r, in.LicenseArn)
	if found == nil {
		return nil, noSuchLicense(in.LicenseArn)
	}
	if in.Version == "" {
		return object{"License": l.describeLicense(r, found)}, nil
	}
	for _, version := range l.describeVersions(r, found) {
		if version.Version == in.Version {
			return object{"License": version}, nil
		}
	}
	return nil, fail("InvalidParameterValueException", "The license has no version %q.", in.Version)
}

// describeLicense describes the current version.
func (l *licenseManager) describeLicense(r *request, described *license) licensemanager.License {
	list := l.describeVersions(r, described)
	return list[len(list)-1]
}

func (l *licenseManager) describeVersions(r *request, described *license) []licensemanager.License {
	list := slices.Clone(described.versions)
	for i := range list {
		list[i].CreateTime = l.stamp(described.created)
	}
	list[len(list)-1].Status = described.status(r.now)
	return list
}

// getLicenseUsage returns how much of a license is checked out. A feature is not
// counted.
func (l *licenseManager) getLicenseUsage(r *request, in *licensemanager.GetLicenseUsageInput) (any, *failure) {
	used := l.findFor(r, in.LicenseArn)
	if used == nil {
		return nil, noSuchLicense(in.LicenseArn)
	}
	var usages []licensemanager.EntitlementUsage
	for _, e := range used.current().Entitlements {
		usage := licensemanager.EntitlementUsage{Name: e.Name, Unit: e.Unit, ConsumedValue: strconv.FormatInt(used.consumed[entitlementKey{e.Name, e.Unit}], 10)}
		if e.MaxCount != nil {
			usage.MaxCount = strconv.FormatInt(*e.MaxCount, 10)
		}
		usages = append(usages, usage)
	}
	return object{"LicenseUsage": licensemanager.LicenseUsage{EntitlementUsages: usages}}, nil
}

// listLicenses returns a page of the licenses that the caller's account issued,
// oldest first, deleted ones too.
func (l *licenseManager) listLicenses(r *request, in *licensemanager.ListLicensesInput) (any, *failure) {
	filters, refusal := parseFilters(in.Filters, "Beneficiary", "ProductSKU", "Fingerprint", "Status")
	if refusal != nil {
		return nil, refusal
	}
	keep := func(issued *license) bool {
		return issued.account == r.account() && filters.admit(issued.attributes(r.now))
	}
	describe := func(issued *license) licensemanager.License { return l.describeLicense(r, issued) }
	return page("Licenses", l.licenses.of(in.LicenseArns), licenseARN, keep, describe, in.MaxResults, in.NextToken)
}

func licenseARN(l *license) string { return l.arn }

// attributes are what filters of licenses look at.
func (l *license) attributes(now time.Time) map[string]string {
	v := l.current()
	return map[string]string{
		"Beneficiary": v.Beneficiary,
		"ProductSKU":  v.ProductSKU,
		"Fingerprint": v.Issuer.KeyFingerprint,
		"IssuerName":  v.Issuer.Name,
		"Status":      string(l.status(now)),
	}
}

// listLicenseVersions returns a page of the versions of a license that the
// caller's account issued or was granted, oldest first.
func (l *licenseManager) listLicenseVersions(r *request, in *licensemanager.ListLicenseVersionsInput) (any, *failure) {
	found := l.findFor(r, in.LicenseArn)
	if found == nil {
		return nil, noSuchLicense(in.LicenseArn)
	}
	version := func(v licensemanager.License) string { return v.Version }
	return page("Licenses", l.describeVersions(r, found), version, every[licensemanager.License], same[licensemanager.License], in.MaxResults, in.NextToken)
}

// listReceivedLicenses returns a page of the licenses that were granted to the
// caller's account, oldest first.
func (l *licenseManager) listReceivedLicenses(r *request, in *licensemanager.ListReceivedLicensesInput) (any, *failure) {
	if l.options.NotOnboarded {
		return nil, fail("AccessDeniedException", "Service role not found. Set License Manager up in this account first.")
	}
	filters, refusal := parseFilters(in.Filters, "ProductSKU", "Status", "Fingerprint", "IssuerName", "Beneficiary")
	if refusal != nil {
		return nil, refusal
	}
	keep := func(candidate *license) bool {
		return l.received(r.account(), candidate) != nil && filters.admit(candidate.attributes(r.now))
	}
	describe := func(of *license) licensemanager.GrantedLicense {
		return licensemanager.GrantedLicense{License: l.describeLicense(r, of), ReceivedMetadata: l.received(r.account(), of).metadata()}
	}
	return page("Licenses", l.licenses.of(in.LicenseArns), licenseARN, keep, describe, in.MaxResults, in.NextToken)
}
