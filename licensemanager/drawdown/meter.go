package drawdown

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/clock"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// API is what a [Meter] needs of License Manager. [*licensemanager.Client]
// implements it. If it also has the methods GetLicense, ListReceivedLicenses and
// GetLicenseUsage, the Meter uses them to explain a denial.
type API interface {
	CheckoutLicense(context.Context, *licensemanager.CheckoutLicenseInput) (*licensemanager.CheckoutLicenseOutput, error)
}

// Request says which license to charge.
type Request struct {
	// ProductSKU identifies the product. Required.
	ProductSKU string

	// KeyFingerprint is that of the license's issuer. The default is
	// [licensemanager.MarketplaceKeyFingerprint].
	KeyFingerprint string

	// Beneficiary is the license's beneficiary. Needed when the account that
	// issued the license uses it itself.
	Beneficiary string

	// NodeID is any name of the machine. It may change.
	NodeID string
}

// Options are the settings of a [Meter]. Zero values mean the defaults.
type Options struct {
	// Interval is how often the Meter sends what was added. The default is one
	// minute. Negative means that only Flush and Close send.
	Interval time.Duration

	// Window is how long the service remembers a ClientToken, at least a second.
	// A batch whose response was lost is sent again with the same token for nine
	// tenths of this time. AWS publishes the time for CreateToken alone, where it
	// is 10 minutes. That is the default.
	Window time.Duration

	// Units are the units of entitlements, by name, that are not counted in
	// Count. They are those of the license, which the seller of the product
	// chooses: in another unit, usage is denied. They cannot change while the
	// Meter is open, so a program that learns them from package entitlements
	// does that first. New returns an error if one is not of
	// [licensemanager.EntitlementUnit.Values].
	Units map[string]licensemanager.EntitlementUnit

	// LicenseARN, if set, is the license that a denial is explained by. Set it
	// for credentials that may not list received licenses, such as those of the
	// role AWSLicenseManagerConsumptionRole.
	LicenseARN string

	// Clock is the time; the default is the system's clock.
	Clock awstokens.Clock

	// OnError is called with the errors of batches that the Meter sends by
	// itself, one at a time. They are those of [Meter.Flush]. In an outage it is
	// called up to twice a minute. The next batch waits for it. It may call Close.
	// A call that is under way when Close is called may outlast Close.
	OnError func(error)
}

const (
	defaultInterval = time.Minute
	defaultWindow   = 10 * time.Minute

	// openPause is the longest pause while a batch has no response.
	openPause = 30 * time.Second

	// closeTime limits the retries of Close, and closePause is their first pause.
	closeTime  = time.Minute
	closePause = time.Second / 2
)

// Meter counts usage and charges it to a license. It is safe for concurrent
// use, and has one goroutine until Close is called.
type Meter struct {
	api     API
	request Request
	options Options

	life    context.Context // ends when Close is called
	stop    context.CancelFunc
	stopped chan struct{} // closed when Close has ended

	sending chan struct{} // holds a value while somebody sends, who owns what follows
	journal *journal
	batch   batch
	service clock.Service
	reports error // the UnknownErrors and MismatchErrors that nobody has got yet

	mu      sync.Mutex // guards also the state of the journal
	pending ledger     // added, and not in the journal yet
	closed  bool
	err     error // of the last flush
}

// New opens the journal or creates it, with its directory, and continues where
// the last process ended, however that was. Only its owner may read the file.
// Until Close, no other Meter or process can open it.
//
// New returns a [*JournalError] if the journal cannot be used. It does not wait
// for another Meter: while an earlier process has not ended, the problem is
// JournalInUse, and a program that is restarted that way calls New again after a
// second. New does not call the service.
func New(api API, request Request, journal string, options ...func(*Options)) (*Meter, error) {
	o := Options{}
	for _, option := range options {
		if option != nil {
			option(&o)
		}
	}
	o.Interval = cmp.Or(o.Interval, defaultInterval)
	o.Window = cmp.Or(o.Window, defaultWindow)
	request.KeyFingerprint = cmp.Or(request.KeyFingerprint, licensemanager.MarketplaceKeyFingerprint)
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	client, isClient := api.(*licensemanager.Client)
	switch {
	case api == nil || isClient && client == nil:
		return nil, errors.New("drawdown: the API is nil")
	case request.ProductSKU == "":
		return nil, errors.New("drawdown: ProductSKU is empty")
	case journal == "":
		return nil, errors.New("drawdown: the path of the journal is empty")
	case o.Window < time.Second:
		return nil, errors.New("drawdown: Window must be at least a second")
	}
	for name, unit := range o.Units {
		if unit != "" && !slices.Contains(unit.Values(), unit) { // no batch with it could be sent
			return nil, fmt.Errorf("drawdown: Options.Units: %q of %q is not a unit", unit, name)
		}
	}
	m := &Meter{
		api: api, request: request, options: o, pending: ledger{},
		stopped: make(chan struct{}), sending: make(chan struct{}, 1),
	}
	of := identity{request.ProductSKU, request.KeyFingerprint, request.Beneficiary}
	var err error
	if m.journal, err = openJournal(journal, of, o.Clock, &m.mu); err != nil {
		return nil, err
	}
	m.resume()
	m.life, m.stop = context.WithCancel(context.Background())
	go m.run()
	return m, nil
}

