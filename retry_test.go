package awstokens_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

type options = awstokens.StandardRetryerOptions

func newRetryer(change func(*options)) *awstokens.StandardRetryer {
	if change == nil {
		return awstokens.NewStandardRetryer()
	}
	return awstokens.NewStandardRetryer(change)
}

// TestRetryerIsTheSDKs holds the interface to the method set of
// aws-sdk-go-v2's aws.Retryer, so that a retryer of that SDK fits as it is.
func TestRetryerIsTheSDKs(t *testing.T) {
	want := map[string]reflect.Type{
		"IsErrorRetryable": reflect.TypeFor[func(error) bool](),
		"MaxAttempts":      reflect.TypeFor[func() int](),
		"RetryDelay":       reflect.TypeFor[func(int, error) (time.Duration, error)](),
		"GetRetryToken":    reflect.TypeFor[func(context.Context, error) (func(error) error, error)](),
		"GetInitialToken":  reflect.TypeFor[func() func(error) error](),
	}
	got := map[string]reflect.Type{}
	retryer := reflect.TypeFor[awstokens.Retryer]()
	for i := range retryer.NumMethod() {
		got[retryer.Method(i).Name] = retryer.Method(i).Type
	}
	assert.Equal(t, want, got)
	assert.True(t, reflect.TypeFor[*awstokens.StandardRetryer]().Implements(retryer))
}

func TestRetryerOptions(t *testing.T) {
	assert.Equal(t, 3, newRetryer(nil).MaxAttempts())
	assert.Equal(t, 7, newRetryer(func(o *options) { o.MaxAttempts = 7 }).MaxAttempts())
	both := awstokens.NewStandardRetryer(func(o *options) { o.MaxAttempts = 7 }, nil, func(o *options) { o.MaxAttempts++ })
	assert.Equal(t, 8, both.MaxAttempts(), "options apply in their order, and a nil one is ignored")
}

// The errors of an attempt that count for a delay.
var (
	errFailed = errors.New("some error")
	throttled = &awstokens.ResponseError{StatusCode: 429, Err: errFailed}
)

// TestRetryDelay draws many delays: all lie between zero and the ceiling, and
// they spread over all of it, which is what full jitter means.
func TestRetryDelay(t *testing.T) {
	small := func(o *options) { o.BaseDelay, o.MaxBackoff = 800, 5000 }
	for _, test := range []struct {
		change  func(*options)
		err     error
		attempt int
		ceiling time.Duration
	}{
		{nil, errFailed, 1, 50 * time.Millisecond},
		{nil, errFailed, 2, 100 * time.Millisecond},
		{nil, errFailed, 3, 200 * time.Millisecond},
		{nil, errFailed, 9, 12800 * time.Millisecond},
		{nil, errFailed, 10, 20 * time.Second},
		{nil, errFailed, 32, 20 * time.Second},
		{nil, errFailed, 33, 20 * time.Second},
		{nil, errFailed, 64, 20 * time.Second},
		{nil, errFailed, 1 << 30, 20 * time.Second},
		{nil, throttled, 1, time.Second},
		{nil, fmt.Errorf("wrapped: %w", throttled), 2, 2 * time.Second},
		{nil, throttled, 5, 16 * time.Second},
		{nil, throttled, 6, 20 * time.Second},
		{small, errFailed, 1, 800},
		{small, errFailed, 2, 1600},
		{small, errFailed, 3, 3200},
		{small, errFailed, 4, 5000},
		{small, throttled, 1, 5000},                                                         // MaxBackoff caps this one, too
		{func(o *options) { o.BaseDelay = 3 * time.Second }, throttled, 1, 3 * time.Second}, // never less than after another error
		{func(o *options) { o.BaseDelay = time.Hour }, errFailed, 1, 20 * time.Second},
		{func(o *options) { o.BaseDelay, o.MaxBackoff = 1<<62, 1<<62 }, errFailed, 2, 1 << 62},
		{func(o *options) { o.BaseDelay = -1 }, errFailed, 9, 0},
		{func(o *options) { o.BaseDelay = -1 }, throttled, 9, 0},
	} {
		r := newRetryer(test.change)
		least, most := test.ceiling, time.Duration(0)
		for range 2000 {
			d, err := r.RetryDelay(test.attempt, test.err)
			require.NoError(t, err)
			require.GreaterOrEqual(t, d, time.Duration(0))
			require.LessOrEqual(t, d, test.ceiling, "attempt %d", test.attempt)
			least, most = min(least, d), max(most, d)
		}
		assert.LessOrEqual(t, least, test.ceiling/10, "attempt %d", test.attempt)
		assert.GreaterOrEqual(t, most, test.ceiling-test.ceiling/10, "attempt %d", test.attempt)
	}
}

