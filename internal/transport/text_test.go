package transport_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hostileText breaks a line, clears a screen, sets a title, and turns writing
// around.
const hostileText = "bad\r\nlevel=ERROR msg=\"forged\"\x1b[2J\x1b]0;title\x07\u202eevil\u2028\x85\x9b"

// A service's text is on one line, in errors and in log records.
func TestTextIsOneLine(t *testing.T) {
	message, err := json.Marshal(strings.ToValidUTF8(hostileText, ""))
	require.NoError(t, err)
	for name, a := range map[string]responder{
		"message":           reply(400, `{"__type":"ValidationException","Message":`+string(message)+`}`),
		"unknown code":      reply(400, `{"__type":"BrandNew\u001b[2J\nException","message":`+string(message)+`}`),
		"error_description": reply(400, `{"error":"invalid_grant","error_description":`+string(message)+`,"reason":`+string(message)+`}`),
		"a page":            reply(403, "<html>"+hostileText),
		"request ID":        reply(400, `{"__type":"ValidationException"}`, "X-Amzn-Requestid", "id\x1b[2J"),
		"no response": func(*http.Request) (*http.Response, error) {
			return nil, errors.New("malformed: " + hostileText)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachOperation(t, func(t *testing.T, op operation) {
				var log bytes.Buffer
				cfg := once(play(a))
				cfg.Logger = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
				_, err := op.open(t, cfg)(t.Context())
				require.Error(t, err)
				assert.False(t, strings.ContainsFunc(err.Error(), isUnsafe), "%q", err)
				var record struct {
					Error     string
					RequestID string `json:"request_id"`
				}
				require.NoError(t, json.Unmarshal(log.Bytes(), &record))
				assert.False(t, strings.ContainsFunc(record.Error+record.RequestID, isUnsafe), "%q", record)
			})
		})
	}
}

func isUnsafe(r rune) bool { return unicode.IsControl(r) || r == '\u202e' || r == '\u2028' }

// The response of a call shows up in no error, whatever status a proxy gave it,
// and neither does what an HTTP client quotes of the request.
func TestNoSecretInErrors(t *testing.T) {
	eachOperation(t, func(t *testing.T, op operation) {
		shows := func(err error) {
			t.Helper()
			require.Error(t, err)
			assert.NotContains(t, strings.ToLower(err.Error()), "fake", "%v", err)
			assert.NotContains(t, err.Error(), "66616b65") // in hexadecimal
			assert.NotContains(t, err.Error(), "102 97 107 101")
		}
		for _, status := range []int{300, 400, 403, 500} {
			_, err := op.open(t, once(play(reply(status, op.response))))(t.Context())
			shows(err)
		}
		for name, quote := range map[string]func([]byte) string{
			"text":       func(b []byte) string { return string(b) },
			"quoted":     func(b []byte) string { return fmt.Sprintf("%q", b) },
			"hex":        func(b []byte) string { return hex.EncodeToString(b) },
			"hex, upper": func(b []byte) string { return fmt.Sprintf("% X", b) },
			"byte list":  func(b []byte) string { return fmt.Sprint(b) },
		} {
			t.Run(name, func(t *testing.T) {
				_, err := op.open(t, once(play(func(req *http.Request) (*http.Response, error) {
					var body bytes.Buffer
					_, _ = body.ReadFrom(req.Body)
					return nil, errors.New("cannot send " + quote(body.Bytes()))
				})))(t.Context())
				shows(err)
			})
		}
		// A gateway's request ID that is a token.
		if strings.Contains(op.response, "fake-access-token") {
			_, err := op.open(t, once(play(reply(400, op.response, "X-Amzn-Requestid", "fake-client-secret"))))(t.Context())
			if op.name == "OIDC.CreateToken" {
				shows(err)
			}
		}
	})
}
