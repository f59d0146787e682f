package lease

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A play leads a machine through a schedule in real durations, in a world whose
// faults the test arranges.
type play struct {
	t *testing.T
	world
	c      settings
	rules  rules
	keeper bool

	faults  map[task][]int8          // of the next calls
	edits   map[task]func(*response) // of responses
	changes bool                     // extensions change the token
	down    bool                     // nothing is sent
	noSaves int                      // so many saves fail
	noBoot  bool

	notes  []EventType
	calls  map[task]int
	called []time.Duration // when an extension was sent
	twice  bool            // two seats were seen
	lostAt time.Duration
	grain  time.Duration // the world is looked at so often
	watch  func()
	quiet  time.Duration // since the last fault
	robbed bool          // the service ends seats before they expire
}

const life = time.Hour

// unstarted is a play whose machine has not started.
func unstarted(t *testing.T, seats int) *play {
	return &play{
		t: t, c: settings{renewAt: 0.6, timing: &protocolTiming}, rules: rules{seats: seats, life: life, window: 10 * time.Minute},
		faults: map[task][]int8{}, edits: map[task]func(*response){}, calls: map[task]int{}, grain: time.Second,
	}
}

func newPlay(t *testing.T, seats int, changes ...func(*play)) *play {
	p := unstarted(t, seats)
	for _, change := range changes {
		change(p)
	}
	p.start()
	return p
}

func (p *play) start() {
	p.world.start(&p.c, step, p.keeper)
	p.run(0)
}

func (p *play) tell(e event) {
	notes := p.world.tell(&p.c, step, e)
	if slices.Contains(notes, EventLost) {
		p.lostAt = p.now
	}
	p.notes = append(p.notes, notes...)
}

func (p *play) next(do task, kinds ...int) {
	for _, kind := range kinds {
		p.faults[do] = append(p.faults[do], int8(kind))
	}
}

func (p *play) claim() claim {
	if !p.up {
		return claimNone
	}
	return p.m.status(p.clocks())
}

// pass lets time pass, and looks at the world meanwhile.
func (p *play) pass(d time.Duration) {
	for d > 0 {
		part := min(d, p.grain)
		p.world.pass(&p.rules, part, true)
		d -= part
		p.look()
	}
}

func (p *play) look() {
	p.twice = p.twice || p.live() > 1
	if p.claim() == claimActive && !p.robbed {
		require.NotZero(p.t, p.live(), "Active without a seat, at %v", p.now)
	}
	if p.watch != nil && p.act != taskCheckout && p.act != taskExtend && p.act != taskCheckIn {
		p.watch()
	}
}

// run lets time pass, in which the machine does what it is due to do.
func (p *play) run(d time.Duration) {
	for end := p.now + d; ; {
		switch {
		case !p.up:
			p.pass(end - p.now)
			return
		case p.act == taskSave:
			if p.noSaves > 0 {
				p.noSaves--
				p.quiet = p.now
				p.tell(event{kind: eventSaved})
				continue
			}
			p.save()
			p.tell(event{kind: eventSaved, ok: true})
		case p.act == taskWait:
			slice := min(p.limit, 30*time.Second)
			if p.now+slice > end || slice == 0 && p.now == end {
				p.pass(end - p.now)
				return
			}
			p.pass(slice)
			p.tell(event{kind: eventWoke})
		default:
			p.call()
		}
	}
}

func (p *play) call() {
	p.tidy()
	do, sent := p.act, p.clocks()
	p.calls[do]++
	if do == taskExtend {
		p.called = append(p.called, p.now)
	}
	var fault int8
	if list := p.faults[do]; len(list) > 0 {
		fault, p.faults[do], p.quiet = list[0], list[1:], p.now
	}
	if p.changes && do == taskExtend && (fault == lostAfter || fault == lostRefused || fault == killed) {
		p.why |= tokenLost
	}
	unknown := response{verdict: verdictUnknown}
	refusal := response{verdict: verdictRefused, date: p.serviceNow().Truncate(time.Second)}
	var r response
	switch {
	case p.down || fault == notSent:
		r = response{verdict: verdictNotDone}
	case fault == lostBefore:
		r = unknown
	case fault == refused:
		r = refusal
	case fault == lostAfter:
		p.world.call(&p.rules, p.changes)
		r = unknown
	case fault == lostRefused:
		p.world.call(&p.rules, p.changes)
		r = refusal
		r.maybe = true
	case fault == killed:
		p.world.call(&p.rules, p.changes)
		p.kill()
		return
	default:
		r = p.world.call(&p.rules, p.changes)
		r.date = r.date.Truncate(time.Second)
		r.issued, r.expiration = r.issued.Truncate(time.Second), r.expiration.Truncate(time.Second)
	}
	if change := p.edits[do]; change != nil {
		change(&r)
	}
	if r.verdict == verdictUnknown {
		p.pass(p.limit)
	} else {
		p.pass(50 * time.Millisecond)
	}
	if p.up {
		r.sent = sent
		p.tell(event{kind: eventResponded, response: r})
	}
}

