package lease_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/internal/clock"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
)

type other struct{ clock.System }

// A test may end its goroutine in OnEvent, by t.FailNow. The lease goes on.
func TestGoexitInOnEvent(t *testing.T) {
	for name, option := range map[string]func(*lease.Options){
		"the system's clock": nil,
		"another clock":      func(o *lease.Options) { o.Clock = other{clock.New()} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(t)
				exit := func(o *lease.Options) { o.OnEvent = func(lease.Event) { runtime.Goexit() } }
				l, err := lease.Acquire(t.Context(), s.client, s.seats(1), option, exit)
				require.NoError(t, err)
				k := lease.Keep(t.Context(), s.client, s.seats(1), option, exit)
				time.Sleep(5 * time.Hour)
				assert.Equal(t, lease.StateActive, l.State())
				assert.Equal(t, lease.StateActive, k.State())
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				require.NoError(t, l.Close(ctx))
				require.NoError(t, k.Close(ctx))
				assert.Zero(t, s.taken())
			})
		})
	}
}
