package licensemanager

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/timestamp"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// MarketplaceKeyFingerprint is the KeyFingerprint of licenses that AWS
// Marketplace issues. That of another issuer is
// aws:<account>:<issuer name>:issuer-fingerprint.
const MarketplaceKeyFingerprint = "aws:294406891311:AWS/Marketplace:issuer-fingerprint"

// CheckoutType is how a license is consumed.
type CheckoutType string

// The checkout types that the API documents.
const (
	CheckoutTypeProvisional CheckoutType = "PROVISIONAL" // a floating seat, which expires unless it is extended
	CheckoutTypePerpetual   CheckoutType = "PERPETUAL"   // a draw-down, which is not given back
)

var checkoutTypes = []CheckoutType{CheckoutTypeProvisional, CheckoutTypePerpetual}

// Values returns the documented values.
func (CheckoutType) Values() []CheckoutType { return slices.Clone(checkoutTypes) }

// DigitalSignatureMethod is how a borrowed license is signed.
type DigitalSignatureMethod string

// The signature methods that the API documents.
const (
	DigitalSignatureMethodJwtPs384 DigitalSignatureMethod = "JWT_PS384"
)

var digitalSignatureMethods = []DigitalSignatureMethod{DigitalSignatureMethodJwtPs384}

// Values returns the documented values.
func (DigitalSignatureMethod) Values() []DigitalSignatureMethod {
	return slices.Clone(digitalSignatureMethods)
}

// EntitlementData is an entitlement that is requested or granted. [Count] and
// [Feature] return the usual ones.
type EntitlementData struct {
	Name  string          // name of the entitlement. Required.
	Unit  EntitlementUnit // unit of the entitlement, which must be that of the license. Required.
	Value string          `json:",omitzero"` // how many units, in decimal
}

// Count returns n of an entitlement whose unit is Count.
func Count(name string, n int64) EntitlementData {
	return EntitlementData{Name: name, Unit: EntitlementUnitCount, Value: strconv.FormatInt(n, 10)}
}

// Feature returns an entitlement whose unit is None.
func Feature(name string) EntitlementData {
	return EntitlementData{Name: name, Unit: EntitlementUnitNone}
}

func requiredEntitlements(c *constraint.Checker, list []EntitlementData) {
	c.Required("Entitlements", list != nil)
	for i, e := range list {
		c.Nested("Entitlements", validateEntitlement(e.Name, e.Unit), i)
	}
}

// Metadata is a name and a value.
type Metadata struct {
	Name  string `json:",omitzero"`
	Value string `json:",omitzero"`
}

// CheckoutLicenseInput is the input of [Client.CheckoutLicense].
type CheckoutLicenseInput struct {
	// Beneficiary is the beneficiary of the license. It is needed if the account
	// that issued the license checks it out itself.
	Beneficiary string `json:",omitzero"`

	CheckoutType CheckoutType      // provisional or perpetual. Required.
	ClientToken  string            // makes the call idempotent: at most 2048 characters, no white space; see [NewClientToken]. Required.
	Entitlements []EntitlementData `json:",omitzero"` // what to check out. Required.

	// KeyFingerprint is the fingerprint of the license's issuer, such as
	// MarketplaceKeyFingerprint. Required.
	KeyFingerprint string

	NodeId     string `json:",omitzero"` // a name of the machine
	ProductSKU string // identifies the product. Required.
}

// Validate checks the documented limits.
func (in *CheckoutLicenseInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	constraint.RequiredEnum(&c, "CheckoutType", in.CheckoutType, checkoutTypes)
	c.RequiredClientToken(in.ClientToken, 2048)
	requiredEntitlements(&c, in.Entitlements)
	c.RequiredString("KeyFingerprint", in.KeyFingerprint)
	c.RequiredString("ProductSKU", in.ProductSKU)
	return c.Err("CheckoutLicenseInput")
}

