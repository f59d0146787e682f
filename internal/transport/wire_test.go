package transport_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// received is a request as it came over the wire.
type received struct {
	*http.Request
	body string
}

// receive serves one operation on loopback and keeps its requests.
func receive(t *testing.T, op operation) (*[]received, awstokens.Config) {
	var requests []received
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		assert.NoError(t, err)
		requests = append(requests, received{req, string(body)})
		_, _ = io.WriteString(w, op.response)
	}))
	t.Cleanup(server.Close)
	cfg := once(server.Client())
	cfg.BaseEndpoint = server.URL
	return &requests, cfg
}

func TestRequest(t *testing.T) {
	for name, test := range map[string]struct{ base, escaped string }{
		"host only":             {"", ""},
		"slash":                 {"/", ""},
		"path prefix":           {"/base/path", "/base/path"},
		"path prefix and slash": {"/base/", "/base"},
		"escaped path prefix":   {"/a%2Fb%20c", "/a%2Fb%20c"},
	} {
		t.Run(name, func(t *testing.T) {
			eachOperation(t, func(t *testing.T, op operation) {
				requests, cfg := receive(t, op)
				cfg.BaseEndpoint += test.base
				cfg.AppID = "my app/1.0(ü)\r\nX-Evil: 1"
				_, err := op.open(t, cfg)(t.Context())
				require.NoError(t, err)
				require.Len(t, *requests, 1)
				req := (*requests)[0]

				uri := test.escaped + op.uri
				if uri == "" {
					uri = "/"
				}
				assert.Equal(t, http.MethodPost, req.Method)
				assert.Equal(t, uri, req.RequestURI)
				assert.Equal(t, op.target, req.Header.Get("X-Amz-Target"))
				contentType := "application/json"
				if op.target != "" {
					contentType = "application/x-amz-json-1.1"
				}
				assert.Equal(t, contentType, req.Header.Get("Content-Type"))
				assert.Equal(t, "identity", req.Header.Get("Accept-Encoding"))
				assert.True(t, json.Valid([]byte(req.body)))
				assert.Equal(t, int64(len(req.body)), req.ContentLength, "nothing is chunked")

				agent := req.Header.Get("User-Agent")
				assert.True(t, strings.HasPrefix(agent, "awstokens/"+awstokens.Version+" "), agent)
				assert.True(t, strings.HasSuffix(agent, " app/my-app-1.0-----X-Evil--1"), agent)
				assert.Empty(t, req.Header.Get("X-Evil"))

				if op.service == "" {
					assert.Empty(t, req.Header.Get("Authorization"))
					assert.Empty(t, req.Header.Get("X-Amz-Date"))
					assert.Empty(t, req.Header.Get("X-Amz-Security-Token"))
				} else {
					assertSigned(t, req, op.service)
				}
			})
		})
	}
}

// assertSigned computes the signature as the SigV4 documentation says, from
// what came over the wire.
func assertSigned(t *testing.T, req received, service string) {
	t.Helper()
	date := req.Header.Get("X-Amz-Date")
	require.Len(t, date, len(amzDate))
	scope := date[:8] + "/us-east-1/" + service + "/aws4_request"

	signed := []string{"content-type", "host"}
	for name := range req.Header {
		if strings.HasPrefix(name, "X-Amz-") {
			signed = append(signed, strings.ToLower(name))
		}
	}
	slices.Sort(signed)
	headers := ""
	for _, name := range signed {
		value := req.Header.Get(name)
		if name == "host" {
			value = req.Host
		}
		headers += name + ":" + value + "\n"
	}
	path, query, _ := strings.Cut(req.RequestURI, "?")
	canonical := strings.Join([]string{
		req.Method,
		strings.ReplaceAll(path, "%", "%25"), // a path is escaped twice
		query,
		headers,
		strings.Join(signed, ";"),
		hexSHA256(req.body),
	}, "\n")

	key := []byte("AWS4not-a-real-secret-key")
	for _, part := range []string{date[:8], "us-east-1", service, "aws4_request",
		"AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + hexSHA256(canonical)} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	assert.Equal(t, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"+scope+", SignedHeaders="+strings.Join(signed, ";")+
		", Signature="+hex.EncodeToString(key), req.Header.Get("Authorization"))
}

