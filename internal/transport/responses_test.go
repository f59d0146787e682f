package transport_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// mark is in bodies, to see what of them an error repeats.
const mark = "mark-of-the-body"

// once is a configuration without retries.
func once(client awstokens.HTTPClient) awstokens.Config {
	cfg := config(client)
	cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = 1 })
	return cfg
}

// handler is how a real server on loopback responds.
type handler func(http.ResponseWriter)

func respond(status int, body string, headers ...string) handler {
	return func(w http.ResponseWriter) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// cut responds with less than it announces, and closes.
func cut(status int, announced string, body string) handler {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", announced)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, text)
	w.Close()
	return b.String()
}

// serve returns the configuration for a server with one response.
func serve(t *testing.T, h handler) awstokens.Config {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		w.Header().Set("X-Amzn-Requestid", fakeRequestID)
		h(w)
	}))
	t.Cleanup(server.Close)
	cfg := once(server.Client())
	cfg.BaseEndpoint = server.URL
	return cfg
}

func TestUnusableSuccess(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 20000)
	for name, body := range map[string]string{
		"empty": "", "white space": " \r\n\t", "HTML": "<html>" + mark, "null": "null", "a list": "[]", "a text": `"` + mark + `"`,
		"a number": "42", "true": "true", "cut": `{"Token":"` + mark, "cut object": "{", "two objects": "{}{}", "trailing": "{} " + mark,
		"not UTF-8": "{\"Token\":\"\xff" + mark + "\"}", "UTF-16": "{\x00}\x00", "byte order mark": "\ufeff{}",
		"compressed": gzipped(`{"Token":"` + mark + `"}`), "too deep": deep,
	} {
		t.Run(name, func(t *testing.T) {
			eachOperation(t, func(t *testing.T, op operation) {
				_, err := op.open(t, once(play(reply(200, body))))(t.Context())
				if op.empty && strings.TrimSpace(body) == "" {
					require.NoError(t, err)
					return
				}
				assertUnusable(t, err, 200)
			})
		})
	}
	eachOperation(t, func(t *testing.T, op operation) {
		for name, body := range map[string]string{
			"without its token": op.tokenless, "with an empty token": op.emptyToken, "with a member of another type": op.mistyped,
		} {
			if body == "" {
				continue
			}
			t.Run(name, func(t *testing.T) {
				_, err := op.open(t, once(play(reply(200, body))))(t.Context())
				assertUnusable(t, err, 200)
			})
		}
		t.Run("compressed on the wire", func(t *testing.T) {
			_, err := op.open(t, serve(t, respond(200, gzipped(op.response), "Content-Encoding", "gzip")))(t.Context())
			assertUnusable(t, err, 200)
		})
		t.Run("204", func(t *testing.T) {
			_, err := op.open(t, serve(t, respond(204, "")))(t.Context())
			if op.empty {
				require.NoError(t, err)
				return
			}
			assertUnusable(t, err, 204)
		})
		t.Run("nil body", func(t *testing.T) {
			_, err := op.open(t, once(play(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 200}, nil
			})))(t.Context())
			if op.empty {
				require.NoError(t, err)
				return
			}
			assert.Equal(t, 200, responseError(t, err).StatusCode)
		})
		t.Run("nil response", func(t *testing.T) {
			_, err := op.open(t, once(play(func(*http.Request) (*http.Response, error) { return nil, nil })))(t.Context())
			requireOperationError(t, err)
			var send *awstokens.SendError
			assert.ErrorAs(t, err, &send)
		})
		for name, h := range map[string]handler{
			"cut off on the wire": cut(200, "100", op.response[:len(op.response)-1]+mark),
			"a lie of 1 EB":       cut(200, "1000000000000000000", op.response),
		} {
			t.Run(name, func(t *testing.T) {
				_, err := op.open(t, serve(t, h))(t.Context())
				response := responseError(t, err)
				assert.Equal(t, 200, response.StatusCode)
				assert.Equal(t, fakeRequestID, response.RequestID)
				assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
				assert.NotContains(t, err.Error(), mark)
				assert.Equal(t, !op.single, response.RetryableError())
			})
		}
	})
}

func assertUnusable(t *testing.T, err error, status int) {
	t.Helper()
	response := responseError(t, err)
	assert.Equal(t, status, response.StatusCode)
	assert.Equal(t, fakeRequestID, response.RequestID)
	var decode *smithy.DeserializationError
	assert.ErrorAs(t, err, &decode)
	assert.NotContains(t, err.Error(), mark, "the body of a success may hold a token")
	assert.Less(t, len(err.Error()), 300)
	assert.False(t, response.RetryableError(), "the service has acted")
}

