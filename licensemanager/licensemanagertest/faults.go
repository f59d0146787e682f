package licensemanagertest

import (
	"net/http"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/emulator"
)

// Faults scripts what goes wrong with some requests; Server.Next and
// Server.OneIn say which. A request that several faults are meant for meets
// the one that was scripted first.
type Faults struct {
	emulator *emulator.Server
	when     emulator.When
}

// Next scripts a fault for the next n requests of an operation, such as
// CreateToken or AssumeRoleWithWebIdentity. An empty operation means every one
// of every service. It panics if there is no such operation.
func (s *Server) Next(n int, operation string) Faults {
	return Faults{s.emulator, emulator.When{Operation: s.qualify(operation), Next: n}}
}

// OneIn scripts a fault for every nth request of an operation until
// ClearFaults. The operation is as for Next.
func (s *Server) OneIn(n int, operation string) Faults {
	return Faults{s.emulator, emulator.When{Operation: s.qualify(operation), OneIn: n}}
}

// ClearFaults forgets all that was scripted.
func (s *Server) ClearFaults() { s.emulator.ClearFaults() }

// Throttle answers with the service's throttling error, which is
// RateLimitExceededException for License Manager.
func (f Faults) Throttle() { f.script(emulator.Fault{Throttle: true}) }

// Fail answers with the service's internal error, ServerInternalException for
// License Manager, under an HTTP status such as 500.
func (f Faults) Fail(status int) { f.script(emulator.Fault{InternalStatus: status}) }

// FailUntyped answers with an HTTP status and a page of HTML, as a proxy in
// front of a service does.
func (f Faults) FailUntyped(status int) {
	f.Answer(status, http.Header{"Content-Type": {"text/html"}}, "<html><body><h1>"+http.StatusText(status)+"</h1></body></html>")
}

// Refuse answers with the error of a code, such as RedirectException or
// IDPCommunicationError. Members, which may be nil, are what the error has
// besides its message, such as Location.
func (f Faults) Refuse(code, message string, members map[string]string) {
	f.script(emulator.Fault{Code: code, Message: message, Members: members})
}

// Answer sends an HTTP answer as it is. The header may be nil.
func (f Faults) Answer(status int, header http.Header, body string) {
	f.script(emulator.Fault{Answer: &emulator.Answer{Status: status, Header: header, Body: body}})
}

// Delay carries the request out only after d, or not at all if the client has
// given up by then. Unlike everything else, it takes real time, or that of the
// bubble of a server without a network.
func (f Faults) Delay(d time.Duration) { f.script(emulator.Fault{Delay: d}) }

// Cut ends the connection without doing anything.
func (f Faults) Cut() { f.script(emulator.Fault{CutBefore: true}) }

// LoseAnswer carries the request out and then ends the connection instead of
// answering.
func (f Faults) LoseAnswer() { f.script(emulator.Fault{LoseAnswer: true}) }

// OmitErrorHeader leaves the header X-Amzn-Errortype out of an error that the
// request brings about by itself, so that only the body names it.
func (f Faults) OmitErrorHeader() { f.script(emulator.Fault{OmitErrorHeader: true}) }

func (f Faults) script(fault emulator.Fault) {
	if err := f.emulator.Inject(f.when, fault); err != nil {
		panic("licensemanagertest: " + err.Error())
	}
}
