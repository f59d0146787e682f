package ssooidc

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens/internal/wire"
)

// Reason is why a request was denied or is invalid. The published values are
// about the AWS KMS key with which the Identity Center instance is encrypted.
type Reason string

// The published reasons. The first is that of an AccessDeniedException, the others
// are those of an InvalidRequestException.
const (
	ReasonKMSAccessDenied    Reason = "KMS_AccessDeniedException"
	ReasonKMSDisabled        Reason = "KMS_DisabledException"
	ReasonKMSInvalidKeyUsage Reason = "KMS_InvalidKeyUsageException"
	ReasonKMSInvalidState    Reason = "KMS_InvalidStateException"
	ReasonKMSNotFound        Reason = "KMS_NotFoundException"
)

// Values returns the published values.
func (Reason) Values() []Reason {
	return []Reason{ReasonKMSAccessDenied, ReasonKMSDisabled, ReasonKMSInvalidKeyUsage, ReasonKMSInvalidState, ReasonKMSNotFound}
}

// OAuthException has what all exceptions of IAM Identity Center OIDC have in
// common. Each is a [smithy.APIError] whose ErrorCode is the name of its type.
type OAuthException struct {
	// OAuthError is the error code of RFC 6749 section 5.2 and RFC 8628
	// section 3.5, such as invalid_grant.
	OAuthError string `json:"error"`

	// Description is the service's explanation.
	Description string `json:"error_description"`

	// Reason is why the service returned an AccessDeniedException or an
	// InvalidRequestException, or empty.
	Reason Reason `json:"reason"`

	// Message is the service's explanation of an error outside OAuth, such as a
	// denial by an IAM policy.
	Message string `json:"message"`
}

// ErrorMessage returns the service's explanation.
func (e *OAuthException) ErrorMessage() string {
	return cmp.Or(e.Description, e.Message, e.OAuthError)
}

// ErrorFault returns [smithy.FaultClient].
func (e *OAuthException) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }

func (e *OAuthException) text(code string) string {
	text := strings.TrimSuffix(code+": "+e.ErrorMessage(), ": ") // without an explanation, the code alone
	if e.Reason != "" {
		text += " (" + string(e.Reason) + ")"
	}
	return text
}

// AccessDeniedException: the user or a policy denied the request. It ends a
// device authorization.
type AccessDeniedException struct{ OAuthException }

func (*AccessDeniedException) ErrorCode() string { return "AccessDeniedException" }
func (e *AccessDeniedException) Error() string   { return e.text(e.ErrorCode()) }

// AuthorizationPendingException: the user has not approved the device yet. Poll
// again after the interval.
type AuthorizationPendingException struct{ OAuthException }

func (*AuthorizationPendingException) ErrorCode() string { return "AuthorizationPendingException" }
func (e *AuthorizationPendingException) Error() string   { return e.text(e.ErrorCode()) }

// ExpiredTokenException: the token or code has expired.
type ExpiredTokenException struct{ OAuthException }

func (*ExpiredTokenException) ErrorCode() string { return "ExpiredTokenException" }
func (e *ExpiredTokenException) Error() string   { return e.text(e.ErrorCode()) }

// InternalServerException: the service failed. It is retried.
type InternalServerException struct{ OAuthException }

func (*InternalServerException) ErrorCode() string { return "InternalServerException" }
func (e *InternalServerException) Error() string   { return e.text(e.ErrorCode()) }

// ErrorFault returns [smithy.FaultServer].
func (*InternalServerException) ErrorFault() smithy.ErrorFault { return smithy.FaultServer }

// RetryableError returns true.
func (*InternalServerException) RetryableError() bool { return true }

// InvalidClientException: the client ID or secret is wrong, or the
// registration has expired. Its HTTP status is 401.
type InvalidClientException struct{ OAuthException }

func (*InvalidClientException) ErrorCode() string { return "InvalidClientException" }
func (e *InvalidClientException) Error() string   { return e.text(e.ErrorCode()) }

// InvalidClientMetadataException: a value of a registration is invalid.
type InvalidClientMetadataException struct{ OAuthException }

func (*InvalidClientMetadataException) ErrorCode() string { return "InvalidClientMetadataException" }
func (e *InvalidClientMetadataException) Error() string   { return e.text(e.ErrorCode()) }

// InvalidGrantException: the code or token is invalid, used or revoked, or
// belongs to another Region.
type InvalidGrantException struct{ OAuthException }

