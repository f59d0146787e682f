package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
)

func get(t *testing.T, url string) (status int, body string) {
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(text)
}

// start serves an app until the test ends, or stop is called.
func start(t *testing.T, service *awstokenstest.Server, store string) (url string, stop func() error) {
	client, err := memoryClient(t.Context(), service)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	a := newApp(client, memoryRequest(service), store, slog.New(slog.DiscardHandler))
	go func() { done <- a.serve(ctx, listener) }()
	stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() { _ = stop() })
	return "http://" + listener.Addr().String(), stop
}

func eventually(t *testing.T, condition func() bool) {
	t.Helper()
	assert.Eventually(t, condition, 10*time.Second, 5*time.Millisecond)
}

func taken(service *awstokenstest.Server) int {
	return service.LicenseManager().SeatsTaken(awstokenstest.Seats)
}

func TestServesItsFeatureWithALicense(t *testing.T) {
	service := awstokenstest.NewServer(t)
	store := filepath.Join(t.TempDir(), "seat.json")
	url, stop := start(t, service, store)
	eventually(t, func() bool { status, _ := get(t, url+"/feature"); return status == http.StatusOK })
	_, body := get(t, url+"/license")
	assert.Equal(t, "license: active\n", body)
	assert.FileExists(t, store)

	_, body = get(t, url+"/metrics")
	var metrics struct {
		Events  map[string]int `json:"license_events"`
		State   string         `json:"license_state"`
		Held    bool           `json:"license_held"`
		Expires time.Time      `json:"license_expires"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &metrics))
	assert.Equal(t, map[string]int{"acquired": 1}, metrics.Events)
	assert.Equal(t, "active", metrics.State)
	assert.True(t, metrics.Held)
	assert.WithinDuration(t, time.Now().Add(time.Hour), metrics.Expires, time.Minute)

	assert.Equal(t, 1, taken(service))
	require.NoError(t, stop())
	assert.Zero(t, taken(service), "the seat is given back")
	assert.NoFileExists(t, store)
}

func TestWithoutALicense(t *testing.T) {
	service := awstokenstest.NewServer(t)
	service.LicenseManager().SetSeats(0)
	url, stop := start(t, service, "")
	eventually(t, func() bool { _, body := get(t, url+"/license"); return strings.Contains(body, "license denied") })
	for path, want := range map[string]int{"/feature": http.StatusPaymentRequired, "/readyz": http.StatusServiceUnavailable, "/livez": http.StatusOK} {
		status, _ := get(t, url+path)
		assert.Equal(t, want, status, path)
	}
	require.NoError(t, stop())
}

// The program stops in time although the service does not respond, and its store
// keeps the seat for the next start.
func TestStopsWhileTheServiceHangs(t *testing.T) {
	service := awstokenstest.NewServer(t)
	service.LicenseManager().SetSeats(1)
	dir, err := os.MkdirTemp("", "") // TempDir would fail on Windows, where the lease keeps its lock open
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	store := filepath.Join(dir, "seat.json")
	url, stop := start(t, service, store)
	eventually(t, func() bool { status, _ := get(t, url+"/feature"); return status == http.StatusOK })
	service.LicenseManager().OneIn(1, "").Delay(time.Hour)
	begun := time.Now()
	require.NoError(t, stop())
	assert.Less(t, time.Since(begun), shutdownTime)
	assert.Equal(t, 1, taken(service))
	assert.FileExists(t, store)
}

// An outage fills no log, and its end, or a denial, is logged.
func TestLogsAChange(t *testing.T) {
	var text strings.Builder
	a := newApp(nil, lease.Request{}, "", slog.New(slog.NewTextHandler(&text, nil)))
	outage, denied := errors.New("no response"), &lease.DeniedError{Reason: lease.ReasonSeatsFull, Err: errors.New("refused")}
	for _, e := range []lease.Event{
		{Type: lease.EventAcquireFailed, Err: outage}, {Type: lease.EventAcquireFailed, Err: outage},
		{Type: lease.EventAcquireFailed, Err: denied}, {Type: lease.EventAcquireFailed, Err: denied},
		{Type: lease.EventAcquired}, {Type: lease.EventRenewed}, {Type: lease.EventRenewed},
	} {
		a.record(e)
	}
	assert.Equal(t, 5, strings.Count(text.String(), "\n"), text.String())
	assert.Equal(t, 1, strings.Count(text.String(), "verdict=denied"))
}

// License Manager cannot be reached: the feature is served while the seat is held,
// and again when the service is back. So it is with readiness, but not liveness.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
		client, err := memoryClient(t.Context(), service)
		require.NoError(t, err)
		a := newApp(client, memoryRequest(service), "", slog.New(slog.DiscardHandler))
		a.keeper = a.keep(t.Context())
		look := func(path string) *httptest.ResponseRecorder {
			response := httptest.NewRecorder()
			a.handler().ServeHTTP(response, httptest.NewRequest(http.MethodGet, path, nil))
			return response
		}
		after := func(d time.Duration, feature, ready int) *httptest.ResponseRecorder {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			assert.Equal(t, ready, look("/readyz").Code)
			assert.Equal(t, http.StatusOK, look("/livez").Code)
			response := look("/feature")
			assert.Equal(t, feature, response.Code)
			return response
		}
		after(20*time.Minute, http.StatusOK, http.StatusOK)
		service.LicenseManager().OneIn(1, "").Cut()
		service.STS().OneIn(1, "").Cut()
		assert.NotEmpty(t, after(30*time.Minute, http.StatusOK, http.StatusOK).Header().Get("Warning"))
		assert.Contains(t, look("/license").Body.String(), "license: degraded\nbecause: ")
		after(time.Hour, http.StatusPaymentRequired, http.StatusServiceUnavailable)
		service.ClearFaults()
		assert.Empty(t, after(2*time.Minute, http.StatusOK, http.StatusOK).Header().Get("Warning"))
		time.Sleep(time.Hour) // an extension during the outage may have left a seat
		require.NoError(t, a.keeper.Close(t.Context()))
		assert.Zero(t, taken(service))
		assert.Equal(t, http.StatusServiceUnavailable, look("/readyz").Code)
	})
}

func TestRunStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.Error(t, run(ctx, []string{"-addr", "127.0.0.1:0"}, io.Discard), "minting fails when the context has ended")

	var help strings.Builder
	assert.Error(t, run(t.Context(), []string{"-h"}, &help))
	assert.Contains(t, help.String(), "-live")
	t.Setenv("AWS_LICENSE_ACCESS_FILE", "") // or it would serve
	for _, args := range [][]string{{"live"}, {"-live", "true", "-sku", "s"}, {"-sku", "s"}, {"-fingerprint", "f"}, {"-entitlement", "e"}} {
		_, err := parse(args, io.Discard)
		assert.Error(t, err, "nobody gets a license in memory by mistake: %s", args)
	}
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	assert.Error(t, run(t.Context(), []string{"-live"}, io.Discard))
}
