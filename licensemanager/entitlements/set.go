package entitlements

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// Set is what a customer is entitled to by the usable licenses of a product and
// issuer, at one moment. It is immutable and safe for concurrent use.
type Set struct {
	productSKU, keyFingerprint string

	licenses []licensemanager.GrantedLicense // the usable ones, newest first
	unusable []UnusableLicense
	names    map[string]entitlement
}

// entitlement is what the usable licenses have under one name.
type entitlement struct {
	unit      licensemanager.EntitlementUnit // that of the newest license
	limit     int64                          // of all licenses with this unit
	unlimited bool
	elsewhere bool // an older license has some in another unit
}

func (e entitlement) isFeature() bool { return e.unit == licensemanager.EntitlementUnitNone }

func (e entitlement) has() bool { return e.isFeature() || e.unlimited || e.limit > 0 || e.elsewhere }

// Has reports whether the customer is entitled to a feature, or to more than
// zero of what is counted.
func (s *Set) Has(name string) bool { return s.names[name].has() }

// Limit returns how much of an entitlement may be used, in its unit. The limits of
// several licenses are added up. limited is false if any number may be used:
// without a MaxCount, or with Overage. The limit of a feature is 1, and that of an
// entitlement that no usable license has is 0.
func (s *Set) Limit(name string) (n int64, limited bool) {
	e := s.names[name]
	switch {
	case e.isFeature():
		return 1, true
	case e.unlimited:
		return 0, false
	}
	return e.limit, true
}

// Ask returns what to check out for n of an entitlement, in the unit of the
// license: a checkout in another unit is denied. For a feature, n is 1.
//
// It returns an [*AskError] if the service would deny the checkout in any case,
// and an [*EmptyError] if there is no usable license. It does not know which
// seats are taken.
func (s *Set) Ask(name string, n int64) (licensemanager.EntitlementData, error) {
	e := s.names[name]
	reason := Reason("")
	switch {
	case n <= 0:
		reason = ReasonNotPositive
	case len(s.licenses) == 0:
		return licensemanager.EntitlementData{}, s.empty()
	case e.unit == "":
		reason = ReasonNoEntitlement
	case e.isFeature() && n != 1:
		reason = ReasonFeature
	case !e.isFeature() && !e.unlimited && n > e.limit:
		reason = ReasonTooMany
	case e.isFeature():
		return licensemanager.Feature(name), nil
	default:
		data := licensemanager.Count(name, n)
		data.Unit = e.unit
		return data, nil
	}
	return licensemanager.EntitlementData{}, &AskError{Name: name, N: n, Reason: reason}
}

// Expires returns when the last of the usable licenses ends, by the service's
// clock. It is zero if one of them has no end, and if there is none.
func (s *Set) Expires() (last time.Time) {
	for i := range s.licenses {
		_, end := period(&s.licenses[i])
		if end.IsZero() {
			return time.Time{}
		}
		if end.After(last) {
			last = end
		}
	}
	return last
}

// Licenses returns the usable licenses, newest first. The caller may change the
// list, but not what its items point to.
func (s *Set) Licenses() []licensemanager.GrantedLicense { return slices.Clone(s.licenses) }

func (s *Set) empty() *EmptyError {
	return &EmptyError{ProductSKU: s.productSKU, KeyFingerprint: s.keyFingerprint, Unusable: slices.Clone(s.unusable)}
}

