package lease

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// tick is the model's unit of time. What lasts seconds takes no time, what lasts
// minutes takes one tick, and a life takes several.
const tick = 15 * time.Minute

// Faults, of which an exploration composes a number.
const (
	lostAfter    = iota + 1 // the service processed the request, and the response was lost
	lostBefore              // the service did not process the request, which the client cannot know
	lostRefused             // as lostAfter, and the next attempt of the same call is wrongly refused
	refused                 // a wrong refusal
	notSent                 // the client knows that the service did not process it
	killed                  // at any point
	unsaved                 // a save fails
	suspended               // the machine is suspended for hours
	wallSet                 // the wall clock is set by hours
	endedEarly              // the service ends a seat
	outage                  // a tick passes before a call without a response is sent again
	otherRequest            // the program starts with another Request
	actsLater               // a checkout without a response is processed later
	faultKinds
)

var faultNames = [...]string{"", "lost after", "lost before", "lost, then refused", "refused", "not sent", "kill", "save fails", "suspended", "wall clock set", "ended early", "outage", "another Request", "acts later"}

type faults uint16

func of(kinds ...int) (f faults) {
	for _, k := range kinds {
		f |= 1 << k
	}
	return f
}

var (
	callFaults = of(lostAfter, lostBefore, lostRefused, refused, notSent)
	allFaults  = callFaults | of(killed, unsaved, suspended, wallSet)
)

// A config is what an exploration assumes.
type config struct {
	name     string
	seats    int
	life     int8 // ticks
	window   int8
	safe     int8 // the window that the machine assumes
	grace    int8
	keeper   bool
	change   bool // an extension may change the token
	replays  bool // a ClientToken that is sent again gets the first response, not the seat as it is
	noBoot   bool // the boot clock misses suspensions
	stops    bool // Close or the end of a context may come
	prompt   bool // a killed program starts again within the window
	kinds    faults
	wrong    int8     // wrong refusals, at most
	most     int8     // faults, at most; 0: as many as are explored
	pure     bool     // nothing that excuses can happen
	expected []string // violations that are no fault of the machine
	mutant   mutant
}

func (c *config) settings() *settings {
	return &settings{renewAt: 0.5, grace: time.Duration(c.grace) * tick, timing: &timing{
		shortestRenew: tick,
		longestRenew:  100 * tick,
		call:          tick,
		attempt:       tick,
		givingBack:    tick,
		window:        time.Duration(c.safe) * tick,
		renewToken:    tick,
		tolerance:     5 * time.Minute,
		assumedLife:   tick,
		longestLife:   1000 * tick,
	}}
}

// What an exploration may find.
const (
	twoSeats   = "G1: two live seats"
	twoTooLong = "G1: two live seats for a life"
	orphaned   = "G2: a live seat that nobody can name"
	activeLate = "G3: Active without a live seat"
	activeDead = "G3: Active by a dead token"
	claimsLate = "G4: a claim after Lo and Grace"
	lostEarly  = "G5: Lost before Lo"
	dropped    = "G5: the token of a live seat was forgotten"
	takenNil   = "G6, G7: a seat stays taken, and the end does not say so"
	takenLong  = "G6, G7: a seat stays taken for longer than the end says"
	idle       = "G10: a free seat and no claim"
)

// excusable reports whether the excuses of a world cover a violation.
func excusable(what string, w *world) bool {
	switch what {
	case twoSeats, orphaned, dropped:
		return w.why != 0
	case takenLong:
		return w.why != 0 || w.storeFailed
	case takenNil:
		return w.why&(notSaved|lateRequest) != 0 || w.why&tokenLost != 0 && w.storeFailed
	case activeDead:
		return w.why&notSaved != 0
	}
	return false
}

// A cause is the step that leads to a world: what happens, and the fault.
type cause struct{ what, fault int8 }

