package awstokens

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"
)

var (
	// ErrNoCredentials says that an operation needs a signature and there are
	// no credentials. No request was sent.
	ErrNoCredentials = errors.New("no AWS credentials: set Config.Credentials")

	// ErrInsecureEndpoint says that an endpoint is http:// on a host that is
	// not a loopback address, and Config.AllowInsecureEndpoint is not set.
	ErrInsecureEndpoint = errors.New("endpoint is not https and its host is not a loopback address: set Config.AllowInsecureEndpoint to permit it")

	// ErrResponseTooLarge says that a response was longer than
	// Config.MaxResponseBytes.
	ErrResponseTooLarge = errors.New("response is larger than Config.MaxResponseBytes")
)

// Rule is the kind of a documented constraint.
type Rule string

// The rules that a ConstraintError can report.
const (
	RuleMaxLength Rule = "max length" // Limit and Actual count Unicode characters
	RuleMinLength Rule = "min length" // Limit and Actual count Unicode characters
	RuleMaxItems  Rule = "max items"  // Limit and Actual count list items
	RuleMinItems  Rule = "min items"  // Limit and Actual count list items
	RuleMaxValue  Rule = "max value"  // Limit and Actual are the numbers
	RuleMinValue  Rule = "min value"  // Limit and Actual are the numbers
	RulePattern   Rule = "pattern"    // Pattern is the documented regular expression
	RuleEnum      Rule = "enum"       // Pattern lists the documented values, separated by |
)

// ConstraintError is one violated constraint of an input. It never holds the
// offending value, which may be secret. It implements
// [smithy.InvalidParamError], whose Field method gives the whole path, such as
// CreateTokenInput.RoleArns[1].
type ConstraintError struct {
	Member  string // the member's own name, with its index in a list: RoleArns[1]
	Rule    Rule
	Limit   int64  // what is allowed; 0 for a pattern or an enum
	Actual  int64  // what the input has; for a pattern, the position of the first character that does not match, from 1, or 0 if unknown
	Pattern string // the documented pattern or values; empty for other rules
	Hint    string // what may help, or empty

	context, nested string
}

var _ smithy.InvalidParamError = (*ConstraintError)(nil)

// Field returns the path of the member, from the type's name down.
func (e *ConstraintError) Field() string {
	path := e.context
	for _, part := range []string{e.nested, e.Member} {
		if part != "" && path != "" && part[0] != '[' {
			path += "."
		}
		path += part
	}
	return path
}

// SetContext sets the name of the type that the path starts with.
func (e *ConstraintError) SetContext(context string) { e.context = context }

// AddNestedContext adds the member that contains this one to the path.
func (e *ConstraintError) AddNestedContext(context string) {
	if e.nested != "" && e.nested[0] != '[' {
		context += "."
	}
	e.nested = context + e.nested
}

// Error names the rule and the path.
func (e *ConstraintError) Error() string {
	var reason string
	switch e.Rule {
	case RuleMaxLength:
		reason = fmt.Sprintf("%d characters where at most %d are allowed", e.Actual, e.Limit)
	case RuleMinLength:
		reason = fmt.Sprintf("%d characters where at least %d are needed", e.Actual, e.Limit)
	case RuleMaxItems:
		reason = fmt.Sprintf("%d items where at most %d are allowed", e.Actual, e.Limit)
	case RuleMinItems:
		reason = fmt.Sprintf("%d items where at least %d are needed", e.Actual, e.Limit)
	case RuleMaxValue:
		reason = fmt.Sprintf("%d where at most %d is allowed", e.Actual, e.Limit)
	case RuleMinValue:
		reason = fmt.Sprintf("%d where at least %d is needed", e.Actual, e.Limit)
	case RuleEnum:
		reason = "value is not one of " + e.Pattern
	default:
		reason = "value does not match the documented pattern " + e.Pattern
		if e.Actual > 0 {
			reason += fmt.Sprintf(" at character %d", e.Actual)
		}
	}
	if e.Hint != "" {
		reason += " (" + e.Hint + ")"
	}
	return reason + ", " + e.Field() + "."
}

// ResponseError is a response that is not a success: an error that the service
// reported, or a body that cannot be an output of the operation. It wraps the
// reason: a typed exception, a [*smithy.GenericAPIError], a
// [*smithy.DeserializationError], [ErrResponseTooLarge], or, if a success broke
// off, what broke it, such as [io.ErrUnexpectedEOF].
type ResponseError struct {
	// StatusCode is the HTTP status, which is 2xx for an unusable body.
	StatusCode int

	// RequestID is the service's ID of the request, or empty.
	RequestID string

	// RetryAfter and AmzRetryAfter are how long the service asked to wait by the
	// headers Retry-After and x-amz-retry-after, or 0.
	RetryAfter, AmzRetryAfter time.Duration

	// Date is the service's clock when it responded, to the second, or the zero
	// time if the service gave none.
	Date time.Time

	// Attempts is how many requests the call had sent when the response came.
	Attempts int

	// Err is the reason.
	Err error
}

