// Package login logs a user in to IAM Identity Center, stores the tokens where the
// AWS CLI and the AWS SDKs store them, and refreshes them.
//
// # Overview
//
// A [Profile] of the AWS config file, which `aws configure sso` writes, has a
// session, an account, a role and a Region. [LoadProfile] reads one, and [Profiles]
// all. [Login] logs in to the session, and package portal returns credentials of
// the role:
//
//	profile, err := login.LoadProfile("") // AWS_PROFILE, or default
//	...
//	_, err = login.Login(ctx, profile.Session)
//	...
//	credentials, err := portal.ProfileCredentials(cfg, profile)
//
// Login opens a browser, or, if there is none, shows a page and a code. When the
// user has approved the login, the token is in the token cache, where this program
// and others find it.
//
// A [Session] alone says where to log in. [LoadSession] reads one that
// `aws configure sso-session` has written, [ResolveStartURL] makes one of a start
// URL that a user typed, and a program can make its own. A [Provider] returns the
// access token, and refreshes it before it expires:
//
//	session, err := login.LoadSession("my-sso")
//	...
//	tokens, err := login.NewProvider(session)
//	...
//	credentials, err := portal.RoleCredentials(cfg, tokens, account, role)
//
// Login asks the user only if there is no token, or it cannot be refreshed, so a
// program can call it at each start. Or it gets the credentials first, and calls
// Login if [Needed] reports true for their error, which it also does if the session
// was ended elsewhere: if the portal refuses a token, portal.RoleCredentials and
// portal.Roles call [Provider.Discard], and so must a program that calls the portal
// itself. [Logout] ends the session.
//
// # Token cache
//
// A [FileStore] uses the files of the AWS CLI, in ~/.aws/sso/cache by default: a
// login with one is a login with the other, and with every SDK. A [Store] of your
// own can be a keyring, as its example shows. A [MemoryStore] is for tests and for
// programs that must not write files.
//
// A session's token is changed under a lock of the store, which ends with its
// process. While a user is asked to log in, another lock is held, so that the
// session's token can still be refreshed. The AWS CLI and the SDKs do not use the
// locks: if one of them refreshes the token, logs in or logs out during a refresh of
// the Provider, what it did counts. A Provider can use a read-only cache, too.
//
// # Single-use refresh tokens
//
// A refresh token may be valid for one use only. So a refresh begins only if there
// is space for the new token, continues if its caller gives up, sends the refresh
// token once even if the response is lost, and saves the new token before any
// caller gets it. If a response is lost, or the process is killed between the
// request and the save, a service that rotates refresh tokens requires a new login.
// After any other failure the session is as it was, and a retry may help.
//
// A call whose context ends, and a call that gets the old token because it is still
// valid, return before the refresh is over. So call [Provider.Wait], or that of the
// credentials of package portal, before the program exits, also on a signal:
//
//	wait, cancel := context.WithTimeout(context.Background(), 30*time.Second)
//	defer cancel()
//	err := credentials.Wait(wait)
//
// # Time
//
// The life of a token is what the response says, counted from the request. The
// times in the store are by the local clock, as other programs expect. If that
// clock is set, a token is refreshed early, or a service refuses it and
// [Provider.Discard] replaces it. Only the service ends a session: a registration
// that has expired by the local clock is still used to refresh.
//
// # Errors
//
// An error of a session is an [*Error]: Kind says what to do, Err what happened. A
// [*CorruptCacheError] in it names a file that is not a token. No error and no
// formatter shows a secret. [Token.CacheJSON] and [Registration.CacheJSON] return
// plain text on purpose.
//
// # Tests
//
// Package awstokenstest has the services in memory; the example of [Login] is a
// whole login. In a bubble of testing/synctest, use FlowDevice: FlowBrowser listens
// on a real port, and time does not advance while it waits there.
package login
