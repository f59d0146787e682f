package login_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
)

// Keyring is what the packages for the keyrings of the systems have in common:
// Keychain on macOS, the Secret Service on Linux, the Credential Manager on
// Windows. For a key that it does not have, Get returns login.ErrNotFound, and
// Delete no error.
type Keyring interface {
	Get(service, key string) (string, error)
	Set(service, key, secret string) error
	Delete(service, key string) error
}

// KeyringStore keeps tokens in a keyring. The registrations of clients and the
// locks, which processes share, stay in the files of the FileStore. The AWS CLI
// does not see the tokens.
type KeyringStore struct {
	*login.FileStore
	Keyring Keyring
}

const service = "my-tool"

// LoadToken implements [login.Store].
func (k *KeyringStore) LoadToken(_ context.Context, s login.Session) (*login.Token, error) {
	text, err := k.Keyring.Get(service, k.key(s))
	if err != nil {
		return nil, err
	}
	return login.ParseToken([]byte(text))
}

// SaveToken implements [login.Store].
func (k *KeyringStore) SaveToken(_ context.Context, s login.Session, t *login.Token) error {
	text, err := t.CacheJSON()
	if err != nil {
		return err
	}
	return k.Keyring.Set(service, k.key(s), string(text))
}

// DeleteToken implements [login.Store].
func (k *KeyringStore) DeleteToken(_ context.Context, s login.Session) error {
	return k.Keyring.Delete(service, k.key(s))
}

// ReserveToken implements [login.Store]. A keyring cannot reserve space.
func (k *KeyringStore) ReserveToken(context.Context, login.Session) (release func(), err error) {
	return func() {}, nil
}

// key names a session as the AWS CLI does: one session, one token.
func (k *KeyringStore) key(s login.Session) string { return filepath.Base(k.TokenPath(s)) }

// Keep tokens in the keyring of the system instead of files.
func ExampleStore_keyring() {
	dir, err := os.MkdirTemp("", "registrations") // "" for that of the AWS CLI
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	files, err := login.NewFileStore(dir)
	if err != nil {
		log.Fatal(err)
	}
	store := &KeyringStore{FileStore: files, Keyring: fakeKeyring{}}

	server, err := awstokenstest.Start() // in place of AWS
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	server.IdentityCenter().AutoApprove(true)
	session := login.Session{Name: "my-sso", StartURL: "https://example.awsapps.com/start", Region: "us-east-1"}
	token, err := login.Login(context.Background(), session, func(o *login.Options) {
		o.Store, o.Config, o.Prompt = store, server.Config(), &login.Terminal{Out: io.Discard}
		o.OpenBrowser = func(url string) error { _, err := http.Get(url); return err }
	})
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := login.NewProvider(session, func(o *login.ProviderOptions) { o.Store, o.Config = store, server.Config() })
	if err != nil {
		log.Fatal(err)
	}
	stored, err := tokens.AccessToken(context.Background())
	fmt.Println(token.AccessToken.Equal(stored), err)
	_, err = os.Stat(store.TokenPath(session))
	fmt.Println("no file:", os.IsNotExist(err))
	// Output:
	// true <nil>
	// no file: true
}

// fakeKeyring is in memory. A program uses a package for the system's.
type fakeKeyring map[string]string

func (f fakeKeyring) Get(_, key string) (string, error) {
	secret, ok := f[key]
	if !ok {
		return "", login.ErrNotFound
	}
	return secret, nil
}

func (f fakeKeyring) Set(_, key, secret string) error { f[key] = secret; return nil }

func (f fakeKeyring) Delete(_, key string) error { delete(f, key); return nil }
