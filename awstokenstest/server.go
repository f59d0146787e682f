package awstokenstest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
)

// Options are the settings of a new server. Zero values mean the defaults.
type Options struct {
	// Region is the Region that requests must be signed for. The default is
	// us-east-1.
	Region string

	// AccountID is the account, of 12 digits, that [Server.Config] signs for
	// and that issued the first license. The default is 111122223333.
	AccountID string

	// FrozenAt, unless zero, is the time at which the clock stands until
	// SetTime or Advance moves it. By default, it starts at the current time
	// and runs.
	FrozenAt time.Time

	// InProcess makes a server that does not listen. The HTTPClient of its
	// Config handles each request in the goroutine that sends it, so that it
	// can be used in a bubble of testing/synctest: the server's clock is that
	// of the bubble, and it starts no goroutine. Its URL is one at which
	// nothing can listen.
	//
	// A cut connection or a lost response is io.ErrUnexpectedEOF. A delayed
	// request is still processed if the server is closed in the meantime.
	InProcess bool

	// Addr is the loopback address to listen on, with a port; port 0 is a free
	// one. The default is 127.0.0.1:0. It cannot be combined with InProcess.
	Addr string

	// Path is the path of the endpoint, which must begin with a slash. The
	// server responds with 404 elsewhere, so that a client that drops the path
	// of its endpoint is noticed. The default is /emulator; a single slash
	// means none.
	Path string

	// Issuer is the claim iss of License Manager's tokens, KeyID their header
	// kid, Algorithm (ES256 or RS256) their header alg, and RoleClaim the name
	// of the claim that lists the role ARNs. AWS publishes none of them. The
	// defaults are https://openid-license-manager.amazonaws.com, emulator,
	// ES256 and roles.
	Issuer, KeyID, Algorithm, RoleClaim string

	// Window serves a page at [Server.URL] for a developer's browser. It shows
	// the licenses, seats, logins and tokens that the server holds, and, while it
	// is open, the requests and why they were refused. It has buttons that move
	// the clock, approve logins and script faults. It shows no secrets. It cannot
	// be combined with InProcess.
	Window bool
}

// TB is the part of testing.TB that NewServer needs.
type TB interface {
	Helper()
	Cleanup(func())
	Fatal(...any)
}

// Server is a running server. It is safe for concurrent use.
type Server struct{ emulator *emulator.Server }

