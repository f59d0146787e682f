package emulator

import (
	"net/http"
	"slices"
	"sync"
	"time"
)

// ServiceID tells apart the services that faults and counters are kept for.
// Two of them have an operation CreateToken.
type ServiceID string

const (
	LicenseManager ServiceID = "License Manager"
	IdentityCenter ServiceID = "IAM Identity Center" // OIDC and the access portal
	STS            ServiceID = "STS"
)

// operationID is an operation of one of the services.
type operationID struct {
	service ServiceID
	name    string
}

// When says which requests meet a fault: the next ones of an operation, or every
// nth of them. With an OneIn of 3, these are the third, the sixth and so on.
type When struct {
	Service   ServiceID
	Operation string // empty for every operation of the service
	Next      int
	OneIn     int
}

// matches reports whether requests for an operation count.
func (w When) matches(o operationID) bool {
	return w.Service == o.service && (w.Operation == "" || w.Operation == o.name)
}

// Fault is what goes wrong with a request. Its fields combine: a request can be
// delayed and then throttled.
type Fault struct {
	// Delay passes before anything else happens, unless the client gives up.
	Delay time.Duration

	// CutBefore ends the connection before the request is processed.
	CutBefore bool

	// DelayAnswer passes between the processing and the response, unless the
	// client gives up.
	DelayAnswer time.Duration

	// LoseAnswer ends the connection after the request was processed.
	LoseAnswer bool

	// OmitErrorHeader leaves X-Amzn-Errortype out of an error.
	OmitErrorHeader bool

	// Throttle responds with the service's own throttling error.
	Throttle bool

	// InternalStatus responds with the service's own internal error and this
	// HTTP status.
	InternalStatus int

	// Code, if not empty, is the code of the error to respond with. Message is
	// its message, and Members its other members, such as Location.
	Code, Message string
	Members       map[string]string

	// Answer, if not nil, is the response to send.
	Answer *Answer
}

// Answer is an HTTP response.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// faults are the scripted faults that requests can still meet. The zero value
// is ready to use.
type faults struct {
	mu       sync.Mutex
	scripted []*scriptedFault
}

type scriptedFault struct {
	when  When
	fault Fault
	met   int // requests that When.matches so far
}

func (f *faults) add(w When, fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.scripted = append(f.scripted, &scriptedFault{when: w, fault: fault})
}

func (f *faults) clear() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.scripted = nil
}

// take returns the fault that a request of the operation meets, which may be
// none. A request meets one fault at most, the one scripted first.
func (f *faults) take(o operationID) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	var met *scriptedFault
	for _, s := range f.scripted {
		if !s.when.matches(o) {
			continue
		}
		// A rate counts every request, also one that meets another fault.
		if s.when.OneIn > 0 {
			s.met++
		}
		if met == nil && s.due() {
			met = s
		}
	}
	if met == nil {
		return Fault{}
	}
	if met.when.OneIn == 0 {
		if met.when.Next--; met.when.Next == 0 {
			f.scripted = slices.DeleteFunc(f.scripted, func(s *scriptedFault) bool { return s == met })
		}
	}
	return met.fault
}

func (s *scriptedFault) due() bool {
	return s.when.OneIn == 0 || s.met%s.when.OneIn == 0
}

// failure returns the error that the fault responds with, or nil.
func (f *Fault) failure(svc *service) *failure {
	switch {
	case f.Throttle:
		return fail(svc.throttled, "Rate exceeded")
	case f.InternalStatus != 0:
		e := fail(svc.internal, "An internal error occurred.")
		e.status = f.InternalStatus
		return e
	case f.Code != "":
		return &failure{code: f.Code, message: f.Message, members: f.Members}
	}
	return nil
}
