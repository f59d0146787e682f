package tip

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
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
		DurationSeconds:  sts.Seconds(p.options.Duration),
		ProvidedContexts: []sts.ProvidedContext{{ProviderArn: contextProvider, ContextAssertion: identity}},
	})
	if err != nil {
		return awstokens.Credentials{}, 0, p.failed(StepAssumeRole, explainDenied(err))
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
	p.unspent = userJWT{}
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

// begin begins or continues a session with the response: it keeps the refresh
// token and returns the identity context.
func (p *Provider) begin(step Step, out *ssooidc.CreateTokenWithIAMOutput) (awstokens.Secret, error) {
	p.ended = nil
	if !out.RefreshToken.IsZero() { // if there is none, the one that was sent stays valid
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

// jwt returns a JWT to be exchanged: the unspent one, or else a new one.
func (p *Provider) jwt(ctx context.Context) (userJWT, error) {
	if !p.unspent.token.IsZero() && p.spent.check(p.unspent) == nil {
		return p.unspent, nil
	}
	p.unspent = userJWT{}
	token, err := p.source(ctx)
	if err != nil {
		return userJWT{}, p.failed(StepGetJWT, p.needsSignIn(err))
	}
	jwt, err := readJWT(token)
	if err == nil {
		err = p.spent.check(jwt)
	}
	if err != nil {
		return userJWT{}, p.failed(StepGetJWT, p.refused(err))
	}
	p.unspent = jwt
	return jwt, nil
}

// refused returns the error of a JWT that was refused.
func (p *Provider) refused(err error) error {
	return p.needsSignIn(fmt.Errorf("%w: %w", ErrJWTRefused, err))
}

// needsSignIn adds to the reason why there is no session that the last one has
// ended, if there was one.
func (p *Provider) needsSignIn(err error) error {
	if p.ended == nil {
		return err
	}
	return fmt.Errorf("%w: %w (the refresh token: %w)", ErrSessionEnded, err, p.ended)
}

// failed returns the error of a step.
func (p *Provider) failed(step Step, err error) error {
	if isSignerExpired(err) {
		p.bootstrap = bootstrap{}
	}
	return &Error{step, err}
}

const (
	slowDownPause = time.Second      // before the first retry; doubled before each further one
	maxSlowDown   = 20 * time.Second // for all pauses of a call
)

// createToken calls CreateTokenWithIAM, and retries it after a SlowDownException,
// which the client does not retry.
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

// dateOf returns the Date of the response in which the service refused a request.
// An error without a published code may be a gateway's, whose clock says nothing.
func dateOf(err error) time.Time {
	var response *awstokens.ResponseError
	if isSignerError(err) || !errors.As(err, &response) || has[*smithy.GenericAPIError](err) {
		return time.Time{}
	}
	return response.Date
}

// singleUse is a Retryer for requests that must not be sent again once the service
// may have processed them. The client itself would also retry an
// InternalServerException.
type singleUse struct{ awstokens.Retryer }

// IsErrorRetryable implements awstokens.Retryer.
func (r singleUse) IsErrorRetryable(err error) bool {
	var send *awstokens.SendError
	return (isThrottled(err) || errors.As(err, &send) && !send.Written) && r.Retryer.IsErrorRetryable(err)
}

// limitedSingleUse is a singleUse of a Retryer that also limits attempts.
type limitedSingleUse struct {
	singleUse
	transport.AttemptLimiter
}

func forSingleUse(r awstokens.Retryer) awstokens.Retryer {
	if l, ok := r.(transport.AttemptLimiter); ok {
		return limitedSingleUse{singleUse{r}, l}
	}
	return singleUse{r}
}
