package lease

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// Reason is why a seat was denied, as far as the service lets it be known.
type Reason string

// The reasons, from the farthest from a seat to the nearest.
const (
	ReasonUnknown       Reason = ""                                                                // the credentials do not permit to find out, or nothing was found
	ReasonNoLicense     Reason = "there is no license of this product and issuer (KeyFingerprint)" // or none was granted to the account
	ReasonExpired       Reason = "the license has expired"                                         // or its validity has not begun
	ReasonNotAvailable  Reason = "the license or its grant is not active"                          // or the grant does not permit a checkout
	ReasonNoEntitlement Reason = "the license has no such entitlement"                             // by name
	ReasonWrongUnit     Reason = "the license has the entitlement in another unit"
	ReasonSeatsFull     Reason = "all seats are taken"
)

var reasons = []Reason{ReasonUnknown, ReasonNoLicense, ReasonExpired, ReasonNotAvailable, ReasonNoEntitlement, ReasonWrongUnit, ReasonSeatsFull}

// DeniedError is an explicit refusal of a seat by the service. It wraps the
// service's exception, which is the same for all reasons.
type DeniedError struct {
	Reason Reason
	Err    error
}

func (e *DeniedError) Error() string {
	if e.Reason == ReasonUnknown {
		return "license denied: " + e.Err.Error()
	}
	return "license denied: " + string(e.Reason) + ": " + e.Err.Error()
}

// Unwrap returns the service's exception.
func (e *DeniedError) Unwrap() error { return e.Err }

// PartialError says that a checkout did not have all the entitlements. What
// was granted has been given back.
type PartialError struct {
	Granted []licensemanager.EntitlementData
	Missing []licensemanager.EntitlementData
}

func (e *PartialError) Error() string {
	var names []string
	for _, m := range e.Missing {
		names = append(names, m.Name)
	}
	return "license granted in part only: missing " + strings.Join(names, ", ")
}

// missing returns what was asked for and is not granted: of an entitlement in
// a unit, the number that lacks.
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

// mayHaveActed says whether a failed checkout may have taken a seat: its
// answer was lost, or the service failed.
func mayHaveActed(err error) bool {
	var send *awstokens.SendError
	if errors.As(err, &send) {
		return send.Written
	}
	var response *awstokens.ResponseError
	if errors.As(err, &response) {
		return response.StatusCode < 300 || response.StatusCode >= 500
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// giveBack makes sure that a checkout that may have taken a seat leaves none
// taken: the same call again, by its ClientToken, tells which seat it was.
func (l *Lease) giveBack(ctx context.Context, in *licensemanager.CheckoutLicenseInput) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackTime)
	defer cancel()
	call, cancelCall := context.WithTimeout(ctx, callTimeout)
	defer cancelCall()
	if out, err := l.api.CheckoutLicense(call, in); err == nil {
		_ = l.checkInUntil(ctx, out.LicenseConsumptionToken) // if that fails too, the seat expires
	}
}

// denied returns the refusal that an error of a checkout is, explained where
// the credentials permit it, or nil for any other error.
func (l *Lease) denied(ctx context.Context, err error) *DeniedError {
	var none *licensemanager.NoEntitlementsAllowedException
	var notFound *licensemanager.ResourceNotFoundException
	if !errors.As(err, &none) && !errors.As(err, &notFound) {
		return nil
	}
	return &DeniedError{Reason: l.explain(ctx), Err: err}
}

// explainer is what an explanation needs of License Manager. The policy of the
// role AWSLicenseManagerConsumptionRole does not permit it.
type explainer interface {
	ListReceivedLicenses(context.Context, *licensemanager.ListReceivedLicensesInput) (*licensemanager.ListReceivedLicensesOutput, error)
	GetLicenseUsage(context.Context, *licensemanager.GetLicenseUsageInput) (*licensemanager.GetLicenseUsageOutput, error)
}

// explain finds out why no seat could be had: of several licenses, the reason
// of the one that came nearest.
func (l *Lease) explain(ctx context.Context) Reason {
	api, ok := l.api.(explainer)
	if !ok {
		return ReasonUnknown
	}
	out, err := api.ListReceivedLicenses(ctx, &licensemanager.ListReceivedLicensesInput{
		Filters: []licensemanager.Filter{{Name: "ProductSKU", Values: []string{l.request.ProductSKU}}},
	})
	if err != nil {
		return ReasonUnknown
	}
	nearest := 1
	if out.NextToken != "" {
		nearest = 0 // the next page may have a license
	}
	fingerprint := l.request.input().KeyFingerprint
	for i := range out.Licenses {
		license := &out.Licenses[i]
		if license.Issuer != nil && license.Issuer.KeyFingerprint != "" && license.Issuer.KeyFingerprint != fingerprint {
			continue
		}
		nearest = max(nearest, slices.Index(reasons, l.judge(ctx, api, license)))
	}
	return reasons[nearest]
}

// judge says why one license has no seat.
func (l *Lease) judge(ctx context.Context, api explainer, license *licensemanager.GrantedLicense) Reason {
	if v := license.Validity; v != nil {
		begins, beginErr := v.Begins()
		ends, endErr := v.Ends()
		now := l.now()
		if beginErr == nil && now.Before(begins) || endErr == nil && !ends.IsZero() && !now.Before(ends) {
			return ReasonExpired
		}
	}
	if license.Status == licensemanager.LicenseStatusExpired {
		return ReasonExpired
	}
	if license.Status != "" && license.Status != licensemanager.LicenseStatusAvailable || !permitsCheckout(license.ReceivedMetadata) {
		return ReasonNotAvailable
	}
	usage, err := api.GetLicenseUsage(ctx, &licensemanager.GetLicenseUsageInput{LicenseArn: license.LicenseArn})
	for _, asked := range l.request.Entitlements {
		i := slices.IndexFunc(license.Entitlements, func(e licensemanager.Entitlement) bool { return e.Name == asked.Name })
		switch {
		case i < 0:
			return ReasonNoEntitlement
		case license.Entitlements[i].Unit != asked.Unit:
			return ReasonWrongUnit
		case err == nil && isFull(&license.Entitlements[i], asked, usage.LicenseUsage):
			return ReasonSeatsFull
		}
	}
	return ReasonUnknown
}

func permitsCheckout(m *licensemanager.ReceivedMetadata) bool {
	return m == nil || (m.ReceivedStatus == "" || m.ReceivedStatus == licensemanager.ReceivedStatusActive) &&
		(len(m.AllowedOperations) == 0 || slices.Contains(m.AllowedOperations, licensemanager.AllowedOperationCheckoutLicense))
}

// isFull says whether an entitlement does not have as many left as are asked
// for.
func isFull(e *licensemanager.Entitlement, asked licensemanager.EntitlementData, usage *licensemanager.LicenseUsage) bool {
	want, counted := number(asked.Value)
	if !counted || e.MaxCount == nil || e.Overage != nil && *e.Overage {
		return false
	}
	for _, u := range usage.EntitlementUsages {
		if u.Name == e.Name && u.Unit == e.Unit {
			used, ok := number(u.ConsumedValue)
			return ok && used+want > *e.MaxCount
		}
	}
	return false
}
