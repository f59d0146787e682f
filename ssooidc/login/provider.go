package login

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/smithy-go/auth/bearer"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/clock"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

const (
	// earlyWindow is how long before its expiration a token is refreshed.
	earlyWindow = 15 * time.Minute

	// lateWindow is how long before its expiration callers wait for a refresh
	// under way, instead of using the token.
	lateWindow = 5 * time.Minute

	// earlyPause is the least time between two early refreshes.
	earlyPause = time.Minute

	// discardPause is the least time between two discards, so that a service
	// that refuses every token does not cause a refresh each time.
	discardPause = time.Minute

	// refusedPause is the least time between two requests with a refresh token
	// that the service refuses.
	refusedPause = time.Minute

	// earlyPatience is how long the caller that starts an early refresh waits
	// for it. If it did not, a short program could end before the new token is
	// saved.
	earlyPatience = 5 * time.Second

	// These bound the wait for the lock, the work before the request, the
	// request, and saving the new token. Each step has a time of its own, so
	// that a slow step does not cut off the request, which may spend the refresh
	// token.
	lockTimeout    = time.Minute
	prepareTimeout = 30 * time.Second
	refreshTimeout = time.Minute
	saveTimeout    = 30 * time.Second
)

// ProviderOptions are the settings of a [Provider]. Zero values mean the
// defaults.
type ProviderOptions struct {
	// Store keeps the token. The default is NewFileStore(""), the files of the
	// AWS CLI.
	Store Store

	// Config configures the calls to IAM Identity Center. Its Region is
	// replaced by the session's, and its Credentials are not used. Its Now is
	// the clock.
	Config awstokens.Config

	// Report is called with errors that no caller gets: of an early refresh, and
	// of saving a token. It must be safe for concurrent use. The default logs a
	// warning to Config.Logger, if there is one.
	Report func(error)
}

// Provider provides the access token of a session that has logged in, and refreshes
// it. It implements bearer.TokenProvider of smithy-go, and is safe for concurrent
// use.
//
// A token is refreshed in the 15 minutes before it expires, at most once a minute.
// If that fails, callers get the old token until it expires, and Report gets the
// error. One refresh runs at a time, in the process and, through the store's lock,
// in all processes that share the store. It continues if its caller gives up,
// because the service may have processed the request: before a program exits, it
// calls [Provider.Wait]. A refresh token that the service refuses is sent at most
// once a minute.
//
// A new token is saved before callers get it. If it cannot be saved, callers get it
// nevertheless, Report gets the error, and saving is retried. If there is no space
// for a new token, it is not requested. With a store that is read-only, such as one
// that is mounted into a container, the Provider refreshes for itself alone, but
// only in the last 5 minutes: until then, a process that can write may refresh the
// token for all.
//
// The Provider does not read the store while its token is valid. So it finds what
// another process has done, such as a login as another user, when the token must be
// refreshed, or after Discard.
type Provider struct {
	session Session
	store   Store
	client  *ssooidc.Client
	clocks  clocks
	report  func(error)

	mu        sync.Mutex // guards these, and the begin and the end of a flight
	tried     reading    // the end of the last flight
	discarded reading    // the last discard

	token   atomic.Pointer[held]    // the latest; nil before the first
	unsaved atomic.Pointer[unsaved] // nil if the store has the latest token
	flight  atomic.Pointer[flight]  // the one under way, or nil
	refused atomic.Pointer[Token]   // the latest that was discarded

	// The flight under way uses these.
	lost   *lost   // the latest, or nil
	denied *denied // the latest, or nil
}

var _ bearer.TokenProvider = (*Provider)(nil)

// lost is a refresh whose request the service may have processed, and whose
// response had no token. It explains why the refresh token is refused later.
type lost struct {
	token *Token
	err   error
}

// denied is a refresh token that the service has refused.
type denied struct {
	token *Token
	err   error
	at    reading
}

// flight reads the store, and refreshes the token if that is due.
type flight struct {
	done  chan struct{}
	token *held // set before done is closed, as is err
	err   error
}

// NewProvider returns a Provider of a session. It does no I/O. It returns an error
// if the session has no start URL or no Region, or the configuration is not valid.
func NewProvider(s Session, options ...func(*ProviderOptions)) (*Provider, error) {
	var o ProviderOptions
	for _, change := range options {
		if change != nil {
			change(&o)
		}
	}
	client, err := newClient(s, &o.Store, &o.Config)
	if err != nil {
		return nil, err
	}
	p := &Provider{session: s, store: o.Store, client: client, clocks: clocks{o.Config.Now, clock.New()}, report: o.Report}
	if p.clocks.wall == nil {
		p.clocks.wall = time.Now
	}
	if p.report == nil {
		p.report = func(err error) {
			if o.Config.Logger != nil {
				o.Config.Logger.Warn("awstokens: session", "error", err)
			}
		}
	}
	return p, nil
}

