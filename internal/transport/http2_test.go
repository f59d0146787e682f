package transport_test

import (
	"context"
	"encoding/binary"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

// The frames of RFC 9113, as far as a hostile server needs them.
const (
	frameData         = 0
	frameHeaders      = 1
	frameReset        = 3
	frameSettings     = 4
	framePing         = 6
	frameGoAway       = 7
	frameContinuation = 9

	flagEndStream  = 1
	flagEndHeaders = 4

	noError         = 0
	protocolError   = 1
	internalError   = 2
	refusedStream   = 7
	cancelStream    = 8
	enhanceYourCalm = 11
)

func frame(kind, flags byte, stream uint32, payload string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	b = append(b, flags)
	b = binary.BigEndian.AppendUint32(b, stream)
	return append(b, payload...)
}

func numbers(n ...uint32) string {
	var b []byte
	for _, n := range n {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return string(b)
}

// status200 is :status 200 in HPACK.
const status200 = "\x88"

// length is a content-length in HPACK.
func length(n string) string { return "\x0f\x0d" + string(rune(len(n))) + n }

// peer is the server's end of an HTTP/2 connection. It writes from a goroutine
// of its own, because the connection has no buffer.
type peer struct {
	conn    net.Conn
	out     chan []byte
	gone    chan struct{} // closed when nobody reads any more
	ended   atomic.Uint32 // the last stream that the client reset
	written *atomic.Int64
}

func (p *peer) write() {
	for {
		select {
		case b := <-p.out:
			if b == nil {
				p.conn.Close()
			}
			n, _ := p.conn.Write(b)
			p.written.Add(int64(n))
		case <-p.gone:
			return
		}
	}
}

// send reports whether anybody wants to have it.
func (p *peer) send(kind, flags byte, stream uint32, payload string) bool {
	if stream > 0 && stream <= p.ended.Load() {
		return false
	}
	return p.push(frame(kind, flags, stream, payload))
}

func (p *peer) push(b []byte) bool {
	select {
	case p.out <- b:
		return true
	case <-p.gone:
		return false
	}
}

func (p *peer) close() { p.push(nil) }

func (p *peer) reset(stream, code uint32) { p.send(frameReset, 0, stream, numbers(code)) }

// goAway says which stream is the last that was looked at.
func (p *peer) goAway(last, code uint32) { p.send(frameGoAway, 0, 0, numbers(last, code)) }

func (p *peer) respond(stream uint32, headers, body string) {
	p.send(frameHeaders, flagEndHeaders, stream, status200+headers)
	p.send(frameData, flagEndStream, stream, body)
}

func (p *peer) endlessly(kind byte, stream uint32, payload string) {
	for p.send(kind, 0, stream, payload) {
	}
}

// pipe2 is pipe for HTTP/2. The function is called for each whole request,
// with its number.
func pipe2(react func(p *peer, stream uint32, request int)) (client *http.Client, served, written *atomic.Int64) {
	served, written = new(atomic.Int64), new(atomic.Int64)
	client = awstokens.DefaultHTTPClient()
	transport := client.Transport.(*http.Transport)
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetUnencryptedHTTP2(true)
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		p := &peer{conn: far, out: make(chan []byte), gone: make(chan struct{}), written: written}
		go p.write()
		go func() {
			defer far.Close()
			defer close(p.gone)
			_, _ = io.CopyN(io.Discard, far, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")))
			p.send(frameSettings, 0, 0, "")
			var head [9]byte
			for {
				if _, err := io.ReadFull(far, head[:]); err != nil {
					return
				}
				size := int64(binary.BigEndian.Uint32(head[:]) >> 8)
				if _, err := io.CopyN(io.Discard, far, size); err != nil {
					return
				}
				switch kind, flags, stream := head[3], head[4], binary.BigEndian.Uint32(head[5:]); {
				case kind == frameReset:
					p.ended.Store(stream)
				case kind <= frameHeaders && flags&flagEndStream != 0:
					go react(p, stream, int(served.Add(1)))
				}
			}
		}()
		return near, nil
	}
	return client, served, written
}

// How a response over HTTP/2 can fail: what the service may have processed is
// not retried, not by the HTTP client either, and the limits hold.
func TestHostileHTTP2(t *testing.T) {
	const (
		response = `{"AccessToken":"fake","accessToken":"fake"}`
		limit    = 1 << 20
		window   = 4 << 20 // what net/http lets a server send ahead
		slack    = 64 << 10
		good     = "a success"
		unsent   = "no response"
		lost     = "cut off"
		large    = "too large"
		unread   = "not readable"
	)
	log.SetOutput(io.Discard) // where net/http complains
	defer log.SetOutput(os.Stderr)
	for name, test := range map[string]struct {
		first   func(p *peer, stream uint32) // the reaction to the first request; the others get a response
		outcome string                       // of an operation that is not idempotent
		most    int64                        // bytes read of the wire
	}{
		"response":                {func(p *peer, s uint32) { p.respond(s, "", response) }, good, slack},
		"refused":                 {func(p *peer, s uint32) { p.reset(s, refusedStream) }, unsent, slack},
		"internal error":          {func(p *peer, s uint32) { p.reset(s, internalError) }, unsent, slack},
		"protocol error":          {func(p *peer, s uint32) { p.reset(s, protocolError) }, unsent, slack},
		"canceled":                {func(p *peer, s uint32) { p.reset(s, cancelStream) }, unsent, slack},
		"calm":                    {func(p *peer, s uint32) { p.reset(s, enhanceYourCalm) }, unsent, slack},
		"no error":                {func(p *peer, s uint32) { p.reset(s, noError) }, unsent, slack},
		"closed":                  {func(p *peer, _ uint32) { p.close() }, unsent, slack},
		"going away before it":    {func(p *peer, s uint32) { p.goAway(s-1, noError); p.close() }, unsent, slack},
		"going away after it":     {func(p *peer, s uint32) { p.goAway(s, noError); p.close() }, unsent, slack},
		"going away some time":    {func(p *peer, _ uint32) { p.goAway(1<<31-1, noError); p.close() }, unsent, slack},
		"going away in error":     {func(p *peer, s uint32) { p.goAway(s, internalError); p.close() }, unsent, slack},
		"going away and response": {func(p *peer, s uint32) { p.goAway(s, noError); p.respond(s, "", response); p.close() }, good, slack},
		"no body":                 {func(p *peer, s uint32) { p.send(frameHeaders, flagEndHeaders|flagEndStream, s, status200) }, unread, slack},
		"headers, reset":          {func(p *peer, s uint32) { p.send(frameHeaders, flagEndHeaders, s, status200); p.reset(s, internalError) }, lost, slack},
		"headers, refused":        {func(p *peer, s uint32) { p.send(frameHeaders, flagEndHeaders, s, status200); p.reset(s, refusedStream) }, lost, slack},
		"headers, closed":         {func(p *peer, s uint32) { p.send(frameHeaders, flagEndHeaders, s, status200); p.close() }, lost, slack},
		"body, reset": {func(p *peer, s uint32) {
			p.send(frameHeaders, flagEndHeaders, s, status200)
			p.send(frameData, 0, s, response)
			p.reset(s, internalError)
		}, lost, slack},
		"body, closed": {func(p *peer, s uint32) {
			p.send(frameHeaders, flagEndHeaders, s, status200)
			p.send(frameData, 0, s, response)
			p.close()
		}, lost, slack},
		"body before headers":    {func(p *peer, s uint32) { p.send(frameData, flagEndStream, s, response) }, unsent, slack},
		"body of another stream": {func(p *peer, s uint32) { p.send(frameData, flagEndStream, s+2, response) }, unsent, slack},
		"no status":              {func(p *peer, s uint32) { p.send(frameHeaders, flagEndHeaders, s, length("43")) }, unsent, slack},
		"broken HPACK":           {func(p *peer, s uint32) { p.send(frameHeaders, flagEndHeaders, s, "\xff\xff\xff\xff\xff\xff") }, unsent, slack},
		"frame of 16 MiB":        {func(p *peer, s uint32) { p.push([]byte("\xff\xff\xff\x00\x00\x00\x00\x00\x01")) }, unsent, slack},
		"length too long":        {func(p *peer, s uint32) { p.respond(s, length("44"), response) }, lost, slack},
		"length too short":       {func(p *peer, s uint32) { p.respond(s, length("20"), response) }, lost, slack},
		"length of 8 EB":         {func(p *peer, s uint32) { p.respond(s, length("9223372036854775807"), response) }, lost, slack},
		"endless body": {func(p *peer, s uint32) {
			p.send(frameHeaders, flagEndHeaders, s, status200)
			p.endlessly(frameData, s, strings.Repeat("x", 16<<10))
		}, large, window + limit + slack},
		"endless headers": {func(p *peer, s uint32) {
			p.send(frameHeaders, 0, s, status200)
			p.endlessly(frameContinuation, s, strings.Repeat("\x00\x01a\x01b", 1000))
		}, unsent, 1 << 20},
		"endless names": {func(p *peer, s uint32) {
			p.send(frameHeaders, 0, s, status200+"\x00\x7f\xff\xff\xff\x7f")
			p.endlessly(frameContinuation, s, strings.Repeat("a", 16<<10))
		}, unsent, 1 << 20},
		"endless early hints": {func(p *peer, s uint32) {
			for p.send(frameHeaders, flagEndHeaders, s, "\x08\x03103") {
			}
		}, unsent, 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			for _, op := range eachKind {
				synctest.Test(t, func(t *testing.T) {
					client, served, written := pipe2(func(p *peer, stream uint32, request int) {
						if request == 1 {
							test.first(p, stream)
						} else {
							p.respond(stream, "", response)
						}
					})
					cfg := local(client)
					cfg.Retryer = eager{}
					_, err := op.open(t, cfg)(t.Context())
					synctest.Wait()
					client.CloseIdleConnections()
					synctest.Wait()

					again := !op.single && (test.outcome == unsent || test.outcome == lost)
					assert.Equal(t, again, served.Load() > 1)
					assert.LessOrEqual(t, written.Load(), test.most)
					if test.outcome == good || again {
						require.NoError(t, err)
						return
					}
					requireOperationError(t, err)
					assert.NotContains(t, err.Error(), "fake")
					var send *awstokens.SendError
					var decode *smithy.DeserializationError
					switch test.outcome {
					case unsent:
						require.ErrorAs(t, err, &send)
						assert.True(t, send.Written)
					case lost:
						assert.ErrorContains(t, err, "the response broke off")
					case large:
						assert.ErrorIs(t, err, awstokens.ErrResponseTooLarge)
					case unread:
						assert.ErrorAs(t, err, &decode)
					}
				})
			}
		})
	}
}

// Frames that say nothing do not keep a call alive.
func TestSlowHTTP2(t *testing.T) {
	for name, test := range map[string]struct {
		begin func(p *peer, stream uint32)
		kind  byte
		more  string
	}{
		"pings":            {func(*peer, uint32) {}, framePing, "pingpong"},
		"settings":         {func(*peer, uint32) {}, frameSettings, ""},
		"continuations":    {func(p *peer, s uint32) { p.send(frameHeaders, 0, s, status200) }, frameContinuation, ""},
		"data of no bytes": {func(p *peer, s uint32) { p.send(frameHeaders, flagEndHeaders, s, status200) }, frameData, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, op := range eachKind {
				synctest.Test(t, func(t *testing.T) {
					client, served, _ := pipe2(func(p *peer, stream uint32, _ int) {
						test.begin(p, stream)
						if test.kind == framePing || test.kind == frameSettings {
							stream = 0 // they are the connection's
						}
						for p.send(test.kind, 0, stream, test.more) {
							time.Sleep(time.Second)
						}
					})
					cfg := local(client)
					cfg.Retryer = once(nil).Retryer
					start := time.Now()
					_, err := op.open(t, cfg)(t.Context())
					requireOperationError(t, err)
					assert.EqualValues(t, 1, served.Load())
					if test.kind == frameContinuation { // of a header without an end, so that no ping is read
						require.ErrorContains(t, err, "connection lost")
						assert.Equal(t, 30*time.Second, time.Since(start))
					} else {
						var timeout net.Error
						require.ErrorAs(t, err, &timeout)
						assert.True(t, timeout.Timeout())
						assert.Equal(t, time.Minute, time.Since(start))
					}
					synctest.Wait() // until the stream is done away with
					client.CloseIdleConnections()
					time.Sleep(time.Second) // the server notices
				})
			}
		})
	}
}

