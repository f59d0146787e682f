package lease

import (
	"time"

	"github.com/seed-25f54b62/awstokens"
)

// The machine is the protocol that keeps one floating seat, as a function: step
// takes a machine and an event, and returns the machine after the event and the
// one action that it waits for. It has no I/O and no clock, so that a test can
// explore it exhaustively. The driver does what it waits for.
//
// In each state it saves the record, then makes a call, then waits before the
// next call if that one failed:
//
//	state       saves            calls                 file
//	asking      asking           CheckoutLicense       machine_checkout.go
//	held        held             -                     machine_renewal.go
//	extending   held, pending    ExtendLicense...      machine_renewal.go
//	replacing   closing          CheckInLicense        machine_renewal.go
//	givingBack  -                CheckoutLicense       machine_checkout.go
//	closing     closing          CheckInLicense        machine_checkin.go
//	removing    no record        -                     machine_checkin.go
//
// Where to look:
//
//	the response of a checkout is lost    turn.checkedOut, ambiguous
//	the response of a renewal is lost     turn.extended, maybeExtended
//	a renewal fails, the seat is lost     turn.fail
//	the service does not know the seat    turn.extended, turn.replaced
//	the record is of another Request      turn.startForeign, turn.replaced
//	the wall clock is set, a Date is odd  machine_clock.go
//	the machine was suspended             machine.status, turn.renewalDue
//	the process was killed                turn.start
//	a save fails                          turn.saved
//	when something is due, or sent again  machine_timers.go
//
// A record is saved before the call that it announces. Only a ClientToken must
// be saved before it is sent; after any other failed save the machine continues.

// phase is what a record says about a seat.
type phase string

const (
	phaseNone    phase = ""
	phaseAsking  phase = "asking"  // a checkout with ClientToken may have been sent
	phaseHeld    phase = "held"    // Token names the seat
	phaseClosing phase = "closing" // Token names a seat that is being given up
)

// A record is what is known of a seat and must outlive the process. Its times
// are the service's; zero means unknown.
type record struct {
	Phase       phase            `json:"phase,omitempty"`
	ClientToken string           `json:"clientToken,omitempty"`
	FirstSent   time.Time        `json:"firstSent,omitzero"`   // when ClientToken was first sent
	Token       awstokens.Secret `json:"-"`                    // consumption token
	Lo          time.Time        `json:"lo,omitzero"`          // confirmed expiry
	Hi          time.Time        `json:"hi,omitzero"`          // latest possible expiry: a pending extension may have been processed
	Pending     bool             `json:"pending,omitempty"`    // an extension was sent, its outcome is not recorded
	Life        time.Duration    `json:"life,omitempty"`       // what an extension grants
	Dead        awstokens.Secret `json:"-"`                    // a token that the service refuses, while ClientToken is sent again
	OrphanUntil time.Time        `json:"orphanUntil,omitzero"` // until then a seat that nobody can name may be taken
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

// A claim is what the machine tells the user about the seat.
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

	foreign  bool // the record is of another Request, or of a part of this one: its seat is given back before one is taken
	keeper   bool // continues without a seat until it is stopped; otherwise it ends with the seat
	acquired bool // a seat was confirmed once: Acquire has returned
	stop     bool // Close, the end of Acquire's context, or the seat is lost
	lost     bool
	partial  bool // the seat is given back because it lacks an entitlement

	ambiguous     bool      // a checkout with ClientToken may have been processed; its response is unknown
	maybeExtended bool      // an extension may have been processed; its response is unknown
	before        time.Time // Hi before the extension under way
	resumed       bool      // this process has not confirmed the record yet
	again         bool      // ClientToken was sent again for a dead token, which is done once
	unsaved       bool      // the last save failed
	strikes       int8      // refusals in a row

	claim claim
	timers

	taken      bool      // finished: a seat may stay taken
	takenUntil time.Time // at most, by the service's clock; zero: unknown
}

type eventKind int8

const (
	eventStarted   eventKind = iota // event.record was read; it is zero if there is none
	eventSaved                      // event.ok
	eventResponded                  // a call has ended
	eventWoke                       // the wait is over, or a part of it
	eventStopped                    // Close, or the end of Acquire's context
)

