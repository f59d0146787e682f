package transport_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

// writes counts what a connection is given at a time.
type writes struct {
	net.Conn
	count *atomic.Int32
}

func (w writes) Write(p []byte) (int, error) {
	w.count.Add(1)
	return w.Conn.Write(p)
}

// net/http sends the body of a reader that it does not know in a packet, and a
// TLS record, of its own: that of an operation that must not be sent twice, for
// which it is watched.
func TestRequestIsOnePacket(t *testing.T) {
	eachOperation(t, func(t *testing.T, op operation) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, op.response)
		}))
		t.Cleanup(server.Close)
		var count atomic.Int32
		transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return writes{conn, &count}, err
		}}
		t.Cleanup(transport.CloseIdleConnections)
		cfg := config(&http.Client{Transport: transport})
		cfg.BaseEndpoint = server.URL
		_, err := op.open(t, cfg)(t.Context())
		require.NoError(t, err)
		assert.EqualValues(t, map[bool]int{false: 1, true: 2}[op.single], count.Load())
	})
}

// stale is a connection that the server closed after the first response: the
// next request cannot be written.
type stale struct {
	net.Conn
	used atomic.Bool
}

func (s *stale) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if n > 0 {
		s.used.Store(true)
	}
	return n, err
}

func (s *stale) Write(p []byte) (int, error) {
	if s.used.Load() {
		return 0, syscall.EPIPE
	}
	return s.Conn.Write(p)
}

// net/http takes another connection, also for what must not be sent twice:
// nothing was sent.
func TestStaleConnection(t *testing.T) {
	for name, wrap := range map[string]func(*http.Transport) http.RoundTripper{
		"net/http": func(t *http.Transport) http.RoundTripper { return t },
		"wrapped":  func(t *http.Transport) http.RoundTripper { return roundTripper(t.RoundTrip) },
	} {
		t.Run(name, func(t *testing.T) { testStaleConnection(t, wrap) })
	}
}

func testStaleConnection(t *testing.T, wrap func(*http.Transport) http.RoundTripper) {
	eachOperation(t, func(t *testing.T, op operation) {
		var served atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			served.Add(1)
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, op.response)
		}))
		t.Cleanup(server.Close)
		transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return &stale{Conn: conn}, err
		}}
		t.Cleanup(transport.CloseIdleConnections)
		cfg := config(&http.Client{Transport: wrap(transport)})
		cfg.BaseEndpoint = server.URL
		call := op.open(t, cfg)
		for i := range 3 {
			out, err := call(t.Context())
			require.NoError(t, err)
			assert.Equal(t, 1, out.Metadata().Attempts)
			assert.EqualValues(t, i+1, served.Load())
		}
	})
}

// roundTripper is a transport that is not net/http's.
type roundTripper func(*http.Request) (*http.Response, error)

func (r roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return r(req) }

// Whatever sends the request, a single-use code is not sent again after all of
// it was read.
func TestWrittenByOtherTransports(t *testing.T) {
	sent := 0
	readAll := roundTripper(func(req *http.Request) (*http.Response, error) {
		sent++
		if req.Body != nil {
			_, _ = io.Copy(io.Discard, req.Body)
		}
		return nil, errors.New("the response is lost")
	})
	registered := &http.Transport{}
	registered.RegisterProtocol("https", readAll)
	for name, client := range map[string]awstokens.HTTPClient{
		"RoundTripper":        &http.Client{Transport: readAll},
		"registered protocol": &http.Client{Transport: registered},
		"HTTPClient":          doer(readAll),
	} {
		t.Run(name, func(t *testing.T) {
			eachOperation(t, func(t *testing.T, op operation) {
				sent = 0
				cfg := config(client)
				cfg.Retryer = eager{}
				_, err := op.open(t, cfg)(t.Context())
				var send *awstokens.SendError
				require.ErrorAs(t, err, &send)
				assert.True(t, send.Written)
				assert.Equal(t, map[bool]int{true: 1, false: 3}[op.single], sent)
			})
		})
	}
}

// What fails before the body is read can be sent again by every transport.
func TestNotWrittenByOtherTransports(t *testing.T) {
	eachOperation(t, func(t *testing.T, op operation) {
		sent := 0
		cfg := config(&http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
			sent++
			return nil, errors.New("no way out")
		})})
		cfg.Retryer = eager{}
		_, err := op.open(t, cfg)(t.Context())
		var send *awstokens.SendError
		require.ErrorAs(t, err, &send)
		assert.False(t, send.Written)
		assert.Equal(t, 3, sent)
	})
}

// What else is done with the request's context says nothing about the request.
func TestTheContextIsUsedForMore(t *testing.T) {
	op := named("OIDC.CreateToken")
	var served atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		served.Add(1)
		panic(http.ErrAbortHandler) // the response is lost
	}))
	t.Cleanup(server.Close)
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(elsewhere.Close)
	get := func(ctx context.Context) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, elsewhere.URL, nil)
		require.NoError(t, err)
		resp, err := elsewhere.Client().Do(req)
		require.NoError(t, err)
		resp.Body.Close()
	}
	var transport http.Transport
	for name, test := range map[string]struct {
		client  *http.Client
		written bool
		served  int32
	}{
		"after the failure": {client: &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
			defer get(req.Context())
			return transport.RoundTrip(req)
		})}, written: true, served: 1},
		"before the connection": {client: &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			get(ctx)
			return nil, errors.New("no way out")
		}}}},
		"a proxy that cannot be": {client: &http.Client{Transport: &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
			return nil, errors.New("no such proxy")
		}}}},
	} {
		t.Run(name, func(t *testing.T) {
			served.Store(0)
			cfg := config(test.client)
			cfg.BaseEndpoint, cfg.Retryer = server.URL, eager{}
			_, err := op.open(t, cfg)(t.Context())
			var send *awstokens.SendError
			require.ErrorAs(t, err, &send)
			assert.Equal(t, test.written, send.Written)
			assert.Equal(t, test.served, served.Load())
		})
	}
}

// A protocol of the caller's own need not tell what it writes.
func TestProtocolThatDoesNotTrace(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{NextProtos: []string{"own"}}
	server.StartTLS()
	t.Cleanup(server.Close)
	transport := server.Client().Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.NextProtos = []string{"own"}
	sent := 0
	transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{"own": func(string, *tls.Conn) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			sent++
			_, _ = io.Copy(io.Discard, req.Body)
			return nil, errors.New("the response is lost")
		})
	}}
	cfg := config(&http.Client{Transport: transport})
	cfg.BaseEndpoint, cfg.Retryer = server.URL, eager{}
	_, err := named("OIDC.CreateToken").open(t, cfg)(t.Context())
	assert.Error(t, err)
	assert.Equal(t, 1, sent)
}
