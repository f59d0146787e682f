package awstokens

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Credentials are AWS credentials. Printing or logging them shows no secret.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey Secret
	SessionToken    Secret // empty for long-lived credentials

	// AccountID is the account of the credentials, or empty if it is unknown.
	AccountID string

	// Expires is when the credentials expire. The zero time means never.
	Expires time.Time
}

// CredentialsProvider supplies the AWS credentials that sign a request. It is
// called on every attempt, so it should cache. It must be safe for concurrent
// use.
//
// A provider that caches should also have a method Discard(Credentials). A
// client calls it with credentials that a service refused as expired, and
// retries once if Retrieve then returns others.
type CredentialsProvider interface {
	Retrieve(context.Context) (Credentials, error)
}

// CredentialsFunc is a function that is a [CredentialsProvider]. To use another
// SDK's provider, adapt it with one.
type CredentialsFunc func(context.Context) (Credentials, error)

// Retrieve calls f. It returns [ErrNoCredentials] if f is nil.
func (f CredentialsFunc) Retrieve(ctx context.Context) (Credentials, error) {
	if f == nil {
		return Credentials{}, fmt.Errorf("CredentialsFunc is nil: %w", ErrNoCredentials)
	}
	return f(ctx)
}

// AnonymousCredentials is a provider with which every operation is sent unsigned,
// as by the AWS CLI's --no-sign-request. The services refuse most of them.
type AnonymousCredentials struct{}

// Retrieve returns empty credentials.
func (AnonymousCredentials) Retrieve(context.Context) (Credentials, error) {
	return Credentials{}, nil
}

type staticCredentials struct{ credentials Credentials }

func (p staticCredentials) Retrieve(context.Context) (Credentials, error) {
	if p.credentials.AccessKeyID == "" || p.credentials.SecretAccessKey.IsZero() {
		return Credentials{}, fmt.Errorf("static credentials: %w", ErrNoCredentials)
	}
	return p.credentials, nil
}

// StaticCredentials returns a provider of fixed credentials. The session token
// is empty for long-lived credentials. Without an ID or a secret key, Retrieve
// returns [ErrNoCredentials].
func StaticCredentials(accessKeyID, secretAccessKey, sessionToken string) CredentialsProvider {
	return staticCredentials{Credentials{
		AccessKeyID:     accessKeyID,
		SecretAccessKey: NewSecret(secretAccessKey),
		SessionToken:    NewSecret(sessionToken),
	}}
}

// EnvCredentials returns a provider that reads AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_ACCOUNT_ID from the
// environment on every call. Without the first two, Retrieve returns
// [ErrNoCredentials]. It reads no profile; if AWS_PROFILE or AWS_DEFAULT_PROFILE is
// set, the error names the functions that do.
func EnvCredentials() CredentialsProvider {
	return CredentialsFunc(func(context.Context) (Credentials, error) { return envCredentials() })
}

// envProfile returns the name of the profile in the environment, or "".
func envProfile() string { return firstEnv("AWS_PROFILE", "AWS_DEFAULT_PROFILE") }

func envCredentials() (Credentials, error) {
	var err error
	required := func(name string) string {
		value := os.Getenv(name)
		if value == "" {
			err = errors.Join(err, fmt.Errorf("%s is not set: %w", name, ErrNoCredentials))
		}
		return value
	}
	creds := Credentials{
		AccessKeyID:     required("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: NewSecret(required("AWS_SECRET_ACCESS_KEY")),
		SessionToken:    NewSecret(os.Getenv("AWS_SESSION_TOKEN")),
		AccountID:       os.Getenv("AWS_ACCOUNT_ID"),
	}
	if err != nil && envProfile() != "" {
		err = fmt.Errorf("%w (for the profile that the environment names, use ssooidc/login.LoadProfile and ssooidc/portal.ProfileCredentials)", err)
	}
	if err != nil {
		return Credentials{}, err
	}
	return creds, nil
}
