package emulator

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/redact"
)

// maxRecorded is the size of the longest body that is recorded.
const maxRecorded = 16 << 10

// exchange is a request and its response, recorded for the window. What takes
// time, such as redaction, is done only when it is shown.
type exchange struct {
	http.ResponseWriter
	to      *window
	request *request

	n       int       // its number
	at      time.Time // by the emulator's clock
	began   time.Time
	took    time.Duration
	status  int // 0 if the connection was closed without a response
	header  http.Header
	body    []byte // nil if it was not kept
	size    int    // of the body
	fault   Fault
	refusal *failure
	reason  string // why a signature does not match
}

func (e *exchange) WriteHeader(status int) {
	e.status = cmp.Or(e.status, status)
	e.ResponseWriter.WriteHeader(status)
}

// Write keeps p itself, without a copy: the services write a body at once and do
// not change it. Of pages, only the size is kept.
func (e *exchange) Write(p []byte) (int, error) {
	e.status = cmp.Or(e.status, http.StatusOK)
	e.size += len(p)
	e.body = nil
	if contentType := e.Header().Get("Content-Type"); e.size == len(p) && e.size <= maxRecorded && (strings.Contains(contentType, "json") || contentType == "text/xml") {
		e.body = p
	}
	return e.ResponseWriter.Write(p)
}

// meets records the fault and the refusal of the request.
func (e *exchange) meets(fault Fault, refusal *failure) {
	if e == nil {
		return
	}
	e.fault, e.refusal = fault, refusal
	if refusal != nil && refusal.ofSignature {
		e.reason = e.to.explainSignature(e.request)
	}
}

// end adds the exchange to the window, without what only a response needs.
func (e *exchange) end() {
	e.took = time.Since(e.began)
	r := e.request
	if r.operation == "" {
		r.operation = r.Method + " " + r.URL.Path
	}
	if len(r.body) > maxRecorded {
		r.body = nil
	}
	r.Request = &http.Request{Method: r.Method, Host: r.Host, Header: r.Header}
	e.header = e.Header() // complete by now
	e.ResponseWriter, r.seen = nil, nil
	e.to.keep(e)
}

// summary is the line of an exchange in the window.
type summary struct {
	N                         int
	At                        time.Time
	Operation, Caller, Reason string
	Status                    int
	Micros                    int64
}

func (e *exchange) summary() summary {
	return summary{
		N: e.n, At: e.at, Status: e.status, Micros: e.took.Microseconds(),
		Operation: redact.Line(e.request.operation), Caller: e.caller(), Reason: e.explain(),
	}
}

// caller returns who sent the request, as far as is known.
func (e *exchange) caller() string {
	r := e.request
	if r.caller != nil {
		return r.caller.arn
	}
	if auth, refusal := parseAuthorization(r.Header.Get("Authorization")); refusal == nil {
		return redact.Line(auth.keyID)
	}
	var body struct{ ClientId string }
	_ = json.Unmarshal(r.body, &body)
	e.to.mu.Lock()
	defer e.to.mu.Unlock()
	if name := e.to.identity.clientName(body.ClientId); name != body.ClientId || isApplication(name) {
		return redact.Line(name)
	}
	return "" // an unknown client ID may be anything
}

// explain returns why the request was refused.
func (e *exchange) explain() string {
	var reasons []string
	if text := e.fault.describe(e.request.operation); text != "" {
		reasons = append(reasons, "Scripted fault: "+text+".")
	}
	if e.refusal != nil {
		reasons = append(reasons, e.refusal.code+": "+e.refusal.message, e.refusal.why, e.reason)
	} else if len(reasons) == 0 && e.status >= 400 {
		reasons = append(reasons, http.StatusText(e.status)+" at "+e.request.sent.Path)
	}
	reasons = slices.DeleteFunc(reasons, func(text string) bool { return text == "" })
	if len(reasons) == 0 {
		return ""
	}
	var show shown
	show.exchange(e)
	return show.secrets.Text(strings.Join(reasons, " "))
}

// describe returns what the fault does, or an empty string if there is none.
func (f *Fault) describe(operation string) string {
	var parts []string
	add := func(is bool, text string) {
		if is {
			parts = append(parts, text)
		}
	}
	add(f.Delay > 0, "delayed by "+f.Delay.String())
	add(f.CutBefore, "connection cut before "+operation+" was processed")
	add(f.Throttle, "throttled")
	add(f.InternalStatus != 0, "internal error "+strconv.Itoa(f.InternalStatus))
	add(f.Code != "", "refused as "+f.Code)
	add(f.Answer != nil, "a response as scripted")
	add(f.OmitErrorHeader, "no X-Amzn-Errortype")
	add(f.DelayAnswer > 0, "response to "+operation+" delayed by "+f.DelayAnswer.String())
	add(f.LoseAnswer, "response lost after "+operation+" was processed")
	return strings.Join(parts, ", ")
}

// text returns the whole exchange, redacted.
func (e *exchange) text() (sent, received string) {
	var show shown
	sent, received = show.exchange(e)
	for _, text := range []*string{&sent, &received} {
		lines := strings.Split(*text, "\n")
		for i, line := range lines { // a secret may also be in an unexpected place
			lines[i] = show.secrets.Text(line)
		}
		*text = strings.Join(lines, "\n")
	}
	return sent, received
}