// TestRetryDelayByTheStandard compares with the published rule: random in
// [0, min(base * 2^i, 20 s)], which x-amz-retry-after raises by up to 5 s.
func TestRetryDelayByTheStandard(t *testing.T) {
	for _, random := range []float64{0, 0.25, 0.999999} {
		r := newRetryer(func(o *options) { o.Rand = func() float64 { return random } })
		for _, status := range []int{400, 429, 503} {
			for attempt := 1; attempt <= 40; attempt++ {
				for _, asked := range []time.Duration{0, time.Millisecond, 40 * time.Millisecond, time.Second, 4999 * time.Millisecond, 5 * time.Second, 20 * time.Second, time.Hour} {
					base := 50 * time.Millisecond
					if status == 429 {
						base = time.Second
					}
					backoff := time.Duration(random * min(float64(base)*math.Pow(2, float64(attempt-1)), float64(20*time.Second)))
					want := max(backoff, min(asked, backoff+5*time.Second))
					got, err := r.RetryDelay(attempt, &awstokens.ResponseError{StatusCode: status, AmzRetryAfter: asked, Err: errFailed})
					require.NoError(t, err)
					require.InDelta(t, want, got, 1, "attempt %d, status %d, random %v, asked %s", attempt, status, random, asked)
				}
			}
		}
	}
}

// TestRetryDelayOfStrangeSettings: whatever the numbers, no panic and no
// negative wait.
func TestRetryDelayOfStrangeSettings(t *testing.T) {
	strange := []time.Duration{-1 << 63, -1, 0, 1, 1<<63 - 1}
	for _, base := range strange {
		for _, most := range strange {
			r := newRetryer(func(o *options) { o.BaseDelay, o.MaxBackoff = base, most })
			for _, attempt := range []int{math.MinInt, -1, 0, 1, 2, 32, 63, 64, 65, math.MaxInt} {
				d, err := r.RetryDelay(attempt, &awstokens.ResponseError{RetryAfter: -time.Second})
				require.NoError(t, err)
				assert.GreaterOrEqual(t, d, time.Duration(0), "base %d, most %d, attempt %d", base, most, attempt)
			}
		}
	}
}

func TestRetryAfter(t *testing.T) {
	asks := func(d time.Duration) error {
		return &smithy.OperationError{Err: &awstokens.ResponseError{StatusCode: 503, RetryAfter: d, Err: errors.New("busy")}}
	}
	for _, test := range []struct {
		change func(*options)
		asked  time.Duration
		fails  bool
	}{
		{nil, time.Second, false},
		{nil, 30 * time.Second, false}, // beyond MaxBackoff, which caps only what is computed
		{nil, 5 * time.Minute, false},
		{nil, 5*time.Minute + 1, true},
		{func(o *options) { o.MaxRetryAfter = time.Second }, time.Second, false},
		{func(o *options) { o.MaxRetryAfter = time.Second }, 2 * time.Second, true},
		{func(o *options) { o.MaxRetryAfter = -1 }, time.Second, true},
	} {
		d, err := newRetryer(test.change).RetryDelay(1, asks(test.asked))
		if test.fails {
			assert.ErrorContains(t, err, test.asked.String())
			continue
		}
		require.NoError(t, err)
		assert.Equal(t, test.asked, d)
	}
	// A shorter one leaves the computed delay as it is.
	var most time.Duration
	for range 100 {
		d, err := newRetryer(nil).RetryDelay(1, asks(1))
		require.NoError(t, err)
		most = max(most, d)
	}
	assert.Greater(t, most, 5*time.Millisecond)
	assert.LessOrEqual(t, most, 50*time.Millisecond)

	// Of two headers that ask for different times, the longer one counts.
	d, err := newRetryer(nil).RetryDelay(1, &awstokens.ResponseError{StatusCode: 503, RetryAfter: 30 * time.Second, AmzRetryAfter: time.Minute, Err: errFailed})
	require.NoError(t, err)
	assert.Equal(t, 30*time.Second, d)
}

