package emulator

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
)

// Authorization is what a client asks of the authorization endpoint.
type Authorization struct {
	ClientID      string // of RegisterClient, or the ARN of an application
	RedirectURI   string
	CodeChallenge string // S256 of RFC 7636; empty for none
	Scopes        []string
}

// Authorize returns an authorization code, as if the user had consented. The
// code is good for one exchange within 10 minutes. It fails for a client that
// is not registered, for a redirect URI or a scope that is not the client's,
// and for a registered client without a code challenge.
func (s *Server) Authorize(a Authorization) (code string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	scopes := a.Scopes
	switch client := s.identity.clients[a.ClientID]; {
	case client == nil && !isApplication(a.ClientID):
		return "", fmt.Errorf("client %q is not registered", a.ClientID)
	case client == nil: // an application, which knows its own rules
	case !client.registered(a.RedirectURI):
		return "", fmt.Errorf("redirect URI %q is not registered for the client", a.RedirectURI)
	case a.CodeChallenge == "":
		return "", fmt.Errorf("a public client needs a code challenge")
	default:
		if len(scopes) == 0 {
			scopes = client.scopes
		}
		for _, scope := range scopes {
			if !slices.Contains(client.scopes, scope) {
				return "", fmt.Errorf("scope %q is not registered for the client", scope)
			}
		}
	}
	code = "emulated-code-" + randomHex(32)
	s.identity.codes[code] = &authorizationCode{
		clientID:    a.ClientID,
		redirectURI: a.RedirectURI,
		challenge:   a.CodeChallenge,
		scopes:      scopes,
		expires:     s.clock.now().Add(codeLife),
	}
	return code, nil
}

// s256 is the code challenge of a verifier.
func s256(verifier string) string {
	hash := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}
