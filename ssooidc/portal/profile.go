package portal

import (
	"errors"
	"fmt"

	"github.com/aws/smithy-go/auth/bearer"

	"github.com/seed-25f54b62/awstokens"
)

// Profile is a session, an account and a role. The Profile of package ssooidc/login
// implements it.
type Profile interface {
	// RoleTokens returns the account, the role, and a provider of the tokens of
	// the session, which uses the configuration for its calls.
	RoleTokens(cfg awstokens.Config) (tokens bearer.TokenProvider, accountID, roleName string, err error)
}

// ProfileCredentials is [RoleCredentials] with the tokens, the account and the role
// of a profile, such as login.LoadProfile reads from the AWS config file. The
// configuration is also that of the calls that refresh the tokens.
//
// Use the credentials in the Region of the profile: it should be the Region of the
// clients.
//
// For a token cache of your own, or to get the errors that no caller gets, call
// RoleCredentials with a login.Provider that has them.
//
// ProfileCredentials returns an error if the profile has no role. It does no I/O:
// whether the user has logged in shows when credentials are retrieved.
func ProfileCredentials(cfg awstokens.Config, profile Profile, options ...func(*Options)) (*Provider, error) {
	if profile == nil {
		return nil, errors.New("role credentials: no profile")
	}
	tokens, accountID, roleName, err := profile.RoleTokens(cfg)
	if err != nil {
		return nil, fmt.Errorf("role credentials: %w", err)
	}
	return RoleCredentials(cfg, tokens, accountID, roleName, options...)
}
