package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// errNoBrowser says that FlowBrowser is not possible on this machine.
var errNoBrowser = errors.New("a browser login is not possible here")

// byBrowser sends a browser to the authorization endpoint, waits for it to be
// redirected back, and exchanges the code that it brings.
func (l *login) byBrowser(ctx context.Context, r *Registration) (token *Token, err error) {
	listener, err := net.Listen("tcp4", net.JoinHostPort(callbackHost, strconv.Itoa(l.CallbackPort)))
	switch {
	case err != nil && l.CallbackPort != 0:
		return nil, &CallbackPortError{l.CallbackPort, err}
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errNoBrowser, err)
	}
	state, verifier := randomString(), randomString()
	back := serveCallback(listener, state)
	defer back.close()
	redirectURI := "http://" + listener.Addr().String() + callbackPath
	page := authorizeURL(l.base, r.ClientID, redirectURI, state, verifier, l.scopes)

	failure := l.open(ctx, page, back.arrived)
	if failure != nil && l.Flow == FlowAuto {
		return nil, fmt.Errorf("%w: %w", errNoBrowser, failure)
	}
	ctx, stop := l.show(ctx, Request{
		Session: l.session, Flow: FlowBrowser, URL: awstokens.NewSecret(page), Opened: failure == nil,
	}, back.paste)
	defer stop()
	defer func() { back.finish(err) }() // before stop, because the prompt may wait for the browser's last page
	select {
	case <-back.arrived:
		if back.result.err != nil {
			return nil, back.result.err
		}
		return l.exchange(ctx, r, ssooidc.CreateTokenInput{
			GrantType: ssooidc.GrantTypeAuthorizationCode, Code: back.result.code, RedirectUri: redirectURI, CodeVerifier: awstokens.NewSecret(verifier),
		})
	case <-ctx.Done():
		// If the endpoint does not know the client, it says so in the browser only.
		// The next login registers another client.
		_ = l.Store.DeleteRegistration(context.WithoutCancel(ctx), l.session)
		return nil, unapproved(ctx)
	}
}

// authorizeURL returns the URL of the request of RFC 6749 section 4.1.1. IAM
// Identity Center calls the parameter scope scopes.
func authorizeURL(base *url.URL, clientID, redirectURI, state, verifier string, scopes []string) string {
	challenge := sha256.Sum256([]byte(verifier))
	u := base.JoinPath("authorize")
	u.RawQuery = url.Values{
		"response_type":         {"code"},
		"client_id":             {clientID},
		"redirect_uri":          {redirectURI},
		"state":                 {state},
		"code_challenge_method": {"S256"},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"scopes":                {strings.Join(scopes, " ")},
	}.Encode()
	return u.String()
}

// randomString returns 260 bits in 52 characters, as RFC 7636 section 4.1 requires
// of a verifier.
func randomString() string { return rand.Text() + rand.Text() }
