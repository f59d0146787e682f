package emulator_test

import (
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go/aws-http-auth/sigv4"
	v4 "github.com/aws/smithy-go/aws-http-auth/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

const mismatch = "The request signature we calculated does not match the signature you provided."

var signatureRefusals = []struct {
	name          string
	sign          func(*sigv4.SignRequestInput)
	tamper        func(*http.Request)
	code, message string
}{
	{
		name:   "no signature",
		tamper: func(r *http.Request) { r.Header.Del("Authorization") },
		code:   "MissingAuthenticationTokenException", message: "Missing Authentication Token",
	},
	{
		name: "unknown key",
		sign: func(in *sigv4.SignRequestInput) { in.Credentials.AccessKeyID = "AKIAUNKNOWNEXAMPLE00" },
		code: "UnrecognizedClientException", message: "The security token included in the request is invalid.",
	},
	{
		name: "a session token that the key does not have",
		sign: func(in *sigv4.SignRequestInput) { in.Credentials.SessionToken = "not-a-session" },
		code: "UnrecognizedClientException", message: "The security token included in the request is invalid.",
	},
	{
		name: "wrong secret",
		sign: func(in *sigv4.SignRequestInput) { in.Credentials.SecretAccessKey = "another-fake-secret" },
		code: "InvalidSignatureException", message: mismatch,
	},
	{
		name: "wrong region",
		sign: func(in *sigv4.SignRequestInput) { in.Region = "eu-west-1" },
		code: "InvalidSignatureException", message: "Credential should be scoped to a valid region, not 'eu-west-1'.",
	},
	{
		name: "wrong service",
		sign: func(in *sigv4.SignRequestInput) { in.Service = "sso-oauth" },
		code: "InvalidSignatureException", message: "Credential should be scoped to correct service: 'license-manager'.",
	},
	{
		name: "unsigned payload",
		sign: func(in *sigv4.SignRequestInput) { in.PayloadHash = v4.UnsignedPayload() },
		code: "InvalidSignatureException", message: mismatch,
	},
	{
		name: "another body",
		sign: func(in *sigv4.SignRequestInput) { hash := sha256.Sum256([]byte("{ }")); in.PayloadHash = hash[:] },
		code: "InvalidSignatureException", message: mismatch,
	},
	{
		name:   "another operation",
		tamper: func(r *http.Request) { r.Header.Set("X-Amz-Target", "AWSLicenseManager.DeleteToken") },
		code:   "InvalidSignatureException", message: mismatch,
	},
	{
		name:   "a query that was not signed",
		tamper: func(r *http.Request) { r.URL.RawQuery = "a=b" },
		code:   "InvalidSignatureException", message: mismatch,
	},
	{
		name: "stale",
		sign: func(in *sigv4.SignRequestInput) { in.Time = startTime.Add(-5*time.Minute - time.Second) },
		code: "InvalidSignatureException", message: "Signature expired: 20260102T025904Z is now earlier than 20260102T025905Z (20260102T030405Z - 5 min.)",
	},
	{
		name: "from the future",
		sign: func(in *sigv4.SignRequestInput) { in.Time = startTime.Add(5*time.Minute + time.Second) },
		code: "InvalidSignatureException", message: "Signature not yet current: 20260102T030906Z is still later than 20260102T030905Z (20260102T030405Z + 5 min.)",
	},
	{
		name:   "a date that is not that of the scope",
		tamper: func(r *http.Request) { r.Header.Set("X-Amz-Date", "20260103T030405Z") },
		code:   "InvalidSignatureException", message: "Date in Credential scope does not match",
	},
	{
		name:   "no date",
		tamper: func(r *http.Request) { r.Header.Del("X-Amz-Date") },
		code:   "IncompleteSignatureException", message: "X-Amz-Date",
	},
	{
		name:   "date not signed",
		tamper: authorization("x-amz-date;", ""),
		code:   "InvalidSignatureException", message: "'x-amz-date' must be a 'SignedHeader'",
	},
	{
		name:   "host not signed",
		tamper: authorization("host;", ""),
		code:   "InvalidSignatureException", message: "'host' must be a 'SignedHeader'",
	},
	{
		name:   "session token not signed",
		tamper: func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "not-a-session") },
		code:   "InvalidSignatureException", message: "'x-amz-security-token' must be a 'SignedHeader'",
	},
	{
		name:   "another algorithm",
		tamper: authorization("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"),
		code:   "IncompleteSignatureException", message: "AWS4-HMAC-SHA256",
	},
	{
		name:   "no signature parameter",
		tamper: authorization("Signature=", "Sign="),
		code:   "IncompleteSignatureException", message: "'Signature'",
	},
	{
		name:   "short scope",
		tamper: authorization("/aws4_request", ""),
		code:   "IncompleteSignatureException", message: "Credential must have exactly 5 slash-delimited elements",
	},
}

func TestSignatureRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tt := range signatureRefusals {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			req := w.target(t, "ListTokens", "{}")
			if tt.sign == nil {
				tt.sign = func(*sigv4.SignRequestInput) {}
			}
			w.sign(t, req, "license-manager", tt.sign)
			if tt.tamper != nil {
				tt.tamper(req)
			}
			got := w.send(t, req)
			assert.Equal(t, http.StatusBadRequest, got.status)
			assert.Equal(t, tt.code, got.json(t)["__type"])
			assert.Contains(t, got.json(t)["Message"], tt.message)
			assert.Len(t, got.header.Get("X-Amzn-Requestid"), 36)
		})
	}
}

// authorization replaces a text in the header of that name.
func authorization(old, replacement string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, replacement, 1))
	}
}

func TestSignedHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	req := w.target(t, "ListTokens", "{}")
	req.Header.Set("Content-Length", "2")
	req.Header.Set("X-Amz-Note", "runs   of  spaces")
	signer := sigv4.New(func(o *v4.SignerOptions) { o.HeaderRules = everyHeader{} })
	key, err := w.cfg.Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	hash := sha256.Sum256([]byte("{}"))
	again := req.Clone(t.Context())
	again.Header.Set("X-Amz-Note", "runs of spaces") // the canonical form, which this signer leaves to its caller
	require.NoError(t, signer.SignRequest(&sigv4.SignRequestInput{
		Request: again, PayloadHash: hash[:], Credentials: authKey(key), Service: "license-manager", Region: w.cfg.Region, Time: w.Now(),
	}))
	for _, name := range []string{"Authorization", "X-Amz-Date"} {
		req.Header.Set(name, again.Header.Get(name))
	}
	assert.Contains(t, req.Header.Get("Authorization"), "SignedHeaders=content-length;content-type;host;x-amz-date;x-amz-note;x-amz-target")
	got := w.send(t, req)
	assert.Equal(t, http.StatusOK, got.status, got.body)
}

type everyHeader struct{}

func (everyHeader) IsSigned(string) bool { return true }

func TestSignatureAtTheEdgeOfTheClockSkew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, skew := range []time.Duration{-5 * time.Minute, 5 * time.Minute} {
		req := w.target(t, "ListTokens", "{}")
		w.sign(t, req, "license-manager", func(in *sigv4.SignRequestInput) { in.Time = startTime.Add(skew) })
		assert.Equal(t, http.StatusOK, w.send(t, req).status, skew)
	}
}

func TestClientCorrectsItsClockByTheDateHeader(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client, err := w.lm.With(func(c *awstokens.Config) {
		c.Now = func() time.Time { return startTime.Add(3 * time.Hour) }
	})
	require.NoError(t, err)
	out, err := client.ListTokens(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, 2, out.Attempts)
}

// Each protocol has its own format for the same refusal.
func TestSignatureRefusalsOfOtherProtocols(t *testing.T) {
	t.Parallel()
	w := newWorld(t)

	rest := w.request(t, "/token?aws_iam=t", "application/json", `{"clientId":"x","grantType":"refresh_token","refreshToken":"r"}`)
	got := w.send(t, rest)
	assert.Equal(t, http.StatusForbidden, got.status)
	assert.Contains(t, got.header.Get("X-Amzn-Errortype"), "MissingAuthenticationTokenException:http://")
	assert.Equal(t, "Missing Authentication Token", got.json(t)["message"])

	for code, change := range map[string]func(*sigv4.SignRequestInput){
		"InvalidClientTokenId":  func(in *sigv4.SignRequestInput) { in.Credentials.AccessKeyID = "AKIAUNKNOWNEXAMPLE00" },
		"SignatureDoesNotMatch": func(in *sigv4.SignRequestInput) { in.Credentials.SecretAccessKey = "another-fake-secret" },
	} {
		query := w.request(t, "/", "application/x-www-form-urlencoded", "Action=GetCallerIdentity&Version=2011-06-15")
		w.sign(t, query, "sts", change)
		got := w.send(t, query)
		assert.Equal(t, http.StatusForbidden, got.status)
		assert.Contains(t, got.body, "<Code>"+code+"</Code>")
	}
	got = w.send(t, w.request(t, "/", "application/x-www-form-urlencoded", "Action=GetCallerIdentity&Version=2011-06-15"))
	assert.Equal(t, http.StatusForbidden, got.status)
	assert.Contains(t, got.body, "<Code>MissingAuthenticationToken</Code>")
}