const (
	starts int8 = iota
	stops
	saves
	callsPlain
	callsChange
	goesOn
	givesUp
	aTick
	actsNow
	suspend2
	suspend5
	wallBack
	wallAhead
	ends
	dies
)

var causeNames = [...]string{"start", "stop", "save", "call", "call (token changes)", "go on", "give up", "tick", "the late checkout acts", "suspended for 2 ticks", "suspended for 5 ticks", "wall clock -5 ticks", "wall clock +5 ticks", "the service ends the seat", "kill"}

// explorer searches breadth first: the first trace to a violation is a shortest.
type explorer struct {
	c         *config
	s         *settings
	r         rules
	k         int8
	step      stepper
	seen      map[uint64]struct{}
	hash      maphash.Hash
	key       []byte
	queue     []world
	next      []world
	ids, nids []int32
	parents   []int32
	causes    []cause
	acts      []task
	found     map[string]int32
	edges     int
	id        int32 // of the world being expanded
}

func explore(c *config, k int8) *explorer {
	x := &explorer{
		c: c, s: c.settings(), k: k, step: step, seen: map[uint64]struct{}{}, found: map[string]int32{}, id: -1,
		r: rules{seats: c.seats, life: time.Duration(c.life) * tick, window: time.Duration(c.window) * tick, replays: c.replays},
	}
	if c.mutant != nil {
		x.step = stepper(c.mutant)
	}
	x.add(world{}, nil, cause{})
	for len(x.next) > 0 {
		x.queue, x.next = x.next, x.queue[:0]
		x.ids, x.nids = x.nids, x.ids[:0]
		for i := range x.queue {
			x.id = x.ids[i]
			x.expand(&x.queue[i])
			if c.mutant != nil && len(x.found) > 0 {
				return x
			}
		}
	}
	return x
}

func (x *explorer) add(w world, from *world, by cause) {
	w.tidy()
	x.edges++
	if from != nil {
		x.judge(&w, from, by)
	}
	x.key = w.appendKey(x.key[:0])
	x.hash.Reset()
	x.hash.Write(x.key)
	key := x.hash.Sum64()
	if _, ok := x.seen[key]; ok {
		return
	}
	x.seen[key] = struct{}{}
	x.nids = append(x.nids, int32(len(x.parents)))
	x.parents, x.causes = append(x.parents, x.id), append(x.causes, by)
	act := task(-1)
	if from != nil && from.up {
		act = from.act
	}
	x.acts = append(x.acts, act)
	x.next = append(x.next, w)
}

// violate records the first trace to a violation.
func (x *explorer) violate(what string, w *world, by cause) {
	if slices.Contains(x.c.expected, what) || !x.c.pure && excusable(what, w) {
		return
	}
	if _, ok := x.found[what]; !ok {
		x.found[what] = int32(len(x.parents))
		x.parents, x.causes = append(x.parents, x.id), append(x.causes, by)
		x.acts = append(x.acts, -1)
	}
}

func (x *explorer) judge(w, from *world, by cause) {
	if w.live() >= 2 {
		x.violate(twoSeats, w, by)
		if w.two >= x.c.life*max(1, w.used) {
			x.violate(twoTooLong, w, by)
		}
	}
	if w.up && w.m.status(w.clocks()) == claimActive {
		switch {
		case w.live() == 0:
			x.violate(activeLate, w, by)
		case w.find(w.m.token()) == nil:
			x.violate(activeDead, w, by)
		}
	}
	failed := (by.what == callsPlain || by.what == callsChange) && w.up && w.m.doing == waiting && w.m.state != held && !w.m.striking && w.m.status(w.clocks()) != claimNone
	if w.claims >= 2 || failed && w.clocks().boot >= w.m.expires+x.s.grace {
		x.violate(claimsLate, w, by)
	}
	if w.unlicensed >= 3 {
		x.violate(idle, w, by)
	}
	for _, s := range w.seats {
		if s.token != 0 && !w.known(&x.r, s, x.s.window) {
			x.violate(orphaned, w, by)
			if from.up && by.fault != killed && s.token == from.m.token() {
				x.violate(dropped, w, by)
			}
		}
	}
	if !from.up || by.fault == killed {
		return
	}
	was, is := from.m.status(from.clocks()), w.m.status(w.clocks())
	if was != claimNone && is == claimNone && !from.m.stop && !from.m.resumed && by.what != stops && from.find(from.m.token()) != nil && w.find(from.m.token()) != nil &&
		from.m.Phase == phaseHeld && from.serviceNow().Before(from.m.Lo) {
		x.violate(lostEarly, w, by)
	}
	if w.up {
		return
	}
	for _, s := range w.seats {
		switch {
		case s.token == 0:
		case !w.taken:
			x.violate(takenNil, w, by)
		case !w.takenUntil.IsZero() && w.takenUntil.Before(w.serviceNow().Add(s.left)):
			x.violate(takenLong, w, by)
		}
	}
}