func hexSHA256(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestCredentials(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"} {
		t.Setenv(name, "")
	}
	provide := func(creds awstokens.Credentials, err error) awstokens.CredentialsProvider {
		return awstokens.CredentialsFunc(func(context.Context) (awstokens.Credentials, error) { return creds, err })
	}
	const (
		never  = iota // the call fails before anything is sent
		noKeys        // the same, with ErrNoCredentials, but for what is signed optionally
		goesBy        // unsigned
		isSigned
	)
	for name, test := range map[string]struct {
		provider awstokens.CredentialsProvider
		outcome  int
	}{
		"none":                 {nil, noKeys},
		"static":               {awstokens.StaticCredentials("AKIDEXAMPLE", "not-a-real-secret-key", "not-a-real-session-token"), isSigned},
		"static, no session":   {awstokens.StaticCredentials("AKIDEXAMPLE", "not-a-real-secret-key", ""), isSigned},
		"static, nothing":      {awstokens.StaticCredentials("", "", ""), noKeys},
		"environment, nothing": {awstokens.EnvCredentials(), noKeys},
		"anonymous":            {awstokens.AnonymousCredentials{}, goesBy},
		"anonymous pointer":    {&awstokens.AnonymousCredentials{}, goesBy},
		"empty":                {provide(awstokens.Credentials{}, nil), noKeys},
		"no secret":            {provide(awstokens.Credentials{AccessKeyID: "AKIDEXAMPLE"}, nil), noKeys},
		"failure":              {provide(awstokens.Credentials{}, errFake), never},
		"failure with keys":    {provide(awstokens.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: awstokens.NewSecret("not-a-real-secret-key")}, errFake), never},
	} {
		t.Run(name, func(t *testing.T) {
			eachOperation(t, func(t *testing.T, op operation) {
				requests, cfg := receive(t, op)
				cfg.Credentials = test.provider
				_, err := op.open(t, cfg)(t.Context())
				outcome := test.outcome
				if op.service == "" || op.optional && outcome == noKeys {
					outcome = goesBy
				}
				if outcome == never || outcome == noKeys {
					requireOperationError(t, err)
					assert.Empty(t, *requests, "nothing is sent")
					assert.Equal(t, outcome == noKeys, errors.Is(err, awstokens.ErrNoCredentials))
					assert.Equal(t, outcome == never, errors.Is(err, errFake))
					return
				}
				require.NoError(t, err)
				req := (*requests)[0]
				if outcome == goesBy {
					for name := range req.Header {
						assert.NotContains(t, []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"}, name)
					}
					return
				}
				assertSigned(t, req, op.service)
			})
		})
	}
}

// Keys that rotate between two attempts sign the second one.
func TestCredentialsAreAskedOnceAnAttempt(t *testing.T) {
	eachOperation(t, func(t *testing.T, op operation) {
		asked := 0
		http := play(exception(400, "ThrottlingException"), exception(400, "ThrottlingException"), reply(200, op.response))
		cfg := config(http)
		cfg.Retryer = eager{}
		cfg.Credentials = awstokens.CredentialsFunc(func(context.Context) (awstokens.Credentials, error) {
			asked++
			return awstokens.Credentials{AccessKeyID: "AKID" + string(rune('0'+asked)), SecretAccessKey: awstokens.NewSecret("not-a-real-secret-key")}, nil
		})
		_, err := op.open(t, cfg)(t.Context())
		require.NoError(t, err)
		if op.service == "" {
			assert.Zero(t, asked)
			return
		}
		assert.Equal(t, 3, asked)
		for i, auth := range http.header("Authorization") {
			assert.Contains(t, auth, "Credential=AKID"+string(rune('1'+i))+"/")
		}
	})
}

func TestNowSigns(t *testing.T) {
	http := play(reply(200, `{}`))
	cfg := config(http)
	cfg.Now = func() time.Time { return time.Date(2030, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600)) }
	_, err := named("LM.DeleteToken").open(t, cfg)(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []string{"20300102T020405Z"}, http.header("X-Amz-Date"))
}

func TestNoRegionToSignFor(t *testing.T) {
	eachOperation(t, func(t *testing.T, op operation) {
		requests, cfg := receive(t, op)
		cfg.Region = ""
		_, err := op.open(t, cfg)(t.Context())
		assert.Equal(t, op.service == "", err == nil)
		assert.Equal(t, op.service == "", len(*requests) == 1)
	})
}

func TestCallersHTTPClientIsUnchanged(t *testing.T) {
	requests, cfg := receive(t, named("LM.DeleteToken"))
	own := &http.Client{Timeout: time.Minute, Transport: &http.Transport{}}
	before := *own
	cfg.HTTPClient = own
	_, err := named("LM.DeleteToken").open(t, cfg)(t.Context())
	require.NoError(t, err)
	assert.Len(t, *requests, 1)
	assert.Equal(t, before, *own)
	assert.Nil(t, own.CheckRedirect)
}

