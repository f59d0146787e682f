package lease

import "time"

// EventType is what an event is about.
type EventType string

// The types of events.
const (
	EventAcquired      EventType = "acquired"        // a Keeper has its first seat, or has resumed the one in Options.Store
	EventAcquireFailed EventType = "acquire_failed"  // a Keeper could not take its first seat, and retries
	EventRenewed       EventType = "renewed"         // the seat was extended
	EventRenewalFailed EventType = "renewal_failed"  // the seat could not be extended or replaced, and the lease retries; also of a Keeper in StateLost
	EventReacquired    EventType = "reacquired"      // another seat was taken, because the first had gone
	EventLost          EventType = "lost"            // the last event of a Lease that was not closed; a Keeper continues
	EventRecordDropped EventType = "record_dropped"  // Options.Store had the record of another Request, or of a part of this one: its seat was given back, has expired, or, after a lost response, cannot be named; the lease takes its own
	EventSaveFailed    EventType = "save_failed"     // the record could not be saved in Options.Store; Err is a *StoreError. The lease continues
	EventCheckedIn     EventType = "checked_in"      // the seat was given back, or had gone; the last event
	EventCheckInFailed EventType = "check_in_failed" // the last event; Err, a *TakenError, says when the seat is free
)

// Event is something that happened to a lease. In an outage each attempt is an
// EventAcquireFailed or EventRenewalFailed, once a minute, also after EventLost: a
// log needs only the first in a row.
type Event struct {
	Type    EventType
	Time    time.Time // by the wall clock
	Expires time.Time // when the seat expires, by the wall clock; zero if there was none
	Err     error     // the reason of a failure; that of EventRenewalFailed is the reason of StateDegraded
}

// report gives an event to the user.
func (d *driver) report(kind EventType) {
	now, m := d.now(), &d.machine
	e := Event{Type: kind, Time: now.wall, Expires: d.expiry(now)}
	d.mu.Lock()
	switch kind {
	case EventAcquireFailed, EventRenewalFailed, EventLost:
		e.Err = d.failure
	case EventSaveFailed:
		e.Err = d.unsaved
	case EventCheckInFailed:
		e.Err = d.closeError()
	}
	if kind == EventLost && !m.keeper {
		d.end(&LostError{At: e.Time, Err: e.Err})
	}
	d.mu.Unlock()
	// Acquire's result reports its seat, and EventLost is the last of a Lease.
	silent := !m.keeper && kind != EventRecordDropped &&
		(kind == EventAcquired || !m.acquired || m.lost && kind != EventRenewalFailed && kind != EventLost)
	if d.onEvent == nil || silent {
		return
	}
	called := make(chan struct{})
	go func() { // it may end its goroutine, as t.FailNow does: not that of the lease
		defer close(called)
		d.onEvent(e)
	}()
	<-called
}
