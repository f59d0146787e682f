package lease

import (
	"time"

	"github.com/seed-25f54b62/awstokens"
)

// This file is the protocol that keeps one floating seat, as a function: step
// takes a machine and an event, and returns the machine after the event and the
// one action that it waits for. There is no I/O and no clock in it, so that a
// test can explore it exhaustively. machine_time.go has its timers.
//
// A machine is in a state, one for each row of the protocol, and in that state
// saves the record, calls the service or waits:
//
//	state       saves            calls                 waits
//	asking      asking           CheckoutLicense       before the same ClientToken is sent again
//	held        held             -                     for the renewal
//	extending   held, pending    ExtendLicense...      before it is sent again
//	replacing   closing          CheckInLicense        before it is sent again
//	givingBack  -                CheckoutLicense       before the same ClientToken is sent again
//	closing     closing          CheckInLicense        before it is sent again
//	removing    no record        -                     -
//
// A record is saved before the call that it announces. Only a ClientToken must
// be saved before it is sent; after any other failed save the machine goes on.

// phase is what a record says about a seat.
type phase string

const (
	phaseNone    phase = ""
	phaseAsking  phase = "asking"  // a checkout with ClientToken may have been sent
	phaseHeld    phase = "held"    // Token names the seat
	phaseClosing phase = "closing" // Token names a seat that is being given up
)

// A record is what is known of a seat and must outlive the process. Its times
// are the service's; a zero time is unknown.
type record struct {
	Phase       phase
	ClientToken string
	FirstSent   time.Time        // when ClientToken was first sent
	Token       awstokens.Secret // consumption token
	Lo          time.Time        // confirmed expiry
	Hi          time.Time        // latest possible expiry: a pending extension may have been processed
	Pending     bool             // an extension was sent, its outcome is not recorded
	Life        time.Duration    // what an extension grants
	Dead        awstokens.Secret // a token that seems gone, while ClientToken is sent again
	OrphanUntil time.Time        // until then a seat that nobody can name may be taken
}

type state int8

const (
	asking state = iota
	held
	extending
	replacing  // checks in the old token before another seat is taken
	givingBack // sends the ClientToken again to learn which seat to check in
	closing
	removing
)

type doing int8

const (
	saving doing = iota
	calling
	waiting
	finished
)

// A claim is what the machine says about the seat.
type claim int8

const (
	claimNone claim = iota
	claimActive
	claimDegraded
)

// A machine keeps one seat. The zero value has not started.
type machine struct {
	record
	state state
	doing doing

	keeper   bool // continues without a seat until it is stopped; otherwise it ends with the seat
	acquired bool // a seat was confirmed once: Acquire has returned
	stop     bool // Close, the end of Acquire's context, or the seat is lost
	lost     bool
	partial  bool // the seat is given back because it lacks an entitlement

	ambiguous  bool      // a checkout with ClientToken may have been processed
	unanswered bool      // an extension may have been processed, its response is unknown
	before     time.Time // Hi before the extension under way
	resumed    bool      // nothing in the record is confirmed by this process
	again      bool      // ClientToken was sent again for a dead token, once is enough
	unsaved    bool      // the last save failed
	strikes    int8      // refusals in a row

	claim claim
	timers

	taken      bool      // finished: a seat may be taken
	takenUntil time.Time // at most, by the service's time; zero: unknown
}

type eventKind int8

const (
	eventStarted   eventKind = iota // event.record was read; a zero one: there is none
	eventSaved                      // event.ok
	eventResponded                  // a call has ended
	eventWoke                       // the wait is over, or a part of it
	eventStopped                    // Close, or the end of Acquire's context
)

// An event is what the driver tells a machine.
type event struct {
	kind   eventKind
	now    reading
	fresh  string  // an unused ClientToken
	jitter float64 // random, from 0 to 1

	record record
	ok     bool
	response
}

// A verdict is the outcome of a call.
type verdict int8

const (
	verdictOK       verdict = iota
	verdictUnknown          // the service may have processed the request
	verdictNotDone          // not sent, throttled, no credentials; of extensions and check-ins also AccessDenied and the like
	verdictRefused          // a checkout is denied; or the token of an extension or check-in is gone
	verdictConflict         // the license forbids check-in
)

