// Package tip provides AWS credentials that carry the identity of a program's
// user: the trusted identity propagation of IAM Identity Center. AWS services that
// support it, such as Amazon S3 with Access Grants, then authorize and log the user
// instead of the program.
//
// # Overview
//
// The program needs an application in Identity Center, and a JWT of each user from
// an identity provider that Identity Center trusts. A [Provider] provides the
// credentials of one user:
//
//	creds, err := tip.NewProvider(cfg, tip.Application{
//		ARN:           "arn:aws:sso::111122223333:application/ssoins-.../apl-...",
//		AccessRoleARN: "arn:aws:iam::111122223333:role/UserAccess",
//	}, source)
//
// A [Pool] provides those of many users, for a server:
//
//	pool, err := tip.NewPool(cfg, app)
//	...
//	creds := pool.For(user.ID, user.NewJWT)
//
// Two calls get the credentials. CreateTokenWithIAM exchanges the JWT for an
// identity context and a refresh token; AssumeRole exchanges the identity context
// for credentials of the access role. Config.Credentials sign both calls. With
// Application.BootstrapRoleARN, the credentials that AssumeRoleWithWebIdentity
// returns for the JWT sign them.
//
// # Renewal
//
// Retrieve renews credentials that expire within 5 minutes, in the background and
// once at a time for each user, and returns the old ones while they are valid. Every
// life is measured by the clock of AWS, so a wrong local clock does no harm.
//
// A renewal uses the refresh token. It asks the [Source] for another JWT only if
// there is no refresh token, if the service refuses it, which it does after the
// user's session has ended, or if the credentials of the bootstrap role have
// expired.
//
// # JWTs
//
// The service accepts a JWT once. This package does not send a JWT again once the
// service may have processed it, for example after a lost response: Retrieve
// returns the error, and the next Retrieve asks for another JWT. A JWT that was not
// sent, or was refused because there were too many requests, is kept and sent
// later.
//
// A JWT that cannot be accepted is refused before anything is sent: one without
// jti or exp, one that was used before by any user of the Pool, and one that has
// expired. Expiry is judged by the service's clock once a Date agrees with the
// local clock or with another Date. Until then, only a JWT that expired more than a
// day ago by the local clock is refused.
//
// # Errors
//
// An error of Retrieve is the context's or an [*Error], which names the step.
// errors.Is finds three reasons: [ErrSessionEnded], after which the user must sign
// in again, [ErrJWTRefused], and [ErrContextDenied], which is about the access
// role's trust policy.
//
// # Tests
//
// Package awstokenstest provides the services in memory. Its method
// IdentityCenter.UserJWT returns a JWT as a Source does.
package tip
