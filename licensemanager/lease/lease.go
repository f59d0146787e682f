package lease

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// API is what a lease needs of License Manager; [*licensemanager.Client]
// implements it. It must be safe for concurrent use if leases share it.
type API interface {
	CheckoutLicense(context.Context, *licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error)
	ExtendLicenseConsumption(context.Context, *licensemanager.ExtendLicenseConsumptionInput) (*licensemanager.ExtendLicenseConsumptionOutput, error)
	CheckInLicense(context.Context, *licensemanager.CheckInLicenseInput) (*licensemanager.CheckInLicenseOutput, error)
}

// Request says which seat to take.
type Request struct {
	// ProductSKU identifies the product. Required.
	ProductSKU string

	// KeyFingerprint identifies the license's issuer. The default is
	// [licensemanager.MarketplaceKeyFingerprint]; set it for licenses that you
	// issue yourself, also in Options of package entitlements and Request of
	// package drawdown.
	KeyFingerprint string

	// Entitlements are what to take. At least one is required.
	Entitlements []licensemanager.EntitlementData

	// AllowPartial accepts a part of the entitlements; [Lease.Missing] then
	// returns the rest. Otherwise a partial checkout is given back and is a
	// [*PartialError].
	AllowPartial bool

	// Beneficiary is the license's beneficiary. It is required if the account
	// that issued the license takes a seat itself.
	Beneficiary string

	// NodeID is any name of the machine. Optional.
	NodeID string

	// LicenseARN, if set, is the license by which a denial is explained, with no
	// other permission than GetLicense. It does not choose the license: the
	// service does. Options of packages entitlements and drawdown have it too.
	LicenseARN string
}

func (r *Request) input(clientToken, nodeID string) *licensemanager.CheckoutLicenseInput {
	return &licensemanager.CheckoutLicenseInput{
		Beneficiary:    r.Beneficiary,
		CheckoutType:   licensemanager.CheckoutTypeProvisional,
		ClientToken:    clientToken,
		Entitlements:   r.Entitlements,
		KeyFingerprint: r.KeyFingerprint,
		NodeId:         nodeID,
		ProductSKU:     r.ProductSKU,
	}
}

// Options are the settings of a lease.
type Options struct {
	// RenewAt is the fraction of a seat's life after which it is extended, from
	// 0.1 to 0.9; 0 means 0.6. Up to a tenth of the life is subtracted at random,
	// so that many leases do not call at the same time. A seat is extended at
	// least every 12 hours and, in the long run, at most every 12 seconds.
	RenewAt float64

	// Grace is how long after the seat's expiry the lease retries before it is
	// lost, from 0, the default, to ten years. Meanwhile the service may give the
	// seat to somebody else.
	Grace time.Duration

	// OnEvent is called with each event, one at a time. Until it returns, the
	// lease renews nothing and is not lost: after its expiry it stays
	// StateDegraded. So OnEvent must return soon, and not call Close or Wait.
	OnEvent func(Event)

	// Store, if set, keeps the record of the seat, so that a program that was
	// killed resumes its seat when it starts with the same store. If a member of
	// [Request] other than ProductSKU, KeyFingerprint, NodeID and LicenseARN has
	// changed, the lease gives the recorded seat back first, then takes its own;
	// with another ProductSKU or KeyFingerprint the error is a [*StoreError].
	// Without a store the seat of a killed program stays taken until it expires.
	Store *FileStore

	// Clock is what the lease measures time and waits by. The default is the
	// system's clock. The time limit of a call is real time: 30 seconds, or a
	// tenth of the seat's life if that is less.
	Clock awstokens.Clock

	random func() float64 // from 0 to 1; set by tests
}

// State is the state of a Lease or a Keeper.
type State string

// The states of a Lease and a Keeper.
const (
	StateAcquiring State = "acquiring" // a Keeper has had no seat yet, also if the service denies one: Err is a *DeniedError then
	StateActive    State = "active"    // the seat is held
	StateDegraded  State = "degraded"  // the last renewal failed, or the next one is overdue; the lease is not lost yet. LastError has the reason
	StateLost      State = "lost"      // the seat is gone; a Keeper tries to take another
	StateClosed    State = "closed"    // Close was called
)

// Lease is a seat that is kept until it is lost or closed. It is safe for
// concurrent use. While it waits by the system's clock, it has no goroutine and
// takes less than 4.5 KB.
type Lease struct{ d *driver }

