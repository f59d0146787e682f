package login

import (
	"context"
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

	// These bound the way to the lock, what is done with it before the refresh,
	// the refresh, and the saving of what it got. No step suffers from one that
	// took long: a refresh that is cut off may have used up the refresh token.
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
// store's lock, in all that share the store. It continues when its caller
// gives up, because it may have used up the refresh token.
//
// A new token is saved before anybody gets it. If that fails, it is served
// nevertheless, Report is told, and saving is retried. Where there is no space
// for a new token, nothing is refreshed. A store that is read-only, such as one
// that is mounted into a container, keeps nobody from refreshing, but whoever
// may write to it comes first: the Provider waits until 5 minutes before the end.
//
// The store is not read while the token is good: what another process does,
// such as a login as somebody else, is found when the token is due for a
// refresh, or after Discard.
type Provider struct {
	session Session
	store   Store
	client  *ssooidc.Client
	clocks  clocks
	report  func(error)

	mu        sync.Mutex // guards these, and the begin and the end of a flight
	tried     reading    // the end of the last flight
	discarded reading    // when a token was discarded last

	token   atomic.Pointer[held]    // the latest; nil before the first
	unsaved atomic.Pointer[unsaved] // nil if the store has the latest
	flight  atomic.Pointer[flight]  // the refresh under way, if there is one
	refused atomic.Pointer[Token]   // the latest that was discarded
	lost    *lost                   // the latest; of the flight under way
}

var _ bearer.TokenProvider = (*Provider)(nil)

// lost is a refresh that the service may have processed, although its response
// was no token. Later, that explains why the refresh token is used up.
type lost struct {
	token *Token
	err   error
}

// flight is a look into the store, and a refresh if need be.
type flight struct {
	done  chan struct{}
	token *held // these are set before done is closed
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

// Region returns the session's Region, where its tokens are good.
func (p *Provider) Region() string { return p.session.Region }

// RetrieveBearerToken returns an access token that has not expired. Its error,
// if it is not the context's, is an *Error.
func (p *Provider) RetrieveBearerToken(ctx context.Context) (bearer.Token, error) {
	h, err := p.retrieve(ctx)
	if err != nil {
		return bearer.Token{}, err
	}
	now := p.clocks.read()
	return bearer.Token{Value: h.AccessToken.Reveal(), CanExpire: true, Expires: now.wall.Add(h.left(now))}, nil
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
	now := p.clocks.read()
	if h := p.token.Load(); h != nil && h.AccessToken.Equal(token) && now.since(p.discarded) >= discardPause {
		p.refused.Store(h.Token)
		p.token.Store(nil)
		p.discarded = now
	}
}

// isRefused says that a service does not accept a token any more.
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

// fly looks for a token and ends the flight with it, or with the one that is
// still good.
func (p *Provider) fly(ctx context.Context, f *flight) {
	f.token, f.err = p.renew(ctx)
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
