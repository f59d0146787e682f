package awstokens_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

func TestStaticCredentials(t *testing.T) {
	keys := func(id, session string) awstokens.Credentials {
		return awstokens.Credentials{AccessKeyID: id, SecretAccessKey: awstokens.NewSecret(fake), SessionToken: awstokens.NewSecret(session)}
	}
	for name, test := range map[string]struct {
		id, secret, session string
		want                awstokens.Credentials
		wantErr             error
	}{
		"long-lived": {"AKIDEXAMPLE", fake, "", keys("AKIDEXAMPLE", ""), nil},
		"temporary":  {"ASIAEXAMPLE", fake, "session", keys("ASIAEXAMPLE", "session"), nil},
		"no ID":      {"", fake, "session", awstokens.Credentials{}, awstokens.ErrNoCredentials},
		"no secret":  {"AKIDEXAMPLE", "", "", awstokens.Credentials{}, awstokens.ErrNoCredentials},
		"nothing":    {"", "", "", awstokens.Credentials{}, awstokens.ErrNoCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			provider := awstokens.StaticCredentials(test.id, test.secret, test.session)
			got, err := provider.Retrieve(t.Context())
			assert.ErrorIs(t, err, test.wantErr)
			assert.Equal(t, test.want, got)
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%p"} {
				for _, value := range []any{provider, got, &got, awstokens.Config{Credentials: provider}, []any{provider}} {
					assertShowsNothing(t, fmt.Sprintf(verb, value), verb)
				}
			}
			assertShowsNothing(t, fmt.Sprint(err), "error")
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
	want, wantErr := awstokens.Credentials{AccessKeyID: "AKIDEXAMPLE"}, errors.New("some error")
	type key struct{}
	var provider awstokens.CredentialsProvider = awstokens.CredentialsFunc(func(ctx context.Context) (awstokens.Credentials, error) {
		assert.Equal(t, "value", ctx.Value(key{}))
		return want, wantErr
	})
	got, err := provider.Retrieve(context.WithValue(t.Context(), key{}, "value"))
	assert.Equal(t, want, got)
	assert.Equal(t, wantErr, err)

	got, err = awstokens.CredentialsFunc(nil).Retrieve(t.Context())
	assert.ErrorIs(t, err, awstokens.ErrNoCredentials)
	assert.Zero(t, got)
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
	assertShowsNothing(t, err.Error(), "error")

	// The environment is read each time: these keys are new.
	for _, session := range []string{"", "session"} {
		setEnv(t, map[string]string{
			"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": fake, "AWS_SESSION_TOKEN": session, "AWS_ACCOUNT_ID": "111122223333",
		})
		got, err := provider.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, awstokens.Credentials{
			AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: awstokens.NewSecret(fake), SessionToken: awstokens.NewSecret(session), AccountID: "111122223333",
		}, got)
	}
}

// With a profile and no keys, the error names the functions that read profiles.
func TestProfileInTheEnvironment(t *testing.T) {
	for _, name := range []string{"AWS_PROFILE", "AWS_DEFAULT_PROFILE"} {
		setEnv(t, map[string]string{name: "dev"})
		cfg, err := awstokens.ConfigFromEnv()
		require.NoError(t, err)
		require.NotNil(t, cfg.Credentials)
		for _, provider := range []awstokens.CredentialsProvider{awstokens.EnvCredentials(), cfg.Credentials} {
			_, err = provider.Retrieve(t.Context())
			assert.ErrorIs(t, err, awstokens.ErrNoCredentials)
			assert.ErrorContains(t, err, "ssooidc/login.LoadProfile and ssooidc/portal.ProfileCredentials")
		}
	}

	setEnv(t, map[string]string{"AWS_PROFILE": "dev", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": fake})
	cfg, err := awstokens.ConfigFromEnv()
	require.NoError(t, err)
	_, err = cfg.Credentials.Retrieve(t.Context())
	assert.NoError(t, err)
}
