//go:build go1.26

package peers

import (
	"crypto/rand"
	"fmt"
	"io"
	"maps"
	"math/big"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdklm "github.com/aws/aws-sdk-go-v2/service/licensemanager"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// schedule is what happens to the calls of one client: for each call, the
// responses until one is a success or the call is given up.
type schedule struct {
	maxAttempts int
	calls       [][]reply
}

type reply struct {
	status     int // 0 for a lost response
	code       string
	retryAfter string
}

func (r reply) String() string { return fmt.Sprintf("%d %s %q", r.status, r.code, r.retryAfter) }

// failures are those that both sides classify.
var failures = func() []reply {
	list := []reply{
		{}, {status: 500}, {status: 502}, {status: 503}, {status: 504}, {status: 429}, {status: 403},
		{status: 500, code: "ServerInternalException"}, {status: 503, code: "UnheardException"}, {status: 429, code: "UnheardException"},
		{status: 400, code: "ValidationException"}, {status: 400, code: "UnheardException"}, {status: 429, code: "ValidationException"},
	}
	for _, codes := range []map[string]struct{}{retry.DefaultThrottleErrorCodes, retry.DefaultRetryableErrorCodes} {
		for _, code := range slices.Sorted(maps.Keys(codes)) {
			list = append(list, reply{status: 400, code: code})
		}
	}
	return list
}()

// The values of x-amz-retry-after, of which a random number of milliseconds is
// drawn half the time.
var retryAfters = []string{
	"", "", "0", "1", "60000", "2147483647", "2147483648", "4294967296", "9223372036854", "9223372036854775808", "-1", "-9223372036854775808",
	"abc", "1.5", "1e3", " 7", "+7", "0x10", "1_000", "007",
}

// newSchedule returns a schedule in which most failures are retried. In some, so
// many calls fail that the retry budget is spent.
func newSchedule(random *mathrand.Rand) schedule {
	s := schedule{maxAttempts: 1 + random.IntN(12)}
	failing := random.Float64()
	for range 1 + random.IntN(40) {
		var call []reply
		for random.Float64() < failing && len(call) < 12 {
			r := failures[random.IntN(len(failures))]
			if r.status != 0 {
				r.retryAfter = retryAfters[random.IntN(len(retryAfters))]
				if random.IntN(2) == 0 {
					r.retryAfter = fmt.Sprint(random.IntN(30000))
				}
			}
			call = append(call, r)
		}
		s.calls = append(s.calls, call)
	}
	return s
}

// player returns the replies of a call, and then a success.
type player struct {
	replies []reply
	sent    []time.Time
}

func (p *player) Do(req *http.Request) (*http.Response, error) {
	_, _ = io.Copy(io.Discard, req.Body)
	p.sent = append(p.sent, time.Now())
	w := wire{response: `{"Tokens":[]}`}
	if len(p.replies) > 0 {
		r := p.replies[0]
		p.replies = p.replies[1:]
		if r.status == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		w = wire{status: r.status, response: "<html>", header: http.Header{}}
		if r.code != "" {
			w.response = `{"__type":"` + r.code + `"}`
		}
		if r.retryAfter != "" {
			w.header.Set("X-Amz-Retry-After", r.retryAfter)
		}
	}
	req.Body = nil
	return w.Do(req)
}

// outcome is the result of a call: the waits between its attempts, and whether it
// succeeded.
type outcome struct {
	waits []time.Duration
	ok    bool
}

// play makes the calls of a schedule.
func (s schedule) play(p *player, call func() error) (outcomes []outcome) {
	for _, replies := range s.calls {
		p.replies, p.sent = replies, nil
		o := outcome{ok: call() == nil}
		for i := range p.sent[1:] {
			o.waits = append(o.waits, p.sent[i+1].Sub(p.sent[i]))
		}
		outcomes = append(outcomes, o)
	}
	return outcomes
}

// seeded is the SDK's retryer, whose n-th delay is drawn with the random number
// of the n-th seed.
type seeded struct {
	*retry.Standard
	t *testing.T
	n uint64
}

func (s *seeded) RetryDelay(attempt int, err error) (time.Duration, error) {
	s.n++
	cryptotest.SetGlobalRandom(s.t, s.n)
	return s.Standard.RetryDelay(attempt, err)
}

// draw is the random number of a seed, as the SDK draws it.
func draw(t *testing.T, seed uint64) float64 {
	cryptotest.SetGlobalRandom(t, seed)
	n, err := rand.Int(rand.Reader, big.NewInt(1<<53))
	require.NoError(t, err)
	return float64(n.Int64()) / (1 << 53)
}

// The standard retryers of both sides, with the same random numbers, retry the same
// calls after the same waits until the same budget is spent, in 2,000 schedules.
func TestRetryStandard(t *testing.T) {
	const schedules = 2000
	numbers := make([]float64, 600)
	for i := range numbers {
		numbers[i] = draw(t, uint64(i+1))
	}
	waits, clamped, given := 0, 0, 0
	random := mathrand.New(mathrand.NewPCG(1, 2))
	for range schedules {
		s := newSchedule(random)
		synctest.Test(t, func(t *testing.T) {
			sdkPlayer, ourPlayer := new(player), new(player)
			standard := &seeded{t: t, Standard: retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = s.maxAttempts })}
			sdk := sdklm.NewFromConfig(aws.Config{
				Region: region, Credentials: aws.AnonymousCredentials{}, HTTPClient: sdkPlayer, Retryer: func() aws.Retryer { return standard },
			})
			want := s.play(sdkPlayer, func() error { _, err := sdk.ListTokens(t.Context(), nil); return err })

			drawn := 0
			ours, err := licensemanager.New(awstokens.Config{
				Region: region, Credentials: awstokens.AnonymousCredentials{}, HTTPClient: ourPlayer,
				Retryer: awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) {
					o.MaxAttempts = s.maxAttempts
					o.Rand = func() float64 { drawn++; return numbers[drawn-1] }
				}),
			})
			require.NoError(t, err)
			got := s.play(ourPlayer, func() error { _, err := ours.ListTokens(t.Context(), nil); return err })

			for i, call := range s.calls {
				what := fmt.Sprintf("call %d of %d attempts: %v", i, s.maxAttempts, call)
				require.Equal(t, want[i].ok, got[i].ok, what)
				require.Len(t, got[i].waits, len(want[i].waits), what)
				for n, wait := range want[i].waits {
					require.InDelta(t, wait, got[i].waits[n], 5, what) // nanoseconds: they multiply in another order
					waits++
					if wait > 5*time.Second && call[n].retryAfter != "" {
						clamped++
					}
				}
				if !want[i].ok {
					given++
				}
			}
		})
	}
	assert.Greater(t, waits, 5*schedules)
	assert.Greater(t, clamped, schedules)
	assert.Greater(t, given, schedules)
	t.Logf("%d waits, %d of them over 5 s, %d calls given up", waits, clamped, given)
}