// Region returns the session's Region, the only one where its tokens are valid.
func (p *Provider) Region() string { return p.session.Region }

// AccessToken returns an access token that has not expired. Its error is the
// context's or an [*Error].
func (p *Provider) AccessToken(ctx context.Context) (awstokens.Secret, error) {
	h, err := p.retrieve(ctx)
	if err != nil {
		return awstokens.Secret{}, err
	}
	return h.AccessToken, nil
}

// RetrieveBearerToken is [Provider.AccessToken] for programs that use
// bearer.TokenProvider. The token that it returns is a plain string, which anything
// may print.
func (p *Provider) RetrieveBearerToken(ctx context.Context) (bearer.Token, error) {
	h, err := p.retrieve(ctx)
	if err != nil {
		return bearer.Token{}, err
	}
	now := p.clocks.read()
	return bearer.Token{Value: h.AccessToken.Reveal(), CanExpire: true, Expires: now.wall.Add(h.left(now))}, nil
}

// Wait waits until no refresh of this Provider is under way, and the new token is
// saved. Call it before the program exits, with a context that bounds it. A refresh
// can be under way after a call whose context has ended, and after one that has
// returned a token which is still valid. If the program exits in the middle of it, a
// service that rotates refresh tokens requires a new login. A refresh takes seconds,
// or minutes if the service does not respond. Wait starts none. It returns nil or
// the context's error.
func (p *Provider) Wait(ctx context.Context) error {
	for {
		f := p.flight.Load()
		if f == nil {
			return nil
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Discard reports that a service does not accept an access token of the Provider,
// although it has not expired: the session has ended, or there was another login.
// The next RetrieveBearerToken returns the token that the store has by then, or
// refreshes it. If that is not possible, it returns the error and marks the store's
// token as expired, so that the next Login asks the user.
//
// Discard makes no request. It does nothing if the Provider has another token by
// now, or if it has discarded one within the last minute. portal.RoleCredentials
// and portal.Roles call it.
func (p *Provider) Discard(token awstokens.Secret) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clocks.read()
	if h := p.token.Load(); h != nil && h.AccessToken.Equal(token) && now.since(p.discarded) >= discardPause {
		p.refused.Store(h.Token)
		p.token.Store(nil)
		p.discarded = now
	}
}

// isRefused reports whether a token was discarded.
func (p *Provider) isRefused(t *Token) bool {
	r := p.refused.Load()
	return r != nil && t != nil && r.AccessToken.Equal(t.AccessToken)
}

func (p *Provider) retrieve(ctx context.Context) (*held, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	now := p.clocks.read()
	h, f := p.token.Load(), p.flight.Load()
	left := h.left(now)
	u := p.unsaved.Load()
	due := left <= 0 || (left < h.early || u != nil && !u.readOnly) && now.since(p.tried) >= earlyPause
	mine := due && f == nil
	if mine {
		f = &flight{done: make(chan struct{})}
		p.flight.Store(f)
		go p.fly(context.WithoutCancel(ctx), f)
	}
	p.mu.Unlock()

	if left > 0 && (f == nil || !mine && left >= lateWindow) {
		return h, nil
	}
	patience := time.NewTimer(earlyPatience)
	defer patience.Stop()
	for {
		select {
		case <-f.done:
			return f.token, f.err
		case <-patience.C:
			if h := p.token.Load(); h.left(p.clocks.read()) >= lateWindow {
				return h, nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// fly makes a flight.
func (p *Provider) fly(ctx context.Context, f *flight) {
	f.err = p.fail(nil, errors.New("the refresh ended its goroutine"))
	defer p.land(f) // also if the Store or the HTTPClient calls runtime.Goexit
	f.token, f.err = p.renew(ctx)
}

// land ends a flight with a fresh token, or else with the one that is still valid.
func (p *Provider) land(f *flight) {
	now := p.clocks.read()
	if f.err == nil {
		p.token.Store(f.token)
	} else if h := p.token.Load(); h.left(now) > 0 {
		p.report(f.err)
		f.token, f.err = h, nil
	}
	p.mu.Lock()
	p.tried = now
	p.flight.Store(nil)
	p.mu.Unlock()
	close(f.done)
}
