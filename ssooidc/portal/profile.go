package portal

import (
	"errors"
	"fmt"

	"github.com/aws/smithy-go/auth/bearer"

	"github.com/seed-25f54b62/awstokens"
)

// Profile says which role to get credentials of, and whose. The Profile of
// package ssooidc/login implements it.
type Profile interface {
	// RoleTokens returns a provider of the tokens of the profile's session, which
	// makes its calls with a configuration, and the account and the role.
	RoleTokens(cfg awstokens.Config) (tokens bearer.TokenProvider, accountID, roleName string, err error)
}

// ProfileCredentials returns a provider of the credentials of a profile, such as
// login.LoadProfile reads from the AWS config file. It is [RoleCredentials] with
// the tokens, the account and the role of the profile; its configuration serves
// the refreshes of the token as well.
//
// The profile's Region is where to use the credentials: set the Region of the
// clients that use them to it.
//
// It returns an error if the profile has no role. It does no I/O, so it does not
// say whether the user has logged in: see Login of package ssooidc/login.
func ProfileCredentials(cfg awstokens.Config, profile Profile, options ...func(*Options)) (awstokens.CredentialsProvider, error) {
	if profile == nil {
		return nil, errors.New("role credentials: no profile")
	}
	tokens, accountID, roleName, err := profile.RoleTokens(cfg)
	if err != nil {
		return nil, fmt.Errorf("role credentials: %w", err)
	}
	return RoleCredentials(cfg, tokens, accountID, roleName, options...)
}