func TestErrorResponses(t *testing.T) {
	gibberish := strings.Repeat("\x00\xff\x1b", 1000)
	for name, test := range map[string]struct {
		body    string
		headers []string
		code    string
		excerpt bool
	}{
		"empty":               {"", nil, "UnknownError", false},
		"HTML":                {"<html>" + mark + strings.Repeat("x", 10_000), nil, "UnknownError", true},
		"cut JSON":            {`{"Message":"` + mark, nil, "UnknownError", true},
		"gibberish":           {mark + gibberish, nil, "UnknownError", true},
		"null":                {"null", nil, "UnknownError", false},
		"a list":              {`["` + mark + `"]`, nil, "UnknownError", true},
		"JSON of another API": {`{"fault":"` + mark + `"}`, nil, "UnknownError", true},
		"members mistyped":    {`{"__type":{},"code":1,"message":["` + mark + `"],"error":7}`, nil, "UnknownError", true},
		"compressed":          {gzipped(mark), []string{"Content-Encoding", "gzip"}, "UnknownError", false},
		"only a header":       {"", []string{"X-Amzn-Errortype", "BrandNewException:http://example.com/#x"}, "BrandNewException", false},
		"a header and HTML":   {"<html>", []string{"X-Amzn-Errortype", "ns#ValidationException"}, "ValidationException", false},
		"an unknown code":     {`{"__type":"ns#BrandNew","Message":"` + mark + `"}`, nil, "BrandNew", true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, op := range operations {
				for _, status := range []int{400, 401, 403, 404, 413, 500, 503, 599} {
					_, err := op.open(t, once(play(reply(status, test.body, test.headers...))))(t.Context())
					response := responseError(t, err)
					assert.Equal(t, status, response.StatusCode)
					assert.Equal(t, fakeRequestID, response.RequestID)
					var api smithy.APIError
					require.ErrorAs(t, err, &api)
					assert.Equal(t, test.code, api.ErrorCode())
					if test.code == "UnknownError" {
						assert.Equal(t, status >= 500, api.ErrorFault() == smithy.FaultServer)
					}
					assert.Equal(t, test.excerpt, strings.Contains(err.Error(), mark))
					assert.Less(t, len(err.Error()), 1500, "an excerpt is bounded")
				}
			}
		})
	}
	eachOperation(t, func(t *testing.T, op operation) {
		_, err := op.open(t, serve(t, cut(400, "1000", `{"__type":"ValidationException","Message":"`+mark)))(t.Context())
		assert.Equal(t, 400, responseError(t, err).StatusCode)
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
		assert.ErrorContains(t, err, "ValidationException")
	})
}

func TestResponseSize(t *testing.T) {
	get := func(t *testing.T, op operation, status, size int, known bool, limit int64) error {
		padded := op.response + strings.Repeat(" ", size-len(op.response))
		cfg := once(play(func(req *http.Request) (*http.Response, error) {
			resp, err := reply(status, padded, "X-Amzn-Errortype", "ValidationException")(req)
			if !known {
				resp.ContentLength = -1
			}
			return resp, err
		}))
		cfg.MaxResponseBytes = limit
		_, err := op.open(t, cfg)(t.Context())
		return err
	}
	tooLarge := func(t *testing.T, err error, status int) {
		require.ErrorIs(t, err, awstokens.ErrResponseTooLarge)
		response := responseError(t, err)
		assert.Equal(t, status, response.StatusCode)
		assert.Equal(t, fakeRequestID, response.RequestID)
		assert.False(t, response.RetryableError(), "it would be as large again")
		var api smithy.APIError
		assert.Equal(t, status == 400, errors.As(err, &api), "the header still names the error")
	}
	for _, known := range []bool{true, false} {
		eachOperation(t, func(t *testing.T, op operation) {
			for _, limit := range []int64{2000, 2001, 0, math.MaxInt64} {
				assert.NoError(t, get(t, op, 200, 2000, known, limit), limit)
				assert.NotErrorIs(t, get(t, op, 400, 2000, known, limit), awstokens.ErrResponseTooLarge, limit)
			}
			for _, status := range []int{200, 400} {
				tooLarge(t, get(t, op, status, 2001, known, 2000), status)
				tooLarge(t, get(t, op, status, 2000, known, 1), status)
			}
		})
		op := named("LM.CreateToken")
		assert.NoError(t, get(t, op, 200, 1<<20, known, 0))
		tooLarge(t, get(t, op, 200, 1<<20+1, known, 0), 200)
	}
	cfg := config(nil)
	cfg.MaxResponseBytes = -1
	_, err := licensemanager.New(cfg)
	assert.ErrorContains(t, err, "MaxResponseBytes")
}

// A body without end is not read to its end.
func TestEndlessBody(t *testing.T) {
	eachOperation(t, func(t *testing.T, op operation) {
		for _, status := range []int{200, 500} {
			const limit = 10_000
			body := &endless{}
			cfg := once(play(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: status, ContentLength: -1, Body: body}, nil
			}))
			cfg.MaxResponseBytes = limit
			_, err := op.open(t, cfg)(t.Context())
			require.ErrorIs(t, err, awstokens.ErrResponseTooLarge)
			assert.LessOrEqual(t, body.read, limit+1)
			assert.True(t, body.closed)
		}
	})
}

type endless struct {
	read   int
	closed bool
}

func (b *endless) Read(p []byte) (int, error) { b.read += len(p); return len(p), nil }
func (b *endless) Close() error               { b.closed = true; return nil }

