package transport_test

import (
	"bufio"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// pipe connects the default HTTP client to a server that is no more than a
// function, through a connection in memory without a buffer: what the server
// could write is what the client read. The function begins when the request
// was read; its connection is closed when it returns.
func pipe(serve func(net.Conn)) (client *http.Client, written *atomic.Int64) {
	written = new(atomic.Int64)
	client = awstokens.DefaultHTTPClient()
	client.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			if req, err := http.ReadRequest(bufio.NewReader(far)); err == nil {
				_, _ = io.Copy(io.Discard, req.Body)
				serve(counted{far, written})
			}
		}()
		return near, nil
	}
	return client, written
}

type counted struct {
	net.Conn
	written *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// local is a configuration for a server at the end of a pipe.
func local(client *http.Client) awstokens.Config {
	cfg := config(client)
	cfg.BaseEndpoint = "http://127.0.0.1:1"
	return cfg
}

// ofPortal is an operation without a body.
var ofPortal = operation{
	name: "Portal.ListAccounts", response: `{"accountList":[]}`,
	open: opener(portal.New, (*portal.Client).ListAccounts, &portal.ListAccountsInput{AccessToken: awstokens.NewSecret("fake-access-token")}),
}

// eachKind are an operation that is idempotent, one that is not, and one without a
// body.
var eachKind = []operation{named("LM.GetAccessToken"), named("OIDC.CreateToken"), ofPortal}

// drip writes a byte a second, until nobody reads it.
func drip(text string, on func() byte) func(net.Conn) {
	return func(conn net.Conn) {
		for i := 0; ; i++ {
			next := byte(0)
			if i < len(text) {
				next = text[i]
			} else {
				next = on()
			}
			if _, err := conn.Write([]byte{next}); err != nil {
				return
			}
			time.Sleep(time.Second)
		}
	}
}

// A server that sends a byte now and then is worse than one that sends
// nothing: no read ever times out. The call does, at the end of its context or
// of the client's patience. synctest fails the test if a goroutine is left.
func TestSlowBytes(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\n\r\n"
	for name, test := range map[string]struct {
		text   string
		status int // of the response that is known by then
	}{
		"in the status line": {"HTTP/1.1 200 ", 0},
		"in a header":        {"HTTP/1.1 200 OK\r\nX-Slow: ", 0},
		"in the body":        {head + `{"accessToken":"`, 200},
		"in an error":        {strings.Replace(head, "200", "400", 1), 400},
	} {
		t.Run(name, func(t *testing.T) {
			for _, op := range eachKind {
				synctest.Test(t, func(t *testing.T) {
					client, written := pipe(drip(test.text, func() byte { return 'x' }))
					cfg := local(client)
					cfg.Retryer = eager{}
					ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
					defer cancel()
					start := time.Now()
					_, err := op.open(t, cfg)(ctx)
					requireCanceled(t, err, context.DeadlineExceeded)
					assert.Equal(t, 45*time.Second, time.Since(start))
					assert.Equal(t, test.status, statusOf(err))
					assert.LessOrEqual(t, written.Load(), int64(46))

					start = time.Now()
					_, err = op.open(t, cfg)(t.Context())
					var canceled *smithy.CanceledError
					assert.NotErrorAs(t, err, &canceled, "it is the client that gave up")
					assert.Equal(t, test.status, statusOf(err))
					var timeout net.Error
					require.ErrorAs(t, err, &timeout)
					assert.True(t, timeout.Timeout())
					attempts := time.Duration(3)
					if op.single {
						attempts = 1
					}
					assert.Equal(t, attempts*time.Minute, time.Since(start))
					time.Sleep(time.Second) // the server notices
				})
			}
		})
	}
}

// A request that was not written is retried, whatever the operation: the server
// does not get to the end of the handshake.
func TestSlowHandshake(t *testing.T) {
	for _, op := range eachKind {
		synctest.Test(t, func(t *testing.T) {
			dialed := 0
			client := awstokens.DefaultHTTPClient()
			client.Transport.(*http.Transport).Proxy = nil // the machine may have one
			client.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) {
				dialed++
				near, far := net.Pipe()
				go func() { _, _ = io.Copy(io.Discard, far) }()
				go drip("\x16\x03\x03\x40\x00", func() byte { return 2 })(far)
				return near, nil
			}
			cfg := config(client)
			cfg.Retryer = eager{}
			start := time.Now()
			_, err := op.open(t, cfg)(t.Context())
			assert.Equal(t, 30*time.Second, time.Since(start), "three times the timeout of a handshake")
			assert.Equal(t, 3, dialed)
			var send *awstokens.SendError
			require.ErrorAs(t, err, &send)
			assert.False(t, send.Written)
			assert.True(t, send.RetryableError())
			time.Sleep(time.Second) // the server notices
		})
	}
}

