package awstokenstest

import (
	"cmp"
	"maps"
	"net/http"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/emulator"
)

// Service is what the services of a server have in common: faults and
// counters. It is safe for concurrent use.
type Service struct {
	emulator *emulator.Server
	id       emulator.ServiceID
}

// Next scripts a fault for the next n requests for an operation, which are
// attempts: a call that is retried sends several. An empty operation means every
// operation of the service. Next panics if the service has no such operation or
// n is not positive.
func (s Service) Next(n int, operation string) Faults {
	return s.faults(emulator.When{Service: s.id, Operation: operation, Next: n}, n)
}

// OneIn scripts a fault for every nth request for an operation until
// [Server.ClearFaults]. The arguments are those of [Service.Next].
func (s Service) OneIn(n int, operation string) Faults {
	return s.faults(emulator.When{Service: s.id, Operation: operation, OneIn: n}, n)
}

func (s Service) faults(when emulator.When, n int) Faults {
	s.check(when.Operation)
	if n <= 0 {
		panic("awstokenstest: a fault must be for at least one request")
	}
	return Faults{s.emulator, when}
}

// Requests returns how many requests for an operation have come in, those that
// met a fault included. An empty operation means every operation of the
// service. Requests panics if the service has no such operation.
func (s Service) Requests(operation string) int {
	s.check(operation)
	return s.emulator.Requests(s.id, operation)
}

func (s Service) check(operation string) {
	if err := s.emulator.CheckOperation(s.id, operation); err != nil {
		panic("awstokenstest: " + err.Error())
	}
}

// Faults scripts what goes wrong with the requests that [Service.Next] or
// [Service.OneIn] chooses. Each call of a method scripts one fault. A request
// meets at most one fault: of those that apply to it, the one that was scripted
// first. Faults is safe for concurrent use.
type Faults struct {
	emulator *emulator.Server
	when     emulator.When
}

// Throttle responds with the service's throttling error:
// RateLimitExceededException of License Manager, SlowDownException of OIDC,
// TooManyRequestsException of the access portal, Throttling of STS.
func (f Faults) Throttle() { f.script(emulator.Fault{Throttle: true}) }

// Fail responds with the service's internal error, such as
// ServerInternalException of License Manager, and an HTTP status such as 500. It
// panics if the status is not in the range of 200 to 599.
func (f Faults) Fail(status int) {
	f.script(emulator.Fault{InternalStatus: cmp.Or(status, -1)}) // there, 0 is no fault
}

// FailUntyped responds with an HTTP status and a page of HTML, as a proxy in
// front of a service does. It panics if the status is not in the range of 200 to
// 599.
func (f Faults) FailUntyped(status int) {
	f.Answer(status, http.Header{"Content-Type": {"text/html"}}, "<html><body><h1>"+http.StatusText(status)+"</h1></body></html>")
}

// Refuse responds with the error of a code, such as RedirectException,
// InvalidGrantException or IDPCommunicationError. Members, which may be nil,
// are the error's members besides its message, such as Location or reason. Any
// code will do: for credentials that have expired it is ExpiredTokenException.
// Refuse panics if the code is empty.
//
// A provider may retry a refusal, as tokencreds does while a role is new. To
// refuse every request, script the fault with OneIn.
func (f Faults) Refuse(code, message string, members map[string]string) {
	if code == "" {
		panic("awstokenstest: a refusal must have a code")
	}
	f.script(emulator.Fault{Code: code, Message: message, Members: maps.Clone(members)})
}

// Answer responds with the given status, header and body. The header may be nil.
// It panics if the status is not in the range of 200 to 599.
func (f Faults) Answer(status int, header http.Header, body string) {
	f.script(emulator.Fault{Answer: &emulator.Answer{Status: status, Header: header.Clone(), Body: body}})
}

// Delay processes the request after d, or not at all if the client has given
// up by then. It takes real time, whatever the server's clock; in a bubble of
// testing/synctest, the bubble's time.
func (f Faults) Delay(d time.Duration) { f.script(emulator.Fault{Delay: d}) }

// DelayAnswer processes the request at once and responds after d, in the time of
// [Faults.Delay]. A client that gives up before then has no response to what the
// service has processed.
func (f Faults) DelayAnswer(d time.Duration) { f.script(emulator.Fault{DelayAnswer: d}) }

// Cut ends the connection without processing the request, which the client
// cannot know. For a network on which nothing can be sent, give the client an
// HTTPClient that returns an error instead of calling that of Server.Config.
func (f Faults) Cut() { f.script(emulator.Fault{CutBefore: true}) }

// LoseAnswer processes the request and then ends the connection without a
// response.
func (f Faults) LoseAnswer() { f.script(emulator.Fault{LoseAnswer: true}) }

// OmitErrorHeader leaves the header X-Amzn-Errortype out of an error that the
// request causes by itself, so that only the body names the error.
func (f Faults) OmitErrorHeader() { f.script(emulator.Fault{OmitErrorHeader: true}) }

func (f Faults) script(fault emulator.Fault) {
	if err := f.emulator.Inject(f.when, fault); err != nil {
		panic("awstokenstest: " + err.Error())
	}
}
