package lease

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/clock"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// Keeper holds a seat whenever there is one: it takes a seat, renews it, and
// takes another after a loss or a denial, until it is closed. It is safe for
// concurrent use. Its cost is that of a [Lease].
type Keeper struct{ d *driver }

// Keep starts a Keeper and returns at once. That the service cannot be reached,
// or denies a seat, is a state of the Keeper, not an error: wait for a seat with
// Wait, and watch the Keeper with State, Err or [Options.OnEvent]. It retries
// within a minute, after a denial within five. While [Options.Store] cannot be
// used, as in the last seconds of an earlier process, it retries too, and Err is
// a [*StoreError].
//
// The end of the context closes the Keeper, as Close does. If something has to be
// done before the seat is given back, such as to serve the requests under way or
// to close a Meter, pass a context that does not end with the signal:
//
//	keeper := lease.Keep(context.WithoutCancel(ctx), client, request)
//
// If the request or the options are invalid, such as a request without a
// ProductSKU, the Keeper is closed from the start, and Err says why.
func Keep(ctx context.Context, api API, request Request, options ...func(*Options)) *Keeper {
	d, err := newDriver(ctx, api, request, options)
	if err != nil {
		d = &driver{clock: clock.New(), closed: true, done: make(chan struct{}), finished: make(chan struct{})}
		d.end(err)
		close(d.finished)
		return &Keeper{d}
	}
	d.background = context.WithoutCancel(ctx)
	d.detach = context.AfterFunc(ctx, d.stop)
	d.machine.keeper = true
	if ctx.Err() != nil { // the goroutine of AfterFunc may be too late
		d.stop()
	}
	go d.keep()
	return &Keeper{d}
}

// keep starts the work as soon as the store can be used. If the Keeper is closed
// before that, it gives the seat in the store back, if it can.
func (d *driver) keep() {
	for pause := protocolTiming.retry.first; ; pause = min(2*pause, protocolTiming.retry.longest) {
		opening, done := context.WithTimeout(d.background, protocolTiming.call)
		err := d.open(opening)
		done()
		pausing, cancel := context.WithCancel(d.background)
		d.mu.Lock()
		closed := d.closed
		d.interrupt, d.giving = cancel, err
		if err != nil {
			d.failure = err
		}
		d.mu.Unlock()
		switch {
		case closed && (err != nil || d.resumed.Phase == phaseNone):
			cancel()
			d.leave()
			return
		case err == nil:
			cancel()
			d.work(d.start())
			return
		}
		d.report(EventAcquireFailed)
		_ = d.clock.Sleep(pausing, pause)
		cancel()
	}
}

// leave ends a Keeper that was closed before its work started. The seat in the
// store, if there is one, stays taken, and the record stays for the next start.
func (d *driver) leave() {
	t := turn{c: &d.settings, e: &event{now: d.now()}}
	t.machine = machine{record: d.resumed.record, keeper: true, resumed: true, ambiguous: true}
	t.finish()
	d.mu.Lock()
	d.machine = t.machine
	d.mu.Unlock()
	for _, n := range t.notes {
		d.report(n)
	}
	d.finish()
}

// State returns the state at this moment. The program is licensed while it is
// StateActive or StateDegraded.
func (k *Keeper) State() State {
	state, _ := k.status()
	return state
}

func (k *Keeper) status() (State, error) {
	d := k.d
	now := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	switch m := &d.machine; {
	case d.closed:
		return StateClosed, d.ended
	case m.status(now) == claimActive:
		return StateActive, nil
	case m.claim == claimDegraded || m.claim == claimActive:
		return StateDegraded, nil
	case m.acquired:
		return StateLost, cmp.Or(d.failure, errAsking)
	}
	return StateAcquiring, cmp.Or(d.failure, errAsking)
}

// Wait waits until the program is licensed: until the state is StateActive or
// StateDegraded. It returns the error of [Keeper.Err] if the Keeper is closed
// first. If the context ends first, the error wraps the context's and that of
// Err, such as a [*DeniedError]. Any number of goroutines may wait.
func (k *Keeper) Wait(ctx context.Context) error {
	if ctx == nil {
		return errors.New("lease: the context is nil")
	}
	for {
		stepped := k.d.nextStep()
		state, err := k.status()
		switch state {
		case StateActive, StateDegraded:
			return nil
		case StateClosed:
			return err
		}
		select {
		case <-stepped:
		case <-k.d.done:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// Err returns why the program is not licensed now: nil in StateActive and
// StateDegraded, [ErrClosed] after Close, and otherwise the error of the last
// attempt, which is a [*DeniedError] or a [*PartialError] if the service denied
// the seat. Before the first response, the error says that there is none yet.
// [VerdictOf] tells a denial from an outage.
//
// Err alone tells whether the program is licensed. The state may change between
// two calls: Err may return nil although State has just returned StateLost.
func (k *Keeper) Err() error {
	_, err := k.status()
	return err
}

// LastError returns why the last call to take or renew the seat failed, or nil
// if it succeeded. In StateDegraded it is the reason.
func (k *Keeper) LastError() error { return k.d.lastError() }

// Expires returns when the seat expires if it is not extended, by the wall
// clock, or the zero time before the first seat.
func (k *Keeper) Expires() time.Time {
	return k.d.expiry(k.d.now())
}

// LicenseARN returns the ARN of the license that the seat belongs to, or the last
// one did. It is empty before the first seat.
func (k *Keeper) LicenseARN() string { return k.d.held().licenseARN }

// Granted returns the entitlements of the seat, or of the last one.
func (k *Keeper) Granted() []licensemanager.EntitlementData { return slices.Clone(k.d.held().granted) }

// Missing returns what was asked for and is not held. It is empty unless
// [Request.AllowPartial] is set.
func (k *Keeper) Missing() []licensemanager.EntitlementData { return slices.Clone(k.d.held().missing) }

// Close ends the Keeper and gives its seat back, as [Lease.Close] does, also one
// in [Options.Store] that it has not resumed yet. Use a context of its own, not
// that of Keep:
//
//	context.WithTimeout(context.WithoutCancel(ctx), 8*time.Second)
func (k *Keeper) Close(ctx context.Context) error { return k.d.close(ctx) }
