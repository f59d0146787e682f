package lease

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// Reason is why a seat was denied, as far as the service lets it be known.
type Reason string

// The reasons, from the farthest from a seat to the nearest.
const (
	ReasonUnknown       Reason = ""               // the credentials do not permit to find out, or nothing was found
	ReasonNoLicense     Reason = "no_license"     // there is none of the product and issuer, or none was granted to the account
	ReasonWrongProduct  Reason = "wrong_product"  // Request.LicenseARN is a license of another ProductSKU
	ReasonWrongIssuer   Reason = "wrong_issuer"   // Request.LicenseARN is a license of another KeyFingerprint
	ReasonExpired       Reason = "expired"        // the license has expired, or its validity has not begun
	ReasonNotAvailable  Reason = "not_available"  // the license or its grant is not active, or the grant does not permit a checkout
	ReasonNoEntitlement Reason = "no_entitlement" // the license has none of this name
	ReasonWrongUnit     Reason = "wrong_unit"     // the license has the entitlement in another unit
	ReasonTooMany       Reason = "too_many"       // more was asked for than the license has in all
	ReasonSeatsFull     Reason = "seats_full"     // all seats are taken, or fewer are free than were asked for
)

var reasons = []struct {
	reason Reason
	text   string
}{
	{ReasonUnknown, ""},
	{ReasonNoLicense, "there is no license of this product and issuer: check ProductSKU and KeyFingerprint"},
	{ReasonWrongProduct, "the license is of another product: check ProductSKU"},
	{ReasonWrongIssuer, "the license is of another issuer: check KeyFingerprint"},
	{ReasonExpired, "the license has expired or is not valid yet"},
	{ReasonNotAvailable, "the license or its grant is not active"},
	{ReasonNoEntitlement, "the license has no such entitlement"},
	{ReasonWrongUnit, "the license has the entitlement in another unit"},
	{ReasonTooMany, "the license has fewer than were asked for"},
	{ReasonSeatsFull, "not enough seats are free"},
}

// nearness is a place in reasons.
func nearness(r Reason) int {
	for i := range reasons {
		if reasons[i].reason == r {
			return i
		}
	}
	return 0
}

// DeniedError is the denial of a seat by the service. It wraps the service's
// exception, which is the same for all reasons.
type DeniedError struct {
	Reason Reason
	Err    error
}

// Error gives the reason in words.
func (e *DeniedError) Error() string {
	if text := reasons[nearness(e.Reason)].text; text != "" {
		return "license denied: " + text + ": " + e.Err.Error()
	}
	return "license denied: " + e.Err.Error()
}

// Unwrap returns the service's exception.
func (e *DeniedError) Unwrap() error { return e.Err }

// PartialError says that a checkout did not have all the entitlements. What was
// granted has been given back, unless a [*TakenError] says otherwise.
type PartialError struct {
	Granted []licensemanager.EntitlementData
	Missing []licensemanager.EntitlementData
}

// Error names what is missing.
func (e *PartialError) Error() string {
	var names []string
	for _, m := range e.Missing {
		names = append(names, m.Name)
	}
	return "license granted in part only: missing " + strings.Join(names, ", ")
}

// missing returns what was asked for and is not granted: of a counted
// entitlement, the number that lacks.
func missing(asked, granted []licensemanager.EntitlementData) []licensemanager.EntitlementData {
	var list []licensemanager.EntitlementData
	for _, a := range asked {
		found := false
		lacking, counted := number(a.Value)
		for _, g := range granted {
			if g.Name != a.Name || g.Unit != a.Unit {
				continue
			}
			found = true
			if n, ok := number(g.Value); ok {
				lacking -= n
			} else {
				lacking = 0 // granted without a number
			}
		}
		switch {
		case !found:
			list = append(list, a)
		case counted && lacking > 0:
			a.Value = strconv.FormatInt(lacking, 10)
			list = append(list, a)
		}
	}
	return list
}

func number(value string) (int64, bool) {
	n, err := strconv.ParseInt(value, 10, 64)
	return n, err == nil
}

// explain returns the denial that an error of a checkout is, with its reason
// where the credentials permit to find it out, or the error itself.
func (d *driver) explain(ctx context.Context, err error) error {
	var none *licensemanager.NoEntitlementsAllowedException
	var notFound *licensemanager.ResourceNotFoundException
	if !errors.As(err, &none) && !errors.As(err, &notFound) {
		return err
	}
	if d.request.LicenseARN != "" {
		return &DeniedError{Reason: d.reasonOfLicense(ctx), Err: err}
	}
	return &DeniedError{Reason: d.reason(ctx), Err: err}
}

