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
// The other flags, which -h lists, choose between what real services may do.
//
// The AWS CLI sends even requests to this machine through a proxy. Where
// HTTP_PROXY is set, also export NO_PROXY=127.0.0.1.
//
// Version 1 of the AWS CLI fetches a parameter that looks like a URL, such as
// --start-url, unless it is told not to: aws configure set cli_follow_urlparam false
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
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
		fmt.Fprintln(os.Stderr, "emulator:", err)
		os.Exit(1)
	}
}

// run serves until the context ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	server, err := awstokenstest.Start(func(o *awstokenstest.Options) { *o = s.options })
	if err != nil {
		return err
	}
	defer server.Close()
	server.LicenseManager().SetSeats(s.seats)
	for _, set := range s.behaviors {
		set(server)
	}
	if err := printEnv(stdout, server); err != nil {
		return err
	}
	fmt.Fprintln(stderr, "Open", server.URL(), "in a browser to watch it.")
	<-ctx.Done()
	return nil
}

// settings are the command's flags.
type settings struct {
	options   awstokenstest.Options
	seats     int
	behaviors []func(*awstokenstest.Server) // set what the flags say
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	o := &s.options
	o.Path, o.Window = "/", true
	flags := flag.NewFlagSet("emulator", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.Addr, "addr", "127.0.0.1:4010", "loopback `address` to serve on; port 0 is a free one")
	flags.StringVar(&o.Region, "region", "us-east-1", "the `Region` that requests must be signed for")
	flags.StringVar(&o.AccountID, "account", "111122223333", "the `ID` of the account that owns the license")
	flags.StringVar(&o.Issuer, "issuer", "", "the `claim` iss of License Manager's tokens")
	flags.StringVar(&o.KeyID, "key-id", "", "the `header` kid of License Manager's tokens")
	flags.StringVar(&o.Algorithm, "algorithm", "ES256", "the `header` alg of License Manager's tokens, ES256 or RS256")
	flags.StringVar(&o.RoleClaim, "role-claim", "roles", "the `name` of the claim that lists the role ARNs")
	flags.IntVar(&s.seats, "seats", 10, "the `number` of seats of the license")
	s.identityFlags(flags)
	s.licenseFlags(flags)
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if s.seats < 0 {
		return s, errors.New("-seats must not be negative")
	}
	return s, nil
}

// identityFlags defines what IAM Identity Center and AWS STS may do.
func (s *settings) identityFlags(flags *flag.FlagSet) {
	on := func(name, usage string, set func(awstokenstest.IdentityCenter, bool)) {
		on := flags.Bool(name, false, usage)
		s.behaviors = append(s.behaviors, func(server *awstokenstest.Server) { set(server.IdentityCenter(), *on) })
	}
	on("auto-approve", "approve every login at once", awstokenstest.IdentityCenter.AutoApprove)
	on("rotate-refresh-tokens", "respond to a refresh with a new refresh token and invalidate the old one", awstokenstest.IdentityCenter.RotateRefreshTokens)
	on("omit-refresh-tokens", "respond to a refresh without a refresh token", awstokenstest.IdentityCenter.OmitRefreshTokens)
	on("omit-identity-context", "leave awsAdditionalDetails out of responses of CreateTokenWithIAM", awstokenstest.IdentityCenter.OmitIdentityContext)
	session := flags.Duration("application-session", 24*time.Hour, "how long the refresh tokens of an application live")
	denySetContext := flags.Bool("deny-set-context", false, "refuse identity contexts, as for a role whose trust policy does not allow sts:SetContext")
	s.behaviors = append(s.behaviors, func(server *awstokenstest.Server) {
		server.IdentityCenter().ApplicationSession(*session)
		server.STS().DenySetContext(*denySetContext)
	})
}

// licenseFlags defines what AWS License Manager may do.
func (s *settings) licenseFlags(flags *flag.FlagSet) {
	on := func(name, usage string, set func(awstokenstest.LicenseManager, bool)) {
		on := flags.Bool(name, false, usage)
		s.behaviors = append(s.behaviors, func(server *awstokenstest.Server) { set(server.LicenseManager(), *on) })
	}
	on("change-tokens-on-extend", "change the consumption token with every extension", awstokenstest.LicenseManager.ChangeTokensOnExtend)
	on("consumption-role-only", "limit credentials made from a token to the policy of AWSLicenseManagerConsumptionRole", awstokenstest.LicenseManager.ConsumptionRoleOnly)
	on("not-onboarded", "refuse ListReceivedLicenses, as for an account that was never set up", awstokenstest.LicenseManager.NotOnboarded)
	on("zoneless-times", "write dates of License Manager without a zone", awstokenstest.LicenseManager.ZonelessTimes)
	period := func(name, usage string, preset time.Duration, set func(awstokenstest.LicenseManager, time.Duration)) {
		d := flags.Duration(name, preset, usage)
		s.behaviors = append(s.behaviors, func(server *awstokenstest.Server) { set(server.LicenseManager(), *d) })
	}
	period("pending-period", "how long new licenses are PENDING_AVAILABLE", 0, awstokenstest.LicenseManager.PendingPeriod)
	period("deletion-period", "how long deleted licenses are PENDING_DELETE", 0, awstokenstest.LicenseManager.DeletionPeriod)
	period("client-token-window", "how long a ClientToken stands for one call, except of CreateToken", 10*time.Minute, awstokenstest.LicenseManager.ClientTokenWindow)
}

// printEnv prints the environment variables that point a client at the server.
func printEnv(stdout io.Writer, server *awstokenstest.Server) error {
	variables := slices.DeleteFunc(server.Environ(), func(variable string) bool { return !strings.HasPrefix(variable, "AWS_") })
	license := server.LicenseManager()
	variables = append(variables,
		"AWS_SESSION_TOKEN=", // that of the shell belongs to another key
		"LICENSE_ARN="+license.LicenseARN(),
		"AWS_ROLE_ARN="+license.RoleARN(),
		"PRODUCT_SKU="+license.ProductSKU(),
		"KEY_FINGERPRINT="+license.KeyFingerprint(),
	)
	for _, variable := range variables {
		if _, err := fmt.Fprintln(stdout, "export", variable); err != nil {
			return err
		}
	}
	return nil
}