// suspend stops the process but not the service.
func (p *play) suspend(d time.Duration) { p.world.pass(&p.rules, d, !p.noBoot) }

// end stops the machine and gives it the time it needs.
func (p *play) end() {
	p.tell(event{kind: eventStopped})
	p.run(2 * time.Minute)
	require.False(p.t, p.up)
}

func (p *play) count(n EventType) (count int) {
	for _, x := range p.notes {
		if x == n {
			count++
		}
	}
	return count
}

func asKeeper(p *play) { p.keeper = true }

func changing(p *play) { p.changes = true }

// The schedules that the protocol names, with one seat or two and a life of an
// hour.
func TestSchedules(t *testing.T) {
	t.Parallel()
	first := func(do task, kinds ...int) func(*play) { return func(p *play) { p.next(do, kinds...) } }
	schedules := []struct {
		name string
		run  func(t *testing.T)
	}{
		{"1 a lost checkout is denied, then granted again", func(t *testing.T) {
			p := newPlay(t, 1, first(taskCheckout, lostAfter, refused))
			p.run(time.Minute)
			assert.Equal(t, claimActive, p.claim())
			assert.Equal(t, 3, p.calls[taskCheckout])
			assert.Equal(t, 1, p.live())
		}},
		{"2 a lost checkout is given back when the context ends", func(t *testing.T) {
			p := newPlay(t, 1, first(taskCheckout, lostAfter))
			require.Equal(t, 1, p.live())
			p.end()
			assert.Zero(t, p.live())
			assert.False(t, p.taken)
			assert.Equal(t, record{}, p.store)
		}},
		{"3 nothing is sent again after the window", func(t *testing.T) {
			p := newPlay(t, 2, first(taskCheckout, lostAfter))
			p.down = true
			p.run(15 * time.Minute)
			p.down = false
			sent := p.calls[taskCheckout]
			p.tell(event{kind: eventStopped})
			p.run(2 * time.Minute)
			assert.Equal(t, sent, p.calls[taskCheckout])
			assert.True(t, p.taken)
			assert.Equal(t, phaseAsking, p.store.Phase)
			assert.False(t, p.twice)
		}},
		{"4 a checkout that was not sent ends Acquire at once", func(t *testing.T) {
			p := newPlay(t, 1, first(taskCheckout, notSent))
			assert.False(t, p.up)
			assert.False(t, p.taken)
			assert.Less(t, p.now, time.Second)
			assert.Equal(t, record{}, p.store)
		}},
		{"5 a refused extension", func(t *testing.T) {
			p := newPlay(t, 1)
			token := p.m.token()
			p.next(taskExtend, refused)
			p.run(37 * time.Minute)
			assert.Equal(t, 1, p.count(EventRenewalFailed))
			assert.Equal(t, claimActive, p.claim())
			assert.Equal(t, token, p.m.token())
			assert.Equal(t, 1, p.calls[taskCheckout])
		}},
		{"6 a lost extension that changed the token", func(t *testing.T) {
			p := newPlay(t, 2, changing)
			p.next(taskExtend, lostAfter)
			p.run(50 * time.Minute)
			assert.Equal(t, claimDegraded, p.claim())
			p.run(10*time.Minute + 30*time.Second)
			assert.Equal(t, claimActive, p.claim(), "replaced")
			assert.Equal(t, 2, p.live())
			p.end()
			assert.True(t, p.taken)
			assert.WithinDuration(t, epoch.Add(96*time.Minute), p.takenUntil, time.Minute)
			assert.Equal(t, 1, p.live())
			p.run(36 * time.Minute)
			assert.Zero(t, p.live())
		}},
		{"7 a lost extension that changed the token of the only seat, Lease", func(t *testing.T) {
			p := newPlay(t, 1, changing)
			p.next(taskExtend, lostAfter)
			p.run(61 * time.Minute)
			assert.False(t, p.up)
			assert.Equal(t, 1, p.count(EventLost))
			assert.True(t, p.taken)
		}},
		{"7 a lost extension that changed the token of the only seat, Keeper", func(t *testing.T) {
			p := newPlay(t, 1, changing, asKeeper)
			p.next(taskExtend, lostAfter)
			p.run(61 * time.Minute)
			assert.Equal(t, claimNone, p.claim())
			p.run(36 * time.Minute)
			assert.Equal(t, claimActive, p.claim())
			assert.Equal(t, 1, p.count(EventReacquired))
			p.end()
			assert.False(t, p.taken, "the orphan has expired")
		}},
		{"8 a check-in is refused twice", func(t *testing.T) {
			p := newPlay(t, 1)
			p.next(taskCheckIn, refused, refused)
			p.end()
			assert.Zero(t, p.live())
			assert.False(t, p.taken)
			assert.Equal(t, 3, p.calls[taskCheckIn])
		}},
		{"9 the response of a check-in is lost", func(t *testing.T) {
			p := newPlay(t, 1)
			p.next(taskCheckIn, lostAfter)
			p.end()
			assert.Zero(t, p.live())
			assert.False(t, p.taken)
		}},
		{"10 killed after the checkout was processed", func(t *testing.T) {
			p := newPlay(t, 1, first(taskCheckout, killed))
			require.False(t, p.up)
			p.start()
			assert.Equal(t, claimActive, p.claim())
			assert.Equal(t, 1, p.live())
		}},
		{"11 killed after the checkout was processed, late start", func(t *testing.T) {
			p := newPlay(t, 2, first(taskCheckout, killed))
			p.run(20 * time.Minute)
			p.start()
			assert.Equal(t, claimActive, p.claim())
			assert.Equal(t, 2, p.live())
			p.end()
			assert.True(t, p.taken)
			assert.Equal(t, 1, p.live())
			p.run(40 * time.Minute)
			assert.Zero(t, p.live())
			assert.True(t, p.takenUntil.Before(p.serviceNow().Add(30*time.Minute)))
		}},
		{"12 an extension that the record does not know", func(t *testing.T) {
			p := newPlay(t, 1)
			p.noSaves = 1
			p.next(taskExtend, killed, refused)
			p.run(65 * time.Minute)
			require.False(t, p.up)
			token := p.store.token()
			p.start()
			p.run(time.Minute)
			assert.Equal(t, claimActive, p.claim())
			assert.Equal(t, token, p.m.token())
			assert.Equal(t, 1, p.calls[taskCheckout])
		}},
		{"13 a check-in that the record does not know", func(t *testing.T) {
			p := newPlay(t, 2)
			p.noSaves = 1
			p.next(taskCheckIn, killed)
			p.tell(event{kind: eventStopped})
			p.run(time.Minute)
			require.False(t, p.up)
			p.start()
			p.run(time.Minute)
			assert.Equal(t, claimActive, p.claim())
			assert.Equal(t, 1, p.live())
			assert.False(t, p.twice)
		}},
		{"14 killed before the check-in, two wrong refusals", func(t *testing.T) {
			p := newPlay(t, 2)
			p.tell(event{kind: eventStopped})
			p.save()
			p.tell(event{kind: eventSaved, ok: true})
			require.Equal(t, taskCheckIn, p.act)
			p.kill()
			p.next(taskExtend, refused, refused)
			p.start()
			p.run(time.Minute)
			assert.Equal(t, claimActive, p.claim())
			assert.Equal(t, 1, p.live())
			assert.False(t, p.twice)
		}},
		{"15 a token that changed inside the window", func(t *testing.T) {
			p := newPlay(t, 1, changing, func(p *play) { p.c.renewAt, p.rules.life = 0.5, 10*time.Minute })
			p.next(taskExtend, lostAfter)
			p.run(7 * time.Minute)
			assert.Equal(t, claimActive, p.claim())
			assert.Equal(t, 2, p.calls[taskCheckout], "the ClientToken names the seat")
			assert.False(t, p.twice)
			assert.Equal(t, 1, p.live())
		}},
		{"15 the same, and a ClientToken gets its first response", func(t *testing.T) {
			p := newPlay(t, 1, changing, asKeeper, func(p *play) { p.c.renewAt, p.rules.life, p.rules.replays = 0.5, 10*time.Minute, true })
			p.next(taskExtend, lostAfter)
			p.run(9 * time.Minute)
			assert.Equal(t, claimDegraded, p.claim(), "the token of the first response is dead")
			p.run(7 * time.Minute)
			assert.Equal(t, claimActive, p.claim())
		}},
		{"16 the wall clock is set", func(t *testing.T) {
			for _, by := range []time.Duration{-5 * time.Hour, 5 * time.Hour, -24 * time.Hour} {
				for _, at := range []time.Duration{0, 10 * time.Minute, 35*time.Minute + 59*time.Second} {
					p := newPlay(t, 1)
					p.run(at)
					p.shift += by
					p.run(10 * time.Hour)
					assert.Equal(t, claimActive, p.claim())
					assert.Equal(t, 1, p.calls[taskCheckout])
					assert.Less(t, p.calls[taskExtend], 20)
				}
			}
		}},
		{"17 suspended for five hours", func(t *testing.T) {
			p := newPlay(t, 1)
			p.run(10 * time.Minute)
			p.suspend(5 * time.Hour)
			assert.Equal(t, claimDegraded, p.claim())
			p.run(time.Minute)
			assert.Equal(t, claimActive, p.claim(), "replaced")
		}},
		{"17 suspended for five hours without a boot clock", func(t *testing.T) {
			p := newPlay(t, 1, func(p *play) { p.noBoot = true })
			p.run(10 * time.Minute)
			p.suspend(5 * time.Hour)
			assert.Equal(t, claimDegraded, p.claim())
			p.run(time.Minute)
			assert.Equal(t, claimActive, p.claim(), "replaced")
		}},
		{"18 the wall clock is set forward, an extension is lost", func(t *testing.T) {
			p := newPlay(t, 1)
			p.run(10 * time.Minute)
			p.shift += 5 * time.Hour
			p.next(taskExtend, lostAfter)
			p.run(37 * time.Second)
			assert.Equal(t, claimDegraded, p.claim())
			p.run(time.Minute)
			assert.Equal(t, claimActive, p.claim())
			assert.Zero(t, p.count(EventLost))
		}},
		// 19 is the store's: one process at a time has it.
		{"20 a ClientToken that is not saved is not sent, Acquire", func(t *testing.T) {
			p := newPlay(t, 1, func(p *play) { p.noSaves = 1 })
			assert.False(t, p.up)
			assert.False(t, p.taken)
			assert.Zero(t, p.calls[taskCheckout])
		}},
		{"20 a ClientToken that is not saved is not sent, Keeper", func(t *testing.T) {
			p := newPlay(t, 1, asKeeper, func(p *play) { p.noSaves = 3 })
			p.run(30 * time.Second)
			assert.Zero(t, p.calls[taskCheckout])
			p.run(time.Minute)
			assert.Equal(t, 1, p.calls[taskCheckout])
			assert.Equal(t, 3, p.count(EventSaveFailed))
			assert.Equal(t, claimActive, p.claim())
		}},
	}
	for _, s := range schedules {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			s.run(t)
		})
	}
}

