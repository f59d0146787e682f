package tip

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// Step is a step of the exchange of a user's JWT for credentials.
type Step string

// The steps, in their order.
const (
	StepGetJWT               Step = "get_jwt"                // get a JWT of the user from the Source
	StepAssumeBootstrapRole  Step = "assume_bootstrap_role"  // exchange the JWT for credentials that sign
	StepExchangeRefreshToken Step = "exchange_refresh_token" // exchange the refresh token for an identity context
	StepExchangeJWT          Step = "exchange_jwt"           // or, without a refresh token, exchange the JWT for one
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
	// ErrJWTRefused says that the user's JWT was refused: by the service, or
	// before anything was sent, because it is no JWT, has no jti or exp, was used
	// before or has expired. A new JWT may be accepted.
	ErrJWTRefused = errors.New("the user's JWT was refused")

	// ErrSessionEnded says that the user's session at IAM Identity Center has
	// ended, and that the Source returned no valid JWT for another one: the user
	// must sign in again.
	ErrSessionEnded = errors.New("the user's session has ended")

	// ErrContextDenied says that AWS STS does not let the application assume the
	// access role with an identity context. The text of the error names the
	// permission that the role's trust policy must allow: sts:SetContext,
	// sts:AssumeRole, or both if STS does not say which is missing.
	ErrContextDenied = errors.New("AWS STS denied the access role")
)

// Error says which step failed. errors.Is finds [ErrJWTRefused],
// [ErrSessionEnded] and [ErrContextDenied] in it.
type Error struct {
	Step Step
	Err  error // what the Source returned, or the error of a call, as package awstokens describes it
}

// Error names the step and the reason.
func (e *Error) Error() string {
	return "identity propagation: cannot " + steps[e.Step] + ": " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// has reports whether errors.As finds a T in an error.
func has[T error](err error) bool {
	var found T
	return errors.As(err, &found)
}

// isGrantRefused reports whether the service refused the JWT or the refresh token
// of a request.
func isGrantRefused(err error) bool {
	return has[*ssooidc.InvalidGrantException](err) || has[*ssooidc.ExpiredTokenException](err) && !isSignerExpired(err)
}

// isRefreshRefused reports whether the service refused the refresh token, or the
// application may not use one.
func isRefreshRefused(err error) bool {
	return !isSignerError(err) && (isGrantRefused(err) ||
		has[*ssooidc.UnauthorizedClientException](err) || has[*ssooidc.UnsupportedGrantTypeException](err))
}

// isSignerExpired reports whether an ExpiredTokenException is about the
// credentials that signed the request: then it has no OAuth error code.
func isSignerExpired(err error) bool {
	var expired *ssooidc.ExpiredTokenException
	return errors.As(err, &expired) && expired.OAuthError == ""
}

// isUnspent reports whether the JWT of a request that failed can still be
// exchanged: the request was not sent, was throttled, or was refused for its
// signature, which the service checks before the JWT.
func isUnspent(err error) bool {
	if awstokens.MayHaveProcessed(err) {
		return false
	}
	return isSignerError(err) || !has[*awstokens.ResponseError](err) ||
		isThrottled(err) || isSignerExpired(err) || has[*smithy.GenericAPIError](err)
}

func isThrottled(err error) bool {
	var response *awstokens.ResponseError
	return !isSignerError(err) && (has[*ssooidc.SlowDownException](err) || errors.As(err, &response) && response.Throttled())
}

// isSlowDown reports whether the service asked for a slower pace, and did not
// process the request.
func isSlowDown(err error) bool {
	return has[*ssooidc.SlowDownException](err) && !isSignerError(err) && !awstokens.MayHaveProcessed(err)
}

// explainDenied explains a denial of the access role.
func explainDenied(err error) error {
	var api smithy.APIError
	if isSignerError(err) || !errors.As(err, &api) || api.ErrorCode() != "AccessDenied" {
		return err
	}
	permission := "sts:AssumeRole and sts:SetContext"
	switch message := api.ErrorMessage(); {
	case strings.Contains(message, "sts:SetContext"):
		permission = "sts:SetContext"
	case strings.Contains(message, "sts:AssumeRole"):
		permission = "sts:AssumeRole"
	}
	return fmt.Errorf("%w: its trust policy must allow %s: %w", ErrContextDenied, permission, err)
}
