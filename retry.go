package awstokens

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Retryer decides whether, how often and when a failed attempt is retried. It
// has exactly the methods of aws-sdk-go-v2's aws.Retryer, so a retryer of that
// SDK can be used as it is. If it also has the method GetAttemptToken of
// aws.RetryerV2, a client calls that before each attempt, which is how the SDK's
// adaptive mode limits the rate, and does not call GetInitialToken. It must be safe
// for concurrent use.
//
// A client asks it only about failures that can be retried safely: after a
// response was lost, an operation that is not idempotent is not retried, whatever
// a Retryer says.
type Retryer interface {
	// IsErrorRetryable reports whether the failure is worth a retry.
	IsErrorRetryable(error) bool

	// MaxAttempts returns the most attempts of a call, the first one included.
	// Zero or less means no limit.
	MaxAttempts() int

	// RetryDelay returns how long to wait after the given attempt, counted from
	// 1. If it returns an error, the call returns the failure at once.
	RetryDelay(attempt int, opErr error) (time.Duration, error)

	// GetRetryToken takes what a retry costs from the budget, or returns an
	// error if the budget is spent. The returned function is called with the
	// outcome of the retry.
	GetRetryToken(ctx context.Context, opErr error) (releaseToken func(error) error, err error)

	// GetInitialToken is called once for each call, unless GetAttemptToken takes
	// its place. The returned function is called with the outcome of the first
	// attempt.
	GetInitialToken() (releaseToken func(error) error)
}

// What AWS's standard, Retry Behavior 2.1, fixes.
const (
	throttlingBaseDelay = time.Second
	retryCost           = 14 // tokens that a retry takes from the bucket
	throttlingRetryCost = 5
	successReward       = 1               // tokens that a first attempt puts back if it succeeds
	maxServerDelay      = 5 * time.Second // how far x-amz-retry-after can extend a wait
)

// StandardRetryerOptions are the settings of a [StandardRetryer]. Zero values
// mean the defaults.
type StandardRetryerOptions struct {
	// MaxAttempts is the most attempts of a call, the first one included; default
	// 3. 1 means no retries, a negative number no limit.
	MaxAttempts int

	// BaseDelay is the upper bound of the first wait; it doubles with every
	// attempt. Default 50 ms; negative means no wait. After a throttling error,
	// a positive BaseDelay below 1 s counts as 1 s.
	BaseDelay time.Duration

	// MaxBackoff is the upper bound of every computed wait; default 20 s.
	MaxBackoff time.Duration

	// MaxRetryAfter is the longest Retry-After that is waited for; if the service
	// asks for more, the call returns its error at once, with the time in
	// [ResponseError.RetryAfter]. Default 5 minutes; negative means that any is
	// too long.
	MaxRetryAfter time.Duration

	// RetryBudget is the size of the token bucket that the calls of one retryer
	// share; default 500, negative means no limit. A retry takes 14 tokens, after
	// a throttling error 5, and puts them back if it succeeds; a call that
	// succeeds at once puts back 1. If the bucket is empty, the service is failing
	// for everybody, and retries would only add to its load.
	RetryBudget int

	// Rand returns a random number in [0, 1); default [rand.Float64] of
	// math/rand/v2. It must be safe for concurrent use.
	Rand func() float64
}

// StandardRetryer is the default [Retryer]. It follows the AWS SDKs' standard
// retry mode, Retry Behavior 2.1: 3 attempts; a random wait between zero and
// 50 ms (after a throttling error 1 s), doubled with every attempt and capped
// at 20 s; a token bucket; and the header x-amz-retry-after, which extends a
// wait by at most 5 s. Beyond the standard it waits at least as long as the
// header Retry-After asks. It retries errors whose RetryableError method returns
// true. It is safe for concurrent use.
type StandardRetryer struct {
	options StandardRetryerOptions

	mu     sync.Mutex
	tokens int
}

// NewStandardRetryer returns a [StandardRetryer] with the given changes to its
// options, in their order. A nil change is ignored.
func NewStandardRetryer(options ...func(*StandardRetryerOptions)) *StandardRetryer {
	o := StandardRetryerOptions{}
	for _, change := range options {
		if change != nil {
			change(&o)
		}
	}
	setDefault(&o.MaxAttempts, 3)
	setDefault(&o.BaseDelay, 50*time.Millisecond)
	setDefault(&o.MaxBackoff, 20*time.Second)
	setDefault(&o.MaxRetryAfter, 5*time.Minute)
	setDefault(&o.RetryBudget, 500)
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	return &StandardRetryer{options: o, tokens: o.RetryBudget}
}

func setDefault[T comparable](value *T, byDefault T) {
	var zero T
	if *value == zero {
		*value = byDefault
	}
}

// IsErrorRetryable reports what the error's RetryableError method reports.
func (r *StandardRetryer) IsErrorRetryable(err error) bool {
	var says interface{ RetryableError() bool }
	return errors.As(err, &says) && says.RetryableError()
}

// MaxAttempts returns the option of that name.
func (r *StandardRetryer) MaxAttempts() int { return r.options.MaxAttempts }

// RetryDelay returns how long to wait after the given attempt, counted from 1. It
// returns an error if the service asked for a longer wait than MaxRetryAfter.
func (r *StandardRetryer) RetryDelay(attempt int, opErr error) (time.Duration, error) {
	var response *ResponseError
	if !errors.As(opErr, &response) {
		response = new(ResponseError)
	}
	if limit := max(0, r.options.MaxRetryAfter); response.RetryAfter > limit {
		return 0, fmt.Errorf("the service asks to wait %s, longer than %s", response.RetryAfter, limit)
	}
	base := r.options.BaseDelay
	if base > 0 && response.Throttled() {
		base = max(base, throttlingBaseDelay)
	}
	ceiling := r.options.MaxBackoff
	if shift := max(0, attempt-1); shift < 32 && base < ceiling>>shift {
		ceiling = base << shift
	}
	backoff := time.Duration(0)
	if ceiling > 0 {
		backoff = time.Duration(r.options.Rand() * float64(ceiling))
	}
	return max(backoff, response.RetryAfter, min(response.AmzRetryAfter, backoff+maxServerDelay)), nil
}

// ErrRetryBudgetSpent says that a failure was not retried because too many
// calls of the same client fail.
var ErrRetryBudgetSpent = errors.New("retry budget spent")

// GetRetryToken takes the cost of one retry from the bucket.
func (r *StandardRetryer) GetRetryToken(ctx context.Context, opErr error) (func(error) error, error) {
	if r.options.RetryBudget < 0 {
		return keepToken, nil
	}
	cost := retryCost
	var response *ResponseError
	if errors.As(opErr, &response) && response.Throttled() {
		cost = throttlingRetryCost
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tokens < cost {
		return nil, ErrRetryBudgetSpent
	}
	r.tokens -= cost
	return func(err error) error { return r.putBack(cost, err) }, nil
}

// GetInitialToken returns a function that puts one token into the bucket when
// the first attempt succeeded.
func (r *StandardRetryer) GetInitialToken() func(error) error {
	return r.rewardSuccess
}

func (r *StandardRetryer) rewardSuccess(err error) error { return r.putBack(successReward, err) }

func (r *StandardRetryer) putBack(tokens int, err error) error {
	if err == nil {
		r.mu.Lock()
		r.tokens = min(r.tokens+tokens, r.options.RetryBudget)
		r.mu.Unlock()
	}
	return nil
}

func keepToken(error) error { return nil }
