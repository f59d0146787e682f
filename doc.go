// Package awstokens holds what the clients of this module share: [Config],
// [Credentials], [Secret], the retry rules and the errors.
//
// The module is a Go client for the tokens of two AWS services:
//
//   - Package licensemanager is the client for AWS License Manager: licenses,
//     grants, checkouts and refresh tokens. Below it, tokencreds turns a refresh
//     token into credentials, entitlements watches what a customer may use,
//     lease keeps a seat of a license, drawdown charges usage, and borrow
//     verifies a license offline.
//   - Package ssooidc is the client for IAM Identity Center OIDC: client
//     registration, device authorization and tokens. Below it, login logs a user
//     in and keeps the token, portal turns it into credentials, and tip makes
//     credentials that carry the identity of a program's user.
//   - Package awstokenstest serves both, the access portal and AWS STS in memory,
//     for tests.
//
// # Calls
//
// A client is made once, from a [Config], and is safe for concurrent use:
//
//	client, err := licensemanager.New(awstokens.Config{
//		Region:      "us-east-1",
//		Credentials: awstokens.EnvCredentials(),
//	})
//
// A call checks its input against the limits that AWS documents and reports
// every violation at once, before any I/O. Then it encodes the input once and,
// for each attempt, signs, sends, and reads a response of at most
// Config.MaxResponseBytes. It returns either an output, whose embedded [Result]
// has the request ID, or an error.
//
// # Errors
//
// The error of a call is a [*smithy.OperationError] around one of
//
//   - a [smithy.InvalidParamsError]: the input violates a documented constraint. Each
//     violation is a [*ConstraintError] or, for a missing member, a
//     [*smithy.ParamRequiredError]; errors.As finds all three types.
//   - [ErrNoCredentials]: a signature is needed and there are no credentials.
//   - [*smithy.CanceledError]: the context ended. It wraps context.Canceled or
//     context.DeadlineExceeded, and the failure of the last attempt.
//   - [*SendError]: no response came.
//   - [*ResponseError]: the service responded with an error, or with something
//     unusable. It has the HTTP status and the request ID and wraps the typed
//     exception of the client's package, or a [*smithy.GenericAPIError] for a
//     code that is not published.
//
// [MayHaveProcessed] reports whether the service may have processed a request
// of the call, over all its attempts. Text that the service sent appears in an
// error on one line, and not at all if it shows a secret of the call.
//
// # Retries
//
// A call makes at most three attempts by default, with full-jitter exponential
// backoff, as [StandardRetryer] describes. It stops when its context ends.
//
// An operation is idempotent if a second request does no more than one: a read,
// a call with a ClientToken, a delete or a plain update.
//
//   - Every operation is retried if the request was not written, or if the
//     service itself reports throttling or an internal error in a typed error,
//     but not SlowDownException of OIDC.
//   - An idempotent operation is also retried if the response was lost, and for
//     any HTTP status of 500 and above or 429, which a gateway may have sent in
//     place of the service.
//
// An authorization code, a device code or a refresh token is thus never sent
// twice if the service may have processed it. A request that the service
// refuses for its time is retried once, signed by the service's clock. One that
// it refuses for an expired session token is retried once with renewed
// credentials.
//
// # Secrets
//
// Tokens, codes and client secrets are of type [Secret]. No formatter, logger or
// encoder shows one, whatever structure holds it.
package awstokens

// Version is the version of the module. The User-Agent header contains it.
const Version = "0.1.0"
