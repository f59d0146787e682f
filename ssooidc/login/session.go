package login

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/redact"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// DefaultScope is the scope of a session without Scopes. It permits listing accounts
// and roles, and getting the credentials of roles.
const DefaultScope = "sso:account:access"

// Session says where and how to log in. It is a section [sso-session NAME] of the
// AWS config file, or made by a program.
type Session struct {
	// Name is the session's name. Its token is stored under the name. A session
	// without a name is of the older kind that the AWS config file has in its
	// profiles; its token is stored under the start URL.
	Name string

	// StartURL is the URL of the AWS access portal. It is compared byte by byte:
	// with a slash at the end it is another URL. Required.
	StartURL string

	// Region is the Region of the Identity Center instance. All requests for the
	// session go there, whatever the Region of the configuration. Required.
	Region string

	// Scopes are those that the client registers for. None means DefaultScope. A
	// token keeps its scopes when it is refreshed: after a change, log in with
	// Options.Force.
	Scopes []string
}

// LoadSession reads the section [sso-session NAME] of the AWS config file. The
// environment variable AWS_CONFIG_FILE names the file; the default is
// ~/.aws/config, in the home directory that [NewFileStore] uses as well.
//
// LoadSession returns an error if the file is not a regular file, if it has no such
// section, and if the section has no sso_start_url or no sso_region.
func LoadSession(name string) (Session, error) {
	file, err := readConfigFile()
	if err != nil {
		return Session{}, err
	}
	return file.session(name)
}

// session returns a session of the file.
func (f *awsConfig) session(name string) (Session, error) {
	settings, ok := f.find(sessionKind, name)
	switch {
	case ok && name != "": // a session without a name is of the older kind
	case f.has(profileKind, name):
		return Session{}, fmt.Errorf("%s has no %s, but a profile of that name: use LoadProfile", f.path, header(sessionKind, name))
	default:
		return Session{}, fmt.Errorf("%s has no %s: create it with aws configure sso-session", f.path, header(sessionKind, name))
	}
	if err := f.require(header(sessionKind, name), settings, "sso_start_url", "sso_region"); err != nil {
		return Session{}, err
	}
	s := Session{Name: name, StartURL: settings["sso_start_url"], Region: settings["sso_region"]}
	for scope := range strings.SplitSeq(settings["sso_registration_scopes"], ",") {
		if scope = strings.TrimSpace(scope); scope != "" {
			s.Scopes = append(s.Scopes, scope)
		}
	}
	return s, nil
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

// newClient validates a session, sets the default Store and the session's Region, and
// returns the client for its calls.
func newClient(s Session, store *Store, cfg *awstokens.Config) (*ssooidc.Client, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	var err error
	if *store == nil {
		*store, err = NewFileStore("")
	}
	cfg.Region, cfg.Credentials = s.Region, nil
	client, clientErr := ssooidc.New(*cfg)
	if err = errors.Join(err, clientErr); err != nil {
		return nil, &Error{Session: s, Err: err}
	}
	return client, nil
}

// String returns the name, the start URL and the Region, as errors have them.
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

// otherRegion returns the Region in the host of the start URL, if there is one and
// it is not the session's, or "".
func (s Session) otherRegion() string {
	u, err := url.Parse(s.StartURL)
	if err != nil || regionInHost(u.Hostname()) == s.Region {
		return ""
	}
	return regionInHost(u.Hostname())
}
