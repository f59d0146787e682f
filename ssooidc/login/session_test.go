package login

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// botocore reads the same file in the same way.
func TestSessionsLikeBotocore(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", filepath.Join("testdata", "config"))
	var want map[string]struct {
		StartURL string
		Region   string
		Scopes   []string
	}
	golden(t, "config.json", &want)
	require.Len(t, want, 12)
	for name, session := range want {
		got, err := LoadSession(name)
		require.NoError(t, err)
		if len(session.Scopes) == 0 {
			session.Scopes = nil
		}
		assert.Equal(t, Session{Name: name, StartURL: session.StartURL, Region: session.Region, Scopes: session.Scopes}, got)
	}
	for _, name := range []string{"", "two words", "two", "Plain", "default", "a"} {
		_, err := LoadSession(name)
		assert.ErrorContains(t, err, "no [sso-session", name)
	}
}

func golden(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, into))
}

func configFile(t *testing.T, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	t.Setenv("AWS_CONFIG_FILE", path)
}

func TestSessionsThatSDKsReadToo(t *testing.T) {
	configFile(t, "\ufeff[sso-session x]\r\n"+
		"sso_start_url = https://x.example/start#/ # the portal\r\n"+
		"sso_region = us-east-1\t; a comment\r\n"+
		"no delimiter\r\n"+
		"sso_registration_scopes = # none\r\n"+
		"[sso-session x]\r\n"+
		"sso_region = eu-west-1\r\n"+
		"[sso-session \"no end]\r\n[sso-session no-end\\]\r\n[")
	session, err := LoadSession("x")
	require.NoError(t, err)
	assert.Equal(t, Session{Name: "x", StartURL: "https://x.example/start#/", Region: "eu-west-1"}, session)
}

func TestLoadSessionErrors(t *testing.T) {
	configFile(t, "[sso-session no region]\n[sso-session \"no region\"]\nsso_start_url = https://x.example/start\n[sso-session empty]\nsso_start_url =\n")
	_, err := LoadSession("no region")
	assert.ErrorContains(t, err, `[sso-session "no region"] has no sso_region`)
	_, err = LoadSession("empty")
	assert.ErrorContains(t, err, "[sso-session empty] has no sso_start_url")

	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	_, err = LoadSession("x")
	assert.ErrorIs(t, err, fs.ErrNotExist)

	text := Session{Name: "a\nb", StartURL: "https://x.example/\nforged", Region: "r\x1b[2J"}.String()
	assert.Equal(t, `"a\nb" of https://x.example/ forged in r [2J`, text)

	err = Session{Name: "x"}.Validate()
	assert.EqualError(t, err, `session "x": no start URL`+"\nno region")
}

func TestConfigPath(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	for value, want := range map[string]string{
		"":                      filepath.Join(home, ".aws", "config"),
		"~":                     home,
		"~/other":               filepath.Join(home, "other"),
		"~user/config":          "~user/config",
		"/somewhere/aws-config": "/somewhere/aws-config",
	} {
		t.Setenv("AWS_CONFIG_FILE", value)
		path, err := configPath()
		require.NoError(t, err)
		assert.Equal(t, want, path)
	}
}

func FuzzConfigFile(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "config"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"plain", "with space", "nested", "größe", "a \"quote\" and \\", "none"} {
		f.Add(string(text), name)
	}
	f.Add("[sso-session \x00]\n\x00=\n", "\x00")
	f.Fuzz(func(t *testing.T, text, name string) {
		settings, found := parseConfig(text).find(sessionKind, name)
		if !found && len(settings) > 0 {
			t.Errorf("settings %q of a session that is not there", settings)
		}
		// A section whose header is written as errors show it is found.
		if strings.ContainsFunc(name, func(r rune) bool { return r == ']' || unicode.IsControl(r) }) {
			return
		}
		section := "[sso-session " + quoteName(name) + "]\nsso_region = r"
		if settings, found := parseConfig(section).find(sessionKind, name); !found || settings["sso_region"] != "r" {
			t.Errorf("%q is not found", section)
		}
	})
}
