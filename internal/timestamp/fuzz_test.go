package timestamp_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/internal/timestamp"
)

// datePattern is a date in its parts. Like the time package, it admits a
// comma, and an hour of one digit.
var datePattern = regexp.MustCompile(`^(\d{4})-(\d\d)-(\d\d)T(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d+))?(Z|([+-])(\d\d):?(\d\d))?$`)

var basicPattern = regexp.MustCompile(`^(\d{4})(\d\d)(\d\d)T(\d{2})(\d\d)(\d\d)`)

// dateOf puts a date together from its parts.
func dateOf(s string) (date time.Time, ok bool) {
	s = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), "UTC"))
	part := datePattern.FindStringSubmatch(basicPattern.ReplaceAllString(s, "$1-$2-${3}T$4:$5:$6"))
	if part == nil {
		return date, false
	}
	number := func(i int) int {
		n, _ := strconv.Atoi(part[i])
		return n
	}
	part[7] = (part[7] + "000000000")[:9]
	date = time.Date(number(1), time.Month(number(2)), number(3), number(4), number(5), number(6), number(7), time.UTC)
	if date.Month() != time.Month(number(2)) || date.Day() != number(3) || date.Hour() != number(4) || date.Minute() != number(5) || date.Second() != number(6) {
		return date, false // it was carried over
	}
	zone := time.Duration(number(10))*time.Hour + time.Duration(number(11))*time.Minute
	if part[9] == "-" {
		zone = -zone
	}
	return date.Add(-zone), number(10) <= 24 && number(11) <= 60
}

// A date is what its parts make, and without a zone it is UTC.
func FuzzDate(f *testing.F) {
	for _, s := range []string{
		"", "2026-03-10T12:00:00Z", "2026-03-10T12:00:00", "2026-03-10T12:00:00.123456789", "2026-03-10T12:00:00,5+05:45", "2026-03-10T12:00:00.1234567891Z",
		"2026-03-10T12:00:00-24:00", "2026-03-10T12:00:00+24:60", "2026-03-10T12:00:00+25:00", "2026-03-10T1:00:00Z", "2026-03-10T24:00:00Z", "2026-03-10T23:59:60Z",
		"2024-02-29T00:00:00Z", "2026-02-29T00:00:00Z", "0000-01-01T00:00:00", "9999-12-31T23:59:59-23:59", "2026-03-10 12:00:00Z", "2026-03-10T12:00:00z",
		"20260310T120000Z", "20260310T120000.5+0100", " 20260310T120000 UTC ", "2026-03-10T12:00:00+01:00UTC",
		"2026-03-10T12:00:00.Z", "2026-03-10T12:00Z", "2026-03-10", "1773144000", "2026-03-10T12:00:00Z\n", "2026-03-10T12:00:00UTC", "\u0662026-03-10T12:00:00Z",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		want, ok := dateOf(s)
		got, err := timestamp.Parse(s)
		require.Equal(t, ok, err == nil, "%q: %v", s, err)
		if !ok {
			require.Zero(t, got)
			return
		}
		require.True(t, want.Equal(got), "%q is %s, and by its parts %s", s, got, want)
		if !strings.ContainsAny(s, "Z+") && strings.Count(s, "-") == 2 {
			require.Equal(t, time.UTC, got.Location())
		}
	})
}
