package clock

import (
	"time"

	"github.com/seed-25f54b62/awstokens"
)

// Service is the clock of a service, known from the Date headers of its
// responses. The zero value knows nothing. It is not safe for concurrent use.
type Service struct {
	date  time.Time // zero: unknown
	at    time.Duration
	heard bool // a Date was believed, so that date is not a guess

	odd   time.Time // the last Date that was not believed; zero: none
	oddAt time.Duration
}

// Now returns the time of the service, or the zero time if it is unknown.
func (s *Service) Now(c awstokens.Clock) time.Time {
	if s.date.IsZero() {
		return time.Time{}
	}
	return s.date.Add(c.Elapsed() - s.at)
}

// Likely returns Now or, if that is unknown, what the last Date leads to expect.
func (s *Service) Likely(c awstokens.Clock) time.Time {
	if s.date.IsZero() && !s.odd.IsZero() {
		return s.odd.Add(c.Elapsed() - s.oddAt)
	}
	return s.Now(c)
}

// Heard reports whether a Date was believed.
func (s *Service) Heard() bool { return s.heard }

// Guess sets the clock to a time that no response has given.
func (s *Service) Guess(c awstokens.Clock, date time.Time) {
	*s = Service{date: date, at: c.Elapsed()}
}

// Hear takes the Date of a response, and reports whether it is believed. It is
// if it differs by at most the tolerance from the local clock, from what the
// Dates before it lead to expect, or from the last Date that was not believed.
// So neither one wrong Date nor a wrong local clock has an effect, and two Dates
// that agree have.
func (s *Service) Hear(c awstokens.Clock, date time.Time, tolerance time.Duration) bool {
	elapsed := c.Elapsed()
	near := func(t time.Time) bool { return date.Sub(t).Abs() <= tolerance }
	if near(c.Now()) || s.heard && near(s.Now(c)) || !s.odd.IsZero() && near(s.odd.Add(elapsed-s.oddAt)) {
		*s = Service{date: date, at: elapsed, heard: true}
		return true
	}
	s.odd, s.oddAt = date, elapsed
	return false
}