// Add counts n more of an entitlement. It adds in memory and does not wait for
// the service or the disk: what was added since the last batch is lost if the
// process is killed, unless [Meter.Sync] was called.
//
// It returns an error if n is not positive, if the name is empty or not valid
// UTF-8, or if all that was ever added to it does not fit an int64, and
// [ErrClosed] after Close.
func (m *Meter) Add(name string, n int64) error {
	key := Amount{Name: name, Unit: cmp.Or(m.options.Units[name], licensemanager.EntitlementUnitCount)}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return ErrClosed
	case name == "":
		return errors.New("drawdown: cannot add to an entitlement without a name")
	case !utf8.ValidString(name): // cannot be sent, nor anything else in its batch
		return fmt.Errorf("drawdown: cannot add to %q: the name is not valid UTF-8", name)
	case n <= 0:
		return fmt.Errorf("drawdown: cannot add %d to %q: the number must be positive", n, name)
	case n > m.journal.room(key, m.pending[key]):
		return fmt.Errorf("drawdown: cannot add %d to %q: the sum is too large", n, name)
	}
	m.pending[key] += n
	return nil
}

// Sync writes what was added before the call to the journal, so that it is
// charged even if the process is killed. A program that must not lose any usage
// calls it after Add, before it acknowledges what was used. Sync does not call
// the service and does not wait for a Flush. Calls at the same time share a
// write.
//
// It returns a [*JournalError] if the journal cannot be written; then the usage
// stays in memory, and is written and charged later. After Close, it returns
// [ErrClosed].
func (m *Meter) Sync() error {
	m.journal.writing.Lock()
	defer m.journal.writing.Unlock()
	if m.isClosed() {
		return ErrClosed
	}
	return m.oweAll()
}

// Total is what has become of the usage of one entitlement. A sum that does not
// fit, because the entitlement was counted in several units, is the largest
// int64.
type Total struct {
	Charged int64 // to the license, since the journal was created
	Unknown int64 // perhaps charged in addition: what an [UnknownError] reported
	Owed    int64 // added and not charged yet
}

// Totals returns what has become of the usage so far, by entitlement. It also
// works after Close.
func (m *Meter) Totals() map[string]Total {
	m.mu.Lock()
	defer m.mu.Unlock()
	totals := map[string]Total{}
	add := func(list []Amount, to func(*Total) *int64) {
		for _, a := range list {
			total := totals[a.Name]
			sum := to(&total)
			*sum += min(a.N, math.MaxInt64-*sum)
			totals[a.Name] = total
		}
	}
	owed := func(t *Total) *int64 { return &t.Owed }
	add(m.journal.charged.list(), func(t *Total) *int64 { return &t.Charged })
	add(m.journal.unknown.list(), func(t *Total) *int64 { return &t.Unknown })
	add(m.journal.owed.list(), owed)
	add(m.pending.list(), owed)
	if m.journal.open != nil {
		add(m.journal.open.Amounts, owed)
	}
	return totals
}

// run is the goroutine. A batch without a response is sent again soon, and that
// of the last process at once: the service remembers a ClientToken for a limited
// time.
func (m *Meter) run() {
	if m.options.Interval < 0 {
		return
	}
	pause := m.options.Interval
	if m.isOpen() {
		pause = 0
	}
	for m.options.Clock.Sleep(m.life, pause) == nil {
		if err := m.flushOnce(context.Background(), true); err != nil && err != ErrClosed && m.options.OnError != nil {
			m.options.OnError(err)
		}
		pause = m.options.Interval
		if m.isOpen() {
			pause = min(pause, openPause)
		}
	}
}

func (m *Meter) isOpen() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.journal.open != nil
}

// Flush charges all that was added before the call. What it cannot charge stays
// owed, except a batch that an [*UnknownError] reports.
//
// The error is, or joins,
//   - a [*DeniedError] for each entitlement that the service denied, which
//     [Denials] returns,
//   - an [*UnknownError] if nobody can know whether a batch was charged,
//   - a [*MismatchError] if the service granted a batch, but named none of its
//     entitlements,
//   - a [*JournalError] if the journal cannot be written. A batch that could not
//     be written was not sent,
//   - the error of [licensemanager.Client.CheckoutLicense] if the call failed.
//     The next Flush sends the batch again.
//
// Flushes wait for each other. When ctx ends, Flush returns, and the batch stays
// as it is. After Close, Flush returns [ErrClosed].
func (m *Meter) Flush(ctx context.Context) error { return m.flushOnce(ctx, false) }

