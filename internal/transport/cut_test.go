package transport_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

// exchange is a way to talk with a server.
type exchange struct {
	name    string
	tls     bool
	http2   bool
	chunked bool
	wrapped bool // the HTTP client is not net/http's own
}

var exchanges = []exchange{
	{name: "HTTP/1.1"},
	{name: "HTTP/1.1 in chunks", chunked: true},
	{name: "HTTP/1.1 of another client", wrapped: true},
	{name: "HTTP/1.1 over TLS", tls: true},
	{name: "HTTP/2 over TLS", tls: true, http2: true},
}

// start serves an operation, and counts the requests that it was sent as a
// whole, by the first part of their path.
func (x exchange) start(t *testing.T, op operation) (server *httptest.Server, served *sync.Map) {
	served = new(sync.Map)
	server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		assert.Equal(t, x.http2, req.ProtoMajor == 2)
		line, _, _ := strings.Cut(req.URL.Path[1:], "/")
		count, _ := served.LoadOrStore(line, new(atomic.Int32))
		count.(*atomic.Int32).Add(1)
		w.Header().Set("X-Amzn-Requestid", fakeRequestID)
		half := len(op.response) / 2
		_, _ = io.WriteString(w, op.response[:half])
		if x.chunked {
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = io.WriteString(w, op.response[half:])
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if !x.tls {
		server.Start()
		return server, served
	}
	// A small key and a small key exchange make thousands of handshakes cheap.
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.EnableHTTP2 = x.http2
	server.StartTLS()
	return server, served
}

// line is the way between a client and a server. Its first connection is cut
// after some bytes of one direction; the others are whole.
type line struct {
	*gate
	exchange
	path      string // of its requests
	at        int64  // where to cut
	up        bool   // cut what the client sends, and not the response
	reset     bool   // with a reset
	dialed    atomic.Int32
	sent, got atomic.Int64 // bytes that went each way
}

// gate makes pairs of connected sockets, and waits for those that were made.
type gate struct {
	server   string // address
	listener net.Listener
	mu       sync.Mutex
	open     sync.WaitGroup
}

func newGate(t *testing.T, server *httptest.Server) *gate {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	return &gate{server: server.Listener.Addr().String(), listener: listener}
}

// wait waits until all connections are closed.
func (g *gate) wait(t *testing.T) {
	t.Helper()
	closed := make(chan struct{})
	go func() {
		g.open.Wait()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(30 * time.Second):
		t.Fatal("a connection is left open")
	}
}

func (l *line) dial(context.Context, string, string) (net.Conn, error) {
	l.mu.Lock()
	client, err := net.Dial("tcp", l.listener.Addr().String())
	if err != nil {
		l.mu.Unlock()
		return nil, err
	}
	near, err := l.listener.Accept()
	l.mu.Unlock()
	if err != nil {
		return nil, err
	}
	far, err := net.Dial("tcp", l.server)
	if err != nil {
		return nil, err
	}
	l.open.Add(1)
	go func() {
		defer l.open.Done()
		l.carry(near.(*net.TCPConn), far.(*net.TCPConn), l.dialed.Add(1) == 1)
	}()
	return client, nil
}

// carry copies both ways until both ends have closed.
func (l *line) carry(near, far *net.TCPConn, first bool) {
	defer near.Close()
	defer far.Close()
	var both sync.WaitGroup
	both.Go(func() { // what the client sends
		if first && l.up && l.at >= 0 {
			n, err := io.CopyN(far, near, l.at)
			if l.sent.Add(n); err == nil {
				l.cut(near, far)
			}
		} else {
			n, _ := io.Copy(far, near)
			l.sent.Add(n)
		}
		_ = far.CloseWrite()
		_, _ = io.Copy(io.Discard, near)
	})
	both.Go(func() { // the response
		if first && !l.up && l.at >= 0 {
			n, err := io.CopyN(near, far, l.at)
			l.got.Add(n)
			// The cut is where the next byte should be, by when the server
			// may have done all that it was asked for.
			if _, none := far.Read(make([]byte, 1)); err == nil && none == nil {
				l.cut(near)
			}
		} else {
			n, _ := io.Copy(near, far)
			l.got.Add(n)
		}
		_ = near.CloseWrite()
		_, _ = io.Copy(io.Discard, far)
	})
	both.Wait()
}

// cut ends connections: with a reset at once, else after what was written.
func (l *line) cut(conns ...*net.TCPConn) {
	for _, conn := range conns {
		if l.reset {
			_ = conn.SetLinger(0)
			_ = conn.Close()
		} else {
			_ = conn.CloseWrite()
		}
	}
}

// call makes a call over a line, with a client of its own.
func (l *line) call(t *testing.T, op operation, server *httptest.Server) (out output, err error) {
	transport := server.Client().Transport.(*http.Transport).Clone()
	transport.DialContext = l.dial
	if transport.TLSClientConfig != nil {
		transport.TLSClientConfig.CurvePreferences = []tls.CurveID{tls.CurveP256}
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	cfg := config(client)
	if l.wrapped {
		cfg.HTTPClient = doer(client.Do)
	}
	cfg.BaseEndpoint = server.URL + "/" + l.path
	cfg.Retryer = eager{}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return op.open(t, cfg)(ctx)
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(req *http.Request) (*http.Response, error) { return d(req) }

// A connection is cut at every byte of an exchange, in both directions, with
// and without a reset, under a Retryer that wants everything retried. An
// operation that is not idempotent reaches the server once at most,
// and unless it failed before it was sent, it is not retried; the others
// succeed over the next connection. In the end nothing is left open.
func TestCutAtEveryByte(t *testing.T) {
	for _, x := range exchanges {
		for _, op := range eachKind {
			t.Run(x.name+"/"+op.name, func(t *testing.T) {
				before := runtime.NumGoroutine()
				server, served := x.start(t, op)
				g := newGate(t, server)

				var points []*line
				add := func(at int64, up, reset bool) *line {
					l := &line{gate: g, exchange: x, path: fmt.Sprintf("%06d", len(points)), at: at, up: up, reset: reset}
					points = append(points, l)
					return l
				}
				whole := add(-1, false, false)
				_, err := whole.call(t, op, server)
				require.NoError(t, err)
				g.wait(t)
				require.EqualValues(t, 1, whole.dialed.Load())

				// The bytes vary by a few: an ID is compressed, a signature has no fixed length.
				for at := range whole.got.Load() + 8 {
					add(at, false, false)
					add(at, false, true)
				}
				for at := range whole.sent.Load() + 8 {
					add(at, true, false)
					add(at, true, true)
				}
				points = everyNth(points[1:], op)
				results := make([]result, len(points))
				var next atomic.Int64
				var workers sync.WaitGroup
				for range 4 {
					workers.Go(func() {
						for i := next.Add(1) - 1; i < int64(len(points)); i = next.Add(1) - 1 {
							r := &results[i]
							start := time.Now()
							r.out, r.err = points[i].call(t, op, server)
							r.took = time.Since(start)
						}
					})
				}
				workers.Wait()
				g.wait(t)
				server.Close()
				requireNoneLeft(t, before)

				failed := 0
				for i, r := range results {
					count := 0
					if n, ok := served.Load(points[i].path); ok {
						count = int(n.(*atomic.Int32).Load())
					}
					r.check(t, op, points[i], count)
					if r.err != nil {
						failed++
					}
					if t.Failed() {
						t.FailNow() // a thousand points would say the same
					}
				}
				assert.Equal(t, op.single, failed > 0, "no cut did any harm")
				assert.Equal(t, x.tls || !op.single, results[0].err == nil, "a handshake that is cut off is no lost request")
				t.Logf("%d cuts, %d failures", len(points), failed)
			})
		}
	}
}

// everyNth leaves out what takes too long, unless AWSTOKENS_EXHAUSTIVE is set.
// The numbers have no common divisor with the number of kinds of cuts, so that
// all kinds are left.
func everyNth(points []*line, op operation) (some []*line) {
	step := 119
	switch {
	case os.Getenv("AWSTOKENS_EXHAUSTIVE") != "":
		step = 1
	case op.single: // what may not be sent twice is cut more often
		step = 17
	}
	for i := 0; i < len(points); i += step {
		some = append(some, points[i])
	}
	return some
}

// requireNoneLeft waits until there are no more goroutines than before.
func requireNoneLeft(t *testing.T, before int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("goroutines are left:\n%s", stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// result is how a call over a line that was cut went.
type result struct {
	out  output
	err  error
	took time.Duration
}

func (r result) check(t *testing.T, op operation, l *line, served int) {
	point := fmt.Sprintf("byte %d, up %t, reset %t: served %d, %v", l.at, l.up, l.reset, served, r.err)
	assert.Less(t, r.took, 30*time.Second, point)
	assert.LessOrEqual(t, l.dialed.Load(), int32(2), point)
	if op.single {
		assert.LessOrEqual(t, served, 1, point)
	}
	if r.err == nil {
		assert.GreaterOrEqual(t, served, 1, point)
		assert.Equal(t, int(l.dialed.Load()), r.out.Metadata().Attempts, point)
		return
	}
	require.True(t, op.single, point)
	requireOperationError(t, r.err)
	assert.NotContains(t, r.err.Error(), "fake", point)
	assert.NotContains(t, r.err.Error(), "not-a-real", point)
	assert.EqualValues(t, 1, l.dialed.Load(), "nobody retries it: %s", point)
	var send *awstokens.SendError
	if errors.As(r.err, &send) {
		assert.True(t, send.Written, "what was not sent is retried: %s", point)
		return
	}
	assert.Equal(t, 200, responseError(t, r.err).StatusCode, point)
	assert.ErrorContains(t, r.err, "the response broke off", point)
	assert.Equal(t, 1, served, point)
}
