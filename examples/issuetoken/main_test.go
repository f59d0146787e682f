package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// serve starts the service and points the environment at it.
func serve(t *testing.T) *awstokenstest.Server {
	server := awstokenstest.NewServer(t)
	creds, err := server.Config().Credentials.Retrieve(context.Background())
	require.NoError(t, err)
	t.Setenv("AWS_ENDPOINT_URL", server.URL())
	t.Setenv("AWS_REGION", server.Config().Region)
	t.Setenv("AWS_ACCESS_KEY_ID", creds.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", creds.SecretAccessKey.Reveal())
	t.Setenv("AWS_SESSION_TOKEN", "")
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
	if runtime.GOOS != "windows" { // which has no such modes
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}

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

// A misspelled member would mint a token without the limit that it stands for.
func TestMisspelledInput(t *testing.T) {
	server := serve(t)
	file := filepath.Join(t.TempDir(), "input.json")
	for input, want := range map[string]string{
		`{"LicenseArn":"LICENSE","ExpirationInDay":7,"RoleArn":["ROLE"]}`: "CreateToken does not have ExpirationInDay, RoleArn",
		`{"LicenseArn":"LICENSE","expirationInDays":7}`:                   "CreateToken does not have expirationInDays",
		`{"LicenseArn":"LICENSE","ExpirationInDays":"7"}`:                 "ExpirationInDays cannot be a string",
		`{"LicenseArn":"LICENSE","RoleArns":"ROLE"}`:                      "RoleArns cannot be a string",
		`{"LicenseArn":"LICENSE"}{}`:                                      "after top-level value",
		`["LICENSE"]`:                                                     "array",
		``:                                                                "unexpected end",
	} {
		input = strings.NewReplacer("LICENSE", server.LicenseManager().LicenseARN(), "ROLE", server.LicenseManager().RoleARN()).Replace(input)
		require.NoError(t, os.WriteFile(file, []byte(input), 0o600))
		out, _, err := issue("-input-json", file)
		assert.ErrorContains(t, err, want, input)
		assert.NotContains(t, err.Error(), "licensemanager.")
		assert.Empty(t, out)
	}
	assert.Zero(t, server.LicenseManager().Requests("CreateToken"))
}

func TestInvalidArguments(t *testing.T) {
	server := serve(t)
	license := server.LicenseManager().LicenseARN()
	for _, test := range []struct {
		args []string
		want string
		env  string // a variable that is not set
	}{
		{args: []string{"-license", "no ARN"}, want: "-license does not match ^arn:"},
		{want: "-license is required"},
		{args: []string{"-license", license, "-client-token", strings.Repeat("a", 61)}, want: "-client-token has 61 characters, and at most 60 are allowed"},
		{args: []string{"-license", license, "-role", license, "-role", "b"}, want: "-role, number 2, does not match ^arn:"},
		{args: []string{"-license", license, "-property", "1", "-property", "2", "-property", "3", "-property", "4"}, want: "-property is given 4 times, and at most 3 are allowed"},
		{args: []string{"-input-json", "no such file"}, want: "no such file"},
		{args: []string{"-days", "99999999999"}, want: "-days"},
		{args: []string{"-days", "-1"}, want: "-days"},
		{args: []string{"-days", "0", "-license", license}, want: "-days"}, // or the token would live for a year
		{args: []string{"-endpoint", "http://example.com"}, want: "the endpoint is not https"},
		{args: []string{"-license", license}, env: "AWS_REGION", want: "-region or set AWS_REGION"},
		{args: []string{"-license", license}, env: "AWS_ACCESS_KEY_ID", want: "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"},
		{args: []string{"surplus"}, want: `unexpected argument "surplus"`},
		{args: []string{"-surplus"}, want: "-surplus"},
	} {
		t.Run(test.want, func(t *testing.T) {
			if test.env != "" {
				t.Setenv(test.env, "")
			}
			out, _, err := issue(test.args...)
			require.ErrorContains(t, err, test.want)
			assert.NotRegexp(t, `Config\.|Input\.|Options\.`, err.Error(), "no words of Go")
			assert.Empty(t, out)
		})
	}
	assert.Zero(t, server.LicenseManager().Requests("CreateToken"))

	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	_, _, err := issue("-license", license)
	assert.EqualError(t, err, "no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
}

func TestHelp(t *testing.T) {
	_, help, err := issue("-h")
	assert.ErrorIs(t, err, flag.ErrHelp)
	for _, name := range flagOf {
		assert.Contains(t, help, name)
	}
}

// Every member of the input has a flag, so that -input-json knows it.
func TestAllMembersHaveAFlag(t *testing.T) {
	for _, field := range reflect.VisibleFields(reflect.TypeFor[licensemanager.CreateTokenInput]()) {
		assert.Contains(t, flagOf, field.Name)
	}
	assert.Len(t, flagOf, reflect.TypeFor[licensemanager.CreateTokenInput]().NumField())
}
