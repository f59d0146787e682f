package tip

import (
	"sync"
	"time"
)

// serviceClock is the service's clock. It is known once a Date agrees with the
// local clock or with another Date: a single wrong Date would have every JWT
// refused, and then no response could correct it. It is safe for concurrent use.
type serviceClock struct {
	now func() time.Time // the local clock

	mu    sync.Mutex
	known clockReading
	odd   clockReading // the latest that agreed with nothing
}

// clockReading is the service's clock at a response. The zero value is none.
type clockReading struct {
	date time.Time
	at   time.Time // the local clock then
}

// time returns what the service's clock shows when the local one shows now.
func (r clockReading) time(now time.Time) time.Time { return r.date.Add(now.Sub(r.at)) }

// maxDisagreement is how far a Date may be from a time that it agrees with: a slow
// response has an old Date.
const maxDisagreement = 2 * time.Minute

// maxClockError is how far a Date may be from the local clock: a local clock that
// is a day off is common, a Date that is years off is not the service's.
const maxClockError = 365 * 24 * time.Hour

// set takes the Date of a response. It ignores a zero one.
func (c *serviceClock) set(date time.Time) {
	now := c.now()
	if date.IsZero() || date.Sub(now).Abs() > maxClockError {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	near := func(t time.Time) bool { return date.Sub(t).Abs() <= maxDisagreement }
	r := clockReading{date, now}
	switch {
	case near(now), !c.known.date.IsZero() && near(c.known.time(now)), !c.odd.date.IsZero() && near(c.odd.time(now)):
		c.known, c.odd = r, clockReading{}
	default:
		c.odd = r
	}
}

// maxUnknownError is how far the local clock may be off before the service's is
// known.
const maxUnknownError = 24 * time.Hour

// isPast reports whether a time has certainly passed.
func (c *serviceClock) isPast(t time.Time) bool {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known.date.IsZero() {
		return now.Sub(t) > maxUnknownError
	}
	return !c.known.time(now).Before(t)
}
