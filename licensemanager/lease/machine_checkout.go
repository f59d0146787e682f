package lease

// ask takes a seat with a new ClientToken.
func (t *turn) ask() {
	t.record = record{Phase: phaseAsking, ClientToken: t.e.fresh, Life: t.Life, OrphanUntil: t.OrphanUntil}
	t.FirstSent = t.service.at(t.e.now)
	t.sent, t.sentHere = t.e.now, true
	t.ambiguous, t.maybeExtended, t.resumed, t.again, t.strikes = false, false, false, false, 0
	t.do(asking, saving)
}

// askAgain sends the ClientToken of a seat whose token is refused again, within
// the window in which it names the same seat.
func (t *turn) askAgain() {
	t.noteOrphan()
	t.record = record{Phase: phaseAsking, ClientToken: t.ClientToken, FirstSent: t.FirstSent, Life: t.Life, Dead: t.Token, OrphanUntil: t.OrphanUntil}
	t.ambiguous, t.maybeExtended, t.strikes = true, false, 0
	t.do(asking, saving)
}

// checkedOut continues after a checkout. Without a response, the same
// ClientToken is sent again.
func (t *turn) checkedOut() {
	if t.e.maybe {
		t.ambiguous, t.resumed, t.strikes = true, false, 0
	}
	switch refused := t.e.verdict == verdictRefused; {
	case t.e.verdict == verdictOK:
		t.checkoutGranted()
	case t.acquiring() && !t.ambiguous: // no seat was taken
		t.remove()
	case refused && t.ambiguous && t.strike() < struckOut:
		t.strikePause()
	case t.acquiring() && (refused || t.resumed):
		t.finish()
	case refused:
		t.denied()
	default:
		t.retryLater()
	}
}

func (t *turn) checkoutGranted() {
	life, expired := t.grantedLife()
	if expired { // the response to an earlier attempt
		t.ask()
		return
	}
	second := t.ambiguous && t.age() >= t.c.window // an earlier attempt may have taken another seat
	dead := !t.Dead.IsZero()
	t.hold(life)
	switch {
	case t.OrphanUntil.Equal(endless): // nobody knew the life of a seat that was taken before this one
		t.OrphanUntil = t.Lo
	case second:
		t.OrphanUntil = later(t.OrphanUntil, t.Lo)
	}
	switch {
	case t.e.partial:
		t.partial = true
		if t.acquiring() {
			t.close()
		} else {
			t.replace()
		}
	case dead: // this may be the first response, with the dead token
		t.resumed, t.again = true, true
		t.extend()
	default:
		t.confirm(life)
	}
}

// denied waits for a seat. The pauses are longer than in an outage.
func (t *turn) denied() {
	t.fail()
	t.pause(t.c.denial)
}

// retryCheckout continues after a pause.
func (t *turn) retryCheckout() {
	switch {
	case t.stop && t.unsaved:
		t.finish()
	case t.stop && t.ambiguous:
		t.strikes, t.failures = 0, 0
		t.giveBack()
	case t.stop:
		t.remove()
	case t.unsaved:
		t.doing = saving
	case !t.ambiguous && t.e.now.boot-t.sent.boot >= t.c.renewToken:
		t.ask()
	default:
		t.doing = calling
	}
}

// giveBack sends the ClientToken again to learn which seat to check in. After
// the window that would take a second seat.
func (t *turn) giveBack() {
	t.claim = claimNone
	t.limitGivingBack()
	if t.unsaved || t.age() >= t.c.window || t.gaveUp() {
		t.finish()
		return
	}
	t.do(givingBack, calling)
}

func (t *turn) gaveBack() {
	switch t.e.verdict {
	case verdictOK:
		life, expired := t.grantedLife()
		if expired {
			t.ambiguous = false
			t.remove()
			return
		}
		t.hold(life)
		t.close()
		return
	case verdictRefused:
		if t.strike() >= struckOut {
			t.finish()
			return
		}
	}
	t.pause(t.c.checkIn)
}
