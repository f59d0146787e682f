package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
)

// serve starts the service and points the environment at it.
func serve(t *testing.T) *awstokenstest.Server {
	server := awstokenstest.NewServer(t)
	creds, err := server.Config().Credentials.Retrieve(context.Background())
	require.NoError(t, err)
	t.Setenv("AWS_ENDPOINT_URL", server.URL())
	t.Setenv("AWS_REGION", server.Config().Region)
	t.Setenv("AWS_ACCESS_KEY_ID", creds.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", creds.SecretAccessKey)
	return server
}

func issue(args ...string) (stdout, stderr string, err error) {
	var out, log strings.Builder
	err = run(context.Background(), args, &out, &log)
	return out.String(), log.String(), err
}

func TestTokenGoesToStandardOutputAlone(t *testing.T) {
	server := serve(t)
	token, log, err := issue("-license", server.LicenseManager().LicenseARN(), "-role", server.LicenseManager().RoleARN(), "-days", "90", "-property", "a", "-property", "b", "-client-token", "once")
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(token, "."), "a JWT")
	assert.NotContains(t, log, strings.TrimSpace(token))
	assert.Contains(t, log, "client token: once")

	again, _, err := issue("-license", server.LicenseManager().LicenseARN(), "-role", server.LicenseManager().RoleARN(), "-days", "90", "-property", "a", "-property", "b", "-client-token", "once")
	require.NoError(t, err)
	assert.Equal(t, token, again, "the same client token gives the same token")
	assert.Equal(t, 1, server.LicenseManager().Minted("once"))
}

func TestTokenGoesToANewFile(t *testing.T) {
	server := serve(t)
	file := filepath.Join(t.TempDir(), "license_token")
	out, _, err := issue("-license", server.LicenseManager().LicenseARN(), "-out", file)
	require.NoError(t, err)
	assert.Empty(t, out)
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	_, _, err = issue("-license", server.LicenseManager().LicenseARN(), "-out", file)
	assert.ErrorIs(t, err, os.ErrExist, "an old token is not overwritten")
	assert.Equal(t, 1, server.LicenseManager().Requests("CreateToken"))

	file = filepath.Join(t.TempDir(), "license_token")
	_, _, err = issue("-license", "arn:aws:license-manager::123456789012:license:l-unknown", "-out", file)
	assert.ErrorContains(t, err, "ResourceNotFoundException")
	assert.NoFileExists(t, file)
}

// The text is what `aws license-manager create-token --generate-cli-skeleton`
// prints, with two members filled in.
func TestSkeletonOfTheCLI(t *testing.T) {
	server := serve(t)
	file := filepath.Join(t.TempDir(), "input.json")
	require.NoError(t, os.WriteFile(file, []byte(`{
    "LicenseArn": "`+server.LicenseManager().LicenseARN()+`",
    "RoleArns": [
        ""
    ],
    "ExpirationInDays": 0,
    "TokenProperties": [
        ""
    ],
    "ClientToken": "from-the-file"
}
`), 0o600))
	_, _, err := issue("-input-json", file)
	require.NoError(t, err)
	assert.Equal(t, 1, server.LicenseManager().Minted("from-the-file"))

	_, _, err = issue("-input-json", file, "-client-token", "from-the-flag")
	require.NoError(t, err)
	assert.Equal(t, 1, server.LicenseManager().Minted("from-the-flag"))
}

func TestBadArguments(t *testing.T) {
	serve(t)
	for _, args := range [][]string{
		{"-license", "no ARN"},
		{},
		{"-input-json", "no such file"},
		{"-days", "99999999999"},
		{"-endpoint", "http://example.com"},
		{"surplus"},
	} {
		out, _, err := issue(args...)
		assert.Error(t, err, args)
		assert.Empty(t, out)
	}
}
