// Package sts is a client for the operations of AWS STS that turn tokens into
// credentials: AssumeRoleWithWebIdentity for access tokens of License Manager,
// AssumeRole for the identity contexts of IAM Identity Center.
package sts

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/endpoint"
	"github.com/seed-25f54b62/awstokens/internal/refresh"
	"github.com/seed-25f54b62/awstokens/internal/transport"
	"github.com/seed-25f54b62/awstokens/internal/wire"
)

// Client calls AWS STS. It is immutable and safe for concurrent use.
type Client struct{ transport *transport.Client }

var format = &wire.Query{Version: "2011-06-15"}

// New returns a client. It returns an error if the configuration is invalid.
func New(cfg awstokens.Config) (*Client, error) {
	t, err := transport.New(cfg, endpoint.STS, format)
	if err != nil {
		return nil, err
	}
	return &Client{t}, nil
}

// AssumeRoleWithWebIdentityInput is the input of AssumeRoleWithWebIdentity.
type AssumeRoleWithWebIdentityInput struct {
	RoleArn          string           // 20 to 2048 characters. Required.
	RoleSessionName  string           // 2 to 64 characters of [\w+=,.@-]. Required.
	WebIdentityToken awstokens.Secret // 4 to 20000 characters. Required.
	DurationSeconds  int32            // 900 to 43200; 0 for the service's default, one hour
}

// Validate checks the input against the API's documented limits.
func (in *AssumeRoleWithWebIdentityInput) Validate() error {
	var c constraint.Checker
	role(&c, in.RoleArn, in.RoleSessionName, in.DurationSeconds)
	c.RequiredSecret("WebIdentityToken", in.WebIdentityToken)
	c.SecretLength("WebIdentityToken", in.WebIdentityToken, 4, 20000)
	return c.Err("AssumeRoleWithWebIdentityInput")
}

// AssumeRoleInput is the input of AssumeRole.
type AssumeRoleInput struct {
	RoleArn          string            // 20 to 2048 characters. Required.
	RoleSessionName  string            // 2 to 64 characters of [\w+=,.@-]. Required.
	DurationSeconds  int32             // 900 to 43200; 0 for the service's default, one hour
	ProvidedContexts []ProvidedContext // at most 5
}

// ProvidedContext is a context that a trusted provider asserts.
type ProvidedContext struct {
	ProviderArn      string           // 20 to 2048 characters
	ContextAssertion awstokens.Secret // 4 to 2048 characters
}

// Validate checks the input against the API's documented limits.
func (in *AssumeRoleInput) Validate() error {
	var c constraint.Checker
	role(&c, in.RoleArn, in.RoleSessionName, in.DurationSeconds)
	c.MaxItems("ProvidedContexts", len(in.ProvidedContexts), 5)
	for i := range in.ProvidedContexts {
		c.Nested("ProvidedContexts", in.ProvidedContexts[i].validate(), i)
	}
	return c.Err("AssumeRoleInput")
}

func (p *ProvidedContext) validate() error {
	var c constraint.Checker
	c.MinLength("ProviderArn", p.ProviderArn, 20)
	c.MaxLength("ProviderArn", p.ProviderArn, 2048)
	c.SecretLength("ContextAssertion", p.ContextAssertion, 4, 2048)
	return c.Err("ProvidedContext")
}

// Seconds returns a duration as DurationSeconds, rounded up. What is out of range
// stays out of range.
func Seconds(d time.Duration) int32 {
	if d < 0 {
		return -1
	}
	return int32(min(math.Ceil(d.Seconds()), math.MaxInt32))
}

func role(c *constraint.Checker, arn, session string, seconds int32) {
	c.RequiredString("RoleArn", arn)
	c.MinLength("RoleArn", arn, 20)
	c.MaxLength("RoleArn", arn, 2048)
	c.RequiredString("RoleSessionName", session)
	c.MinLength("RoleSessionName", session, 2)
	c.MaxLength("RoleSessionName", session, 64)
	c.Chars("RoleSessionName", session, sessionNamePattern, isSessionNameByte)
	c.Range("DurationSeconds", int64(seconds), 900, 43200)
}

const sessionNamePattern = `[\w+=,.@-]*`

func isSessionNameByte(b byte) bool {
	switch b {
	case '_', '+', '=', ',', '.', '@', '-':
		return true
	}
	return '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

// Output is the output of both operations: temporary credentials.
type Output struct {
	AccessKeyID     string           `xml:"Credentials>AccessKeyId" wire:"required"`
	SecretAccessKey awstokens.Secret `xml:"Credentials>SecretAccessKey" wire:"required"`
	SessionToken    awstokens.Secret `xml:"Credentials>SessionToken" wire:"required"`
	Expiration      time.Time        `xml:"Credentials>Expiration" wire:"required"`
	AssumedRoleArn  string           `xml:"AssumedRoleUser>Arn"`

	awstokens.Result
}

// Credentials returns the credentials in the form that signs requests.
func (out *Output) Credentials() awstokens.Credentials {
	return awstokens.Credentials{
		AccessKeyID:     out.AccessKeyID,
		SecretAccessKey: out.SecretAccessKey,
		SessionToken:    out.SessionToken,
		AccountID:       accountOf(out.AssumedRoleArn),
		Expires:         out.Expiration,
	}
}

// Life returns how long the credentials are valid, counted from the response.
func (out *Output) Life(now time.Time) time.Duration {
	return refresh.Life(out.Expiration, out.Date, now)
}

// accountOf returns the account in an ARN, or "".
func accountOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// Both are idempotent: a second request makes other credentials, and leaves the
// first valid.
var (
	assumeRoleWithWebIdentity = transport.Operation[AssumeRoleWithWebIdentityInput, Output]{
		Name: "AssumeRoleWithWebIdentity", Auth: transport.Unsigned, Idempotent: true,
	}
	assumeRole = transport.Operation[AssumeRoleInput, Output]{Name: "AssumeRole", Idempotent: true}
)

// AssumeRoleWithWebIdentity exchanges a JWT for credentials. It is not signed.
func (c *Client) AssumeRoleWithWebIdentity(ctx context.Context, in *AssumeRoleWithWebIdentityInput) (*Output, error) {
	return assumeRoleWithWebIdentity.Call(ctx, c.transport, in)
}

// AssumeRole exchanges credentials, and the contexts if there are any, for those
// of a role.
func (c *Client) AssumeRole(ctx context.Context, in *AssumeRoleInput) (*Output, error) {
	return assumeRole.Call(ctx, c.transport, in)
}
