package login

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/seed-25f54b62/awstokens/internal/atomicfile"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// Store keeps tokens and registrations. [FileStore] shares them with the AWS
// CLI and the AWS SDKs; a program may bring one of its own, such as a keyring,
// which can store the text of [Token.CacheJSON] and [Registration.CacheJSON]. A
// Store must be safe for concurrent use.
type Store interface {
	// LoadToken returns the session's token, or an error in which errors.Is
	// finds ErrNotFound.
	LoadToken(ctx context.Context, s Session) (*Token, error)
	// SaveToken replaces the session's token.
	SaveToken(ctx context.Context, s Session, t *Token) error
	// DeleteToken removes the session's token. It is no error if there is
	// none.
	DeleteToken(ctx context.Context, s Session) error

	// ReserveToken makes sure that the next SaveToken of the session succeeds,
	// as far as the store can know, until release. It is called before a code
	// or a refresh token is spent. Its error keeps that from being spent,
	// unless errors.Is finds ErrReadOnly in it. A store that cannot know does
	// nothing. Release must be callable more than once.
	ReserveToken(ctx context.Context, s Session) (release func(), err error)

	// LoadRegistration returns the client that was registered for the session
	// with its Region and its scopes, or an error in which errors.Is finds
	// ErrNotFound.
	LoadRegistration(ctx context.Context, s Session) (*Registration, error)
	// SaveRegistration replaces the session's registration.
	SaveRegistration(ctx context.Context, s Session, r *Registration) error
	// DeleteRegistration removes the session's registration. It is no error if
	// there is none.
	DeleteRegistration(ctx context.Context, s Session) error

	// Lock waits until nobody else holds that lock of the session, or until
	// the context ends. A lock excludes all users of the store, in other
	// processes too, until unlock or the end of the process. The other methods
	// do not wait for it. Unlock must be callable more than once. If this
	// process may not write to the store, so that there is nothing to lock,
	// errors.Is finds ErrReadOnly in the error.
	Lock(ctx context.Context, s Session, l Lock) (unlock func(), err error)
}

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

// ErrReadOnly is the error of a [Store] that this process may not write to.
var ErrReadOnly = errors.New("the token cache is read-only")

// tokenKey is what the token of a session is stored under.
func tokenKey(s Session) string {
	if s.Name != "" {
		return hash(s.Name)
	}
	return hash(s.StartURL)
}

// registrationKey is what the registration of a session is stored under: the
// AWS CLI hashes the JSON of what distinguishes one from another, as Python
// writes it, with the members sorted by name.
func registrationKey(s Session) string {
	name, scopes := "null", "null"
	if s.Name != "" {
		name = pythonString(s.Name)
	}
	if len(s.Scopes) > 0 {
		quoted := make([]string, len(s.Scopes))
		for i, scope := range s.Scopes {
			quoted[i] = pythonString(scope)
		}
		scopes = "[" + strings.Join(quoted, ", ") + "]"
	}
	return hash(fmt.Sprintf(`{"region": %s, "scopes": %s, "session_name": %s, "startUrl": %s, "tool": "botocore"}`,
		pythonString(s.Region), scopes, name, pythonString(s.StartURL)))
}

