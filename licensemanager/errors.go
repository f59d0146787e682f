package licensemanager

import (
	"github.com/aws/smithy-go"
)

// Exception is what all exceptions of License Manager have in common.
type Exception struct {
	Message string // the service's explanation
}

// ErrorMessage returns the service's explanation.
func (e *Exception) ErrorMessage() string { return e.Message }

// ErrorFault says that the caller is at fault.
func (e *Exception) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }

func (e *Exception) text(code string) string { return code + ": " + e.Message }

// AccessDeniedException: access to the resource is denied.
type AccessDeniedException struct{ Exception }

// ErrorCode returns the exception's code, which is its type's name.
func (*AccessDeniedException) ErrorCode() string { return "AccessDeniedException" }
func (e *AccessDeniedException) Error() string   { return e.text(e.ErrorCode()) }

// AuthorizationException: the caller's policies do not allow the action.
type AuthorizationException struct{ Exception }

// ErrorCode returns the exception's code, which is its type's name.
func (*AuthorizationException) ErrorCode() string { return "AuthorizationException" }
func (e *AuthorizationException) Error() string   { return e.text(e.ErrorCode()) }

// ConflictException: the resource is being changed, or its state rules the
// action out.
type ConflictException struct{ Exception }

// ErrorCode returns the exception's code, which is its type's name.
func (*ConflictException) ErrorCode() string { return "ConflictException" }
func (e *ConflictException) Error() string   { return e.text(e.ErrorCode()) }

// EntitlementNotAllowedException: the entitlement is not one that may be used
// like this.
type EntitlementNotAllowedException struct{ Exception }

// ErrorCode returns the exception's code, which is its type's name.
func (*EntitlementNotAllowedException) ErrorCode() string { return "EntitlementNotAllowedException" }
func (e *EntitlementNotAllowedException) Error() string   { return e.text(e.ErrorCode()) }

// FailedDependencyException: something that the service relies on failed.
type FailedDependencyException struct {
	Exception

	// ErrorCode_ is the code of the failed dependency, the API's member
	// ErrorCode. That name is taken by the method of smithy.APIError.
	ErrorCode_ string `json:"ErrorCode"`
}

// ErrorCode returns the exception's code, which is its type's name. The code
// of the dependency is in ErrorCode_.
func (*FailedDependencyException) ErrorCode() string { return "FailedDependencyException" }
func (e *FailedDependencyException) Error() string {
	if e.ErrorCode_ != "" {
		return e.text(e.ErrorCode() + " (" + e.ErrorCode_ + ")")
	}
	return e.text(e.ErrorCode())
}

// FilterLimitExceededException: the request has too many filters.
type FilterLimitExceededException struct{ Exception }

// ErrorCode returns the exception's code, which is its type's name.
func (*FilterLimitExceededException) ErrorCode() string { return "FilterLimitExceededException" }
func (e *FilterLimitExceededException) Error() string   { return e.text(e.ErrorCode()) }

// InvalidParameterValueException: one of the parameters has a value that
// cannot be.
type InvalidParameterValueException struct{ Exception }

// ErrorCode returns the exception's code, which is its type's name.
func (*InvalidParameterValueException) ErrorCode() string { return "InvalidParameterValueException" }
func (e *InvalidParameterValueException) Error() string   { return e.text(e.ErrorCode()) }

// InvalidResourceStateException: the resource is in a state that rules the
// action out.
type InvalidResourceStateException struct{ Exception }

// ErrorCode returns the exception's code, which is its type's name.
func (*InvalidResourceStateException) ErrorCode() string { return "InvalidResourceStateException" }
func (e *InvalidResourceStateException) Error() string   { return e.text(e.ErrorCode()) }

// LicenseUsageException: there are not enough licenses for the action.
type LicenseUsageException struct{ Exception }

// ErrorCode returns the exception's code, which is its type's name.
func (*LicenseUsageException) ErrorCode() string { return "LicenseUsageException" }
func (e *LicenseUsageException) Error() string   { return e.text(e.ErrorCode()) }

// NoEntitlementsAllowedException: no entitlement could be granted. The service
// says the same when all seats are taken, when no license matches, and when
// the unit asked for is not the license's.
type NoEntitlementsAllowedException struct{ Exception }

// ErrorCode returns the exception's code, which is its type's name.
func (*NoEntitlementsAllowedException) ErrorCode() string { return "NoEntitlementsAllowedException" }
func (e *NoEntitlementsAllowedException) Error() string   { return e.text(e.ErrorCode()) }

