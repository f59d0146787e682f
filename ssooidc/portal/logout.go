package portal

import (
	"context"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// LogoutInput is the input of [Client.Logout].
type LogoutInput struct {
	AccessToken awstokens.Secret `header:"X-Amz-Sso_bearer_token"` // access token of the session. Required.
}

// Validate checks that the access token is present. The API documents no limits.
func (in *LogoutInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.RequiredSecret("AccessToken", in.AccessToken)
	return c.Err("LogoutInput")
}

// LogoutOutput is the output of [Client.Logout], which has no members.
type LogoutOutput struct {
	awstokens.Result
}

var logout = transport.Operation[LogoutInput, LogoutOutput]{Name: "Logout", Auth: transport.Unsigned, Path: "/logout", Idempotent: true}

// Logout ends the user's session: its access tokens and its refresh token become
// invalid. Credentials of roles stay valid until they expire. It is not signed.
//
// If a response is lost, the retry does not find the session any more: an
// UnauthorizedException for which [awstokens.MayHaveProcessed] is true means that
// the session has ended.
//
// Its exceptions are [InvalidRequestException], [TooManyRequestsException] and
// [UnauthorizedException].
func (c *Client) Logout(ctx context.Context, in *LogoutInput) (*LogoutOutput, error) {
	return logout.Call(ctx, c.transport, in)
}
