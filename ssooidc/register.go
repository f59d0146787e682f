package ssooidc

import (
	"context"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// ClientTypePublic is the only client type that the service supports.
const ClientTypePublic = "public"

// RegisterClientInput is the input of [Client.RegisterClient].
type RegisterClientInput struct {
	ClientName string `json:"clientName"` // name of the client, for people. Required.
	ClientType string `json:"clientType"` // ClientTypePublic. Required.

	// Scopes are the scopes that the client may request in a token, such as
	// sso:account:access.
	Scopes []string `json:"scopes,omitzero"`

	// RedirectUris are the URIs that an authorization code may be sent to.
	RedirectUris []string `json:"redirectUris,omitzero"`

	// GrantTypes are the grant types that the client will use. Nil means the
	// device code and the refresh token.
	GrantTypes []GrantType `json:"grantTypes,omitzero"`

	// IssuerUrl is the issuer URL of the Identity Center instance, or its start
	// URL.
	IssuerUrl string `json:"issuerUrl,omitzero"`

	// EntitledApplicationArn is the ARN of an Identity Center application for
	// which the client may request tokens.
	EntitledApplicationArn string `json:"entitledApplicationArn,omitzero"`
}

// Validate checks that the required members are present. The API documents no
// limits.
func (in *RegisterClientInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredString("ClientName", in.ClientName)
	c.RequiredString("ClientType", in.ClientType)
	return c.Err("RegisterClientInput")
}

// RegisterClientOutput is the output of [Client.RegisterClient].
type RegisterClientOutput struct {
	ClientId     string           `json:"clientId" wire:"required"`     // identifies the client in the other operations
	ClientSecret awstokens.Secret `json:"clientSecret" wire:"required"` // authenticates the client

	// ClientIdIssuedAt and ClientSecretExpiresAt are Unix times in seconds. A
	// registration lives 90 days. Expires returns its end as a time.
	ClientIdIssuedAt      int64 `json:"clientIdIssuedAt"`
	ClientSecretExpiresAt int64 `json:"clientSecretExpiresAt"`

	// AuthorizationEndpoint and TokenEndpoint are usually empty.
	AuthorizationEndpoint string `json:"authorizationEndpoint"`
	TokenEndpoint         string `json:"tokenEndpoint"`

	awstokens.Result
}

const (
	lastSecond  = 253402300799 // of the year 9999, the last that a date can have
	firstMillis = 1e12         // in the year 2001, before the service existed
)

// Expires returns ClientSecretExpiresAt as a time. The zero time means that the
// secret does not expire: the member is 0 or absent (RFC 7591 section 3.2.1), or a
// time after the year 9999. A value in milliseconds is understood, too.
func (out RegisterClientOutput) Expires() time.Time {
	switch at := out.ClientSecretExpiresAt; {
	case at > 0 && at <= lastSecond:
		return time.Unix(at, 0)
	case at >= firstMillis && at/1000 <= lastSecond:
		return time.UnixMilli(at)
	}
	return time.Time{}
}

// If a response is lost, a registration is left that nobody uses and that expires.
// So the operation is idempotent.
var registerClient = transport.Operation[RegisterClientInput, RegisterClientOutput]{Name: "RegisterClient", Auth: transport.Unsigned, Path: "/client/register", Idempotent: true}

// RegisterClient registers a client with IAM Identity Center. Keep the result until
// it expires: one registration is enough for all logins of a machine. It is not
// signed.
//
// Its exceptions are InternalServerException, InvalidClientMetadataException,
// InvalidRedirectUriException, InvalidRequestException, InvalidScopeException,
// SlowDownException and UnsupportedGrantTypeException.
func (c *Client) RegisterClient(ctx context.Context, in *RegisterClientInput) (*RegisterClientOutput, error) {
	return registerClient.Call(ctx, c.transport, in)
}
