package lease_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
)

func exhaustive() bool { return os.Getenv("AWSTOKENS_EXHAUSTIVE") == "1" }

// simulation is a program with one lease after the other, on a machine and a
// network that are not to be relied on. It judges the guarantees that
// model_test.go lists:
//
//	G1  two live seats only if one of them cannot be named: Z1, Z2
//	G3  Active only with a live seat
//	G4  Active or Degraded for at most 30 s after the expiry and the grace
//	G5  not lost before that
//	G6  a failed Acquire leaves no seat, or its error says until when
//	G7  the same of Close
//	G10 with a free seat and responses, licensed soon after the last fault
//
// A seat without a name cannot be extended, which is G2. Wrong refusals (Z3)
// come two at a time at most; Z4, Z5, Z6 and Z7 do not happen.
type simulation struct {
	t       *testing.T
	seed    uint64
	random  *rand.Rand
	server  *awstokenstest.Server
	net     *network
	clock   *simulatedClock
	client  *licensemanager.Client
	seats   int
	grace   time.Duration
	noBoot  bool
	options []func(*lease.Options)

	holder interface {
		State() lease.State
		Err() error
		Close(context.Context) error
	}
	keeper   bool
	forever  bool          // one Keeper all the time
	was      lease.State   // when it was last looked at
	lapse    time.Duration // then; a lease that is lost may learn of a seat as it gives it back
	begun    time.Time
	awake    time.Time // since the last suspension
	free     time.Time // since when a seat is free and none claimed
	held     time.Duration
	patience func() time.Duration
}

func newSimulation(t *testing.T, seed uint64) *simulation {
	s := &simulation{t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 7))}
	s.server = awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
	s.seats = 1 + s.random.IntN(3)
	s.grace = []time.Duration{0, 0, 10 * time.Minute}[s.random.IntN(3)]
	s.noBoot = s.random.IntN(4) == 0
	manager := s.server.LicenseManager()
	manager.SetSeats(s.seats)
	manager.ChangeTokensOnExtend(s.random.IntN(2) == 0)
	s.clock = newSimulatedClock(0)
	if !s.noBoot && s.random.IntN(2) == 0 {
		s.clock.set(s.between(-5*time.Hour, 5*time.Hour))
	}

	cfg := s.server.Config()
	seller, err := licensemanager.New(cfg)
	require.NoError(t, err)
	minted, err := seller.CreateToken(t.Context(), &licensemanager.CreateTokenInput{
		ClientToken: licensemanager.NewClientToken(), LicenseArn: manager.LicenseARN(), RoleArns: []string{manager.RoleARN()},
	})
	require.NoError(t, err)
	s.net = &network{inner: cfg.HTTPClient, clock: s.clock, random: rand.New(rand.NewPCG(seed, 8)), counts: map[string]int{}, faults: map[string]int{}}
	cfg.HTTPClient, cfg.Now = s.net, s.clock.Now
	cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.Rand = s.net.jitter })
	cfg.Credentials, err = tokencreds.New(cfg, tokencreds.Token(minted.Token), func(o *tokencreds.Options) { o.RoleARN = manager.RoleARN() })
	require.NoError(t, err)
	s.client, err = licensemanager.New(cfg)
	require.NoError(t, err)
	s.options = []func(*lease.Options){lease.Jitter(s.net.jitter), func(o *lease.Options) { o.Clock, o.Grace = s.clock, s.grace }}
	t.Cleanup(func() {
		s.net.change(func() { s.net.rate, s.net.down = 0, false })
		if s.holder != nil { // something has failed
			_ = s.holder.Close(context.Background())
		}
		time.Sleep(2 * time.Minute) // until a refresh under way has ended
	})
	s.patience = func() time.Duration {
		if s.net.denied {
			return 6 * time.Minute // full is no outage
		}
		return 100 * time.Second
	}
	return s
}

func (s *simulation) between(a, b time.Duration) time.Duration {
	return a + time.Duration(s.random.Int64N(int64(b-a)))
}

func (s *simulation) request() lease.Request {
	return lease.Request{
		ProductSKU: s.server.LicenseManager().ProductSKU(), KeyFingerprint: s.server.LicenseManager().KeyFingerprint(),
		Entitlements: []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 1)},
	}
}

