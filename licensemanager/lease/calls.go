package lease

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// call makes the call that the machine waits for.
func (d *driver) call(ctx context.Context, a action) action {
	m := &d.machine
	ctx, cancel := context.WithTimeout(ctx, a.limit)
	defer cancel()
	sent := d.now()
	var r response
	var err error
	switch a.do {
	case taskCheckout:
		r, err = d.checkOut(ctx)
	case taskExtend:
		r, err = d.extend(ctx)
	default:
		in := licensemanager.CheckInLicenseInput{Beneficiary: d.request.Beneficiary, LicenseConsumptionToken: m.Token}
		if m.foreign {
			in.Beneficiary = d.resumed.Beneficiary
		}
		_, err = d.api.CheckInLicense(ctx, &in)
	}
	if err != nil {
		r = classify(a.do, err)
	}
	r.sent = sent
	switch {
	case m.state == asking && r.verdict == verdictRefused:
		err = d.explain(ctx, err, r.date)
	case m.foreign && err != nil:
		err = d.blocked(err)
	case r.partial, m.partial && m.state == replacing:
		partial := error(&PartialError{Granted: d.checkout.granted, Missing: d.checkout.missing})
		if err != nil { // of the check-in
			partial = fmt.Errorf("%w: %w", partial, err)
		}
		err = partial
	}
	d.mu.Lock()
	switch {
	case m.state >= givingBack:
		d.giving = err
	case m.state != replacing || err != nil: // a check-in does not end the failure that it follows
		d.failure = err
	}
	d.mu.Unlock()
	return d.tell(event{kind: eventResponded, response: r})
}

// blocked says that the seat of another Request has to be given back first.
func (d *driver) blocked(err error) error {
	return &StoreError{Path: d.file.path, Problem: StoreOtherRequest, Err: err, Until: d.machine.ahead(d.machine.Hi, d.now())}
}

func (d *driver) checkOut(ctx context.Context) (response, error) {
	out, err := d.api.CheckoutLicense(ctx, d.request.input(d.machine.ClientToken, d.nodeID()))
	if err != nil {
		return response{}, err
	}
	c := checkout{out.LicenseArn, out.EntitlementsAllowed, missing(d.request.Entitlements, out.EntitlementsAllowed)}
	d.mu.Lock()
	d.checkout = c
	d.mu.Unlock()
	r := response{date: out.Date, token: out.LicenseConsumptionToken}
	r.partial = d.request.lacks(&c)
	r.issued = readable(out.Issued())
	r.expiration = readable(out.Expires())
	if r.date.IsZero() && r.issued.IsZero() { // nothing else tells the service's time
		r.date = d.now().wall
	}
	return r, nil
}

func (d *driver) extend(ctx context.Context) (response, error) {
	out, err := d.api.ExtendLicenseConsumption(ctx, &licensemanager.ExtendLicenseConsumptionInput{LicenseConsumptionToken: d.machine.Token})
	if err != nil {
		return response{}, err
	}
	r := response{date: out.Date, token: out.LicenseConsumptionToken, expiration: readable(out.Expires())}
	if r.token.IsZero() {
		r.token = d.machine.Token
	}
	return r, nil
}

// readable is a time of a response, or zero if it is missing or unreadable.
func readable(t time.Time, err error) time.Time {
	if err != nil {
		return time.Time{}
	}
	return t
}

// classify says what an error means for the seat.
func classify(do task, err error) response {
	r := response{verdict: verdictNotDone, maybe: mayHaveProcessed(err)}
	if r.maybe {
		r.verdict = verdictUnknown
	}
	failure := responseError(err)
	if failure == nil {
		return r
	}
	r.retryAfter = max(failure.RetryAfter, failure.AmzRetryAfter)
	var api smithy.APIError
	if !errors.As(failure.Err, &api) || api.ErrorCode() == unknownCode { // of a proxy or gateway, with its own clock
		return r
	}
	r.date = failure.Date
	if failure.StatusCode < 400 || failure.StatusCode > 499 || failure.Throttled() {
		return r
	}
	switch code := api.ErrorCode(); {
	case do == taskCheckout:
		r.verdict = verdictRefused
	case slices.Contains(goneCodes, code):
		r.verdict = verdictRefused
	case do == taskCheckIn && code == "ConflictException":
		r.verdict = verdictConflict
	default:
		r.forbidden = slices.Contains(forbiddenCodes, code)
	}
	return r
}

// forbiddenCodes are the codes by which the service refuses a call for which
// there is no permission.
var forbiddenCodes = []string{"AccessDeniedException", "AuthorizationException"}

// unknownCode is that of an error without a code.
const unknownCode = "UnknownError"

// goneCodes are the codes by which the service may refuse a token that it does
// not know. Others, such as AccessDeniedException, say nothing about the seat.
var goneCodes = []string{"InvalidParameterValueException", "ResourceNotFoundException", "ValidationException"}

// mayHaveProcessed is awstokens.MayHaveProcessed. Of an API that is not of this
// module, a call that ended with its context may have been processed.
func mayHaveProcessed(err error) bool {
	var call interface{ MayHaveProcessed() bool }
	if errors.As(err, &call) {
		return awstokens.MayHaveProcessed(err) // also if err joins the errors of several calls
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// responseError finds the response of the service to the call itself, not to a
// call of its credentials provider.
func responseError(err error) *awstokens.ResponseError {
	var op *smithy.OperationError
	if errors.As(err, &op) {
		err = op.Err
	}
	return findResponse(err)
}

func findResponse(err error) *awstokens.ResponseError {
	switch e := err.(type) {
	case *awstokens.ResponseError:
		return e
	case *smithy.OperationError: // of another call
		return nil
	case interface{ Unwrap() error }:
		return findResponse(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			if r := findResponse(part); r != nil {
				return r
			}
		}
	}
	return nil
}
