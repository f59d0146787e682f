package lease

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/transport"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// API is what a lease needs of License Manager. *licensemanager.Client
// implements it.
type API interface {
	CheckoutLicense(context.Context, *licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error)
	ExtendLicenseConsumption(context.Context, *licensemanager.ExtendLicenseConsumptionInput) (*licensemanager.ExtendLicenseConsumptionOutput, error)
	CheckInLicense(context.Context, *licensemanager.CheckInLicenseInput) (*licensemanager.CheckInLicenseOutput, error)
}

// checkAPI reports an API that could only panic.
func checkAPI(api API) error {
	if client, ok := api.(*licensemanager.Client); api == nil || ok && client == nil {
		return errors.New("lease: the API is nil")
	}
	return nil
}

// Request says which seat to take.
type Request struct {
	// ProductSKU is the product's. Required.
	ProductSKU string

	// KeyFingerprint is that of the license's issuer. Default:
	// licensemanager.MarketplaceKeyFingerprint. It must be set for licenses
	// that one issues oneself, which are not found under the default.
	KeyFingerprint string

	// Entitlements are what to take. Required.
	Entitlements []licensemanager.EntitlementData

	// Any says that a part of the entitlements is enough; Lease.Missing then
	// names the rest. Otherwise a partial checkout is given back and is a
	// *PartialError.
	Any bool

	// Beneficiary is the license's beneficiary. Needed when the account that
	// issued the license takes a seat itself.
	Beneficiary string

	// NodeId is any text that names the machine.
	NodeId string
}

func (r *Request) input() *licensemanager.CheckoutLicenseInput {
	in := &licensemanager.CheckoutLicenseInput{
		Beneficiary:    r.Beneficiary,
		CheckoutType:   licensemanager.CheckoutTypeProvisional,
		ClientToken:    licensemanager.NewClientToken(),
		Entitlements:   r.Entitlements,
		KeyFingerprint: r.KeyFingerprint,
		NodeId:         r.NodeId,
		ProductSKU:     r.ProductSKU,
	}
	if in.KeyFingerprint == "" {
		in.KeyFingerprint = licensemanager.MarketplaceKeyFingerprint
	}
	return in
}

// Options are the settings of a lease. Zero values mean the defaults.
type Options struct {
	// RenewAt is the fraction of a seat's life after which it is extended,
	// between 0 and 1; default 0.6. Up to a tenth of the life is taken off at
	// random, so that many leases do not call at the same time.
	RenewAt float64

	// Grace is how long after the seat's expiration the lease goes on trying
	// before it is lost; default 0. In that time the service may give the seat
	// to somebody else.
	Grace time.Duration

	// OnEvent is told what happens, one event at a time, from the lease's own
	// goroutine, which waits for it. It must not call Close.
	OnEvent func(Event)

	// Clock is what the lease tells and waits time by, but for how long calls
	// take and are repeated at its end. Default: real time.
	Clock Clock
}

// Clock tells and waits time. It must be safe for concurrent use.
type Clock interface {
	Now() time.Time

	// Sleep waits for d, or until the context ends, whose error it then
	// returns.
	Sleep(ctx context.Context, d time.Duration) error
}

type realClock struct{}

func (realClock) Now() time.Time { return time.Now() }

// Sleep waits by whichever of the two clocks goes faster, and looks at them
// every minute: a timer stands still while the machine is asleep.
func (realClock) Sleep(ctx context.Context, d time.Duration) error {
	start := time.Now()
	for {
		now := time.Now()
		left := d - max(now.Sub(start), now.Round(0).Sub(start.Round(0)))
		if err := transport.Sleep(ctx, min(left, time.Minute)); err != nil || left <= 0 {
			return err
		}
	}
}

// State is how a lease stands.
type State string

// The states of a lease.
const (
	Active   State = "active"   // the seat is held
	Degraded State = "degraded" // the last renewal failed, the lease is not lost yet
	Lost     State = "lost"     // the seat is gone
	Closed   State = "closed"   // Close was called
)

// EventType is what an event is about.
type EventType string

