package tip

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/refresh"
	"github.com/seed-25f54b62/awstokens/internal/sts"
	"github.com/seed-25f54b62/awstokens/internal/transport"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

const contextProvider = "arn:aws:iam::aws:contextProvider/IdentityCenter"

// renew gets new credentials and their life.
func (p *Provider) renew(ctx context.Context) (awstokens.Credentials, time.Duration, error) {
	ctx, err := p.withSigner(ctx)
	if err != nil {
		return awstokens.Credentials{}, 0, err
	}
	identity, err := p.identityContext(ctx)
	if err != nil {
		return awstokens.Credentials{}, 0, err
	}
	out, err := p.roles.AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn:          p.application.AccessRoleARN,
		RoleSessionName:  p.options.RoleSessionName,
		DurationSeconds:  wholeSeconds(p.options.Duration),
		ProvidedContexts: []sts.ProvidedContext{{ProviderArn: contextProvider, ContextAssertion: identity}},
	})
	if err != nil {
		return awstokens.Credentials{}, 0, p.failed(StepAssumeRole, contextDenied(err))
	}
	p.clock.set(out.Date)
	return out.Credentials(), out.Life(p.now()), nil
}

// identityContext gets the user's identity context: with the refresh token, or
// with a JWT if there is no refresh token or it is refused.
func (p *Provider) identityContext(ctx context.Context) (awstokens.Secret, error) {
	if !p.refreshToken.IsZero() {
		out, err := p.createToken(ctx, StepExchangeRefreshToken, &ssooidc.CreateTokenWithIAMInput{
			GrantType:    ssooidc.GrantTypeRefreshToken,
			RefreshToken: p.refreshToken,
		})
		switch {
		case err == nil:
			return p.begin(StepExchangeRefreshToken, out)
		case !isRefreshRefused(err):
			return awstokens.Secret{}, p.failed(StepExchangeRefreshToken, err)
		}
		p.refreshToken, p.ended = awstokens.Secret{}, err
	}
	jwt, err := p.jwt(ctx)
	if err != nil {
		return awstokens.Secret{}, err
	}
	p.unspent = assertion{}
	if err := p.spent.spend(jwt); err != nil { // another user's provider may have sent the same
		return awstokens.Secret{}, p.failed(StepGetJWT, p.refused(err))
	}
	out, err := p.createToken(ctx, StepExchangeJWT, &ssooidc.CreateTokenWithIAMInput{
		GrantType: ssooidc.GrantTypeJWTBearer,
		Assertion: jwt.token,
	})
	switch {
	case err == nil:
		return p.begin(StepExchangeJWT, out)
	case isUnspent(err):
		p.spent.unspend(jwt)
		p.unspent = jwt
	case isGrantRefused(err):
		err = p.refused(err)
	}
	return awstokens.Secret{}, p.failed(StepExchangeJWT, err)
}

// begin begins or continues a session with the service's response, and returns
// the identity context in it.
func (p *Provider) begin(step Step, out *ssooidc.CreateTokenWithIAMOutput) (awstokens.Secret, error) {
	p.ended = nil
	if !out.RefreshToken.IsZero() { // or else the one that was sent stays good
		p.refreshToken = out.RefreshToken
	}
	if details := out.AwsAdditionalDetails; details != nil && !details.IdentityContext.IsZero() {
		return details.IdentityContext, nil
	}
	var claims struct {
		IdentityContext awstokens.Secret `json:"sts:identity_context"`
	}
	if !out.IdToken.IsZero() {
		if err := readClaims(out.IdToken, &claims); err != nil {
			return awstokens.Secret{}, p.failed(step, fmt.Errorf("the ID token in the response: %w", err))
		}
	}
	if claims.IdentityContext.IsZero() {
		return awstokens.Secret{}, p.failed(step, errors.New("the response has no identity context: the application may not be set up for identity propagation"))
	}
	return claims.IdentityContext, nil
}

// jwt returns a JWT to be exchanged: the one that could not be so far, or a new
// one.
func (p *Provider) jwt(ctx context.Context) (assertion, error) {
	if !p.unspent.token.IsZero() && p.spent.check(p.unspent) == nil {
		return p.unspent, nil
	}
	p.unspent = assertion{}
	token, err := p.source(ctx)
	if err != nil {
		return assertion{}, p.failed(StepGetJWT, p.needsSignIn(err))
	}
	jwt, err := readAssertion(token)
	if err == nil {
		err = p.spent.check(jwt)
	}
	if err != nil {
		return assertion{}, p.failed(StepGetJWT, p.refused(err))
	}
	p.unspent = jwt
	return jwt, nil
}

