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
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

func main() {
	switch err := run(context.Background(), os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
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

	step := 0
	say := func(format string, args ...any) {
		step++
		fmt.Fprintf(stdout, "%d. "+format+"\n", append([]any{step}, args...)...)
	}

	// Against AWS, this would be awstokens.ConfigFromEnv.
	server, err := awstokenstest.Start()
	if err != nil {
		return err
	}
	defer server.Close()
	cfg := server.Config()
	say("The services listen on %s.", server.URL())

	// IAM Identity Center: a person logs a device in.
	oidc, err := ssooidc.New(cfg)
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
	say("Registered the client %s with the secret %s until %s.", client.ClientId, client.ClientSecret, client.Expires().UTC().Format("2006-01-02"))

	device, err := oidc.StartDeviceAuthorization(ctx, &ssooidc.StartDeviceAuthorizationInput{
		ClientId:     client.ClientId,
		ClientSecret: client.ClientSecret,
		StartUrl:     "https://example.awsapps.com/start",
	})
	if err != nil {
		return err
	}
	say("A person would open %s and type the code %s within %d s.", device.VerificationUri, device.UserCode, device.ExpiresIn)

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
	say("Not approved yet: %s.", pending.OAuthError)

	if err := server.IdentityCenter().ApproveDevice(device.UserCode.Reveal()); err != nil {
		return err
	}
	server.Advance(device.PollInterval()) // instead of waiting
	login, err := oidc.CreateToken(ctx, poll)
	if err != nil {
		return err
	}
	say("Approved: access token %s for %d s, refresh token %s.", login.AccessToken, login.ExpiresIn, login.RefreshToken)

	// License Manager: a seller makes a token for a customer.
	seller, err := licensemanager.New(cfg)
	if err != nil {
		return err
	}
	refresh, err := seller.CreateToken(ctx, &licensemanager.CreateTokenInput{
		ClientToken:     licensemanager.NewClientToken(),
		LicenseArn:      server.LicenseManager().LicenseARN(),
		RoleArns:        []string{server.LicenseManager().RoleARN()},
		TokenProperties: []string{"customer=example"},
	})
	if err != nil {
		return err
	}
	say("Minted %s %s for the license %s: %s.", refresh.TokenType, refresh.TokenId, server.LicenseManager().LicenseARN(), refresh.Token)

	// The customer has no AWS credentials, only the token.
	cfg.Credentials = nil
	customer, err := licensemanager.New(cfg)
	if err != nil {
		return err
	}
	access, err := customer.GetAccessToken(ctx, &licensemanager.GetAccessTokenInput{Token: refresh.Token})
	if err != nil {
		return err
	}
	say("Exchanged it, without a signature, for the access token %s.", access.AccessToken)

	// Package tokencreds does this exchange by itself, and one more at AWS STS.
	// It renews the credentials before they expire.
	provider, err := tokencreds.New(cfg, tokencreds.Token(refresh.Token), func(o *tokencreds.Options) {
		o.RoleARN = server.LicenseManager().RoleARN()
	})
	if err != nil {
		return err
	}
	creds, err := provider.Retrieve(ctx)
	if err != nil {
		return err
	}
	say("Assumed %s: access key %s, secret %s, until %s.", server.LicenseManager().RoleARN(), creds.AccessKeyID, creds.SecretAccessKey, creds.Expires.UTC().Format("15:04:05Z"))

	// The product takes a seat. Package lease does this, and keeps the seat.
	product, err := customer.With(func(c *awstokens.Config) { c.Credentials = provider })
	if err != nil {
		return err
	}
	seat, err := product.CheckoutLicense(ctx, &licensemanager.CheckoutLicenseInput{
		CheckoutType:   licensemanager.CheckoutTypeProvisional,
		ClientToken:    licensemanager.NewClientToken(),
		Entitlements:   []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 1)},
		KeyFingerprint: server.LicenseManager().KeyFingerprint(),
		ProductSKU:     server.LicenseManager().ProductSKU(),
	})
	if err != nil {
		return err
	}
	say("Checked out %s %s until %s; %d taken.", seat.EntitlementsAllowed[0].Value, seat.EntitlementsAllowed[0].Name, seat.Expiration, server.LicenseManager().SeatsTaken(awstokenstest.Seats))

	server.Advance(30 * time.Minute)
	extended, err := product.ExtendLicenseConsumption(ctx, &licensemanager.ExtendLicenseConsumptionInput{
		LicenseConsumptionToken: seat.LicenseConsumptionToken,
	})
	if err != nil {
		return err
	}
	say("Half an hour later, extended it until %s.", extended.Expiration)

	if _, err := product.CheckInLicense(ctx, &licensemanager.CheckInLicenseInput{
		LicenseConsumptionToken: extended.LicenseConsumptionToken,
	}); err != nil {
		return err
	}
	say("Checked it in; %d taken.", server.LicenseManager().SeatsTaken(awstokenstest.Seats))
	return nil
}
