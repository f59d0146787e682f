package login

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

const fakeState = "fake-state-0123456789"

// brings reads what a query holds of the response to fakeState: the first value
// of each parameter counts.
func brings(query string) (code, failure string, ok bool) {
	first := map[string]string{}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, nameErr := url.QueryUnescape(name)
		value, valueErr := url.QueryUnescape(value)
		if _, known := first[name]; !known && nameErr == nil && valueErr == nil && !strings.Contains(pair, ";") {
			first[name] = value
		}
	}
	return first["code"], first["error"], first["state"] == fakeState && first["code"]+first["error"] != ""
}

// Only the login's own state at its own path ends a login, by a redirect of the
// browser as by a pasted address, and then with what is in there. All else
// leaves it to the right response.
func FuzzCallback(f *testing.F) {
	for _, seed := range []string{
		"", callbackPath, callbackPath + "?state=" + fakeState, callbackPath + "?code=c&state=" + fakeState, callbackPath + "?state=" + fakeState + "&code=%20&error=",
		callbackPath + "?error=access_denied&error_description=%1b%5B31m<b>%0a%ff&state=" + fakeState, callbackPath + "?code=c&state=x&state=" + fakeState,
		callbackPath + "?code=c&state=" + fakeState + "&state=x", callbackPath + "?code=c&State=" + fakeState, callbackPath + "?code=c;d&code=e&st%61te=" + fakeState,
		callbackPath + "?%zz=1&code=c&state=" + fakeState, callbackPath + "?code=c&state=", callbackPath + "#code=c&state=" + fakeState,
		"/oauth%2Fcallback?code=c&state=" + fakeState, "/oauth/callback/?code=c&state=" + fakeState, "//oauth/callback?code=c&state=" + fakeState,
		callbackPath + "?code=c&error=" + strings.Repeat("%C3%BC", 300) + "&state=" + fakeState,
	} {
		f.Add(http.MethodGet, seed)
		f.Add(http.MethodPost, seed)
	}
	f.Fuzz(func(t *testing.T, method, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || strings.ContainsAny(method+target, " \r\n") || method == "" {
			t.Skip("no request")
		}
		open := func() *callback {
			return &callback{state: fakeState, arrived: make(chan struct{}), done: make(chan struct{})}
		}
		browser, paste := open(), open()
		close(browser.done) // the pages tell how the login ended
		w := httptest.NewRecorder()
		browser.ServeHTTP(w, &http.Request{Method: method, URL: u})
		pasted := paste.paste("http://127.0.0.1:1" + target)

		code, failure, ok := brings(u.RawQuery)
		ok = ok && u.EscapedPath() == callbackPath
		require.Equal(t, ok && method == http.MethodGet, w.Code == http.StatusOK)
		if !strings.Contains(target, "#") && u.Host == "" {
			require.Equal(t, ok, pasted == nil)
		}
		select {
		case <-browser.arrived:
			require.Equal(t, http.StatusOK, w.Code)
		default:
			require.Contains(t, []int{http.StatusBadRequest, http.StatusNotFound}, w.Code)
			require.True(t, browser.take(url.Values{"state": {fakeState}, "code": {"right"}}), "it goes on waiting")
			require.Equal(t, "right", browser.result.code.Reveal())
			return
		}
		if failure == "" {
			require.Equal(t, result{code: browser.result.code}, browser.result)
			require.Equal(t, code, browser.result.code.Reveal())
			return
		}
		var refused *AuthorizationError
		require.ErrorAs(t, browser.result.err, &refused)
		require.Empty(t, browser.result.code)
		require.LessOrEqual(t, len(refused.Code)+len(refused.Description), 2*maxDescription)
		require.False(t, strings.ContainsFunc(refused.Error(), func(r rune) bool { return !unicode.IsPrint(r) }), "%q", refused.Error())
	})
}
