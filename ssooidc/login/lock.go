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

// Lock is one of the two locks that a [Store] has for each session. If both are
// needed, LockPrompt is taken first.
type Lock string

// The locks of a session.
const (
	// LockToken is held while the token is refreshed or replaced, which takes
	// seconds.
	LockToken Lock = "token"

	// LockPrompt is held while a user is asked to log in, which takes minutes.
	LockPrompt Lock = "prompt"
)

// lockPause is the time between two attempts to take a lock that another process
// has.
const lockPause = 20 * time.Millisecond

// lockFiles are the extensions of the lock files.
var lockFiles = map[Lock]string{LockToken: ".lock", LockPrompt: ".prompt.lock"}

// Lock locks a file beside the token file. Of the goroutines of this process, one at
// a time waits for the file.
func (f *FileStore) Lock(ctx context.Context, s Session, l Lock) (unlock func(), err error) {
	extension, ok := lockFiles[l]
	if !ok {
		return nil, fmt.Errorf("there is no lock %q", l)
	}
	path := filepath.Join(f.dir, tokenKey(s)+extension)
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

// makeLockFile makes a lock file, which holds an empty JSON object.
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
	// Several processes that do this at once write the same. On Windows, one of
	// them may fail because another has the lock already.
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		if _, missing := os.Stat(path); missing != nil {
			return err
		}
	}
	return nil
}

// goroutines are the locks of this process by path. On a network file system, a file
// lock belongs to the whole process.
var goroutines locks

// locks are the locks of a process by name.
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
