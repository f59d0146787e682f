package portal

import (
	"context"
	"net/http"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// GetRoleCredentialsInput is the input of [Client.GetRoleCredentials].
type GetRoleCredentialsInput struct {
	RoleName    string           `query:"role_name"`               // name of the role, as ListAccountRoles lists it. Required.
	AccountId   string           `query:"account_id"`              // account of the role. Required.
	AccessToken awstokens.Secret `header:"X-Amz-Sso_bearer_token"` // access token of the session. Required.
}

// Validate checks that the required members are present. The API documents no
// limits.
func (in *GetRoleCredentialsInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredString("RoleName", in.RoleName)
	c.RequiredString("AccountId", in.AccountId)
	c.RequiredSecret("AccessToken", in.AccessToken)
	return c.Err("GetRoleCredentialsInput")
}

// Credentials are temporary credentials of a role. The API calls this structure
// RoleCredentials.
type Credentials struct {
	AccessKeyId     string           `json:"accessKeyId" wire:"required"`
	SecretAccessKey awstokens.Secret `json:"secretAccessKey" wire:"required"`
	SessionToken    awstokens.Secret `json:"sessionToken" wire:"required"`
	Expiration      int64            `json:"expiration" wire:"required"` // a Unix time in milliseconds; Expires returns it as a time
}

// Expires returns Expiration as a time.
func (c Credentials) Expires() time.Time { return time.UnixMilli(c.Expiration) }

// GetRoleCredentialsOutput is the output of [Client.GetRoleCredentials].
type GetRoleCredentialsOutput struct {
	RoleCredentials Credentials `json:"roleCredentials" wire:"required"`

	awstokens.Result
}

var getRoleCredentials = transport.Operation[GetRoleCredentialsInput, GetRoleCredentialsOutput]{Name: "GetRoleCredentials", Auth: transport.Unsigned, Method: http.MethodGet, Path: "/federation/credentials", Idempotent: true}

// GetRoleCredentials returns temporary credentials of a role that is assigned to
// the user. [RoleCredentials] caches and renews them. It is not signed. If the role
// is not assigned to the user, the error can also have the code ForbiddenException,
// which the API does not publish.
//
// Its exceptions are those of [Client.ListAccounts].
func (c *Client) GetRoleCredentials(ctx context.Context, in *GetRoleCredentialsInput) (*GetRoleCredentialsOutput, error) {
	return getRoleCredentials.Call(ctx, c.transport, in)
}
