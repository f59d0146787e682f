package tokencreds

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/refresh"
	"github.com/seed-25f54b62/awstokens/internal/sts"
	"github.com/seed-25f54b62/awstokens/internal/transport"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// Options are the settings of a [Provider]. Zero values mean the defaults.
type Options struct {
	// RoleARN is the ARN of the role to assume, which the refresh token must
	// embed. The default is the environment variable AWS_ROLE_ARN. New returns
	// an error if neither is set.
	RoleARN string

	// RoleSessionName is the name of the session in the customer's CloudTrail,
	// 2 to 64 characters of [\w+=,.@-]. The default is the environment variable
	// AWS_ROLE_SESSION_NAME, or else awstokens.
	RoleSessionName string

	// TokenProperties are compared with those in the refresh token, by the
	// service; see licensemanager.GetAccessTokenInput. At most 3.
	TokenProperties []string

	// Duration is the life of the credentials, 15 minutes to 12 hours, rounded
	// up to whole seconds. The default is that of STS, one hour, which is also
	// the most that the role AWSLicenseManagerConsumptionRole permits.
	Duration time.Duration

	// Patience is how long AssumeRoleWithWebIdentity is retried after an error
	// that may be temporary: STS cannot reach the identity provider
	// (IDPCommunicationError) or get its keys (InvalidIdentityToken), or does not
	// know a new role yet (AccessDenied). The default is 20 seconds; negative means
	// no retry.
	Patience time.Duration
}

// input returns the input that exchanges an access token.
func (o *Options) input(access awstokens.Secret) *sts.AssumeRoleWithWebIdentityInput {
	return &sts.AssumeRoleWithWebIdentityInput{
		RoleArn:          o.RoleARN,
		RoleSessionName:  o.RoleSessionName,
		WebIdentityToken: access,
		DurationSeconds:  sts.Seconds(o.Duration),
	}
}

// validate returns the violations that the calls would report.
func (o *Options) validate() error {
	placeholder := awstokens.NewSecret("token")
	tokens := &licensemanager.GetAccessTokenInput{Token: placeholder, TokenProperties: o.TokenProperties}
	var list []error
	for _, err := range []error{o.input(placeholder).Validate(), tokens.Validate()} {
		var invalid smithy.InvalidParamsError
		errors.As(err, &invalid)
		for _, err := range invalid.Errs() {
			list = append(list, fmt.Errorf("license credentials: Options.%s: %w", option(err), err))
		}
	}
	return errors.Join(list...)
}

// option returns the name of the option that a violation of an input is about.
func option(err error) string {
	var violation smithy.InvalidParamError
	errors.As(err, &violation)
	_, member, _ := strings.Cut(violation.Field(), ".")
	return strings.NewReplacer("RoleArn", "RoleARN", "DurationSeconds", "Duration").Replace(member)
}

// Provider is an [awstokens.CredentialsProvider]. It is safe for concurrent use.
type Provider struct {
	source  Source
	options Options
	now     func() time.Time
	tokens  *licensemanager.Client
	roles   *sts.Client
	cache   *refresh.Cache
}

