package login

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/smithy-go/auth/bearer"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/transport"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

const (
	// earlyWindow is how long before its expiration a token is refreshed.
	earlyWindow = 15 * time.Minute

	// lateWindow is how long before its expiration callers wait for a refresh
	// that is under way, instead of going on with the token.
	lateWindow = 5 * time.Minute

	// earlyPause is the time between two early refreshes.
	earlyPause = time.Minute

	// discardPause is the time between two tokens that are discarded: a
	// service that refuses every token must not use up refreshes.
	discardPause = time.Minute

	// earlyPatience is how long the caller that begins an early refresh waits
	// for it. A program that got its token at once might end before the new
	// one is saved.
	earlyPatience = 5 * time.Second

	// These bound the way to the lock, the refresh, and the saving of what it
	// got. No step suffers from one that took long: a refresh that is cut off
	// may have used up the refresh token.
	lockTimeout    = time.Minute
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

	// Report is called with failures that did not keep a caller from its
	// token: an early refresh that failed, and a token that could not be saved.
	// It must be safe for concurrent use. The default is a warning to
	// Config.Logger, if there is one.
	Report func(error)
}

// Provider gives the access token of a session that has logged in, and
// refreshes it. It implements bearer.TokenProvider of smithy-go, and is safe
// for concurrent use.
//
// A token is refreshed in the 15 minutes before it expires, at most once a
// minute; until it has expired, a refresh that fails costs nothing but a
// report. One refresh happens at a time, in the process and, through the
// store's lock, in all that share the store. It goes on when its caller gives
// up, because it may have used up the refresh token.
//
// A new token is saved before anybody gets it. If that fails, it is served
// nevertheless, Report is told, and saving is tried again.
//
// The store is not read while the token is good: what another process does,
// such as a login as somebody else, is found when the token is due for a
// refresh, or after Discard.
type Provider struct {
	session Session
	store   Store
	client  *ssooidc.Client
	now     func() time.Time
	report  func(error)

	mu      sync.Mutex // guards the pauses, and the begin and the end of a flight
	pause   time.Time  // no early refresh before this
	discard time.Time  // no token is discarded before this

	// fmt follows other pointers, and prints the secrets behind them.
	token   atomic.Pointer[Token]   // the latest; nil before the first
	unsaved atomic.Pointer[unsaved] // nil if the store has the latest
	flight  atomic.Pointer[flight]  // the refresh under way, if there is one
	refused atomic.Pointer[Token]   // the latest that was discarded
}

var _ bearer.TokenProvider = (*Provider)(nil)

// unsaved is a token that the store did not take.
type unsaved struct{ token, stored *Token }

// flight is a look into the store, and a refresh if need be.
type flight struct {
	done  chan struct{}
	token *Token // these are set before done is closed
	err   error
}

