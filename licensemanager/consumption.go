package licensemanager

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/redact"
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

// DigitalSignatureMethod is how a borrowed license is signed.
type DigitalSignatureMethod string

// The signature methods that the API documents.
const (
	DigitalSignatureMethodJwtPs384 DigitalSignatureMethod = "JWT_PS384"
)

var digitalSignatureMethods = []DigitalSignatureMethod{DigitalSignatureMethodJwtPs384}

// EntitlementData is an entitlement that is asked for or granted. Count and
// Feature make the usual ones.
type EntitlementData struct {
	// Name of the entitlement. Required.
	Name string

	// Unit of the entitlement; it must be the license's. Required.
	Unit EntitlementUnit

	// Value is how many of the unit, as a decimal text.
	Value string `json:",omitempty"`
}

// Count is n of an entitlement that is counted.
func Count(name string, n int64) EntitlementData {
	return EntitlementData{Name: name, Unit: EntitlementUnitCount, Value: strconv.FormatInt(n, 10)}
}

// Feature is an entitlement that is there or not.
func Feature(name string) EntitlementData {
	return EntitlementData{Name: name, Unit: EntitlementUnitNone}
}

func (e *EntitlementData) validate() error {
	var c constraint.Checker
	c.Required("Name", e.Name != "")
	c.Required("Unit", e.Unit != "")
	constraint.Enum(&c, "Unit", e.Unit, entitlementUnits)
	return c.Err("EntitlementData")
}

func entitlementData(c *constraint.Checker, member string, list []EntitlementData) {
	for i := range list {
		c.Nested(member, list[i].validate(), i)
	}
}

// Metadata is a name and a value.
type Metadata struct {
	Name  string `json:",omitempty"`
	Value string `json:",omitempty"`
}

// CheckoutLicenseInput is the input of CheckoutLicense.
type CheckoutLicenseInput struct {
	// Beneficiary is the license's beneficiary. Needed when the account that
	// issued the license checks it out itself.
	Beneficiary string `json:",omitempty"`

	// CheckoutType is provisional or perpetual. Required.
	CheckoutType CheckoutType

	// ClientToken makes the call idempotent. At most 2048 characters, none of
	// them white space. Required; NewClientToken makes one.
	ClientToken string

	// Entitlements are what to check out. Required.
	Entitlements []EntitlementData `json:",omitempty"`

	// KeyFingerprint is the fingerprint of the license's issuer, such as
	// MarketplaceKeyFingerprint. Required.
	KeyFingerprint string

	// NodeId is any text that names the machine.
	NodeId string `json:",omitempty"`

	// ProductSKU is the product's. Required.
	ProductSKU string
}

// Validate checks the input against the API's documented limits. It reports
// all violations in one smithy.InvalidParamsError.
func (in *CheckoutLicenseInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("CheckoutType", in.CheckoutType != "")
	constraint.Enum(&c, "CheckoutType", in.CheckoutType, checkoutTypes)
	clientToken(&c, in.ClientToken)
	c.Required("Entitlements", len(in.Entitlements) > 0)
	entitlementData(&c, "Entitlements", in.Entitlements)
	c.Required("KeyFingerprint", in.KeyFingerprint != "")
	c.Required("ProductSKU", in.ProductSKU != "")
	return c.Err("CheckoutLicenseInput")
}

// CheckoutLicenseOutput is the output of CheckoutLicense.
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
	LicenseConsumptionToken string

	NodeId string

	// SignedToken is a JWS of the checkout.
	SignedToken awstokens.Secret

	awstokens.Result
}

// Expires returns Expiration as a time. A date without a zone is meant as UTC.
func (out CheckoutLicenseOutput) Expires() (time.Time, error) { return parseTime(out.Expiration) }

// Issued returns IssuedAt as a time. A date without a zone is meant as UTC.
func (out CheckoutLicenseOutput) Issued() (time.Time, error) { return parseTime(out.IssuedAt) }

// Validate checks what the documentation promises of the output. The minimum
// length of SignedToken, which real ones do not reach, is left out.
func (out *CheckoutLicenseOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	constraint.Enum(&c, "CheckoutType", out.CheckoutType, checkoutTypes)
	entitlementData(&c, "EntitlementsAllowed", out.EntitlementsAllowed)
	c.Timestamp("Expiration", out.Expiration)
	c.Timestamp("IssuedAt", out.IssuedAt)
	return c.Err("CheckoutLicenseOutput")
}

