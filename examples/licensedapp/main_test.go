package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
)

func get(t *testing.T, url string) (status int, body string) {
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

func TestFeatureFollowsTheLicense(t *testing.T) {
	service := awstokenstest.NewServer(t)
	service.LicenseManager().SetSeats(0)
	client, err := memoryClient(t.Context(), service)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url := "http://" + listener.Addr().String()
	a := newApp(client, memoryRequest(service), slog.New(slog.DiscardHandler))
	a.retry = 10 * time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- serve(ctx, listener, a) }()

	eventually := func(status int) {
		t.Helper()
		assert.Eventually(t, func() bool { got, _ := get(t, url+"/feature"); return got == status }, 10*time.Second, 5*time.Millisecond)
	}
	eventually(http.StatusPaymentRequired)
	service.LicenseManager().SetSeats(1)
	eventually(http.StatusOK)
	_, body := get(t, url+"/license")
	assert.Equal(t, "license: active\n", body)
	assert.Equal(t, 1, service.LicenseManager().SeatsTaken(awstokenstest.Seats))

	stop()
	require.NoError(t, <-done)
	assert.Zero(t, service.LicenseManager().SeatsTaken(awstokenstest.Seats), "the seat is given back")
}

// License Manager goes away: the feature goes on while the seat is held, stops
// with it, and comes back with the service.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
		client, err := memoryClient(t.Context(), service)
		require.NoError(t, err)
		a := newApp(client, memoryRequest(service), slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go a.keepLicensed(ctx)
		feature := func(after time.Duration) *httptest.ResponseRecorder {
			time.Sleep(after)
			answer := httptest.NewRecorder()
			a.handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/feature", nil))
			return answer
		}
		assert.Equal(t, http.StatusOK, feature(20*time.Minute).Code)

		service.LicenseManager().OneIn(1, "").Cut()
		service.STS().OneIn(1, "").Cut()
		degraded := feature(30 * time.Minute)
		assert.Equal(t, http.StatusOK, degraded.Code)
		assert.NotEmpty(t, degraded.Header().Get("Warning"))
		assert.Equal(t, http.StatusPaymentRequired, feature(time.Hour).Code)

		service.ClearFaults()
		recovered := feature(2 * time.Minute)
		assert.Equal(t, http.StatusOK, recovered.Code)
		assert.Empty(t, recovered.Header().Get("Warning"))
		stop()
		synctest.Wait()
		assert.Zero(t, service.LicenseManager().SeatsTaken(awstokenstest.Seats))
	})
}

func TestRunStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Error(t, run(ctx, []string{"-addr", "127.0.0.1:0"}, io.Discard), "minting fails when the context has ended")

	var help strings.Builder
	assert.Error(t, run(t.Context(), []string{"-h"}, &help))
	assert.Contains(t, help.String(), "-live")
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	assert.Error(t, run(t.Context(), []string{"-live"}, io.Discard))
}