// Acquire takes a seat and keeps it until Close. The context is that of the
// checkout: its end does not end the lease.
//
// Acquire makes one checkout, and returns its error if no seat can have been
// taken. While the service may have processed a checkout without a response,
// Acquire sends the same one again, until the context ends; then it gives the
// seat back, for at most a minute, also on a partial checkout. If a seat may
// stay taken all the same, the error is a [*TakenError].
//
// With [Options.Store], Acquire resumes the seat of a program that was killed. If
// the service extends that seat without a usable Expiration, Acquire extends it
// again each minute, until the context ends. If the store cannot be used, the
// error is a [*StoreError], and nothing has been sent, except with
// StoreOtherRequest: while the service may have processed the check-in of the
// recorded seat, Acquire retries it until the context ends, and a minute longer.
//
// A denial is a [*DeniedError], a checkout that lacks entitlements a
// [*PartialError]. Other errors are those of
// [licensemanager.Client.CheckoutLicense].
func Acquire(ctx context.Context, api API, request Request, options ...func(*Options)) (*Lease, error) {
	d, err := newDriver(ctx, api, request, options)
	if err != nil {
		return nil, err
	}
	a, err := d.acquire(ctx)
	if err != nil {
		return nil, err
	}
	d.work(a)
	return &Lease{d}, nil
}

// acquire runs the machine until it has a seat, or has ended without one.
func (d *driver) acquire(ctx context.Context) (action, error) {
	if err := ctx.Err(); err != nil {
		return action{}, err
	}
	d.background = context.WithoutCancel(ctx)
	if err := d.open(ctx); err != nil {
		return action{}, err
	}
	a, err := d.start(), error(nil)
	for a.do != taskFinish && !(d.machine.acquired && a.do == taskWait) {
		a = d.advance(ctx, a)
	}
	if a.do != taskFinish {
		return a, nil
	}
	d.store.close()
	m := &d.machine
	err = d.failure
	if ctx.Err() != nil && !m.partial && !errors.Is(err, ctx.Err()) {
		err = fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	if m.taken {
		err = &TakenError{Until: m.takenUntil, Err: err}
	}
	return a, err
}

// State returns the state at this moment.
func (l *Lease) State() State {
	d := l.d
	now := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.ended == ErrClosed:
		return StateClosed
	case d.ended != nil:
		return StateLost
	case d.machine.status(now) == claimActive:
		return StateActive
	}
	return StateDegraded
}

// Done returns a channel that is closed when the lease is lost or Close is
// called.
func (l *Lease) Done() <-chan struct{} { return l.d.done }

// Err returns nil while the lease lives, a [*LostError] after the seat was
// lost, and [ErrClosed] after Close.
func (l *Lease) Err() error {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	return l.d.ended
}

// LastError returns why the last call to renew the seat failed, or nil if it
// succeeded. In StateDegraded it is the reason.
func (l *Lease) LastError() error { return l.d.lastError() }

// Expires returns when the seat expires if it is not extended, by the wall
// clock.
func (l *Lease) Expires() time.Time { return l.d.expiry(l.d.now()) }

// LicenseARN returns the ARN of the license that the seat belongs to.
func (l *Lease) LicenseARN() string { return l.d.held().licenseARN }

// Granted returns the entitlements that are held.
func (l *Lease) Granted() []licensemanager.EntitlementData { return slices.Clone(l.d.held().granted) }

// Missing returns what was asked for and is not held. It is empty unless
// [Request.AllowPartial] is set.
func (l *Lease) Missing() []licensemanager.EntitlementData { return slices.Clone(l.d.held().missing) }

// Close ends the lease and gives the seat back. It waits for a call under way,
// which may change the seat, and retries a check-in that fails for up to a
// minute. The error is a [*TakenError] if a seat may stay taken. A seat that has
// expired is not checked in, and is no error. Close may be called more than once, and
// concurrently: every call returns the same outcome.
//
// If its context ends first, Close returns a [*TakenError] that wraps the
// context's error and that of the last failed check-in, and the work continues
// while the process lives. So do not use a context that has ended, such as that
// of a signal, but one of its own, which ends before the program is killed:
//
//	context.WithTimeout(context.WithoutCancel(ctx), 8*time.Second)
//
// A bubble of testing/synctest has to wait for that work: for a minute, and the
// call under way.
func (l *Lease) Close(ctx context.Context) error { return l.d.close(ctx) }
