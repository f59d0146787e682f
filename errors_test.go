package awstokens_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"

	"github.com/seed-25f54b62/awstokens"
)

// TestConstraintErrorField builds paths as smithy's own errors do: a container
// sets the context, and each structure on the way up adds itself.
func TestConstraintErrorField(t *testing.T) {
	for _, test := range []struct {
		context string
		nested  []string // from the inside out
		want    string
	}{
		{"", nil, "M"},
		{"In", nil, "In.M"},
		{"In", []string{"A"}, "In.A.M"},
		{"In", []string{"A[1]"}, "In.A[1].M"},
		{"In", []string{"A", "B"}, "In.B.A.M"},
		{"In", []string{"A[0]", "B[1]", "C"}, "In.C.B[1].A[0].M"},
		{"In", []string{"[3]"}, "In[3].M"},
		{"In", []string{"[3]", "A"}, "In.A[3].M"},
		{"In", []string{"[3]", "[4]", "A"}, "In.A[4][3].M"},
		{"", []string{"A"}, "A.M"},
	} {
		ours, smithys := smithy.InvalidParamError(&awstokens.ConstraintError{Member: "M"}), smithy.InvalidParamError(smithy.NewErrParamRequired("M"))
		for _, e := range []smithy.InvalidParamError{ours, smithys} {
			e.SetContext("Replaced")
			for _, n := range test.nested {
				e.AddNestedContext(n)
			}
			e.SetContext(test.context)
		}
		assert.Equal(t, test.want, ours.Field())
		assert.Equal(t, smithys.Field(), ours.Field())
	}

	item := awstokens.ConstraintError{Member: "Roles[1]"}
	item.SetContext("In")
	assert.Equal(t, "In.Roles[1]", item.Field())
	item = awstokens.ConstraintError{Member: "[1]"} // an item of the value itself
	item.SetContext("In")
	assert.Equal(t, "In[1]", item.Field())
}

func TestConstraintErrorText(t *testing.T) {
	for want, e := range map[string]awstokens.ConstraintError{
		"61 characters where at most 60 are allowed, M.":                    {Rule: awstokens.RuleMaxLength, Limit: 60, Actual: 61},
		"1 characters where at least 2 are needed, M.":                      {Rule: awstokens.RuleMinLength, Limit: 2, Actual: 1},
		"4 items where at most 3 are allowed, M.":                           {Rule: awstokens.RuleMaxItems, Limit: 3, Actual: 4},
		"0 items where at least 1 are needed, M.":                           {Rule: awstokens.RuleMinItems, Limit: 1, Actual: 0},
		"101 where at most 100 is allowed, M.":                              {Rule: awstokens.RuleMaxValue, Limit: 100, Actual: 101},
		"-1 where at least 1 is needed, M.":                                 {Rule: awstokens.RuleMinValue, Limit: 1, Actual: -1},
		`value does not match the documented pattern \S+, M.`:               {Rule: awstokens.RulePattern, Pattern: `\S+`},
		"value does not match the documented pattern ^a at character 3, M.": {Rule: awstokens.RulePattern, Pattern: "^a", Actual: 3},
		"value is not one of A|B, M.":                                       {Rule: awstokens.RuleEnum, Pattern: "A|B"},
		"value is not one of A|B (try C), M.":                               {Rule: awstokens.RuleEnum, Pattern: "A|B", Hint: "try C"},
		"61 characters where at most 60 are allowed (see the manual), M.":   {Rule: awstokens.RuleMaxLength, Limit: 60, Actual: 61, Hint: "see the manual"},
	} {
		e.Member = "M"
		assert.Equal(t, want, e.Error())
	}
}

// saysItself is an exception that says whether it is worth a retry.
type saysItself bool

func (e saysItself) Error() string        { return "an exception" }
func (e saysItself) RetryableError() bool { return bool(e) }

