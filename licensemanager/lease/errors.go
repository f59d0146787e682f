package lease

import (
	"errors"
	"fmt"
	"time"
)

// ErrClosed is what Err returns after Close.
var ErrClosed = errors.New("the lease is closed")

var errOrphan = errors.New("a lost response may have left a seat that nobody can give back")

// errOddExpiry is the failure of an extension that succeeded without an
// expiry that can be used.
var errOddExpiry = errors.New("the extension succeeded, but its Expiration is unreadable or not ahead")

// LostError is what Err returns after a seat was lost.
type LostError struct {
	// At is when the lease was lost, by the wall clock.
	At time.Time

	// Err is the last reason why the seat could not be kept.
	Err error
}

func (e *LostError) Error() string {
	return "license seat lost at " + e.At.Format(time.RFC3339) + ": " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *LostError) Unwrap() error { return e.Err }

// TakenError says that a seat may stay taken although the lease has ended.
type TakenError struct {
	// Until is when the seat expires at the latest, by the service's clock. It
	// is zero if that is unknown, which is at most the life of a seat.
	Until time.Time

	// Err is why the lease ended, or why the seat was not given back.
	Err error
}

func (e *TakenError) Error() string {
	until := "until it expires"
	if !e.Until.IsZero() {
		until = "until " + e.Until.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("a license seat may stay taken %s: %v", until, e.Err)
}

// Unwrap returns the reason.
func (e *TakenError) Unwrap() error { return e.Err }
