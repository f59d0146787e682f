// Command emulator serves AWS License Manager, IAM Identity Center OIDC and
// AWS STS on a loopback address, in memory, for any client: this library, the
// AWS CLI, other SDKs. It prints, one a line, the environment variables that
// point a client at it, and serves until it is interrupted.
//
//	go run ./examples/emulator -addr 127.0.0.1:4010
//
// In another terminal, after pasting its output:
//
//	aws license-manager create-token --client-token t1 --license-arn $LICENSE_ARN --role-arns $ROLE_ARN
//	aws license-manager checkout-license --client-token t2 --checkout-type PROVISIONAL \
//		--product-sku $PRODUCT_SKU --key-fingerprint $KEY_FINGERPRINT \
//		--entitlements Name=AWS::Marketplace::Usage,Unit=Count,Value=1
//
// A login waits for its user: one with a browser on a page that asks for
// consent, one of a device on $AWS_ENDPOINT_URL/device, or for
//
//	curl -d user_code=ABCD-EFGH $AWS_ENDPOINT_URL/device
//
// With -auto-approve, both are approved at once. Version 1 of the AWS CLI fetches
// a parameter that looks like a URL, such as --start-url, unless it is told not
// to: aws configure set cli_follow_urlparam false
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run serves until the context ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("emulator", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:4010", "loopback `address` to serve on; port 0 takes a free one")
	region := flags.String("region", "us-east-1", "the `Region` that requests must be signed for")
	autoApprove := flags.Bool("auto-approve", false, "approve every login at once")
	if err := flags.Parse(args); err != nil {
		return err
	}
	server, err := awstokenstest.Start(func(o *awstokenstest.Options) {
		o.Addr, o.Region, o.Path = *addr, *region, "/"
	})
	if err != nil {
		return err
	}
	defer server.Close()
	server.IdentityCenter().AutoApprove(*autoApprove)
	license := server.LicenseManager()
	key, err := server.Config().Credentials.Retrieve(ctx)
	if err != nil {
		return err
	}
	for _, variable := range [][2]string{
		{"AWS_ENDPOINT_URL", server.URL()},
		// Where aws-sdk-go-v2 gets credentials, it reads no more than these.
		{"AWS_ENDPOINT_URL_STS", server.URL()},
		{"AWS_ENDPOINT_URL_SSO", server.URL()},
		{"AWS_ENDPOINT_URL_SSO_OIDC", server.URL()},
		{"AWS_REGION", *region},
		{"AWS_DEFAULT_REGION", *region},
		{"AWS_ACCESS_KEY_ID", key.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", key.SecretAccessKey},
		{"LICENSE_ARN", license.LicenseARN()},
		{"ROLE_ARN", license.RoleARN()},
		{"PRODUCT_SKU", license.ProductSKU()},
		{"KEY_FINGERPRINT", license.KeyFingerprint()},
	} {
		if _, err := fmt.Fprintf(stdout, "export %s=%s\n", variable[0], variable[1]); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}
