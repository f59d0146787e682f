package licensemanager

import (
	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/endpoint"
	"github.com/seed-25f54b62/awstokens/internal/transport"
	"github.com/seed-25f54b62/awstokens/internal/wire"
)

// Client calls AWS License Manager. It is immutable and safe for concurrent
// use.
type Client struct{ transport *transport.Client }

var protocol = &wire.AWSJSON{TargetPrefix: "AWSLicenseManager", Exception: newException}

// New returns a client. It returns an error if the configuration has neither a
// Region nor a custom endpoint, if ServiceEndpoints has an unknown key, if FIPS
// or dual-stack is set beside a custom endpoint, or if the endpoint is not a URL
// or not secure ([awstokens.ErrInsecureEndpoint]).
func New(cfg awstokens.Config) (*Client, error) {
	t, err := transport.New(cfg, endpoint.LicenseManager, protocol)
	if err != nil {
		return nil, err
	}
	return &Client{t}, nil
}

// With returns a client with a changed configuration and leaves c as it is. The
// two share what was not changed, such as the retry budget and the connections.
func (c *Client) With(change func(*awstokens.Config)) (*Client, error) {
	t, err := c.transport.With(change)
	if err != nil {
		return nil, err
	}
	return &Client{t}, nil
}

// NewClientToken returns a random UUID to use as a ClientToken. Keep it, to make a
// failed call again: of the calls with one ClientToken the service processes one.
func NewClientToken() string { return transport.NewUUID() }
