package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/redact"
	"github.com/seed-25f54b62/awstokens/internal/wire"
)

// credentialsError is the error of a credentials provider. Its text is on one line.
type credentialsError struct{ error }

func (e *credentialsError) Error() string {
	return "retrieve credentials: " + redact.Line(e.error.Error())
}

func (e *credentialsError) Unwrap() error { return e.error }

// IsOfCredentials reports whether a call failed because its credentials provider
// did. The exceptions that errors.As finds in err are those of another call then.
func IsOfCredentials(err error) bool { return errors.As(err, new(*credentialsError)) }

// quotations are parts of net/http's errors about a response that is not HTTP.
// What they quote may be a token.
var quotations = []string{"malformed HTTP", "malformed MIME", "bad Content-Length", "unsupported transfer encoding", "failed to parse Location header"}

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
	written = written || errors.Is(err, errSentAgain)
	a.final = written && !a.op.idempotent || errors.Is(err, errRedirected)
	a.mayHaveProcessed = a.mayHaveProcessed || written
	hint := a.hint(err)
	err = a.scrubber().Error(withoutQuotation(err))
	if hint != "" {
		err = fmt.Errorf("%w%s", err, hint)
	}
	return &awstokens.SendError{Err: err, Written: written, Idempotent: a.op.idempotent, Attempts: a.number}
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
			Message: http.StatusText(resp.StatusCode) + ", body " + a.excerpt(resp.Body),
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

// isException reports whether an error is of a published type.
func isException(err error) bool {
	var generic *smithy.GenericAPIError
	return !errors.As(err, &generic)
}

// maxExcerpt is how many bytes of an unknown error body an error shows.
const maxExcerpt = 256

func (a *attempt) excerpt(body []byte) string {
	text := a.scrubber().Body(string(body), a.out)
	if len(text) > maxExcerpt {
		text = strings.ToValidUTF8(text[:maxExcerpt], "") + "…"
	}
	return strconv.Quote(text)
}
