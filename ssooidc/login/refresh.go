package login

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/transport"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// renew returns the store's token, and refreshes it if that is due.
func (p *Provider) renew(ctx context.Context) (*held, error) {
	lockCtx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	h, err := p.load(lockCtx)
	if err != nil {
		return nil, err
	}
	if p.unsaved.Load() == nil {
		if p.isFresh(h) {
			return h, nil
		}
		if err := p.refreshable(h.Token); err != nil && !p.isRefused(h.Token) {
			return nil, err
		}
	}
	unlock, err := p.store.Lock(lockCtx, p.session, LockToken)
	switch {
	case err == nil:
		defer unlock()
	case !errors.Is(err, ErrReadOnly):
		// If the time has ended, another process refreshes the token or logs in.
		return nil, p.fail(nil, fmt.Errorf("wait for the lock: %w", err))
	}

	ctx, cancel = context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	// Another process may have refreshed the token or logged out.
	stored, err := p.load(ctx)
	if err != nil {
		return nil, err
	}
	if h = p.saveAgain(ctx, stored); p.isFresh(h) {
		return h, nil
	}
	if p.unsaved.Load() == nil {
		stored = h
	}
	return p.refresh(ctx, h, stored)
}

// load returns the store's token. If it is valid, callers get it from then on, and
// need not wait for its refresh.
func (p *Provider) load(ctx context.Context) (*held, error) {
	t, err := p.store.LoadToken(ctx, p.session)
	switch {
	case errors.Is(err, ErrNotFound), has[*CorruptCacheError](err):
		return nil, p.fail(ErrLoginRequired, err)
	case err != nil:
		return nil, p.fail(nil, err)
	}
	h := p.hold(t)
	if p.unsaved.Load() == nil && h.left(p.clocks.read()) > 0 && !p.isRefused(t) {
		p.token.Store(h)
	}
	return h, nil
}

// hold returns a token of the store with its life, which is until ExpiresAt by the
// wall clock. If the Provider has had the token before, its life is no longer than
// it was: the wall clock may have been set back.
func (p *Provider) hold(t *Token) *held {
	now := p.clocks.read()
	h := &held{Token: t, from: now, life: max(0, t.ExpiresAt.Sub(now.wall)), early: earlyWindow}
	if known := p.token.Load(); known != nil && known.same(t) {
		h.life, h.early = min(h.life, known.left(now)), known.early
	}
	return h
}

func (p *Provider) isFresh(h *held) bool {
	return h.left(p.clocks.read()) >= h.early && !p.isRefused(h.Token)
}

func (p *Provider) fail(kind, err error) error {
	return &Error{Session: p.session, Kind: kind, Err: err}
}

// refreshable returns an error if a token cannot be refreshed, or if the service has
// just refused that. It ignores the end of the registration, which is by a clock that
// may have been set since: the service decides.
func (p *Provider) refreshable(t *Token) error {
	switch {
	case p.denied != nil && p.denied.token.same(t) && p.clocks.read().since(p.denied.at) < refusedPause:
		return p.denied.err
	case t.RefreshToken.IsZero():
		return p.fail(ErrLoginRequired, errors.New("there is no refresh token"))
	case t.ClientID == "", t.ClientSecret.IsZero():
		return p.fail(ErrLoginRequired, errors.New("there is no client to refresh it with"))
	}
	return nil
}

