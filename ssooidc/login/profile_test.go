package login

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

// botocoreProfile is what botocore makes of a profile: nil if it refuses it, or
// finds nothing for SSO in it.
type botocoreProfile struct{ Session, StartURL, SSORegion, AccountID, RoleName, Region string }

func TestProfilesLikeBotocore(t *testing.T) {
	var want map[string]map[string]*botocoreProfile
	golden(t, "profiles.json", &want)
	files, err := filepath.Glob(filepath.Join("testdata", "profiles", "*"))
	require.NoError(t, err)
	require.Greater(t, len(files), 40)
	require.Len(t, want, len(files))
	for _, path := range files {
		compareProfiles(t, path, want[filepath.Base(path)])
	}
}

// compareProfiles compares a config file with what botocore makes of it.
func compareProfiles(t *testing.T, path string, want map[string]*botocoreProfile) {
	t.Helper()
	t.Setenv("AWS_CONFIG_FILE", path)
	complete := make(map[string]bool)
	for _, name := range append(slices.Collect(maps.Keys(want)), "dev", "my dev", "default", "nobody") {
		got, err := LoadProfile(name)
		isOldWithoutRole := err == nil && got.Session.Name == "" && got.RoleName == "" // which botocore has no use for
		if want[name] == nil {
			assert.True(t, err != nil || isOldWithoutRole, "%s of %s: %v", name, path, got)
			if want != nil && err != nil {
				assert.ErrorContains(t, err, path)
				assert.Equal(t, Profile{}, got)
			}
		} else if assert.NoError(t, err, "%s of %s", name, path) {
			session := got.Session
			assert.Equal(t, *want[name], botocoreProfile{session.Name, session.StartURL, session.Region, got.AccountID, got.RoleName, got.Region}, "%s of %s", name, path)
			assert.Equal(t, name, got.Name)
			complete[name] = true
		}
	}
	profiles, _ := Profiles()
	for _, p := range profiles {
		one, err := LoadProfile(p.Name)
		assert.NoError(t, err)
		assert.Equal(t, one, p)
		delete(complete, p.Name)
	}
	assert.Empty(t, complete, "Profiles lacks them: %s", path)
}

// importBotocore returns an error if there is no botocore here.
var importBotocore = sync.OnceValue(func() error {
	if text, err := exec.Command("python3", "-c", "import botocore").CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	return nil
})

// runBotocore runs the script that has made profiles.json.
func runBotocore(t *testing.T, files []string) (text []byte, profiles map[string]map[string]*botocoreProfile) {
	t.Helper()
	if err := importBotocore(); err != nil {
		t.Skipf("NOT COMPARED with botocore: python3 -c 'import botocore': %v", err)
	}
	command := exec.Command("python3", append([]string{filepath.Join("testdata", "readprofiles.py")}, files...)...)
	command.Env = append(os.Environ(), "PYTHONUTF8=1")
	command.Stderr = os.Stderr
	text, err := command.Output()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &profiles))
	return text, profiles
}

func TestProfilesAreStillLikeBotocore(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "profiles", "*"))
	require.NoError(t, err)
	text, _ := runBotocore(t, files)
	want, err := os.ReadFile(filepath.Join("testdata", "profiles.json"))
	require.NoError(t, err)
	assert.JSONEq(t, string(want), string(text))
}

// Files of random parts, each of which botocore reads. AWSTOKENS_EXHAUSTIVE=1 makes
// 500.
func TestRandomProfilesLikeBotocore(t *testing.T) {
	count := 80
	if os.Getenv("AWSTOKENS_EXHAUSTIVE") != "" {
		count = 500
	}
	random := rand.New(rand.NewPCG(11, 11))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	dir := t.TempDir()
	var files []string
	for i := range count {
		var text strings.Builder
		headers := []string{"[default]", "[profile default]", "[profile a]", `[profile "a"]`, "[profile b]", "[ profile b]", "[DEFAULT]",
			"[sso-session s]", "[sso-session 's']", `[sso-session "t u"]`, "[services x]", "[profile]", "[other b]"}
		random.Shuffle(len(headers), func(i, j int) { headers[i], headers[j] = headers[j], headers[i] })
		for _, header := range headers[:5+random.IntN(6)] {
			text.WriteString(header + pick("", " ", " # c") + pick("\n", "\n\n", "\r\n"))
			indent := pick("", "", "  ", "\t")
			settings := []string{"sso_start_url", "sso_region"}
			if !strings.Contains(header, "sso-session") && random.IntN(3) > 0 {
				settings = []string{"sso_session"}
			}
			settings = append(settings, "sso_account_id", "sso_role_name", "region", "s3", "Output")
			random.Shuffle(len(settings), func(i, j int) { settings[i], settings[j] = settings[j], settings[i] })
			for _, setting := range settings[random.IntN(2):] {
				if setting == "s3" {
					text.WriteString(indent + "s3 =\n" + indent + "   sso_region = wrong\n\n" + indent + " # c\n" + indent + "\tregion = wrong\n")
					continue
				}
				value := map[string]string{"sso_session": pick("s", "t u", "s"), "sso_start_url": "https://x.awsapps.com/start" + pick("", "", "", "", "#/"),
					"sso_account_id": "000000000012"}[setting]
				if value == "" {
					value = pick("us-east-1", "us-east-1", "us-east-1", "us-east-1", "us-east-1", "Other-2")
				}
				text.WriteString(indent + pick(setting, strings.ToUpper(setting)) + pick(" = ", "=", ":", " :\t") + value + pick("\n", " \n", "\n; c\n", "\n\n"))
			}
		}
		path := filepath.Join(dir, fmt.Sprint(i))
		require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o600))
		files = append(files, path)
	}
	_, want := runBotocore(t, files)
	found := 0
	for _, path := range files {
		read := want[filepath.Base(path)]
		require.NotNil(t, read, path)
		compareProfiles(t, path, read)
		for _, profile := range read {
			if profile != nil {
				found++
			}
		}
		if t.Failed() {
			text, _ := os.ReadFile(path)
			t.Fatalf("%s", text)
		}
	}
	assert.Greater(t, found, count/2)
}

