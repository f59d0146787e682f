package licensemanagertest

import (
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
	"github.com/seed-25f54b62/awstokens/ssooidc/ssooidctest"
)

// The ID of the service whose operation is meant where two have one of the
// same name.
const serviceID = "License Manager"

// basePath is part of every URL, so that a client that loses the path of its
// endpoint fails.
const basePath = "/emulator"

// TB is the part of testing.TB that NewServer needs. A *testing.T has it.
type TB interface {
	Helper()
	Cleanup(func())
	Fatal(...any)
}

// Server is a running service. All its methods are safe for concurrent use.
type Server struct{ emulator *emulator.Server }

// NewServer starts a server that the end of the test closes. If it cannot, it
// ends the test.
func NewServer(tb TB, options ...Option) *Server {
	tb.Helper()
	s, err := Start(options...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// Start starts a server on a free loopback port, for programs that are not
// tests. It fails if an option cannot be or no port is free.
func Start(options ...Option) (*Server, error) {
	var s settings
	for _, option := range options {
		option.apply(&s)
	}
	e, err := emulator.New(s.Options)
	if err != nil {
		return nil, err
	}
	if s.withoutNetwork {
		e.ServeInProcess(basePath)
	} else if err := e.Listen("127.0.0.1:0", basePath); err != nil {
		return nil, err
	}
	return &Server{e}, nil
}

// Close stops the server and ends its connections. Closing again does nothing.
func (s *Server) Close() { _ = s.emulator.Close() }

// URL returns the endpoint, which has a path that clients must keep.
func (s *Server) URL() string { return s.emulator.URL() }

// Config returns a configuration for clients of this server: its endpoint, its
// Region, a key that it knows, and its clock. It serves the clients of all the
// services that the server has.
func (s *Server) Config() awstokens.Config { return s.emulator.Config() }

// IdentityCenter returns the controls of the IAM Identity Center OIDC that
// this server is, too.
func (s *Server) IdentityCenter() *ssooidctest.Server { return ssooidctest.Of(s.emulator) }

// Now returns the server's time, which starts at real time.
func (s *Server) Now() time.Time { return s.emulator.Now() }

// SetTime sets the server's clock. It runs on from there, unless it is frozen.
func (s *Server) SetTime(t time.Time) { s.emulator.SetTime(t) }

// Advance moves the server's clock by d, which may be negative.
func (s *Server) Advance(d time.Duration) { s.emulator.Advance(d) }

// Freeze stops the server's clock: from then on only SetTime and Advance move
// it.
func (s *Server) Freeze() { s.emulator.Freeze() }

// RoleArn returns the ARN of a role to put into tokens. Any other role will do
// as well: AssumeRoleWithWebIdentity accepts the roles that a token embeds.
func (s *Server) RoleArn() string { return s.emulator.RoleArn() }

// ZonelessTimes makes the server write dates without a zone, as some services
// do against their published pattern.
func (s *Server) ZonelessTimes(on bool) {
	s.emulator.Behave(func(b *emulator.Behavior) { b.ZonelessTimes = on })
}

// Minted returns how many refresh tokens CreateToken has made for a
// ClientToken. Repeated calls within 10 minutes make one.
func (s *Server) Minted(clientToken string) int { return s.emulator.Minted(clientToken) }

// Requests returns how many requests for an operation have come in, those that
// met a fault among them. Empty counts the requests for all operations. It
// panics if there is no such operation.
func (s *Server) Requests(operation string) int {
	return s.emulator.Requests(s.qualify(operation))
}

func (s *Server) qualify(operation string) string {
	name, err := s.emulator.Qualify(serviceID, operation)
	if err != nil {
		panic("licensemanagertest: " + err.Error())
	}
	return name
}
