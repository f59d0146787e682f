package emulator

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/endpoint"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

const (
	registrationLife = 90 * 24 * time.Hour
	maxRegistrations = 10_000           // the oldest are forgotten, with all their tokens
	maxRefreshTokens = 100_000          // the oldest are forgotten
	oidcTokenLife    = time.Hour        // not published
	codeLife         = 10 * time.Minute // the most that RFC 6749 section 4.1.2 recommends
)

// identityCenter is the state of IAM Identity Center OIDC.
type identityCenter struct {
	*Server
	clients       store[string, *oidcClient]        // by client ID
	devices       store[string, *deviceGrant]       // by device code
	userCodes     store[string, *deviceGrant]       // by the letters of the user code
	codes         store[string, *authorizationCode] // by code
	accessTokens  store[string, *oidcToken]         // by token
	refreshTokens store[string, *oidcToken]         // by token

	propagation
}

// oidcClient is a registration.
type oidcClient struct {
	id, secret   string
	name         string
	expires      time.Time
	scopes       []string
	grants       []ssooidc.GrantType
	redirectUris []string
}

// authorizationCode is a code that a user's consent made.
type authorizationCode struct {
	clientID, redirectURI, challenge string
	scopes                           []string
	expires                          time.Time
}

// oidcToken is an access or a refresh token.
type oidcToken struct {
	login    *login
	clientID string
	scopes   []string
	expires  time.Time // zero for a refresh token of a registered client, which lives as long as the registration
}

// login is what all tokens of one login share.
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

func newOIDC(s *Server) *service {
	c := &identityCenter{
		Server:        s,
		clients:       store[string, *oidcClient]{limit: maxRegistrations},
		refreshTokens: store[string, *oidcToken]{limit: maxRefreshTokens},
	}
	s.identity = c
	return &service{
		Service:   endpoint.OIDC,
		id:        IdentityCenter,
		result:    func(w http.ResponseWriter, _ *request, out any) { writeJSON(w, http.StatusOK, out) },
		refuse:    oidcRefuse,
		throttled: "SlowDownException",
		internal:  "InternalServerException",
		operations: map[string]operation{
			"RegisterClient":           {unsigned, restJSON(c.registerClient)},
			"StartDeviceAuthorization": {unsigned, restJSON(c.startDeviceAuthorization)},
			"CreateToken":              {unsigned, restJSON(c.createToken)},
			"CreateTokenWithIAM":       {signed, restJSON(c.createTokenWithIAM)},
		},
	}
}

// oidcOperation returns the operation that a path and a query stand for.
func oidcOperation(path string, query url.Values) (string, bool) {
	switch {
	case path == "/client/register":
		return "RegisterClient", true
	case path == "/device_authorization":
		return "StartDeviceAuthorization", true
	case path == "/token" && query.Get("aws_iam") == "t":
		return "CreateTokenWithIAM", true
	case path == "/token":
		return "CreateToken", true
	}
	return "", false
}

func restJSON[I any, PI interface {
	*I
	Validate() error
}](handle func(*request, PI) (any, *failure)) handler {
	return jsonHandler[I, PI]("InvalidRequestException", "InvalidRequestException", handle)
}

// oauthErrors are the OAuth names of the exceptions.
var oauthErrors = map[string]string{
	"AccessDeniedException":          "access_denied",
	"AuthorizationPendingException":  "authorization_pending",
	"ExpiredTokenException":          "expired_token",
	"InternalServerException":        "server_error",
	"InvalidClientException":         "invalid_client",
	"InvalidClientMetadataException": "invalid_client_metadata",
	"InvalidGrantException":          "invalid_grant",
	"InvalidRedirectUriException":    "invalid_redirect_uri",
	"InvalidRequestException":        "invalid_request",
	"InvalidRequestRegionException":  "invalid_request",
	"InvalidScopeException":          "invalid_scope",
	"SlowDownException":              "slow_down",
	"UnauthorizedClientException":    "unauthorized_client",
	"UnsupportedGrantTypeException":  "unsupported_grant_type",
}

// oidcRefuse responds with an OAuth error, or, for an error that is not
// OAuth's, such as one of the signature, with a message.
func oidcRefuse(w http.ResponseWriter, r *request, f *failure) {
	name, isOAuth := oauthErrors[f.code]
	status := f.status
	switch {
	case status != 0:
	case !isOAuth, f.ofSignature:
		status = http.StatusForbidden
	case f.code == "InvalidClientException":
		status = http.StatusUnauthorized
	case f.code == "InternalServerException":
		status = http.StatusInternalServerError
	default:
		status = http.StatusBadRequest
	}
	body := object{"message": f.message}
	if isOAuth && !f.ofSignature {
		body = object{"error": name, "error_description": f.message}
	}
	for name, value := range f.members {
		body[name] = value
	}
	if !r.omitErrorHeader {
		w.Header().Set("X-Amzn-Errortype", f.code+":http://internal.amazon.com/coral/com.amazonaws.ssooidc/")
	}
	writeJSON(w, status, body)
}

// The grants of the two operations that make tokens.
var (
	publicGrants = []ssooidc.GrantType{ssooidc.GrantTypeDeviceCode, ssooidc.GrantTypeAuthorizationCode, ssooidc.GrantTypeRefreshToken}
	iamGrants    = []ssooidc.GrantType{ssooidc.GrantTypeAuthorizationCode, ssooidc.GrantTypeRefreshToken, ssooidc.GrantTypeJWTBearer, ssooidc.GrantTypeTokenExchange}
)

