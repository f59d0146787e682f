package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
)

const invocationID = "Amz-Sdk-Invocation-Id"

var errRedirected = errors.New("the HTTP client followed a redirect: set Config.HTTPClient to one that follows none")

// doWatched sends a request with a client or a RoundTripper that may follow
// redirects. Without GetBody, a client of net/http cannot send the body again;
// the header of the request to another host ends its connection before anything
// is sent there; and a response to another request is refused.
func (c *client) doWatched(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	var conn atomic.Pointer[net.Conn]
	var elsewhere atomic.Bool // where this goes, or something else that the client wants to know
	watched := req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { conn.Store(&info.Conn) },
		WroteHeaderField: func(name string, value []string) {
			switch {
			case len(value) != 1:
			case name == "Host" || name == ":authority":
				elsewhere.Store(value[0] != req.Host)
			case strings.EqualFold(name, invocationID) && elsewhere.Load():
				cancel(errRedirected)
				if c := conn.Load(); c != nil {
					_ = (*c).Close() // the header is still in a buffer
				}
			}
		},
	}))
	if _, ok := c.http.(*http.Client); !ok { // whose RoundTripper needs GetBody when a connection turns out to be closed
		watched.GetBody = nil
	}
	resp, err := c.http.Do(watched)
	if context.Cause(ctx) == errRedirected {
		err = errRedirected
	}
	if err == nil && resp != nil && resp.Request != nil && resp.Request.URL != nil && *resp.Request.URL != *req.URL {
		err = errRedirected
	}
	if err != nil {
		if resp != nil && resp.Body != nil {
			_ = resp.Body.Close()
		}
		cancel(nil)
		return nil, err
	}
	if resp == nil || resp.Body == nil {
		cancel(nil)
		return resp, nil
	}
	resp.Body = &closeNotifier{resp.Body, func() { cancel(nil) }}
	return resp, nil
}

// closeNotifier ends the request's context when the response has been read.
type closeNotifier struct {
	io.ReadCloser
	closed func()
}

func (b *closeNotifier) Close() error {
	defer b.closed()
	return b.ReadCloser.Close()
}
