package drawdown

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/atomicfile"
)

const (
	journalVersion = 1

	// maxJournal is the size from which on a journal is rewritten with its
	// totals alone, and maxRead bounds what is read of one.
	maxJournal = 1 << 20
	maxRead    = 16 << 20

	// maxAhead is how far the dates in a journal may be ahead of the local
	// clock, which somebody may have set in the meantime.
	maxAhead = 24 * time.Hour

	// leftover is the age of a temporary file that a killed process has left.
	leftover = time.Hour
)

// ledger adds up amounts.
type ledger map[Amount]int64 // the key has no N

// add returns false if a sum would overflow; it then adds nothing.
func (l ledger) add(a Amount) bool {
	n := a.N
	a.N = 0
	if l[a] > math.MaxInt64-n {
		return false
	}
	l[a] += n
	return true
}

// subtract takes away what was added.
func (l ledger) subtract(a Amount) {
	n := a.N
	a.N = 0
	if l[a] -= n; l[a] == 0 {
		delete(l, a)
	}
}

// forget takes away all of one name, in every unit.
func (l ledger) forget(name string) {
	maps.DeleteFunc(l, func(a Amount, _ int64) bool { return a.Name == name })
}

func (l ledger) addAll(list []Amount) (ok bool) {
	ok = true
	for _, a := range list {
		ok = l.add(a) && ok
	}
	return ok
}

// take returns what there is, in a fixed order, and leaves nothing.
func (l ledger) take() []Amount {
	list := l.list()
	clear(l)
	return list
}

func (l ledger) list() (list []Amount) {
	for a, n := range l {
		a.N = n
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b Amount) int {
		return strings.Compare(a.Name+"\x00"+string(a.Unit), b.Name+"\x00"+string(b.Unit))
	})
	return list
}

// The types of records.
const (
	typeHead    = "head"    // the first one
	typeOwe     = "owe"     // amounts that were added and not sent
	typeBatch   = "batch"   // what is about to be sent, all that is owed with it
	typeDone    = "done"    // the response to the batch: what was charged; the rest is owed
	typeUnknown = "unknown" // the batch may have been charged; nobody can know
	typeForget  = "forget"  // what is owed of an entitlement is dropped
)

// record is a line of the journal. Times are the local clock's, but for
// Service.
type record struct {
	Type string    `json:"type"`
	Time time.Time `json:"time"`

	Version int       `json:"version,omitzero"` // of a head
	Of      *identity `json:"of,omitzero"`      // of a head
	Charged []Amount  `json:"charged,omitzero"` // of a head: so far; of a done
	Unknown []Amount  `json:"unknown,omitzero"` // of a head: so far; of a done that may have been charged twice
	Owed    []Amount  `json:"owed,omitzero"`    // of a head, and of an owe

	Token   string    `json:"token,omitzero"`   // ClientToken of a batch; in what follows a batch, whose it is
	NodeID  string    `json:"nodeId,omitzero"`  // of a batch
	Service time.Time `json:"service,omitzero"` // of a batch: the service's clock when it is sent, if it is known
	Amounts []Amount  `json:"amounts,omitzero"` // of a batch
	Name    string    `json:"name,omitzero"`    // of a forget: the entitlement's
}

// identity is what a journal belongs to. A node may get another name.
type identity struct {
	ProductSKU     string `json:"productSku"`
	KeyFingerprint string `json:"keyFingerprint"`
	Beneficiary    string `json:"beneficiary,omitzero"`
}

// journal is a file of records, each with a checksum that covers those before
// it. It holds a lock on a file beside it.
type journal struct {
	given string // the path as the caller gave it
	path  string
	of    identity
	now   func() time.Time
	lock  *flock.Flock
	file  *os.File
	size  int64  // of the good part
	sum   string // of the last record

	unsaved []record // what has happened and could not be written

	// What the records, the unsaved ones too, amount to. Only apply changes it,
	// and holds mu.
	mu                     *sync.Mutex
	charged, unknown, owed ledger
	open                   *record // the batch that has no response
}

// Problem is a short code for what is wrong with a journal.
type Problem string

// The problems of a [JournalError].
const (
	ProblemUnreadable   Problem = "unreadable"    // it cannot be opened or read
	ProblemUnwritable   Problem = "unwritable"    // it cannot be written, as when the disk is full
	ProblemDamaged      Problem = "damaged"       // it is no journal, or was edited
	ProblemOtherProduct Problem = "other_product" // it is of another product, issuer or beneficiary
	ProblemFuture       Problem = "future"        // it was written by a newer version of this package, or is dated more than a day ahead
	ProblemInUse        Problem = "in_use"        // another Meter, perhaps in another process, has it
)

