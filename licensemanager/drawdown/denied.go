package drawdown

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/seed-25f54b62/awstokens/internal/redact"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/entitlements"
)

// Reason is a short code for why the service denied an amount.
type Reason string

// The reasons of a [DeniedError].
const (
	ReasonUnknown       Reason = ""               // the credentials do not permit finding out, or nothing was found
	ReasonNoLicense     Reason = "no_license"     // there is no usable license of the product and issuer
	ReasonNoEntitlement Reason = "no_entitlement" // the license has none of this name
	ReasonWrongUnit     Reason = "wrong_unit"     // the license counts it in another unit: set Options.Units
	ReasonUsedUp        Reason = "used_up"        // less than the amount is left; also if the denial has no other explanation
)

// DeniedError says that the service refused to charge an amount. The amount
// stays owed and is part of the next batch, unless [Meter.Forget] drops it.
type DeniedError struct {
	Name   string                         // of the entitlement
	Unit   licensemanager.EntitlementUnit // in which it was to be charged
	N      int64
	Reason Reason

	// LicenseUnit is the unit of the license if Reason is ReasonWrongUnit.
	LicenseUnit licensemanager.EntitlementUnit

	// Left is how much the license has left, in its unit, or -1 if that is not
	// known: finding out takes the permission for GetLicenseUsage.
	Left int64

	// Err is the exception of the service. It is nil if other entitlements of
	// the batch were charged.
	Err error
}

// Error names the entitlement and the reason, and Meter.Forget if that may help.
func (e *DeniedError) Error() string {
	text := fmt.Sprintf("drawdown: %d of %q denied", e.N, e.Name)
	switch e.Reason {
	case ReasonNoLicense:
		text += ": there is no usable license of this product and issuer"
	case ReasonNoEntitlement:
		text += ": the license has no such entitlement"
	case ReasonWrongUnit:
		text += fmt.Sprintf(": the license counts it in %s, not %s", redact.Line(string(e.LicenseUnit)), e.Unit)
	case ReasonUsedUp:
		text += ": the license is used up"
		if e.Left >= 0 {
			text += fmt.Sprintf(", %d left", e.Left)
		}
	}
	switch e.Reason {
	case ReasonNoEntitlement, ReasonWrongUnit, ReasonUnknown:
		text += " (if that is a mistake, Meter.Forget drops what is owed)"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns Err.
func (e *DeniedError) Unwrap() error { return e.Err }

// Denials returns the denials that an error of a [Meter] joins, one for each
// entitlement. [errors.As] finds only the first.
func Denials(err error) []*DeniedError {
	if denied, ok := err.(*DeniedError); ok {
		return []*DeniedError{denied}
	}
	var list []*DeniedError
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			list = append(list, Denials(err)...)
		}
	case interface{ Unwrap() error }:
		return Denials(e.Unwrap())
	}
	return list
}

// explainAll returns a DeniedError for each amount, with the reason if the
// credentials permit finding out.
func (m *Meter) explainAll(ctx context.Context, denied []Amount, denial error) (all error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var set *entitlements.Set
	var loadErr error
	if api, ok := m.api.(entitlements.API); ok {
		set, loadErr = entitlements.Load(ctx, api, m.request.ProductSKU, func(o *entitlements.Options) {
			o.KeyFingerprint, o.LicenseARN, o.Clock = m.request.KeyFingerprint, m.options.LicenseARN, m.options.Clock
		})
	}
	for _, a := range denied {
		e := &DeniedError{Name: a.Name, Unit: a.Unit, N: a.N, Left: -1, Err: denial}
		var empty *entitlements.EmptyError
		switch {
		case errors.As(loadErr, &empty):
			e.Reason = ReasonNoLicense
		case set != nil:
			m.explain(ctx, set, e)
		}
		all = join(all, e)
	}
	return all
}

// explain looks for the reason in the newest license that has the entitlement,
// which is the one that the service checks out.
func (m *Meter) explain(ctx context.Context, set *entitlements.Set, e *DeniedError) {
	for _, license := range set.Licenses() {
		for _, has := range license.Entitlements {
			switch {
			case has.Name != e.Name:
				continue
			case has.Unit != e.Unit:
				e.Reason, e.LicenseUnit = ReasonWrongUnit, has.Unit
			case has.MaxCount != nil && (has.Overage == nil || !*has.Overage):
				if e.Left = m.leftOf(ctx, license.LicenseArn, has); e.Left < e.N {
					e.Reason = ReasonUsedUp
				}
			}
			return
		}
	}
	e.Reason = ReasonNoEntitlement
}

// leftOf returns how much of an entitlement a license has left, or -1.
func (m *Meter) leftOf(ctx context.Context, licenseARN string, of licensemanager.Entitlement) int64 {
	api, ok := m.api.(interface {
		GetLicenseUsage(context.Context, *licensemanager.GetLicenseUsageInput) (*licensemanager.GetLicenseUsageOutput, error)
	})
	if !ok {
		return -1
	}
	out, err := api.GetLicenseUsage(ctx, &licensemanager.GetLicenseUsageInput{LicenseArn: licenseARN})
	if err != nil {
		return -1
	}
	for _, u := range out.LicenseUsage.EntitlementUsages {
		if u.Name == of.Name && u.Unit == of.Unit {
			if used, err := strconv.ParseInt(u.ConsumedValue, 10, 64); err == nil {
				return max(0, max(0, *of.MaxCount)-max(0, used))
			}
		}
	}
	return -1
}