// LogValue hides the signed token from slog.
func (out CheckoutLicenseOutput) LogValue() slog.Value { return redact.LogValue(out) }

// Format hides the signed token from fmt.
func (out CheckoutLicenseOutput) Format(f fmt.State, _ rune) { redact.Format(f, out) }

var checkoutLicense = transport.Operation{
	Name: "CheckoutLicense", Auth: transport.Signed, Repeatable: true,
	Missing: func(out any) string {
		return missing("LicenseConsumptionToken", out.(*CheckoutLicenseOutput).LicenseConsumptionToken)
	},
}

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
	return transport.Call[CheckoutLicenseOutput](ctx, c.transport, &checkoutLicense, in)
}

// CheckoutBorrowLicenseInput is the input of CheckoutBorrowLicense.
type CheckoutBorrowLicenseInput struct {
	// CheckoutMetadata is signed into the borrowed license.
	CheckoutMetadata []Metadata `json:",omitempty"`

	// ClientToken makes the call idempotent. At most 2048 characters, none of
	// them white space. Required; NewClientToken makes one.
	ClientToken string

	// DigitalSignatureMethod is JWT_PS384. Required.
	DigitalSignatureMethod DigitalSignatureMethod

	// Entitlements are what to borrow, all or nothing. Required.
	Entitlements []EntitlementData `json:",omitempty"`

	// LicenseArn is the license, which must permit borrowing. At most 2048
	// characters, an ARN. Required.
	LicenseArn string

	// NodeId is any text that names the machine.
	NodeId string `json:",omitempty"`
}

// Validate checks the input against the API's documented limits. It reports
// all violations in one smithy.InvalidParamsError.
func (in *CheckoutBorrowLicenseInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	clientToken(&c, in.ClientToken)
	c.Required("DigitalSignatureMethod", in.DigitalSignatureMethod != "")
	constraint.Enum(&c, "DigitalSignatureMethod", in.DigitalSignatureMethod, digitalSignatureMethods)
	c.Required("Entitlements", len(in.Entitlements) > 0)
	entitlementData(&c, "Entitlements", in.Entitlements)
	c.Required("LicenseArn", in.LicenseArn != "")
	c.ARN("LicenseArn", in.LicenseArn)
	return c.Err("CheckoutBorrowLicenseInput")
}

// CheckoutBorrowLicenseOutput is the output of CheckoutBorrowLicense.
type CheckoutBorrowLicenseOutput struct {
	CheckoutMetadata    []Metadata
	EntitlementsAllowed []EntitlementData // all that were asked for
	Expiration          string            // as the service wrote it; Expires is the parsed time
	IssuedAt            string            // as the service wrote it; Issued is the parsed time
	LicenseArn          string

	// LicenseConsumptionToken names the checkout to CheckInLicense, where the
	// license permits an early check-in.
	LicenseConsumptionToken string

	NodeId string

	// SignedToken is the borrowed license: a JWS that package borrow verifies
	// offline.
	SignedToken awstokens.Secret

	awstokens.Result
}

// Expires returns Expiration as a time. A date without a zone is meant as UTC.
func (out CheckoutBorrowLicenseOutput) Expires() (time.Time, error) { return parseTime(out.Expiration) }

// Issued returns IssuedAt as a time. A date without a zone is meant as UTC.
func (out CheckoutBorrowLicenseOutput) Issued() (time.Time, error) { return parseTime(out.IssuedAt) }

// Validate checks what the documentation promises of the output. The minimum
// length of SignedToken, which real ones do not reach, is left out.
func (out *CheckoutBorrowLicenseOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	entitlementData(&c, "EntitlementsAllowed", out.EntitlementsAllowed)
	c.Timestamp("Expiration", out.Expiration)
	c.Timestamp("IssuedAt", out.IssuedAt)
	c.ARN("LicenseArn", out.LicenseArn)
	return c.Err("CheckoutBorrowLicenseOutput")
}

// LogValue hides the signed token from slog.
func (out CheckoutBorrowLicenseOutput) LogValue() slog.Value { return redact.LogValue(out) }

// Format hides the signed token from fmt.
func (out CheckoutBorrowLicenseOutput) Format(f fmt.State, _ rune) { redact.Format(f, out) }

var checkoutBorrowLicense = transport.Operation{
	Name: "CheckoutBorrowLicense", Auth: transport.Signed, Repeatable: true,
	Missing: func(out any) string {
		return missing("SignedToken", out.(*CheckoutBorrowLicenseOutput).SignedToken)
	},
}

