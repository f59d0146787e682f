package drawdown

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/clock"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// API is what a [Meter] needs of License Manager. *licensemanager.Client
// implements it. What explains a denial, it asks for by the methods GetLicense,
// ListReceivedLicenses and GetLicenseUsage, if the API has them.
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

	// Beneficiary is the license's beneficiary, if the account that issued the
	// license uses it itself.
	Beneficiary string

	// NodeID is any name of the machine. It may change.
	NodeID string
}

// Options are the settings of a [Meter]. Zero values mean the defaults.
type Options struct {
	// Every is how often the Meter sends what was added; the default is one
	// minute. Negative means that only Flush and Close send.
	Every time.Duration

	// Window is how long the service knows a ClientToken: a batch whose response
	// was lost is sent again with the same token for nine tenths of this time.
	// AWS publishes it for CreateToken alone, where it is 10 minutes. That is
	// the default.
	Window time.Duration

	// Units are the units of the entitlements that are not counted in Count, by
	// name.
	Units map[string]licensemanager.EntitlementUnit

	// LicenseARN is where a denial is looked into, for credentials that may not
	// list received licenses, such as those of AWSLicenseManagerConsumptionRole.
	LicenseARN string

	// Clock is the time; the default is that of the system.
	Clock awstokens.Clock

	// OnError is told the errors of batches that the Meter sends by itself, one
	// call at a time. They are those of [Meter.Flush]. It may call Close; a call
	// that is under way when Close is called may outlast it.
	OnError func(error)
}

const (
	defaultEvery  = time.Minute
	defaultWindow = 10 * time.Minute

	// openPause is the longest pause while a batch waits for its response.
	openPause = 30 * time.Second
)

// Meter counts usage and charges it to a license. It is safe for concurrent
// use, and costs one goroutine until Close is called.
type Meter struct {
	api     API
	request Request
	options Options

	life    context.Context // ends when Close is called
	stop    context.CancelFunc
	stopped chan struct{} // closed when Close has ended

	sending chan struct{} // holds a value while somebody sends, who has what follows
	journal *journal      // whose sums mu guards
	batch   batch
	service service

	mu      sync.Mutex
	pending ledger
	closed  bool
}

// New opens the journal, a file that only its owner may read, or creates it, and
// continues where the last process that had it ended, however that was. Its
// directory is created if need be. Until Close, no other Meter or process can
// have it.
//
// It returns a [*JournalError] if the journal cannot be used. It does not call
// the service.
func New(api API, request Request, journal string, options ...func(*Options)) (*Meter, error) {
	o := Options{}
	for _, change := range options {
		if change != nil {
			change(&o)
		}
	}
	setDefault(&o.Every, defaultEvery)
	setDefault(&o.Window, defaultWindow)
	setDefault(&request.KeyFingerprint, licensemanager.MarketplaceKeyFingerprint)
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

func setDefault[T comparable](value *T, byDefault T) {
	var zero T
	if *value == zero {
		*value = byDefault
	}
}

// ErrClosed says that the Meter was closed.
var ErrClosed = errors.New("drawdown: the meter is closed")

// Add counts n more of an entitlement. It only adds in memory, and does not
// block on the service: what was added since the last batch is lost if the
// process is killed.
//
// It returns an error if n is not positive, if the name is empty, if the sum
// would not fit an int64, and [ErrClosed] after Close.
func (m *Meter) Add(name string, n int64) error {
	unit := m.options.Units[name]
	setDefault(&unit, licensemanager.EntitlementUnitCount)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return ErrClosed
	case name == "":
		return errors.New("drawdown: cannot add to an entitlement without a name")
	case n <= 0:
		return fmt.Errorf("drawdown: cannot add %d to %q: the number must be positive", n, name)
	case m.journal.owed[Amount{Name: name, Unit: unit}] > math.MaxInt64/2-n || m.pending[Amount{Name: name, Unit: unit}] > math.MaxInt64/2-n:
		return fmt.Errorf("drawdown: cannot add %d to %q: the sum is too large", n, name)
	}
	m.pending.add(Amount{name, unit, n})
	return nil
}

// Total is what has become of one entitlement's usage.
type Total struct {
	Charged int64 // to the license, since the journal was created
	Unknown int64 // perhaps charged besides: what an [UnknownError] reported
	Owed    int64 // added and not charged yet
}