// A response is what is known after a call, over all its attempts.
type response struct {
	sent       reading // before the call
	verdict    verdict
	maybe      bool      // the service may have processed an attempt before the one with the verdict
	date       time.Time // the Date of the response; zero: none
	retryAfter time.Duration

	token      awstokens.Secret
	partial    bool      // the seat lacks an entitlement that the request needs
	issued     time.Time // zero: unreadable
	expiration time.Time // zero: unreadable
}

type task int8

const (
	taskSave     task = iota // the machine's record; a zero Phase: nothing but OrphanUntil
	taskCheckout             // with the record's ClientToken
	taskExtend
	taskCheckIn
	taskWait
	taskFinish
)

// An action is what a machine waits for.
type action struct {
	do    task
	limit time.Duration // of a call, or of a wait
	notes []note
}

// A note is something to tell the user.
type note int8

const (
	noteAcquired note = iota
	noteRenewed
	noteReacquired
	noteOddExpiry // why the attempt of noteFailed failed
	noteFailed    // an attempt to take or renew the seat
	noteUnsaved
	noteLost
	noteCheckedIn
	noteCheckInFailed
)

// A turn is one step of a machine.
type turn struct {
	machine
	c     *settings
	e     *event
	notes []note
}

// step returns the machine after an event, and what it does next.
func step(c *settings, m machine, e event) (machine, action) {
	t := turn{machine: m, c: c, e: &e}
	switch e.kind {
	case eventStarted:
		t.start()
	case eventSaved:
		t.saved()
	case eventResponded:
		t.responded()
	case eventWoke:
		t.wake()
	case eventStopped:
		t.stop = true
		t.wake()
	}
	return t.machine, t.action()
}

func (t *turn) start() {
	t.record, t.attempt, t.paced = t.e.record, t.e.now.boot, t.e.now.boot-t.c.burst
	switch t.Phase {
	case phaseNone:
		t.ask()
	case phaseAsking:
		t.resumed, t.ambiguous = true, true
		t.do(asking, calling)
	case phaseHeld, phaseClosing:
		t.resumed, t.unanswered = true, t.Pending
		t.extend()
	}
}

func (t *turn) do(s state, d doing) { t.state, t.doing = s, d }

func (t *turn) note(n note) { t.notes = append(t.notes, n) }

// acquiring says whether Acquire has not returned yet.
func (t *turn) acquiring() bool { return !t.keeper && !t.acquired }

// stopping says whether stop is still to be acted on.
func (t *turn) stopping() bool { return t.stop && t.state < givingBack }

// ask takes a seat with a new ClientToken.
func (t *turn) ask() {
	t.record = record{Phase: phaseAsking, ClientToken: t.e.fresh, Life: t.Life, OrphanUntil: t.OrphanUntil}
	t.FirstSent = t.service.at(t.e.now)
	t.sent, t.sentHere = t.e.now, true
	t.ambiguous, t.unanswered, t.resumed, t.again, t.strikes = false, false, false, false, 0
	t.do(asking, saving)
}

// askAgain sends the ClientToken of a seat that seems gone again, while it
// surely names the same seat.
func (t *turn) askAgain() {
	t.orphan()
	t.record = record{Phase: phaseAsking, ClientToken: t.ClientToken, FirstSent: t.FirstSent, Life: t.Life, Dead: t.Token, OrphanUntil: t.OrphanUntil}
	t.ambiguous, t.unanswered, t.strikes = true, false, 0
	t.do(asking, saving)
}

// orphan notes that an extension without a response may have left a seat that
// nobody can name.
func (t *turn) orphan() {
	if t.unanswered && !t.over(t.Hi) {
		t.OrphanUntil = later(t.OrphanUntil, t.Hi)
	}
}

// hold notes a seat that lives for so long from now.
func (t *turn) hold(life time.Duration) {
	lo := t.expiry(life)
	t.record = record{
		Phase: phaseHeld, ClientToken: t.ClientToken, FirstSent: t.FirstSent,
		Token: t.e.token, Lo: lo, Hi: lo, Life: t.fullLife(life), OrphanUntil: t.OrphanUntil,
	}
	t.ambiguous, t.unanswered, t.strikes = false, false, 0
}

// confirm claims the seat that was noted.
func (t *turn) confirm(life time.Duration) {
	switch {
	case !t.acquired:
		t.note(noteAcquired)
	case t.claim == claimNone || t.state == asking:
		t.note(noteReacquired)
	default:
		t.note(noteRenewed)
	}
	t.claim, t.acquired, t.resumed, t.again, t.failures = claimActive, true, false, false, 0
	t.measure(life)
	t.do(held, saving)
}

