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

const defaultProfile = "default"

// Profile is a profile of the AWS config file that has a session. Pass it to
// portal.ProfileCredentials to get the credentials of its role.
type Profile struct {
	// Name is the profile's name.
	Name string

	// Session is the [sso-session NAME] that the profile names, or, without a
	// name, a session of the older kind, whose settings are in the profile.
	Session Session

	// AccountID and RoleName are the role of the profile. Both are empty in a
	// profile that is only for logging in.
	AccountID, RoleName string

	// Region is the Region for the clients that use the role's credentials, or
	// empty if the profile has none. It need not be the session's Region.
	Region string
}

// LoadProfile reads a profile of the AWS config file that [LoadSession] reads. The
// empty name means the profile that the environment variable AWS_PROFILE names, else
// AWS_DEFAULT_PROFILE, or else default. LoadProfile does not read the AWS credentials
// file.
//
// It returns an error if there is no such profile, if the session is missing,
// unknown or not complete, if the profile has an account without a role or a role
// without an account, and if a setting differs from the session's. The error names
// the file, the section and the setting.
func LoadProfile(name string) (Profile, error) {
	file, err := readConfigFile()
	if err != nil {
		return Profile{}, err
	}
	return file.profile(cmp.Or(name, os.Getenv("AWS_PROFILE"), os.Getenv("AWS_DEFAULT_PROFILE"), defaultProfile))
}

// Profiles returns the profiles of the AWS config file that have a setting whose
// name begins with sso_, in the order of the file. If some of them cannot be
// loaded, it returns the others and the joined errors of [LoadProfile].
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
		return Session{}, fmt.Errorf("%s: %s has no sso_session: awssdk.Load reads a profile of another kind", f.path, section)
	}
	if err := f.require(section, settings, "sso_start_url", "sso_region"); err != nil {
		return Session{}, err
	}
	return Session{StartURL: settings["sso_start_url"], Region: settings["sso_region"]}, nil
}

// inherit adds the settings of its session to those of a profile. It returns an
// error if the two differ in a setting.
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

// RoleTokens implements portal.Profile. It returns a [Provider] of the session's
// tokens in the files of the AWS CLI, with the configuration, and the account and
// the role, or an error if the profile has no role. For another [Store], call
// portal.RoleCredentials with a Provider that has it.
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
