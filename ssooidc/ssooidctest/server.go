package ssooidctest

import (
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
)

// The ID of the service whose operation is meant where two have one of the
// same name.
const serviceID = "SSO OIDC"

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
	var o emulator.Options
	for _, option := range options {
		option.apply(&o)
	}
	e, err := emulator.New(o)
	if err != nil {
		return nil, err
	}
	if err := e.Listen("127.0.0.1:0", basePath); err != nil {
		return nil, err
	}
	return &Server{e}, nil
}

// Of returns the controls of an emulator that is running already. It is for
// other packages of this module: the parameter's type is internal to it.
func Of(e *emulator.Server) *Server { return &Server{e} }

// Close stops the server and ends its connections. Closing again does nothing.
func (s *Server) Close() { _ = s.emulator.Close() }

// URL returns the endpoint, which has a path that clients must keep.
func (s *Server) URL() string { return s.emulator.URL() }

// Config returns a configuration for clients of this server: its endpoint, its
// Region, a key that it knows, and its clock. It serves the clients of all the
// services that the server has.
func (s *Server) Config() awstokens.Config { return s.emulator.Config() }

// Now returns the server's time, which starts at real time.
func (s *Server) Now() time.Time { return s.emulator.Now() }

// SetTime sets the server's clock. It runs on from there, unless it is frozen.
func (s *Server) SetTime(t time.Time) { s.emulator.SetTime(t) }

// Advance moves the server's clock by d, which may be negative.
func (s *Server) Advance(d time.Duration) { s.emulator.Advance(d) }

// Freeze stops the server's clock: from then on only SetTime and Advance move
// it.
func (s *Server) Freeze() { s.emulator.Freeze() }

// ApproveDevice approves the device authorization that showed the user code.
// It fails if no pending authorization has it.
func (s *Server) ApproveDevice(userCode string) error { return s.emulator.ApproveDevice(userCode) }

// DenyDevice denies the device authorization that showed the user code. It
// fails if no pending authorization has it.
func (s *Server) DenyDevice(userCode string) error { return s.emulator.DenyDevice(userCode) }

// AutoApprove makes the server approve device authorizations when they start,
// and send a browser that asks for an authorization straight back with a code.
func (s *Server) AutoApprove(on bool) {
	s.emulator.Behave(func(b *emulator.Behavior) { b.AutoApprove = on })
}

// Authorize consents to an authorization request and returns its code, which
// is good for one exchange within 10 minutes. The client is one of
// RegisterClient, or the ARN of an application for CreateTokenWithIAM. The
// challenge is the S256 challenge of RFC 7636; only an application may leave
// it empty. Without scopes, all that the client has are granted. It fails for
// a client that is not registered and for a redirect URI or a scope that is
// not the client's; the port of a loopback redirect URI does not count.
func (s *Server) Authorize(clientID, redirectURI, challenge string, scopes ...string) (code string, err error) {
	return s.emulator.Authorize(emulator.Authorization{
		ClientID: clientID, RedirectURI: redirectURI, CodeChallenge: challenge, Scopes: scopes,
	})
}

// RotateRefreshTokens makes every refresh return a new refresh token and
// invalidate the one that was sent. Without it, a refresh returns none, and
// the one that was sent stays good.
func (s *Server) RotateRefreshTokens(on bool) {
	s.emulator.Behave(func(b *emulator.Behavior) { b.RotateRefreshTokens = on })
}

// OmitIdentityContext makes CreateTokenWithIAM leave its member
// awsAdditionalDetails null. The identity context is then only the claim
// sts:identity_context of the ID token.
func (s *Server) OmitIdentityContext(on bool) {
	s.emulator.Behave(func(b *emulator.Behavior) { b.OmitIdentityContext = on })
}

// Requests returns how many requests for an operation have come in, those that
// met a fault among them. Empty counts the requests for all operations. It
// panics if there is no such operation.
func (s *Server) Requests(operation string) int {
	return s.emulator.Requests(s.qualify(operation))
}

func (s *Server) qualify(operation string) string {
	name, err := s.emulator.Qualify(serviceID, operation)
	if err != nil {
		panic("ssooidctest: " + err.Error())
	}
	return name
}
