package licensemanager

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/redact"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// TokenType is the kind of a token that CreateToken made.
type TokenType string

// The token types that the API documents.
const (
	TokenTypeRefreshToken TokenType = "REFRESH_TOKEN"
)

var tokenTypes = []TokenType{TokenTypeRefreshToken}

// CreateTokenInput is the input of CreateToken.
type CreateTokenInput struct {
	// ClientToken makes the call idempotent: repeated with the same value
	// within 10 minutes, it returns the token that the first call made. What
	// the service does with the same value and other parameters is not
	// published (the service of awstokenstest responds with ValidationException):
	// use another value for another token. At most 60 characters, none of them
	// white space; a hexadecimal SHA-256 has 64 and is too long. Required;
	// NewClientToken makes one.
	ClientToken string

	// LicenseArn is the license. The token has it as its aud claim. At most
	// 2048 characters, an ARN in one of the partitions aws, aws-cn,
	// aws-us-gov, aws-iso-b, aws-iso-c and aws-iso-d. Required.
	LicenseArn string

	// ExpirationInDays is the life of the token in days, counted from its
	// creation. Nil means the service's default of one year.
	ExpirationInDays *int32 `json:",omitempty"`

	// RoleArns are the IAM roles that the token embeds. License Manager can
	// then give out credentials for them. Each obeys the rules of LicenseArn.
	RoleArns []string `json:",omitempty"`

	// TokenProperties are data that the token has as its amr claim. At most 3.
	TokenProperties []string `json:",omitempty"`
}

// Validate checks the input against the limits on the API's CreateToken page,
// which are narrower than those of other operations for ClientToken and the
// ARNs. It reports all violations in one smithy.InvalidParamsError.
func (in *CreateTokenInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("ClientToken", in.ClientToken != "")
	c.MaxLength("ClientToken", in.ClientToken, 60)
	c.NoSpace("ClientToken", in.ClientToken)
	c.Required("LicenseArn", in.LicenseArn != "")
	c.StrictARN("LicenseArn", in.LicenseArn)
	for i, arn := range in.RoleArns {
		c.StrictARN("RoleArns", arn, i)
	}
	c.MaxItems("TokenProperties", len(in.TokenProperties), 3)
	return c.Err("CreateTokenInput")
}

// CreateTokenOutput is the output of CreateToken.
type CreateTokenOutput struct {
	// Token is the refresh token, a JWT. The service shows it this once.
	Token awstokens.Secret

	// TokenId names the token to ListTokens and DeleteToken.
	TokenId string

	// TokenType is REFRESH_TOKEN.
	TokenType TokenType

	awstokens.Result
}

// Validate checks what the documentation promises of the output: a Token of
// at most 4096 characters without white space, and a documented TokenType.
func (out *CreateTokenOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	c.Required("Token", out.Token != "")
	tokenString(&c, "Token", out.Token)
	constraint.Enum(&c, "TokenType", out.TokenType, tokenTypes)
	return c.Err("CreateTokenOutput")
}

// LogValue hides the token from slog.
func (out CreateTokenOutput) LogValue() slog.Value { return redact.LogValue(out) }

// Format hides the token from fmt.
func (out CreateTokenOutput) Format(f fmt.State, _ rune) { redact.Format(f, out) }

var createToken = transport.Operation{
	Name: "CreateToken", Auth: transport.Signed, Repeatable: true,
	Missing: func(out any) string { return missing("Token", out.(*CreateTokenOutput).Token) },
}

// CreateToken makes a long-lived refresh token for a license: a JWT whose aud
// claim is the license's ARN and whose amr claim the TokenProperties. Call it
// in the license's home Region. A lost answer is safe to repeat, by this
// client or by the caller, with the same ClientToken.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// RateLimitExceededException, RedirectException,
// ResourceLimitExceededException, ResourceNotFoundException,
// ServerInternalException and ValidationException.
func (c *Client) CreateToken(ctx context.Context, in *CreateTokenInput) (*CreateTokenOutput, error) {
	return transport.Call[CreateTokenOutput](ctx, c.transport, &createToken, in)
}

