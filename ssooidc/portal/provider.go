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

// Options are the settings of [RoleCredentials]. Zero values mean the defaults.
type Options struct {
	// Region is the Region of the session's Identity Center instance. The
	// default is what the token provider's method Region() string returns. It
	// is an error if the two differ.
	Region string
}

// RoleCredentials returns a provider of credentials of a role in an account,
// both as [Client.ListAccountRoles] lists them, for the user of a session. The
// credentials are cached, and renewed five minutes before they expire, by one
// caller at a time, while the others get the old ones. If a renewal fails, the
// next one is a minute later, as long as the old credentials are good. How long
// they are good is measured by the service's clock.
//
// The tokens are those of a login, such as package ssooidc/login stores; any
// bearer token provider of smithy-go can be used. A provider that caches should
// have a method Discard(awstokens.Secret), as that of ssooidc/login has: it is
// called with a token that the portal refuses, and the next token is tried once.
//
// The configuration is that of the calls to the portal, except for Credentials
// and Region. Credentials are not used. Region says where the credentials are
// going to be used, while a session is valid only in the Region of its Identity
// Center instance: see [Options].
//
// RoleCredentials returns an error for an invalid configuration, and if nothing
// says what the session's Region is. It does no I/O. Unless the context ends,
// an error of Retrieve is an [*Error].
func RoleCredentials(cfg awstokens.Config, tokens bearer.TokenProvider, accountID, roleName string, options ...func(*Options)) (awstokens.CredentialsProvider, error) {
	var o Options
	for _, change := range options {
		if change != nil {
			change(&o)
		}
	}
	if tokens == nil || accountID == "" || roleName == "" {
		return nil, errors.New("role credentials: a token provider, an account and a role are required")
	}
	region, err := sessionRegion(tokens, o.Region)
	if err != nil {
		return nil, fmt.Errorf("role credentials: %w", err)
	}
	cfg.Credentials, cfg.Region = nil, region
	client, err := New(cfg)
	if err != nil {
		return nil, err
	}
	p := &roleProvider{
		accountID: accountID, roleName: roleName, now: cfg.Now,
		token: tokens.RetrieveBearerToken, getRoleCredentials: client.GetRoleCredentials,
	}
	if d, ok := tokens.(interface{ Discard(awstokens.Secret) }); ok {
		p.discardToken = d.Discard
	}
	if p.now == nil {
		p.now = time.Now
	}
	p.cache = refresh.New(refresh.Options{Now: cfg.Now}, p.renew)
	return p, nil
}

// roleProvider is the provider that RoleCredentials returns.
type roleProvider struct {
	accountID, roleName string
	now                 func() time.Time
	cache               *refresh.Cache[awstokens.Credentials]

	// Methods, because fmt shows the fields of a token provider that is a
	// struct, and a debugger's dump of a client the buffers of its connections.
	token              func(context.Context) (bearer.Token, error)
	discardToken       func(awstokens.Secret) // nil if the provider cannot replace a token
	getRoleCredentials func(context.Context, *GetRoleCredentialsInput) (*GetRoleCredentialsOutput, error)
}

// Retrieve implements [awstokens.CredentialsProvider].
func (p *roleProvider) Retrieve(ctx context.Context) (awstokens.Credentials, error) {
	return p.cache.Get(ctx)
}

// Discard drops credentials that a service refused as expired.
func (p *roleProvider) Discard(refused awstokens.Credentials) {
	p.cache.Discard(func(c awstokens.Credentials) bool { return c.AccessKeyID == refused.AccessKeyID })
}

// renew gets new credentials. A token that the portal refuses is replaced once,
// if the provider can do that.
func (p *roleProvider) renew(ctx context.Context) (awstokens.Credentials, time.Duration, error) {
	out, token, err := p.exchange(ctx)
	var unauthorized *UnauthorizedException
	if p.discardToken != nil && errors.As(err, &unauthorized) {
		p.discardToken(token)
		out, _, err = p.exchange(ctx)
	}
	if err != nil {
		return awstokens.Credentials{}, 0, err
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

func (p *roleProvider) exchange(ctx context.Context) (*GetRoleCredentialsOutput, awstokens.Secret, error) {
	t, err := p.token(ctx)
	if err == nil && t.Value == "" {
		err = errors.New("the access token is empty")
	}
	if err != nil {
		return nil, awstokens.Secret{}, p.failed(StepGetAccessToken, err)
	}
	token := awstokens.NewSecret(t.Value)
	out, err := p.getRoleCredentials(ctx, &GetRoleCredentialsInput{RoleName: p.roleName, AccountId: p.accountID, AccessToken: token})
	if err != nil {
		return nil, token, p.failed(StepGetRoleCredentials, err)
	}
	return out, token, nil
}

func (p *roleProvider) failed(step Step, err error) error {
	return &Error{Step: step, AccountID: p.accountID, RoleName: p.roleName, Err: err}
}

// sessionRegion returns the Region of the session, which the caller or the
// provider of the tokens knows.
func sessionRegion(tokens bearer.TokenProvider, option string) (string, error) {
	var region string
	if session, ok := tokens.(interface{ Region() string }); ok {
		region = session.Region()
	}
	switch {
	case region == "" && option == "":
		return "", errors.New("no region of the session: set Options.Region")
	case region == "":
		return option, nil
	case option != "" && option != region:
		return "", fmt.Errorf("Options.Region is %s, and the region of the session is %s", option, region)
	}
	return region, nil
}
