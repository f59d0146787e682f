// Package timestamp reads the dates that AWS services and tools write.
package timestamp

import (
	"fmt"
	"strings"
	"time"
)

// layouts are those of License Manager, the AWS CLI and SDKs. Each of them also
// reads fractions of a second.
var layouts = []string{
	time.RFC3339,
	"2006-01-02T15:04:05", // UTC; License Manager's own pattern does not allow it
	"2006-01-02T15:04:05Z0700",
	"20060102T150405Z0700",
	"20060102T150405",
}

// Parse reads a date in the form of RFC 3339, also without a colon in the zone,
// without a zone or with the zone UTC (both mean UTC), or in the basic form of
// ISO 8601. It ignores white space around the date.
func Parse(s string) (time.Time, error) {
	date := strings.TrimSpace(s)
	date = strings.TrimSpace(strings.TrimSuffix(date, "UTC"))
	for _, layout := range layouts {
		if t, err := time.Parse(layout, date); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a date of the form 2006-01-02T15:04:05Z", s)
}
