package constraint

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

var timestampOracle = oracle{regexp.MustCompile(TimestampPattern), matchTimestamp}

var seedTimestamps = []string{
	"2030-01-02T03:04:05Z", "2030-12-31T23:59:59.999999999+14:00", "2030-02-31T00:00:00-23:59", "-2030-01-02T03:04:05Z", "12030-01-02T03:04:05Z",
	"2030-01-02T03:04:05+2 :00", "2030-01-02T03:04:05ZZ", "2030-01-02T03:04:05Z+01:00Z", "0000-01-01T00:00:00Z",
	"", "-", "Z", "2030-01-02T03:04:05", "2030-01-02", "02030-01-02T03:04:05Z", "--2030-01-02T03:04:05Z", "+2030-01-02T03:04:05Z", "203-01-02T03:04:05Z",
	"2030-00-02T03:04:05Z", "2030-13-02T03:04:05Z", "2030-01-00T03:04:05Z", "2030-01-32T03:04:05Z", "2030-01-02T24:04:05Z", "2030-01-02T03:60:05Z",
	"2030-01-02T03:04:60Z", "2030-01-02T03:04:05.Z", "2030-01-02T03:04:05,5Z", "2030-01-02t03:04:05z", "2030-01-02T03:04:05Z\n", "2030-01-02T03:04:05+24:00",
	"2030-01-02T03:04:05+3 :00", "2030-01-02T03:04:05+0100", "２030-01-02T03:04:05Z", "2030-01-02T03:04:05Z\x00",
}

func FuzzTimestamp(f *testing.F) {
	for _, s := range seedTimestamps {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := matchTimestamp(s), timestampOracle.pattern.MatchString(s); got != want {
			t.Errorf("%q: %t, and the pattern says %t", s, got, want)
		}
	})
}

// TestTimestampAgreesWithPattern compares on many generated strings.
func TestTimestampAgreesWithPattern(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4)) // the same strings in every run
	agree(t, "timestamp", timestampOracle, 120_000, func() string { return generateTimestamp(r) })
}

func generateTimestamp(r *rand.Rand) string {
	if r.IntN(20) == 0 {
		return chars(r, "0123456789-:TZ.+ \n", r.IntN(30))
	}
	// Now and then each part is one past its range.
	number := func(low, high int) int {
		if r.IntN(40) == 0 {
			return high + 1
		}
		return low + r.IntN(high-low+1)
	}
	year := fmt.Sprintf("%04d", r.IntN(10_000))
	if r.IntN(5) == 0 {
		year = chars(r, "0123456789", r.IntN(8))
	}
	if r.IntN(5) == 0 {
		year = "-" + year
	}
	s := year + fmt.Sprintf("-%02d-%02dT%02d:%02d:%02d", number(1, 12), number(1, 31), number(0, 23), number(0, 59), number(0, 59))
	if r.IntN(3) == 0 {
		s += "." + chars(r, "0123456789", r.IntN(12))
	}
	for range max(1, r.IntN(6)-2) { // the pattern lets the zone repeat
		switch r.IntN(6) {
		case 0:
			s += "+2 :" + chars(r, "0123456789", 2)
		case 1, 2:
			s += string("+-"[r.IntN(2)]) + fmt.Sprintf("%02d:%02d", number(0, 23), number(0, 59))
		default:
			s += "Z"
		}
	}
	if r.IntN(3) > 0 {
		return s
	}
	if r.IntN(8) == 0 {
		return strings.Replace(s, "T", " ", 1)
	}
	return mutate(r, s)
}
