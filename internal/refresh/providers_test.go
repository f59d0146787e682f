package refresh_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go/auth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

const day = 24 * time.Hour

// cached is a provider of credentials that keeps them in a Cache. Both are tested
// here, because the clock concerns them alike.
type cached struct {
	new      func(*testing.T, *awstokenstest.Server, awstokens.Config) awstokens.CredentialsProvider
	renewals func(*awstokenstest.Server) int
}

var providers = map[string]cached{
	"tokencreds": {
		func(t *testing.T, server *awstokenstest.Server, cfg awstokens.Config) awstokens.CredentialsProvider {
			seller, err := licensemanager.New(server.Config())
			require.NoError(t, err)
			minted, err := seller.CreateToken(t.Context(), &licensemanager.CreateTokenInput{
				ClientToken: licensemanager.NewClientToken(),
				LicenseArn:  server.LicenseManager().LicenseARN(),
				RoleArns:    []string{server.LicenseManager().RoleARN()},
			})
			require.NoError(t, err)
			creds, err := tokencreds.New(cfg, tokencreds.Token(minted.Token), func(o *tokencreds.Options) { o.RoleARN = server.LicenseManager().RoleARN() })
			require.NoError(t, err)
			return creds
		},
		func(server *awstokenstest.Server) int { return server.STS().Requests("AssumeRoleWithWebIdentity") },
	},
	"portal": {
		func(t *testing.T, server *awstokenstest.Server, cfg awstokens.Config) awstokens.CredentialsProvider {
			tokens := bearer.TokenProviderFunc(func(context.Context) (bearer.Token, error) {
				return bearer.Token{Value: server.IdentityCenter().SignIn().Reveal()}, nil
			})
			creds, err := portal.RoleCredentials(cfg, tokens, "111122223333", "ReadOnlyAccess", func(o *portal.Options) { o.Region = "us-east-1" })
			require.NoError(t, err)
			return creds
		},
		func(server *awstokenstest.Server) int { return server.IdentityCenter().Requests("GetRoleCredentials") },
	},
}

// program calls License Manager every five minutes with credentials of a
// provider. Its clock is off by a duration.
type program struct {
	*testing.T
	kind   cached
	server *awstokenstest.Server
	creds  awstokens.CredentialsProvider
	client *licensemanager.Client
	off    time.Duration
}

// eachProgram runs a test in a bubble with a program of each provider.
func eachProgram(t *testing.T, test func(*program), change ...func(*awstokens.Config)) {
	for name, kind := range providers {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &program{T: t, kind: kind, server: awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })}
				cfg := p.server.Config()
				cfg.Credentials = nil
				cfg.Now = func() time.Time { return p.server.Now().Add(p.off) }
				for _, change := range change {
					change(&cfg)
				}
				p.creds = kind.new(t, p.server, cfg)
				cfg.Credentials = p.creds
				var err error
				p.client, err = licensemanager.New(cfg)
				require.NoError(t, err)
				test(p)
			})
		})
	}
}

// run returns how many attempts the calls of a period took beyond one each.
func (p *program) run(d time.Duration) (extra int) {
	for ; d > 0; d -= 5 * time.Minute {
		out, err := p.client.ListTokens(p.Context(), nil)
		require.NoError(p, err, "the clock is off by %s", p.off)
		extra += out.Attempts - 1
		time.Sleep(5 * time.Minute)
		synctest.Wait()
	}
	return extra
}

func (p *program) renewals() int { return p.kind.renewals(p.server) }

// TestProvidersWithAWrongClock: with a wrong clock, credentials are renewed as with a right one,
// and only the first signature is corrected.
func TestProvidersWithAWrongClock(t *testing.T) {
	for _, off := range []time.Duration{-300 * day, -5 * time.Hour, -30 * time.Minute, -time.Minute, 0, 30 * time.Minute, 2 * time.Hour, 300 * day} {
		eachProgram(t, func(p *program) {
			p.off = off
			assert.LessOrEqual(p, p.run(2*day), 1, "the clock is off by %s", off)
			assert.Equal(p, 53, p.renewals(), "one every 55 minutes; the clock is off by %s", off)
		})
	}
}

// TestProvidersWhoseClockIsSet: when the clock is set, that costs a renewal and a correction each
// time.
func TestProvidersWhoseClockIsSet(t *testing.T) {
	eachProgram(t, func(p *program) {
		for _, off := range []time.Duration{-5 * time.Hour, 0, 2 * time.Hour, -30 * time.Minute, -day, day, 0} {
			for _, period := range []time.Duration{10 * time.Minute, 50 * time.Minute, 7 * time.Hour} {
				before := p.renewals()
				p.off = off + period/7
				assert.LessOrEqual(p, p.run(period), 2, "a correction, and a renewal of credentials that have expired")
				assert.LessOrEqual(p, p.renewals()-before, int(period/(55*time.Minute))+2)
			}
		}
	})
}

// TestProvidersDiscardExpiredCredentials: credentials that a service refuses as expired are
// renewed within the call.
func TestProvidersDiscardExpiredCredentials(t *testing.T) {
	for _, code := range []string{"ExpiredTokenException", "ExpiredToken"} {
		eachProgram(t, func(p *program) {
			p.run(5 * time.Minute)
			require.Equal(p, 1, p.renewals())
			p.server.LicenseManager().Next(1, "ListTokens").Refuse(code, "The security token included in the request is expired", nil)
			assert.Equal(p, 1, p.run(5*time.Minute), "attempts")
			assert.Equal(p, 2, p.renewals())

			// A service that refuses all of them gets one more attempt a call.
			before := p.server.LicenseManager().Requests("ListTokens")
			p.server.LicenseManager().OneIn(1, "ListTokens").Refuse(code, "The security token included in the request is expired", nil)
			_, err := p.client.ListTokens(p.Context(), nil)
			assert.ErrorContains(p, err, code)
			assert.Equal(p, 3, p.renewals())
			assert.Equal(p, 2, p.server.LicenseManager().Requests("ListTokens")-before)
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

// TestProvidersWithoutADate: without the service's clock and with a wrong one, credentials are
// still not renewed for every call.
func TestProvidersWithoutADate(t *testing.T) {
	for off, most := range map[time.Duration]int{0: 27, -5 * time.Hour: 27, 2 * time.Hour: 24 * 6, 300 * day: 24 * 6} {
		eachProgram(t, func(p *program) {
			p.off = off
			for range 24 * 60 {
				_, err := p.creds.Retrieve(p.Context())
				require.NoError(p, err)
				time.Sleep(time.Minute)
				synctest.Wait()
			}
			assert.LessOrEqual(p, p.renewals(), most, "the clock is off by %s", off)
		}, func(cfg *awstokens.Config) { cfg.HTTPClient = noDate{cfg.HTTPClient} })
	}
}
