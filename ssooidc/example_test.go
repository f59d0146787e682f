package ssooidc_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// A device polls for a token until the user has approved, then refreshes it.
func Example() {
	server, err := awstokenstest.Start() // against AWS: awstokens.ConfigFromEnv
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	ctx := context.Background()
	client, err := ssooidc.New(server.Config())
	if err != nil {
		log.Fatal(err)
	}

	registered, err := client.RegisterClient(ctx, &ssooidc.RegisterClientInput{
		ClientName: "example", ClientType: ssooidc.ClientTypePublic, Scopes: []string{"sso:account:access"},
	})
	if err != nil {
		log.Fatal(err)
	}
	device, err := client.StartDeviceAuthorization(ctx, &ssooidc.StartDeviceAuthorizationInput{
		ClientId: registered.ClientId, ClientSecret: registered.ClientSecret,
		StartUrl: "https://example.awsapps.com/start",
	})
	if err != nil {
		log.Fatal(err)
	}

	in := &ssooidc.CreateTokenInput{
		ClientId: registered.ClientId, ClientSecret: registered.ClientSecret,
		GrantType:  ssooidc.GrantTypeDeviceCode,
		DeviceCode: device.DeviceCode,
	}
	token, err := client.CreateToken(ctx, in)
	for pending := (*ssooidc.AuthorizationPendingException)(nil); errors.As(err, &pending); token, err = client.CreateToken(ctx, in) {
		fmt.Println("pending:", pending.OAuthError)
		if err := server.IdentityCenter().ApproveDevice(device.UserCode.Reveal()); err != nil { // the user does this
			log.Fatal(err)
		}
		server.Advance(device.PollInterval()) // a program sleeps
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("token:", token.AccessToken, "for", token.ExpiresIn, "seconds")

	renewed, err := client.CreateToken(ctx, &ssooidc.CreateTokenInput{
		ClientId: registered.ClientId, ClientSecret: registered.ClientSecret,
		GrantType:    ssooidc.GrantTypeRefreshToken,
		RefreshToken: token.RefreshToken,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("another:", !renewed.AccessToken.Equal(token.AccessToken))
	// Output:
	// pending: authorization_pending
	// token: [redacted] for 3600 seconds
	// another: true
}
