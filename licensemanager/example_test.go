package licensemanager_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// A seller creates a refresh token. A customer without AWS credentials exchanges
// it for an access token.
func Example() {
	server, err := awstokenstest.Start() // against AWS: awstokens.ConfigFromEnv
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	ctx := context.Background()

	seller, err := licensemanager.New(server.Config())
	if err != nil {
		log.Fatal(err)
	}
	refresh, err := seller.CreateToken(ctx, &licensemanager.CreateTokenInput{
		ClientToken: licensemanager.NewClientToken(),
		LicenseArn:  server.LicenseManager().LicenseARN(),
		RoleArns:    []string{server.LicenseManager().RoleARN()},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(refresh.TokenType, refresh.Token)

	customer, err := seller.With(func(c *awstokens.Config) { c.Credentials = nil })
	if err != nil {
		log.Fatal(err)
	}
	access, err := customer.GetAccessToken(ctx, &licensemanager.GetAccessTokenInput{Token: refresh.Token})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("access token", access.AccessToken, "has", strings.Count(access.AccessToken.Reveal(), "."), "dots")
	// Output:
	// REFRESH_TOKEN [redacted]
	// access token [redacted] has 2 dots
}

// Validate reports everything that is wrong with an input. A call does the same
// before it sends anything.
func ExampleCreateTokenInput_Validate() {
	in := &licensemanager.CreateTokenInput{
		ClientToken:     "two words",
		LicenseArn:      "arn:aws:license-manager::123456789012:license:l-0123456789abcdef0123456789abcdef",
		TokenProperties: []string{"a", "b", "c", "d"},
	}
	err := in.Validate()
	fmt.Println(err)

	var invalid smithy.InvalidParamsError
	if errors.As(err, &invalid) {
		for _, err := range invalid.Errs() {
			var violation *awstokens.ConstraintError
			if errors.As(err, &violation) {
				fmt.Println(violation.Member, violation.Rule)
			}
		}
	}
	// Output:
	// 2 validation error(s) found.
	// - value does not match the documented pattern \S+, CreateTokenInput.ClientToken.
	// - 4 items where at most 3 are allowed, CreateTokenInput.TokenProperties.
	// ClientToken pattern
	// TokenProperties max items
}

// The iterator requests a page when it gets there.
func ExampleClient_Tokens() {
	server, err := awstokenstest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	ctx := context.Background()
	client, err := licensemanager.New(server.Config())
	if err != nil {
		log.Fatal(err)
	}
	for _, customer := range []string{"first", "second", "third"} {
		if _, err := client.CreateToken(ctx, &licensemanager.CreateTokenInput{
			ClientToken:     licensemanager.NewClientToken(),
			LicenseArn:      server.LicenseManager().LicenseARN(),
			TokenProperties: []string{"customer=" + customer},
		}); err != nil {
			log.Fatal(err)
		}
	}

	for token, err := range client.Tokens(ctx, &licensemanager.ListTokensInput{MaxResults: 2}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(token.Status, token.TokenProperties)
	}
	// Output:
	// AVAILABLE [customer=first]
	// AVAILABLE [customer=second]
	// AVAILABLE [customer=third]
}

// stub responds to requests in place of AWS.
type stub func(input string) (response string)

func (s stub) Do(req *http.Request) (*http.Response, error) {
	input, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(s(string(input))))}, nil
}

// An operation without a method is called by its name, here page by page.
func ExampleClient_Invoke() {
	client, err := licensemanager.New(awstokens.Config{
		Region:      "us-east-1",
		Credentials: awstokens.StaticCredentials("AKIDEXAMPLE", "not-a-real-key", ""),
		HTTPClient: stub(func(input string) string { // not against AWS
			if strings.Contains(input, "NextToken") {
				return `{"LicenseConfigurations": [{"Name": "Oracle", "LicenseCount": 8}]}`
			}
			return `{"LicenseConfigurations": [{"Name": "Windows", "LicenseCount": 20}], "NextToken": "page-2"}`
		}),
	})
	if err != nil {
		log.Fatal(err)
	}

	var in struct { // the members that are needed
		MaxResults int32
		NextToken  string `json:",omitzero"`
	}
	in.MaxResults = 1
	for {
		var page struct {
			LicenseConfigurations []struct {
				Name         string
				LicenseCount int64
			}
			NextToken string
		}
		if _, err := client.Invoke(context.Background(), "ListLicenseConfigurations", in, &page); err != nil {
			log.Fatal(err)
		}
		for _, configuration := range page.LicenseConfigurations {
			fmt.Println(configuration.Name, configuration.LicenseCount)
		}
		if page.NextToken == "" {
			break
		}
		in.NextToken = page.NextToken
	}
	// Output:
	// Windows 20
	// Oracle 8
}