// An event is what the driver reports to a machine.
type event struct {
	kind   eventKind
	now    reading
	fresh  string  // an unused ClientToken
	jitter float64 // random, from 0 to 1

	record  record
	foreign bool // the record is of another Request
	ok      bool
	response
}

// A verdict is the outcome of a call.
type verdict int8

const (
	verdictOK       verdict = iota
	verdictUnknown          // the service may have processed the request
	verdictNotDone          // not sent, throttled or no credentials; of extensions and check-ins also AccessDenied and the like
	verdictRefused          // a checkout is denied, or the service does not know the token
	verdictConflict         // the license forbids check-in
)

// A response is what is known after a call, over all its attempts.
type response struct {
	sent       reading // before the call
	verdict    verdict
	maybe      bool      // the service may have processed an attempt before the one with the verdict
	forbidden  bool      // there is no permission for the call, which says nothing about the seat
	date       time.Time // the Date header; zero: none
	retryAfter time.Duration

	token      awstokens.Secret
	partial    bool      // the seat lacks an entitlement that the request needs
	issued     time.Time // zero: unreadable
	expiration time.Time // zero: unreadable
}

type task int8

const (
	taskSave     task = iota // the record; if its Phase is zero, OrphanUntil alone
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
	notes []EventType   // what to report to the user
	odd   bool          // the extension succeeded, but its Expiration cannot be used
}

// A turn is one step of a machine.
type turn struct {
	machine
	c     *settings
	e     *event
	notes []EventType
	odd   bool
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
	if t.foreign = t.e.foreign; t.foreign {
		t.startForeign()
		return
	}
	switch t.Phase {
	case phaseNone:
		t.ask()
	case phaseAsking:
		t.resumed, t.ambiguous = true, true
		t.do(asking, calling)
	case phaseHeld, phaseClosing:
		t.resumed, t.maybeExtended = true, t.Pending
		t.extend()
	}
}

// startForeign gives the seat of another Request back. The checkout of another
// Request cannot be sent again, so nobody can name the seat that it may have taken.
func (t *turn) startForeign() {
	switch t.Phase {
	case phaseAsking:
		t.OrphanUntil = endless
		t.dropForeign()
	case phaseHeld, phaseClosing:
		t.resumed, t.maybeExtended = true, t.Pending
		t.replace()
	}
}

// dropForeign takes a seat in place of one of another Request.
func (t *turn) dropForeign() {
	t.foreign = false
	t.note(EventRecordDropped)
	t.ask()
}

func (t *turn) do(s state, d doing) { t.state, t.doing = s, d }

// note has an event reported to the user.
func (t *turn) note(n EventType) { t.notes = append(t.notes, n) }

// acquiring reports whether Acquire is still running.
func (t *turn) acquiring() bool { return !t.keeper && !t.acquired }

// stopping reports whether stop has not taken effect yet.
func (t *turn) stopping() bool { return t.stop && t.state < givingBack }

func (t *turn) saved() {
	t.unsaved = !t.e.ok
	if t.unsaved {
		t.note(EventSaveFailed)
	}
	switch t.state {
	case asking:
		switch {
		case t.e.ok:
			t.doing = calling
		case t.acquiring(): // a ClientToken that is not saved is not sent
			t.finish()
		default:
			t.retryLater()
		}
	case held:
		t.pause(t.c.retry) // before the next save, if this one failed
	case removing:
		t.finish()
	default:
		t.doing = calling
	}
}

// responded continues after a call.
func (t *turn) responded() {
	t.learnTime()
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

// wake continues when a wait is over, or was cut short by stop.
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
		t.retryCheckout()
	case held, extending, replacing:
		switch {
		case t.stop:
			t.close()
		case t.state == replacing:
			t.doing = calling
		case t.state == held && !t.renewalDue(): // the save failed
			t.doing = saving
		default:
			t.extend()
		}
	case givingBack:
		t.giveBack()
	case closing:
		t.doing = calling
		switch {
		case t.expired():
			t.remove()
		case t.gaveUp():
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
	a := action{notes: t.notes, odd: t.odd}
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