// The types of events.
const (
	Renewed       EventType = "renewed"         // the seat was extended
	RenewalFailed EventType = "renewal failed"  // Err says why; it is tried again
	Reacquired    EventType = "reacquired"      // the seat had gone, and another was taken
	SeatLost      EventType = "lost"            // Err says why; the last event of a lease that was not closed
	CheckedIn     EventType = "checked in"      // the seat was given back, or had gone; the last event
	CheckInFailed EventType = "check-in failed" // Err says why; the last event. The seat is free when it expires
)

// Event is something that happened to a lease.
type Event struct {
	Type    EventType
	Time    time.Time
	Expires time.Time // when the seat expires, by the lease's clock
	Err     error
}

// ErrClosed is what Lease.Err returns after Close.
var ErrClosed = errors.New("the lease is closed")

// LostError is what Lease.Err returns after the seat was lost.
type LostError struct {
	// At is when the lease was lost.
	At time.Time

	// Err is the last reason why the seat could not be kept.
	Err error
}

func (e *LostError) Error() string {
	return "license seat lost at " + e.At.Format(time.RFC3339) + ": " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *LostError) Unwrap() error { return e.Err }

// Lease is a seat that keeps itself. It is safe for concurrent use, and costs
// one goroutine, which ends when the lease is lost or closed.
type Lease struct {
	api     API
	request Request
	options Options

	closing  context.Context // ends when Close is called
	close    context.CancelFunc
	done     chan struct{} // closed when the lease is lost or closing
	finished chan struct{} // closed when the goroutine has ended

	mu       sync.Mutex
	state    State
	seat     seat
	err      error // why the lease ended
	closeErr error // what Close returns
}

// seat is a checkout.
type seat struct {
	licenseArn string
	token      string
	granted    []licensemanager.EntitlementData
	missing    []licensemanager.EntitlementData

	begins  time.Time // by the lease's clock, as expires
	expires time.Time
	skew    time.Duration // how far the service's clock is ahead
}

// The waits after failed renewals: the first, doubled up to the longest.
const (
	firstPause   = 5 * time.Second
	longestPause = time.Minute
)

// The same after failed check-ins: shorter, because somebody waits.
const (
	firstCheckInPause   = 100 * time.Millisecond
	longestCheckInPause = 5 * time.Second
)

const (
	// callTimeout bounds a call that no caller waits for.
	callTimeout = 30 * time.Second

	// giveBackTime bounds all that is done to give a seat back.
	giveBackTime = time.Minute

	// defaultLife is what a seat is taken to live when the service's date
	// cannot be read: that of AWS Marketplace.
	defaultLife = time.Hour

	// tolerableSkew is what clocks may differ without being corrected: the
	// service's dates are whole seconds.
	tolerableSkew = 5 * time.Second
)

// Acquire takes a seat and keeps it until Close. The context is that of the
// checkout only: its end does not end the lease. When the checkout is partial, or
// fails in a way that may have taken a seat, as when the context ends, Acquire
// first gives that back, for at most a minute.
//
// A refusal is a *DeniedError, and a checkout that does not have all the
// entitlements is a *PartialError. Other errors are those of
// licensemanager.Client.CheckoutLicense.
func Acquire(ctx context.Context, api API, request Request, options ...func(*Options)) (*Lease, error) {
	if err := checkAPI(api); err != nil {
		return nil, err
	}
	var o Options
	for _, change := range options {
		change(&o)
	}
	if o.RenewAt == 0 {
		o.RenewAt = 0.6
	}
	if o.RenewAt <= 0 || o.RenewAt >= 1 || o.Grace < 0 {
		return nil, errors.New("lease: RenewAt must be between 0 and 1, and Grace not negative")
	}
	if o.Clock == nil {
		o.Clock = realClock{}
	}
	l := &Lease{
		api: api, request: request, options: o, state: Active,
		done: make(chan struct{}), finished: make(chan struct{}),
	}
	var err error
	if l.seat, err = l.checkout(ctx); err != nil {
		return nil, err
	}
	l.closing, l.close = context.WithCancel(context.Background())
	go l.run()
	return l, nil
}

