package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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
// TLS record, of its own.
func TestRequestIsOnePacket(t *testing.T) {
	eachOperation(t, func(t *testing.T, op operation) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, op.answer)
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
		assert.EqualValues(t, 1, count.Load())
	})
}

// stale is a connection that the server closed after the first request: the
// next one cannot be written.
type stale struct {
	net.Conn
	used bool
}

func (s *stale) Write(p []byte) (int, error) {
	if s.used {
		return 0, syscall.EPIPE
	}
	s.used = true
	return s.Conn.Write(p)
}

// net/http takes another connection, also for what must not be sent twice:
// nothing was sent.
func TestStaleConnection(t *testing.T) {
	eachOperation(t, func(t *testing.T, op operation) {
		served := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			served++
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, op.answer)
		}))
		t.Cleanup(server.Close)
		transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return &stale{Conn: conn}, err
		}}
		t.Cleanup(transport.CloseIdleConnections)
		cfg := config(&http.Client{Transport: transport})
		cfg.BaseEndpoint = server.URL
		call := op.open(t, cfg)
		for i := range 3 {
			out, err := call(t.Context())
			require.NoError(t, err)
			assert.Equal(t, 1, out.Metadata().Attempts)
			assert.Equal(t, i+1, served)
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
		return nil, errors.New("the answer is lost")
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
