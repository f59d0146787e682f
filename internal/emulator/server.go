package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/endpoint"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// maxRequestBytes is far above the longest request of any operation here.
const maxRequestBytes = 1 << 20

// service is one AWS service: its operations and the format of its responses.
type service struct {
	endpoint.Service
	id         ServiceID
	operations map[string]operation

	result func(w http.ResponseWriter, r *request, out any)
	refuse func(w http.ResponseWriter, r *request, f *failure)

	throttled string            // code of its throttling error
	internal  string            // code of its internal error
	shared    map[string]string // its codes for errors that all services share
}

// explain replaces the code of an error that all services share by the service's
// own.
func (svc *service) explain(f *failure) *failure {
	if code, ok := svc.shared[f.code]; ok {
		f.code = code
	}
	return f
}

// operation is one operation of a service.
type operation struct {
	auth   auth
	handle handler
}

// handler processes a request. The Server's lock is held meanwhile, so requests
// are processed one after the other.
type handler func(r *request) (any, *failure)

// auth is how an operation is authorized.
type auth int

const (
	signed   auth = iota // a SigV4 signature is required
	unsigned             // a signature is ignored
	optional             // a signature is verified if there is one
)

// request is a request on its way through the emulator.
type request struct {
	*http.Request
	id        string
	operation string
	body      []byte
	now       time.Time  // when it is processed, by the emulator's clock
	sent      *url.URL   // URL as the client sent it
	caller    *accessKey // key that signed it; nil if it is not signed
	seen      *exchange  // its record; nil unless the window is open

	omitErrorHeader bool
}

// failure is an error of a service, which writes it in its own format.
type failure struct {
	code    string
	message string
	status  int               // overrides the HTTP status of the code, if not 0
	members map[string]string // members besides code and message

	ofSignature bool   // the signature was refused
	why         string // the reason, which only the window shows; may be empty
}

func fail(code, format string, args ...any) *failure {
	return &failure{code: code, message: fmt.Sprintf(format, args...)}
}

// object is a JSON object.
type object = map[string]any

// ServeHTTP responds to one request: it finds the operation, applies a scripted
// fault, verifies the signature, processes the request and writes the response.
// It is safe for concurrent use.
func (s *Server) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	r := &request{Request: hr, id: transport.NewUUID(), sent: sentURL(hr)}
	w.Header().Set("X-Amzn-Requestid", r.id)
	s.setDate(w)
	if s.window.isWatched(r) {
		r.seen = s.window.record(w, r)
		w = r.seen
		defer r.seen.end()
	}
	var err error
	if r.body, err = io.ReadAll(http.MaxBytesReader(w, hr.Body, maxRequestBytes)); err != nil {
		refuseBody(w, err)
		return
	}
	svc, page := s.route(r)
	if page != nil {
		page(w, r)
		return
	}
	if svc == nil {
		writeJSON(w, http.StatusNotFound, object{"message": "No operation is served at " + r.Method + " " + r.sent.Path})
		return
	}
	op, known := svc.operations[r.operation]
	if !known {
		refusal := svc.explain(fail("UnknownOperationException", "The operation %s is unknown to %s.", r.operation, svc.ID))
		r.seen.meets(Fault{}, refusal)
		svc.refuse(w, r, refusal)
		return
	}
	s.serve(w, r, svc, op)
}

func (s *Server) serve(w http.ResponseWriter, r *request, svc *service, op operation) {
	name := operationID{svc.id, r.operation}
	s.count(name)
	fault := s.faults.take(name)
	r.seen.meets(fault, nil)
	if !wait(r, fault.Delay) || fault.CutBefore {
		panic(http.ErrAbortHandler) // closes the connection without a response
	}
	r.omitErrorHeader = fault.OmitErrorHeader
	if fault.Answer != nil {
		fault.Answer.write(w)
		return
	}
	refusal := fault.failure(svc)
	var out any
	if refusal == nil {
		out, refusal = s.run(r, svc, op)
	}
	r.seen.meets(fault, refusal)
	s.setDate(w) // a late response has an old date
	if !wait(r, fault.DelayAnswer) || fault.LoseAnswer {
		panic(http.ErrAbortHandler)
	}
	if refusal != nil {
		svc.refuse(w, r, refusal)
		return
	}
	svc.result(w, r, out)
}

// run authorizes the request and processes it.
func (s *Server) run(r *request, svc *service, op operation) (any, *failure) {
	r.now = s.clock.now()
	if op.auth == signed || op.auth == optional && r.Header.Get("Authorization") != "" {
		var refusal *failure
		if r.caller, refusal = s.authenticate(r, svc.SigningName); refusal != nil {
			refusal.ofSignature = true
			return nil, svc.explain(refusal)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return op.handle(r)
}

// route returns the service of a request, whose operation it sets, or a page, or
// neither. The services share one URL, and differ in their protocols: a target
// header, a path or a form.
func (s *Server) route(r *request) (*service, func(http.ResponseWriter, *request)) {
	path := r.URL.Path
	if operation, ok := oidcOperation(path, r.URL.Query()); ok && r.Method == http.MethodPost {
		r.operation = operation
		return s.oidc, nil
	}
	if operation, ok := portalOperation(r.Method, path); ok {
		r.operation = operation
		return s.portal, nil
	}
	switch {
	case s.window.has(path, r.Method):
		return nil, s.window.page
	case path == devicePath:
		return nil, s.devicePage
	case path == authorizePath:
		return nil, s.authorizePage
	case path == userJWTPath && r.Method == http.MethodGet:
		return nil, s.userJWTPage
	case path != "" && path != "/" || r.Method != http.MethodPost:
		return nil, nil
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		r.operation = strings.TrimPrefix(target, "AWSLicenseManager.")
		return s.licenseManager, nil
	}
	if contentType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); contentType == "application/x-www-form-urlencoded" {
		r.operation = stsAction(r.body)
		return s.sts, nil
	}
	return nil, nil
}

// base returns the URL at which the client reaches this handler, with the prefix
// that it is mounted at and without a slash at the end.
func (r *request) base() string {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host + strings.TrimSuffix(r.sent.EscapedPath(), r.URL.EscapedPath())
}

// setDate sets the header Date to the emulator's time. Clients correct their
// clocks by it.
func (s *Server) setDate(w http.ResponseWriter) {
	w.Header().Set("Date", s.clock.now().Format(http.TimeFormat))
}

// wait waits for a delay. It returns false if the client gives up before its end.
func wait(r *request, d time.Duration) bool {
	return d <= 0 || transport.Sleep(r.Context(), d) == nil
}

func refuseBody(w http.ResponseWriter, err error) {
	status := http.StatusBadRequest
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		status = http.StatusRequestEntityTooLarge
	}
	writeJSON(w, status, object{"message": err.Error()})
}

func (a *Answer) write(w http.ResponseWriter) {
	for name, values := range a.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, a.Body)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	writeJSONAs(w, "application/json", status, body)
}

func writeJSONAs(w http.ResponseWriter, contentType string, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // every response is made of strings, numbers, lists and objects
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
