package awstokenstest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// A response is lost and the call is retried. The refresh token is exchanged, and
// expires after a year. A test calls NewServer(t) instead of Start.
func Example() {
	server, err := awstokenstest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := licensemanager.New(server.Config())
	if err != nil {
		log.Fatal(err)
	}
	ctx, service := context.Background(), server.LicenseManager()

	service.Next(1, "CreateToken").LoseAnswer()
	clientToken := licensemanager.NewClientToken()
	created, err := client.CreateToken(ctx, &licensemanager.CreateTokenInput{
		ClientToken: clientToken,
		LicenseArn:  service.LicenseARN(),
		RoleArns:    []string{service.RoleARN()},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s after %d attempts; minted: %d\n", created.TokenType, service.Requests("CreateToken"), service.Minted(clientToken))

	input := &licensemanager.GetAccessTokenInput{Token: created.Token}
	if _, err := client.GetAccessToken(ctx, input); err != nil {
		log.Fatal(err)
	}
	fmt.Println("exchanged for an access token")

	server.Advance(366 * 24 * time.Hour)
	_, err = client.GetAccessToken(ctx, input)
	var denied *licensemanager.AccessDeniedException
	if errors.As(err, &denied) {
		fmt.Println("a year later:", denied.Message)
	}
	// Output:
	// REFRESH_TOKEN after 2 attempts; minted: 1
	// exchanged for an access token
	// a year later: The token has expired.
}

// Requests are throttled, and then the service is down.
func ExampleFaults() {
	server, err := awstokenstest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	cfg := server.Config()
	cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) {
		o.BaseDelay = -1 // attempts do not wait for each other
	})
	client, err := licensemanager.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	ctx, service := context.Background(), server.LicenseManager()

	service.Next(2, "ListTokens").Throttle()
	list, err := client.ListTokens(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("throttled twice; attempts:", list.Attempts)

	service.OneIn(1, "").Fail(500) // every request, until ClearFaults
	_, err = client.ListTokens(ctx, nil)
	var internal *licensemanager.ServerInternalException
	fmt.Println("down:", errors.As(err, &internal))

	server.ClearFaults()
	_, err = client.ListTokens(ctx, nil)
	fmt.Println("error after the outage:", err)
	fmt.Println("requests:", service.Requests("ListTokens"))
	// Output:
	// throttled twice; attempts: 3
	// down: true
	// error after the outage: <nil>
	// requests: 7
}

// A device asks for a token before and after its user approves.
func ExampleIdentityCenter() {
	server, err := awstokenstest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := ssooidc.New(server.Config())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()

	registered, err := client.RegisterClient(ctx, &ssooidc.RegisterClientInput{
		ClientName: "example",
		ClientType: ssooidc.ClientTypePublic,
	})
	if err != nil {
		log.Fatal(err)
	}
	device, err := client.StartDeviceAuthorization(ctx, &ssooidc.StartDeviceAuthorizationInput{
		ClientId:     registered.ClientId,
		ClientSecret: registered.ClientSecret,
		StartUrl:     "https://example.awsapps.com/start",
	})
	if err != nil {
		log.Fatal(err)
	}
	input := &ssooidc.CreateTokenInput{
		ClientId:     registered.ClientId,
		ClientSecret: registered.ClientSecret,
		GrantType:    ssooidc.GrantTypeDeviceCode,
		DeviceCode:   device.DeviceCode,
	}

	_, err = client.CreateToken(ctx, input)
	var pending *ssooidc.AuthorizationPendingException
	fmt.Println("pending:", errors.As(err, &pending))

	if err := server.IdentityCenter().ApproveDevice(device.UserCode.Reveal()); err != nil {
		log.Fatal(err)
	}
	server.Advance(device.PollInterval())
	token, err := client.CreateToken(ctx, input)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.TokenType, "token for", token.ExpiresIn, "s:", token.AccessToken)
	// Output:
	// pending: true
	// Bearer token for 3600 s: [redacted]
}

// An application exchanges the JWT of its user, which works once.
func ExampleIdentityCenter_UserJWT() {
	server, err := awstokenstest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := ssooidc.New(server.Config())
	if err != nil {
		log.Fatal(err)
	}
	input := &ssooidc.CreateTokenWithIAMInput{
		ClientId:  "arn:aws:sso::111122223333:application/ssoins-0123456789abcdef/apl-0123456789abcdef",
		GrantType: ssooidc.GrantTypeJWTBearer,
		Assertion: server.IdentityCenter().UserJWT(),
	}
	token, err := client.CreateTokenWithIAM(context.Background(), input)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("identity context:", token.AwsAdditionalDetails.IdentityContext)

	_, err = client.CreateTokenWithIAM(context.Background(), input)
	var used *ssooidc.InvalidGrantException
	fmt.Println("used before:", errors.As(err, &used))
	// Output:
	// identity context: [redacted]
	// used before: true
}
