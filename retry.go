package awstokens

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Retryer decides whether, how often and when a failed attempt is repeated.
// It has exactly the methods of aws-sdk-go-v2's aws.Retryer, so a retryer of
// that SDK can be used as it is. It must be safe for concurrent use.
//
// The call path asks it about failures that may be repeated at all: an
// operation that is not safe to send twice is not repeated after its answer
// was lost, whatever a Retryer says.
type Retryer interface {
	// IsErrorRetryable says whether the failure is worth another attempt.
	IsErrorRetryable(error) bool

	// MaxAttempts is the most attempts a call makes, the first one included.
	// Zero or less means no limit.
	MaxAttempts() int

	// RetryDelay is how long to wait after the given attempt, counted from 1.
	RetryDelay(attempt int, opErr error) (time.Duration, error)

	// GetRetryToken takes what a retry costs from the budget, or fails when
	// the budget is spent. The returned function is given the outcome of the
	// retry.
	GetRetryToken(ctx context.Context, opErr error) (releaseToken func(error) error, err error)

	// GetInitialToken is called once a call. The returned function is given
	// the outcome of the first attempt.
	GetInitialToken() (releaseToken func(error) error)
}

// The defaults of StandardRetryerOptions.
const (
	DefaultMaxAttempts   = 3
	DefaultBaseDelay     = 100 * time.Millisecond
	DefaultMaxBackoff    = 20 * time.Second
	DefaultMaxRetryAfter = 5 * time.Minute
	DefaultRetryBudget   = 500
)

const (
	retryCost     = 5 // tokens that one retry takes from the bucket
	successReward = 1 // tokens that a first-time success puts back
)

// StandardRetryerOptions are the settings of a StandardRetryer. Zero values
// mean the defaults.
type StandardRetryerOptions struct {
	// MaxAttempts is the most attempts a call makes, the first one included;
	// default 3. 1 means no retries.
	MaxAttempts int

	// BaseDelay is the upper bound of the first wait; it doubles with every
	// attempt. Default 100 ms, negative for no wait.
	BaseDelay time.Duration

	// MaxBackoff is the upper bound of every computed wait; default 20 s.
	MaxBackoff time.Duration

	// MaxRetryAfter is the longest Retry-After that is waited for; when the
	// service asks for more, the call gives up at once, and the error has the
	// time in ResponseError.RetryAfter. Default 5 minutes.
	MaxRetryAfter time.Duration

	// RetryBudget is the size of the token bucket that the calls of one
	// retryer share; default 500, negative for no limit. A retry takes 5
	// tokens and gives them back if it succeeds; a call that succeeds at once
	// puts back 1. An empty bucket means that the service is failing for
	// everybody, and retries would only add to its load.
	RetryBudget int
}

// StandardRetryer is the default Retryer: 3 attempts, a random wait between
// zero and 100 ms doubled with every attempt (full jitter) and capped at 20 s,
// at least the Retry-After that the service asks for, and a token bucket. It
// repeats what says so itself with a RetryableError method. It is safe for
// concurrent use.
type StandardRetryer struct {
	options StandardRetryerOptions

	mu     sync.Mutex
	tokens int
}

// NewStandardRetryer returns a StandardRetryer with the given changes to its
// default options.
func NewStandardRetryer(options ...func(*StandardRetryerOptions)) *StandardRetryer {
	o := StandardRetryerOptions{}
	for _, change := range options {
		change(&o)
	}
	setDefault(&o.MaxAttempts, DefaultMaxAttempts)
	setDefault(&o.BaseDelay, DefaultBaseDelay)
	setDefault(&o.MaxBackoff, DefaultMaxBackoff)
	setDefault(&o.MaxRetryAfter, DefaultMaxRetryAfter)
	setDefault(&o.RetryBudget, DefaultRetryBudget)
	return &StandardRetryer{options: o, tokens: o.RetryBudget}
}

func setDefault[T comparable](value *T, byDefault T) {
	var zero T
	if *value == zero {
		*value = byDefault
	}
}

// IsErrorRetryable says what the error says of itself.
func (r *StandardRetryer) IsErrorRetryable(err error) bool {
	var says interface{ RetryableError() bool }
	return errors.As(err, &says) && says.RetryableError()
}

// MaxAttempts returns the option of that name.
func (r *StandardRetryer) MaxAttempts() int { return r.options.MaxAttempts }

// RetryDelay returns the wait after the given attempt, counted from 1. It
// fails when the service asked for a longer wait than MaxRetryAfter.
func (r *StandardRetryer) RetryDelay(attempt int, opErr error) (time.Duration, error) {
	ceiling := r.options.MaxBackoff
	if shift := max(0, attempt-1); shift < 32 && r.options.BaseDelay < ceiling>>shift {
		ceiling = r.options.BaseDelay << shift
	}
	var delay time.Duration
	if ceiling > 0 {
		delay = rand.N(ceiling)
	}
	var response *ResponseError
	if errors.As(opErr, &response) && response.RetryAfter > 0 {
		if response.RetryAfter > r.options.MaxRetryAfter {
			return 0, fmt.Errorf("the service asks to wait %s, longer than %s", response.RetryAfter, r.options.MaxRetryAfter)
		}
		delay = max(delay, response.RetryAfter)
	}
	return delay, nil
}

// ErrRetryBudgetSpent says that a failure was not repeated because too many
// calls of the same client are failing.
var ErrRetryBudgetSpent = errors.New("retry budget spent")

// GetRetryToken takes the cost of one retry from the bucket.
func (r *StandardRetryer) GetRetryToken(context.Context, error) (func(error) error, error) {
	if r.options.RetryBudget < 0 {
		return keepToken, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tokens < retryCost {
		return nil, ErrRetryBudgetSpent
	}
	r.tokens -= retryCost
	return func(err error) error { return r.putBack(retryCost, err) }, nil
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