// RateLimitExceededException: too many requests. It comes with HTTP status
// 400, and a call that gets it is retried.
type RateLimitExceededException struct{ Exception }

// ErrorCode returns the exception's code, which is its type's name.
func (*RateLimitExceededException) ErrorCode() string { return "RateLimitExceededException" }
func (e *RateLimitExceededException) Error() string   { return e.text(e.ErrorCode()) }

// RetryableError reports that the call is worth a retry.
func (*RateLimitExceededException) RetryableError() bool { return true }

// RedirectException: the license's home Region is another one.
type RedirectException struct {
	Exception

	// Location is where the service sends the caller. No request follows it;
	// a client for that Region or endpoint can.
	Location string
}

// ErrorCode returns the exception's code, which is its type's name.
func (*RedirectException) ErrorCode() string { return "RedirectException" }
func (e *RedirectException) Error() string {
	if e.Location != "" {
		return e.text(e.ErrorCode()) + " (to " + e.Location + ")"
	}
	return e.text(e.ErrorCode())
}

// ResourceLimitExceededException: a quota of the account is reached.
type ResourceLimitExceededException struct{ Exception }

// ErrorCode returns the exception's code, which is its type's name.
func (*ResourceLimitExceededException) ErrorCode() string { return "ResourceLimitExceededException" }
func (e *ResourceLimitExceededException) Error() string   { return e.text(e.ErrorCode()) }

// ResourceNotFoundException: there is no such resource.
type ResourceNotFoundException struct{ Exception }

// ErrorCode returns the exception's code, which is its type's name.
func (*ResourceNotFoundException) ErrorCode() string { return "ResourceNotFoundException" }
func (e *ResourceNotFoundException) Error() string   { return e.text(e.ErrorCode()) }

// ServerInternalException: the service failed. A call that gets it is retried.
type ServerInternalException struct{ Exception }

// ErrorCode returns the exception's code, which is its type's name.
func (*ServerInternalException) ErrorCode() string { return "ServerInternalException" }
func (e *ServerInternalException) Error() string   { return e.text(e.ErrorCode()) }

// ErrorFault says that the service is at fault.
func (*ServerInternalException) ErrorFault() smithy.ErrorFault { return smithy.FaultServer }

// RetryableError reports that the call is worth a retry.
func (*ServerInternalException) RetryableError() bool { return true }

// UnsupportedDigitalSignatureMethodException: the license cannot be signed
// with the method asked for.
type UnsupportedDigitalSignatureMethodException struct{ Exception }

// ErrorCode returns the exception's code, which is its type's name.
func (*UnsupportedDigitalSignatureMethodException) ErrorCode() string {
	return "UnsupportedDigitalSignatureMethodException"
}
func (e *UnsupportedDigitalSignatureMethodException) Error() string { return e.text(e.ErrorCode()) }

// ValidationException: the input breaks a rule of the service.
type ValidationException struct{ Exception }

// ErrorCode returns the exception's code, which is its type's name.
func (*ValidationException) ErrorCode() string { return "ValidationException" }
func (e *ValidationException) Error() string   { return e.text(e.ErrorCode()) }

// newException returns an empty exception of the type that a code names, or
// nil for a code that is not published.
func newException(code string) smithy.APIError {
	switch code {
	case "AccessDeniedException":
		return new(AccessDeniedException)
	case "AuthorizationException":
		return new(AuthorizationException)
	case "ConflictException":
		return new(ConflictException)
	case "EntitlementNotAllowedException":
		return new(EntitlementNotAllowedException)
	case "FailedDependencyException":
		return new(FailedDependencyException)
	case "FilterLimitExceededException":
		return new(FilterLimitExceededException)
	case "InvalidParameterValueException":
		return new(InvalidParameterValueException)
	case "InvalidResourceStateException":
		return new(InvalidResourceStateException)
	case "LicenseUsageException":
		return new(LicenseUsageException)
	case "NoEntitlementsAllowedException":
		return new(NoEntitlementsAllowedException)
	case "RateLimitExceededException":
		return new(RateLimitExceededException)
	case "RedirectException":
		return new(RedirectException)
	case "ResourceLimitExceededException":
		return new(ResourceLimitExceededException)
	case "ResourceNotFoundException":
		return new(ResourceNotFoundException)
	case "ServerInternalException":
		return new(ServerInternalException)
	case "UnsupportedDigitalSignatureMethodException":
		return new(UnsupportedDigitalSignatureMethodException)
	case "ValidationException":
		return new(ValidationException)
	}
	return nil
}
