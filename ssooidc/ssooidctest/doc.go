// Package ssooidctest is IAM Identity Center OIDC for tests: an in-memory
// service on a loopback URL that the clients of this module, the AWS CLI and
// other SDKs call as they call AWS.
//
//	server := ssooidctest.NewServer(t)
//	client, err := ssooidc.New(server.Config())
//
// The test plays the user: it approves or denies a device by the code that the
// user would type, or consents to an authorization and gets its code.
//
//	err := server.ApproveDevice(userCode)
//	code, err := server.Authorize(clientID, redirectURI, challenge, scopes...)
//
// Device codes pend, ask to slow down and expire, codes are good for one use,
// refresh tokens rotate if told to, all by a clock that the test moves:
//
//	server.Advance(10 * time.Minute)
//
// The access portal is part of the server. It takes the access tokens that the
// server gave out, or one that SignIn gives without a login:
//
//	client, err := portal.New(server.Config())
//	accounts, err := client.ListAccounts(ctx, &portal.ListAccountsInput{AccessToken: server.SignIn()})
//
// Faults are scripted, for the next requests or for one in so many:
//
//	server.Next(1, "CreateToken").OmitErrorHeader()
//	server.OneIn(5, "").Fail(http.StatusInternalServerError)
//
// The same server is AWS License Manager and AWS STS. A test that controls
// those, too, starts with package licensemanagertest, whose Server has a
// method IdentityCenter.
//
// Where AWS does not publish how its service behaves, the server's choice is
// written at the method that it concerns. Do not rely on it in production
// code. Access and refresh tokens are opaque; an access token lives one hour.
package ssooidctest
