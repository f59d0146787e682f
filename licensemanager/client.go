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

// New returns a client. Region is the home Region of the licenses. New does no I/O.
// It returns an error if the configuration is invalid by the rules of
// [awstokens.Config], such as [awstokens.ErrInsecureEndpoint].
func New(cfg awstokens.Config) (*Client, error) {
	t, err := transport.New(cfg, endpoint.LicenseManager, protocol)
	if err != nil {
		return nil, err
	}
	return &Client{t}, nil
}

// With returns a client with a changed configuration, and does not change c. The two
// share what is the same, such as the retry budget and the connections.
func (c *Client) With(change func(*awstokens.Config)) (*Client, error) {
	t, err := c.transport.With(change)
	if err != nil {
		return nil, err
	}
	return &Client{t}, nil
}

// NewClientToken returns a random UUID for use as a ClientToken. Keep it, so that a
// failed call can be made again: the service processes one of the calls that have
// the same ClientToken. For CreateToken that holds for 10 minutes; for the other
// operations AWS publishes no time. A program that may crash between the calls
// derives a ClientToken from an ID that it has stored; see the example of
// [Client.CreateToken].
func NewClientToken() string { return transport.NewUUID() }
