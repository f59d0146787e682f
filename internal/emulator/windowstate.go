package emulator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// The window shows at most windowRows rows of a section. It does not look into a
// collection of more than windowItems items.
const (
	windowRows  = 30
	windowItems = 5000
)

// section is a part of the state. The page knows how to show any.
type section struct {
	Title string
	Rows  []row
	More  int // number of rows that are not shown
}

type row struct {
	Name   string
	Detail string    `json:",omitzero"`
	Until  time.Time `json:",omitzero"`
	Used   int64     // how much of Of is used, for a bar
	Of     int64     `json:",omitzero"`
	Decide string    `json:",omitzero"` // ID by which the login is approved or denied
}

// state returns the time and the state as JSON, which stays equal while only the
// time changes.
func (v *window) state() (now time.Time, text []byte) {
	v.clock.mu.Lock()
	now, at, since, frozen := v.clock.read(), v.clock.at, v.clock.since, v.clock.frozen
	v.clock.mu.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.licenses.seats.endExpired(now)
	licenses, seats := v.licenseRows(now)
	text, err := json.Marshal(object{
		"Frozen": frozen,
		"Clock":  fmt.Sprint(at, since), // so that moving the clock is a change
		"Sections": []section{
			v.waitingRows(now), licenses, seats, v.grantRows(), v.tokenRows(),
			rowsOf("Logins", &v.identity.accessTokens, func(t *oidcToken) (row, bool) {
				return row{
					Name:   cmp.Or(v.identity.clientName(t.clientID), portalUser),
					Detail: strings.Join(t.scopes, " "), Until: t.expires,
				}, !t.login.ended && now.Before(t.expires)
			}),
			rowsOf("Role sessions", &v.keys, func(k *accessKey) (row, bool) {
				detail := k.id
				if k.user != "" {
					detail += " for " + k.user
				}
				return row{Name: k.arn, Detail: detail, Until: k.expires}, k.sessionToken != "" && now.Before(k.expires)
			}),
			rowsOf("Propagated users", &v.identity.contexts, func(c identityContext) (row, bool) {
				return row{Name: c.user, Detail: c.application, Until: c.expires}, now.Before(c.expires)
			}),
			v.faultRows(),
		},
	})
	if err != nil {
		panic(err) // it is made of strings, numbers and times
	}
	return now, text
}

// rowsOf returns a section of the values of a store that describe admits, newest
// first.
func rowsOf[K comparable, V any](title string, from *store[K, V], describe func(V) (row, bool)) section {
	s := section{Title: title}
	if len(from.entries) > windowItems {
		s.More = len(from.entries)
		return s
	}
	for _, entry := range slices.SortedFunc(maps.Values(from.entries), func(a, b stored[V]) int { return cmp.Compare(b.nth, a.nth) }) {
		if r, ok := describe(entry.value); ok {
			s.add(r)
		}
	}
	return s
}

func (s *section) add(r row) {
	if len(s.Rows) == windowRows {
		s.More++
		return
	}
	s.Rows = append(s.Rows, r)
}

// newest returns the windowRows newest items, newest first.
func newest[T any](all collection[T]) []T {
	some := slices.Clone(all.items[max(0, len(all.items)-windowRows):])
	slices.Reverse(some)
	return some
}

func (v *window) waitingRows(now time.Time) section {
	s := rowsOf("Waiting logins", &v.identity.devices, func(g *deviceGrant) (row, bool) {
		// A user code is secret until it is used. Its end is enough to compare.
		return row{
			Name: v.identity.clientName(g.clientID), Detail: "device with a code that ends in " + g.userCode[5:],
			Until: g.expires, Decide: idOf(g.userCode),
		}, g.state == devicePending && now.Before(g.expires)
	})
	for id, entry := range v.waiting.entries {
		if login := entry.value; now.Before(login.expires) {
			s.add(row{
				Name: v.identity.clientName(login.request.ClientID), Detail: "browser, " + strings.Join(login.request.Scopes, " "),
				Until: login.expires, Decide: id,
			})
		}
	}
	slices.SortStableFunc(s.Rows, func(a, b row) int { return cmp.Or(a.Until.Compare(b.Until), cmp.Compare(a.Decide, b.Decide)) })
	return s
}

func (v *window) licenseRows(now time.Time) (licenses, seats section) {
	all := v.licenses.licenses
	licenses = section{Title: "Licenses", More: max(0, len(all.items)-windowRows)}
	seats.Title = "Seats"
	var held []*checkout
	for _, l := range newest(all) {
		license := l.current()
		for _, e := range license.Entitlements {
			key := entitlementKey{e.Name, e.Unit}
			r := row{
				Name:   cmp.Or(license.LicenseName, license.ProductName, license.ProductSKU) + ": " + e.Name,
				Detail: string(l.status(now)) + ", " + l.arn, Until: l.ends(), Used: l.consumed[key],
			}
			if most := limit(&e); e.MaxCount != nil {
				r.Of = max(*e.MaxCount, 1)
				r.Detail = fmt.Sprintf("%d of %d, ", r.Used, *e.MaxCount) + r.Detail
				if most == math.MaxInt64 {
					r.Detail = "overage allowed, " + r.Detail
				}
			}
			if drawn := l.drawn[key]; drawn > 0 {
				r.Detail = fmt.Sprintf("%d drawn down, ", drawn) + r.Detail
			}
			licenses.Rows = append(licenses.Rows, r)
		}
		if len(held)+len(l.checkouts) > windowItems {
			seats.More += len(l.checkouts)
			continue
		}
		held = slices.AppendSeq(held, maps.Keys(l.checkouts))
	}
	slices.SortFunc(held, func(a, b *checkout) int { return cmp.Or(b.issued.Compare(a.issued), cmp.Compare(a.token, b.token)) })
	for _, c := range held {
		what := []string{c.account, string(c.kind)}
		if c.borrowed {
			what[1] = "borrowed"
		}
		for _, e := range c.held {
			what = append(what, strings.TrimSpace(e.Name+" "+e.Value))
		}
		seats.add(row{Name: cmp.Or(c.nodeID, c.account), Detail: strings.Join(what, ", "), Until: c.expires})
	}
	return licenses, seats
}

func (v *window) grantRows() section {
	s := section{Title: "Grants", More: max(0, len(v.licenses.grants.items)-windowRows)}
	for _, g := range newest(v.licenses.grants) {
		s.add(row{Name: cmp.Or(g.current().GrantName, g.arn), Detail: fmt.Sprintf("%s, %s to %s, %s", g.current().GrantStatus, g.grantor, g.grantee, g.of.arn)})
	}
	return s
}

func (v *window) tokenRows() section {
	s := section{Title: "Tokens", More: max(0, len(v.licenses.tokens.items)-windowRows)}
	for _, t := range newest(v.licenses.tokens) {
		s.add(row{Name: t.id, Detail: v.licenses.describe(t).Status + ", " + t.input.LicenseArn, Until: t.expires})
	}
	return s
}

func (v *window) faultRows() section {
	s := section{Title: "Scripted faults"}
	v.faults.mu.Lock()
	defer v.faults.mu.Unlock()
	for _, f := range v.faults.scripted {
		name := cmp.Or(f.when.Operation, "every operation")
		which := fmt.Sprintf("the next %d", f.when.Next)
		if f.when.OneIn > 0 {
			which = fmt.Sprintf("one in %d", f.when.OneIn)
		}
		s.add(row{Name: string(f.when.Service) + " " + name, Detail: which + ": " + f.fault.describe(name)})
	}
	return s
}
