package drawdown_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/licensemanager/drawdown"
)

// TestRandomSchedules runs random schedules of usage, lost responses, faults,
// pauses and crashes. In one half, somebody also sets the local clock at each
// crash; in the other, single responses have a wrong Date.
func TestRandomSchedules(t *testing.T) {
	seeds := uint64(6)
	if exhaustive {
		seeds = 100
	}
	for seed := range seeds {
		for _, setsClock := range []bool{true, false} {
			t.Run(fmt.Sprint(seed, " sets the clock: ", setsClock), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newSimulation(t, rand.New(rand.NewPCG(seed, 7)), setsClock)
					for range 60 {
						s.step()
					}
					s.finish()
				})
			})
		}
	}
}

// simulation is one schedule.
type simulation struct {
	*world
	random    *rand.Rand
	setsClock bool
	setClock  func(time.Duration)
	meter     *drawdown.Meter

	added    int64 // in all, and not lost in a crash
	inMemory int64 // since the last Flush
	twice    int64 // reported as charged once or twice
	wrong    int64 // how many Dates were wrong
	probing  bool  // a batch became unknown, and none was charged since then
	probes   int64 // how many of them became unknown
}

func newSimulation(t *testing.T, random *rand.Rand, setsClock bool) *simulation {
	wall, option := withClock()
	s := &simulation{
		world: newWorld(t, byHand, option), random: random, setsClock: setsClock,
		setClock: func(ahead time.Duration) { wall.Store(int64(ahead)) },
	}
	s.manager.SetSeats(1_000_000_000)
	s.start()
	return s
}

// start opens a Meter, which has a response before anything fails: until then, it
// does not know the service's clock.
func (s *simulation) start() {
	s.network.state.Store("")
	s.network.off.Store(0)
	s.server.ClearFaults()
	s.meter = s.world.meter()
	s.added, s.inMemory = s.added-s.inMemory, 0 // lost
	require.Equal(s, s.added, s.accounted())
	s.add()
	s.flush()
}

func (s *simulation) add() {
	n := 1 + s.random.Int64N(10)
	add(s.T, s.meter, n)
	s.added += n
	s.inMemory += n
}

func (s *simulation) flush() {
	before := s.meter.Totals()[seats].Charged
	s.check(s.meter.Flush(s.Context()))
	if s.meter.Totals()[seats].Charged > before {
		s.probing = false
	}
	s.inMemory = 0
}

// check counts what an error reports. After a batch became unknown, no other one
// of more than one unit does, until one was charged. Without a wrong local clock,
// a batch is given up only when it is old.
func (s *simulation) check(err error) {
	var unknown *drawdown.UnknownError
	if !errors.As(err, &unknown) {
		return
	}
	if s.probing {
		require.EqualValues(s, 1, unknown.Amounts[0].N)
		s.probes++
	}
	s.probing = true
	if unknown.Charged {
		s.twice += unknown.Amounts[0].N
	}
	if !s.setsClock {
		require.False(s, unknown.Charged)
		require.GreaterOrEqual(s, time.Since(unknown.Sent), 8*time.Minute)
	}
}

// accounted is what a Meter knows to have been added.
func (s *simulation) accounted() int64 {
	total := s.meter.Totals()[seats]
	return total.Charged + total.Unknown - s.twice + total.Owed
}

func (s *simulation) step() {
	switch s.random.IntN(12) {
	case 0, 1, 2:
		s.add()
	case 10: // a long outage
		s.network.state.Store([]string{"loses", "hangs"}[s.random.IntN(2)])
		for range 1 + s.random.IntN(4) {
			s.add()
			s.flush()
			time.Sleep(s.upTo(12 * time.Minute))
		}
	case 11:
		require.NoError(s, s.meter.Sync())
		s.inMemory = 0
	case 3, 4:
		s.flush()
	case 5:
		s.network.state.Store([]string{"", "", "loses", "down", "hangs"}[s.random.IntN(5)])
	case 6:
		faults := s.manager.Next(1+s.random.IntN(4), "CheckoutLicense")
		[]func(){
			func() { faults.Throttle() }, func() { faults.LoseAnswer() }, func() { faults.FailUntyped(http.StatusBadGateway) }, func() { faults.Fail(http.StatusInternalServerError) },
		}[s.random.IntN(4)]()
	case 7:
		time.Sleep(s.upTo(12 * time.Minute))
	case 8:
		if !s.setsClock {
			s.wrong++
			s.network.off.Store(int64(7*time.Minute) * s.wrong * (1 - s.wrong%2*2)) // no two agree
		}
	default:
		s.crash(s.meter)
		time.Sleep(s.upTo(15 * time.Minute))
		if s.setsClock {
			s.setClock(s.upTo(4*time.Hour) - 2*time.Hour)
		}
		s.start()
	}
}

// finish charges the rest, and compares the license with the totals.
func (s *simulation) finish() {
	s.network.state.Store("")
	s.server.ClearFaults()
	s.flush()
	s.check(s.meter.Close(s.Context()))
	total := s.meter.Totals()[seats]
	assert.LessOrEqual(s, s.taken(), total.Charged+total.Unknown, "everything that was charged is reported")
	assert.GreaterOrEqual(s, s.taken(), total.Charged, "what is reported as charged was charged")
	assert.Equal(s, s.added, s.accounted(), "no usage is lost")
	assert.Zero(s, total.Owed)
	s.Logf("%d probes became unknown", s.probes)
}

func (s *simulation) upTo(d time.Duration) time.Duration {
	return time.Duration(s.random.Int64N(int64(d)))
}