func (c *identityCenter) registerClient(r *request, in *ssooidc.RegisterClientInput) (any, *failure) {
	if in.ClientType != ssooidc.ClientTypePublic {
		return nil, fail("InvalidClientMetadataException", "clientType must be public.")
	}
	for _, grant := range in.GrantTypes {
		if !slices.Contains(publicGrants, grant) {
			return nil, fail("UnsupportedGrantTypeException", "grantType %q is not supported.", grant)
		}
	}
	for _, uri := range in.RedirectUris {
		if u, err := url.Parse(uri); err != nil || u.Host == "" || u.Scheme != "https" && !isLoopback(u) {
			return nil, fail("InvalidRedirectUriException", "A redirectUri must be https, or http to a loopback address.")
		}
	}
	for _, scope := range in.Scopes {
		if scope == "" || strings.ContainsAny(scope, " \t\r\n") {
			return nil, fail("InvalidScopeException", "A scope must be a string without white space.")
		}
	}
	client := &oidcClient{
		id:           randomHex(16),
		secret:       "emulated-cs-" + randomHex(400), // real ones are that long
		name:         in.ClientName,
		expires:      r.now.Truncate(time.Second).Add(registrationLife),
		scopes:       in.Scopes,
		grants:       in.GrantTypes,
		redirectUris: in.RedirectUris,
	}
	if len(client.grants) == 0 {
		client.grants = []ssooidc.GrantType{ssooidc.GrantTypeDeviceCode, ssooidc.GrantTypeRefreshToken}
	}
	c.clients.put(r.now, client.id, client, client.expires)
	return object{
		"authorizationEndpoint": nil,
		"clientId":              client.id,
		"clientIdIssuedAt":      r.now.Unix(),
		"clientSecret":          client.secret,
		"clientSecretExpiresAt": client.expires.Unix(),
		"registrationClientUri": nil, // not in the model: clients must not mind
		"tokenEndpoint":         nil,
	}, nil
}

// client returns a registered client that has proven who it is.
func (c *identityCenter) client(now time.Time, id, secret string) (*oidcClient, *failure) {
	client, _ := c.clients.get(now, id)
	switch {
	case client == nil || client.secret != secret:
		return nil, fail("InvalidClientException", "Invalid client provided")
	case !now.Before(client.expires):
		return nil, fail("InvalidClientException", "The client's registration has expired")
	}
	return client, nil
}

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

// createTokenWithIAM makes tokens for an application of Identity Center. Any
// ARN is one: applications are not part of this API.
func (c *identityCenter) createTokenWithIAM(r *request, in *ssooidc.CreateTokenWithIAMInput) (any, *failure) {
	switch {
	case !isApplication(in.ClientId):
		return nil, fail("InvalidClientException", "clientId is not the ARN of an application.")
	case !slices.Contains(iamGrants, in.GrantType):
		return nil, fail("UnsupportedGrantTypeException", "grantType %q is not supported.", in.GrantType)
	}
	granted := in.Scope // an application that no code or token has limited yet
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

// issue makes an access token and the response that carries it. Members that
// the service sends as null, and members that are not in the model, are there
// too.
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

// keepRefreshToken remembers a refresh token until it expires, or for as long
// as a registration lives after its last use.
func (c *identityCenter) keepRefreshToken(now time.Time, token string, of *oidcToken) {
	until := of.expires
	if until.IsZero() {
		until = now.Add(registrationLife)
	}
	c.refreshTokens.put(now, token, of, until)
}

// refreshed returns the refresh token in the response to a refresh: the same
// one, a new one if tokens rotate, which makes the old one invalid, or none.
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

// redeemCode uses an authorization code up, also when something else is wrong
// with the exchange: a client gets no second guess.
func (c *identityCenter) redeemCode(now time.Time, clientID, code, redirectURI, verifier string) ([]string, *failure) {
	known, _ := c.codes.get(now, code)
	if known == nil || known.clientID != clientID || !now.Before(known.expires) {
		return nil, fail("InvalidGrantException", "Invalid authorization code provided")
	}
	c.codes.delete(code)
	switch {
	case known.redirectURI != redirectURI:
		return nil, fail("InvalidGrantException", "redirectUri is not that of the authorization request")
	case known.challenge != "" && known.challenge != s256(verifier):
		return nil, fail("InvalidGrantException", "codeVerifier does not match the code challenge")
	}
	return known.scopes, nil
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

// narrow returns the scopes asked for, or all that were granted.
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

func isLoopback(u *url.URL) bool {
	if u.Scheme != "http" {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err == nil && addr.IsLoopback() || u.Hostname() == "localhost"
}

// registered says whether a client may have codes sent to a URI. A loopback
// address may have any port, as RFC 8252 section 7.3 has it.
func (c *oidcClient) registered(redirectURI string) bool {
	return slices.ContainsFunc(c.redirectUris, func(uri string) bool {
		return uri == redirectURI || withoutPort(uri) == withoutPort(redirectURI)
	})
}

// withoutPort cuts the port off a loopback URI.
func withoutPort(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || !isLoopback(u) {
		return uri
	}
	if host, _, err := net.SplitHostPort(u.Host); err == nil {
		u.Host = host
	}
	return u.String()
}
