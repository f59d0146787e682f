package tip

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/seed-25f54b62/awstokens"
)

// Source returns a new JWT of the user: from a token issuer that Identity Center
// trusts, with the claim exp, and with another jti each time. It must return when
// its context ends.
type Source func(context.Context) (awstokens.Secret, error)

// assertion is a user's JWT. The zero value is none.
type assertion struct {
	token   awstokens.Secret
	id      [sha256.Size]byte // of issuer and jti
	expires time.Time
}

// readAssertion reads the claims of a JWT, without verifying it: that is the
// service's part. No error quotes the JWT.
func readAssertion(token awstokens.Secret) (assertion, error) {
	var claims struct {
		Issuer  string   `json:"iss"`
		ID      string   `json:"jti"`
		Expires *float64 `json:"exp"`
	}
	if err := readClaims(token, &claims); err != nil {
		return assertion{}, err
	}
	switch {
	case claims.ID == "":
		return assertion{}, errors.New("it has no claim jti, which tells it from every other JWT")
	case claims.Expires == nil:
		return assertion{}, errors.New("it has no claim exp")
	}
	return assertion{
		token:   token,
		id:      sha256.Sum256([]byte(claims.Issuer + "\x00" + claims.ID)),
		expires: unixTime(*claims.Expires),
	}, nil
}

// readClaims decodes the payload of a JWT.
func readClaims(token awstokens.Secret, claims any) error {
	parts := bytes.Split(token.AppendReveal(nil), []byte("."))
	if len(parts) != 3 {
		return errors.New("it is not a JWT: it does not have three parts")
	}
	for i, part := range parts {
		decoded, err := base64.RawURLEncoding.DecodeString(string(part))
		if err != nil || bytes.ContainsAny(part, "\r\n") { // which the decoder skips
			return errors.New("it is not a JWT: its parts are not in base64url")
		}
		if i == 1 && json.Unmarshal(decoded, claims) != nil {
			return errors.New("it is not a JWT: its claims cannot be read")
		}
	}
	return nil
}

// unixTime returns a NumericDate as a time; one beyond the year 9999 is its end.
func unixTime(seconds float64) time.Time {
	const endOf9999 = 253402300799
	return time.Unix(int64(min(max(0, math.Floor(seconds)), endOf9999)), 0)
}

// serviceClock is the time by the service's clock. It is known once a Date agrees
// with the local clock or with another Date: a single wrong one would have every
// JWT refused, and then no response could correct it. It is safe for concurrent
// use.
type serviceClock struct {
	now func() time.Time // the local clock

	mu    sync.Mutex
	known clockReading
	odd   clockReading // the last that agreed with nothing
}

// clockReading is the service's clock at a response. The zero value is none.
type clockReading struct {
	date time.Time
	at   time.Time // the local clock then
}

// time is the service's clock when the local one shows now.
func (r clockReading) time(now time.Time) time.Time { return r.date.Add(now.Sub(r.at)) }

// maxDisagreement is how far a Date may be from what it agrees with: it may be as
// old as a slow response.
const maxDisagreement = 2 * time.Minute

// maxClockError bounds what a Date is believed: a local clock that is a day off
// is common, a service whose clock is years off is not the service.
const maxClockError = 365 * 24 * time.Hour

// set takes the Date of a response. A zero one says nothing.
func (c *serviceClock) set(date time.Time) {
	now := c.now()
	if date.IsZero() || date.Sub(now).Abs() > maxClockError {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	near := func(t time.Time) bool { return date.Sub(t).Abs() <= maxDisagreement }
	r := clockReading{date, now}
	switch {
	case near(now), !c.known.date.IsZero() && near(c.known.time(now)), !c.odd.date.IsZero() && near(c.odd.time(now)):
		c.known, c.odd = r, clockReading{}
	default:
		c.odd = r
	}
}

// maxUnknownError is how far the local clock may be off before the service's is
// known.
const maxUnknownError = 24 * time.Hour

// isPast reports whether a time is past for sure.
func (c *serviceClock) isPast(t time.Time) bool {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known.date.IsZero() {
		return now.Sub(t) > maxUnknownError
	}
	return !c.known.time(now).Before(t)
}

// spentAssertions are the JWTs that the service may have processed, until they
// expire. It is safe for concurrent use.
type spentAssertions struct {
	clock *serviceClock

	mu      sync.Mutex
	expires map[[sha256.Size]byte]time.Time
	sweepAt int
}

// check returns an error if the JWT must not be sent.
func (s *spentAssertions) check(a assertion) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refuse(a)
}

func (s *spentAssertions) refuse(a assertion) error {
	if _, spent := s.expires[a.id]; spent {
		return errors.New("it was used before: the Source must return another one each time")
	}
	if s.clock.isPast(a.expires) {
		return fmt.Errorf("it expired at %s", a.expires.UTC().Format(time.RFC3339))
	}
	return nil
}

// spend marks a JWT that is about to be sent. It returns an error if the JWT must
// not be.
func (s *spentAssertions) spend(a assertion) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refuse(a); err != nil {
		return err
	}
	if len(s.expires) >= s.sweepAt {
		s.sweep()
	}
	s.expires[a.id] = a.expires
	return nil
}

// unspend takes back spend.
func (s *spentAssertions) unspend(a assertion) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.expires, a.id)
}

// sweep forgets what expired more than a day ago. It runs when the number has
// doubled, so that the cost of a JWT does not grow with the number.
func (s *spentAssertions) sweep() {
	const least = 64
	if s.expires == nil {
		s.expires = make(map[[sha256.Size]byte]time.Time)
	}
	for id, expires := range s.expires {
		if s.clock.isPast(expires.Add(maxUnknownError)) {
			delete(s.expires, id)
		}
	}
	s.sweepAt = max(least, 2*len(s.expires))
}
