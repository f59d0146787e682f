package peers

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdklm "github.com/aws/aws-sdk-go-v2/service/licensemanager"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// The two sides have the same interface.
var (
	_ awstokens.Retryer = aws.Retryer(nil)
	_ aws.Retryer       = awstokens.Retryer(nil)
)

// scripted responds with errors, and then with a success.
type scripted struct {
	wire
	lose bool // lose the responses, after the whole request was read
	left int  // errors that are left
}

func (s *scripted) Do(req *http.Request) (*http.Response, error) {
	resp, err := s.wire.Do(req)
	s.left--
	switch {
	case s.left >= 0 && s.lose:
		return nil, io.ErrUnexpectedEOF
	case s.left < 0:
		resp.StatusCode = http.StatusOK
		resp.Body = io.NopCloser(strings.NewReader(`{"accessToken":"fake"}`))
		resp.ContentLength = -1
	}
	return resp, err
}

// sdkRetryers are retryers of the SDK, with the attempts that they make.
var sdkRetryers = map[string]struct {
	make     func() aws.RetryerV2
	attempts int
}{
	"standard": {func() aws.RetryerV2 { return retry.NewStandard() }, 3},
	"adaptive": {func() aws.RetryerV2 {
		return patient{retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) { o.FailOnNoAttemptTokens = true })}
	}, 3},
	"four": {func() aws.RetryerV2 { return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = 4 }) }, 4},
	"nop":  {func() aws.RetryerV2 { return aws.NopRetryer{} }, 1},
	"eager": {func() aws.RetryerV2 {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.Retryables = []retry.IsErrorRetryable{retry.IsErrorRetryableFunc(func(error) aws.Ternary { return aws.TrueTernary })}
		})
	}, 3},
}

// The retryers of the SDK can be used, and decide correctly on exceptions that they
// do not know. None of them makes the client send a single-use code twice.
func TestSDKRetryer(t *testing.T) {
	list := func(cfg awstokens.Config) error {
		client, err := licensemanager.New(cfg)
		require.NoError(t, err)
		_, err = client.ListTokens(context.Background(), nil)
		return err
	}
	fake := awstokens.NewSecret("fake")
	redeem := func(cfg awstokens.Config) error {
		client, err := ssooidc.New(cfg)
		require.NoError(t, err)
		_, err = client.CreateToken(context.Background(), &ssooidc.CreateTokenInput{ClientId: "c", ClientSecret: fake, GrantType: "refresh_token", RefreshToken: fake})
		return err
	}
	failures := map[string]struct {
		call     func(awstokens.Config) error
		status   int
		response string
		lose     bool
		again    string // which retryers retry: all, or the eager one
	}{
		"throttled":              {call: list, status: 400, response: `{"__type":"RateLimitExceededException"}`, again: "all"},
		"throttled by a gateway": {call: list, status: 429, response: `<html>`, again: "all"},
		"internal":               {call: list, status: 500, response: `{"__type":"ServerInternalException"}`, again: "all"},
		"invalid":                {call: list, status: 400, response: `{"__type":"ValidationException"}`, again: "eager"},
		"lost":                   {call: list, lose: true, again: "all"},
		"for one use, lost":      {call: redeem, lose: true},
		"for one use, slow down": {call: redeem, status: 400, response: `{"error":"slow_down"}`, again: "eager"},
		"for one use, internal":  {call: redeem, status: 500, response: `{"error":"server_error"}`, again: "all"},
	}
	for name, r := range sdkRetryers {
		for what, f := range failures {
			t.Run(name+"/"+what, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { // the waits are those of the retryers
					s := &scripted{wire: wire{status: f.status, response: f.response}, lose: f.lose, left: 100}
					counted := &counting{RetryerV2: r.make()}
					cfg := s.config()
					cfg.HTTPClient, cfg.Retryer = s, counted
					require.Error(t, f.call(cfg))
					want := 1
					if f.again == "all" || f.again == name {
						want = r.attempts
					}
					assert.Len(t, s.sent, want)
					assert.Equal(t, want, counted.attempts, "the retryer is asked before every attempt")

					s.sent, s.left = nil, 1
					err := f.call(cfg)
					if want > 1 {
						assert.NoError(t, err, "the second attempt succeeds")
						assert.Len(t, s.sent, 2)
					} else {
						assert.Error(t, err)
						assert.Len(t, s.sent, 1)
					}
				})
			})
		}
	}
}

// rewards counts the tokens that a retryer of the SDK puts into its budget.
type rewards struct {
	retry.RateLimiter
	tokens uint
}

func (r *rewards) AddTokens(n uint) error {
	r.tokens += n
	return nil
}

// With a retryer of the SDK, a call that succeeds at once puts as much into the
// budget as a call of the SDK.
func TestSDKRetryerReward(t *testing.T) {
	var ours, sdks rewards
	budget := func(r *rewards) aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.RateLimiter = r })
	}
	cfg := new(wire).config()
	cfg.HTTPClient, cfg.Retryer = &scripted{}, budget(&ours)
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	_, err = client.ListTokens(t.Context(), nil)
	require.NoError(t, err)

	sdkCfg := new(wire).sdkConfig()
	sdkCfg.HTTPClient, sdkCfg.Retryer = &scripted{}, func() aws.Retryer { return budget(&sdks) }
	_, err = sdklm.NewFromConfig(sdkCfg).ListTokens(t.Context(), &sdklm.ListTokensInput{})
	require.NoError(t, err)
	assert.EqualValues(t, 1, sdks.tokens)
	assert.Equal(t, sdks.tokens, ours.tokens)
}

// patient waits for an attempt token of the adaptive mode. The mode's own wait
// rounds the time that a last fraction of a token takes to 0: with synthetic
// time, which stands still meanwhile, it would ask for ever.
type patient struct{ *retry.AdaptiveMode }

func (p patient) GetAttemptToken(ctx context.Context) (func(error) error, error) {
	for {
		release, err := p.AdaptiveMode.GetAttemptToken(ctx)
		if err == nil {
			return release, nil
		}
		time.Sleep(time.Millisecond)
	}
}

// counting counts the attempts that a retryer was asked for.
type counting struct {
	aws.RetryerV2
	attempts int
}

func (c *counting) GetAttemptToken(ctx context.Context) (func(error) error, error) {
	c.attempts++
	return c.RetryerV2.GetAttemptToken(ctx)
}
