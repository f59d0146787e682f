package tip

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/refresh"
	"github.com/seed-25f54b62/awstokens/internal/sts"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// Application is an application of IAM Identity Center that acts for its users.
type Application struct {
	// ARN is that of the application. Required.
	ARN string

	// AccessRoleARN is the role that is assumed with the user's identity context.
	// Its trust policy must allow sts:AssumeRole and sts:SetContext. Required.
	AccessRoleARN string

	// BootstrapRoleARN is a role that is assumed with the user's JWT itself, and
	// whose credentials sign the requests. If it is empty, Config.Credentials sign
	// them.
	BootstrapRoleARN string
}

// Options are the settings of a Provider. Zero values mean the defaults.
type Options struct {
	// RoleSessionName names the sessions in CloudTrail, with 2 to 64 characters
	// of [\w+=,.@-]. The default is awstokens.
	RoleSessionName string

	// Duration is the life of the credentials, 15 minutes to 12 hours, rounded up
	// to whole seconds. The default is one hour, which is also the most that STS
	// allows if a role's credentials sign the request.
	Duration time.Duration

	// BootstrapDuration is the life of the credentials of the bootstrap role, 15
	// minutes to 12 hours, but at most what the role allows. The default is one
	// hour. When it is over, the next renewal needs another JWT.
	BootstrapDuration time.Duration
}

// Provider is an [awstokens.CredentialsProvider] of credentials that carry the
// identity of one user. It is safe for concurrent use.
type Provider struct {
	*exchanger
	source Source
	cache  *refresh.Cache

	// The renewal under way uses these. There is one at a time.
	refreshToken awstokens.Secret // of the session, if there is one
	ended        error            // why the last session ended, until the next begins
	unspent      userJWT          // a JWT that can still be exchanged, if there is one
	bootstrap    bootstrap
}

// exchanger is what the Providers of one application share.
type exchanger struct {
	application Application
	options     Options
	tokens      *ssooidc.Client
	roles       *sts.Client
	clock       *serviceClock
	spent       *spentJWTs
	now         func() time.Time
}

// NewProvider returns a Provider of the credentials of one user, whose JWTs the
// Source returns. The Region of the configuration is that of the Identity Center
// instance. NewProvider makes no call. It returns an error if the configuration,
// the application or an option is not valid. Unless the configuration disables
// validation, an [*awstokens.ConstraintError] names the ARN or the option.
func NewProvider(cfg awstokens.Config, app Application, source Source, options ...func(*Options)) (*Provider, error) {
	var o Options
	for _, option := range options {
		if option != nil {
			option(&o)
		}
	}
	if source == nil {
		return nil, errors.New("identity propagation: the Source is nil")
	}
	x, err := newExchanger(cfg, app, o)
	if err != nil {
		return nil, err
	}
	return x.provider(source), nil
}

func newExchanger(cfg awstokens.Config, app Application, o Options) (*exchanger, error) {
	o.RoleSessionName = cmp.Or(o.RoleSessionName, "awstokens")
	if err := errors.Join(app.validate(cfg.DisableValidation), o.validate(cfg.DisableValidation)); err != nil {
		return nil, fmt.Errorf("identity propagation: %w", err)
	}
	if app.BootstrapRoleARN == "" && cfg.Credentials == nil {
		return nil, fmt.Errorf("identity propagation: %w, or Application.BootstrapRoleARN", awstokens.ErrNoCredentials)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Credentials = signer{cfg.Credentials}
	x := &exchanger{application: app, options: o, now: cfg.Now, clock: &serviceClock{now: cfg.Now}}
	x.spent = &spentJWTs{clock: x.clock}
	var err error
	if x.roles, err = sts.New(cfg); err != nil {
		return nil, err
	}
	if cfg.Retryer == nil {
		cfg.Retryer = awstokens.NewStandardRetryer()
	}
	cfg.Retryer = forSingleUse(cfg.Retryer)
	if x.tokens, err = ssooidc.New(cfg); err != nil {
		return nil, err
	}
	return x, nil
}

func (x *exchanger) provider(source Source) *Provider {
	p := &Provider{exchanger: x, source: source}
	p.cache = refresh.New(refresh.Options{Now: x.now, Timeout: time.Minute + maxSlowDown}, p.renew)
	return p
}

// Retrieve returns credentials that have not expired. It renews them if there are
// none or they expire within 5 minutes, once at a time. While the old ones are
// valid, it returns them without waiting. Its error is the context's or an
// [*Error].
func (p *Provider) Retrieve(ctx context.Context) (awstokens.Credentials, error) {
	return p.cache.Get(ctx)
}

// Discard forgets credentials that a service refused as expired, if they are the
// ones that Retrieve returns.
func (p *Provider) Discard(refused awstokens.Credentials) {
	p.cache.Discard(refused)
}

const (
	applicationPattern = "arn:aws*:sso::*:application/*"
	rolePattern        = "arn:aws*:iam::*:role/*"
)

// validate returns an error for each ARN that is missing, and, unless that is
// disabled, for each that is not of an application or a role.
func (a Application) validate(disabled bool) error {
	return errors.Join(
		checkARN("ARN", a.ARN, applicationPattern, true, disabled),
		checkARN("AccessRoleARN", a.AccessRoleARN, rolePattern, true, disabled),
		checkARN("BootstrapRoleARN", a.BootstrapRoleARN, rolePattern, false, disabled),
	)
}

func checkARN(member, arn, pattern string, required, disabled bool) error {
	var violation smithy.InvalidParamError
	switch {
	case arn == "" && required:
		violation = smithy.NewErrParamRequired(member)
	case arn == "" || disabled || matchesARN(arn, pattern):
		return nil
	default:
		violation = &awstokens.ConstraintError{Member: member, Rule: awstokens.RulePattern, Pattern: pattern}
	}
	violation.SetContext("Application")
	return violation
}

// matchesARN compares each part of an ARN with that of the pattern, where an
// asterisk at the end stands for anything.
func matchesARN(arn, pattern string) bool {
	parts, wanted := strings.SplitN(arn, ":", 6), strings.SplitN(pattern, ":", 6)
	if len(parts) != len(wanted) {
		return false
	}
	for i, want := range wanted {
		prefix, open := strings.CutSuffix(want, "*")
		if !strings.HasPrefix(parts[i], prefix) || !open && parts[i] != want {
			return false
		}
	}
	return true
}

// validate returns an error for each option that STS would refuse, unless that is
// disabled.
func (o *Options) validate(disabled bool) error {
	if disabled {
		return nil
	}
	var list []error
	check := func(option, session string, d time.Duration) {
		in := sts.AssumeRoleInput{RoleArn: "arn:aws:iam::111122223333:role/any", RoleSessionName: session, DurationSeconds: sts.Seconds(d)}
		var invalid smithy.InvalidParamsError
		errors.As(in.Validate(), &invalid)
		for _, err := range invalid.Errs() {
			list = append(list, fmt.Errorf("option %s: %w", option, err))
		}
	}
	check("RoleSessionName", o.RoleSessionName, 0)
	check("Duration", "any", o.Duration)
	check("BootstrapDuration", "any", o.BootstrapDuration)
	return errors.Join(list...)
}
