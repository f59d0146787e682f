package tokencreds

import (
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
	// RoleARN is the role to assume, one that the refresh token embeds. The
	// default is the environment variable AWS_ROLE_ARN; New returns an error if
	// it is not set either.
	RoleARN string

	// RoleSessionName names the session in the customer's CloudTrail, with 2
	// to 64 characters of [\w+=,.@-]. The default is the environment variable
	// AWS_ROLE_SESSION_NAME, else awstokens.
	RoleSessionName string

	// TokenProperties are compared by the service with those in the refresh
	// token. At most 3.
	TokenProperties []string

	// Duration is the life of the credentials, 15 minutes to 12 hours, rounded
	// up to whole seconds. The role AWSLicenseManagerConsumptionRole permits at
	// most one hour, which is the default of STS.
	Duration time.Duration

	// Patience is how long AssumeRoleWithWebIdentity is retried after an error
	// that may pass: STS cannot reach the identity provider
	// (IDPCommunicationError), or a new role is not known everywhere yet
	// (AccessDenied). The default is 20 seconds; negative means not at all.
	Patience time.Duration
}

// assumeRole is the input that exchanges an access token.
func (o *Options) assumeRole(access awstokens.Secret) *sts.AssumeRoleWithWebIdentityInput {
	return &sts.AssumeRoleWithWebIdentityInput{
		RoleArn:          o.RoleARN,
		RoleSessionName:  o.RoleSessionName,
		WebIdentityToken: access,
		DurationSeconds:  int32(max(math.MinInt32, min((o.Duration+time.Second-1)/time.Second, math.MaxInt32))),
	}
}

// validate reports what the calls would refuse before any I/O.
func (o *Options) validate() error {
	placeholder := awstokens.NewSecret("token")
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

// option names the option for a violation of an input.
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
	cache   *refresh.Cache[awstokens.Credentials]

	// Methods of clients. The clients themselves lead to the buffers of HTTP
	// connections, which a debugger's dump of the Provider would show.
	getAccessToken func(context.Context, *licensemanager.GetAccessTokenInput) (*licensemanager.GetAccessTokenOutput, error)
	getCredentials func(context.Context, *sts.AssumeRoleWithWebIdentityInput) (*sts.Output, error)
}

// New returns a Provider. The configuration is used for both services; its
// Region must be the home Region of the license, and its Credentials are not
// used. New returns an error for an invalid configuration, without a role, and
// for options that violate their constraints, each as an
// [awstokens.ConstraintError], unless the configuration disables validation. It
// does no I/O.
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
	o.TokenProperties = slices.Clone(o.TokenProperties)
	cfg.Credentials = nil
	tokens, err := licensemanager.New(cfg)
	if err != nil {
		return nil, err
	}
	roles, err := sts.New(cfg)
	if err != nil {
		return nil, err
	}
	p := &Provider{source: source, options: o, now: cfg.Now, getAccessToken: tokens.GetAccessToken, getCredentials: roles.AssumeRoleWithWebIdentity}
	if p.now == nil {
		p.now = time.Now
	}
	p.cache = refresh.New(refresh.Options{Now: cfg.Now, Timeout: time.Minute + max(0, o.Patience)}, p.renew)
	return p, nil
}

// tokenFileVariables are both in use.
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

// Retrieve returns credentials that are good by the service's clock. Unless the
// context ends, its error is an [*Error]; errors.Is finds [ErrTokenRefused] in
// it if the refresh token was refused.
func (p *Provider) Retrieve(ctx context.Context) (awstokens.Credentials, error) {
	return p.cache.Get(ctx)
}

// Discard drops the credentials that a service refused as expired, if Retrieve
// still returns them.
func (p *Provider) Discard(refused awstokens.Credentials) {
	p.cache.Discard(func(c awstokens.Credentials) bool { return c.AccessKeyID == refused.AccessKeyID })
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
	// rereads is how often a token is read again that cannot be read or is
	// refused: its file may have been read in the middle of its replacement.
	rereads     = 2
	rereadPause = 250 * time.Millisecond
)

// accessToken reads the refresh token and exchanges it.
func (p *Provider) accessToken(ctx context.Context) (awstokens.Secret, error) {
	for again := 0; ; again++ {
		step := StepReadToken
		token, err := p.source(ctx)
		if err == nil {
			token, err = parse(token)
		}
		if err == nil {
			step = StepGetAccessToken
			var out *licensemanager.GetAccessTokenOutput
			out, err = p.getAccessToken(ctx, &licensemanager.GetAccessTokenInput{
				Token:           token,
				TokenProperties: p.options.TokenProperties,
			})
			if err == nil {
				return out.AccessToken, nil
			}
		}
		failure := &Error{Step: step, Err: err}
		p.cache.Failed(failure)
		if again == rereads || !failure.mayBeHalfRead() || transport.Sleep(ctx, rereadPause) != nil {
			return awstokens.Secret{}, failure
		}
	}
}

func (p *Provider) notAssumed(err error) error {
	return &Error{Step: StepAssumeRole, Err: err, role: p.options.RoleARN}
}

// assumeRole exchanges the access token, with patience.
func (p *Provider) assumeRole(ctx context.Context, access awstokens.Secret) (*sts.Output, error) {
	started, pause := time.Now(), time.Second
	for {
		out, err := p.getCredentials(ctx, p.options.assumeRole(access))
		if err != nil {
			p.cache.Failed(p.notAssumed(err))
		}
		if err == nil || !mayNeedTime(err) || time.Since(started)+pause > p.options.Patience || transport.Sleep(ctx, pause) != nil {
			return out, err
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// mayNeedTime reports whether an error of STS may pass by itself.
func mayNeedTime(err error) bool {
	code := codeOf(err)
	return code == "IDPCommunicationError" || code == "AccessDenied"
}