func (t *turn) extend() {
	t.before = t.Hi
	t.Pending, t.Hi = true, later(t.Hi, t.latestExpiry())
	t.pace()
	t.do(extending, saving)
}

func (t *turn) close() {
	t.Phase, t.claim, t.strikes, t.failures = phaseClosing, claimNone, 0, 0
	t.giveUpIn(t.c.givingBack)
	t.do(closing, saving)
}

// giveBack sends the ClientToken again to learn which seat to check in. After
// the window that would take a second seat.
func (t *turn) giveBack() {
	t.claim = claimNone
	t.giveUpIn(t.c.givingBack)
	if t.unsaved || t.age() >= t.c.window || t.gaveUp() {
		t.finish()
		return
	}
	t.do(givingBack, calling)
}

// remove ends the machine when no seat is left that could be named.
func (t *turn) remove() {
	t.orphan()
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
		t.note(noteCheckInFailed)
	default:
		t.note(noteCheckedIn)
	}
	t.doing = finished
}

func (t *turn) saved() {
	t.unsaved = !t.e.ok
	if t.unsaved {
		t.note(noteUnsaved)
	}
	switch t.state {
	case asking:
		switch {
		case t.e.ok:
			t.doing = calling
		case t.acquiring(): // nothing is sent whose ClientToken is not safe
			t.finish()
		default:
			t.fail()
			t.pause(t.c.pause, t.c.longestPause)
		}
	case held:
		t.pause(t.c.pause, t.c.longestPause) // before the next save, if this one failed
	case removing:
		t.finish()
	default:
		t.doing = calling
	}
}

// responded continues after a call, in whose row of the protocol it is.
func (t *turn) responded() {
	t.listen()
	if t.e.maybe && t.e.verdict == verdictNotDone {
		t.e.verdict = verdictUnknown
	}
	t.e.maybe = t.e.maybe || t.e.verdict == verdictUnknown
	switch t.state {
	case asking:
		t.checkedOut()
	case extending:
		t.extended()
	case replacing:
		t.replaced()
	case givingBack:
		t.gaveBack()
	case closing:
		t.closed()
	}
}

func (t *turn) checkedOut() {
	if t.e.maybe {
		t.ambiguous, t.resumed, t.strikes = true, false, 0
	}
	switch t.e.verdict {
	case verdictOK:
		life, expired := t.granted()
		if expired { // the first response, repeated
			t.ask()
			return
		}
		second := t.ambiguous && t.age() >= t.c.window // an earlier attempt may have taken another seat
		dead := !t.Dead.IsZero()
		t.hold(life)
		if second {
			t.OrphanUntil = later(t.OrphanUntil, t.Lo)
		}
		switch {
		case t.e.partial && t.acquiring():
			t.partial = true
			t.close()
		case t.e.partial:
			t.partial = true
			t.replace()
		case dead: // the response may be the first one, repeated
			t.resumed, t.again = true, true
			t.extend()
		default:
			t.confirm(life)
		}
	case verdictRefused:
		t.strike()
		switch {
		case t.acquiring() && !t.ambiguous:
			t.remove()
		case t.ambiguous && t.strikes < struckOut:
			t.strikePause()
		case t.acquiring():
			t.finish()
		default:
			t.fail()
			t.pause(t.c.denial, t.c.longestDenial)
		}
	default:
		switch {
		case t.acquiring() && !t.ambiguous:
			t.remove()
		case t.acquiring() && t.resumed:
			t.finish()
		default:
			t.fail()
			t.pause(t.c.pause, t.c.longestPause)
		}
	}
}

func (t *turn) extended() {
	if t.e.maybe {
		t.unanswered, t.strikes = true, 0
	}
	switch t.e.verdict {
	case verdictOK:
		life := t.life()
		if life <= 0 { // the seat is held, nobody knows until when
			t.Token, t.unanswered, t.strikes = t.e.token, true, 0
			t.renewIn(t.within(t.c.oddExpiry))
			t.do(held, saving)
			t.note(noteOddExpiry)
			t.fail()
			return
		}
		t.hold(life)
		t.confirm(life)
		return
	default:
		switch {
		case !t.unanswered:
			t.Hi, t.Pending = t.Lo, false
		case !t.e.maybe:
			t.Hi = t.before
		}
	}
	if t.e.verdict != verdictRefused {
		t.fail()
		if t.acquiring() && t.e.verdict != verdictUnknown {
			t.finish()
			return
		}
		t.pause(t.c.pause, t.c.longestPause)
		return
	}
	t.strike()
	out := t.strikes >= struckOut
	switch {
	case !t.resumed && t.over(t.Hi):
		t.ask()
	case out && t.Phase == phaseHeld && !t.again && t.age() < t.c.window:
		t.askAgain()
	case t.strikes >= struckOut-1 && (t.over(t.Lo) || t.Phase == phaseClosing), out && t.resumed:
		t.replace()
	case t.resumed || t.over(t.Lo):
		t.strikePause()
	default: // before Lo a refusal ends nothing
		t.fail()
		t.pause(t.c.pause, t.c.longestPause)
	}
}

