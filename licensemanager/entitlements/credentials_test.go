package entitlements_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/entitlements"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
)

// By a refresh token that the service does not find or calls invalid, no license
// ends, neither in the Watcher nor in its file.
func TestRefusedTokenEndsNoLicense(t *testing.T) {
	for _, code := range []string{"ResourceNotFoundException", "InvalidParameterValueException"} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, inFile(t))
				w.options = append(w.options, func(o *entitlements.Options) { o.LicenseARN = w.manager.LicenseARN() })
				cfg := w.server.Config()
				good := cfg.Credentials
				product, err := tokencreds.New(cfg, tokencreds.Token(awstokens.NewSecret("fake-token")), func(o *tokencreds.Options) { o.RoleARN = w.manager.RoleARN() })
				require.NoError(t, err)
				w.manager.OneIn(1, "GetAccessToken").Refuse(code, "there is no such token", nil)
				var refused atomic.Bool
				cfg.Credentials = awstokens.CredentialsFunc(func(ctx context.Context) (awstokens.Credentials, error) {
					if refused.Load() {
						return product.Retrieve(ctx)
					}
					return good.Retrieve(ctx)
				})
				w.client, err = licensemanager.New(cfg)
				require.NoError(t, err)

				watcher := w.watch()
				refused.Store(true)
				sleep(time.Hour)
				assert.Equal(t, int64(10), seats(watcher))
				require.ErrorAs(t, watcher.Err(), new(*tokencreds.Error))
				watcher.Close()
				watcher = w.watch()
				assert.Equal(t, int64(10), seats(watcher), "from the file")
				watcher.Close()
			})
		})
	}
}