// New returns a Provider. The configuration is that of the calls to both services.
// Its Region must be the home Region of the license. Its Credentials are not used.
//
// New returns an error if the configuration is invalid, if there is no role, and,
// unless Config.DisableValidation is set, if options violate their constraints: each
// violation is an [*awstokens.ConstraintError]. New does no I/O.
func New(cfg awstokens.Config, source Source, options ...func(*Options)) (*Provider, error) {
	o := Options{RoleARN: os.Getenv("AWS_ROLE_ARN"), RoleSessionName: os.Getenv("AWS_ROLE_SESSION_NAME")}
	for _, change := range options {
		if change != nil {
			change(&o)
		}
	}
	if source == nil {
		return nil, errors.New("license credentials: no source of the refresh token")
	}
	if o.RoleARN == "" {
		return nil, errors.New("license credentials: no role: set Options.RoleARN or AWS_ROLE_ARN")
	}
	o.RoleSessionName = cmp.Or(o.RoleSessionName, "awstokens")
	o.Patience = cmp.Or(o.Patience, 20*time.Second)
	if !cfg.DisableValidation {
		if err := o.validate(); err != nil {
			return nil, err
		}
	}
	o.TokenProperties = slices.Clone(o.TokenProperties)
	if cfg.Now == nil {
		cfg.Now = time.Now
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
	p := &Provider{source: source, options: o, now: cfg.Now, tokens: tokens, roles: roles}
	timeout := time.Minute + min(max(0, o.Patience), math.MaxInt64-time.Minute) // no overflow
	p.cache = refresh.New(refresh.Options{Now: cfg.Now, Timeout: timeout}, p.renew)
	return p, nil
}

// tokenFileVariables are environment variables that name the file of a token.
var tokenFileVariables = []string{"AWS_WEB_IDENTITY_REFRESH_TOKEN_FILE", "AWS_LICENSE_ACCESS_FILE"}

// FromEnv is [New] with the [File] that the environment variable
// AWS_WEB_IDENTITY_REFRESH_TOKEN_FILE names, or else AWS_LICENSE_ACCESS_FILE. It
// returns an error if neither is set.
func FromEnv(cfg awstokens.Config, options ...func(*Options)) (*Provider, error) {
	for _, name := range tokenFileVariables {
		if path := os.Getenv(name); path != "" {
			return New(cfg, File(path), options...)
		}
	}
	return nil, fmt.Errorf("license credentials: neither of %s is set", strings.Join(tokenFileVariables, " and "))
}

// Retrieve returns credentials that are valid by the service's clock. Its error is
// an [*Error], in which errors.Is finds [ErrTokenRefused] or [ErrTokenMalformed] if
// the refresh token is at fault. If the context ends first, the error wraps that of
// the context and, if a step had failed by then, its [*Error].
func (p *Provider) Retrieve(ctx context.Context) (awstokens.Credentials, error) {
	return p.cache.Get(ctx)
}

// Discard drops credentials that a service refused as expired. Clients of this
// module call it.
func (p *Provider) Discard(refused awstokens.Credentials) {
	p.cache.Discard(refused)
}

func (p *Provider) renew(ctx context.Context) (awstokens.Credentials, time.Duration, error) {
	access, err := p.accessToken(ctx)
	if err != nil {
		return awstokens.Credentials{}, 0, err
	}
	out, err := p.assumeRole(ctx, access)
	if err != nil {
		return awstokens.Credentials{}, 0, p.notAssumed(err)
	}
	return out.Credentials(), out.Life(p.now()), nil
}

const (
	// rereads is how often a token that cannot be read, is malformed or is refused
	// is read again: its file may have been read while it was being replaced.
	rereads     = 2
	rereadPause = 250 * time.Millisecond
)

// accessToken reads the refresh token and exchanges it. What failed once is not
// exchanged again.
func (p *Provider) accessToken(ctx context.Context) (awstokens.Secret, error) {
	var failed awstokens.Secret // what the source returned the time before
	var failure *Error
	for read := 0; ; read++ {
		step, access := StepReadToken, awstokens.Secret{}
		text, err := p.source(ctx)
		switch {
		case err == nil && !text.IsZero() && text.Equal(failed):
			return awstokens.Secret{}, failure
		case err == nil:
			access, step, err = p.exchange(ctx, text)
		}
		if err == nil {
			return access, nil
		}
		failed, failure = text, &Error{Step: step, Err: err}
		p.cache.Failed(failure)
		if read == rereads || !failure.mayBeHalfRead() || transport.Sleep(ctx, rereadPause) != nil {
			return awstokens.Secret{}, failure
		}
	}
}

// exchange exchanges what the source returned for an access token. It also returns
// the step that ended it.
func (p *Provider) exchange(ctx context.Context, text awstokens.Secret) (awstokens.Secret, Step, error) {
	token, err := parse(text)
	if err != nil {
		return awstokens.Secret{}, StepReadToken, err
	}
	out, err := p.tokens.GetAccessToken(ctx, &licensemanager.GetAccessTokenInput{
		Token:           token,
		TokenProperties: p.options.TokenProperties,
	})
	var tooLong *awstokens.ConstraintError // New has checked the properties
	switch {
	case errors.As(err, &tooLong):
		return awstokens.Secret{}, StepReadToken, fmt.Errorf("%w: %w", ErrTokenMalformed, tooLong)
	case err != nil:
		return awstokens.Secret{}, StepGetAccessToken, err
	}
	return out.AccessToken, StepGetAccessToken, nil
}

func (p *Provider) notAssumed(err error) error {
	return &Error{Step: StepAssumeRole, Err: err, role: p.options.RoleARN}
}

// assumeRole exchanges the access token. It retries for Options.Patience.
func (p *Provider) assumeRole(ctx context.Context, access awstokens.Secret) (*sts.Output, error) {
	started, pause := time.Now(), time.Second
	for {
		out, err := p.roles.AssumeRoleWithWebIdentity(ctx, p.options.input(access))
		if err != nil {
			p.cache.Failed(p.notAssumed(err))
		}
		if err == nil || !isTemporary(err) || time.Since(started)+pause > p.options.Patience || transport.Sleep(ctx, pause) != nil {
			return out, err
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// isTemporary reports whether an error of STS may be temporary.
func isTemporary(err error) bool {
	code := codeOf(err)
	return code == "IDPCommunicationError" || code == "AccessDenied" || code == "InvalidIdentityToken"
}
