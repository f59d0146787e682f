package portal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/smithy-go/auth/bearer"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/refresh"
)

// Options are the settings of [RoleCredentials] and [Roles]. Zero values mean the defaults.
type Options struct {
	// Region is the Region of the session's Identity Center instance. The
	// default is the result of the token provider's method Region() string, if
	// it has one. It is an error if the two differ.
	Region string
}

// RoleCredentials returns a provider of credentials of a role in an account, both
// as [Client.ListAccountRoles] lists them, for the user of a session.
//
// The credentials are cached. Five minutes before they expire they are renewed,
// once, while callers still get the old ones. If the renewal fails, it is retried
// after a minute, for as long as the old credentials are valid. Their life is
// measured by the service's clock.
//
// The token provider is that of package ssooidc/login, or any other of smithy-go's
// interface. One that caches should have a method Discard(awstokens.Secret): it is
// called with a token that the portal refuses, and the next token is tried once. One
// that refreshes should have a method Wait(context.Context) error, which
// [Provider.Wait] calls.
//
// The configuration is that of the calls to the portal. Its Credentials are not
// used. Nor is its Region, which is where the credentials are going to be used: a
// session is valid only in the Region of its Identity Center instance, see
// [Options].
//
// RoleCredentials returns an error if the configuration is invalid or the Region of
// the session is unknown. It does no I/O.
func RoleCredentials(cfg awstokens.Config, tokens bearer.TokenProvider, accountID, roleName string, options ...func(*Options)) (*Provider, error) {
	var o Options
	for _, change := range options {
		if change != nil {
			change(&o)
		}
	}
	if tokens == nil || accountID == "" || roleName == "" {
		return nil, errors.New("role credentials: a token provider, an account and a role are required")
	}
	s, err := newSession(cfg, tokens, o)
	if err != nil {
		return nil, fmt.Errorf("role credentials: %w", err)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	p := &Provider{session: s, accountID: accountID, roleName: roleName, now: cfg.Now}
	p.cache = refresh.New(refresh.Options{Now: cfg.Now}, p.renew)
	return p, nil
}

// Provider is an [awstokens.CredentialsProvider] of the credentials of a role, which
// [RoleCredentials] and [ProfileCredentials] return. It is safe for concurrent use.
type Provider struct {
	session             *session
	accountID, roleName string
	now                 func() time.Time
	cache               *refresh.Cache
}

// Retrieve returns credentials that have not expired. Its error is the context's or
// an [*Error].
func (p *Provider) Retrieve(ctx context.Context) (awstokens.Credentials, error) {
	return p.cache.Get(ctx)
}

// Wait waits until neither a renewal of the credentials nor a refresh of the
// session's token is under way. Call it before the program exits, with a context that
// bounds it: a program that exits in the middle of a refresh can lose the login, see
// package ssooidc/login. Wait starts nothing. It returns nil or the context's error.
func (p *Provider) Wait(ctx context.Context) error {
	err := p.cache.Wait(ctx)
	if err == nil && p.session.wait != nil {
		err = p.session.wait(ctx)
	}
	return err
}

// Discard forgets credentials that a service refused as expired, if they are the
// ones that Retrieve returns.
func (p *Provider) Discard(refused awstokens.Credentials) {
	p.cache.Discard(refused)
}

// renew gets new credentials.
func (p *Provider) renew(ctx context.Context) (awstokens.Credentials, time.Duration, error) {
	out, hasToken, err := use(ctx, p.session, func(token awstokens.Secret) (*GetRoleCredentialsOutput, error) {
		return p.session.client.GetRoleCredentials(ctx, &GetRoleCredentialsInput{RoleName: p.roleName, AccountId: p.accountID, AccessToken: token})
	})
	if err != nil {
		step := StepGetRoleCredentials
		if !hasToken {
			step = StepGetAccessToken
		}
		return awstokens.Credentials{}, 0, &Error{Step: step, AccountID: p.accountID, RoleName: p.roleName, Err: err}
	}
	keys := out.RoleCredentials
	return awstokens.Credentials{
		AccessKeyID:     keys.AccessKeyId,
		SecretAccessKey: keys.SecretAccessKey,
		SessionToken:    keys.SessionToken,
		AccountID:       p.accountID,
		Expires:         keys.Expires(),
	}, refresh.Life(keys.Expires(), out.Date, p.now()), nil
}
