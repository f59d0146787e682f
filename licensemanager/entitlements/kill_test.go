package entitlements_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/entitlements"
)

var exhaustive = os.Getenv("AWSTOKENS_EXHAUSTIVE") != ""

const (
	endpointVariable = "ENTITLEMENTS_TEST_ENDPOINT" // of the server, for the program that is killed
	fileVariable     = "ENTITLEMENTS_TEST_FILE"
)

// TestMain is the program that is killed if the environment says so: it refreshes
// as often as it can.
func TestMain(m *testing.M) {
	if os.Getenv(endpointVariable) == "" {
		os.Exit(m.Run())
	}
	server, err := awstokenstest.Start() // for its key, which all servers share
	if err != nil {
		panic(err)
	}
	cfg := server.Config()
	cfg.BaseEndpoint = os.Getenv(endpointVariable)
	client, err := licensemanager.New(cfg)
	if err != nil {
		panic(err)
	}
	w, err := entitlements.Watch(context.Background(), client, server.LicenseManager().ProductSKU(), of(server), func(o *entitlements.Options) {
		o.Interval, o.CacheFile = time.Millisecond, os.Getenv(fileVariable)
	})
	if err != nil || w.Err() != nil {
		panic("the program cannot watch")
	}
	for range w.Changed() {
		if err := w.Err(); err != nil {
			panic(err)
		}
	}
}

// A process that is killed leaves a whole file, or none, from which the next
// one starts.
func TestFileIsWholeAtEveryKill(t *testing.T) {
	kills := 5
	if exhaustive {
		kills = 100
	}
	server := awstokenstest.NewServer(t)
	file := filepath.Join(t.TempDir(), "entitlements.json")
	seats, starts := int64(10), 0
	for range kills {
		target := server.LicenseManager().Requests("ListReceivedLicenses") + 1 + rand.IntN(20)
		var output bytes.Buffer
		program := exec.CommandContext(t.Context(), os.Args[0])
		program.Env = append(os.Environ(), endpointVariable+"="+server.URL(), fileVariable+"="+file)
		program.Stdout, program.Stderr = &output, &output
		require.NoError(t, program.Start())
		require.Eventually(t, func() bool {
			seats++
			server.LicenseManager().SetSeats(int(seats))
			return server.LicenseManager().Requests("ListReceivedLicenses") >= target
		}, time.Minute, time.Millisecond)
		time.Sleep(rand.N(3 * time.Millisecond)) // to kill it at any point after a refresh
		require.NoError(t, program.Process.Kill())
		_ = program.Wait()
		require.Empty(t, output.String(), "the program has failed before it was killed")
		if _, err := os.Stat(file); err != nil {
			continue
		}

		starts++
		api := &service{err: errNoNetwork}
		w, err := entitlements.Watch(t.Context(), api, server.LicenseManager().ProductSKU(), of(server), func(o *entitlements.Options) { o.CacheFile = file })
		require.NoError(t, err)
		set, age := w.Current()
		n, ok := set.Limit(awstokenstest.Seats)
		assert.True(t, ok)
		assert.LessOrEqual(t, n, seats)
		assert.Less(t, age, 10*time.Minute)
		w.Close()
	}
	assert.Positive(t, starts)
	t.Logf("%d kills, %d starts from the file, %d changes", kills, starts, seats-10)
}
