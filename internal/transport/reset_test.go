package transport_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

// resetter speaks as much HTTP/2 as it takes to receive whole requests and to
// reset their streams with a code. It returns its address and the number of
// requests.
func resetter(t *testing.T, code uint32) (string, *atomic.Int32) {
	const data, headers, rstStream, settings = 0, 1, 3, 4
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	var received atomic.Int32
	frame := func(kind, flags byte, stream uint32, payload []byte) []byte {
		f := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
		return append(binary.BigEndian.AppendUint32(append(f, flags), stream), payload...)
	}
	serve := func(conn net.Conn) {
		defer conn.Close()
		r := bufio.NewReader(conn)
		_, _ = r.Discard(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
		_, _ = conn.Write(frame(settings, 0, 0, nil))
		for {
			var head [9]byte
			if _, err := io.ReadFull(r, head[:]); err != nil {
				return
			}
			_, _ = r.Discard(int(binary.BigEndian.Uint32(head[:4]) >> 8))
			kind, endStream := head[3], head[4]&1 != 0
			if endStream && (kind == data || kind == headers) {
				received.Add(1)
				stream := binary.BigEndian.Uint32(head[5:])
				_, _ = conn.Write(frame(rstStream, 0, stream, binary.BigEndian.AppendUint32(nil, code)))
			}
		}
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return listener.Addr().String(), &received
}

// net/http sends a request again after some resets of HTTP/2. It must not do so
// with a single-use code, whatever the reset says.
func TestResetOverHTTP2(t *testing.T) {
	for name, code := range map[string]uint32{"PROTOCOL_ERROR": 1, "REFUSED_STREAM": 7} {
		t.Run(name, func(t *testing.T) {
			for _, op := range []operation{named("LM.CreateToken"), named("OIDC.CreateToken")} {
				address, received := resetter(t, code)
				var protocols http.Protocols
				protocols.SetUnencryptedHTTP2(true)
				transport := &http.Transport{Protocols: &protocols}
				t.Cleanup(transport.CloseIdleConnections)
				cfg := config(&http.Client{Transport: transport})
				cfg.BaseEndpoint = "http://" + address
				cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = 1 })
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond) // net/http retries others for minutes
				defer cancel()
				_, err := op.open(t, cfg)(ctx)
				require.Error(t, err)
				assert.True(t, awstokens.MayHaveProcessed(err))
				assert.Equal(t, op.single, received.Load() == 1, op.name)
			}
		})
	}
}
