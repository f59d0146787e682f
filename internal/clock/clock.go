// Package clock is the real awstokens.Clock, and the clock of a service.
package clock

import (
	"context"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// System is the system's clock. On Linux its Elapsed includes the time that the
// machine was suspended. Elsewhere it is Go's monotonic time, which may not: there
// only the wall clock shows a suspension.
type System struct {
	start     time.Time
	suspended time.Duration // at start
}

var _ awstokens.Clock = System{}

// New returns a System whose Elapsed begins at zero. In a bubble of
// testing/synctest, it has the time of the bubble.
func New() System { return System{time.Now(), suspended()} }

// Now returns the wall clock.
func (System) Now() time.Time { return time.Now() }

// Elapsed returns the time since New.
func (s System) Elapsed() time.Duration { return time.Since(s.start) + suspended() - s.suspended }

// Sleep waits for d, or until the context ends, whose error it then returns.
func (System) Sleep(ctx context.Context, d time.Duration) error { return transport.Sleep(ctx, d) }
