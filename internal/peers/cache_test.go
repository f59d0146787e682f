package peers

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	sdksso "github.com/aws/aws-sdk-go-v2/service/sso"
	sdkoidc "github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
)

// silent is a prompt for a login that approves itself.
type silent struct{}

func (silent) Show(context.Context, login.Request, func(string) error) error { return nil }

// The SDK uses and refreshes a token that Login wrote, and we use and refresh what
// the SDK wrote. Nothing is lost.
func TestSharedTokenFile(t *testing.T) {
	server := awstokenstest.NewServer(t)
	server.IdentityCenter().AutoApprove(true)
	// The SDK forgets the refresh token when a response has none.
	server.IdentityCenter().RotateRefreshTokens(true)
	cfg := server.Config()
	store, err := login.NewFileStore(t.TempDir())
	require.NoError(t, err)
	session := login.Session{Name: "peer", StartURL: "https://example.awsapps.com/start", Region: cfg.Region}
	_, err = login.Login(t.Context(), session, func(o *login.Options) {
		o.Store, o.Config, o.Flow, o.Prompt = store, cfg, login.FlowDevice, silent{}
	})
	require.NoError(t, err)
	path := store.TokenPath(session)
	addMember(t, path, "foreign", "kept")

	sdkConfig := aws.Config{Region: cfg.Region, BaseEndpoint: aws.String(server.URL())}
	sdkTokens := ssocreds.NewSSOTokenProvider(sdkoidc.NewFromConfig(sdkConfig), path)
	ourTokens, err := login.NewProvider(session, func(o *login.ProviderOptions) { o.Store, o.Config = store, cfg })
	require.NoError(t, err)

	first, err := sdkTokens.RetrieveBearerToken(t.Context())
	require.NoError(t, err, "the SDK reads what Login wrote")
	roles := ssocreds.New(sdksso.NewFromConfig(sdkConfig), "111122223333", "ReadOnlyAccess", session.StartURL, func(o *ssocreds.Options) { o.SSOTokenProvider = sdkTokens })
	_, err = roles.Retrieve(t.Context())
	require.NoError(t, err)

	// Both sides in turn find the token expired.
	tokens := map[string]bool{first.Value: true}
	for range 3 {
		expire(t, path)
		refreshed, err := ssocreds.NewSSOTokenProvider(sdkoidc.NewFromConfig(sdkConfig), path).RetrieveBearerToken(t.Context())
		require.NoError(t, err, "the SDK refreshes what we wrote")
		assert.False(t, tokens[refreshed.Value], "it is a new token")
		tokens[refreshed.Value] = true
		stored, err := store.LoadToken(t.Context(), session)
		require.NoError(t, err, "we read what the SDK wrote")
		assert.Equal(t, refreshed.Value, stored.AccessToken.Reveal())
		assert.NotEmpty(t, stored.RefreshToken)

		expire(t, path)
		ours, err := login.NewProvider(session, func(o *login.ProviderOptions) { o.Store, o.Config = store, cfg })
		require.NoError(t, err)
		token, err := ours.RetrieveBearerToken(t.Context())
		require.NoError(t, err, "we refresh what the SDK wrote")
		assert.False(t, tokens[token.Value])
		tokens[token.Value] = true
	}
	_, err = ourTokens.RetrieveBearerToken(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "kept", members(t, path)["foreign"])
}

func members(t *testing.T, path string) map[string]any {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(text, &m))
	return m
}

func addMember(t *testing.T, path, name, value string) {
	t.Helper()
	m := members(t, path)
	m[name] = value
	text, err := json.Marshal(m)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o600))
}

func expire(t *testing.T, path string) {
	t.Helper()
	addMember(t, path, "expiresAt", time.Now().Add(-time.Hour).UTC().Format("2006-01-02T15:04:05Z"))
}
