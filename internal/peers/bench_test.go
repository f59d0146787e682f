//go:build unix

package peers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdklm "github.com/aws/aws-sdk-go-v2/service/licensemanager"
	"github.com/aws/aws-sdk-go-v2/service/licensemanager/types"
	sdkoidc "github.com/aws/aws-sdk-go-v2/service/ssooidc"
	smithycreds "github.com/aws/smithy-go/aws-http-auth/credentials"
	"github.com/aws/smithy-go/aws-http-auth/sigv4"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// The benchmarks have up to three sides: ours, aws-sdk-go-v2, and a program
// that uses no client, only net/http, encoding/json and aws-http-auth. The
// script compare runs them all and prints the tables of docs/costs.md.

// Responses of the services.
var (
	mintResponse = `{"Token":"` + strings.Repeat("x", 600) + `","TokenId":"t-1","TokenType":"REFRESH_TOKEN"}`
	oidcResponse = `{"accessToken":"` + strings.Repeat("x", 300) + `","tokenType":"Bearer","expiresIn":28800,"refreshToken":"` +
		strings.Repeat("y", 300) + `","idToken":null}`
	pageResponse = `{"Tokens":[` + strings.Repeat(`{"TokenId":"00000000-0000-4000-8000-000000000000","TokenType":"REFRESH_TOKEN",`+
		`"LicenseArn":"`+arns[0]+`","ExpirationTime":"2027-01-02T03:04:05Z","TokenProperties":["customer=example"],`+
		`"RoleArns":["`+arns[1]+`"],"Status":"AVAILABLE"},`, 99) + `{"TokenId":"last"}],"NextToken":"more"}`
	errorResponse = `{"__type":"com.amazonaws.licensemanager#RateLimitExceededException","message":"Rate exceeded"}`
)

const clientToken = "00000000-0000-4000-8000-000000000000"

// service is what a side calls: a stub that responds at once, or a server.
type service struct {
	client   awstokens.HTTPClient
	endpoint string // empty for AWS's own
}

func stub(status int, body string) service { return service{client: stubClient{status, body}} }

type stubClient struct {
	status int
	body   string
}

func (s stubClient) Do(req *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: s.status, Header: http.Header{"X-Amzn-Requestid": {"request-1"}},
		Body: io.NopCloser(strings.NewReader(s.body)), ContentLength: int64(len(s.body)),
	}, nil
}

func loopback(b *testing.B, body string) service {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, body)
	}))
	b.Cleanup(server.Close)
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	b.Cleanup(transport.CloseIdleConnections)
	return service{client: &http.Client{Transport: transport}, endpoint: server.URL}
}

// call is a call, and what it is made with.
type call func() error

// maker makes a client of one side.
type maker func(b *testing.B, s service) call

var signed = map[string]maker{
	"ours": func(b *testing.B, s service) call {
		client := ourManager(b, s)
		in := &licensemanager.CreateTokenInput{ClientToken: clientToken, LicenseArn: arns[0], RoleArns: arns[1:2], TokenProperties: []string{"a"}}
		return func() error { _, err := client.CreateToken(context.Background(), in); return err }
	},
	"sdk": func(_ *testing.B, s service) call {
		client := sdkManager(s)
		in := &sdklm.CreateTokenInput{ClientToken: aws.String(clientToken), LicenseArn: &arns[0], RoleArns: arns[1:2], TokenProperties: []string{"a"}}
		return func() error { _, err := client.CreateToken(context.Background(), in); return err }
	},
	"byhand": func(_ *testing.B, s service) call {
		type input struct {
			ClientToken, LicenseArn   string
			RoleArns, TokenProperties []string
		}
		in := &input{ClientToken: clientToken, LicenseArn: arns[0], RoleArns: arns[1:2], TokenProperties: []string{"a"}}
		manager := newHandManager(s)
		return func() error { return manager.call("CreateToken", in, new(struct{ Token, TokenId, TokenType string })) }
	},
}

func ourManager(b *testing.B, s service) *licensemanager.Client {
	client, err := licensemanager.New(awstokens.Config{
		Region: region, Credentials: awstokens.StaticCredentials(keyID, secret, ""), HTTPClient: s.client, BaseEndpoint: s.endpoint,
		Retryer: awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = 1 }),
	})
	require.NoError(b, err)
	return client
}

func sdkManager(s service) *sdklm.Client {
	return sdklm.NewFromConfig(aws.Config{
		Region: region, Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, ""), HTTPClient: s.client,
		BaseEndpoint: nonEmpty(s.endpoint), Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	})
}

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

