// Package portal is a client for the AWS access portal of IAM Identity Center. It
// lists the accounts and roles that are assigned to a user, and exchanges the
// access token of a login for AWS credentials.
//
// # Overview
//
// A user has logged in, with package ssooidc/login or by CreateToken of package
// ssooidc, and the program wants to call AWS as one of the user's roles.
// [RoleCredentials] makes the tokens of the login the Credentials of any client
// of this module, and renews the credentials for as long as the session lives:
//
//	creds, err := portal.RoleCredentials(cfg, tokens, "111122223333", "ReadOnlyAccess")
//	...
//	cfg.Credentials = creds
//	client, err := licensemanager.New(cfg)
//
// [ProfileCredentials] does the same for a profile of the AWS config file, which
// login.LoadProfile reads.
//
// [Client.Accounts] and [Client.AccountRoles] iterate over the accounts and
// roles:
//
//	client, err := portal.New(awstokens.Config{Region: sessionRegion})
//	...
//	for account, err := range client.Accounts(ctx, &portal.ListAccountsInput{AccessToken: token}) {
//		...
//	}
//
// [Client.Logout] ends the session at the service.
//
// # Region
//
// The portal is that of the session's Region, which may differ from the one in
// which the credentials are used. It refuses an access token of another Region
// as if the token had expired.
//
// # Rate limit
//
// The portal permits 20 requests a second, for all of its operations together,
// and listing the roles of every account takes a request an account. A client
// whose configuration has no Retryer therefore makes up to 10 attempts a call,
// where the other clients of this module make 3, and has a ten times larger
// retry budget. A walk over hundreds of accounts, from one goroutine or from
// ten, then takes up to twice the time that the limit permits, and no call
// fails because of it. A Retryer of your own should be as patient:
//
//	cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) {
//		o.MaxAttempts, o.RetryBudget = 10, 5000
//	})
//
// # Validation
//
// No call is signed: the access token is sent in a header, and is never shown in
// an error or a log. Every input has a method Validate with the constraints of
// the API, which a call runs before any I/O. The API documents no pattern for an
// account ID or the name of a role, so none is checked.
//
// # Errors
//
// Each published exception is a type, which errors.As finds in the error of a
// call; package awstokens describes the other errors. After an
// [UnauthorizedException] the user has to log in again. For a role that is not
// assigned to the user, the error is a *smithy.GenericAPIError with the code
// ForbiddenException, which AWS does not publish. An error of [RoleCredentials]
// is an [*Error], which names the role and the account.
//
// # Tests
//
// Package awstokenstest provides the portal in memory. Its method
// IdentityCenter.SignIn returns an access token without a login.
package portal