func TestWith(t *testing.T) {
	op := named("LM.DeleteToken")
	http, other := play(reply(200, op.response)), play(reply(200, op.response))
	cfg := config(http)
	cfg.ServiceEndpoints = map[string]string{"STS": "https://sts.example.com"}
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	cfg.ServiceEndpoints["License Manager"] = "https://changed-after-new.example.com"
	call := func(c *licensemanager.Client) {
		t.Helper()
		_, err := c.DeleteToken(t.Context(), &licensemanager.DeleteTokenInput{TokenId: "t-1"})
		require.NoError(t, err)
	}

	var given awstokens.Config
	derived, err := client.With(func(cfg *awstokens.Config) {
		given = *cfg
		cfg.Region, cfg.HTTPClient, cfg.AppID = "eu-west-1", other, "derived"
		cfg.ServiceEndpoints["License Manager"] = "https://changed-in-with.example.com"
	})
	require.NoError(t, err)
	same, err := client.With(nil)
	require.NoError(t, err)
	call(derived)
	call(client)
	call(same)

	assert.Equal(t, "changed-in-with.example.com", other.sent[0].URL.Host)
	assert.Contains(t, other.sent[0].Header.Get("Authorization"), "/eu-west-1/")
	require.Len(t, http.sent, 2)
	for _, req := range http.sent {
		assert.Equal(t, "license-manager.us-east-1.amazonaws.com", req.URL.Host)
		assert.NotContains(t, req.Header.Get("User-Agent"), "derived")
	}
	assert.Equal(t, http, given.HTTPClient)
	require.NotNil(t, given.Retryer)
	_, err = derived.With(func(cfg *awstokens.Config) {
		assert.Same(t, given.Retryer, cfg.Retryer, "the retry budget is shared")
		cfg.Region = "not a region"
	})
	assert.Error(t, err)
}

// With hands out no HTTP client that others use: a change of it would reach
// them.
func TestWithHandsOutNoSharedHTTPClient(t *testing.T) {
	own := &http.Client{}
	for _, given := range []awstokens.HTTPClient{nil, own} {
		client, err := ssooidc.New(config(given))
		require.NoError(t, err)
		_, err = client.With(func(cfg *awstokens.Config) { assert.Equal(t, given, cfg.HTTPClient) })
		require.NoError(t, err)
	}
}

// JSON cannot carry a text that is not UTF-8; the service would see another.
func TestInputThatIsNotUTF8(t *testing.T) {
	for text, ok := range map[string]bool{
		"\xff":              false,
		"fake\xc3":          false,
		`\` + "\xff":        false,
		`\\` + "\xff":       false,
		`\ufffd` + "\xff":   false,
		`\ufffd`:            true, // a backslash and letters
		`\\ufffd`:           true,
		"\ufffd":            true, // the character itself
		`\` + "\ufffd":      true,
		"ü😀\u2028<&>\x7f\"": true,
	} {
		for name, call := range map[string]func(awstokens.Config) error{
			"text": func(cfg awstokens.Config) error {
				client, err := licensemanager.New(cfg)
				require.NoError(t, err)
				_, err = client.DeleteToken(t.Context(), &licensemanager.DeleteTokenInput{TokenId: text})
				return err
			},
			"secret in a list of many": func(cfg awstokens.Config) error {
				client, err := ssooidc.New(cfg)
				require.NoError(t, err)
				_, err = client.StartDeviceAuthorization(t.Context(), &ssooidc.StartDeviceAuthorizationInput{
					ClientId: `\ufffd`, ClientSecret: awstokens.NewSecret(text), StartUrl: "\ufffd",
				})
				return err
			},
		} {
			http := play(reply(200, named("OIDC.StartDeviceAuthorization").response))
			err := call(config(http))
			if ok {
				if assert.NoError(t, err, "%s %q", name, text) {
					var sent map[string]string
					require.NoError(t, json.Unmarshal([]byte(http.body[0]), &sent))
					assert.Contains(t, slices.Collect(maps.Values(sent)), text)
				}
				continue
			}
			requireOperationError(t, err)
			var serialization *smithy.SerializationError
			assert.ErrorAs(t, err, &serialization, "%s %q", name, text)
			assert.Empty(t, http.sent)
			assert.NotContains(t, err.Error(), "fake")
		}
	}
}

func TestInvalidInputIsNotSent(t *testing.T) {
	http := play(reply(200, `{"Token":"fake.refresh.token"}`))
	cfg := config(http)
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	_, err = client.CreateToken(t.Context(), nil)
	requireOperationError(t, err)
	var invalid smithy.InvalidParamsError
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, 2, invalid.Len())
	assert.Empty(t, http.sent)

	lax, err := client.With(func(cfg *awstokens.Config) { cfg.DisableValidation = true })
	require.NoError(t, err)
	_, err = lax.CreateToken(t.Context(), nil)
	require.NoError(t, err)
	assert.Len(t, http.sent, 1)
}
