package lease

import (
	"testing"
	"time"
)

// A mutant is the protocol without one rule.
type mutant func(*settings, machine, event) (machine, action)

// mutants are the protocol without one of its rules.
var mutants = []struct {
	name   string
	change func(*config)
	step   mutant
}{
	{"a refused extension ends the seat", nil, func(c *settings, m machine, e event) (machine, action) {
		if e.kind == eventResponded && m.state == extending && e.verdict == verdictRefused {
			t := turn{machine: m, c: c, e: &e}
			t.ask()
			return t.machine, t.action()
		}
		return step(c, m, e)
	}},
	{"the old token is not checked in before it is replaced", nil, func(c *settings, m machine, e event) (machine, action) {
		m, a := step(c, m, e)
		if m.state != replacing {
			return m, a
		}
		t := turn{machine: m, c: c, e: &e}
		t.ask()
		return t.machine, t.action()
	}},
	{"two refusals end the seat before its expiry", nil, func(c *settings, m machine, e event) (machine, action) {
		if e.kind == eventResponded && m.state == extending && e.verdict == verdictRefused && m.strikes == 1 {
			m.strikes, m.Lo = 2, epoch
		}
		return step(c, m, e)
	}},
	{"a start sends a new ClientToken", nil, func(c *settings, m machine, e event) (machine, action) {
		if e.kind == eventStarted && e.record.Phase == phaseAsking {
			e.record = record{}
		}
		return step(c, m, e)
	}},
	{"a checkout without a response is sent with a new ClientToken", nil, func(c *settings, m machine, e event) (machine, action) {
		if e.kind == eventWoke && m.state == asking && m.ambiguous && !m.stop {
			t := turn{machine: m, c: c, e: &e}
			t.ask()
			return t.machine, t.action()
		}
		return step(c, m, e)
	}},
	{"a ClientToken is sent before it is saved", nil, func(c *settings, m machine, e event) (machine, action) {
		m, a := step(c, m, e)
		if m.state == asking && m.doing == saving {
			m.doing = calling
			a.do = taskCheckout
		}
		return m, a
	}},
	{"a ClientToken is sent though it could not be saved", nil, func(c *settings, m machine, e event) (machine, action) {
		if e.kind == eventSaved && m.state == asking {
			e.ok = true
		}
		return step(c, m, e)
	}},
	{"an extension is sent before it is saved as pending", nil, func(c *settings, m machine, e event) (machine, action) {
		m, a := step(c, m, e)
		if m.state == extending && m.doing == saving {
			m.doing = calling
			a.do = taskExtend
		}
		return m, a
	}},
	{"a start trusts the record's expiry", func(c *config) { c.kinds = of(unsaved, killed, refused) }, func(c *settings, m machine, e event) (machine, action) {
		if e.kind == eventResponded && m.state == extending && e.verdict == verdictRefused && !m.maybeExtended && !e.date.Before(m.Lo) {
			t := turn{machine: m, c: c, e: &e}
			t.ask()
			return t.machine, t.action()
		}
		return step(c, m, e)
	}},
	{"giving back sends the ClientToken after the window", nil, func(c *settings, m machine, e event) (machine, action) {
		late := *c.timing
		if m.stop || e.kind == eventStopped {
			late.window = 1000 * time.Hour
		}
		return step(&settings{c.renewAt, c.grace, &late}, m, e)
	}},
	{"a checkout sent again after the window notes no second seat", nil, func(c *settings, m machine, e event) (machine, action) {
		n, a := step(c, m, e)
		if m.state == asking && e.kind == eventResponded && e.verdict == verdictOK {
			n.OrphanUntil = m.OrphanUntil
		}
		return n, a
	}},
	{"an extension without a response notes no orphan", nil, func(c *settings, m machine, e event) (machine, action) {
		m.maybeExtended = m.maybeExtended && m.state == extending && e.kind == eventResponded && e.verdict == verdictOK
		return step(c, m, e)
	}},
	{"one refusal of a check-in is believed", nil, func(c *settings, m machine, e event) (machine, action) {
		if m.state == closing {
			m.strikes = 2
		}
		return step(c, m, e)
	}},
	{"a check-in is not sent again", nil, func(c *settings, m machine, e event) (machine, action) {
		if m.state == closing && e.kind == eventResponded {
			e.verdict = verdictOK
		}
		return step(c, m, e)
	}},
	{"a denial after a checkout without a response is believed", func(c *config) { c.keeper = false }, func(c *settings, m machine, e event) (machine, action) {
		if m.state == asking && e.kind == eventResponded && e.verdict == verdictRefused {
			m.ambiguous, e.maybe = false, false
		}
		return step(c, m, e)
	}},
	{"an attempt before the refusal is ignored", nil, func(c *settings, m machine, e event) (machine, action) {
		e.maybe = false
		return step(c, m, e)
	}},
	{"a changed token is ignored", nil, func(c *settings, m machine, e event) (machine, action) {
		if m.state == extending && e.verdict == verdictOK {
			e.token = m.Token
		}
		return step(c, m, e)
	}},
	{"the first response, sent again, is Active", func(c *config) { c.life, c.window, c.safe, c.replays = 3, 6, 5, true }, func(c *settings, m machine, e event) (machine, action) {
		if m.state == asking {
			m.Dead = tokens[0]
		}
		return step(c, m, e)
	}},
	{"Active goes by the boot clock alone", func(c *config) { c.noBoot, c.kinds = true, of(suspended, notSent) }, func(c *settings, m machine, e event) (machine, action) {
		m, a := step(c, m, e)
		m.active.wall, m.renew.wall = endless, endless
		return m, a
	}},
	{"Active goes by the wall clock alone", nil, func(c *settings, m machine, e event) (machine, action) {
		m, a := step(c, m, e)
		m.active.boot, m.renew.boot = 1<<60, 1<<60
		return m, a
	}},
	{"Lost goes by the wall clock", nil, func(c *settings, m machine, e event) (machine, action) {
		m.lapse = e.now.boot + m.active.wall.Sub(e.now.wall)
		return step(c, m, e)
	}},
	{"a claim does not lapse", func(c *config) { c.kinds = of(notSent, suspended) }, func(c *settings, m machine, e event) (machine, action) {
		m.lapse = 1 << 60
		return step(c, m, e)
	}},
	{"a failed renewal ends the claim", nil, func(c *settings, m machine, e event) (machine, action) {
		m.lapse = 0
		return step(c, m, e)
	}},
	{"the window is taken to be longer than it is", func(c *config) { c.safe = 9 }, step},
	{"the seat of another Request is not given back", anotherRequest, func(c *settings, m machine, e event) (machine, action) {
		if e.kind == eventStarted && e.foreign && e.record.Phase != phaseAsking {
			e.record, e.foreign = record{}, false
		}
		return step(c, m, e)
	}},
	{"one refusal of a check-in for another Request is believed", anotherRequest, func(c *settings, m machine, e event) (machine, action) {
		if m.foreign && m.state == replacing {
			m.strikes = 2
		}
		return step(c, m, e)
	}},
	{"the checkout of another Request is forgotten", anotherRequest, func(c *settings, m machine, e event) (machine, action) {
		if e.kind == eventStarted && e.foreign && e.record.Phase == phaseAsking {
			e.record, e.foreign = record{}, false
		}
		return step(c, m, e)
	}},
	{"a seat is not given back after its confirmed expiry", nil, func(c *settings, m machine, e event) (machine, action) {
		if m.stop || e.kind == eventStopped {
			m.Hi = m.Lo
		}
		return step(c, m, e)
	}},
	{"a resumed seat is not given back after its expiry", nil, func(c *settings, m machine, e event) (machine, action) {
		if m.stop || e.kind == eventStopped {
			m.resumed = false
		}
		return step(c, m, e)
	}},
	{"a seat that is gone is not replaced", nil, func(c *settings, m machine, e event) (machine, action) {
		if m.state == extending {
			m.strikes = 0
			m.resumed = true
		}
		return step(c, m, e)
	}},
}

// The exploration finds a violation if any rule is missing.
func TestExplorationFindsMissingRules(t *testing.T) {
	t.Parallel()
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			c := with(m.name, func(c *config) {
				c.seats, c.mutant = 2, m.step
				if m.change != nil {
					m.change(c)
				}
			})
			for k := int8(1); k <= 3; k++ {
				if underRace && k > 2 {
					t.Skip("takes long under the race detector")
				}
				x := explore(&c, k)
				for what, id := range x.found {
					t.Logf("%d faults, %d worlds: %s:\n%s", k, len(x.seen), what, x.trace(id))
				}
				if len(x.found) > 0 {
					return
				}
			}
			t.Error("the exploration found no violation")
		})
	}
}
