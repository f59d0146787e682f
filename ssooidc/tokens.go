package ssooidc

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/redact"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// GrantType is the kind of a grant that a token is asked for with.
type GrantType string

// The grant types that the API documents. CreateToken takes the first three of
// them, CreateTokenWithIAM all but the device code.
const (
	GrantTypeAuthorizationCode GrantType = "authorization_code"
	GrantTypeRefreshToken      GrantType = "refresh_token"
	GrantTypeDeviceCode        GrantType = "urn:ietf:params:oauth:grant-type:device_code"
	GrantTypeJWTBearer         GrantType = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	GrantTypeTokenExchange     GrantType = "urn:ietf:params:oauth:grant-type:token-exchange"
)

// TokenTypeURI is a kind of token, as RFC 8693 section 3 names it.
type TokenTypeURI string

// The token types that the API documents.
const (
	TokenTypeAccessToken  TokenTypeURI = "urn:ietf:params:oauth:token-type:access_token"
	TokenTypeRefreshToken TokenTypeURI = "urn:ietf:params:oauth:token-type:refresh_token"
)

// CreateTokenInput is the input of CreateToken. Which members it needs depends
// on GrantType; members of another grant are no error.
type CreateTokenInput struct {
	// ClientId is the client's ID of RegisterClient. Required.
	ClientId string `json:"clientId"`

	// ClientSecret is the client's secret of RegisterClient. Required.
	ClientSecret awstokens.Secret `json:"clientSecret"`

	// GrantType is GrantTypeAuthorizationCode, GrantTypeRefreshToken or
	// GrantTypeDeviceCode. Required.
	GrantType GrantType `json:"grantType"`

	// DeviceCode is that of StartDeviceAuthorization. Required for
	// GrantTypeDeviceCode.
	DeviceCode awstokens.Secret `json:"deviceCode,omitempty"`

	// Code is the authorization code, good for one use. Required for
	// GrantTypeAuthorizationCode.
	Code awstokens.Secret `json:"code,omitempty"`

	// RefreshToken is that of an earlier CreateToken. Required for
	// GrantTypeRefreshToken.
	RefreshToken awstokens.Secret `json:"refreshToken,omitempty"`

	// Scope is the scopes that the token shall have; empty means all that the
	// client registered.
	Scope []string `json:"scope,omitempty"`

	// RedirectUri is where the authorization code was sent, with its port.
	// Required for GrantTypeAuthorizationCode.
	RedirectUri string `json:"redirectUri,omitempty"`

	// CodeVerifier is the PKCE verifier of RFC 7636 that belongs to the
	// challenge of the authorization request.
	CodeVerifier awstokens.Secret `json:"codeVerifier,omitempty"`
}

// Validate checks that the members that the grant needs are there. The API
// documents no limits, and a grant type that this package does not know is
// left to the service.
func (in *CreateTokenInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("ClientId", in.ClientId != "")
	c.Required("ClientSecret", in.ClientSecret != "")
	c.Required("GrantType", in.GrantType != "")
	switch in.GrantType {
	case GrantTypeDeviceCode:
		c.Required("DeviceCode", in.DeviceCode != "")
	case GrantTypeAuthorizationCode:
		c.Required("Code", in.Code != "")
		c.Required("RedirectUri", in.RedirectUri != "")
	case GrantTypeRefreshToken:
		c.Required("RefreshToken", in.RefreshToken != "")
	}
	return c.Err("CreateTokenInput")
}

// LogValue hides the secrets from slog.
func (in CreateTokenInput) LogValue() slog.Value { return redact.LogValue(in) }

// Format hides the secrets from fmt.
func (in CreateTokenInput) Format(f fmt.State, _ rune) { redact.Format(f, in) }

// CreateTokenOutput is the output of CreateToken.
type CreateTokenOutput struct {
	// AccessToken is a bearer token for the AWS access portal.
	AccessToken awstokens.Secret `json:"accessToken"`

	// TokenType is Bearer; BearerToken has been published, too.
	TokenType string `json:"tokenType"`

	// ExpiresIn is the life of the access token in seconds.
	ExpiresIn int32 `json:"expiresIn"`

	// RefreshToken gets the next access token. When a refresh returns none,
	// the one that was sent stays good: keep it.
	RefreshToken awstokens.Secret `json:"refreshToken"`

	// IdToken is documented as not supported and usually empty.
	IdToken awstokens.Secret `json:"idToken"`

	awstokens.Result
}

