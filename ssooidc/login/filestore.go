package login

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/atomicfile"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// FileStore is a [Store] in the files that the AWS CLI and the AWS SDKs share. It
// replaces a file as a whole and syncs it, so that a crash leaves the old content or
// the new. Only the owner can read the file. If the file is a symbolic link, its
// target is replaced. If the file itself is mounted, such as into a container, it is
// overwritten in place. Members of a file that this package does not know are kept.
//
// Other programs may write a file in place. A file that is not whole is read again
// for 75 ms before the error is a [*CorruptCacheError].
//
// The locks of a session are files beside the token file, with the extensions .lock
// and .prompt.lock instead of .json. They hold an empty JSON object, for programs
// that read every file of the directory as JSON, and are not removed. On a file
// system without locks, they exclude only the goroutines of one process.
type FileStore struct {
	dir  string
	wait func(context.Context, time.Duration) error

	mu       sync.Mutex
	reserved map[string][]*atomicfile.Reservation // by path
}

// NewFileStore returns the store in a directory, which need not exist. The empty
// string means the directory of the AWS CLI, ~/.aws/sso/cache. If HOME is not set,
// the home directory is that of the password database, or, in a program that was
// built without cgo, of /etc/passwd.
func NewFileStore(dir string) (*FileStore, error) {
	if dir == "" {
		home, err := homeDir()
		if err != nil {
			return nil, fmt.Errorf("token cache: %w", err)
		}
		dir = filepath.Join(home, ".aws", "sso", "cache")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("token cache: %w", err)
	}
	return &FileStore{dir: dir, wait: transport.Sleep, reserved: map[string][]*atomicfile.Reservation{}}, nil
}

// TokenPath returns the path of a session's token file.
func (f *FileStore) TokenPath(s Session) string { return f.path(tokenKey(s)) }

// RegistrationPath returns the path of a session's registration file.
func (f *FileStore) RegistrationPath(s Session) string { return f.path(registrationKey(s)) }

func (f *FileStore) path(key string) string { return filepath.Join(f.dir, key+".json") }

// LoadToken reads the token file.
func (f *FileStore) LoadToken(ctx context.Context, s Session) (*Token, error) {
	return loadFile(ctx, f, f.TokenPath(s), ParseToken)
}

// SaveToken replaces the token file.
func (f *FileStore) SaveToken(ctx context.Context, s Session, t *Token) error {
	return f.save(ctx, f.TokenPath(s), t)
}

// DeleteToken removes the token file.
func (f *FileStore) DeleteToken(ctx context.Context, s Session) error {
	return f.remove(ctx, f.TokenPath(s))
}

// tokenSpace is far more than the size of a token file, which is some kilobytes.
const tokenSpace = 32 << 10

// ReserveToken takes disk space for the next SaveToken.
func (f *FileStore) ReserveToken(ctx context.Context, s Session) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path := f.TokenPath(s)
	space, err := atomicfile.Reserve(path, tokenSpace)
	if err != nil {
		return nil, readOnly(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reserved[path] = append(f.reserved[path], space)
	return sync.OnceFunc(func() {
		f.mu.Lock()
		f.reserved[path] = slices.DeleteFunc(f.reserved[path], func(r *atomicfile.Reservation) bool { return r == space })
		f.mu.Unlock()
		space.Release()
	}), nil
}

// takeReserved takes space that was reserved for a file, or returns nil.
func (f *FileStore) takeReserved(path string) *atomicfile.Reservation {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.reserved[path]
	last := len(all) - 1
	if last < 0 {
		return nil
	}
	f.reserved[path] = all[:last] // a refresh during a prompt leaves the space of the login
	return all[last]
}

// LoadRegistration reads the registration file.
func (f *FileStore) LoadRegistration(ctx context.Context, s Session) (*Registration, error) {
	return loadFile(ctx, f, f.RegistrationPath(s), ParseRegistration)
}

// SaveRegistration replaces the registration file.
func (f *FileStore) SaveRegistration(ctx context.Context, s Session, r *Registration) error {
	return f.save(ctx, f.RegistrationPath(s), r)
}

// DeleteRegistration removes the registration file.
func (f *FileStore) DeleteRegistration(ctx context.Context, s Session) error {
	return f.remove(ctx, f.RegistrationPath(s))
}

// rereads are the waits before a file that cannot be read is read again: another
// program may be writing it in place.
var rereads = []time.Duration{5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond}

func loadFile[T any](ctx context.Context, f *FileStore, path string, parse func([]byte) (*T, error)) (*T, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for again := 0; ; again++ {
		value, err := read(path, parse)
		if err == nil {
			return value, nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %w", ErrNotFound, err)
		}
		if again == len(rereads) {
			return nil, err
		}
		if err := f.wait(ctx, rereads[again]); err != nil {
			return nil, err
		}
	}
}

// maxFile is the greatest size of a file. A token has some kilobytes.
const maxFile = 1 << 20

func read[T any](path string, parse func([]byte) (*T, error)) (*T, error) {
	data, err := atomicfile.Read(path, maxFile)
	switch {
	case errors.Is(err, atomicfile.ErrTooLong):
		return nil, &CorruptCacheError{Path: path, Reason: "longer than 1 MiB"}
	case errors.Is(err, atomicfile.ErrNotRegular):
		return nil, &CorruptCacheError{Path: path, Reason: "not a regular file"}
	case err != nil:
		return nil, err
	}
	value, err := parse(data)
	if err != nil {
		return nil, &CorruptCacheError{Path: path, Reason: err.Error()}
	}
	return value, nil
}

func (f *FileStore) save(ctx context.Context, path string, from interface{ CacheJSON() ([]byte, error) }) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	data, err := from.CacheJSON()
	if err != nil {
		return err
	}
	atomicfile.Clean(path, atomicfile.Leftover)
	if space := f.takeReserved(path); space != nil {
		defer space.Release()
		if space.Write(data) == nil {
			return nil
		} // the temporary file may have been removed
	}
	err = atomicfile.Write(path, data)
	if errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EACCES) { // the file itself may be mounted
		inPlace := atomicfile.Overwrite(path, data)
		if inPlace == nil {
			return nil
		}
		err = fmt.Errorf("%w; in place: %w", err, inPlace)
	}
	return readOnly(err)
}

func (f *FileStore) remove(ctx context.Context, path string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return readOnly(atomicfile.Remove(path))
}

// readOnly adds ErrReadOnly to an error that means it.
func readOnly(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return err
}
