package login

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// DefaultScope is the scope of a session that names none. It permits listing
// accounts and roles, and getting their credentials.
const DefaultScope = "sso:account:access"

// Session says where and how to log in: a section [sso-session NAME] of the AWS
// config file, or the same made by a program.
type Session struct {
	// Name is the session's name, and what its token is stored under. Without
	// one, the session is of the older kind that the AWS config file has in
	// its profiles: its token is stored under the start URL.
	Name string

	// StartURL is the URL of the AWS access portal. It is compared byte by
	// byte: with a slash at the end it is another session. Required.
	StartURL string

	// Region is the Region of the Identity Center instance. All requests go
	// there, whatever the Region of the rest of the program. Required.
	Region string

	// Scopes are what the client registers for. None means DefaultScope.
	Scopes []string
}

// Validate checks that the required members are present. Its error is an
// [*Error].
func (s Session) Validate() error {
	var errs []error
	if s.StartURL == "" {
		errs = append(errs, errors.New("no start URL"))
	}
	if s.Region == "" {
		errs = append(errs, errors.New("no region"))
	}
	if err := errors.Join(errs...); err != nil {
		return &Error{Session: s, Err: err}
	}
	return nil
}

// String names the session, as errors do.
func (s Session) String() string {
	var words []string
	if s.Name != "" {
		words = append(words, strconv.Quote(s.Name))
	}
	if s.StartURL != "" {
		words = append(words, "of", s.StartURL)
	}
	if s.Region != "" {
		words = append(words, "in", s.Region)
	}
	return strings.Join(words, " ")
}

// LoadSession reads the section [sso-session NAME] of the AWS config file, which
// is the one that the environment variable AWS_CONFIG_FILE names, or
// ~/.aws/config. It returns an error if there is no such section, or one
// without sso_start_url or sso_region.
func LoadSession(name string) (Session, error) {
	path, err := configPath()
	if err != nil {
		return Session{}, fmt.Errorf("AWS config file: %w", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Session{}, fmt.Errorf("AWS config file: %w", err)
	}
	settings, ok := ssoSession(string(text), name)
	if !ok || name == "" { // which would be another kind of session
		return Session{}, fmt.Errorf("%s has no [sso-session %s]: create it with aws configure sso-session", path, quoteName(name))
	}
	for _, setting := range []string{"sso_start_url", "sso_region"} {
		if settings[setting] == "" {
			return Session{}, fmt.Errorf("%s: [sso-session %s] has no %s", path, quoteName(name), setting)
		}
	}
	s := Session{Name: name, StartURL: settings["sso_start_url"], Region: settings["sso_region"]}
	for scope := range strings.SplitSeq(settings["sso_registration_scopes"], ",") {
		if scope = strings.TrimSpace(scope); scope != "" {
			s.Scopes = append(s.Scopes, scope)
		}
	}
	return s, nil
}

// configPath is where the AWS config file is. A tilde in the variable is the
// home directory, also if no shell has replaced it.
func configPath() (string, error) {
	path := os.Getenv("AWS_CONFIG_FILE")
	rest, tilde := strings.CutPrefix(path, "~")
	if path != "" && !(tilde && (rest == "" || os.IsPathSeparator(rest[0]))) {
		return path, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	if path == "" {
		rest = filepath.Join(".aws", "config")
	}
	return filepath.Join(home, rest), nil
}

// quoteName writes a name as the config file requires it.
func quoteName(name string) string {
	if name == "" || strings.ContainsAny(name, " \t'\"\\") {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
	}
	return name
}
