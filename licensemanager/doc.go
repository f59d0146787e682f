// Package licensemanager is a client for AWS License Manager: refresh tokens
// for licenses, the access tokens made from them, and the license work that
// they are for.
//
// # The story
//
// A seller, or a buyer's administrator, makes a refresh token for a license
// with CreateToken. It is a JWT that lives for a year unless the call says
// otherwise; the service shows it once. It travels to a machine that has no
// AWS account. There GetAccessToken, which needs no signature, exchanges it
// for an access token that is valid for an hour, and AWS STS exchanges that
// one (AssumeRoleWithWebIdentity) for the credentials of a role that the
// refresh token embeds: package tokencreds does both. With those credentials
// the product checks out a seat of its license, extends it and checks it in:
// package lease does that. A license that was borrowed for offline use is
// verified by package borrow. ListTokens and DeleteToken manage what
// CreateToken made.
//
// Sellers issue licenses (CreateLicense) and grant them to customers
// (CreateGrant), who accept the grant (AcceptGrant) and activate it
// (CreateGrantVersion).
//
//	client, err := licensemanager.New(awstokens.Config{
//		Region:      "us-east-1",
//		Credentials: awstokens.EnvCredentials(),
//	})
//	...
//	out, err := client.CreateToken(ctx, &licensemanager.CreateTokenInput{
//		ClientToken: licensemanager.NewClientToken(), // keep it to repeat the call
//		LicenseArn:  licenseArn,
//		RoleArns:    []string{roleArn},
//	})
//
// # Rules
//
// Every input has a Validate method that encodes the limits of the API
// reference, and a call runs it before it sends anything. CreateToken has the
// limits of its own page, which are narrower than those of the service's
// model: a ClientToken of at most 60 characters, and ARNs in the partitions
// aws, aws-cn, aws-us-gov, aws-iso-b, aws-iso-c and aws-iso-d. For an ARN in
// another partition, set Config.DisableValidation.
//
// # Errors
//
// Each published exception is a type, found with errors.As in the error of a
// call; package awstokens tells what else an error can be.
//
//	var limit *licensemanager.ResourceLimitExceededException
//	if errors.As(err, &limit) {
//		...
//	}
//
// # Tests
//
// Package awstokenstest provides the service in memory, for the tests of
// programs that use this package.
package licensemanager
