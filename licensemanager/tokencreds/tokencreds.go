// Package tokencreds turns a refresh token of AWS License Manager into AWS
// credentials: what a licensed product does on a machine that has no AWS
// account.
//
// # The story
//
// A seller makes a refresh token with licensemanager.CreateToken and hands it
// to the customer, usually as a file. The product makes a Provider of it, and
// that the Credentials of its License Manager client:
//
//	creds, err := tokencreds.FromEnv(cfg)
//	...
//	cfg.Credentials = creds
//	client, err := licensemanager.New(cfg)
//
// Credentials come in three steps: read the refresh token; exchange it for an
// access token (GetAccessToken); exchange that for credentials of a role that
// the token embeds (AWS STS AssumeRoleWithWebIdentity). Neither call is
// signed. The credentials are kept and renewed before they expire, by one
// caller at a time, while the others go on with the old ones.
//
// The token is read again at every renewal, so a file can be replaced at any
// time. An error of type *Error says which of the three steps failed.
//
// # Revocation
//
// A seller takes a refresh token back with licensemanager.DeleteToken. The
// product finds out when its credentials are renewed next, within an hour by
// default: the error is ErrTokenRefused, through every client that uses the
// Provider. All other errors may be an outage.
//
//	if errors.Is(err, tokencreds.ErrTokenRefused) {
//		// ask the customer for a new token
//	}
package tokencreds

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/aws-http-auth/credentials"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/refresh"
	"github.com/seed-25f54b62/awstokens/internal/sts"
	"github.com/seed-25f54b62/awstokens/internal/transport"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// Source supplies the refresh token. It is called at every renewal, once at a
// time.
type Source func(context.Context) (awstokens.Secret, error)

// Token is a Source that always gives the same token.
func Token(token awstokens.Secret) Source {
	return func(context.Context) (awstokens.Secret, error) { return trim(token.Reveal()), nil }
}

// File is a Source that reads a file each time. White space around the token,
// and double quotes around that, are not part of it.
func File(path string) Source {
	return func(context.Context) (awstokens.Secret, error) {
		text, err := os.ReadFile(path)
		return trim(string(text)), err
	}
}

// trim takes off what files have around a token: a newline at the end, and
// sometimes the quotes of the JSON or shell that it was copied from.
func trim(text string) awstokens.Secret {
	return awstokens.Secret(strings.Trim(text, " \t\r\n\v\f\""))
}

// Options are the settings of a Provider. Zero values mean the defaults.
type Options struct {
	// RoleArn is the role to assume, one that the refresh token embeds.
	// Default: the environment variable AWS_ROLE_ARN, without which New fails.
	RoleArn string

	// RoleSessionName names the session in the customer's CloudTrail, with 2
	// to 64 characters of [\w+=,.@-]. Default: the environment variable
	// AWS_ROLE_SESSION_NAME, else awstokens.
	RoleSessionName string

	// TokenProperties are checked by the service against those in the refresh
	// token. At most 3.
	TokenProperties []string

	// Duration is the life of the credentials, 15 minutes to 12 hours, rounded
	// up to whole seconds. The role AWSLicenseManagerConsumptionRole allows at most
	// one hour, which is what STS gives by default.
	Duration time.Duration

	// Patience is how long a step is tried again that may only need time: STS
	// cannot reach the identity provider (IDPCommunicationError), or IAM does
	// not know yet that the role may be assumed (AccessDenied). Default 20
	// seconds, negative for none.
	Patience time.Duration
}

// assumeRole is the input that exchanges an access token.
func (o *Options) assumeRole(access awstokens.Secret) *sts.AssumeRoleWithWebIdentityInput {
	return &sts.AssumeRoleWithWebIdentityInput{
		RoleArn:          o.RoleArn,
		RoleSessionName:  o.RoleSessionName,
		WebIdentityToken: access,
		DurationSeconds:  int32(max(math.MinInt32, min((o.Duration+time.Second-1)/time.Second, math.MaxInt32))),
	}
}