// Schedule 21: the process is killed at each save and call of acquiring, renewing
// and closing, and starts again some time later, with the same or another Request.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	for _, seats := range []int{1, 2} {
		for _, later := range []time.Duration{0, 5 * time.Minute, 15 * time.Minute, 70 * time.Minute} {
			for n := range 4 {
				acts, another := n&1 > 0, n&2 > 0
				for at := 0; ; at++ {
					p := unstarted(t, seats)
					if !p.killedAt(at, acts) {
						require.Greater(t, at, 6)
						break
					}
					p.run(later)
					p.keeper, p.foreign = true, another
					asked := p.store.Phase == phaseAsking
					p.start()
					p.run(time.Hour + 10*time.Minute)
					require.Equal(t, claimActive, p.claim(), "%d seats, kill %d, after %v", seats, at, later)
					require.False(t, p.foreign)
					if seats == 1 || later < 9*time.Minute && !(another && asked) {
						require.False(t, p.twice)
					}
					p.end()
					require.Zero(t, p.live())
				}
			}
		}
	}
}

// killedAt runs a program from start to Close and kills it at a save or call,
// before or after that takes effect. It returns false if there were fewer.
func (p *play) killedAt(at int, acts bool) bool {
	p.world.start(&p.c, step, false)
	for stopped := false; ; {
		switch {
		case !p.up:
			return false
		case p.act == taskWait && p.calls[taskExtend] == 2 && !stopped:
			stopped = true
			p.tell(event{kind: eventStopped})
			continue
		case p.act == taskWait:
			p.pass(min(p.limit, 30*time.Second))
			p.tell(event{kind: eventWoke})
			continue
		case at > 0:
			at--
		default:
			switch {
			case !acts:
			case p.act == taskSave:
				p.save()
			default:
				p.world.call(&p.rules, false)
			}
			p.kill()
			return true
		}
		if p.act == taskSave {
			p.save()
			p.tell(event{kind: eventSaved, ok: true})
			continue
		}
		p.call()
	}
}

