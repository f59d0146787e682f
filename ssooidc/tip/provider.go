package tip

import (
	"context"
	"errors"
	"fmt"
	"math"
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

	// BootstrapRoleARN, if not empty, is a role that is assumed with the user's
	// JWT itself and signs the requests. If it is empty, Config.Credentials sign
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
	// allows if the credentials that sign are those of a role.
	Duration time.Duration

	// BootstrapDuration is the life of the credentials of the bootstrap role, in
	// the bounds of Duration and of the role. The default is one hour. Whenever it
	// is over, another JWT is needed.
	BootstrapDuration time.Duration
}

// Provider is an awstokens.CredentialsProvider of credentials that carry the
// identity of one user. It is safe for concurrent use.
type Provider struct {
	*exchanger
	source Source
	cache  *refresh.Cache[awstokens.Credentials]

	// What follows is used by the renewal under way, of which there is one at a
	// time.
	refreshToken awstokens.Secret // of the session, if there is one
	ended        error            // why the last session ended, until the next begins
	unspent      assertion        // a JWT that can still be exchanged, if there is one
	bootstrap    bootstrap
}

// bootstrap are credentials of the bootstrap role.
type bootstrap struct {
	credentials awstokens.Credentials
	got         time.Time
	life        time.Duration // after got
}

// exchanger is what the providers of one application share.
type exchanger struct {
	application Application
	options     Options
	tokens      *ssooidc.Client
	roles       *sts.Client
	clock       *serviceClock
	spent       *spentAssertions
	now         func() time.Time
}

// NewProvider returns a Provider for the user that the source's JWTs are of. The
// Region of the configuration is that of the Identity Center instance. NewProvider
// returns an error for a bad configuration, application or option; an
// [awstokens.ConstraintError] names an ARN or an option that breaks its rule,
// unless the configuration disables validation. It makes no call.
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
	if o.RoleSessionName == "" {
		o.RoleSessionName = "awstokens"
	}
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
	x.spent = &spentAssertions{clock: x.clock}
	var err error
	if x.roles, err = sts.New(cfg); err != nil {
		return nil, err
	}
	if cfg.Retryer == nil {
		cfg.Retryer = awstokens.NewStandardRetryer()
	}
	cfg.Retryer = singleUse{cfg.Retryer}
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

// Retrieve returns credentials that have not expired. It asks the Source for a
// JWT and calls the services only if there are none or they end soon, once at a
// time; while the old ones are good, it returns them without waiting. Its error is
// the context's or an [*Error].
func (p *Provider) Retrieve(ctx context.Context) (awstokens.Credentials, error) {
	return p.cache.Get(ctx)
}

// Discard forgets credentials that a service refused as expired, if they are the
// ones that Retrieve returns.
func (p *Provider) Discard(refused awstokens.Credentials) {
	p.cache.Discard(func(c awstokens.Credentials) bool { return c.AccessKeyID == refused.AccessKeyID })
}

const (
	applicationPattern = "arn:aws*:sso::*:application/*"
	rolePattern        = "arn:aws*:iam::*:role/*"
)

// validate reports what is missing, and, unless that is disabled, what is not the
// ARN of an application or a role.
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

// validate reports what STS would refuse, unless that is disabled.
func (o *Options) validate(disabled bool) error {
	if disabled {
		return nil
	}
	const anyRole = "arn:aws:iam::111122223333:role/any"
	var list []error
	for _, check := range []struct {
		duration string
		input    sts.AssumeRoleInput
	}{
		{"Duration", sts.AssumeRoleInput{RoleArn: anyRole, RoleSessionName: o.RoleSessionName, DurationSeconds: wholeSeconds(o.Duration)}},
		{"BootstrapDuration", sts.AssumeRoleInput{RoleArn: anyRole, RoleSessionName: "any", DurationSeconds: wholeSeconds(o.BootstrapDuration)}},
	} {
		var invalid smithy.InvalidParamsError
		errors.As(check.input.Validate(), &invalid)
		for _, err := range invalid.Errs() {
			option := check.duration
			var violation smithy.InvalidParamError
			if errors.As(err, &violation) && strings.HasSuffix(violation.Field(), ".RoleSessionName") {
				option = "RoleSessionName"
			}
			list = append(list, fmt.Errorf("option %s: %w", option, err))
		}
	}
	return errors.Join(list...)
}

// wholeSeconds rounds up. What is out of range stays out of range.
func wholeSeconds(d time.Duration) int32 {
	if d < 0 {
		return -1
	}
	seconds := d / time.Second
	if d%time.Second > 0 {
		seconds++
	}
	return int32(min(seconds, math.MaxInt32))
}
