package emulator

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-25f54b62/awstokens"
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

// shown formats an exchange without its secrets, which it collects.
type shown struct{ secrets redact.Scrubber }

func (s *shown) exchange(e *exchange) (sent, received string) {
	r := e.request
	sent = r.Method + " " + s.url(r.sent.RequestURI()) + "\nHost: " + r.Host + "\n" + s.headers(r.Header) +
		s.body(r.Header.Get("Content-Type"), r.body, len(r.body))
	if e.status == 0 {
		return sent, "No response: the connection was closed."
	}
	return sent, strconv.Itoa(e.status) + " " + http.StatusText(e.status) + "\n" + s.headers(e.header) +
		s.body(e.header.Get("Content-Type"), e.body, e.size)
}

var (
	// A name is that of a secret if it matches the first and not the second.
	secretName = regexp.MustCompile(`(?i)token|secret|code|verifier|assertion|context|signature|password|cookie|authorization`)
	plainName  = regexp.MustCompile(`^(?i:clientToken|nextToken|tokens|next_token|tokenIds?|tokenType|tokenProperties|(issued|requested|subject)TokenType|code_challenge(_method)?)$`)
	signedWith = regexp.MustCompile(`(Signature=)(.*)$`)
	xmlText    = regexp.MustCompile(`<(\w+)>([^<]*)</`)
)

// isSecret reports whether a value of this name is secret. Of a member of a form,
// the last part of the name counts.
func isSecret(name string) bool {
	name = name[strings.LastIndexByte(name, '.')+1:]
	return secretName.MatchString(name) && !plainName.MatchString(name)
}

// value returns the value of a name, redacted if it is secret.
func (s *shown) value(name, value string) string {
	switch {
	case value == "" || !isSecret(name) && !strings.HasPrefix(value, "eyJ"): // a JWT
		return value
	case strings.EqualFold(name, "Authorization") && strings.HasPrefix(value, sigv4Algorithm+" "):
		return signedWith.ReplaceAllStringFunc(value, func(match string) string {
			s.secrets.Add(awstokens.NewSecret(strings.TrimPrefix(match, "Signature=")))
			return "Signature=[redacted]"
		})
	}
	for secret := range strings.FieldsSeq(value) { // without Bearer and the prefix of all of the emulator's secrets
		if secret = strings.TrimPrefix(secret, "emulated-"); secret != "Bearer" {
			s.secrets.Add(awstokens.NewSecret(secret))
		}
	}
	return "[redacted]"
}

func (s *shown) headers(header http.Header) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			if name == "Location" || name == "Referer" {
				value = s.url(value)
			}
			text.WriteString(name + ": " + s.value(name, value) + "\n")
		}
	}
	return text.String()
}

// url returns a URL without the secrets of its query.
func (s *shown) url(text string) string {
	path, query, found := strings.Cut(text, "?")
	if !found {
		return text
	}
	return path + "?" + s.form(query, "&")
}

func (s *shown) form(text, separator string) string {
	form, err := url.ParseQuery(text)
	if err != nil {
		return "[redacted: it cannot be parsed]"
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, value := range form[name] {
			pairs = append(pairs, name+"="+s.value(name, value))
		}
	}
	return strings.Join(pairs, separator)
}

// body returns a body in one of the formats of the services without its secrets.
// A body in another format is redacted as a whole.
func (s *shown) body(contentType string, body []byte, size int) string {
	var text bytes.Buffer
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	switch {
	case size == 0:
		return ""
	case strings.HasPrefix(contentType, "application/x-www-form-urlencoded"):
		return "\n" + s.form(string(body), "\n")
	case contentType == "text/xml":
		return "\n" + xmlText.ReplaceAllStringFunc(string(body), func(match string) string {
			parts := xmlText.FindStringSubmatch(match)
			if parts[1] == "Code" { // of an error
				return match
			}
			return "<" + parts[1] + ">" + s.value(parts[1], parts[2]) + "</"
		})
	case decoder.Decode(&value) != nil || decoder.More():
		return fmt.Sprintf("\n[redacted: %d bytes of %s]", size, cmp.Or(contentType, "an unknown type"))
	}
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(s.json("", value)); err != nil {
		panic(err) // it was JSON
	}
	return "\n" + text.String()
}