// NewServer starts a server and closes it when the test ends. If the server
// cannot start, it ends the test. A nil option is ignored.
func NewServer(tb TB, options ...func(*Options)) *Server {
	tb.Helper()
	s, err := Start(options...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// Start starts a server, for programs that are not tests. It returns an error
// if an option is not valid or the address cannot be listened on. A nil option
// is ignored.
func Start(options ...func(*Options)) (*Server, error) {
	var o Options
	for _, option := range options {
		if option != nil {
			option(&o)
		}
	}
	prefix := strings.TrimSuffix(cmp.Or(o.Path, "/emulator"), "/")
	switch {
	case o.InProcess && o.Addr != "":
		return nil, errors.New("awstokenstest: Addr cannot be combined with InProcess")
	case o.InProcess && o.Window:
		return nil, errors.New("awstokenstest: Window cannot be combined with InProcess")
	case prefix != "" && prefix[0] != '/':
		return nil, errors.New("awstokenstest: Path must begin with a slash")
	}
	e, err := emulator.New(emulator.Options{
		Region:    o.Region,
		AccountID: o.AccountID,
		FrozenAt:  o.FrozenAt,
		Issuer:    o.Issuer,
		KeyID:     o.KeyID,
		Algorithm: o.Algorithm,
		RoleClaim: o.RoleClaim,
		Window:    o.Window,
	})
	switch {
	case err != nil:
	case o.InProcess:
		e.ServeInProcess(prefix)
	default:
		err = e.Listen(cmp.Or(o.Addr, "127.0.0.1:0"), prefix)
	}
	if err != nil {
		return nil, fmt.Errorf("awstokenstest: %w", err)
	}
	return &Server{e}, nil
}

// Close stops the server and ends its connections. Closing again does nothing.
func (s *Server) Close() { _ = s.emulator.Close() }

// URL returns the endpoint of all services. Clients must keep its path.
func (s *Server) URL() string { return s.emulator.URL() }

// Config returns a configuration for the clients of all services: the server's
// endpoint, its Region, a key that it knows, and its clock.
func (s *Server) Config() awstokens.Config { return s.emulator.Config() }

// ConfigOf is [Server.Config] for another account. The server has every account.
// An account has no access to what belongs to another one, except by a grant.
// ConfigOf panics if the account is not 12 digits.
func (s *Server) ConfigOf(account string) awstokens.Config { return s.emulator.ConfigOf(account) }

// Environ returns the environment for another process, as [os/exec.Cmd].Env: that
// of this process, without its AWS_ variables and with those that point this
// module, the AWS CLI and other SDKs at the server, with the key of
// [Server.Config]. NO_PROXY names the server's host, too: the AWS CLI would send
// even requests to this machine through a proxy.
//
// Profiles and logins are those of the user's home directory. For a process that
// uses them, append a HOME of its own; for a profile in AWS_PROFILE, which the key
// would take precedence over, also an empty AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY. Another process has the machine's clock, not the server's. For
// it to find something that has expired, make that while the server's clock is behind,
// and then set the clock to time.Now.
//
// Environ panics if the server does not listen.
func (s *Server) Environ() []string {
	cfg := s.Config()
	if cfg.HTTPClient != nil {
		panic("awstokenstest: no other process can reach a server in process")
	}
	key, err := cfg.Credentials.Retrieve(context.Background())
	if err != nil {
		panic("awstokenstest: " + err.Error()) // cannot happen to static credentials
	}
	env := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(strings.ToUpper(variable), "AWS_") // in lower case on Windows, perhaps
	})
	noProxy := s.noProxy()
	return append(env,
		"NO_PROXY="+noProxy, // programs differ in which of the two precedes
		"no_proxy="+noProxy,
		"AWS_ENDPOINT_URL="+s.URL(),
		// Where aws-sdk-go-v2 gets credentials, it reads no more than these.
		"AWS_ENDPOINT_URL_STS="+s.URL(),
		"AWS_ENDPOINT_URL_SSO="+s.URL(),
		"AWS_ENDPOINT_URL_SSO_OIDC="+s.URL(),
		"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false", // a profile may say true
		"AWS_REGION="+cfg.Region,
		"AWS_DEFAULT_REGION="+cfg.Region,
		"AWS_ACCESS_KEY_ID="+key.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY="+key.SecretAccessKey.Reveal(),
	)
}

// noProxy returns the value of NO_PROXY with the server's host.
func (s *Server) noProxy() string {
	u, _ := url.Parse(s.URL())
	host := strings.TrimSuffix(u.Host, ":"+u.Port()) // of IPv6 in brackets, as Python wants it
	switch others := cmp.Or(os.Getenv("NO_PROXY"), os.Getenv("no_proxy")); others {
	case "":
		return host
	case "*":
		return others
	default:
		return others + "," + host
	}
}

// ClearFaults removes all scripted faults of all services.
func (s *Server) ClearFaults() { s.emulator.ClearFaults() }

// Now returns the server's time.
func (s *Server) Now() time.Time { return s.emulator.Now() }

// SetTime sets the server's clock. It runs on from there, unless it is frozen.
func (s *Server) SetTime(t time.Time) { s.emulator.SetTime(t) }

// Advance moves the server's clock by d, which may be negative.
func (s *Server) Advance(d time.Duration) { s.emulator.Advance(d) }

// Freeze stops the server's clock. Only SetTime and Advance move it then.
func (s *Server) Freeze() { s.emulator.Freeze() }
