package lease

// close gives the seat back.
func (t *turn) close() {
	t.Phase, t.claim, t.strikes, t.failures = phaseClosing, claimNone, 0, 0
	t.limitGivingBack()
	if t.expired() {
		t.remove()
		return
	}
	t.do(closing, saving)
}

// expired reports whether a seat of this process has certainly expired, so that
// it needs no check-in. A resumed record may lack its last extension.
func (t *turn) expired() bool { return !t.resumed && t.over(t.Hi) }

func (t *turn) closed() {
	if t.e.verdict == verdictOK {
		t.maybeExtended = false
		t.remove()
		return
	}
	switch {
	case t.expired(), t.e.verdict == verdictRefused && t.strike() >= struckOut:
		t.remove()
	case t.e.verdict == verdictConflict:
		t.finish()
	default:
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
	t.takenUntil = t.ahead(t.takenUntil, t.e.now)
	switch {
	case t.taken:
		t.note(EventCheckInFailed)
	case t.acquired:
		t.note(EventCheckedIn)
	}
	t.doing = finished
}
