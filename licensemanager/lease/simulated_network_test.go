package lease_test

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-25f54b62/awstokens"
)

// window is how long the service's ClientTokens name the same seat.
const window = 10 * time.Minute

// ledgerSeat is a seat as the service granted it.
type ledgerSeat struct {
	token     string
	client    string // ClientToken
	taken     time.Time
	expires   time.Time
	delivered bool // the lease has the response with this token
}

// isNamed reports whether the lease can still name the seat: by its token or, in
// the window, by its ClientToken. Otherwise it is excused by Z1 or Z2, or its
// process has gone.
func (s *ledgerSeat) isNamed(now time.Time) bool {
	return s.delivered || s.client != "" && now.Before(s.taken.Add(window))
}

// network is what lies between a lease and the service: it makes faults, and
// keeps a ledger of the seats and of what the lease knows of them.
type network struct {
	inner awstokens.HTTPClient
	clock *simulatedClock

	mu     sync.Mutex
	random *rand.Rand
	rate   float64 // of requests that meet a fault
	only   string  // the operation that does; empty: all
	down   bool    // no request is processed
	last   time.Time
	wrong  int // wrong refusals since the last response of the service
	denied bool
	seats  []*ledgerSeat
	lapse  time.Duration // the latest expiry that the lease knows, by its clock
	counts map[string]int
	faults map[string]int
}

// Faults in the order in which network.fault chooses them.
const (
	notConnected = iota
	lostBefore
	lostAfter
	hangsBefore
	hangsAfter
	slow
	throttled
	internalBefore
	internalAfter
	gatewayBefore
	gatewayAfter
	pageOfHTML
	emptyAfter
	accessDenied
	tokenExpired
	refused
	faultKinds
)

var faultNames = [...]string{"not connected", "lost before", "lost after", "hangs before", "hangs after", "slow", "throttled", "5xx before", "5xx after", "untyped 5xx before", "untyped 5xx after", "HTML 403 or 404", "empty 200 after", "access denied", "expired token", "refused"}

var refusals = map[string][]string{
	"CheckoutLicense":           {"NoEntitlementsAllowedException", "ResourceNotFoundException", "ValidationException"},
	"ExtendLicenseConsumption":  {"ValidationException", "InvalidParameterValueException", "ResourceNotFoundException"},
	"CheckInLicense":            {"ValidationException", "InvalidParameterValueException", "ResourceNotFoundException"},
	"GetAccessToken":            {"AccessDeniedException", "ResourceNotFoundException"},
	"ListReceivedLicenses":      {"AccessDeniedException"},
	"GetLicenseUsage":           {"AccessDeniedException"},
	"AssumeRoleWithWebIdentity": {"AccessDenied", "IDPCommunicationError", "InvalidIdentityToken"},
}

func operationOf(r *http.Request) string {
	if _, name, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		return name
	}
	return "AssumeRoleWithWebIdentity"
}

func isOfSeat(operation string) bool {
	return operation == "CheckoutLicense" || operation == "ExtendLicenseConsumption" || operation == "CheckInLicense"
}

// change sets what goes wrong from now on.
func (n *network) change(set func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	set()
}

// fault chooses the fault of a request; -1: none.
func (n *network) fault(operation string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.counts[operation]++
	kind := -1
	if n.down {
		kind = []int{notConnected, lostBefore, hangsBefore, gatewayBefore}[n.random.IntN(4)]
	} else if (n.only == "" || n.only == operation) && n.random.Float64() < n.rate {
		kind = n.random.IntN(faultKinds)
	}
	if isOfSeat(operation) && kind == refused || operation == "CheckoutLicense" && (kind == accessDenied || kind == tokenExpired) {
		if n.wrong >= 2 { // three in a row excuse everything: Z3
			kind = throttled
		} else {
			n.wrong++
		}
	}
	if kind >= 0 {
		n.last = time.Now()
		n.faults[faultNames[kind]]++
	}
	return kind
}

