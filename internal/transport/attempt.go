package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/aws-http-auth/credentials"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/redact"
)

// attempt is the state of a call that its attempts share.
type attempt struct {
	*Client
	op         *Operation
	in         input
	out        output
	body       []byte
	query      string      // raw
	header     http.Header // of the input
	invocation string

	number    int
	creds     credentials.Credentials
	skew      time.Duration // of the clock that signed
	requestID string

	unsent        bool // the attempt failed before anything was sent
	failedForGood bool // the failure must not be repeated, whatever a Retryer says
	unanswered    bool // the failure is no whole answer of the service
	clockStep     clockStep
}

// clockStep is how far the correction of the clock has come.
type clockStep int

const (
	clockTrusted clockStep = iota
	clockSet
	clockUsed
)

// clockCorrected says, once, that the last answer corrected the clock.
func (a *attempt) clockCorrected() bool {
	if a.clockStep != clockSet {
		return false
	}
	a.clockStep = clockUsed
	return true
}

// keepBack marks a failure for which nothing was sent, and that is not to be
// repeated.
func (a *attempt) keepBack(err error) error {
	a.unsent, a.failedForGood, a.unanswered = true, true, true
	return err
}

// encode encodes the input, once for all attempts.
func (a *attempt) encode() (err error) {
	a.query = a.op.Query
	if a.op.Bind == nil {
		a.body, err = a.protocol.Encode(a.in)
		return err
	}
	var b Binding
	a.op.Bind(a.in, &b)
	a.query, a.header = b.query.String(), b.header
	return b.err
}

// run makes one attempt.
func (a *attempt) run(ctx context.Context) error {
	a.requestID, a.failedForGood, a.unanswered = "", false, false
	a.skew = time.Duration(a.clockSkew.Load())
	var sent sending
	req := a.newRequest(ctx, &sent)
	if err := a.authorize(ctx, req); err != nil {
		return a.keepBack(err)
	}
	if err := ctx.Err(); err != nil {
		return a.keepBack(err)
	}
	resp, err := a.http.Do(req)
	if err == nil && resp == nil {
		err = errors.New("the HTTP client returned no response")
	}
	if err != nil {
		a.unanswered = true
		return a.sendError(err, sent.written.Load())
	}
	return a.read(resp)
}

// newRequest builds the HTTP request, without a signature.
func (a *attempt) newRequest(ctx context.Context, sent *sending) *http.Request {
	if a.traces || len(a.body) == 0 || !a.op.Repeatable {
		ctx = sent.traced(ctx, a.op.Repeatable)
	}
	req := a.prototype.WithContext(ctx)
	url := *a.endpoint
	req.URL = &url
	url.RawQuery = a.query
	if url.RawPath != "" {
		url.RawPath += a.op.Path
	}
	url.Path += a.op.Path
	if url.Path == "" {
		url.Path = "/"
	}
	req.Method = a.op.Method
	if req.Method == "" {
		req.Method = http.MethodPost
	}
	req.Header = make(http.Header, 10)
	if len(a.body) > 0 {
		req.ContentLength = int64(len(a.body))
		req.GetBody = sent.bodies(a.body, a.traces, a.op.Repeatable)
		req.Body, _ = req.GetBody()
	}
	// Lists of one value are shared between requests: Header.Set and Add
	// replace them, nothing writes into them.
	req.Header["User-Agent"] = a.userAgent
	req.Header["Accept-Encoding"] = identityEncoding // a compressed body could outgrow the cap
	maps.Copy(req.Header, a.header)
	own := []string{a.invocation, "attempt=" + strconv.Itoa(a.number) + "; max=" + strconv.Itoa(a.cfg.Retryer.MaxAttempts())}
	req.Header["Amz-Sdk-Invocation-Id"] = own[0:1:1]
	req.Header["Amz-Sdk-Request"] = own[1:2:2]
	a.protocol.Prepare(req, a.op)
	return req
}

var identityEncoding = []string{"identity"}

// authorize signs the request if its operation wants that.
func (a *attempt) authorize(ctx context.Context, req *http.Request) error {
	if a.op.Auth == Unsigned || a.anonymous {
		return nil
	}
	var err error
	if a.cfg.Credentials == nil {
		err = awstokens.ErrNoCredentials
	} else if a.creds, err = a.cfg.Credentials.Retrieve(ctx); err != nil {
		err = fmt.Errorf("retrieve credentials: %w", err)
	} else if a.creds.AccessKeyID == "" || a.creds.SecretAccessKey == "" {
		err = awstokens.ErrNoCredentials
	}
	if err != nil {
		if a.op.Auth == Optional && errors.Is(err, awstokens.ErrNoCredentials) {
			return nil
		}
		return err
	}
	if a.cfg.Region == "" {
		return errors.New("no region to sign for: set Config.Region")
	}
	a.signer.Sign(req, a.body, a.creds, a.now())
	return nil
}

// now is the time by the service's clock, as far as it is known.
func (a *attempt) now() time.Time { return a.cfg.Now().Add(a.skew) }

func (a *attempt) sendError(err error, written bool) error {
	a.failedForGood = written && !a.op.Repeatable
	err = a.scrubber().Error(err) // an answer that is no HTTP is quoted in it
	return &awstokens.SendError{Err: err, Written: written, Repeatable: a.op.Repeatable, Attempts: a.number}
}

