// Package emulator is AWS License Manager, IAM Identity Center OIDC with its
// access portal, and AWS STS on one loopback URL: in memory, with a clock that
// can be set and faults that can be scripted. It verifies signatures, checks
// input by the published constraints, signs real JWTs and lets things expire,
// so that any client, the AWS CLI among them, works against it unchanged.
// Package awstokenstest is its public face.
//
// # Overview
//
// ServeHTTP (server.go) finds the service and the operation, applies a scripted
// fault (faults.go), verifies the signature (sigv4.go), decodes and checks the
// input (json.go, or the form in sts.go), and calls the operation's handler.
//
// Each service is a file with its table of operations and its way to write
// responses and errors. The handlers are in that file or in one for a resource:
//
//   - licensemanager.go: tokens.go, licenses.go, issuing.go, grants.go,
//     consumption.go, borrow.go, tags.go; seed.go has the first license
//   - oidc.go: device.go, authorize.go, oidctokens.go, propagation.go, and the
//     pages for a browser in pages.go
//   - portal.go
//   - sts.go
//
// A new operation is a line in a table and a handler. A new service is a file,
// a field of Server and a case in route.
//
// With Options.Window, a page at the root shows what the emulator holds
// (window.go, windowstate.go). While it is open, exchange.go records requests,
// which redaction.go and signaturereason.go show and explain.
//
// The cost of a call does not grow with what the emulator holds: seats.go
// counts checkouts as they begin and end, and store.go forgets what has expired.
//
// # What AWS does not publish
//
// What AWS does not publish is an option or a named constant that says so: the
// issuer, key ID, algorithm and role claim of License Manager's tokens, the size
// of a page, the life of OIDC tokens. No client should rely on it.
//
// Policies are not emulated: every known key may do everything that its
// account may. Behavior.ConsumptionRoleOnly and DenySetContext are the
// exceptions.
package emulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-25f54b62/awstokens"
)

// Server is the emulator: an http.Handler, and, once Listen was called, a
// server. It is safe for concurrent use.
type Server struct {
	options Options
	clock   clock
	issuer  *issuer
	faults  faults

	licenseManager, oidc, portal, sts *service

	mu       sync.Mutex // guards what follows, and the state of the services
	keys     store[string, *accessKey]
	requests map[operationID]int
	licenses *licenseManager
	identity *identityCenter
	access   *accessPortal

	url       string
	inProcess *inProcess // nil if there is a network
	window    *window    // nil without Options.Window
	server    *http.Server
	stop      context.CancelFunc
	served    chan struct{} // closed when the server has ended
}

var isAccountID = regexp.MustCompile(`^[0-9]{12}$`)

// New returns an emulator that does not listen yet. It knows one license and
// one key. It returns an error if an option is not valid.
func New(options Options) (*Server, error) {
	options.setDefaults()
	if !isAccountID.MatchString(options.AccountID) {
		return nil, fmt.Errorf("account ID %q is not 12 digits", options.AccountID)
	}
	s := &Server{
		options:  options,
		clock:    newClock(options.FrozenAt),
		requests: map[operationID]int{},
	}
	var err error
	if s.issuer, err = newIssuer(options); err != nil {
		return nil, err
	}
	s.addKey(options.AccessKeyID, options.SecretAccessKey, options.AccountID)
	s.licenseManager = newLicenseManager(s)
	s.oidc = newOIDC(s)
	s.portal = newPortal(s)
	s.sts = newSTS(s)
	s.licenses.seed(s.LicenseARN(), seedSKU)
	if options.Window {
		s.window = &window{Server: s}
	}
	return s, nil
}

// Listen serves the emulator on addr, which must be a loopback address with a
// port, until Close. With port 0 it takes a free one. Under a prefix such as
// /aws, it responds with 404 elsewhere, so that a client that drops the path of
// its endpoint is noticed. It refuses requests to another host, which a browser
// sends when the name of a web site is made to resolve to a loopback address.
// Call it once.
func (s *Server) Listen(addr, prefix string) error {
	if err := checkLoopback(addr); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	s.url = "http://" + listener.Addr().String() + prefix
	s.stop = stop
	s.served = make(chan struct{})
	s.server = &http.Server{
		Handler:           onlyHost(listener.Addr().String(), http.StripPrefix(prefix, s)),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second,
	}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(listener) // returns when Close is called
	}()
	return nil
}

func checkLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		if strings.ToLower(host) != "localhost" { // EqualFold would admit other letters
			return fmt.Errorf("%q is not a loopback address: the emulator's keys are public", addr)
		}
	}
	return nil
}