// differences returns the names of the entitlements that differ between two
// sets, sorted.
func differences(a, b *Set) (names []string) {
	for name, e := range a.names {
		if e != b.names[name] {
			names = append(names, name)
		}
	}
	for name := range b.names {
		if _, ok := a.names[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// evaluate returns the set at the time now. A license that had not ended when the
// service was last asked counts until its end plus the grace.
func evaluate(o *Options, productSKU string, found []licensemanager.GrantedLicense, asked, now time.Time) *Set {
	s := &Set{productSKU: productSKU, keyFingerprint: o.KeyFingerprint, names: map[string]entitlement{}}
	for i := range found {
		if reason := unusable(o, productSKU, &found[i], asked, now); reason != "" {
			s.unusable = append(s.unusable, UnusableLicense{found[i].LicenseArn, reason})
			continue
		}
		if arn := found[i].LicenseArn; arn == "" || !has(s.licenses, arn) { // else listed twice, on two pages or by two grants
			s.licenses = append(s.licenses, found[i])
		}
	}
	if o.LicenseARN != "" && len(found) == 0 {
		s.unusable = []UnusableLicense{{o.LicenseARN, ReasonNoLicense}}
	}
	slices.SortFunc(s.licenses, func(a, b licensemanager.GrantedLicense) int {
		created, _ := a.Created() // the zero time if it cannot be parsed
		other, _ := b.Created()
		return cmp.Or(other.Compare(created), cmp.Compare(a.LicenseArn, b.LicenseArn))
	})
	for i := range s.licenses {
		s.merge(s.licenses[i].Entitlements)
	}
	return s
}

// merge adds the entitlements of a license that is older than those before. If a
// name occurs twice, the first counts. One without a unit cannot be asked for.
func (s *Set) merge(list []licensemanager.Entitlement) {
	for i, more := range list {
		if more.Unit == "" || slices.ContainsFunc(list[:i], func(e licensemanager.Entitlement) bool { return e.Name == more.Name }) {
			continue
		}
		e, known := s.names[more.Name]
		switch limit, limited := limitOf(&more); {
		case !known:
			e = entitlement{unit: more.Unit, limit: limit, unlimited: !limited}
		case e.unit != more.Unit:
			e.elsewhere = e.elsewhere || !limited || limit > 0
		case !limited:
			e.limit, e.unlimited = 0, true
		case !e.unlimited:
			e.limit += min(limit, math.MaxInt64-e.limit)
		}
		s.names[more.Name] = e
	}
}

// limitOf returns false if any number may be used.
func limitOf(e *licensemanager.Entitlement) (limit int64, limited bool) {
	if e.Unit == licensemanager.EntitlementUnitNone || e.MaxCount == nil || e.Overage != nil && *e.Overage {
		return 0, false
	}
	return max(0, *e.MaxCount), true
}

// unusable returns why a license does not count, or "". What is missing or cannot
// be parsed is not a reason.
func unusable(o *Options, productSKU string, l *licensemanager.GrantedLicense, asked, now time.Time) Reason {
	begin, end := period(l)
	until := end
	if end.After(asked) {
		until = end.Add(o.Grace)
	}
	issuer := ""
	if l.Issuer != nil {
		issuer = l.Issuer.KeyFingerprint
	}
	if issuer == "" && o.LicenseARN == "" {
		issuer = o.KeyFingerprint // by which the service filtered the list
	}
	granted := l.ReceivedMetadata
	switch {
	case l.ProductSKU != "" && l.ProductSKU != productSKU:
		return ReasonWrongProduct
	case issuer != o.KeyFingerprint:
		return ReasonWrongIssuer
	case l.Status == licensemanager.LicenseStatusExpired, !end.IsZero() && !now.Before(until):
		return ReasonExpired
	case l.Status != "" && l.Status != licensemanager.LicenseStatusAvailable:
		return ReasonNotAvailable
	case now.Before(begin):
		return ReasonNotBegun
	case granted != nil && granted.ReceivedStatus != "" && granted.ReceivedStatus != licensemanager.ReceivedStatusActive,
		granted != nil && len(granted.AllowedOperations) > 0 && !slices.Contains(granted.AllowedOperations, licensemanager.AllowedOperationCheckoutLicense):
		return ReasonNotGranted
	}
	return ""
}

// period returns a license's validity. A date that is missing or cannot be parsed
// is the zero time.
func period(l *licensemanager.GrantedLicense) (begin, end time.Time) {
	if l.Validity != nil {
		begin, _ = l.Validity.Begins()
		end, _ = l.Validity.Ends()
	}
	return begin, end
}
