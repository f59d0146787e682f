package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/rand"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/redact"
	"github.com/seed-25f54b62/awstokens/internal/wire"
)

// attempt is the state of a call that its attempts share.
type attempt struct {
	*client
	whole      *observation // of the call
	op         *description
	in, out    any
	request    wire.Request
	invocation string

	// Of the call.
	number           int
	creds            awstokens.Credentials
	mayHaveProcessed bool // an attempt so far
	clockCorrected   bool // which is done once
	credsRenewed     bool // which is done once

	// Of the last attempt.
	signedWith time.Duration // the skew
	requestID  string
	status     int
	date       time.Time // the service's clock
	took       time.Duration
	unsent     bool // the attempt failed before anything was sent
	final      bool // the failure must not be retried, whatever a Retryer says
	noResponse bool // the failure is no whole response of the service
	repaired   bool // the cause of the failure is gone: a clock was corrected, or credentials were renewed
	scrub      *redact.Scrubber
}

// reset forgets the last attempt.
func (a *attempt) reset() {
	a.requestID, a.status, a.date = "", 0, time.Time{}
	a.unsent, a.final, a.noResponse, a.repaired, a.scrub = false, false, false, false, nil
}

// withhold marks a failure for which no request was sent, and that is not to
// be retried.
func (a *attempt) withhold(err error) error {
	a.unsent, a.final, a.noResponse = true, true, true
	return err
}

// NewUUID returns a random UUID, version 4.
func NewUUID() string {
	id, _ := rand.NewUUID(rand.Reader).GetUUID() // never fails
	return id
}

// run makes one attempt.
func (a *attempt) run(ctx context.Context) error {
	a.signedWith = a.skew()
	var sent sending
	req := a.newRequest(ctx, &sent)
	if err := a.authorize(ctx, req); err != nil {
		return a.withhold(err)
	}
	if err := ctx.Err(); err != nil {
		return a.withhold(err)
	}
	do := a.http.Do
	if a.mayRedirect {
		do = a.doWatched
	}
	req, seen := a.beginRequest(req)
	resp, err := do(req)
	if err == nil && resp == nil {
		err = errors.New("the HTTP client returned no response")
	}
	seen.endRequest(resp, err)
	if err != nil {
		return a.sendError(err, sent.written.Load())
	}
	return a.read(ctx, resp)
}

// newRequest builds the HTTP request, without a signature.
func (a *attempt) newRequest(ctx context.Context, sent *sending) *http.Request {
	body := a.request.Body
	traced := len(body) == 0 || a.isNetHTTP && a.op.idempotent
	if traced {
		ctx = sent.traced(ctx)
	}
	req := a.prototype.WithContext(ctx)
	url := *a.endpoint
	req.URL = &url
	url.RawQuery = a.request.Query
	if url.RawPath != "" {
		url.RawPath += a.request.Path
	}
	url.Path += a.request.Path
	if url.Path == "" {
		url.Path = "/"
	}
	req.Method = a.request.Method
	req.Header = make(http.Header, 10)
	if len(body) > 0 {
		req.ContentLength = int64(len(body))
		req.GetBody = sent.bodies(body, traced, a.op.idempotent)
		req.Body, _ = req.GetBody()
	}
	// Lists of one value are shared between requests: Header.Set and Add
	// replace them, nothing writes into them.
	req.Header["User-Agent"] = a.userAgent
	req.Header["Accept-Encoding"] = identityEncoding // a compressed body could outgrow the cap
	own := []string{a.invocation, "attempt=" + strconv.Itoa(a.number) + "; max=" + strconv.Itoa(a.cfg.Retryer.MaxAttempts())}
	req.Header[invocationID] = own[0:1:1]
	req.Header["Amz-Sdk-Request"] = own[1:2:2]
	for _, field := range a.request.Header {
		if field.Name != "" {
			req.Header[field.Name] = field.Values
		}
	}
	return req
}

var identityEncoding = []string{"identity"}

// authorize signs the request if its operation wants that.
func (a *attempt) authorize(ctx context.Context, req *http.Request) error {
	if a.op.auth == Unsigned || a.anonymous {
		return nil
	}
	creds, err := a.credentials(ctx)
	if err != nil {
		if a.op.auth == Optional && errors.Is(err, awstokens.ErrNoCredentials) {
			return nil
		}
		return err
	}
	if a.cfg.Region == "" {
		return errors.New("no region to sign for: set Config.Region")
	}
	a.creds = creds
	_, seen := a.telemetry.begin(ctx, signing, a.op.Name)
	a.signer.Sign(req, a.request.Body, creds, a.cfg.Now().Add(a.signedWith))
	seen.end(nil)
	return nil
}

