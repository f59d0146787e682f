package awstokens

import (
	"context"
	"fmt"
	"os"

	"github.com/aws/smithy-go/aws-http-auth/credentials"
)

// CredentialsProvider supplies the AWS credentials that sign a request. It is
// asked once an attempt, so a provider should cache what it can. It must be
// safe for concurrent use.
type CredentialsProvider interface {
	Retrieve(context.Context) (credentials.Credentials, error)
}

// CredentialsFunc makes a function a CredentialsProvider. It is also how a
// provider of another SDK is adapted.
type CredentialsFunc func(context.Context) (credentials.Credentials, error)

// Retrieve calls f.
func (f CredentialsFunc) Retrieve(ctx context.Context) (credentials.Credentials, error) {
	return f(ctx)
}

// AnonymousCredentials sends even an operation that asks for a signature
// unsigned, as the AWS CLI's --no-sign-request does. The service then refuses
// most of them.
type AnonymousCredentials struct{}

// Retrieve returns no credentials and no error.
func (AnonymousCredentials) Retrieve(context.Context) (credentials.Credentials, error) {
	return credentials.Credentials{}, nil
}

// StaticCredentials returns a provider of fixed keys. The session token is
// empty for long-lived keys. Without an ID or a secret, Retrieve fails with
// ErrNoCredentials. Printing the provider prints no key.
func StaticCredentials(accessKeyID, secretAccessKey, sessionToken string) CredentialsProvider {
	// A closure, because fmt can look into every field of a struct.
	return CredentialsFunc(func(context.Context) (credentials.Credentials, error) {
		if accessKeyID == "" || secretAccessKey == "" {
			return credentials.Credentials{}, fmt.Errorf("static credentials: %w", ErrNoCredentials)
		}
		return credentials.Credentials{
			AccessKeyID:     accessKeyID,
			SecretAccessKey: secretAccessKey,
			SessionToken:    sessionToken,
		}, nil
	})
}

// EnvCredentials returns a provider that reads AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN from the environment each time.
// Without both keys, Retrieve fails with ErrNoCredentials.
func EnvCredentials() CredentialsProvider {
	return CredentialsFunc(func(context.Context) (credentials.Credentials, error) {
		return envCredentials()
	})
}

func envCredentials() (credentials.Credentials, error) {
	creds := credentials.Credentials{
		AccessKeyID:     os.Getenv("AWS_ACCESS_KEY_ID"),
		SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken:    os.Getenv("AWS_SESSION_TOKEN"),
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID":     creds.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY": creds.SecretAccessKey,
	} {
		if value == "" {
			return credentials.Credentials{}, fmt.Errorf("%s is not set: %w", name, ErrNoCredentials)
		}
	}
	return creds, nil
}
