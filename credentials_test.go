package awstokens_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/aws/smithy-go/aws-http-auth/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

func TestStaticCredentials(t *testing.T) {
	for name, test := range map[string]struct {
		id, secret, session string
		want                credentials.Credentials
		wantErr             error
	}{
		"long-lived": {"AKIDEXAMPLE", fake, "", credentials.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: fake}, nil},
		"temporary":  {"ASIAEXAMPLE", fake, "session", credentials.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: fake, SessionToken: "session"}, nil},
		"no ID":      {"", fake, "session", credentials.Credentials{}, awstokens.ErrNoCredentials},
		"no secret":  {"AKIDEXAMPLE", "", "", credentials.Credentials{}, awstokens.ErrNoCredentials},
		"nothing":    {"", "", "", credentials.Credentials{}, awstokens.ErrNoCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			provider := awstokens.StaticCredentials(test.id, test.secret, test.session)
			got, err := provider.Retrieve(t.Context())
			assert.ErrorIs(t, err, test.wantErr)
			assert.Equal(t, test.want, got)
			for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
				assert.NotContains(t, fmt.Sprintf(verb, provider), fake)
				assert.NotContains(t, fmt.Sprintf(verb, awstokens.Config{Credentials: provider}), fake)
			}
			if err != nil {
				assert.NotContains(t, err.Error(), fake)
			}
		})
	}
}

func TestAnonymousCredentials(t *testing.T) {
	for _, provider := range []awstokens.CredentialsProvider{awstokens.AnonymousCredentials{}, &awstokens.AnonymousCredentials{}} {
		got, err := provider.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Zero(t, got)
	}
}

func TestCredentialsFunc(t *testing.T) {
	want, wantErr := credentials.Credentials{AccessKeyID: "AKIDEXAMPLE"}, errors.New("some error")
	type key struct{}
	var provider awstokens.CredentialsProvider = awstokens.CredentialsFunc(func(ctx context.Context) (credentials.Credentials, error) {
		assert.Equal(t, "value", ctx.Value(key{}))
		return want, wantErr
	})
	got, err := provider.Retrieve(context.WithValue(t.Context(), key{}, "value"))
	assert.Equal(t, want, got)
	assert.Equal(t, wantErr, err)
}

func TestEnvCredentials(t *testing.T) {
	setEnv(t, nil)
	provider := awstokens.EnvCredentials()
	_, err := provider.Retrieve(t.Context())
	assert.ErrorIs(t, err, awstokens.ErrNoCredentials)

	setEnv(t, map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE"})
	_, err = provider.Retrieve(t.Context())
	assert.ErrorIs(t, err, awstokens.ErrNoCredentials)
	assert.ErrorContains(t, err, "AWS_SECRET_ACCESS_KEY")

	setEnv(t, map[string]string{"AWS_SECRET_ACCESS_KEY": fake})
	_, err = provider.Retrieve(t.Context())
	assert.ErrorIs(t, err, awstokens.ErrNoCredentials)
	assert.ErrorContains(t, err, "AWS_ACCESS_KEY_ID")
	assert.NotContains(t, err.Error(), fake)

	// The environment is read each time: these keys are new.
	for _, session := range []string{"", "session"} {
		setEnv(t, map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": fake, "AWS_SESSION_TOKEN": session})
		got, err := provider.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, credentials.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: fake, SessionToken: session}, got)
	}
}