// A renewal comes at least once in every granted life and, in the long run, at
// most every twelve seconds.
func TestRenewalsAreBounded(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	for _, c := range []struct {
		name    string
		life    time.Duration
		renewAt float64
		run     time.Duration
		change  func(*response) // of extensions
		least   int
		claim   claim
	}{
		{"an hour", time.Hour, 0.6, 10 * time.Hour, nil, 16, claimActive},
		{"ten seconds", 10 * time.Second, 0.6, time.Hour, nil, 250, 0},
		{"a minute, early", time.Minute, 0.1, time.Hour, nil, 290, claimActive},
		{"a month", 30 * day, 0.9, 10 * day, nil, 19, claimActive},
		{"a century", 100 * 365 * day, 0.6, 10 * day, nil, 19, claimActive},
		{"an expiry that does not move", time.Hour, 0.6, 59 * time.Minute, func(r *response) { r.expiration = epoch.Add(time.Hour) }, 3, claimActive},
		{"an expiry that is past", time.Hour, 0.6, 59 * time.Minute, func(r *response) { r.expiration = epoch }, 10, claimDegraded},
		{"an expiry that cannot be read", time.Hour, 0.6, 59 * time.Minute, func(r *response) { r.expiration = time.Time{} }, 10, claimDegraded},
		{"an expiry in 9999", time.Hour, 0.6, 10 * day, func(r *response) { r.expiration = endless.AddDate(0, 11, 0) }, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, 1, func(p *play) {
				p.c.renewAt, p.rules.life = c.renewAt, c.life
				p.edits[taskExtend] = c.change
				p.robbed = c.name == "an expiry in 9999"
			})
			p.runFast(c.run)
			assert.LessOrEqual(t, p.calls[taskExtend], int(c.run/(12*time.Second))+6)
			assert.GreaterOrEqual(t, p.calls[taskExtend], c.least)
			for i, at := range p.called[1:] {
				assert.GreaterOrEqual(t, at-p.called[i], 5*time.Second)
			}
			if c.claim != 0 {
				assert.Equal(t, c.claim, p.claim())
			}
		})
	}
}

