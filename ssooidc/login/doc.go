// Package login logs a user in to IAM Identity Center, keeps the tokens where
// the AWS CLI and the AWS SDKs keep them, and refreshes them.
//
// # The story
//
// A session says where to log in. LoadSession reads one that
// `aws configure sso-session` has made; a program may also make its own.
//
//	session, err := login.LoadSession("my-sso")
//	...
//	_, err = login.Login(ctx, session)
//
// Login opens a browser, or, where there is none, shows a page and a code. The
// user approves, and the token is in the cache. From then on a Provider gives
// the access token, here or in another program, and refreshes it before it
// expires:
//
//	tokens, err := login.NewProvider(session)
//	...
//	credentials, err := portal.RoleCredentials(cfg, tokens, account, role)
//
// When that fails with ErrLoginRequired, ErrSessionEnded or
// ErrRegistrationExpired, it is time for Login again; a session that somebody
// ended elsewhere is among that, since RoleCredentials tells the Provider of a
// token that the portal refuses. A program that calls the portal itself does
// so with Provider.Discard. Logout ends the session.
//
// # The cache
//
// A FileStore has the files of the AWS CLI, ~/.aws/sso/cache by default: a
// login of one is a login of the other, and of every SDK. What it does not know
// in a file it keeps. A Store of your own can be a keyring; MemoryStore is for
// tests and for programs that leave nothing behind.
//
// Who changes a session's token holds the store's lock, which ends with its
// process. The AWS CLI and the SDKs know nothing of the lock: when one of them
// has refreshed the token in between, the Provider finds what it got.
//
// # What is not lost
//
// A refresh token may be good for one use only. That is why a refresh goes on
// when its caller gives up, why its answer is saved before anybody has it, and
// why it is not sent again when the answer is lost on the way; then, and when
// the process is killed between the answer and the saving, a service that
// rotates refresh tokens wants a new login. Whatever else fails leaves the
// session as it was, and trying again helps. A program that waits for
// RetrieveBearerToken before it ends leaves no refresh half done.
//
// # Errors
//
// An error of a session is an *Error: Kind says what to do, Err what happened.
// A file that is no token is a *CorruptCacheError. No error shows a secret, nor
// does a Token or a Registration that is printed.
package login