// deadConn is a connection whose peer gets nothing any more once it is dead, as
// after a suspension of the machine or a change of the network.
type deadConn struct {
	net.Conn
	dead *atomic.Bool
}

func (c deadConn) Write(b []byte) (int, error) {
	if c.dead.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// The default client closes a dead connection, so that the next attempt uses
// another one.
func TestDeadHTTP2Connection(t *testing.T) {
	for _, op := range eachKind {
		synctest.Test(t, func(t *testing.T) {
			client, served, _ := pipe2(func(p *peer, stream uint32, _ int) { p.respond(stream, "", op.response) })
			defer client.CloseIdleConnections()
			transport := client.Transport.(*http.Transport)
			dial := transport.DialContext
			var dead *atomic.Bool // the last connection
			transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := dial(ctx, network, address)
				dead = new(atomic.Bool)
				return deadConn{conn, dead}, err
			}
			call := op.open(t, local(client))
			_, err := call(t.Context())
			require.NoError(t, err)
			dead.Store(true)
			start := time.Now()
			_, err = call(t.Context())
			assert.Equal(t, 30*time.Second, time.Since(start).Truncate(time.Second))
			if op.single {
				require.ErrorContains(t, err, "connection lost")
				_, err = call(t.Context())
			}
			require.NoError(t, err)
			assert.EqualValues(t, 2, served.Load())
		})
	}
}
