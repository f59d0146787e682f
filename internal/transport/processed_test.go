package transport_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

// Whether the service may have processed a request is a property of the call:
// one attempt whose response was lost is not undone by what comes after it.
func TestMayHaveProcessed(t *testing.T) {
	throttled := exception(400, "ThrottlingException")
	for name, test := range map[string]struct {
		responses []responder
		want      bool
	}{
		"refused":                          {[]responder{exception(400, "ValidationException")}, false},
		"throttled":                        {[]responder{throttled}, false},
		"throttled with a server's status": {[]responder{exception(503, "ThrottlingException")}, false},
		"no connection":                    {[]responder{refused}, false},
		"a page of a proxy":                {[]responder{reply(404, "<html>")}, false},
		"a redirect":                       {[]responder{reply(302, "")}, false},
		"lost":                             {[]responder{lost}, true},
		"cut off":                          {[]responder{cutOff(200)}, true},
		"unreadable":                       {[]responder{reply(200, "<html>")}, true},
		"a server's error":                 {[]responder{exception(500, "ServerInternalException")}, true},
		"a gateway's error":                {[]responder{reply(504, "")}, true},
		"a gateway's patience":             {[]responder{reply(408, "")}, true},
		"lost, then refused":               {[]responder{lost, exception(400, "AccessDeniedException")}, true},
		"lost, then throttled":             {[]responder{lost, throttled}, true},
		"lost, then no connection":         {[]responder{lost, refused}, true},
		"lost, then a page of a proxy":     {[]responder{lost, reply(404, "<html>")}, true},
		"throttled, then refused":          {[]responder{throttled, exception(400, "AccessDeniedException")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, err := named("LM.CreateToken").open(t, config(play(test.responses...)))(t.Context())
				requireOperationError(t, err)
				assert.Equal(t, test.want, awstokens.MayHaveProcessed(err), "%v", err)
			})
		})
	}
	assert.False(t, awstokens.MayHaveProcessed(nil))
	assert.False(t, awstokens.MayHaveProcessed(errFake))
}

// What a credentials provider sent is not what the call sent.
func TestMayHaveProcessedLooksPastCredentials(t *testing.T) {
	_, lostElsewhere := named("OIDC.CreateToken").open(t, once(play(lost)))(t.Context())
	require.True(t, awstokens.MayHaveProcessed(lostElsewhere))
	fails := awstokens.CredentialsFunc(func(context.Context) (awstokens.Credentials, error) {
		return awstokens.Credentials{}, lostElsewhere
	})
	op := named("LM.CreateToken")
	cfg := once(play(reply(200, op.response)))
	cfg.Credentials = fails
	_, err := op.open(t, cfg)(t.Context())
	require.ErrorIs(t, err, lostElsewhere)
	assert.False(t, awstokens.MayHaveProcessed(err))

	// But an attempt before that does count.
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		cfg := config(play(lost))
		cfg.Credentials = awstokens.CredentialsFunc(func(ctx context.Context) (awstokens.Credentials, error) {
			if asked++; asked == 2 {
				return fails(ctx)
			}
			return awstokens.StaticCredentials("AKIDEXAMPLE", "not-a-real-secret-key", "").Retrieve(ctx)
		})
		_, err := op.open(t, cfg)(t.Context())
		require.ErrorIs(t, err, lostElsewhere)
		assert.True(t, awstokens.MayHaveProcessed(err))
	})
}

// discarding is a provider that caches, as tokencreds does.
type discarding struct{ current, discarded int }

func (d *discarding) Retrieve(context.Context) (awstokens.Credentials, error) {
	return awstokens.Credentials{
		AccessKeyID: "AKID" + string(rune('0'+d.current)), SecretAccessKey: awstokens.NewSecret("not-a-real-secret-key"),
		SessionToken: awstokens.NewSecret("not-a-real-session-token"),
	}, nil
}

func (d *discarding) Discard(refused awstokens.Credentials) {
	d.discarded++
	if refused.AccessKeyID == "AKID"+string(rune('0'+d.current)) {
		d.current++
	}
}

// A refused expired session token is no failure if there are other
// credentials, and the attempt that it costs is not a retry.
func TestExpiredCredentialsAreRenewedOnce(t *testing.T) {
	for _, code := range []string{"ExpiredToken", "ExpiredTokenException"} {
		synctest.Test(t, func(t *testing.T) {
			op := named("LM.CreateToken")
			provider := new(discarding)
			http := play(exception(403, code), reply(200, op.response))
			cfg := once(http)
			cfg.Credentials = provider
			start := time.Now()
			out, err := op.open(t, cfg)(t.Context())
			require.NoError(t, err)
			assert.Zero(t, time.Since(start))
			assert.Equal(t, 2, out.Metadata().Attempts)
			assert.Equal(t, 1, provider.discarded)
			assert.Contains(t, http.header("Authorization")[1], "AKID1")

			http = play(exception(403, code))
			cfg.HTTPClient = http
			_, err = op.open(t, cfg)(t.Context())
			assert.Len(t, http.sent, 2, "once is enough")
			assert.Equal(t, 403, responseError(t, err).StatusCode)

			cfg.Credentials = awstokens.StaticCredentials("AKIDEXAMPLE", "not-a-real-secret-key", "not-a-real-session-token")
			http = play(exception(403, code))
			cfg.HTTPClient = http
			_, err = op.open(t, cfg)(t.Context())
			assert.Len(t, http.sent, 1, "there are no others")
			assert.True(t, errors.As(err, new(*awstokens.ResponseError)))
		})
	}
}

// The same key with another session is another credential; and a server error
// says nothing about credentials.
func TestOnlyARefusalRenewsCredentials(t *testing.T) {
	op := named("LM.CreateToken")
	var n int
	provider := awstokens.CredentialsFunc(func(context.Context) (awstokens.Credentials, error) {
		n++
		return awstokens.StaticCredentials("AKIDEXAMPLE", "not-a-real-secret-key", fmt.Sprint("not-a-real-session-", n)).Retrieve(t.Context())
	})
	http := play(exception(403, "ExpiredToken"), reply(200, op.response))
	cfg := once(http)
	cfg.Credentials = provider
	_, err := op.open(t, cfg)(t.Context())
	require.NoError(t, err)
	assert.Len(t, http.sent, 2)

	http = play(exception(500, "ExpiredToken"))
	cfg.HTTPClient = http
	_, err = op.open(t, cfg)(t.Context())
	assert.Len(t, http.sent, 1)
	assert.Equal(t, 500, responseError(t, err).StatusCode)
}

func TestCredentialsAreOneLine(t *testing.T) {
	op := named("LM.CreateToken")
	for _, provider := range []awstokens.CredentialsProvider{
		awstokens.StaticCredentials("AKIDEXAMPLE\r\nX: y", "not-a-real-secret-key", ""),
		awstokens.StaticCredentials("AKIDEXAMPLE", "not-a-real-secret-key", "not-a-real\nsession-token"),
		awstokens.CredentialsFunc(func(context.Context) (awstokens.Credentials, error) {
			return awstokens.Credentials{}, errors.New("first\nsecond")
		}),
	} {
		http := play(reply(200, op.response))
		cfg := once(http)
		cfg.Credentials = provider
		_, err := op.open(t, cfg)(t.Context())
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "\n")
		assert.NotContains(t, err.Error(), "session-token")
		assert.Empty(t, http.sent)
		assert.False(t, awstokens.MayHaveProcessed(err))
	}
}
