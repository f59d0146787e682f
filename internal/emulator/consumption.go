package emulator

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// checkout is what an account holds of a license.
type checkout struct {
	token    string
	from     *license
	account  string // that holds it
	byGrant  bool   // or else as the issuer of the license
	kind     licensemanager.CheckoutType
	borrowed bool // provisional, but signed for offline use
	held     []licensemanager.EntitlementData
	nodeID   string
	metadata []licensemanager.Metadata
	issued   time.Time
	expires  time.Time // zero for never
	signed   string    // the JWS, if the license's issuer can sign
	place    int       // among the expiries; -1 if it is not there
}

// lives reports whether a checkout has neither expired nor been checked in.
func (l *licenseManager) lives(c *checkout) bool { return l.seats.byToken[c.token] == c }

// amountOf returns the sum of what a list has of a counted entitlement.
func amountOf(list []licensemanager.EntitlementData, name string, unit licensemanager.EntitlementUnit) int64 {
	var total int64
	for _, e := range list {
		if e.Name == name && e.Unit == unit && unit != licensemanager.EntitlementUnitNone {
			n, _ := amount(e.Value) // was checked
			total += n
		}
	}
	return total
}

// amount parses the Value of a counted entitlement.
func amount(value string) (n int64, ok bool) {
	unsigned, err := strconv.ParseUint(value, 10, 63)
	return int64(unsigned), err == nil && unsigned > 0
}

// checkAsked refuses amounts that are not positive whole numbers. That it also
// refuses a missing amount, instead of taking it for 1, is the emulator's choice.
func checkAsked(list []licensemanager.EntitlementData) *failure {
	for _, e := range list {
		if _, ok := amount(e.Value); !ok && e.Unit != licensemanager.EntitlementUnitNone {
			return fail("InvalidParameterValueException", "Entitlement %q needs a positive whole number as its Value.", e.Name)
		}
	}
	return nil
}

// grantable returns those of the requested entitlements that the license has
// and that are free, each in full or not at all.
func (l *licenseManager) grantable(from *license, asked []licensemanager.EntitlementData) []licensemanager.EntitlementData {
	var held []licensemanager.EntitlementData
	for _, want := range asked {
		switch e := from.entitlement(want.Name, want.Unit); {
		case e == nil:
		case want.Unit == licensemanager.EntitlementUnitNone:
			if want.Value == "" || want.Value == e.Value {
				want.Value = e.Value
				held = append(held, want)
			}
		default:
			n, _ := amount(want.Value) // was checked
			used := from.consumed[entitlementKey{want.Name, want.Unit}] + amountOf(held, want.Name, want.Unit)
			if n <= limit(e)-used {
				held = append(held, want)
			}
		}
	}
	return held
}

// limit returns how much of a counted entitlement can be checked out at a time.
// Without a MaxCount, there is no limit.
func limit(e *licensemanager.Entitlement) int64 {
	if e.MaxCount == nil || e.Overage != nil && *e.Overage {
		return math.MaxInt64
	}
	return *e.MaxCount
}

// checkoutLicense checks out what is free of the newest license that the caller
// may use. The issuer's account may use its own license if it names the
// beneficiary; any other account needs an active grant. The response does not
// say why nothing is allowed.
func (l *licenseManager) checkoutLicense(r *request, in *licensemanager.CheckoutLicenseInput) (any, *failure) {
	if refusal := checkAsked(in.Entitlements); refusal != nil {
		return nil, refusal
	}
	c, refusal := once(l, r, in.ClientToken, in, l.lives, func() (*checkout, *failure) {
		from, byGrant := l.newest(r, in)
		if from == nil {
			return nil, l.whyNone(r, in)
		}
		c := &checkout{from: from, byGrant: byGrant, kind: in.CheckoutType, nodeID: in.NodeId}
		if in.CheckoutType == licensemanager.CheckoutTypeProvisional {
			provisional := from.current().ConsumptionConfiguration.ProvisionalConfiguration
			if provisional == nil {
				return nil, nothingAllowed("The license has no ProvisionalConfiguration.")
			}
			c.expires = from.until(r.now, provisional.MaxTimeToLiveInMinutes)
		}
		if c.held = l.grantable(from, in.Entitlements); len(c.held) == 0 {
			return nil, nothingAllowed("The license has none of the entitlements, or not as much as that free.")
		}
		return c, l.begin(r, c)
	})
	if refusal != nil {
		return nil, refusal
	}
	out := l.describeCheckout(c)
	out["CheckoutType"] = c.kind
	return out, nil
}

