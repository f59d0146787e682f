package licensemanagertest

import (
	"time"

	"github.com/seed-25f54b62/awstokens/internal/emulator"
)

// Option is a setting of a new server.
type Option struct{ apply func(*settings) }

type settings struct {
	emulator.Options
	withoutNetwork bool
}

// WithoutNetwork makes a server that does not listen. The HTTPClient of its
// Config carries requests out in the goroutine that sends them, so that a test
// in a bubble of testing/synctest can live through weeks in milliseconds: the
// server's clock is that of the bubble, and it starts no goroutine. Its URL is
// one at which nobody can listen.
//
// A cut connection or a lost answer is io.ErrUnexpectedEOF. A request that is
// delayed when the server is closed is still carried out.
func WithoutNetwork() Option {
	return Option{func(s *settings) { s.withoutNetwork = true }}
}

// WithRegion sets the Region that requests must be signed for. The default is
// us-east-1.
func WithRegion(region string) Option {
	return Option{func(s *settings) { s.Region = region }}
}

// WithFrozenTime makes the clock stand at t until SetTime or Advance moves it.
func WithFrozenTime(t time.Time) Option {
	return Option{func(s *settings) { s.FrozenAt = t }}
}

// WithIssuer sets the claim iss of the tokens. AWS does not publish its own;
// the default is https://openid-license-manager.amazonaws.com.
func WithIssuer(issuer string) Option {
	return Option{func(s *settings) { s.Issuer = issuer }}
}

// WithKeyID sets the header kid of the tokens. AWS does not publish its own;
// the default is emulator.
func WithKeyID(id string) Option {
	return Option{func(s *settings) { s.KeyID = id }}
}

// WithAlgorithm sets the signature algorithm of the tokens, ES256 or RS256.
// AWS does not publish its own; the default is ES256.
func WithAlgorithm(algorithm string) Option {
	return Option{func(s *settings) { s.Algorithm = algorithm }}
}

// WithRoleClaim sets the name of the claim that lists the role ARNs. AWS does
// not publish its own; the default is roles.
func WithRoleClaim(name string) Option {
	return Option{func(s *settings) { s.RoleClaim = name }}
}
