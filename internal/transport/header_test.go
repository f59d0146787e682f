package transport

import (
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

var now = time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC)

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"":                               0,
		"0":                              0,
		"1":                              time.Second,
		"0120":                           2 * time.Minute,
		"2147483647":                     math.MaxInt32 * time.Second,
		"2147483648":                     math.MaxInt32 * time.Second,
		"123456789012345678901234567":    math.MaxInt32 * time.Second,
		"-1":                             0,
		"+1":                             0,
		"1.5":                            0,
		"1s":                             0,
		"Sun, 01 Jun 2025 12:01:00 GMT":  time.Minute,
		"Sunday, 01-Jun-25 12:01:00 GMT": time.Minute, // RFC 850, which HTTP still reads
		"Sun Jun  1 12:01:00 2025":       time.Minute,
		"Sun, 01 Jun 2025 11:59:59 GMT":  0,
		"Sun, 01 Jun 2025 12:01:00 CET":  0,
	} {
		assert.Equal(t, want, retryAfter(http.Header{"Retry-After": {value}}, now), value)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "0", "120", "-1", "99999999999999999999", "Sun, 01 Jun 2025 12:01:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if wait := retryAfter(http.Header{"Retry-After": {value}}, now); wait < 0 {
			t.Errorf("%q is %s", value, wait)
		}
	})
}

func TestNewUUID(t *testing.T) {
	assert.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, NewUUID())
	assert.NotEqual(t, NewUUID(), NewUUID())
}
