package emulator

import (
	"container/heap"
	"time"

	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// entitlementKey identifies an entitlement of a license.
type entitlementKey struct {
	name string
	unit licensemanager.EntitlementUnit
}

// seats are the checkouts of all licenses. There may be very many, so that what
// an operation needs to know of them is counted as they begin and end.
type seats struct {
	byToken map[string]*checkout
	ending  expiries
}

// add begins a checkout, which must have its token.
func (s *seats) add(c *checkout) {
	s.byToken[c.token] = c
	c.from.checkouts[c] = struct{}{}
	c.count(1)
	c.place = -1
	if !c.expires.IsZero() {
		heap.Push(&s.ending, c)
	}
}

// end ends a checkout.
func (s *seats) end(c *checkout) {
	delete(s.byToken, c.token)
	delete(c.from.checkouts, c)
	c.count(-1)
	if c.place >= 0 {
		heap.Remove(&s.ending, c.place)
	}
}

// endExpired ends the checkouts that have expired. It is called before every
// operation, so that none sees an expired checkout.
func (s *seats) endExpired(now time.Time) {
	for len(s.ending) > 0 && !now.Before(s.ending[0].expires) {
		s.end(s.ending[0])
	}
}

// endAll ends every checkout of a license.
func (s *seats) endAll(from *license) {
	for c := range from.checkouts {
		s.end(c)
	}
}

// extend gives a checkout that expires another expiration and another token.
func (s *seats) extend(c *checkout, expires time.Time, token string) {
	c.expires = expires
	heap.Fix(&s.ending, c.place)
	delete(s.byToken, c.token)
	c.token = token
	s.byToken[token] = c
}

// count adds what is held to the counts of its license, or with a negative sign
// subtracts it. A feature is not counted.
func (c *checkout) count(sign int64) {
	for _, e := range c.held {
		if n, ok := amount(e.Value); ok && e.Unit != licensemanager.EntitlementUnitNone {
			c.from.consumed[entitlementKey{e.Name, e.Unit}] += sign * n
			if c.expires.IsZero() {
				c.from.drawn[entitlementKey{e.Name, e.Unit}] += sign * n
			}
		}
	}
}

// expiries are the checkouts that expire, as a heap with the next to expire
// first.
type expiries []*checkout

func (e expiries) Len() int           { return len(e) }
func (e expiries) Less(i, j int) bool { return e[i].expires.Before(e[j].expires) }

func (e expiries) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].place, e[j].place = i, j
}

func (e *expiries) Push(c any) {
	c.(*checkout).place = len(*e)
	*e = append(*e, c.(*checkout))
}

func (e *expiries) Pop() any {
	last := len(*e) - 1
	c := (*e)[last]
	(*e)[last], *e = nil, (*e)[:last]
	c.place = -1
	return c
}
