// Package licensemanager is a client for AWS License Manager: licenses, grants and
// checkouts, and the refresh tokens by which a product without an AWS account uses
// its license.
//
// # Overview
//
// A seller, or a buyer's administrator, creates a refresh token for a license
// with [Client.CreateToken]. It is a JWT that is valid for a year by default, and
// the service returns it only once. A product on a machine without an AWS account
// exchanges it for an access token that is valid for an hour, with
// [Client.GetAccessToken], which needs no signature. AWS STS exchanges the access
// token for credentials of a role that the refresh token embeds. Package
// tokencreds does both.
//
// With these credentials the product finds out what the customer is entitled to
// (package entitlements), checks out a seat of its license and keeps it (package
// lease), or charges counted usage (package drawdown). Package borrow verifies a
// license that was borrowed for offline use. [Client.Tokens] and
// [Client.DeleteToken] manage refresh tokens.
//
// Sellers issue licenses ([Client.CreateLicense]) and grant them to customers
// ([Client.CreateGrant]), who accept the grant ([Client.AcceptGrant]) and
// activate it ([Client.CreateGrantVersion]).
//
// [Client.Invoke] calls the other operations of the service by name.
//
//	client, err := licensemanager.New(awstokens.Config{
//		Region:      "us-east-1",
//		Credentials: awstokens.EnvCredentials(),
//	})
//	...
//	clientToken := licensemanager.NewClientToken() // keep it to make the call again
//	out, err := client.CreateToken(ctx, &licensemanager.CreateTokenInput{
//		ClientToken: clientToken,
//		LicenseArn:  licenseARN,
//		RoleArns:    []string{roleARN},
//	})
//
// # Create a token once
//
// For 10 minutes, a call of CreateToken with the same ClientToken and the same
// parameters creates no second token: it returns the first one. To create one
// token for an order, also if the program crashes, derive the ClientToken from the
// order's ID instead of making it up, and put the ID into TokenProperties. The
// example of [Client.CreateToken] does both.
//
// After 10 minutes, the same call creates a second token, and nothing returns the
// first one again. If nobody has received that, replace it: make the call, then
// delete each token that [Client.Tokens] lists with the Status AVAILABLE, the order's
// ID and another TokenId than that of the output.
//
// # Limits
//
// Every input has a method Validate that checks the limits of the API reference
// and reports all violations in one [smithy.InvalidParamsError]. A call runs it
// before it sends anything; a program can call it earlier, for example to check a
// configured ARN when it starts. Lengths count Unicode characters. An ARN has at
// most 2048 characters and the documented form; which service it is of is not
// checked.
//
// The limits of [CreateTokenInput] are narrower than those of other inputs: a
// ClientToken of at most 60 characters, and ARNs in six partitions. For an ARN in
// another partition, set Config.DisableValidation.
//
// # Errors
//
// Each published exception is a type, which errors.As finds in the error of a
// call. Package awstokens describes the other errors. For a call that changes
// something, ask [awstokens.MayHaveProcessed] first: the exception is that of the
// last attempt, and the response of an earlier one may have been lost.
//
//	var limit *licensemanager.ResourceLimitExceededException
//	if errors.As(err, &limit) {
//		...
//	}
//
// # Tests
//
// Package awstokenstest has the service in memory, for the tests of programs that
// use this package.
package licensemanager
