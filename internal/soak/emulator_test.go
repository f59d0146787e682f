package soak_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// maxResponseBytes is the clients' limit, far above every normal response.
const maxResponseBytes = 64 << 10

// faults are all faults of the emulator, which stay on, and what the clients see
// of each: keys of wire.seen. The rates are primes, so that two of them do not
// always meet the same request.
var faults = []struct {
	script func(*awstokenstest.Server)
	seen   []string
}{
	{all(func(s awstokenstest.Service) { s.OneIn(1999, "").Delay(time.Hour) }), []string{"hang"}},
	{all(func(s awstokenstest.Service) { s.OneIn(31, "").Delay(time.Millisecond) }), nil}, // more time to cancel in
	{all(func(s awstokenstest.Service) { s.OneIn(97, "").Cut() }), []string{"closed"}},
	{all(func(s awstokenstest.Service) { s.OneIn(73, "").LoseAnswer() }), []string{"closed"}},
	{func(s *awstokenstest.Server) { s.IdentityCenter().OneIn(29, "CreateToken").Cut() }, []string{"code valid after no response"}},
	{func(s *awstokenstest.Server) { s.IdentityCenter().OneIn(31, "CreateToken").LoseAnswer() }, []string{"code used after no response"}},
	{all(func(s awstokenstest.Service) { s.OneIn(29, "").Throttle() }),
		[]string{"400 RateLimitExceededException", "400 SlowDownException", "429 TooManyRequestsException"}},
	{all(func(s awstokenstest.Service) { s.OneIn(37, "").Fail(500) }), []string{"500 ServerInternalException", "500 InternalServerException"}},
	{all(func(s awstokenstest.Service) { s.OneIn(41, "").Fail(503) }), []string{"503 ServerInternalException", "503 InternalServerException"}},
	{all(func(s awstokenstest.Service) { s.OneIn(43, "").FailUntyped(502) }), []string{"502 text/html"}},
	{all(func(s awstokenstest.Service) {
		s.OneIn(47, "").Refuse("RedirectException", "elsewhere", map[string]string{"Location": "https://elsewhere.example.com"})
	}), []string{"400 RedirectException"}},
	{func(s *awstokenstest.Server) {
		s.IdentityCenter().OneIn(37, "CreateToken").Refuse("ExpiredTokenException", "on request", nil)
	}, []string{"400 ExpiredTokenException"}},
	{func(s *awstokenstest.Server) { s.LicenseManager().OneIn(3, "DeleteToken").OmitErrorHeader() }, []string{"400 application/x-amz-json-1.1"}},
	{respond(53, http.StatusOK, "html", "<html>"+strings.Repeat("?", 1000), nil), []string{"html"}},
	{respond(59, http.StatusOK, "truncated", `{"Token":"x`, nil), []string{"truncated"}},
	{respond(61, http.StatusOK, "empty", "", nil), []string{"empty"}},
	{respond(67, http.StatusOK, "gzip", "\x1f\x8b\x08garbage", http.Header{"Content-Encoding": {"gzip"}}), []string{"gzip"}},
	{respond(71, http.StatusServiceUnavailable, "later", "", http.Header{"Retry-After": {"3600"}}), []string{"later"}},
	{respond(131, http.StatusOK, "too large", strings.Repeat(" ", 4*maxResponseBytes), nil), []string{"too large"}},
	{respond(137, http.StatusOK, "cut off", "{", http.Header{"Content-Length": {"1000"}}), []string{"cut off"}},
	{func(s *awstokenstest.Server) { s.IdentityCenter().RotateRefreshTokens(true) }, []string{"refresh token rotated"}},
	{func(s *awstokenstest.Server) { s.IdentityCenter().OmitIdentityContext(true) }, []string{"no identity context"}},
	{func(s *awstokenstest.Server) { s.LicenseManager().ChangeTokensOnExtend(true) }, []string{"consumption token changed"}},
	{func(s *awstokenstest.Server) { s.LicenseManager().ZonelessTimes(true) }, []string{"time without a zone"}},
}

// all scripts the same for every service.
func all(script func(awstokenstest.Service)) func(*awstokenstest.Server) {
	return func(s *awstokenstest.Server) {
		script(s.LicenseManager().Service)
		script(s.IdentityCenter().Service)
		script(s.STS().Service)
	}
}

// oddResponse is the header that marks a scripted response.
const oddResponse = "X-Soak"

func respond(oneIn, status int, name, body string, header http.Header) func(*awstokenstest.Server) {
	odd := http.Header{oddResponse: {name}}
	maps.Copy(odd, header)
	return all(func(s awstokenstest.Service) { s.OneIn(oneIn, "").Answer(status, odd, body) })
}

// process is an emulator in a process of its own. It ends with its input.
type process struct {
	url     string
	queries *json.Encoder
	reports *json.Decoder
}

// report is the state of the process.
type report struct {
	Goroutines int
	Heap       uint64
	Minted     []int // number of tokens for each ClientToken
}

const isEmulator = "SOAK_IS_EMULATOR"

// TestMain serves the emulator in the process that startProcess starts.
func TestMain(m *testing.M) {
	if os.Getenv(isEmulator) == "" {
		os.Exit(m.Run())
	}
	if err := serve(json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)); err != nil {
		fmt.Fprintln(os.Stderr, "emulator:", err)
		os.Exit(1)
	}
}

// serve serves until its input ends. A query is the number of ClientTokens to
// report; one that is not 0 ends the faults.
func serve(queries *json.Decoder, reports *json.Encoder) error {
	s, err := awstokenstest.Start()
	if err != nil {
		return err
	}
	defer s.Close()
	s.LicenseManager().ChangeLicense(s.LicenseManager().LicenseARN(), func(l *licensemanager.License) {
		l.Issuer.SignKey = "" // RSA would take a third of the time
		for i := range l.Entitlements {
			l.Entitlements[i].MaxCount = nil // an extension whose response is lost keeps its seat
		}
	})
	for _, f := range faults {
		f.script(s)
	}
	err = reports.Encode(s.URL())
	for err == nil {
		var clientTokens int
		if err = queries.Decode(&clientTokens); err == io.EOF {
			return nil
		}
		if clientTokens > 0 {
			s.ClearFaults()
		}
		r := report{Goroutines: runtime.NumGoroutine(), Heap: liveHeap()}
		for n := range clientTokens {
			r.Minted = append(r.Minted, s.LicenseManager().Minted(clientToken(n)))
		}
		err = errors.Join(err, reports.Encode(r))
	}
	return err
}

// liveHeap returns the size of the heap after garbage collection.
func liveHeap() uint64 {
	runtime.GC() // the second one frees what pools hold
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func startProcess(t *testing.T) *process {
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), isEmulator+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		require.NoError(t, in.Close())
		require.NoError(t, cmd.Wait())
	})
	p := &process{queries: json.NewEncoder(in), reports: json.NewDecoder(out)}
	require.NoError(t, p.reports.Decode(&p.url))
	return p
}

// query asks the process for a report.
func (p *process) query(t *testing.T, clientTokens int) (r report) {
	require.NoError(t, p.queries.Encode(clientTokens))
	require.NoError(t, p.reports.Decode(&r))
	return r
}