func (x *explorer) fault(w world, from *world, what int8, kind int8) {
	if w.used >= x.k || x.c.kinds&(1<<kind) == 0 {
		return
	}
	if kind == refused || kind == lostRefused {
		if w.wrong >= x.c.wrong {
			return
		}
		w.wrong++
	}
	w.used++
	w.fault = true
	x.add(w, from, cause{what, kind})
}

// tell is the machine's step in a copy of the world.
func (x *explorer) tell(w *world, e event) *world {
	w.tell(x.s, x.step, e)
	return w
}

func (x *explorer) expand(w *world) {
	n := *w
	if !w.up {
		n.start(x.s, x.step, x.c.keeper)
		x.add(n, w, cause{what: starts})
		x.startForeign(w)
		if !x.c.prompt || w.store.Phase != phaseAsking {
			x.time(w)
		}
		return
	}
	n.kill()
	x.fault(n, w, dies, killed)
	switch w.act {
	case taskSave:
		n = *w
		n.save()
		x.add(*x.tell(&n, event{kind: eventSaved, ok: true}), w, cause{what: saves})
		n = *w
		n.storeFailed = true
		x.fault(*x.tell(&n, event{kind: eventSaved}), w, saves, unsaved)
	case taskWait:
		x.wait(w)
	default:
		x.call(w)
	}
}

// startForeign starts the program with another Request.
func (x *explorer) startForeign(w *world) {
	if w.store.Phase == phaseNone {
		return
	}
	n := *w
	n.foreign = !n.foreign
	n.start(x.s, x.step, x.c.keeper)
	x.fault(n, w, starts, otherRequest)
}

func (x *explorer) wait(w *world) {
	if x.c.stops && !w.m.stop {
		n := *w
		x.add(*x.tell(&n, event{kind: eventStopped}), w, cause{what: stops})
	}
	t := turn{machine: w.m, c: x.s, e: &event{now: w.clocks()}}
	if t.due() {
		n := *w
		x.add(*x.tell(&n, event{kind: eventWoke}), w, cause{what: goesOn})
		if w.m.state >= givingBack && w.fault {
			n = *w
			n.m.giveUp = n.clocks().boot
			x.add(*x.tell(&n, event{kind: eventWoke}), w, cause{what: givesUp})
		}
	}
	if !t.due() || w.m.state != held && !w.waited {
		x.time(w)
	}
}

// isSlow reports whether time that passes now is an outage: without one, a call
// without a response is sent again at once.
func (w *world) isSlow() bool {
	if !w.up || w.m.state == held {
		return false
	}
	refused := w.last == verdictRefused && (w.m.state == asking || w.m.state == extending)
	return !refused || w.m.striking
}