// Validate checks what the documentation promises of the output: an access
// token.
func (out *CreateTokenOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	c.Required("AccessToken", out.AccessToken != "")
	return c.Err("CreateTokenOutput")
}

// LogValue hides the tokens from slog.
func (out CreateTokenOutput) LogValue() slog.Value { return redact.LogValue(out) }

// Format hides the tokens from fmt.
func (out CreateTokenOutput) Format(f fmt.State, _ rune) { redact.Format(f, out) }

// A code is good for one use, and a refresh token may be: sent twice, the
// second use can revoke what the first one got.
var createToken = transport.Operation{
	Name: "CreateToken", Auth: transport.Unsigned, Path: "/token", Repeatable: false,
	Missing: func(out any) string {
		return firstEmpty("accessToken", out.(*CreateTokenOutput).AccessToken.Reveal())
	},
}

// CreateToken exchanges a device code, an authorization code or a refresh
// token for an access token. It is not signed. A lost answer is not repeated,
// because codes and rotating refresh tokens are good for one use; throttling,
// server errors and requests that did not get out are.
//
// Its exceptions are AccessDeniedException, AuthorizationPendingException,
// ExpiredTokenException, InternalServerException, InvalidClientException,
// InvalidGrantException, InvalidRequestException, InvalidScopeException,
// SlowDownException, UnauthorizedClientException and
// UnsupportedGrantTypeException.
func (c *Client) CreateToken(ctx context.Context, in *CreateTokenInput) (*CreateTokenOutput, error) {
	return transport.Call[CreateTokenOutput](ctx, c.transport, &createToken, in)
}

// CreateTokenWithIAMInput is the input of CreateTokenWithIAM. Which members it
// needs depends on GrantType; members of another grant are no error.
type CreateTokenWithIAMInput struct {
	// ClientId is the ARN of the Identity Center application. Required.
	ClientId string `json:"clientId"`

	// GrantType is GrantTypeAuthorizationCode, GrantTypeRefreshToken,
	// GrantTypeJWTBearer or GrantTypeTokenExchange. Required.
	GrantType GrantType `json:"grantType"`

	// Code is the authorization code, good for one use. Required for
	// GrantTypeAuthorizationCode.
	Code awstokens.Secret `json:"code,omitempty"`

	// RefreshToken is that of an earlier call. Required for
	// GrantTypeRefreshToken.
	RefreshToken awstokens.Secret `json:"refreshToken,omitempty"`

	// Assertion is a JWT of a trusted token issuer, good for one use. Required
	// for GrantTypeJWTBearer.
	Assertion awstokens.Secret `json:"assertion,omitempty"`

	// Scope is the scopes that the token shall have; empty means all that the
	// application allows.
	Scope []string `json:"scope,omitempty"`

	// RedirectUri is where the authorization code was sent. Required for
	// GrantTypeAuthorizationCode.
	RedirectUri string `json:"redirectUri,omitempty"`

	// SubjectToken is the access token to exchange. Required for
	// GrantTypeTokenExchange.
	SubjectToken awstokens.Secret `json:"subjectToken,omitempty"`

	// SubjectTokenType is the type of SubjectToken; TokenTypeAccessToken is
	// the one that is supported. Required for GrantTypeTokenExchange.
	SubjectTokenType TokenTypeURI `json:"subjectTokenType,omitempty"`

	// RequestedTokenType is TokenTypeAccessToken, which it is by default, or
	// TokenTypeRefreshToken. For GrantTypeTokenExchange.
	RequestedTokenType TokenTypeURI `json:"requestedTokenType,omitempty"`

	// CodeVerifier is the PKCE verifier of RFC 7636 that belongs to the
	// challenge of the authorization request.
	CodeVerifier awstokens.Secret `json:"codeVerifier,omitempty"`
}

