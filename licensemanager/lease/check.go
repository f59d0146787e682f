package lease

import (
	"context"
	"errors"
)

// Verdict says whether the service grants a seat.
type Verdict string

// The verdicts.
const (
	VerdictEntitled Verdict = "entitled" // a seat was free, or is held
	VerdictDenied   Verdict = "denied"   // the service denied it
	VerdictUnknown  Verdict = "unknown"  // an outage, refused credentials, a *StoreError, an invalid request, or ErrClosed
)

// VerdictOf returns what an error of this package says about the license, such as
// that of [Acquire], [Keeper.Wait] or [Keeper.Err]. It is VerdictDenied if
// errors.As finds a [*DeniedError] or a [*PartialError], VerdictEntitled if err is
// nil, and otherwise VerdictUnknown: an outage, refused credentials, a
// [*StoreError], an invalid request, or [ErrClosed]. So it is not enough to run
// without a seat.
func VerdictOf(err error) Verdict {
	var denied *DeniedError
	var partial *PartialError
	switch {
	case err == nil:
		return VerdictEntitled
	case errors.As(err, &denied), errors.As(err, &partial):
		return VerdictDenied
	}
	return VerdictUnknown
}

// Check finds out whether a seat is free, by taking one and giving it back at
// once. Only a denial by the service is VerdictDenied, with a [*DeniedError] or a
// [*PartialError]. Every other failure is VerdictUnknown, with its error, and no
// reason to lock a customer out. That includes a refresh token that was deleted
// or has expired, which a product may want to treat as a denial: with credentials
// of package tokencreds, errors.Is finds its ErrTokenRefused in the error.
//
// VerdictEntitled has an error, a [*TakenError], if the seat could not be given
// back and stays taken until it expires. Check retries the check-in for up to a
// minute, also after the end of the context.
func Check(ctx context.Context, api API, request Request) (Verdict, error) {
	d, err := newDriver(ctx, api, request, nil)
	if err != nil {
		return VerdictUnknown, err
	}
	a, err := d.acquire(ctx)
	if err != nil {
		return VerdictOf(err), err
	}
	d.stop()
	d.work(a)
	<-d.finished
	return VerdictEntitled, d.closeError()
}
