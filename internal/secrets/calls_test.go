package secrets_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/wire"
)

// The secrets of the credentials that sign calls, beside those of an input.
var secretKey, sessionToken = fake(100), fake(101)

// inCall finds every secret of a call.
var inCall = func() *needles {
	n := newNeedles(secretKey, sessionToken)
	for _, op := range operations {
		for _, typ := range []reflect.Type{op.in, op.out} {
			_, fakes := filled(typ, nil)
			for _, secret := range fakes {
				n.add(secret)
			}
		}
	}
	return n
}()

// journal keeps log records as text and as JSON, and the attributes of spans and
// metrics.
type journal struct {
	slog.Handler
	json slog.Handler
	out  *bytes.Buffer
	told *bytes.Buffer // by spans and metrics
}

func newJournal() *journal {
	out, options := new(bytes.Buffer), &slog.HandlerOptions{Level: slog.LevelDebug}
	return &journal{slog.NewTextHandler(out, options), slog.NewJSONHandler(out, options), out, new(bytes.Buffer)}
}

func (j *journal) tell(k, v any) { fmt.Fprintf(j.told, "%v=%+v\n", k, v) }

// in returns the surroundings of a secret in what was kept, or "".
func (j *journal) in() string { return inCall.in(j.out.String()) + inCall.in(j.told.String()) }

func (j *journal) Handle(ctx context.Context, r slog.Record) error {
	return errors.Join(j.Handler.Handle(ctx, r), j.json.Handle(ctx, r))
}

func config(client awstokens.HTTPClient, j *journal) awstokens.Config {
	return awstokens.Config{
		Region:            "us-east-1",
		Credentials:       awstokens.StaticCredentials("AKIDEXAMPLE", secretKey, sessionToken),
		HTTPClient:        client,
		Logger:            slog.New(j),
		TracerProvider:    telemetry(j.tell),
		MeterProvider:     telemetry(j.tell),
		DisableValidation: true, // only the responses are tested
		Retryer:           awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts, o.BaseDelay = 2, -1 }),
	}
}

// stub responds to every request alike.
type stub func(req *http.Request, body string) (*http.Response, error)

func (s stub) Do(req *http.Request) (*http.Response, error) {
	if req.Body == nil {
		return s(req, "")
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	return s(req, string(body))
}

const requestID = "11111111-2222-3333-4444-555555555555"

func reply(status int, body string, headers ...string) (*http.Response, error) {
	header := http.Header{"X-Amzn-Requestid": {requestID}}
	for i := 0; i < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
}

// echo is what a server has seen: the request's body and headers.
func echo(req *http.Request, body string) string {
	var headers strings.Builder
	_ = req.Header.Write(&headers)
	if req.Header.Get("Authorization") != "" {
		body += "\n" + secretKey // as if a server could see it
	}
	return body + "\n" + req.URL.RawQuery + "\n" + headers.String()
}

// escapes are the ways in which a service may quote a string.
var escapes = map[string]func(string) string{
	"plain":   func(s string) string { return s },
	"JSON":    quoted,
	"slash":   func(s string) string { return strings.ReplaceAll(s, "/", `\/`) },
	"twice":   func(s string) string { return quoted(quoted(s)) },
	"query":   url.QueryEscape,
	"path":    url.PathEscape,
	"HTML":    html.EscapeString,
	"base64":  func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"MIME":    lines,
	"hex":     func(s string) string { return hex.EncodeToString([]byte(s)) },
	"dump":    func(s string) string { return hex.Dump([]byte(s)) },
	"numbers": func(s string) string { return fmt.Sprint([]byte(s)) },
}

// lines is base64 as in MIME.
func lines(s string) string {
	var b strings.Builder
	for s = base64.URLEncoding.EncodeToString([]byte(s)); len(s) > 76; s = s[76:] {
		b.WriteString(s[:76] + "\r\n")
	}
	return b.String() + s
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b[1 : len(b)-1])
}