// validate reports what the calls would refuse before they send anything.
func (o *Options) validate() error {
	const placeholder = "token"
	tokens := &licensemanager.GetAccessTokenInput{Token: placeholder, TokenProperties: o.TokenProperties}
	var list []error
	for _, err := range []error{o.assumeRole(placeholder).Validate(), tokens.Validate()} {
		var invalid smithy.InvalidParamsError
		errors.As(err, &invalid)
		for _, err := range invalid.Errs() {
			list = append(list, fmt.Errorf("license credentials: Options.%s: %w", option(err), err))
		}
	}
	return errors.Join(list...)
}

// option names the option that a violation of an input is about.
func option(err error) string {
	var violation smithy.InvalidParamError
	errors.As(err, &violation)
	_, member, _ := strings.Cut(violation.Field(), ".")
	return strings.TrimSuffix(member, "Seconds") // of DurationSeconds
}

// Step is a step on the way from a refresh token to credentials.
type Step string

// The steps, in their order.
const (
	StepReadToken      Step = "read the refresh token"
	StepGetAccessToken Step = "exchange the refresh token for an access token"
	StepAssumeRole     Step = "exchange the access token for credentials"
)

// ErrTokenRefused says that License Manager refused the refresh token, not
// that it could not be asked. errors.Is finds it in an Error of
// StepGetAccessToken whose reason is an AccessDeniedException,
// AuthorizationException, ValidationException or ResourceNotFoundException.
// Which of them stands for what is not published. A token is refused, too,
// that is damaged or does not have Options.TokenProperties.
var ErrTokenRefused = errors.New("the refresh token was refused: it was deleted, has expired, or its license is gone")

// Error says which step failed. It wraps the reason, which for the last two is
// the error of a call, as package awstokens describes it. What STS reports is
// found as a smithy.APIError, with a code such as InvalidIdentityToken. It is
// ErrTokenRefused if the refresh token was.
type Error struct {
	Step Step
	Err  error
}

