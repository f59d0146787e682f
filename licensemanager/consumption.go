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
	CheckoutTypeProvisional CheckoutType = "PROVISIONAL" // a floating seat with a time to live
	CheckoutTypePerpetual   CheckoutType = "PERPETUAL"   // a draw-down for good
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

// EntitlementData is an entitlement that is asked for or granted. [Count] and
// [Feature] make the usual ones.
type EntitlementData struct {
	Name string // of the entitlement. Required.

	// Unit of the entitlement; it must be the license's. Required.
	Unit EntitlementUnit

	Value string `json:",omitzero"` // how many of the unit, in decimal
}

// Count returns n of a counted entitlement.
func Count(name string, n int64) EntitlementData {
	return EntitlementData{Name: name, Unit: EntitlementUnitCount, Value: strconv.FormatInt(n, 10)}
}

// Feature returns an entitlement that is granted or not.
func Feature(name string) EntitlementData {
	return EntitlementData{Name: name, Unit: EntitlementUnitNone}
}

func (e *EntitlementData) validate() error {
	var c constraint.Checker
	c.RequiredString("Name", e.Name)
	constraint.RequiredEnum(&c, "Unit", e.Unit, entitlementUnits)
	return c.Err("EntitlementData")
}

func entitlementData(c *constraint.Checker, member string, list []EntitlementData) {
	for i := range list {
		c.Nested(member, list[i].validate(), i)
	}
}

// Metadata is a name and a value.
type Metadata struct {
	Name  string `json:",omitzero"`
	Value string `json:",omitzero"`
}

// CheckoutLicenseInput is the input of [Client.CheckoutLicense].
type CheckoutLicenseInput struct {
	// Beneficiary is the license's beneficiary. Needed when the account that
	// issued the license checks it out itself.
	Beneficiary string `json:",omitzero"`

	CheckoutType CheckoutType      // provisional or perpetual. Required.
	ClientToken  string            // makes the call idempotent: at most 2048 characters, no white space; see [NewClientToken]. Required.
	Entitlements []EntitlementData `json:",omitzero"` // what to check out. Required.

	// KeyFingerprint is the fingerprint of the license's issuer, such as
	// MarketplaceKeyFingerprint. Required.
	KeyFingerprint string

	NodeId     string `json:",omitzero"` // any name of the machine
	ProductSKU string // identifies the product. Required.
}

// Validate checks the documented limits.
func (in *CheckoutLicenseInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	constraint.RequiredEnum(&c, "CheckoutType", in.CheckoutType, checkoutTypes)
	c.RequiredClientToken(in.ClientToken, 2048)
	c.Required("Entitlements", in.Entitlements != nil)
	entitlementData(&c, "Entitlements", in.Entitlements)
	c.RequiredString("KeyFingerprint", in.KeyFingerprint)
	c.RequiredString("ProductSKU", in.ProductSKU)
	return c.Err("CheckoutLicenseInput")
}

// CheckoutLicenseOutput is the output of [Client.CheckoutLicense].
type CheckoutLicenseOutput struct {
	CheckoutType CheckoutType

	// EntitlementsAllowed are the entitlements that are held now. They can be
	// fewer than those asked for.
	EntitlementsAllowed []EntitlementData

	// Expiration is when the seat, not the license, is checked in by itself,
	// as the service wrote it; Expires is the parsed time.
	Expiration string

	IssuedAt   string // as the service wrote it; Issued is the parsed time
	LicenseArn string

	// LicenseConsumptionToken names the checkout to CheckInLicense and
	// ExtendLicenseConsumption.
	LicenseConsumptionToken awstokens.Secret `wire:"required"`

	NodeId string

	SignedToken awstokens.Secret // a JWS of the checkout

	awstokens.Result
}

// Expires returns Expiration as a time. A date without a zone is meant as UTC.
func (out CheckoutLicenseOutput) Expires() (time.Time, error) { return timestamp.Parse(out.Expiration) }

// Issued returns IssuedAt as a time. A date without a zone is meant as UTC.
func (out CheckoutLicenseOutput) Issued() (time.Time, error) { return timestamp.Parse(out.IssuedAt) }

var checkoutLicense = transport.Operation[CheckoutLicenseInput, CheckoutLicenseOutput]{Name: "CheckoutLicense", Idempotent: true}

// CheckoutLicense takes a seat of a license, or a part of it. Call it in the
// license's home Region. Compare EntitlementsAllowed with what was asked for:
// a checkout can be partial. Package lease keeps a seat alive and gives it
// back.
//
// NoEntitlementsAllowedException means that all seats are taken, or that no
// license matches, or that the unit is not the license's. The other exceptions
// are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, RateLimitExceededException,
// RedirectException, ResourceNotFoundException, ServerInternalException,
// UnsupportedDigitalSignatureMethodException and ValidationException.
func (c *Client) CheckoutLicense(ctx context.Context, in *CheckoutLicenseInput) (*CheckoutLicenseOutput, error) {
	return checkoutLicense.Call(ctx, c.transport, in)
}

