package emulator

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/webpage"
)

const (
	windowPath  = "/window/" // of what the page requests
	windowBeat  = 250 * time.Millisecond
	windowRing  = 200
	maxWaiting  = 100 // logins
	writeWithin = 10 * time.Second
)

var (
	//go:embed window.html
	windowHTML string
	//go:embed window.css
	windowCSS string
	//go:embed window.js
	windowJS string

	windowStyle  = webpage.Style + windowCSS
	windowPage   = template.Must(template.New("window").Parse(windowHTML))
	windowPolicy = "default-src 'none'; style-src " + webpage.Hash(windowStyle) + "; script-src " + webpage.Hash(windowJS) +
		"; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)

// window is the page at the root, which shows the state and the requests. It
// records requests only while a page is connected.
type window struct {
	*Server
	pages atomic.Int32 // connected pages

	ring struct {
		sync.Mutex
		exchanges [windowRing]*exchange // the nth of all is at n modulo its length
		n         int
	}
	waiting store[string, waitingLogin] // by its ID; guarded by the Server's lock
}

// waitingLogin is a login that waits for its user's consent on a page.
type waitingLogin struct {
	request Authorization
	state   string
	expires time.Time
}

func (v *window) has(path, method string) bool {
	return v != nil && (strings.HasPrefix(path, windowPath) || (path == "" || path == "/") && method == http.MethodGet)
}

// isWatched reports whether to record a request.
func (v *window) isWatched(r *request) bool {
	return v != nil && v.pages.Load() > 0 && !v.has(r.URL.Path, r.Method)
}

func (v *window) record(w http.ResponseWriter, r *request) *exchange {
	return &exchange{ResponseWriter: w, to: v, request: r, at: v.clock.now(), began: time.Now()}
}

func (v *window) keep(e *exchange) {
	v.ring.Lock()
	defer v.ring.Unlock()
	v.ring.n++
	e.n = v.ring.n
	v.ring.exchanges[e.n%windowRing] = e
}

// after returns the exchanges after the nth that are still kept.
func (v *window) after(n int) (list []*exchange) {
	v.ring.Lock()
	defer v.ring.Unlock()
	for n = max(n, v.ring.n-windowRing); n < v.ring.n; n++ {
		list = append(list, v.ring.exchanges[(n+1)%windowRing])
	}
	return list
}

// page serves the page and what it requests.
func (v *window) page(w http.ResponseWriter, r *request) {
	for name, value := range map[string]string{
		"Cache-Control":                "no-store",
		"Content-Security-Policy":      windowPolicy,
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Referrer-Policy":              "same-origin",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
	} {
		w.Header().Set(name, value)
	}
	name, isPart := strings.CutPrefix(r.URL.Path, windowPath)
	switch {
	case isForeign(r, isPart):
		http.Error(w, "Another site sent this request.", http.StatusForbidden)
	case r.URL.Path == "":
		w.Header().Set("Location", r.sent.Path+"/") // the page's requests are relative to it
		w.WriteHeader(http.StatusPermanentRedirect)
	case !isPart:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = windowPage.Execute(w, map[string]any{ // returns an error only if the browser is gone
			"Style": template.CSS(windowStyle), "Script": template.JS(windowJS), "Operations": v.operations(),
		})
	case r.Method == http.MethodGet && name == "events":
		v.events(w, r)
	case r.Method == http.MethodGet && name == "exchange":
		v.exchange(w, r)
	case r.Method == http.MethodPost && name == "act":
		location, err := v.act(r.form())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		writeJSON(w, http.StatusOK, object{"Location": location})
	default:
		http.Error(w, "Not found", http.StatusNotFound)
	}
}

// isForeign reports whether a page of another site sent a request. It may link to
// the page, but not to a part of it.
func isForeign(r *request, isPart bool) bool {
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	return origin != "" && origin != "http://"+r.Host && origin != "https://"+r.Host ||
		isPart && site != "" && site != "same-origin"
}

// operations returns the operations of each service, for the form that scripts a
// fault.
func (v *window) operations() map[ServiceID][]string {
	all := map[ServiceID][]string{}
	for _, svc := range v.services() {
		all[svc.id] = append(all[svc.id], slices.Sorted(maps.Keys(svc.operations))...)
	}
	return all
}

// events streams changes, at most once per beat.
func (v *window) events(w http.ResponseWriter, r *request) {
	v.pages.Add(1)
	defer v.pages.Add(-1)
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	send := func(event string, data any) error {
		text, err := json.Marshal(data)
		if err == nil {
			_ = out.SetWriteDeadline(time.Now().Add(writeWithin)) // no recording for a page that hangs
			_, err = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, text)
		}
		return cmp.Or(err, out.Flush())
	}
	beat := time.NewTicker(windowBeat)
	defer beat.Stop()
	var known []byte
	for n := 0; ; {
		if list := v.after(n); len(list) > 0 {
			lines := make([]summary, len(list))
			for i, e := range list {
				lines[i] = e.summary()
			}
			n = list[len(list)-1].n
			if send("exchanges", lines) != nil {
				return
			}
		}
		now, state := v.state()
		if !bytes.Equal(state, known) {
			known = state
			if send("state", object{"Now": now, "State": json.RawMessage(state)}) != nil {
				return
			}
		}
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
		}
	}
}

