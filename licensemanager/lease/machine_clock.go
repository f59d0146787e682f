package lease

import (
	"math"
	"time"
)

// What a machine knows of time: the service's clock by the Dates of its
// responses, and between them two clocks of the process. A wall clock that
// jumps, or that stood still with a suspended machine, costs no seat, and no
// seat is claimed for longer than it lives.

// A reading is what the two clocks of the process show.
type reading struct {
	boot time.Duration // counts suspensions, cannot be set
	wall time.Time     // can be set
}

func (r reading) add(d time.Duration) reading { return reading{r.boot + d, r.wall.Add(d)} }

// since is the time since an earlier reading, by the faster clock.
func (r reading) since(x reading) time.Duration { return max(r.boot-x.boot, r.wall.Sub(x.wall)) }

// serviceTime is the service's clock, known from its last Date.
type serviceTime struct {
	date  time.Time // zero: unknown
	when  reading
	sure  bool      // a second Date agreed
	odd   time.Time // a Date that was ignored; zero: none
	oddAt time.Duration
}

// at is the service's time at a reading, by the boot clock; zero: unknown.
func (s *serviceTime) at(now reading) time.Time {
	if s.date.IsZero() {
		return time.Time{}
	}
	return s.date.Add(now.boot - s.when.boot)
}

// learn reports whether a Date is believed. One that is far from what both
// clocks expect is ignored until a second one agrees with it.
func (s *serviceTime) learn(date time.Time, now reading, tolerance time.Duration) bool {
	near := func(x time.Time) bool { return date.Sub(x).Abs() <= tolerance }
	switch {
	case date.IsZero():
		return false
	case s.date.IsZero(), near(s.at(now)), near(s.date.Add(now.wall.Sub(s.when.wall))),
		!s.odd.IsZero() && near(s.odd.Add(now.boot-s.oddAt)):
		*s = serviceTime{date: date, when: now, sure: !s.date.IsZero()}
		return true
	}
	s.odd, s.oddAt = date, now.boot
	return false
}

// endless is an expiry that is not known to be earlier.
var endless = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// learnTime learns the service's time from a response.
func (t *turn) learnTime() {
	if !t.service.learn(t.e.date, t.e.now, t.c.tolerance) {
		return
	}
	now := t.e.date
	if t.FirstSent.IsZero() && t.sentHere {
		t.FirstSent = now.Add(-t.e.now.since(t.sent))
	}
	if t.maybeExtended && t.Life > 0 {
		t.Hi, t.before = earlier(t.Hi, now.Add(t.Life)), earlier(t.before, now.Add(t.Life))
	}
}

// over reports whether a time of the service's clock has come.
func (t *turn) over(x time.Time) bool {
	now := t.service.at(t.e.now)
	return !x.IsZero() && !now.IsZero() && !now.Before(x)
}

// ahead is a time of the service's clock that has not come, as far as is known;
// otherwise it is zero. It is for people only: without a Date the wall clock counts.
func (m *machine) ahead(x time.Time, now reading) time.Time {
	service := m.service.at(now)
	if service.IsZero() {
		service = now.wall
	}
	if !x.Before(endless) || !x.After(service) {
		return time.Time{}
	}
	return x
}

// age is how long ago ClientToken was first sent: by the Date of the response;
// without one, by the faster clock.
func (t *turn) age() time.Duration {
	now := t.service.at(t.e.now)
	byService := !t.FirstSent.IsZero() && !now.IsZero()
	switch {
	case byService && (!t.sentHere || t.e.kind == eventResponded && !t.e.date.IsZero()):
		return now.Sub(t.FirstSent)
	case t.sentHere:
		return t.e.now.since(t.sent)
	}
	return math.MaxInt64
}

// latestExpiry is when a seat that is extended by a call that begins now expires,
// at the latest: the call may be processed just before it ends.
func (t *turn) latestExpiry() time.Time {
	if t.service.date.IsZero() || t.Life <= 0 {
		return endless
	}
	return t.service.date.Add(t.e.now.since(t.service.when)).Add(t.Life + t.c.call)
}

// life is how long the seat of a response lives from now; zero: unreadable or
// not ahead. Of the times that the service gives for now, the latest before the
// expiry counts: a wrong one must not make the claim longer.
func (t *turn) life() (life time.Duration) {
	date, now := t.e.date, t.service.at(t.e.now)
	from := []time.Time{date, now}
	if t.state == asking && !t.ambiguous || date.IsZero() && now.IsZero() {
		from = append(from, t.e.issued)
	}
	for _, x := range from {
		if d := t.e.expiration.Sub(x); !x.IsZero() && d > 0 && (life == 0 || d < life) {
			life = d
		}
	}
	if !t.service.sure && t.Life > 0 { // the only Date may be wrong
		life = min(life, t.Life)
	}
	return min(life, t.c.longestLife)
}

// grantedLife is the life of a seat that was checked out. Expired is one of a
// response to an earlier attempt. A new seat whose Expiration cannot be used is
// assumed to live for an hour.
func (t *turn) grantedLife() (life time.Duration, expired bool) {
	life = t.life()
	if !t.ambiguous && life > 0 && t.e.expiration.Sub(t.e.issued) == life {
		if now := t.service.at(t.e.now); now.IsZero() || now.Sub(t.e.issued).Abs() > t.c.tolerance {
			t.service, t.FirstSent = serviceTime{date: t.e.issued, when: t.e.now}, t.e.issued
		}
	}
	if life > 0 {
		return life, false
	}
	return t.c.assumedLife, t.ambiguous && !t.e.expiration.IsZero()
}

// fullLife is what an extension would grant, as far as a response tells: a
// checkout that is sent again may find a seat that has lived for a while.
func (t *turn) fullLife(life time.Duration) time.Duration {
	if now := t.service.at(t.e.now); t.state != extending && !t.e.issued.IsZero() && !now.IsZero() && t.e.issued.Before(now) {
		life = max(life, t.e.expiration.Sub(t.e.issued))
	}
	return min(life, t.c.longestLife)
}

// expiry is when a life ends, by the service's clock.
func (t *turn) expiry(life time.Duration) time.Time {
	now := t.service.at(t.e.now)
	if life == t.life() && life < t.c.longestLife {
		return t.e.expiration
	}
	if now.IsZero() {
		return now
	}
	return now.Add(life)
}
