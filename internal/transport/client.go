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

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/endpoint"
	"github.com/seed-25f54b62/awstokens/internal/sigv4"
)

// Client sends the operations of one service. It is immutable, but for what it
// learns of the service's clock and the key of the day, and safe for concurrent use.
type Client struct {
	cfg       awstokens.Config // what With starts from
	http      awstokens.HTTPClient
	service   endpoint.Service
	protocol  Protocol
	endpoint  *url.URL
	anonymous bool
	userAgent []string
	prototype http.Request // what all requests have in common
	signer    sigv4.Signer
	traces    bool // the HTTP client is net/http's own

	// clockSkew is how far the service's clock is ahead of ours, in nanoseconds.
	clockSkew atomic.Int64
}

var sharedHTTPClient = sync.OnceValue(func() *http.Client {
	client := awstokens.DefaultHTTPClient()
	client.CheckRedirect = followNone
	return client
})

// New checks the configuration and returns a Client.
func New(cfg awstokens.Config, service endpoint.Service, protocol Protocol) (*Client, error) {
	url, err := endpoint.Resolve(service, cfg)
	if err == nil && cfg.MaxResponseBytes < 0 {
		err = errors.New("MaxResponseBytes is negative")
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
		cfg.MaxResponseBytes = awstokens.DefaultMaxResponseBytes
	}
	cfg.ServiceEndpoints = maps.Clone(cfg.ServiceEndpoints)
	c := &Client{
		cfg:       cfg,
		http:      withoutRedirects(cfg.HTTPClient),
		service:   service,
		protocol:  protocol,
		endpoint:  url,
		userAgent: []string{userAgent(service, cfg.AppID)},
		prototype: http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Host: url.Host},
		signer:    sigv4.Signer{Service: service.SigningName, Region: cfg.Region},
	}
	c.traces = isNetHTTP(c.http)
	switch cfg.Credentials.(type) {
	case awstokens.AnonymousCredentials, *awstokens.AnonymousCredentials:
		c.anonymous = true
	}
	return c, nil
}

// With returns a Client whose configuration is that of c with a change. It
// keeps what is not changed, the retry budget included.
func (c *Client) With(change func(*awstokens.Config)) (*Client, error) {
	cfg := c.cfg
	cfg.ServiceEndpoints = maps.Clone(cfg.ServiceEndpoints) // or a change would write into that of c
	if change != nil {
		change(&cfg)
	}
	return New(cfg, c.service, c.protocol)
}

// withoutRedirects returns a client that follows no redirects. A redirected
// POST would carry its tokens wherever the answer says.
func withoutRedirects(client awstokens.HTTPClient) awstokens.HTTPClient {
	c, ok := client.(*http.Client)
	switch {
	case client == nil, ok && c == nil:
		return sharedHTTPClient()
	case !ok:
		return client
	}
	own := *c
	own.CheckRedirect = followNone
	return &own
}

func isNetHTTP(client awstokens.HTTPClient) bool {
	c, ok := client.(*http.Client)
	if !ok {
		return false
	}
	transport := c.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	_, ok = transport.(*http.Transport)
	return ok
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

// do makes one call and fills out.
func (c *Client) do(ctx context.Context, op *Operation, in input, out output) error {
	if err := c.call(ctx, op, in, out); err != nil {
		return &smithy.OperationError{ServiceID: c.service.ID, OperationName: op.Name, Err: err}
	}
	return nil
}

func (c *Client) call(ctx context.Context, op *Operation, in input, out output) error {
	if !c.cfg.DisableValidation {
		if err := in.Validate(); err != nil {
			return err
		}
	}
	a := attempt{Client: c, op: op, in: in, out: out, invocation: NewUUID()}
	if err := a.encode(); err != nil {
		return &smithy.SerializationError{Err: err}
	}
	release := c.cfg.Retryer.GetInitialToken()
	var failure error // of the attempt before
	for {
		a.number++
		err := c.try(ctx, &a)
		if a.unsent && failure != nil {
			err = notRepeated(failure, err)
		}
		failure = err
		_ = release(err)
		c.log(ctx, &a, err)
		if err == nil {
			*out.Metadata() = awstokens.Result{RequestID: a.requestID, Attempts: a.number}
			return nil
		}
		if a.clockCorrected() {
			release = keepToken
			continue
		}
		if release, err = c.next(ctx, &a, err); err != nil {
			return err
		}
	}
}

// try makes an attempt, after asking a retryer that limits attempts too.
func (c *Client) try(ctx context.Context, a *attempt) error {
	limiter, ok := c.cfg.Retryer.(interface {
		GetAttemptToken(context.Context) (func(error) error, error)
	})
	if !ok {
		return a.run(ctx)
	}
	release, err := limiter.GetAttemptToken(ctx)
	if err != nil {
		return a.keepBack(err)
	}
	err = a.run(ctx)
	_ = release(err)
	return err
}

// next waits for the next attempt. It returns an error if there is none to
// come: the failure itself, or the context's end.
func (c *Client) next(ctx context.Context, a *attempt, failure error) (func(error) error, error) {
	retryer := c.cfg.Retryer
	canRepeat := !a.failedForGood && retryer.IsErrorRetryable(failure)
	if ctx.Err() != nil && (canRepeat || a.unanswered) {
		return nil, canceled(ctx, failure)
	}
	if limit := retryer.MaxAttempts(); !canRepeat || limit > 0 && a.number >= limit {
		return nil, failure
	}
	release, err := retryer.GetRetryToken(ctx, failure)
	if err != nil {
		return nil, notRepeated(failure, err)
	}
	delay, err := retryer.RetryDelay(a.number, failure)
	if err != nil {
		_ = release(err)
		return nil, notRepeated(failure, err)
	}
	if err := Sleep(ctx, delay); err != nil {
		_ = release(err)
		return nil, canceled(ctx, failure)
	}
	return release, nil
}

// notRepeated is the failure of an attempt that something kept from being
// repeated.
func notRepeated(failure, reason error) error {
	return fmt.Errorf("%w (not repeated: %w)", failure, reason)
}

func canceled(ctx context.Context, failure error) error {
	return &smithy.CanceledError{Err: fmt.Errorf("%w: %w", ctx.Err(), failure)}
}

func keepToken(error) error { return nil }

// Sleep waits for d, or until the context ends, whose error it then returns.
func Sleep(ctx context.Context, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) log(ctx context.Context, a *attempt, err error) {
	if c.cfg.Logger == nil {
		return
	}
	outcome := "ok"
	if err != nil {
		outcome = err.Error()
	}
	logging.WithContext(ctx, c.cfg.Logger).Logf(logging.Debug, "%s %s attempt %d, request ID %q: %s",
		c.service.ID, a.op.Name, a.number, a.requestID, outcome)
}
