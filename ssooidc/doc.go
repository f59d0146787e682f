// Package ssooidc is a client for IAM Identity Center OIDC, the service that
// `aws sso login` calls: it registers clients, authorizes devices, and issues
// tokens.
//
// # Overview
//
// A program registers itself with [Client.RegisterClient], once in 90 days. To log a
// user in on a machine without a browser, it starts a device authorization with
// [Client.StartDeviceAuthorization], shows the URL and the code, and polls
// [Client.CreateToken] with the device code until the user has approved:
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
// On a machine with a browser, use the authorization code grant with PKCE. With the
// refresh token of either grant, CreateToken returns the next access token. If a
// response has no refresh token, the one that was sent stays valid. Package login
// does all of this.
//
// [Client.CreateTokenWithIAM] is for applications of trusted identity propagation.
// It is signed, and also takes a JWT of a trusted issuer or the token of another
// application. Package tip gets AWS credentials with it.
//
// # Limits
//
// Every input has a method Validate, which a call runs before it sends anything. It
// checks that the operation documents the grant type, and that the members that the
// grant needs are present. Members of another grant are no error.
//
// # Errors
//
// Each published exception is a type, which errors.As finds in the error of a call.
// It has the OAuth error, the description and the reason that the service sent.
// Package awstokens describes the other errors.
//
// # Tests
//
// Package awstokenstest has the service in memory, for the tests of programs that
// use this package.
package ssooidc
