package licensemanager

import (
	"strings"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens/internal/wire"
)

// Exception has what all exceptions of License Manager have in common. Each is a
// [smithy.APIError] whose ErrorCode is the name of its type.
type Exception struct {
	Message string // the service's explanation
}

// ErrorMessage returns the service's explanation.
func (e *Exception) ErrorMessage() string { return e.Message }

// ErrorFault returns [smithy.FaultClient].
func (e *Exception) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }

func (e *Exception) text(code string) string {
	return strings.TrimSuffix(code+": "+e.Message, ": ") // without a message, the code alone
}

// AccessDeniedException: access to the resource is denied.
type AccessDeniedException struct{ Exception }

func (*AccessDeniedException) ErrorCode() string { return "AccessDeniedException" }
func (e *AccessDeniedException) Error() string   { return e.text(e.ErrorCode()) }

// AuthorizationException: the caller's policies do not allow the operation.
type AuthorizationException struct{ Exception }

func (*AuthorizationException) ErrorCode() string { return "AuthorizationException" }
func (e *AuthorizationException) Error() string   { return e.text(e.ErrorCode()) }

// ConflictException: the resource is being changed, or its state does not permit
// the operation.
type ConflictException struct{ Exception }

func (*ConflictException) ErrorCode() string { return "ConflictException" }
func (e *ConflictException) Error() string   { return e.text(e.ErrorCode()) }

// EntitlementNotAllowedException: the entitlement does not permit this use.
type EntitlementNotAllowedException struct{ Exception }

func (*EntitlementNotAllowedException) ErrorCode() string { return "EntitlementNotAllowedException" }
func (e *EntitlementNotAllowedException) Error() string   { return e.text(e.ErrorCode()) }

// FailedDependencyException: a service that License Manager depends on failed.
type FailedDependencyException struct {
	Exception

	// ErrorCode_ is the API's member ErrorCode: the code of the dependency. The
	// method ErrorCode has that name already.
	ErrorCode_ string `json:"ErrorCode"`
}

// ErrorCode returns the name of the type. See ErrorCode_ for the dependency.
func (*FailedDependencyException) ErrorCode() string { return "FailedDependencyException" }
func (e *FailedDependencyException) Error() string {
	if e.ErrorCode_ != "" {
		return e.text(e.ErrorCode() + " (" + e.ErrorCode_ + ")")
	}
	return e.text(e.ErrorCode())
}

// FilterLimitExceededException: the request has too many filters.
type FilterLimitExceededException struct{ Exception }

func (*FilterLimitExceededException) ErrorCode() string { return "FilterLimitExceededException" }
func (e *FilterLimitExceededException) Error() string   { return e.text(e.ErrorCode()) }

// InvalidParameterValueException: the value of a parameter is invalid.
type InvalidParameterValueException struct{ Exception }

func (*InvalidParameterValueException) ErrorCode() string { return "InvalidParameterValueException" }
func (e *InvalidParameterValueException) Error() string   { return e.text(e.ErrorCode()) }

// InvalidResourceStateException: the state of the resource does not permit the
// operation.
type InvalidResourceStateException struct{ Exception }

func (*InvalidResourceStateException) ErrorCode() string { return "InvalidResourceStateException" }
func (e *InvalidResourceStateException) Error() string   { return e.text(e.ErrorCode()) }

// LicenseUsageException: there are not enough licenses for the operation.
type LicenseUsageException struct{ Exception }

func (*LicenseUsageException) ErrorCode() string { return "LicenseUsageException" }
func (e *LicenseUsageException) Error() string   { return e.text(e.ErrorCode()) }

// NoEntitlementsAllowedException: no entitlement was granted. All seats are
// taken, or no license matches, or the unit is not that of the license.
type NoEntitlementsAllowedException struct{ Exception }

func (*NoEntitlementsAllowedException) ErrorCode() string { return "NoEntitlementsAllowedException" }
func (e *NoEntitlementsAllowedException) Error() string   { return e.text(e.ErrorCode()) }

// RateLimitExceededException: there are too many requests. It is retried. Its
// HTTP status is 400.
type RateLimitExceededException struct{ Exception }

func (*RateLimitExceededException) ErrorCode() string { return "RateLimitExceededException" }
func (e *RateLimitExceededException) Error() string   { return e.text(e.ErrorCode()) }

// RetryableError returns true.
func (*RateLimitExceededException) RetryableError() bool { return true }

// RedirectException: the home Region of the license is another one.
type RedirectException struct {
	Exception

	// Location is where to make the call. The client does not follow it.
	Location string
}

func (*RedirectException) ErrorCode() string { return "RedirectException" }
func (e *RedirectException) Error() string {
	if e.Location != "" {
		return e.text(e.ErrorCode()) + " (to " + e.Location + ")"
	}
	return e.text(e.ErrorCode())
}

// ResourceLimitExceededException: a quota of the account is reached.
type ResourceLimitExceededException struct{ Exception }

func (*ResourceLimitExceededException) ErrorCode() string { return "ResourceLimitExceededException" }
func (e *ResourceLimitExceededException) Error() string   { return e.text(e.ErrorCode()) }

// ResourceNotFoundException: there is no such resource.
type ResourceNotFoundException struct{ Exception }

func (*ResourceNotFoundException) ErrorCode() string { return "ResourceNotFoundException" }
func (e *ResourceNotFoundException) Error() string   { return e.text(e.ErrorCode()) }

// ServerInternalException: the service failed. It is retried.
type ServerInternalException struct{ Exception }

func (*ServerInternalException) ErrorCode() string { return "ServerInternalException" }
func (e *ServerInternalException) Error() string   { return e.text(e.ErrorCode()) }

// ErrorFault returns [smithy.FaultServer].
func (*ServerInternalException) ErrorFault() smithy.ErrorFault { return smithy.FaultServer }

// RetryableError returns true.
func (*ServerInternalException) RetryableError() bool { return true }

// UnsupportedDigitalSignatureMethodException: the license cannot be signed with
// this method.
type UnsupportedDigitalSignatureMethodException struct{ Exception }

func (*UnsupportedDigitalSignatureMethodException) ErrorCode() string {
	return "UnsupportedDigitalSignatureMethodException"
}
func (e *UnsupportedDigitalSignatureMethodException) Error() string { return e.text(e.ErrorCode()) }

// ValidationException: the input violates a constraint of the service.
type ValidationException struct{ Exception }

func (*ValidationException) ErrorCode() string { return "ValidationException" }
func (e *ValidationException) Error() string   { return e.text(e.ErrorCode()) }

var newException = wire.Exceptions(
	new(AccessDeniedException),
	new(AuthorizationException),
	new(ConflictException),
	new(EntitlementNotAllowedException),
	new(FailedDependencyException),
	new(FilterLimitExceededException),
	new(InvalidParameterValueException),
	new(InvalidResourceStateException),
	new(LicenseUsageException),
	new(NoEntitlementsAllowedException),
	new(RateLimitExceededException),
	new(RedirectException),
	new(ResourceLimitExceededException),
	new(ResourceNotFoundException),
	new(ServerInternalException),
	new(UnsupportedDigitalSignatureMethodException),
	new(ValidationException),
)
