package drawdown

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/entitlements"
)

// join is both errors in one line.
func join(a, b error) error {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return fmt.Errorf("%w; %w", a, b)
}

// Amount is how much of an entitlement is meant.
type Amount struct {
	Name string                         `json:"name"`
	Unit licensemanager.EntitlementUnit `json:"unit"`
	N    int64                          `json:"n"`
}

// UnknownError says that nobody can know how often a batch was charged: its
// response was lost, and the time in which the service knows its ClientToken is
// over. It is reported once, and the batch is not sent again. To find out,
// compare the usage of the license with other records.
type UnknownError struct {
	Amounts []Amount
	Sent    time.Time // when it was sent first, by the local clock

	// Charged says that the batch was charged when it was sent again, and
	// perhaps before. Otherwise it was charged once or not at all.
	Charged bool
}

// names is a list of amounts.
func names(amounts []Amount) string {
	var b strings.Builder
	for i, a := range amounts {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%d of %q", a.N, a.Name)
	}
	return b.String()
}

// Error names the amounts.
func (e *UnknownError) Error() string {
	question := "was charged"
	if e.Charged {
		question = "was charged once or twice"
	}
	return fmt.Sprintf("drawdown: nobody can know whether %s, sent at %s, %s", names(e.Amounts), e.Sent.Format(time.RFC3339), question)
}

// MismatchError says that the service granted a batch, but named nothing of it:
// perhaps it spells the entitlements or their units otherwise. The batch counts
// as charged in full, so that it is not charged again.
type MismatchError struct {
	Amounts []Amount                         // what was asked for
	Allowed []licensemanager.EntitlementData // what the response named
}

// Error names both.
func (e *MismatchError) Error() string {
	var allowed []string
	for _, a := range e.Allowed {
		allowed = append(allowed, fmt.Sprintf("%q in %s", a.Name, a.Unit))
	}
	return fmt.Sprintf("drawdown: %s taken for charged, although the service granted %s: compare names and units with those of the license", names(e.Amounts), strings.Join(allowed, ", "))
}

// Reason is a short code for why the service denied an amount.
type Reason string

// The reasons of a [DeniedError].
const (
	ReasonUnknown       Reason = ""               // the credentials do not permit to find out, or nothing was found
	ReasonNoLicense     Reason = "no_license"     // there is no usable license of the product and issuer
	ReasonNoEntitlement Reason = "no_entitlement" // the license has none of this name
	ReasonWrongUnit     Reason = "wrong_unit"     // the license counts it in another unit: set Options.Units
	ReasonUsedUp        Reason = "used_up"        // less than the amount is left; also if nothing else explains the denial
)

// DeniedError says that the service did not let an amount be charged. It stays
// owed, and is part of the next batch, unless [Meter.Forget] drops it.
type DeniedError struct {
	Name   string
	Unit   licensemanager.EntitlementUnit // in which it was to be charged
	N      int64                          // how much
	Reason Reason

	// LicenseUnit is the unit of the license, if the reason is
	// ReasonWrongUnit.
	LicenseUnit licensemanager.EntitlementUnit

	// Left is how much the license has left, in its unit, or -1 if that is not
	// known: it takes credentials that permit GetLicenseUsage.
	Left int64

	// Err is the service's exception; nil if it charged other entitlements of
	// the batch.
	Err error
}

// Error names the entitlement and the reason, and Meter.Forget where that may
// help.
func (e *DeniedError) Error() string {
	text := fmt.Sprintf("drawdown: %d of %q denied", e.N, e.Name)
	switch e.Reason {
	case ReasonNoLicense:
		text += ": there is no usable license of this product and issuer"
	case ReasonNoEntitlement:
		text += ": the license has no such entitlement"
	case ReasonWrongUnit:
		text += fmt.Sprintf(": the license counts it in %s, not %s", e.LicenseUnit, e.Unit)
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

// Unwrap returns the service's exception.
func (e *DeniedError) Unwrap() error { return e.Err }

// usage is what tells how much is left.
type usage interface {
	GetLicenseUsage(context.Context, *licensemanager.GetLicenseUsageInput) (*licensemanager.GetLicenseUsageOutput, error)
}

// explainAll returns why each amount was denied, as far as the credentials
// permit to find out.
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

// explain looks into the newest license that has the entitlement: it is the one
// that the service checks out.
func (m *Meter) explain(ctx context.Context, set *entitlements.Set, e *DeniedError) {
	for _, license := range set.Licenses() {
		for _, has := range license.Entitlements {
			if has.Name != e.Name {
				continue
			}
			if has.Unit != e.Unit {
				e.Reason, e.LicenseUnit = ReasonWrongUnit, has.Unit
				return
			}
			if has.MaxCount == nil || has.Overage != nil && *has.Overage {
				return
			}
			if e.Left = m.leftOf(ctx, license.LicenseArn, has); e.Left < e.N {
				e.Reason = ReasonUsedUp
			}
			return
		}
	}
	e.Reason = ReasonNoEntitlement
}

// leftOf returns how much a license has left, or -1.
func (m *Meter) leftOf(ctx context.Context, licenseARN string, of licensemanager.Entitlement) int64 {
	api, ok := m.api.(usage)
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
				return max(0, *of.MaxCount-used)
			}
		}
	}
	return -1
}
