package portal

import (
	"context"
	"iter"
	"net/http"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// ListAccountsInput is the input of [Client.ListAccounts].
type ListAccountsInput struct {
	NextToken   string           `query:"next_token,omitzero"`     // that of the previous page; empty means the first page
	MaxResults  int32            `query:"max_result,omitzero"`     // the most accounts in a page, 1 to 100; zero means the service's default
	AccessToken awstokens.Secret `header:"X-Amz-Sso_bearer_token"` // access token of the session. Required.
}

// Validate checks the documented limits.
func (in *ListAccountsInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.PageSize("MaxResults", in.MaxResults)
	c.RequiredSecret("AccessToken", in.AccessToken)
	return c.Err("ListAccountsInput")
}

// AccountInfo describes an account that is assigned to the user.
type AccountInfo struct {
	AccountId    string `json:"accountId"`
	AccountName  string `json:"accountName"`
	EmailAddress string `json:"emailAddress"` // address of the account's owner
}

// ListAccountsOutput is the output of [Client.ListAccounts].
type ListAccountsOutput struct {
	AccountList []AccountInfo `json:"accountList"` // one page of the list
	NextToken   string        `json:"nextToken"`   // for the input of the next page; empty on the last page

	awstokens.Result
}

var listAccounts = transport.Operation[ListAccountsInput, ListAccountsOutput]{Name: "ListAccounts", Auth: transport.Unsigned, Method: http.MethodGet, Path: "/assignment/accounts", Idempotent: true}

// ListAccounts returns a page of the accounts that are assigned to the user.
// [Client.Accounts] iterates over all pages. It is not signed.
//
// Its exceptions are [InvalidRequestException], [ResourceNotFoundException],
// [TooManyRequestsException] and [UnauthorizedException].
func (c *Client) ListAccounts(ctx context.Context, in *ListAccountsInput) (*ListAccountsOutput, error) {
	return listAccounts.Call(ctx, c.transport, in)
}

// Accounts iterates over the accounts that [Client.ListAccounts] lists, from the
// page of in.NextToken on. It requests a page when it gets there. It ends after an
// error, which comes with a zero AccountInfo, and when the service returns a
// NextToken for a second time. It does not change the input.
func (c *Client) Accounts(ctx context.Context, in *ListAccountsInput) iter.Seq2[AccountInfo, error] {
	return transport.Pages(ctx, c.ListAccounts, in, accountPage)
}

func accountPage(in *ListAccountsInput, out *ListAccountsOutput) (list []AccountInfo, token *string, next string) {
	return out.AccountList, &in.NextToken, out.NextToken
}

// ListAccountRolesInput is the input of [Client.ListAccountRoles].
type ListAccountRolesInput struct {
	NextToken   string           `query:"next_token,omitzero"`     // that of the previous page; empty means the first page
	MaxResults  int32            `query:"max_result,omitzero"`     // the most roles in a page, 1 to 100; zero means the service's default
	AccessToken awstokens.Secret `header:"X-Amz-Sso_bearer_token"` // access token of the session. Required.
	AccountId   string           `query:"account_id"`              // account of the roles. Required.
}

// Validate checks the documented limits.
func (in *ListAccountRolesInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.PageSize("MaxResults", in.MaxResults)
	c.RequiredSecret("AccessToken", in.AccessToken)
	c.RequiredString("AccountId", in.AccountId)
	return c.Err("ListAccountRolesInput")
}

// RoleInfo describes a role that is assigned to the user.
type RoleInfo struct {
	RoleName  string `json:"roleName"`
	AccountId string `json:"accountId"`
}

// ListAccountRolesOutput is the output of [Client.ListAccountRoles].
type ListAccountRolesOutput struct {
	RoleList  []RoleInfo `json:"roleList"`  // one page of the list
	NextToken string     `json:"nextToken"` // for the input of the next page; empty on the last page

	awstokens.Result
}

var listAccountRoles = transport.Operation[ListAccountRolesInput, ListAccountRolesOutput]{Name: "ListAccountRoles", Auth: transport.Unsigned, Method: http.MethodGet, Path: "/assignment/roles", Idempotent: true}

// ListAccountRoles returns a page of the roles that are assigned to the user in
// an account. [Client.AccountRoles] iterates over all pages. It is not signed.
//
// Its exceptions are those of [Client.ListAccounts].
func (c *Client) ListAccountRoles(ctx context.Context, in *ListAccountRolesInput) (*ListAccountRolesOutput, error) {
	return listAccountRoles.Call(ctx, c.transport, in)
}

// AccountRoles iterates over the roles that [Client.ListAccountRoles] lists, as
// [Client.Accounts] does over accounts.
func (c *Client) AccountRoles(ctx context.Context, in *ListAccountRolesInput) iter.Seq2[RoleInfo, error] {
	return transport.Pages(ctx, c.ListAccountRoles, in, rolePage)
}

func rolePage(in *ListAccountRolesInput, out *ListAccountRolesOutput) (list []RoleInfo, token *string, next string) {
	return out.RoleList, &in.NextToken, out.NextToken
}