// nothingAllowed is a refusal that tells only the window why.
func nothingAllowed(why string) *failure {
	refusal := fail("NoEntitlementsAllowedException", "No entitlements are allowed for this request.")
	refusal.why = why
	return refusal
}

// whyNone refuses a checkout for which newest found no license.
func (l *licenseManager) whyNone(r *request, in *licensemanager.CheckoutLicenseInput) *failure {
	why := "No license has this ProductSKU."
	for _, from := range l.bySKU[in.ProductSKU] {
		switch v := from.current(); {
		case v.ProductSKU != in.ProductSKU:
		case v.Issuer.KeyFingerprint != in.KeyFingerprint:
			why = "KeyFingerprint is not that of the license, " + v.Issuer.KeyFingerprint + "."
		case in.Beneficiary != "" && in.Beneficiary != v.Beneficiary:
			why = "Beneficiary is not that of the license, " + v.Beneficiary + "."
		case !from.usable(r.now):
			why = "The license is " + string(from.status(r.now)) + " or outside its validity."
		default:
			why = "The account has no active grant that allows CheckoutLicense, and an issuer must name the Beneficiary."
		}
	}
	return nothingAllowed(why)
}

func accessDenied() *failure {
	return fail("AccessDeniedException", "Access to the resource is denied.")
}

// newest returns the newest usable license that fits the request and that the
// caller may check out, and whether a grant permits it.
func (l *licenseManager) newest(r *request, in *licensemanager.CheckoutLicenseInput) (from *license, byGrant bool) {
	for _, from := range slices.Backward(l.bySKU[in.ProductSKU]) {
		v := from.current()
		if v.ProductSKU != in.ProductSKU || v.Issuer.KeyFingerprint != in.KeyFingerprint ||
			in.Beneficiary != "" && in.Beneficiary != v.Beneficiary || !from.usable(r.now) || !l.permits(r, from.arn) {
			continue
		}
		if in.Beneficiary != "" && from.account == r.account() {
			return from, false
		}
		if l.activeGrant(r.account(), from, licensemanager.AllowedOperationCheckoutLicense) != nil {
			return from, true
		}
	}
	return nil, false
}

// begin gives a checkout its token and its signature, and adds it to the seats.
func (l *licenseManager) begin(r *request, c *checkout) *failure {
	c.token, c.account, c.issued = randomHex(16), r.account(), r.now.Truncate(time.Second)
	if c.from.current().Issuer.SignKey != "" {
		var err error
		if c.signed, err = c.sign(); err != nil {
			return fail("ServerInternalException", "%s", err)
		}
	}
	l.seats.add(c)
	return nil
}

// describeCheckout returns what the responses of both operations that check out
// share. A member without a value is absent.
func (l *licenseManager) describeCheckout(c *checkout) object {
	out := object{
		"EntitlementsAllowed":     c.held,
		"IssuedAt":                l.stamp(c.issued),
		"LicenseArn":              c.from.arn,
		"LicenseConsumptionToken": c.token,
	}
	if !c.expires.IsZero() {
		out["Expiration"] = l.stamp(c.expires)
	}
	for name, value := range map[string]string{"NodeId": c.nodeID, "SignedToken": c.signed} {
		if value != "" {
			out[name] = value
		}
	}
	return out
}

// findCheckout returns the caller's checkout of a consumption token, if the
// caller is permitted the operation.
func (l *licenseManager) findCheckout(r *request, token string, operation licensemanager.AllowedOperation) (*checkout, *failure) {
	c := l.seats.byToken[token]
	switch {
	case c == nil || c.account != r.account():
		return nil, noSuchCheckout()
	case !l.permits(r, c.from.arn), c.byGrant && l.activeGrant(c.account, c.from, operation) == nil:
		return nil, accessDenied()
	}
	return c, nil
}

// noSuchCheckout does not show the token, which works like a password.
func noSuchCheckout() *failure {
	return fail("ResourceNotFoundException", "The license consumption token is unknown or no longer valid.")
}

