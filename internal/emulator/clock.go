package emulator

import (
	"sync"
	"time"
)

// clock is the emulator's clock. It runs at a settable offset from real time, or
// it is frozen.
type clock struct {
	mu     sync.Mutex
	step   time.Duration
	frozen time.Time // the time at which it is frozen; zero while it runs
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read()
}

func (c *clock) read() time.Time {
	if !c.frozen.IsZero() {
		return c.frozen
	}
	return time.Now().Add(c.step).UTC()
}

// set sets the clock to t. It runs on from there, unless it is frozen.
func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.frozen.IsZero() {
		c.frozen = t.UTC()
		return
	}
	c.step = time.Until(t)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.frozen.IsZero() {
		c.frozen = c.frozen.Add(d)
		return
	}
	c.step += d
}

// freeze stops the clock where it is.
func (c *clock) freeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen = c.read()
}
