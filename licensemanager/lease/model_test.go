package lease

import (
	"time"

	"github.com/seed-25f54b62/awstokens"
)

// This file is a small model of the service, the clocks, the store and the
// driver. machine_explore_test.go explores everything that can happen to a machine
// in it, machine_rules_test.go does so without each of the rules, and
// machine_schedule_test.go leads machines through named schedules.
//
// What a machine guarantees:
//
//	G1  never two live seats, except by Z1 to Z6, then for less than one life
//	G2  a seat that nobody can name ends at its own expiry, and arises by Z1 to Z6 only
//	G3  Active never outlasts the expiry, except by Z7
//	G4  Active or Degraded ends by Lo + Grace + 30 s
//	G5  never Lost before Lo + Grace; a token is forgotten only after a check-in, three
//	    refusals in a row, a refusal after Hi in the process that held it, or, if the
//	    record is of another Request, a response after Hi
//	G6  a failed Acquire leaves no seat, or its error says that one may be taken
//	G7  Close frees the seat, or its error says that it may be taken
//	G8  after a kill anywhere the next start resumes the same seat or replaces what is gone
//	G9  of several processes on one store one acts (the store's lock, not the machine's)
//	G10 with a free seat and responses, licensed soon after the last fault
//
// What excuses a violation, because no client can do better:
//
//	Z1  the response of an extension that changed the token was lost
//	Z2  a checkout without a response could not be sent again within the window,
//	    or the program has another Request since
//	Z3  three wrong refusals in a row
//	Z4  a save failed, then a kill
//	Z5  a request is processed after its attempt was given up
//	Z6  a license forbids check-in
//	Z7  no boot clock, and the wall clock set back around a suspension

// excuses is a set of Z1, Z2, Z4 and Z5, kept while a seat without a name or a
// second seat lives.
type excuses uint8

const (
	tokenLost excuses = 1 << iota
	windowOver
	notSaved
	lateRequest
)

// Consumption tokens and ClientTokens are small numbers in the model.
var tokens [16]awstokens.Secret
var clientTokens [16]string

func init() {
	for i := 1; i < 16; i++ {
		clientTokens[i] = string(rune('a' + i))
		tokens[i] = awstokens.NewSecret(clientTokens[i])
	}
}

func digit(text []byte) int8 {
	if len(text) == 0 {
		return 0
	}
	return int8(text[0] - 'a')
}

func (r *record) token() int8 {
	var b [1]byte
	return digit(r.Token.AppendReveal(b[:0]))
}

func (r *record) dead() int8 {
	var b [1]byte
	return digit(r.Dead.AppendReveal(b[:0]))
}

func (r *record) client() int8 {
	var b [1]byte
	return digit(append(b[:0], r.ClientToken...))
}

// A modelSeat is taken if its token is not 0.
type modelSeat struct {
	token, client int8
	left          time.Duration
}

// A served ClientToken names what it took while the window is open.
type served struct {
	client, token int8 // the first response
	age, left     time.Duration
}

// rules are how the service behaves, as far as that is not published.
type rules struct {
	seats   int
	life    time.Duration
	window  time.Duration
	replays bool // a ClientToken that is sent again gets the first response, not the seat as it is
}

type service struct {
	seats  [2]modelSeat
	served [3]served
}

func (s *service) live() (n int) {
	for _, x := range s.seats {
		if x.token != 0 {
			n++
		}
	}
	return n
}

func (s *service) find(token int8) *modelSeat {
	for i := range s.seats {
		if token != 0 && s.seats[i].token == token {
			return &s.seats[i]
		}
	}
	return nil
}

// A world is everything but the machine's settings. It is a value: a step of
// the exploration copies it.
type world struct {
	service
	now   time.Duration // the service's time since its epoch
	lag   time.Duration // suspensions that the boot clock missed
	shift time.Duration // the wall clock was set by it

	store  record
	up     bool // the process runs
	m      machine
	act    task
	limit  time.Duration
	last   verdict
	waited bool // the wait has lasted a tick

	used, wrong             int8 // faults; wrong refusals among them
	why                     excuses
	storeFailed             bool // a save failed, and an excuse may follow from it
	foreign                 bool // the record in the store is of another Request than the process
	late                    int8 // the ClientToken of a checkout that is still on its way
	fault                   bool // a fault since the last tick
	two, claims, unlicensed int8 // ticks with two seats, with a claim after Lo and Grace, without one beside a free seat
	taken                   bool // as the machine said at its end
	takenUntil              time.Time
}

