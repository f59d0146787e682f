package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
)

// sending is what is known of a request on its way. For an idempotent operation,
// net/http reports when it begins to write; if it reports nothing, the request
// counts as written. For any other, and other HTTP clients, the request counts as
// written once its body was read to its end.
type sending struct {
	written atomic.Bool // the service may have all of it
	looked  sync.Once   // for a connection
}

// traced returns a context in which an http.Transport reports what it does.
// What else is done with the context, by a dialer for example, is reported as
// well.
func (s *sending) traced(ctx context.Context) context.Context {
	s.written.Store(true)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { s.looked.Do(func() { s.written.Store(false) }) },
		WroteHeaders: func() { s.written.Store(true) }, // the body comes after that
	})
}

var errWritten = errors.New("the service may have processed the request")

// bodies returns a GetBody, which net/http calls to send a request again when it
// assumes that the server has not processed it. Over HTTP/1.1 that is certain,
// because nothing was written. Over HTTP/2, net/http assumes it after any reset,
// even one with PROTOCOL_ERROR, which does not say so: then the body that it
// gets cannot be read. An error of GetBody would do as well, but an http.Client
// also calls GetBody, without use for it, for a redirect that is not followed.
func (s *sending) bodies(data []byte, traced, idempotent bool) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		switch {
		case !idempotent && s.written.Load():
			body, w := io.Pipe()
			_ = w.CloseWithError(errWritten)
			return body, nil
		case traced: // net/http sends a body of an unknown type in a packet of its own
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