func (*InvalidGrantException) ErrorCode() string { return "InvalidGrantException" }
func (e *InvalidGrantException) Error() string   { return e.text(e.ErrorCode()) }

// InvalidRedirectUriException: a redirect URI of a registration is not allowed.
type InvalidRedirectUriException struct{ OAuthException }

func (*InvalidRedirectUriException) ErrorCode() string { return "InvalidRedirectUriException" }
func (e *InvalidRedirectUriException) Error() string   { return e.text(e.ErrorCode()) }

// InvalidRequestException: a parameter is missing or invalid.
type InvalidRequestException struct{ OAuthException }

func (*InvalidRequestException) ErrorCode() string { return "InvalidRequestException" }
func (e *InvalidRequestException) Error() string   { return e.text(e.ErrorCode()) }

// InvalidRequestRegionException: the Identity Center instance is in another
// Region.
type InvalidRequestRegionException struct {
	OAuthException

	// Endpoint and Region are those of the instance, or empty.
	Endpoint string `json:"endpoint"`
	Region   string `json:"region"`
}

func (*InvalidRequestRegionException) ErrorCode() string { return "InvalidRequestRegionException" }
func (e *InvalidRequestRegionException) Error() string {
	text := e.text(e.ErrorCode())
	if e.Region != "" {
		text += " (the region is " + e.Region + ")"
	}
	return text
}

// InvalidScopeException: a scope is unknown or not allowed.
type InvalidScopeException struct{ OAuthException }

func (*InvalidScopeException) ErrorCode() string { return "InvalidScopeException" }
func (e *InvalidScopeException) Error() string   { return e.text(e.ErrorCode()) }

// SlowDownException: there are too many requests. Add 5 seconds to the interval
// of a device poll (RFC 8628 section 3.5). It is not retried.
type SlowDownException struct{ OAuthException }

func (*SlowDownException) ErrorCode() string { return "SlowDownException" }
func (e *SlowDownException) Error() string   { return e.text(e.ErrorCode()) }

// RetryableError returns false: only the caller knows the interval.
func (*SlowDownException) RetryableError() bool { return false }

// UnauthorizedClientException: the client is not authorized to use this grant.
type UnauthorizedClientException struct{ OAuthException }

func (*UnauthorizedClientException) ErrorCode() string { return "UnauthorizedClientException" }
func (e *UnauthorizedClientException) Error() string   { return e.text(e.ErrorCode()) }

// UnsupportedGrantTypeException: the service does not know the grant type.
type UnsupportedGrantTypeException struct{ OAuthException }

func (*UnsupportedGrantTypeException) ErrorCode() string { return "UnsupportedGrantTypeException" }
func (e *UnsupportedGrantTypeException) Error() string   { return e.text(e.ErrorCode()) }

var newException = wire.Exceptions(
	new(AccessDeniedException),
	new(AuthorizationPendingException),
	new(ExpiredTokenException),
	new(InternalServerException),
	new(InvalidClientException),
	new(InvalidClientMetadataException),
	new(InvalidGrantException),
	new(InvalidRedirectUriException),
	new(InvalidRequestException),
	new(InvalidRequestRegionException),
	new(InvalidScopeException),
	new(SlowDownException),
	new(UnauthorizedClientException),
	new(UnsupportedGrantTypeException),
)

var oauthErrors = map[string]string{
	"access_denied":           "AccessDeniedException",
	"authorization_pending":   "AuthorizationPendingException",
	"expired_token":           "ExpiredTokenException",
	"invalid_client":          "InvalidClientException",
	"invalid_client_metadata": "InvalidClientMetadataException",
	"invalid_grant":           "InvalidGrantException",
	"invalid_redirect_uri":    "InvalidRedirectUriException",
	"invalid_request":         "InvalidRequestException",
	"invalid_scope":           "InvalidScopeException",
	"server_error":            "InternalServerException",
	"slow_down":               "SlowDownException",
	"unauthorized_client":     "UnauthorizedClientException",
	"unsupported_grant_type":  "UnsupportedGrantTypeException",
}

// codeByBody returns the code of the exception that the OAuth error in a body stands
// for, or "". It is for responses without the header that names the exception.
func codeByBody(body []byte) string {
	var members map[string]any // a struct would take Error for error
	_ = json.Unmarshal(body, &members)
	member := func(name string) string {
		text, _ := members[name].(string)
		return text
	}
	if member("error") == "invalid_request" && member("region")+member("endpoint") != "" {
		return "InvalidRequestRegionException"
	}
	return oauthErrors[member("error")]
}
