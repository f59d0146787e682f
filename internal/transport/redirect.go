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

var errSentAgain = errors.New("the HTTP client sent a single-use request again: set Config.HTTPClient to one that does not retry")

var errRedirected = errors.New("the HTTP client followed a redirect: set Config.HTTPClient to one that follows none")

// doWatched sends a request with a client or a RoundTripper that may follow
// redirects. Without GetBody, a client of net/http cannot send the body again;
// the header of the request to another host ends its connection before anything
// is sent there; and a response to another request is refused. Nor may such a
// client retry by itself what is not idempotent, from a copy of the body: what was
// written is not written again.
func (a *attempt) doWatched(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	w := watch{host: req.Host, single: !a.op.idempotent, cancel: cancel}
	watched := req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:          func(info httptrace.GotConnInfo) { w.conn.Store(&info.Conn) },
		WroteHeaderField: w.wroteHeaderField,
		WroteRequest: func(info httptrace.WroteRequestInfo) {
			if info.Err == nil {
				w.wroteRequest()
			}
		},
		GotFirstResponseByte: w.wroteRequest, // HTTP/2 may report it before WroteRequest
	}))
	if _, ok := a.http.(*http.Client); !ok { // whose RoundTripper needs GetBody when a connection turns out to be closed
		watched.GetBody = nil
	}
	resp, err := a.http.Do(watched)
	if cause := context.Cause(ctx); cause == errRedirected || cause == errSentAgain {
		err = cause
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

// watch follows what net/http writes, which may also be something else that the
// client wants to know.
type watch struct {
	host   string
	single bool // use
	cancel context.CancelCauseFunc

	conn      atomic.Pointer[net.Conn]
	elsewhere atomic.Bool // where this goes
	http2     atomic.Bool
	begun     atomic.Bool // the request itself
	written   atomic.Bool // as well
}

func (w *watch) wroteHeaderField(name string, value []string) {
	switch {
	case len(value) != 1:
	case name == "Host" || name == ":authority": // the first
		w.elsewhere.Store(value[0] != w.host)
		w.http2.Store(name == ":authority")
		w.begun.Store(false)
	case !strings.EqualFold(name, invocationID):
	case w.elsewhere.Load():
		w.end(errRedirected, true)
	case w.single && w.written.Load():
		w.end(errSentAgain, !w.http2.Load()) // over HTTP/2 no body follows
	default:
		w.begun.Store(true)
	}
}

func (w *watch) wroteRequest() {
	if w.begun.Load() {
		w.written.Store(true)
	}
}

func (w *watch) end(reason error, closes bool) {
	w.cancel(reason)
	if c := w.conn.Load(); c != nil && closes {
		_ = (*c).Close() // the header is still in a buffer
	}
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
