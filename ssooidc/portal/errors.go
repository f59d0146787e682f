package portal

import (
	"errors"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens/internal/wire"
)

// Exception has what all exceptions of the AWS access portal have in common. Each
// is a [smithy.APIError] whose ErrorCode is the name of its type.
type Exception struct {
	Message string `json:"message"` // the service's explanation
}

// ErrorMessage returns the service's explanation.
func (e *Exception) ErrorMessage() string { return e.Message }

// ErrorFault returns [smithy.FaultClient].
func (e *Exception) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }

func (e *Exception) text(code string) string {
	return strings.TrimSuffix(code+": "+e.Message, ": ") // without a message, the code alone
}

// InvalidRequestException: a parameter is missing or invalid.
type InvalidRequestException struct{ Exception }

func (*InvalidRequestException) ErrorCode() string { return "InvalidRequestException" }
func (e *InvalidRequestException) Error() string   { return e.text(e.ErrorCode()) }

// ResourceNotFoundException: there is no such account or role. Its HTTP status
// is 404.
type ResourceNotFoundException struct{ Exception }

func (*ResourceNotFoundException) ErrorCode() string { return "ResourceNotFoundException" }
func (e *ResourceNotFoundException) Error() string   { return e.text(e.ErrorCode()) }

// TooManyRequestsException: there are more requests than the portal permits. It is
// retried. Its HTTP status is 429.
type TooManyRequestsException struct{ Exception }

func (*TooManyRequestsException) ErrorCode() string { return "TooManyRequestsException" }
func (e *TooManyRequestsException) Error() string   { return e.text(e.ErrorCode()) }

// RetryableError returns true.
func (*TooManyRequestsException) RetryableError() bool { return true }

// UnauthorizedException: the access token has expired, was issued in another
// Region, or belongs to a session that has ended. Discard it and get another; if
// that is refused too, the user has to log in again. Its HTTP status is 401.
type UnauthorizedException struct{ Exception }

func (*UnauthorizedException) ErrorCode() string { return "UnauthorizedException" }
func (e *UnauthorizedException) Error() string   { return e.text(e.ErrorCode()) }

var newException = wire.Exceptions(
	new(InvalidRequestException),
	new(ResourceNotFoundException),
	new(TooManyRequestsException),
	new(UnauthorizedException),
)

// Step is a step from a session to credentials of a role.
type Step string

// The steps, in order.
const (
	StepGetAccessToken     Step = "get_access_token"     // get the session's access token
	StepGetRoleCredentials Step = "get_role_credentials" // exchange it for credentials
)

// Error is the error of a provider that [RoleCredentials] returned.
type Error struct {
	// Step is the step that failed.
	Step Step

	// AccountID and RoleName are those of the credentials.
	AccountID, RoleName string

	// Err is the reason. For StepGetAccessToken it is the error of the token
	// provider, and for StepGetRoleCredentials that of a call, as package
	// awstokens describes it.
	Err error
}

// Error returns which step failed, a likely cause, and the reason.
func (e *Error) Error() string {
	text := "credentials of the role " + e.RoleName + " in the account " + e.AccountID + ": "
	if e.Step == StepGetAccessToken {
		return text + "cannot get the access token of the session: " + e.Err.Error()
	}
	return text + e.hint() + e.Err.Error()
}

// hint returns a likely cause, for the person who has to act, or "".
func (e *Error) hint() string {
	var api smithy.APIError
	if errors.As(e.Err, &api) {
		switch api.ErrorCode() {
		case "UnauthorizedException":
			return "the session has ended or belongs to another Region, log in again: "
		case "ForbiddenException", "ResourceNotFoundException":
			return "the account or the role does not exist or is not assigned to the user: "
		}
	}
	return ""
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }
