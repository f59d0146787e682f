package portal_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

const day = 24 * time.Hour

// program calls License Manager every five minutes with credentials of a role,
// by a clock of its own.
type program struct {
	t      *testing.T
	server *awstokenstest.Server
	login  *session
	client *licensemanager.Client
	off    time.Duration // of the clock
}

func newProgram(t *testing.T, off time.Duration) *program {
	p := &program{t: t, server: awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true }), off: off}
	p.login = &session{server: p.server}
	cfg := visitor(p.server.Config())
	cfg.Now = func() time.Time { return p.server.Now().Add(p.off) }
	creds, err := portal.RoleCredentials(cfg, p.login, account, "ReadOnlyAccess")
	require.NoError(t, err)
	cfg.Credentials = creds
	p.client, err = licensemanager.New(cfg)
	require.NoError(t, err)
	return p
}

// run returns how many attempts the calls of a while took beyond one each.
func (p *program) run(d time.Duration) (extra int) {
	for ; d > 0; d -= 5 * time.Minute {
		out, err := p.client.ListTokens(p.t.Context(), nil)
		require.NoError(p.t, err, "clock %s off", p.off)
		extra += out.Attempts - 1
		time.Sleep(5 * time.Minute)
		synctest.Wait()
	}
	return extra
}

func (p *program) renewals() int { return p.server.IdentityCenter().Requests("GetRoleCredentials") }

// TestWrongClock: credentials are renewed as with a right clock, and only the
// first signature is corrected.
func TestWrongClock(t *testing.T) {
	for _, off := range []time.Duration{-300 * day, -5 * time.Hour, -30 * time.Minute, 0, 30 * time.Minute, 2 * time.Hour, 300 * day} {
		synctest.Test(t, func(t *testing.T) {
			p := newProgram(t, off)
			assert.LessOrEqual(t, p.run(2*day), 1, "clock %s off", off)
			assert.Equal(t, 53, p.renewals(), "clock %s off: one every 55 minutes", off)
			assert.EqualValues(t, 53, p.login.tokens.Load())
		})
	}
}

// TestClockIsSet: a clock that is set costs a correction, and a renewal where
// the credentials may or do have expired.
func TestClockIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProgram(t, 0)
		for _, off := range []time.Duration{-5 * time.Hour, 0, 2 * time.Hour, -30 * time.Minute, -day, day, 0} {
			p.off = off
			assert.LessOrEqual(t, p.run(7*time.Hour), 2)
		}
		assert.LessOrEqual(t, p.renewals(), 7*9)
	})
}

// TestExpiredTokenIsDiscarded: credentials that a service refuses as expired
// are renewed within the call.
func TestExpiredTokenIsDiscarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProgram(t, 0)
		p.run(5 * time.Minute)
		require.Equal(t, 1, p.renewals())
		p.server.LicenseManager().Next(1, "ListTokens").Refuse("ExpiredTokenException", "The security token included in the request is expired", nil)
		assert.Equal(t, 1, p.run(5*time.Minute), "attempts")
		assert.Equal(t, 2, p.renewals())
	})
}
