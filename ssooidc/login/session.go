package login

import (
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/seed-25f54b62/awstokens/internal/redact"
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
		words = append(words, "of", redact.Line(s.StartURL))
	}
	if s.Region != "" {
		words = append(words, "in", redact.Line(s.Region))
	}
	return strings.Join(words, " ")
}

// otherRegion returns the Region that the host of the start URL names, if that
// is not the session's, or "".
func (s Session) otherRegion() string {
	u, err := url.Parse(s.StartURL)
	if err != nil {
		return ""
	}
	if region := regionInHost(u.Hostname()); region != s.Region {
		return region
	}
	return ""
}
