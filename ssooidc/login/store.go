package login

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/seed-25f54b62/awstokens/internal/atomicfile"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// Store keeps tokens and registrations. FileStore shares them with the AWS CLI
// and the AWS SDKs; a program may bring one of its own, such as a keyring. A
// Store must be safe for concurrent use.
type Store interface {
	// LoadToken returns the session's token. Without one, errors.Is finds
	// ErrNotFound in the error.
	LoadToken(ctx context.Context, s Session) (*Token, error)
	// SaveToken replaces the session's token.
	SaveToken(ctx context.Context, s Session, t *Token) error
	// DeleteToken removes the session's token. It is no error if there is
	// none.
	DeleteToken(ctx context.Context, s Session) error

	// LoadRegistration returns the client that was registered for the session
	// with its Region and its scopes. Without one, errors.Is finds ErrNotFound
	// in the error.
	LoadRegistration(ctx context.Context, s Session) (*Registration, error)
	// SaveRegistration replaces the session's registration.
	SaveRegistration(ctx context.Context, s Session, r *Registration) error
	// DeleteRegistration removes the session's registration. It is no error if
	// there is none.
	DeleteRegistration(ctx context.Context, s Session) error

	// Lock waits until nobody else changes the session's token, or until the
	// context ends. It excludes all users of the store, in other processes
	// too, until unlock, or the end of the process, however that comes. The
	// other methods do not wait for it.
	Lock(ctx context.Context, s Session) (unlock func(), err error)
}

// tokenKey is what the token of a session is kept under.
func tokenKey(s Session) string {
	if s.Name != "" {
		return hash([]byte(s.Name))
	}
	return hash([]byte(s.StartURL))
}

// registrationKey is what the registration of a session is kept under: the
// AWS CLI hashes the JSON of what makes one differ from another, its members
// sorted by name.
func registrationKey(s Session) string {
	var w writer
	w.name("region")
	w.quote(s.Region)
	if len(s.Scopes) > 0 {
		list(&w, "scopes", s.Scopes)
	} else {
		w.null("scopes")
	}
	if s.Name != "" {
		w.string("session_name", s.Name)
	} else {
		w.null("session_name")
	}
	w.name("startUrl")
	w.quote(s.StartURL)
	w.string("tool", "botocore")
	return hash(w.object(nil))
}

// hash is SHA-1, because that is what the AWS CLI names its files with. It
// protects nothing.
func hash(data []byte) string {
	sum := sha1.Sum(data)
	return hex.EncodeToString(sum[:])
}

// FileStore is a Store in the files that the AWS CLI and the AWS SDKs share. A
// file is replaced as a whole and synced, so that a crash leaves the old
// content or the new, and only its owner may read it. Members of a file that
// this package does not know are kept.
//
// Other programs may write in place: a file that is not whole is read again
// for some tens of milliseconds before it is a *CorruptCacheError.
//
// The lock is a file beside the token's, of the same name with .lock for
// .json, which other programs do not look at and which stays.
type FileStore struct {
	dir  string
	wait func(context.Context, time.Duration) error
}

// NewFileStore returns the store in a directory, which need not exist yet;
// empty means that of the AWS CLI, ~/.aws/sso/cache.
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
	return &FileStore{dir: dir, wait: transport.Sleep}, nil
}

// TokenPath returns the path of a session's token file.
func (f *FileStore) TokenPath(s Session) string { return f.path(tokenKey(s)) }

// RegistrationPath returns the path of a session's registration file.
func (f *FileStore) RegistrationPath(s Session) string { return f.path(registrationKey(s)) }

func (f *FileStore) path(key string) string { return filepath.Join(f.dir, key+".json") }

// LoadToken reads the token file.
func (f *FileStore) LoadToken(ctx context.Context, s Session) (*Token, error) {
	t := new(Token)
	if err := f.load(ctx, f.TokenPath(s), t); err != nil {
		return nil, err
	}
	return t, nil
}

// SaveToken replaces the token file.
func (f *FileStore) SaveToken(ctx context.Context, s Session, t *Token) error {
	return f.save(ctx, f.TokenPath(s), t)
}