// runFast is run without looking at every second.
func (p *play) runFast(d time.Duration) {
	for end := p.now + d; p.up && p.now < end; {
		switch p.act {
		case taskSave:
			p.save()
			p.tell(event{kind: eventSaved, ok: true})
		case taskWait:
			p.world.pass(&p.rules, max(min(p.limit, end-p.now), time.Millisecond), true)
			p.tell(event{kind: eventWoke})
		default:
			p.call()
		}
	}
}

// A checkout whose dates are wrong costs neither the seat nor its expiry.
func TestOddDates(t *testing.T) {
	t.Parallel()
	at := func(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		name   string
		change func(*response)
		left   time.Duration
	}{
		{"issued in 1970", func(r *response) { r.issued = at(1970) }, life},
		{"issued in 2200", func(r *response) { r.issued = at(2200) }, life},
		{"issue unreadable", func(r *response) { r.issued = time.Time{} }, life},
		{"Date of 9999", func(r *response) { r.date = at(9999) }, life},
		{"Date of 1970", func(r *response) { r.date = at(1970) }, life},
		{"no Date", func(r *response) { r.date = time.Time{} }, life},
		{"no Date, no issue", func(r *response) { r.date, r.issued = time.Time{}, time.Time{} }, life},
		{"expiry unreadable", func(r *response) { r.expiration = time.Time{} }, life},
		{"expiry of 1970", func(r *response) { r.expiration = at(1970) }, life},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, 1, func(p *play) { p.edits[taskCheckout] = c.change })
			assert.InDelta(t, c.left.Seconds(), (p.m.expires - p.clocks().boot).Seconds(), 1)
			p.run(5 * time.Hour)
			assert.Equal(t, claimActive, p.claim())
			assert.Equal(t, 1, p.calls[taskCheckout])
			assert.Less(t, p.calls[taskExtend], 12)
			p.end()
			assert.False(t, p.taken)
		})
	}
	// One wrong Date during a lease changes nothing, whatever else goes wrong.
	for _, year := range []int{1970, 9999} {
		p := newPlay(t, 2)
		p.next(taskExtend, refused)
		p.edits[taskExtend] = func(r *response) {
			if r.verdict == verdictRefused {
				r.date = at(year)
			}
		}
		p.run(10 * time.Hour)
		assert.Equal(t, claimActive, p.claim())
		assert.Equal(t, 1, p.calls[taskCheckout])
	}
}