// GetAccessTokenInput is the input of GetAccessToken.
type GetAccessTokenInput struct {
	// Token is the refresh token of CreateToken. At most 4096 characters, none
	// of them white space. Required.
	Token awstokens.Secret

	// TokenProperties are checked against those in the refresh token. At most
	// 3.
	TokenProperties []string `json:",omitempty"`
}

// Validate checks the input against the API's documented limits. It reports
// all violations in one smithy.InvalidParamsError.
func (in *GetAccessTokenInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("Token", in.Token != "")
	tokenString(&c, "Token", in.Token)
	c.MaxItems("TokenProperties", len(in.TokenProperties), 3)
	return c.Err("GetAccessTokenInput")
}

// LogValue hides the token from slog.
func (in GetAccessTokenInput) LogValue() slog.Value { return redact.LogValue(in) }

// Format hides the token from fmt.
func (in GetAccessTokenInput) Format(f fmt.State, _ rune) { redact.Format(f, in) }

// GetAccessTokenOutput is the output of GetAccessToken.
type GetAccessTokenOutput struct {
	// AccessToken is a JWT that is valid for one hour. It is the
	// WebIdentityToken of STS AssumeRoleWithWebIdentity.
	AccessToken awstokens.Secret

	awstokens.Result
}

// Validate checks what the documentation promises of the output: an
// AccessToken of at most 4096 characters without white space.
func (out *GetAccessTokenOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	c.Required("AccessToken", out.AccessToken != "")
	tokenString(&c, "AccessToken", out.AccessToken)
	return c.Err("GetAccessTokenOutput")
}

// LogValue hides the token from slog.
func (out GetAccessTokenOutput) LogValue() slog.Value { return redact.LogValue(out) }

// Format hides the token from fmt.
func (out GetAccessTokenOutput) Format(f fmt.State, _ rune) { redact.Format(f, out) }

var getAccessToken = transport.Operation{
	Name: "GetAccessToken", Auth: transport.Optional, Repeatable: true,
	Missing: func(out any) string { return missing("AccessToken", out.(*GetAccessTokenOutput).AccessToken) },
}

// GetAccessToken exchanges a refresh token for an access token that is valid
// for one hour. It is signed if the client has credentials and goes unsigned
// if it has none: whoever holds a refresh token needs no AWS account.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// RateLimitExceededException, ServerInternalException and ValidationException.
func (c *Client) GetAccessToken(ctx context.Context, in *GetAccessTokenInput) (*GetAccessTokenOutput, error) {
	return transport.Call[GetAccessTokenOutput](ctx, c.transport, &getAccessToken, in)
}

// Filter limits what a list operation returns.
type Filter struct {
	Name   string   `json:",omitempty"` // which names there are is documented with each list operation
	Values []string `json:",omitempty"` // one of them must match
}

// ListTokensInput is the input of ListTokens.
type ListTokensInput struct {
	// TokenIds limits the list to these tokens.
	TokenIds []string `json:",omitempty"`

	// Filters limits the list; the only documented name is LicenseArns.
	Filters []Filter `json:",omitempty"`

	// NextToken continues a list where the last page ended.
	NextToken string `json:",omitempty"`

	// MaxResults is the most tokens of a page, 1 to 100. Zero leaves it to the
	// service.
	MaxResults int32 `json:",omitempty"`
}

// Validate checks the input against the API's documented limits.
func (in *ListTokensInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Range("MaxResults", int64(in.MaxResults), 1, 100)
	return c.Err("ListTokensInput")
}

// TokenData describes a refresh token. The token itself is not in it.
type TokenData struct {
	ExpirationTime  string   `json:",omitempty"` // as the service wrote it; Expires is the parsed time
	LicenseArn      string   `json:",omitempty"`
	RoleArns        []string `json:",omitempty"`
	Status          string   `json:",omitempty"` // AVAILABLE or DELETED
	TokenId         string   `json:",omitempty"`
	TokenProperties []string `json:",omitempty"`
	TokenType       string   `json:",omitempty"` // REFRESH_TOKEN
}

