package ssooidc_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-25f54b62/awstokens/ssooidc"
)

func TestRegistrationExpires(t *testing.T) {
	for at, want := range map[int64]time.Time{
		1772503445:      time.Date(2026, 3, 3, 2, 4, 5, 0, time.UTC),
		1772503445678:   time.Date(2026, 3, 3, 2, 4, 5, 678e6, time.UTC), // milliseconds
		253402300799:    time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		253402300799999: time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC),
		0:               {}, // never
		-1:              {},
		253402300800:    {}, // after the year 9999
		253402300800000: {},
		math.MaxInt64:   {},
	} {
		got := ssooidc.RegisterClientOutput{ClientSecretExpiresAt: at}.Expires()
		assert.Equal(t, want.IsZero(), got.IsZero(), at)
		assert.True(t, want.Equal(got), "%d is %s", at, got)
	}
}
