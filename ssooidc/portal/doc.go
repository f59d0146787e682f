// Package portal is a client for the AWS access portal of IAM Identity Center. It
// lists the accounts and roles that are assigned to a user, and exchanges the
// access token of a login for AWS credentials.
//
// # Overview
//
// After a login, with package ssooidc/login or by CreateToken of package ssooidc, a
// program calls AWS with a role of the user. [RoleCredentials] returns the
// Credentials for any client of this module, and renews them for as long as the
// session lives:
//
//	creds, err := portal.RoleCredentials(cfg, tokens, "111122223333", "ReadOnlyAccess")
//	...
//	cfg.Credentials = creds
//	client, err := licensemanager.New(cfg)
//
// [ProfileCredentials] does the same for a profile of the AWS config file, which
// login.LoadProfile reads.
//
// [Roles] iterates over the roles that the user can choose from:
//
//	for role, err := range portal.Roles(ctx, cfg, tokens) {
//		...
//	}
//
// The tokens are those of a login.Provider. They are refreshed, and replaced if the
// portal refuses them. Before the program exits, call [Provider.Wait], or Wait of
// the login.Provider: a refresh may still be under way.
//
// A [Client] makes single calls with an access token. [Client.Logout] ends the
// session at the service; login.Logout also deletes its token.
//
// # Region
//
// The Region of the portal is that of the session, which can differ from the one
// in which the credentials are used. [RoleCredentials] and [Roles] get it from the
// token provider. For [New], it is Config.Region. The portal refuses an access token
// of another Region as if it had expired.
//
// # Rate limit
//
// The portal permits 20 requests a second, for all of its operations together, and
// to list all roles takes a request for each account. If the configuration has no
// Retryer, a call therefore makes up to 10 attempts, where the other clients of this
// module make 3, and the retry budget is ten times larger. The roles of hundreds of
// accounts are then listed in at most twice the least time that the limit permits,
// from one goroutine or from ten, and no call fails. Another Retryer, such as that of
// awstokens.ConfigFromEnv if AWS_MAX_ATTEMPTS is set, should be as patient:
//
//	cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) {
//		o.MaxAttempts, o.RetryBudget = 10, 5000
//	})
//
// # Limits
//
// No call is signed: the access token authorizes it. Every input has a method
// Validate, which a call runs before it sends anything. The API documents no
// pattern for an account ID or the name of a role, so that none is checked.
//
// # Errors
//
// Each published exception is a type, which errors.As finds in the error of a
// call. Package awstokens describes the other errors. After an
// [UnauthorizedException], discard the token and get another; if that is refused
// too, the user has to log in again, which login.Needed reports. For a role that is
// not assigned to the user, the error is a *smithy.GenericAPIError with the code
// ForbiddenException, which AWS does not publish. The error of a provider of
// [RoleCredentials] is an [*Error].
//
// # Tests
//
// Package awstokenstest has the portal in memory. Its method IdentityCenter.SignIn
// returns an access token without a login.
package portal