// The first Date after a resumption is wrong, and the next response has none:
// the seat is not claimed for longer than it can live.
func TestFirstDateAfterResumption(t *testing.T) {
	for _, off := range []time.Duration{-720 * time.Hour, -5 * time.Hour} {
		p := newPlay(t, 1)
		p.run(10 * time.Minute)
		p.kill()
		p.edits[taskExtend] = func(r *response) { r.date = r.date.Add(off) }
		p.start()
		require.Equal(t, claimActive, p.claim())
		require.LessOrEqual(t, p.m.active.boot-p.clocks().boot, life)
		p.edits[taskExtend] = func(r *response) { r.date = time.Time{} }
		p.run(40 * time.Minute)
		require.Greater(t, p.calls[taskExtend], 1)
		require.LessOrEqual(t, p.m.active.boot-p.clocks().boot, life)
		p.down = true
		p.run(life + time.Minute)
		require.NotEqual(t, claimActive, p.claim())
		require.Contains(t, p.notes, EventLost)
	}
}

// The machine ends a claim within 30 seconds of Lo and Grace, and not before.
func TestLostInTime(t *testing.T) {
	t.Parallel()
	for _, grace := range []time.Duration{0, time.Second, 10 * time.Minute, 3 * time.Hour} {
		for _, fault := range []int{notSent, lostBefore, refused} {
			p := newPlay(t, 1, func(p *play) { p.c.grace = grace })
			p.next(taskExtend, slices.Repeat([]int{fault}, 1000)...)
			p.next(taskCheckIn, slices.Repeat([]int{fault}, 1000)...)
			p.next(taskCheckout, slices.Repeat([]int{fault}, 1000)...)
			p.run(life + grace + 2*time.Minute)
			require.Equal(t, 1, p.count(EventLost))
			assert.GreaterOrEqual(t, p.lostAt, life+grace, "%v, %s", grace, faultNames[fault])
			assert.LessOrEqual(t, p.lostAt, life+grace+31*time.Second, "%v, %s", grace, faultNames[fault])
		}
	}
}

// A Keeper waits for a free seat and takes it.
func TestKeeperWaits(t *testing.T) {
	t.Parallel()
	p := newPlay(t, 1, asKeeper, func(p *play) { p.down = true })
	p.run(time.Hour)
	assert.Equal(t, claimNone, p.claim(), "no network at the start")
	assert.InDelta(t, 62, p.calls[taskCheckout], 8)
	p.down = false
	p.run(time.Minute)
	assert.Equal(t, claimActive, p.claim())

	p.robbed = true
	p.seats[0] = modelSeat{token: 15, left: 3 * time.Hour} // somebody else's
	p.run(2 * time.Hour)
	assert.Equal(t, claimNone, p.claim())
	calls := p.calls[taskCheckout]
	p.run(30 * time.Minute)
	assert.InDelta(t, 6, p.calls[taskCheckout]-calls, 2, "full is no outage")
	p.run(36 * time.Minute)
	assert.Equal(t, claimActive, p.claim())
	p.end()
	assert.False(t, p.taken)
}