func (s *simulation) fail(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("seed %d, after %s: %s", s.seed, time.Since(s.begun), fmt.Sprintf(format, args...))
}

// start takes a seat, or has one taken.
func (s *simulation) start(ctx context.Context) {
	s.net.change(s.forget)
	s.was, s.free = "", time.Now()
	if s.keeper {
		s.holder = lease.Keep(ctx, s.client, s.request(), s.options...)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, s.between(time.Second, time.Minute))
	defer cancel()
	l, err := lease.Acquire(ctx, s.client, s.request(), s.options...)
	if err != nil {
		s.holder = nil
		s.judgeEnd("Acquire", err)
		return
	}
	s.holder = l
}

// forget says that the seats of an earlier lease are nobody's any more.
func (s *simulation) forget() {
	s.net.lapse = 0
	for _, seat := range s.net.live(time.Now()) {
		seat.delivered, seat.client = false, ""
	}
}

// end closes the lease, at first with little patience.
func (s *simulation) end() error {
	if s.holder == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), s.between(time.Second, 2*time.Minute))
	defer cancel()
	err := s.holder.Close(ctx)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = s.holder.Close(context.Background())
	}
	s.holder = nil
	s.judgeEnd("Close", err)
	return err
}

// judgeEnd: G6 and G7.
func (s *simulation) judgeEnd(what string, err error) {
	s.t.Helper()
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	var taken *lease.TakenError
	if !errors.As(err, &taken) {
		if n := s.server.LicenseManager().SeatsTaken(awstokenstest.Seats); n > s.left() {
			s.fail("%s leaves a seat: %v", what, err)
		}
		return
	}
	for _, seat := range s.net.live(time.Now()) {
		if seat.client != "" && !taken.Until.IsZero() && taken.Until.Add(time.Second).Before(seat.expires) {
			s.fail("%s says %v, the seat is taken until %v", what, err, seat.expires)
		}
	}
}

// left counts the seats of earlier leases.
func (s *simulation) left() (n int) {
	for _, seat := range s.net.live(time.Now()) {
		if seat.client == "" {
			n++
		}
	}
	return n
}

func licensed(state lease.State) bool {
	return state == lease.StateActive || state == lease.StateDegraded
}

// watch lets time go by and judges the guarantees all the while.
func (s *simulation) watch(d time.Duration) {
	for d > 0 {
		step := min(d, s.between(5*time.Second, 25*time.Second))
		d -= step
		time.Sleep(step)
		synctest.Wait()
		s.judge(step)
	}
}

func (s *simulation) judge(step time.Duration) {
	s.t.Helper()
	if s.holder == nil {
		return
	}
	s.net.mu.Lock()
	defer s.net.mu.Unlock()
	now, state := time.Now(), s.holder.State()
	named, ours := 0, 0
	live := s.net.live(now)
	for _, seat := range live {
		if seat.isNamed(now) {
			named++
		}
		if seat.client != "" {
			ours++
		}
	}
	if named > 1 {
		s.fail("G1: %d seats", named)
	}
	if state == lease.StateActive && ours == 0 {
		s.fail("G3: active without a seat")
	}
	over := s.clock.Elapsed() - s.net.lapse - s.grace // Lost goes by this clock
	if licensed(state) && over > 31*time.Second && now.After(s.awake.Add(62*time.Second)) {
		s.fail("G4: %s, %v after the expiry and the grace", state, over)
	}
	if early := s.lapse + s.grace - s.clock.Elapsed(); state == lease.StateLost && licensed(s.was) && early > time.Second {
		s.fail("G5: lost %v before the expiry and the grace: %v", early, s.holder.Err())
	}
	s.was, s.lapse = state, s.net.lapse
	if licensed(state) {
		s.held += step
	}
	free := s.server.LicenseManager().SeatsTaken(awstokenstest.Seats) < s.seats
	if licensed(state) || !free || s.net.down || state == lease.StateClosed || !s.keeper {
		s.free = now
	}
	if wait := s.patience(); s.net.rate == 0 && now.Sub(s.free) > wait && now.Sub(s.net.last) > wait && now.Sub(s.awake) > wait {
		s.fail("G10: %s for %v, the last fault was %v ago: %v", state, now.Sub(s.free), now.Sub(s.net.last), s.holder.Err())
	}
}

