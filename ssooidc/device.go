package ssooidc

import (
	"context"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// StartDeviceAuthorizationInput is the input of [Client.StartDeviceAuthorization].
type StartDeviceAuthorizationInput struct {
	// ClientId is the client's ID from RegisterClient. Required.
	ClientId string `json:"clientId"`

	// ClientSecret is the client's secret from RegisterClient. Required.
	ClientSecret awstokens.Secret `json:"clientSecret"`

	// StartUrl is the URL of the AWS access portal. Required.
	StartUrl string `json:"startUrl"`
}

// Validate checks that the required members are present. The API documents no
// limits.
func (in *StartDeviceAuthorizationInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredString("ClientId", in.ClientId)
	c.RequiredSecret("ClientSecret", in.ClientSecret)
	c.RequiredString("StartUrl", in.StartUrl)
	return c.Err("StartDeviceAuthorizationInput")
}

// StartDeviceAuthorizationOutput is the output of [Client.StartDeviceAuthorization].
type StartDeviceAuthorizationOutput struct {
	// DeviceCode is what CreateToken polls with.
	DeviceCode awstokens.Secret `json:"deviceCode" wire:"required"`

	// UserCode is what the user compares or types. It is secret, because
	// whoever has it can approve the device in the user's place.
	UserCode awstokens.Secret `json:"userCode" wire:"required"`

	// VerificationUri is where the user types the code.
	VerificationUri string `json:"verificationUri" wire:"required"`

	// VerificationUriComplete is the same with the code in it.
	VerificationUriComplete awstokens.Secret `json:"verificationUriComplete"`

	// ExpiresIn is how many seconds both codes are valid.
	ExpiresIn int32 `json:"expiresIn"`

	// Interval is how many seconds to wait between two polls, or 0 if the
	// service did not say. See PollInterval.
	Interval int32 `json:"interval"`

	awstokens.Result
}

// defaultInterval is what RFC 8628 section 3.2 says of an absent interval.
const defaultInterval = 5 * time.Second

// PollInterval returns Interval as a duration, or the 5 seconds of RFC 8628
// section 3.2 if the service sent none.
func (out StartDeviceAuthorizationOutput) PollInterval() time.Duration {
	if out.Interval <= 0 {
		return defaultInterval
	}
	return time.Duration(out.Interval) * time.Second
}

// If the response is lost, a code stays behind that nobody shows and that
// expires. So the operation counts as idempotent.
var startDeviceAuthorization = transport.Operation[StartDeviceAuthorizationInput, StartDeviceAuthorizationOutput]{Name: "StartDeviceAuthorization", Auth: transport.Unsigned, Path: "/device_authorization", Idempotent: true}

// StartDeviceAuthorization starts the device flow of RFC 8628: show the user
// the URI and the code, then poll [Client.CreateToken] with the device code. It
// is not signed.
//
// Its exceptions are InternalServerException, InvalidClientException,
// InvalidRequestException, SlowDownException and UnauthorizedClientException.
func (c *Client) StartDeviceAuthorization(ctx context.Context, in *StartDeviceAuthorizationInput) (*StartDeviceAuthorizationOutput, error) {
	return startDeviceAuthorization.Call(ctx, c.transport, in)
}
