package portal_test

import (
	"context"
	"fmt"
	"log"

	"github.com/aws/smithy-go/auth/bearer"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// A user who has logged in lists accounts and roles, then calls AWS as one of
// them.
func Example() {
	server, err := awstokenstest.Start() // against AWS: package ssooidc/login
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	ctx, token := context.Background(), server.IdentityCenter().SignIn()
	cfg := server.Config()

	client, err := portal.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	for account, err := range client.Accounts(ctx, &portal.ListAccountsInput{AccessToken: token}) {
		if err != nil {
			log.Fatal(err)
		}
		for role, err := range client.AccountRoles(ctx, &portal.ListAccountRolesInput{AccessToken: token, AccountId: account.AccountId}) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Println(account.AccountName, role.AccountId, role.RoleName)
		}
	}

	session := bearer.StaticTokenProvider{Token: bearer.Token{Value: token.Reveal()}}
	cfg.Credentials, err = portal.RoleCredentials(cfg, session, "111122223333", "ReadOnlyAccess", func(o *portal.Options) {
		o.Region = "us-east-1" // a provider of ssooidc/login knows it
	})
	if err != nil {
		log.Fatal(err)
	}
	licenses, err := licensemanager.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	out, err := licenses.ListTokens(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("tokens:", len(out.Tokens))
	// Output:
	// Emulator 111122223333 AdministratorAccess
	// Emulator 111122223333 ReadOnlyAccess
	// Sandbox 444455556666 PowerUserAccess
	// tokens: 0
}

// The credentials of the profile that AWS_PROFILE names, for a user who has
// logged in with login.Login or `aws sso login`.
func ExampleProfileCredentials() {
	profile, err := login.LoadProfile("")
	if err != nil {
		log.Fatal(err)
	}
	cfg := awstokens.Config{Region: profile.Region}
	cfg.Credentials, err = portal.ProfileCredentials(cfg, profile)
	if err != nil {
		log.Fatal(err)
	}
	client, err := licensemanager.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	for token, err := range client.Tokens(context.Background(), nil) {
		fmt.Println(token.TokenId, err)
	}
}
