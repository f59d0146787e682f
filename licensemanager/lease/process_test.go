package lease_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
)

// The environment variables of the processes that these tests start.
const (
	envTask        = "AWSTOKENS_TEST_TASK"
	envStore       = "AWSTOKENS_TEST_STORE"
	envSKU         = "AWSTOKENS_TEST_SKU"
	envFingerprint = "AWSTOKENS_TEST_FINGERPRINT"
)

// TestTask is what the processes run: a Keeper or a Lease that prints what happens
// and is closed when it reads a line.
func TestTask(t *testing.T) {
	task := os.Getenv(envTask)
	if task == "" {
		t.Skip("the other tests start it in processes")
	}
	cfg, err := awstokens.ConfigFromEnv()
	require.NoError(t, err)
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	request := lease.Request{
		ProductSKU: os.Getenv(envSKU), KeyFingerprint: os.Getenv(envFingerprint),
		Entitlements: []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 1)},
	}
	options := func(o *lease.Options) {
		o.RenewAt, o.Store = 0.1, lease.NewFileStore(os.Getenv(envStore))
		o.OnEvent = func(e lease.Event) { fmt.Println(e.Type) }
	}
	var holder interface{ Close(context.Context) error }
	fmt.Println("ready")
	if task == "keep" {
		holder = lease.Keep(t.Context(), client, request, options)
	} else if holder, err = lease.Acquire(t.Context(), client, request, options); err != nil {
		var store *lease.StoreError
		errors.As(err, &store)
		fmt.Println(store.Problem)
		os.Exit(0)
	} else {
		fmt.Println(lease.EventAcquired)
	}
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Println("closed", holder.Close(t.Context()))
	os.Exit(0) // without what a test says at its end
}

// process is this test's program again, with another task.
type process struct {
	*exec.Cmd
	t      *testing.T
	stdin  io.WriteCloser
	stderr bytes.Buffer
	lines  chan string
}

func (s *service) start(t *testing.T, task, path string) *process {
	t.Helper()
	p := &process{Cmd: exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTask$"), t: t, lines: make(chan string, 1000)}
	p.Env = append(s.Environ(), envTask+"="+task, envStore+"="+path, envSKU+"="+s.ProductSKU(), envFingerprint+"="+s.KeyFingerprint())
	p.Stderr = &p.stderr
	var err error
	p.stdin, err = p.StdinPipe()
	require.NoError(t, err)
	stdout, err := p.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	go func() {
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			p.lines <- lines.Text()
		}
		close(p.lines)
	}()
	p.until("ready", time.Minute)
	return p
}

// until waits for a line with this prefix.
func (p *process) until(what string, limit time.Duration) string {
	p.t.Helper()
	for timeout := time.After(limit); ; {
		select {
		case line, ok := <-p.lines:
			if strings.HasPrefix(line, what) {
				return line
			}
			require.True(p.t, ok, "the process ended before %q: %s", what, &p.stderr)
		case <-timeout:
			p.t.Fatalf("no %q in %s", what, limit)
		}
	}
}

func (p *process) tellToClose() {
	_, err := io.WriteString(p.stdin, "\n")
	require.NoError(p.t, err)
}

// kill ends the process as kill -9 does.
func (p *process) kill() {
	require.NoError(p.t, p.Process.Kill())
	for range p.lines {
	}
	_ = p.Wait() // the error is that it was killed
}

// newLoopback is a service on loopback with a number of seats, each for some minutes.
func newLoopback(t *testing.T, seats int, minutes int32) *service {
	server := awstokenstest.NewServer(t)
	s := &service{server, server.LicenseManager(), nil}
	s.SetSeats(seats)
	s.ChangeLicense(s.LicenseARN(), func(l *licensemanager.License) {
		l.ConsumptionConfiguration.ProvisionalConfiguration.MaxTimeToLiveInMinutes = minutes
	})
	s.OneIn(1, "").Delay(2 * time.Millisecond) // so that kills fall before, into and after calls
	return s
}

