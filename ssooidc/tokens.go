package ssooidc

import (
	"context"
	"slices"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// GrantType is the kind of grant by which a token is requested.
type GrantType string

// The grant types that the API documents. CreateToken takes the first three,
// CreateTokenWithIAM all but the device code.
const (
	GrantTypeAuthorizationCode GrantType = "authorization_code"
	GrantTypeRefreshToken      GrantType = "refresh_token"
	GrantTypeDeviceCode        GrantType = "urn:ietf:params:oauth:grant-type:device_code"
	GrantTypeJWTBearer         GrantType = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	GrantTypeTokenExchange     GrantType = "urn:ietf:params:oauth:grant-type:token-exchange"
)

// The grant types that each operation documents.
var (
	createTokenGrants        = []GrantType{GrantTypeAuthorizationCode, GrantTypeRefreshToken, GrantTypeDeviceCode}
	createTokenWithIAMGrants = []GrantType{GrantTypeAuthorizationCode, GrantTypeRefreshToken, GrantTypeJWTBearer, GrantTypeTokenExchange}
)

// Values returns the documented values of all operations.
func (GrantType) Values() []GrantType {
	return []GrantType{GrantTypeAuthorizationCode, GrantTypeRefreshToken, GrantTypeDeviceCode, GrantTypeJWTBearer, GrantTypeTokenExchange}
}

// TokenTypeURI is a kind of token, as RFC 8693 section 3 names it.
type TokenTypeURI string

// The token types that the API documents.
const (
	TokenTypeAccessToken  TokenTypeURI = "urn:ietf:params:oauth:token-type:access_token"
	TokenTypeRefreshToken TokenTypeURI = "urn:ietf:params:oauth:token-type:refresh_token"
)

var (
	tokenTypeURIs     = []TokenTypeURI{TokenTypeAccessToken, TokenTypeRefreshToken}
	subjectTokenTypes = []TokenTypeURI{TokenTypeAccessToken}
)

// Values returns the documented values.
func (TokenTypeURI) Values() []TokenTypeURI { return slices.Clone(tokenTypeURIs) }

// CreateTokenInput is the input of [Client.CreateToken]. GrantType decides which
// members it needs; members of another grant are no error.
type CreateTokenInput struct {
	ClientId     string           `json:"clientId"`     // the client's ID from RegisterClient. Required.
	ClientSecret awstokens.Secret `json:"clientSecret"` // the client's secret from RegisterClient. Required.

	// GrantType is GrantTypeAuthorizationCode, GrantTypeRefreshToken or
	// GrantTypeDeviceCode. Required.
	GrantType GrantType `json:"grantType"`

	// DeviceCode is that of StartDeviceAuthorization. Required for
	// GrantTypeDeviceCode.
	DeviceCode awstokens.Secret `json:"deviceCode,omitzero"`

	// Code is the authorization code, valid for one use. Required for
	// GrantTypeAuthorizationCode.
	Code awstokens.Secret `json:"code,omitzero"`

	// RefreshToken is the token from an earlier CreateToken. It may be valid for
	// one use. Required for GrantTypeRefreshToken.
	RefreshToken awstokens.Secret `json:"refreshToken,omitzero"`

	// Scope lists the scopes to request. Nil means all that the client has
	// registered.
	Scope []string `json:"scope,omitzero"`

	// RedirectUri is the URI that the authorization code was sent to, with its
	// port. Required for GrantTypeAuthorizationCode.
	RedirectUri string `json:"redirectUri,omitzero"`

	// CodeVerifier is the PKCE verifier of RFC 7636 for the challenge of the
	// authorization request.
	CodeVerifier awstokens.Secret `json:"codeVerifier,omitzero"`
}

// Validate checks that the operation documents the grant type, and that the
// members that the grant needs are present.
func (in *CreateTokenInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredString("ClientId", in.ClientId)
	c.RequiredSecret("ClientSecret", in.ClientSecret)
	constraint.RequiredEnum(&c, "GrantType", in.GrantType, createTokenGrants)
	switch in.GrantType {
	case GrantTypeDeviceCode:
		c.RequiredSecret("DeviceCode", in.DeviceCode)
	case GrantTypeAuthorizationCode:
		c.RequiredSecret("Code", in.Code)
		c.RequiredString("RedirectUri", in.RedirectUri)
	case GrantTypeRefreshToken:
		c.RequiredSecret("RefreshToken", in.RefreshToken)
	}
	return c.Err("CreateTokenInput")
}

// CreateTokenOutput is the output of [Client.CreateToken].
type CreateTokenOutput struct {
	// AccessToken is a bearer token for the AWS access portal.
	AccessToken awstokens.Secret `json:"accessToken" wire:"required"`

	// TokenType is Bearer, or BearerToken in an older version of the API.
	TokenType string `json:"tokenType"`

	// ExpiresIn is the life of the access token in seconds, or 0 if the service
	// sent none.
	ExpiresIn int32 `json:"expiresIn"`

	// RefreshToken is for the next access token. If a refresh returns none, the
	// one that was sent stays valid.
	RefreshToken awstokens.Secret `json:"refreshToken"`

	// IdToken is documented as not supported, and is usually empty.
	IdToken awstokens.Secret `json:"idToken"`

	awstokens.Result
}

// A code is valid for one use, and a refresh token may be. A second use can revoke
// the tokens of the first one. So the operation is not idempotent.
var createToken = transport.Operation[CreateTokenInput, CreateTokenOutput]{Name: "CreateToken", Auth: transport.Unsigned, Path: "/token"}

// CreateToken exchanges a device code, an authorization code or a refresh
// token for an access token. It is not signed.
//
// Codes, and refresh tokens that rotate, are valid for one use. So the call is
// retried only if the request was not written, or if the service itself reports, in
// a typed error, throttling or an InternalServerException. It is not retried after a
// lost response, nor after an error that a gateway may have sent, such as an untyped
// 502 or 504. [awstokens.MayHaveProcessed] reports whether the service may have
// processed it.
//
// Its exceptions are AccessDeniedException, AuthorizationPendingException,
// ExpiredTokenException, InternalServerException, InvalidClientException,
// InvalidGrantException, InvalidRequestException, InvalidScopeException,
// SlowDownException, UnauthorizedClientException and
// UnsupportedGrantTypeException.
func (c *Client) CreateToken(ctx context.Context, in *CreateTokenInput) (*CreateTokenOutput, error) {
	return createToken.Call(ctx, c.transport, in)
}

// CreateTokenWithIAMInput is the input of [Client.CreateTokenWithIAM]. GrantType
// decides which members it needs; members of another grant are no error.
type CreateTokenWithIAMInput struct {
	// ClientId is the ARN of the Identity Center application. Required.
	ClientId string `json:"clientId"`

	// GrantType is GrantTypeAuthorizationCode, GrantTypeRefreshToken,
	// GrantTypeJWTBearer or GrantTypeTokenExchange. Required.
	GrantType GrantType `json:"grantType"`

	// Code is the authorization code, valid for one use. Required for
	// GrantTypeAuthorizationCode.
	Code awstokens.Secret `json:"code,omitzero"`

	// RefreshToken is the token from an earlier call. It may be valid for one
	// use. Required for GrantTypeRefreshToken.
	RefreshToken awstokens.Secret `json:"refreshToken,omitzero"`

	// Assertion is a JWT of a trusted token issuer, valid for one use. Required
	// for GrantTypeJWTBearer.
	Assertion awstokens.Secret `json:"assertion,omitzero"`

	// Scope lists the scopes to request. Nil means all that the application
	// permits.
	Scope []string `json:"scope,omitzero"`

	// RedirectUri is the URI that the authorization code was sent to. Required
	// for GrantTypeAuthorizationCode.
	RedirectUri string `json:"redirectUri,omitzero"`

	// SubjectToken is the access token to exchange. Required for
	// GrantTypeTokenExchange.
	SubjectToken awstokens.Secret `json:"subjectToken,omitzero"`

	// SubjectTokenType is the type of SubjectToken. Only TokenTypeAccessToken
	// is supported. Required for GrantTypeTokenExchange.
	SubjectTokenType TokenTypeURI `json:"subjectTokenType,omitzero"`

	// RequestedTokenType is TokenTypeAccessToken, the service's default, or
	// TokenTypeRefreshToken. For GrantTypeTokenExchange.
	RequestedTokenType TokenTypeURI `json:"requestedTokenType,omitzero"`

	// CodeVerifier is the PKCE verifier of RFC 7636 for the challenge of the
	// authorization request.
	CodeVerifier awstokens.Secret `json:"codeVerifier,omitzero"`
}

// Validate checks that the operation documents the grant type and the token
// types, and that the members that the grant needs are present.
func (in *CreateTokenWithIAMInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredString("ClientId", in.ClientId)
	constraint.RequiredEnum(&c, "GrantType", in.GrantType, createTokenWithIAMGrants)
	switch in.GrantType {
	case GrantTypeAuthorizationCode:
		c.RequiredSecret("Code", in.Code)
		c.RequiredString("RedirectUri", in.RedirectUri)
	case GrantTypeRefreshToken:
		c.RequiredSecret("RefreshToken", in.RefreshToken)
	case GrantTypeJWTBearer:
		c.RequiredSecret("Assertion", in.Assertion)
	case GrantTypeTokenExchange:
		c.RequiredSecret("SubjectToken", in.SubjectToken)
		c.RequiredString("SubjectTokenType", string(in.SubjectTokenType))
	}
	constraint.Enum(&c, "SubjectTokenType", in.SubjectTokenType, subjectTokenTypes)
	constraint.Enum(&c, "RequestedTokenType", in.RequestedTokenType, tokenTypeURIs)
	return c.Err("CreateTokenWithIAMInput")
}

// AwsAdditionalDetails is what a response has beyond OAuth.
type AwsAdditionalDetails struct {
	// IdentityContext is the context assertion that carries the identity of the
	// user into STS AssumeRole, in ProvidedContexts.
	IdentityContext awstokens.Secret `json:"identityContext"`
}

// CreateTokenWithIAMOutput is the output of [Client.CreateTokenWithIAM].
type CreateTokenWithIAMOutput struct {
	AccessToken awstokens.Secret `json:"accessToken"` // a bearer token
	TokenType   string           `json:"tokenType"`   // Bearer

	// ExpiresIn is the life of the access token in seconds, or 0 if the service
	// sent none.
	ExpiresIn int32 `json:"expiresIn"`

	// RefreshToken is for the next access token. If a refresh returns none, the
	// one that was sent stays valid.
	RefreshToken awstokens.Secret `json:"refreshToken"`

	IdToken              awstokens.Secret      `json:"idToken"`              // a JWT about the user
	IssuedTokenType      TokenTypeURI          `json:"issuedTokenType"`      // TokenTypeAccessToken or TokenTypeRefreshToken
	Scope                []string              `json:"scope"`                // scopes of the token
	AwsAdditionalDetails *AwsAdditionalDetails `json:"awsAdditionalDetails"` // has the identity context; can be nil

	awstokens.Result
}

// missing returns the member of the issued token if it is absent. With a refresh
// token, an access token is optional.
func (out *CreateTokenWithIAMOutput) missing() string {
	if out.AccessToken.IsZero() && (out.IssuedTokenType != TokenTypeRefreshToken || out.RefreshToken.IsZero()) {
		return "accessToken"
	}
	return ""
}

// Codes, assertions and refresh tokens that rotate are valid for one use.
var createTokenWithIAM = transport.Operation[CreateTokenWithIAMInput, CreateTokenWithIAMOutput]{
	Name: "CreateTokenWithIAM", Path: "/token?aws_iam=t", Missing: (*CreateTokenWithIAMOutput).missing,
}

// CreateTokenWithIAM exchanges an authorization code, a refresh token, a JWT or an
// access token for tokens of an Identity Center application. It is signed. It is
// retried as [Client.CreateToken] is.
//
// Its exceptions are those of CreateToken, and InvalidRequestRegionException.
func (c *Client) CreateTokenWithIAM(ctx context.Context, in *CreateTokenWithIAMInput) (*CreateTokenWithIAMOutput, error) {
	return createTokenWithIAM.Call(ctx, c.transport, in)
}
