package portal

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/redact"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// ListAccountsInput is the input of ListAccounts.
type ListAccountsInput struct {
	// NextToken continues a list where the last page ended.
	NextToken string `json:"nextToken,omitempty"`

	// MaxResults is the most accounts of a page, 1 to 100. Zero leaves it to
	// the service.
	MaxResults int32 `json:"maxResults,omitempty"`

	// AccessToken is that of ssooidc.CreateToken. Required.
	AccessToken awstokens.Secret `json:"accessToken"`
}

// Validate checks the input against the API's documented limits.
func (in *ListAccountsInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Range("MaxResults", int64(in.MaxResults), 1, 100)
	c.Required("AccessToken", in.AccessToken != "")
	return c.Err("ListAccountsInput")
}

// LogValue hides the access token from slog.
func (in ListAccountsInput) LogValue() slog.Value { return redact.LogValue(in) }

// Format hides the access token from fmt.
func (in ListAccountsInput) Format(f fmt.State, _ rune) { redact.Format(f, in) }

// AccountInfo describes an account that is assigned to the user.
type AccountInfo struct {
	AccountId    string `json:"accountId"`    // what the other operations take
	AccountName  string `json:"accountName"`  // the name that people gave it
	EmailAddress string `json:"emailAddress"` // of the account's owner
}

// ListAccountsOutput is the output of ListAccounts.
type ListAccountsOutput struct {
	// AccountList is one page of the list.
	AccountList []AccountInfo `json:"accountList"`

	// NextToken is the NextToken of the input for the next page, or empty on
	// the last one.
	NextToken string `json:"nextToken"`

	awstokens.Result
}

// Validate checks what the documentation promises of the output: email
// addresses of at most 254 characters.
func (out *ListAccountsOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	for i := range out.AccountList {
		c.Nested("AccountList", out.AccountList[i].validate(), i)
	}
	return c.Err("ListAccountsOutput")
}

func (a *AccountInfo) validate() error {
	var c constraint.Checker
	c.MaxLength("EmailAddress", a.EmailAddress, 254)
	return c.Err("AccountInfo")
}

var listAccounts = transport.Operation{
	Name: "ListAccounts", Auth: transport.Unsigned, Method: http.MethodGet, Path: "/assignment/accounts", Repeatable: true,
	Bind: func(in any, b *transport.Binding) {
		i := in.(*ListAccountsInput)
		bindPage(b, i.NextToken, i.MaxResults)
		authorize(b, i.AccessToken)
	},
}

// ListAccounts returns a page of the accounts that are assigned to the user.
// Accounts walks all pages. It is not signed.
//
// Its exceptions are InvalidRequestException, ResourceNotFoundException,
// TooManyRequestsException and UnauthorizedException.
func (c *Client) ListAccounts(ctx context.Context, in *ListAccountsInput) (*ListAccountsOutput, error) {
	return transport.Call[ListAccountsOutput](ctx, c.transport, &listAccounts, in)
}

// Accounts iterates over the accounts that ListAccounts lists, from
// in.NextToken on, and asks for the next page when it gets there. It ends
// after an error, which comes with a zero AccountInfo, and when the service
// repeats a NextToken. The input is not changed.
func (c *Client) Accounts(ctx context.Context, in *ListAccountsInput) iter.Seq2[AccountInfo, error] {
	return transport.Pages(in, func(in *ListAccountsInput) *string { return &in.NextToken }, func(page *ListAccountsInput) ([]AccountInfo, string, error) {
		out, err := c.ListAccounts(ctx, page)
		if err != nil {
			return nil, "", err
		}
		return out.AccountList, out.NextToken, nil
	})
}

// ListAccountRolesInput is the input of ListAccountRoles.
type ListAccountRolesInput struct {
	// NextToken continues a list where the last page ended.
	NextToken string `json:"nextToken,omitempty"`

	// MaxResults is the most roles of a page, 1 to 100. Zero leaves it to the
	// service.
	MaxResults int32 `json:"maxResults,omitempty"`

	// AccessToken is that of ssooidc.CreateToken. Required.
	AccessToken awstokens.Secret `json:"accessToken"`

	// AccountId is the account of the roles. Required.
	AccountId string `json:"accountId"`
}

// Validate checks the input against the API's documented limits.
func (in *ListAccountRolesInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Range("MaxResults", int64(in.MaxResults), 1, 100)
	c.Required("AccessToken", in.AccessToken != "")
	c.Required("AccountId", in.AccountId != "")
	return c.Err("ListAccountRolesInput")
}

// LogValue hides the access token from slog.
func (in ListAccountRolesInput) LogValue() slog.Value { return redact.LogValue(in) }

// Format hides the access token from fmt.
func (in ListAccountRolesInput) Format(f fmt.State, _ rune) { redact.Format(f, in) }

// RoleInfo describes a role that is assigned to the user.
type RoleInfo struct {
	RoleName  string `json:"roleName"`
	AccountId string `json:"accountId"`
}

// ListAccountRolesOutput is the output of ListAccountRoles.
type ListAccountRolesOutput struct {
	// RoleList is one page of the list.
	RoleList []RoleInfo `json:"roleList"`

	// NextToken is the NextToken of the input for the next page, or empty on
	// the last one.
	NextToken string `json:"nextToken"`

	awstokens.Result
}

// Validate finds nothing: the documentation promises nothing of the output.
func (*ListAccountRolesOutput) Validate() error { return nil }

var listAccountRoles = transport.Operation{
	Name: "ListAccountRoles", Auth: transport.Unsigned, Method: http.MethodGet, Path: "/assignment/roles", Repeatable: true,
	Bind: func(in any, b *transport.Binding) {
		i := in.(*ListAccountRolesInput)
		b.Query("account_id", i.AccountId)
		bindPage(b, i.NextToken, i.MaxResults)
		authorize(b, i.AccessToken)
	},
}

// ListAccountRoles returns a page of the roles that are assigned to the user
// in an account. AccountRoles walks all pages. It is not signed.
//
// Its exceptions are InvalidRequestException, ResourceNotFoundException,
// TooManyRequestsException and UnauthorizedException.
func (c *Client) ListAccountRoles(ctx context.Context, in *ListAccountRolesInput) (*ListAccountRolesOutput, error) {
	return transport.Call[ListAccountRolesOutput](ctx, c.transport, &listAccountRoles, in)
}

// AccountRoles iterates over what ListAccountRoles lists, as Accounts does
// over accounts.
func (c *Client) AccountRoles(ctx context.Context, in *ListAccountRolesInput) iter.Seq2[RoleInfo, error] {
	return transport.Pages(in, func(in *ListAccountRolesInput) *string { return &in.NextToken }, func(page *ListAccountRolesInput) ([]RoleInfo, string, error) {
		out, err := c.ListAccountRoles(ctx, page)
		if err != nil {
			return nil, "", err
		}
		return out.RoleList, out.NextToken, nil
	})
}

// bindPage sets the parameters of a list. That of MaxResults is a singular.
func bindPage(b *transport.Binding, nextToken string, maxResults int32) {
	if maxResults != 0 {
		b.Query("max_result", strconv.Itoa(int(maxResults)))
	}
	if nextToken != "" {
		b.Query("next_token", nextToken)
	}
}