// A redirected POST would carry its tokens wherever the response says.
func TestRedirectsAreNotFollowed(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the other server was asked")
	}))
	defer other.Close()
	for _, status := range []int{300, 301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			eachOperation(t, func(t *testing.T, op operation) {
				for _, location := range []string{other.URL + "/", "/elsewhere", ""} {
					cfg := serve(t, respond(status, `{"a":"b"}`, "Location", location))
					// Neither the caller's policy nor the default one counts.
					cfg.HTTPClient = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
					_, err := op.open(t, cfg)(t.Context())
					response := responseError(t, err)
					assert.Equal(t, status, response.StatusCode)
					assert.Equal(t, fakeRequestID, response.RequestID)
				}
				cfg := serve(t, respond(status, "", "Location", other.URL))
				cfg.HTTPClient = nil // the shared one
				_, err := op.open(t, cfg)(t.Context())
				assert.Equal(t, status, responseError(t, err).StatusCode)
			})
		})
	}
}

// embedding is a client that follows redirects and is no *http.Client.
type embedding struct{ *http.Client }

// Another client cannot be told to follow no redirects: it is kept from it.
func TestOtherClientsAreKeptFromRedirects(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the other server was asked")
	}))
	defer other.Close()
	bound := operation{name: "Portal.ListAccounts", open: opener(portal.New, (*portal.Client).ListAccounts, &portal.ListAccountsInput{
		AccessToken: awstokens.NewSecret("fake-access-token"),
	})}
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, op := range append([]operation{bound}, operations...) {
			for _, location := range []string{other.URL + "/", "/elsewhere"} {
				t.Run(fmt.Sprint(status, " ", op.name, " ", location), func(t *testing.T) {
					cfg := serve(t, respond(status, "", "Location", location))
					cfg.HTTPClient = embedding{cfg.HTTPClient.(*http.Client)}
					_, err := op.open(t, cfg)(t.Context())
					requireOperationError(t, err)
					var response *awstokens.ResponseError
					if errors.As(err, &response) {
						assert.Equal(t, status, response.StatusCode, "net/http itself has stopped")
					}
				})
			}
		}
	}
}

// An informational response is not the response.
func TestInformationalResponses(t *testing.T) {
	eachOperation(t, func(t *testing.T, op operation) {
		cfg := serve(t, func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusProcessing)
			w.WriteHeader(http.StatusEarlyHints)
			_, _ = io.WriteString(w, op.response)
		})
		out, err := op.open(t, cfg)(t.Context())
		require.NoError(t, err)
		assert.Equal(t, fakeRequestID, out.Metadata().RequestID)
		assert.Equal(t, 1, out.Metadata().Attempts)
		assert.WithinDuration(t, time.Now(), out.Metadata().Date, time.Minute)

		_, err = op.open(t, once(play(reply(100, op.response))))(t.Context())
		assert.Equal(t, 100, responseError(t, err).StatusCode)
	})
}

func TestRequestIDs(t *testing.T) {
	op := named("LM.DeleteToken")
	for _, header := range []string{"X-Amzn-Requestid", "X-Amz-Request-Id"} {
		for _, status := range []int{200, 400} {
			cfg := once(play(func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: status, Header: http.Header{header: {"the-id"}}, Body: io.NopCloser(strings.NewReader("{}"))}, nil
			}))
			out, err := op.open(t, cfg)(t.Context())
			if status == 200 {
				require.NoError(t, err)
				assert.Equal(t, "the-id", out.Metadata().RequestID)
			} else {
				assert.Equal(t, "the-id", responseError(t, err).ServiceRequestID())
			}
		}
	}
}

// A RoundTripper may follow redirects by itself, and a proxy is one host for
// all: the body and the credentials stay here.
func TestRedirectsBehindTheTransport(t *testing.T) {
	secrets := []string{"fake", "Amz-Security-Token", "Authorization"}
	for _, status := range []int{302, 307} {
		for _, proxied := range []bool{false, true} {
			t.Run(fmt.Sprint(status, " ", proxied), func(t *testing.T) {
				eachOperation(t, func(t *testing.T, op operation) {
					other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
						dump, _ := httputil.DumpRequest(r, true)
						for _, secret := range secrets {
							assert.NotContains(t, string(dump), secret)
						}
					}))
					defer other.Close()
					cfg := serve(t, respond(status, "", "Location", other.URL+"/"))
					cfg.Retryer = once(nil).Retryer
					follower := new(http.Client)
					if proxied {
						proxy := httptest.NewServer(&httputil.ReverseProxy{Director: func(*http.Request) {}})
						defer proxy.Close()
						to, err := url.Parse(proxy.URL)
						require.NoError(t, err)
						follower.Transport = &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return to, nil }}
					}
					cfg.HTTPClient = &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
						clone := req.Clone(req.Context())
						clone.RequestURI = ""
						return follower.Do(clone)
					})}
					_, err := op.open(t, cfg)(t.Context())
					require.Error(t, err)
				})
			})
		}
	}
}
