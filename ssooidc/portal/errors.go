package portal

import "github.com/aws/smithy-go"

// Exception is what all exceptions of the AWS access portal have in common.
type Exception struct {
	Message string `json:"message"` // the service's explanation
}

// ErrorMessage returns the service's explanation.
func (e *Exception) ErrorMessage() string { return e.Message }

// ErrorFault says that the caller is at fault.
func (e *Exception) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }

func (e *Exception) text(code string) string { return code + ": " + e.Message }

// InvalidRequestException: a parameter is missing or wrong.
type InvalidRequestException struct{ Exception }

// ErrorCode returns the exception's code, which is its type's name.
func (*InvalidRequestException) ErrorCode() string { return "InvalidRequestException" }
func (e *InvalidRequestException) Error() string   { return e.text(e.ErrorCode()) }

// ResourceNotFoundException: there is no such account or role. It comes with
// HTTP status 404.
type ResourceNotFoundException struct{ Exception }

// ErrorCode returns the exception's code, which is its type's name.
func (*ResourceNotFoundException) ErrorCode() string { return "ResourceNotFoundException" }
func (e *ResourceNotFoundException) Error() string   { return e.text(e.ErrorCode()) }

// TooManyRequestsException: requests come too fast. A call that gets it is
// retried. It comes with HTTP status 429.
type TooManyRequestsException struct{ Exception }

// ErrorCode returns the exception's code, which is its type's name.
func (*TooManyRequestsException) ErrorCode() string { return "TooManyRequestsException" }
func (e *TooManyRequestsException) Error() string   { return e.text(e.ErrorCode()) }

// RetryableError says that the call may be repeated.
func (*TooManyRequestsException) RetryableError() bool { return true }

// UnauthorizedException: the access token has expired, was made in another
// Region, or belongs to a session that has ended. The user has to log in
// again. It comes with HTTP status 401.
type UnauthorizedException struct{ Exception }

// ErrorCode returns the exception's code, which is its type's name.
func (*UnauthorizedException) ErrorCode() string { return "UnauthorizedException" }
func (e *UnauthorizedException) Error() string   { return e.text(e.ErrorCode()) }

// newException returns an empty exception of the type that a code names, or
// nil for a code that is not published.
func newException(code string) smithy.APIError {
	switch code {
	case "InvalidRequestException":
		return new(InvalidRequestException)
	case "ResourceNotFoundException":
		return new(ResourceNotFoundException)
	case "TooManyRequestsException":
		return new(TooManyRequestsException)
	case "UnauthorizedException":
		return new(UnauthorizedException)
	}
	return nil
}
