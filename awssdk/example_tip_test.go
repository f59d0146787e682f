package awssdk_test

import (
	"context"
	"log"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc/tip"
)

// The identity of an application's user, in a client of the SDK: S3 Access Grants
// and CloudTrail see the user.
func ExampleProvider_user() {
	server, err := awstokenstest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	app := tip.Application{
		ARN:           "arn:aws:sso::111122223333:application/ssoins-0123456789abcdef/apl-0123456789abcdef",
		AccessRoleARN: "arn:aws:iam::111122223333:role/UserAccess",
	}
	creds, err := tip.NewProvider(server.Config(), app, func(context.Context) (awstokens.Secret, error) {
		return server.IdentityCenter().UserJWT(), nil // in a program: of the user's identity provider
	})
	if err != nil {
		log.Fatal(err)
	}
	printBuckets(context.Background(), creds)
	// Output: reports
}
