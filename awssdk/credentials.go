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

// Credentials makes a provider of the SDK one of this module. It is wrapped in
// an aws.CredentialsCache, if it is none, because it is asked on every attempt.
// Credentials that a service refused as expired are invalidated in the cache.
// It returns nil for nil, [awstokens.AnonymousCredentials] for those of the SDK,
// and p for [Provider](p). It is safe for concurrent use if provider is.
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
	return &fromSDK{
		retrieve:   cache.Retrieve,
		invalidate: cache.Invalidate,
		original:   func() aws.CredentialsProvider { return provider },
	}
}

// fromSDK holds functions, because fmt shows the fields of a provider of the SDK,
// which may be a secret.
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

// Discard invalidates the cache if it still has the refused credentials. Many
// calls can be refused at once, and only the first must cost a retrieval.
func (p *fromSDK) Discard(refused awstokens.Credentials) {
	if last := p.last.Load(); last != nil && *last == refused.AccessKeyID && p.last.CompareAndSwap(last, nil) {
		p.invalidate()
	}
}

// Provider makes a provider of this module one of the SDK. Its credentials
// expire, for the SDK, five minutes early, which is when the providers of this
// module renew theirs: a cache of the SDK then asks again, and gets the old ones
// until there are others. Give it to aws.Config.Credentials as it is, because
// another cache is not needed. The cache that the SDK's
// config.WithCredentialsProvider puts around it compares times with the local
// clock, so it needs one that is right to within those five minutes.
//
// In aws.Credentials the secret key and the session token are plain strings,
// which anything may print.
//
// Retrieve returns [awstokens.ErrNoCredentials] if the provider returns no keys.
// Provider returns nil for nil, aws.AnonymousCredentials for those of this
// module, and p for [Credentials](p). It is safe for concurrent use.
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
