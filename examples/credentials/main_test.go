package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
	"github.com/seed-25f54b62/awstokens/ssooidc/tip"
)

const application = "arn:aws:sso::111122223333:application/ssoins-0123456789abcdef/apl-0123456789abcdef"

// start starts the services and points the environment at them, with a license's
// refresh token, a user's JWT, and a profile whose session is logged in, in
// files.
func start(t *testing.T) *awstokenstest.Server {
	t.Helper()
	server := awstokenstest.NewServer(t)
	key, err := server.Config().Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	client, err := licensemanager.New(server.Config())
	require.NoError(t, err)
	minted, err := client.CreateToken(t.Context(), &licensemanager.CreateTokenInput{
		ClientToken: licensemanager.NewClientToken(), LicenseArn: server.LicenseManager().LicenseARN(), RoleArns: []string{server.LicenseManager().RoleARN()},
	})
	require.NoError(t, err)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL(), "AWS_REGION": server.Config().Region,
		"AWS_ACCESS_KEY_ID": key.AccessKeyID, "AWS_SECRET_ACCESS_KEY": key.SecretAccessKey.Reveal(),
		"AWS_ROLE_ARN": server.LicenseManager().RoleARN(),
	} {
		t.Setenv(name, value)
	}
	for name, text := range map[string]string{
		"AWS_LICENSE_ACCESS_FILE": minted.Token.Reveal(), "AWS_WEB_IDENTITY_TOKEN_FILE": server.IdentityCenter().UserJWT().Reveal(),
	} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(text+"\n"), 0o600))
		t.Setenv(name, path)
	}
	home := t.TempDir()
	config := filepath.Join(home, "config")
	require.NoError(t, os.WriteFile(config, []byte("[profile of-the-test]\nsso_session = s\nsso_account_id = 111122223333\nsso_role_name = ReadOnlyAccess\n"+
		"[sso-session s]\nsso_start_url = https://example.awsapps.com/start\nsso_region = us-east-1\n"), 0o600))
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home) // HOME on Windows
	t.Setenv("AWS_CONFIG_FILE", config)
	t.Setenv("AWS_PROFILE", "of-the-test")
	profile, err := login.LoadProfile("")
	require.NoError(t, err)
	store, err := login.NewFileStore("")
	require.NoError(t, err)
	require.NoError(t, store.SaveToken(t.Context(), profile.Session, &login.Token{
		StartURL: profile.Session.StartURL, Region: profile.Session.Region,
		AccessToken: server.IdentityCenter().SignIn(), ExpiresAt: time.Now().Add(time.Hour),
	}))
	return server
}

func TestProcess(t *testing.T) {
	for name, args := range map[string][]string{
		"license":             {"license"},
		"profile":             {"profile"},
		"user":                {"-application", application, "user"},
		"user with bootstrap": {"-application", application, "-bootstrap-role", "arn:aws:iam::111122223333:role/Bootstrap", "user"},
	} {
		t.Run(name, func(t *testing.T) {
			start(t)
			var stdout, stderr bytes.Buffer
			require.NoError(t, run(t.Context(), args, &stdout, &stderr))
			var got map[string]any
			require.NoError(t, json.Unmarshal(stdout.Bytes(), &got))
			assert.EqualValues(t, 1, got["Version"])
			assert.Regexp(t, "^ASIA", got["AccessKeyId"])
			assert.NotEmpty(t, got["SecretAccessKey"])
			assert.NotEmpty(t, got["SessionToken"])
			assert.Equal(t, "111122223333", got["AccountId"])
			expires, err := time.Parse(time.RFC3339, got["Expiration"].(string))
			require.NoError(t, err)
			assert.WithinDuration(t, time.Now().Add(time.Hour), expires, time.Minute)
			assert.Empty(t, stderr.String())

			if strings.HasPrefix(name, "user") {
				err := run(t.Context(), args, &stdout, &stderr)
				assert.ErrorIs(t, err, tip.ErrJWTRefused, "the JWT was not replaced")
			}
		})
	}
}

// buffer is what the command logs while it runs.
type buffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func TestEndpoint(t *testing.T) {
	server := start(t)
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var log buffer
	done := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-serve", "127.0.0.1:0", "license"}, in, &log)
		in.Close() // or nobody would see that it has failed
		done <- err
	}()
	env := map[string]string{}
	for lines := bufio.NewScanner(out); len(env) < 2 && lines.Scan(); {
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		env[name] = value
	}
	ask := func(token string) (int, map[string]string) {
		req, err := http.NewRequest(http.MethodGet, env["AWS_CONTAINER_CREDENTIALS_FULL_URI"], nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", token)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		var body map[string]string
		require.NoError(t, json.NewDecoder(resp.Body).Decode(&body))
		return resp.StatusCode, body
	}
	token := env["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
	for range 3 {
		status, got := ask(token)
		assert.Equal(t, http.StatusOK, status)
		assert.Regexp(t, "^ASIA", got["AccessKeyId"])
	}
	assert.Equal(t, 1, server.LicenseManager().Requests("GetAccessToken"))
	assert.Empty(t, log.String())

	for _, wrong := range []string{"", token[1:]} {
		status, _ := ask(wrong)
		assert.Equal(t, http.StatusUnauthorized, status)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	require.Len(t, lines, 2)
	for _, line := range lines {
		assert.Regexp(t, `^time=\S+ level=WARN msg="no credentials served" status=401$`, line)
	}
	cancel()
	assert.NoError(t, <-done)
}

func TestArguments(t *testing.T) {
	start(t)
	var help strings.Builder
	assert.ErrorIs(t, run(t.Context(), []string{"-h"}, io.Discard, &help), flag.ErrHelp)
	assert.Contains(t, help.String(), "-application")
	for _, args := range [][]string{nil, {"nonsense"}, {"license", "user"}, {"-unknown"}, {"user"}, {"-serve", "0.0.0.0:0", "license"}, {"-serve", "nonsense", "license"}} {
		assert.Error(t, run(t.Context(), args, io.Discard, io.Discard), args)
	}
	for _, option := range []string{"-application", "-bootstrap-role"} {
		assert.ErrorContains(t, run(t.Context(), []string{option, "any", "profile"}, io.Discard, io.Discard), "of user")
	}
	t.Setenv("AWS_LICENSE_ACCESS_FILE", "")
	assert.ErrorContains(t, run(t.Context(), []string{"license"}, io.Discard, io.Discard), "AWS_LICENSE_ACCESS_FILE")
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "")
	_, err := readJWT(t.Context())
	assert.ErrorContains(t, err, "AWS_WEB_IDENTITY_TOKEN_FILE is not set")
	t.Setenv("AWS_MAX_ATTEMPTS", "none")
	assert.ErrorContains(t, run(t.Context(), []string{"license"}, io.Discard, io.Discard), "AWS_MAX_ATTEMPTS")
}
