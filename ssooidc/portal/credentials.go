package portal

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/redact"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// GetRoleCredentialsInput is the input of GetRoleCredentials.
type GetRoleCredentialsInput struct {
	// RoleName is the name of the role, as ListAccountRoles lists it. Required.
	RoleName string `json:"roleName"`

	// AccountId is the account of the role. Required.
	AccountId string `json:"accountId"`

	// AccessToken is that of ssooidc.CreateToken. Required.
	AccessToken awstokens.Secret `json:"accessToken"`
}

// Validate checks that the required members are there. The API documents no
// limits.
func (in *GetRoleCredentialsInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("RoleName", in.RoleName != "")
	c.Required("AccountId", in.AccountId != "")
	c.Required("AccessToken", in.AccessToken != "")
	return c.Err("GetRoleCredentialsInput")
}

// LogValue hides the access token from slog.
func (in GetRoleCredentialsInput) LogValue() slog.Value { return redact.LogValue(in) }

// Format hides the access token from fmt.
func (in GetRoleCredentialsInput) Format(f fmt.State, _ rune) { redact.Format(f, in) }

// Credentials are keys of a role in an account. The API calls this structure
// RoleCredentials, as it does the member that holds it.
type Credentials struct {
	// AccessKeyId names the keys.
	AccessKeyId string `json:"accessKeyId"`

	// SecretAccessKey signs requests.
	SecretAccessKey awstokens.Secret `json:"secretAccessKey"`

	// SessionToken goes with each signed request.
	SessionToken awstokens.Secret `json:"sessionToken"`

	// Expiration is a Unix time in milliseconds.
	Expiration int64 `json:"expiration"`
}

// Expires returns Expiration as a time.
func (c Credentials) Expires() time.Time { return time.UnixMilli(c.Expiration) }

// LogValue hides the keys from slog.
func (c Credentials) LogValue() slog.Value { return redact.LogValue(c) }

// Format hides the keys from fmt.
func (c Credentials) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// missing returns the name of a member that is not there, or "". Without an
// expiration nobody could tell when to renew them.
func (c *Credentials) missing() string {
	switch {
	case c.AccessKeyId == "":
		return "accessKeyId"
	case c.SecretAccessKey == "":
		return "secretAccessKey"
	case c.SessionToken == "":
		return "sessionToken"
	case c.Expiration == 0:
		return "expiration"
	}
	return ""
}

// GetRoleCredentialsOutput is the output of GetRoleCredentials.
type GetRoleCredentialsOutput struct {
	// RoleCredentials are the keys.
	RoleCredentials Credentials `json:"roleCredentials"`

	awstokens.Result
}

// Validate checks what the documentation promises of the output: keys with
// all their members.
func (out *GetRoleCredentialsOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	c.Required("RoleCredentials", out.RoleCredentials.missing() == "")
	return c.Err("GetRoleCredentialsOutput")
}

// LogValue hides the keys from slog.
func (out GetRoleCredentialsOutput) LogValue() slog.Value { return redact.LogValue(out) }

// Format hides the keys from fmt.
func (out GetRoleCredentialsOutput) Format(f fmt.State, _ rune) { redact.Format(f, out) }

var getRoleCredentials = transport.Operation{
	Name: "GetRoleCredentials", Auth: transport.Unsigned, Method: http.MethodGet, Path: "/federation/credentials", Repeatable: true,
	Bind: func(in any, b *transport.Binding) {
		i := in.(*GetRoleCredentialsInput)
		b.Query("account_id", i.AccountId)
		b.Query("role_name", i.RoleName)
		authorize(b, i.AccessToken)
	},
	Missing: func(out any) string {
		return out.(*GetRoleCredentialsOutput).RoleCredentials.missing()
	},
}

// GetRoleCredentials returns temporary credentials of a role that is assigned
// to the user. RoleCredentials keeps and renews them. It is not signed.
//
// A role that is not the user's is also answered with the code
// ForbiddenException, which the API does not publish.
//
// Its exceptions are InvalidRequestException, ResourceNotFoundException,
// TooManyRequestsException and UnauthorizedException.
func (c *Client) GetRoleCredentials(ctx context.Context, in *GetRoleCredentialsInput) (*GetRoleCredentialsOutput, error) {
	return transport.Call[GetRoleCredentialsOutput](ctx, c.transport, &getRoleCredentials, in)
}