// refresh exchanges the refresh token of h for the next token, and saves that. Its
// caller has the lock, and the token that is in the store.
func (p *Provider) refresh(ctx context.Context, h, stored *held) (*held, error) {
	release, err := p.store.ReserveToken(ctx, p.session)
	switch {
	case err == nil:
		defer release()
	case !errors.Is(err, ErrReadOnly) && p.refreshable(h.Token) == nil:
		return nil, p.fail(nil, fmt.Errorf("not refreshed, because a new token could not be saved: %w", err))
	case h.left(p.clocks.read()) >= lateWindow && !p.isRefused(h.Token):
		return h, nil
	}
	for {
		if err := p.refreshable(h.Token); err != nil {
			return nil, p.giveUp(ctx, stored, err)
		}
		next, err := p.request(ctx, h.Token)
		pauses := newerPauses[:1]
		if err != nil {
			if awstokens.MayHaveProcessed(err) {
				p.lost = &lost{h.Token, err}
			}
			if err = p.explain(h.Token, err); kindOf(err) == nil {
				return nil, err
			}
			pauses = newerPauses
		}
		newer, gone := p.newer(ctx, stored, pauses)
		switch {
		case gone != nil:
			return nil, gone
		case newer.left(p.clocks.read()) > 0:
			return newer, nil
		case err == nil:
			p.save(ctx, next, stored)
			return next, nil
		case newer == nil:
			p.denied = &denied{h.Token, err, p.clocks.read()}
			return nil, p.giveUp(ctx, stored, err)
		}
		h, stored = newer, newer
	}
}

// request exchanges the refresh token of t for the next token. It has a time of its
// own, whatever time the store has taken.
func (p *Provider) request(ctx context.Context, t *Token) (*held, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), refreshTimeout)
	defer cancel()
	asked := p.clocks.read() // the token's life begins before the response arrives
	out, err := p.client.CreateToken(ctx, &ssooidc.CreateTokenInput{
		ClientId:     t.ClientID,
		ClientSecret: t.ClientSecret,
		GrantType:    ssooidc.GrantTypeRefreshToken,
		RefreshToken: t.RefreshToken,
	})
	if err != nil {
		return nil, err
	}
	life := lifeOf(out.ExpiresIn)
	next := *t
	// The service has found the token in the session's Region. It cannot know whether
	// the session has got another start URL since the login.
	next.StartURL, next.Region = cmp.Or(t.StartURL, p.session.StartURL), p.session.Region
	next.AccessToken = out.AccessToken
	next.ExpiresAt = asked.wall.Add(life).UTC().Truncate(time.Second)
	if !out.RefreshToken.IsZero() {
		next.RefreshToken = out.RefreshToken
	}
	return &held{Token: &next, from: asked, life: life, early: min(earlyWindow, life/2)}, nil
}

// newerPauses are the waits before the store is read again, for the token that
// another program got with the same refresh token and is about to save.
var newerPauses = []time.Duration{0, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond}

// newer returns the store's token if it has changed, or nil. Programs that do not use
// the lock may have refreshed it or logged in. If they have logged out, newer returns
// an error.
func (p *Provider) newer(ctx context.Context, than *held, pauses []time.Duration) (*held, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout) // the request may have used up the time
	defer cancel()
	for _, pause := range pauses {
		_ = transport.Sleep(ctx, pause)
		t, err := p.store.LoadToken(ctx, p.session)
		switch {
		case errors.Is(err, ErrNotFound):
			return nil, p.fail(ErrLoginRequired, err)
		case err == nil && !than.same(t):
			return p.hold(t), nil
		}
	}
	return nil, nil
}

// explain returns the error of a refresh that failed with err.
func (p *Provider) explain(t *Token, err error) error {
	refused := has[*ssooidc.InvalidGrantException](err)
	switch {
	case has[*ssooidc.InvalidRequestRegionException](err):
		return p.fail(ErrWrongRegion, err)
	case refused && t.Region != "" && t.Region != p.session.Region:
		return p.fail(ErrWrongRegion, fmt.Errorf("the token is of %s: %w", t.Region, err))
	case refused && p.lost != nil && p.lost.token.same(t):
		return p.fail(ErrSessionEnded, after(p.lost.err, err))
	case refused:
		return p.fail(ErrSessionEnded, err)
	case has[*ssooidc.ExpiredTokenException](err):
		return p.fail(ErrSessionEnded, withClock(err, p.clocks.wall()))
	case has[*ssooidc.InvalidClientException](err):
		return p.fail(ErrRegistrationExpired, err)
	}
	return p.fail(nil, err)
}
