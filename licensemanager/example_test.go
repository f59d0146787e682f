package licensemanager_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// A seller makes a refresh token; a customer without AWS credentials exchanges
// it for an access token.
func Example() {
	server, err := awstokenstest.Start() // against AWS: awstokens.ConfigFromEnv
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	ctx := context.Background()

	seller, err := licensemanager.New(server.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	refresh, err := seller.CreateToken(ctx, &licensemanager.CreateTokenInput{
		ClientToken: licensemanager.NewClientToken(),
		LicenseArn:  server.LicenseManager().LicenseARN(),
		RoleArns:    []string{server.LicenseManager().RoleARN()},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(refresh.TokenType, refresh.Token)

	customer, err := seller.With(func(c *awstokens.Config) { c.Credentials = nil })
	if err != nil {
		fmt.Println(err)
		return
	}
	access, err := customer.GetAccessToken(ctx, &licensemanager.GetAccessTokenInput{Token: refresh.Token})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("access token", access.AccessToken, "has", strings.Count(access.AccessToken.Reveal(), "."), "dots")
	// Output:
	// REFRESH_TOKEN [redacted]
	// access token [redacted] has 2 dots
}

// Validate finds everything that is wrong with an input, before anything is
// sent.
func ExampleCreateTokenInput_Validate() {
	in := &licensemanager.CreateTokenInput{
		ClientToken:     "two words",
		LicenseArn:      "arn:aws:license-manager::123456789012:license:l-0123456789abcdef0123456789abcdef",
		TokenProperties: []string{"a", "b", "c", "d"},
	}
	var invalid smithy.InvalidParamsError
	if errors.As(in.Validate(), &invalid) {
		for _, err := range invalid.Errs() {
			fmt.Println(err)
		}
	}
	// Output:
	// value does not match the documented pattern \S+, CreateTokenInput.ClientToken.
	// 4 items where at most 3 are allowed, CreateTokenInput.TokenProperties.
}

// The iterator asks for the next page when it gets there.
func ExampleClient_Tokens() {
	server, err := awstokenstest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	ctx := context.Background()
	client, err := licensemanager.New(server.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, customer := range []string{"first", "second", "third"} {
		if _, err := client.CreateToken(ctx, &licensemanager.CreateTokenInput{
			ClientToken:     licensemanager.NewClientToken(),
			LicenseArn:      server.LicenseManager().LicenseARN(),
			TokenProperties: []string{"customer=" + customer},
		}); err != nil {
			fmt.Println(err)
			return
		}
	}

	for token, err := range client.Tokens(ctx, &licensemanager.ListTokensInput{MaxResults: 2}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(token.Status, token.TokenProperties)
	}
	// Output:
	// AVAILABLE [customer=first]
	// AVAILABLE [customer=second]
	// AVAILABLE [customer=third]
}
