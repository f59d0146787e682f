package transport

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/endpoint"
	"github.com/seed-25f54b62/awstokens/internal/sigv4"
	"github.com/seed-25f54b62/awstokens/internal/wire"
)

// Client sends the operations of one service. It is immutable, but for what it
// learns of the service's clock and the key of the day, and safe for
// concurrent use.
type Client struct {
	// A function, because a dump shows all that pointers lead to, and the
	// buffers of net/http's connections have tokens in them.
	inner func() *client
}

type client struct {
	cfg       awstokens.Config // what With starts from
	http      awstokens.HTTPClient
	service   endpoint.Service
	format    wire.Format
	endpoint  *url.URL
	anonymous bool
	telemetry *telemetry
	userAgent []string
	prototype http.Request // what all requests have in common
	signer    sigv4.Signer
	limiter   AttemptLimiter // the Retryer, if it is one

	isNetHTTP     bool // the HTTP client is an *http.Client over net/http's own transport
	mayRedirect   bool // the HTTP client may follow redirects
	serviceAheads atomic.Int64
}

// AttemptLimiter is what aws.RetryerV2 of aws-sdk-go-v2 adds to a Retryer.
type AttemptLimiter interface {
	GetAttemptToken(context.Context) (func(error) error, error)
}

const defaultMaxResponseBytes = 1 << 20

var sharedHTTPClient = sync.OnceValue(func() *http.Client {
	client := awstokens.DefaultHTTPClient()
	client.CheckRedirect = followNone
	return client
})

// New checks the configuration and returns a Client.
func New(cfg awstokens.Config, service endpoint.Service, format wire.Format) (*Client, error) {
	url, err := endpoint.Resolve(service, cfg)
	if err == nil && cfg.MaxResponseBytes < 0 {
		err = errors.New("MaxResponseBytes is negative")
	}
	var observe *telemetry
	if err == nil {
		observe, err = newTelemetry(cfg, service.ID, service.Scope)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: configuration: %w", service.ID, err)
	}
	if cfg.Retryer == nil {
		cfg.Retryer = awstokens.NewStandardRetryer()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxResponseBytes == 0 {
		cfg.MaxResponseBytes = defaultMaxResponseBytes
	}
	cfg.ServiceEndpoints = maps.Clone(cfg.ServiceEndpoints)
	c := &client{
		cfg:       cfg,
		http:      cfg.HTTPClient,
		service:   service,
		format:    format,
		endpoint:  url,
		telemetry: observe,
		userAgent: []string{userAgent(service, cfg.AppID)},
		prototype: http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: url.Host},
		signer:    sigv4.Signer{Service: service.SigningName, Region: cfg.Region},
	}
	c.limiter, _ = cfg.Retryer.(AttemptLimiter)
	c.setHTTPClient()
	switch cfg.Credentials.(type) {
	case awstokens.AnonymousCredentials, *awstokens.AnonymousCredentials:
		c.anonymous = true
	}
	return &Client{func() *client { return c }}, nil
}

// With returns a Client whose configuration is that of c with a change. It
// keeps what is not changed, the retry budget included.
func (c *Client) With(change func(*awstokens.Config)) (*Client, error) {
	inner := c.inner()
	cfg := inner.cfg
	cfg.ServiceEndpoints = maps.Clone(cfg.ServiceEndpoints) // or a change would write into that of c
	if change != nil {
		change(&cfg)
	}
	return New(cfg, inner.service, inner.format)
}

// setHTTPClient makes sure that no redirect is followed: a redirected request
// would carry its tokens wherever the response says. An *http.Client is copied
// with redirects off; redirect.go watches any other.
func (c *client) setHTTPClient() {
	client, ok := c.cfg.HTTPClient.(*http.Client)
	switch {
	case c.cfg.HTTPClient == nil, ok && client == nil:
		client = sharedHTTPClient()
	case !ok:
		c.mayRedirect = true
		return
	default:
		own := *client
		own.CheckRedirect = followNone
		client = &own
	}
	c.http = client
	transport := client.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	_, c.isNetHTTP = transport.(*http.Transport)
	c.mayRedirect = !c.isNetHTTP // another RoundTripper may follow them by itself
}

func followNone(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

var platform = "awstokens/" + awstokens.Version + " os/" + runtime.GOOS + " lang/go#" + strings.TrimPrefix(runtime.Version(), "go")

func userAgent(service endpoint.Service, appID string) string {
	ua := platform + " api/" + service.SigningName
	if appID != "" {
		ua += " app/" + strings.Map(userAgentRune, appID)
	}
	return ua
}

// userAgentRune keeps the characters of an HTTP token.
func userAgentRune(r rune) rune {
	if r < 0x80 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("!$%&'*+-.^_`|~#", r)) {
		return r
	}
	return '-'
}
