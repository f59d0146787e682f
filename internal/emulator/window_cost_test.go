//go:build unix

package emulator_test

import (
	"io"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A request costs at most 5 % more with the page open than without. Rounds with
// and without take turns, each with some beats of the page in it, so that the
// cost of the page itself counts; the median of the ratios of their CPU time is
// what else the machine does not change. The request is signed once, because the
// cost of a client would count for neither.
func TestWindowCost(t *testing.T) {
	const rounds, perRound = 8, 2500
	w := newWindow(t)
	body := `{"LicenseArn":"` + w.LicenseARN() + `"}`
	signed := w.target(t, "GetLicense", body)
	w.sign(t, signed, "license-manager")
	cpu := func() time.Duration {
		start := cpuTime(t)
		for range perRound {
			req := signed.Clone(t.Context())
			req.Body, _ = signed.GetBody()
			resp, err := w.cfg.HTTPClient.Do(req)
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			require.Equal(t, http.StatusOK, resp.StatusCode)
		}
		return cpuTime(t) - start
	}
	cpu() // warms up
	var ratios []float64
	median := func() float64 {
		slices.Sort(ratios)
		return ratios[len(ratios)/2]
	}
	for i := 0; i < rounds || median() > 1.05 && i < 3*rounds; i++ {
		with := func() time.Duration {
			p := w.open(t)
			defer p.close()
			go p.drain()
			return cpu()
		}
		var open, closed time.Duration
		if i%2 == 0 {
			closed, open = cpu(), with()
		} else {
			open, closed = with(), cpu()
		}
		ratios = append(ratios, float64(open)/float64(closed))
	}
	t.Logf("%d rounds of %d requests: %.3f, of %.3f", len(ratios), perRound, median(), ratios)
	assert.LessOrEqual(t, median(), 1.05)
}

func cpuTime(t *testing.T) time.Duration {
	var usage syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
