package peers

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkv4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	smithycreds "github.com/aws/smithy-go/aws-http-auth/credentials"
	"github.com/aws/smithy-go/aws-http-auth/sigv4"
	"github.com/aws/smithy-go/aws-http-auth/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

// unvalidated leaves the constraints to the service: an input may violate them.
func unvalidated(ours *awstokens.Config, _ *aws.Config) { ours.DisableValidation = true }

// Both sides pass the same request for the same input to the HTTP client.
func TestSameRequests(t *testing.T) {
	eachOperation(t, func(t *testing.T, p *pair, operation string) {
		p.ours.response, p.sdk.response = "{}", "{}"
		for _, input := range p.allInputs(t, operation, 50) {
			p.ours.sent, p.sdk.sent = nil, nil
			p.both(t, operation, input) // a response without a token is an error of ours, and no matter here
			require.Len(t, p.ours.sent, 1, "%s", input)
			require.Len(t, p.sdk.sent, 1, "%s", input)
			ours, sdk := p.ours.last(), p.sdk.last()
			sameRequest(t, see(t, sdk, p.sdk.body), see(t, ours, p.ours.body), input)
			if operation != "GetAccessToken" { // signed by us if there are credentials, by the SDK always
				assert.Equal(t, sdk.Header.Get("Authorization") != "", ours.Header.Get("Authorization") != "", "is it signed?")
			}
		}
	}, unvalidated)
}

// The same request arrives at a server, with each side's own HTTP client and an
// endpoint whose path needs escapes.
func TestSameRequestsOnTheNetwork(t *testing.T) {
	var requests []seen
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		requests = append(requests, see(t, r, body))
		_, _ = io.WriteString(w, "{}")
	}))
	defer server.Close()
	eachOperation(t, func(t *testing.T, p *pair, operation string) {
		for _, input := range p.allInputs(t, operation, 5) {
			requests = nil
			p.both(t, operation, input)
			require.Len(t, requests, 2, "%s", input)
			assert.True(t, strings.HasPrefix(requests[0].path, "/pre%20fix/%C3%A9/a%2Fb"), requests[0].path)
			sameRequest(t, requests[1], requests[0], input)
		}
	}, unvalidated, func(ours *awstokens.Config, sdk *aws.Config) {
		ours.HTTPClient, sdk.HTTPClient = nil, nil
		ours.BaseEndpoint = server.URL + "/pre%20fix/%C3%A9/a%2Fb"
		sdk.BaseEndpoint = &ours.BaseEndpoint
	})
}

// seen is what a service sees of a request.
type seen struct {
	method, host, path string
	query              url.Values
	contentType        string
	other              map[string][]string // headers that carry something of the input
	body               any                 // what it means
	length             int64               // -1 for chunks
	bytes              int
}

func see(t *testing.T, req *http.Request, body []byte) seen {
	t.Helper()
	s := seen{
		method: req.Method, host: cmp.Or(req.Host, req.URL.Host), // the SDK leaves it to net/http
		path: req.URL.EscapedPath(), other: map[string][]string{}, length: req.ContentLength, bytes: len(body),
		contentType: strings.TrimSuffix(req.Header.Get("Content-Type"), "; charset=utf-8"), // the default of a form
	}
	var err error
	s.query, err = url.ParseQuery(req.URL.RawQuery)
	require.NoError(t, err)
	for _, name := range []string{"X-Amz-Target", "X-Amz-Sso_bearer_token", "X-Amz-Security-Token"} {
		s.other[name] = req.Header.Values(name)
	}
	switch {
	case s.contentType == "application/x-www-form-urlencoded":
		var form url.Values
		form, err = url.ParseQuery(string(body))
		maps.DeleteFunc(form, func(_ string, values []string) bool { return slices.Equal(values, []string{""}) }) // as good as none
		s.body = form
	case len(body) > 0:
		exact := json.NewDecoder(bytes.NewReader(body))
		exact.UseNumber()
		err = exact.Decode(&s.body)
	}
	require.NoError(t, err, "%s", body)
	return s
}

// sameRequest checks that two requests have the same meaning.
func sameRequest(t *testing.T, sdk, ours seen, input []byte) {
	t.Helper()
	for _, s := range []*seen{&sdk, &ours} {
		assert.EqualValues(t, s.bytes, s.length, "a length is sent, not chunks")
		s.length, s.bytes = 0, 0 // the same text can be written in two ways
	}
	assert.Equal(t, sdk, ours, "%s", input)
}

