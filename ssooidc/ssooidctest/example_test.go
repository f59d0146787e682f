package ssooidctest_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/ssooidctest"
)

// A device asks for a token, before and after its user approves. A test would
// use NewServer(t) instead of Start.
func Example() {
	server, err := ssooidctest.Start()
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

	if err := server.ApproveDevice(device.UserCode.Reveal()); err != nil {
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
