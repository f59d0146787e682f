package transport

import (
	"net/http"
	"time"
)

const (
	// minSkew is the difference between two clocks from which on a refused
	// signature is put down to it; SigV4 tolerates five minutes.
	minSkew = 4 * time.Minute

	// maxSkew bounds a correction. A clock that is a day off is common; a
	// service whose clock is years off is an attack or a fault.
	maxSkew = 365 * 24 * time.Hour
)

// clockRefusals are codes of errors that a wrong clock causes.
var clockRefusals = map[string]bool{
	"RequestTimeTooSkewed":      true,
	"RequestExpired":            true,
	"RequestInTheFuture":        true,
	"InvalidSignatureException": true,
	"SignatureDoesNotMatch":     true,
	"AuthFailure":               true,
}

// skew is how far the service's clock is ahead of the local one, as far as it
// is known.
func (c *client) skew() time.Duration { return time.Duration(c.serviceAheads.Load()) }

// now is the time by the service's clock, as far as it is known.
func (c *client) now() time.Time { return c.cfg.Now().Add(c.skew()) }

// learnClock takes the service's clock from a response that refused the time or
// the signature of a request signed with the given skew. It reports whether
// that is news.
func (c *client) learnClock(date time.Time, signedWith time.Duration) bool {
	skew := date.Sub(c.cfg.Now())
	if date.IsZero() || skew.Abs() > maxSkew || (skew-signedWith).Abs() < minSkew {
		return false
	}
	c.serviceAheads.Store(int64(skew))
	return true
}

// confirmClock lets a good response undo a correction that it contradicts:
// the local clock may have been set, or the Date may have been wrong.
func (c *client) confirmClock(date time.Time) {
	known := c.skew()
	if known == 0 || date.IsZero() {
		return
	}
	skew := date.Sub(c.cfg.Now())
	if (skew-known).Abs() < minSkew || skew.Abs() > maxSkew {
		return
	}
	if skew.Abs() < minSkew {
		skew = 0
	}
	c.serviceAheads.Store(int64(skew))
}

func dateOf(h http.Header) time.Time {
	text := h.Get("Date")
	if text == "" {
		return time.Time{} // the error of a parse would cost more than the call's own work
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return time.Time{}
	}
	return date
}
