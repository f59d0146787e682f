package peers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkv4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	smithycreds "github.com/aws/smithy-go/aws-http-auth/credentials"
	"github.com/aws/smithy-go/aws-http-auth/sigv4"
	"github.com/aws/smithy-go/aws-http-auth/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The same input gives the same request: method, URL, content type, target and
// the meaning of the JSON.
func TestSameRequests(t *testing.T) {
	eachOperation(t, func(t *testing.T, p *pair, operation string) {
		p.ours.answer, p.sdk.answer = "{}", "{}"
		for _, input := range p.inputs(t, operation, 50) {
			p.ours.wire.sent, p.sdk.wire.sent = nil, nil
			p.both(t, operation, input) // an answer without a token is an error of ours, and no matter here
			require.Len(t, p.ours.sent, 1, "%s", input)
			require.Len(t, p.sdk.sent, 1, "%s", input)
			ours, sdk := p.ours.last(), p.sdk.last()
			assert.Equal(t, sdk.Method, ours.Method)
			assert.Equal(t, sdk.URL.Host, ours.URL.Host)
			assert.Equal(t, sdk.URL.EscapedPath(), ours.URL.EscapedPath())
			assert.Equal(t, sdk.URL.Query(), ours.URL.Query())
			for _, header := range []string{"Content-Type", "X-Amz-Target", "X-Amz-Sso_bearer_token"} {
				assert.Equal(t, sdk.Header.Get(header), ours.Header.Get(header), header)
			}
			if len(p.sdk.body) > 0 {
				assert.JSONEq(t, string(p.sdk.body), string(p.ours.body))
			} else {
				assert.Empty(t, p.ours.body)
			}
			if operation != "GetAccessToken" { // signed by us if there are credentials, by the SDK always
				assert.Equal(t, sdk.Header.Get("Authorization") != "", ours.Header.Get("Authorization") != "", "is it signed?")
			}
		}
	})
}

// Ours verifies under the SDK's signer, and the SDK's under the one that we
// use.
func TestSignatures(t *testing.T) {
	eachOperation(t, func(t *testing.T, p *pair, operation string) {
		p.ours.answer, p.sdk.answer = "{}", "{}"
		p.both(t, operation, p.inputs(t, operation, 1)[0])
		if p.ours.last().Header.Get("Authorization") == "" {
			t.Skip("the operation is not signed")
		}
		assert.Equal(t, p.ours.last().Header.Get("Authorization"), signWithSDK(t, p.ours.last(), p.ours.body))
		assert.Equal(t, p.sdk.last().Header.Get("Authorization"), signWithSmithy(t, p.sdk.last(), p.sdk.body))
	})
}

// unsigned returns the request with the headers that were signed, and what
// they were signed for.
func unsigned(t *testing.T, signed *http.Request) (req *http.Request, names []string, service string, at time.Time) {
	t.Helper()
	authorization := signed.Header.Get("Authorization")
	at, err := time.Parse("20060102T150405Z", signed.Header.Get("X-Amz-Date"))
	require.NoError(t, err)
	_, list, _ := strings.Cut(authorization, "SignedHeaders=")
	list, _, _ = strings.Cut(list, ",")
	names = strings.Split(list, ";")
	req = signed.Clone(context.Background())
	req.Host = req.URL.Host // the SDK leaves it to net/http
	req.Header = http.Header{}
	for _, name := range names {
		if values := signed.Header.Values(name); len(values) > 0 {
			req.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	return req, names, strings.Split(authorization, "/")[3], at
}

func signWithSDK(t *testing.T, signed *http.Request, body []byte) string {
	req, names, service, at := unsigned(t, signed)
	if !slices.Contains(names, "content-length") {
		req.ContentLength = 0 // the SDK signs it, if there is one
	}
	hash := sha256.Sum256(body)
	require.NoError(t, sdkv4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: session},
		req, hex.EncodeToString(hash[:]), service, region, at))
	return req.Header.Get("Authorization")
}

type only []string

func (names only) IsSigned(header string) bool { return slices.Contains(names, header) }

func signWithSmithy(t *testing.T, signed *http.Request, body []byte) string {
	req, names, service, at := unsigned(t, signed)
	if slices.Contains(names, "content-length") {
		req.Header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	hash := sha256.Sum256(body)
	require.NoError(t, sigv4.New(func(o *v4.SignerOptions) { o.HeaderRules = only(names) }).SignRequest(&sigv4.SignRequestInput{
		Request: req, PayloadHash: hash[:], Service: service, Region: region, Time: at,
		Credentials: smithycreds.Credentials{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: session},
	}))
	return req.Header.Get("Authorization")
}
