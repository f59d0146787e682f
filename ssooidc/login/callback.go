package login

import (
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/redact"
	"github.com/seed-25f54b62/awstokens/internal/webpage"
)

const (
	callbackHost = "127.0.0.1"
	callbackPath = "/oauth/callback"
)

// callback is the server that the authorization endpoint redirects the browser to.
// It takes the first result with the login's state. Other requests change nothing.
type callback struct {
	state  string
	server *http.Server

	first   sync.Once
	arrived chan struct{} // closed when there is a result
	result  result        // set before

	done chan struct{} // closed when the login has ended
	err  error         // of the login; set before
}

var errNotTheAddress = errors.New("that is not the address of this login")

// result is the response of the authorization endpoint.
type result struct {
	code awstokens.Secret
	err  error // an *AuthorizationError instead of the code
}

func serveCallback(listener net.Listener, state string) *callback {
	c := &callback{state: state, arrived: make(chan struct{}), done: make(chan struct{})}
	c.server = &http.Server{
		Handler:           c,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       10 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // the default is the program's
	}
	go func() { _ = c.server.Serve(listener) }() // until close
	return c
}

// closeTime is how long the browser has to receive its page.
const closeTime = time.Second

// finish ends the login with an error or nil, which the browser's page shows.
func (c *callback) finish(err error) {
	c.err = err
	close(c.done)
}

// close stops the server.
func (c *callback) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	_ = c.server.Shutdown(ctx)
	_ = c.server.Close() // browsers open connections that they do not use
}

// ServeHTTP implements http.Handler. It responds to the redirect when the login has
// ended, so that the page can show how.
func (c *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.URL.EscapedPath() != callbackPath {
		webpage.Write(w, http.StatusNotFound, ignoredPage, "There is nothing here.")
		return
	}
	if !c.take(r.URL.Query()) {
		webpage.Write(w, http.StatusBadRequest, ignoredPage, "This is not the result of the login that the program waits for. It still waits.")
		return
	}
	select {
	case <-c.done:
	case <-r.Context().Done():
		return
	}
	if c.err != nil {
		webpage.Write(w, http.StatusBadRequest, failurePage, c.err.Error())
		return
	}
	webpage.Write(w, http.StatusOK, successPage, nil)
}

// paste takes the address of the last page of a browser on another machine.
func (c *callback) paste(address string) error {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.EscapedPath() != callbackPath || !c.take(u.Query()) {
		return errNotTheAddress // the text may hold a secret, so the error does not show it
	}
	return nil
}

// take takes the result from the parameters of a redirect, and reports whether they
// have one with the login's state. It does not use a second one.
func (c *callback) take(query url.Values) bool {
	if subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(c.state)) != 1 {
		return false
	}
	r := result{code: awstokens.NewSecret(query.Get("code"))}
	if code := query.Get("error"); code != "" {
		r = result{err: &AuthorizationError{clean(code), clean(query.Get("error_description"))}}
	}
	if r.code.IsZero() && r.err == nil {
		return false
	}
	c.first.Do(func() {
		c.result = r
		close(c.arrived)
	})
	return true
}

// maxDescription is the greatest length of a code or description.
const maxDescription = 500

// clean makes a parameter of a URL fit for an error: one line of limited length.
func clean(text string) string {
	text = redact.Line(text)
	return strings.ToValidUTF8(text[:min(len(text), maxDescription)], "")
}

var (
	successPage = webpage.New(`{{define "title"}}Logged in{{end}}{{define "body" -}}
<h1 class="good">You are logged in</h1>
<p>You can close this page and go back to the program.</p>
{{end}}`)

	failurePage = webpage.New(`{{define "title"}}Login failed{{end}}{{define "body" -}}
<h1 class="bad">The login failed</h1>
<p class="alert" role="alert">{{.}}</p>
<p>You can close this page and go back to the program.</p>
{{end}}`)

	ignoredPage = webpage.New(`{{define "title"}}Not this page{{end}}{{define "body" -}}
<h1>Not this page</h1>
<p>{{.}}</p>
{{end}}`)
)
