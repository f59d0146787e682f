package peers

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
)

// shareTokenFile lets another program, which uses the credentials of the profile
// dev, and a provider of ours take turns with one token in the files of the AWS
// CLI.
func shareTokenFile(t *testing.T, name string, use func(*testing.T) error) {
	t.Helper()
	server := awstokenstest.NewServer(t)
	center := server.IdentityCenter()
	center.AutoApprove(true)
	center.RotateRefreshTokens(true)
	home(t, server)
	cfg := server.Config()
	store, err := login.NewFileStore("")
	require.NoError(t, err)
	session := login.Session{Name: "peer", StartURL: "https://example.awsapps.com/start", Region: cfg.Region}
	path := store.TokenPath(session)
	run := 0
	programUses := func() {
		t.Helper()
		run++
		t.Run(fmt.Sprintf("use %d", run), func(t *testing.T) { require.NoError(t, use(t)) })
	}
	token := func() string {
		t.Helper()
		text, ok := members(t, path)["accessToken"].(string)
		require.True(t, ok)
		return text
	}

	_, err = login.Login(t.Context(), session, func(o *login.Options) {
		o.Config, o.Store, o.Flow, o.Prompt = cfg, store, login.FlowDevice, silent{}
	})
	require.NoError(t, err)
	first, made := token(), center.Requests("CreateToken")
	programUses()
	assert.Equal(t, first, token(), "%s uses the token of Login", name)
	assert.Equal(t, made, center.Requests("CreateToken"))

	for range 2 {
		expire(t, path)
		before := token()
		programUses()
		refreshed := token()
		assert.NotEqual(t, before, refreshed, "%s refreshes what we wrote", name)
		ours, err := login.NewProvider(session, func(o *login.ProviderOptions) { o.Config, o.Store = cfg, store })
		require.NoError(t, err)
		got, err := ours.RetrieveBearerToken(t.Context())
		require.NoError(t, err)
		assert.Equal(t, refreshed, got.Value, "we use what %s wrote", name)

		expire(t, path)
		ours, err = login.NewProvider(session, func(o *login.ProviderOptions) { o.Config, o.Store = cfg, store })
		require.NoError(t, err)
		got, err = ours.RetrieveBearerToken(t.Context())
		require.NoError(t, err)
		assert.NotEqual(t, refreshed, got.Value, "we refresh what %s wrote", name)
		made = center.Requests("CreateToken")
		programUses()
		assert.Equal(t, got.Value, token(), "%s uses what we wrote", name)
		assert.Equal(t, made, center.Requests("CreateToken"))
	}
	fmt.Printf("%s: %d uses of a shared token, with 2 refreshes by each side\n", name, run)
}
