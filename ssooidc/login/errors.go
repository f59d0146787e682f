package login

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// The kinds of an [*Error], which errors.Is finds in it.
var (
	// ErrLoginRequired says that there is no token, or that it has expired and
	// cannot be refreshed.
	ErrLoginRequired = errors.New("login required: log in")

	// ErrSessionEnded says that the service refuses the refresh token. The
	// session has expired, or its user or an administrator has ended it.
	ErrSessionEnded = errors.New("the session has ended: log in again")

	// ErrRegistrationExpired says that the client that the token was issued to
	// is no longer registered, so that the token cannot be refreshed.
	ErrRegistrationExpired = errors.New("the client's registration has expired: log in again, which registers a new client")

	// ErrWrongRegion says that the Identity Center instance is in another
	// Region than the session.
	ErrWrongRegion = errors.New("wrong region: correct the session's region, sso_region in the AWS config file, and log in again")
)

// Why a login failed. errors.Is finds these in the [*Error] of [Login].
var (
	// ErrDenied says that the user or a policy denied the login.
	ErrDenied = errors.New("the login was denied")

	// ErrTimedOut says that Options.Timeout or the life of the device code has
	// ended.
	ErrTimedOut = errors.New("nobody approved the login in time")
)

// ErrNotFound is the error of a [Store] that does not have the token or the
// registration.
var ErrNotFound = errors.New("not in the token cache")

// ErrReadOnly is the error of a [Store] that this process may not write to.
var ErrReadOnly = errors.New("the token cache is read-only")

// Error is the error of a session. It wraps Kind and Err.
type Error struct {
	Session Session

	// Kind is ErrLoginRequired, ErrSessionEnded, ErrRegistrationExpired or
	// ErrWrongRegion, which say what to do, or nil for anything else,
	// after which a retry may help. Err says what happened.
	Kind error

	// Err is what happened, such as ErrDenied, or nil if Kind says it all.
	Err error
}

// kindOf returns the Kind of an [*Error], or nil.
func kindOf(err error) error {
	var failure *Error
	if !errors.As(err, &failure) {
		return nil
	}
	return failure.Kind
}

// Needed reports whether only a [Login] can help after an error: its Kind is
// [ErrLoginRequired], [ErrSessionEnded] or [ErrRegistrationExpired], or the portal
// has refused the access token. It finds these in the errors of a [Provider] and of
// what uses one, such as portal.RoleCredentials, also if an SDK has wrapped them. If
// the next error after the login is of this kind, too, another login does not help.
// After a refusal of a token that the program itself gave to a portal.Client, call
// [Provider.Discard] and retry first.
func Needed(err error) bool {
	return errors.Is(err, ErrLoginRequired) || errors.Is(err, ErrSessionEnded) || errors.Is(err, ErrRegistrationExpired) ||
		has[*portal.UnauthorizedException](err)
}

// Error names the session, says what to do, and then what happened, for a log. To a
// user, a program can show Session and Kind alone.
func (e *Error) Error() string {
	text := "session " + e.Session.String()
	for _, err := range e.Unwrap() {
		text += ": " + err.Error()
	}
	return text
}

// Unwrap returns Kind and Err, without those that are nil.
func (e *Error) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// CorruptCacheError says that a file of the token cache is not a token or a
// registration, also after it was read again. A login replaces it. The error shows
// nothing of the file, which may hold secrets.
type CorruptCacheError struct {
	Path   string
	Reason string // what is wrong with the file
}

// Error names the file and says what to do.
func (e *CorruptCacheError) Error() string {
	return fmt.Sprintf("%s: %s: log in again, or remove the file", e.Path, e.Reason)
}

// AuthorizationError is an error that the authorization endpoint sent back
// through the browser.
type AuthorizationError struct {
	// Code is one of RFC 6749 section 4.1.2.1, such as access_denied.
	Code string

	// Description is the service's explanation, or empty.
	Description string
}

// Error gives the code and the description.
func (e *AuthorizationError) Error() string {
	text := "authorization: " + e.Code
	if e.Description != "" {
		text += ": " + e.Description
	}
	return text
}

// Is reports whether target is [ErrDenied] and the code is access_denied.
func (e *AuthorizationError) Is(target error) bool {
	return target == ErrDenied && e.Code == "access_denied"
}

// CallbackPortError says that Options.CallbackPort is not available. Login tries no
// other port, because nobody would forward that.
type CallbackPortError struct {
	Port int
	Err  error
}

// Error names the port and the reason.
func (e *CallbackPortError) Error() string {
	return fmt.Sprintf("callback port %d: %s", e.Port, e.Err)
}

// Unwrap returns the reason.
func (e *CallbackPortError) Unwrap() error { return e.Err }

// has reports whether errors.As finds a T in an error.
func has[T error](err error) bool {
	var found T
	return errors.As(err, &found)
}

// failure returns the error of a call of Login or Logout.
func (l *login) failure(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	switch other := l.session.otherRegion(); {
	case has[*ssooidc.InvalidRequestRegionException](err):
		return &Error{Session: l.session, Kind: ErrWrongRegion, Err: err}
	case has[*ssooidc.ExpiredTokenException](err):
		err = withClock(err, l.now())
	case mayBeOfAnotherRegion(err) && other != "":
		return &Error{Session: l.session, Kind: ErrWrongRegion, Err: fmt.Errorf("the start URL is of %s: %w", other, err)}
	case mayBeOfAnotherRegion(err):
		err = fmt.Errorf("%w (is that the start URL, and is its Identity Center instance in %s?)", err, l.session.Region)
	case cause != nil && !errors.Is(err, cause): // the end of the context has cut off a call
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return &Error{Session: l.session, Err: err}
}

// unapproved returns why a login no longer waits for its user.
func unapproved(ctx context.Context) error {
	cause := context.Cause(ctx)
	if cause == ctx.Err() { // which alone does not say what it has ended
		return fmt.Errorf("nobody approved the login yet: %w", cause)
	}
	return cause
}

// mayBeOfAnotherRegion reports whether an error is one with which the service
// refuses a start URL that it does not know.
func mayBeOfAnotherRegion(err error) bool {
	var request *ssooidc.InvalidRequestException
	return has[*ssooidc.InvalidGrantException](err) || errors.As(err, &request) && request.Reason == "" ||
		hasCode(err, "invalid_request", "invalid_grant")
}

// isOutage reports whether the failure of a call may be over at the next one: there
// was no response, or it says that the service is faulty or has too many requests.
func isOutage(err error) bool {
	var response *awstokens.ResponseError
	return has[*awstokens.SendError](err) || awstokens.MayHaveProcessed(err) || has[*ssooidc.SlowDownException](err) ||
		errors.As(err, &response) && (response.RetryableError() || response.Throttled())
}

// refusesClient reports whether the service does not know the client or does not
// let it log in, so that another registration may help.
func refusesClient(err error) bool {
	return has[*ssooidc.InvalidClientException](err) || has[*ssooidc.UnauthorizedClientException](err) ||
		hasCode(err, "unauthorized_client", "invalid_client")
}

// hasCode reports whether the authorization endpoint returned one of the codes.
func hasCode(err error, codes ...string) bool {
	var authorization *AuthorizationError
	return errors.As(err, &authorization) && slices.Contains(codes, authorization.Code)
}

// after adds an earlier failure to an error, which it may explain: if a response
// was lost, the service refuses the code or the refresh token of the next request.
func after(fault, err error) error {
	if fault == nil {
		return err
	}
	return fmt.Errorf("%w; the last request failed: %w", err, fault)
}
