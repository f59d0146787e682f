package drawdown

import (
	"math"
	"time"
)

// The types of records.
const (
	typeHead    = "head"    // the first one
	typeOwe     = "owe"     // amounts that were added and not sent
	typeBatch   = "batch"   // a part or all of what is owed, about to be sent
	typeDone    = "done"    // the response to the batch: what was charged; the rest is owed
	typeUnknown = "unknown" // the batch may have been charged, and nobody can know
	typeForget  = "forget"  // what is owed of an entitlement is dropped
)

const journalVersion = 1

// record is a line of the journal. Times are by the local clock, except Service.
type record struct {
	Type string    `json:"type"`
	Time time.Time `json:"time"`

	Version int       `json:"version,omitzero"` // of a head
	Of      *identity `json:"of,omitzero"`      // of a head
	Charged []Amount  `json:"charged,omitzero"` // of a head: so far; of a done
	Unknown []Amount  `json:"unknown,omitzero"` // of a head: so far; of a done: what may have been charged twice
	Owed    []Amount  `json:"owed,omitzero"`    // of a head and of an owe; of a batch: what is owed apart from it
	Probing bool      `json:"probing,omitzero"` // of a head

	Token   string    `json:"token,omitzero"`   // ClientToken of a batch; in a done and an unknown, that of their batch
	NodeID  string    `json:"nodeId,omitzero"`  // of a batch
	Service time.Time `json:"service,omitzero"` // of a batch: when it is first sent, by the service's clock, as far as that is known
	Amounts []Amount  `json:"amounts,omitzero"` // of a batch
	Settled bool      `json:"settled,omitzero"` // of a done: the service charged or denied the batch
	Name    string    `json:"name,omitzero"`    // of a forget: the entitlement
}

// identity is what a journal belongs to. NodeID is not part of it, because it
// may change.
type identity struct {
	ProductSKU     string `json:"productSku"`
	KeyFingerprint string `json:"keyFingerprint"`
	Beneficiary    string `json:"beneficiary,omitzero"`
}

// state is what the records of a journal amount to.
type state struct {
	charged, unknown, owed ledger
	open                   *record // the batch that has no response

	// probing means that a batch became unknown, and the service has charged or
	// denied none since then: the next one is a probe.
	probing bool
}

// apply changes the state by the next record. It returns false if the record
// cannot follow those before it.
func (s *state) apply(r record) bool {
	var batch record
	if r.Type == typeDone || r.Type == typeUnknown {
		if s.open == nil || r.Token != s.open.Token {
			return false
		}
		batch, s.open = *s.open, nil
	}
	switch r.Type {
	case typeHead:
		s.charged.add(r.Charged...)
		s.unknown.add(r.Unknown...)
		s.owed.add(r.Owed...)
		s.probing = r.Probing
		return r.Version == journalVersion && r.Of != nil
	case typeOwe:
		s.owed.add(r.Owed...)
		return true
	case typeBatch:
		if s.open != nil || r.Token == "" {
			return false
		}
		clear(s.owed)
		s.owed.add(r.Owed...)
		s.open = &r
		return true
	case typeDone:
		s.charged.add(r.Charged...)
		s.unknown.add(r.Unknown...)
		s.owed.add(lacking(batch.Amounts, r.Charged)...)
		s.probing = s.probing && !r.Settled
		return true
	case typeUnknown:
		s.unknown.add(batch.Amounts...)
		s.probing = true
		return true
	case typeForget:
		s.owed.forget(r.Name)
		return r.Name != ""
	}
	return false
}

// room is how much more can be added of a name and unit so that no sum exceeds
// an int64, whatever becomes of what was added.
func (s *state) room(key Amount, pending int64) int64 {
	room := math.MaxInt64 - pending
	for _, l := range []ledger{s.charged, s.unknown, s.owed} {
		room -= min(room, l[key])
	}
	if s.open != nil {
		for _, a := range s.open.Amounts {
			if a.Name == key.Name && a.Unit == key.Unit {
				room -= min(room, a.N)
			}
		}
	}
	return room
}
