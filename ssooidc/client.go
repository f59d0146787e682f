package ssooidc

import (
	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/endpoint"
	"github.com/seed-25f54b62/awstokens/internal/transport"
	"github.com/seed-25f54b62/awstokens/internal/wire"
)

// Client calls IAM Identity Center OIDC. It is immutable and safe for
// concurrent use.
type Client struct{ transport *transport.Client }

var protocol = &wire.RESTJSON{Exception: newException, CodeByBody: codeByBody}

// New returns a client. Region is that of the Identity Center instance. Credentials
// are needed for CreateTokenWithIAM only. New does no I/O. It returns an error if the
// configuration is invalid by the rules of [awstokens.Config], such as
// [awstokens.ErrInsecureEndpoint].
func New(cfg awstokens.Config) (*Client, error) {
	t, err := transport.New(cfg, endpoint.OIDC, protocol)
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
