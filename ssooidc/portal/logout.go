package portal

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/constraint"
	"github.com/seed-25f54b62/awstokens/internal/redact"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// LogoutInput is the input of Logout.
type LogoutInput struct {
	// AccessToken is that of ssooidc.CreateToken. Required.
	AccessToken awstokens.Secret `json:"accessToken"`
}

// Validate checks that the access token is there. The API documents no limits.
func (in *LogoutInput) Validate() error {
	in = constraint.OrEmpty(in)
	var c constraint.Checker
	c.Required("AccessToken", in.AccessToken != "")
	return c.Err("LogoutInput")
}

// LogValue hides the access token from slog.
func (in LogoutInput) LogValue() slog.Value { return redact.LogValue(in) }

// Format hides the access token from fmt.
func (in LogoutInput) Format(f fmt.State, _ rune) { redact.Format(f, in) }

// LogoutOutput is the output of Logout. The service says nothing but yes.
type LogoutOutput struct {
	awstokens.Result
}

var logout = transport.Operation{
	Name: "Logout", Auth: transport.Unsigned, Path: "/logout", Repeatable: true, NoOutput: true,
	Bind: func(in any, b *transport.Binding) { authorize(b, in.(*LogoutInput).AccessToken) },
}

// Logout ends the user's session: its access token and its refresh token are
// good for nothing any more. Role credentials that were made before live on
// until they expire. It is not signed.
//
// A lost answer is asked for again, so an UnauthorizedException can mean that
// the session has ended already.
//
// Its exceptions are InvalidRequestException, TooManyRequestsException and
// UnauthorizedException.
func (c *Client) Logout(ctx context.Context, in *LogoutInput) (*LogoutOutput, error) {
	return transport.Call[LogoutOutput](ctx, c.transport, &logout, in)
}