// CheckoutBorrowLicense takes a seat of a license for offline use: the answer
// has a signed token that proves it. All entitlements are granted, or none.
// Call it in the license's home Region.
//
// Its exceptions are those of CheckoutLicense, and
// EntitlementNotAllowedException.
func (c *Client) CheckoutBorrowLicense(ctx context.Context, in *CheckoutBorrowLicenseInput) (*CheckoutBorrowLicenseOutput, error) {
	return transport.Call[CheckoutBorrowLicenseOutput](ctx, c.transport, &checkoutBorrowLicense, in)
}

// CheckInLicenseInput is the input of CheckInLicense.
type CheckInLicenseInput struct {
	// Beneficiary is the license's beneficiary, as at the checkout.
	Beneficiary string `json:",omitempty"`

	// LicenseConsumptionToken is that of the checkout or its last extension.
	// Required.
	LicenseConsumptionToken string
}

// Validate checks that LicenseConsumptionToken is there.
func (in *CheckInLicenseInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("LicenseConsumptionToken", in.LicenseConsumptionToken != "")
	return c.Err("CheckInLicenseInput")
}

// CheckInLicenseOutput is the output of CheckInLicense. The service returns
// nothing.
type CheckInLicenseOutput struct {
	awstokens.Result
}

var checkInLicense = transport.Operation{Name: "CheckInLicense", Auth: transport.Signed, Repeatable: true, NoOutput: true}

// CheckInLicense gives a seat back. When an answer is lost and the call
// repeated, the second may find the checkout gone and return
// ResourceNotFoundException.
//
// ConflictException is what a license answers that does not permit it. The
// other exceptions are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, RateLimitExceededException,
// ResourceNotFoundException, ServerInternalException and ValidationException.
func (c *Client) CheckInLicense(ctx context.Context, in *CheckInLicenseInput) (*CheckInLicenseOutput, error) {
	return transport.Call[CheckInLicenseOutput](ctx, c.transport, &checkInLicense, in)
}

// ExtendLicenseConsumptionInput is the input of ExtendLicenseConsumption.
type ExtendLicenseConsumptionInput struct {
	// DryRun only checks whether the caller may extend.
	DryRun bool `json:",omitempty"`

	// LicenseConsumptionToken is that of the checkout or its last extension.
	// Required.
	LicenseConsumptionToken string
}

// Validate checks that LicenseConsumptionToken is there.
func (in *ExtendLicenseConsumptionInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("LicenseConsumptionToken", in.LicenseConsumptionToken != "")
	return c.Err("ExtendLicenseConsumptionInput")
}

// ExtendLicenseConsumptionOutput is the output of ExtendLicenseConsumption.
type ExtendLicenseConsumptionOutput struct {
	Expiration string // as the service wrote it; Expires is the parsed time

	// LicenseConsumptionToken names the checkout from now on. It may be
	// another than before.
	LicenseConsumptionToken string

	awstokens.Result
}

// Expires returns Expiration as a time. A date without a zone is meant as UTC.
func (out ExtendLicenseConsumptionOutput) Expires() (time.Time, error) {
	return parseTime(out.Expiration)
}

// Validate checks what the documentation promises of the output.
func (out *ExtendLicenseConsumptionOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	c.Timestamp("Expiration", out.Expiration)
	return c.Err("ExtendLicenseConsumptionOutput")
}

// Extending twice only begins the period a moment later, unless the lost
// answer changed the token: the second call then finds the checkout gone.
var extendLicenseConsumption = transport.Operation{Name: "ExtendLicenseConsumption", Auth: transport.Signed, Repeatable: true}

// ExtendLicenseConsumption gives a provisional checkout a new full period of
// its time to live.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, RateLimitExceededException,
// ResourceNotFoundException, ServerInternalException and ValidationException.
func (c *Client) ExtendLicenseConsumption(ctx context.Context, in *ExtendLicenseConsumptionInput) (*ExtendLicenseConsumptionOutput, error) {
	return transport.Call[ExtendLicenseConsumptionOutput](ctx, c.transport, &extendLicenseConsumption, in)
}

// clientToken is the ClientToken of all operations but CreateToken.
func clientToken(c *constraint.Checker, value string) {
	c.Required("ClientToken", value != "")
	c.MaxLength("ClientToken", value, 2048)
	c.NoSpace("ClientToken", value)
}
