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
	ClientId     string           `json:"clientId"`     // the client's ID from RegisterClient. Required.
	ClientSecret awstokens.Secret `json:"clientSecret"` // the client's secret from RegisterClient. Required.
	StartUrl     string           `json:"startUrl"`     // URL of the AWS access portal. Required.
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
	// DeviceCode is for CreateToken.
	DeviceCode awstokens.Secret `json:"deviceCode" wire:"required"`

	// UserCode is the code that the user compares or types. It is secret: whoever
	// has it can approve the device in place of the user.
	UserCode awstokens.Secret `json:"userCode" wire:"required"`

	// VerificationUri is where the user types the code.
	VerificationUri string `json:"verificationUri" wire:"required"`

	// VerificationUriComplete is VerificationUri with the code in it.
	VerificationUriComplete awstokens.Secret `json:"verificationUriComplete"`

	ExpiresIn int32 `json:"expiresIn"` // the life of both codes in seconds
	Interval  int32 `json:"interval"`  // seconds between two polls, or 0 if the service sent none; see PollInterval

	awstokens.Result
}

// PollInterval returns Interval as a duration, or the 5 seconds of RFC 8628
// section 3.2 if the service sent none.
func (out StartDeviceAuthorizationOutput) PollInterval() time.Duration {
	if out.Interval <= 0 {
		return 5 * time.Second
	}
	return time.Duration(out.Interval) * time.Second
}

// If a response is lost, a code is left that nobody shows and that expires. So the
// operation is idempotent.
var startDeviceAuthorization = transport.Operation[StartDeviceAuthorizationInput, StartDeviceAuthorizationOutput]{Name: "StartDeviceAuthorization", Auth: transport.Unsigned, Path: "/device_authorization", Idempotent: true}

// StartDeviceAuthorization starts a device authorization (RFC 8628): show the user
// the URI and the code, then poll [Client.CreateToken] with the device code. It is
// not signed.
//
// Its exceptions are InternalServerException, InvalidClientException,
// InvalidRequestException, SlowDownException and UnauthorizedClientException.
func (c *Client) StartDeviceAuthorization(ctx context.Context, in *StartDeviceAuthorizationInput) (*StartDeviceAuthorizationOutput, error) {
	return startDeviceAuthorization.Call(ctx, c.transport, in)
}