// endlessly writes a text, and another one until nobody reads it.
func endlessly(text, more string) func(net.Conn) {
	more = strings.Repeat(more, 1+4096/len(more))
	return func(conn net.Conn) {
		_, err := io.WriteString(conn, text)
		for i := 0; i < 64<<20 && err == nil; i += len(more) { // an end for the test
			_, err = io.WriteString(conn, more)
		}
	}
}

// says writes a text and closes.
func says(text string) func(net.Conn) {
	return func(conn net.Conn) { _, _ = io.WriteString(conn, text) }
}

// Whatever a server writes, the call ends with an error of the right type, and
// neither what is read of the wire nor what is allocated for it goes beyond
// the limits.
func TestHostileResponses(t *testing.T) {
	const (
		ok       = "HTTP/1.1 200 OK\r\n"
		chunked  = ok + "Transfer-Encoding: chunked\r\n\r\n"
		limit    = 1 << 20
		ofHeader = 256 << 10
		slack    = 8 << 10 // buffers, and a header before a body
	)
	const (
		good     = "a success"
		unsent   = "no response"  // SendError
		lost     = "cut off"      // ResponseError, the response broke off
		tooLarge = "too large"    // ResponseError, ErrResponseTooLarge
		unusable = "not readable" // ResponseError, DeserializationError
	)
	const response = `{"AccessToken":"fake","accessToken":"fake"}`
	bomb := gzipped(strings.Repeat(" ", 64<<20))
	require.Less(t, len(bomb), 1<<17)
	log.SetOutput(io.Discard) // net/http logs what follows a response
	defer log.SetOutput(os.Stderr)
	for name, test := range map[string]struct {
		serve   func(net.Conn)
		outcome string
		most    int64 // bytes read of the wire
	}{
		"body without a length":        {endlessly(ok+"\r\n", "x"), tooLarge, limit + slack},
		"body of white space":          {endlessly(ok+"\r\n"+response, " "), tooLarge, limit + slack},
		"chunks":                       {endlessly(chunked, "1\r\nx\r\n"), tooLarge, 6*limit + slack},
		"large chunks":                 {endlessly(chunked, "1000\r\n"+strings.Repeat("x", 4096)+"\r\n"), tooLarge, limit + 2*slack},
		"chunk without end":            {endlessly(chunked+"7fffffffffffffff\r\n", "x"), tooLarge, limit + slack},
		"length of a chunk":            {endlessly(chunked, "0"), lost, slack},
		"extension of a chunk":         {endlessly(chunked+"1;", "x"), lost, slack},
		"trailers":                     {endlessly(chunked+"0\r\n", "X-A: b\r\n"), lost, slack},
		"status line":                  {endlessly("HTTP/1.1 200 ", "x"), unsent, ofHeader + slack},
		"no HTTP":                      {endlessly("", "220 Ready\n"), unsent, slack},
		"header line":                  {endlessly(ok+"X-A: ", "x"), unsent, ofHeader + slack},
		"name of a header":             {endlessly(ok, "x"), unsent, ofHeader + slack},
		"headers":                      {endlessly(ok, "X-A: b\r\n"), unsent, ofHeader + slack},
		"continued header":             {endlessly(ok+"X-A: b", "\r\n b"), unsent, ofHeader + slack},
		"100 Continue":                 {endlessly("", "HTTP/1.1 100 Continue\r\n\r\n"), unsent, ofHeader + slack},
		"103 Early Hints":              {endlessly("", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), unsent, ofHeader + slack},
		"compressed bomb":              {says(ok + "Content-Encoding: gzip\r\n\r\n" + bomb), unusable, limit},
		"compressed bomb, deflate":     {says(ok + "Content-Encoding: deflate, gzip\r\n\r\n" + bomb), unusable, limit},
		"length too long":              {says(ok + "Content-Length: 1000\r\n\r\n" + response), lost, slack},
		"length of 8 EB":               {says(ok + "Content-Length: 9223372036854775807\r\n\r\n" + response), lost, slack},
		"length of 8 EB and no end":    {endlessly(ok+"Content-Length: 9223372036854775807\r\n\r\n", "x"), tooLarge, limit + slack},
		"length beyond all numbers":    {says(ok + "Content-Length: 9223372036854775808\r\n\r\n" + response), unsent, slack},
		"length too short":             {says(ok + "Content-Length: 20\r\n\r\n" + response), unusable, slack},
		"length of nothing":            {says(ok + "Content-Length: 0\r\n\r\n" + response), unusable, slack},
		"negative length":              {says(ok + "Content-Length: -1\r\n\r\n" + response), unsent, slack},
		"length with a sign":           {says(ok + "Content-Length: +43\r\n\r\n" + response), unsent, slack},
		"length that is no number":     {says(ok + "Content-Length: forty\r\n\r\n" + response), unsent, slack},
		"hexadecimal length":           {says(ok + "Content-Length: 0x2b\r\n\r\n" + response), unsent, slack},
		"two lengths":                  {says(ok + "Content-Length: 43\r\nContent-Length: 20\r\n\r\n" + response), unsent, slack},
		"two lengths in one":           {says(ok + "Content-Length: 43, 20\r\n\r\n" + response), unsent, slack},
		"one length twice":             {says(ok + "Content-Length: 43\r\nContent-Length: 43\r\n\r\n" + response), good, slack},
		"a length and chunks":          {says(ok + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2b\r\n" + response + "\r\n0\r\n\r\n"), good, slack},
		"a coding nobody knows":        {says(ok + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), unsent, slack},
		"negative chunk":               {says(chunked + "-1\r\n" + response), lost, slack},
		"chunk that is no number":      {says(chunked + "x\r\n" + response), lost, slack},
		"chunk beyond all numbers":     {says(chunked + "10000000000000000\r\n" + response), lost, slack},
		"chunk without its line's end": {says(chunked + "2b\r\n" + response + "0\r\n\r\n"), lost, slack},
		"body and more":                {says(ok + "Content-Length: 43\r\n\r\n" + response + ok + "\r\nfake"), good, slack},
		"chunks and more":              {says(chunked + "2b\r\n" + response + "\r\n0\r\n\r\n" + ok + "\r\nfake"), good, slack},
		"nothing":                      {says(""), unsent, slack},
		"nul bytes in a header":        {says(ok + "X-A: \x00\r\n\r\n" + response), unsent, slack},
		"a header without a name":      {says(ok + ": b\r\n\r\n" + response), unsent, slack},
		"status that is no number":     {says("HTTP/1.1 2OO OK\r\n\r\n" + response), unsent, slack},
		"negative status":              {says("HTTP/1.1 -20 OK\r\n\r\n" + response), unsent, slack},
		"HTTP/3 in text":               {says("HTTP/3.0 200 OK\r\n\r\n" + response), good, slack},
		"HTTP/2 without being asked":   {endlessly("\x00\x00\x00\x04\x00\x00\x00\x00\x00", "\x00\x00\x00\x04\x00\x00\x00\x00\x00"), unsent, ofHeader + slack},
	} {
		t.Run(name, func(t *testing.T) {
			for _, op := range eachKind {
				synctest.Test(t, func(t *testing.T) {
					client, written := pipe(test.serve)
					cfg := local(client)
					cfg.Retryer = once(nil).Retryer
					call := op.open(t, cfg)
					start := time.Now()
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					_, err := call(t.Context())
					runtime.ReadMemStats(&after)
					synctest.Wait() // until what is left is idle
					client.CloseIdleConnections()

					assert.Zero(t, time.Since(start), "nothing is waited for")
					assert.LessOrEqual(t, written.Load(), test.most)
					assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8*limit+2*test.most))
					if test.outcome == good {
						require.NoError(t, err)
						return
					}
					requireOperationError(t, err)
					assert.NotContains(t, err.Error(), "fake")
					assert.Less(t, len(err.Error()), 1000)
					var send *awstokens.SendError
					if test.outcome == unsent {
						require.ErrorAs(t, err, &send)
						assert.True(t, send.Written)
						assert.Equal(t, !op.single, send.RetryableError())
						return
					}
					response := responseError(t, err)
					assert.Equal(t, 200, response.StatusCode)
					var decode *smithy.DeserializationError
					switch test.outcome {
					case lost:
						assert.ErrorContains(t, err, "the response broke off")
						assert.Equal(t, !op.single, response.RetryableError())
					case tooLarge:
						assert.ErrorIs(t, err, awstokens.ErrResponseTooLarge)
						assert.False(t, response.RetryableError())
					case unusable:
						assert.ErrorAs(t, err, &decode)
						assert.False(t, response.RetryableError())
					}
				})
			}
		})
	}
}

// What stands between may wrap a token response into an error of its own.
func TestTokensInAnErrorOfAGateway(t *testing.T) {
	const token = "a-fake-token-that-nobody-has-sent-0123456789"
	op := named("OIDC.CreateToken")
	for _, body := range []string{
		`{"error":"gateway_error","error_description":"upstream said ` + token + `","accessToken":"` + token + `"}`,
		`{"__type":"GatewayError","message":"upstream said ` + token + `","accessToken":"` + token + `"}`,
	} {
		_, err := op.open(t, once(play(reply(400, body))))(t.Context())
		require.Error(t, err)
		assert.NotContains(t, err.Error(), token)
	}
}

// idle is a body that returns nothing, not even an end.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }
func (idle) Close() error             { return nil }

// A body that no longer progresses is given up. It is broken: net/http has none.
func TestBodyWithoutProgress(t *testing.T) {
	for _, op := range eachKind {
		for _, status := range []int{200, 400} {
			_, err := op.open(t, once(play(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: status, Body: idle{}}, nil
			})))(t.Context())
			require.ErrorIs(t, err, io.ErrNoProgress)
			assert.Equal(t, status, responseError(t, err).StatusCode)
		}
	}
}
