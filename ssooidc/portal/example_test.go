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

// A user who has logged in lists the roles, then calls AWS as one of them.
func Example() {
	server, err := awstokenstest.Start() // against AWS: package ssooidc/login
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	ctx, token := context.Background(), server.IdentityCenter().SignIn()
	cfg := server.Config()

	session := bearer.StaticTokenProvider{Token: bearer.Token{Value: token.Reveal()}}
	inRegion := func(o *portal.Options) { o.Region = "us-east-1" } // a login.Provider knows it
	for role, err := range portal.Roles(ctx, cfg, session, inRegion) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(role.Account.AccountName, role.Account.AccountId, role.RoleName)
	}

	cfg.Credentials, err = portal.RoleCredentials(cfg, session, "111122223333", "ReadOnlyAccess", inRegion)
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