// checkout takes a seat, or leaves none taken.
func (l *Lease) checkout(ctx context.Context) (seat, error) {
	if err := ctx.Err(); err != nil {
		return seat{}, err
	}
	in := l.request.input()
	asked := l.now()
	out, err := l.api.CheckoutLicense(ctx, in)
	if err != nil {
		if denial := l.denied(ctx, err); denial != nil {
			return seat{}, denial
		}
		if mayHaveActed(err) {
			l.giveBack(ctx, in)
		}
		return seat{}, err
	}
	s := seat{licenseArn: out.LicenseArn, token: out.LicenseConsumptionToken, granted: out.EntitlementsAllowed}
	s.missing = missing(l.request.Entitlements, out.EntitlementsAllowed)
	if len(s.missing) > 0 && !(l.request.Any && len(s.granted) > 0) {
		partial := &PartialError{Granted: s.granted, Missing: s.missing}
		return seat{}, errors.Join(partial, l.checkIn(ctx, s.token))
	}
	if issued, err := out.Issued(); err == nil {
		if skew := issued.Sub(asked); skew.Abs() > tolerableSkew {
			s.skew = skew
		}
	}
	expires, err := out.Expires()
	s.set(asked, expires, err)
	return s, nil
}

// set notes a new period of the seat.
func (s *seat) set(asked, expires time.Time, unreadable error) {
	life := s.expires.Sub(s.begins)
	if life <= 0 {
		life = defaultLife
	}
	s.begins, s.expires = asked, expires.Add(-s.skew)
	if unreadable != nil || !s.expires.After(asked) {
		s.expires = asked.Add(life)
	}
}

// run is the lease's goroutine.
func (l *Lease) run() {
	defer close(l.finished)
	wait, pause := l.untilRenewal(), firstPause
	var failure error // of the last renewal
	for l.options.Clock.Sleep(l.closing, wait) == nil {
		left := l.deadline().Sub(l.now())
		if left <= 0 && failure != nil {
			l.lose(failure)
			return
		}
		event, err := l.renew(left)
		left = l.deadline().Sub(l.now())
		switch {
		case err == nil:
			l.report(Active, event, nil)
			wait, pause = l.untilRenewal(), firstPause
		case left <= 0 || isFinal(err):
			l.lose(err)
			return
		default:
			l.report(Degraded, RenewalFailed, err)
			wait, pause = min(pause, left), min(2*pause, longestPause)
		}
		failure = err
	}
	l.finish()
}

// renew extends the seat or, if it has gone, takes another. The time that is
// left bounds the call; when none is, the machine was asleep, and a seat may
// be had all the same.
func (l *Lease) renew(left time.Duration) (EventType, error) {
	timeout := callTimeout
	if left > 0 {
		timeout = min(timeout, left)
	}
	// Not the closing context: an extension that is under way may change the
	// token that the check-in needs.
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	asked := l.now()
	held := l.current()
	out, err := l.api.ExtendLicenseConsumption(ctx, &licensemanager.ExtendLicenseConsumptionInput{LicenseConsumptionToken: held.token})
	if err == nil {
		if out.LicenseConsumptionToken != "" {
			held.token = out.LicenseConsumptionToken
		}
		expires, err := out.Expires()
		held.set(asked, expires, err)
		l.hold(held)
		return Renewed, nil
	}
	if !isGone(err) {
		return "", err
	}
	another, checkoutErr := l.checkout(ctx)
	if checkoutErr != nil {
		return "", fmt.Errorf("%w (after %w)", checkoutErr, err)
	}
	l.hold(another)
	return Reacquired, nil
}

// isGone says whether an extension failed because the service does not know
// the checkout any more.
func isGone(err error) bool {
	var notFound *licensemanager.ResourceNotFoundException
	var parameter *licensemanager.InvalidParameterValueException
	var invalid *licensemanager.ValidationException
	return errors.As(err, &notFound) || errors.As(err, &parameter) || errors.As(err, &invalid)
}

// isFinal says whether the service has refused the seat, so that trying again
// is no use.
func isFinal(err error) bool {
	var denial *DeniedError
	var partial *PartialError
	return errors.As(err, &denial) || errors.As(err, &partial)
}

// lose ends a lease whose seat has gone.
func (l *Lease) lose(err error) {
	l.end(Lost, &LostError{At: l.now(), Err: err})
	l.report(Lost, SeatLost, err)
}

// finish gives the seat back.
func (l *Lease) finish() {
	err := l.checkIn(context.Background(), l.current().token)
	l.mu.Lock()
	l.closeErr = err
	l.mu.Unlock()
	if err != nil {
		l.report(Closed, CheckInFailed, err)
		return
	}
	l.report(Closed, CheckedIn, nil)
}

