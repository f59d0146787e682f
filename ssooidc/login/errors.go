package login

import (
	"errors"
	"fmt"
)

// What is wrong with a session, to be found with errors.Is. The error itself
// is an *Error, which names the session.
var (
	// ErrLoginRequired: there is no token, or one that has expired and cannot
	// be refreshed.
	ErrLoginRequired = errors.New("login required: log in")

	// ErrSessionEnded: the service refuses the refresh token. The session is
	// past its life, or was ended by its user or an administrator.
	ErrSessionEnded = errors.New("the session has ended: log in again")

	// ErrRegistrationExpired: the client that the token was given to is no
	// longer registered, so that the token cannot be refreshed.
	ErrRegistrationExpired = errors.New("the client's registration has expired: log in again, which registers it anew")

	// ErrWrongRegion: the Identity Center instance is in another Region than
	// the session says.
	ErrWrongRegion = errors.New("wrong region: correct the session's region, sso_region in the AWS config file, and log in again")
)

// ErrNotFound is what a Store says when it has no such entry.
var ErrNotFound = errors.New("not in the store")

// Error is a failure of a session. It wraps the reason in two ways: Kind is
// one of ErrLoginRequired, ErrSessionEnded, ErrRegistrationExpired and
// ErrWrongRegion, or nil where trying again may help; Err is what happened,
// ErrDenied and ErrTimedOut of Login among it, or nil where Kind says it all.
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

// Unwrap returns Kind and Err, as far as there are any.
func (e *Error) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// CorruptCacheError says that a file of the cache is not what it should be,
// also when read again. Logging in replaces it; so does removing it first. The
// error shows nothing of the file, because there are secrets in it.
type CorruptCacheError struct {
	// Path is the file.
	Path string

	// Reason is what is wrong with it.
	Reason string
}

// Error names the file and says how to go on.
func (e *CorruptCacheError) Error() string {
	return fmt.Sprintf("%s: %s: log in again, or remove the file", e.Path, e.Reason)
}
