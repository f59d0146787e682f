package tokencreds

import (
	"errors"

	"github.com/aws/smithy-go"
)

// Step is a step from a refresh token to credentials.
type Step string

// The steps, in order.
const (
	StepReadToken      Step = "read_token"       // read the refresh token
	StepGetAccessToken Step = "get_access_token" // exchange it for an access token
	StepAssumeRole     Step = "assume_role"      // exchange the access token for credentials
)

// ErrTokenRefused says that License Manager refused the refresh token: it was
// deleted, has expired, does not have Options.TokenProperties, or its license is
// gone. errors.Is finds it in an [Error] of StepGetAccessToken that wraps an
// AccessDeniedException, AuthorizationException or ResourceNotFoundException. A
// ValidationException can have other causes: a damaged token, or a Region that is
// not the home Region of the license.
var ErrTokenRefused = errors.New("the refresh token was refused: it was deleted, has expired, or its license is gone")

// ErrTokenMalformed says that what the [Source] returned is not a token: it is
// empty, not in UTF-8, contains white space, or is longer than 4096 characters. It
// was not sent. errors.Is finds it in an [Error] of StepReadToken.
var ErrTokenMalformed = errors.New("the refresh token is malformed")

// Error is the error of a [Provider].
type Error struct {
	// Step is the step that failed.
	Step Step

	// Err is the reason. For StepReadToken it is the error of the [Source], or
	// wraps [ErrTokenMalformed] and says what is wrong with the token. For the
	// other steps it is the error of a call, as package awstokens describes it. An
	// error of STS is a [smithy.APIError] with a code such as
	// InvalidIdentityToken.
	Err error

	role string // that was to be assumed
}

// Error returns which step failed, a likely cause, and the reason.
func (e *Error) Error() string {
	text := "license credentials: "
	switch e.Step {
	case StepReadToken:
		text += "cannot read the refresh token: "
	case StepGetAccessToken:
		text += "cannot exchange the refresh token for an access token: "
	case StepAssumeRole:
		text += "cannot exchange the access token for credentials of the role " + e.role + ": "
	}
	return text + e.hint() + e.Err.Error()
}

// hint returns a likely cause, for the person who has to act, or "".
func (e *Error) hint() string {
	switch code := codeOf(e.Err); {
	case e.Is(ErrTokenRefused):
		return ErrTokenRefused.Error() + ": "
	case e.Step == StepGetAccessToken && (code == "ValidationException" || code == "InvalidParameterValueException" || code == "RedirectException"):
		return "the token is damaged, or the Region is not the home Region of its license: "
	case e.Step == StepAssumeRole && code == "AccessDenied":
		return "the token does not embed the role, or the role does not trust License Manager: "
	}
	return ""
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is [ErrTokenRefused] and the token was refused.
func (e *Error) Is(target error) bool {
	if target != ErrTokenRefused || e.Step != StepGetAccessToken {
		return false
	}
	switch codeOf(e.Err) {
	case "AccessDeniedException", "AuthorizationException",
		"ResourceNotFoundException": // not published for this operation
		return true
	}
	return false
}

// mayBeHalfRead reports whether a token that was read in part may have caused the
// failure. After any other failure the call itself has retried.
func (e *Error) mayBeHalfRead() bool {
	return e.Step == StepReadToken || e.Is(ErrTokenRefused) || codeOf(e.Err) == "ValidationException"
}

// codeOf returns the code of a service's error, or "".
func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}
