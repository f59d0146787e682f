package awssdk

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/seed-25f54b62/awstokens"
)

// Source is the Source of the credentials of a [Provider].
const Source = "awstokens"

// early is how long before their end the providers of this module renew
// credentials.
const early = 5 * time.Minute

// Credentials converts a provider of the SDK to one of this module. Unless it is
// an aws.CredentialsCache, it is wrapped in one, because it is called on every
// attempt. Credentials that a service refused as expired are invalidated in the
// cache.
//
// Credentials returns nil for nil, [awstokens.AnonymousCredentials] for those of
// the SDK, and p for [Provider](p), also for one in an aws.CredentialsCache if p has
// a method Discard, which means that it caches itself. The result is safe for
// concurrent use if provider is.
func Credentials(provider aws.CredentialsProvider) awstokens.CredentialsProvider {
	if provider == nil {
		return nil
	}
	if p, ok := provider.(*toSDK); ok {
		return p.provider
	}
	if aws.IsCredentialsProvider(provider, aws.AnonymousCredentials{}) {
		return awstokens.AnonymousCredentials{}
	}
	cache, ok := provider.(*aws.CredentialsCache)
	if !ok {
		cache = aws.NewCredentialsCache(provider)
	}
	var inside finder
	if aws.IsCredentialsProvider(cache, &inside) && inside.provider != nil {
		return inside.provider
	}
	return &fromSDK{
		retrieve:   cache.Retrieve,
		invalidate: cache.Invalidate,
		original:   func() aws.CredentialsProvider { return provider },
	}
}

// fromSDK holds functions, because fmt would print the fields of a provider of the
// SDK, which may be secret.
type fromSDK struct {
	retrieve   func(context.Context) (aws.Credentials, error)
	invalidate func()
	original   func() aws.CredentialsProvider
	last       atomic.Pointer[string] // the ID of the keys that were retrieved last
}

func (p *fromSDK) Retrieve(ctx context.Context) (awstokens.Credentials, error) {
	keys, err := p.retrieve(ctx)
	if err != nil {
		return awstokens.Credentials{}, err
	}
	if last := p.last.Load(); last == nil || *last != keys.AccessKeyID {
		p.last.Store(&keys.AccessKeyID)
	}
	creds := awstokens.Credentials{
		AccessKeyID:     keys.AccessKeyID,
		SecretAccessKey: awstokens.NewSecret(keys.SecretAccessKey),
		SessionToken:    awstokens.NewSecret(keys.SessionToken),
		AccountID:       keys.AccountID,
	}
	if keys.CanExpire {
		creds.Expires = keys.Expires
	}
	return creds, nil
}

// Discard invalidates the cache if it still has the refused credentials. If many
// calls are refused at once, only the first costs a retrieval.
func (p *fromSDK) Discard(refused awstokens.Credentials) {
	if last := p.last.Load(); last != nil && *last == refused.AccessKeyID && p.last.CompareAndSwap(last, nil) {
		p.invalidate()
	}
}

// Provider converts a provider of this module to one of the SDK. Set
// aws.Config.Credentials to it as it is: the providers of this module cache.
//
// For the SDK, the credentials expire five minutes early, which is when the
// providers of this module renew them. A cache of the SDK, such as the one that
// config.WithCredentialsProvider adds, then calls Retrieve again, and gets the old
// ones until there are others. It compares times with the local clock, which must
// be right to within those five minutes.
//
// In aws.Credentials the secret key and the session token are plain strings,
// which anything may print.
//
// Retrieve returns [awstokens.ErrNoCredentials] if the provider returns no keys.
// Provider returns nil for nil, aws.AnonymousCredentials for those of this
// module, and p for [Credentials](p). The result is safe for concurrent use.
func Provider(provider awstokens.CredentialsProvider) aws.CredentialsProvider {
	switch p := provider.(type) {
	case nil:
		return nil
	case *fromSDK:
		return p.original()
	case awstokens.AnonymousCredentials, *awstokens.AnonymousCredentials:
		return aws.AnonymousCredentials{}
	}
	return &toSDK{provider}
}

type toSDK struct {
	provider awstokens.CredentialsProvider
}

// finder is given to IsCredentialsProvider of a cache of the SDK, which asks what
// it has in it. Invalidating that cache would only get refused credentials again
// from a provider that caches as well.
type finder struct {
	aws.AnonymousCredentials
	provider awstokens.CredentialsProvider // that caches
}

// IsCredentialsProvider makes toSDK known to a finder.
func (p *toSDK) IsCredentialsProvider(target aws.CredentialsProvider) bool {
	f, ok := target.(*finder)
	if !ok {
		_, ok = target.(*toSDK)
		return ok
	}
	if _, caches := p.provider.(interface{ Discard(awstokens.Credentials) }); caches {
		f.provider = p.provider
	}
	return true
}

func (p *toSDK) Retrieve(ctx context.Context) (aws.Credentials, error) {
	creds, err := p.provider.Retrieve(ctx)
	if err == nil && (creds.AccessKeyID == "" || creds.SecretAccessKey.IsZero()) {
		err = awstokens.ErrNoCredentials
	}
	if err != nil {
		return aws.Credentials{Source: Source}, err
	}
	keys := aws.Credentials{
		AccessKeyID:     creds.AccessKeyID,
		SecretAccessKey: creds.SecretAccessKey.Reveal(),
		SessionToken:    creds.SessionToken.Reveal(),
		Source:          Source,
		AccountID:       creds.AccountID,
	}
	if !creds.Expires.IsZero() {
		keys.CanExpire, keys.Expires = true, creds.Expires.Add(-early)
	}
	return keys, nil
}
