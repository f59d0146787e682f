package tokencreds_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
)

const day = 24 * time.Hour

// product calls the service every five minutes with credentials of a refresh
// token, by a clock of its own.
type product struct {
	t      *testing.T
	server *awstokenstest.Server
	client *licensemanager.Client
	off    time.Duration // of the clock
}

func newProduct(t *testing.T, off time.Duration) *product {
	p := &product{t: t, server: awstokenstest.NewServer(t, inProcess), off: off}
	token, _ := mint(t, p.server)
	cfg := customer(p.server)
	cfg.Now = func() time.Time { return p.server.Now().Add(p.off) }
	creds, err := tokencreds.New(cfg, tokencreds.Token(token), role(p.server))
	require.NoError(t, err)
	cfg.Credentials = creds
	p.client, err = licensemanager.New(cfg)
	require.NoError(t, err)
	return p
}

// run returns how many attempts the calls of a while took beyond one each.
func (p *product) run(d time.Duration) (extra int) {
	for ; d > 0; d -= 5 * time.Minute {
		out, err := p.client.ListTokens(p.t.Context(), nil)
		require.NoError(p.t, err, "clock %s off", p.off)
		extra += out.Attempts - 1
		time.Sleep(5 * time.Minute)
		synctest.Wait()
	}
	return extra
}

func (p *product) renewals() int { return p.server.STS().Requests("AssumeRoleWithWebIdentity") }

// TestWrongClock: the clock of the customer's machine does not matter. The
// credentials are renewed as with a right one, and only the first signature is
// corrected.
func TestWrongClock(t *testing.T) {
	for _, off := range []time.Duration{-300 * day, -5 * time.Hour, -30 * time.Minute, -time.Minute, 0, 30 * time.Minute, 2 * time.Hour, 300 * day} {
		synctest.Test(t, func(t *testing.T) {
			p := newProduct(t, off)
			extra := p.run(2 * day)
			assert.LessOrEqual(t, extra, 1, "clock %s off", off)
			assert.Equal(t, 53, p.renewals(), "clock %s off: one every 55 minutes", off)
			assert.Equal(t, 53, p.server.LicenseManager().Requests("GetAccessToken"))
		})
	}
}

// TestClockIsSet: a clock that is set while the credentials are good costs a
// renewal and a correction each time.
func TestClockIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, sets := newProduct(t, 0), 0
		for _, off := range []time.Duration{-5 * time.Hour, 0, 2 * time.Hour, -30 * time.Minute, -day, day, 0} {
			for _, while := range []time.Duration{10 * time.Minute, 50 * time.Minute, 7 * time.Hour} {
				before := p.renewals()
				p.off, sets = off+while/7, sets+1
				assert.LessOrEqual(t, p.run(while), 2, "a correction, and a renewal of what has expired")
				assert.LessOrEqual(t, p.renewals()-before, int(while/(55*time.Minute))+2)
			}
		}
		assert.Equal(t, 21, sets)
	})
}

// TestExpiredTokenIsDiscarded: credentials that a service refuses as expired
// are renewed within the call.
func TestExpiredTokenIsDiscarded(t *testing.T) {
	for _, code := range []string{"ExpiredTokenException", "ExpiredToken"} {
		synctest.Test(t, func(t *testing.T) {
			p := newProduct(t, 0)
			p.run(5 * time.Minute)
			require.Equal(t, 1, p.renewals())
			p.server.LicenseManager().Next(1, "ListTokens").Refuse(code, "The security token included in the request is expired", nil)
			assert.Equal(t, 1, p.run(5*time.Minute), "attempts")
			assert.Equal(t, 2, p.renewals())

			// A service that refuses all of them gets one more attempt a call.
			p.server.LicenseManager().OneIn(1, "ListTokens").Refuse(code, "The security token included in the request is expired", nil)
			_, err := p.client.ListTokens(t.Context(), nil)
			assert.ErrorContains(t, err, code)
			assert.Equal(t, 3, p.renewals())
			assert.Equal(t, 5, p.server.LicenseManager().Requests("ListTokens"))
		})
	}
}

// noDate removes the service's clock from responses, as a proxy may.
type noDate struct{ awstokens.HTTPClient }

func (c noDate) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.HTTPClient.Do(req)
	if resp != nil {
		resp.Header.Del("Date")
	}
	return resp, err
}

// TestNoDate: without the service's clock and with a wrong one, there is still
// no renewal for every call.
func TestNoDate(t *testing.T) {
	for off, most := range map[time.Duration]int{0: 27, -5 * time.Hour: 27, 2 * time.Hour: 24 * 6, 300 * day: 24 * 6} {
		synctest.Test(t, func(t *testing.T) {
			server := awstokenstest.NewServer(t, inProcess)
			token, _ := mint(t, server)
			cfg := customer(server)
			cfg.HTTPClient = noDate{cfg.HTTPClient}
			cfg.Now = func() time.Time { return server.Now().Add(off) }
			creds, err := tokencreds.New(cfg, tokencreds.Token(token), role(server))
			require.NoError(t, err)
			for range 24 * 60 {
				_, err := creds.Retrieve(t.Context())
				require.NoError(t, err)
				time.Sleep(time.Minute)
				synctest.Wait()
			}
			assert.LessOrEqual(t, server.STS().Requests("AssumeRoleWithWebIdentity"), most, "clock %s off", off)
		})
	}
}
