package clock_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/seed-25f54b62/awstokens/internal/clock"
)

// fake is a clock that a test sets.
type fake struct {
	now     time.Time
	elapsed time.Duration
}

func (f *fake) Now() time.Time                           { return f.now }
func (f *fake) Elapsed() time.Duration                   { return f.elapsed }
func (*fake) Sleep(context.Context, time.Duration) error { return nil }

func (f *fake) pass(d time.Duration) {
	f.now, f.elapsed = f.now.Add(d), f.elapsed+d
}

func TestService(t *testing.T) {
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	const far = 5 * time.Hour
	c := &fake{now: start}
	var s clock.Service
	hear := func(date time.Time) bool { return s.Hear(c, date, time.Minute) }

	assert.Zero(t, s.Now(c))
	assert.Zero(t, s.Likely(c))
	assert.False(t, hear(start.Add(far)), "the local clock contradicts, and nothing else is known")
	assert.Zero(t, s.Now(c))
	assert.Equal(t, start.Add(far), s.Likely(c))
	assert.False(t, s.Heard())
	assert.True(t, hear(start.Add(time.Minute)), "the local clock agrees")
	assert.True(t, s.Heard())
	c.pass(time.Hour)
	assert.Equal(t, start.Add(time.Hour+time.Minute), s.Now(c))
	assert.Equal(t, s.Now(c), s.Likely(c))

	c.now = c.now.Add(-far)
	assert.Equal(t, start.Add(time.Hour+time.Minute), s.Now(c), "setting the local clock has no effect")
	assert.True(t, hear(start.Add(time.Hour)), "it is what the Dates before it lead to expect")

	assert.False(t, hear(start.Add(far)))
	assert.Equal(t, start.Add(time.Hour), s.Now(c), "one wrong Date has no effect")
	assert.True(t, hear(start.Add(time.Hour)))
	assert.False(t, hear(start.Add(far)), "a Date that is right has come between the wrong ones")
	c.pass(time.Minute)
	assert.True(t, hear(start.Add(far+time.Minute)), "two agree")
	assert.Equal(t, start.Add(far+time.Minute), s.Now(c))

	s.Guess(c, start)
	assert.Equal(t, start, s.Now(c))
	assert.False(t, s.Heard())
	assert.False(t, hear(start), "a guess is no evidence")
	assert.True(t, hear(start))
}
