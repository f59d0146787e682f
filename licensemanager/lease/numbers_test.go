package lease

import (
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// Numbers near the limits of an int64 make no seat partial or whole.
func TestLargeNumbers(t *testing.T) {
	const largest, smallest = "9223372036854775807", "-9223372036854775808"
	list := func(values ...string) (list []licensemanager.EntitlementData) {
		for _, value := range values {
			list = append(list, licensemanager.EntitlementData{Name: "n", Unit: licensemanager.EntitlementUnitCount, Value: value})
		}
		return list
	}
	for _, c := range []struct {
		asked, granted, missing []licensemanager.EntitlementData
	}{
		{list("5"), list(largest, largest), nil},
		{list(largest), list(largest), nil},
		{list(largest), list("1"), list(strconv.FormatInt(math.MaxInt64-1, 10))},
		{list("5"), list(smallest), list("5")},
		{list("5"), list(smallest, "2"), list("3")},
	} {
		assert.Equal(t, c.missing, missing(c.asked, c.granted), "%v of %v", c.granted, c.asked)
	}

	limit := int64(math.MaxInt64)
	license := licensemanager.License{Entitlements: []licensemanager.Entitlement{{Name: "n", Unit: licensemanager.EntitlementUnitCount, MaxCount: &limit}}}
	request := Request{Entitlements: list("1")}
	for used, reason := range map[string]Reason{largest: ReasonSeatsFull, smallest: ReasonUnknown} {
		usage := licensemanager.LicenseUsage{EntitlementUsages: []licensemanager.EntitlementUsage{{Name: "n", Unit: licensemanager.EntitlementUnitCount, ConsumedValue: used}}}
		assert.Equal(t, reason, request.judge(&license, &usage, time.Now()), used)
	}
}