// refused is the error of a JWT that was refused.
func (p *Provider) refused(err error) error {
	return p.needsSignIn(fmt.Errorf("%w: %w", ErrAssertionRefused, err))
}

// needsSignIn adds that the session has ended, if it has, to the reason why there
// is no other.
func (p *Provider) needsSignIn(err error) error {
	if p.ended == nil {
		return err
	}
	return fmt.Errorf("%w: %w (the refresh token: %w)", ErrSessionEnded, err, p.ended)
}

// failed is the error of a step.
func (p *Provider) failed(step Step, err error) error {
	if isSignerExpired(err) {
		p.bootstrap = bootstrap{}
	}
	return &Error{step, err}
}

// minBootstrap is how long the credentials of the bootstrap role must still be
// good to sign the calls of a renewal.
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
			DurationSeconds:  wholeSeconds(p.options.BootstrapDuration),
			WebIdentityToken: jwt.token,
		})
		if err != nil {
			if isIdentityRefused(err) {
				p.unspent = assertion{}
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

const (
	slowDownPause = time.Second      // before the first retry; doubled before each further one
	maxSlowDown   = 20 * time.Second // the most that all pauses of a call take
)

// createToken calls CreateTokenWithIAM, and again if the service asks for a
// slower pace, which a client leaves to its caller.
func (p *Provider) createToken(ctx context.Context, step Step, in *ssooidc.CreateTokenWithIAMInput) (*ssooidc.CreateTokenWithIAMOutput, error) {
	in.ClientId = p.application.ARN
	left := maxSlowDown
	for pause := slowDownPause; ; pause *= 2 {
		out, err := p.tokens.CreateTokenWithIAM(ctx, in)
		if err == nil {
			p.clock.set(out.Date)
			return out, nil
		}
		p.clock.set(dateOf(err))
		wait := pause/2 + rand.N(pause/2)
		if left -= wait; !isSlowDown(err) || left < 0 {
			return nil, err
		}
		p.cache.Failed(&Error{step, err})
		if transport.Sleep(ctx, wait) != nil {
			return nil, err
		}
	}
}

func isSlowDown(err error) bool {
	var slowDown *ssooidc.SlowDownException
	return errors.As(err, &slowDown) && !isSignerError(err) && !awstokens.MayHaveProcessed(err)
}

// dateOf returns the service's clock when it refused a request. An error that no
// service named may be that of a gateway, whose clock says nothing.
func dateOf(err error) time.Time {
	var response *awstokens.ResponseError
	var unpublished *smithy.GenericAPIError
	if isSignerError(err) || !errors.As(err, &response) || errors.As(err, &unpublished) {
		return time.Time{}
	}
	return response.Date
}

// signerKey is the key of the credentials of the bootstrap role in the context of
// a renewal. They are each user's own, while all users share the clients, which
// know the service's clock and keep the retry budget.
type signerKey struct{}

// signer signs with the credentials in the context, or else with those of a
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

// Discard passes on what a service refused as expired.
func (s signer) Discard(refused awstokens.Credentials) {
	if provider, ok := s.provider.(interface {
		Discard(awstokens.Credentials)
	}); ok {
		provider.Discard(refused)
	}
}

// singleUse is a Retryer for calls that must not be sent again once the service
// may have processed them. A client by itself retries after an
// InternalServerException of the service, too.
type singleUse struct{ awstokens.Retryer }

// IsErrorRetryable implements awstokens.Retryer.
func (r singleUse) IsErrorRetryable(err error) bool {
	var unsent *awstokens.SendError
	return (isThrottled(err) || errors.As(err, &unsent) && !unsent.Written) && r.Retryer.IsErrorRetryable(err)
}

// GetAttemptToken asks a Retryer that limits attempts as well.
func (r singleUse) GetAttemptToken(ctx context.Context) (func(error) error, error) {
	if limiter, ok := r.Retryer.(interface {
		GetAttemptToken(context.Context) (func(error) error, error)
	}); ok {
		return limiter.GetAttemptToken(ctx)
	}
	return func(error) error { return nil }, nil
}
