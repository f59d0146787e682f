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

// TokenType is the kind of a token that CreateToken returns.
type TokenType string

// The token types that the API documents.
const (
	TokenTypeRefreshToken TokenType = "REFRESH_TOKEN"
)

// Values returns the documented values.
func (TokenType) Values() []TokenType { return []TokenType{TokenTypeRefreshToken} }

// CreateTokenInput is the input of [Client.CreateToken].
type CreateTokenInput struct {
	// ClientToken makes the call idempotent: a call with the same value within
	// 10 minutes returns the token that the first one created. Later, it creates
	// another one. What the service does with the same value and other parameters
	// is not published (awstokenstest responds with ValidationException): use
	// another value for another token. At most 60 characters, no white space; a
	// hexadecimal SHA-256 has 64 and is too long. See [NewClientToken]. Required.
	ClientToken string

	// LicenseArn is the ARN of the license, which becomes the aud claim of the
	// token. At most 2048 characters, in one of the partitions aws, aws-cn,
	// aws-us-gov, aws-iso-b, aws-iso-c and aws-iso-d. Required.
	LicenseArn string

	// ExpirationInDays is the life of the token in days. Nil means the service's
	// default of one year. AWS publishes no range, and Validate checks none
	// (awstokenstest accepts positive numbers, up to the year 9999).
	ExpirationInDays *int32 `json:",omitzero"`

	// RoleArns are the IAM roles that the token embeds: the holder of the token
	// can get credentials of them. Each has the limits of LicenseArn.
	RoleArns []string `json:",omitzero"`

	// TokenProperties become the amr claim of the token. At most 3.
	TokenProperties []string `json:",omitzero"`
}

// Validate checks the limits on the API's CreateToken page. Those of ClientToken
// and of the ARNs are narrower than for other operations.
func (in *CreateTokenInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredClientToken(in.ClientToken, 60)
	c.RequiredStrictARN("LicenseArn", in.LicenseArn)
	for i, arn := range in.RoleArns {
		c.StrictARN("RoleArns", arn, i)
	}
	c.MaxItems("TokenProperties", len(in.TokenProperties), 3)
	return c.Err("CreateTokenInput")
}

// CreateTokenOutput is the output of [Client.CreateToken].
type CreateTokenOutput struct {
	// Token is the refresh token, a JWT. The service returns it only once.
	Token awstokens.Secret `wire:"required"`

	TokenId   string    // identifies the token in ListTokens and DeleteToken
	TokenType TokenType // REFRESH_TOKEN

	awstokens.Result
}

var createToken = transport.Operation[CreateTokenInput, CreateTokenOutput]{Name: "CreateToken", Idempotent: true}

// CreateToken creates a refresh token for a license. Call it in the license's home
// Region. After a failure, make the call again with the same ClientToken: within 10
// minutes of the first call, the service creates no second token. Later it does; the
// package documentation says how to create a token once.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// RateLimitExceededException, RedirectException,
// ResourceLimitExceededException, ResourceNotFoundException,
// ServerInternalException and ValidationException.
func (c *Client) CreateToken(ctx context.Context, in *CreateTokenInput) (*CreateTokenOutput, error) {
	return createToken.Call(ctx, c.transport, in)
}

// GetAccessTokenInput is the input of [Client.GetAccessToken].
type GetAccessTokenInput struct {
	// Token is the refresh token from CreateToken. At most 4096 characters, no
	// white space. Required.
	Token awstokens.Secret

	// TokenProperties are compared with those in the refresh token, by the
	// service. AWS does not publish whether the refresh token must have all of
	// them or one (awstokenstest requires all). At most 3.
	TokenProperties []string `json:",omitzero"`
}

// Validate checks the documented limits.
func (in *GetAccessTokenInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredToken("Token", in.Token)
	c.MaxItems("TokenProperties", len(in.TokenProperties), 3)
	return c.Err("GetAccessTokenInput")
}

// GetAccessTokenOutput is the output of [Client.GetAccessToken].
type GetAccessTokenOutput struct {
	// AccessToken is a JWT that is valid for one hour. It is the
	// WebIdentityToken of STS AssumeRoleWithWebIdentity.
	AccessToken awstokens.Secret `wire:"required"`

	awstokens.Result
}

var getAccessToken = transport.Operation[GetAccessTokenInput, GetAccessTokenOutput]{Name: "GetAccessToken", Auth: transport.Optional, Idempotent: true}