var unsignedCalls = map[string]maker{
	"ours": func(b *testing.B, s service) call {
		client, err := ssooidc.New(awstokens.Config{Region: region, HTTPClient: s.client, BaseEndpoint: s.endpoint})
		require.NoError(b, err)
		in := &ssooidc.CreateTokenInput{ClientId: "client", ClientSecret: awstokens.NewSecret("fake"), GrantType: ssooidc.GrantTypeRefreshToken, RefreshToken: awstokens.NewSecret("fake")}
		return func() error { _, err := client.CreateToken(context.Background(), in); return err }
	},
	"sdk": func(_ *testing.B, s service) call {
		client := sdkoidc.NewFromConfig(aws.Config{Region: region, HTTPClient: s.client, BaseEndpoint: nonEmpty(s.endpoint)})
		in := &sdkoidc.CreateTokenInput{ClientId: aws.String("client"), ClientSecret: aws.String("fake"), GrantType: aws.String("refresh_token"), RefreshToken: aws.String("fake")}
		return func() error { _, err := client.CreateToken(context.Background(), in); return err }
	},
	"byhand": func(_ *testing.B, s service) call {
		type input struct {
			ClientID     string `json:"clientId"`
			ClientSecret string `json:"clientSecret"`
			GrantType    string `json:"grantType"`
			RefreshToken string `json:"refreshToken"`
		}
		in := &input{"client", "fake", "refresh_token", "fake"}
		url := s.endpoint
		if url == "" {
			url = "https://oidc.us-east-1.amazonaws.com"
		}
		return func() error {
			return byHand(s.client, url+"/token", "application/json", in, func(*http.Request, []byte) error { return nil },
				new(struct {
					AccessToken, RefreshToken, TokenType string
					ExpiresIn                            int
				}))
		}
	},
}

// BenchmarkCall is one call after another, and many at a time.
func BenchmarkCall(b *testing.B) {
	for _, auth := range []struct {
		name, response string
		makers         map[string]maker
	}{{"signed", mintResponse, signed}, {"unsigned", oidcResponse, unsignedCalls}} {
		for _, over := range []string{"stub", "loopback"} {
			for _, load := range []string{"sequential", "parallel"} {
				b.Run("auth="+auth.name+"/over="+over+"/load="+load, func(b *testing.B) {
					eachSide(b, func(b *testing.B, side string) {
						s := stub(http.StatusOK, auth.response)
						if over == "loopback" {
							s = loopback(b, auth.response)
						}
						if call := auth.makers[side](b, s); load == "sequential" {
							repeat(b, call)
						} else {
							repeatInParallel(b, call)
						}
					})
				})
			}
		}
	}
}

// BenchmarkNewAndFirstCall is a client and its first call.
func BenchmarkNewAndFirstCall(b *testing.B) {
	eachSide(b, func(b *testing.B, side string) {
		s := stub(http.StatusOK, mintResponse)
		repeat(b, func() error { return signed[side](b, s)() })
	})
}

// BenchmarkPageOf100 is a list of 100 items.
func BenchmarkPageOf100(b *testing.B) {
	s := stub(http.StatusOK, pageResponse)
	eachSide(b, func(b *testing.B, side string) {
		switch side {
		case "ours":
			client, in := ourManager(b, s), &licensemanager.ListTokensInput{MaxResults: 100}
			repeat(b, func() error { _, err := client.ListTokens(context.Background(), in); return err })
		case "sdk":
			client, in := sdkManager(s), &sdklm.ListTokensInput{MaxResults: aws.Int32(100)}
			repeat(b, func() error { _, err := client.ListTokens(context.Background(), in); return err })
		case "byhand":
			type page struct {
				NextToken string
				Tokens    []struct {
					TokenId, TokenType, LicenseArn, ExpirationTime, Status string
					TokenProperties, RoleArns                              []string
				}
			}
			manager := newHandManager(s)
			repeat(b, func() error { return manager.call("ListTokens", map[string]int{"MaxResults": 100}, new(page)) })
		}
	})
}