// CheckoutBorrowLicenseInput is the input of [Client.CheckoutBorrowLicense].
type CheckoutBorrowLicenseInput struct {
	CheckoutMetadata       []Metadata             `json:",omitzero"` // signed into the borrowed license
	ClientToken            string                 // makes the call idempotent: at most 2048 characters, no white space; see [NewClientToken]. Required.
	DigitalSignatureMethod DigitalSignatureMethod // JWT_PS384. Required.
	Entitlements           []EntitlementData      `json:",omitzero"` // what to borrow, all or nothing. Required.

	// LicenseArn is the license, which must permit borrowing. At most 2048
	// characters, an ARN. Required.
	LicenseArn string

	NodeId string `json:",omitzero"` // any name of the machine
}

// Validate checks the documented limits.
func (in *CheckoutBorrowLicenseInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredClientToken(in.ClientToken, 2048)
	constraint.RequiredEnum(&c, "DigitalSignatureMethod", in.DigitalSignatureMethod, digitalSignatureMethods)
	c.Required("Entitlements", in.Entitlements != nil)
	entitlementData(&c, "Entitlements", in.Entitlements)
	c.RequiredARN("LicenseArn", in.LicenseArn)
	return c.Err("CheckoutBorrowLicenseInput")
}

// CheckoutBorrowLicenseOutput is the output of [Client.CheckoutBorrowLicense].
type CheckoutBorrowLicenseOutput struct {
	CheckoutMetadata    []Metadata
	EntitlementsAllowed []EntitlementData // all that were asked for
	Expiration          string            // as the service wrote it; Expires is the parsed time
	IssuedAt            string            // as the service wrote it; Issued is the parsed time
	LicenseArn          string

	// LicenseConsumptionToken names the checkout to CheckInLicense, where the
	// license permits an early check-in.
	LicenseConsumptionToken awstokens.Secret

	NodeId string

	SignedToken awstokens.Secret `wire:"required"` // the borrowed license: a JWS that package borrow verifies offline

	awstokens.Result
}

// Expires returns Expiration as a time. A date without a zone is meant as UTC.
func (out CheckoutBorrowLicenseOutput) Expires() (time.Time, error) {
	return timestamp.Parse(out.Expiration)
}

// Issued returns IssuedAt as a time. A date without a zone is meant as UTC.
func (out CheckoutBorrowLicenseOutput) Issued() (time.Time, error) {
	return timestamp.Parse(out.IssuedAt)
}

var checkoutBorrowLicense = transport.Operation[CheckoutBorrowLicenseInput, CheckoutBorrowLicenseOutput]{Name: "CheckoutBorrowLicense", Idempotent: true}

// CheckoutBorrowLicense takes a seat of a license for offline use: the response
// has a signed token that proves it. All entitlements are granted, or none.
// Call it in the license's home Region.
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

// CheckInLicense gives a seat back. The call's own retry after a lost response
// finds the checkout gone: an error that is a ResourceNotFoundException, and for
// which [awstokens.MayHaveProcessed] is true, means that the seat is free.
//
// ConflictException means that the license does not permit it. The other
// exceptions are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, RateLimitExceededException,
// ResourceNotFoundException, ServerInternalException and ValidationException.
func (c *Client) CheckInLicense(ctx context.Context, in *CheckInLicenseInput) (*CheckInLicenseOutput, error) {
	return checkInLicense.Call(ctx, c.transport, in)
}

// ExtendLicenseConsumptionInput is the input of [Client.ExtendLicenseConsumption].
type ExtendLicenseConsumptionInput struct {
	DryRun                  bool             `json:",omitzero"` // DryRun only checks whether the caller may extend.
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
	Expiration string // as the service wrote it; Expires is the parsed time

	// LicenseConsumptionToken names the checkout from now on. It may be
	// another than before.
	LicenseConsumptionToken awstokens.Secret

	awstokens.Result
}

// Expires returns Expiration as a time. A date without a zone is meant as UTC.
func (out ExtendLicenseConsumptionOutput) Expires() (time.Time, error) {
	return timestamp.Parse(out.Expiration)
}

// A second request only begins the period a moment later, unless the lost
// response changed the token: then it finds the checkout gone.
var extendLicenseConsumption = transport.Operation[ExtendLicenseConsumptionInput, ExtendLicenseConsumptionOutput]{Name: "ExtendLicenseConsumption", Idempotent: true}

// ExtendLicenseConsumption gives a provisional checkout a new full period of
// its time to live.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, RateLimitExceededException,
// ResourceNotFoundException, ServerInternalException and ValidationException.
func (c *Client) ExtendLicenseConsumption(ctx context.Context, in *ExtendLicenseConsumptionInput) (*ExtendLicenseConsumptionOutput, error) {
	return extendLicenseConsumption.Call(ctx, c.transport, in)
}
