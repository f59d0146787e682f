package lease

import (
	"errors"
	"fmt"
	"time"
)

// ErrClosed is what [Lease.Err] and [Keeper.Err] return after Close.
var ErrClosed = errors.New("the lease is closed")

var (
	errOrphan    = errors.New("a lost response may have left a seat that nobody can give back")
	errOddExpiry = errors.New("the extension succeeded, but its Expiration is unreadable or not ahead")
	errAsking    = errors.New("the checkout has no response yet")
)

// LostError is what [Lease.Err] returns after the seat was lost.
type LostError struct {
	// At is when the lease was lost, by the wall clock.
	At time.Time

	// Err is the last reason why the seat could not be kept.
	Err error
}

// Error says when the seat was lost, and why.
func (e *LostError) Error() string {
	return fmt.Sprintf("license seat lost at %s: %v", e.At.Format(time.RFC3339), e.Err)
}

// Unwrap returns the reason.
func (e *LostError) Unwrap() error { return e.Err }

// TakenError says that a seat may stay taken although the lease has ended. It need
// not be the one that was held: a lost response may have left another, which
// nobody can give back.
type TakenError struct {
	// Until is when the seat expires at the latest, by the service's clock. If
	// it is zero, that is unknown, but at most the life of a seat away.
	Until time.Time

	// Err is why the lease ended, or why the seat was not given back.
	Err error
}

// Error says until when the seat may stay taken, and why.
func (e *TakenError) Error() string {
	until := "until it expires"
	if !e.Until.IsZero() {
		until = "until " + e.Until.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("a license seat may stay taken %s: %v", until, e.Err)
}

// Unwrap returns the reason.
func (e *TakenError) Unwrap() error { return e.Err }
