package drawdown

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// Amount is an amount of an entitlement.
type Amount struct {
	Name string                         `json:"name"` // of the entitlement
	Unit licensemanager.EntitlementUnit `json:"unit"`
	N    int64                          `json:"n"`
}

// ledger is a sum for each name and unit. The N of its keys is 0.
type ledger map[Amount]int64

func (l ledger) add(amounts ...Amount) {
	for _, a := range amounts {
		n := a.N
		a.N = 0
		l[a] += min(n, math.MaxInt64-l[a]) // Meter.Add keeps the sums below that
	}
}

func (l ledger) subtract(amounts ...Amount) {
	for _, a := range amounts {
		n := a.N
		a.N = 0
		if l[a] -= n; l[a] == 0 {
			delete(l, a)
		}
	}
}

// forget removes the sums of a name, in every unit.
func (l ledger) forget(name string) {
	maps.DeleteFunc(l, func(a Amount, _ int64) bool { return a.Name == name })
}

// probe takes out one unit: of the entitlement with the largest sum, where it
// matters least.
func (l ledger) probe() []Amount {
	one := slices.MaxFunc(l.list(), func(a, b Amount) int { return cmp.Compare(a.N, b.N) })
	one.N = 1
	l.subtract(one)
	return []Amount{one}
}

// list returns the sums, sorted.
func (l ledger) list() (list []Amount) {
	for a, n := range l {
		a.N = n
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b Amount) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Unit, b.Unit))
	})
	return list
}

// lacking returns what is in asked and not in granted.
func lacking(asked, granted []Amount) (list []Amount) {
	for _, a := range asked {
		for _, g := range granted {
			if g.Name == a.Name && g.Unit == a.Unit {
				a.N -= g.N
			}
		}
		if a.N > 0 {
			list = append(list, a)
		}
	}
	return list
}
