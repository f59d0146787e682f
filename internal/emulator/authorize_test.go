package emulator_test

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// browse sends a request as a browser does, but does not follow a redirect. A body
// is a form.
func (w *world) browse(t *testing.T, method, target, body string) response {
	t.Helper()
	req, err := http.NewRequest(method, target, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Accept", "text/html,application/xhtml+xml")
	if body != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	resp, err := w.cfg.HTTPClient.(*http.Client).Transport.RoundTrip(req) // follows no redirects
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return response{resp.StatusCode, resp.Header, string(text)}
}

const redirectWithPort = "http://127.0.0.1:43210/oauth/callback"

// authorizeURL returns the URL that a client of this module opens, with changed
// parameters.
func (w *world) authorizeURL(client *ssooidc.RegisterClientOutput, changes map[string]string) string {
	query := url.Values{
		"response_type":         {"code"},
		"client_id":             {client.ClientId},
		"redirect_uri":          {redirectWithPort},
		"state":                 {"a state & more"},
		"code_challenge_method": {"S256"},
		"scopes":                {"sso:account:access"},
		"code_challenge":        {challenge()},
	}
	for name, value := range changes {
		query.Set(name, value)
	}
	return w.URL() + "/authorize?" + query.Encode()
}

// sentBack returns the parameters with which a response redirects to the client.
func sentBack(t *testing.T, got response) url.Values {
	t.Helper()
	require.Equal(t, http.StatusSeeOther, got.status, got.body)
	target, err := url.Parse(got.header.Get("Location"))
	require.NoError(t, err)
	query := target.Query()
	target.RawQuery = ""
	assert.Equal(t, redirectWithPort, target.String())
	assert.Equal(t, "a state & more", query.Get("state"))
	assert.Equal(t, "no-store", got.header.Get("Cache-Control"))
	return query
}

func TestAuthorizePageApproved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.register(t, ssooidc.GrantTypeAuthorizationCode)
	page := w.authorizeURL(client, nil)
	got := w.browse(t, http.MethodGet, page, "")
	assert.Equal(t, http.StatusOK, got.status)
	assert.Contains(t, got.body, "<strong>test</strong>")
	assert.Contains(t, got.body, "<code>127.0.0.1:43210</code>")
	assert.Contains(t, got.body, "<code>sso:account:access</code>")
	assert.NotContains(t, got.body, "other:scope", "it was not asked for")
	assert.Contains(t, got.header.Get("Content-Security-Policy"), "form-action 'self' http://127.0.0.1:43210")

	query := sentBack(t, w.browse(t, http.MethodPost, page, "decision=approve"))
	_, err := w.token(t, client, ssooidc.GrantTypeAuthorizationCode, func(in *ssooidc.CreateTokenInput) {
		in.Code, in.RedirectUri, in.CodeVerifier = awstokens.NewSecret(query.Get("code")), redirectWithPort, awstokens.NewSecret(verifier)
	})
	require.NoError(t, err)
}

func TestAuthorizePageReadsBothScopeParameters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.register(t, ssooidc.GrantTypeAuthorizationCode)
	const account, other = "<code>sso:account:access</code>", "<code>other:scope</code>"
	for _, tt := range []struct {
		scope, scopes string
		shown         []string
	}{
		{"other:scope", "", []string{other}},
		{"", "sso:account:access", []string{account}},
		{"other:scope", "sso:account:access other:scope", []string{account, other}},
		{"", "", []string{account, other}}, // all that the client has
	} {
		page := w.browse(t, http.MethodGet, w.authorizeURL(client, map[string]string{"scope": tt.scope, "scopes": tt.scopes}), "").body
		for _, scope := range []string{account, other} {
			want := 0
			if slices.Contains(tt.shown, scope) {
				want = 1
			}
			assert.Equal(t, want, strings.Count(page, scope), "%+v", tt)
		}
	}
	refusal := w.authorizeURL(client, map[string]string{"scope": "unknown"})
	assert.Equal(t, "invalid_scope", sentBack(t, w.browse(t, http.MethodGet, refusal, "")).Get("error"))
}

func TestAuthorizePageDenied(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := w.authorizeURL(w.register(t, ssooidc.GrantTypeAuthorizationCode), nil)
	for _, decision := range []string{"deny", "", "nonsense"} {
		query := sentBack(t, w.browse(t, http.MethodPost, page, "decision="+decision))
		assert.Equal(t, "access_denied", query.Get("error"))
		assert.Equal(t, "The user denied the request", query.Get("error_description"))
		assert.Empty(t, query.Get("code"))
	}
}

func TestAuthorizePageAutoApprove(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *emulator.Options) { o.AutoApprove = true })
	client := w.register(t, ssooidc.GrantTypeAuthorizationCode)
	query := sentBack(t, w.browse(t, http.MethodGet, w.authorizeURL(client, nil), ""))
	assert.NotEmpty(t, query.Get("code"))
}

// There is no redirect to a URL that is not the client's.
func TestAuthorizePageWithoutRedirect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.register(t, ssooidc.GrantTypeAuthorizationCode)
	for _, changes := range []map[string]string{
		{"client_id": "unknown"},
		{"redirect_uri": ""},
		{"redirect_uri": "http://127.0.0.1:43210/elsewhere"},
		{"redirect_uri": "https://example.com/oauth/callback"},
		{"redirect_uri": "http://127.0.0.1.example.com:43210/oauth/callback"},
		{"redirect_uri": "http://user@127.0.0.1:43210/oauth/callback"},
		{"client_id": application, "redirect_uri": "javascript:alert(1)"},
		{"client_id": application, "redirect_uri": "javascript://host/%0aalert(1)"},
		{"client_id": application, "redirect_uri": "%"},
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			got := w.browse(t, method, w.authorizeURL(client, changes), "decision=approve")
			assert.Equal(t, http.StatusBadRequest, got.status, changes)
			assert.Empty(t, got.header.Get("Location"))
		}
	}
}

func TestAuthorizePageRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := w.register(t, ssooidc.GrantTypeAuthorizationCode)
	device := w.register(t)
	for name, page := range map[string]string{
		"unsupported_response_type": w.authorizeURL(client, map[string]string{"response_type": "token"}),
		"invalid_request":           w.authorizeURL(client, map[string]string{"code_challenge": ""}),
		"invalid_scope":             w.authorizeURL(client, map[string]string{"scopes": "sso:account:access unknown"}),
		"unauthorized_client":       w.authorizeURL(device, nil),
	} {
		query := sentBack(t, w.browse(t, http.MethodGet, page, ""))
		assert.Equal(t, name, query.Get("error"))
		assert.NotEmpty(t, query.Get("error_description"))
	}
	plain := w.authorizeURL(client, map[string]string{"code_challenge_method": "plain"})
	assert.Equal(t, "invalid_request", sentBack(t, w.browse(t, http.MethodGet, plain, "")).Get("error"))

	w.SetTime(client.Expires())
	query := sentBack(t, w.browse(t, http.MethodGet, w.authorizeURL(client, nil), ""))
	assert.Equal(t, "unauthorized_client", query.Get("error"))
}

func TestAuthorizePageOfAnApplication(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := w.authorizeURL(&ssooidc.RegisterClientOutput{ClientId: application}, map[string]string{"code_challenge": ""})
	assert.Contains(t, w.browse(t, http.MethodGet, page, "").body, application)
	assert.NotEmpty(t, sentBack(t, w.browse(t, http.MethodPost, page, "decision=approve")).Get("code"))
}
