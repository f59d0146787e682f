package emulator

import (
	"sync"
	"time"
)

// clock is the emulator's clock: that of the machine until it is set, or frozen.
type clock struct {
	mu     sync.Mutex
	at     time.Time // its time when it was set
	since  time.Time // the machine's time then, without a monotonic reading; zero if it was never set
	frozen bool
}

func newClock(frozenAt time.Time) clock {
	return clock{at: frozenAt.UTC(), frozen: !frozenAt.IsZero()}
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read()
}

func (c *clock) read() time.Time {
	switch {
	case c.frozen:
		return c.at
	case c.since.IsZero():
		return time.Now().UTC()
	}
	return c.at.Add(time.Since(c.since))
}

// set sets the clock to t. It runs on from there, unless it is frozen.
func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.move(t)
}

// move keeps no difference to the machine's clock, which could overflow.
func (c *clock) move(t time.Time) { c.at, c.since = t.UTC(), time.Now().Round(0) }

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.move(c.read().Add(d))
}

// freeze stops the clock where it is.
func (c *clock) freeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.frozen = c.read(), true
}
