package drawdown

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/transport"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

const (
	// callTimeout limits a call with its retries.
	callTimeout = 30 * time.Second

	// enoughDenials is how many denials in a row are believed of a batch that
	// may have been charged before: the service would know its ClientToken.
	enoughDenials = 3
	denialPause   = time.Second
)

// batch is what the journal does not know of its open batch.
type batch struct {
	sentAt    time.Duration // when it was first sent, by Clock.Elapsed
	service   time.Time     // the same by the service's clock, if that is known
	ambiguous bool          // the service may have processed it
	resumed   bool          // it was sent by an earlier process: the local clock gave sentAt
	tooOld    bool          // the service may have forgotten its ClientToken
}

// resume takes over the batch that the last process left open. The local clock
// says how old it is. If that clock is behind the time of the record, it was set,
// and nobody knows the age.
func (m *Meter) resume() {
	sent := m.journal.open
	if sent == nil {
		return
	}
	age := m.journal.now().Sub(sent.Time)
	m.batch = batch{
		sentAt:    m.options.Clock.Elapsed() - min(max(0, age), m.options.Window), // no overflow
		service:   sent.Service,
		ambiguous: true,
		resumed:   true,
		tooOld:    age < -m.spare(),
	}
}

// safe is how long a ClientToken is relied on, and spare the rest of
// Options.Window: an error of that size in the age of a batch does no harm.
func (m *Meter) safe() time.Duration  { return m.options.Window / 10 * 9 }
func (m *Meter) spare() time.Duration { return m.options.Window - m.safe() }

// left is how long the open batch may still be sent.
func (m *Meter) left() time.Duration {
	if m.batch.tooOld {
		return 0
	}
	age := m.options.Clock.Elapsed() - m.batch.sentAt
	if now := m.service.Now(m.options.Clock); !now.IsZero() && !m.batch.service.IsZero() {
		age = max(age, now.Sub(m.batch.service))
	}
	return m.safe() - age
}

// learn takes the service's clock from the response to the open batch. An error
// without a published exception may be that of a gateway, whose clock says
// nothing.
func (m *Meter) learn(out *licensemanager.CheckoutLicenseOutput, err error) {
	var date time.Time
	var response *awstokens.ResponseError
	var exception smithy.APIError
	var unpublished *smithy.GenericAPIError
	switch {
	case err == nil:
		date = out.Date
	case errors.As(err, &response) && errors.As(err, &exception) && !errors.As(err, &unpublished):
		date = response.Date
	}
	if date.IsZero() {
		return
	}
	m.service.Hear(m.options.Clock, date, m.spare())
	if b := m.batch; b.resumed && !b.service.IsZero() && date.Sub(b.service) >= m.safe() {
		m.batch.tooOld = true // even if the Date is not believed: the local clock may have been set
	}
}

// flush sends the open batch, if there is one, and then what is owed: after a
// batch became unknown, first a probe.
func (m *Meter) flush(ctx context.Context) error {
	if err := m.save(); err != nil {
		return err
	}
	if !m.owes() {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var all error
	for {
		earlier := m.journal.open != nil
		if !earlier {
			if err := m.begin(); err != nil || m.journal.open == nil {
				return join(all, err)
			}
		}
		probe := m.journal.probing
		all = join(all, m.settle(ctx))
		switch {
		case m.journal.open != nil:
			return join(all, m.owe()) // what was added cannot be sent yet
		case !m.journal.isSaved(), !earlier && (!probe || m.journal.probing):
			return all
		}
	}
}

func (m *Meter) save() error {
	m.journal.writing.Lock()
	defer m.journal.writing.Unlock()
	return m.journal.save()
}

func (m *Meter) owes() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.journal.open != nil || len(m.journal.owed)+len(m.pending) > 0
}

// begin makes a batch of all that is owed, if anything is, or a probe.
func (m *Meter) begin() error {
	m.journal.writing.Lock()
	defer m.journal.writing.Unlock()
	m.mu.Lock()
	all, added := ledger{}, m.pending.list()
	all.add(m.journal.owed.list()...)
	all.add(added...)
	m.mu.Unlock()
	if len(all) == 0 {
		return nil
	}
	r := record{
		Type: typeBatch, Token: licensemanager.NewClientToken(), NodeID: m.request.NodeID,
		Service: m.service.Likely(m.options.Clock),
	}
	if m.journal.probing {
		r.Amounts = all.probe()
		r.Owed = all.list()
	} else {
		r.Amounts = all.list()
	}
	m.batch = batch{sentAt: m.options.Clock.Elapsed(), service: m.service.Now(m.options.Clock)}
	return m.journal.begin(r, func() { m.pending.subtract(added...) })
}

// owe writes what was added to the journal, so that it outlives the process.
func (m *Meter) owe() error {
	m.journal.writing.Lock()
	defer m.journal.writing.Unlock()
	return m.oweAll()
}

// oweAll is owe for a caller that holds writing.
func (m *Meter) oweAll() error {
	m.mu.Lock()
	added := m.pending.list()
	m.mu.Unlock()
	if len(added) == 0 {
		return nil
	}
	return m.journal.begin(record{Type: typeOwe, Owed: added}, func() { m.pending.subtract(added...) })
}