func (a *attempt) credentials(ctx context.Context) (awstokens.Credentials, error) {
	if a.cfg.Credentials == nil {
		return awstokens.Credentials{}, awstokens.ErrNoCredentials
	}
	ctx, seen := a.telemetry.begin(ctx, getIdentity, a.op.Name)
	creds, err := a.cfg.Credentials.Retrieve(ctx)
	seen.end(err)
	if err != nil {
		return creds, &oneLine{"retrieve credentials: ", err}
	}
	if creds.AccessKeyID == "" || creds.SecretAccessKey.IsZero() {
		return creds, awstokens.ErrNoCredentials
	}
	if strings.ContainsFunc(creds.AccessKeyID, isControl) || strings.ContainsFunc(creds.SessionToken.Reveal(), isControl) {
		return creds, errors.New("the credentials contain a line break or another control character")
	}
	return creds, nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// oneLine is an error whose text is on one line.
type oneLine struct {
	prefix string
	error
}

func (e *oneLine) Error() string { return e.prefix + redact.Line(e.error.Error()) }
func (e *oneLine) Unwrap() error { return e.error }

// quotations are parts of net/http's errors about a response that is not HTTP.
// What they quote may be a token.
var quotations = []string{"malformed HTTP", "malformed MIME", "bad Content-Length", "unsupported transfer encoding"}

// withoutQuotation takes off what an error quotes of a response.
func withoutQuotation(err error) error {
	text := err.Error()
	for _, q := range quotations {
		if before, _, ok := strings.Cut(text, q); ok {
			return errors.New(before + q + " in the response")
		}
	}
	return err
}

func (a *attempt) sendError(err error, written bool) error {
	a.noResponse = true
	a.final = written && !a.op.idempotent || errors.Is(err, errRedirected)
	a.mayHaveProcessed = a.mayHaveProcessed || written
	hint := a.hint(err)
	err = a.scrubber().Error(withoutQuotation(err))
	if hint != "" {
		err = fmt.Errorf("%w%s", err, hint)
	}
	return &awstokens.SendError{Err: err, Written: written, Idempotent: a.op.idempotent, Attempts: a.number}
}

// read reads and decodes a response.
func (a *attempt) read(ctx context.Context, resp *http.Response) error {
	a.status, a.date, a.requestID = resp.StatusCode, dateOf(resp.Header), requestID(resp.Header)
	body, err := readAll(resp, a.cfg.MaxResponseBytes)
	whole := wire.Response{StatusCode: resp.StatusCode, Header: resp.Header, Body: body}
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		refusal := a.serviceError(ctx, whole)
		if err != nil {
			a.noResponse = !errors.Is(err, awstokens.ErrResponseTooLarge)
			refusal = fmt.Errorf("%w (%w)", refusal, a.scrubber().Error(err))
		}
		err = refusal
	case errors.Is(err, awstokens.ErrResponseTooLarge):
		a.final, a.mayHaveProcessed = true, true
	case err != nil:
		a.final, a.noResponse, a.mayHaveProcessed = !a.op.idempotent, true, true
		err = &brokenOff{err: a.scrubber().Error(err), idempotent: a.op.idempotent}
	default:
		if err = a.decode(ctx, whole); err == nil {
			a.confirmClock(a.date)
			if len(a.requestID) > uuidLength { // it may quote a token
				a.requestID = a.scrubber().Text(a.requestID)
			}
			return nil
		}
		a.final, a.mayHaveProcessed = true, true
	}
	a.requestID = a.scrubber().Text(a.requestID)
	return &awstokens.ResponseError{
		StatusCode:    resp.StatusCode,
		RequestID:     a.requestID,
		RetryAfter:    retryAfter(resp.Header, cmp.Or(a.date, a.now())),
		AmzRetryAfter: amzRetryAfter(resp.Header),
		Date:          a.date,
		Attempts:      a.number,
		Err:           err,
	}
}

func (a *attempt) decode(ctx context.Context, resp wire.Response) error {
	err := a.deserialize(ctx, resp, a.out)
	if err == nil && a.op.missing != nil {
		if name := a.op.missing(); name != "" {
			err = &smithy.DeserializationError{Err: errors.New("the response has no " + name)}
		}
	}
	return err
}

func (a *attempt) deserialize(ctx context.Context, resp wire.Response, out any) error {
	_, seen := a.telemetry.begin(ctx, deserialization, a.op.Name)
	err := a.format.Decode(resp, out)
	seen.end(err)
	return err
}