// extendLicenseConsumption gives a provisional checkout a new full period. It is
// denied if the license is not usable, for example suspended.
func (l *licenseManager) extendLicenseConsumption(r *request, in *licensemanager.ExtendLicenseConsumptionInput) (any, *failure) {
	c, refusal := l.findCheckout(r, in.LicenseConsumptionToken.Reveal(), licensemanager.AllowedOperationExtendConsumptionLicense)
	if refusal != nil {
		return nil, refusal
	}
	provisional := c.from.current().ConsumptionConfiguration.ProvisionalConfiguration
	switch {
	case c.kind != licensemanager.CheckoutTypeProvisional || c.borrowed:
		return nil, fail("InvalidParameterValueException", "Only a provisional checkout can be extended.")
	case !c.from.usable(r.now) || provisional == nil:
		return nil, accessDenied()
	}
	expires, token := c.from.until(r.now, provisional.MaxTimeToLiveInMinutes), c.token
	if in.DryRun {
		return object{"LicenseConsumptionToken": token, "Expiration": l.stamp(expires)}, nil
	}
	if l.options.ChangeTokensOnExtend {
		token = randomHex(16)
	}
	l.seats.extend(c, expires, token)
	return object{"LicenseConsumptionToken": c.token, "Expiration": l.stamp(c.expires)}, nil
}

// checkInLicense ends a checkout if the license allows it: AllowEarlyCheckIn
// decides for a borrowed checkout, and for any other the AllowCheckIn of each
// entitlement that it holds. That an absent AllowCheckIn allows it is the
// emulator's choice.
func (l *licenseManager) checkInLicense(r *request, in *licensemanager.CheckInLicenseInput) (any, *failure) {
	c, refusal := l.findCheckout(r, in.LicenseConsumptionToken.Reveal(), licensemanager.AllowedOperationCheckInLicense)
	switch {
	case refusal != nil:
		return nil, refusal
	case in.Beneficiary != "" && in.Beneficiary != c.from.current().Beneficiary:
		return nil, noSuchCheckout()
	case !c.allowsCheckIn():
		return nil, fail("ConflictException", "The license does not allow this check-in.")
	}
	l.seats.end(c)
	return nil, nil
}

func (c *checkout) allowsCheckIn() bool {
	if c.borrowed {
		borrow := c.from.current().ConsumptionConfiguration.BorrowConfiguration
		return borrow != nil && borrow.AllowEarlyCheckIn
	}
	return !slices.ContainsFunc(c.held, func(held licensemanager.EntitlementData) bool {
		e := c.from.entitlement(held.Name, held.Unit)
		return e != nil && e.AllowCheckIn != nil && !*e.AllowCheckIn
	})
}

// consumptionActions are what the managed policy of the consumption role
// allows.
var consumptionActions = []string{"CheckoutLicense", "CheckInLicense", "ExtendLicenseConsumption", "GetLicense"}

// guarded checks what every operation requires, and ends expired checkouts,
// before the operation is handled.
func (l *licenseManager) guarded(handle handler) handler {
	return func(r *request) (any, *failure) {
		if l.confinedTo(r) != "" && !slices.Contains(consumptionActions, r.operation) {
			return nil, fail("AccessDeniedException", "User: %s is not authorized to perform: license-manager:%s", r.caller.arn, r.operation)
		}
		l.seats.endExpired(r.now)
		return handle(r)
	}
}

// confinedTo returns the only license that the caller may use, or an empty
// string if it may use any.
func (l *licenseManager) confinedTo(r *request) string {
	if r.caller == nil || !l.options.ConsumptionRoleOnly {
		return ""
	}
	return r.caller.licenseARN
}

// permits reports whether the caller's credentials may use a license.
func (l *licenseManager) permits(r *request, licenseARN string) bool {
	confined := l.confinedTo(r)
	return confined == "" || confined == licenseARN
}

// SeatsTaken returns how much of an entitlement is checked out of all
// licenses.
func (s *Server) SeatsTaken(entitlement string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.licenses.seats.endExpired(s.clock.now())
	total := 0
	for _, l := range s.licenses.licenses.items {
		for key, n := range l.consumed {
			if key.name == entitlement {
				total += int(n)
			}
		}
	}
	return total
}