// CheckoutLicenseOutput is the output of [Client.CheckoutLicense].
type CheckoutLicenseOutput struct {
	CheckoutType CheckoutType

	// EntitlementsAllowed are the entitlements that are checked out. They can be
	// fewer than those that were requested.
	EntitlementsAllowed []EntitlementData

	// Expiration is when the seat, not the license, expires. Expires returns it
	// as a time.
	Expiration string

	IssuedAt   string // Issued returns it as a time
	LicenseArn string

	// LicenseConsumptionToken identifies the checkout in CheckInLicense and
	// ExtendLicenseConsumption.
	LicenseConsumptionToken awstokens.Secret `wire:"required"`

	NodeId string

	SignedToken awstokens.Secret // a JWS of the checkout

	awstokens.Result
}

// Expires returns Expiration as a time. A date without a zone is in UTC.
func (out CheckoutLicenseOutput) Expires() (time.Time, error) { return timestamp.Parse(out.Expiration) }

// Issued returns IssuedAt as a time. A date without a zone is in UTC.
func (out CheckoutLicenseOutput) Issued() (time.Time, error) { return timestamp.Parse(out.IssuedAt) }

var checkoutLicense = transport.Operation[CheckoutLicenseInput, CheckoutLicenseOutput]{Name: "CheckoutLicense", Idempotent: true}

// CheckoutLicense checks out a seat of a license. Call it in the license's home
// Region. Compare EntitlementsAllowed with what was requested: a checkout can be
// partial. Package lease extends a seat and checks it in.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, NoEntitlementsAllowedException,
// RateLimitExceededException, RedirectException, ResourceNotFoundException,
// ServerInternalException, UnsupportedDigitalSignatureMethodException and
// ValidationException.
func (c *Client) CheckoutLicense(ctx context.Context, in *CheckoutLicenseInput) (*CheckoutLicenseOutput, error) {
	return checkoutLicense.Call(ctx, c.transport, in)
}

// CheckoutBorrowLicenseInput is the input of [Client.CheckoutBorrowLicense].
type CheckoutBorrowLicenseInput struct {
	CheckoutMetadata       []Metadata             `json:",omitzero"` // included in the borrowed license, signed
	ClientToken            string                 // makes the call idempotent: at most 2048 characters, no white space; see [NewClientToken]. Required.
	DigitalSignatureMethod DigitalSignatureMethod // JWT_PS384. Required.
	Entitlements           []EntitlementData      `json:",omitzero"` // what to borrow, all or nothing. Required.

	LicenseArn string // ARN of the license, which must permit borrowing. Required.
	NodeId     string `json:",omitzero"` // a name of the machine
}

// Validate checks the documented limits.
func (in *CheckoutBorrowLicenseInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredClientToken(in.ClientToken, 2048)
	constraint.RequiredEnum(&c, "DigitalSignatureMethod", in.DigitalSignatureMethod, digitalSignatureMethods)
	requiredEntitlements(&c, in.Entitlements)
	c.RequiredARN("LicenseArn", in.LicenseArn)
	return c.Err("CheckoutBorrowLicenseInput")
}

// CheckoutBorrowLicenseOutput is the output of [Client.CheckoutBorrowLicense].
type CheckoutBorrowLicenseOutput struct {
	CheckoutMetadata    []Metadata
	EntitlementsAllowed []EntitlementData // all that were requested
	Expiration          string            // Expires returns it as a time
	IssuedAt            string            // Issued returns it as a time
	LicenseArn          string

	// LicenseConsumptionToken identifies the checkout in CheckInLicense, if the
	// license permits an early check-in.
	LicenseConsumptionToken awstokens.Secret

	NodeId string

	SignedToken awstokens.Secret `wire:"required"` // the borrowed license: a JWS that package borrow verifies offline

	awstokens.Result
}

// Expires returns Expiration as a time. A date without a zone is in UTC.
func (out CheckoutBorrowLicenseOutput) Expires() (time.Time, error) {
	return timestamp.Parse(out.Expiration)
}

// Issued returns IssuedAt as a time. A date without a zone is in UTC.
func (out CheckoutBorrowLicenseOutput) Issued() (time.Time, error) {
	return timestamp.Parse(out.IssuedAt)
}