func (x *explorer) time(w *world) {
	var n world
	if w.late != 0 {
		n = *w
		n.checkout(&x.r, n.late)
		n.late = 0
		x.add(n, w, cause{what: actsNow})
	}
	n = *w
	free := n.live() < x.c.seats
	n.pass(&x.r, tick, true)
	n.monitor(x.c.seats, free, x.s.grace)
	if w.isSlow() {
		x.fault(n, w, aTick, outage)
	} else {
		n.fault = false
		x.add(n, w, cause{what: aTick})
	}
	if !w.up {
		return
	}
	for i, d := range []time.Duration{2, 5} {
		n = *w
		n.pass(&x.r, d*tick, !x.c.noBoot)
		n.two, n.unlicensed, n.claims = 0, 0, 0
		x.fault(n, w, suspend2+int8(i), suspended)
	}
	for i, d := range []time.Duration{-5, 5} {
		n = *w
		n.shift += d * tick
		x.fault(n, w, wallBack+int8(i), wallSet)
	}
	for i := range w.seats {
		if w.seats[i].token != 0 {
			n = *w
			n.seats[i] = modelSeat{}
			x.fault(n, w, ends, endedEarly)
		}
	}
}

func (w *world) monitor(seats int, free bool, grace time.Duration) {
	count := func(n *int8, yes bool) {
		*n++
		if !yes {
			*n = 0
		}
	}
	claimed := w.up && w.m.status(w.clocks()) != claimNone
	count(&w.two, w.live() >= 2)
	count(&w.claims, claimed && w.clocks().boot > w.m.expires+grace)
	count(&w.unlicensed, w.up && !claimed && !w.m.stop && free && w.live() < seats && !w.fault)
	w.two, w.claims, w.unlicensed = min(w.two, 99), min(w.claims, 2), min(w.unlicensed, 3)
}

func (x *explorer) call(w *world) {
	respond := func(n *world, r response) *world {
		return x.tell(n, event{kind: eventResponded, response: r})
	}
	what := callsPlain
	for _, change := range []bool{false, true} {
		if change {
			if what = callsChange; !x.c.change || w.act != taskExtend || w.find(w.m.token()) == nil {
				break
			}
		}
		acted := *w
		r := acted.call(&x.r, change)
		n := acted
		x.add(*respond(&n, r), w, cause{what: what})
		if r.verdict != verdictOK {
			continue
		}
		if change {
			acted.why |= tokenLost
		}
		n = acted
		x.fault(*respond(&n, response{verdict: verdictUnknown}), w, what, lostAfter)
		n = acted
		x.fault(*respond(&n, response{verdict: verdictRefused, maybe: true, date: n.serviceNow()}), w, what, lostRefused)
		acted.kill()
		x.fault(acted, w, what, killed)
	}
	n := *w
	x.fault(*respond(&n, response{verdict: verdictUnknown}), w, callsPlain, lostBefore)
	if w.late == 0 && w.act == taskCheckout {
		n = *w
		n.late = n.m.client()
		n.why |= lateRequest
		x.fault(*respond(&n, response{verdict: verdictUnknown}), w, callsPlain, actsLater)
	}
	n = *w
	x.fault(*respond(&n, n.refusal()), w, callsPlain, refused)
	for _, forbidden := range []bool{false, true} {
		n = *w
		x.fault(*respond(&n, response{verdict: verdictNotDone, forbidden: forbidden, date: n.serviceNow()}), w, callsPlain, notSent)
	}
}

// ---- the key ----

