package lease

import "time"

// extend sends an extension, after it was saved that the seat may live longer.
func (t *turn) extend() {
	t.before = t.Hi
	t.Pending, t.Hi = true, later(t.Hi, t.latestExpiry())
	t.pace()
	t.do(extending, saving)
}

// extended continues after an extension. If its response is lost, the token may
// have changed: the seat is kept up to Lo, and may live up to Hi.
func (t *turn) extended() {
	if t.e.maybe {
		t.maybeExtended, t.strikes = true, 0
	}
	if t.e.verdict == verdictOK {
		life := t.life()
		if life <= 0 {
			t.extendedWithoutExpiry()
			return
		}
		t.hold(life)
		t.confirm(life)
		return
	}
	switch {
	case !t.maybeExtended:
		t.Hi, t.Pending = t.Lo, false
	case !t.e.maybe:
		t.Hi = t.before
	}
	switch {
	case t.e.verdict == verdictRefused:
		t.extensionRefused()
	case t.e.forbidden && t.over(t.Hi) && t.resumed:
		t.replace()
	case t.e.forbidden && t.over(t.Hi):
		t.ask()
	case t.e.verdict == verdictNotDone && t.acquiring():
		t.finish()
	default:
		t.retryLater()
	}
}

// extendedWithoutExpiry degrades a seat that is held, nobody knows until when.
func (t *turn) extendedWithoutExpiry() {
	t.Token, t.maybeExtended, t.strikes = t.e.token, true, 0
	t.renewIn(t.within(t.c.oddExpiry))
	t.do(held, saving)
	t.odd = true
	t.fail()
}

// extensionRefused decides whether a token that the service refused is gone.
// Before Lo a refusal ends nothing.
func (t *turn) extensionRefused() {
	out := t.strike() >= struckOut
	switch {
	case !t.resumed && t.over(t.Hi):
		t.ask()
	case out && t.Phase == phaseHeld && !t.again && t.age() < t.c.window:
		t.askAgain()
	case t.strikes >= struckOut-1 && (t.over(t.Lo) || t.Phase == phaseClosing), out && t.resumed:
		t.replace()
	case t.resumed || t.over(t.Lo):
		t.strikePause()
	default:
		t.retryLater()
	}
}

// hold records a seat that lives for so long from now.
func (t *turn) hold(life time.Duration) {
	lo := t.expiry(life)
	t.record = record{
		Phase: phaseHeld, ClientToken: t.ClientToken, FirstSent: t.FirstSent,
		Token: t.e.token, Lo: lo, Hi: lo, Life: t.fullLife(life), OrphanUntil: t.OrphanUntil,
	}
	t.ambiguous, t.maybeExtended, t.strikes = false, false, 0
}

// confirm claims the seat that is recorded.
func (t *turn) confirm(life time.Duration) {
	switch {
	case !t.acquired:
		t.note(EventAcquired)
	case t.claim == claimNone || t.state == asking:
		t.note(EventReacquired)
	default:
		t.note(EventRenewed)
	}
	t.claim, t.acquired, t.resumed, t.again, t.failures = claimActive, true, false, false, 0
	t.measure(life)
	t.do(held, saving)
}

// retryLater ends an attempt, and waits for the next.
func (t *turn) retryLater() {
	t.fail()
	t.pause(t.c.retry)
}

// fail ends an attempt: Active becomes Degraded, and after Lo and Grace the
// seat is lost.
func (t *turn) fail() {
	if t.acquired {
		t.note(EventRenewalFailed)
	} else {
		t.note(EventAcquireFailed)
	}
	if t.claim == claimActive {
		t.claim = claimDegraded
	}
	if t.claim == claimNone || t.e.now.boot < t.lapse {
		return
	}
	t.claim = claimNone
	t.note(EventLost)
	if !t.keeper {
		t.stop, t.lost = true, true
	}
}

// struckOut is how many refusals in a row end a token.
const struckOut = 3

// strike counts a refusal.
func (t *turn) strike() int8 {
	t.strikes = min(t.strikes+1, struckOut)
	return t.strikes
}

// replace checks in the old token before another seat is taken: wrong refusals
// make no second seat.
func (t *turn) replace() {
	t.Phase = phaseClosing
	t.do(replacing, saving)
}

func (t *turn) replaced() {
	if t.foreign {
		t.replacedForeign()
		return
	}
	switch verdict := t.e.verdict; {
	case t.e.forbidden && t.over(t.Hi): // expired anyway
	case verdict == verdictNotDone && t.acquiring():
		t.finish()
		return
	case verdict == verdictNotDone, verdict == verdictUnknown:
		t.retryLater()
		return
	case verdict == verdictRefused && t.partial && t.strike() < struckOut:
		t.strikePause()
		return
	case verdict == verdictConflict && t.partial && !t.over(t.Hi): // another checkout would take another part
		t.denied()
		return
	case verdict != verdictOK:
		t.noteOrphan()
	}
	partial := t.partial
	t.partial = false
	t.ask()
	if partial {
		t.unsaved = true // the new ClientToken is saved after the pause
		t.denied()
	}
}

// replacedForeign continues after the check-in of a seat of another Request. One
// that cannot be given back is waited for, up to its latest expiry.
func (t *turn) replacedForeign() {
	switch verdict := t.e.verdict; {
	case verdict == verdictOK:
		t.dropForeign()
	case verdict == verdictRefused && t.strike() < struckOut:
		t.strikePause()
	case verdict == verdictRefused, t.over(t.Hi):
		t.noteOrphan()
		t.dropForeign()
	case t.acquiring() && verdict != verdictUnknown:
		t.finish()
	case verdict == verdictConflict:
		t.denied()
	default:
		t.retryLater()
	}
}

// noteOrphan records that an extension without a response may have left a seat
// that nobody can name.
func (t *turn) noteOrphan() {
	if t.maybeExtended && !t.over(t.Hi) {
		t.OrphanUntil = later(t.OrphanUntil, t.Hi)
	}
}