// reasonOfLicense finds out why no seat of Request.LicenseARN could be had,
// with the permissions of the role AWSLicenseManagerConsumptionRole.
func (d *driver) reasonOfLicense(ctx context.Context) Reason {
	api, ok := d.api.(interface {
		GetLicense(context.Context, *licensemanager.GetLicenseInput) (*licensemanager.GetLicenseOutput, error)
	})
	if !ok {
		return ReasonUnknown
	}
	out, err := api.GetLicense(ctx, &licensemanager.GetLicenseInput{LicenseArn: d.request.LicenseARN})
	var unknown *licensemanager.InvalidParameterValueException
	switch {
	case errors.As(err, &unknown):
		return ReasonNoLicense
	case err != nil || out.License == nil:
		return ReasonUnknown
	case out.License.ProductSKU != "" && out.License.ProductSKU != d.request.ProductSKU:
		return ReasonWrongProduct
	case d.isOtherIssuer(out.License):
		return ReasonWrongIssuer
	}
	if reason := d.judge(out.License, nil); reason != ReasonUnknown {
		return reason
	}
	return ReasonSeatsFull // the remainder
}

// reason finds out why no seat could be had, which takes more permissions than
// the role AWSLicenseManagerConsumptionRole has. Of several licenses, the
// reason of the one that came nearest counts.
func (d *driver) reason(ctx context.Context) Reason {
	api, ok := d.api.(interface {
		ListReceivedLicenses(context.Context, *licensemanager.ListReceivedLicensesInput) (*licensemanager.ListReceivedLicensesOutput, error)
		GetLicenseUsage(context.Context, *licensemanager.GetLicenseUsageInput) (*licensemanager.GetLicenseUsageOutput, error)
	})
	if !ok {
		return ReasonUnknown
	}
	out, err := api.ListReceivedLicenses(ctx, &licensemanager.ListReceivedLicensesInput{
		Filters: []licensemanager.Filter{{Name: "ProductSKU", Values: []string{d.request.ProductSKU}}},
	})
	if err != nil {
		return ReasonUnknown
	}
	nearest := nearness(ReasonNoLicense)
	if out.NextToken != "" {
		nearest = 0 // the next page may have a license
	}
	for i := range out.Licenses {
		license := &out.Licenses[i]
		if d.isOtherIssuer(&license.License) {
			continue
		}
		reason := ReasonNotAvailable
		if permitsCheckout(license.ReceivedMetadata) {
			usage, err := api.GetLicenseUsage(ctx, &licensemanager.GetLicenseUsageInput{LicenseArn: license.LicenseArn})
			if err != nil {
				usage = &licensemanager.GetLicenseUsageOutput{}
			}
			reason = d.judge(&license.License, usage.LicenseUsage)
		}
		nearest = max(nearest, nearness(reason))
	}
	return reasons[nearest].reason
}

func (d *driver) isOtherIssuer(license *licensemanager.License) bool {
	return license.Issuer != nil && license.Issuer.KeyFingerprint != "" && license.Issuer.KeyFingerprint != d.request.keyFingerprint()
}

// judge says why a license has no seat. The usage may be nil.
func (d *driver) judge(license *licensemanager.License, usage *licensemanager.LicenseUsage) Reason {
	now := d.machine.service.at(d.now())
	if now.IsZero() {
		now = d.clock.Now()
	}
	if v := license.Validity; v != nil {
		begins, beginErr := v.Begins()
		ends, endErr := v.Ends()
		if beginErr == nil && now.Before(begins) || endErr == nil && !ends.IsZero() && !now.Before(ends) {
			return ReasonExpired
		}
	}
	switch license.Status {
	case licensemanager.LicenseStatusExpired:
		return ReasonExpired
	case "", licensemanager.LicenseStatusAvailable:
	default:
		return ReasonNotAvailable
	}
	for _, asked := range d.request.Entitlements {
		i := slices.IndexFunc(license.Entitlements, func(e licensemanager.Entitlement) bool { return e.Name == asked.Name })
		switch {
		case i < 0:
			return ReasonNoEntitlement
		case license.Entitlements[i].Unit != asked.Unit:
			return ReasonWrongUnit
		}
		switch used, want, limited := demand(&license.Entitlements[i], asked, usage); {
		case limited && want > *license.Entitlements[i].MaxCount:
			return ReasonTooMany
		case limited && used+want > *license.Entitlements[i].MaxCount:
			return ReasonSeatsFull
		}
	}
	return ReasonUnknown
}

func permitsCheckout(m *licensemanager.ReceivedMetadata) bool {
	return m == nil || (m.ReceivedStatus == "" || m.ReceivedStatus == licensemanager.ReceivedStatusActive) &&
		(len(m.AllowedOperations) == 0 || slices.Contains(m.AllowedOperations, licensemanager.AllowedOperationCheckoutLicense))
}

// demand is how much of an entitlement is used and asked for, if it is limited.
func demand(e *licensemanager.Entitlement, asked licensemanager.EntitlementData, usage *licensemanager.LicenseUsage) (used, want int64, limited bool) {
	want, counted := number(asked.Value)
	if !counted || e.MaxCount == nil || e.Overage != nil && *e.Overage {
		return 0, 0, false
	}
	if usage != nil {
		for _, u := range usage.EntitlementUsages {
			if u.Name == e.Name && u.Unit == e.Unit {
				used, _ = number(u.ConsumedValue)
			}
		}
	}
	return used, want, true
}