// appendKey appends what distinguishes a world: times as what is left of them, and
// nothing that can no longer matter.
func (w *world) appendKey(b []byte) []byte {
	now, clocks := w.serviceNow(), w.clocks()
	ticks := func(d time.Duration, low, high int8) {
		n := (d + tick - 1).Truncate(tick) / tick
		if d <= 0 {
			n = d / tick
		}
		b = append(b, byte(min(max(n, time.Duration(low)), time.Duration(high))))
	}
	until := func(x time.Time, low int8) {
		switch {
		case x.IsZero():
			b = append(b, 100)
		case x.Equal(endless):
			b = append(b, 101)
		default:
			ticks(x.Sub(now), low, 99)
		}
	}
	flags := func(list ...bool) {
		var n uint16
		for i, yes := range list {
			if yes {
				n |= 1 << i
			}
		}
		b = binary.BigEndian.AppendUint16(b, n)
	}
	rec := func(r *record) {
		b = append(b, byte(len(r.Phase)), byte(r.client()), byte(r.token()), byte(r.dead()))
		until(r.FirstSent, -9)
		until(r.Lo, 0)
		until(r.Hi, 0)
		until(r.OrphanUntil, 0)
		ticks(r.Life, 0, 99)
		flags(r.Pending)
	}
	for _, s := range w.seats {
		b = append(b, byte(s.token), byte(s.client))
		ticks(s.left, 0, 99)
	}
	for _, s := range w.served {
		b = append(b, byte(s.client), byte(s.token))
		ticks(s.age, 0, 99)
		ticks(s.left, -1, 99)
	}
	rec(&w.store)
	b = append(b, byte(w.used), byte(w.wrong), byte(w.why), byte(w.late), byte(w.two), byte(w.claims), byte(w.unlicensed))
	flags(w.up, w.fault, w.storeFailed, w.foreign)
	if !w.up {
		return b
	}
	m := &w.m
	rec(&m.record)
	b = append(b, byte(m.state), byte(m.doing), byte(m.claim), byte(m.strikes), byte(w.last))
	flags(m.acquired, m.stop, m.lost, m.ambiguous, m.maybeExtended, m.resumed, m.again, m.unsaved, m.striking, w.waited, m.sentHere, m.service.sure, m.foreign)
	until(m.service.at(clocks), -99)
	if !m.service.date.IsZero() {
		until(m.service.date.Add(clocks.wall.Sub(m.service.when.wall)), -99)
	}
	if !m.service.odd.IsZero() {
		until(m.service.odd.Add(clocks.boot-m.service.oddAt), -99)
	}
	if m.sentHere {
		ticks(clocks.boot-m.sent.boot, 0, 9)
		ticks(clocks.wall.Sub(m.sent.wall), -9, 9)
	}
	if m.state == extending {
		until(m.before, 0)
	}
	if m.claim != claimNone {
		ticks(m.lapse-clocks.boot, 0, 99)
		if left := m.active.boot - clocks.boot; m.claim == claimActive && left > 0 {
			ticks(left, 0, 99)
			ticks(m.active.wall.Sub(clocks.wall), -9, 99)
		}
	}
	if m.state == held {
		if left := m.renew.boot - clocks.boot; left > 0 {
			ticks(left, 0, 99)
			ticks(m.renew.wall.Sub(clocks.wall), -9, 99)
		}
	}
	if m.giveUp > 0 {
		ticks(m.giveUp-clocks.boot, 0, 99)
	}
	if m.state == asking || m.state == extending || m.state == replacing {
		ticks(clocks.boot-m.attempt, 0, 2)
	}
	return b
}

// trace lists the steps that lead to a world.
func (x *explorer) trace(id int32) string {
	var steps []string
	for ; id >= 0; id = x.parents[id] {
		by := x.causes[id]
		text := causeNames[by.what]
		if by.what == saves || by.what == callsPlain || by.what == callsChange {
			if a := x.acts[id]; a >= 0 {
				text += " " + [...]string{"", "checkout", "extend", "check in", "", ""}[a]
			}
		}
		if by.fault != 0 {
			text += " !" + faultNames[by.fault]
		}
		steps = append(steps, text)
	}
	for i, j := 0, len(steps)-1; i < j; i, j = i+1, j-1 {
		steps[i], steps[j] = steps[j], steps[i]
	}
	return strings.Join(steps[1:], "; ")
}

var base = config{seats: 1, life: 4, window: 1, safe: 1, stops: true, wrong: 2, keeper: true, change: true, kinds: allFaults | of(outage)}