// checkIn gives a seat back, also when the context has ended: that is no
// reason to keep it.
func (l *Lease) checkIn(ctx context.Context, token string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), giveBackTime)
	defer cancel()
	return l.checkInUntil(ctx, token)
}

// checkInUntil gives a seat back. A failure that may pass is repeated until
// the context ends.
func (l *Lease) checkInUntil(ctx context.Context, token string) error {
	for pause := firstCheckInPause; ; pause = min(2*pause, longestCheckInPause) {
		err := l.checkInOnce(ctx, token)
		if !mayPass(err) || transport.Sleep(ctx, pause-rand.N(pause/10)) != nil {
			return err
		}
	}
}

// checkInOnce makes the call. A seat that has gone is as good as given back.
func (l *Lease) checkInOnce(ctx context.Context, token string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := l.api.CheckInLicense(ctx, &licensemanager.CheckInLicenseInput{
		Beneficiary:             l.request.Beneficiary,
		LicenseConsumptionToken: token,
	})
	var notFound *licensemanager.ResourceNotFoundException
	if errors.As(err, &notFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("check in the license: %w", err)
	}
	return nil
}

// mayPass says whether a failure may pass by itself: no answer, throttling or
// a fault of the service, but no refusal.
func mayPass(err error) bool {
	var says interface{ RetryableError() bool }
	return errors.As(err, &says) && says.RetryableError() || errors.Is(err, context.DeadlineExceeded)
}

// end closes Done, once.
func (l *Lease) end(state State, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	l.state, l.err = state, err
	close(l.done)
}

// report notes the state and tells what happened.
func (l *Lease) report(state State, event EventType, err error) {
	l.mu.Lock()
	if l.err == nil {
		l.state = state
	}
	expires := l.seat.expires
	l.mu.Unlock()
	if l.options.OnEvent != nil {
		l.options.OnEvent(Event{Type: event, Time: l.now(), Expires: expires, Err: err})
	}
}

// now is wall time: while a machine sleeps, monotonic time stands still.
func (l *Lease) now() time.Time { return l.options.Clock.Now().Round(0) }

func (l *Lease) current() seat {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seat
}

func (l *Lease) hold(s seat) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seat = s
}

// deadline is when the lease is lost if no renewal succeeds before.
func (l *Lease) deadline() time.Time { return l.current().expires.Add(l.options.Grace) }

// untilRenewal is how long to wait before the next extension.
func (l *Lease) untilRenewal() time.Duration {
	s := l.current()
	life := s.expires.Sub(s.begins)
	at := time.Duration(float64(life) * l.options.RenewAt)
	return max(0, s.begins.Add(at-rand.N(life/10+1)).Sub(l.now()))
}

// State returns how the lease stands.
func (l *Lease) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// Done returns a channel that is closed when the lease is lost or Close is
// called.
func (l *Lease) Done() <-chan struct{} { return l.done }

// Err returns nil while the lease lives, a *LostError when the seat was lost,
// and ErrClosed after Close.
func (l *Lease) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Expires returns when the seat expires if it is not extended, by the lease's
// clock.
func (l *Lease) Expires() time.Time { return l.current().expires }

// LicenseArn returns the license that the seat is of.
func (l *Lease) LicenseArn() string { return l.current().licenseArn }

// Granted returns the entitlements that are held.
func (l *Lease) Granted() []licensemanager.EntitlementData { return slices.Clone(l.current().granted) }

// Missing returns what was asked for and is not held; only a Request with Any
// can have it.
func (l *Lease) Missing() []licensemanager.EntitlementData { return slices.Clone(l.current().missing) }

// Close ends the lease and gives the seat back, exactly once, however often
// and from wherever it is called. A renewal that is under way is waited for,
// because it may change the seat. A check-in that fails for a reason that may
// pass (no answer, throttling, a fault of the service) is repeated for up to a
// minute. Close waits until all that is done or the context ends; it goes on
// without it then. Its error is that of CheckInLicense; a seat that has gone
// already is no error.
func (l *Lease) Close(ctx context.Context) error {
	l.end(Closed, ErrClosed)
	l.close()
	select {
	case <-l.finished:
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.closeErr
	case <-ctx.Done():
		return ctx.Err()
	}
}
