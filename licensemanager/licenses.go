package licensemanager

import (
	"context"
	"iter"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// CreateLicenseInput is the input of CreateLicense.
type CreateLicenseInput struct {
	// Beneficiary is who the license is for. Required.
	Beneficiary string

	// ClientToken makes the call idempotent. At most 2048 characters, none of
	// them white space. Required; NewClientToken makes one.
	ClientToken string

	// ConsumptionConfiguration is how the license is consumed. Required.
	ConsumptionConfiguration *ConsumptionConfiguration `json:",omitempty"`

	// Entitlements are what the license entitles to. Required.
	Entitlements []Entitlement `json:",omitempty"`

	// HomeRegion is the Region in which the license is checked out. Required.
	HomeRegion string

	// Issuer is who issues the license. Required.
	Issuer *Issuer `json:",omitempty"`

	// LicenseMetadata is information about the license.
	LicenseMetadata []Metadata `json:",omitempty"`

	// LicenseName is the license's name. Required.
	LicenseName string

	// ProductName is the product's name. Required.
	ProductName string

	// ProductSKU is the product's. Required.
	ProductSKU string

	// Tags of the license.
	Tags []Tag `json:",omitempty"`

	// Validity is the period of the license. Required.
	Validity *DatetimeRange `json:",omitempty"`
}

// Validate checks the input against the API's documented limits. It reports
// all violations in one smithy.InvalidParamsError.
func (in *CreateLicenseInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("Beneficiary", in.Beneficiary != "")
	clientToken(&c, in.ClientToken)
	terms(&c, in.ConsumptionConfiguration, in.Entitlements, in.Issuer, in.Validity)
	c.Required("HomeRegion", in.HomeRegion != "")
	c.Required("LicenseName", in.LicenseName != "")
	c.Required("ProductName", in.ProductName != "")
	c.Required("ProductSKU", in.ProductSKU != "")
	return c.Err("CreateLicenseInput")
}

// terms are the members that a new license and a new version have in common,
// and that are structures.
func terms(c *constraint.Checker, consumption *ConsumptionConfiguration, list []Entitlement, issuer *Issuer, validity *DatetimeRange) {
	c.Required("ConsumptionConfiguration", consumption != nil)
	c.Nested("ConsumptionConfiguration", consumption.validate())
	c.Required("Entitlements", len(list) > 0)
	entitlements(c, list)
	c.Required("Issuer", issuer != nil)
	if issuer != nil {
		c.Nested("Issuer", issuer.validate())
	}
	c.Required("Validity", validity != nil)
	if validity != nil {
		c.Nested("Validity", validity.validate())
	}
}

// CreateLicenseOutput is the output of CreateLicense.
type CreateLicenseOutput struct {
	LicenseArn string
	Status     LicenseStatus
	Version    string

	awstokens.Result
}

// Validate checks what the documentation promises of the output.
func (out *CreateLicenseOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	c.ARN("LicenseArn", out.LicenseArn)
	constraint.Enum(&c, "Status", out.Status, licenseStatuses)
	return c.Err("CreateLicenseOutput")
}

var createLicense = transport.Operation{Name: "CreateLicense", Auth: transport.Signed, Repeatable: true}

// CreateLicense issues a license.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, RateLimitExceededException,
// RedirectException, ServerInternalException and ValidationException.
func (c *Client) CreateLicense(ctx context.Context, in *CreateLicenseInput) (*CreateLicenseOutput, error) {
	return transport.Call[CreateLicenseOutput](ctx, c.transport, &createLicense, in)
}

// CreateLicenseVersionInput is the input of CreateLicenseVersion.
type CreateLicenseVersionInput struct {
	// ClientToken makes the call idempotent. At most 2048 characters, none of
	// them white space. Required; NewClientToken makes one.
	ClientToken string

	// ConsumptionConfiguration is how the license is consumed. Required.
	ConsumptionConfiguration *ConsumptionConfiguration `json:",omitempty"`

	// Entitlements are what the license entitles to. Required.
	Entitlements []Entitlement `json:",omitempty"`

	// HomeRegion is the Region in which the license is checked out. Required.
	HomeRegion string

	// Issuer is who issues the license. Required.
	Issuer *Issuer `json:",omitempty"`

	// LicenseArn is the license. At most 2048 characters, an ARN. Required.
	LicenseArn string

	// LicenseMetadata is information about the license.
	LicenseMetadata []Metadata `json:",omitempty"`

	// LicenseName is the license's name. Required.
	LicenseName string

	// ProductName is the product's name. Required.
	ProductName string

	// ResetUsage says whether the usage so far is forgotten.
	ResetUsage bool `json:",omitempty"`

	// SourceVersion is the version that the new one is made from.
	SourceVersion string `json:",omitempty"`

	// Status of the license. Required.
	Status LicenseStatus

	// Validity is the period of the license. Required.
	Validity *DatetimeRange `json:",omitempty"`
}

// Validate checks the input against the API's documented limits. It reports
// all violations in one smithy.InvalidParamsError.
func (in *CreateLicenseVersionInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	clientToken(&c, in.ClientToken)
	terms(&c, in.ConsumptionConfiguration, in.Entitlements, in.Issuer, in.Validity)
	c.Required("HomeRegion", in.HomeRegion != "")
	c.Required("LicenseArn", in.LicenseArn != "")
	c.ARN("LicenseArn", in.LicenseArn)
	c.Required("LicenseName", in.LicenseName != "")
	c.Required("ProductName", in.ProductName != "")
	c.Required("Status", in.Status != "")
	constraint.Enum(&c, "Status", in.Status, licenseStatuses)
	return c.Err("CreateLicenseVersionInput")
}

// CreateLicenseVersionOutput is the output of CreateLicenseVersion.
type CreateLicenseVersionOutput struct {
	LicenseArn string
	Status     LicenseStatus
	Version    string

	awstokens.Result
}

// Validate checks what the documentation promises of the output.
func (out *CreateLicenseVersionOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	c.ARN("LicenseArn", out.LicenseArn)
	constraint.Enum(&c, "Status", out.Status, licenseStatuses)
	return c.Err("CreateLicenseVersionOutput")
}

var createLicenseVersion = transport.Operation{Name: "CreateLicenseVersion", Auth: transport.Signed, Repeatable: true}

// CreateLicenseVersion changes a license by giving it a new version.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// ConflictException, RateLimitExceededException, RedirectException,
// ResourceNotFoundException, ServerInternalException and ValidationException.
func (c *Client) CreateLicenseVersion(ctx context.Context, in *CreateLicenseVersionInput) (*CreateLicenseVersionOutput, error) {
	return transport.Call[CreateLicenseVersionOutput](ctx, c.transport, &createLicenseVersion, in)
}

// DeleteLicenseInput is the input of DeleteLicense.
type DeleteLicenseInput struct {
	// LicenseArn is the license. At most 2048 characters, an ARN. Required.
	LicenseArn string

	// SourceVersion is the license's current version. Required.
	SourceVersion string
}

// Validate checks the input against the API's documented limits. It reports
// all violations in one smithy.InvalidParamsError.
func (in *DeleteLicenseInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("LicenseArn", in.LicenseArn != "")
	c.ARN("LicenseArn", in.LicenseArn)
	c.Required("SourceVersion", in.SourceVersion != "")
	return c.Err("DeleteLicenseInput")
}

// DeleteLicenseOutput is the output of DeleteLicense.
type DeleteLicenseOutput struct {
	DeletionDate string // as the service wrote it; Deleted is the parsed time
	Status       LicenseDeletionStatus

	awstokens.Result
}

// Deleted returns DeletionDate as a time. A date without a zone is meant as
// UTC.
func (out DeleteLicenseOutput) Deleted() (time.Time, error) { return parseTime(out.DeletionDate) }

// Validate checks what the documentation promises of the output.
func (out *DeleteLicenseOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	c.Timestamp("DeletionDate", out.DeletionDate)
	constraint.Enum(&c, "Status", out.Status, licenseDeletionStatuses)
	return c.Err("DeleteLicenseOutput")
}

var deleteLicense = transport.Operation{Name: "DeleteLicense", Auth: transport.Signed, Repeatable: true}

// DeleteLicense deletes a license.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// ConflictException, InvalidParameterValueException,
// RateLimitExceededException, RedirectException, ServerInternalException and
// ValidationException.
func (c *Client) DeleteLicense(ctx context.Context, in *DeleteLicenseInput) (*DeleteLicenseOutput, error) {
	return transport.Call[DeleteLicenseOutput](ctx, c.transport, &deleteLicense, in)
}

// GetLicenseInput is the input of GetLicense.
type GetLicenseInput struct {
	// LicenseArn is the license. At most 2048 characters, an ARN. Required.
	LicenseArn string

	// Version of the license; empty means the current one.
	Version string `json:",omitempty"`
}

// Validate checks the input against the API's documented limits. It reports
// all violations in one smithy.InvalidParamsError.
func (in *GetLicenseInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("LicenseArn", in.LicenseArn != "")
	c.ARN("LicenseArn", in.LicenseArn)
	return c.Err("GetLicenseInput")
}

// GetLicenseOutput is the output of GetLicense.
type GetLicenseOutput struct {
	License *License

	awstokens.Result
}

// Validate checks what the documentation promises of the output.
func (out *GetLicenseOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	c.Nested("License", out.License.validate())
	return c.Err("GetLicenseOutput")
}

var getLicense = transport.Operation{
	Name: "GetLicense", Auth: transport.Signed, Repeatable: true,
	Missing: func(out any) string {
		if out.(*GetLicenseOutput).License == nil {
			return "License"
		}
		return ""
	},
}

// GetLicense describes a license.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, RateLimitExceededException,
// ServerInternalException and ValidationException.
func (c *Client) GetLicense(ctx context.Context, in *GetLicenseInput) (*GetLicenseOutput, error) {
	return transport.Call[GetLicenseOutput](ctx, c.transport, &getLicense, in)
}

// GetLicenseUsageInput is the input of GetLicenseUsage.
type GetLicenseUsageInput struct {
	// LicenseArn is the license. At most 2048 characters, an ARN. Required.
	LicenseArn string
}

// Validate checks the input against the API's documented limits. It reports
// all violations in one smithy.InvalidParamsError.
func (in *GetLicenseUsageInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("LicenseArn", in.LicenseArn != "")
	c.ARN("LicenseArn", in.LicenseArn)
	return c.Err("GetLicenseUsageInput")
}

// LicenseUsage is how much of a license is used.
type LicenseUsage struct {
	EntitlementUsages []EntitlementUsage `json:",omitempty"`
}

// EntitlementUsage is how much of an entitlement is used.
type EntitlementUsage struct {
	ConsumedValue string          // how many are used, as a decimal text
	MaxCount      string          `json:",omitempty"` // how many there are, as a decimal text
	Name          string          // of the entitlement
	Unit          EntitlementUnit // of the entitlement
}

func (u *EntitlementUsage) validate() error {
	var c constraint.Checker
	c.Required("ConsumedValue", u.ConsumedValue != "")
	c.Required("Name", u.Name != "")
	c.Required("Unit", u.Unit != "")
	constraint.Enum(&c, "Unit", u.Unit, entitlementUnits)
	return c.Err("EntitlementUsage")
}

func (u *LicenseUsage) validate() error {
	var c constraint.Checker
	if u != nil {
		for i := range u.EntitlementUsages {
			c.Nested("EntitlementUsages", u.EntitlementUsages[i].validate(), i)
		}
	}
	return c.Err("LicenseUsage")
}

// GetLicenseUsageOutput is the output of GetLicenseUsage.
type GetLicenseUsageOutput struct {
	LicenseUsage *LicenseUsage

	awstokens.Result
}

// Validate checks what the documentation promises of the output.
func (out *GetLicenseUsageOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	c.Nested("LicenseUsage", out.LicenseUsage.validate())
	return c.Err("GetLicenseUsageOutput")
}

var getLicenseUsage = transport.Operation{
	Name: "GetLicenseUsage", Auth: transport.Signed, Repeatable: true,
	Missing: func(out any) string {
		if out.(*GetLicenseUsageOutput).LicenseUsage == nil {
			return "LicenseUsage"
		}
		return ""
	},
}

// GetLicenseUsage says how much of a license is used.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, RateLimitExceededException,
// ServerInternalException and ValidationException.
func (c *Client) GetLicenseUsage(ctx context.Context, in *GetLicenseUsageInput) (*GetLicenseUsageOutput, error) {
	return transport.Call[GetLicenseUsageOutput](ctx, c.transport, &getLicenseUsage, in)
}

// ListLicensesInput is the input of ListLicenses.
type ListLicensesInput struct {
	// Filters limits the list; the documented names are Beneficiary,
	// ProductSKU, Fingerprint and Status.
	Filters []Filter `json:",omitempty"`

	// LicenseArns limits the list to these licenses, each at most 2048
	// characters, an ARN.
	LicenseArns []string `json:",omitempty"`

	// MaxResults is the most licenses of a page, 1 to 100. Zero leaves it to
	// the service.
	MaxResults int32 `json:",omitempty"`

	// NextToken continues a list where the last page ended.
	NextToken string `json:",omitempty"`
}

// Validate checks the input against the API's documented limits. It reports
// all violations in one smithy.InvalidParamsError.
func (in *ListLicensesInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	arns(&c, "LicenseArns", in.LicenseArns)
	pageSize(&c, in.MaxResults)
	return c.Err("ListLicensesInput")
}

// ListLicensesOutput is the output of ListLicenses.
type ListLicensesOutput struct {
	// Licenses is one page of the list.
	Licenses []License

	// NextToken is the NextToken of the input for the next page, or empty on
	// the last one.
	NextToken string

	awstokens.Result
}

// Validate checks what the documentation promises of the output.
func (out *ListLicensesOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	licenses(&c, out.Licenses)
	return c.Err("ListLicensesOutput")
}

var listLicenses = transport.Operation{Name: "ListLicenses", Auth: transport.Signed, Repeatable: true}

// ListLicenses returns a page of the licenses that the account issued.
// Licenses walks all pages.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, RateLimitExceededException,
// ServerInternalException and ValidationException.
func (c *Client) ListLicenses(ctx context.Context, in *ListLicensesInput) (*ListLicensesOutput, error) {
	return transport.Call[ListLicensesOutput](ctx, c.transport, &listLicenses, in)
}

// Licenses iterates over what ListLicenses lists, as Tokens does over tokens.
func (c *Client) Licenses(ctx context.Context, in *ListLicensesInput) iter.Seq2[License, error] {
	return transport.Pages(in, func(in *ListLicensesInput) *string { return &in.NextToken }, func(page *ListLicensesInput) ([]License, string, error) {
		out, err := c.ListLicenses(ctx, page)
		if err != nil {
			return nil, "", err
		}
		return out.Licenses, out.NextToken, nil
	})
}

// ListLicenseVersionsInput is the input of ListLicenseVersions.
type ListLicenseVersionsInput struct {
	// LicenseArn is the license. At most 2048 characters, an ARN. Required.
	LicenseArn string

	// MaxResults is the most versions of a page, 1 to 100. Zero leaves it to
	// the service.
	MaxResults int32 `json:",omitempty"`

	// NextToken continues a list where the last page ended.
	NextToken string `json:",omitempty"`
}

// Validate checks the input against the API's documented limits. It reports
// all violations in one smithy.InvalidParamsError.
func (in *ListLicenseVersionsInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("LicenseArn", in.LicenseArn != "")
	c.ARN("LicenseArn", in.LicenseArn)
	pageSize(&c, in.MaxResults)
	return c.Err("ListLicenseVersionsInput")
}

// ListLicenseVersionsOutput is the output of ListLicenseVersions.
type ListLicenseVersionsOutput struct {
	// Licenses is one page of the license's versions.
	Licenses []License

	// NextToken is the NextToken of the input for the next page, or empty on
	// the last one.
	NextToken string

	awstokens.Result
}

// Validate checks what the documentation promises of the output.
func (out *ListLicenseVersionsOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	licenses(&c, out.Licenses)
	return c.Err("ListLicenseVersionsOutput")
}

var listLicenseVersions = transport.Operation{Name: "ListLicenseVersions", Auth: transport.Signed, Repeatable: true}

// ListLicenseVersions returns a page of the versions of a license.
// LicenseVersions walks all pages.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, RateLimitExceededException and
// ServerInternalException.
func (c *Client) ListLicenseVersions(ctx context.Context, in *ListLicenseVersionsInput) (*ListLicenseVersionsOutput, error) {
	return transport.Call[ListLicenseVersionsOutput](ctx, c.transport, &listLicenseVersions, in)
}

// LicenseVersions iterates over what ListLicenseVersions lists, as Tokens does
// over tokens.
func (c *Client) LicenseVersions(ctx context.Context, in *ListLicenseVersionsInput) iter.Seq2[License, error] {
	return transport.Pages(in, func(in *ListLicenseVersionsInput) *string { return &in.NextToken }, func(page *ListLicenseVersionsInput) ([]License, string, error) {
		out, err := c.ListLicenseVersions(ctx, page)
		if err != nil {
			return nil, "", err
		}
		return out.Licenses, out.NextToken, nil
	})
}

// ListReceivedLicensesInput is the input of ListReceivedLicenses.
type ListReceivedLicensesInput struct {
	// Filters limits the list; the documented names are ProductSKU, Status,
	// Fingerprint, IssuerName and Beneficiary.
	Filters []Filter `json:",omitempty"`

	// LicenseArns limits the list to these licenses, each at most 2048
	// characters, an ARN.
	LicenseArns []string `json:",omitempty"`

	// MaxResults is the most licenses of a page, 1 to 100. Zero leaves it to
	// the service.
	MaxResults int32 `json:",omitempty"`

	// NextToken continues a list where the last page ended.
	NextToken string `json:",omitempty"`
}

// Validate checks the input against the API's documented limits. It reports
// all violations in one smithy.InvalidParamsError.
func (in *ListReceivedLicensesInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	arns(&c, "LicenseArns", in.LicenseArns)
	pageSize(&c, in.MaxResults)
	return c.Err("ListReceivedLicensesInput")
}

// ListReceivedLicensesOutput is the output of ListReceivedLicenses.
type ListReceivedLicensesOutput struct {
	// Licenses is one page of the list.
	Licenses []GrantedLicense

	// NextToken is the NextToken of the input for the next page, or empty on
	// the last one.
	NextToken string

	awstokens.Result
}

// Validate checks what the documentation promises of the output.
func (out *ListReceivedLicensesOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	for i := range out.Licenses {
		c.Nested("Licenses", out.Licenses[i].validate(), i)
	}
	return c.Err("ListReceivedLicensesOutput")
}

var listReceivedLicenses = transport.Operation{Name: "ListReceivedLicenses", Auth: transport.Signed, Repeatable: true}

// ListReceivedLicenses returns a page of the licenses that were granted to the
// account. ReceivedLicenses walks all pages. An account that has never set up
// License Manager gets an error whose message has "Service role not found".
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, RateLimitExceededException,
// ResourceLimitExceededException, ServerInternalException and
// ValidationException.
func (c *Client) ListReceivedLicenses(ctx context.Context, in *ListReceivedLicensesInput) (*ListReceivedLicensesOutput, error) {
	return transport.Call[ListReceivedLicensesOutput](ctx, c.transport, &listReceivedLicenses, in)
}

// ReceivedLicenses iterates over what ListReceivedLicenses lists, as Tokens
// does over tokens.
func (c *Client) ReceivedLicenses(ctx context.Context, in *ListReceivedLicensesInput) iter.Seq2[GrantedLicense, error] {
	return transport.Pages(in, func(in *ListReceivedLicensesInput) *string { return &in.NextToken }, func(page *ListReceivedLicensesInput) ([]GrantedLicense, string, error) {
		out, err := c.ListReceivedLicenses(ctx, page)
		if err != nil {
			return nil, "", err
		}
		return out.Licenses, out.NextToken, nil
	})
}

func arns(c *constraint.Checker, member string, list []string) {
	for i, arn := range list {
		c.ARN(member, arn, i)
	}
}

func pageSize(c *constraint.Checker, maxResults int32) {
	c.Range("MaxResults", int64(maxResults), 1, 100)
}

func licenses(c *constraint.Checker, list []License) {
	for i := range list {
		c.Nested("Licenses", list[i].validate(), i)
	}
}
