package login

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/seed-25f54b62/awstokens/internal/atomicfile"
)

// Lock is one of the two locks that a [Store] has for each session. Whoever
// needs both takes LockPrompt first.
type Lock string

// The locks of a session.
const (
	// LockToken is held while the token is refreshed or replaced, which takes
	// seconds.
	LockToken Lock = "token"

	// LockPrompt is held while a user is asked to log in, which takes minutes.
	LockPrompt Lock = "prompt"
)

// lockPause is how often a lock that another process holds is tried again.
const lockPause = 20 * time.Millisecond

// lockFiles are the endings of the lock files' names.
var lockFiles = map[Lock]string{LockToken: ".lock", LockPrompt: ".prompt.lock"}

// Lock locks the lock file. Goroutines of this process queue for it, so that
// one of them at a time asks the system.
func (f *FileStore) Lock(ctx context.Context, s Session, l Lock) (unlock func(), err error) {
	ending, ok := lockFiles[l]
	if !ok {
		return nil, fmt.Errorf("there is no lock %q", l)
	}
	path := filepath.Join(f.dir, tokenKey(s)+ending)
	leave, err := goroutines.lock(ctx, path)
	if err != nil {
		return nil, err
	}
	file := flock.New(path)
	err = makeLockFile(path)
	if err == nil {
		_, err = file.TryLockContext(ctx, lockPause)
	}
	if err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.ENOLCK) {
		leave()
		return nil, fmt.Errorf("lock %s: %w", path, readOnly(err))
	}
	return sync.OnceFunc(func() {
		_ = file.Close()
		leave()
	}), nil
}

// makeLockFile makes a file of an empty JSON object.
func makeLockFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return atomicfile.ErrNotRegular
	case err == nil && info.Size() > 0:
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// Several processes may do this at once. Then all of them write the same,
	// or, on Windows, one cannot because another has the lock already.
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		if _, missing := os.Stat(path); missing != nil {
			return err
		}
	}
	return nil
}

// goroutines keeps the goroutines of this process apart: on a network file
// system, a file lock belongs to the whole process.
var goroutines locks

// locks are locks by name.
type locks struct{ byName sync.Map }

// lock waits for a lock, or until the context ends.
func (l *locks) lock(ctx context.Context, name string) (unlock func(), err error) {
	entry, _ := l.byName.LoadOrStore(name, make(chan struct{}, 1))
	lock := entry.(chan struct{})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case lock <- struct{}{}:
		return sync.OnceFunc(func() { <-lock }), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
