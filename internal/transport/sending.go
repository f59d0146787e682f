package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
)

// sending is what is known of a request on its way. For an operation that is
// not idempotent, the request counts as written once its body was read to its
// end. For an idempotent one, net/http reports when it begins to write; if it
// reports nothing, the request counts as written.
type sending struct {
	written atomic.Bool // the service may have all of it
	http2   atomic.Bool
	looked  sync.Once // for a connection
}

// traced returns a context in which an http.Transport reports what it does.
// What else is done with the context, by a dialer for example, is reported as
// well.
func (s *sending) traced(ctx context.Context, idempotent bool) context.Context {
	trace := &httptrace.ClientTrace{}
	if idempotent {
		s.written.Store(true)
		trace.GetConn = func(string) { s.looked.Do(func() { s.written.Store(false) }) }
		trace.WroteHeaders = func() { s.written.Store(true) } // the body comes after that
	} else { // see bodies
		trace.WroteHeaderField = func(name string, _ []string) {
			if strings.HasPrefix(name, ":") {
				s.http2.Store(true)
			}
		}
	}
	return httptrace.WithClientTrace(ctx, trace)
}

var errReset = errors.New("the connection was reset: the service may have processed the request")

// bodies returns a GetBody: net/http sends a request again on another
// connection when it assumes that the server has not processed it. Over HTTP/1.1
// that is certain, because nothing was written. Over HTTP/2, which has headers
// like :path, net/http assumes it after any reset, even one with PROTOCOL_ERROR,
// which does not say so.
func (s *sending) bodies(data []byte, traces, idempotent bool) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		switch {
		case !idempotent && s.http2.Load():
			return nil, errReset
		case traces && idempotent: // net/http sends a body of an unknown type in a packet of its own
			return io.NopCloser(bytes.NewReader(data)), nil
		}
		return &requestBody{data, &s.written}, nil
	}
}

// requestBody is a body that notes when it has been read to its end: before
// that, the service cannot have had the whole request.
type requestBody struct {
	rest    []byte
	written *atomic.Bool
}

func (b *requestBody) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	if b.rest = b.rest[n:]; len(b.rest) == 0 {
		b.written.Store(true)
	}
	return n, nil
}

func (b *requestBody) Close() error { return nil }