// json returns a JSON value without its secrets. Everything in the value of a
// secret name is redacted.
func (s *shown) json(name string, value any) any {
	switch value := value.(type) {
	case string:
		return s.value(name, value)
	case []any:
		for i := range value {
			value[i] = s.json(name, value[i])
		}
	case map[string]any:
		for member := range value {
			inner := member
			if isSecret(name) {
				inner = name
			}
			value[member] = s.json(inner, value[member])
		}
	}
	return value
}

// explainSignature returns why a signature does not match: it tries what the
// client may have signed instead of what arrived.
func (s *Server) explainSignature(r *request) string {
	auth, refusal := parseAuthorization(r.Header.Get("Authorization"))
	if refusal != nil {
		return ""
	}
	signed, err := time.Parse(sigv4TimeFormat, r.Header.Get("X-Amz-Date"))
	if err != nil {
		return ""
	}
	key, refusal := s.findKey(r, auth)
	if refusal != nil || s.checkScope(auth, auth.service, signed) != nil || checkAge(signed, r.now) != nil {
		return "" // the message of the error says it
	}
	matches := func(change func(*request)) bool {
		tried := *r
		tried.Request = &http.Request{Method: r.Method, Host: r.Host, URL: r.URL, Header: r.Header.Clone()}
		change(&tried)
		return signature(&tried, auth, key, signed) == auth.signature
	}
	if matches(func(*request) {}) { // refused for another reason
		return ""
	}
	sent := hex.EncodeToString(hashOf(r.body))
	if claimed := r.Header.Get("X-Amz-Content-Sha256"); claimed != "" && claimed != "UNSIGNED-PAYLOAD" && claimed != sent {
		return "The body differs from what was signed: X-Amz-Content-Sha256 is not its hash."
	}
	if matches(func(r *request) { r.body = nil }) {
		return "The body differs: an empty one was signed."
	}
	if matches(func(r *request) { r.sent = r.URL }) || matches(func(r *request) { r.sent = &url.URL{Path: "/"} }) {
		return "The path differs: it was signed without " + strings.TrimSuffix(r.sent.Path, "/") + "."
	}
	for _, name := range auth.signedHeaders {
		for _, value := range s.mayHaveSigned(r, name, auth) {
			if matches(func(r *request) {
				if name == "host" {
					r.Host = value
				}
				r.Header.Set(name, value)
			}) {
				return fmt.Sprintf("The header %s differs: %q was signed.", name, value)
			}
		}
		if name != "host" && len(r.Header.Values(name)) == 0 {
			return "The header " + name + " was signed, but did not arrive."
		}
	}
	return "The secret access key is not that of " + key.id + ", or a header changed on the way."
}

// mayHaveSigned returns values that a client may have signed for a header.
func (s *Server) mayHaveSigned(r *request, name string, auth authorization) []string {
	values := []string{""}
	switch name {
	case "host":
		host, port, _ := strings.Cut(r.Host, ":")
		values = []string{host, "localhost", "localhost:" + port, "127.0.0.1", "127.0.0.1:" + port, auth.service + "." + auth.region + ".amazonaws.com"}
	case "content-type":
		values = append(values, awsJSONType, "application/x-amz-json-1.0", "application/json",
			"application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-8")
	case "content-length":
		values = append(values, strconv.Itoa(len(r.body)), "0")
	case "x-amz-target":
		for operation := range s.licenseManager.operations {
			values = append(values, "AWSLicenseManager."+operation)
		}
	}
	return append(values, r.Header.Values(name)...) // one of several
}
