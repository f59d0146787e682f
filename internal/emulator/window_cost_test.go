//go:build !race

package emulator_test

import (
	"io"
	"math"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// With the page open, a request costs at most 5 % more time, including what the
// page gets at every beat, and at most 5 % more memory, apart from the beats, of
// which a slow machine has more for each request. Short rounds with and without the
// page take turns and the cheapest ones are compared, so that other work of the
// machine hardly matters, nor does the cost of a client, as the request is signed
// once. The race detector costs time and memory of its own.
func TestWindowCost(t *testing.T) {
	const turns, most, rounds, perRound, beat = 6, 80, 25, 10, 250 * time.Millisecond
	w := newWindow(t)
	signed := w.target(t, "GetLicense", `{"LicenseArn":"`+w.LicenseARN()+`"}`)
	w.sign(t, signed, "license-manager")
	round := func() (time.Duration, uint64) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		for range perRound {
			req := signed.Clone(t.Context())
			req.Body, _ = signed.GetBody()
			resp, err := w.cfg.HTTPClient.Do(req)
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			require.Equal(t, http.StatusOK, resp.StatusCode)
		}
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		return took, after.TotalAlloc - before.TotalAlloc
	}
	least, bytes := [2]time.Duration{time.Hour, time.Hour}, [2]uint64{math.MaxUint64, math.MaxUint64}
	turn := func(mode int) {
		for range rounds {
			took, allocated := round()
			least[mode], bytes[mode] = min(least[mode], took), min(bytes[mode], allocated)
		}
	}
	first := time.Hour // until a page has 200 requests and the state, which is the most of a beat
	ratio := func() float64 { return float64(least[1])/float64(least[0]) + float64(first)/float64(beat) }
	for i := 0; i < turns || ratio() > 1.05 && i < most; i++ {
		turn(0)
		start := time.Now()
		p := w.open(t)
		if i > 0 {
			first = min(first, time.Since(start))
		}
		go p.drain()
		turn(1)
		p.close()
	}
	t.Logf("%v a request without, %v with; a beat is %v: %.3f; %d and %d bytes", least[0]/perRound, least[1]/perRound, first, ratio(),
		bytes[0]/perRound, bytes[1]/perRound)
	assert.LessOrEqual(t, ratio(), 1.05)
	assert.LessOrEqual(t, float64(bytes[1])/float64(bytes[0]), 1.05)
}
