package emulator

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
)

// inProcessURL is the endpoint of a server in process. Nothing can listen on its
// port, so that a client without Config's HTTPClient gets an error.
const inProcessURL = "http://127.0.0.1:0"

// ServeInProcess makes clients of Config call the emulator without a network,
// under a prefix as with Listen. A request is processed in the goroutine that
// sends it, and none is started, so that it works in a bubble of
// testing/synctest. Call it once, instead of Listen.
func (s *Server) ServeInProcess(prefix string) {
	s.url = inProcessURL + prefix
	s.inProcess = &inProcess{handler: http.StripPrefix(prefix, s)}
}

// inProcess is an HTTP client that calls a handler.
type inProcess struct {
	handler http.Handler
	closed  atomic.Bool
}

// Do implements awstokens.HTTPClient. Its errors are those of an http.Client.
func (c *inProcess) Do(sent *http.Request) (*http.Response, error) {
	if sent.Body != nil {
		defer sent.Body.Close()
	}
	resp, err := c.do(sent)
	if err != nil {
		return nil, &url.Error{Op: sent.Method, URL: sent.URL.Redacted(), Err: err}
	}
	return resp, nil
}

func (c *inProcess) do(sent *http.Request) (*http.Response, error) {
	ctx := sent.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if c.closed.Load() {
		return nil, errClosed
	}
	received, err := receive(ctx, sent)
	if err != nil {
		return nil, err
	}
	response := &recorder{header: http.Header{}}
	responded := c.call(response, received)
	// A client that gave up does not see the response.
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !responded {
		return nil, io.ErrUnexpectedEOF
	}
	return response.response(sent), nil
}

var errClosed = errors.New("the emulator was closed")

// receive returns the request as a server would get it, with the whole body in
// memory.
func receive(ctx context.Context, sent *http.Request) (*http.Request, error) {
	received := sent.Clone(ctx)
	received.RequestURI = sent.URL.RequestURI()
	parsed, err := url.ParseRequestURI(received.RequestURI) // without a RawPath that does not belong to Path, as the SDK has one
	if err != nil {
		return nil, err
	}
	received.URL = parsed
	if received.Host == "" {
		received.Host = sent.URL.Host
	}
	received.Body = http.NoBody
	if sent.Body != nil {
		body, err := io.ReadAll(sent.Body)
		if err != nil {
			return nil, err
		}
		received.Body = io.NopCloser(bytes.NewReader(body))
		received.Header.Set("Content-Length", strconv.Itoa(len(body))) // which may be signed
	}
	return received, nil
}

// call returns false if the handler ended the connection.
func (c *inProcess) call(w http.ResponseWriter, r *http.Request) (responded bool) {
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			panic(p)
		}
	}()
	c.handler.ServeHTTP(w, r)
	return true
}

// recorder is an http.ResponseWriter that keeps the response.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

func (w *recorder) response(sent *http.Request) *http.Response {
	w.WriteHeader(http.StatusOK)
	return &http.Response{
		Status:        strconv.Itoa(w.status) + " " + http.StatusText(w.status),
		StatusCode:    w.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        w.header,
		Body:          io.NopCloser(&w.body),
		ContentLength: int64(w.body.Len()),
		Request:       sent,
	}
}