// DeleteToken removes the token file.
func (f *FileStore) DeleteToken(ctx context.Context, s Session) error {
	return f.remove(ctx, f.TokenPath(s))
}

// LoadRegistration reads the registration file.
func (f *FileStore) LoadRegistration(ctx context.Context, s Session) (*Registration, error) {
	r := new(Registration)
	if err := f.load(ctx, f.RegistrationPath(s), r); err != nil {
		return nil, err
	}
	return r, nil
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

func (f *FileStore) load(ctx context.Context, path string, into json.Unmarshaler) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for again := 0; ; again++ {
		err := read(path, into)
		if err == nil {
			return nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: %w", ErrNotFound, err)
		}
		if again == len(rereads) {
			return err
		}
		if err := f.wait(ctx, rereads[again]); err != nil {
			return err
		}
	}
}

// maxFile is the most that a file may hold. Tokens have some kilobytes.
const maxFile = 1 << 20

func read(path string, into json.Unmarshaler) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return err
	}
	if len(data) > maxFile {
		return &CorruptCacheError{Path: path, Reason: "longer than 1 MiB"}
	}
	if err := into.UnmarshalJSON(data); err != nil {
		return &CorruptCacheError{Path: path, Reason: err.Error()}
	}
	return nil
}

func (f *FileStore) save(ctx context.Context, path string, from json.Marshaler) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	data, err := from.MarshalJSON()
	if err != nil {
		return err
	}
	atomicfile.Clean(path, leftoverAge)
	return atomicfile.Write(path, data)
}

// leftoverAge is after what time nobody writes to a temporary file any more.
const leftoverAge = time.Hour

func (f *FileStore) remove(ctx context.Context, path string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	atomicfile.Clean(path, 0) // a token that was deleted must not be lying about
	atomicfile.SyncDir(f.dir)
	return nil
}

// lockPause is how often a lock that another process has is tried again.
const lockPause = 20 * time.Millisecond

// Lock locks the lock file. Goroutines of this process queue for it, so that
// one of them at a time asks the system.
func (f *FileStore) Lock(ctx context.Context, s Session) (func(), error) {
	path := filepath.Join(f.dir, tokenKey(s)+".lock")
	leave, err := goroutines.lock(ctx, path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		leave()
		return nil, err
	}
	file := flock.New(path)
	if _, err := file.TryLockContext(ctx, lockPause); err != nil {
		leave()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return sync.OnceFunc(func() {
		_ = file.Unlock()
		leave()
	}), nil
}

// goroutines keeps the goroutines of this process apart: on a network file
// system, a file lock is the whole process's.
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

// MemoryStore is a Store that lasts as long as the process and is shared with
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

// SaveToken keeps a copy of the token.
func (m *MemoryStore) SaveToken(ctx context.Context, s Session, t *Token) error {
	return saveCopy(ctx, &m.tokens, tokenKey(s), t)
}

// DeleteToken forgets the token.
func (m *MemoryStore) DeleteToken(ctx context.Context, s Session) error {
	return forget(ctx, &m.tokens, tokenKey(s))
}

// LoadRegistration returns a copy of the registration.
func (m *MemoryStore) LoadRegistration(ctx context.Context, s Session) (*Registration, error) {
	return loadCopy[Registration](ctx, &m.registrations, registrationKey(s))
}

// SaveRegistration keeps a copy of the registration.
func (m *MemoryStore) SaveRegistration(ctx context.Context, s Session, r *Registration) error {
	return saveCopy(ctx, &m.registrations, registrationKey(s), r)
}

// DeleteRegistration forgets the registration.
func (m *MemoryStore) DeleteRegistration(ctx context.Context, s Session) error {
	return forget(ctx, &m.registrations, registrationKey(s))
}

// Lock excludes the goroutines that use this store.
func (m *MemoryStore) Lock(ctx context.Context, s Session) (func(), error) {
	return m.locks.lock(ctx, tokenKey(s))
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