// hash is SHA-1 because that is what the AWS CLI names its files with. It
// protects nothing.
func hash(text string) string {
	sum := sha1.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// FileStore is a [Store] in the files that the AWS CLI and the AWS SDKs share. A
// file is replaced as a whole and synced, so that a crash leaves the old
// content or the new, and only its owner may read it. A symbolic link is
// written through. Members of a file that this package does not know are kept.
//
// Other programs may write in place: a file that is not whole is read again
// for 75 ms before it is a [*CorruptCacheError].
//
// The locks are files beside the token's, with .lock and .prompt.lock for
// .json. They hold an empty JSON object, for programs that read every file of
// the directory as JSON, and they stay. On a file system without locks, only
// the goroutines of one process exclude each other.
type FileStore struct {
	dir  string
	wait func(context.Context, time.Duration) error

	mu       sync.Mutex
	reserved map[string][]*atomicfile.Reservation // by path
}

// NewFileStore returns the store in a directory, which need not exist yet.
// Empty means that of the AWS CLI, ~/.aws/sso/cache.
func NewFileStore(dir string) (*FileStore, error) {
	if dir == "" {
		home, err := os.UserHomeDir()
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

// tokenSpace is far more than a token file has, which is some kilobytes.
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

// takeReserved returns space that was reserved for a file, or nil.
func (f *FileStore) takeReserved(path string) *atomicfile.Reservation {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.reserved[path]
	if len(all) == 0 {
		return nil
	}
	f.reserved[path] = all[1:]
	return all[0]
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

// rereads are the waits before a file that cannot be read is read again:
// whoever writes in place is soon done.
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

// maxFile is the most that a file may hold. Tokens have some kilobytes.
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
	atomicfile.Clean(path, leftoverAge)
	if space := f.takeReserved(path); space != nil {
		defer space.Release()
		if space.Write(data) == nil {
			return nil
		} // or somebody has removed the temporary file
	}
	return readOnly(atomicfile.Write(path, data))
}

// leftoverAge is after what time nobody writes to a temporary file any more.
const leftoverAge = time.Hour

func (f *FileStore) remove(ctx context.Context, path string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return readOnly(atomicfile.Remove(path))
}

// readOnly makes ErrReadOnly of an error that means it.
func readOnly(err error) error {
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return err
}

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

// MemoryStore is a [Store] that lasts as long as the process and is shared with
// nobody. Its zero value is ready to use.
type MemoryStore struct {
	tokens, registrations sync.Map // values by key
	locks                 locks
}

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore { return new(MemoryStore) }

// LoadToken returns a copy of the token.
func (m *MemoryStore) LoadToken(ctx context.Context, s Session) (*Token, error) {
	return loadCopy[Token](ctx, &m.tokens, tokenKey(s))
}

// SaveToken stores a copy of the token.
func (m *MemoryStore) SaveToken(ctx context.Context, s Session, t *Token) error {
	return saveCopy(ctx, &m.tokens, tokenKey(s), t)
}

// DeleteToken removes the token.
func (m *MemoryStore) DeleteToken(ctx context.Context, s Session) error {
	return forget(ctx, &m.tokens, tokenKey(s))
}

// ReserveToken does nothing.
func (m *MemoryStore) ReserveToken(ctx context.Context, _ Session) (release func(), err error) {
	return func() {}, ctx.Err()
}

// LoadRegistration returns a copy of the registration.
func (m *MemoryStore) LoadRegistration(ctx context.Context, s Session) (*Registration, error) {
	return loadCopy[Registration](ctx, &m.registrations, registrationKey(s))
}

// SaveRegistration stores a copy of the registration.
func (m *MemoryStore) SaveRegistration(ctx context.Context, s Session, r *Registration) error {
	return saveCopy(ctx, &m.registrations, registrationKey(s), r)
}

// DeleteRegistration removes the registration.
func (m *MemoryStore) DeleteRegistration(ctx context.Context, s Session) error {
	return forget(ctx, &m.registrations, registrationKey(s))
}

// Lock excludes the goroutines that use this store.
func (m *MemoryStore) Lock(ctx context.Context, s Session, l Lock) (unlock func(), err error) {
	return m.locks.lock(ctx, tokenKey(s)+string(l))
}

func loadCopy[T any](ctx context.Context, values *sync.Map, key string) (*T, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	value, ok := values.Load(key)
	if !ok {
		return nil, ErrNotFound
	}
	own := *value.(*T)
	return &own, nil
}

func saveCopy[T any](ctx context.Context, values *sync.Map, key string, value *T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	own := *value
	values.Store(key, &own)
	return nil
}

func forget(ctx context.Context, values *sync.Map, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	values.Delete(key)
	return nil
}
