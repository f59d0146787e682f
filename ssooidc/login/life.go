package login

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/clock"
)

// Lives are measured from the service's clock: a response says how long a token
// is good, and how far the end of a registration is from its own Date. The
// times that are stored are by the local clock, as other programs expect. They
// are wrong once somebody has set that clock, so that nothing but the service
// ends a session for good.

const (
	// assumedLife is that of a token whose response does not tell it: what the
	// access tokens of IAM Identity Center live. If it is too long, a service
	// refuses the token, and Discard replaces it.
	assumedLife = time.Hour

	// shortestLife is that of a token whose response tells a shorter one: a
	// refresh for each call would help nobody.
	shortestLife = time.Minute
)

// lifeOf returns how long an access token is good, from the time on at which it
// was requested.
func lifeOf(expiresIn int32) time.Duration {
	if expiresIn <= 0 {
		return assumedLife
	}
	return max(time.Duration(expiresIn)*time.Second, shortestLife)
}

// never is the latest time that a file can have.
var never = time.Date(maxYear, 12, 31, 23, 59, 59, 0, time.UTC)

// clocks are the two of a process: the wall clock, which people and NTP set,
// and the system's, which nobody can set and which runs on while the machine is
// suspended.
type clocks struct {
	wall   func() time.Time
	system clock.System
}

// reading is what both clocks say at a moment. The zero one is long ago.
type reading struct {
	wall    time.Time
	elapsed time.Duration
}

func (c clocks) read() reading { return reading{c.wall().Round(0), c.system.Elapsed()} }

// since is the time since an earlier reading, by the clock that has moved
// further: setting the wall clock back makes nothing younger, and a clock of a
// test may move alone.
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

// left is how long the token is still good. A token that is nil is not.
func (h *held) left(now reading) time.Duration {
	if h == nil {
		return 0
	}
	return h.life - now.since(h.from)
}

// minSkew is how wrong the local clock must be to be named. SigV4 tolerates
// five minutes.
const minSkew = 5 * time.Minute

// withClock adds to the error of a response how wrong the local clock is, if
// the response shows it.
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
