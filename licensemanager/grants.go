package licensemanager

import (
	"context"
	"iter"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// GrantStatus is the state of a grant. A grant that was accepted is DISABLED
// until CreateGrantVersion makes it ACTIVE.
type GrantStatus string

// The grant states that the API documents.
const (
	GrantStatusPendingWorkflow   GrantStatus = "PENDING_WORKFLOW"
	GrantStatusPendingAccept     GrantStatus = "PENDING_ACCEPT"
	GrantStatusRejected          GrantStatus = "REJECTED"
	GrantStatusActive            GrantStatus = "ACTIVE"
	GrantStatusFailedWorkflow    GrantStatus = "FAILED_WORKFLOW"
	GrantStatusDeleted           GrantStatus = "DELETED"
	GrantStatusPendingDelete     GrantStatus = "PENDING_DELETE"
	GrantStatusDisabled          GrantStatus = "DISABLED"
	GrantStatusWorkflowCompleted GrantStatus = "WORKFLOW_COMPLETED"
)

var grantStatuses = []GrantStatus{
	GrantStatusPendingWorkflow,
	GrantStatusPendingAccept,
	GrantStatusRejected,
	GrantStatusActive,
	GrantStatusFailedWorkflow,
	GrantStatusDeleted,
	GrantStatusPendingDelete,
	GrantStatusDisabled,
	GrantStatusWorkflowCompleted,
}

// AllowedOperation is what a grant permits.
type AllowedOperation string

// The operations that a grant can permit. The API spells the operation
// ExtendLicenseConsumption differently here.
const (
	AllowedOperationCreateGrant              AllowedOperation = "CreateGrant"
	AllowedOperationCheckoutLicense          AllowedOperation = "CheckoutLicense"
	AllowedOperationCheckoutBorrowLicense    AllowedOperation = "CheckoutBorrowLicense"
	AllowedOperationCheckInLicense           AllowedOperation = "CheckInLicense"
	AllowedOperationExtendConsumptionLicense AllowedOperation = "ExtendConsumptionLicense"
	AllowedOperationListPurchasedLicenses    AllowedOperation = "ListPurchasedLicenses"
	AllowedOperationCreateToken              AllowedOperation = "CreateToken"
)

var allowedOperations = []AllowedOperation{
	AllowedOperationCreateGrant,
	AllowedOperationCheckoutLicense,
	AllowedOperationCheckoutBorrowLicense,
	AllowedOperationCheckInLicense,
	AllowedOperationExtendConsumptionLicense,
	AllowedOperationListPurchasedLicenses,
	AllowedOperationCreateToken,
}

// allowed is the shape AllowedOperationList.
func allowed(c *constraint.Checker, member string, list []AllowedOperation) {
	c.MaxItems(member, len(list), 8)
	for i, operation := range list {
		constraint.Enum(c, member, operation, allowedOperations, i)
	}
}

// ActivationOverrideBehavior says which other grants an activation replaces.
type ActivationOverrideBehavior string

// The behaviours that the API documents.
const (
	ActivationOverrideBehaviorDistributedGrantsOnly      ActivationOverrideBehavior = "DISTRIBUTED_GRANTS_ONLY"
	ActivationOverrideBehaviorAllGrantsPermittedByIssuer ActivationOverrideBehavior = "ALL_GRANTS_PERMITTED_BY_ISSUER"
)

var activationOverrideBehaviors = []ActivationOverrideBehavior{
	ActivationOverrideBehaviorDistributedGrantsOnly,
	ActivationOverrideBehaviorAllGrantsPermittedByIssuer,
}

// Options are the options of a grant.
type Options struct {
	ActivationOverrideBehavior ActivationOverrideBehavior `json:",omitempty"`
}

func (o *Options) validate() error {
	var c constraint.Checker
	if o != nil {
		constraint.Enum(&c, "ActivationOverrideBehavior", o.ActivationOverrideBehavior, activationOverrideBehaviors)
	}
	return c.Err("Options")
}

// Grant is a grant of a license.
type Grant struct {
	GrantArn            string
	GrantName           string
	GrantStatus         GrantStatus
	GrantedOperations   []AllowedOperation // 1 to 8
	GranteePrincipalArn string
	HomeRegion          string
	LicenseArn          string
	Options             *Options `json:",omitempty"`
	ParentArn           string
	StatusReason        string `json:",omitempty"` // at most 400 characters
	Version             string
}

func (g *Grant) validate() error {
	var c constraint.Checker
	if g == nil {
		return nil
	}
	c.Required("GrantArn", g.GrantArn != "")
	c.ARN("GrantArn", g.GrantArn)
	c.Required("GrantName", g.GrantName != "")
	c.Required("GrantStatus", g.GrantStatus != "")
	constraint.Enum(&c, "GrantStatus", g.GrantStatus, grantStatuses)
	c.Required("GrantedOperations", len(g.GrantedOperations) > 0)
	allowed(&c, "GrantedOperations", g.GrantedOperations)
	c.Required("GranteePrincipalArn", g.GranteePrincipalArn != "")
	c.ARN("GranteePrincipalArn", g.GranteePrincipalArn)
	c.Required("HomeRegion", g.HomeRegion != "")
	c.Required("LicenseArn", g.LicenseArn != "")
	c.ARN("LicenseArn", g.LicenseArn)
	c.Nested("Options", g.Options.validate())
	c.Required("ParentArn", g.ParentArn != "")
	c.ARN("ParentArn", g.ParentArn)
	c.MaxLength("StatusReason", g.StatusReason, 400)
	c.Required("Version", g.Version != "")
	return c.Err("Grant")
}

// CreateGrantInput is the input of CreateGrant.
type CreateGrantInput struct {
	// AllowedOperations are what the grant permits, 1 to 8. Required.
	AllowedOperations []AllowedOperation `json:",omitempty"`

	// ClientToken makes the call idempotent. At most 2048 characters, none of
	// them white space. Required; NewClientToken makes one.
	ClientToken string

	// GrantName is the grant's name. Required.
	GrantName string

	// HomeRegion is the license's home Region. Required.
	HomeRegion string

	// LicenseArn is the license. At most 2048 characters, an ARN. Required.
	LicenseArn string

	// Principals is who gets the license: exactly one ARN of at most 2048
	// characters. Required.
	Principals []string `json:",omitempty"`

	// Tags of the grant.
	Tags []Tag `json:",omitempty"`
}

// Validate checks the input against the API's documented limits. It reports
// all violations in one smithy.InvalidParamsError.
func (in *CreateGrantInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("AllowedOperations", len(in.AllowedOperations) > 0)
	allowed(&c, "AllowedOperations", in.AllowedOperations)
	clientToken(&c, in.ClientToken)
	c.Required("GrantName", in.GrantName != "")
	c.Required("HomeRegion", in.HomeRegion != "")
	c.Required("LicenseArn", in.LicenseArn != "")
	c.ARN("LicenseArn", in.LicenseArn)
	c.Required("Principals", len(in.Principals) > 0)
	c.MaxItems("Principals", len(in.Principals), 1)
	arns(&c, "Principals", in.Principals)
	return c.Err("CreateGrantInput")
}

// CreateGrantOutput is the output of CreateGrant.
type CreateGrantOutput struct {
	GrantArn string
	Status   GrantStatus
	Version  string

	awstokens.Result
}

// Validate checks what the documentation promises of the output.
func (out *CreateGrantOutput) Validate() error {
	out = constraint.OrEmpty(out)
	return checkGrant("CreateGrantOutput", out.GrantArn, out.Status)
}

var createGrant = transport.Operation{Name: "CreateGrant", Auth: transport.Signed, Repeatable: true}

// CreateGrant gives a license to a principal, which has to accept it.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, RateLimitExceededException,
// ResourceLimitExceededException, ServerInternalException and
// ValidationException.
func (c *Client) CreateGrant(ctx context.Context, in *CreateGrantInput) (*CreateGrantOutput, error) {
	return transport.Call[CreateGrantOutput](ctx, c.transport, &createGrant, in)
}

// CreateGrantVersionInput is the input of CreateGrantVersion.
type CreateGrantVersionInput struct {
	// AllowedOperations are what the grant permits, 1 to 8; nil leaves them.
	AllowedOperations []AllowedOperation `json:",omitempty"`

	// ClientToken makes the call idempotent. At most 2048 characters, none of
	// them white space. Required; NewClientToken makes one.
	ClientToken string

	// GrantArn is the grant. At most 2048 characters, an ARN. Required.
	GrantArn string

	// GrantName is the grant's name; empty leaves it.
	GrantName string `json:",omitempty"`

	// Options of the grant.
	Options *Options `json:",omitempty"`

	// SourceVersion is the grant's current version.
	SourceVersion string `json:",omitempty"`

	// Status of the grant: GrantStatusActive activates it.
	Status GrantStatus `json:",omitempty"`

	// StatusReason says why. At most 400 characters.
	StatusReason string `json:",omitempty"`
}

// Validate checks the input against the API's documented limits. It reports
// all violations in one smithy.InvalidParamsError.
func (in *CreateGrantVersionInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	allowed(&c, "AllowedOperations", in.AllowedOperations)
	clientToken(&c, in.ClientToken)
	c.Required("GrantArn", in.GrantArn != "")
	c.ARN("GrantArn", in.GrantArn)
	c.Nested("Options", in.Options.validate())
	constraint.Enum(&c, "Status", in.Status, grantStatuses)
	c.MaxLength("StatusReason", in.StatusReason, 400)
	return c.Err("CreateGrantVersionInput")
}

// CreateGrantVersionOutput is the output of CreateGrantVersion.
type CreateGrantVersionOutput struct {
	GrantArn string
	Status   GrantStatus
	Version  string

	awstokens.Result
}

// Validate checks what the documentation promises of the output.
func (out *CreateGrantVersionOutput) Validate() error {
	out = constraint.OrEmpty(out)
	return checkGrant("CreateGrantVersionOutput", out.GrantArn, out.Status)
}

var createGrantVersion = transport.Operation{Name: "CreateGrantVersion", Auth: transport.Signed, Repeatable: true}

// CreateGrantVersion changes a grant by giving it a new version; with the
// status ACTIVE, the grantee activates what it accepted.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, RateLimitExceededException,
// ResourceLimitExceededException, ServerInternalException and
// ValidationException.
func (c *Client) CreateGrantVersion(ctx context.Context, in *CreateGrantVersionInput) (*CreateGrantVersionOutput, error) {
	return transport.Call[CreateGrantVersionOutput](ctx, c.transport, &createGrantVersion, in)
}

// AcceptGrantInput is the input of AcceptGrant.
type AcceptGrantInput struct {
	// GrantArn is the grant. At most 2048 characters, an ARN. Required.
	GrantArn string
}

// Validate checks the input against the API's documented limits. It reports
// all violations in one smithy.InvalidParamsError.
func (in *AcceptGrantInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("GrantArn", in.GrantArn != "")
	c.ARN("GrantArn", in.GrantArn)
	return c.Err("AcceptGrantInput")
}

// AcceptGrantOutput is the output of AcceptGrant.
type AcceptGrantOutput struct {
	GrantArn string
	Status   GrantStatus
	Version  string

	awstokens.Result
}

// Validate checks what the documentation promises of the output.
func (out *AcceptGrantOutput) Validate() error {
	out = constraint.OrEmpty(out)
	return checkGrant("AcceptGrantOutput", out.GrantArn, out.Status)
}

var acceptGrant = transport.Operation{Name: "AcceptGrant", Auth: transport.Signed, Repeatable: true}

// AcceptGrant accepts a grant. It is then DISABLED, until CreateGrantVersion
// activates it.
//
// Its exceptions are those of CreateGrant.
func (c *Client) AcceptGrant(ctx context.Context, in *AcceptGrantInput) (*AcceptGrantOutput, error) {
	return transport.Call[AcceptGrantOutput](ctx, c.transport, &acceptGrant, in)
}

// RejectGrantInput is the input of RejectGrant.
type RejectGrantInput struct {
	// GrantArn is the grant. At most 2048 characters, an ARN. Required.
	GrantArn string
}

// Validate checks the input against the API's documented limits. It reports
// all violations in one smithy.InvalidParamsError.
func (in *RejectGrantInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("GrantArn", in.GrantArn != "")
	c.ARN("GrantArn", in.GrantArn)
	return c.Err("RejectGrantInput")
}

// RejectGrantOutput is the output of RejectGrant.
type RejectGrantOutput struct {
	GrantArn string
	Status   GrantStatus
	Version  string

	awstokens.Result
}

// Validate checks what the documentation promises of the output.
func (out *RejectGrantOutput) Validate() error {
	out = constraint.OrEmpty(out)
	return checkGrant("RejectGrantOutput", out.GrantArn, out.Status)
}

var rejectGrant = transport.Operation{Name: "RejectGrant", Auth: transport.Signed, Repeatable: true}

// RejectGrant rejects a grant.
//
// Its exceptions are those of CreateGrant.
func (c *Client) RejectGrant(ctx context.Context, in *RejectGrantInput) (*RejectGrantOutput, error) {
	return transport.Call[RejectGrantOutput](ctx, c.transport, &rejectGrant, in)
}

// DeleteGrantInput is the input of DeleteGrant.
type DeleteGrantInput struct {
	// GrantArn is the grant. At most 2048 characters, an ARN. Required.
	GrantArn string

	// StatusReason says why. At most 400 characters.
	StatusReason string `json:",omitempty"`

	// Version is the grant's current version. Required.
	Version string
}

// Validate checks the input against the API's documented limits. It reports
// all violations in one smithy.InvalidParamsError.
func (in *DeleteGrantInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("GrantArn", in.GrantArn != "")
	c.ARN("GrantArn", in.GrantArn)
	c.MaxLength("StatusReason", in.StatusReason, 400)
	c.Required("Version", in.Version != "")
	return c.Err("DeleteGrantInput")
}

// DeleteGrantOutput is the output of DeleteGrant.
type DeleteGrantOutput struct {
	GrantArn string
	Status   GrantStatus
	Version  string

	awstokens.Result
}

// Validate checks what the documentation promises of the output.
func (out *DeleteGrantOutput) Validate() error {
	out = constraint.OrEmpty(out)
	return checkGrant("DeleteGrantOutput", out.GrantArn, out.Status)
}

var deleteGrant = transport.Operation{Name: "DeleteGrant", Auth: transport.Signed, Repeatable: true}

// DeleteGrant deletes a grant.
//
// Its exceptions are those of CreateGrant.
func (c *Client) DeleteGrant(ctx context.Context, in *DeleteGrantInput) (*DeleteGrantOutput, error) {
	return transport.Call[DeleteGrantOutput](ctx, c.transport, &deleteGrant, in)
}

// checkGrant is what the documentation promises of an operation that changes
// a grant.
func checkGrant(typeName, arn string, status GrantStatus) error {
	var c constraint.Checker
	c.ARN("GrantArn", arn)
	constraint.Enum(&c, "Status", status, grantStatuses)
	return c.Err(typeName)
}

// GetGrantInput is the input of GetGrant.
type GetGrantInput struct {
	// GrantArn is the grant. At most 2048 characters, an ARN. Required.
	GrantArn string

	// Version of the grant; empty means the current one.
	Version string `json:",omitempty"`
}

// Validate checks the input against the API's documented limits. It reports
// all violations in one smithy.InvalidParamsError.
func (in *GetGrantInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("GrantArn", in.GrantArn != "")
	c.ARN("GrantArn", in.GrantArn)
	return c.Err("GetGrantInput")
}

// GetGrantOutput is the output of GetGrant.
type GetGrantOutput struct {
	Grant *Grant

	awstokens.Result
}

// Validate checks what the documentation promises of the output.
func (out *GetGrantOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	c.Nested("Grant", out.Grant.validate())
	return c.Err("GetGrantOutput")
}

var getGrant = transport.Operation{
	Name: "GetGrant", Auth: transport.Signed, Repeatable: true,
	Missing: func(out any) string {
		if out.(*GetGrantOutput).Grant == nil {
			return "Grant"
		}
		return ""
	},
}

// GetGrant describes a grant.
//
// Its exceptions are those of CreateGrant.
func (c *Client) GetGrant(ctx context.Context, in *GetGrantInput) (*GetGrantOutput, error) {
	return transport.Call[GetGrantOutput](ctx, c.transport, &getGrant, in)
}

// ListDistributedGrantsInput is the input of ListDistributedGrants.
type ListDistributedGrantsInput struct {
	// Filters limits the list; the documented names are LicenseArn,
	// GrantStatus, GranteePrincipalARN, ProductSKU and LicenseIssuerName.
	Filters []Filter `json:",omitempty"`

	// GrantArns limits the list to these grants, each at most 2048 characters,
	// an ARN.
	GrantArns []string `json:",omitempty"`

	// MaxResults is the most grants of a page, 1 to 100. Zero leaves it to the
	// service.
	MaxResults int32 `json:",omitempty"`

	// NextToken continues a list where the last page ended.
	NextToken string `json:",omitempty"`
}

// Validate checks the input against the API's documented limits. It reports
// all violations in one smithy.InvalidParamsError.
func (in *ListDistributedGrantsInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	arns(&c, "GrantArns", in.GrantArns)
	pageSize(&c, in.MaxResults)
	return c.Err("ListDistributedGrantsInput")
}

// ListDistributedGrantsOutput is the output of ListDistributedGrants.
type ListDistributedGrantsOutput struct {
	// Grants is one page of the list.
	Grants []Grant

	// NextToken is the NextToken of the input for the next page, or empty on
	// the last one.
	NextToken string

	awstokens.Result
}

// Validate checks what the documentation promises of the output.
func (out *ListDistributedGrantsOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	grants(&c, out.Grants)
	return c.Err("ListDistributedGrantsOutput")
}

var listDistributedGrants = transport.Operation{Name: "ListDistributedGrants", Auth: transport.Signed, Repeatable: true}

// ListDistributedGrants returns a page of the grants that the account made.
// DistributedGrants walks all pages.
//
// Its exceptions are those of CreateGrant.
func (c *Client) ListDistributedGrants(ctx context.Context, in *ListDistributedGrantsInput) (*ListDistributedGrantsOutput, error) {
	return transport.Call[ListDistributedGrantsOutput](ctx, c.transport, &listDistributedGrants, in)
}

// DistributedGrants iterates over what ListDistributedGrants lists, as Tokens does over
// tokens.
func (c *Client) DistributedGrants(ctx context.Context, in *ListDistributedGrantsInput) iter.Seq2[Grant, error] {
	return transport.Pages(in, func(in *ListDistributedGrantsInput) *string { return &in.NextToken }, func(page *ListDistributedGrantsInput) ([]Grant, string, error) {
		out, err := c.ListDistributedGrants(ctx, page)
		if err != nil {
			return nil, "", err
		}
		return out.Grants, out.NextToken, nil
	})
}

// ListReceivedGrantsInput is the input of ListReceivedGrants.
type ListReceivedGrantsInput struct {
	// Filters limits the list; the documented names are ProductSKU,
	// LicenseIssuerName, LicenseArn and GrantStatus.
	Filters []Filter `json:",omitempty"`

	// GrantArns limits the list to these grants, each at most 2048 characters,
	// an ARN.
	GrantArns []string `json:",omitempty"`

	// MaxResults is the most grants of a page, 1 to 100. Zero leaves it to the
	// service.
	MaxResults int32 `json:",omitempty"`

	// NextToken continues a list where the last page ended.
	NextToken string `json:",omitempty"`
}

// Validate checks the input against the API's documented limits. It reports
// all violations in one smithy.InvalidParamsError.
func (in *ListReceivedGrantsInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	arns(&c, "GrantArns", in.GrantArns)
	pageSize(&c, in.MaxResults)
	return c.Err("ListReceivedGrantsInput")
}

// ListReceivedGrantsOutput is the output of ListReceivedGrants.
type ListReceivedGrantsOutput struct {
	// Grants is one page of the list.
	Grants []Grant

	// NextToken is the NextToken of the input for the next page, or empty on
	// the last one.
	NextToken string

	awstokens.Result
}

// Validate checks what the documentation promises of the output.
func (out *ListReceivedGrantsOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	grants(&c, out.Grants)
	return c.Err("ListReceivedGrantsOutput")
}

var listReceivedGrants = transport.Operation{Name: "ListReceivedGrants", Auth: transport.Signed, Repeatable: true}

// ListReceivedGrants returns a page of the grants that the account got.
// ReceivedGrants walks all pages.
//
// Its exceptions are those of CreateGrant.
func (c *Client) ListReceivedGrants(ctx context.Context, in *ListReceivedGrantsInput) (*ListReceivedGrantsOutput, error) {
	return transport.Call[ListReceivedGrantsOutput](ctx, c.transport, &listReceivedGrants, in)
}

// ReceivedGrants iterates over what ListReceivedGrants lists, as Tokens does over
// tokens.
func (c *Client) ReceivedGrants(ctx context.Context, in *ListReceivedGrantsInput) iter.Seq2[Grant, error] {
	return transport.Pages(in, func(in *ListReceivedGrantsInput) *string { return &in.NextToken }, func(page *ListReceivedGrantsInput) ([]Grant, string, error) {
		out, err := c.ListReceivedGrants(ctx, page)
		if err != nil {
			return nil, "", err
		}
		return out.Grants, out.NextToken, nil
	})
}

func grants(c *constraint.Checker, list []Grant) {
	for i := range list {
		c.Nested("Grants", list[i].validate(), i)
	}
}
