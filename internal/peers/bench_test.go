package peers

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdklm "github.com/aws/aws-sdk-go-v2/service/licensemanager"
	sdkoidc "github.com/aws/aws-sdk-go-v2/service/ssooidc"
	smithycreds "github.com/aws/smithy-go/aws-http-auth/credentials"
	"github.com/aws/smithy-go/aws-http-auth/sigv4"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// Compare the three sides of each benchmark with
//
//	go test -run '^$' -bench Call -count 10 | tee bench.txt
//	go run golang.org/x/perf/cmd/benchstat@latest -col /side bench.txt

// stub gives every request the same answer at once.
type stub struct{ answer string }

func (s stub) Do(req *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"X-Amzn-Requestid": {"request-1"}},
		Body: io.NopCloser(strings.NewReader(s.answer)), ContentLength: int64(len(s.answer)),
	}, nil
}

const clientToken = "00000000-0000-4000-8000-000000000000"

func BenchmarkSignedCall(b *testing.B) {
	answer := stub{`{"Token":"` + strings.Repeat("x", 600) + `","TokenId":"t-1","TokenType":"REFRESH_TOKEN"}`}
	type input struct {
		ClientToken, LicenseArn   string
		RoleArns, TokenProperties []string
	}

	b.Run("side=ours", func(b *testing.B) {
		client, err := licensemanager.New(awstokens.Config{
			Region: region, Credentials: awstokens.StaticCredentials(keyID, secret, ""), HTTPClient: answer,
		})
		require.NoError(b, err)
		in := &licensemanager.CreateTokenInput{ClientToken: clientToken, LicenseArn: arns[0], RoleArns: arns[1:2], TokenProperties: []string{"a"}}
		repeat(b, func() error { _, err := client.CreateToken(context.Background(), in); return err })
	})
	b.Run("side=sdk", func(b *testing.B) {
		client := sdklm.NewFromConfig(aws.Config{
			Region: region, Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, ""), HTTPClient: answer,
		})
		in := &sdklm.CreateTokenInput{ClientToken: aws.String(clientToken), LicenseArn: &arns[0], RoleArns: arns[1:2], TokenProperties: []string{"a"}}
		repeat(b, func() error { _, err := client.CreateToken(context.Background(), in); return err })
	})
	b.Run("side=byhand", func(b *testing.B) {
		in := &input{ClientToken: clientToken, LicenseArn: arns[0], RoleArns: arns[1:2], TokenProperties: []string{"a"}}
		signer := sigv4.New()
		repeat(b, func() error {
			return byHand(answer, "https://license-manager.us-east-1.amazonaws.com/", "application/x-amz-json-1.1", in, func(req *http.Request, body []byte) error {
				req.Header.Set("X-Amz-Target", "AWSLicenseManager.CreateToken")
				hash := sha256.Sum256(body)
				return signer.SignRequest(&sigv4.SignRequestInput{
					Request: req, PayloadHash: hash[:], Service: "license-manager", Region: region,
					Credentials: smithycreds.Credentials{AccessKeyID: keyID, SecretAccessKey: secret},
				})
			}, new(struct{ Token, TokenId, TokenType string }))
		})
	})
}

func BenchmarkUnsignedCall(b *testing.B) {
	answer := stub{`{"accessToken":"` + strings.Repeat("x", 300) + `","tokenType":"Bearer","expiresIn":28800,"refreshToken":"` + strings.Repeat("y", 300) + `","idToken":null}`}
	type input struct {
		ClientID     string `json:"clientId"`
		ClientSecret string `json:"clientSecret"`
		GrantType    string `json:"grantType"`
		RefreshToken string `json:"refreshToken"`
	}

	b.Run("side=ours", func(b *testing.B) {
		client, err := ssooidc.New(awstokens.Config{Region: region, HTTPClient: answer})
		require.NoError(b, err)
		in := &ssooidc.CreateTokenInput{ClientId: "client", ClientSecret: "fake", GrantType: ssooidc.GrantTypeRefreshToken, RefreshToken: "fake"}
		repeat(b, func() error { _, err := client.CreateToken(context.Background(), in); return err })
	})
	b.Run("side=sdk", func(b *testing.B) {
		client := sdkoidc.NewFromConfig(aws.Config{Region: region, HTTPClient: answer})
		in := &sdkoidc.CreateTokenInput{ClientId: aws.String("client"), ClientSecret: aws.String("fake"), GrantType: aws.String("refresh_token"), RefreshToken: aws.String("fake")}
		repeat(b, func() error { _, err := client.CreateToken(context.Background(), in); return err })
	})
	b.Run("side=byhand", func(b *testing.B) {
		in := &input{"client", "fake", "refresh_token", "fake"}
		repeat(b, func() error {
			return byHand(answer, "https://oidc.us-east-1.amazonaws.com/token", "application/json", in, func(*http.Request, []byte) error { return nil },
				new(struct {
					AccessToken, RefreshToken, TokenType string
					ExpiresIn                            int
				}))
		})
	})
}

func repeat(b *testing.B, call func() error) {
	b.ReportAllocs()
	for b.Loop() {
		if err := call(); err != nil {
			b.Fatal(err)
		}
	}
}

// byHand is what a program does that uses no client, with the headers that the
// other two send.
func byHand(client stub, url, contentType string, in any, sign func(*http.Request, []byte) error, out any) error {
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
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return json.Unmarshal(answer, out)
}
