package lease

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/atomicfile"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// FileStore keeps the record of one seat in a file, so that a program that was
// killed resumes its seat when it starts again. Of all leases in all processes,
// one at a time uses a file; the others get a [*StoreError]. It is safe for
// concurrent use.
type FileStore struct{ path string }

// NewFileStore returns a store that keeps its record in the file at path. Give
// each product, and each seat that a program holds at once, a path of its own, on
// a file system that outlives the process but is not shared between machines.
// NewFileStore does no I/O; a lease that uses the store creates the directory,
// and returns a [*StoreError] if the path is empty.
//
// The file holds the consumption token of the seat, which works like a password.
// Only its owner may read it, and it is removed when the seat is given back. The
// file beside it whose name ends in .lock is never removed.
func NewFileStore(path string) *FileStore { return &FileStore{path} }

// StoreProblem is what is wrong with a store.
type StoreProblem string

// The problems of a store. None of them makes a lease delete anything.
// StoreInUse and StoreOtherRequest end by themselves.
const (
	StoreFailed       StoreProblem = "failed"        // a file cannot be locked, read or written
	StoreInUse        StoreProblem = "in_use"        // another lease, of this or another process, uses it
	StoreDamaged      StoreProblem = "damaged"       // the file is not a record, or only a part of one
	StoreOtherProduct StoreProblem = "other_product" // the record is of another ProductSKU or KeyFingerprint
	StoreOtherRequest StoreProblem = "other_request" // the record is of another Request, or of a part of this one, and its seat could not be given back yet
	StoreOtherAccount StoreProblem = "other_account" // the record is of another AWS account than the credentials
	StoreNewerVersion StoreProblem = "newer_version" // the record was written by a newer version of this package
	StoreFromFuture   StoreProblem = "from_future"   // the record has dates more than a year ahead of the wall clock
)

var storeProblems = map[StoreProblem]string{
	StoreFailed:       "cannot be used",
	StoreInUse:        "is used by another lease or process: use another file, or wait until that one ends",
	StoreDamaged:      "is damaged: move it away to start without it; its seat is free when it expires",
	StoreOtherProduct: "belongs to another product: use a file for each product, or move this one away",
	StoreOtherRequest: "holds the seat of another request, or a part of this one, which could not be given back",
	StoreOtherAccount: "belongs to another AWS account: use a file for each account, or move this one away",
	StoreNewerVersion: "was written by a newer version of this package: update the program, or move the file away",
	StoreFromFuture:   "is from the future: check the wall clock, or move the file away",
}

// StoreError says that a store cannot be used or written.
type StoreError struct {
	Path    string // of the file
	Problem StoreProblem
	Err     error // the reason; may be nil

	// Until, with StoreOtherRequest, is when the seat in the store expires at the
	// latest, by the service's clock. It is zero if the time is unknown, or has
	// passed by the local clock and no response has confirmed that.
	Until time.Time
}

// Error names the file and what to do.
func (e *StoreError) Error() string {
	text := "lease: the store "
	if e.Path != "" {
		text += e.Path + " "
	}
	text += storeProblems[e.Problem]
	if !e.Until.IsZero() {
		text += " and is free at " + e.Until.UTC().Format(time.RFC3339)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the reason.
func (e *StoreError) Unwrap() error { return e.Err }

// openStore is a store that a lease has locked. A nil one saves nothing.
type openStore struct {
	path      string
	lock      *flock.Flock
	request   requestID
	account   func(context.Context) (string, error)
	accountID string // what account returned, once it is known
}

// open locks the store and reads its record, which is empty if there is none.
func (f *FileStore) open(api API, request *Request, now reading) (s *openStore, _ stored, err error) {
	if f == nil {
		return nil, stored{}, nil
	}
	s = &openStore{path: f.path, request: request.id(), account: accountOf(api)}
	target, err := atomicfile.Follow(f.path)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(target), 0o700)
	}
	if err != nil {
		return nil, stored{}, s.failed(err)
	}
	lock := target + ".lock"
	if info, err := os.Stat(lock); err == nil && !info.Mode().IsRegular() { // a FIFO would block
		return nil, stored{}, s.failed(fmt.Errorf("lock %s: %w", lock, atomicfile.ErrNotRegular))
	}
	s.lock = flock.New(lock)
	switch locked, err := s.lock.TryLock(); {
	case err != nil:
		return nil, stored{}, s.failed(err)
	case !locked:
		return nil, stored{}, &StoreError{Path: f.path, Problem: StoreInUse}
	}
	defer func() {
		if err != nil {
			s.close()
			s = nil // closed again, it would remove what the next owner of the lock is writing
		}
	}()
	r, err := s.read(now)
	return s, r, err
}