func TestResponseError(t *testing.T) {
	api := func(code string) error { return &smithy.GenericAPIError{Code: code, Message: "why"} }
	for name, test := range map[string]struct {
		err       awstokens.ResponseError
		text      string
		retry     bool
		throttled bool
	}{
		"client's fault":         {awstokens.ResponseError{StatusCode: 400, Err: api("ValidationException")}, "https response error StatusCode: 400, api error ValidationException: why", false, false},
		"with a request ID":      {awstokens.ResponseError{StatusCode: 403, RequestID: "r-1", Attempts: 1, Err: api("AccessDenied")}, "https response error StatusCode: 403, RequestID: r-1, api error AccessDenied: why", false, false},
		"after attempts":         {awstokens.ResponseError{StatusCode: 500, RequestID: "r-1", Attempts: 2, Err: api("Internal")}, "https response error StatusCode: 500, RequestID: r-1, after 2 attempts, api error Internal: why", true, false},
		"any 5xx":                {awstokens.ResponseError{StatusCode: 599, Err: api("Other")}, "https response error StatusCode: 599, api error Other: why", true, false},
		"too many requests":      {awstokens.ResponseError{StatusCode: 429, Err: api("Other")}, "https response error StatusCode: 429, api error Other: why", true, true},
		"throttled":              {awstokens.ResponseError{StatusCode: 400, Err: api("ThrottlingException")}, "https response error StatusCode: 400, api error ThrottlingException: why", true, true},
		"rate limit":             {awstokens.ResponseError{StatusCode: 400, Err: api("RateLimitExceededException")}, "https response error StatusCode: 400, api error RateLimitExceededException: why", true, true},
		"polled too fast":        {awstokens.ResponseError{StatusCode: 400, Err: api("SlowDownException")}, "https response error StatusCode: 400, api error SlowDownException: why", false, false},
		"exception, says yes":    {awstokens.ResponseError{StatusCode: 400, Err: saysItself(true)}, "https response error StatusCode: 400, an exception", true, false},
		"exception, says no":     {awstokens.ResponseError{StatusCode: 500, Err: saysItself(false)}, "https response error StatusCode: 500, an exception", false, false},
		"wrapped, says yes":      {awstokens.ResponseError{StatusCode: 200, Err: fmt.Errorf("cut off: %w", saysItself(true))}, "https response error StatusCode: 200, cut off: an exception", true, false},
		"a body that is no JSON": {awstokens.ResponseError{StatusCode: 200, Err: io.ErrUnexpectedEOF}, "https response error StatusCode: 200, unexpected EOF", false, false},
		"slow down":              {awstokens.ResponseError{StatusCode: 503, Err: api("SlowDown")}, "https response error StatusCode: 503, api error SlowDown: why", true, true},
		"request timeout":        {awstokens.ResponseError{StatusCode: 408, Err: api("RequestTimeout")}, "https response error StatusCode: 408, api error RequestTimeout: why", true, false},
		"429, says no":           {awstokens.ResponseError{StatusCode: 429, Err: saysItself(false)}, "https response error StatusCode: 429, an exception", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			err := error(&smithy.OperationError{ServiceID: "S", OperationName: "O", Err: &test.err})
			assert.Equal(t, test.text, test.err.Error())
			assert.Equal(t, test.retry, test.err.RetryableError())
			assert.Equal(t, test.throttled, test.err.Throttled())
			assert.ErrorIs(t, err, test.err.Err)
			var response interface {
				HTTPStatusCode() int
				ServiceRequestID() string
			}
			assert.ErrorAs(t, err, &response)
			assert.Equal(t, test.err.StatusCode, response.HTTPStatusCode())
			assert.Equal(t, test.err.RequestID, response.ServiceRequestID())
		})
	}
}

