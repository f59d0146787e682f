package borrow

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/atomicfile"
)

// Mark keeps the latest time that a Verifier has seen, so that a clock that
// was set back is noticed. One mark serves all licenses of a machine. A Mark
// must be safe for concurrent use.
type Mark interface {
	// Load returns the time that is kept, or the zero time if there is none
	// yet. An error makes Verify refuse every token with ErrMarkUnreadable.
	Load() (time.Time, error)

	// Raise keeps t, unless a later time is kept already: a mark never goes
	// back. An error makes Verify refuse with ErrMarkNotWritten.
	Raise(t time.Time) error
}

// MemoryMark is a Mark that lasts as long as the process. Its zero value is
// ready to use.
type MemoryMark struct {
	mu   sync.Mutex
	time time.Time
}

// Load returns the latest time that Raise was given. It never fails.
func (m *MemoryMark) Load() (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.time, nil
}

// Raise keeps t if it is later than what is kept. It never fails.
func (m *MemoryMark) Raise(t time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t.After(m.time) {
		m.time = t
	}
	return nil
}

// FileMark is a Mark in a file, which holds one date and a newline. The file
// is replaced as a whole and synced, so that a crash leaves the old date or the
// new one, and only its owner may read it. Processes may share it: of two that
// write at the same moment one wins, and they differ by no more than that
// moment.
type FileMark struct {
	path string
	mu   sync.Mutex
}

// NewFileMark returns the mark in the file of that path. The file and its
// directory need not exist yet; Raise makes them.
func NewFileMark(path string) *FileMark { return &FileMark{path: path} }

// CorruptMarkError says that the file of a FileMark holds no date. Nothing was
// changed: a file that is replaced when it cannot be read would be a way
// around the mark. Whoever knows that the clock is right may remove the file.
type CorruptMarkError struct {
	Path string
}

// Error names the file and says how to go on.
func (e *CorruptMarkError) Error() string {
	return fmt.Sprintf("%s holds no date: correct the clock, then remove the file", e.Path)
}

// Load returns the date in the file, or the zero time if there is no file. A
// file without a date is a *CorruptMarkError.
func (m *FileMark) Load() (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.load()
}

// Raise writes t to the file if it is later than the date there.
func (m *FileMark) Raise(t time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	kept, err := m.load()
	if err != nil || !t.After(kept) {
		return err
	}
	return atomicfile.Write(m.path, []byte(t.UTC().Format(time.RFC3339Nano)+"\n"))
}

func (m *FileMark) load() (time.Time, error) {
	f, err := os.Open(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, err
	}
	defer f.Close()
	const most = 64 // Raise writes 31 at most
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return time.Time{}, err
	}
	// The newline is the sign that nothing is cut off.
	text, whole := strings.CutSuffix(string(data), "\n")
	kept, err := time.Parse(time.RFC3339, text)
	if !whole || err != nil || len(data) > most {
		return time.Time{}, &CorruptMarkError{Path: m.path}
	}
	return kept, nil
}
