package login

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/transport"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// renew returns the store's token, refreshed if it is time for that.
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
		// If it is only the time, somebody else refreshes the token or logs in.
		return nil, p.fail(nil, fmt.Errorf("wait for the lock: %w", err))
	}

	ctx, cancel = context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	// Somebody may have refreshed it, or logged out, by now.
	stored, err := p.load(ctx)
	if err != nil {
		return nil, err
	}
	if h = p.saveAgain(ctx, stored); p.isFresh(h) {
		return h, nil
	}
	return p.refresh(ctx, h, stored)
}

// load returns the store's token, which callers get from then on if it is
// good: they need not wait for what comes next.
func (p *Provider) load(ctx context.Context) (*held, error) {
	t, err := p.store.LoadToken(ctx, p.session)
	var corrupt *CorruptCacheError
	switch {
	case errors.Is(err, ErrNotFound), errors.As(err, &corrupt):
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

// hold holds a token of the store, which is good until ExpiresAt by the wall
// clock. If the process has it already, no longer than that: the clock may have
// been set back.
func (p *Provider) hold(t *Token) *held {
	now := p.clocks.read()
	h := &held{Token: t, from: now, life: t.ExpiresAt.Sub(now.wall), early: earlyWindow}
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

// refreshable says what keeps a token from being refreshed. The end of the
// registration does not: it is by a clock that may have been set since, and the
// service knows.
func (p *Provider) refreshable(t *Token) error {
	switch {
	case t.RefreshToken.IsZero():
		return p.fail(ErrLoginRequired, errors.New("there is no refresh token"))
	case t.ClientID == "", t.ClientSecret.IsZero():
		return p.fail(ErrLoginRequired, errors.New("the token says no client to refresh it with"))
	}
	return nil
}

// refresh gets the token after h. It is called with the lock, and the token
// that is in the store.
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
		if err == nil {
			p.save(ctx, next, stored)
			return next, nil
		}
		if awstokens.MayHaveProcessed(err) {
			p.lost = &lost{h.Token, err}
		}
		var invalid *ssooidc.InvalidGrantException
		if !errors.As(err, &invalid) {
			return nil, p.giveUp(ctx, stored, p.meaning(h.Token, err))
		}
		newer := p.newer(ctx, stored)
		if newer == nil {
			return nil, p.giveUp(ctx, stored, p.meaning(h.Token, err))
		}
		if newer.left(p.clocks.read()) > 0 {
			return newer, nil
		}
		h, stored = newer, newer
	}
}

// request requests the token after t. It has a time of its own, whatever the
// store took.
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
	next.StartURL, next.Region = p.session.StartURL, p.session.Region
	next.AccessToken = out.AccessToken
	next.ExpiresAt = asked.wall.Add(life).UTC().Truncate(time.Second)
	if !out.RefreshToken.IsZero() {
		next.RefreshToken = out.RefreshToken
	}
	return &held{Token: &next, from: asked, life: life, early: min(earlyWindow, life/2)}, nil
}

// newerPauses are the waits before the store is read again for what another
// program got with the refresh token. It saves that just after the answer.
var newerPauses = []time.Duration{0, 50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond}

// newer returns the store's token if it is another by now: programs that know
// nothing of the lock may have used up the refresh token.
func (p *Provider) newer(ctx context.Context, than *held) *held {
	for _, pause := range newerPauses {
		if transport.Sleep(ctx, pause) != nil {
			return nil
		}
		if t, err := p.store.LoadToken(ctx, p.session); err == nil && !than.same(t) {
			return p.hold(t)
		}
	}
	return nil
}

// same says whether two tokens come from the same answer.
func (t *Token) same(as *Token) bool {
	return t.AccessToken.Equal(as.AccessToken) && t.RefreshToken.Equal(as.RefreshToken)
}

// meaning tells what the failure of a refresh means.
func (p *Provider) meaning(t *Token, err error) error {
	var (
		grant   *ssooidc.InvalidGrantException
		expired *ssooidc.ExpiredTokenException
		client  *ssooidc.InvalidClientException
		region  *ssooidc.InvalidRequestRegionException
	)
	switch {
	case errors.As(err, &region):
		return p.fail(ErrWrongRegion, err)
	case errors.As(err, &grant) && t.Region != "" && t.Region != p.session.Region:
		return p.fail(ErrWrongRegion, fmt.Errorf("the token is of %s: %w", t.Region, err))
	case errors.As(err, &grant):
		if p.lost != nil && p.lost.token.same(t) {
			err = after(p.lost.err, err)
		}
		return p.fail(ErrSessionEnded, err)
	case errors.As(err, &expired):
		return p.fail(ErrSessionEnded, withClock(err, p.clocks.wall()))
	case errors.As(err, &client):
		return p.fail(ErrRegistrationExpired, err)
	}
	return p.fail(nil, err)
}
