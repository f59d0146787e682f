package drawdown_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/drawdown"
)

var exhaustive = os.Getenv("AWSTOKENS_EXHAUSTIVE") != ""

const (
	endpointVariable = "DRAWDOWN_TEST_ENDPOINT" // of the server, for the program that is killed
	journalVariable  = "DRAWDOWN_TEST_JOURNAL"
	endlessVariable  = "DRAWDOWN_TEST_ENDLESS" // if it is set, the program adds until it is killed

	goroutines, addsOfEach = 50, 200
)

// TestMain is the program that is killed if the environment says so: it adds
// 10,000 times or for ever, sends as often as it can, and prints its totals at
// the end.
func TestMain(m *testing.M) {
	if os.Getenv(endpointVariable) == "" {
		os.Exit(m.Run())
	}
	meter, err := openMeter(os.Getenv(endpointVariable), os.Getenv(journalVariable), time.Millisecond)
	if err != nil {
		panic(err)
	}
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for i := 0; i < addsOfEach || os.Getenv(endlessVariable) != ""; i++ {
				if err := meter.Add(seats, 1); err != nil {
					panic(err)
				}
				time.Sleep(rand.N(5 * time.Millisecond)) // so that there are many batches
			}
		})
	}
	wg.Wait()
	_ = meter.Close(context.Background()) // the next process charges what this one cannot
	if err := json.NewEncoder(os.Stdout).Encode(meter.Totals()[seats]); err != nil {
		panic(err)
	}
}

func openMeter(endpoint, journal string, every time.Duration) (*drawdown.Meter, error) {
	server, err := awstokenstest.Start() // for its key, which all servers share
	if err != nil {
		return nil, err
	}
	cfg := server.Config()
	cfg.BaseEndpoint = endpoint
	cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) {
		o.MaxAttempts, o.BaseDelay, o.RetryBudget = 2, -1, -1
	})
	client, err := licensemanager.New(cfg)
	if err != nil {
		return nil, err
	}
	request := drawdown.Request{ProductSKU: server.LicenseManager().ProductSKU(), KeyFingerprint: server.LicenseManager().KeyFingerprint()}
	return drawdown.New(client, request, journal, func(o *drawdown.Options) { o.Interval = every })
}

// Whatever happens to the process, the network and the service, the license is
// charged exactly what the journal says.
func TestChargedExactlyOnceThroughKills(t *testing.T) {
	kills := 10
	if exhaustive {
		kills = 100
	}
	server := awstokenstest.NewServer(t)
	manager := server.LicenseManager()
	manager.SetSeats(1_000_000_000)
	manager.OneIn(3, "CheckoutLicense").LoseAnswer()
	manager.OneIn(5, "CheckoutLicense").Throttle()
	manager.OneIn(7, "CheckoutLicense").FailUntyped(http.StatusBadGateway)
	manager.OneIn(11, "CheckoutLicense").Cut()
	manager.OneIn(13, "CheckoutLicense").Fail(http.StatusInternalServerError)
	journal := filepath.Join(t.TempDir(), "usage.journal")
	start := func(endless string) (*exec.Cmd, *bytes.Buffer) {
		output := new(bytes.Buffer)
		program := exec.CommandContext(t.Context(), os.Args[0])
		program.Env = append(os.Environ(), endpointVariable+"="+server.URL(), journalVariable+"="+journal, endlessVariable+"="+endless)
		program.Stdout, program.Stderr = output, output
		require.NoError(t, program.Start())
		return program, output
	}
	for range kills {
		target := manager.Requests("CheckoutLicense") + 1 + rand.IntN(20)
		program, output := start("yes")
		require.Eventually(t, func() bool { return manager.Requests("CheckoutLicense") >= target }, time.Minute, time.Millisecond)
		time.Sleep(rand.N(5 * time.Millisecond)) // to kill it at any point after a request
		require.NoError(t, program.Process.Kill())
		_ = program.Wait()
		require.Empty(t, output.String(), "the program has failed before it was killed")
	}

	// Another process is not killed, and charges all that it adds.
	before := settled(t, server, journal)
	program, output := start("")
	require.NoError(t, program.Wait(), "%s", output)
	var printed drawdown.Total
	require.NoError(t, json.Unmarshal(output.Bytes(), &printed), "%s", output)
	assert.Equal(t, before.Charged+goroutines*addsOfEach, printed.Charged+printed.Owed)
	server.ClearFaults()
	after := settled(t, server, journal)
	assert.Equal(t, before.Charged+goroutines*addsOfEach, after.Charged)
	t.Logf("%d kills, %d requests, %d charged", kills, manager.Requests("CheckoutLicense"), after.Charged)
}

// settled charges what the last process left, and compares the journal with the
// license.
func settled(t *testing.T, server *awstokenstest.Server, journal string) drawdown.Total {
	t.Helper()
	m, err := openMeter(server.URL(), journal, -1)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return m.Flush(t.Context()) == nil }, time.Minute, time.Millisecond)
	require.NoError(t, m.Close(t.Context()))
	total := m.Totals()[seats]
	assert.EqualValues(t, server.LicenseManager().SeatsTaken(seats), total.Charged)
	assert.Zero(t, total.Unknown)
	assert.Zero(t, total.Owed)
	return total
}
