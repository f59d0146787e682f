// Package login logs a user in to IAM Identity Center, keeps the tokens where
// the AWS CLI and the AWS SDKs keep them, and refreshes them.
//
// # Overview
//
// A session says where to log in. [LoadSession] reads one that
// `aws configure sso-session` has written; a program may also make its own.
//
//	session, err := login.LoadSession("my-sso")
//	...
//	_, err = login.Login(ctx, session)
//
// [Login] opens a browser, or, if there is none, shows a page and a code. When
// the user has approved, the token is in the token cache. From then on a
// [Provider] returns the access token, in this program or in another one, and
// refreshes it before it expires:
//
//	tokens, err := login.NewProvider(session)
//	...
//	credentials, err := portal.RoleCredentials(cfg, tokens, account, role)
//
// A [Profile] of the AWS config file has the session together with an account, a
// role and a Region. [LoadProfile] reads one, [Profiles] all:
//
//	profile, err := login.LoadProfile("") // AWS_PROFILE, or default
//	...
//	_, err = login.Login(ctx, profile.Session)
//	...
//	credentials, err := portal.ProfileCredentials(cfg, profile)
//
// [ResolveStartURL] makes a session of a start URL that somebody typed.
//
// If the credentials fail with [ErrLoginRequired], [ErrSessionEnded] or
// [ErrRegistrationExpired], call Login again. The same errors report a session
// that was ended elsewhere: portal.RoleCredentials tells the Provider of a
// token that the portal refuses. A program that calls the portal itself does so
// with [Provider.Discard]. [Logout] ends the session.
//
// # Token cache
//
// A [FileStore] has the files of the AWS CLI, ~/.aws/sso/cache by default: a
// login of one is a login of the other, and of every SDK. It keeps members of a
// file that it does not know. A [Store] of your own can be a keyring, as its
// example shows; [MemoryStore] is for tests and for programs that must leave
// nothing behind.
//
// Whoever changes a session's token holds a lock of the store, which ends with
// its process. While a user is asked to log in, another lock is held, so that
// the session's token is still refreshed. The AWS CLI and the SDKs do not know
// the locks: if one of them has refreshed the token in the meantime, the
// Provider finds the new one. A cache that is read-only can be used, too; see
// [Provider].
//
// # Single-use refresh tokens
//
// A refresh token may be good for one use only. For this reason a refresh
// begins when there is space for the new token, continues when its caller gives
// up, and saves the new token before any caller gets it; and a call whose
// response is lost sends the refresh token once. In that case, and if the
// process is killed between the request and the save, a service that rotates
// refresh tokens requires a new login. After any other failure the session is
// as it was, and a retry helps. A program that waits for
// [Provider.RetrieveBearerToken] before it exits leaves no refresh half done.
//
// # Time
//
// The life of a token is what the response says, from the request on. The times
// in the store are by the local clock, as other programs expect. If somebody
// sets that clock, a token is refreshed early, or a service refuses it and
// [Provider.Discard] replaces it. Only the service ends a session: a
// registration that is over by the local clock is still used to refresh.
//
// # Errors
//
// An error of a session is an [*Error]: Kind says what to do, Err what
// happened. A file that is not a token is a [*CorruptCacheError]. No error and
// no formatter shows a secret; [Token.CacheJSON] and [Registration.CacheJSON]
// return plain text on purpose.
package login