// onlyHost refuses requests for a host that is neither the address that the
// server listens on nor localhost.
func onlyHost(addr string, next http.Handler) http.Handler {
	_, port, _ := net.SplitHostPort(addr) // of a listener
	own := []string{addr, "localhost:" + port}
	if port == "80" { // which clients leave out
		own = append(own, strings.TrimSuffix(addr, ":80"), "localhost")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(own, strings.ToLower(r.Host)) {
			writeJSON(w, http.StatusMisdirectedRequest, object{"message": "The emulator does not serve the host " + r.Host})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Close stops serving and ends every connection. Closing again does nothing.
func (s *Server) Close() error {
	if s.inProcess != nil {
		s.inProcess.closed.Store(true)
	}
	if s.server == nil {
		return nil
	}
	s.stop()
	err := s.server.Close()
	<-s.served
	return err
}

// URL returns the endpoint. It is empty before Listen.
func (s *Server) URL() string { return s.url }

// Config returns a configuration for clients of this server: its endpoint and
// Region, a key that it knows, and its clock.
func (s *Server) Config() awstokens.Config {
	cfg := awstokens.Config{
		Region:       s.options.Region,
		BaseEndpoint: s.url,
		Credentials:  awstokens.StaticCredentials(s.options.AccessKeyID, s.options.SecretAccessKey, ""),
		Now:          s.clock.now,
	}
	if s.inProcess != nil {
		cfg.HTTPClient = s.inProcess
	}
	return cfg
}

// Now returns the emulator's time.
func (s *Server) Now() time.Time { return s.clock.now() }

// SetTime sets the emulator's clock. It runs on from there, unless it is
// frozen.
func (s *Server) SetTime(t time.Time) { s.clock.set(t) }

// Advance moves the emulator's clock by d, which may be negative.
func (s *Server) Advance(d time.Duration) { s.clock.advance(d) }

// Freeze stops the emulator's clock. Only SetTime and Advance move it then.
func (s *Server) Freeze() { s.clock.freeze() }

// Behave changes how the emulator behaves from now on.
func (s *Server) Behave(change func(*Behavior)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.options.Behavior)
}

// Inject scripts a fault. A request meets at most one fault: of those that
// apply to it, the one that was scripted first. Inject returns an error if no
// request can meet the fault, or if an HTTP status is not that of a final
// response.
func (s *Server) Inject(w When, f Fault) error {
	if w.Next <= 0 && w.OneIn <= 0 {
		return errors.New("a fault must be for at least one request")
	}
	if err := s.CheckOperation(w.Service, w.Operation); err != nil {
		return err
	}
	status := f.InternalStatus
	if f.Answer != nil {
		status = f.Answer.Status
	}
	if (f.Answer != nil || status != 0) && (status < 200 || status > 599) {
		return fmt.Errorf("%d is not the HTTP status of a final response", status)
	}
	s.faults.add(w, f)
	return nil
}

// ClearFaults removes all scripted faults.
func (s *Server) ClearFaults() { s.faults.clear() }

// Requests returns how many requests for an operation have come in, those that
// met a fault included. An empty operation means all of the service.
func (s *Server) Requests(id ServiceID, operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if operation != "" {
		return s.requests[operationID{id, operation}]
	}
	total := 0
	for o, n := range s.requests {
		if o.service == id {
			total += n
		}
	}
	return total
}

func (s *Server) count(o operationID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[o]++
}

// CheckOperation returns an error if the service has no such operation, so that
// a misspelled name is not ignored. An empty name means every operation.
func (s *Server) CheckOperation(id ServiceID, operation string) error {
	for _, svc := range s.services() {
		if _, ok := svc.operations[operation]; svc.id == id && (ok || operation == "") {
			return nil
		}
	}
	return fmt.Errorf("%s has no operation %q", id, operation)
}

func (s *Server) services() []*service {
	return []*service{s.licenseManager, s.oidc, s.portal, s.sts}
}

// ConfigOf is Config with a key of another account. Every account exists. It
// panics if the account is not 12 digits.
func (s *Server) ConfigOf(account string) awstokens.Config {
	if !isAccountID.MatchString(account) {
		panic(fmt.Sprintf("awstokenstest: account ID %q is not 12 digits", account))
	}
	cfg := s.Config()
	if account == s.options.AccountID {
		return cfg
	}
	id, secret := "AKIA"+account+"EMUL", "not-a-real-secret-of-"+account
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addKey(id, secret, account)
	cfg.Credentials = awstokens.StaticCredentials(id, secret, "")
	return cfg
}
