package sigv4

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go/aws-http-auth/credentials"
	peer "github.com/aws/smithy-go/aws-http-auth/sigv4"
	v4 "github.com/aws/smithy-go/aws-http-auth/v4"
	"github.com/seed-25f54b62/awstokens"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func newRequest(u url.URL, header http.Header) *http.Request {
	return &http.Request{Method: http.MethodPost, URL: &u, Host: u.Host, Header: header}
}

// The cases of AWS's "Signature Version 4 test suite", with its keys, that are
// of the kind that this module sends.
func TestKnownAnswers(t *testing.T) {
	signer := Signer{Service: "service", Region: "us-east-1"}
	creds := awstokens.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: awstokens.NewSecret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")}
	for name, c := range map[string]struct {
		method, query string
		header        http.Header
		body, want    string
	}{
		"get-vanilla":             {method: "GET", want: "host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		"get-vanilla-query-order": {method: "GET", query: "Param2=value2&Param1=value1", want: "host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		"post-vanilla":            {method: "POST", want: "host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		"post-x-www-form-urlencoded": {
			method: "POST", header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, body: "Param1=value1",
			want: "content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.header == nil {
				c.header = http.Header{}
			}
			req := newRequest(url.URL{Scheme: "https", Host: "example.amazonaws.com", Path: "/", RawQuery: c.query}, c.header)
			req.Method = c.method
			signer.Sign(req, []byte(c.body), creds, time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC))
			assert.Equal(t, "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="+c.want, req.Header.Get("Authorization"))
			assert.Equal(t, "20150830T123600Z", req.Header.Get("X-Amz-Date"))
		})
	}
}

type rules struct{}

func (rules) IsSigned(name string) bool {
	return name == "host" || name == "content-type" || strings.HasPrefix(name, "x-amz-")
}

var oracle = peer.New(func(o *v4.SignerOptions) { o.HeaderRules = rules{} })

// assertSame signs the request here and there.
func assertSame(t *testing.T, signer *Signer, req *http.Request, body []byte, creds awstokens.Credentials, at time.Time) {
	t.Helper()
	theirs := req.Clone(t.Context())
	hash := sha256.Sum256(body)
	require.NoError(t, oracle.SignRequest(&peer.SignRequestInput{
		Request: theirs, PayloadHash: hash[:], Credentials: credentials.Credentials{
			AccessKeyID: creds.AccessKeyID, SecretAccessKey: creds.SecretAccessKey.Reveal(), SessionToken: creds.SessionToken.Reveal(),
		}, Service: signer.Service, Region: signer.Region, Time: at,
	}))
	theirs.Header.Del("Host")
	signer.Sign(req, body, creds, at)
	assert.Equal(t, theirs.Header, req.Header)
}

// Everything that a signature covers, in one fuzz target.
func FuzzSign(f *testing.F) {
	f.Add("license-manager.us-east-1.amazonaws.com", "/", "", "application/x-amz-json-1.1", "AWSLicenseManager.CreateToken", "{}", "us-east-1", "fake", "fake", int64(1767355200))
	f.Add("oidc.example.com:8443", "/base path/é%2F//token", "aws_iam=t", "application/json", "", `{"a":"ü"}`, "cn-north-1", "fake+/=", "", int64(0))
	f.Add("h", "", "b=2&a=3&a=1&c&d=%20+~*%2b&=x", " x ", "t\tt", "", "", "", " x ", int64(253402300799))
	f.Add("h", "/", "a=%2f&a=-&a=A&a/=2&a-=3&a=&%C3%A9=4&~=5&;=6", "", "", "", "us-east-1", "fake", "", int64(0)) // sorted otherwise before they are encoded
	f.Fuzz(func(t *testing.T, host, path, query, contentType, target, body, region, secret, token string, unix int64) {
		if at := time.Unix(unix, 0).UTC(); at.Year() < 0 || at.Year() > 9999 {
			t.Skip("no day of eight digits")
		}
		if unix == (time.Time{}).Unix() {
			t.Skip("the zero time is now, there")
		}
		if host == "" {
			t.Skip("every request has a host")
		}
		header := http.Header{"User-Agent": {"x"}}
		for name, value := range map[string]string{"Content-Type": contentType, "X-Amz-Target": target} {
			if value != "" {
				header[name] = []string{value}
			}
		}
		req := newRequest(url.URL{Scheme: "https", Host: host, Path: path, RawQuery: query}, header)
		creds := awstokens.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: awstokens.NewSecret(secret), SessionToken: awstokens.NewSecret(token)}
		assertSame(t, &Signer{Service: "license-manager", Region: region}, req, []byte(body), creds, time.Unix(unix, 0))
	})
}

// The derived key is for one secret and one day.
func TestKeyIsDerivedAnew(t *testing.T) {
	signer := &Signer{Service: "license-manager", Region: "us-east-1"}
	var all sync.WaitGroup
	for caller := range 8 {
		all.Go(func() {
			for i := range 40 {
				creds := awstokens.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: awstokens.NewSecret([]string{"fake-1", "fake-2"}[(i+caller)%2])}
				at := noon.Add(time.Duration(i/2%3) * 12 * time.Hour)
				assertSame(t, signer, newRequest(url.URL{Scheme: "https", Host: "example.com", Path: "/"}, http.Header{}), nil, creds, at)
			}
		})
	}
	all.Wait()
}

// The first signature of a day derives a key, the others do not.
func TestKeyIsKept(t *testing.T) {
	signer := &Signer{Service: "license-manager", Region: "us-east-1"}
	req := newRequest(url.URL{Scheme: "https", Host: "example.com", Path: "/"}, http.Header{})
	creds := awstokens.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: awstokens.NewSecret("fake")}
	kept := testing.AllocsPerRun(100, func() { signer.Sign(req, nil, creds, noon) })
	day := 0
	derived := testing.AllocsPerRun(100, func() { day++; signer.Sign(req, nil, creds, noon.AddDate(0, 0, day)) })
	assert.Less(t, kept, derived)
}