// codes are codes of exceptions of each service, and one of none.
var codes = []string{"ValidationException", "InvalidRequestRegionException", "RedirectException", "FailedDependencyException", "BrandNewException", ""}

// message returns an error body with the string in every member that an exception
// keeps.
func message(text string) string {
	body, _ := json.Marshal(map[string]string{
		"Message": text, "Location": text, "ErrorCode": text, "error": "invalid_request", "error_description": text,
		"reason": text, "region": text, "endpoint": text,
	})
	return string(body)
}

// responses are those of servers, and of proxies before them, that quote the
// request.
func responses() map[string]stub {
	all := map[string]stub{}
	for name, escape := range escapes {
		seen := func(req *http.Request, body string) string { return escape(echo(req, body)) }
		for _, code := range codes {
			all[code+" error, "+name] = func(req *http.Request, body string) (*http.Response, error) {
				return reply(400, message("refused: "+seen(req, body)+" end"), "X-Amzn-Errortype", code)
			}
		}
		maps.Copy(all, map[string]stub{
			"XML error, " + name: func(req *http.Request, body string) (*http.Response, error) {
				text := html.EscapeString(seen(req, body))
				return reply(400, "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>"+text+"</Message></Error></ErrorResponse>")
			},
			"HTML page, " + name: func(req *http.Request, body string) (*http.Response, error) {
				return reply(502, "<html>"+seen(req, body)+"</html>")
			},
			"code, " + name: func(req *http.Request, body string) (*http.Response, error) {
				return reply(400, `{"__type":`+strconv.Quote(seen(req, body))+`}`)
			},
			"success that is none, " + name: func(req *http.Request, body string) (*http.Response, error) {
				return reply(200, "<html>"+seen(req, body))
			},
			"request ID, " + name: func(req *http.Request, body string) (*http.Response, error) {
				return reply(400, "", "X-Amzn-Requestid", seen(req, body))
			},
			"request ID of a success that is none, " + name: func(req *http.Request, body string) (*http.Response, error) {
				return reply(200, "none", "X-Amzn-Requestid", seen(req, body))
			},
			"send error, " + name: func(req *http.Request, body string) (*http.Response, error) {
				return nil, fmt.Errorf("proxy said %s: %w", seen(req, body), io.ErrUnexpectedEOF)
			},
			"typed send error, " + name: func(req *http.Request, body string) (*http.Response, error) {
				return nil, &url.Error{Op: "Post", URL: seen(req, body), Err: careless(seen(req, body))}
			},
			"body's error, " + name: func(req *http.Request, body string) (*http.Response, error) {
				return &http.Response{StatusCode: 200, Body: io.NopCloser(failing{careless(seen(req, body))})}, nil
			},
			"body's error after an error, " + name: func(req *http.Request, body string) (*http.Response, error) {
				return &http.Response{StatusCode: 400, Body: io.NopCloser(failing{careless(seen(req, body))})}, nil
			},
		})
	}
	return all
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestErrors(t *testing.T) {
	all := responses()
	for _, op := range operations {
		if _, fakes := filled(op.in, nil); len(fakes) == 0 && !strings.HasSuffix(op.name, "licensemanager.Client.CreateToken") {
			continue // all are one call path, and one operation shows what becomes of the keys
		}
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			for name, response := range all {
				assertCallHides(t, op, response, name)
			}
		})
	}
}

// assertCallHides makes a call that fails.
func assertCallHides(t *testing.T, op operation, client awstokens.HTTPClient, name string) error {
	t.Helper()
	in, _ := filled(op.in, nil)
	j := newJournal()
	err := op.call(t.Context(), config(client, j), in)
	require.Error(t, err, name)
	assertErrorHides(t, err, name)
	assert.Contains(t, j.out.String(), "status", name)
	assert.Contains(t, j.told.String(), "span=", name)
	assert.Contains(t, j.told.String(), "metric=", name)
	assert.Empty(t, j.in(), "%s, log", name)
	return err
}

