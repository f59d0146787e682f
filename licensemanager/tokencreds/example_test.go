package tokencreds_test

import (
	"context"
	"fmt"
	"log"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
)

// A product with a refresh token, but without an AWS account, calls License Manager.
func Example() {
	server, err := awstokenstest.Start() // against AWS: Config{Region: the license's home Region}
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	ctx := context.Background()
	seller, err := licensemanager.New(server.Config())
	if err != nil {
		log.Fatal(err)
	}
	minted, err := seller.CreateToken(ctx, &licensemanager.CreateTokenInput{
		ClientToken: licensemanager.NewClientToken(),
		LicenseArn:  server.LicenseManager().LicenseARN(),
		RoleArns:    []string{server.LicenseManager().RoleARN()},
	})
	if err != nil {
		log.Fatal(err)
	}

	// In a product: tokencreds.FromEnv(cfg).
	cfg := server.Config()
	creds, err := tokencreds.New(cfg, tokencreds.Token(minted.Token), func(o *tokencreds.Options) {
		o.RoleARN = server.LicenseManager().RoleARN()
	})
	if err != nil {
		log.Fatal(err)
	}
	cfg.Credentials = creds
	client, err := licensemanager.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	out, err := client.GetLicense(ctx, &licensemanager.GetLicenseInput{LicenseArn: server.LicenseManager().LicenseARN()})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.License.Status)
	// Output: AVAILABLE
}
