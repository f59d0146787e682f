package emulator

import (
	"cmp"
	"time"
)

// Options are the settings of a Server. Zero values mean the defaults.
type Options struct {
	// Region is the Region that signatures must be scoped to; default us-east-1.
	Region string

	// AccountID is the 12 digits of the account that owns everything; default
	// 111122223333.
	AccountID string

	// AccessKeyID and SecretAccessKey are the key of Config; the defaults are
	// obviously fake.
	AccessKeyID, SecretAccessKey string

	// FrozenAt, unless zero, is the time at which the clock stands until
	// SetTime or Advance moves it. By default, it starts at real time and runs.
	FrozenAt time.Time

	// Issuer is the claim iss of License Manager's tokens, KeyID their header
	// kid, Algorithm (ES256 or RS256) their header alg, and RoleClaim the name
	// of the claim that lists the role ARNs. AWS publishes none of them. The
	// defaults are https://openid-license-manager.amazonaws.com, emulator,
	// ES256 and roles.
	Issuer, KeyID, Algorithm, RoleClaim string

	// Window serves a page at the root that shows the state and the requests.
	Window bool

	Behavior
}

// Behavior is what real services do in more than one way. Where AWS does not
// publish it, the zero value is the emulator's choice. It can be changed while
// the Server serves.
type Behavior struct {
	// ZonelessTimes writes ISO 8601 times without a zone, as some services do
	// against the published pattern.
	ZonelessTimes bool

	// RotateRefreshTokens gives a new OIDC refresh token with every refresh
	// and makes the old one invalid. By default, the response has the one that
	// was sent.
	RotateRefreshTokens bool

	// OmitRefreshTokens gives no refresh token with a refresh; the one that
	// was sent stays valid. It overrides RotateRefreshTokens.
	OmitRefreshTokens bool

	// OmitIdentityContext leaves awsAdditionalDetails null in the responses of
	// CreateTokenWithIAM; the context is then only a claim of the ID token.
	OmitIdentityContext bool

	// ApplicationSession is how long the refresh tokens of an application live,
	// from the grant that began its session. Zero means 24 hours.
	ApplicationSession time.Duration

	// DenySetContext makes AssumeRole refuse contexts, as for a role whose trust
	// policy does not allow sts:SetContext.
	DenySetContext bool

	// AutoApprove approves device authorizations when they start, and
	// authorization requests without asking the user.
	AutoApprove bool

	// ChangeTokensOnExtend gives a checkout another consumption token at every
	// extension. The old one is then unknown.
	ChangeTokensOnExtend bool

	// ClientTokenWindow is how long a ClientToken stands for one call. Zero
	// means 10 minutes, which AWS publishes for CreateToken only. CreateToken
	// always has 10 minutes.
	ClientTokenWindow time.Duration

	// PendingPeriod is how long a new license is PENDING_AVAILABLE.
	PendingPeriod time.Duration

	// DeletionPeriod is how long a deleted license is PENDING_DELETE before it
	// is DELETED.
	DeletionPeriod time.Duration

	// ConsumptionRoleOnly limits credentials that were made from an access
	// token to the policy of AWSLicenseManagerConsumptionRole and to the
	// license of the token.
	ConsumptionRoleOnly bool

	// NotOnboarded refuses ListReceivedLicenses, as for an account that was
	// never set up for License Manager.
	NotOnboarded bool
}

func (o *Options) setDefaults() {
	o.Region = cmp.Or(o.Region, "us-east-1")
	o.AccountID = cmp.Or(o.AccountID, "111122223333")
	o.AccessKeyID = cmp.Or(o.AccessKeyID, "AKIAEMULATOREXAMPLE0")
	o.SecretAccessKey = cmp.Or(o.SecretAccessKey, "not-a-real-secret-access-key")
	o.Issuer = cmp.Or(o.Issuer, "https://openid-license-manager.amazonaws.com")
	o.KeyID = cmp.Or(o.KeyID, "emulator")
	o.Algorithm = cmp.Or(o.Algorithm, "ES256")
	o.RoleClaim = cmp.Or(o.RoleClaim, "roles")
}
