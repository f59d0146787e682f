package drawdown

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/atomicfile"
)

const (
	// maxJournal is the size from which on a journal is rewritten with its
	// totals alone, and maxAppended the size up to which one that cannot be
	// rewritten takes records. maxRead, up to which one is read, is far more than
	// the totals of a license take.
	maxJournal  = 1 << 20
	maxAppended = 8 << 20
	maxRead     = 256 << 20
)

// journal is a file of records, each with a checksum that covers those before
// it. It holds a lock on a file beside it.
type journal struct {
	given string // the path as the caller gave it
	path  string // the same without symlinks
	of    identity
	now   func() time.Time
	lock  *flock.Flock

	writing sync.Mutex // held from reading the state for a record until that is applied
	file    *os.File
	size    int64    // of the valid records
	sum     string   // of the last one
	unsaved []record // of what has happened, but could not be written

	mu    *sync.Mutex // held while state changes, as is writing
	state             // includes the unsaved records
}

func (j *journal) fail(problem JournalProblem, err error) error {
	return &JournalError{Path: j.given, Problem: problem, Err: err}
}

// openJournal opens a journal, or creates it.
func openJournal(path string, of identity, clock awstokens.Clock, mu *sync.Mutex) (*journal, error) {
	j := &journal{
		given: path, of: of, now: func() time.Time { return clock.Now().UTC() },
		mu: mu, state: state{charged: ledger{}, unknown: ledger{}, owed: ledger{}},
	}
	if err := j.acquire(); err != nil {
		return nil, err
	}
	atomicfile.Clean(j.path, atomicfile.Leftover)
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

// acquire takes the lock. Its file stays: if it were removed, two processes
// could have it. A symlink is followed, so that each journal has one lock.
func (j *journal) acquire() (err error) {
	if j.path, err = atomicfile.Follow(j.given); err == nil && j.path != j.given {
		_, err = os.Stat(j.path) // a link to nowhere, perhaps to a volume that is not mounted
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(j.path), 0o700)
	}
	lock := j.path + ".lock"
	if info, statErr := os.Stat(lock); err == nil && statErr == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", lock) // opening a FIFO would block
	}
	if err != nil {
		return j.fail(JournalUnreadable, err)
	}
	j.lock = flock.New(lock)
	switch ok, err := j.lock.TryLock(); {
	case err != nil:
		return j.fail(JournalUnreadable, err)
	case !ok:
		return j.fail(JournalInUse, nil)
	}
	return nil
}

// release closes the file and gives up the lock.
func (j *journal) release() {
	j.writing.Lock()
	defer j.writing.Unlock()
	j.close()
	_ = j.lock.Unlock()
}

// load reads the file. A record that was cut off does not count: the process
// that was killed while it wrote it has not acted on it.
func (j *journal) load() error {
	text, err := atomicfile.Read(j.path, maxRead)
	if err != nil {
		return j.fail(JournalUnreadable, err)
	}
	for line := range bytes.Lines(text) {
		line, whole := bytes.CutSuffix(line, []byte("\n"))
		if !whole {
			break
		}
		if err := j.read(line); err != nil {
			return err
		}
	}
	if j.size == 0 {
		return j.fail(JournalDamaged, errors.New("it has no whole record"))
	}
	return j.reopen()
}

// read takes one line.
func (j *journal) read(line []byte) error {
	sum, data, _ := bytes.Cut(line, []byte(" "))
	var r record
	err := json.Unmarshal(data, &r)
	switch {
	case err == nil && j.size == 0 && r.Version > journalVersion:
		return j.fail(JournalNewerVersion, fmt.Errorf("version %d", r.Version))
	case err != nil, string(sum) != checksum(j.sum, data):
		return j.fail(JournalDamaged, fmt.Errorf("the record at byte %d does not match its checksum", j.size))
	case r.Type == typeHead && r.Of != nil && *r.Of != j.of:
		return j.fail(JournalOtherProduct, nil)
	case (r.Type == typeHead) != (j.size == 0), !j.apply(r):
		return j.fail(JournalDamaged, fmt.Errorf("the record at byte %d cannot follow those before it", j.size))
	}
	j.size, j.sum = j.size+int64(len(line))+1, string(sum)
	return nil
}

