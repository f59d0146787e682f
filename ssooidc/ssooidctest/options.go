package ssooidctest

import (
	"time"

	"github.com/seed-25f54b62/awstokens/internal/emulator"
)

// Option is a setting of a new server.
type Option struct{ apply func(*emulator.Options) }

// WithRegion sets the Region of the Identity Center instance, which is the one
// that requests must be signed for. The default is us-east-1.
func WithRegion(region string) Option {
	return Option{func(o *emulator.Options) { o.Region = region }}
}

// WithFrozenTime makes the clock stand at t until SetTime or Advance moves it.
func WithFrozenTime(t time.Time) Option {
	return Option{func(o *emulator.Options) { o.FrozenAt = t }}
}
