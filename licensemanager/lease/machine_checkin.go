package lease

import "time"

// close gives the seat back.
func (t *turn) close() {
	t.Phase, t.claim, t.strikes, t.failures = phaseClosing, claimNone, 0, 0
	t.limitGivingBack()
	t.do(closing, saving)
}

func (t *turn) closed() {
	switch t.e.verdict {
	case verdictOK:
		t.maybeExtended = false
		t.remove()
	case verdictConflict:
		t.finish()
	default:
		refused := t.e.verdict == verdictRefused
		if refused && (t.strike() >= struckOut || !t.resumed && t.over(t.Hi)) {
			t.remove()
			return
		}
		t.pause(t.c.checkIn)
	}
}

// remove ends the machine when no seat is left that it can name.
func (t *turn) remove() {
	t.noteOrphan()
	t.record = record{OrphanUntil: t.OrphanUntil}
	if t.over(t.OrphanUntil) {
		t.record = record{}
	}
	t.do(removing, saving)
}

// finish ends the machine. The record stays as it was saved.
func (t *turn) finish() {
	t.takenUntil = t.OrphanUntil
	switch t.Phase {
	case phaseAsking:
		if t.taken = t.ambiguous; t.taken {
			t.takenUntil = later(t.takenUntil, t.latestExpiry())
		}
	case phaseHeld, phaseClosing:
		if t.taken = t.resumed || !t.over(t.Hi); t.taken {
			t.takenUntil = later(t.takenUntil, t.Hi)
		}
	}
	t.taken = t.taken || !t.OrphanUntil.IsZero() && !t.over(t.OrphanUntil)
	if t.takenUntil == endless {
		t.takenUntil = time.Time{}
	}
	switch {
	case !t.acquired:
	case t.taken:
		t.note(EventCheckInFailed)
	default:
		t.note(EventCheckedIn)
	}
	t.doing = finished
}