// checksum is that of a record which follows one with the checksum previous.
func checksum(previous string, data []byte) string {
	sum := sha256.Sum256(append([]byte(previous), data...))
	return hex.EncodeToString(sum[:8])
}

func (r record) encode(previous string) (line []byte, sum string) {
	for _, t := range []*time.Time{&r.Time, &r.Service} {
		if t.Year() < 0 || t.Year() > 9999 { // JSON has no such time, and nobody knows it
			*t = time.Time{}
		}
	}
	data, err := json.Marshal(r)
	if err != nil {
		panic(err) // every field of a record can be encoded
	}
	sum = checksum(previous, data)
	return fmt.Appendf(nil, "%s %s\n", sum, data), sum
}

func (j *journal) reopen() (err error) {
	if j.file, err = os.OpenFile(j.path, os.O_RDWR, 0); err != nil {
		return j.fail(JournalUnwritable, err)
	}
	return nil
}

func (j *journal) close() {
	if j.file != nil {
		_ = j.file.Close()
		j.file = nil
	}
}

// begin writes the record of something that is about to be done, then applies
// it and calls applied with mu held. If it returns an error, nothing has changed.
// The caller holds writing.
func (j *journal) begin(r record, applied func()) error {
	if err := j.save(); err != nil {
		return err
	}
	r.Time = j.now()
	if err := j.write(r); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.apply(r)
	applied()
	return nil
}

// note applies the record of something that has happened, then writes it. If
// that fails, save writes it later, before anything else is begun.
func (j *journal) note(r record) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	r.Time = j.now()
	j.mu.Lock()
	j.apply(r)
	j.mu.Unlock()
	j.unsaved = append(j.unsaved, r)
	return j.save()
}

// isSaved reports whether all that has happened could be written.
func (j *journal) isSaved() bool {
	j.writing.Lock()
	defer j.writing.Unlock()
	return len(j.unsaved) == 0
}

// save writes the unsaved records. The caller holds writing.
func (j *journal) save() error {
	for len(j.unsaved) > 0 {
		if err := j.write(j.unsaved[0]); err != nil {
			return err
		}
		j.unsaved = j.unsaved[1:]
	}
	if j.size > maxJournal {
		// Without space for a new file, the old one may still take records.
		if err := j.rewrite(); err != nil && j.size > maxAppended {
			return err
		}
	}
	return nil
}

// write writes and syncs one record after the valid ones.
func (j *journal) write(r record) error {
	if j.file == nil {
		if err := j.reopen(); err != nil {
			return err
		}
	}
	line, sum := r.encode(j.sum)
	_, err := j.file.WriteAt(line, j.size)
	if err == nil {
		err = j.file.Truncate(j.size + int64(len(line)))
	}
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		_ = j.file.Truncate(j.size)
		return j.fail(JournalUnwritable, err)
	}
	j.size, j.sum = j.size+int64(len(line)), sum
	return nil
}

// rewrite replaces the file by one with the totals and the open batch. The caller
// holds writing.
func (j *journal) rewrite() error {
	j.close() // Windows does not replace an open file
	owed := j.owed.list()
	text, sum := record{
		Type: typeHead, Time: j.now(), Version: journalVersion, Of: &j.of,
		Charged: j.charged.list(), Unknown: j.unknown.list(), Owed: owed, Probing: j.probing,
	}.encode("")
	if j.open != nil {
		batch := *j.open
		batch.Owed = owed
		var line []byte
		line, sum = batch.encode(sum)
		text = append(text, line...)
	}
	if err := atomicfile.Write(j.path, text); err != nil {
		return j.fail(JournalUnwritable, err)
	}
	j.size, j.sum = int64(len(text)), sum
	return j.reopen()
}
