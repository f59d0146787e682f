package ssooidctest

import (
	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
)

// Account is an account that is assigned to the user.
type Account struct {
	ID           string // 12 digits
	Name         string
	EmailAddress string
	Roles        []string // the names of those that the user may have in it
}

// SetAccounts replaces the accounts and roles that the access portal lists and
// gives credentials for. At first there are two: the account that owns the
// server's licenses, 111122223333, with the roles AdministratorAccess and
// ReadOnlyAccess, and 444455556666 with the role PowerUserAccess.
//
// Credentials of a role live one hour. They sign requests to the server for
// everything that belongs to their account. Without the account or the role,
// the answer is the ForbiddenException of the real service, which AWS does not
// publish.
func (s *Server) SetAccounts(accounts ...Account) {
	all := make([]emulator.Account, len(accounts))
	for i, a := range accounts {
		all[i] = emulator.Account(a)
	}
	s.emulator.SetAccounts(all...)
}

// SignIn returns an access token as a login gets it, for tests of what comes
// after one. It lives one hour and has no refresh token.
func (s *Server) SignIn() awstokens.Secret { return s.emulator.SignIn() }
