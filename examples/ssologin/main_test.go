package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

func TestEmbedded(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-auto"}, &out, io.Discard))
	for _, text := range []string{"Logged in to ", "111122223333 ", "    ReadOnlyAccess\n", "444455556666 ", "Credentials of AdministratorAccess in 111122223333: access key ASIA"} {
		assert.Contains(t, out.String(), text)
	}
}

func TestSessionOfTheConfigFile(t *testing.T) {
	server := awstokenstest.NewServer(t)
	home := t.TempDir()
	config := filepath.Join(home, "config")
	require.NoError(t, os.WriteFile(config, []byte("[sso-session my-sso]\nsso_start_url = https://example.awsapps.com/start\nsso_region = us-east-1\n"), 0o600))
	for name, value := range map[string]string{"HOME": home, "USERPROFILE": home, "AWS_CONFIG_FILE": config, "AWS_ENDPOINT_URL": server.URL(), "AWS_REGION": "eu-west-1"} {
		t.Setenv(name, value)
	}
	session, err := login.LoadSession("my-sso")
	require.NoError(t, err)
	store, err := login.NewFileStore("")
	require.NoError(t, err)
	ended := &login.Token{StartURL: session.StartURL, Region: session.Region, AccessToken: server.IdentityCenter().SignIn(), ExpiresAt: time.Now().Add(time.Hour)}
	require.NoError(t, store.SaveToken(t.Context(), session, ended))
	client, err := portal.New(server.Config())
	require.NoError(t, err)
	_, err = client.Logout(t.Context(), &portal.LogoutInput{AccessToken: ended.AccessToken})
	require.NoError(t, err)

	for range 2 {
		var out strings.Builder
		require.NoError(t, run(t.Context(), []string{"-session", "my-sso", "-auto"}, &out, io.Discard))
		assert.Contains(t, out.String(), "Credentials of AdministratorAccess in 111122223333")
	}
	assert.Equal(t, 1, server.IdentityCenter().Requests("StartDeviceAuthorization"), "after the logout elsewhere, and not again")
	files, err := filepath.Glob(filepath.Join(home, ".aws", "sso", "cache", "*.json"))
	require.NoError(t, err)
	assert.Len(t, files, 2, "the token and the registration")
}

func TestBadArguments(t *testing.T) {
	config := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(config, []byte("[sso-session real]\nsso_start_url = https://example.awsapps.com/start\nsso_region = us-east-1\n"), 0o600))
	t.Setenv("AWS_CONFIG_FILE", config)
	t.Setenv("AWS_ENDPOINT_URL", "")
	for _, args := range [][]string{
		{"-session", "unknown"},
		{"-session", "real", "-auto"}, // nobody approves at AWS but its user
		{"-surplus"},
		{"surplus"},
	} {
		var out strings.Builder
		assert.Error(t, run(t.Context(), args, &out, io.Discard), args)
		assert.Empty(t, out.String())
	}
}