func (v *window) exchange(w http.ResponseWriter, r *request) {
	n, _ := strconv.Atoi(r.URL.Query().Get("n"))
	list := v.after(n - 1)
	if len(list) == 0 || list[0].n != n {
		http.Error(w, "This request is no longer kept.", http.StatusNotFound)
		return
	}
	sent, received := list[0].text()
	writeJSON(w, http.StatusOK, object{"Sent": sent, "Received": received})
}

// act does what a button or form of the page requests. It returns the URL to
// redirect the user to, or an empty string.
func (v *window) act(form url.Values) (location string, err error) {
	switch do := form.Get("do"); do {
	case "advance":
		by, err := time.ParseDuration(form.Get("by"))
		if err != nil {
			return "", errors.New("write a duration such as 90s, 10m or -1h")
		}
		v.Advance(by)
		return "", nil
	case "fault":
		when, fault, err := faultOf(form)
		if err != nil {
			return "", err
		}
		return "", v.Inject(when, fault)
	case "clear":
		v.ClearFaults()
		return "", nil
	case "approve", "deny":
		return v.decide(form.Get("id"), do == "approve")
	default:
		return "", fmt.Errorf("unknown action %q", do)
	}
}

// faultOf parses the form that scripts a fault.
func faultOf(form url.Values) (when When, fault Fault, err error) {
	service, operation, _ := strings.Cut(form.Get("operation"), "/")
	when.Service, when.Operation = ServiceID(service), operation
	count, err := strconv.Atoi(form.Get("count"))
	if err != nil {
		return when, fault, errors.New("the number of requests must be a number")
	}
	when.Next = count
	if form.Get("when") == "onein" {
		when.Next, when.OneIn = 0, count
	}
	detail := form.Get("detail")
	switch kind := form.Get("kind"); kind {
	case "throttle":
		fault.Throttle = true
	case "internal":
		fault.InternalStatus = http.StatusInternalServerError
	case "gateway":
		fault.Answer = &Answer{Status: http.StatusBadGateway, Header: http.Header{"Content-Type": {"text/html"}}, Body: "<h1>Bad Gateway</h1>"}
	case "cut":
		fault.CutBefore = true
	case "lose":
		fault.LoseAnswer = true
	case "refuse":
		fault.Code, fault.Message = detail, "Scripted in the emulator's window"
		if detail == "" {
			err = errors.New("write the code of the error, such as AccessDeniedException")
		}
	case "delay":
		fault.Delay, err = parseDelay(detail)
	case "late":
		fault.DelayAnswer, err = parseDelay(detail)
	default:
		err = fmt.Errorf("unknown fault %q", kind)
	}
	return when, fault, err
}

func parseDelay(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, errors.New("write how long to delay, such as 3s")
	}
	return d, nil
}

// asked records that a user is asked for consent. The Server's lock is held.
func (v *window) asked(a Authorization, query url.Values) {
	if v != nil {
		now := v.clock.now()
		v.waiting.limit = maxWaiting
		v.waiting.put(now, idOf(query.Encode()), waitingLogin{a, query.Get("state"), now.Add(codeLife)}, now.Add(codeLife))
	}
}

// decided records that the user has decided. The Server's lock is held.
func (v *window) decided(query url.Values) {
	if v != nil {
		v.waiting.delete(idOf(query.Encode()))
	}
}

// idOf returns an ID for a secret that does not reveal it.
func idOf(secret string) string {
	hash := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(hash[:8])
}

// decide approves or denies a login that waits. For a login in a browser, it
// returns the URL to redirect the user to.
func (v *window) decide(id string, approve bool) (location string, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.clock.now()
	for _, device := range v.identity.devices.entries {
		if idOf(device.value.userCode) == id && v.identity.waiting(device.value.userCode) != nil {
			device.value.state = deviceDenied
			if approve {
				device.value.state = deviceApproved
			}
			return "", nil
		}
	}
	login, _ := v.waiting.get(now, id)
	if !now.Before(login.expires) {
		return "", errors.New("this login no longer waits for a decision")
	}
	v.waiting.delete(id)
	target, err := url.Parse(login.request.RedirectURI)
	if err != nil {
		return "", err
	}
	response := url.Values{"error": {"access_denied"}, "error_description": {"The user denied the request"}}
	if approve {
		scopes, refusal := v.identity.checkAuthorization(login.request)
		if refusal != nil {
			return "", refusal
		}
		response = url.Values{"code": {v.identity.newCode(login.request, scopes)}}
	}
	return withResponse(target, login.state, response), nil
}