// GetAccessToken exchanges a refresh token for an access token that is valid
// for one hour. It is signed if the client has credentials, but needs none: the
// holder of a refresh token needs no AWS account.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// RateLimitExceededException, ServerInternalException and ValidationException.
func (c *Client) GetAccessToken(ctx context.Context, in *GetAccessTokenInput) (*GetAccessTokenOutput, error) {
	return getAccessToken.Call(ctx, c.transport, in)
}

// Filter limits what a list operation returns.
type Filter struct {
	Name   string   `json:",omitzero"` // each list operation documents its names
	Values []string `json:",omitzero"` // the value to match; the service takes exactly one
}

// ListTokensInput is the input of [Client.ListTokens].
type ListTokensInput struct {
	TokenIds   []string `json:",omitzero"` // limits the list to these tokens
	Filters    []Filter `json:",omitzero"` // limits the list; the only documented name is LicenseArns, with the ARN of a license as its value
	NextToken  string   `json:",omitzero"` // that of the previous page; empty means the first page
	MaxResults int32    `json:",omitzero"` // the most tokens in a page, 1 to 100; zero means the service's default
}

// Validate checks the documented limits.
func (in *ListTokensInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.PageSize("MaxResults", in.MaxResults)
	return c.Err("ListTokensInput")
}

// TokenData describes a refresh token. The token itself is not in it.
type TokenData struct {
	ExpirationTime  string   `json:",omitzero"` // Expires returns it as a time
	LicenseArn      string   `json:",omitzero"`
	RoleArns        []string `json:",omitzero"`
	Status          string   `json:",omitzero"` // AVAILABLE or DELETED
	TokenId         string   `json:",omitzero"`
	TokenProperties []string `json:",omitzero"`
	TokenType       string   `json:",omitzero"` // REFRESH_TOKEN
}

// Expires returns ExpirationTime as a time. A date without a zone is in
// UTC.
func (t TokenData) Expires() (time.Time, error) { return timestamp.Parse(t.ExpirationTime) }

// ListTokensOutput is the output of [Client.ListTokens].
type ListTokensOutput struct {
	Tokens    []TokenData // one page of the list
	NextToken string      // for the input of the next page; empty on the last page

	awstokens.Result
}

var listTokens = transport.Operation[ListTokensInput, ListTokensOutput]{Name: "ListTokens", Idempotent: true}

// ListTokens returns a page of the account's tokens. [Client.Tokens] iterates over
// all pages.
//
// Its exceptions are those of [Client.GetAccessToken].
func (c *Client) ListTokens(ctx context.Context, in *ListTokensInput) (*ListTokensOutput, error) {
	return listTokens.Call(ctx, c.transport, in)
}

// Tokens iterates over the tokens that [Client.ListTokens] lists, from the page
// of in.NextToken on. It requests a page when it gets there. It ends after an
// error, which comes with a zero TokenData, and when the service returns a
// NextToken for a second time. It does not change the input; nil means an empty
// one.
func (c *Client) Tokens(ctx context.Context, in *ListTokensInput) iter.Seq2[TokenData, error] {
	return transport.Pages(ctx, c.ListTokens, in, func(in *ListTokensInput, out *ListTokensOutput) ([]TokenData, *string, string) {
		return out.Tokens, &in.NextToken, out.NextToken
	})
}

// DeleteTokenInput is the input of [Client.DeleteToken].
type DeleteTokenInput struct {
	TokenId string // the ID from CreateToken or ListTokens. Required.
}

// Validate checks that TokenId is there.
func (in *DeleteTokenInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredString("TokenId", in.TokenId)
	return c.Err("DeleteTokenInput")
}

// DeleteTokenOutput is the output of [Client.DeleteToken], which has no members.
type DeleteTokenOutput struct {
	awstokens.Result
}

var deleteToken = transport.Operation[DeleteTokenInput, DeleteTokenOutput]{Name: "DeleteToken", Idempotent: true}

// DeleteToken deletes a token. Call it in the license's home Region. If a response
// is lost, the retry does not find the token any more: a
// ResourceNotFoundException for which [awstokens.MayHaveProcessed] is true means
// that the token is deleted.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// RateLimitExceededException, RedirectException, ResourceNotFoundException,
// ServerInternalException and ValidationException.
func (c *Client) DeleteToken(ctx context.Context, in *DeleteTokenInput) (*DeleteTokenOutput, error) {
	return deleteToken.Call(ctx, c.transport, in)
}
