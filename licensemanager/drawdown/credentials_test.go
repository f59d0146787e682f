package drawdown_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/drawdown"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
)

// A refresh token that the service does not find is no denial of a batch. The
// batch, which may have been charged, is not made anew.
func TestRefusedTokenIsNoDenial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, byHand)
		cfg := w.server.Config()
		good := cfg.Credentials
		product, err := tokencreds.New(cfg, tokencreds.Token(awstokens.NewSecret("fake-token")), func(o *tokencreds.Options) { o.RoleARN = w.manager.RoleARN() })
		require.NoError(t, err)
		w.manager.OneIn(1, "GetAccessToken").Refuse("ResourceNotFoundException", "there is no such token", nil)
		var refused atomic.Bool
		cfg.HTTPClient = w.network
		cfg.Credentials = awstokens.CredentialsFunc(func(ctx context.Context) (awstokens.Credentials, error) {
			if refused.Load() {
				return product.Retrieve(ctx)
			}
			return good.Retrieve(ctx)
		})
		w.client, err = licensemanager.New(cfg)
		require.NoError(t, err)

		m := w.meter()
		add(t, m, 7)
		w.network.state.Store("loses")
		require.Error(t, m.Flush(t.Context()))
		w.network.state.Store("")
		refused.Store(true)
		err = m.Flush(t.Context())
		require.ErrorIs(t, err, tokencreds.ErrTokenRefused)
		assert.Empty(t, drawdown.Denials(err))
		refused.Store(false)
		require.NoError(t, m.Close(t.Context()))
		assert.Equal(t, int64(7), w.taken())
		assert.Equal(t, drawdown.Total{Charged: 7}, m.Totals()[seats])
	})
}
