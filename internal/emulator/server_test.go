package emulator_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
)

func TestOnlyThePrefixIsServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	root := strings.TrimSuffix(w.URL(), prefix)
	client, err := w.lm.With(func(c *awstokens.Config) { c.BaseEndpoint = root })
	require.NoError(t, err)
	_, err = client.ListTokens(t.Context(), nil)
	assert.Equal(t, http.StatusNotFound, status(err))

	for _, path := range []string{"/elsewhere", "/token/more", "/client"} {
		got := w.send(t, w.request(t, path, "application/json", "{}"))
		assert.Equal(t, http.StatusNotFound, got.status)
		assert.NotEmpty(t, got.header.Get("X-Amzn-Requestid"))
	}
	assert.Equal(t, http.StatusNotFound, w.send(t, w.request(t, "/", "text/plain", "hello")).status)
}

// A page of another site, whose name resolves to a loopback address, is refused.
func TestOnlyItsOwnHostIsServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address, err := url.Parse(w.URL())
	require.NoError(t, err)
	for host, served := range map[string]bool{
		address.Host:                               true,
		"localhost:" + address.Port():              true,
		"LocalHost:" + address.Port():              true,
		"localhost":                                false,
		"localhost.:" + address.Port():             false,
		"rebound.test:" + address.Port():           false,
		"127.0.0.1.rebound.test:" + address.Port(): false,
		"127.0.0.2:" + address.Port():              false,
		"rebound.test":                             false,
	} {
		for _, path := range []string{"/", "/device", "/authorize", "/client/register"} {
			req := w.request(t, path, "application/json", "{}")
			req.Host = host
			got := w.send(t, req)
			assert.Equal(t, served, got.status != http.StatusMisdirectedRequest, "%s%s: %d %s", host, path, got.status, got.body)
		}
	}
	assert.Zero(t, w.Requests(emulator.IdentityCenter, "")-3, "what was refused does not count")

	client, err := w.lm.With(func(c *awstokens.Config) { c.BaseEndpoint = "http://localhost:" + address.Port() + prefix })
	require.NoError(t, err)
	_, err = client.ListTokens(t.Context(), nil)
	assert.NoError(t, err)
}

// A program can mount the handler at any path.
func TestHandlerUnderAnyPrefix(t *testing.T) {
	t.Parallel()
	server, err := emulator.New(emulator.Options{})
	require.NoError(t, err)
	outside := httptest.NewServer(http.StripPrefix("/a b", server))
	t.Cleanup(outside.Close)
	cfg := server.Config()
	cfg.BaseEndpoint = outside.URL + "/a%20b"
	lm, oidc, _ := clients(t, cfg)
	_, err = lm.ListTokens(t.Context(), nil)
	assert.NoError(t, err, "the signature covers the whole path")
	w := &world{Server: server, cfg: cfg, oidc: oidc}
	device := w.startDevice(t, w.register(t))
	assert.Equal(t, cfg.BaseEndpoint+"/device", device.VerificationUri)
}

func TestBodyTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.send(t, w.target(t, "ListTokens", strings.Repeat(" ", 1<<20+1)))
	assert.Equal(t, http.StatusRequestEntityTooLarge, got.status)
}

func TestClock(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	assert.Equal(t, "Fri, 02 Jan 2026 03:04:05 GMT", w.send(t, w.target(t, "ListTokens", "{}")).header.Get("Date"))
	w.Advance(-time.Hour)
	assert.Equal(t, startTime.Add(-time.Hour), w.Now())
	w.SetTime(startTime)
	assert.Equal(t, startTime, w.Now())

	running, err := emulator.New(emulator.Options{})
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), running.Now(), time.Minute)
	running.Advance(time.Hour)
	assert.WithinDuration(t, time.Now().Add(time.Hour), running.Now(), time.Minute)
	running.SetTime(startTime)
	assert.WithinDuration(t, startTime, running.Now(), time.Minute)
	running.Freeze()
	stands := running.Now()
	assert.Equal(t, stands, running.Now())
	running.Advance(time.Second)
	assert.Equal(t, stands.Add(time.Second), running.Now())
}

// The clock can be set to any date, such as the end of a license that is to last
// for ever: a Duration is too short for the difference.
func TestClockFarAway(t *testing.T) {
	t.Parallel()
	running, err := emulator.New(emulator.Options{})
	require.NoError(t, err)
	for _, far := range []time.Time{time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), {}} {
		running.SetTime(far)
		assert.WithinDuration(t, far, running.Now(), time.Minute)
		const years = 200 * 365 * 24 * time.Hour
		running.Advance(years)
		running.Advance(years)
		assert.WithinDuration(t, far.Add(years).Add(years), running.Now(), time.Minute)
	}
	frozen, err := emulator.New(emulator.Options{FrozenAt: startTime})
	require.NoError(t, err)
	frozen.SetTime(time.Time{})
	assert.Equal(t, time.Time{}, frozen.Now(), "it still stands")
}

func TestInvalidOptions(t *testing.T) {
	t.Parallel()
	_, err := emulator.New(emulator.Options{Algorithm: "none"})
	assert.Error(t, err)
	server, err := emulator.New(emulator.Options{})
	require.NoError(t, err)
	assert.NoError(t, server.Close(), "it never listened")
	for _, addr := range []string{"0.0.0.0:0", ":0", "127.0.0.1", "192.0.2.1:0"} {
		assert.Error(t, server.Listen(addr, ""), addr)
	}
	assert.ErrorContains(t, server.Listen("localho\u017ft:0", ""), "not a loopback address")
	require.NoError(t, server.Listen("localhost:0", ""))
	assert.NoError(t, server.Close())
}
