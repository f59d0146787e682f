package ssooidc

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/redact"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// ClientTypePublic is the only client type that the service supports.
const ClientTypePublic = "public"

// RegisterClientInput is the input of RegisterClient.
type RegisterClientInput struct {
	// ClientName is the friendly name of the client. Required.
	ClientName string `json:"clientName"`

	// ClientType is the type of the client: ClientTypePublic. Required.
	ClientType string `json:"clientType"`

	// Scopes are what the client may ask for in a token, such as
	// sso:account:access.
	Scopes []string `json:"scopes,omitempty"`

	// RedirectUris are where the authorization code may be sent.
	RedirectUris []string `json:"redirectUris,omitempty"`

	// GrantTypes are the grants that the client will use. Empty means the
	// device code and its refresh token.
	GrantTypes []GrantType `json:"grantTypes,omitempty"`

	// IssuerUrl is the issuer of an Identity Center instance, or its start URL.
	IssuerUrl string `json:"issuerUrl,omitempty"`

	// EntitledApplicationArn is the Identity Center application for which
	// the client may ask for tokens.
	EntitledApplicationArn string `json:"entitledApplicationArn,omitempty"`
}

// Validate checks that the required members are there. The API documents no
// limits.
func (in *RegisterClientInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("ClientName", in.ClientName != "")
	c.Required("ClientType", in.ClientType != "")
	return c.Err("RegisterClientInput")
}

// RegisterClientOutput is the output of RegisterClient.
type RegisterClientOutput struct {
	// ClientId names the client in the other operations.
	ClientId string `json:"clientId"`

	// ClientSecret authenticates the client. It is long and opaque.
	ClientSecret awstokens.Secret `json:"clientSecret"`

	// ClientIdIssuedAt and ClientSecretExpiresAt are Unix times in seconds. A
	// registration lives 90 days.
	ClientIdIssuedAt      int64 `json:"clientIdIssuedAt"`
	ClientSecretExpiresAt int64 `json:"clientSecretExpiresAt"`

	// AuthorizationEndpoint and TokenEndpoint are usually empty.
	AuthorizationEndpoint string `json:"authorizationEndpoint"`
	TokenEndpoint         string `json:"tokenEndpoint"`

	awstokens.Result
}

// Validate checks what the documentation promises of the output: a client ID
// and a secret.
func (out *RegisterClientOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	c.Required("ClientId", out.ClientId != "")
	c.Required("ClientSecret", out.ClientSecret != "")
	return c.Err("RegisterClientOutput")
}

// Expires returns ClientSecretExpiresAt as a time.
func (out RegisterClientOutput) Expires() time.Time { return time.Unix(out.ClientSecretExpiresAt, 0) }

// LogValue hides the client secret from slog.
func (out RegisterClientOutput) LogValue() slog.Value { return redact.LogValue(out) }

// Format hides the client secret from fmt.
func (out RegisterClientOutput) Format(f fmt.State, _ rune) { redact.Format(f, out) }

// A lost answer leaves a registration that nobody uses and that expires by
// itself, so registering again does no harm.
var registerClient = transport.Operation{
	Name: "RegisterClient", Auth: transport.Unsigned, Path: "/client/register", Repeatable: true,
	Missing: func(out any) string {
		o := out.(*RegisterClientOutput)
		return firstEmpty("clientId", o.ClientId, "clientSecret", o.ClientSecret.Reveal())
	},
}

// RegisterClient registers a client with IAM Identity Center. Keep the result
// until it expires: one registration serves all logins of a machine. It is
// not signed.
//
// Its exceptions are InternalServerException, InvalidClientMetadataException,
// InvalidRedirectUriException, InvalidRequestException, InvalidScopeException,
// SlowDownException and UnsupportedGrantTypeException.
func (c *Client) RegisterClient(ctx context.Context, in *RegisterClientInput) (*RegisterClientOutput, error) {
	return transport.Call[RegisterClientOutput](ctx, c.transport, &registerClient, in)
}

// firstEmpty takes names and values in turn and returns the name of the first
// empty value.
func firstEmpty(namesAndValues ...string) string {
	for i := 0; i < len(namesAndValues); i += 2 {
		if namesAndValues[i+1] == "" {
			return namesAndValues[i]
		}
	}
	return ""
}
