package tip

import (
	"context"
	"errors"
	"time"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/refresh"
	"github.com/seed-25f54b62/awstokens/internal/sts"
)

// bootstrap is a user's credentials of the bootstrap role.
type bootstrap struct {
	credentials awstokens.Credentials
	got         time.Time
	life        time.Duration // after got
}

// minBootstrap is how long the credentials of the bootstrap role must still be
// valid to sign the calls of a renewal.
const minBootstrap = time.Minute

// withSigner returns a context that has the credentials of the bootstrap role, if
// there is one.
func (p *Provider) withSigner(ctx context.Context) (context.Context, error) {
	if p.application.BootstrapRoleARN == "" {
		return ctx, nil
	}
	now := p.now()
	if refresh.Elapsed(p.bootstrap.got, now) >= p.bootstrap.life-minBootstrap {
		jwt, err := p.jwt(ctx)
		if err != nil {
			return nil, err
		}
		out, err := p.roles.AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{
			RoleArn:          p.application.BootstrapRoleARN,
			RoleSessionName:  p.options.RoleSessionName,
			DurationSeconds:  sts.Seconds(p.options.BootstrapDuration),
			WebIdentityToken: jwt.token,
		})
		if err != nil {
			if isIdentityRefused(err) {
				p.unspent = userJWT{}
				err = p.refused(err)
			}
			return nil, p.failed(StepAssumeBootstrapRole, err)
		}
		p.clock.set(out.Date)
		p.bootstrap = bootstrap{out.Credentials(), now, out.Life(now)}
	}
	return context.WithValue(ctx, signerKey{}, p.bootstrap.credentials), nil
}

// isIdentityRefused reports whether STS refused the JWT.
func isIdentityRefused(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode() {
	case "ExpiredTokenException", "IDPRejectedClaim", "InvalidIdentityToken":
		return true
	}
	return false
}

// signerKey is the context key of the credentials of the bootstrap role. They
// belong to one user, while all users share the clients, which know the service's
// clock and keep the retry budget.
type signerKey struct{}

// signer provides the credentials in the context, or else those of another
// provider, which may be nil.
type signer struct{ provider awstokens.CredentialsProvider }

// Retrieve implements awstokens.CredentialsProvider.
func (s signer) Retrieve(ctx context.Context) (awstokens.Credentials, error) {
	if credentials, ok := ctx.Value(signerKey{}).(awstokens.Credentials); ok {
		return credentials, nil
	}
	credentials, err := s.provider.Retrieve(ctx)
	if err != nil {
		return credentials, &signerError{err}
	}
	return credentials, nil
}

// Discard passes on credentials that a service refused as expired.
func (s signer) Discard(refused awstokens.Credentials) {
	if provider, ok := s.provider.(interface {
		Discard(awstokens.Credentials)
	}); ok {
		provider.Discard(refused)
	}
}

// signerError says that there were no credentials to sign with. What it wraps is
// about other calls than those of this package.
type signerError struct{ error }

func (e *signerError) Unwrap() error { return e.error }

func isSignerError(err error) bool { return has[*signerError](err) }
