package licensemanagertest

import (
	"time"

	"github.com/seed-25f54b62/awstokens/internal/emulator"
)

// Option is a setting of a new server.
type Option struct{ apply func(*emulator.Options) }

// WithRegion sets the Region that requests must be signed for. The default is
// us-east-1.
func WithRegion(region string) Option {
	return Option{func(o *emulator.Options) { o.Region = region }}
}

// WithFrozenTime makes the clock stand at t until SetTime or Advance moves it.
func WithFrozenTime(t time.Time) Option {
	return Option{func(o *emulator.Options) { o.FrozenAt = t }}
}

// WithIssuer sets the claim iss of the tokens. AWS does not publish its own;
// the default is https://openid-license-manager.amazonaws.com.
func WithIssuer(issuer string) Option {
	return Option{func(o *emulator.Options) { o.Issuer = issuer }}
}

// WithKeyID sets the header kid of the tokens. AWS does not publish its own;
// the default is emulator.
func WithKeyID(id string) Option {
	return Option{func(o *emulator.Options) { o.KeyID = id }}
}

// WithAlgorithm sets the signature algorithm of the tokens, ES256 or RS256.
// AWS does not publish its own; the default is ES256.
func WithAlgorithm(algorithm string) Option {
	return Option{func(o *emulator.Options) { o.Algorithm = algorithm }}
}

// WithRoleClaim sets the name of the claim that lists the role ARNs. AWS does
// not publish its own; the default is roles.
func WithRoleClaim(name string) Option {
	return Option{func(o *emulator.Options) { o.RoleClaim = name }}
}
