// Package ssooidc is a client for IAM Identity Center OIDC, the service that
// `aws sso login` talks to: it registers clients, authorizes devices, and
// gives out tokens.
//
// # The story
//
// A program registers itself once (RegisterClient) and keeps what it gets for
// 90 days. To log a user in on a machine without a browser, it starts a device
// authorization (StartDeviceAuthorization), shows the URL and the code, and
// polls CreateToken with the device code until the user has approved:
//
//	for {
//		time.Sleep(interval)
//		token, err := client.CreateToken(ctx, in)
//		var pending *ssooidc.AuthorizationPendingException
//		var slowDown *ssooidc.SlowDownException
//		switch {
//		case errors.As(err, &pending):
//			continue
//		case errors.As(err, &slowDown):
//			interval += 5 * time.Second
//			continue
//		}
//		return token, err
//	}
//
// With a browser at hand, the authorization code grant with PKCE does the
// same. The refresh token of either gets the next access token; when a
// response has no new refresh token, the old one stays good.
//
// CreateTokenWithIAM is for applications of trusted identity propagation. It
// is signed, and takes a JWT of a trusted issuer or another application's
// token as well.
//
// # Rules
//
// Every input has a Validate method that knows which members each grant type
// needs, and a call runs it before it sends anything. Members of another grant
// are no error, and a grant type that this package does not know is left to
// the service.
//
// # Errors
//
// Each published exception is a type, found with errors.As in the error of a
// call. It has the OAuth error, the description and the reason that the
// service gave. An answer without the header that names its exception is
// understood by its OAuth error. Package awstokens tells what else an error
// can be.
//
// # Tests
//
// Package awstokenstest provides the service in memory, for the tests of
// programs that use this package.
package ssooidc
