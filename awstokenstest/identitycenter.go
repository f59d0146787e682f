package awstokenstest

import (
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
)

// IdentityCenter controls the IAM Identity Center of a server, which is the
// OIDC service and the access portal. It is safe for concurrent use.
type IdentityCenter struct{ Service }

// IdentityCenter returns the controls of IAM Identity Center.
func (s *Server) IdentityCenter() IdentityCenter {
	return IdentityCenter{Service{s.emulator, emulator.IdentityCenter}}
}

// ApproveDevice approves the device authorization that showed the user code.
// It returns an error if no pending authorization has it.
func (c IdentityCenter) ApproveDevice(userCode string) error {
	return c.emulator.ApproveDevice(userCode)
}

// DenyDevice denies the device authorization that showed the user code. It
// returns an error if no pending authorization has it.
func (c IdentityCenter) DenyDevice(userCode string) error { return c.emulator.DenyDevice(userCode) }

// AutoApprove makes the service approve device authorizations when they start,
// and redirect a browser that asks for an authorization at once, with a code.
func (c IdentityCenter) AutoApprove(on bool) {
	c.emulator.Behave(func(b *emulator.Behavior) { b.AutoApprove = on })
}

// Authorize consents to an authorization request and returns its code, which
// can be exchanged once, within 10 minutes. The client is one of
// RegisterClient, or the ARN of an application for CreateTokenWithIAM. The
// challenge is the S256 challenge of RFC 7636, which only an application may
// leave empty. Without scopes, all that the client has are granted. Authorize
// returns an error for a client that is not registered and for a redirect URI
// or a scope that the client does not have. The port of a loopback redirect URI
// is not compared.
func (c IdentityCenter) Authorize(clientID, redirectURI, challenge string, scopes ...string) (code string, err error) {
	return c.emulator.Authorize(emulator.Authorization{
		ClientID: clientID, RedirectURI: redirectURI, CodeChallenge: challenge, Scopes: scopes,
	})
}

// RotateRefreshTokens makes every refresh return a new refresh token and
// invalidate the one that was sent. By default, a refresh returns the one that
// was sent.
func (c IdentityCenter) RotateRefreshTokens(on bool) {
	c.emulator.Behave(func(b *emulator.Behavior) { b.RotateRefreshTokens = on })
}

// OmitRefreshTokens makes every refresh return no refresh token; the one that
// was sent stays valid. AWS's own clients lose their session then. It overrides
// RotateRefreshTokens.
func (c IdentityCenter) OmitRefreshTokens(on bool) {
	c.emulator.Behave(func(b *emulator.Behavior) { b.OmitRefreshTokens = on })
}

// OmitIdentityContext makes CreateTokenWithIAM leave its member
// awsAdditionalDetails null. The identity context is then only the claim
// sts:identity_context of the ID token.
func (c IdentityCenter) OmitIdentityContext(on bool) {
	c.emulator.Behave(func(b *emulator.Behavior) { b.OmitIdentityContext = on })
}

// ApplicationSession sets how long the refresh tokens of an application live,
// counted from the grant that began its session, and rotated ones included. The
// default, for zero, is 24 hours. It concerns sessions that begin from now on.
func (c IdentityCenter) ApplicationSession(d time.Duration) {
	c.emulator.Behave(func(b *emulator.Behavior) { b.ApplicationSession = d })
}

// EndSessions ends every login and every session of an application, as an
// administrator does: access and refresh tokens that were issued so far are
// refused. Credentials and identity contexts live on until they expire.
func (c IdentityCenter) EndSessions() { c.emulator.EndSessions() }

// SignIn returns an access token as a login returns it, for tests of what comes
// after a login. It lives one hour and has no refresh token.
func (c IdentityCenter) SignIn() awstokens.Secret { return c.emulator.SignIn() }

// UserJWT returns a new JWT of a user, signed by a trusted token issuer, as an
// application gets it from the identity provider of its users. It has a jti of
// its own and expires after an hour. CreateTokenWithIAM accepts it once, as the
// Assertion of the grant jwt-bearer; AssumeRoleWithWebIdentity accepts it for
// any role. Other processes get one from the path /user-jwt of [Server.URL].
func (c IdentityCenter) UserJWT() awstokens.Secret { return c.emulator.UserJWT() }

// ReusedJWTs returns how many requests of the grant jwt-bearer came with a JWT
// that the service had exchanged before. They are refused.
func (c IdentityCenter) ReusedJWTs() int { return c.emulator.ReusedJWTs() }

// Account is an account that is assigned to the user.
type Account struct {
	ID           string // 12 digits
	Name         string
	EmailAddress string
	Roles        []string // the names of the user's roles in it
}

// SetAccounts replaces the accounts and roles that the access portal lists and
// returns credentials for. At first there are two: the account of
// [Server.Config] with the roles AdministratorAccess and ReadOnlyAccess, and
// 444455556666 with the role PowerUserAccess.
//
// Credentials of a role live one hour. They sign requests to the server for
// everything that belongs to their account. For another account or role, the
// response is the ForbiddenException of the real service, which AWS does not
// publish.
func (c IdentityCenter) SetAccounts(accounts ...Account) {
	all := make([]emulator.Account, len(accounts))
	for i, a := range accounts {
		all[i] = emulator.Account(a)
	}
	c.emulator.SetAccounts(all...)
}