// A seat that lacks an entitlement is given back, and a Keeper retries later.
func TestPartialSeat(t *testing.T) {
	t.Parallel()
	partial := func(p *play) { p.edits[taskCheckout] = func(r *response) { r.partial = true } }
	p := newPlay(t, 1, partial)
	assert.False(t, p.up)
	assert.True(t, p.m.partial)
	assert.False(t, p.taken)
	assert.Zero(t, p.live())

	p = newPlay(t, 1, asKeeper, partial)
	p.next(taskCheckIn, refused, refused)
	p.run(time.Hour)
	assert.Zero(t, p.live())
	assert.InDelta(t, 14, p.calls[taskCheckout], 3)
	assert.False(t, p.twice)
	p.edits = map[task]func(*response){}
	p.run(6 * time.Minute)
	assert.Equal(t, claimActive, p.claim())
}

// A license may forbid check-in.
func TestCheckInForbidden(t *testing.T) {
	t.Parallel()
	p := newPlay(t, 1, func(p *play) {
		p.edits[taskCheckIn] = func(r *response) { r.verdict = verdictConflict }
	})
	p.end()
	assert.True(t, p.taken)
	assert.WithinDuration(t, epoch.Add(life), p.takenUntil, time.Second)
	assert.Equal(t, 1, p.calls[taskCheckIn])
}

// Faults of all kinds, composed at random in real durations: the guarantees hold,
// or an excuse covers the violation.
func TestComposedFaults(t *testing.T) {
	t.Parallel()
	schedules, hours := 150, 30
	switch {
	case exhaustive():
		schedules = 1500
	case underRace:
		schedules = 20
	}
	for seed := range schedules {
		composed(t, uint64(seed), time.Duration(hours)*time.Hour)
	}
	t.Logf("seeds 0 to %d, %d hours each", schedules-1, hours)
}

func composed(t *testing.T, seed uint64, d time.Duration) {
	random := rand.New(rand.NewPCG(seed, 1))
	between := func(a, b time.Duration) time.Duration { return a + time.Duration(random.Int64N(int64(b-a))) }
	var idle time.Duration // since when a seat is free and none claimed
	wrong := 0
	p := newPlay(t, 1+random.IntN(2), asKeeper, func(p *play) {
		p.grain = 5 * time.Second
		p.changes = random.IntN(2) == 0
		p.rules.replays = random.IntN(2) == 0
		p.c.grace = []time.Duration{0, 10 * time.Minute}[random.IntN(2)]
	})
	p.watch = func() {
		p.tidy()
		if p.live() > 1 && p.why == 0 {
			t.Fatalf("seed %d: two seats at %v", seed, p.now)
		}
		for _, s := range p.seats {
			if s.token != 0 && p.why == 0 && !p.known(&p.rules, s, p.c.window) {
				t.Fatalf("seed %d: a seat without a name at %v", seed, p.now)
			}
		}
		if !p.up || p.claim() != claimNone || p.live() == p.rules.seats || p.down {
			idle = p.now
		}
		patience := 100 * time.Second
		if p.last == verdictRefused {
			patience = 6 * time.Minute // full is no outage
		}
		if p.now-max(idle, p.quiet) > patience {
			t.Fatalf("seed %d: no seat at %v, free since %v, no fault since %v", seed, p.now, idle, p.quiet)
		}
	}
	for p.now < d {
		p.run(between(0, 100*time.Minute))
		for range 1 + random.IntN(3) {
			do := []task{taskCheckout, taskExtend, taskCheckIn}[random.IntN(3)]
			switch random.IntN(9) {
			case 0:
				p.down = true
				p.run(between(time.Second, 3*time.Hour))
				p.down = false
			case 1:
				p.suspend(between(time.Minute, 5*time.Hour))
			case 2:
				p.shift += between(-5*time.Hour, 5*time.Hour)
			case 3:
				if !p.m.unsaved {
					p.kill()
					p.run(between(0, 90*time.Minute))
					p.start()
				}
			case 4:
				p.noSaves += random.IntN(4)
			case 5:
				p.next(do, lostAfter)
			case 6:
				p.next(do, lostBefore)
			case 7:
				p.next(do, notSent)
			case 8:
				if p.m.strikes == 0 && wrong < 2 {
					p.next(do, refused)
				}
			}
		}
		if p.m.strikes == 0 {
			wrong = 0
		}
		p.quiet = p.now
	}
	p.faults, p.noSaves = map[task][]int8{}, 0
	p.run(10 * time.Minute)
	p.end()
	if p.live() > 0 && !p.taken {
		t.Fatalf("seed %d: a seat stays taken", seed)
	}
}