var checkoutBorrowLicense = transport.Operation[CheckoutBorrowLicenseInput, CheckoutBorrowLicenseOutput]{Name: "CheckoutBorrowLicense", Idempotent: true}

// CheckoutBorrowLicense borrows a license for offline use: the response has a
// signed token that proves it. All entitlements are granted, or none. Call it in
// the license's home Region.
//
// Its exceptions are those of [Client.CheckoutLicense], and
// EntitlementNotAllowedException.
func (c *Client) CheckoutBorrowLicense(ctx context.Context, in *CheckoutBorrowLicenseInput) (*CheckoutBorrowLicenseOutput, error) {
	return checkoutBorrowLicense.Call(ctx, c.transport, in)
}

// CheckInLicenseInput is the input of [Client.CheckInLicense].
type CheckInLicenseInput struct {
	Beneficiary             string           `json:",omitzero"` // the license's beneficiary, as at the checkout
	LicenseConsumptionToken awstokens.Secret // that of the checkout or its last extension. Required.
}

// Validate checks that LicenseConsumptionToken is there.
func (in *CheckInLicenseInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredSecret("LicenseConsumptionToken", in.LicenseConsumptionToken)
	return c.Err("CheckInLicenseInput")
}

// CheckInLicenseOutput is the output of [Client.CheckInLicense], which has no members.
type CheckInLicenseOutput struct {
	awstokens.Result
}

var checkInLicense = transport.Operation[CheckInLicenseInput, CheckInLicenseOutput]{Name: "CheckInLicense", Idempotent: true}

// CheckInLicense checks a seat in. If a response is lost, the retry does not find
// the checkout any more: a ResourceNotFoundException for which
// [awstokens.MayHaveProcessed] is true means that the seat is free. A
// ConflictException means that the license does not permit an early check-in.
//
// Its exceptions are those of [Client.ExtendLicenseConsumption], and
// ConflictException.
func (c *Client) CheckInLicense(ctx context.Context, in *CheckInLicenseInput) (*CheckInLicenseOutput, error) {
	return checkInLicense.Call(ctx, c.transport, in)
}

// ExtendLicenseConsumptionInput is the input of [Client.ExtendLicenseConsumption].
type ExtendLicenseConsumptionInput struct {
	DryRun                  bool             `json:",omitzero"` // only checks whether the caller is permitted to extend
	LicenseConsumptionToken awstokens.Secret // that of the checkout or its last extension. Required.
}

// Validate checks that LicenseConsumptionToken is there.
func (in *ExtendLicenseConsumptionInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredSecret("LicenseConsumptionToken", in.LicenseConsumptionToken)
	return c.Err("ExtendLicenseConsumptionInput")
}

// ExtendLicenseConsumptionOutput is the output of [Client.ExtendLicenseConsumption].
type ExtendLicenseConsumptionOutput struct {
	Expiration string // Expires returns it as a time

	// LicenseConsumptionToken identifies the checkout from now on. It can differ
	// from the one before.
	LicenseConsumptionToken awstokens.Secret

	awstokens.Result
}

// Expires returns Expiration as a time. A date without a zone is in UTC.
func (out ExtendLicenseConsumptionOutput) Expires() (time.Time, error) {
	return timestamp.Parse(out.Expiration)
}

// A second request only starts the period a moment later, unless the first one
// changed the token: then it does not find the checkout any more.
var extendLicenseConsumption = transport.Operation[ExtendLicenseConsumptionInput, ExtendLicenseConsumptionOutput]{Name: "ExtendLicenseConsumption", Idempotent: true}

// ExtendLicenseConsumption extends a provisional checkout by its full time to
// live, from now on.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, RateLimitExceededException,
// ResourceNotFoundException, ServerInternalException and ValidationException.
func (c *Client) ExtendLicenseConsumption(ctx context.Context, in *ExtendLicenseConsumptionInput) (*ExtendLicenseConsumptionOutput, error) {
	return extendLicenseConsumption.Call(ctx, c.transport, in)
}