// trouble makes something go wrong.
func (s *simulation) trouble() {
	switch s.random.IntN(8) {
	case 0: // an outage
		s.net.change(func() { s.net.down = true })
		s.watch(s.between(time.Second, 3*time.Hour))
		s.net.change(func() { s.net.down = false })
	case 1, 2, 3: // some requests fail
		s.net.change(func() {
			s.net.rate = []float64{0.2, 0.5, 0.8, 1}[s.random.IntN(4)]
			s.net.only = []string{"", "", "CheckoutLicense", "ExtendLicenseConsumption", "CheckInLicense", "GetAccessToken", "AssumeRoleWithWebIdentity"}[s.random.IntN(7)]
		})
	case 4: // and no longer
		s.net.change(func() { s.net.rate = 0 })
	case 5:
		if s.clock.isWaitedFor() {
			s.clock.suspend(s.between(time.Minute, 5*time.Hour), !s.noBoot)
			s.awake = time.Now()
			s.net.change(func() { s.net.last = s.awake })
			synctest.Wait()
			s.judge(0)
		}
	case 6:
		if !s.noBoot { // together they are Z7
			s.clock.set(s.between(-5*time.Hour, 5*time.Hour))
		}
		s.judge(0)
	case 7:
		s.server.LicenseManager().ChangeTokensOnExtend(s.random.IntN(2) == 0)
	}
}

func (s *simulation) run(d time.Duration) {
	s.begun = time.Now()
	s.awake = s.begun
	for time.Since(s.begun) < d {
		if s.holder == nil || !s.forever && (s.holder.State() == lease.StateLost && !s.keeper || s.random.IntN(8) == 0) {
			_ = s.end()
			s.keeper = s.forever || s.random.IntN(2) == 0
			s.start(s.t.Context())
		}
		s.watch(s.between(0, 80*time.Minute))
		for range 1 + s.random.IntN(3) {
			s.trouble()
		}
		s.net.change(func() { s.net.last = time.Now() })
	}
	s.net.change(func() { s.net.rate = 0 })
	s.watch(3 * time.Hour) // what was without a name ends
	if s.holder != nil && s.holder.State() == lease.StateActive {
		if err := s.end(); err != nil {
			s.fail("G7: after hours without a fault: %v", err)
		}
	}
	_ = s.end()
}

// Faults of all kinds, composed at random, of the network, the credentials, the
// clocks and the program, for thousands of hours.
func TestSimulation(t *testing.T) {
	t.Parallel()
	const hours = 40
	schedules := 8
	switch {
	case exhaustive():
		schedules = 100
	case lease.UnderRace():
		schedules = 4
	}
	var held, total time.Duration
	faults := map[string]int{}
	requests := 0
	for seed := range schedules {
		synctest.Test(t, func(t *testing.T) {
			s := newSimulation(t, uint64(seed))
			s.run(hours * time.Hour)
			held += s.held
			total += time.Since(s.begun)
			for name, n := range s.net.faults {
				faults[name] += n
			}
			for _, n := range s.net.counts {
				requests += n
			}
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("seeds 0 to %d, %.0f hours, licensed for %.0f %%, %d requests, faults: %v", schedules-1, total.Hours(), 100*held.Seconds()/total.Seconds(), requests, faults)
}

// A Keeper through 30 days of the same: it is licensed whenever there is a seat
// and the service can be reached, which simulation.judge looks at twice a
// minute.
func TestKeeperForThirtyDays(t *testing.T) {
	t.Parallel()
	keepers, days := 1, 10
	switch {
	case exhaustive():
		keepers, days = 2, 30
	case lease.UnderRace():
		days = 5
	}
	for seed := range keepers {
		synctest.Test(t, func(t *testing.T) {
			s := newSimulation(t, uint64(1000+seed))
			s.forever = true
			s.run(time.Duration(days) * 24 * time.Hour)
			t.Logf("seed %d, licensed for %.0f %%, %d renewals, %d checkouts", s.seed, 100*s.held.Seconds()/time.Since(s.begun).Seconds(), s.net.counts["ExtendLicenseConsumption"], s.net.counts["CheckoutLicense"])
		})
	}
}