// assertErrorHides asserts that no error of the chain shows a secret.
func assertErrorHides(t *testing.T, err error, name string) {
	t.Helper()
	for _, w := range quickWays {
		texts := w.show(err)
		if v := reflect.ValueOf(err); v.Kind() == reflect.Pointer { // its members, too
			texts += w.show(v.Elem().Interface())
		}
		if found := inCall.in(texts); found != "" {
			t.Errorf("%s, %T, %s: %s", name, err, w.name, found)
		}
	}
	for _, reason := range reasons(err) {
		assertErrorHides(t, reason, name)
	}
}

// TestCutOffEchoes cuts the response at every byte: within a secret, within an
// escape, and where the cap on a response does it.
func TestCutOffEchoes(t *testing.T) {
	var exchange operation
	for _, op := range operations {
		if strings.HasSuffix(op.name, ".CreateTokenWithIAM") {
			exchange = op
		}
	}
	in, fakes := filled(exchange.in, nil)
	for name, escape := range escapes {
		whole := "<html>" + escape(fakes[1]+" "+sessionToken)
		first := 0
		if name == "base64" || name == "MIME" {
			first = len("<html>") + 11 // before that, the secret's first 7 letters at most
		}
		for cut := first; cut < len(whole); cut++ {
			for _, isCapped := range []bool{false, true} {
				text, cfg := whole[:cut], config(nil, newJournal())
				if isCapped {
					text, cfg.MaxResponseBytes = whole, int64(max(1, cut))
				}
				cfg.HTTPClient = stub(func(*http.Request, string) (*http.Response, error) { return reply(403, text) })
				err := exchange.call(t.Context(), cfg, in)
				require.Error(t, err)
				if found := inCall.in(err.Error()); found != "" {
					t.Errorf("%s, cut to %q: %s", name, text, found)
				}
			}
		}
	}
}

// The secrets of the inputs violate constraints.
func TestValidationErrors(t *testing.T) {
	for rule, spoil := range map[string]string{
		"white space": " with white space", "too long": strings.Repeat("x", 5000), "not UTF-8": "\xff", "multi-byte": strings.Repeat("ü", 5000),
	} {
		for _, op := range operations {
			in, _ := filled(op.in, nil)
			v := reflect.ValueOf(in).Elem()
			for i := range v.NumField() {
				if secret, ok := v.Field(i).Interface().(awstokens.Secret); ok {
					v.Field(i).Set(reflect.ValueOf(awstokens.NewSecret(secret.Reveal() + spoil)))
				}
			}
			j := newJournal()
			cfg := config(stub(func(*http.Request, string) (*http.Response, error) { return reply(200, "{") }), j)
			cfg.DisableValidation = false
			err := op.call(t.Context(), cfg, in)
			require.Error(t, err, op.name)
			assertErrorHides(t, err, op.name+", "+rule)
			assert.Empty(t, j.in(), "log")
			var invalid smithy.InvalidParamsError
			if strings.HasSuffix(op.name, ".GetAccessToken") {
				require.True(t, errors.As(err, &invalid) || rule == "not UTF-8", rule)
				assert.Empty(t, j.out.String(), "%s: nothing was sent", rule)
			}
		}
	}
}

