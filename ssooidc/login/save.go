package login

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A token, and with it its refresh token, is written to the Store by the functions
// of this file only: after a login by login.save, after a refresh by Provider.save.

// save saves the token of a login. The end of the context does not keep it from
// being saved, because the code for it cannot be exchanged again.
func (l *login) save(ctx context.Context, token *Token) error {
	ctx = context.WithoutCancel(ctx)
	lockCtx, cancel := context.WithTimeout(ctx, prepareTimeout+refreshTimeout+2*saveTimeout) // as long as a refresh may take
	defer cancel()
	if unlock, err := l.Store.Lock(lockCtx, l.session, LockToken); err == nil {
		defer unlock()
	} // without the lock, the refresh of an old token may replace the new one
	ctx, cancel = context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	return l.Store.SaveToken(ctx, l.session, token)
}

// unsaved is a token that could not be saved, and the one that is in the store
// instead.
type unsaved struct {
	token, stored *held
	readOnly      bool // the store
}

// save saves the token of a refresh, or keeps it to be saved later.
func (p *Provider) save(ctx context.Context, h, stored *held) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	err := p.store.SaveToken(ctx, p.session, h.Token)
	before := p.unsaved.Swap(nil)
	if err == nil {
		return
	}
	readOnly := errors.Is(err, ErrReadOnly)
	p.unsaved.Store(&unsaved{h, stored, readOnly})
	if readOnly && before != nil && before.token == h {
		return // that was reported before
	}
	p.report(p.fail(nil, fmt.Errorf("only this process has the new token, because it was not saved: %w", err)))
}

// saveAgain saves the token that could not be saved, if there is one, and returns
// it. If the store has got another token since then, that is newer, and saveAgain
// returns it.
func (p *Provider) saveAgain(ctx context.Context, stored *held) *held {
	u := p.unsaved.Load()
	if u == nil || !u.stored.same(stored.Token) {
		p.unsaved.Store(nil)
		return stored
	}
	p.save(ctx, u.token, stored)
	return u.token
}

// giveUp marks the store's token as expired if the services do not accept it and
// only a login helps. Otherwise, Login would return that token.
func (p *Provider) giveUp(ctx context.Context, stored *held, err error) error {
	if kind := kindOf(err); !p.isRefused(stored.Token) || kind == nil || kind == ErrWrongRegion {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	over := *stored.Token
	over.ExpiresAt = p.clocks.wall().UTC().Truncate(time.Second)
	if err := p.store.SaveToken(ctx, p.session, &over); err != nil {
		p.report(p.fail(nil, fmt.Errorf("the store still has a token that the service does not accept: %w", err)))
	}
	return err
}
