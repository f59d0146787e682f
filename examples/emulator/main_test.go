package main

import (
	"bufio"
	"context"
	"flag"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/tip"
)

// start runs the command and returns the variables that it exports.
func start(t *testing.T, args ...string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, args, in, io.Discard)
		in.Close() // or nobody would see that it has failed
		done <- err
	}()
	t.Cleanup(func() {
		cancel()
		out.Close()
		assert.NoError(t, <-done)
	})
	env := map[string]string{}
	for lines := bufio.NewScanner(out); env["KEY_FINGERPRINT"] == "" && lines.Scan(); { // the last one
		export, found := strings.CutPrefix(lines.Text(), "export ")
		require.True(t, found, lines.Text())
		name, value, _ := strings.Cut(export, "=")
		env[name] = value
	}
	return env
}

func TestExportedVariablesReachTheServer(t *testing.T) {
	t.Setenv("AWS_SESSION_TOKEN", "of-another-key")
	env := start(t, "-addr", "127.0.0.1:0", "-region", "eu-central-1")
	for name, value := range env {
		t.Setenv(name, value)
	}
	cfg, err := awstokens.ConfigFromEnv()
	require.NoError(t, err)
	assert.Equal(t, "eu-central-1", cfg.Region)
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	out, err := client.CreateToken(t.Context(), &licensemanager.CreateTokenInput{
		ClientToken: licensemanager.NewClientToken(),
		LicenseArn:  env["LICENSE_ARN"],
		RoleArns:    []string{env["AWS_ROLE_ARN"]},
	})
	require.NoError(t, err)
	assert.False(t, out.Token.IsZero())
	_, err = client.CheckoutLicense(t.Context(), &licensemanager.CheckoutLicenseInput{
		CheckoutType:   licensemanager.CheckoutTypeProvisional,
		ClientToken:    licensemanager.NewClientToken(),
		Entitlements:   []licensemanager.EntitlementData{licensemanager.Count("AWS::Marketplace::Usage", 1)},
		KeyFingerprint: env["KEY_FINGERPRINT"],
		ProductSKU:     env["PRODUCT_SKU"],
	})
	assert.NoError(t, err)
}

// config runs the command and returns a configuration for its services.
func config(t *testing.T, args ...string) (awstokens.Config, map[string]string) {
	t.Helper()
	env := start(t, append(args, "-addr", "127.0.0.1:0")...)
	return awstokens.Config{
		Region: "us-east-1", BaseEndpoint: env["AWS_ENDPOINT_URL"],
		Credentials: awstokens.StaticCredentials(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], ""),
	}, env
}

// login returns the refresh token of a login and that of a refresh.
func login(t *testing.T, args ...string) (first, second string) {
	t.Helper()
	cfg, _ := config(t, append(args, "-auto-approve")...)
	client, err := ssooidc.New(cfg)
	require.NoError(t, err)
	registered, err := client.RegisterClient(t.Context(), &ssooidc.RegisterClientInput{ClientName: "test", ClientType: ssooidc.ClientTypePublic})
	require.NoError(t, err)
	device, err := client.StartDeviceAuthorization(t.Context(), &ssooidc.StartDeviceAuthorizationInput{
		ClientId: registered.ClientId, ClientSecret: registered.ClientSecret, StartUrl: "https://example.awsapps.com/start",
	})
	require.NoError(t, err)
	in := &ssooidc.CreateTokenInput{
		ClientId: registered.ClientId, ClientSecret: registered.ClientSecret, GrantType: ssooidc.GrantTypeDeviceCode, DeviceCode: device.DeviceCode,
	}
	token, err := client.CreateToken(t.Context(), in)
	require.NoError(t, err)
	in.GrantType, in.RefreshToken = ssooidc.GrantTypeRefreshToken, token.RefreshToken
	refreshed, err := client.CreateToken(t.Context(), in)
	require.NoError(t, err)
	return token.RefreshToken.Reveal(), refreshed.RefreshToken.Reveal()
}

func TestRefreshFlags(t *testing.T) {
	first, second := login(t)
	assert.Equal(t, first, second)
	first, second = login(t, "-rotate-refresh-tokens")
	assert.NotEqual(t, first, second)
	assert.NotEmpty(t, second)
	_, second = login(t, "-omit-refresh-tokens")
	assert.Empty(t, second)
}

