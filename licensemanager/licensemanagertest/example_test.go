package licensemanagertest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/licensemanagertest"
)

// A refresh token is made, loses an answer on the way, is used, and expires.
// A test would use NewServer(t) instead of Start.
func Example() {
	server, err := licensemanagertest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := licensemanager.New(server.Config())
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()

	server.Next(1, "CreateToken").LoseAnswer()
	clientToken := licensemanager.NewClientToken()
	created, err := client.CreateToken(ctx, &licensemanager.CreateTokenInput{
		ClientToken: clientToken,
		LicenseArn:  server.LicenseArn(),
		RoleArns:    []string{server.RoleArn()},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(created.TokenType, "after", created.Attempts, "attempts; minted:", server.Minted(clientToken))

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
