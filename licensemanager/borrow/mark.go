package borrow

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/atomicfile"
)

// Mark stores the latest time that a Verifier has seen, so that a clock that
// was set back is detected. One mark serves all licenses of a machine. A Mark
// must be safe for concurrent use.
type Mark interface {
	// Load returns the stored time, or the zero time if there is none yet. If it
	// returns an error, Verify refuses every token with [ErrMarkUnreadable].
	Load() (time.Time, error)

	// Raise stores t, unless a later time is stored already: a mark never goes
	// back. If it returns an error, Verify refuses with [ErrMarkNotWritten].
	Raise(t time.Time) error
}

// MemoryMark is a [Mark] that lasts as long as the process. Its zero value is
// ready to use.
type MemoryMark struct {
	mu   sync.Mutex
	time time.Time
}

// Load returns the latest time that Raise was given. Its error is always nil.
func (m *MemoryMark) Load() (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.time, nil
}

// Raise stores t if it is later than the stored time. Its error is always nil.
func (m *MemoryMark) Raise(t time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t.After(m.time) {
		m.time = t
	}
	return nil
}

// FileMark is a [Mark] in a file, which contains one date and a newline. The
// file is replaced as a whole and synced, so that a crash leaves the old date or
// the new one. Only its owner may read it. Processes may share it: if two write
// at the same time, either date may remain, and they hardly differ. It is safe
// for concurrent use.
type FileMark struct {
	path string
	mu   sync.Mutex
}

// NewFileMark returns the mark in the file at path. The file and its directory
// need not exist yet; Raise creates them.
func NewFileMark(path string) *FileMark { return &FileMark{path: path} }

// CorruptMarkError says that the file of a [FileMark] does not contain a date.
// The file was not changed, because a user could corrupt it to get around the
// mark. Someone who knows that the clock is right may remove the file.
type CorruptMarkError struct {
	Path string
}

// Error names the file and says what to do.
func (e *CorruptMarkError) Error() string {
	return fmt.Sprintf("%s contains no date: correct the clock, then remove the file", e.Path)
}

// Load returns the date in the file, or the zero time if there is no file. It
// returns a [*CorruptMarkError] if the file contains no date.
func (m *FileMark) Load() (time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.load()
}

// Raise writes t to the file if it is later than the date there.
func (m *FileMark) Raise(t time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	stored, err := m.load()
	if err != nil || !t.After(stored) {
		return err
	}
	return atomicfile.Write(m.path, []byte(t.UTC().Format(time.RFC3339Nano)+"\n"))
}

func (m *FileMark) load() (time.Time, error) {
	data, err := atomicfile.Read(m.path, 64) // Raise writes 31 bytes at most
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return time.Time{}, nil
	case err != nil && !errors.Is(err, atomicfile.ErrTooLong):
		return time.Time{}, err
	}
	text, whole := strings.CutSuffix(string(data), "\n") // otherwise it may be cut off
	stored, err := time.Parse(time.RFC3339, text)
	if !whole || err != nil {
		return time.Time{}, &CorruptMarkError{Path: m.path}
	}
	return stored, nil
}
