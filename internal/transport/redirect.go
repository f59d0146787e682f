package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

var errRedirected = errors.New("the HTTP client followed a redirect: set Config.HTTPClient to one that follows none")

// doWatched sends a request with a client that may follow redirects. Without
// GetBody, net/http cannot send the body again; a second look for a connection, to
// another host, cancels the request before it is sent there; and a response to
// another request is refused.
func (c *client) doWatched(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	var host atomic.Pointer[string] // that the first connection is to: the service, or a proxy
	watched := req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GetConn: func(hostPort string) {
		if !host.CompareAndSwap(nil, &hostPort) && *host.Load() != hostPort {
			cancel(errRedirected)
		}
	}}))
	watched.GetBody = nil
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