// replace checks in the old token before another seat is taken: wrong refusals
// make no second seat.
func (t *turn) replace() {
	t.Phase = phaseClosing
	t.do(replacing, saving)
}

func (t *turn) replaced() {
	switch t.e.verdict {
	case verdictUnknown, verdictNotDone:
		t.fail()
		if t.acquiring() && t.e.verdict == verdictNotDone {
			t.finish()
			return
		}
		t.pause(t.c.pause, t.c.longestPause)
		return
	case verdictRefused, verdictConflict:
		if t.partial && t.e.verdict == verdictRefused {
			if t.strike(); t.strikes < struckOut {
				t.strikePause()
				return
			}
		}
		t.orphan()
	}
	partial := t.partial
	t.partial = false
	t.ask()
	if partial { // as if denied
		t.unsaved = true
		t.fail()
		t.pause(t.c.denial, t.c.longestDenial)
	}
}

func (t *turn) gaveBack() {
	switch t.e.verdict {
	case verdictOK:
		life, expired := t.granted()
		if expired {
			t.ambiguous = false
			t.remove()
			return
		}
		t.hold(life)
		t.close()
	case verdictRefused:
		if t.strike(); t.strikes >= struckOut {
			t.finish()
			return
		}
		t.pause(t.c.checkIn, t.c.longestCheckIn)
	default:
		t.pause(t.c.checkIn, t.c.longestCheckIn)
	}
}

func (t *turn) closed() {
	switch t.e.verdict {
	case verdictOK:
		t.unanswered = false
		t.remove()
	case verdictConflict:
		t.finish()
	case verdictRefused:
		if t.strike(); t.strikes >= struckOut || !t.resumed && t.over(t.Hi) {
			t.remove()
			return
		}
		t.pause(t.c.checkIn, t.c.longestCheckIn)
	default:
		t.pause(t.c.checkIn, t.c.longestCheckIn)
	}
}

// struckOut is how many refusals in a row end a token.
const struckOut = 3

func (t *turn) strike() { t.strikes = min(t.strikes+1, struckOut) }

// fail ends an attempt: Active becomes Degraded, and after Lo and Grace nothing
// is claimed.
func (t *turn) fail() {
	t.note(noteFailed)
	if t.claim == claimActive {
		t.claim = claimDegraded
	}
	if t.claim == claimNone || t.e.now.boot < t.lapse {
		return
	}
	t.claim = claimNone
	t.note(noteLost)
	if !t.keeper {
		t.stop, t.lost = true, true
	}
}

// wake continues when a wait is over, or cut short by stop.
func (t *turn) wake() {
	if t.doing != waiting || !t.due() && !t.stopping() {
		return
	}
	if !t.striking {
		t.attempt = t.e.now.boot
	}
	t.striking = false
	switch t.state {
	case asking:
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
	case held:
		switch {
		case t.stop:
			t.close()
		case t.renewalDue():
			t.extend()
		default:
			t.doing = saving
		}
	case extending, replacing:
		switch {
		case t.stop:
			t.close()
		case t.state == extending:
			t.extend()
		default:
			t.doing = calling
		}
	case givingBack:
		t.giveBack()
	case closing:
		t.doing = calling
		if t.gaveUp() {
			t.finish()
		}
	}
}

var calls = [...]task{
	asking: taskCheckout, givingBack: taskCheckout,
	extending: taskExtend,
	replacing: taskCheckIn, closing: taskCheckIn,
}

// action is what a machine in this state waits for.
func (t *turn) action() action {
	a := action{notes: t.notes}
	switch t.doing {
	case saving:
		a.do = taskSave
	case calling:
		a.do, a.limit = calls[t.state], t.callLimit()
	case waiting:
		a.do, a.limit = taskWait, t.waitLimit()
	case finished:
		a.do = taskFinish
	}
	return a
}