var epoch = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

func (w *world) serviceNow() time.Time { return epoch.Add(w.now) }

// clocks read hours off the service's, so that nobody can compare them.
func (w *world) clocks() reading {
	return reading{boot: w.now - w.lag, wall: epoch.Add(w.now + w.shift - 30*time.Hour)}
}

func (w *world) freshToken() int8 {
	for n := int8(1); ; n++ {
		if w.find(n) != nil || w.store.token() == n || w.store.dead() == n || w.m.token() == n || w.m.dead() == n {
			continue
		}
		if w.served[0].token != n && w.served[1].token != n && w.served[2].token != n {
			return n
		}
	}
}

func (w *world) freshClient() int8 {
	for n := int8(1); ; n++ {
		if w.late == n || w.store.client() == n || w.m.client() == n || w.seats[0].client == n || w.seats[1].client == n {
			continue
		}
		if w.served[0].client != n && w.served[1].client != n && w.served[2].client != n {
			return n
		}
	}
}

// ---- the service ----

func (w *world) ok(token int8, left, age time.Duration) response {
	now := w.serviceNow()
	return response{verdict: verdictOK, date: now, token: tokens[token], issued: now.Add(-age), expiration: now.Add(left)}
}

func (w *world) refusal() response { return response{verdict: verdictRefused, date: w.serviceNow()} }

func (w *world) checkout(r *rules, client int8) response {
	for i := range w.served {
		s := &w.served[i]
		if s.client != client {
			continue
		}
		for _, x := range w.seats {
			switch {
			case x.token == 0 || x.client != client:
			case r.replays:
				return w.ok(s.token, s.left, s.age)
			default:
				return w.ok(x.token, x.left, s.age)
			}
		}
		*s = served{}
	}
	for i := range w.seats[:r.seats] {
		if w.seats[i].token != 0 {
			continue
		}
		for j := range w.seats { // an older seat of the same ClientToken has lost its name
			if w.seats[j].client == client {
				w.seats[j].client = 0
			}
		}
		w.seats[i] = modelSeat{w.freshToken(), client, r.life}
		for j := range w.served {
			if w.served[j].client == 0 {
				w.served[j] = served{client, w.seats[i].token, 0, r.life}
				return w.ok(w.seats[i].token, r.life, 0)
			}
		}
		panic("no place for a ClientToken")
	}
	return w.refusal()
}

func (w *world) extend(r *rules, token int8, change bool) response {
	x := w.find(token)
	if x == nil {
		return w.refusal()
	}
	x.left = r.life
	if change {
		x.token = w.freshToken()
	}
	return w.ok(x.token, r.life, 0)
}

func (w *world) checkIn(token int8) response {
	x := w.find(token)
	if x == nil {
		return w.refusal()
	}
	*x = modelSeat{}
	return response{verdict: verdictOK, date: w.serviceNow()}
}

// call does what the machine waits for.
func (w *world) call(r *rules, change bool) response {
	switch w.act {
	case taskCheckout:
		return w.checkout(r, w.m.client())
	case taskExtend:
		return w.extend(r, w.m.token(), change)
	}
	return w.checkIn(w.m.token())
}

// pass lets time pass, which the boot clock may miss.
func (w *world) pass(r *rules, d time.Duration, boot bool) {
	w.now += d
	if !boot {
		w.lag += d
	}
	for i := range w.seats {
		if x := &w.seats[i]; x.token != 0 {
			if x.left -= d; x.left <= 0 {
				*x = modelSeat{}
			}
		}
	}
	for i := range w.served {
		s := &w.served[i]
		if s.client == 0 {
			continue
		}
		s.age, s.left = s.age+d, s.left-d
		if s.age < r.window {
			continue
		}
		waits := w.store.Phase == phaseAsking && w.store.client() == s.client || w.m.Phase == phaseAsking && w.m.client() == s.client
		for _, x := range w.seats {
			if waits && x.token != 0 && x.client == s.client {
				w.why |= windowOver
			}
		}
		*s = served{}
	}
	w.waited = true
}

