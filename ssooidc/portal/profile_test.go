package portal_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

type noPrompt struct{}

func (noPrompt) Show(context.Context, login.Request, func(string) error) error { return nil }

// TestProfileCredentials signs calls with both kinds of profiles of a config file.
func TestProfileCredentials(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(home, "config"))
	require.NoError(t, os.WriteFile(filepath.Join(home, "config"), []byte(
		"[sso-session corp]\nsso_start_url = https://example.awsapps.com/start\nsso_region = us-east-1\n"+
			"[profile new]\nsso_session = corp\nsso_account_id = "+account+"\nsso_role_name = ReadOnlyAccess\nregion = us-east-1\n"+
			"[profile old]\nsso_start_url = https://example.awsapps.com/start\nsso_region = us-east-1\nsso_account_id = "+account+"\nsso_role_name = ReadOnlyAccess\nregion = us-east-1\n"+
			"[profile roleless]\nsso_session = corp\n"), 0o600))
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
		server.IdentityCenter().AutoApprove(true)
		for _, name := range []string{"new", "old"} {
			profile, err := login.LoadProfile(name)
			require.NoError(t, err)
			cfg := visitor(server.Config())
			cfg.Region = profile.Region
			cfg.Credentials, err = portal.ProfileCredentials(cfg, profile)
			require.NoError(t, err)
			client, err := licensemanager.New(cfg)
			require.NoError(t, err)

			_, err = client.ListTokens(t.Context(), nil)
			assert.ErrorIs(t, err, login.ErrLoginRequired)
			_, err = login.Login(t.Context(), profile.Session, func(o *login.Options) {
				o.Config, o.Flow, o.Prompt = server.Config(), login.FlowDevice, noPrompt{}
			})
			require.NoError(t, err)
			_, err = client.ListTokens(t.Context(), nil)
			require.NoError(t, err)
			keys, err := cfg.Credentials.Retrieve(t.Context())
			require.NoError(t, err)
			assert.Equal(t, account, keys.AccountID)

			_, err = portal.ProfileCredentials(cfg, profile, inRegion("us-west-2"))
			assert.ErrorContains(t, err, "the region of the session is us-east-1")
		}
	})

	roleless, err := login.LoadProfile("roleless")
	require.NoError(t, err)
	_, err = portal.ProfileCredentials(awstokens.Config{}, roleless)
	assert.EqualError(t, err, `role credentials: profile "roleless" has no role: set sso_account_id and sso_role_name`)
	_, err = portal.ProfileCredentials(awstokens.Config{}, nil)
	assert.EqualError(t, err, "role credentials: no profile")
}
