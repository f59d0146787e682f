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

// callback is the server that a browser login ends at. It takes one result: the
// first with the login's state. All other requests change nothing.
type callback struct {
	state  string
	server *http.Server

	first   sync.Once
	arrived chan struct{} // closed when there is a result
	result  result        // set before

	done chan struct{} // closed when the login is over
	err  error         // how it ended; set before
}

var errNotTheAddress = errors.New("that is not the address of this login")

// result is what the authorization endpoint sent back.
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
		ErrorLog:          log.New(io.Discard, "", 0), // by default, that of the program
	}
	go func() { _ = c.server.Serve(listener) }() // until close
	return c
}

// closeTime is how long the browser has to receive its page.
const closeTime = time.Second

// finish tells the browser how the login ended.
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

// ServeHTTP responds when the login is over, so that the page can say how it
// ended.
func (c *callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet || r.URL.EscapedPath() != callbackPath {
		webpage.Write(w, http.StatusNotFound, ignoredPage, "There is nothing here.")
		return
	}
	if !c.take(r.URL.Query()) {
		webpage.Write(w, http.StatusBadRequest, ignoredPage, "The program waits for the result of another login. It goes on waiting.")
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

// paste takes the address that a browser on another machine ended at.
func (c *callback) paste(address string) error {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.EscapedPath() != callbackPath || !c.take(u.Query()) {
		return errNotTheAddress // which shows nothing of what was pasted
	}
	return nil
}

// take takes the login's result from the parameters of a callback. It reports
// whether they hold one. A second one is not used.
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

// maxDescription is more than anybody reads.
const maxDescription = 500

// clean makes text that came with a URL fit for an error.
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
