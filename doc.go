// Package awstokens holds the words that the clients of this module share:
// Config, credentials, Secret, the retry rules and the errors.
//
// The module is a Go client for the tokens of two AWS services:
//
//   - Package licensemanager is AWS License Manager: long-lived refresh tokens
//     for licenses, the access tokens made from them, and the license work that
//     they are for. Below it, tokencreds makes credentials of a refresh token,
//     lease keeps a seat of a license, and borrow verifies a license offline.
//   - Package ssooidc is IAM Identity Center OIDC: client registration, device
//     authorization and tokens. Below it, login logs a user in and keeps the
//     token, and portal makes credentials of it.
//
// # The story of a call
//
// A client is made once, from a Config, and is safe for concurrent use:
//
//	client, err := licensemanager.New(awstokens.Config{
//		Region:      "us-east-1",
//		Credentials: awstokens.EnvCredentials(),
//	})
//
// A call checks its input against the limits that AWS documents and reports
// every violation at once, before any I/O. Then it encodes the input once and,
// for each attempt, signs, sends, and reads an answer of at most
// Config.MaxResponseBytes. What comes back is either an output whose embedded
// Result has the request ID, or an error.
//
// # Errors
//
// An error of a call is a *smithy.OperationError around one of
//
//   - a smithy.InvalidParamsError: the input breaks a documented rule, nothing
//     was sent. Each violation is a *ConstraintError or, for a missing member,
//     a *smithy.ParamRequiredError; errors.As finds all three types.
//   - ErrNoCredentials: a signature is needed and there are no keys, nothing
//     was sent.
//   - *smithy.CanceledError: the context ended. errors.Is finds
//     context.Canceled or context.DeadlineExceeded in it.
//   - *SendError: no answer came.
//   - *ResponseError: the service answered with an error, or with something
//     that is no answer. It has the HTTP status and the request ID and wraps
//     the typed exception of the client's package, or a
//     *smithy.GenericAPIError for a code that package does not know.
//
// # Retries
//
// A call is tried three times by default, with full-jitter exponential
// backoff, and stops early when its context ends. These are tried again:
// throttling (RateLimitExceededException among it), HTTP 500, 502, 503, 504
// and every other 5xx, and connections that failed before the request was
// written. When the answer to a complete request was lost, only an
// operation that is safe to send twice is tried again; an authorization code,
// a device code or a refresh token that may rotate is never sent twice after
// that. A request that the service refused for its clock is signed once more
// with the service's clock. See StandardRetryer for the numbers.
//
// # Secrets
//
// Tokens, codes and client secrets are of type Secret, which prints as
// [redacted]. An error never repeats a secret that was in the call's input,
// even when the service does.
package awstokens

// Version is the version of the module, as its User-Agent header says it.
const Version = "0.1.0"
