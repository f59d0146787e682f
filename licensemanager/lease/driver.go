package lease

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/clock"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// wakeEvery is the longest sleep at a time. A wall clock that was set, and a
// suspension, are noticed within it.
const wakeEvery = 30 * time.Second

// A driver runs a machine: it does what the machine waits for, and reports the
// outcome to the machine. Lease and Keeper show its state.
type driver struct {
	api      API
	request  Request
	clock    awstokens.Clock
	random   func() float64 // jitter
	onEvent  func(Event)
	settings settings

	file    *FileStore
	store   *openStore
	resumed stored // the record that was found in it

	background context.Context // of calls that nobody waits for
	detach     func() bool     // from a Keeper's context
	done       chan struct{}   // closed by Close, and when a Lease is lost
	finished   chan struct{}   // closed when the machine has ended

	mu        sync.Mutex // guards what follows; not held during calls and waits
	machine   machine
	checkout  checkout
	failure   error         // of the last call to take or renew the seat; nil: it succeeded
	unsaved   error         // of the last save that failed
	giving    error         // of the last call to give the seat back
	closed    bool          // Close was called, or a Keeper's context has ended
	interrupt func()        // cuts the last wait short
	ended     error         // what Err returns after the end
	stepped   chan struct{} // closed by the next step of the machine; nil: nobody waits for it
}

// checkout is what a seat consists of.
type checkout struct {
	licenseARN string
	granted    []licensemanager.EntitlementData
	missing    []licensemanager.EntitlementData
}

func newDriver(ctx context.Context, api API, request Request, options []func(*Options)) (*driver, error) {
	if client, ok := api.(*licensemanager.Client); api == nil || ok && client == nil {
		return nil, errors.New("lease: the API is nil")
	}
	if ctx == nil {
		return nil, errors.New("lease: the context is nil")
	}
	o := Options{random: rand.Float64}
	for _, change := range options {
		if change != nil {
			change(&o)
		}
	}
	o.RenewAt = cmp.Or(o.RenewAt, 0.6)
	request.KeyFingerprint = cmp.Or(request.KeyFingerprint, licensemanager.MarketplaceKeyFingerprint)
	if !(o.RenewAt >= 0.1 && o.RenewAt <= 0.9) || o.Grace < 0 || o.Grace > protocolTiming.longestLife {
		return nil, errors.New("lease: RenewAt must be from 0.1 to 0.9, and Grace from 0 to ten years")
	}
	if err := request.input(licensemanager.NewClientToken(), request.NodeID).Validate(); err != nil {
		return nil, fmt.Errorf("lease: %w", err)
	}
	if o.Store != nil && o.Store.path == "" {
		return nil, &StoreError{Problem: StoreFailed, Err: errors.New("its path is empty")}
	}
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	request.Entitlements = slices.Clone(request.Entitlements) // the caller may use the slice again
	return &driver{
		api: api, request: request, clock: o.Clock, random: o.random, onEvent: o.OnEvent, file: o.Store,
		settings: settings{renewAt: o.RenewAt, grace: o.Grace, timing: &protocolTiming},
		detach:   func() bool { return false },
		done:     make(chan struct{}), finished: make(chan struct{}),
	}, nil
}

func (d *driver) now() reading { return reading{d.clock.Elapsed(), d.clock.Now().Round(0)} }

// open locks the store and reads its record, if there is one.
func (d *driver) open(ctx context.Context) error {
	store, found, err := d.file.open(d.api, &d.request, d.now())
	d.mu.Lock()
	d.resumed = found
	d.mu.Unlock()
	if err == nil {
		err = store.checkAccount(ctx, found.Account)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil {
		store.close()
		if errors.As(err, new(*StoreError)) { // the seat is not this program's
			d.resumed = stored{}
		}
		return err
	}
	d.store = store
	return nil
}

// start begins with the record of the store.
func (d *driver) start() action {
	found := &d.resumed
	c := checkout{found.LicenseARN, found.Granted, missing(d.request.Entitlements, found.Granted)}
	part := !found.Token.IsZero() && d.request.lacks(&c) // the process was killed before it gave that back
	foreign := found.Phase != phaseNone && (found.requestID != d.request.id() || part)
	if found.Granted != nil && !foreign {
		d.mu.Lock()
		d.checkout = c
		d.mu.Unlock()
	}
	return d.tell(event{kind: eventStarted, record: found.record, foreign: foreign})
}

// finish ends the work. Until then nobody else may use the store.
func (d *driver) finish() {
	d.store.close()
	d.detach()
	close(d.finished)
}

// save saves the record in the store.
func (d *driver) save(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, protocolTiming.call)
	defer cancel()
	m := &d.machine
	r := stored{
		record: m.record, requestID: d.request.id(), NodeID: d.nodeID(), Beneficiary: d.request.Beneficiary,
		LicenseARN: d.checkout.licenseARN, Granted: d.checkout.granted,
	}
	if m.foreign { // it stays that of the other Request
		r = d.resumed
		r.record = m.record
	}
	err := d.store.save(ctx, r)
	if err != nil {
		d.mu.Lock()
		d.unsaved = err
		if m.state == asking {
			d.failure = err
		}
		d.mu.Unlock()
	}
	return err
}