// Servers that do not speak HTTP, and requests that cannot be sent.
func TestWire(t *testing.T) {
	for name, speak := range map[string]func(io.Writer, string){
		"no HTTP": func(w io.Writer, body string) { _, _ = io.WriteString(w, body+"\r\n\r\n") },
		"status":  func(w io.Writer, body string) { _, _ = io.WriteString(w, "HTTP/1.1 "+body+"\r\n\r\n") },
		"header":  func(w io.Writer, body string) { _, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\n"+body+"\r\n\r\n") },
		"length": func(w io.Writer, body string) {
			_, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: "+body+"\r\n\r\n")
		},
		"transfer encoding": func(w io.Writer, body string) {
			_, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: "+body+"\r\n\r\n")
		},
		"chunk": func(w io.Writer, body string) {
			_, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+body+"\r\n")
		},
		"trailer": func(w io.Writer, body string) {
			_, _ = io.WriteString(w, "HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"+body+"\r\n\r\n")
		},
		"location": func(w io.Writer, body string) {
			_, _ = io.WriteString(w, "HTTP/1.1 307 No\r\nLocation: http://%zz/"+body+"\r\n\r\n")
		},
		"location, followed": func(w io.Writer, body string) {
			_, _ = io.WriteString(w, "HTTP/1.1 308 No\r\nLocation: /?"+url.QueryEscape(body)+"\r\nContent-Length: 0\r\n\r\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				body, _ := io.ReadAll(req.Body)
				conn, _, err := http.NewResponseController(w).Hijack()
				if assert.NoError(t, err) {
					speak(conn, strings.ReplaceAll(echo(req, string(body)), "\n", " "))
					conn.Close()
				}
			}))
			defer server.Close()
			for _, op := range operations {
				in, _ := filled(op.in, nil)
				j := newJournal()
				cfg := config(server.Client(), j)
				cfg.BaseEndpoint = server.URL
				err := op.call(t.Context(), cfg, in)
				require.Error(t, err)
				assertErrorHides(t, err, op.name)
				assert.Empty(t, j.in(), "log")
			}
		})
	}
	// A token that was read from a file with its line's end is no header.
	for _, op := range operations {
		in, _ := filled(op.in, nil)
		cfg := config(new(http.Client), newJournal())
		cfg.BaseEndpoint = "http://127.0.0.1:1"
		cfg.Credentials = awstokens.StaticCredentials("AKIDEXAMPLE", secretKey, sessionToken+"\n")
		err := op.call(t.Context(), cfg, in)
		require.Error(t, err)
		assertErrorHides(t, err, op.name)
	}
}

// errors.Is and errors.As find an error of the caller although its text is redacted.
func TestHiddenErrorsAreFound(t *testing.T) {
	for _, op := range operations {
		if !strings.HasSuffix(op.name, ".GetAccessToken") {
			continue
		}
		err := assertCallHides(t, op, stub(func(_ *http.Request, body string) (*http.Response, error) {
			return nil, fmt.Errorf("%s: %w", body, net.ErrClosed)
		}), "send error")
		assert.ErrorIs(t, err, net.ErrClosed)
		var send *awstokens.SendError
		assert.True(t, errors.As(err, &send))
	}
}

// A success is logged without the content of the response. testUsed has the log of
// STS, because its responses are XML.
func TestLogOfSuccess(t *testing.T) {
	for _, op := range operations {
		if strings.Contains(op.name, "sts.") {
			continue
		}
		in, _ := filled(op.in, nil)
		out, fakes := filled(op.out, nil)
		response, err := new(wire.AWSJSON).Encode(wire.Operation{}, out)
		require.NoError(t, err)
		for _, secret := range fakes {
			require.Contains(t, string(response.Body), quoted(secret))
		}
		j := newJournal()
		err = op.call(t.Context(), config(stub(func(*http.Request, string) (*http.Response, error) { return reply(200, string(response.Body)) }), j), in)
		require.NoError(t, err, op.name)
		assert.Equal(t, 2, strings.Count(j.out.String(), requestID), op.name)
		assert.Empty(t, j.in(), op.name)
	}
}

// call makes a call with a new client.
func (op *operation) call(ctx context.Context, cfg awstokens.Config, in any) error {
	client, err := op.open(cfg)
	if err != nil {
		return err
	}
	results := reflect.ValueOf(client).Method(op.method).Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(in)})
	err, _ = results[1].Interface().(error)
	return err
}
