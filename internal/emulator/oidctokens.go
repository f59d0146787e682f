package emulator

import (
	"slices"
	"strings"
	"time"

	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// oidcToken is an access or a refresh token.
type oidcToken struct {
	login    *login
	clientID string
	scopes   []string
	expires  time.Time // zero for a refresh token of a registered client, which lives as long as the registration
}

// login is what the tokens of one login share.
type login struct{ ended bool }

// accessToken returns an access token, if its login has not ended, or nil.
func (c *identityCenter) accessToken(now time.Time, token string) *oidcToken {
	return ofLogin(c.accessTokens.get(now, token))
}

func ofLogin(token *oidcToken, known bool) *oidcToken {
	if !known || token.login.ended {
		return nil
	}
	return token
}

// The grants of the two operations that make tokens.
var (
	publicGrants = []ssooidc.GrantType{ssooidc.GrantTypeDeviceCode, ssooidc.GrantTypeAuthorizationCode, ssooidc.GrantTypeRefreshToken}
	iamGrants    = []ssooidc.GrantType{ssooidc.GrantTypeAuthorizationCode, ssooidc.GrantTypeRefreshToken, ssooidc.GrantTypeJWTBearer, ssooidc.GrantTypeTokenExchange}
)

func (c *identityCenter) createToken(r *request, in *ssooidc.CreateTokenInput) (any, *failure) {
	client, refusal := c.client(r.now, in.ClientId, in.ClientSecret.Reveal())
	switch {
	case refusal != nil:
		return nil, refusal
	case !slices.Contains(publicGrants, in.GrantType):
		return nil, fail("UnsupportedGrantTypeException", "grantType %q is not supported.", in.GrantType)
	case !slices.Contains(client.grants, in.GrantType):
		return nil, fail("UnauthorizedClientException", "The client is not registered for grantType %q.", in.GrantType)
	}
	granted, session := client.scopes, &oidcToken{login: &login{}}
	switch in.GrantType {
	case ssooidc.GrantTypeDeviceCode:
		refusal = c.redeemDevice(r.now, client, in.DeviceCode.Reveal())
	case ssooidc.GrantTypeAuthorizationCode:
		granted, refusal = c.redeemCode(r.now, client.id, in.Code.Reveal(), in.RedirectUri, in.CodeVerifier.Reveal())
	case ssooidc.GrantTypeRefreshToken:
		session, refusal = c.checkRefreshToken(r.now, client.id, in.RefreshToken.Reveal())
		granted = session.scopes
	}
	if refusal != nil {
		return nil, refusal
	}
	scopes, refusal := narrow(granted, in.Scope)
	if refusal != nil {
		return nil, refusal
	}
	response := c.issue(r.now, client.id, scopes, session.login)
	if in.GrantType == ssooidc.GrantTypeRefreshToken {
		response["refreshToken"] = c.refreshed(r.now, session, in.RefreshToken.Reveal())
	} else if slices.Contains(client.grants, ssooidc.GrantTypeRefreshToken) {
		response["refreshToken"] = c.newRefreshToken(r.now, &oidcToken{login: session.login, clientID: client.id, scopes: granted})
	}
	return response, nil
}

// createTokenWithIAM makes tokens for an application of Identity Center. Every
// ARN of an application is known: this API does not manage applications.
func (c *identityCenter) createTokenWithIAM(r *request, in *ssooidc.CreateTokenWithIAMInput) (any, *failure) {
	switch {
	case !isApplication(in.ClientId):
		return nil, fail("InvalidClientException", "clientId is not the ARN of an application.")
	case !slices.Contains(iamGrants, in.GrantType):
		return nil, fail("UnsupportedGrantTypeException", "grantType %q is not supported.", in.GrantType)
	}
	granted := in.Scope // no code or token limits them yet
	session := &oidcToken{login: &login{}}
	var refusal *failure
	switch in.GrantType {
	case ssooidc.GrantTypeAuthorizationCode:
		granted, refusal = c.redeemCode(r.now, in.ClientId, in.Code.Reveal(), in.RedirectUri, in.CodeVerifier.Reveal())
	case ssooidc.GrantTypeRefreshToken:
		session, refusal = c.checkRefreshToken(r.now, in.ClientId, in.RefreshToken.Reveal())
		granted = session.scopes
	case ssooidc.GrantTypeJWTBearer:
		refusal = c.redeemAssertion(r.now, in.Assertion.Reveal())
	case ssooidc.GrantTypeTokenExchange:
		granted, refusal = c.checkSubject(r.now, in)
	}
	if refusal != nil {
		return nil, refusal
	}
	scopes, refusal := narrow(granted, in.Scope)
	if refusal != nil {
		return nil, refusal
	}
	response := c.issue(r.now, in.ClientId, scopes, session.login)
	response["scope"] = scopes
	response["issuedTokenType"] = ssooidc.TokenTypeAccessToken
	if in.RequestedTokenType == ssooidc.TokenTypeRefreshToken {
		response["issuedTokenType"] = ssooidc.TokenTypeRefreshToken
	}
	switch {
	case in.GrantType == ssooidc.GrantTypeRefreshToken:
		response["refreshToken"] = c.refreshed(r.now, session, in.RefreshToken.Reveal())
	case in.GrantType != ssooidc.GrantTypeTokenExchange, in.RequestedTokenType == ssooidc.TokenTypeRefreshToken:
		session = &oidcToken{login: session.login, clientID: in.ClientId, scopes: granted, expires: r.now.Add(c.applicationSession())}
		response["refreshToken"] = c.newRefreshToken(r.now, session)
	}
	return c.withIdentity(r.now, response, in.ClientId)
}

// issue makes an access token and the response that carries it, which also has
// the members that the service sends as null or that are not in its model.
func (c *identityCenter) issue(now time.Time, clientID string, scopes []string, of *login) object {
	token := "emulated-at-" + randomHex(64)
	expires := now.Add(oidcTokenLife)
	c.accessTokens.put(now, token, &oidcToken{login: of, clientID: clientID, scopes: scopes, expires: expires}, expires)
	return object{
		"accessToken":            token,
		"aws_sso_app_session_id": nil,
		"expiresIn":              int(oidcTokenLife / time.Second),
		"idToken":                nil,
		"originSessionId":        nil,
		"refreshToken":           nil,
		"tokenType":              "Bearer",
	}
}

// newRefreshToken makes a refresh token.
func (c *identityCenter) newRefreshToken(now time.Time, of *oidcToken) string {
	token := "emulated-rt-" + randomHex(64)
	c.keepRefreshToken(now, token, of)
	return token
}

// keepRefreshToken remembers a refresh token until it expires. One that does not
// expire is remembered for the life of a registration after its last use.
func (c *identityCenter) keepRefreshToken(now time.Time, token string, of *oidcToken) {
	until := of.expires
	if until.IsZero() {
		until = now.Add(registrationLife)
	}
	c.refreshTokens.put(now, token, of, until)
}

// refreshed returns the refresh token in the response to a refresh: the one that
// was sent, a new one that replaces it, or nil, as Behavior has it.
func (c *identityCenter) refreshed(now time.Time, of *oidcToken, token string) any {
	if c.options.RotateRefreshTokens && !c.options.OmitRefreshTokens {
		c.refreshTokens.delete(token)
		return c.newRefreshToken(now, of)
	}
	c.keepRefreshToken(now, token, of)
	if c.options.OmitRefreshTokens {
		return nil
	}
	return token
}

// checkRefreshToken returns the refresh token of a client. It is never nil.
func (c *identityCenter) checkRefreshToken(now time.Time, clientID, token string) (*oidcToken, *failure) {
	known := ofLogin(c.refreshTokens.get(now, token))
	switch {
	case known == nil || known.clientID != clientID:
		return &oidcToken{}, fail("InvalidGrantException", "Invalid refresh token provided")
	case !known.expires.IsZero() && !now.Before(known.expires):
		return &oidcToken{}, fail("ExpiredTokenException", "The refresh token has expired")
	}
	return known, nil
}

func (c *identityCenter) checkSubject(now time.Time, in *ssooidc.CreateTokenWithIAMInput) ([]string, *failure) {
	switch in.RequestedTokenType {
	case "", ssooidc.TokenTypeAccessToken, ssooidc.TokenTypeRefreshToken:
	default:
		return nil, fail("InvalidRequestException", "requestedTokenType %q is not supported.", in.RequestedTokenType)
	}
	if in.SubjectTokenType != ssooidc.TokenTypeAccessToken {
		return nil, fail("InvalidRequestException", "subjectTokenType %q is not supported.", in.SubjectTokenType)
	}
	token := c.accessToken(now, in.SubjectToken.Reveal())
	switch {
	case token == nil:
		return nil, fail("InvalidGrantException", "Invalid subject token provided")
	case !now.Before(token.expires):
		return nil, fail("ExpiredTokenException", "The subject token has expired")
	}
	return token.scopes, nil
}

// narrow returns the scopes of a request, which must have been granted, or all
// that were granted if the request has none.
func narrow(granted, asked []string) ([]string, *failure) {
	if len(asked) == 0 {
		return granted, nil
	}
	for _, scope := range asked {
		if !slices.Contains(granted, scope) {
			return nil, fail("InvalidScopeException", "scope %q was not granted.", scope)
		}
	}
	return asked, nil
}

func isApplication(clientID string) bool {
	return strings.HasPrefix(clientID, "arn:aws") && strings.Contains(clientID, ":sso::") && strings.Contains(clientID, ":application/")
}