func TestSendError(t *testing.T) {
	cause := errors.New("connection reset")
	for _, test := range []struct {
		written, idempotent bool
		attempts            int
		text                string
		retry               bool
	}{
		{false, false, 1, "request send failed: connection reset", true},
		{false, true, 1, "request send failed: connection reset", true},
		{true, true, 3, "request send failed after 3 attempts: connection reset", true},
		{true, false, 1, "request send failed: connection reset", false},
		{true, false, 2, "request send failed after 2 attempts: connection reset", false},
	} {
		err := &awstokens.SendError{Err: cause, Written: test.written, Idempotent: test.idempotent, Attempts: test.attempts}
		assert.Equal(t, test.text, err.Error())
		assert.Equal(t, test.retry, err.RetryableError())
		assert.ErrorIs(t, err, cause)
	}
	assert.ErrorIs(t, &awstokens.SendError{Err: fmt.Errorf("proxy: %w", context.DeadlineExceeded)}, context.DeadlineExceeded)
}

// TestZeroErrors: a fake in a user's test may leave everything out.
func TestZeroErrors(t *testing.T) {
	for want, err := range map[string]error{
		"https response error StatusCode: 0, <nil>":       &awstokens.ResponseError{},
		"request send failed: <nil>":                      &awstokens.SendError{},
		"value does not match the documented pattern , .": &awstokens.ConstraintError{},
	} {
		assert.Equal(t, want, err.Error())
	}
	assert.False(t, new(awstokens.ResponseError).RetryableError())
	assert.True(t, new(awstokens.SendError).RetryableError())
}

// callError is what the call path puts around the error of a call.
type callError struct {
	error
	mayHaveProcessed bool
}

func (e *callError) Unwrap() error          { return e.error }
func (e *callError) MayHaveProcessed() bool { return e.mayHaveProcessed }

// TestMayHaveProcessed: the outermost call decides, however deep it is wrapped or
// joined. The call of a credentials provider inside it does not count.
func TestMayHaveProcessed(t *testing.T) {
	lost := &awstokens.SendError{Err: io.EOF, Written: true}
	provider := &smithy.OperationError{ServiceID: "STS", Err: &callError{lost, true}}
	for name, test := range map[string]struct {
		err  error
		want bool
	}{
		"none":                        {nil, false},
		"not of a call":               {io.ErrUnexpectedEOF, false},
		"refused":                     {&callError{errors.New("no"), false}, false},
		"lost":                        {&callError{lost, true}, true},
		"lost before the last":        {&callError{errors.New("no"), true}, true},
		"in an operation error":       {&smithy.OperationError{Err: &callError{lost, true}}, true},
		"in the caller's own":         {fmt.Errorf("mint: %w", &smithy.OperationError{Err: &callError{lost, true}}), true},
		"canceled":                    {&callError{&smithy.CanceledError{Err: fmt.Errorf("%w: %w", context.Canceled, lost)}, true}, true},
		"joined, the first":           {errors.Join(&callError{lost, true}, &callError{errors.New("no"), false}), true},
		"joined, the last":            {errors.Join(&callError{errors.New("no"), false}, &smithy.OperationError{Err: &callError{lost, true}}), true},
		"joined, none":                {errors.Join(&callError{errors.New("no"), false}, io.ErrUnexpectedEOF, lost), false},
		"two verbs":                   {fmt.Errorf("%w (before: %w)", context.Canceled, &callError{lost, true}), true},
		"of the credentials provider": {&smithy.OperationError{Err: &callError{fmt.Errorf("retrieve credentials: %w", provider), false}}, false},
	} {
		assert.Equal(t, test.want, awstokens.MayHaveProcessed(test.err), name)
	}
}

// TestErrorsSayWhatToDo: each names the setting that helps.
func TestErrorsSayWhatToDo(t *testing.T) {
	for err, setting := range map[error]string{
		awstokens.ErrNoCredentials:    "Config.Credentials",
		awstokens.ErrInsecureEndpoint: "Config.AllowInsecureEndpoint",
		awstokens.ErrResponseTooLarge: "Config.MaxResponseBytes",
	} {
		assert.True(t, strings.Contains(err.Error(), setting), err)
	}
}
