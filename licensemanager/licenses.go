package licensemanager

import (
	"context"
	"iter"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/timestamp"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// CreateLicenseInput is the input of [Client.CreateLicense].
type CreateLicenseInput struct {
	Beneficiary string // whom the license is for. Required.
	ClientToken string // makes the call idempotent: at most 2048 characters, no white space; see [NewClientToken]. Required.

	ConsumptionConfiguration *ConsumptionConfiguration `json:",omitzero"` // how the license is consumed. Required.

	Entitlements    []Entitlement  `json:",omitzero"` // what the license permits to use. Required.
	HomeRegion      string         // the Region in which the license is checked out. Required.
	Issuer          *Issuer        `json:",omitzero"` // who issues the license. Required.
	LicenseMetadata []Metadata     `json:",omitzero"` // information about the license
	LicenseName     string         // the license's name. Required.
	ProductName     string         // the product's name. Required.
	ProductSKU      string         // identifies the product. Required.
	Tags            []Tag          `json:",omitzero"` // tags of the license
	Validity        *DatetimeRange `json:",omitzero"` // the period of the license. Required.
}

// Validate checks the documented limits.
func (in *CreateLicenseInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredString("Beneficiary", in.Beneficiary)
	c.RequiredClientToken(in.ClientToken, 2048)
	requiredTerms(&c, in.ConsumptionConfiguration, in.Entitlements, in.Issuer, in.Validity)
	c.RequiredString("HomeRegion", in.HomeRegion)
	c.RequiredString("LicenseName", in.LicenseName)
	c.RequiredString("ProductName", in.ProductName)
	c.RequiredString("ProductSKU", in.ProductSKU)
	return c.Err("CreateLicenseInput")
}

// requiredTerms checks the structures that a license and a version of one have in
// common.
func requiredTerms(c *constraint.Checker, consumption *ConsumptionConfiguration, list []Entitlement, issuer *Issuer, validity *DatetimeRange) {
	c.Required("ConsumptionConfiguration", consumption != nil)
	if consumption != nil {
		c.Nested("ConsumptionConfiguration", consumption.validate())
	}
	c.Required("Entitlements", list != nil)
	for i, e := range list {
		c.Nested("Entitlements", validateEntitlement(e.Name, e.Unit), i)
	}
	c.Required("Issuer", issuer != nil)
	if issuer != nil {
		c.RequiredString("Issuer.Name", issuer.Name)
	}
	c.Required("Validity", validity != nil)
	if validity != nil {
		c.Nested("Validity", validity.validate())
	}
}

// CreateLicenseOutput is the output of [Client.CreateLicense].
type CreateLicenseOutput struct {
	LicenseArn string
	Status     LicenseStatus
	Version    string

	awstokens.Result
}

var createLicense = transport.Operation[CreateLicenseInput, CreateLicenseOutput]{Name: "CreateLicense", Idempotent: true}

// CreateLicense issues a license.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, RateLimitExceededException,
// RedirectException, ServerInternalException and ValidationException.
func (c *Client) CreateLicense(ctx context.Context, in *CreateLicenseInput) (*CreateLicenseOutput, error) {
	return createLicense.Call(ctx, c.transport, in)
}

// CreateLicenseVersionInput is the input of [Client.CreateLicenseVersion].
type CreateLicenseVersionInput struct {
	ClientToken string // makes the call idempotent: at most 2048 characters, no white space; see [NewClientToken]. Required.

	ConsumptionConfiguration *ConsumptionConfiguration `json:",omitzero"` // how the license is consumed. Required.

	Entitlements    []Entitlement  `json:",omitzero"` // what the license permits to use. Required.
	HomeRegion      string         // the Region in which the license is checked out. Required.
	Issuer          *Issuer        `json:",omitzero"` // who issues the license. Required.
	LicenseArn      string         // ARN of the license. Required.
	LicenseMetadata []Metadata     `json:",omitzero"` // information about the license
	LicenseName     string         // the license's name. Required.
	ProductName     string         // the product's name. Required.
	ResetUsage      bool           `json:",omitzero"` // whether the usage starts again at zero
	SourceVersion   string         `json:",omitzero"` // the version that the new one replaces
	Status          LicenseStatus  // status of the license. Required.
	Validity        *DatetimeRange `json:",omitzero"` // the period of the license. Required.
}

// Validate checks the documented limits.
func (in *CreateLicenseVersionInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredClientToken(in.ClientToken, 2048)
	requiredTerms(&c, in.ConsumptionConfiguration, in.Entitlements, in.Issuer, in.Validity)
	c.RequiredString("HomeRegion", in.HomeRegion)
	c.RequiredARN("LicenseArn", in.LicenseArn)
	c.RequiredString("LicenseName", in.LicenseName)
	c.RequiredString("ProductName", in.ProductName)
	constraint.RequiredEnum(&c, "Status", in.Status, licenseStatuses)
	return c.Err("CreateLicenseVersionInput")
}

// CreateLicenseVersionOutput is the output of [Client.CreateLicenseVersion].
type CreateLicenseVersionOutput struct {
	LicenseArn string
	Status     LicenseStatus
	Version    string

	awstokens.Result
}

var createLicenseVersion = transport.Operation[CreateLicenseVersionInput, CreateLicenseVersionOutput]{Name: "CreateLicenseVersion", Idempotent: true}

// CreateLicenseVersion changes a license: it creates a new version.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// ConflictException, RateLimitExceededException, RedirectException,
// ResourceNotFoundException, ServerInternalException and ValidationException.
func (c *Client) CreateLicenseVersion(ctx context.Context, in *CreateLicenseVersionInput) (*CreateLicenseVersionOutput, error) {
	return createLicenseVersion.Call(ctx, c.transport, in)
}

// DeleteLicenseInput is the input of [Client.DeleteLicense].
type DeleteLicenseInput struct {
	LicenseArn    string // ARN of the license. Required.
	SourceVersion string // the license's current version. Required.
}

// Validate checks the documented limits.
func (in *DeleteLicenseInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredARN("LicenseArn", in.LicenseArn)
	c.RequiredString("SourceVersion", in.SourceVersion)
	return c.Err("DeleteLicenseInput")
}

// DeleteLicenseOutput is the output of [Client.DeleteLicense].
type DeleteLicenseOutput struct {
	DeletionDate string // Deleted returns it as a time
	Status       LicenseDeletionStatus

	awstokens.Result
}

// Deleted returns DeletionDate as a time. A date without a zone is in
// UTC.
func (out DeleteLicenseOutput) Deleted() (time.Time, error) { return timestamp.Parse(out.DeletionDate) }

var deleteLicense = transport.Operation[DeleteLicenseInput, DeleteLicenseOutput]{Name: "DeleteLicense", Idempotent: true}

// DeleteLicense deletes a license.
//
// Its exceptions are those of [Client.CreateLicense], and ConflictException.
func (c *Client) DeleteLicense(ctx context.Context, in *DeleteLicenseInput) (*DeleteLicenseOutput, error) {
	return deleteLicense.Call(ctx, c.transport, in)
}

// GetLicenseInput is the input of [Client.GetLicense].
type GetLicenseInput struct {
	LicenseArn string // ARN of the license. Required.
	Version    string `json:",omitzero"` // version of the license; empty means the current one
}

// Validate checks the documented limits.
func (in *GetLicenseInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredARN("LicenseArn", in.LicenseArn)
	return c.Err("GetLicenseInput")
}

// GetLicenseOutput is the output of [Client.GetLicense].
type GetLicenseOutput struct {
	License *License `wire:"required"`

	awstokens.Result
}

var getLicense = transport.Operation[GetLicenseInput, GetLicenseOutput]{Name: "GetLicense", Idempotent: true}

// GetLicense describes a license.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, RateLimitExceededException,
// ServerInternalException and ValidationException.
func (c *Client) GetLicense(ctx context.Context, in *GetLicenseInput) (*GetLicenseOutput, error) {
	return getLicense.Call(ctx, c.transport, in)
}

// GetLicenseUsageInput is the input of [Client.GetLicenseUsage].
type GetLicenseUsageInput struct {
	LicenseArn string // ARN of the license. Required.
}

// Validate checks the documented limits.
func (in *GetLicenseUsageInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredARN("LicenseArn", in.LicenseArn)
	return c.Err("GetLicenseUsageInput")
}

// LicenseUsage is how much of a license is used.
type LicenseUsage struct {
	EntitlementUsages []EntitlementUsage `json:",omitzero"`
}

// EntitlementUsage is how much of an entitlement is used.
type EntitlementUsage struct {
	ConsumedValue string          // how many units are used, in decimal
	MaxCount      string          `json:",omitzero"` // how many units there are, in decimal
	Name          string          // name of the entitlement
	Unit          EntitlementUnit // unit of the entitlement
}

// GetLicenseUsageOutput is the output of [Client.GetLicenseUsage].
type GetLicenseUsageOutput struct {
	LicenseUsage *LicenseUsage `wire:"required"`

	awstokens.Result
}

var getLicenseUsage = transport.Operation[GetLicenseUsageInput, GetLicenseUsageOutput]{Name: "GetLicenseUsage", Idempotent: true}

// GetLicenseUsage returns how much of a license is used.
//
// Its exceptions are those of [Client.GetLicense].
func (c *Client) GetLicenseUsage(ctx context.Context, in *GetLicenseUsageInput) (*GetLicenseUsageOutput, error) {
	return getLicenseUsage.Call(ctx, c.transport, in)
}

// ListLicensesInput is the input of [Client.ListLicenses].
type ListLicensesInput struct {
	// Filters limits the list; the documented names are Beneficiary,
	// ProductSKU, Fingerprint and Status.
	Filters []Filter `json:",omitzero"`

	LicenseArns []string `json:",omitzero"` // limits the list to these licenses, by ARN
	MaxResults  int32    `json:",omitzero"` // the most licenses in a page, 1 to 100; zero means the service's default
	NextToken   string   `json:",omitzero"` // that of the previous page; empty means the first page
}

// Validate checks the documented limits.
func (in *ListLicensesInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.ARNs("LicenseArns", in.LicenseArns)
	c.PageSize("MaxResults", in.MaxResults)
	return c.Err("ListLicensesInput")
}

// ListLicensesOutput is the output of [Client.ListLicenses].
type ListLicensesOutput struct {
	Licenses  []License // one page of the list
	NextToken string    // for the input of the next page; empty on the last page

	awstokens.Result
}

var listLicenses = transport.Operation[ListLicensesInput, ListLicensesOutput]{Name: "ListLicenses", Idempotent: true}

// ListLicenses returns a page of the licenses that the account issued.
// [Client.Licenses] iterates over all pages.
//
// Its exceptions are those of [Client.GetLicense].
func (c *Client) ListLicenses(ctx context.Context, in *ListLicensesInput) (*ListLicensesOutput, error) {
	return listLicenses.Call(ctx, c.transport, in)
}

// Licenses iterates over what [Client.ListLicenses] lists, as [Client.Tokens] does.
func (c *Client) Licenses(ctx context.Context, in *ListLicensesInput) iter.Seq2[License, error] {
	return transport.Pages(ctx, c.ListLicenses, in, func(in *ListLicensesInput, out *ListLicensesOutput) ([]License, *string, string) {
		return out.Licenses, &in.NextToken, out.NextToken
	})
}

// ListLicenseVersionsInput is the input of [Client.ListLicenseVersions].
type ListLicenseVersionsInput struct {
	LicenseArn string // ARN of the license. Required.
	MaxResults int32  `json:",omitzero"` // the most versions in a page, 1 to 100; zero means the service's default
	NextToken  string `json:",omitzero"` // that of the previous page; empty means the first page
}

// Validate checks the documented limits.
func (in *ListLicenseVersionsInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredARN("LicenseArn", in.LicenseArn)
	c.PageSize("MaxResults", in.MaxResults)
	return c.Err("ListLicenseVersionsInput")
}

// ListLicenseVersionsOutput is the output of [Client.ListLicenseVersions].
type ListLicenseVersionsOutput struct {
	Licenses  []License // one page of the license's versions
	NextToken string    // for the input of the next page; empty on the last page

	awstokens.Result
}

var listLicenseVersions = transport.Operation[ListLicenseVersionsInput, ListLicenseVersionsOutput]{Name: "ListLicenseVersions", Idempotent: true}

// ListLicenseVersions returns a page of the versions of a license.
// [Client.LicenseVersions] iterates over all pages.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, RateLimitExceededException and
// ServerInternalException.
func (c *Client) ListLicenseVersions(ctx context.Context, in *ListLicenseVersionsInput) (*ListLicenseVersionsOutput, error) {
	return listLicenseVersions.Call(ctx, c.transport, in)
}

// LicenseVersions iterates over what [Client.ListLicenseVersions] lists, as [Client.Tokens] does.
func (c *Client) LicenseVersions(ctx context.Context, in *ListLicenseVersionsInput) iter.Seq2[License, error] {
	return transport.Pages(ctx, c.ListLicenseVersions, in, func(in *ListLicenseVersionsInput, out *ListLicenseVersionsOutput) ([]License, *string, string) {
		return out.Licenses, &in.NextToken, out.NextToken
	})
}

// ListReceivedLicensesInput is the input of [Client.ListReceivedLicenses].
type ListReceivedLicensesInput struct {
	// Filters limits the list; the documented names are ProductSKU, Status,
	// Fingerprint, IssuerName and Beneficiary.
	Filters []Filter `json:",omitzero"`

	LicenseArns []string `json:",omitzero"` // limits the list to these licenses, by ARN
	MaxResults  int32    `json:",omitzero"` // the most licenses in a page, 1 to 100; zero means the service's default
	NextToken   string   `json:",omitzero"` // that of the previous page; empty means the first page
}

// Validate checks the documented limits.
func (in *ListReceivedLicensesInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.ARNs("LicenseArns", in.LicenseArns)
	c.PageSize("MaxResults", in.MaxResults)
	return c.Err("ListReceivedLicensesInput")
}

// ListReceivedLicensesOutput is the output of [Client.ListReceivedLicenses].
type ListReceivedLicensesOutput struct {
	Licenses  []GrantedLicense // one page of the list
	NextToken string           // for the input of the next page; empty on the last page

	awstokens.Result
}

var listReceivedLicenses = transport.Operation[ListReceivedLicensesInput, ListReceivedLicensesOutput]{Name: "ListReceivedLicenses", Idempotent: true}

// ListReceivedLicenses returns a page of the licenses that were granted to the
// account. [Client.ReceivedLicenses] iterates over all pages. For an account in
// which License Manager was never set up, the message of the error contains
// "Service role not found".
//
// Its exceptions are those of [Client.GetLicense], and
// ResourceLimitExceededException.
func (c *Client) ListReceivedLicenses(ctx context.Context, in *ListReceivedLicensesInput) (*ListReceivedLicensesOutput, error) {
	return listReceivedLicenses.Call(ctx, c.transport, in)
}

// ReceivedLicenses iterates over what [Client.ListReceivedLicenses] lists, as
// [Client.Tokens] does.
func (c *Client) ReceivedLicenses(ctx context.Context, in *ListReceivedLicensesInput) iter.Seq2[GrantedLicense, error] {
	return transport.Pages(ctx, c.ListReceivedLicenses, in, func(in *ListReceivedLicensesInput, out *ListReceivedLicensesOutput) ([]GrantedLicense, *string, string) {
		return out.Licenses, &in.NextToken, out.NextToken
	})
}