var advice = map[Problem]string{
	ProblemUnreadable:   "cannot be read: give this process a file that it may read and write",
	ProblemUnwritable:   "cannot be written: make room for it, or permit it",
	ProblemDamaged:      "is damaged or was edited: move it away, and compare what it says with the usage of the license",
	ProblemOtherProduct: "is of another product, issuer or beneficiary: give each its own path",
	ProblemFuture:       "is from the future: set the clock, or update the program",
	ProblemInUse:        "is in use by another meter or process: give each its own path",
}

// JournalError says that the journal cannot be used. Nothing in it was deleted.
type JournalError struct {
	Path    string
	Problem Problem
	Err     error // what failed, or nil
}

// Error names the file and says what to do.
func (e *JournalError) Error() string {
	text := "drawdown: the journal " + e.Path + " " + advice[e.Problem]
	if e.Err != nil {
		text += " (" + e.Err.Error() + ")"
	}
	return text
}

// Unwrap returns what failed.
func (e *JournalError) Unwrap() error { return e.Err }

func (j *journal) refuse(problem Problem, err error) error {
	return &JournalError{Path: j.given, Problem: problem, Err: err}
}

// openJournal opens a journal, or creates it.
func openJournal(path string, of identity, clock awstokens.Clock, mu *sync.Mutex) (*journal, error) {
	j := &journal{
		given: path, path: path, of: of, now: func() time.Time { return clock.Now().UTC() },
		mu: mu, charged: ledger{}, unknown: ledger{}, owed: ledger{},
	}
	if err := j.acquire(); err != nil {
		return nil, err
	}
	atomicfile.Clean(path, leftover)
	err := j.load()
	if errors.Is(err, fs.ErrNotExist) {
		err = j.rewrite()
	}
	if err != nil {
		j.release()
		return nil, err
	}
	return j, nil
}

// acquire takes the lock. Its file stays: removing it would let two have it.
func (j *journal) acquire() error {
	if err := os.MkdirAll(filepath.Dir(j.path), 0o700); err != nil {
		return j.refuse(ProblemUnreadable, err)
	}
	if err := j.resolve(); err != nil {
		return j.refuse(ProblemUnreadable, err)
	}
	lock := j.path + ".lock"
	if info, err := os.Stat(lock); err == nil && !info.Mode().IsRegular() {
		return j.refuse(ProblemUnreadable, fmt.Errorf("%s is no regular file", lock)) // opening a FIFO would block
	}
	j.lock = flock.New(lock, flock.SetPermissions(0o600))
	ok, err := j.lock.TryLock()
	switch {
	case err != nil:
		return j.refuse(ProblemUnreadable, err)
	case !ok:
		return j.refuse(ProblemInUse, nil)
	}
	return nil
}

// resolve follows symlinks, so that each journal has one lock.
func (j *journal) resolve() error {
	path, err := filepath.EvalSymlinks(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(j.path); err == nil {
			return errors.New("it is a symlink to a file that does not exist")
		}
		var dir string
		dir, err = filepath.EvalSymlinks(filepath.Dir(j.path))
		path = filepath.Join(dir, filepath.Base(j.path))
	}
	if err == nil {
		j.path = path
	}
	return err
}

// release closes the file and gives up the lock.
func (j *journal) release() {
	j.close()
	_ = j.lock.Unlock()
}

// load reads the file. What a process that was killed has written of its last
// record is left out: it has not acted on that.
func (j *journal) load() error {
	text, err := atomicfile.Read(j.path, maxRead)
	if err != nil {
		return j.refuse(ProblemUnreadable, err)
	}
	for line := range bytes.Lines(text) {
		if line[len(line)-1] != '\n' {
			break
		}
		if err := j.read(line); err != nil {
			return err
		}
	}
	if j.size == 0 {
		return j.refuse(ProblemDamaged, errors.New("it has no whole record"))
	}
	return j.reopen()
}

func (j *journal) reopen() (err error) {
	if j.file, err = os.OpenFile(j.path, os.O_RDWR, 0); err != nil {
		return j.refuse(ProblemUnwritable, err)
	}
	return nil
}

func (j *journal) close() {
	if j.file != nil {
		_ = j.file.Close()
		j.file = nil
	}
}