// Do implements awstokens.HTTPClient.
func (n *network) Do(r *http.Request) (*http.Response, error) {
	operation := operationOf(r)
	var body struct{ ClientToken, LicenseConsumptionToken string }
	if r.Body != nil {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		_ = json.Unmarshal(data, &body)
		r.Body = io.NopCloser(bytes.NewReader(data))
	}
	sent := time.Now()
	pass := func(delivers bool) (*http.Response, error) {
		resp, err := n.inner.Do(r)
		if err == nil {
			n.note(operation, resp, body.ClientToken, body.LicenseConsumptionToken, delivers, sent)
		}
		return resp, err
	}
	kind := n.fault(operation)
	switch kind {
	case lostAfter, hangsAfter, internalAfter, gatewayAfter, emptyAfter:
		if resp, err := pass(false); err != nil || kind == emptyAfter && resp.StatusCode != http.StatusOK {
			return resp, err
		}
	}
	isSTS := operation == "AssumeRoleWithWebIdentity"
	switch kind {
	case notConnected:
		if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.GetConn != nil {
			trace.GetConn("")
		}
		return nil, &net.OpError{Op: "dial", Err: io.EOF}
	case lostBefore, lostAfter:
		return nil, io.ErrUnexpectedEOF
	case hangsBefore, hangsAfter:
		<-r.Context().Done()
		return nil, r.Context().Err()
	case slow:
		n.mu.Lock()
		d := time.Duration(n.random.Int64N(int64(25 * time.Second)))
		n.mu.Unlock()
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return pass(true)
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	case throttled:
		if isSTS {
			return respond(r, 400, "Throttling"), nil
		}
		return respond(r, 400, "RateLimitExceededException"), nil
	case internalBefore, internalAfter:
		return respond(r, 500, "ServerInternalException"), nil
	case gatewayBefore, gatewayAfter:
		return respond(r, 502, ""), nil
	case pageOfHTML:
		return respond(r, 403+n.one(2), ""), nil
	case emptyAfter:
		return respond(r, 200, ""), nil
	case accessDenied:
		return respond(r, 400, "AccessDeniedException"), nil
	case tokenExpired:
		return respond(r, 400, "ExpiredTokenException"), nil
	case refused:
		codes := refusals[operation]
		return respond(r, 400, codes[n.one(len(codes))]), nil
	}
	return pass(true)
}

func (n *network) one(of int) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.random.IntN(of)
}

func (n *network) jitter() float64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.random.Float64()
}

// respond makes a response with a code, or with none.
func respond(r *http.Request, status int, code string) *http.Response {
	header := http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}
	body := ""
	switch {
	case code == "" && status == 200:
	case code == "":
		header.Set("Content-Type", "text/html")
		body = "<html><h1>" + strconv.Itoa(status) + "</h1></html>"
	case operationOf(r) == "AssumeRoleWithWebIdentity":
		header.Set("Content-Type", "text/xml")
		body = "<ErrorResponse><Error><Code>" + code + "</Code><Message>no</Message></Error><RequestId>r</RequestId></ErrorResponse>"
	default:
		header.Set("X-Amzn-Errortype", code)
		body = `{"__type":"` + code + `","message":"no"}`
	}
	return &http.Response{
		StatusCode: status, Status: strconv.Itoa(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

// note enters a response of the service in the ledger.
func (n *network) note(operation string, resp *http.Response, client, token string, delivers bool, sent time.Time) {
	data, _ := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(data))
	var out struct {
		LicenseConsumptionToken string
		Expiration              time.Time
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	if resp.StatusCode == 200 && delivers && isOfSeat(operation) {
		n.wrong = 0
	}
	if operation == "CheckoutLicense" {
		n.denied = resp.StatusCode != 200
	}
	if resp.StatusCode != 200 || json.Unmarshal(data, &out) != nil && operation != "CheckInLicense" {
		return
	}
	var seat *ledgerSeat
	find := func(token string) {
		for _, s := range n.live(now) {
			if s.token == token {
				seat = s
			}
		}
	}
	switch operation {
	case "CheckoutLicense":
		if find(out.LicenseConsumptionToken); seat == nil {
			seat = &ledgerSeat{token: out.LicenseConsumptionToken, client: client, taken: sent}
			n.seats = append(n.seats, seat)
		}
	case "ExtendLicenseConsumption":
		if find(token); seat == nil {
			return
		}
		if seat.token != out.LicenseConsumptionToken {
			seat.token, seat.delivered = out.LicenseConsumptionToken, false
		}
	case "CheckInLicense":
		if find(token); seat != nil {
			seat.expires = now
		}
		return
	default:
		return
	}
	seat.expires = out.Expiration
	if delivers {
		seat.delivered = true
		n.lapse = max(n.lapse, n.clock.Elapsed()+out.Expiration.Sub(now))
	}
}

// live returns the seats that have not ended, and drops the others. The caller
// holds the mutex.
func (n *network) live(now time.Time) []*ledgerSeat {
	kept := n.seats[:0]
	for _, s := range n.seats {
		if now.Before(s.expires) {
			kept = append(kept, s)
		}
	}
	n.seats = kept
	return kept
}
