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
// written once its body was read to its end. What is not written when the HTTP
// client fails never will be: a RoundTripper may read a body after it returned.
type sending struct {
	state  atomic.Int32
	looked sync.Once // for a connection
}

const (
	unwritten int32 = iota
	written         // the service may have all of it
	givenUp         // unwritten, and the end of no body can be read
)

// giveUp ends the sending, and reports whether the request was written.
func (s *sending) giveUp() bool { return !s.state.CompareAndSwap(unwritten, givenUp) }

// traced returns a context in which an http.Transport reports what it does.
// What else is done with the context, by a dialer for example, is reported as
// well.
func (s *sending) traced(ctx context.Context) context.Context {
	s.state.Store(written)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { s.looked.Do(func() { s.state.Store(unwritten) }) },
		WroteHeaders: func() { s.state.Store(written) }, // the body comes after that
	})
}

var (
	errWritten = errors.New("the service may have processed the request")
	errGivenUp = errors.New("the request was given up")
)

// bodies returns a GetBody, which net/http calls to send a request again when it
// assumes that the server has not processed it. Over HTTP/1.1 that is certain,
// because nothing was written. Over HTTP/2, net/http assumes it after any reset,
// even one with PROTOCOL_ERROR, which does not say so: then the body that it
// gets cannot be read. An error of GetBody would do as well, but an http.Client
// also calls GetBody, without use for it, for a redirect that is not followed.
func (s *sending) bodies(data []byte, traced, idempotent bool) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		switch {
		case !idempotent && s.state.Load() == written:
			body, w := io.Pipe()
			_ = w.CloseWithError(errWritten)
			return body, nil
		case traced: // net/http sends a body of an unknown type in a packet of its own
			return io.NopCloser(bytes.NewReader(data)), nil
		}
		return &requestBody{data, s}, nil
	}
}

// requestBody is a body that notes when it has been read to its end: before
// that, the service cannot have had the whole request.
type requestBody struct {
	rest []byte
	sent *sending
}

func (b *requestBody) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	if len(p) >= len(b.rest) && !b.sent.state.CompareAndSwap(unwritten, written) && b.sent.state.Load() == givenUp {
		return 0, errGivenUp
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *requestBody) Close() error { return nil }
