package awstokens

import (
	"context"
	"time"
)

// Clock is the time of something that waits: a lease, a watcher. It must be
// safe for concurrent use.
type Clock interface {
	// Now is the wall clock, which people and NTP set.
	Now() time.Time

	// Elapsed is the time since some fixed moment. It runs on while the machine
	// is suspended, and setting the wall clock does not touch it.
	Elapsed() time.Duration

	// Sleep waits for d. It returns the context's error at once when the
	// context ends, and nil otherwise.
	Sleep(ctx context.Context, d time.Duration) error
}