// Expires returns ExpirationTime as a time. A date without a zone is meant as
// UTC.
func (t TokenData) Expires() (time.Time, error) { return parseTime(t.ExpirationTime) }

// ListTokensOutput is the output of ListTokens.
type ListTokensOutput struct {
	// Tokens is one page of the list.
	Tokens []TokenData

	// NextToken is the NextToken of the input for the next page, or empty on
	// the last one.
	NextToken string

	awstokens.Result
}

// Validate checks what the documentation promises of the output: at most 3
// TokenProperties a token, ARNs, and dates.
func (out *ListTokensOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	for i := range out.Tokens {
		c.Nested("Tokens", out.Tokens[i].validate(), i)
	}
	return c.Err("ListTokensOutput")
}

func (t *TokenData) validate() error {
	var c constraint.Checker
	for i, arn := range t.RoleArns {
		c.ARN("RoleArns", arn, i)
	}
	c.MaxItems("TokenProperties", len(t.TokenProperties), 3)
	c.Timestamp("ExpirationTime", t.ExpirationTime)
	return c.Err("TokenData")
}

var listTokens = transport.Operation{Name: "ListTokens", Auth: transport.Signed, Repeatable: true}

// ListTokens returns a page of the account's tokens. Tokens walks all pages.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// RateLimitExceededException, ServerInternalException and ValidationException.
func (c *Client) ListTokens(ctx context.Context, in *ListTokensInput) (*ListTokensOutput, error) {
	return transport.Call[ListTokensOutput](ctx, c.transport, &listTokens, in)
}

// Tokens iterates over the tokens that ListTokens lists, from in.NextToken on,
// and asks for the next page when it gets there. It ends after an error, which
// comes with a zero TokenData, and when the service repeats a NextToken. The
// input is not changed; nil is an empty one.
func (c *Client) Tokens(ctx context.Context, in *ListTokensInput) iter.Seq2[TokenData, error] {
	return transport.Pages(in, func(in *ListTokensInput) *string { return &in.NextToken }, func(page *ListTokensInput) ([]TokenData, string, error) {
		out, err := c.ListTokens(ctx, page)
		if err != nil {
			return nil, "", err
		}
		return out.Tokens, out.NextToken, nil
	})
}

// DeleteTokenInput is the input of DeleteToken.
type DeleteTokenInput struct {
	// TokenId is the token's ID, as CreateToken and ListTokens give it.
	// Required.
	TokenId string
}

// Validate checks that TokenId is there.
func (in *DeleteTokenInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("TokenId", in.TokenId != "")
	return c.Err("DeleteTokenInput")
}

// DeleteTokenOutput is the output of DeleteToken. The service returns nothing.
type DeleteTokenOutput struct {
	awstokens.Result
}

var deleteToken = transport.Operation{Name: "DeleteToken", Auth: transport.Signed, Repeatable: true, NoOutput: true}

// DeleteToken deletes a token. Call it in the license's home Region. When an
// answer is lost and the call repeated, the second may find the token gone and
// return ResourceNotFoundException.
//
// Its exceptions are AccessDeniedException, AuthorizationException,
// RateLimitExceededException, RedirectException, ResourceNotFoundException,
// ServerInternalException and ValidationException.
func (c *Client) DeleteToken(ctx context.Context, in *DeleteTokenInput) (*DeleteTokenOutput, error) {
	return transport.Call[DeleteTokenOutput](ctx, c.transport, &deleteToken, in)
}

// tokenString is the shape TokenString.
func tokenString(c *constraint.Checker, member string, token awstokens.Secret) {
	c.MaxLength(member, token.Reveal(), 4096)
	c.NoSpace(member, token.Reveal())
}

func missing[T ~string](member string, value T) string {
	if value == "" {
		return member
	}
	return ""
}
