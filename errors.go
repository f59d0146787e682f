package awstokens

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"
)

var (
	// ErrNoCredentials says that an operation needs a signature and there are
	// no credentials to sign with. Nothing was sent.
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

// ConstraintError is one violated constraint of an input or output. It never
// holds the offending value, which may be secret. It implements smithy-go's
// InvalidParamError, whose Field method gives the whole path, such as
// CreateTokenInput.RoleArns[1].
type ConstraintError struct {
	Member  string // the member's own name, with its index in a list: RoleArns[1]
	Rule    Rule
	Limit   int64  // what is allowed; 0 for a pattern or an enum
	Actual  int64  // what was there; 0 for a pattern or an enum
	Pattern string // the documented pattern or values; empty for other rules
	Hint    string // what may help, if anything is known to

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

// AddNestedContext puts a member that holds this one in front of the path.
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
	}
	if e.Hint != "" {
		reason += " (" + e.Hint + ")"
	}
	return reason + ", " + e.Field() + "."
}

// ResponseError is an answer of the service that is not a success: an error
// that the service reported, or a body that cannot be what the operation
// promises. It wraps the reason: a typed exception, a *smithy.GenericAPIError,
// a *smithy.DeserializationError, ErrResponseTooLarge, or, when a success broke
// off, what broke it, such as io.ErrUnexpectedEOF.
type ResponseError struct {
	// StatusCode is the HTTP status, which may be 200 for an unusable body.
	StatusCode int

	// RequestID is the service's ID of the request, or empty.
	RequestID string

	// RetryAfter is how long the service asked to wait, or 0.
	RetryAfter time.Duration

	// Attempts is how many requests the call had sent when this answer came.
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

// Error gives status, request ID, number of attempts and the reason.
func (e *ResponseError) Error() string {
	var b strings.Builder
	b.WriteString("https response error StatusCode: " + strconv.Itoa(e.StatusCode))
	if e.RequestID != "" {
		b.WriteString(", RequestID: " + e.RequestID)
	}
	if e.Attempts > 1 {
		b.WriteString(", after " + strconv.Itoa(e.Attempts) + " attempts")
	}
	return b.String() + ", " + e.Err.Error()
}

// RetryableError says whether the service asks for a retry by what it
// answered: a throttling error, a server fault, or a lost answer to an
// operation that is safe to send twice. An SDK's retryer understands it.
func (e *ResponseError) RetryableError() bool {
	var says interface{ RetryableError() bool }
	if errors.As(e.Err, &says) {
		return says.RetryableError()
	}
	if e.StatusCode == 429 || e.StatusCode >= 500 {
		return true
	}
	var api smithy.APIError
	return errors.As(e.Err, &api) && retryableCodes[api.ErrorCode()]
}

// retryableCodes are the codes of AWS services that mean "too many requests" or
// a passing fault, beside those of the exceptions that say so themselves.
var retryableCodes = map[string]bool{
	"BandwidthLimitExceeded":                 true,
	"EC2ThrottledException":                  true,
	"IDPCommunicationError":                  true,
	"LimitExceededException":                 true,
	"PriorRequestNotComplete":                true,
	"ProvisionedThroughputExceededException": true,
	"RateLimitExceededException":             true,
	"RequestLimitExceeded":                   true,
	"RequestThrottled":                       true,
	"RequestThrottledException":              true,
	"RequestTimeout":                         true,
	"RequestTimeoutException":                true,
	"SlowDown":                               true,
	"ThrottledException":                     true,
	"Throttling":                             true,
	"ThrottlingException":                    true,
	"TooManyRequestsException":               true,
	"TransactionInProgressException":         true,
}

// SendError says that a request brought no answer: the connection could not
// be made, broke, or timed out.
type SendError struct {
	// Err is what the HTTP client reported.
	Err error

	// Written says that the service may have acted on the request: all of it
	// was handed over, or, if it is safe to send twice, may have begun to be.
	Written bool

	// Repeatable says that the operation is safe to send twice.
	Repeatable bool

	// Attempts is how many requests the call had sent.
	Attempts int
}

// Unwrap returns what the HTTP client reported.
func (e *SendError) Unwrap() error { return e.Err }

// Error says what happened and, where it matters, that the service may have
// acted on the request.
func (e *SendError) Error() string {
	text := "request send failed"
	if e.Attempts > 1 {
		text = fmt.Sprintf("request send failed after %d attempts", e.Attempts)
	}
	if e.Written && !e.Repeatable {
		text += " (the service may have acted on it)"
	}
	return text + ": " + e.Err.Error()
}

// RetryableError says whether sending again can do no harm.
func (e *SendError) RetryableError() bool { return !e.Written || e.Repeatable }