// read takes an answer apart.
func (a *attempt) read(resp *http.Response) error {
	a.requestID = requestID(resp.Header)
	body, err := readAll(resp, a.cfg.MaxResponseBytes)
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		answer := a.serviceError(resp, body)
		if err != nil {
			a.unanswered = !errors.Is(err, awstokens.ErrResponseTooLarge)
			answer = fmt.Errorf("%w (%w)", answer, a.scrubber().Error(err))
		}
		err = answer
	case errors.Is(err, awstokens.ErrResponseTooLarge):
		a.failedForGood = true
	case err != nil:
		a.failedForGood, a.unanswered = !a.op.Repeatable, true
		err = &lostAnswer{err: a.scrubber().Error(err), repeatable: a.op.Repeatable}
	default:
		if err = a.decode(body); err == nil {
			return nil
		}
		a.failedForGood = true
		err = &smithy.DeserializationError{Err: err}
	}
	a.requestID = a.scrubber().Text(a.requestID)
	return &awstokens.ResponseError{
		StatusCode: resp.StatusCode,
		RequestID:  a.requestID,
		RetryAfter: retryAfter(resp.Header, a.now()),
		Attempts:   a.number,
		Err:        err,
	}
}

func (a *attempt) decode(body []byte) error {
	if a.op.NoOutput && len(body) == 0 {
		return nil
	}
	if err := a.protocol.Decode(body, a.out); err != nil {
		return err
	}
	if a.op.Missing != nil {
		if name := a.op.Missing(a.out); name != "" {
			return errors.New("the answer has no " + name)
		}
	}
	return nil
}

// scrubber knows the call's secrets, which what came from outside may repeat.
func (a *attempt) scrubber() *redact.Scrubber {
	scrub := new(redact.Scrubber)
	scrub.AddFrom(a.in)
	scrub.Add(a.creds.SecretAccessKey)
	scrub.Add(a.creds.SessionToken)
	return scrub
}

// serviceError returns the error that an answer reports, without the call's
// secrets: services repeat a refused value, or the headers they saw.
func (a *attempt) serviceError(resp *http.Response, body []byte) error {
	scrub := a.scrubber()
	err := a.protocol.DecodeError(resp.StatusCode, resp.Header, body)
	if err == nil {
		err = &smithy.GenericAPIError{
			Code:    "UnknownError",
			Message: http.StatusText(resp.StatusCode) + ", body " + excerpt(body, scrub),
			Fault:   FaultOf(resp.StatusCode),
		}
	}
	scrub.Strings(err)
	var api smithy.APIError
	if errors.As(err, &api) {
		a.correctClock(api.ErrorCode(), resp.Header)
	}
	return err
}

// minSkew is the difference between two clocks from which on a refused
// signature is put down to it; SigV4 tolerates five minutes.
const minSkew = 4 * time.Minute

// correctClock learns the service's time from an answer that refuses the
// time, or the signature, of a request.
func (a *attempt) correctClock(code string, header http.Header) {
	switch code {
	case "RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture",
		"InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure":
	default:
		return
	}
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil || a.clockStep != clockTrusted || a.creds.AccessKeyID == "" {
		return
	}
	skew := date.Sub(a.cfg.Now())
	if (skew - a.skew).Abs() < minSkew {
		return
	}
	a.clockSkew.Store(int64(skew))
	a.clockStep = clockSet
}

// FaultOf says whose fault an HTTP error status is.
func FaultOf(status int) smithy.ErrorFault {
	if status >= 500 {
		return smithy.FaultServer
	}
	return smithy.FaultClient
}

// lostAnswer is a success whose body did not arrive.
type lostAnswer struct {
	err        error
	repeatable bool
}

func (e *lostAnswer) Error() string        { return "the answer was cut off: " + e.err.Error() }
func (e *lostAnswer) Unwrap() error        { return e.err }
func (e *lostAnswer) RetryableError() bool { return e.repeatable }

// maxExcerpt is how many bytes of an unknown error body an error shows.
const maxExcerpt = 256

func excerpt(body []byte, scrub *redact.Scrubber) string {
	text := strings.ToValidUTF8(scrub.Text(string(body)), "\uFFFD")
	if len(text) > maxExcerpt {
		text = strings.ToValidUTF8(text[:maxExcerpt], "") + "…"
	}
	return strconv.Quote(text)
}

// readAll reads the body to its end, or to one byte beyond the limit.
func readAll(resp *http.Response, limit int64) ([]byte, error) {
	if resp.Body == nil {
		return nil, nil
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 {
		return nil, nil // the "body" of a 101 is the connection, and has no end
	}
	size := int64(512)
	if n := resp.ContentLength; n >= 0 {
		size = min(n, limit, 64<<10) + 1 // one more byte, to meet the end without growing
	}
	body := make([]byte, 0, size)
	r := io.LimitReader(resp.Body, max(limit, limit+1)) // limit+1 may overflow
	for {
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > limit:
			return body[:limit], awstokens.ErrResponseTooLarge
		case err == io.EOF:
			return body, nil
		case err != nil:
			return body, err
		case len(body) == cap(body):
			body = append(body, 0)[:len(body)]
		}
	}
}

func requestID(h http.Header) string {
	if id := h.Get("X-Amzn-Requestid"); id != "" {
		return id
	}
	return h.Get("X-Amz-Request-Id")
}

// retryAfter reads the header of that name, in seconds or as a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := h.Get("Retry-After")
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(seconds) * time.Second // out of range, it is the largest there is
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, date.Sub(now))
}
