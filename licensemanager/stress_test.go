package licensemanager_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// TestManyCallersAndManyFaults: 200 callers of one client meet many faults at once.
// Every call returns a success or a typed error, and creates at most one token.
func TestManyCallersAndManyFaults(t *testing.T) {
	before := runtime.NumGoroutine()
	server, err := awstokenstest.Start()
	require.NoError(t, err)
	server.LicenseManager().OneIn(3, "CreateToken").LoseAnswer()
	server.LicenseManager().OneIn(5, "CreateToken").Throttle()
	server.LicenseManager().OneIn(7, "").Fail(http.StatusInternalServerError)
	server.LicenseManager().OneIn(11, "").FailUntyped(http.StatusServiceUnavailable)
	server.LicenseManager().OneIn(13, "").Cut()

	httpClient := awstokens.DefaultHTTPClient()
	cfg := server.Config()
	cfg.HTTPClient = httpClient
	cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) {
		o.MaxAttempts, o.BaseDelay, o.MaxBackoff, o.RetryBudget = 5, time.Microsecond, time.Millisecond, -1
	})
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)

	var wg sync.WaitGroup
	var succeeded, failed, retried atomic.Int64
	for caller := range 200 {
		wg.Go(func() {
			for call := range 5 {
				clientToken := fmt.Sprintf("caller-%d-%d", caller, call)
				out, err := client.CreateToken(context.Background(), &licensemanager.CreateTokenInput{
					ClientToken: clientToken,
					LicenseArn:  server.LicenseManager().LicenseARN(),
				})
				if err != nil {
					assertTyped(t, err)
					failed.Add(1)
					// The service may have created the token, but once.
					assert.LessOrEqual(t, server.LicenseManager().Minted(clientToken), 1)
					continue
				}
				succeeded.Add(1)
				retried.Add(int64(out.Attempts - 1))
				assert.Equal(t, 1, server.LicenseManager().Minted(clientToken))
				if _, err := client.GetAccessToken(context.Background(), &licensemanager.GetAccessTokenInput{Token: out.Token}); err != nil {
					assertTyped(t, err)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d succeeded after %d retries, %d failed", succeeded.Load(), retried.Load(), failed.Load())
	assert.Equal(t, int64(1000), succeeded.Load()+failed.Load())
	assert.Greater(t, succeeded.Load(), int64(800))
	assert.Greater(t, retried.Load(), int64(300), "calls met the faults")

	httpClient.CloseIdleConnections()
	server.Close()
	assert.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+1 }, 10*time.Second, time.Millisecond, "goroutines are left")
}

func assertTyped(t *testing.T, err error) {
	var operation *smithy.OperationError
	assert.ErrorAs(t, err, &operation)
	var response *awstokens.ResponseError
	var send *awstokens.SendError
	assert.True(t, errors.As(err, &response) || errors.As(err, &send), "%T: %v", err, err)
}