// nodeID is the NodeID of a checkout. One that is sent again must have the same
// parameters.
func (d *driver) nodeID() string {
	if d.resumed.ClientToken != "" && d.machine.ClientToken == d.resumed.ClientToken {
		return d.resumed.NodeID
	}
	return d.request.NodeID
}

// work runs the machine's calls until it waits or has ended.
func (d *driver) work(a action) {
	for a.do != taskFinish {
		if a.do != taskWait {
			a = d.advance(d.background, a)
			continue
		}
		d.mu.Lock()
		stop := d.closed && !d.ending()
		if !stop {
			d.sleep(a.limit)
		}
		d.mu.Unlock()
		if !stop {
			return
		}
		a = d.tell(event{kind: eventStopped})
	}
	d.finish()
}

func (d *driver) resume(kind eventKind) { d.work(d.tell(event{kind: kind})) }

// sleep resumes the work later. By the system's clock it takes no goroutine,
// whose stack would be larger than the rest of a lease.
func (d *driver) sleep(limit time.Duration) {
	if _, ok := d.clock.(clock.System); ok {
		timer := time.AfterFunc(min(limit, wakeEvery), func() { d.resume(eventWoke) })
		d.interrupt = func() {
			if timer.Stop() {
				go d.resume(eventStopped)
			}
		}
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.interrupt = cancel
	go func() {
		kind := d.wait(ctx, limit)
		cancel()
		d.resume(kind)
	}()
}

// wait waits, or stops when the context ends.
func (d *driver) wait(ctx context.Context, limit time.Duration) eventKind {
	if d.clock.Sleep(ctx, min(limit, wakeEvery)) != nil && ctx.Err() != nil {
		return eventStopped
	}
	return eventWoke
}

// advance does what the machine waits for. The end of the context cuts calls
// and waits short until the machine gives the seat back.
func (d *driver) advance(ctx context.Context, a action) action {
	if d.ending() {
		ctx = context.WithoutCancel(ctx)
	}
	switch a.do {
	case taskSave:
		return d.tell(event{kind: eventSaved, ok: d.save(ctx) == nil})
	case taskWait:
		return d.tell(event{kind: d.wait(ctx, a.limit)})
	}
	return d.call(ctx, a)
}

// ending reports whether the machine gives a seat back, which continues after
// the end of a context.
func (d *driver) ending() bool { return d.machine.stop || d.machine.state >= givingBack }

// tell gives the machine an event, and the user what it notes. One goroutine at
// a time calls it.
func (d *driver) tell(e event) action {
	e.now, e.jitter = d.now(), d.random()
	if d.machine.state != held {
		e.fresh = licensemanager.NewClientToken()
	}
	m, a := step(&d.settings, d.machine, e)
	d.mu.Lock()
	d.machine = m
	if a.odd {
		d.failure = errOddExpiry
	}
	if d.stepped != nil {
		close(d.stepped)
		d.stepped = nil
	}
	d.mu.Unlock()
	for _, n := range a.notes {
		d.report(n)
	}
	return a
}

// end records why there is no seat any more, once. The caller holds mu.
func (d *driver) end(err error) {
	if d.ended == nil {
		d.ended = err
		close(d.done)
	}
}

// closeError is what Close returns.
func (d *driver) closeError() error {
	if !d.machine.taken {
		return nil
	}
	return &TakenError{Until: d.machine.takenUntil, Err: cmp.Or(d.giving, errOrphan)}
}

// nextStep returns a channel that is closed when the machine takes a step.
func (d *driver) nextStep() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stepped == nil {
		d.stepped = make(chan struct{})
	}
	return d.stepped
}

func (d *driver) lastError() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failure
}

// expiry is the confirmed expiry by the wall clock; zero: there was no seat.
func (d *driver) expiry(now reading) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.machine.expires == 0 {
		return time.Time{}
	}
	return now.wall.Add(d.machine.expires - now.boot)
}

func (d *driver) held() checkout {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.checkout
}

// stop begins to give the seat back.
func (d *driver) stop() {
	d.mu.Lock()
	d.closed = true
	d.end(ErrClosed)
	interrupt := d.interrupt
	if d.ending() {
		interrupt = nil
	}
	d.mu.Unlock()
	if interrupt != nil {
		interrupt()
	}
}

func (d *driver) close(ctx context.Context) error {
	if ctx == nil {
		return errors.New("lease: the context is nil")
	}
	d.stop()
	select {
	case <-d.finished:
	case <-ctx.Done():
	}
	now := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.finished:
		return d.closeError()
	default:
	}
	taken := &TakenError{Err: ctx.Err()}
	if d.giving != nil {
		taken.Err = fmt.Errorf("%w: %w", ctx.Err(), d.giving)
	}
	m, r := &d.machine, &d.machine.record
	if d.file != nil && d.store == nil { // not opened yet
		r = &d.resumed.record
	}
	if r.Phase == phaseHeld || r.Phase == phaseClosing {
		taken.Until = m.ahead(later(r.Hi, r.OrphanUntil), now)
	}
	return taken
}
