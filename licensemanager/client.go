package licensemanager

import (
	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/awsjson"
	"github.com/seed-25f54b62/awstokens/internal/endpoint"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// Client calls AWS License Manager. It is immutable and safe for concurrent
// use.
type Client struct{ transport *transport.Client }

var protocol = &awsjson.Protocol{TargetPrefix: "AWSLicenseManager", Exception: newException}

// New returns a client. It fails if the configuration has no Region and no
// custom endpoint, if FIPS or dual-stack are asked of a custom endpoint, or if
// the endpoint is not a URL or not secure (ErrInsecureEndpoint).
func New(cfg awstokens.Config) (*Client, error) {
	t, err := transport.New(cfg, endpoint.LicenseManager, protocol)
	if err != nil {
		return nil, err
	}
	return &Client{t}, nil
}

// With returns a client whose configuration is that of c with a change, and
// leaves c as it is. The two share what was not changed, such as the retry
// budget and the connections.
func (c *Client) With(change func(*awstokens.Config)) (*Client, error) {
	t, err := c.transport.With(change)
	if err != nil {
		return nil, err
	}
	return &Client{t}, nil
}

// NewClientToken returns a random UUID to use as a ClientToken. Keep it: the
// same call repeated with the same ClientToken acts once.
func NewClientToken() string { return transport.NewUUID() }