func TestPropagationFlags(t *testing.T) {
	// retrieve gets credentials twice and returns how many JWTs that took.
	retrieve := func(args ...string) (jwts int, err error) {
		cfg, env := config(t, args...)
		creds, err := tip.NewProvider(cfg, tip.Application{
			ARN:           "arn:aws:sso::111122223333:application/ssoins-0123456789abcdef/apl-0123456789abcdef",
			AccessRoleARN: env["AWS_ROLE_ARN"],
		}, func(context.Context) (awstokens.Secret, error) {
			jwts++
			resp, err := http.Get(env["AWS_ENDPOINT_URL"] + "/user-jwt")
			if err != nil {
				return awstokens.Secret{}, err
			}
			defer resp.Body.Close()
			jwt, err := io.ReadAll(resp.Body)
			return awstokens.NewSecret(strings.TrimSpace(string(jwt))), err
		})
		require.NoError(t, err)
		first, err := creds.Retrieve(t.Context())
		if err != nil {
			return jwts, err
		}
		creds.Discard(first)
		_, err = creds.Retrieve(t.Context())
		return jwts, err
	}
	jwts, err := retrieve()
	require.NoError(t, err)
	assert.Equal(t, 1, jwts)
	jwts, err = retrieve("-application-session", "1ns")
	require.NoError(t, err)
	assert.Equal(t, 2, jwts, "the session has ended")
	_, err = retrieve("-deny-set-context")
	assert.ErrorIs(t, err, tip.ErrContextDenied)
}

func TestLicenseFlags(t *testing.T) {
	cfg, env := config(t, "-seats", "1", "-account", "222233334444", "-not-onboarded", "-change-tokens-on-extend", "-zoneless-times", "-deletion-period", "1h")
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	checkout := &licensemanager.CheckoutLicenseInput{
		CheckoutType:   licensemanager.CheckoutTypeProvisional,
		ClientToken:    licensemanager.NewClientToken(),
		Entitlements:   []licensemanager.EntitlementData{licensemanager.Count("AWS::Marketplace::Usage", 1)},
		KeyFingerprint: env["KEY_FINGERPRINT"],
		ProductSKU:     env["PRODUCT_SKU"],
	}
	seat, err := client.CheckoutLicense(t.Context(), checkout)
	require.NoError(t, err)
	assert.Contains(t, seat.LicenseArn, "222233334444")
	assert.NotContains(t, seat.Expiration, "Z")
	checkout.ClientToken = licensemanager.NewClientToken()
	_, err = client.CheckoutLicense(t.Context(), checkout)
	var full *licensemanager.NoEntitlementsAllowedException
	assert.ErrorAs(t, err, &full)
	extended, err := client.ExtendLicenseConsumption(t.Context(), &licensemanager.ExtendLicenseConsumptionInput{LicenseConsumptionToken: seat.LicenseConsumptionToken})
	require.NoError(t, err)
	assert.NotEqual(t, seat.LicenseConsumptionToken, extended.LicenseConsumptionToken)
	_, err = client.ListReceivedLicenses(t.Context(), nil)
	assert.ErrorContains(t, err, "Service role not found")
	license, err := client.GetLicense(t.Context(), &licensemanager.GetLicenseInput{LicenseArn: seat.LicenseArn})
	require.NoError(t, err)
	deleted, err := client.DeleteLicense(t.Context(), &licensemanager.DeleteLicenseInput{LicenseArn: seat.LicenseArn, SourceVersion: license.License.Version})
	require.NoError(t, err)
	assert.Equal(t, licensemanager.LicenseDeletionStatusPendingDelete, deleted.Status)
}

func TestWindow(t *testing.T) {
	resp, err := http.Get(start(t, "-addr", "127.0.0.1:0")["AWS_ENDPOINT_URL"])
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	assert.Contains(t, string(text), "<title>Emulator</title>")
}

func TestArguments(t *testing.T) {
	var help strings.Builder
	assert.ErrorIs(t, run(t.Context(), []string{"-h"}, io.Discard, &help), flag.ErrHelp)
	assert.Contains(t, help.String(), "-rotate-refresh-tokens")
	for _, args := range [][]string{{"unknown"}, {"-addr", "127.0.0.1:0", "unknown"}, {"-unknown"}, {"-seats", "-1"}, {"-algorithm", "none"}, {"-account", "1"}} {
		assert.Error(t, run(t.Context(), args, io.Discard, io.Discard), args)
	}
}

func TestOnlyLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "example.com:80", "4010"} {
		assert.Error(t, run(t.Context(), []string{"-addr", addr}, io.Discard, io.Discard), addr)
	}
}
