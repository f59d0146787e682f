package emulator

import (
	"cmp"
	"slices"
	"time"
)

// keepExpired is how long something is remembered after it has expired, so that
// its owner is told so.
const keepExpired = 24 * time.Hour

// store keeps values that expire. It forgets them a day after they have expired
// and, if it has a limit, the oldest beyond that. It looks for what to forget
// only when it has doubled, so that the cost of a call does not grow with what
// it holds.
type store[K comparable, V any] struct {
	limit   int // 0 for none
	entries map[K]stored[V]
	puts    int
	sweepAt int
}

type stored[V any] struct {
	value V
	until time.Time // when it expires; zero for never
	nth   int       // place in the order of all puts
}

func (s stored[V]) forgotten(now time.Time) bool {
	return !s.until.IsZero() && !now.Before(s.until.Add(keepExpired))
}

// put keeps a value, in the place of an earlier one of the same key.
func (s *store[K, V]) put(now time.Time, key K, value V, until time.Time) {
	if len(s.entries) >= s.sweepAt {
		s.sweep(now)
	}
	s.puts++
	s.entries[key] = stored[V]{value, until, s.puts}
}

// get returns the value of a key, or the zero value.
func (s *store[K, V]) get(now time.Time, key K) (value V, ok bool) {
	if found, ok := s.entries[key]; ok && !found.forgotten(now) {
		return found.value, true
	}
	return value, false
}

func (s *store[K, V]) delete(key K) { delete(s.entries, key) }

func (s *store[K, V]) sweep(now time.Time) {
	const least = 64
	if s.entries == nil {
		s.entries = map[K]stored[V]{}
	}
	for key, entry := range s.entries {
		if entry.forgotten(now) {
			delete(s.entries, key)
		}
	}
	if s.limit > 0 && len(s.entries) >= s.limit {
		s.dropOldest(len(s.entries) - s.limit/2)
	}
	s.sweepAt = max(least, 2*len(s.entries))
	if s.limit > 0 {
		s.sweepAt = min(s.sweepAt, s.limit)
	}
}

func (s *store[K, V]) dropOldest(n int) {
	type aged struct {
		key K
		nth int
	}
	all := make([]aged, 0, len(s.entries))
	for key, entry := range s.entries {
		all = append(all, aged{key, entry.nth})
	}
	slices.SortFunc(all, func(a, b aged) int { return cmp.Compare(a.nth, b.nth) })
	for _, a := range all[:n] {
		delete(s.entries, a.key)
	}
}

// collection is a list, in the order of creation, that can be read by ID.
type collection[T any] struct {
	items []T
	at    map[string]int // position by ID
}

func (c *collection[T]) add(id string, item T) {
	if c.at == nil {
		c.at = map[string]int{}
	}
	c.at[id] = len(c.items)
	c.items = append(c.items, item)
}

// get returns the item of an ID, or the zero value.
func (c *collection[T]) get(id string) (item T) {
	if i, ok := c.at[id]; ok {
		return c.items[i]
	}
	return item
}

// of returns the items of some IDs, in the order of creation, or all items if
// there are no IDs.
func (c *collection[T]) of(ids []string) []T {
	if len(ids) == 0 {
		return c.items
	}
	var positions []int
	for _, id := range ids {
		if i, ok := c.at[id]; ok {
			positions = append(positions, i)
		}
	}
	slices.Sort(positions)
	var items []T
	for _, i := range slices.Compact(positions) {
		items = append(items, c.items[i])
	}
	return items
}
