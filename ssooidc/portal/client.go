package portal

import (
	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/endpoint"
	"github.com/seed-25f54b62/awstokens/internal/transport"
	"github.com/seed-25f54b62/awstokens/internal/wire"
)

// Client calls the AWS access portal. It is immutable and safe for concurrent
// use.
type Client struct{ transport *transport.Client }

var protocol = &wire.RESTJSON{Exception: newException}

// setDefaults sets the default Retryer of this package. The portal permits 20
// requests a second, so that a list of the roles of hundreds of accounts is
// throttled all the time. This must not use up the attempts of a call or the retry
// budget.
func setDefaults(cfg *awstokens.Config) {
	if cfg.Retryer == nil {
		cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) {
			o.MaxAttempts, o.RetryBudget = 10, 5000
		})
	}
}

// New returns a client. Region is that of the Identity Center instance. Credentials
// are not used: an access token authorizes each call. If Retryer is nil, calls are
// retried as by [awstokens.NewStandardRetryer], but with 10 attempts and a
// RetryBudget of 5000. New does no I/O. It returns an error if the configuration is
// invalid by the rules of [awstokens.Config], such as
// [awstokens.ErrInsecureEndpoint].
func New(cfg awstokens.Config) (*Client, error) {
	setDefaults(&cfg)
	t, err := transport.New(cfg, endpoint.Portal, protocol)
	if err != nil {
		return nil, err
	}
	return &Client{t}, nil
}

// With returns a client with a changed configuration, and does not change c. The two
// share what is the same, such as the retry budget and the connections.
func (c *Client) With(change func(*awstokens.Config)) (*Client, error) {
	t, err := c.transport.With(func(cfg *awstokens.Config) {
		if change != nil {
			change(cfg)
		}
		setDefaults(cfg)
	})
	if err != nil {
		return nil, err
	}
	return &Client{t}, nil
}