// Validate checks that the members that the grant needs are there. The API
// documents no limits, and a grant type that this package does not know is
// left to the service.
func (in *CreateTokenWithIAMInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("ClientId", in.ClientId != "")
	c.Required("GrantType", in.GrantType != "")
	switch in.GrantType {
	case GrantTypeAuthorizationCode:
		c.Required("Code", in.Code != "")
		c.Required("RedirectUri", in.RedirectUri != "")
	case GrantTypeRefreshToken:
		c.Required("RefreshToken", in.RefreshToken != "")
	case GrantTypeJWTBearer:
		c.Required("Assertion", in.Assertion != "")
	case GrantTypeTokenExchange:
		c.Required("SubjectToken", in.SubjectToken != "")
		c.Required("SubjectTokenType", in.SubjectTokenType != "")
	}
	return c.Err("CreateTokenWithIAMInput")
}

// LogValue hides the secrets from slog.
func (in CreateTokenWithIAMInput) LogValue() slog.Value { return redact.LogValue(in) }

// Format hides the secrets from fmt.
func (in CreateTokenWithIAMInput) Format(f fmt.State, _ rune) { redact.Format(f, in) }

// AwsAdditionalDetails is what a token response says beyond OAuth.
type AwsAdditionalDetails struct {
	// IdentityContext is the context assertion that carries the user's
	// identity into STS AssumeRole, as ProvidedContexts.
	IdentityContext awstokens.Secret `json:"identityContext"`
}

// LogValue hides the context assertion from slog.
func (d AwsAdditionalDetails) LogValue() slog.Value { return redact.LogValue(d) }

// Format hides the context assertion from fmt.
func (d AwsAdditionalDetails) Format(f fmt.State, _ rune) { redact.Format(f, d) }

// CreateTokenWithIAMOutput is the output of CreateTokenWithIAM.
type CreateTokenWithIAMOutput struct {
	// AccessToken is a bearer token.
	AccessToken awstokens.Secret `json:"accessToken"`

	// TokenType is Bearer.
	TokenType string `json:"tokenType"`

	// ExpiresIn is the life of the access token in seconds.
	ExpiresIn int32 `json:"expiresIn"`

	// RefreshToken gets the next access token. When a refresh returns none,
	// the one that was sent stays good: keep it.
	RefreshToken awstokens.Secret `json:"refreshToken"`

	// IdToken is a JWT about the user.
	IdToken awstokens.Secret `json:"idToken"`

	// IssuedTokenType is TokenTypeAccessToken or TokenTypeRefreshToken.
	IssuedTokenType TokenTypeURI `json:"issuedTokenType"`

	// Scope is the scopes that the token has.
	Scope []string `json:"scope"`

	// AwsAdditionalDetails has the identity context, where the service gives
	// one.
	AwsAdditionalDetails *AwsAdditionalDetails `json:"awsAdditionalDetails"`

	awstokens.Result
}

// Validate checks what the documentation promises of the output: the token of
// the issued type.
func (out *CreateTokenWithIAMOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	c.Required("AccessToken", out.hasToken())
	return c.Err("CreateTokenWithIAMOutput")
}

// hasToken says whether the token that was issued is there. Where that is a
// refresh token, an access token may come with it, or not.
func (out *CreateTokenWithIAMOutput) hasToken() bool {
	return out.AccessToken != "" || out.IssuedTokenType == TokenTypeRefreshToken && out.RefreshToken != ""
}

// LogValue hides the tokens from slog.
func (out CreateTokenWithIAMOutput) LogValue() slog.Value { return redact.LogValue(out) }

// Format hides the tokens from fmt.
func (out CreateTokenWithIAMOutput) Format(f fmt.State, _ rune) { redact.Format(f, out) }

// Codes, assertions and rotating refresh tokens are good for one use.
var createTokenWithIAM = transport.Operation{
	Name: "CreateTokenWithIAM", Auth: transport.Signed, Path: "/token", Query: "aws_iam=t", Repeatable: false,
	Missing: func(out any) string {
		if out.(*CreateTokenWithIAMOutput).hasToken() {
			return ""
		}
		return "accessToken"
	},
}

// CreateTokenWithIAM exchanges an authorization code, a refresh token, a JWT
// or an access token for tokens of an Identity Center application. It is
// signed, with the service name sso-oauth. A lost answer is not repeated, as
// with CreateToken.
//
// Its exceptions are those of CreateToken, and InvalidRequestRegionException.
func (c *Client) CreateTokenWithIAM(ctx context.Context, in *CreateTokenWithIAMInput) (*CreateTokenWithIAMOutput, error) {
	return transport.Call[CreateTokenWithIAMOutput](ctx, c.transport, &createTokenWithIAM, in)
}
