package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// start runs the command and returns the variables that it exports.
func start(t *testing.T, args ...string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(ctx, args, in, io.Discard) }()
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
		RoleArns:    []string{env["ROLE_ARN"]},
	})
	require.NoError(t, err)
	assert.NoError(t, out.Validate())
	_, err = client.CheckoutLicense(t.Context(), &licensemanager.CheckoutLicenseInput{
		CheckoutType:   licensemanager.CheckoutTypeProvisional,
		ClientToken:    licensemanager.NewClientToken(),
		Entitlements:   []licensemanager.EntitlementData{licensemanager.Count("AWS::Marketplace::Usage", 1)},
		KeyFingerprint: env["KEY_FINGERPRINT"],
		ProductSKU:     env["PRODUCT_SKU"],
	})
	assert.NoError(t, err)
}

func TestOnlyLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "example.com:80", "4010"} {
		assert.Error(t, run(t.Context(), []string{"-addr", addr}, io.Discard, io.Discard), addr)
	}
}
