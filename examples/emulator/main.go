// Command emulator serves AWS License Manager, IAM Identity Center and AWS STS
// on a loopback address, in memory, for any client: this library, the AWS CLI,
// other SDKs. It prints, one a line, the environment variables that point a
// client at it, and serves until it is interrupted. In a browser, its URL shows
// what it holds and, while that page is open, every request.
//
//	go run ./examples/emulator -addr 127.0.0.1:4010
//
// In another terminal, after pasting its output:
//
//	aws license-manager create-token --client-token t1 --license-arn $LICENSE_ARN --role-arns $AWS_ROLE_ARN
//	aws license-manager checkout-license --client-token t2 --checkout-type PROVISIONAL \
//		--product-sku $PRODUCT_SKU --key-fingerprint $KEY_FINGERPRINT \
//		--entitlements Name=AWS::Marketplace::Usage,Unit=Count,Value=1
//
// A login waits for its user: in a browser on a page that asks for consent, on
// a device on $AWS_ENDPOINT_URL/device, or for
//
//	curl -d user_code=ABCD-EFGH $AWS_ENDPOINT_URL/device
//
// With -auto-approve, all are approved at once. For trusted identity propagation,
// this prints another JWT of a user each time:
//
//	curl $AWS_ENDPOINT_URL/user-jwt
//
// The other flags, which -h lists, are what real services do in more than one way. Version 1 of the AWS CLI
// fetches a parameter that looks like a URL, such as --start-url, unless it is
// told not to: aws configure set cli_follow_urlparam false
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
	"time"

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
	var o awstokenstest.Options
	o.Path, o.Window = "/", true
	flags.StringVar(&o.Addr, "addr", "127.0.0.1:4010", "loopback `address` to serve on; port 0 is a free one")
	flags.StringVar(&o.Region, "region", "us-east-1", "the `Region` that requests must be signed for")
	flags.StringVar(&o.AccountID, "account", "111122223333", "the `ID` of the account that owns the license")
	flags.StringVar(&o.Issuer, "issuer", "", "the `claim` iss of License Manager's tokens")
	flags.StringVar(&o.KeyID, "key-id", "", "the `header` kid of License Manager's tokens")
	flags.StringVar(&o.Algorithm, "algorithm", "ES256", "the `header` alg of License Manager's tokens, ES256 or RS256")
	flags.StringVar(&o.RoleClaim, "role-claim", "roles", "the `name` of the claim that lists the role ARNs")
	seats := flags.Int("seats", 10, "the `number` of seats of the license")

	var behaviors []func(*awstokenstest.Server) // to be set once the server is there
	identity := func(name, usage string, set func(awstokenstest.IdentityCenter, bool)) {
		on := flags.Bool(name, false, usage)
		behaviors = append(behaviors, func(s *awstokenstest.Server) { set(s.IdentityCenter(), *on) })
	}
	identity("auto-approve", "approve every login at once", awstokenstest.IdentityCenter.AutoApprove)
	identity("rotate-refresh-tokens", "respond to a refresh with a new refresh token and invalidate the old one", awstokenstest.IdentityCenter.RotateRefreshTokens)
	identity("omit-refresh-tokens", "respond to a refresh without a refresh token", awstokenstest.IdentityCenter.OmitRefreshTokens)
	identity("omit-identity-context", "leave awsAdditionalDetails out of responses of CreateTokenWithIAM", awstokenstest.IdentityCenter.OmitIdentityContext)
	denySetContext := flags.Bool("deny-set-context", false, "refuse identity contexts, as for a role whose trust policy does not allow sts:SetContext")
	session := flags.Duration("application-session", 24*time.Hour, "how long the refresh tokens of an application live")
	behaviors = append(behaviors, func(s *awstokenstest.Server) {
		s.STS().DenySetContext(*denySetContext)
		s.IdentityCenter().ApplicationSession(*session)
	})
	license := func(name, usage string, set func(awstokenstest.LicenseManager, bool)) {
		on := flags.Bool(name, false, usage)
		behaviors = append(behaviors, func(s *awstokenstest.Server) { set(s.LicenseManager(), *on) })
	}
	license("change-tokens-on-extend", "change the consumption token with every extension", awstokenstest.LicenseManager.ChangeTokensOnExtend)
	license("consumption-role-only", "limit credentials made from a token to the policy of AWSLicenseManagerConsumptionRole", awstokenstest.LicenseManager.ConsumptionRoleOnly)
	license("not-onboarded", "refuse ListReceivedLicenses, as for an account that was never set up", awstokenstest.LicenseManager.NotOnboarded)
	license("zoneless-times", "write dates of License Manager without a zone", awstokenstest.LicenseManager.ZonelessTimes)
	period := func(name, usage string, preset time.Duration, set func(awstokenstest.LicenseManager, time.Duration)) {
		d := flags.Duration(name, preset, usage)
		behaviors = append(behaviors, func(s *awstokenstest.Server) { set(s.LicenseManager(), *d) })
	}
	period("pending-period", "how long new licenses are PENDING_AVAILABLE", 0, awstokenstest.LicenseManager.PendingPeriod)
	period("deletion-period", "how long deleted licenses are PENDING_DELETE", 0, awstokenstest.LicenseManager.DeletionPeriod)
	period("client-token-window", "how long a ClientToken stands for one call, except of CreateToken", 10*time.Minute, awstokenstest.LicenseManager.ClientTokenWindow)
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q; see -h", flags.Arg(0))
	}
	if *seats < 0 {
		return errors.New("-seats must not be negative")
	}
	server, err := awstokenstest.Start(func(options *awstokenstest.Options) { *options = o })
	if err != nil {
		return err
	}
	defer server.Close()
	server.LicenseManager().SetSeats(*seats)
	for _, set := range behaviors {
		set(server)
	}
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
		{"AWS_REGION", o.Region},
		{"AWS_DEFAULT_REGION", o.Region},
		{"AWS_ACCESS_KEY_ID", key.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", key.SecretAccessKey.Reveal()},
		{"LICENSE_ARN", server.LicenseManager().LicenseARN()},
		{"AWS_ROLE_ARN", server.LicenseManager().RoleARN()},
		{"PRODUCT_SKU", server.LicenseManager().ProductSKU()},
		{"KEY_FINGERPRINT", server.LicenseManager().KeyFingerprint()},
	} {
		if _, err := fmt.Fprintf(stdout, "export %s=%s\n", variable[0], variable[1]); err != nil {
			return err
		}
	}
	fmt.Fprintln(stderr, "Open", server.URL(), "in a browser to watch it.")
	<-ctx.Done()
	return nil
}
