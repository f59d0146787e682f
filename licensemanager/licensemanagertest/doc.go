// Package licensemanagertest is AWS License Manager for tests: an in-memory
// service on a loopback URL that the clients of this module, the AWS CLI and
// other SDKs call as they call AWS.
//
//	server := licensemanagertest.NewServer(t)
//	client, err := licensemanager.New(server.Config())
//
// It checks signatures and inputs, signs real JWTs, keeps ClientTokens for 10
// minutes, and lets tokens expire by a clock that the test moves:
//
//	server.Advance(366 * 24 * time.Hour)
//
// Faults are scripted, for the next requests or for one in so many:
//
//	server.Next(2, "CreateToken").Throttle()
//	server.OneIn(5, "").LoseAnswer()
//
// It starts with a license that can be checked out without further set-up, and
// keeps licenses, grants and checkouts as AWS does. WithoutNetwork makes a
// server for the bubbles of testing/synctest.
//
// The same server is AWS STS, so that a test can follow a token to its
// credentials, and IAM Identity Center OIDC, whose controls IdentityCenter
// returns.
//
// Where AWS does not publish how its service behaves, the server's choice is
// an Option or is written at the method that it concerns. Do not rely on it
// in production code.
package licensemanagertest