// NewProvider returns a Provider of a session. It fails on a session without
// start URL or Region and on a bad configuration. It reads nothing yet.
func NewProvider(s Session, options ...func(*ProviderOptions)) (*Provider, error) {
	var o ProviderOptions
	for _, change := range options {
		if change != nil {
			change(&o)
		}
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	if o.Store == nil {
		files, err := NewFileStore("")
		if err != nil {
			return nil, err
		}
		o.Store = files
	}
	o.Config.Region, o.Config.Credentials = s.Region, nil
	client, err := ssooidc.New(o.Config)
	if err != nil {
		return nil, err
	}
	p := &Provider{session: s, store: o.Store, client: client, now: o.Config.Now, report: o.Report}
	if p.now == nil {
		p.now = time.Now
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

// Region returns the session's Region, where its tokens are good.
func (p *Provider) Region() string { return p.session.Region }

// RetrieveBearerToken returns an access token that has not expired. Its error,
// if it is not the context's, is an *Error.
func (p *Provider) RetrieveBearerToken(ctx context.Context) (bearer.Token, error) {
	t, err := p.retrieve(ctx)
	if err != nil {
		return bearer.Token{}, err
	}
	return bearer.Token{Value: t.AccessToken.Reveal(), CanExpire: true, Expires: t.ExpiresAt}, nil
}

// Discard says that a service does not accept an access token of the provider,
// although it has not expired: somebody has ended the session, or logged in
// again. RetrieveBearerToken then gives what the store has by now, or refreshes
// the token. If it cannot be refreshed, the store's token is marked as expired,
// so that the next Login asks the user, and the error says so.
//
// Discard makes no request, and does nothing when the provider has another
// token by now, or discarded one within the last minute. portal.RoleCredentials
// calls it.
func (p *Provider) Discard(token awstokens.Secret) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if t := p.token.Load(); t != nil && t.AccessToken.Equal(token) && !now.Before(p.discard) {
		p.refused.Store(t)
		p.token.Store(nil)
		p.discard = now.Add(discardPause)
	}
}

// isRefused says that a service does not accept a token any more.
func (p *Provider) isRefused(t *Token) bool {
	r := p.refused.Load()
	return r != nil && t != nil && r.AccessToken.Equal(t.AccessToken)
}

func (p *Provider) retrieve(ctx context.Context) (*Token, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	now := p.now()
	t, f := p.token.Load(), p.flight.Load()
	left := t.left(now)
	due := left <= 0 || (left < earlyWindow || p.unsaved.Load() != nil) && !now.Before(p.pause)
	mine := due && f == nil
	if mine {
		f = &flight{done: make(chan struct{})}
		p.flight.Store(f)
		go p.fly(context.WithoutCancel(ctx), f)
	}
	p.mu.Unlock()

	if left > 0 && (f == nil || !mine && left >= lateWindow) {
		return t, nil
	}
	patience := time.NewTimer(earlyPatience)
	defer patience.Stop()
	for {
		select {
		case <-f.done:
			return f.token, f.err
		case <-patience.C:
			if t := p.token.Load(); t.left(p.now()) >= lateWindow {
				return t, nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// left is how long the token is still good. A token that is nil is not.
func (t *Token) left(now time.Time) time.Duration {
	if t == nil {
		return 0
	}
	return t.ExpiresAt.Sub(now)
}

// fly looks for a token and ends the flight with it, or with the one that is
// still good.
func (p *Provider) fly(ctx context.Context, f *flight) {
	f.token, f.err = p.renew(ctx)
	now := p.now()
	if f.err == nil {
		p.token.Store(f.token)
	} else if t := p.token.Load(); t.left(now) > 0 {
		p.report(f.err)
		f.token, f.err = t, nil
	}
	p.mu.Lock()
	p.pause = now.Add(earlyPause)
	p.flight.Store(nil)
	p.mu.Unlock()
	close(f.done)
}

// renew returns the store's token, refreshed if it is time for that.
func (p *Provider) renew(ctx context.Context) (*Token, error) {
	lockCtx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	t, err := p.load(lockCtx)
	if err != nil {
		return nil, err
	}
	if p.unsaved.Load() == nil {
		if p.isFresh(t) {
			return t, nil
		}
		if err := p.refreshable(t); err != nil && !p.isRefused(t) {
			return nil, err
		}
	}
	unlock, err := p.store.Lock(lockCtx, p.session, LockToken)
	if err != nil {
		// If it is only the time, somebody else refreshes the token or logs in.
		return nil, p.fail(nil, fmt.Errorf("wait for the lock: %w", err))
	}
	defer unlock()

	ctx, cancel = context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	// Somebody may have refreshed it, or logged out, by now.
	stored, err := p.load(ctx)
	if err != nil {
		return nil, err
	}
	if t = p.saveAgain(ctx, stored); p.isFresh(t) {
		return t, nil
	}
	return p.refresh(ctx, t, stored)
}

// load returns the store's token, which callers get from then on if it is
// good: they need not wait for what comes next.
func (p *Provider) load(ctx context.Context) (*Token, error) {
	t, err := p.store.LoadToken(ctx, p.session)
	var corrupt *CorruptCacheError
	switch {
	case errors.Is(err, ErrNotFound), errors.As(err, &corrupt):
		return nil, p.fail(ErrLoginRequired, err)
	case err != nil:
		return nil, p.fail(nil, err)
	}
	if p.unsaved.Load() == nil && t.left(p.now()) > 0 && !p.isRefused(t) {
		p.token.Store(t)
	}
	return t, nil
}

func (p *Provider) isFresh(t *Token) bool {
	return t.left(p.now()) >= earlyWindow && !p.isRefused(t)
}

func (p *Provider) fail(kind, err error) error {
	return &Error{Session: p.session, Kind: kind, Err: err}
}

// refreshable says what keeps a token from being refreshed.
func (p *Provider) refreshable(t *Token) error {
	switch {
	case t.RefreshToken.IsZero():
		return p.fail(ErrLoginRequired, errors.New("there is no refresh token"))
	case t.ClientID == "", t.ClientSecret.IsZero():
		return p.fail(ErrLoginRequired, errors.New("the token says no client to refresh it with"))
	case !t.RegistrationExpiresAt.IsZero() && !p.now().Before(t.RegistrationExpiresAt):
		return p.fail(ErrRegistrationExpired, nil)
	}
	return nil
}

// refresh gets the token after t. It is called with the lock, and the token
// that is in the store.
func (p *Provider) refresh(ctx context.Context, t, stored *Token) (*Token, error) {
	for {
		if err := p.refreshable(t); err != nil {
			return nil, p.giveUp(ctx, stored, err)
		}
		asked := p.now()
		out, err := p.client.CreateToken(ctx, &ssooidc.CreateTokenInput{
			ClientId:     t.ClientID,
			ClientSecret: t.ClientSecret,
			GrantType:    ssooidc.GrantTypeRefreshToken,
			RefreshToken: t.RefreshToken,
		})
		if err == nil {
			next := *t
			next.StartURL, next.Region = p.session.StartURL, p.session.Region
			next.AccessToken = out.AccessToken
			next.ExpiresAt = asked.Add(time.Duration(out.ExpiresIn) * time.Second).UTC().Truncate(time.Second)
			if !out.RefreshToken.IsZero() {
				next.RefreshToken = out.RefreshToken
			}
			p.save(ctx, &next, stored)
			return &next, nil
		}
		var invalid *ssooidc.InvalidGrantException
		if !errors.As(err, &invalid) {
			return nil, p.giveUp(ctx, stored, p.meaning(t, err))
		}
		newer := p.newer(ctx, stored)
		if newer == nil {
			return nil, p.giveUp(ctx, stored, p.meaning(t, err))
		}
		if newer.left(p.now()) > 0 {
			return newer, nil
		}
		t, stored = newer, newer
	}
}

// newerPauses are the waits before the store is read again for what another
// program got with the refresh token. It saves that just after the answer.
var newerPauses = []time.Duration{0, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond}

// newer returns the store's token if it is another by now: programs that know
// nothing of the lock may have used up the refresh token.
func (p *Provider) newer(ctx context.Context, than *Token) *Token {
	for _, pause := range newerPauses {
		if transport.Sleep(ctx, pause) != nil {
			return nil
		}
		if t, err := p.store.LoadToken(ctx, p.session); err == nil && !t.same(than) {
			return t
		}
	}
	return nil
}

// same says whether two tokens come from the same answer.
func (t *Token) same(as *Token) bool {
	return t.AccessToken.Equal(as.AccessToken) && t.RefreshToken.Equal(as.RefreshToken)
}

// giveUp marks the store's token as expired if nobody accepts it any more and
// only a login helps: Login would take it for good.
func (p *Provider) giveUp(ctx context.Context, stored *Token, err error) error {
	var failure *Error
	if !p.isRefused(stored) || !errors.As(err, &failure) || failure.Kind == nil || failure.Kind == ErrWrongRegion {
		return err
	}
	over := *stored
	over.ExpiresAt = p.now().UTC().Truncate(time.Second)
	if err := p.store.SaveToken(ctx, p.session, &over); err != nil {
		p.report(p.fail(nil, fmt.Errorf("a token that is no good any more is still in the store: %w", err)))
	}
	return err
}

// meaning tells what the failure of a refresh means.
func (p *Provider) meaning(t *Token, err error) error {
	var (
		grant   *ssooidc.InvalidGrantException
		expired *ssooidc.ExpiredTokenException
		client  *ssooidc.InvalidClientException
		region  *ssooidc.InvalidRequestRegionException
	)
	otherRegion := t.Region != "" && t.Region != p.session.Region
	switch {
	case errors.As(err, &region):
		return p.fail(ErrWrongRegion, err)
	case errors.As(err, &grant) && otherRegion:
		return p.fail(ErrWrongRegion, fmt.Errorf("the token is of %s: %w", t.Region, err))
	case errors.As(err, &grant), errors.As(err, &expired):
		return p.fail(ErrSessionEnded, err)
	case errors.As(err, &client):
		return p.fail(ErrRegistrationExpired, err)
	}
	return p.fail(nil, err)
}

// save saves a token. One that the store does not take is kept for later.
func (p *Provider) save(ctx context.Context, t, stored *Token) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	err := p.store.SaveToken(ctx, p.session, t)
	p.unsaved.Store(nil)
	if err != nil {
		p.unsaved.Store(&unsaved{token: t, stored: stored})
		p.report(p.fail(nil, fmt.Errorf("only this process has the new token, because it was not saved: %w", err)))
	}
}

// saveAgain returns the store's token, or the later one that it did not take
// and that it is given once more. A token that is in the store since then is
// later still.
func (p *Provider) saveAgain(ctx context.Context, stored *Token) *Token {
	u := p.unsaved.Swap(nil)
	if u == nil || !stored.same(u.stored) {
		return stored
	}
	p.save(ctx, u.token, stored)
	return u.token
}