// Error names the step and the reason.
func (e *Error) Error() string {
	return "license credentials: " + string(e.Step) + ": " + e.Err.Error()
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Is finds ErrTokenRefused.
func (e *Error) Is(target error) bool {
	return target == ErrTokenRefused && e.Step == StepGetAccessToken && isRefusal(e.Err)
}

// isRefusal says whether GetAccessToken refused its token. The call is not
// signed, so an exception that is about access is about the token.
func isRefusal(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode() {
	case "AccessDeniedException", "AuthorizationException", "ValidationException",
		"ResourceNotFoundException": // not published for this operation, and can mean nothing else
		return true
	}
	return false
}

// Provider is an awstokens.CredentialsProvider. It is safe for concurrent use.
type Provider struct {
	source  Source
	options Options
	tokens  *licensemanager.Client
	roles   *sts.Client
	cache   *refresh.Cache[credentials.Credentials]
}

// New returns a Provider. The configuration is that of both services; its
// Credentials are not used. It fails on a bad configuration, without a role, and
// on options that break their rules, each with an awstokens.ConstraintError,
// unless the configuration disables validation. It makes no call yet.
func New(cfg awstokens.Config, source Source, options ...func(*Options)) (*Provider, error) {
	o := Options{RoleArn: os.Getenv("AWS_ROLE_ARN"), RoleSessionName: os.Getenv("AWS_ROLE_SESSION_NAME")}
	for _, change := range options {
		change(&o)
	}
	if source == nil {
		return nil, errors.New("license credentials: no source of the refresh token")
	}
	if o.RoleArn == "" {
		return nil, errors.New("license credentials: no role: set Options.RoleArn or AWS_ROLE_ARN")
	}
	if o.RoleSessionName == "" {
		o.RoleSessionName = "awstokens"
	}
	if !cfg.DisableValidation {
		if err := o.validate(); err != nil {
			return nil, err
		}
	}
	if o.Patience == 0 {
		o.Patience = 20 * time.Second
	}
	cfg.Credentials = nil
	tokens, err := licensemanager.New(cfg)
	if err != nil {
		return nil, err
	}
	roles, err := sts.New(cfg)
	if err != nil {
		return nil, err
	}
	p := &Provider{source: source, options: o, tokens: tokens, roles: roles}
	p.cache = refresh.New(refresh.Options{Now: cfg.Now, Timeout: time.Minute + max(0, o.Patience)}, p.renew)
	return p, nil
}

// tokenFileVariables are both in use.
var tokenFileVariables = []string{"AWS_WEB_IDENTITY_REFRESH_TOKEN_FILE", "AWS_LICENSE_ACCESS_FILE"}

// FromEnv returns a Provider of the file that the environment names with
// AWS_WEB_IDENTITY_REFRESH_TOKEN_FILE or AWS_LICENSE_ACCESS_FILE, the first
// that is set, and otherwise as New does. It fails if neither is set.
func FromEnv(cfg awstokens.Config, options ...func(*Options)) (*Provider, error) {
	for _, name := range tokenFileVariables {
		if path := os.Getenv(name); path != "" {
			return New(cfg, File(path), options...)
		}
	}
	return nil, fmt.Errorf("license credentials: neither of %s is set", strings.Join(tokenFileVariables, " and "))
}

// Retrieve returns credentials that have not expired. Its error, if it is not
// the context's, is an *Error, and ErrTokenRefused if the refresh token was
// refused.
func (p *Provider) Retrieve(ctx context.Context) (credentials.Credentials, error) {
	return p.cache.Get(ctx)
}

func (p *Provider) renew(ctx context.Context) (credentials.Credentials, time.Time, error) {
	access, err := p.accessToken(ctx)
	if err != nil {
		return credentials.Credentials{}, time.Time{}, err
	}
	out, err := p.assumeRole(ctx, access)
	if err != nil {
		return credentials.Credentials{}, time.Time{}, &Error{StepAssumeRole, err}
	}
	creds := out.Credentials()
	return creds, creds.Expires, nil
}

const (
	// rereads is how often a token is read again that cannot be read or is
	// refused: its file may just have been in the middle of being replaced.
	rereads     = 2
	rereadPause = 250 * time.Millisecond
)

// accessToken reads the refresh token and exchanges it.
func (p *Provider) accessToken(ctx context.Context) (awstokens.Secret, error) {
	for again := 0; ; again++ {
		token, err := p.source(ctx)
		step := StepReadToken
		if err == nil && token == "" {
			err = errors.New("the refresh token is empty")
		}
		if err == nil {
			step = StepGetAccessToken
			var out *licensemanager.GetAccessTokenOutput
			out, err = p.tokens.GetAccessToken(ctx, &licensemanager.GetAccessTokenInput{
				Token:           token,
				TokenProperties: p.options.TokenProperties,
			})
			if err == nil {
				return out.AccessToken, nil
			}
		}
		failure := &Error{step, err}
		if again == rereads || !mayBeHalfRead(failure) || transport.Sleep(ctx, rereadPause) != nil {
			return "", failure
		}
	}
}

// mayBeHalfRead says whether a failure may be that of half a token. Any other
// has been repeated by the call itself.
func mayBeHalfRead(failure *Error) bool {
	var invalid smithy.InvalidParamsError
	return failure.Step == StepReadToken || errors.Is(failure, ErrTokenRefused) || errors.As(failure.Err, &invalid)
}

// assumeRole exchanges the access token, with patience.
func (p *Provider) assumeRole(ctx context.Context, access awstokens.Secret) (*sts.Output, error) {
	started, pause := time.Now(), time.Second
	for {
		out, err := p.roles.AssumeRoleWithWebIdentity(ctx, p.options.assumeRole(access))
		if err == nil || !mayNeedTime(err) || time.Since(started)+pause > p.options.Patience || transport.Sleep(ctx, pause) != nil {
			return out, err
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// mayNeedTime says whether an error of STS may pass by itself.
func mayNeedTime(err error) bool {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.ErrorCode() {
	case "IDPCommunicationError", "AccessDenied":
		return true
	}
	return false
}