// large limits the faults where three of them lead to millions of worlds more than
// elsewhere.
func large(c *config) { c.most = 2 }

func anotherRequest(c *config) {
	large(c)
	c.kinds |= of(otherRequest)
}

func with(name string, change func(*config)) config {
	c := base
	c.name = name
	change(&c)
	return c
}

// configs are what is explored, with one seat and with two.
func configs() (list []config) {
	for _, seats := range []int{1, 2} {
		add := func(name string, change func(*config)) {
			list = append(list, with(fmt.Sprintf("%s, %d", name, seats), func(c *config) {
				if c.seats = seats; seats > 1 && name != "keeper" {
					large(c)
				}
				change(c)
			}))
		}
		add("keeper", func(c *config) {})
		add("lease", func(c *config) { c.keeper = false })
		add("another Request", anotherRequest)
		add("lease, another Request", func(c *config) { anotherRequest(c); c.keeper = false })
		add("nothing excuses", func(c *config) {
			c.pure, c.prompt, c.stops, c.change, c.kinds = true, true, false, false, callFaults|of(killed, wallSet)
		})
		add("the token does not change", func(c *config) { c.change, c.prompt, c.kinds = false, true, allFaults })
		add("late requests", func(c *config) { c.kinds = callFaults | of(actsLater, killed) })
		add("no boot clock, the wall clock right", func(c *config) { c.noBoot, c.kinds = true, allFaults&^of(wallSet) })
		if seats == 1 && exhaustive() { // the others find what two seats do
			continue
		}
		add("window of 2", func(c *config) { large(c); c.window = 2 })
		add("window of 8", func(c *config) { large(c); c.window = 8 })
		add("first response sent again", func(c *config) { c.replays = true })
		add("window of 8, first response sent again", func(c *config) { large(c); c.window, c.replays = 8, true })
		add("life of 6", func(c *config) { large(c); c.life = 6 })
		add("life inside the window", func(c *config) { large(c); c.life, c.window, c.safe = 3, 6, 5 })
		add("life inside the window, first response sent again", func(c *config) { large(c); c.life, c.window, c.safe, c.replays = 3, 6, 5, true })
		add("grace of 1", func(c *config) { large(c); c.grace = 1 })
		add("lease, grace of 5", func(c *config) { large(c); c.keeper, c.grace = false, 5 })
		add("no boot clock", func(c *config) {
			large(c)
			c.noBoot, c.kinds, c.expected = true, allFaults, []string{activeLate, activeDead, takenNil, takenLong}
		})
		add("seats end early", func(c *config) {
			large(c)
			c.kinds, c.expected = callFaults|of(endedEarly, killed), []string{activeLate, activeDead}
		})
	}
	return list
}

// exhaustive reports whether tests may take minutes. It is a function because of
// go test's cache, which does not see what is read before the tests begin.
func exhaustive() bool { return os.Getenv("AWSTOKENS_EXHAUSTIVE") == "1" }

// underRace reports whether the race detector is on. It makes each step much
// slower, and a machine has no goroutines.
var underRace bool

// Faults at any point of any run, composed: two with a Keeper and a Lease, one
// under other assumptions. AWSTOKENS_EXHAUSTIVE=1 composes three, and two where the
// worlds are too many.
func TestExploreMachine(t *testing.T) {
	t.Parallel()
	for _, c := range configs() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := int8(1)
			switch {
			case exhaustive():
				k = 3
			case underRace:
			case c.name == fmt.Sprintf("keeper, %d", c.seats), c.name == fmt.Sprintf("lease, %d", c.seats):
				k = 2
			}
			if c.most > 0 {
				k = min(k, c.most)
			}
			x := explore(&c, k)
			t.Logf("%d faults: %d worlds, %d steps", k, len(x.seen), x.edges)
			for what, id := range x.found {
				t.Errorf("%s:\n%s", what, x.trace(id))
			}
			assert.Greater(t, len(x.seen), 500)
		})
	}
}
