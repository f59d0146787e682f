package licensemanager

import (
	"fmt"
	"time"
)

// zoneless is how the service writes some dates, against its own pattern.
const zoneless = "2006-01-02T15:04:05.999999999"

// parseTime reads a date as the service writes it: RFC 3339, or the same
// without a zone, which means UTC.
func parseTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	if t, err := time.Parse(zoneless, s); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%q is no date of the form 2006-01-02T15:04:05Z", s)
}
