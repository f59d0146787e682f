package licensemanager

import (
	"context"
	"iter"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// CreateGrantInput is the input of [Client.CreateGrant].
type CreateGrantInput struct {
	AllowedOperations []AllowedOperation `json:",omitzero"` // what the grant permits, 1 to 8. Required.
	ClientToken       string             // makes the call idempotent: at most 2048 characters, no white space; see [NewClientToken]. Required.
	GrantName         string             // the grant's name. Required.
	HomeRegion        string             // the license's home Region. Required.
	LicenseArn        string             // ARN of the license. Required.

	// Principals is whom the license is granted to: exactly one ARN. Required.
	Principals []string `json:",omitzero"`

	Tags []Tag `json:",omitzero"` // tags of the grant
}

// Validate checks the documented limits.
func (in *CreateGrantInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("AllowedOperations", in.AllowedOperations != nil)
	checkOperations(&c, in.AllowedOperations)
	c.RequiredClientToken(in.ClientToken, 2048)
	c.RequiredString("GrantName", in.GrantName)
	c.RequiredString("HomeRegion", in.HomeRegion)
	c.RequiredARN("LicenseArn", in.LicenseArn)
	c.Required("Principals", in.Principals != nil)
	constraint.MinItems(&c, "Principals", in.Principals, 1)
	c.MaxItems("Principals", len(in.Principals), 1)
	c.ARNs("Principals", in.Principals)
	return c.Err("CreateGrantInput")
}

// CreateGrantOutput is the output of [Client.CreateGrant].
type CreateGrantOutput struct {
	GrantArn string
	Status   GrantStatus
	Version  string

	awstokens.Result
}

var createGrant = transport.Operation[CreateGrantInput, CreateGrantOutput]{Name: "CreateGrant", Idempotent: true}

// CreateGrant grants a license to a principal, who has to accept the grant.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// InvalidParameterValueException, RateLimitExceededException,
// ResourceLimitExceededException, ServerInternalException and
// ValidationException.
func (c *Client) CreateGrant(ctx context.Context, in *CreateGrantInput) (*CreateGrantOutput, error) {
	return createGrant.Call(ctx, c.transport, in)
}

// CreateGrantVersionInput is the input of [Client.CreateGrantVersion].
type CreateGrantVersionInput struct {
	// AllowedOperations are what the grant permits, 1 to 8; nil means no change.
	AllowedOperations []AllowedOperation `json:",omitzero"`

	ClientToken string // makes the call idempotent: at most 2048 characters, no white space; see [NewClientToken]. Required.
	GrantArn    string // ARN of the grant. Required.

	GrantName     string        `json:",omitzero"` // the grant's name; empty means no change
	Options       *GrantOptions `json:",omitzero"` // options of the grant
	SourceVersion string        `json:",omitzero"` // the grant's current version
	Status        GrantStatus   `json:",omitzero"` // status of the grant; GrantStatusActive activates it
	StatusReason  string        `json:",omitzero"` // the reason for the status, at most 400 characters
}

// Validate checks the documented limits.
func (in *CreateGrantVersionInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	checkOperations(&c, in.AllowedOperations)
	c.RequiredClientToken(in.ClientToken, 2048)
	c.RequiredARN("GrantArn", in.GrantArn)
	c.Nested("Options", in.Options.validate())
	constraint.Enum(&c, "Status", in.Status, grantStatuses)
	c.MaxLength("StatusReason", in.StatusReason, 400)
	return c.Err("CreateGrantVersionInput")
}

// CreateGrantVersionOutput is the output of [Client.CreateGrantVersion].
type CreateGrantVersionOutput struct {
	GrantArn string
	Status   GrantStatus
	Version  string

	awstokens.Result
}

var createGrantVersion = transport.Operation[CreateGrantVersionInput, CreateGrantVersionOutput]{Name: "CreateGrantVersion", Idempotent: true}

// CreateGrantVersion changes a grant: it creates a new version. With
// GrantStatusActive, a grantee activates a grant that it has accepted.
//
// Its exceptions are those of [Client.CreateGrant].
func (c *Client) CreateGrantVersion(ctx context.Context, in *CreateGrantVersionInput) (*CreateGrantVersionOutput, error) {
	return createGrantVersion.Call(ctx, c.transport, in)
}

// AcceptGrantInput is the input of [Client.AcceptGrant].
type AcceptGrantInput struct {
	GrantArn string // ARN of the grant. Required.
}

// Validate checks the documented limits.
func (in *AcceptGrantInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredARN("GrantArn", in.GrantArn)
	return c.Err("AcceptGrantInput")
}

// AcceptGrantOutput is the output of [Client.AcceptGrant].
type AcceptGrantOutput struct {
	GrantArn string
	Status   GrantStatus
	Version  string

	awstokens.Result
}

var acceptGrant = transport.Operation[AcceptGrantInput, AcceptGrantOutput]{Name: "AcceptGrant", Idempotent: true}

// AcceptGrant accepts a grant. It is DISABLED until [Client.CreateGrantVersion]
// activates it.
//
// Its exceptions are those of [Client.CreateGrant].
func (c *Client) AcceptGrant(ctx context.Context, in *AcceptGrantInput) (*AcceptGrantOutput, error) {
	return acceptGrant.Call(ctx, c.transport, in)
}

// RejectGrantInput is the input of [Client.RejectGrant].
type RejectGrantInput struct {
	GrantArn string // ARN of the grant. Required.
}

// Validate checks the documented limits.
func (in *RejectGrantInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredARN("GrantArn", in.GrantArn)
	return c.Err("RejectGrantInput")
}

// RejectGrantOutput is the output of [Client.RejectGrant].
type RejectGrantOutput struct {
	GrantArn string
	Status   GrantStatus
	Version  string

	awstokens.Result
}

var rejectGrant = transport.Operation[RejectGrantInput, RejectGrantOutput]{Name: "RejectGrant", Idempotent: true}

// RejectGrant rejects a grant.
//
// Its exceptions are those of [Client.CreateGrant].
func (c *Client) RejectGrant(ctx context.Context, in *RejectGrantInput) (*RejectGrantOutput, error) {
	return rejectGrant.Call(ctx, c.transport, in)
}

// DeleteGrantInput is the input of [Client.DeleteGrant].
type DeleteGrantInput struct {
	GrantArn     string // ARN of the grant. Required.
	StatusReason string `json:",omitzero"` // the reason for the deletion, at most 400 characters
	Version      string // the grant's current version. Required.
}

// Validate checks the documented limits.
func (in *DeleteGrantInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredARN("GrantArn", in.GrantArn)
	c.MaxLength("StatusReason", in.StatusReason, 400)
	c.RequiredString("Version", in.Version)
	return c.Err("DeleteGrantInput")
}

// DeleteGrantOutput is the output of [Client.DeleteGrant].
type DeleteGrantOutput struct {
	GrantArn string
	Status   GrantStatus
	Version  string

	awstokens.Result
}

var deleteGrant = transport.Operation[DeleteGrantInput, DeleteGrantOutput]{Name: "DeleteGrant", Idempotent: true}

// DeleteGrant deletes a grant.
//
// Its exceptions are those of [Client.CreateGrant].
func (c *Client) DeleteGrant(ctx context.Context, in *DeleteGrantInput) (*DeleteGrantOutput, error) {
	return deleteGrant.Call(ctx, c.transport, in)
}

// GetGrantInput is the input of [Client.GetGrant].
type GetGrantInput struct {
	GrantArn string // ARN of the grant. Required.
	Version  string `json:",omitzero"` // version of the grant; empty means the current one
}

// Validate checks the documented limits.
func (in *GetGrantInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredARN("GrantArn", in.GrantArn)
	return c.Err("GetGrantInput")
}

// GetGrantOutput is the output of [Client.GetGrant].
type GetGrantOutput struct {
	Grant *Grant `wire:"required"`

	awstokens.Result
}

var getGrant = transport.Operation[GetGrantInput, GetGrantOutput]{Name: "GetGrant", Idempotent: true}

// GetGrant describes a grant.
//
// Its exceptions are those of [Client.CreateGrant].
func (c *Client) GetGrant(ctx context.Context, in *GetGrantInput) (*GetGrantOutput, error) {
	return getGrant.Call(ctx, c.transport, in)
}

// ListDistributedGrantsInput is the input of [Client.ListDistributedGrants].
type ListDistributedGrantsInput struct {
	// Filters limits the list; the documented names are LicenseArn,
	// GrantStatus, GranteePrincipalARN, ProductSKU and LicenseIssuerName.
	Filters []Filter `json:",omitzero"`

	GrantArns  []string `json:",omitzero"` // limits the list to these grants, by ARN
	MaxResults int32    `json:",omitzero"` // the most grants in a page, 1 to 100; zero means the service's default
	NextToken  string   `json:",omitzero"` // that of the previous page; empty means the first page
}

// Validate checks the documented limits.
func (in *ListDistributedGrantsInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.ARNs("GrantArns", in.GrantArns)
	c.PageSize("MaxResults", in.MaxResults)
	return c.Err("ListDistributedGrantsInput")
}

// ListDistributedGrantsOutput is the output of [Client.ListDistributedGrants].
type ListDistributedGrantsOutput struct {
	Grants    []Grant // one page of the list
	NextToken string  // for the input of the next page; empty on the last page

	awstokens.Result
}

var listDistributedGrants = transport.Operation[ListDistributedGrantsInput, ListDistributedGrantsOutput]{Name: "ListDistributedGrants", Idempotent: true}

// ListDistributedGrants returns a page of the grants that the account created.
// [Client.DistributedGrants] iterates over all pages.
//
// Its exceptions are those of [Client.CreateGrant].
func (c *Client) ListDistributedGrants(ctx context.Context, in *ListDistributedGrantsInput) (*ListDistributedGrantsOutput, error) {
	return listDistributedGrants.Call(ctx, c.transport, in)
}

// DistributedGrants iterates over what [Client.ListDistributedGrants] lists, as [Client.Tokens] does.
func (c *Client) DistributedGrants(ctx context.Context, in *ListDistributedGrantsInput) iter.Seq2[Grant, error] {
	return transport.Pages(ctx, c.ListDistributedGrants, in, func(in *ListDistributedGrantsInput, out *ListDistributedGrantsOutput) ([]Grant, *string, string) {
		return out.Grants, &in.NextToken, out.NextToken
	})
}

// ListReceivedGrantsInput is the input of [Client.ListReceivedGrants].
type ListReceivedGrantsInput struct {
	// Filters limits the list; the documented names are ProductSKU,
	// LicenseIssuerName, LicenseArn and GrantStatus.
	Filters []Filter `json:",omitzero"`

	GrantArns  []string `json:",omitzero"` // limits the list to these grants, by ARN
	MaxResults int32    `json:",omitzero"` // the most grants in a page, 1 to 100; zero means the service's default
	NextToken  string   `json:",omitzero"` // that of the previous page; empty means the first page
}

// Validate checks the documented limits.
func (in *ListReceivedGrantsInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.ARNs("GrantArns", in.GrantArns)
	c.PageSize("MaxResults", in.MaxResults)
	return c.Err("ListReceivedGrantsInput")
}

// ListReceivedGrantsOutput is the output of [Client.ListReceivedGrants].
type ListReceivedGrantsOutput struct {
	Grants    []Grant // one page of the list
	NextToken string  // for the input of the next page; empty on the last page

	awstokens.Result
}

var listReceivedGrants = transport.Operation[ListReceivedGrantsInput, ListReceivedGrantsOutput]{Name: "ListReceivedGrants", Idempotent: true}

// ListReceivedGrants returns a page of the grants that the account received.
// [Client.ReceivedGrants] iterates over all pages.
//
// Its exceptions are those of [Client.CreateGrant].
func (c *Client) ListReceivedGrants(ctx context.Context, in *ListReceivedGrantsInput) (*ListReceivedGrantsOutput, error) {
	return listReceivedGrants.Call(ctx, c.transport, in)
}

// ReceivedGrants iterates over what [Client.ListReceivedGrants] lists, as [Client.Tokens] does.
func (c *Client) ReceivedGrants(ctx context.Context, in *ListReceivedGrantsInput) iter.Seq2[Grant, error] {
	return transport.Pages(ctx, c.ListReceivedGrants, in, func(in *ListReceivedGrantsInput, out *ListReceivedGrantsOutput) ([]Grant, *string, string) {
		return out.Grants, &in.NextToken, out.NextToken
	})
}