// scrubber knows the secrets of the attempt, which text from outside may quote.
func (a *attempt) scrubber() *redact.Scrubber {
	if a.scrub == nil {
		a.scrub = new(redact.Scrubber)
		a.scrub.AddFrom(a.in)
		a.scrub.Add(a.creds.SecretAccessKey)
		a.scrub.Add(a.creds.SessionToken)
	}
	return a.scrub
}

// serviceError returns the error that a response reports, without the call's
// secrets: services quote a refused value, or the headers they saw.
func (a *attempt) serviceError(ctx context.Context, resp wire.Response) error {
	scrub := a.scrubber()
	err := a.deserialize(ctx, resp, nil)
	named := !errors.Is(err, wire.ErrNoCode)
	if !named || !isException(err) {
		scrub.AddFrom(a.secretsOf(resp)) // which a message, or an excerpt, would show
	}
	if !named {
		err = &smithy.GenericAPIError{
			Code:    "UnknownError",
			Message: http.StatusText(resp.StatusCode) + ", body " + excerpt(resp.Body, scrub),
			Fault:   wire.Fault(resp.StatusCode),
		}
	}
	scrub.Strings(err)
	a.classify(ctx, resp.StatusCode, named, err)
	return err
}

// secretsOf reads an error response as if it were a success: a proxy that
// changes the status does not make a token less secret.
func (a *attempt) secretsOf(resp wire.Response) any {
	if a.out == nil {
		return nil
	}
	out := reflect.New(reflect.TypeOf(a.out).Elem()).Interface()
	resp.StatusCode = http.StatusOK
	_ = a.format.Decode(resp, out)
	return out
}

// classify draws the conclusions from an error response.
func (a *attempt) classify(ctx context.Context, status int, named bool, err error) {
	response := &awstokens.ResponseError{StatusCode: status, Err: err}
	refused := status < 500 && status != http.StatusRequestTimeout || response.Throttled() && named
	a.mayHaveProcessed = a.mayHaveProcessed || !refused
	// A gateway that stands in for the service does not know whether the
	// service has processed the request. The service itself does, and says in
	// a typed error what is worth a retry.
	var says interface{ RetryableError() bool }
	invited := named && response.Throttled() || errors.As(err, &says) && says.RetryableError()
	a.final = !a.op.idempotent && !invited && !(named && refused)
	var api smithy.APIError
	if !errors.As(err, &api) || a.creds.AccessKeyID == "" || !refused {
		return
	}
	switch code := api.ErrorCode(); {
	case clockRefusals[code] && !a.clockCorrected:
		a.clockCorrected = a.learnClock(a.date, a.signedWith)
		a.repaired = a.clockCorrected
	case (code == "ExpiredToken" || code == "ExpiredTokenException") && !isException(err) && !a.credsRenewed:
		a.credsRenewed = true
		a.repaired = a.renewCredentials(ctx)
	}
}

// renewCredentials asks for others in place of the credentials that the
// service refused as expired, and reports whether there are any.
func (a *attempt) renewCredentials(ctx context.Context) bool {
	if provider, ok := a.cfg.Credentials.(interface{ Discard(awstokens.Credentials) }); ok {
		provider.Discard(a.creds)
	}
	creds, err := a.credentials(ctx)
	return err == nil && (creds.AccessKeyID != a.creds.AccessKeyID || !creds.SessionToken.Equal(a.creds.SessionToken))
}

// isException reports whether an error is of a published type.
func isException(err error) bool {
	var generic *smithy.GenericAPIError
	return !errors.As(err, &generic)
}

// brokenOff is a success whose body did not arrive.
type brokenOff struct {
	err        error
	idempotent bool
}

func (e *brokenOff) Error() string        { return "the response broke off: " + e.err.Error() }
func (e *brokenOff) Unwrap() error        { return e.err }
func (e *brokenOff) RetryableError() bool { return e.idempotent }

// maxExcerpt is how many bytes of an unknown error body an error shows.
const maxExcerpt = 256

func excerpt(body []byte, scrub *redact.Scrubber) string {
	text := scrub.Text(string(body))
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

const uuidLength = 36

func requestID(h http.Header) string {
	if id := h.Get("X-Amzn-Requestid"); id != "" {
		return id
	}
	return h.Get("X-Amz-Request-Id")
}

// retryAfter reads the header Retry-After, in seconds or as a date.
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

// amzRetryAfter reads the header x-amz-retry-after, in whole milliseconds. What
// cannot be parsed is ignored, by the standard.
func amzRetryAfter(h http.Header) time.Duration {
	ms, err := strconv.ParseInt(h.Get("X-Amz-Retry-After"), 10, 64)
	if err != nil || ms < 0 {
		return 0
	}
	return time.Duration(min(ms, math.MaxInt32)) * time.Millisecond // a retryer waits much less
}
