package login

import (
	"context"
	"sync"
)

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