// read reads one line.
func (j *journal) read(line []byte) error {
	number, data, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
	var r record
	err := json.Unmarshal(data, &r)
	switch {
	case err == nil && j.size == 0 && r.Version > journalVersion:
		return j.refuse(ProblemFuture, fmt.Errorf("version %d", r.Version))
	case err != nil, string(number) != j.next(data):
		return j.refuse(ProblemDamaged, fmt.Errorf("the record at byte %d does not have its checksum", j.size))
	case r.Time.Sub(j.now()) > maxAhead:
		return j.refuse(ProblemFuture, fmt.Errorf("the record at byte %d is of %s", j.size, r.Time.Format(time.RFC3339)))
	case r.Type == typeHead && r.Of != nil && *r.Of != j.of:
		return j.refuse(ProblemOtherProduct, nil)
	case (r.Type == typeHead) != (j.size == 0), !j.apply(r):
		return j.refuse(ProblemDamaged, fmt.Errorf("the record at byte %d cannot follow those before it", j.size))
	}
	j.size, j.sum = j.size+int64(len(line)), string(number)
	return nil
}

// next is the checksum of a record after those so far.
func (j *journal) next(data []byte) string {
	sum := sha256.Sum256(append([]byte(j.sum), data...))
	return hex.EncodeToString(sum[:8])
}

// apply draws the conclusions from a record. It returns false if the record
// makes no sense.
func (j *journal) apply(r record) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.applyLocked(r)
}

func (j *journal) applyLocked(r record) bool {
	var batch record
	if r.Type == typeDone || r.Type == typeUnknown {
		if j.open == nil || r.Token != j.open.Token {
			return false
		}
		batch, j.open = *j.open, nil
	}
	switch r.Type {
	case typeHead:
		return r.Version == journalVersion && r.Of != nil && j.charged.addAll(r.Charged) && j.unknown.addAll(r.Unknown) && j.owed.addAll(r.Owed)
	case typeOwe:
		return j.owed.addAll(r.Owed)
	case typeBatch:
		if j.open != nil || r.Token == "" {
			return false
		}
		clear(j.owed)
		j.open = &r
		return true
	case typeDone:
		return j.charged.addAll(r.Charged) && j.unknown.addAll(r.Unknown) && j.owed.addAll(lacking(batch.Amounts, r.Charged))
	case typeUnknown:
		return j.unknown.addAll(batch.Amounts)
	case typeForget:
		j.owed.forget(r.Name)
		return r.Name != ""
	}
	return false
}

// lacking is what was asked for and is not granted.
func lacking(asked, granted []Amount) (list []Amount) {
	for _, a := range asked {
		for _, g := range granted {
			if g.Name == a.Name && g.Unit == a.Unit {
				a.N -= g.N
			}
		}
		if a.N > 0 {
			list = append(list, a)
		}
	}
	return list
}

// begin writes and syncs a record of something to be done, and then applies it,
// with what else follows from it. If it cannot, nothing has changed.
func (j *journal) begin(r record, follows func()) error {
	if err := j.save(); err != nil {
		return err
	}
	r.Time = j.now()
	if err := j.write(r); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.applyLocked(r)
	follows()
	return nil
}

// note applies the record of something that has happened, and writes and syncs
// it. If it cannot be written now, that is done before anything else is.
func (j *journal) note(r record) error {
	r.Time = j.now()
	j.apply(r)
	j.unsaved = append(j.unsaved, r)
	return j.save()
}

// save writes what has happened and was not written yet.
func (j *journal) save() error {
	for len(j.unsaved) > 0 {
		if err := j.write(j.unsaved[0]); err != nil {
			return err
		}
		j.unsaved = j.unsaved[1:]
	}
	if j.size > maxJournal && j.open == nil {
		return j.rewrite()
	}
	return nil
}

// write writes and syncs one record, where the last good one ends.
func (j *journal) write(r record) error {
	if j.file == nil {
		if err := j.reopen(); err != nil {
			return err
		}
	}
	line, sum := j.line(r)
	_, err := j.file.WriteAt(line, j.size)
	if err == nil {
		err = j.file.Truncate(j.size + int64(len(line)))
	}
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		_ = j.file.Truncate(j.size)
		return j.refuse(ProblemUnwritable, err)
	}
	j.size, j.sum = j.size+int64(len(line)), sum
	return nil
}

func (j *journal) line(r record) (line []byte, sum string) {
	data, err := json.Marshal(r)
	if err != nil {
		panic(err) // a record has nothing that cannot be encoded
	}
	sum = j.next(data)
	return fmt.Appendf(nil, "%s %s\n", sum, data), sum
}

// rewrite replaces the file by one with the totals. There must be no open
// batch.
func (j *journal) rewrite() error {
	j.close() // or Windows would not replace it
	before := j.sum
	j.sum = ""
	line, sum := j.line(record{
		Type: typeHead, Time: j.now(), Version: journalVersion, Of: &j.of,
		Charged: j.charged.list(), Unknown: j.unknown.list(), Owed: j.owed.list(),
	})
	j.sum = before
	if err := atomicfile.Write(j.path, line); err != nil {
		return j.refuse(ProblemUnwritable, err)
	}
	j.size, j.sum = int64(len(line)), sum
	return j.reopen()
}
