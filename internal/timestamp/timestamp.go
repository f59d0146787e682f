// Package timestamp reads the dates that AWS services and tools write.
package timestamp

import (
	"fmt"
	"strings"
	"time"
)

// layouts are in use by License Manager, the AWS CLI and SDKs. Fractions of a
// second are read by each of them.
var layouts = []string{
	time.RFC3339,
	"2006-01-02T15:04:05", // against License Manager's own pattern; means UTC
	"2006-01-02T15:04:05Z0700",
	"20060102T150405Z0700",
	"20060102T150405",
}

// Parse reads a date: RFC 3339, the same without a colon in the zone, without
// a zone or with the zone UTC (both mean UTC), and the basic form of ISO 8601.
// White space around it does not matter.
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
