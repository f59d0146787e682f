package login

import (
	"errors"
	"fmt"
)

// What is wrong with a session, to be found with errors.Is. The error itself is
// an [*Error], which names the session.
var (
	// ErrLoginRequired says that there is no token, or an expired one that
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

// ErrNotFound is the error of a [Store] that has no such entry.
var ErrNotFound = errors.New("not in the token cache")

// Error is a failure of a session. It wraps two reasons. Kind is
// [ErrLoginRequired], [ErrSessionEnded], [ErrRegistrationExpired] or
// [ErrWrongRegion], or nil if a retry may help. Err is what happened, such as
// [ErrDenied] or [ErrTimedOut], or nil if Kind says it all.
type Error struct {
	Session Session
	Kind    error
	Err     error
}

// Error names the session, says what to do, and then what happened.
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

// CorruptCacheError says that a file of the token cache is not what it should
// be, also when it is read again. Logging in replaces it; so does removing it
// first. The error shows nothing of the file, which may hold secrets.
type CorruptCacheError struct {
	Path   string
	Reason string // what is wrong with the file
}

// Error names the file and says how to go on.
func (e *CorruptCacheError) Error() string {
	return fmt.Sprintf("%s: %s: log in again, or remove the file", e.Path, e.Reason)
}
