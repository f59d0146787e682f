// Package tokencreds turns a refresh token of AWS License Manager into AWS
// credentials, for a licensed product on a machine without an AWS account.
//
// # Overview
//
// A seller creates a refresh token with licensemanager.CreateToken and gives it
// to the customer, usually as a file. A [Provider] gets credentials with it, for
// the License Manager client of the product:
//
//	creds, err := tokencreds.FromEnv(cfg)
//	...
//	cfg.Credentials = creds
//	client, err := licensemanager.New(cfg)
//
// A Provider retrieves credentials in three steps: it reads the refresh token,
// exchanges it for an access token (GetAccessToken), and exchanges that for
// credentials of a role that the token embeds (AssumeRoleWithWebIdentity of AWS
// STS). Neither call is signed. An error of type [*Error] says which step
// failed.
//
// The credentials are cached. Five minutes before they expire they are renewed,
// once, while callers still get the old ones. If the renewal fails, it is retried
// after a minute, for as long as the old credentials are valid. Their life is
// measured by the service's clock: the clock of the customer's machine may be
// wrong.
//
// # Token files
//
// The token is read again for every renewal, so that its file can be replaced at
// any time. A file may contain the token alone, the token.csv of the console
// with its header line, or the JSON that the AWS CLI prints for CreateToken. A
// byte order mark, white space, quotes and NUL characters around the token are
// ignored.
//
// A token that cannot be read, is malformed or is refused may have been read while
// its file was being replaced. It is read again after 250 ms, twice at most, and
// exchanged again only if it has changed.
//
// # Revocation
//
// A seller revokes a refresh token with licensemanager.DeleteToken. The next
// renewal of the credentials then fails, within an hour by default: errors.Is
// finds [ErrTokenRefused] in the errors of every client that uses the Provider.
// It finds [ErrTokenMalformed] if what the [Source] returned is not a token. Any
// other error may be an outage or a mistake in the configuration.
//
//	if errors.Is(err, tokencreds.ErrTokenRefused) || errors.Is(err, tokencreds.ErrTokenMalformed) {
//		// ask the customer for another token
//	}
package tokencreds
