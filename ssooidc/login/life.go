package login

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/clock"
)

// Lives are measured by the service's clock: a response says how long a token is
// valid, and its Date how long a registration is. The times in the store are by the
// local clock, as other programs expect. They are wrong once that clock is set, so
// only the service ends a session.

const (
	// assumedLife is the life of a token whose response does not say it: that of
	// the access tokens of IAM Identity Center. If it is too long, a service
	// refuses the token, and Discard replaces it.
	assumedLife = time.Hour

	// shortestLife is the life of a token whose response says a shorter one, so
	// that not every call refreshes it.
	shortestLife = time.Minute
)

// lifeOf returns the life of an access token, counted from the request.
func lifeOf(expiresIn int32) time.Duration {
	if expiresIn <= 0 {
		return assumedLife
	}
	return max(time.Duration(expiresIn)*time.Second, shortestLife)
}

// never is the latest time that a file can have.
var never = time.Date(maxYear, 12, 31, 23, 59, 59, 0, time.UTC)

// clocks are the wall clock, which can be set, and the clock of the system, which
// cannot, and which runs while the machine is suspended.
type clocks struct {
	wall   func() time.Time
	system clock.System
}

// reading is the time of both clocks. The zero value is long ago.
type reading struct {
	wall    time.Time
	elapsed time.Duration
}

func (c clocks) read() reading { return reading{c.wall().Round(0), c.system.Elapsed()} }

// since returns the time since an earlier reading, by the clock that has moved
// further: setting the wall clock back makes no token younger, and in a test the
// wall clock may move alone.
func (r reading) since(earlier reading) time.Duration {
	return max(r.wall.Sub(earlier.wall), r.elapsed-earlier.elapsed)
}

// held is a token and its life, counted from a reading of the clocks.
type held struct {
	*Token
	from  reading
	life  time.Duration
	early time.Duration // how long before its end it is refreshed
}

// left returns how long the token is still valid. It is 0 for a nil h.
func (h *held) left(now reading) time.Duration {
	if h == nil {
		return 0
	}
	return h.life - now.since(h.from)
}

// minSkew is the least error of the local clock that withClock reports. SigV4
// tolerates five minutes.
const minSkew = 5 * time.Minute

// withClock adds to the error of a response how far the local clock is off, if the
// response has a Date.
func withClock(err error, now time.Time) error {
	var response *awstokens.ResponseError
	if !errors.As(err, &response) || response.Date.IsZero() {
		return err
	}
	switch ahead := now.Sub(response.Date).Round(time.Minute); {
	case ahead > minSkew:
		return fmt.Errorf("%w (the local clock is %s ahead of the service's)", err, ahead)
	case ahead < -minSkew:
		return fmt.Errorf("%w (the local clock is %s behind the service's)", err, -ahead)
	}
	return err
}
