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

// maxResponseBytes is the clients' limit, far above every honest answer.
const maxResponseBytes = 64 << 10

// faults are all that the emulator can do wrong, all the time, and what the
// clients see of each: a key of wire.seen, or what a worker notes. The rates
// are primes, lest two of them always meet the same request.
var faults = []struct {
	script func(*awstokenstest.Server)
	seen   []string
}{
	{all(func(s awstokenstest.Service) { s.OneIn(1999, "").Delay(time.Hour) }), []string{"hang"}},
	{all(func(s awstokenstest.Service) { s.OneIn(31, "").Delay(time.Millisecond) }), nil}, // more time to cancel in
	{all(func(s awstokenstest.Service) { s.OneIn(97, "").Cut() }), []string{"closed"}},
	{all(func(s awstokenstest.Service) { s.OneIn(73, "").LoseAnswer() }), []string{"closed"}},
	{func(s *awstokenstest.Server) { s.IdentityCenter().OneIn(29, "CreateToken").Cut() }, []string{"code good after no answer"}},
	{func(s *awstokenstest.Server) { s.IdentityCenter().OneIn(31, "CreateToken").LoseAnswer() }, []string{"code spent after no answer"}},
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
	{answer(53, http.StatusOK, "html", "<html>"+strings.Repeat("?", 1000), nil), []string{"html"}},
	{answer(59, http.StatusOK, "truncated", `{"Token":"x`, nil), []string{"truncated"}},
	{answer(61, http.StatusOK, "empty", "", nil), []string{"empty"}},
	{answer(67, http.StatusOK, "gzip", "\x1f\x8b\x08garbage", http.Header{"Content-Encoding": {"gzip"}}), []string{"gzip"}},
	{answer(71, http.StatusServiceUnavailable, "later", "", http.Header{"Retry-After": {"3600"}}), []string{"later"}},
	{answer(131, http.StatusOK, "too large", strings.Repeat(" ", 4*maxResponseBytes), nil), []string{"too large"}},
	{answer(137, http.StatusOK, "cut off", "{", http.Header{"Content-Length": {"1000"}}), []string{"cut off"}},
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

// oddAnswer is the header that tells such an answer from an honest one.
const oddAnswer = "X-Soak"

func answer(oneIn, status int, name, body string, header http.Header) func(*awstokenstest.Server) {
	odd := http.Header{oddAnswer: {name}}
	maps.Copy(odd, header)
	return all(func(s awstokenstest.Service) { s.OneIn(oneIn, "").Answer(status, odd, body) })
}

// process is an emulator in a process of its own. It ends with its input.
type process struct {
	url       string
	questions *json.Encoder
	answers   *json.Decoder
}

// report is what the process tells of itself.
type report struct {
	Goroutines int
	Heap       uint64
	Minted     []int // how many tokens each ClientToken stands for
}

const isEmulator = "SOAK_IS_EMULATOR"

// TestMain makes an emulator of the process that startProcess starts.
func TestMain(m *testing.M) {
	if os.Getenv(isEmulator) == "" {
		os.Exit(m.Run())
	}
	if err := serve(json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)); err != nil {
		fmt.Fprintln(os.Stderr, "emulator:", err)
		os.Exit(1)
	}
}

// serve serves until there are no more questions. The question is of how many
// ClientTokens to report; if it is of any, the faults end.
func serve(questions *json.Decoder, answers *json.Encoder) error {
	s, err := awstokenstest.Start()
	if err != nil {
		return err
	}
	defer s.Close()
	s.LicenseManager().ChangeLicense(s.LicenseManager().LicenseARN(), func(l *licensemanager.License) {
		l.Issuer.SignKey = "" // RSA would take a third of the time
		for i := range l.Entitlements {
			l.Entitlements[i].MaxCount = nil // an extension whose answer is lost keeps its seat
		}
	})
	for _, f := range faults {
		f.script(s)
	}
	err = answers.Encode(s.URL())
	for err == nil {
		var clientTokens int
		if err = questions.Decode(&clientTokens); err == io.EOF {
			return nil
		}
		if clientTokens > 0 {
			s.ClearFaults()
		}
		r := report{Goroutines: runtime.NumGoroutine(), Heap: liveHeap()}
		for n := range clientTokens {
			r.Minted = append(r.Minted, s.LicenseManager().Minted(clientToken(n)))
		}
		err = errors.Join(err, answers.Encode(r))
	}
	return err
}

// liveHeap is how much memory is in use once all that is not was freed.
func liveHeap() uint64 {
	runtime.GC() // what pools hold is freed by the second
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
	p := &process{questions: json.NewEncoder(in), answers: json.NewDecoder(out)}
	require.NoError(t, p.answers.Decode(&p.url))
	return p
}

func (p *process) ask(t *testing.T, clientTokens int) (r report) {
	require.NoError(t, p.questions.Encode(clientTokens))
	require.NoError(t, p.answers.Decode(&r))
	return r
}