// BenchmarkErrorResponse is a call that fails, and finding out how.
func BenchmarkErrorResponse(b *testing.B) {
	s := stub(http.StatusBadRequest, errorResponse)
	eachSide(b, func(b *testing.B, side string) {
		call := signed[side](b, s)
		repeat(b, func() error {
			err := call()
			found := false
			switch side {
			case "ours":
				var limited *licensemanager.RateLimitExceededException
				found = errors.As(err, &limited)
			case "sdk":
				var limited *types.RateLimitExceededException
				found = errors.As(err, &limited)
			case "byhand":
				var failed *handError
				found = errors.As(err, &failed) && strings.HasSuffix(failed.Type, "#RateLimitExceededException")
			}
			if !found {
				return fmt.Errorf("unexpected error: %w", err)
			}
			return nil
		})
	})
}

// BenchmarkValidate has one side: the others check less or nothing.
func BenchmarkValidate(b *testing.B) {
	in := &licensemanager.CreateTokenInput{ClientToken: clientToken, LicenseArn: arns[0], RoleArns: arns[1:2], TokenProperties: []string{"a"}}
	b.Run("side=ours", func(b *testing.B) { repeat(b, in.Validate) })
}

// BenchmarkMatchARN is our matcher, and in the place of the hand-written code Go's
// regexp, which refuses to repeat more than 1000 times and needs the pattern
// split.
func BenchmarkMatchARN(b *testing.B) {
	const class = `[A-Za-z0-9:_/+=,@.-]`
	pattern := strings.Replace(constraint.StrictARNPattern, class+`{0,1023}`, `(?:`+class+`{0,23}|`+class+`{24}`+class+`{0,999})`, 1)
	for side, match := range map[string]func(string) bool{
		"ours": func(arn string) bool {
			var c constraint.Checker
			c.StrictARN("LicenseArn", arn)
			return c.Err("Input") == nil
		},
		"byhand": regexp.MustCompile(pattern).MatchString,
	} {
		b.Run("side="+side, func(b *testing.B) {
			repeat(b, func() error {
				if !match(arns[0]) {
					return errors.New("no match")
				}
				return nil
			})
		})
	}
}

func eachSide(b *testing.B, bench func(b *testing.B, side string)) {
	for _, side := range []string{"ours", "sdk", "byhand"} {
		b.Run("side="+side, func(b *testing.B) { bench(b, side) })
	}
}

// repeat measures the CPU time too, of all threads: the garbage collector's is
// part of the cost, and runs beside the calls.
func repeat(b *testing.B, call call) {
	b.ReportAllocs()
	before := cpuTime(b)
	for b.Loop() {
		if err := call(); err != nil {
			b.Fatal(err)
		}
	}
	reportCPU(b, before)
}

func repeatInParallel(b *testing.B, call call) {
	b.ReportAllocs()
	b.SetParallelism(8)
	before := cpuTime(b)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := call(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	reportCPU(b, before)
}

func reportCPU(b *testing.B, before time.Duration) {
	b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op")
}

// cpuTime is the CPU time of the process so far.
func cpuTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// handManager calls License Manager without a client.
type handManager struct {
	service
	signer *sigv4.Signer
}

func newHandManager(s service) *handManager {
	if s.endpoint == "" {
		s.endpoint = "https://license-manager.us-east-1.amazonaws.com"
	}
	return &handManager{s, sigv4.New()}
}

func (m *handManager) call(operation string, in, out any) error {
	return byHand(m.client, m.endpoint+"/", "application/x-amz-json-1.1", in, func(req *http.Request, body []byte) error {
		req.Header.Set("X-Amz-Target", "AWSLicenseManager."+operation)
		hash := sha256.Sum256(body)
		return m.signer.SignRequest(&sigv4.SignRequestInput{
			Request: req, PayloadHash: hash[:], Service: "license-manager", Region: region,
			Credentials: smithycreds.Credentials{AccessKeyID: keyID, SecretAccessKey: secret},
		})
	}, out)
}

// handError is what a program without a client makes of an error.
type handError struct {
	Status  int
	Type    string `json:"__type"`
	Message string
}

func (e *handError) Error() string { return fmt.Sprintf("%d %s: %s", e.Status, e.Type, e.Message) }

// byHand is what a program does that uses no client, with the headers that the
// other two send.
func byHand(client awstokens.HTTPClient, url, contentType string, in any, sign func(*http.Request, []byte) error, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "by-hand/1")
	req.Header.Set("Amz-Sdk-Invocation-Id", clientToken)
	req.Header.Set("Amz-Sdk-Request", "attempt=1; max=3")
	if err := sign(req, body); err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	received, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		failed := &handError{Status: resp.StatusCode}
		if err := json.Unmarshal(received, failed); err != nil {
			return err
		}
		return failed
	}
	return json.Unmarshal(received, out)
}