// settle sends the open batch until it has a response, or the call fails.
func (m *Meter) settle(ctx context.Context) error {
	in := m.input(m.journal.open)
	for denials := 1; ; denials++ {
		left := m.left()
		if left <= 0 {
			return m.giveUp()
		}
		call, cancel := context.WithTimeout(ctx, min(left, callTimeout))
		out, err := m.api.CheckoutLicense(call, in)
		cancel()
		m.learn(out, err)
		if err == nil {
			return m.charged(ctx, out)
		}
		m.batch.ambiguous = m.batch.ambiguous || mayHaveProcessed(err)
		switch {
		case isDenial(err) && (!m.batch.ambiguous || denials == enoughDenials):
			return m.denied(ctx, err)
		case isDenial(err):
			if m.options.Clock.Sleep(ctx, denialPause) != nil {
				return err
			}
		case m.batch.ambiguous:
			return err
		default: // nothing was charged
			return join(err, m.journal.note(record{Type: typeDone, Token: m.journal.open.Token}))
		}
	}
}

func (m *Meter) input(sent *record) *licensemanager.CheckoutLicenseInput {
	in := &licensemanager.CheckoutLicenseInput{
		Beneficiary:    m.request.Beneficiary,
		CheckoutType:   licensemanager.CheckoutTypePerpetual,
		ClientToken:    sent.Token,
		KeyFingerprint: m.request.KeyFingerprint,
		NodeId:         sent.NodeID,
		ProductSKU:     m.request.ProductSKU,
	}
	for _, a := range sent.Amounts {
		in.Entitlements = append(in.Entitlements, licensemanager.EntitlementData{Name: a.Name, Unit: a.Unit, Value: strconv.FormatInt(a.N, 10)})
	}
	return in
}

// charged notes what a checkout has charged. The response says when the service
// made the checkout. If that is a whole window after the batch was first sent,
// the local clock, by which the batch was younger, was set, and the service may
// have made another checkout before.
func (m *Meter) charged(ctx context.Context, out *licensemanager.CheckoutLicenseOutput) error {
	sent := *m.journal.open
	amounts, mismatch := granted(sent.Amounts, out.EntitlementsAllowed)
	done := record{Type: typeDone, Token: sent.Token, Charged: amounts, Settled: true}
	probe := m.journal.probing
	issued, err := out.Issued()
	twice := m.batch.ambiguous && err == nil && !m.batch.service.IsZero() && issued.Sub(m.batch.service) >= m.options.Window
	if twice {
		done.Unknown = done.Charged
	}
	m.reports = join(m.reports, mismatch)
	if twice {
		m.reports = join(m.reports, &UnknownError{Amounts: done.Charged, Sent: sent.Time, Charged: true})
	}
	err = m.journal.note(done)
	if lacks := lacking(sent.Amounts, done.Charged); len(lacks) > 0 && !probe {
		err = join(m.explainAll(ctx, lacks, nil), err)
	}
	return err
}

// granted returns which of the amounts a response grants. A success that names
// none of them, or that has no number for one, is not documented. It counts as a
// grant of all, so that nothing is charged twice; if it names others, there is an
// error as well.
func granted(asked []Amount, allowed []licensemanager.EntitlementData) (list []Amount, mismatch error) {
	if len(allowed) == 0 {
		return asked, nil
	}
	if !slices.ContainsFunc(asked, func(a Amount) bool {
		return slices.ContainsFunc(allowed, func(e licensemanager.EntitlementData) bool { return e.Name == a.Name && e.Unit == a.Unit })
	}) {
		return asked, &MismatchError{Amounts: asked, Allowed: allowed}
	}
	for _, a := range asked {
		var sum int64
		for _, e := range allowed {
			if e.Name != a.Name || e.Unit != a.Unit {
				continue
			}
			n, err := strconv.ParseInt(e.Value, 10, 64)
			if err != nil {
				n = a.N
			}
			sum += min(max(0, n), a.N-sum)
		}
		if a.N = sum; sum > 0 {
			list = append(list, a)
		}
	}
	return list, nil
}

// denied notes that nothing was charged. The denial of a probe is not reported:
// that of all that is owed follows.
func (m *Meter) denied(ctx context.Context, denial error) error {
	sent, probe := *m.journal.open, m.journal.probing
	err := m.journal.note(record{Type: typeDone, Token: sent.Token, Settled: true})
	if probe {
		return err
	}
	return join(m.explainAll(ctx, sent.Amounts, denial), err)
}

// giveUp notes and reports that nobody can know whether the open batch was charged.
func (m *Meter) giveUp() error {
	sent := *m.journal.open
	m.reports = join(m.reports, &UnknownError{Amounts: sent.Amounts, Sent: sent.Time})
	return m.journal.note(record{Type: typeUnknown, Token: sent.Token})
}

// isDenial reports whether the service refused to charge the license. It may also
// have refused a call of the credentials provider.
func isDenial(err error) bool {
	var none *licensemanager.NoEntitlementsAllowedException
	var notFound *licensemanager.ResourceNotFoundException
	return (errors.As(err, &none) || errors.As(err, &notFound)) && !transport.IsOfCredentials(err)
}

// mayHaveProcessed reports whether the service may have processed the request. An
// error that does not come from this module may mean anything, unless it is an
// exception of the service.
func mayHaveProcessed(err error) bool {
	var call interface{ MayHaveProcessed() bool }
	var invalid smithy.InvalidParamsError
	var unencodable *smithy.SerializationError
	var exception smithy.APIError
	switch {
	case errors.As(err, &call):
		return awstokens.MayHaveProcessed(err) // also if err joins the errors of several calls
	case errors.As(err, &invalid), errors.As(err, &unencodable): // nothing was sent
		return false
	case errors.As(err, &exception):
		return exception.ErrorFault() == smithy.FaultServer
	}
	return true
}