func TestIsErrorRetryable(t *testing.T) {
	r := newRetryer(nil)
	for _, test := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("says nothing"), false},
		{saysItself(true), true},
		{saysItself(false), false},
		{fmt.Errorf("wrapped: %w", saysItself(true)), true},
		{&awstokens.SendError{Err: errors.New("refused")}, true},
		{&awstokens.SendError{Err: errors.New("reset"), Written: true}, false},
		{&awstokens.ResponseError{StatusCode: 503, Err: errors.New("busy")}, true},
		{&awstokens.ResponseError{StatusCode: 400, Err: errors.New("no")}, false},
		{awstokens.ErrNoCredentials, false},
	} {
		assert.Equal(t, test.want, r.IsErrorRetryable(test.err), "%v", test.err)
	}
}

// take takes the tokens of retries after an error until there are not enough,
// or for the most retries that are asked for.
func take(r *awstokens.StandardRetryer, after error, most int) (taken int) {
	for taken < most {
		if _, err := r.GetRetryToken(context.Background(), after); err != nil {
			return taken
		}
		taken++
	}
	return taken
}

func TestRetryBudget(t *testing.T) {
	budget := func(n int) *awstokens.StandardRetryer {
		return newRetryer(func(o *options) { o.RetryBudget = n })
	}
	assert.Equal(t, 35, take(newRetryer(nil), errFailed, 1000), "500 tokens, 14 a retry")
	assert.Equal(t, 100, take(newRetryer(nil), throttled, 1000), "5 after a throttling error")
	assert.Equal(t, 2, take(budget(41), errFailed, 1000))
	assert.Equal(t, 0, take(budget(13), errFailed, 1000))
	assert.Equal(t, 2, take(budget(13), throttled, 1000))
	assert.Equal(t, 1000, take(budget(-1), errFailed, 1000), "no limit")

	_, err := budget(13).GetRetryToken(t.Context(), errFailed)
	assert.ErrorIs(t, err, awstokens.ErrRetryBudgetSpent)

	for name, after := range map[string]error{"failed": errFailed, "throttled": fmt.Errorf("wrapped: %w", throttled)} {
		t.Run("a retry that succeeds gives its cost back, "+name, func(t *testing.T) {
			r := budget(14)
			release, err := r.GetRetryToken(t.Context(), after)
			require.NoError(t, err)
			require.NoError(t, release(nil))
			assert.Equal(t, take(budget(14), after, 10), take(r, after, 10))
		})
	}
	t.Run("one that fails does not", func(t *testing.T) {
		r := budget(14)
		release, err := r.GetRetryToken(t.Context(), errFailed)
		require.NoError(t, err)
		require.NoError(t, release(errFailed))
		assert.Zero(t, take(r, errFailed, 10))
	})
	t.Run("a success at once puts one token back", func(t *testing.T) {
		r := budget(14)
		require.Equal(t, 1, take(r, errFailed, 10))
		for range 13 {
			require.NoError(t, r.GetInitialToken()(nil))
			require.NoError(t, r.GetInitialToken()(errFailed))
		}
		require.Zero(t, take(r, errFailed, 10), "13 tokens")
		require.NoError(t, r.GetInitialToken()(nil))
		assert.Equal(t, 1, take(r, errFailed, 10))
	})
	t.Run("never more than the budget", func(t *testing.T) {
		r := budget(30)
		for range 100 {
			require.NoError(t, r.GetInitialToken()(nil))
		}
		assert.Equal(t, 2, take(r, errFailed, 10))
	})
	t.Run("no limit stays none", func(t *testing.T) {
		r := budget(-1)
		release, err := r.GetRetryToken(t.Context(), errFailed)
		require.NoError(t, err)
		require.NoError(t, release(nil))
		require.NoError(t, r.GetInitialToken()(nil))
		assert.Equal(t, 10, take(r, errFailed, 10))
	})
}

// TestRetryBudgetIsShared: concurrent callers take all tokens and no more, and can
// take again those that they put back.
func TestRetryBudgetIsShared(t *testing.T) {
	r := newRetryer(nil)
	var taken atomic.Int64
	var all sync.WaitGroup
	releases := make(chan func(error) error, 1000)
	for range 50 {
		all.Go(func() {
			for range 20 {
				if release, err := r.GetRetryToken(context.Background(), throttled); err == nil {
					taken.Add(1)
					releases <- release
				}
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 100, taken.Load())
	close(releases)
	for release := range releases {
		all.Go(func() { assert.NoError(t, release(nil)) })
	}
	all.Wait()
	assert.Equal(t, 100, take(r, throttled, 1000))
}
