package lease_test

import (
	"context"
	"sync"
	"time"
)

// simulatedClock is the clock of a machine in a bubble, which can be suspended
// and whose wall clock can be set.
type simulatedClock struct {
	start time.Time

	mu        sync.Mutex
	shift     time.Duration // of the wall clock
	suspended time.Duration // in all
	lag       time.Duration // suspensions that Elapsed missed
	asleep    chan struct{} // closed when the suspension ends; nil: there is none
	sleepers  int
}

func newSimulatedClock(shift time.Duration) *simulatedClock {
	return &simulatedClock{start: time.Now(), shift: shift}
}

func (c *simulatedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.shift)
}

func (c *simulatedClock) Elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.start) - c.lag
}

// Sleep does not count the time of a suspension, as the timers of Linux.
func (c *simulatedClock) Sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	c.sleepers++
	until := time.Since(c.start) - c.suspended + d
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		c.sleepers--
		c.mu.Unlock()
	}()
	for {
		c.mu.Lock()
		rest, asleep := until-time.Since(c.start)+c.suspended, c.asleep
		c.mu.Unlock()
		switch {
		case asleep != nil:
			<-asleep
			continue
		case ctx.Err() != nil:
			return ctx.Err()
		case rest <= 0:
			return nil
		}
		timer := time.NewTimer(rest)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

func (c *simulatedClock) set(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shift += by
}

func (c *simulatedClock) isWaitedFor() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sleepers > 0
}

// suspend suspends the machine, whose lease must be waiting. Elapsed counts the
// suspension if counted is true.
func (c *simulatedClock) suspend(d time.Duration, counted bool) {
	c.mu.Lock()
	c.asleep = make(chan struct{})
	c.mu.Unlock()
	time.Sleep(d)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.suspended += d
	if !counted {
		c.lag += d
	}
	close(c.asleep)
	c.asleep = nil
}
