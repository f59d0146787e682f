package portal

import (
	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/endpoint"
	"github.com/seed-25f54b62/awstokens/internal/restjson"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// Client calls the AWS access portal. It is immutable and safe for concurrent
// use.
type Client struct{ transport *transport.Client }

var protocol = &restjson.Protocol{Exception: newException}

// New returns a client. Region is that of the Identity Center instance. It
// fails if the configuration has no Region and no custom endpoint, if FIPS or
// dual-stack are asked of a custom endpoint, or if the endpoint is not a URL
// or not secure (ErrInsecureEndpoint). Credentials are not used: an access
// token authorizes each call.
func New(cfg awstokens.Config) (*Client, error) {
	t, err := transport.New(cfg, endpoint.Portal, protocol)
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

// authorize sets the header that every operation has. HTTP does not mind the
// case of its name.
func authorize(b *transport.Binding, token awstokens.Secret) {
	b.Header("X-Amz-Sso_bearer_token", token.Reveal())
}
