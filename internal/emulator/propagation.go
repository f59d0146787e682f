package emulator

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/seed-25f54b62/awstokens"
)

const (
	assertionMemory = 24 * time.Hour
	contextLife     = oidcTokenLife // not published
	userJWTLife     = time.Hour
	userIssuer      = "https://idp.example.com"
	userJWTPath     = "/user-jwt"

	applicationSessionLife = 24 * time.Hour

	contextProvider = "arn:aws:iam::aws:contextProvider/IdentityCenter"
)

// propagation is the state of trusted identity propagation: a user's JWT is
// exchanged for an identity context, and that for credentials of a role.
type propagation struct {
	assertions store[string, struct{}]        // jti of every JWT that was exchanged
	contexts   store[string, identityContext] // by the context that CreateTokenWithIAM returned
	reused     int                            // requests with a JWT that was exchanged before
}

// identityContext is a user whom an application acts for.
type identityContext struct {
	application, user string
	expires           time.Time
}

// applicationSession is how long the refresh tokens of an application live.
func (c *identityCenter) applicationSession() time.Duration {
	return cmp.Or(c.options.ApplicationSession, applicationSessionLife)
}

// redeemAssertion accepts a JWT of any issuer and does not verify its signature:
// the emulator trusts every token issuer. The JWT needs an exp, and a jti, which
// is accepted once in 24 hours.
func (c *identityCenter) redeemAssertion(now time.Time, assertion string) *failure {
	var claims struct {
		ID      string   `json:"jti"`
		Expires *float64 `json:"exp"`
	}
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return fail("InvalidGrantException", "assertion is not a JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return fail("InvalidGrantException", "assertion is not a JWT")
	}
	_, used := c.assertions.get(now, claims.ID)
	if used {
		c.reused++
	}
	switch {
	case claims.ID == "" || claims.Expires == nil:
		return fail("InvalidGrantException", "assertion needs the claims jti and exp")
	case float64(now.Unix()) >= *claims.Expires:
		return fail("ExpiredTokenException", "assertion has expired")
	case used:
		return fail("InvalidGrantException", "assertion was used before")
	}
	c.assertions.put(now, claims.ID, struct{}{}, now.Add(assertionMemory-keepExpired))
	return nil
}

// withIdentity adds the user's identity context for STS to a response: as a claim
// of the ID token and, unless OmitIdentityContext is set, as a member.
func (c *identityCenter) withIdentity(now time.Time, response object, clientID string) (any, *failure) {
	identity := "emulated-" + randomHex(32)
	expires := now.Add(contextLife)
	idToken, err := c.issuer.signAny(map[string]any{
		"iss":                  c.options.Issuer,
		"sub":                  portalUser,
		"aud":                  clientID,
		"iat":                  now.Unix(),
		"exp":                  expires.Unix(),
		"sts:identity_context": identity,
	})
	if err != nil {
		return nil, fail("InternalServerException", "%s", err)
	}
	c.contexts.put(now, identity, identityContext{clientID, portalUser, expires}, expires)
	response["idToken"] = idToken
	response["awsAdditionalDetails"] = nil
	if !c.options.OmitIdentityContext {
		response["awsAdditionalDetails"] = object{"identityContext": identity}
	}
	return response, nil
}

// providedContext is a context in a request for AssumeRole.
type providedContext struct{ provider, assertion string }

// checkContext refuses a context that CreateTokenWithIAM did not return or that
// has expired. What STS responds then is not published. The end of the session
// that a context belongs to does not matter.
func (c *identityCenter) checkContext(now time.Time, context providedContext) *failure {
	propagated, known := c.contexts.get(now, context.assertion)
	switch {
	case context.provider != contextProvider:
		return fail("ValidationError", "%s is not a context provider.", context.provider)
	case !known:
		return fail("ValidationError", "The context assertion is not valid.")
	case !now.Before(propagated.expires):
		return fail("ValidationError", "The context assertion has expired.")
	}
	return nil
}

// UserJWT returns a new JWT of the user, as a trusted issuer makes it, which can
// be exchanged once within an hour.
func (s *Server) UserJWT() awstokens.Secret {
	now := s.clock.now()
	text, err := s.issuer.signAny(map[string]any{
		"iss": userIssuer,
		"sub": portalUser,
		"aud": "awstokens",
		"iat": now.Unix(),
		"exp": now.Add(userJWTLife).Unix(),
		"jti": randomHex(16),
	})
	if err != nil {
		panic(err) // the key signs anything
	}
	return awstokens.NewSecret(text)
}

// userJWTPage serves UserJWT to other processes.
func (s *Server) userJWTPage(w http.ResponseWriter, _ *request) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, s.UserJWT().Reveal()+"\n")
}

// ReusedJWTs returns how many requests had a JWT that was exchanged before.
func (s *Server) ReusedJWTs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.identity.reused
}

// EndSessions ends every login and every session of an application.
func (s *Server) EndSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, tokens := range []map[string]stored[*oidcToken]{s.identity.accessTokens.entries, s.identity.refreshTokens.entries} {
		for _, token := range tokens {
			token.value.login.ended = true
		}
	}
}
