// Package portal is a client for the AWS access portal of IAM Identity Center:
// it lists the accounts and roles that are assigned to a user, and turns the
// access token of a login into AWS credentials.
//
// # The story
//
// A user has logged in, with package ssooidc/login or by CreateToken of
// package ssooidc, and the program wants to call AWS as one of the user's
// roles. RoleCredentials makes the login's tokens the Credentials of any client
// of this module, and renews them for as long as the session lives:
//
//	creds, err := portal.RoleCredentials(cfg, tokens, "111122223333", "ReadOnlyAccess")
//	...
//	cfg.Credentials = creds
//	client, err := licensemanager.New(cfg)
//
// Which accounts and roles there are, Accounts and AccountRoles tell:
//
//	client, err := portal.New(awstokens.Config{Region: sessionRegion})
//	...
//	for account, err := range client.Accounts(ctx, &portal.ListAccountsInput{AccessToken: token}) {
//		...
//	}
//
// Logout ends the session at the service.
//
// # Rules
//
// The portal is that of the session's Region, which need not be the one that
// the credentials are used in. An access token of another Region is refused
// as if it had expired.
//
// No call is signed: the access token goes with each of them in a header, and
// is never shown in an error or a log. Every input has a Validate method that
// encodes the limits of the API, and a call runs it before it sends anything.
// The API documents no form for an account ID or a role's name, so none is
// asked for.
//
// # Errors
//
// Each published exception is a type, found with errors.As in the error of a
// call; package awstokens tells what else an error can be. An
// UnauthorizedException means that the user has to log in again. A role that
// is not assigned to the user is a ForbiddenException, which is not published
// and therefore a *smithy.GenericAPIError of that code.
//
// # Tests
//
// Package awstokenstest provides the portal in memory. Its method
// IdentityCenter.SignIn returns an access token without a login.
package portal
