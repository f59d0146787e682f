package timestamp_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/internal/timestamp"
)

func TestParse(t *testing.T) {
	second := time.Date(2026, 11, 25, 20, 15, 30, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-11-25T20:15:30Z":       second,
		"2026-11-25T20:15:30":        second,
		"2026-11-25T20:15:30.250Z":   second.Add(250 * time.Millisecond),
		"2026-11-25T20:15:30.25":     second.Add(250 * time.Millisecond),
		"2026-11-25T20:15:30+00:00":  second,
		"2026-11-25T20:15:30+0000":   second,
		"2026-11-25T22:15:30+02:00":  second,
		"2026-11-25T20:15:30UTC":     second,
		"2026-11-25T20:15:30 UTC":    second,
		" 2026-11-25T20:15:30Z \r\n": second,
		"20261125T201530Z":           second,
		"20261125T201530":            second,
		"9999-12-31T23:59:59Z":       time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		got, err := timestamp.Parse(text)
		require.NoError(t, err, text)
		assert.True(t, want.Equal(got), "%s: %s", text, got)
	}
	for _, text := range []string{"", "UTC", "2026-11-25", "20:15:30", "1795637730", "2026-13-25T20:15:30Z", "2026-11-25T20:15:30Zx"} {
		_, err := timestamp.Parse(text)
		assert.Error(t, err, text)
	}
}
