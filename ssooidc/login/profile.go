package login

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/aws/smithy-go/auth/bearer"

	"github.com/seed-25f54b62/awstokens"
)

// defaultProfile is the profile of those who name none.
const defaultProfile = "default"

// Profile is a profile of the AWS config file that belongs to a session. Pass it
// to portal.ProfileCredentials to get credentials of its role.
type Profile struct {
	// Name is the profile's name.
	Name string

	// Session is where to log in: the [sso-session NAME] that the profile names,
	// or, without a name, one of the older kind, which the profile itself has.
	Session Session

	// AccountID and RoleName are the role that the profile is for. Both are
	// empty in a profile that is only for logging in.
	AccountID, RoleName string

	// Region is where the role's credentials are to be used, or empty if the
	// profile does not say. It need not be the session's.
	Region string
}

// LoadProfile reads a profile of the AWS config file, which [LoadSession] finds as
// well. For the empty name it reads the profile that the environment variable
// AWS_PROFILE names, or default.
//
// It returns an error, which names the file, the section and the setting, if
// there is no such profile, if the profile has no session, an unknown one or half
// of one, if it has an account without a role or a role without an account, and
// if it contradicts its session. Profiles in the AWS credentials file are not
// read.
func LoadProfile(name string) (Profile, error) {
	file, err := readConfigFile()
	if err != nil {
		return Profile{}, err
	}
	return file.profile(cmp.Or(name, os.Getenv("AWS_PROFILE"), defaultProfile))
}

// Profiles returns the profiles of the AWS config file that have a setting whose
// name begins with sso_, in the file's order. If some of them cannot be loaded,
// it returns the others and the errors of [LoadProfile], joined.
func Profiles() ([]Profile, error) {
	file, err := readConfigFile()
	if err != nil {
		return nil, err
	}
	var profiles []Profile
	var errs []error
	for _, name := range file.profiles {
		if !file.isForSSO(name) {
			continue
		}
		if p, err := file.profile(name); err != nil {
			errs = append(errs, err)
		} else {
			profiles = append(profiles, p)
		}
	}
	return profiles, errors.Join(errs...)
}

func (f *awsConfig) isForSSO(profile string) bool {
	settings, _ := f.find(profileKind, profile)
	for setting := range settings {
		if strings.HasPrefix(setting, "sso_") {
			return true
		}
	}
	return false
}

// profile returns a profile of the file.
func (f *awsConfig) profile(name string) (Profile, error) {
	section := header(profileKind, name)
	settings, ok := f.find(profileKind, name)
	switch {
	case ok:
	case f.has(sessionKind, name):
		return Profile{}, fmt.Errorf("%s has no %s, but an sso-session of that name: use LoadSession", f.path, section)
	default:
		return Profile{}, fmt.Errorf("%s has no %s: create it with aws configure sso", f.path, section)
	}
	session, err := f.sessionOf(section, settings)
	if err != nil {
		return Profile{}, err
	}
	p := Profile{Name: name, Session: session, Region: settings["region"]}
	_, hasAccount := settings["sso_account_id"]
	_, hasRole := settings["sso_role_name"]
	if !hasAccount && !hasRole {
		return p, nil
	}
	if session.Name != "" {
		if err := f.inherit(section, settings, session.Name); err != nil {
			return Profile{}, err
		}
	}
	if err := f.require(section, settings, "sso_account_id", "sso_role_name"); err != nil {
		return Profile{}, err
	}
	p.AccountID, p.RoleName = settings["sso_account_id"], settings["sso_role_name"]
	return p, nil
}

// sessionOf returns the session of a profile, of either kind.
func (f *awsConfig) sessionOf(section string, settings map[string]string) (Session, error) {
	name, named := settings["sso_session"]
	switch {
	case named && f.has(sessionKind, name) && name != "":
		return f.session(name)
	case named:
		return Session{}, fmt.Errorf("%s: sso_session of %s names %s, which does not exist", f.path, section, header(sessionKind, name))
	case settings["sso_start_url"] == "" && settings["sso_region"] == "":
		return Session{}, fmt.Errorf("%s: %s has no sso_session", f.path, section)
	}
	if err := f.require(section, settings, "sso_start_url", "sso_region"); err != nil {
		return Session{}, err
	}
	return Session{StartURL: settings["sso_start_url"], Region: settings["sso_region"]}, nil
}

// inherit adds the settings of its session to those of a profile. The two must
// not differ in any.
func (f *awsConfig) inherit(section string, settings map[string]string, session string) error {
	inherited, _ := f.find(sessionKind, session)
	for _, setting := range slices.Sorted(maps.Keys(inherited)) {
		if own, ok := settings[setting]; ok && own != inherited[setting] {
			return fmt.Errorf("%s: %s and %s differ in %s", f.path, section, header(sessionKind, session), setting)
		}
	}
	maps.Copy(settings, inherited)
	return nil
}

// RoleTokens returns what portal.ProfileCredentials makes credentials of: a
// [Provider] of the session's tokens in the files of the AWS CLI, with the
// configuration, and the account and the role. It returns an error if the
// profile has none. To keep tokens elsewhere, give portal.RoleCredentials a
// Provider with another [Store].
func (p Profile) RoleTokens(cfg awstokens.Config) (tokens bearer.TokenProvider, accountID, roleName string, err error) {
	if p.AccountID == "" || p.RoleName == "" {
		return nil, "", "", fmt.Errorf("profile %q has no role: set sso_account_id and sso_role_name", p.Name)
	}
	provider, err := NewProvider(p.Session, func(o *ProviderOptions) { o.Config = cfg })
	if err != nil {
		return nil, "", "", err
	}
	return provider, p.AccountID, p.RoleName, nil
}
