package login

import (
	"context"
	"sync"
)

// Store keeps tokens and registrations. [FileStore] shares them with the AWS CLI
// and the AWS SDKs. A Store of your own, such as a keyring, can keep the JSON of
// [Token.CacheJSON] and [Registration.CacheJSON]. A Store must be safe for
// concurrent use.
type Store interface {
	// LoadToken returns the session's token. If there is none, errors.Is finds
	// ErrNotFound in the error.
	LoadToken(ctx context.Context, s Session) (*Token, error)
	// SaveToken replaces the session's token. It is called after each login and
	// each refresh.
	SaveToken(ctx context.Context, s Session, t *Token) error
	// DeleteToken removes the session's token. It returns no error if there is
	// none.
	DeleteToken(ctx context.Context, s Session) error

	// ReserveToken makes sure that the next SaveToken of the session succeeds,
	// as far as the store can know, until release is called. It is called before
	// a login asks the user and before a refresh; if it returns an error, neither
	// happens. If this process may not write to the store, errors.Is finds
	// ErrReadOnly in the error, and a token that expires soon is refreshed
	// nevertheless. A store that cannot know does nothing. Calling release again
	// must do nothing.
	ReserveToken(ctx context.Context, s Session) (release func(), err error)

	// LoadRegistration returns the client that was registered for the session,
	// with the same Region and scopes. If there is none, errors.Is finds
	// ErrNotFound in the error.
	LoadRegistration(ctx context.Context, s Session) (*Registration, error)
	// SaveRegistration replaces the session's registration.
	SaveRegistration(ctx context.Context, s Session, r *Registration) error
	// DeleteRegistration removes the session's registration. It returns no error
	// if there is none.
	DeleteRegistration(ctx context.Context, s Session) error

	// Lock takes a lock of the session. It waits until nobody else has that
	// lock, or until the context ends. A lock excludes all users of the store, in
	// other processes too, until unlock is called or the process ends. The other
	// methods do not wait for it. Calling unlock again must do nothing. If this
	// process may not write to the store, and so cannot lock it, errors.Is finds
	// ErrReadOnly in the error.
	Lock(ctx context.Context, s Session, l Lock) (unlock func(), err error)
}

// MemoryStore is a [Store] in the memory of the process. Its zero value is empty and
// ready to use.
type MemoryStore struct {
	tokens, registrations sync.Map // by key
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
