// Package sts is the part of AWS STS that turns tokens into credentials:
// AssumeRoleWithWebIdentity for access tokens of License Manager, AssumeRole
// for the identity contexts of IAM Identity Center. Its wire format is
// awsQuery: a form goes out, XML comes back.
package sts

import (
	"context"
	"encoding/xml"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/aws-http-auth/credentials"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/endpoint"
	"github.com/seed-25f54b62/awstokens/internal/redact"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// Client calls AWS STS. It is immutable and safe for concurrent use.
type Client struct{ transport *transport.Client }

// New returns a client, or an error for a bad configuration.
func New(cfg awstokens.Config) (*Client, error) {
	t, err := transport.New(cfg, endpoint.STS, protocol{})
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
	c.Required("WebIdentityToken", in.WebIdentityToken != "")
	c.MinLength("WebIdentityToken", in.WebIdentityToken.Reveal(), 4)
	c.MaxLength("WebIdentityToken", in.WebIdentityToken.Reveal(), 20000)
	return c.Err("AssumeRoleWithWebIdentityInput")
}

func (in *AssumeRoleWithWebIdentityInput) form() url.Values {
	form := roleForm("AssumeRoleWithWebIdentity", in.RoleArn, in.RoleSessionName, in.DurationSeconds)
	form.Set("WebIdentityToken", in.WebIdentityToken.Reveal())
	return form
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
	c.MinLength("ContextAssertion", p.ContextAssertion.Reveal(), 4)
	c.MaxLength("ContextAssertion", p.ContextAssertion.Reveal(), 2048)
	return c.Err("ProvidedContext")
}

func (in *AssumeRoleInput) form() url.Values {
	form := roleForm("AssumeRole", in.RoleArn, in.RoleSessionName, in.DurationSeconds)
	for i, p := range in.ProvidedContexts {
		prefix := "ProvidedContexts.member." + strconv.Itoa(i+1) + "."
		form.Set(prefix+"ProviderArn", p.ProviderArn)
		form.Set(prefix+"ContextAssertion", p.ContextAssertion.Reveal())
	}
	return form
}

func role(c *constraint.Checker, arn, session string, seconds int32) {
	c.Required("RoleArn", arn != "")
	c.MinLength("RoleArn", arn, 20)
	c.MaxLength("RoleArn", arn, 2048)
	c.Required("RoleSessionName", session != "")
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

func roleForm(action, arn, session string, seconds int32) url.Values {
	form := url.Values{
		"Action":          {action},
		"Version":         {"2011-06-15"},
		"RoleArn":         {arn},
		"RoleSessionName": {session},
	}
	if seconds != 0 {
		form.Set("DurationSeconds", strconv.Itoa(int(seconds)))
	}
	return form
}

// Output is the output of both operations: temporary credentials.
type Output struct {
	AccessKeyID     string           `xml:"Credentials>AccessKeyId"`
	SecretAccessKey awstokens.Secret `xml:"Credentials>SecretAccessKey"`
	SessionToken    awstokens.Secret `xml:"Credentials>SessionToken"`
	Expiration      time.Time        `xml:"Credentials>Expiration"`
	AssumedRoleArn  string           `xml:"AssumedRoleUser>Arn"`

	awstokens.Result
}

// Credentials returns the credentials in the form that signs requests.
func (out *Output) Credentials() credentials.Credentials {
	return credentials.Credentials{
		AccessKeyID:     out.AccessKeyID,
		SecretAccessKey: out.SecretAccessKey.Reveal(),
		SessionToken:    out.SessionToken.Reveal(),
		Expires:         out.Expiration,
	}
}

// LogValue hides the keys from slog.
func (out Output) LogValue() slog.Value { return redact.LogValue(out) }

func missing(out any) string {
	switch o := out.(*Output); {
	case o.AccessKeyID == "", o.SecretAccessKey == "", o.SessionToken == "":
		return "Credentials"
	case o.Expiration.IsZero():
		return "Expiration"
	}
	return ""
}

// Asking for credentials twice does no harm: both sets are good.
var (
	assumeRoleWithWebIdentity = transport.Operation{Name: "AssumeRoleWithWebIdentity", Auth: transport.Unsigned, Repeatable: true, Missing: missing}
	assumeRole                = transport.Operation{Name: "AssumeRole", Auth: transport.Signed, Repeatable: true, Missing: missing}
)

// AssumeRoleWithWebIdentity exchanges a JWT for credentials. It is not signed.
func (c *Client) AssumeRoleWithWebIdentity(ctx context.Context, in *AssumeRoleWithWebIdentityInput) (*Output, error) {
	return transport.Call[Output](ctx, c.transport, &assumeRoleWithWebIdentity, in)
}

// AssumeRole exchanges credentials, and what contexts prove, for others.
func (c *Client) AssumeRole(ctx context.Context, in *AssumeRoleInput) (*Output, error) {
	return transport.Call[Output](ctx, c.transport, &assumeRole, in)
}

// protocol is awsQuery.
type protocol struct{}

var contentType = []string{"application/x-www-form-urlencoded; charset=utf-8"}

func (protocol) Prepare(req *http.Request, _ *transport.Operation) {
	req.Header["Content-Type"] = contentType
}

func (protocol) Encode(in any) ([]byte, error) {
	return []byte(in.(interface{ form() url.Values }).form().Encode()), nil
}

// Decode reads <ActionResponse><ActionResult>….
func (protocol) Decode(body []byte, out any) error {
	var answer struct {
		Result struct {
			Output
		} `xml:",any"`
	}
	if xml.Unmarshal(body, &answer) != nil {
		return errors.New("the body is not the XML it should be") // which may hold keys
	}
	*out.(*Output) = answer.Result.Output
	return nil
}

// Error is an error that STS reports. Its codes are those of the API, such as
// IDPCommunicationError and InvalidIdentityToken.
type Error struct {
	Code    string `xml:"Error>Code"`
	Message string `xml:"Error>Message"`
	Type    string `xml:"Error>Type"` // Sender or Receiver
}

func (e *Error) Error() string        { return e.Code + ": " + e.Message }
func (e *Error) ErrorCode() string    { return e.Code }
func (e *Error) ErrorMessage() string { return e.Message }

// ErrorFault says whose fault it is.
func (e *Error) ErrorFault() smithy.ErrorFault {
	if e.Type == "Receiver" {
		return smithy.FaultServer
	}
	return smithy.FaultClient
}

func (protocol) DecodeError(_ int, _ http.Header, body []byte) error {
	var e Error
	if xml.Unmarshal(body, &e) != nil || e.Code == "" {
		return nil
	}
	return &e
}
