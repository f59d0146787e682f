package tip

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"sync"
	"time"

	"github.com/seed-25f54b62/awstokens"
)

// Source returns a new JWT of the user, issued by a token issuer that Identity
// Center trusts. The JWT must have the claims exp and jti, with another jti each
// time. A Source must return when its context ends.
type Source func(context.Context) (awstokens.Secret, error)

// userJWT is a user's JWT. The zero value is none.
type userJWT struct {
	token   awstokens.Secret
	id      [sha256.Size]byte // of issuer and jti
	expires time.Time
}

// readJWT reads the claims of a JWT. It does not verify them, which the service
// does. No error quotes the JWT.
func readJWT(token awstokens.Secret) (userJWT, error) {
	var claims struct {
		Issuer  string   `json:"iss"`
		ID      string   `json:"jti"`
		Expires *float64 `json:"exp"`
	}
	if err := readClaims(token, &claims); err != nil {
		return userJWT{}, err
	}
	switch {
	case claims.ID == "":
		return userJWT{}, errors.New("it has no claim jti")
	case claims.Expires == nil:
		return userJWT{}, errors.New("it has no claim exp")
	}
	return userJWT{
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

// unixTime returns the time of a NumericDate, which is at most the end of 9999.
func unixTime(seconds float64) time.Time {
	const endOf9999 = 253402300799
	return time.Unix(int64(min(max(0, math.Floor(seconds)), endOf9999)), 0)
}

// spentJWTs are the JWTs that the service may have processed and that have not
// expired long ago. It is safe for concurrent use.
type spentJWTs struct {
	clock *serviceClock

	mu      sync.Mutex
	expires map[[sha256.Size]byte]time.Time
	sweepAt int
}

// check returns an error if the JWT must not be sent.
func (s *spentJWTs) check(jwt userJWT) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refuse(jwt)
}

func (s *spentJWTs) refuse(jwt userJWT) error {
	if _, spent := s.expires[jwt.id]; spent {
		return errors.New("it was used before: the Source must return another one each time")
	}
	if s.clock.isPast(jwt.expires) {
		return fmt.Errorf("it expired at %s", jwt.expires.UTC().Format(time.RFC3339))
	}
	return nil
}

// spend records a JWT that is about to be sent, or returns an error if it must not
// be sent.
func (s *spentJWTs) spend(jwt userJWT) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.refuse(jwt); err != nil {
		return err
	}
	if len(s.expires) >= s.sweepAt {
		s.sweep()
	}
	s.expires[jwt.id] = jwt.expires
	return nil
}

// unspend removes a JWT that was not sent, or that the service did not process.
func (s *spentJWTs) unspend(jwt userJWT) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.expires, jwt.id)
}

// sweep removes the JWTs that expired more than a day ago. It runs when the number
// has doubled, so that the cost of a JWT does not grow with the number.
func (s *spentJWTs) sweep() {
	if s.expires == nil {
		s.expires = make(map[[sha256.Size]byte]time.Time)
	}
	maps.DeleteFunc(s.expires, func(_ [sha256.Size]byte, expires time.Time) bool {
		return s.clock.isPast(expires.Add(maxUnknownError))
	})
	s.sweepAt = max(64, 2*len(s.expires))
}
