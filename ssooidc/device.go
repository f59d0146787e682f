package ssooidc

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/redact"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// StartDeviceAuthorizationInput is the input of StartDeviceAuthorization.
type StartDeviceAuthorizationInput struct {
	// ClientId is the client's ID of RegisterClient. Required.
	ClientId string `json:"clientId"`

	// ClientSecret is the client's secret of RegisterClient. Required.
	ClientSecret awstokens.Secret `json:"clientSecret"`

	// StartUrl is the URL of the AWS access portal. Required.
	StartUrl string `json:"startUrl"`
}

// Validate checks that the required members are there. The API documents no
// limits.
func (in *StartDeviceAuthorizationInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("ClientId", in.ClientId != "")
	c.Required("ClientSecret", in.ClientSecret != "")
	c.Required("StartUrl", in.StartUrl != "")
	return c.Err("StartDeviceAuthorizationInput")
}

// LogValue hides the client secret from slog.
func (in StartDeviceAuthorizationInput) LogValue() slog.Value { return redact.LogValue(in) }

// Format hides the client secret from fmt.
func (in StartDeviceAuthorizationInput) Format(f fmt.State, _ rune) { redact.Format(f, in) }

// StartDeviceAuthorizationOutput is the output of StartDeviceAuthorization.
type StartDeviceAuthorizationOutput struct {
	// DeviceCode is what CreateToken polls with.
	DeviceCode awstokens.Secret `json:"deviceCode"`

	// UserCode is what the user compares or types. Whoever sees it can approve
	// the device in the user's place.
	UserCode awstokens.Secret `json:"userCode"`

	// VerificationUri is where the user types the code.
	VerificationUri string `json:"verificationUri"`

	// VerificationUriComplete is the same with the code in it.
	VerificationUriComplete awstokens.Secret `json:"verificationUriComplete"`

	// ExpiresIn is the life of both codes in seconds.
	ExpiresIn int32 `json:"expiresIn"`

	// Interval is how many seconds to wait between two polls. PollInterval
	// knows what its absence means.
	Interval int32 `json:"interval"`

	awstokens.Result
}

// defaultInterval is what RFC 8628 section 3.2 says of an absent interval.
const defaultInterval = 5 * time.Second

// PollInterval returns Interval as a duration, or the 5 seconds of RFC 8628
// section 3.2 where the service gave none.
func (out StartDeviceAuthorizationOutput) PollInterval() time.Duration {
	if out.Interval <= 0 {
		return defaultInterval
	}
	return time.Duration(out.Interval) * time.Second
}

// Validate checks what the documentation promises of the output: the codes and
// where to take them.
func (out *StartDeviceAuthorizationOutput) Validate() error {
	out = constraint.OrEmpty(out)
	var c constraint.Checker
	c.Required("DeviceCode", out.DeviceCode != "")
	c.Required("UserCode", out.UserCode != "")
	c.Required("VerificationUri", out.VerificationUri != "")
	return c.Err("StartDeviceAuthorizationOutput")
}

// LogValue hides the codes from slog.
func (out StartDeviceAuthorizationOutput) LogValue() slog.Value { return redact.LogValue(out) }

// Format hides the codes from fmt.
func (out StartDeviceAuthorizationOutput) Format(f fmt.State, _ rune) { redact.Format(f, out) }

// A lost answer leaves a code that nobody shows and that expires by itself, so
// starting again does no harm.
var startDeviceAuthorization = transport.Operation{
	Name: "StartDeviceAuthorization", Auth: transport.Unsigned, Path: "/device_authorization", Repeatable: true,
	Missing: func(out any) string {
		o := out.(*StartDeviceAuthorizationOutput)
		return firstEmpty("deviceCode", o.DeviceCode.Reveal(), "userCode", o.UserCode.Reveal(), "verificationUri", o.VerificationUri)
	},
}

// StartDeviceAuthorization begins the device flow of RFC 8628: show the user
// the URI and the code, then poll CreateToken with the device code. It is not
// signed.
//
// Its exceptions are InternalServerException, InvalidClientException,
// InvalidRequestException, SlowDownException and UnauthorizedClientException.
func (c *Client) StartDeviceAuthorization(ctx context.Context, in *StartDeviceAuthorizationInput) (*StartDeviceAuthorizationOutput, error) {
	return transport.Call[StartDeviceAuthorizationOutput](ctx, c.transport, &startDeviceAuthorization, in)
}
