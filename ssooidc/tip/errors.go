package tip

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// Step is a step on the way from a user to credentials.
type Step string

// The steps, in their order.
const (
	StepGetJWT               Step = "get_jwt"                // get a JWT of the user from the Source
	StepAssumeBootstrapRole  Step = "assume_bootstrap_role"  // exchange it for credentials that sign
	StepExchangeRefreshToken Step = "exchange_refresh_token" // exchange the refresh token for an identity context
	StepExchangeJWT          Step = "exchange_jwt"           // or the JWT, if there is no refresh token
	StepAssumeRole           Step = "assume_role"            // exchange the identity context for credentials
)

var steps = map[Step]string{
	StepGetJWT:               "get a JWT of the user",
	StepAssumeBootstrapRole:  "assume the bootstrap role",
	StepExchangeRefreshToken: "exchange the refresh token for an identity context",
	StepExchangeJWT:          "exchange the JWT for an identity context",
	StepAssumeRole:           "assume the access role",
}

var (
	// ErrAssertionRefused says that the user's JWT was refused: by the service, or
	// before anything was sent, because it is no JWT, has no jti or exp, was used
	// before or has expired. A new one may be accepted.
	ErrAssertionRefused = errors.New("the user's JWT was refused")

	// ErrSessionEnded says that the user's session at IAM Identity Center has
	// ended, and that there is no good JWT to begin another with: the user has to
	// sign in again.
	ErrSessionEnded = errors.New("the user's session has ended")

	// ErrContextDenied says that AWS STS does not let the application assume the
	// access role with an identity context. The text of the error says which
	// permission the role's trust policy lacks: sts:SetContext, sts:AssumeRole, or
	// one of them if STS does not say which.
	ErrContextDenied = errors.New("AWS STS denied the access role")
)

// Error says which step failed. It wraps the reason: what the Source returned,
// or the error of a call, as package awstokens describes it. errors.Is finds
// ErrAssertionRefused, ErrSessionEnded and ErrContextDenied in it.
type Error struct {
	Step Step
	Err  error
}

// Error names the step and the reason.
func (e *Error) Error() string {
	return "identity propagation: cannot " + steps[e.Step] + ": " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// signerError says that there were no credentials to sign with. What it wraps is
// about other calls than those of this package.
type signerError struct{ error }

func (e *signerError) Unwrap() error { return e.error }

func isSignerError(err error) bool {
	var signer *signerError
	return errors.As(err, &signer)
}

// isGrantRefused reports whether the service refused the JWT or the refresh token
// of a request.
func isGrantRefused(err error) bool {
	var invalid *ssooidc.InvalidGrantException
	var expired *ssooidc.ExpiredTokenException
	return !isSignerError(err) && (errors.As(err, &invalid) || errors.As(err, &expired) && !isSignerExpired(err))
}

// isRefreshRefused also reports that the application may not use the grant.
func isRefreshRefused(err error) bool {
	var unauthorized *ssooidc.UnauthorizedClientException
	var unsupported *ssooidc.UnsupportedGrantTypeException
	return isGrantRefused(err) || !isSignerError(err) && (errors.As(err, &unauthorized) || errors.As(err, &unsupported))
}

// isSignerExpired reports whether an ExpiredTokenException is about the
// credentials that signed the request: it is no OAuth error then.
func isSignerExpired(err error) bool {
	var expired *ssooidc.ExpiredTokenException
	return errors.As(err, &expired) && expired.OAuthError == ""
}

// isUnspent reports whether the JWT of a request that failed can still be
// exchanged: the request was not sent, was throttled, or was refused for its
// signature, which is before the service looks at the JWT.
func isUnspent(err error) bool {
	if awstokens.MayHaveProcessed(err) {
		return false
	}
	var response *awstokens.ResponseError
	var unpublished *smithy.GenericAPIError
	return isSignerError(err) || !errors.As(err, &response) ||
		isThrottled(err) || isSignerExpired(err) || errors.As(err, &unpublished)
}

func isThrottled(err error) bool {
	var slowDown *ssooidc.SlowDownException
	var response *awstokens.ResponseError
	return !isSignerError(err) && (errors.As(err, &slowDown) || errors.As(err, &response) && response.Throttled())
}

// contextDenied explains a denial of the access role.
func contextDenied(err error) error {
	var api smithy.APIError
	if isSignerError(err) || !errors.As(err, &api) || api.ErrorCode() != "AccessDenied" {
		return err
	}
	permission := "sts:AssumeRole and sts:SetContext"
	for _, one := range []string{"sts:SetContext", "sts:AssumeRole"} {
		if strings.Contains(api.ErrorMessage(), one) {
			permission = one
			break
		}
	}
	return fmt.Errorf("%w: its trust policy must allow %s: %w", ErrContextDenied, permission, err)
}