// ---- the driver ----

type stepper func(*settings, machine, event) (machine, action)

// tell gives the machine an event, and notes what it waits for then.
func (w *world) tell(c *settings, step stepper, e event) []EventType {
	e.now = w.clocks()
	e.fresh = clientTokens[w.freshClient()]
	if e.kind == eventResponded {
		w.last = e.verdict
		if e.sent.boot == 0 {
			e.sent = e.now
		}
	}
	m, a := step(c, w.m, e)
	w.m, w.act, w.limit, w.waited = m, a.do, a.limit, false
	if w.act == taskFinish {
		if m.unsaved {
			w.lose()
		}
		w.taken, w.takenUntil, w.up = m.taken, m.takenUntil, false
	}
	return a.notes
}

func (w *world) start(c *settings, step stepper, keeper bool) {
	w.m, w.up = machine{keeper: keeper}, true
	w.foreign = w.foreign && w.store.Phase != phaseNone
	w.tell(c, step, event{kind: eventStarted, record: w.store, foreign: w.foreign})
}

// save is the store's part of a save.
func (w *world) save() {
	for _, s := range w.seats { // a checkout of another Request is not sent again
		if w.foreign && w.store.Phase == phaseAsking && s.token != 0 && s.client == w.store.client() {
			w.why |= windowOver
		}
	}
	w.foreign = w.m.foreign
	w.store = record{OrphanUntil: w.m.OrphanUntil}
	if w.m.Phase != phaseNone {
		w.store = w.m.record
	}
}

// lose records the excuse for what only the killed process knew.
func (w *world) lose() {
	m := &w.m
	switch {
	case m.Phase != phaseHeld && m.Phase != phaseClosing || m.token() == w.store.token():
	case m.unsaved:
		w.why |= notSaved
	case m.state == held && m.doing == saving && w.store.Phase != phaseAsking:
		w.why |= tokenLost
	}
}

func (w *world) kill() {
	w.lose()
	w.m, w.up = machine{}, false
}

// ---- what is known of a seat ----

// isNamed reports whether the record names a live seat without another checkout.
func isNamed(r *record, x modelSeat) bool {
	return r.token() == x.token || r.dead() == x.token || r.Phase == phaseAsking && r.dead() == 0 && x.client != 0 && r.client() == x.client
}

// canName reports whether the record still leads to a live seat: by its token or,
// within the window, by its ClientToken.
func (w *world) canName(r *rules, rec *record, x modelSeat, safe time.Duration) bool {
	if rec.token() == x.token || rec.dead() == x.token {
		return true
	}
	if x.client == 0 || rec.client() != x.client {
		return false
	}
	for _, s := range w.served {
		if s.client == x.client && (!r.replays || s.token == x.token) {
			return rec.Phase == phaseAsking || rec.Phase == phaseHeld && s.age < safe
		}
	}
	return false
}

func (w *world) known(r *rules, x modelSeat, safe time.Duration) bool {
	return w.canName(r, &w.store, x, safe) || w.up && w.canName(r, &w.m.record, x, safe)
}

// tidy makes worlds equal that cannot be distinguished.
func (w *world) tidy() {
	if !w.up {
		w.m = machine{}
	}
	for i := range w.served {
		if n := w.served[i].client; n != 0 && w.late != n && w.store.client() != n && w.m.client() != n {
			w.served[i] = served{}
		}
	}
	for range 2 {
		for j := range 2 {
			if a, b := &w.served[j], &w.served[j+1]; b.client != 0 && (a.client == 0 || b.client < a.client) {
				*a, *b = *b, *a
			}
		}
	}
	all := w.late == 0 && w.live() < 2
	for i := range w.seats {
		x := &w.seats[i]
		if x.client != 0 && x.client != w.served[0].client && x.client != w.served[1].client && x.client != w.served[2].client {
			x.client = 0
		}
		all = all && (x.token == 0 || isNamed(&w.store, *x) || w.up && isNamed(&w.m.record, *x))
	}
	if all {
		w.why = 0
	}
	if w.live() == 0 && w.late == 0 {
		w.storeFailed = false
	}

	if w.seats[0].token == 0 {
		w.seats[0], w.seats[1] = w.seats[1], w.seats[0]
	}
}
