package emulator

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/webpage"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

const authorizePath = "/authorize"

// Authorization is a request to the authorization endpoint.
type Authorization struct {
	ClientID      string // of RegisterClient, or the ARN of an application
	RedirectURI   string
	CodeChallenge string // S256 of RFC 7636; empty for none
	Scopes        []string
}

// Authorize returns an authorization code, as if the user had consented. The
// code can be exchanged once, within 10 minutes. Authorize returns an error
// for a client that is not registered, for a redirect URI or a scope that the
// client does not have, and for a registered client without a code challenge.
func (s *Server) Authorize(a Authorization) (code string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	scopes, refusal := s.identity.checkAuthorization(a)
	if refusal != nil {
		return "", refusal
	}
	return s.identity.newCode(a, scopes), nil
}

// authorizationRefusal is why there is no code. Without an OAuth error, the
// user must not be sent to the redirect URI.
type authorizationRefusal struct{ oauthError, description string }

func (r *authorizationRefusal) Error() string { return r.description }

// checkAuthorization returns the scopes that consent would grant.
func (c *identityCenter) checkAuthorization(a Authorization) ([]string, *authorizationRefusal) {
	client, _ := c.clients.get(c.clock.now(), a.ClientID)
	switch {
	case client == nil && isApplication(a.ClientID): // what it may ask for is not part of this API
		return a.Scopes, nil
	case client == nil:
		return nil, &authorizationRefusal{"", fmt.Sprintf("client %q is not registered", a.ClientID)}
	case !client.registered(a.RedirectURI):
		return nil, &authorizationRefusal{"", fmt.Sprintf("redirect URI %q is not registered for the client", a.RedirectURI)}
	case !c.clock.now().Before(client.expires):
		return nil, &authorizationRefusal{"unauthorized_client", "the client's registration has expired"}
	case !slices.Contains(client.grants, ssooidc.GrantTypeAuthorizationCode):
		return nil, &authorizationRefusal{"unauthorized_client", "the client is not registered for authorization_code"}
	case a.CodeChallenge == "":
		return nil, &authorizationRefusal{"invalid_request", "a public client needs a code challenge"}
	case len(a.Scopes) == 0:
		return client.scopes, nil
	}
	for _, scope := range a.Scopes {
		if !slices.Contains(client.scopes, scope) {
			return nil, &authorizationRefusal{"invalid_scope", fmt.Sprintf("scope %q is not registered for the client", scope)}
		}
	}
	return a.Scopes, nil
}

func (c *identityCenter) newCode(a Authorization, scopes []string) string {
	code := "emulated-ac-" + randomHex(32)
	now := c.clock.now()
	expires := now.Add(codeLife)
	c.codes.put(now, code, &authorizationCode{
		clientID:    a.ClientID,
		redirectURI: a.RedirectURI,
		challenge:   a.CodeChallenge,
		scopes:      scopes,
		expires:     expires,
	}, expires)
	return code
}

// s256 is the code challenge of a verifier.
func s256(verifier string) string {
	hash := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

// authorizePage is the authorization endpoint of RFC 6749 section 3.1. Besides
// the RFC's parameter scope, it reads scopes, which AWS's clients send. It asks
// the user by a form, which is sent to the same address, and redirects the
// browser to the client with the response.
func (s *Server) authorizePage(w http.ResponseWriter, r *request) {
	if refusePage(w, r) {
		return
	}
	query := r.URL.Query()
	asked := Authorization{
		ClientID:      query.Get("client_id"),
		RedirectURI:   query.Get("redirect_uri"),
		CodeChallenge: query.Get("code_challenge"),
		Scopes:        scopesOf(query),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	scopes, refusal := s.identity.checkAuthorization(asked)
	if refusal == nil {
		refusal = checkResponse(query)
	}
	target, err := url.Parse(asked.RedirectURI)
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
		if refusal == nil || refusal.oauthError != "" { // which is sent there
			refusal = &authorizationRefusal{"", "the redirect URI is not an http or https URL"}
		}
	}
	sendBack := func(response url.Values) {
		s.window.decided(query)
		redirect(w, r, target, query.Get("state"), response)
	}
	switch {
	case refusal != nil && refusal.oauthError == "":
		webpage.Write(w, http.StatusBadRequest, messagePage, message{Title: "This request cannot be processed", Text: refusal.description})
	case refusal != nil:
		sendBack(url.Values{"error": {refusal.oauthError}, "error_description": {refusal.description}})
	case s.options.AutoApprove, r.form().Get("decision") == "approve":
		sendBack(url.Values{"code": {s.identity.newCode(asked, scopes)}})
	case r.Method == http.MethodPost:
		sendBack(url.Values{"error": {"access_denied"}, "error_description": {"The user denied the request"}})
	default:
		s.window.asked(asked, query)
		// Browsers hold a form to its targets when it is redirected, too.
		webpage.Write(w, http.StatusOK, consentPage, map[string]any{
			"Client": s.identity.clientName(asked.ClientID), "Scopes": scopes, "Target": target.Host,
		}, "'self'", target.Scheme+"://"+target.Host)
	}
}

// scopesOf returns the scopes of both parameters, each once.
func scopesOf(query url.Values) (scopes []string) {
	for scope := range strings.FieldsSeq(query.Get("scope") + " " + query.Get("scopes")) {
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	return scopes
}

// checkResponse checks the requested response type and challenge method.
func checkResponse(query url.Values) *authorizationRefusal {
	switch {
	case query.Get("response_type") != "code":
		return &authorizationRefusal{"unsupported_response_type", "response_type must be code"}
	case query.Get("code_challenge") != "" && query.Get("code_challenge_method") != "S256":
		return &authorizationRefusal{"invalid_request", "code_challenge_method must be S256"}
	}
	return nil
}

// redirect redirects the browser to the client with the response and the state
// that the client sent.
func redirect(w http.ResponseWriter, r *request, target *url.URL, state string, response url.Values) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r.Request, withResponse(target, state, response), http.StatusSeeOther)
}

func withResponse(target *url.URL, state string, response url.Values) string {
	query := target.Query()
	maps.Copy(query, response)
	if state != "" {
		query.Set("state", state)
	}
	target.RawQuery = query.Encode()
	return target.String()
}

// clientName returns the name of a client for a page.
func (c *identityCenter) clientName(id string) string {
	if client, ok := c.clients.get(c.clock.now(), id); ok {
		return client.name
	}
	return id
}

// authorizationCode is what a user consented to.
type authorizationCode struct {
	clientID, redirectURI, challenge string
	scopes                           []string
	expires                          time.Time
}

// redeemCode makes an authorization code invalid and returns its scopes. The
// code is invalid even if the exchange is refused: a client gets one attempt.
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
