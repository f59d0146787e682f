package soak_test

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

const (
	defaultCalls = 5000
	workers      = 24
	checkpoints  = 10

	// timeout is the longest time to a response, which only a hang should reach.
	// It is not one of the HTTP client: that would also free what a client forgot
	// to free.
	timeout = 250 * time.Millisecond

	// heapMargin is how much the heap may grow after the first checkpoint. Over
	// 200000 calls it stayed within 210 KiB of 7.2 MiB: 11 to 31 connections were
	// open, and each takes about 10 KiB. With 3 bytes kept of every call, the test
	// would fail.
	heapMargin = 512 << 10
)

// soak is what the workers share.
type soak struct {
	*process
	*wire
	t        *testing.T
	emulated *awstokenstest.Server // not the one that is called, but one with the same names and keys
	browser  *http.Client

	calls, clientTokens atomic.Int64
	goal                int64      // calls to have made by the next checkpoint
	tokenIDs            [][16]byte // by the number of the ClientToken; allocated at once, so that it does not grow

	mu       sync.Mutex
	outcomes map[string]int
}

func newSoak(t *testing.T, calls int) *soak {
	s := &soak{process: startProcess(t), wire: newWire(), t: t, tokenIDs: make([][16]byte, 2*calls), outcomes: map[string]int{}}
	s.browser = &http.Client{Transport: s.wire}
	s.emulated = awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
	return s
}

// clients are the clients of a worker.
type clients struct {
	config awstokens.Config
	tokens *licensemanager.Client
	oidc   *ssooidc.Client
	portal *portal.Client
}

// watcher is a slog.Handler that counts connections that broke.
type watcher struct{ soak *soak }

func (w watcher) Enabled(context.Context, slog.Level) bool { return true }
func (w watcher) WithAttrs([]slog.Attr) slog.Handler       { return w }
func (w watcher) WithGroup(string) slog.Handler            { return w }

func (w watcher) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		switch {
		case a.Key != "error":
		case strings.Contains(a.Value.String(), "timeout awaiting response headers"):
			w.soak.saw("hang")
		case broken.MatchString(a.Value.String()):
			w.soak.saw("closed")
		}
		return true
	})
	return nil
}

// newClients returns clients whose HTTP client counts what happens on their
// connections, or clients with an *http.Transport, which the module treats
// differently, and a log that counts the connections that broke.
func (s *soak) newClients(watched bool) clients {
	c := clients{config: s.emulated.Config()}
	c.config.BaseEndpoint, c.config.HTTPClient, c.config.MaxResponseBytes = s.url, s.browser, maxResponseBytes
	if !watched {
		c.config.HTTPClient = &http.Client{Transport: s.transport}
		c.config.Logger = slog.New(watcher{s})
	}
	c.config.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) {
		o.BaseDelay, o.MaxBackoff, o.RetryBudget = time.Millisecond, 4*time.Millisecond, -1
	})
	var err error
	c.tokens, err = licensemanager.New(c.config)
	require.NoError(s.t, err)
	c.oidc, err = ssooidc.New(c.config)
	require.NoError(s.t, err)
	c.portal, err = portal.New(c.config)
	require.NoError(s.t, err)
	return c
}

// broken matches log records of a response that was missing or incomplete.
var broken = regexp.MustCompile(`request send failed|cut off|larger than|context`)

func TestSoak(t *testing.T) {
	calls, err := strconv.Atoi(cmp.Or(os.Getenv("SOAK_CALLS"), strconv.Itoa(defaultCalls)))
	require.NoError(t, err, "SOAK_CALLS")
	s := newSoak(t, calls)
	started := time.Now()
	rest := s.checkpoint(nil)
	watched, plain := s.newClients(true), s.newClients(false)
	all := make([]*worker, workers)
	for i := range all {
		all[i] = &worker{soak: s, clients: []clients{watched, plain}[i%2], random: rand.New(rand.NewPCG(1, uint64(i)))}
	}
	t.Log("  calls  heap KiB  goroutines  connections  dials  emulator: goroutines  heap KiB")
	var warm *checkpoint
	for i := range checkpoints {
		s.goal = int64(calls * (i + 1) / checkpoints)
		var wg sync.WaitGroup
		for _, w := range all {
			wg.Go(w.work)
		}
		wg.Wait()
		require.False(t, t.Failed(), "see above")
		now := s.checkpoint(rest)
		t.Logf("%7d  %8d  %10d  %11d  %5d  %20d  %8d", s.calls.Load(), now.heap>>10, now.goroutines, now.open, now.dials, now.emulator.Goroutines, now.emulator.Heap>>10)
		if i == 0 {
			warm = now
		}
		assert.LessOrEqual(t, now.heap, warm.heap+heapMargin, "memory grows")
		client, emulator := now.extra()
		assert.LessOrEqual(t, client, rest.goroutines, "goroutines besides those of connections")
		assert.LessOrEqual(t, emulator, rest.emulator.Goroutines, "goroutines of the emulator besides those of connections")
		assert.LessOrEqual(t, now.open, s.transport.MaxIdleConnsPerHost, "idle connections")
	}
	t.Logf("%d calls in %s, at most %d connections at a time", s.calls.Load(), time.Since(started).Round(time.Second), s.most)
	t.Logf("how calls ended: %v", s.outcomes)
	t.Logf("what was seen: %v", s.seen)
	assert.LessOrEqual(t, s.most, 3*workers, "connections at a time")
	assert.LessOrEqual(t, s.dials, s.broken+s.broken/4+s.most, "a connection is used until it breaks")
	for _, fault := range faults {
		for _, symptom := range fault.seen {
			assert.NotZero(t, s.seen[symptom], "no client saw: %s", symptom)
		}
	}
	s.checkMinted(watched.tokens)
}

