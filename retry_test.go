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

func TestRetryerDefaults(t *testing.T) {
	assert.Equal(t, 3, awstokens.DefaultMaxAttempts)
	assert.Equal(t, 100*time.Millisecond, awstokens.DefaultBaseDelay)
	assert.Equal(t, 20*time.Second, awstokens.DefaultMaxBackoff)
	assert.Equal(t, 5*time.Minute, awstokens.DefaultMaxRetryAfter)
	assert.Equal(t, 500, awstokens.DefaultRetryBudget)

	assert.Equal(t, 3, newRetryer(nil).MaxAttempts())
	assert.Equal(t, 7, newRetryer(func(o *options) { o.MaxAttempts = 7 }).MaxAttempts())
	both := awstokens.NewStandardRetryer(func(o *options) { o.MaxAttempts = 7 }, func(o *options) { o.MaxAttempts++ })
	assert.Equal(t, 8, both.MaxAttempts(), "changes apply in their order")
}

// TestRetryDelay draws many delays: all lie between zero and the ceiling, and
// they spread over all of it, which is what full jitter means.
func TestRetryDelay(t *testing.T) {
	small := func(o *options) { o.BaseDelay, o.MaxBackoff = 800, 5000 }
	for _, test := range []struct {
		change  func(*options)
		attempt int
		ceiling time.Duration
	}{
		{nil, 1, 100 * time.Millisecond},
		{nil, 2, 200 * time.Millisecond},
		{nil, 3, 400 * time.Millisecond},
		{nil, 8, 12800 * time.Millisecond},
		{nil, 9, 20 * time.Second},
		{nil, 32, 20 * time.Second},
		{nil, 33, 20 * time.Second},
		{nil, 64, 20 * time.Second},
		{nil, 1 << 30, 20 * time.Second},
		{small, 1, 800},
		{small, 2, 1600},
		{small, 3, 3200},
		{small, 4, 5000},
		{func(o *options) { o.BaseDelay = time.Hour }, 1, 20 * time.Second},
		{func(o *options) { o.BaseDelay, o.MaxBackoff = 1<<62, 1<<62 }, 2, 1 << 62},
	} {
		r := newRetryer(test.change)
		least, most := test.ceiling, time.Duration(0)
		for range 2000 {
			d, err := r.RetryDelay(test.attempt, errors.New("some error"))
			require.NoError(t, err)
			require.GreaterOrEqual(t, d, time.Duration(0))
			require.LessOrEqual(t, d, test.ceiling, "attempt %d", test.attempt)
			least, most = min(least, d), max(most, d)
		}
		assert.LessOrEqual(t, least, test.ceiling/10, "attempt %d", test.attempt)
		assert.GreaterOrEqual(t, most, test.ceiling-test.ceiling/10, "attempt %d", test.attempt)
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
	assert.Greater(t, most, 10*time.Millisecond)
	assert.LessOrEqual(t, most, 100*time.Millisecond)
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

// take takes retry tokens until none is left, or the most that are asked for.
func take(r *awstokens.StandardRetryer, most int) (taken int) {
	for taken < most {
		if _, err := r.GetRetryToken(context.Background(), nil); err != nil {
			return taken
		}
		taken++
	}
	return taken
}

func TestRetryBudget(t *testing.T) {
	failed := errors.New("some error")
	budget := func(n int) *awstokens.StandardRetryer {
		return newRetryer(func(o *options) { o.RetryBudget = n })
	}
	assert.Equal(t, 100, take(newRetryer(nil), 1000), "500 tokens, 5 a retry")
	assert.Equal(t, 2, take(budget(14), 1000))
	assert.Equal(t, 0, take(budget(4), 1000))
	assert.Equal(t, 1000, take(budget(-1), 1000), "no limit")

	_, err := budget(4).GetRetryToken(t.Context(), failed)
	assert.ErrorIs(t, err, awstokens.ErrRetryBudgetSpent)

	t.Run("a retry that succeeds gives its cost back", func(t *testing.T) {
		r := budget(5)
		release, err := r.GetRetryToken(t.Context(), failed)
		require.NoError(t, err)
		require.Zero(t, take(r, 1))
		require.NoError(t, release(nil))
		assert.Equal(t, 1, take(r, 10))
	})
	t.Run("one that fails does not", func(t *testing.T) {
		r := budget(5)
		release, err := r.GetRetryToken(t.Context(), failed)
		require.NoError(t, err)
		require.NoError(t, release(failed))
		assert.Zero(t, take(r, 10))
	})
	t.Run("a success at once puts one token back", func(t *testing.T) {
		r := budget(5)
		require.Equal(t, 1, take(r, 10))
		for range 4 {
			require.NoError(t, r.GetInitialToken()(nil))
			require.NoError(t, r.GetInitialToken()(failed))
		}
		require.Zero(t, take(r, 10), "4 tokens")
		require.NoError(t, r.GetInitialToken()(nil))
		assert.Equal(t, 1, take(r, 10))
	})
	t.Run("never more than the budget", func(t *testing.T) {
		r := budget(12)
		for range 100 {
			require.NoError(t, r.GetInitialToken()(nil))
		}
		assert.Equal(t, 2, take(r, 10))
	})
	t.Run("no limit stays none", func(t *testing.T) {
		r := budget(-1)
		release, err := r.GetRetryToken(t.Context(), failed)
		require.NoError(t, err)
		require.NoError(t, release(nil))
		require.NoError(t, r.GetInitialToken()(nil))
		assert.Equal(t, 10, take(r, 10))
	})
}

// TestRetryBudgetIsShared: many callers take what is there, no more and no
// less, and what they give back is there again.
func TestRetryBudgetIsShared(t *testing.T) {
	r := newRetryer(nil)
	var taken atomic.Int64
	var all sync.WaitGroup
	releases := make(chan func(error) error, 1000)
	for range 50 {
		all.Go(func() {
			for range 20 {
				if release, err := r.GetRetryToken(context.Background(), nil); err == nil {
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
	assert.Equal(t, 100, take(r, 1000))
}
