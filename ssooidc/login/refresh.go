package login

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/transport"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

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
