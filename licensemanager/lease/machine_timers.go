package lease

import "time"

// settings are what a machine is told once.
type settings struct {
	renewAt float64
	grace   time.Duration
	*timing
}

// timing is the protocol's table of timers.
type timing struct {
	margin        time.Duration // Active ends so long before the expiry: a Date has whole seconds
	shortestRenew time.Duration
	longestRenew  time.Duration
	spacing       time.Duration // between renewals in the long run
	burst         time.Duration // how far renewals may be ahead of that
	oddExpiry     time.Duration // until the next renewal if the Expiration is unreadable or not ahead
	call          time.Duration // the longest call
	attempt       time.Duration // the longest attempt: a run of calls up to its outcome
	settle        time.Duration // after an expiry until the seat is certainly free
	retry         backoff       // after an attempt that failed
	denial        backoff       // after a denial
	checkIn       backoff       // of check-ins, and of what is sent to give a seat back
	strike        time.Duration // between the first two refusals; twice that after the second
	givingBack    time.Duration // in all
	window        time.Duration // in which a ClientToken certainly names the same seat
	renewToken    time.Duration // the greatest age of a ClientToken that was not sent
	tolerance     time.Duration // between a Date and what was expected
	assumedLife   time.Duration // of a new seat whose Expiration is unreadable
	longestLife   time.Duration
}

// A backoff is a row of pauses, each twice as long as the one before.
type backoff struct{ first, longest time.Duration }

var protocolTiming = timing{
	margin:        time.Second,
	shortestRenew: 5 * time.Second,
	longestRenew:  12 * time.Hour,
	spacing:       12 * time.Second,
	burst:         time.Minute,
	oddExpiry:     time.Minute,
	call:          30 * time.Second,
	attempt:       30 * time.Second,
	settle:        2 * time.Second,
	retry:         backoff{5 * time.Second, time.Minute},
	denial:        backoff{30 * time.Second, 5 * time.Minute},
	checkIn:       backoff{100 * time.Millisecond, 5 * time.Second},
	strike:        time.Second,
	givingBack:    time.Minute,
	window:        9 * time.Minute,
	renewToken:    5 * time.Minute,
	tolerance:     5 * time.Minute,
	assumedLife:   time.Hour,
	longestLife:   10 * 365 * 24 * time.Hour,
}

// timers are a machine's times. A time.Duration is one of the boot clock.
type timers struct {
	service  serviceTime
	sent     reading // when ClientToken was first sent
	sentHere bool    // by this process, otherwise sent is unknown

	active  reading       // Active ends when either clock reaches it
	expires time.Duration // not before Lo
	lapse   time.Duration // an attempt that fails after this ends the claim
	renew   reading       // the renewal is due when either clock reaches it
	paced   time.Duration // when one more renewal fits into the spacing

	until    time.Duration // when the wait is over
	striking bool          // the wait is part of an attempt
	attempt  time.Duration // when the attempt began
	giveUp   time.Duration // when giving back ends; zero: not begun
	base     time.Duration // the first pause of the backoff in use
	failures int8          // pauses of that backoff in a row
}

// status is what the machine claims at a moment: Active ends by itself.
func (m *machine) status(now reading) claim {
	if m.claim == claimActive && (now.boot >= m.active.boot || !now.wall.Before(m.active.wall)) {
		return claimDegraded
	}
	return m.claim
}

// measure sets the timers of a confirmed seat. Active counts from before the
// call, and Lo from after it.
func (t *turn) measure(life time.Duration) {
	t.active = t.e.sent.add(life - t.c.margin)
	t.expires = t.e.now.boot + life
	t.lapse = t.expires + max(t.c.grace, t.c.settle)
	t.renewIn(time.Duration((t.c.renewAt - t.e.jitter/10) * float64(life)))
}

func (t *turn) renewIn(d time.Duration) {
	t.renew = t.e.now.add(min(max(d, t.c.shortestRenew), t.c.longestRenew))
}

// pace counts a renewal against the spacing.
func (t *turn) pace() {
	t.paced = max(t.paced, t.e.now.boot-t.c.burst) + t.c.spacing
}

func (t *turn) renewalDue() bool {
	now := t.e.now
	return now.boot >= t.paced && (now.boot >= t.renew.boot || !now.wall.Before(t.renew.wall))
}

func (t *turn) due() bool {
	if t.state == held && (!t.unsaved || t.renewalDue()) {
		return t.renewalDue()
	}
	return t.e.now.boot >= t.until
}

// pause waits before another attempt, longer after each. It respects what the
// service asks for, up to five minutes.
func (t *turn) pause(b backoff) {
	if t.base != b.first {
		t.base, t.failures = b.first, 0
	}
	d := min(b.first<<t.failures, b.longest)
	t.failures = min(t.failures+1, 20)
	d -= time.Duration(t.e.jitter * float64(d) / 10)
	if t.e.kind == eventResponded {
		d = max(d, min(t.e.retryAfter, t.c.denial.longest))
	}
	t.wait(d)
}

// strikePause waits for the next call of the same attempt.
func (t *turn) strikePause() {
	d := t.c.strike * time.Duration(t.strikes)
	if t.e.now.boot+d > t.attemptEnd() {
		t.retryLater()
		return
	}
	t.striking = true
	t.wait(d)
}

func (t *turn) wait(d time.Duration) {
	if d = t.within(d); t.state >= givingBack && t.gaveUp() {
		d = 0
	}
	t.until = t.e.now.boot + d
	t.doing = waiting
	if t.stopping() {
		t.wake()
	}
}

// within cuts a wait at the next moment when something changes: a seat becomes
// free, the claim ends, or the time for giving back is over.
func (t *turn) within(d time.Duration) time.Duration {
	now := t.e.now.boot
	moments := [...]time.Duration{t.lapse, t.giveUp, 0, 0}
	if t.expires > 0 { // there was a seat
		moments[2] = t.expires + t.c.settle
	}
	if service := t.service.at(t.e.now); !service.IsZero() && !t.OrphanUntil.IsZero() {
		moments[3] = now + t.OrphanUntil.Sub(service) + t.c.settle
	}
	for _, at := range moments {
		if now < at {
			d = min(d, at-now)
		}
	}
	return d
}

// attemptEnd is when the attempt under way has failed.
func (t *turn) attemptEnd() time.Duration {
	end := t.attempt + t.c.attempt
	if last := t.expires + t.c.grace + t.c.attempt; t.claim != claimNone && last > t.attempt {
		end = min(end, last)
	}
	return end
}

// limitGivingBack starts the time for giving back, once.
func (t *turn) limitGivingBack() {
	if t.giveUp == 0 {
		t.giveUp = t.e.now.boot + t.c.givingBack
	}
}

func (t *turn) gaveUp() bool { return t.e.now.boot >= t.giveUp }

func (t *turn) callLimit() time.Duration {
	now, limit := t.e.now.boot, t.c.call
	if t.Life > 0 {
		limit = min(limit, max(t.Life/10, time.Second))
	}
	switch {
	case t.state >= givingBack:
		return min(limit, t.giveUp-now)
	case !t.acquiring():
		limit = min(limit, t.attemptEnd()-now)
	}
	return max(limit, 100*time.Millisecond)
}

func (t *turn) waitLimit() time.Duration {
	now := t.e.now
	wait := t.until - now.boot
	if t.state == held {
		renewal := max(min(t.renew.boot-now.boot, t.renew.wall.Sub(now.wall)), t.paced-now.boot)
		if !t.unsaved || renewal < wait {
			wait = renewal
		}
	}
	return max(wait, 0)
}