func (s *openStore) failed(err error) *StoreError {
	return &StoreError{Path: s.path, Problem: StoreFailed, Err: err}
}

// longestRecord is the limit of a file, in bytes, far more than a record needs.
const longestRecord = 1 << 20

func (s *openStore) read(now reading) (stored, error) {
	data, err := atomicfile.Read(s.path, longestRecord)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return stored{}, nil
	case errors.Is(err, atomicfile.ErrTooLong), errors.Is(err, atomicfile.ErrNotRegular):
		return stored{}, &StoreError{Path: s.path, Problem: StoreDamaged, Err: err}
	case err != nil:
		return stored{}, s.failed(err)
	}
	r, problem, err := decodeStored(data)
	switch {
	case problem != "":
		return stored{}, &StoreError{Path: s.path, Problem: problem, Err: err}
	case r.FirstSent.After(now.wall.AddDate(1, 0, 0)):
		return stored{}, &StoreError{Path: s.path, Problem: StoreFromFuture, Err: fmt.Errorf("its checkout was sent on %s", r.FirstSent)}
	case r.ProductSKU != s.request.ProductSKU || r.KeyFingerprint != s.request.KeyFingerprint:
		return stored{}, &StoreError{Path: s.path, Problem: StoreOtherProduct, Err: fmt.Errorf("its product is %q", r.ProductSKU)}
	}
	return r, nil
}

// checkAccount returns an error if the credentials are not of the record's account.
func (s *openStore) checkAccount(ctx context.Context, recorded string) (err error) {
	if recorded == "" || s.account == nil {
		return nil
	}
	if s.accountID, err = s.account(ctx); err == nil && s.accountID != "" && s.accountID != recorded {
		err = &StoreError{Path: s.path, Problem: StoreOtherAccount, Err: fmt.Errorf("its account is %s, that of the credentials %s", recorded, s.accountID)}
	}
	return err
}

// save replaces the record, or removes the file if there is no seat to record.
func (s *openStore) save(ctx context.Context, r stored) error {
	if s == nil {
		return nil
	}
	if r.Phase == phaseNone && r.OrphanUntil.IsZero() {
		if err := atomicfile.Remove(s.path); err != nil {
			return s.failed(err)
		}
		return nil
	}
	// The call that succeeded had credentials, so this does not wait for any.
	if s.accountID == "" && s.account != nil && r.Phase == phaseHeld && !r.Pending {
		s.accountID, _ = s.account(ctx)
	}
	r.Account = s.accountID
	if err := atomicfile.Write(s.path, r.encode()); err != nil {
		return s.failed(err)
	}
	return nil
}

// close unlocks the store. It removes the temporary files of killed processes,
// but not the lock file, which another process may just have locked.
func (s *openStore) close() {
	if s != nil {
		atomicfile.Clean(s.path, 0)
		_ = s.lock.Close()
	}
}

// accountOf returns a function that finds out the AWS account of an API's
// credentials, which is empty if they do not say. It returns nil if the API does
// not give its credentials.
func accountOf(api API) func(context.Context) (string, error) {
	client, ok := api.(interface {
		With(func(*awstokens.Config)) (*licensemanager.Client, error)
	})
	if !ok {
		return nil
	}
	var provider awstokens.CredentialsProvider
	if _, err := client.With(func(cfg *awstokens.Config) { provider = cfg.Credentials }); err != nil || provider == nil {
		return nil
	}
	return func(ctx context.Context) (string, error) {
		c, err := provider.Retrieve(ctx)
		return c.AccountID, err
	}
}