const goodProfiles = "[sso-session corp]\nsso_start_url = https://corp.example/start\nsso_region = us-east-1\n" +
	"[default]\nsso_session = corp\n[profile dev]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Reader\nregion = eu-west-1\n"

func TestProfileOfTheEnvironment(t *testing.T) {
	configFile(t, goodProfiles)
	session := Session{Name: "corp", StartURL: "https://corp.example/start", Region: "us-east-1"}
	dev := Profile{Name: "dev", Session: session, AccountID: "111122223333", RoleName: "Reader", Region: "eu-west-1"}
	for _, test := range []struct {
		env, second string
		want        Profile
	}{
		{"", "", Profile{Name: "default", Session: session}},
		{"dev", "", dev},
		{"", "dev", dev},
		{"dev", "default", dev},
	} {
		t.Setenv("AWS_PROFILE", test.env)
		t.Setenv("AWS_DEFAULT_PROFILE", test.second)
		got, err := LoadProfile("")
		require.NoError(t, err)
		assert.Equal(t, test.want, got)
		named, err := LoadProfile("dev")
		require.NoError(t, err)
		assert.Equal(t, "dev", named.Name)
	}
}

// An error names the file, the section and the setting.
func TestLoadProfileErrors(t *testing.T) {
	configFile(t, goodProfiles+"[profile keys]\nregion = us-east-1\n[profile half]\nsso_region = us-east-1\n"+
		"[profile \"other half\"]\nsso_start_url = https://corp.example/start\n[profile unknown]\nsso_session = none\n[profile twice]\nsso_session = corp\n  forged\n"+
		"[sso-session half]\nsso_region = us-east-1\n[profile of-half]\nsso_session = half\n[profile roleless]\nsso_session = corp\nsso_account_id = 111122223333\n"+
		"[profile torn]\nsso_session = corp\nsso_region = us-west-2\nsso_account_id = 111122223333\nsso_role_name = Reader\n")
	path := os.Getenv("AWS_CONFIG_FILE")
	for name, want := range map[string]string{
		"nobody":     "%s has no [profile nobody]: create it with aws configure sso",
		"corp":       "%s has no [profile corp], but an sso-session of that name: use LoadSession",
		"keys":       "%s: [profile keys] has no sso_session: awssdk.Load reads a profile of another kind",
		"half":       "%s: [profile half] has no sso_start_url",
		"other half": `%s: [profile "other half"] has no sso_region`,
		"unknown":    "%s: sso_session of [profile unknown] names [sso-session none], which does not exist",
		"twice":      "%s: sso_session of [profile twice] names [sso-session corp forged], which does not exist",
		"of-half":    "%s: [sso-session half] has no sso_start_url",
		"roleless":   "%s: [profile roleless] has no sso_role_name",
		"torn":       "%s: [profile torn] and [sso-session corp] differ in sso_region",
	} {
		_, err := LoadProfile(name)
		assert.EqualError(t, err, fmt.Sprintf(want, path))
	}

	profiles, err := Profiles()
	var names []string
	for _, p := range profiles {
		names = append(names, p.Name)
	}
	assert.Equal(t, []string{"default", "dev"}, names)
	require.Error(t, err)
	assert.Len(t, strings.Split(err.Error(), "\n"), 7, "one for each of the others that are for SSO")

	_, err = LoadSession("dev")
	assert.EqualError(t, err, path+" has no [sso-session dev], but a profile of that name: use LoadProfile")
	_, _, _, err = profiles[0].RoleTokens(awstokens.Config{})
	assert.EqualError(t, err, `profile "default" has no role: set sso_account_id and sso_role_name`)
}

func TestConfigFileInUTF16(t *testing.T) {
	for _, encoding := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		for _, mark := range []string{"\ufeff", ""} {
			var text []byte
			for _, unit := range utf16.Encode([]rune(mark + goodProfiles)) {
				text = encoding.AppendUint16(text, unit)
			}
			configFile(t, string(text))
			_, err := LoadProfile("dev")
			assert.EqualError(t, err, os.Getenv("AWS_CONFIG_FILE")+" is in UTF-16 or another encoding than UTF-8: save it as UTF-8")
			_, sessionErr := LoadSession("corp")
			assert.Equal(t, err, sessionErr)
		}
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	_, err := Profiles()
	assert.ErrorIs(t, err, fs.ErrNotExist)
}
