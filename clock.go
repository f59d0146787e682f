package awstokens

import (
	"context"
	"time"
)

// Clock is the clock of something that waits, such as a lease or a watcher. It
// must be safe for concurrent use.
type Clock interface {
	// Now returns the time of the wall clock, which people and NTP set.
	Now() time.Time

	// Elapsed returns the time since some fixed moment. It includes the time that
	// the machine was suspended, and setting the wall clock does not change it.
	Elapsed() time.Duration

	// Sleep waits for d. It returns the context's error at once when the
	// context ends, and nil otherwise.
	Sleep(ctx context.Context, d time.Duration) error
}