// A program that is killed while it takes, resumes, renews or gives back its seat
// has it again soon after its next start, and never two.
func TestProcessesAreKilled(t *testing.T) {
	t.Parallel()
	workers, kills := 2, 8
	if exhaustive() {
		workers, kills = 4, 200
	}
	var wg sync.WaitGroup // no parallel subtests: the workers wait most of the time
	for worker := range workers {
		seats := 1
		if worker == workers-1 { // where a second one would be granted
			seats = 2
		}
		s, path := newLoopback(t, seats, 1), filepath.Join(t.TempDir(), "seat.json")
		wg.Go(func() { s.killOften(t, path, kills/workers) })
	}
	wg.Wait()
}

func (s *service) killOften(t *testing.T, path string, kills int) {
	p := s.start(t, "keep", path)
	p.until("acquired", 15*time.Second)
	var slowest time.Duration
	for kill := range kills {
		plan := kill % 3
		if kill%12 == 3 { // a renewal comes after seconds
			plan = 3
		}
		s.killOnce(t, p, path, plan)
		started := time.Now()
		p = s.start(t, "keep", path)
		p.until("acquired", 15*time.Second)
		slowest = max(slowest, time.Since(started))
		require.Equal(t, 1, s.taken())
	}
	p.tellToClose()
	p.until("closed", 15*time.Second)
	assert.NoError(t, p.Wait())
	assert.Zero(t, s.taken())
	t.Logf("%d kills, the seat was held again after %s at most", kills, slowest)
}

// killOnce kills a process that has its seat, or one that is started after it.
func (s *service) killOnce(t *testing.T, p *process, path string, plan int) {
	atRandom := func(limit time.Duration) {
		for end := time.Now().Add(time.Duration(rand.Int64N(int64(limit)))); time.Now().Before(end); {
			// A sleep would not end at any moment, but at those of the scheduler.
		}
		p.kill()
	}
	switch plan {
	case 0: // as it takes a seat
		p.tellToClose()
		p.until("closed", 15*time.Second)
		require.NoError(t, p.Wait())
		require.Zero(t, s.taken())
		p = s.start(t, "keep", path)
		atRandom(15 * time.Millisecond)
	case 1: // as it resumes one
		p.kill()
		p = s.start(t, "keep", path)
		atRandom(15 * time.Millisecond)
	case 2: // as it gives it back
		p.tellToClose()
		atRandom(10 * time.Millisecond)
	default: // as it renews it
		extended := s.Requests("ExtendLicenseConsumption")
		for deadline := time.Now().Add(15 * time.Second); s.Requests("ExtendLicenseConsumption") == extended; time.Sleep(100 * time.Microsecond) {
			require.True(t, time.Now().Before(deadline))
		}
		atRandom(6 * time.Millisecond)
	}
	require.LessOrEqual(t, s.taken(), 1)
}

// Of several processes with one store, one holds the seat. The others send
// nothing, and after it was killed the next one has the same seat.
func TestProcessesShareAStore(t *testing.T) {
	s := newLoopback(t, 3, 60) // so that no renewal comes before the end
	path := filepath.Join(t.TempDir(), "seat.json")
	holder := s.start(t, "acquire", path)
	holder.until("acquired", 15*time.Second)
	for range 4 {
		other := s.start(t, "acquire", path)
		other.until(string(lease.StoreInUse), 15*time.Second)
		assert.NoError(t, other.Wait())
	}
	assert.Equal(t, 1, s.Requests(""))
	holder.kill()
	next := s.start(t, "acquire", path)
	next.until("acquired", 15*time.Second)
	assert.Equal(t, 1, s.Requests("CheckoutLicense"))
	assert.Equal(t, 1, s.taken())
	next.tellToClose()
	assert.Contains(t, next.until("closed", 15*time.Second), "<nil>")
	assert.NoError(t, next.Wait())
	assert.Zero(t, s.taken())
}
