package lease

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// Reason is why a seat was denied, as far as the credentials permit to find out.
type Reason string

// The reasons, from the farthest from a seat to the nearest.
const (
	ReasonUnknown       Reason = ""               // the credentials do not permit to find out, or no reason was found
	ReasonNoLicense     Reason = "no_license"     // the account has no license of the product and issuer
	ReasonWrongProduct  Reason = "wrong_product"  // Request.LicenseARN is a license of another ProductSKU
	ReasonWrongIssuer   Reason = "wrong_issuer"   // Request.LicenseARN is a license of another KeyFingerprint
	ReasonExpired       Reason = "expired"        // the license has expired, or its validity has not begun
	ReasonNotAvailable  Reason = "not_available"  // the license or its grant is not active, or the grant does not permit a checkout
	ReasonNoEntitlement Reason = "no_entitlement" // the license has no entitlement of this name
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

// nearness is a reason's index in reasons.
func nearness(r Reason) int {
	for i := range reasons {
		if reasons[i].reason == r {
			return i
		}
	}
	return 0
}

// DeniedError says that the service denied a seat. It wraps the service's
// exception, which is the same for all reasons.
type DeniedError struct {
	Reason Reason
	Err    error
}

// Error gives the reason in words.
func (e *DeniedError) Error() string {
	if text := reasons[nearness(e.Reason)].text; text != "" {
		return fmt.Sprintf("license denied: %s: %v", text, e.Err)
	}
	return fmt.Sprintf("license denied: %v", e.Err)
}

// Unwrap returns the service's exception.
func (e *DeniedError) Unwrap() error { return e.Err }

// PartialError says that a checkout granted only a part of the entitlements. The
// part has been given back, unless a [*TakenError] says otherwise.
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

// missing returns what was asked for and not granted. The value of a counted
// entitlement is the number that is missing.
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
				lacking -= min(max(0, n), lacking)
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

// lacks reports whether a checkout is partial, and the request does not allow that.
func (r *Request) lacks(c *checkout) bool {
	return len(c.missing) > 0 && (!r.AllowPartial || len(c.granted) == 0)
}

func number(value string) (int64, bool) {
	n, err := strconv.ParseInt(value, 10, 64)
	return n, err == nil
}

// explain returns the denial that an error of a checkout is, or the error
// itself. The date is that of the service's response.
func (d *driver) explain(ctx context.Context, err error, date time.Time) error {
	var none *licensemanager.NoEntitlementsAllowedException
	var notFound *licensemanager.ResourceNotFoundException
	if !errors.As(err, &none) && !errors.As(err, &notFound) {
		return err
	}
	if date.IsZero() {
		date = d.clock.Now()
	}
	if d.request.LicenseARN != "" {
		return &DeniedError{Reason: d.reasonOfLicense(ctx, date), Err: err}
	}
	return &DeniedError{Reason: d.reason(ctx, date), Err: err}
}

// reasonOfLicense finds out why no seat of Request.LicenseARN could be had,
// with the permissions of the role AWSLicenseManagerConsumptionRole.
func (d *driver) reasonOfLicense(ctx context.Context, now time.Time) Reason {
	api, ok := d.api.(interface {
		GetLicense(context.Context, *licensemanager.GetLicenseInput) (*licensemanager.GetLicenseOutput, error)
	})
	if !ok {
		return ReasonUnknown
	}
	out, err := api.GetLicense(ctx, &licensemanager.GetLicenseInput{LicenseArn: d.request.LicenseARN})
	var unknown *licensemanager.InvalidParameterValueException
	switch {
	case errors.As(err, &unknown) && responseError(err) != nil:
		return ReasonNoLicense
	case err != nil || out.License == nil:
		return ReasonUnknown
	case out.License.ProductSKU != "" && out.License.ProductSKU != d.request.ProductSKU:
		return ReasonWrongProduct
	case d.request.isOtherIssuer(out.License):
		return ReasonWrongIssuer
	}
	if reason := d.request.judge(out.License, nil, now); reason != ReasonUnknown {
		return reason
	}
	return ReasonSeatsFull // the only reason left
}

// reason finds out why no seat could be had, with permissions that the role
// AWSLicenseManagerConsumptionRole does not have. Of several licenses, the one
// that came nearest to a seat counts.
func (d *driver) reason(ctx context.Context, now time.Time) Reason {
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
		if d.request.isOtherIssuer(&license.License) {
			continue
		}
		reason := ReasonNotAvailable
		if permitsCheckout(license.ReceivedMetadata) {
			usage, err := api.GetLicenseUsage(ctx, &licensemanager.GetLicenseUsageInput{LicenseArn: license.LicenseArn})
			if err != nil {
				usage = &licensemanager.GetLicenseUsageOutput{}
			}
			reason = d.request.judge(&license.License, usage.LicenseUsage, now)
		}
		nearest = max(nearest, nearness(reason))
	}
	return reasons[nearest].reason
}

func (r *Request) isOtherIssuer(license *licensemanager.License) bool {
	return license.Issuer != nil && license.Issuer.KeyFingerprint != "" && license.Issuer.KeyFingerprint != r.KeyFingerprint
}

// judge returns why a license has no seat. The usage may be nil.
func (r *Request) judge(license *licensemanager.License, usage *licensemanager.LicenseUsage, now time.Time) Reason {
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
	for _, asked := range r.Entitlements {
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
		case limited && want > *license.Entitlements[i].MaxCount-used:
			return ReasonSeatsFull
		}
	}
	return ReasonUnknown
}

func permitsCheckout(m *licensemanager.ReceivedMetadata) bool {
	return m == nil || (m.ReceivedStatus == "" || m.ReceivedStatus == licensemanager.ReceivedStatusActive) &&
		(len(m.AllowedOperations) == 0 || slices.Contains(m.AllowedOperations, licensemanager.AllowedOperationCheckoutLicense))
}

// demand returns how much of an entitlement is used and asked for, if it is
// limited.
func demand(e *licensemanager.Entitlement, asked licensemanager.EntitlementData, usage *licensemanager.LicenseUsage) (used, want int64, limited bool) {
	want, counted := number(asked.Value)
	if !counted || e.MaxCount == nil || e.Overage != nil && *e.Overage {
		return 0, 0, false
	}
	if usage != nil {
		for _, u := range usage.EntitlementUsages {
			if u.Name == e.Name && u.Unit == e.Unit {
				n, _ := number(u.ConsumedValue)
				used = max(0, n)
			}
		}
	}
	return used, want, true
}
