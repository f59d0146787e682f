package lease

import "context"

// Verdict is the outcome of Check.
type Verdict string

// The verdicts.
const (
	Entitled Verdict = "entitled" // a seat was there
	Denied   Verdict = "denied"   // the service refused it
	Unknown  Verdict = "unknown"  // the service could not be asked, or refused the credentials
)

// Check finds out whether a seat can be had, by taking one and giving it back
// at once. Only an explicit refusal by the service is Denied, with a
// *DeniedError or a *PartialError; every other failure is Unknown, with its
// error, and no reason to lock a customer out. That includes a refresh token
// that was deleted or has expired, which a product may want to treat as Denied:
// with credentials of package tokencreds, errors.Is finds its ErrTokenRefused
// in the error.
//
// Entitled has an error only when the seat could not be given back, so that it
// stays taken until it expires; that is tried for up to a minute, also after
// the context's end.
func Check(ctx context.Context, api API, request Request) (Verdict, error) {
	if err := checkAPI(api); err != nil {
		return Unknown, err
	}
	l := &Lease{api: api, request: request, options: Options{Clock: realClock{}}}
	s, err := l.checkout(ctx)
	switch {
	case err == nil:
		return Entitled, l.checkIn(ctx, s.token)
	case isFinal(err):
		return Denied, err
	}
	return Unknown, err
}