// The SDK's signer makes the signatures of our requests, and smithy-go's signer
// those of the SDK's: with and without a session token, in Regions of other
// partitions, and for an endpoint whose path needs escapes.
func TestSignatures(t *testing.T) {
	for _, keys := range []scope{
		{region: region, session: session},
		{region: "cn-northwest-1"},
		{region: "us-gov-west-1", session: "a+b/c=="},
		{region: "eu-isoe-west-1", session: session, endpoint: "https://localhost:8443/pre%20fix/%C3%A9~/a%2Fb+c"},
	} {
		t.Run(keys.region, func(t *testing.T) {
			eachOperation(t, func(t *testing.T, p *pair, operation string) {
				p.ours.response, p.sdk.response = "{}", "{}"
				p.both(t, operation, p.inputs(t, operation, 1)[0])
				signed := p.ours.last().Header.Get("Authorization") != ""
				require.Equal(t, signing[p.name+"/"+operation] != "" || p.name == "licensemanager", signed)
				if !signed {
					return
				}
				keys.service = cmp.Or(signing[p.name+"/"+operation], "license-manager")
				for _, input := range p.allInputs(t, operation, 3) {
					p.both(t, operation, input)
					ours, sdk := p.ours.last(), p.sdk.last()
					assert.Equal(t, ours.Header.Get("Authorization"), keys.signWithSDK(t, ours, p.ours.body), "%s", input)
					assert.Equal(t, sdk.Header.Get("Authorization"), keys.signWithSmithy(t, sdk, p.sdk.body), "%s", input)
				}
			}, unvalidated, func(ours *awstokens.Config, sdk *aws.Config) {
				ours.Region, sdk.Region = keys.region, keys.region
				ours.Credentials = awstokens.StaticCredentials(keyID, secret, keys.session)
				sdk.Credentials = credentials.NewStaticCredentialsProvider(keyID, secret, keys.session)
				if keys.endpoint != "" {
					ours.BaseEndpoint, sdk.BaseEndpoint = keys.endpoint, &keys.endpoint
				}
			})
		})
	}
}

// signing has the signing names of operations outside License Manager.
var signing = map[string]string{"ssooidc/CreateTokenWithIAM": "sso-oauth", "sts/AssumeRole": "sts"}

// scope is what a signature is made with.
type scope struct{ region, service, session, endpoint string }

// unsigned returns the request with only the signed headers, their names, and the
// time of the signature. It checks the signature's scope.
func (s scope) unsigned(t *testing.T, signed *http.Request) (req *http.Request, names []string, at time.Time) {
	t.Helper()
	authorization := signed.Header.Get("Authorization")
	at, err := time.Parse("20060102T150405Z", signed.Header.Get("X-Amz-Date"))
	require.NoError(t, err)
	assert.Equal(t, s.session, signed.Header.Get("X-Amz-Security-Token"))
	assert.Contains(t, authorization, at.Format("/20060102/")+s.region+"/"+s.service+"/aws4_request")
	_, list, _ := strings.Cut(authorization, "SignedHeaders=")
	list, _, _ = strings.Cut(list, ",")
	names = strings.Split(list, ";")
	assert.Subset(t, names, []string{"host", "x-amz-date"})
	assert.Equal(t, s.session != "", slices.Contains(names, "x-amz-security-token"))
	req = signed.Clone(context.Background())
	req.Host = req.URL.Host // the SDK leaves it to net/http
	req.Header = http.Header{}
	for _, name := range names {
		if values := signed.Header.Values(name); len(values) > 0 {
			req.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	return req, names, at
}

func (s scope) signWithSDK(t *testing.T, signed *http.Request, body []byte) string {
	req, names, at := s.unsigned(t, signed)
	if !slices.Contains(names, "content-length") {
		req.ContentLength = 0 // the SDK signs it, if there is one
	}
	hash := sha256.Sum256(body)
	require.NoError(t, sdkv4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: s.session},
		req, hex.EncodeToString(hash[:]), s.service, s.region, at))
	return req.Header.Get("Authorization")
}

type only []string

func (names only) IsSigned(header string) bool { return slices.Contains(names, header) }

func (s scope) signWithSmithy(t *testing.T, signed *http.Request, body []byte) string {
	req, names, at := s.unsigned(t, signed)
	if slices.Contains(names, "content-length") {
		req.Header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	hash := sha256.Sum256(body)
	require.NoError(t, sigv4.New(func(o *v4.SignerOptions) { o.HeaderRules = only(names) }).SignRequest(&sigv4.SignRequestInput{
		Request: req, PayloadHash: hash[:], Service: s.service, Region: s.region, Time: at,
		Credentials: smithycreds.Credentials{AccessKeyID: keyID, SecretAccessKey: secret, SessionToken: s.session},
	}))
	return req.Header.Get("Authorization")
}
