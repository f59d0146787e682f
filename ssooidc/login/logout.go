package login

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// Logout ends the session at the AWS access portal and deletes its token. If there
// is no token, it does nothing. The registration stays.
//
// If one of the two fails, Logout still does the other, and returns the error. If
// the token cannot be read or the portal cannot be reached, the session lasts
// until it expires.
//
// Of the options, it uses Store, Config and Timeout.
func Logout(ctx context.Context, s Session, options ...func(*Options)) error {
	l, err := newLogin(s, options)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, l.Timeout)
	defer cancel()
	if err := l.logout(ctx); err != nil {
		return l.failure(ctx, err)
	}
	return nil
}

func (l *login) logout(ctx context.Context) error {
	unlock, err := l.Store.Lock(ctx, l.session, LockToken)
	switch {
	case err == nil:
		defer unlock()
	case ctx.Err() != nil:
		return err
	} // without the lock, a refresh under way may save its token after this
	token, err := l.Store.LoadToken(ctx, l.session)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		err = fmt.Errorf("the session lasts until it expires, because its token could not be read: %w", err)
	default:
		err = l.endSession(ctx, token)
	}
	return errors.Join(err, l.Store.DeleteToken(context.WithoutCancel(ctx), l.session))
}

// endSession ends the session at the portal. It is no error if it has ended before.
func (l *login) endSession(ctx context.Context, token *Token) error {
	client, err := portal.New(l.Config)
	if err != nil {
		return err
	}
	_, err = client.Logout(ctx, &portal.LogoutInput{AccessToken: token.AccessToken})
	if has[*portal.UnauthorizedException](err) {
		return nil
	}
	return err
}