// HTTPStatusCode returns StatusCode.
func (e *ResponseError) HTTPStatusCode() int { return e.StatusCode }

// ServiceRequestID returns RequestID.
func (e *ResponseError) ServiceRequestID() string { return e.RequestID }

// Unwrap returns the reason.
func (e *ResponseError) Unwrap() error { return e.Err }

// Error returns the status, the request ID, the number of attempts and the
// reason.
func (e *ResponseError) Error() string {
	var b strings.Builder
	b.WriteString("https response error StatusCode: " + strconv.Itoa(e.StatusCode))
	if e.RequestID != "" {
		b.WriteString(", RequestID: " + e.RequestID)
	}
	if e.Attempts > 1 {
		b.WriteString(", after " + strconv.Itoa(e.Attempts) + " attempts")
	}
	return fmt.Sprintf("%s, %v", b.String(), e.Err)
}

// RetryableError reports whether the response is worth a retry: a throttling error
// or a server fault, and a success that broke off if the operation is idempotent.
// A retryer of aws-sdk-go-v2 understands it.
func (e *ResponseError) RetryableError() bool {
	var says interface{ RetryableError() bool }
	if errors.As(e.Err, &says) {
		return says.RetryableError()
	}
	return e.StatusCode >= 500 || e.retryReason() != 0
}

// Throttled reports whether the service refused the request because there
// were too many: a throttling code, or HTTP status 429 without a published
// exception.
func (e *ResponseError) Throttled() bool { return e.retryReason() == throttling }

func (e *ResponseError) retryReason() retryReason {
	var api smithy.APIError
	if errors.As(e.Err, &api) {
		if reason := reasonOf(api.ErrorCode()); reason != 0 {
			return reason
		}
	}
	var unpublished *smithy.GenericAPIError
	if e.StatusCode == 429 && (api == nil || errors.As(e.Err, &unpublished)) {
		return throttling
	}
	return 0
}

type retryReason int

const (
	throttling retryReason = iota + 1
	transient
)

// reasonOf returns why an error of an AWS service with the code is worth a retry,
// or 0. Exceptions with a RetryableError method are not among the codes.
func reasonOf(code string) retryReason {
	switch code {
	case "BandwidthLimitExceeded", "EC2ThrottledException", "LimitExceededException", "PriorRequestNotComplete",
		"ProvisionedThroughputExceededException", "RateLimitExceededException", "RequestLimitExceeded",
		"RequestThrottled", "RequestThrottledException", "SlowDown", "ThrottledException", "Throttling",
		"ThrottlingException", "TooManyRequestsException", "TransactionInProgressException":
		return throttling
	case "IDPCommunicationError", "RequestTimeout", "RequestTimeoutException":
		return transient
	}
	return 0
}

// SendError is a request without a response: the connection could not be made,
// broke, or timed out.
type SendError struct {
	// Err is what the HTTP client reported.
	Err error

	// Written says that the service may have received the whole request.
	Written bool

	// Idempotent says that the operation is idempotent.
	Idempotent bool

	// Attempts is how many requests the call had sent.
	Attempts int
}

// Unwrap returns what the HTTP client reported.
func (e *SendError) Unwrap() error { return e.Err }

// Error returns the number of attempts and what the HTTP client reported.
func (e *SendError) Error() string {
	if e.Attempts > 1 {
		return fmt.Sprintf("request send failed after %d attempts: %v", e.Attempts, e.Err)
	}
	return fmt.Sprintf("request send failed: %v", e.Err)
}

// RetryableError reports whether a retry is safe: the request was not written, or
// the operation is idempotent.
func (e *SendError) RetryableError() bool { return !e.Written || e.Idempotent }

// MayHaveProcessed reports whether the service may have processed a request of
// the call that returned err: at least one attempt was written and got no
// response, a server error, or a success that could not be read. It is false
// if every attempt was refused or never reached the service, if err is not the
// error of a call of this module, and if err is nil. If err joins the errors of
// several calls, one of them is enough. Requests of a credentials provider do
// not count.
func MayHaveProcessed(err error) bool {
	switch e := err.(type) {
	case interface{ MayHaveProcessed() bool }:
		return e.MayHaveProcessed() // whatever it wraps: the call of a credentials provider does not count
	case interface{ Unwrap() error }:
		return MayHaveProcessed(e.Unwrap())
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), MayHaveProcessed)
	}
	return false
}