// checkMinted checks that there is at most one token for each ClientToken, by the
// emulator's counts and by its list, which has the ClientTokens as properties and
// the IDs that the workers got.
func (s *soak) checkMinted(tokens *licensemanager.Client) {
	minted := s.query(s.t, int(s.clientTokens.Load())).Minted
	listed := make([]int, len(minted))
	for token, err := range tokens.Tokens(s.t.Context(), &licensemanager.ListTokensInput{MaxResults: 100}) {
		require.NoError(s.t, err)
		n, err := strconv.Atoi(strings.TrimPrefix(token.TokenProperties[0], "soak-"))
		require.NoError(s.t, err)
		listed[n]++
		if id := s.tokenIDs[n]; id != [16]byte{} {
			assert.Equal(s.t, hex.EncodeToString(id[:]), token.TokenId, clientToken(n))
		}
	}
	assert.Equal(s.t, minted, listed)
	known := 0
	for n, count := range minted {
		if s.tokenIDs[n] != [16]byte{} {
			known++
			assert.NotZero(s.t, count, clientToken(n))
		}
		assert.LessOrEqual(s.t, count, 1, clientToken(n))
	}
	s.t.Logf("%d ClientTokens, %d with a known token", len(minted), known)
}

// checkpoint is what is in use while there is no call.
type checkpoint struct {
	heap                    uint64
	goroutines, open, dials int
	emulator                report
}

// extra returns the number of goroutines besides those of connections: two of the
// client and one of the emulator for each.
func (c *checkpoint) extra() (client, emulator int) {
	return c.goroutines - 2*c.open, c.emulator.Goroutines - c.open
}

// checkpoint measures what is in use. It waits up to 5 s for what the last calls
// left behind, such as the connection of a canceled call, until there are no more
// goroutines than at rest. The processes and their connections are real, so that
// it polls in real time.
func (s *soak) checkpoint(rest *checkpoint) *checkpoint {
	c := new(checkpoint)
	for range 500 {
		c.emulator = s.query(s.t, 0)
		s.wire.mu.Lock()
		c.goroutines, c.open, c.dials = runtime.NumGoroutine(), s.open, s.dials
		s.wire.mu.Unlock()
		client, emulator := c.extra()
		if rest == nil || client <= rest.goroutines && emulator <= rest.emulator.Goroutines {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.heap = liveHeap()
	return c
}

// secrets matches the beginnings of all of the emulator's secrets.
var secrets = regexp.MustCompile(`emulated-(access|refresh|device|client)|not-a-real|eyJ`)

// ended counts how a call ended, which must be as documented.
func (s *soak) ended(ctx context.Context, err error) {
	name, documented := outcome(ctx, err)
	if !documented {
		s.t.Errorf("not a documented error: %T %v", err, err)
	}
	if err != nil && secrets.MatchString(err.Error()) {
		s.t.Errorf("a secret is in: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes[name]++
}

// outcome returns how a call ended, and whether docs/errors.md has that.
func outcome(ctx context.Context, err error) (name string, documented bool) {
	var api smithy.APIError
	switch {
	case err == nil:
		return "success", true
	case !isA[*smithy.OperationError](err):
		return "", false
	case isA[*smithy.CanceledError](err):
		return "CanceledError", ctx.Err() != nil && errors.Is(err, ctx.Err())
	case isA[*awstokens.SendError](err):
		return "SendError", true
	case !isA[*awstokens.ResponseError](err):
		return "", false
	case errors.As(err, &api):
		return fmt.Sprintf("%T", api), true
	case isA[*smithy.DeserializationError](err):
		return "DeserializationError", true
	case errors.Is(err, awstokens.ErrResponseTooLarge):
		return "ErrResponseTooLarge", true
	}
	return "incomplete response", errors.Is(err, io.ErrUnexpectedEOF) || isA[net.Error](err)
}

// wire is the transport of the default HTTP client, with counts of what it does.
type wire struct {
	transport *http.Transport

	mu                        sync.Mutex
	seen                      map[string]int
	dials, open, most, broken int
}

func newWire() *wire {
	w := &wire{transport: awstokens.DefaultHTTPClient().Transport.(*http.Transport), seen: map[string]int{}}
	w.transport.ResponseHeaderTimeout = timeout
	dial := w.transport.DialContext
	w.transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.dials++
		w.open++
		w.most = max(w.most, w.open)
		return &countedConn{Conn: conn, closed: sync.OnceFunc(func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.open--
		})}, nil
	}
	return w
}

type countedConn struct {
	net.Conn
	closed func()
}

func (c *countedConn) Close() error {
	defer c.closed()
	return c.Conn.Close()
}

// RoundTrip counts responses: a scripted one by its name, another by its status
// with the code of its error or, if no header has one, its content type.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	started := time.Now()
	resp, err := w.transport.RoundTrip(req)
	var name string
	switch {
	case err != nil && time.Since(started) >= timeout:
		name = "hang"
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		name = "given up"
	case err != nil:
		name = "closed"
	case resp.Header.Get(oddResponse) != "":
		name = resp.Header.Get(oddResponse)
	default:
		code, _, _ := strings.Cut(resp.Header.Get("X-Amzn-Errortype"), ":")
		name = strconv.Itoa(resp.StatusCode) + " " + cmp.Or(code, resp.Header.Get("Content-Type"))
	}
	w.saw(name)
	return resp, err
}

// saw counts what was seen, and the connections that it ended.
func (w *wire) saw(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[name]++
	switch name {
	case "hang", "given up", "closed", "too large", "cut off":
		w.broken++
	}
}