// flushOnce is Flush, also that of the Meter itself, whose reports Close returns if
// it ends it.
func (m *Meter) flushOnce(ctx context.Context, byItself bool) error {
	select {
	case m.sending <- struct{}{}:
		defer func() { <-m.sending }()
	case <-m.life.Done():
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	if m.isClosed() {
		return ErrClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.life, cancel)() // Close sends the rest
	err := m.flush(ctx)
	if byItself && m.life.Err() != nil {
		return ErrClosed
	}
	return m.ended(err)
}

// ended returns the reports and the error of a flush, and keeps them for Err. The
// caller owns sending.
func (m *Meter) ended(err error) error {
	err, m.reports = join(m.reports, err), nil
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
	return err
}

// Err returns the error of the last [Meter.Flush], also of one that the Meter made
// by itself or in Close, or nil. A Flush whose context had ended before it began
// does not count. Use it in a health check. While there is an error, what was added
// is still owed, unless the error is an [*UnknownError].
func (m *Meter) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// Forget drops what is owed of an entitlement, in every unit, so that it is never
// charged. Use it for one that the service denies for good, because its name or
// unit is wrong: every Flush would return a [*DeniedError] for it. What was
// charged stays in Totals. If nothing is owed, Forget does nothing.
//
// Forget waits for a Flush that is under way. It returns an error if the
// entitlement is in a batch that has no response yet, because that may be
// charged: call it after the next Flush. It returns a [*JournalError] if the
// journal cannot be written, and [ErrClosed] after Close. If it returns an error,
// nothing was dropped.
func (m *Meter) Forget(name string) error {
	select {
	case m.sending <- struct{}{}:
		defer func() { <-m.sending }()
	case <-m.life.Done():
		return ErrClosed
	}
	if m.isClosed() {
		return ErrClosed
	}
	m.journal.writing.Lock()
	defer m.journal.writing.Unlock()
	of := func(a Amount) bool { return a.Name == name }
	m.mu.Lock()
	sent := m.journal.open != nil && slices.ContainsFunc(m.journal.open.Amounts, of)
	owed := slices.ContainsFunc(m.journal.owed.list(), of) || slices.ContainsFunc(m.pending.list(), of)
	m.mu.Unlock()
	switch {
	case sent:
		return fmt.Errorf("drawdown: cannot forget %q: it is in a batch that has no response yet", name)
	case !owed:
		return nil
	}
	return m.journal.begin(record{Type: typeForget, Name: name}, func() { m.pending.forget(name) })
}

func (m *Meter) isClosed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closed
}

// Close charges what was added, and releases the journal. A call that fails, but
// may succeed later, is retried for up to a minute, or until ctx ends. What
// could not be charged is in the journal, and the next Meter charges it.
//
// The error is that of [Meter.Flush], or a [*JournalError] if what is owed could
// not be written and is lost. If ctx has ended before the call and something is
// owed, the error is that of ctx, and nothing is lost. A second Close waits for
// the first and returns nil.
func (m *Meter) Close(ctx context.Context) error {
	m.mu.Lock()
	closed := m.closed
	m.closed = true // ends Add too
	m.mu.Unlock()
	if closed {
		<-m.stopped
		return nil
	}
	defer close(m.stopped)
	m.stop() // a batch that is under way is sent again, with its ClientToken
	m.sending <- struct{}{}
	defer func() { <-m.sending }()
	defer m.journal.release()
	return m.ended(join(m.flushLast(ctx), m.owe()))
}

// flushLast is the flush of Close, with its retries.
func (m *Meter) flushLast(ctx context.Context) error {
	end := m.options.Clock.Elapsed() + closeTime
	err := m.flush(ctx)
	for pause := closePause; m.mayFlushLater(err); pause = min(2*pause, openPause) {
		if m.options.Clock.Elapsed()+pause > end || m.options.Clock.Sleep(ctx, pause) != nil {
			break
		}
		err = m.flush(ctx)
	}
	return err
}

// mayFlushLater reports whether the call of a failed flush may succeed later.
func (m *Meter) mayFlushLater(err error) bool {
	if err == nil || errors.As(err, new(*JournalError)) {
		return false
	}
	return m.isOpen() && mayHaveProcessed(err) || awstokens.NewStandardRetryer().IsErrorRetryable(err)
}