// Totals returns what has become of the usage so far, by entitlement.
func (m *Meter) Totals() map[string]Total {
	m.mu.Lock()
	defer m.mu.Unlock()
	totals := map[string]Total{}
	add := func(list []Amount, to func(*Total) *int64) {
		for _, a := range list {
			total := totals[a.Name]
			*to(&total) += a.N
			totals[a.Name] = total
		}
	}
	add(m.journal.charged.list(), func(t *Total) *int64 { return &t.Charged })
	add(m.journal.unknown.list(), func(t *Total) *int64 { return &t.Unknown })
	add(m.journal.owed.list(), func(t *Total) *int64 { return &t.Owed })
	add(m.pending.list(), func(t *Total) *int64 { return &t.Owed })
	if m.journal.open != nil {
		add(m.journal.open.Amounts, func(t *Total) *int64 { return &t.Owed })
	}
	return totals
}

// run is the goroutine. A batch that has no response is sent again soon, that of
// the last process at once: its ClientToken is known for a limited time.
func (m *Meter) run() {
	for m.options.Every > 0 {
		pause := m.options.Every
		if m.isOpen() {
			m.flushAndReport()
			pause = min(pause, openPause)
		}
		if m.options.Clock.Sleep(m.life, pause) != nil {
			return
		}
		m.flushAndReport()
	}
}

func (m *Meter) isOpen() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.journal.open != nil
}

func (m *Meter) flushAndReport() {
	if err := m.Flush(m.life); err != nil && m.life.Err() == nil && m.options.OnError != nil {
		m.options.OnError(err)
	}
}

// Flush charges all that was added before the call. What it cannot charge stays
// owed and is part of the next batch; only a batch that an [*UnknownError]
// reports is not.
//
// The error is, or joins,
//   - a [*DeniedError] for each entitlement that the service denied,
//   - an [*UnknownError] if nobody can know whether a batch was charged,
//   - a [*MismatchError] if the service granted a batch and named nothing of it,
//   - a [*JournalError] if the journal cannot be written; if that was before a
//     batch was sent, it was not sent,
//   - the error of [licensemanager.Client.CheckoutLicense] if the service could
//     not be reached or refused the call. The batch is sent again by the next
//     Flush.
//
// Flushes wait for each other. The end of the context ends a Flush, not the
// batch.
func (m *Meter) Flush(ctx context.Context) error {
	select {
	case m.sending <- struct{}{}:
		defer func() { <-m.sending }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if m.isClosed() {
		return ErrClosed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.life, cancel)() // Close sends the rest
	return m.flush(ctx)
}

// Forget drops what is owed of an entitlement, in every unit, so that it is never
// charged: for one that the service denies for good, because its name or its
// unit is wrong, and that would make every Flush and Close return a
// [*DeniedError]. What was charged stays in Totals. It does nothing if nothing is
// owed.
//
// Forget waits for a Flush that is under way. It returns an error if the
// entitlement is in a batch that was sent and has no response yet, as it may be
// charged: call it after the next Flush. It returns a [*JournalError] if the
// journal cannot be written, and [ErrClosed] after Close; nothing is dropped
// then.
func (m *Meter) Forget(name string) error {
	m.sending <- struct{}{}
	defer func() { <-m.sending }()
	if m.isClosed() {
		return ErrClosed
	}
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

// Close charges what was added, until ctx ends, and gives the journal to the
// next process. What could not be charged is in the journal: the next Meter
// charges it. The error is that of [Meter.Flush], or a [*JournalError] if what is
// owed could not be written. If ctx has ended before, and something is owed, the
// error is that of ctx, and nothing is lost. Closing again waits for the first
// call.
func (m *Meter) Close(ctx context.Context) error {
	m.mu.Lock()
	closed := m.closed
	m.closed = true // ends Add, too
	m.mu.Unlock()
	if closed {
		<-m.stopped
		return nil
	}
	defer close(m.stopped)
	m.stop() // a batch that is under way is sent again, with its ClientToken
	m.sending <- struct{}{}
	defer func() { <-m.sending }()
	err := m.flush(ctx)
	m.mu.Lock()
	owed := m.pending.take()
	m.mu.Unlock()
	if len(owed) > 0 {
		err = join(err, m.journal.note(record{Type: typeOwe, Owed: owed}))
	}
	m.journal.release()
	return err
}
