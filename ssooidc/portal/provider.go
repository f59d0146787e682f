package portal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/smithy-go/auth/bearer"
	"github.com/aws/smithy-go/aws-http-auth/credentials"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/refresh"
)

// Options are the settings of RoleCredentials. Zero values mean the defaults.
type Options struct {
	// Region is the Region of the Identity Center instance that the session is
	// of. Default: what the token provider's method Region() string returns.
	// A Region that the provider contradicts is an error.
	Region string
}

// Step is a step on the way from a session to credentials.
type Step string

// The steps, in their order.
const (
	StepGetAccessToken     Step = "get the session's access token"
	StepGetRoleCredentials Step = "exchange the access token for credentials"
)

// Error says which step failed. It wraps the reason, which for the first is
// the token provider's and for the second the error of a call, as package
// awstokens describes it.
type Error struct {
	Step Step
	Err  error
}

// Error names the step, what to do if it is known, and the reason.
func (e *Error) Error() string {
	text := "role credentials: " + string(e.Step) + ": "
	var unauthorized *UnauthorizedException
	if errors.As(e.Err, &unauthorized) {
		text += "the session has ended or is of another Region, log in again: "
	}
	return text + e.Err.Error()
}

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// RoleCredentials returns a provider of credentials of a role in an account,
// both as ListAccountRoles lists them, for the user of a session. It gets them
// when they are first needed, keeps them, and renews them before they expire,
// by one caller at a time. The tokens are those of a login, such as
// ssooidc/login keeps; any smithy-go bearer token provider will do. If it has
// a method Discard(awstokens.Secret), as the one of ssooidc/login has, that is
// told of a token that the portal does not accept, and asked for another.
//
// The configuration is that of the calls to the portal, but for two of its
// members: Credentials are not used, and neither is Region. That one says
// where the credentials are going to be used, while a session is good in the
// Region of its Identity Center instance only; see Options.Region.
//
// It fails on a bad configuration and where nothing says the session's Region.
// It makes no call yet. An error of Retrieve, if it is not the context's, is
// an *Error.
func RoleCredentials(cfg awstokens.Config, tokens bearer.TokenProvider, accountID, roleName string, options ...func(*Options)) (awstokens.CredentialsProvider, error) {
	var o Options
	for _, change := range options {
		change(&o)
	}
	if tokens == nil || accountID == "" || roleName == "" {
		return nil, errors.New("role credentials: a token provider, an account and a role are required")
	}
	region, err := sessionRegion(tokens, o.Region)
	if err != nil {
		return nil, fmt.Errorf("role credentials: %w", err)
	}
	cfg.Credentials, cfg.Region = nil, region
	client, err := New(cfg)
	if err != nil {
		return nil, err
	}
	// A closure, because fmt can look into every field of a struct, and some
	// token providers are one.
	cache := refresh.New(refresh.Options{Now: cfg.Now}, func(ctx context.Context) (credentials.Credentials, time.Time, error) {
		creds, err := client.exchange(ctx, tokens, accountID, roleName)
		return creds, creds.Expires, err
	})
	return awstokens.CredentialsFunc(cache.Get), nil
}

// sessionRegion is the Region of the session, as far as the caller or the
// provider of its tokens knows it. They must not disagree.
func sessionRegion(tokens bearer.TokenProvider, option string) (string, error) {
	var region string
	if session, ok := tokens.(interface{ Region() string }); ok {
		region = session.Region()
	}
	switch {
	case region == "" && option == "":
		return "", errors.New("no region of the session: set Options.Region")
	case region == "":
		return option, nil
	case option != "" && option != region:
		return "", fmt.Errorf("Options.Region is %s, and the region of the session is %s", option, region)
	}
	return region, nil
}

// exchange gets new credentials. A token that the portal does not accept is
// replaced once, if the provider can do that.
func (c *Client) exchange(ctx context.Context, tokens bearer.TokenProvider, accountID, roleName string) (credentials.Credentials, error) {
	out, token, err := c.exchangeOnce(ctx, tokens, accountID, roleName)
	var unauthorized *UnauthorizedException
	if discarder, ok := tokens.(interface{ Discard(awstokens.Secret) }); ok && errors.As(err, &unauthorized) {
		discarder.Discard(token)
		out, _, err = c.exchangeOnce(ctx, tokens, accountID, roleName)
	}
	if err != nil {
		return credentials.Credentials{}, err
	}
	keys := out.RoleCredentials
	return credentials.Credentials{
		AccessKeyID:     keys.AccessKeyId,
		SecretAccessKey: keys.SecretAccessKey.Reveal(),
		SessionToken:    keys.SessionToken.Reveal(),
		Expires:         keys.Expires(),
	}, nil
}

func (c *Client) exchangeOnce(ctx context.Context, tokens bearer.TokenProvider, accountID, roleName string) (*GetRoleCredentialsOutput, awstokens.Secret, error) {
	t, err := tokens.RetrieveBearerToken(ctx)
	if err == nil && t.Value == "" {
		err = errors.New("the access token is empty")
	}
	if err != nil {
		return nil, "", &Error{StepGetAccessToken, err}
	}
	token := awstokens.Secret(t.Value)
	out, err := c.GetRoleCredentials(ctx, &GetRoleCredentialsInput{RoleName: roleName, AccountId: accountID, AccessToken: token})
	if err != nil {
		return nil, token, &Error{StepGetRoleCredentials, err}
	}
	return out, token, nil
}
