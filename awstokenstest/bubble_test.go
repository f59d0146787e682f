package awstokenstest_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
)

// In a bubble, the prompt of a login in a browser plays the browser.
func TestBrowserLoginInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, inProcess)
		server.IdentityCenter().AutoApprove(true)
		cfg := server.Config()
		browse := func(ctx context.Context, r login.Request, paste func(string) error) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL.Reveal(), nil)
			if err != nil {
				return err
			}
			resp, err := cfg.HTTPClient.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			return paste(resp.Header.Get("Location"))
		}
		session := login.Session{Name: "test", StartURL: "https://example.awsapps.com/start", Region: cfg.Region}
		token, err := login.Login(t.Context(), session, func(o *login.Options) {
			o.Config, o.Store, o.Flow, o.Prompt = cfg, login.NewMemoryStore(), login.FlowBrowser, login.PromptFunc(browse)
			o.OpenBrowser = func(string) error { return nil }
		})
		require.NoError(t, err)
		assert.Equal(t, time.Now().Add(time.Hour).UTC(), token.ExpiresAt.UTC())
	})
}

// The work of a Close that has given up ends within a minute.
func TestCloseInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, inProcess)
		service := server.LicenseManager()
		seat := lease.Keep(context.Background(), newClient(t, server), lease.Request{
			ProductSKU:     service.ProductSKU(),
			KeyFingerprint: service.KeyFingerprint(),
			Entitlements:   []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 1)},
		})
		time.Sleep(time.Minute)
		service.OneIn(1, "").Throttle()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, seat.Close(ctx), context.DeadlineExceeded)
		time.Sleep(time.Minute)
	})
}
