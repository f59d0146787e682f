package tip_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc/tip"
)

// A server calls AWS in the names of its users.
func Example() {
	server, err := awstokenstest.Start() // against AWS: awstokens.ConfigFromEnv
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	ctx, cfg := context.Background(), server.Config()

	pool, err := tip.NewPool(cfg, tip.Application{
		ARN:           "arn:aws:sso::111122223333:application/ssoins-0123456789abcdef/apl-0123456789abcdef",
		AccessRoleARN: "arn:aws:iam::111122223333:role/UserAccess",
	})
	if err != nil {
		log.Fatal(err)
	}

	// For each request of a user who has signed in: newJWT asks the identity
	// provider of the users for another JWT.
	newJWT := func(context.Context) (awstokens.Secret, error) { return server.IdentityCenter().UserJWT(), nil }
	for _, user := range []string{"ann@example.com", "bob@example.com", "ann@example.com"} {
		cfg.Credentials = pool.For(user, newJWT)
		client, err := licensemanager.New(cfg) // or any client of an AWS service
		if err != nil {
			log.Fatal(err)
		}
		_, err = client.ListTokens(ctx, nil)
		fmt.Println(user, err)
	}
	fmt.Println("JWTs exchanged:", server.IdentityCenter().Requests("CreateTokenWithIAM"))
	// Output:
	// ann@example.com <nil>
	// bob@example.com <nil>
	// ann@example.com <nil>
	// JWTs exchanged: 2
}

// The trust policy of the access role lacks a permission.
func ExampleError() {
	server, err := awstokenstest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	server.STS().DenySetContext(true)
	creds, err := tip.NewProvider(server.Config(), tip.Application{
		ARN:           "arn:aws:sso::111122223333:application/ssoins-0123456789abcdef/apl-0123456789abcdef",
		AccessRoleARN: "arn:aws:iam::111122223333:role/UserAccess",
	}, func(context.Context) (awstokens.Secret, error) { return server.IdentityCenter().UserJWT(), nil })
	if err != nil {
		log.Fatal(err)
	}
	_, err = creds.Retrieve(context.Background())
	var failed *tip.Error
	switch {
	case errors.Is(err, tip.ErrSessionEnded):
		fmt.Println("the user must sign in again")
	case errors.Is(err, tip.ErrContextDenied):
		fmt.Println("allow sts:SetContext in the trust policy of the access role")
	case errors.As(err, &failed):
		fmt.Println("failed at step", failed.Step)
	}
	// Output: allow sts:SetContext in the trust policy of the access role
}
