package login

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
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
	// or a refresh token is spent, and its error keeps that from being spent.
	// If this process may not write to the store, errors.Is finds ErrReadOnly
	// in it, and the refresh token of a token that expires soon is spent nevertheless. A
	// store that cannot know does nothing. Release must be callable more than
	// once.
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
