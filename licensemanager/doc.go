// Package licensemanager is a client for AWS License Manager: refresh tokens
// for licenses, the access tokens made from them, and the license work that
// they are for.
//
// # Overview
//
// A seller, or a buyer's administrator, makes a refresh token for a license
// with [Client.CreateToken]. It is a JWT that lives for a year unless the call
// says otherwise, and the service returns it only once. It travels to a machine
// that has no AWS account. There [Client.GetAccessToken], which needs no
// signature, exchanges it for an access token that is valid for an hour, and
// AWS STS exchanges that for the credentials of a role that the refresh token
// embeds: package tokencreds does both. With those credentials the product
// finds out what the customer is entitled to (package entitlements), checks out
// a seat of its license, extends it and checks it in (package lease), or charges
// usage that is counted (package drawdown). Package borrow verifies a license
// that was borrowed for offline use. [Client.ListTokens] and
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
//	out, err := client.CreateToken(ctx, &licensemanager.CreateTokenInput{
//		ClientToken: licensemanager.NewClientToken(), // keep it to retry the call
//		LicenseArn:  licenseARN,
//		RoleArns:    []string{roleARN},
//	})
//
// # Limits
//
// Every input has a Validate method that checks the limits of the API
// reference and reports all violations in one [smithy.InvalidParamsError]. A
// call runs it before it sends anything. Lengths count Unicode characters. An
// ARN has at most 2048 characters and the documented form.
//
// CreateToken has the limits of its own page, which are narrower than those of
// the service's model: a ClientToken of at most 60 characters, and ARNs in the
// partitions aws, aws-cn, aws-us-gov, aws-iso-b, aws-iso-c and aws-iso-d. For an
// ARN in another partition, set Config.DisableValidation.
//
// # Errors
//
// Each published exception is a type, found with errors.As in the error of a
// call; package awstokens lists what else an error can be.
//
//	var limit *licensemanager.ResourceLimitExceededException
//	if errors.As(err, &limit) {
//		...
//	}
//
// # Tests
//
// Package awstokenstest is the service in memory, for the tests of programs
// that use this package.
package licensemanager
