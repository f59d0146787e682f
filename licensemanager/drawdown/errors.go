package drawdown

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/redact"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// ErrClosed is the error of a [Meter] that was closed.
var ErrClosed = errors.New("drawdown: the meter is closed")

// UnknownError says that nobody can know how often a batch was charged: its
// response was lost, and the service may have forgotten its ClientToken. It is
// reported once, and the batch is not sent again. To find out, compare the usage
// of the license with other records.
type UnknownError struct {
	Amounts []Amount
	Sent    time.Time // when it was first sent, by the local clock

	// Charged says that the batch was charged when it was sent again, and
	// perhaps before that too. Otherwise it was charged once or not at all.
	Charged bool
}

// Error names the amounts.
func (e *UnknownError) Error() string {
	question := "was charged"
	if e.Charged {
		question = "was charged once or twice"
	}
	return fmt.Sprintf("drawdown: nobody can know whether %s, sent at %s, %s", text(e.Amounts), e.Sent.Format(time.RFC3339), question)
}

// MismatchError says that the service granted a batch, but the response has none
// of its entitlements: perhaps their names or units are spelled differently. The
// batch counts as charged in full, so that it is not charged again.
type MismatchError struct {
	Amounts []Amount                         // what the batch asked for
	Allowed []licensemanager.EntitlementData // what the response has
}

// Error names both.
func (e *MismatchError) Error() string {
	var allowed []string
	for _, a := range e.Allowed {
		allowed = append(allowed, fmt.Sprintf("%q in %s", a.Name, redact.Line(string(a.Unit))))
	}
	return fmt.Sprintf("drawdown: %s counted as charged, although the service granted %s: compare names and units with those of the license", text(e.Amounts), strings.Join(allowed, ", "))
}

// text is a list of amounts in an error.
func text(amounts []Amount) string {
	var list []string
	for _, a := range amounts {
		list = append(list, fmt.Sprintf("%d of %q", a.N, a.Name))
	}
	return strings.Join(list, ", ")
}

// JournalProblem is a short code for what is wrong with a journal.
type JournalProblem string

// The problems of a [JournalError].
const (
	JournalUnreadable   JournalProblem = "unreadable"    // it cannot be opened or read
	JournalUnwritable   JournalProblem = "unwritable"    // it cannot be written, for example because the disk is full
	JournalDamaged      JournalProblem = "damaged"       // it is not a journal, or was edited
	JournalOtherProduct JournalProblem = "other_product" // it is of another product, issuer or beneficiary
	JournalNewerVersion JournalProblem = "newer_version" // it was written by a newer version of this package
	JournalInUse        JournalProblem = "in_use"        // another Meter, perhaps of another process, has it
)

var journalProblems = map[JournalProblem]string{
	JournalUnreadable:   "cannot be read: it must be a file that this process may read and write",
	JournalUnwritable:   "cannot be written: free disk space, or give this process the permission",
	JournalDamaged:      "is damaged or was edited: move it away, and compare its content with the usage of the license",
	JournalOtherProduct: "is of another product, issuer or beneficiary: use a path of its own for each",
	JournalNewerVersion: "was written by a newer version of this package: update the program",
	JournalInUse:        "is in use by another meter or process: use a path of its own for each, or wait until that one has ended",
}

// JournalError says that the journal cannot be used. Nothing in it was deleted.
type JournalError struct {
	Path    string // as it was given to New
	Problem JournalProblem
	Err     error // the cause, or nil
}

// Error names the file and says what to do.
func (e *JournalError) Error() string {
	text := "drawdown: the journal " + e.Path + " " + journalProblems[e.Problem]
	if e.Err != nil {
		text += " (" + e.Err.Error() + ")"
	}
	return text
}

// Unwrap returns Err.
func (e *JournalError) Unwrap() error { return e.Err }

// join wraps both errors, in one line.
func join(a, b error) error {
	if a != nil && b != nil {
		return fmt.Errorf("%w; %w", a, b)
	}
	return cmp.Or(a, b)
}
