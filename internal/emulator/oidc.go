package emulator

import (
	"cmp"
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

// oauthStatus is the HTTP status of an OAuth error; 400 if it is not in the table.
var oauthStatus = map[string]int{
	"InvalidClientException":  http.StatusUnauthorized,
	"InternalServerException": http.StatusInternalServerError,
}

// oidcRefuse responds with an OAuth error, or with a message for other errors,
// such as those of the signature.
func oidcRefuse(w http.ResponseWriter, r *request, f *failure) {
	status := cmp.Or(f.status, oauthStatus[f.code], http.StatusBadRequest)
	body := object{"error": oauthErrors[f.code], "error_description": f.message}
	if oauthErrors[f.code] == "" || f.ofSignature {
		status, body = cmp.Or(f.status, http.StatusForbidden), object{"message": f.message}
	}
	for name, value := range f.members {
		body[name] = value
	}
	if !r.omitErrorHeader {
		w.Header().Set("X-Amzn-Errortype", f.code+":http://internal.amazon.com/coral/com.amazonaws.ssooidc/")
	}
	writeJSON(w, status, body)
}

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
		"registrationClientUri": nil, // not in the model: clients must ignore it
		"tokenEndpoint":         nil,
	}, nil
}

// client returns the registered client of an ID if the secret is correct.
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

func isLoopback(u *url.URL) bool {
	if u.Scheme != "http" {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err == nil && addr.IsLoopback() || u.Hostname() == "localhost"
}

// registered reports whether a redirect URI is registered for the client. By RFC
// 8252 section 7.3, that of a loopback address may have any port.
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
