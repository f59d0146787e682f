// Command quickstart walks from a login to a license seat, with real requests
// and real tokens, on services in memory. It needs no AWS account, and prints a
// line for each step.
//
//	go run ./examples/quickstart
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

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if err := parse(args, stderr); err != nil {
		return err
	}
	server, err := awstokenstest.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	q := &quickstart{server: server, cfg: server.Config(), out: stdout}
	q.say("The services listen on %s.", server.URL())
	if err := q.logIn(ctx); err != nil {
		return err
	}
	refreshToken, err := q.mintToken(ctx)
	if err != nil {
		return err
	}
	if err := q.exchangeToken(ctx, refreshToken); err != nil {
		return err
	}
	credentials, err := q.assumeRole(ctx, refreshToken)
	if err != nil {
		return err
	}
	return q.useSeat(ctx, credentials)
}

func parse(args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		fmt.Fprintln(stderr, "quickstart walks from a login to a license seat, on services in memory. It has no flags.")
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return nil
}

// quickstart is what the steps share.
type quickstart struct {
	server *awstokenstest.Server
	cfg    awstokens.Config // for AWS, this would be that of awstokens.ConfigFromEnv
	out    io.Writer
	steps  int
}

// say prints a step.
func (q *quickstart) say(format string, args ...any) {
	q.steps++
	fmt.Fprintf(q.out, "%d. %s\n", q.steps, fmt.Sprintf(format, args...))
}

// logIn logs a device in to IAM Identity Center. Package login does this for
// programs, and keeps the tokens.
func (q *quickstart) logIn(ctx context.Context) error {
	oidc, err := ssooidc.New(q.cfg)
	if err != nil {
		return err
	}
	client, err := oidc.RegisterClient(ctx, &ssooidc.RegisterClientInput{
		ClientName: "quickstart",
		ClientType: ssooidc.ClientTypePublic,
		Scopes:     []string{"sso:account:access"},
	})
	if err != nil {
		return err
	}
	q.say("Registered the client %s with the secret %s until %s.", client.ClientId, client.ClientSecret, client.Expires().UTC().Format("2006-01-02"))

	device, err := oidc.StartDeviceAuthorization(ctx, &ssooidc.StartDeviceAuthorizationInput{
		ClientId:     client.ClientId,
		ClientSecret: client.ClientSecret,
		StartUrl:     "https://example.awsapps.com/start",
	})
	if err != nil {
		return err
	}
	q.say("A person would open %s and type the code %s within %d s.", device.VerificationUri, device.UserCode, device.ExpiresIn)

	poll := &ssooidc.CreateTokenInput{
		ClientId:     client.ClientId,
		ClientSecret: client.ClientSecret,
		GrantType:    ssooidc.GrantTypeDeviceCode,
		DeviceCode:   device.DeviceCode,
	}
	_, err = oidc.CreateToken(ctx, poll)
	var pending *ssooidc.AuthorizationPendingException
	if !errors.As(err, &pending) {
		return fmt.Errorf("a device that nobody approved: %w", err)
	}
	q.say("Not approved yet: %s.", pending.OAuthError)

	if err := q.server.IdentityCenter().ApproveDevice(device.UserCode.Reveal()); err != nil {
		return err
	}
	q.server.Advance(device.PollInterval()) // instead of waiting
	token, err := oidc.CreateToken(ctx, poll)
	if err != nil {
		return err
	}
	q.say("Approved: access token %s for %d s, refresh token %s.", token.AccessToken, token.ExpiresIn, token.RefreshToken)
	return nil
}

// mintToken makes a refresh token for a license, as a seller does for a customer
// without an AWS account.
func (q *quickstart) mintToken(ctx context.Context) (awstokens.Secret, error) {
	license := q.server.LicenseManager()
	seller, err := licensemanager.New(q.cfg)
	if err != nil {
		return awstokens.Secret{}, err
	}
	token, err := seller.CreateToken(ctx, &licensemanager.CreateTokenInput{
		ClientToken:     licensemanager.NewClientToken(),
		LicenseArn:      license.LicenseARN(),
		RoleArns:        []string{license.RoleARN()},
		TokenProperties: []string{"customer=example"},
	})
	if err != nil {
		return awstokens.Secret{}, err
	}
	q.say("Minted %s %s for the license %s: %s.", token.TokenType, token.TokenId, license.LicenseARN(), token.Token)
	return token.Token, nil
}

// exchangeToken exchanges the refresh token for an access token. The customer
// needs no credentials for it.
func (q *quickstart) exchangeToken(ctx context.Context, refreshToken awstokens.Secret) error {
	cfg := q.cfg
	cfg.Credentials = nil
	customer, err := licensemanager.New(cfg)
	if err != nil {
		return err
	}
	access, err := customer.GetAccessToken(ctx, &licensemanager.GetAccessTokenInput{Token: refreshToken})
	if err != nil {
		return err
	}
	q.say("Exchanged it, without a signature, for the access token %s.", access.AccessToken)
	return nil
}

// assumeRole returns credentials of the role that the token embeds. Package
// tokencreds does the exchange and another one at AWS STS, and renews the
// credentials before they expire.
func (q *quickstart) assumeRole(ctx context.Context, refreshToken awstokens.Secret) (awstokens.CredentialsProvider, error) {
	role := q.server.LicenseManager().RoleARN()
	provider, err := tokencreds.New(q.cfg, tokencreds.Token(refreshToken), func(o *tokencreds.Options) { o.RoleARN = role })
	if err != nil {
		return nil, err
	}
	credentials, err := provider.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	q.say("Assumed %s: access key %s, secret %s, until %s.", role, credentials.AccessKeyID, credentials.SecretAccessKey, credentials.Expires.UTC().Format("15:04:05Z"))
	return provider, nil
}

// useSeat checks a seat out, extends it, and checks it in. Package lease does
// this for products, and recovers from failures.
func (q *quickstart) useSeat(ctx context.Context, credentials awstokens.CredentialsProvider) error {
	license := q.server.LicenseManager()
	cfg := q.cfg
	cfg.Credentials = credentials
	product, err := licensemanager.New(cfg)
	if err != nil {
		return err
	}
	seat, err := product.CheckoutLicense(ctx, &licensemanager.CheckoutLicenseInput{
		CheckoutType:   licensemanager.CheckoutTypeProvisional,
		ClientToken:    licensemanager.NewClientToken(),
		Entitlements:   []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 1)},
		KeyFingerprint: license.KeyFingerprint(),
		ProductSKU:     license.ProductSKU(),
	})
	if err != nil {
		return err
	}
	q.say("Checked out %s %s until %s; %d taken.", seat.EntitlementsAllowed[0].Value, seat.EntitlementsAllowed[0].Name, seat.Expiration, license.SeatsTaken(awstokenstest.Seats))

	q.server.Advance(30 * time.Minute)
	extended, err := product.ExtendLicenseConsumption(ctx, &licensemanager.ExtendLicenseConsumptionInput{
		LicenseConsumptionToken: seat.LicenseConsumptionToken,
	})
	if err != nil {
		return err
	}
	q.say("Half an hour later, extended it until %s.", extended.Expiration)

	if _, err := product.CheckInLicense(ctx, &licensemanager.CheckInLicenseInput{
		LicenseConsumptionToken: extended.LicenseConsumptionToken,
	}); err != nil {
		return err
	}
	q.say("Checked it in; %d taken.", license.SeatsTaken(awstokenstest.Seats))
	return nil
}
