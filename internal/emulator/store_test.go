package emulator

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

func TestStoreForgetsADayAfterTheExpiration(t *testing.T) {
	t.Parallel()
	var s store[string, int]
	_, ok := s.get(growthStart, "a")
	assert.False(t, ok)
	s.put(growthStart, "a", 1, growthStart.Add(time.Hour))
	s.put(growthStart, "b", 2, time.Time{})
	last := growthStart.Add(time.Hour + keepExpired - 1)
	got, ok := s.get(last, "a")
	assert.True(t, ok)
	assert.Equal(t, 1, got)
	_, ok = s.get(last.Add(1), "a")
	assert.False(t, ok, "whether it was looked for or not")
	got, ok = s.get(last.AddDate(100, 0, 0), "b")
	assert.True(t, ok)
	assert.Equal(t, 2, got)
	s.delete("b")
	_, ok = s.get(last, "b")
	assert.False(t, ok)
}

func TestStoreIsBounded(t *testing.T) {
	t.Parallel()
	var s store[int, int]
	limited := store[int, int]{limit: 100}
	now := growthStart
	for i := range 20_000 {
		now = now.Add(time.Hour)
		s.put(now, i, i, now.Add(time.Hour))
		limited.put(now, i, i, time.Time{})
		require.LessOrEqual(t, len(s.entries), 64, "25 can be there, and what has not been looked for")
		require.LessOrEqual(t, len(limited.entries), 100)
		for n := range min(i, 50) { // the newest stay
			_, ok := limited.get(now, i-n)
			require.True(t, ok)
		}
	}
	_, ok := limited.get(now, 0)
	assert.False(t, ok)
}

// A value that is put again counts as new.
func TestStoreDropsTheOldest(t *testing.T) {
	t.Parallel()
	s := store[int, int]{limit: 100}
	for i := range 1000 {
		s.put(growthStart, i, i, time.Time{})
		s.put(growthStart, 0, -i, time.Time{})
	}
	got, ok := s.get(growthStart, 0)
	assert.True(t, ok)
	assert.Equal(t, -999, got)
}

// After any sequence of checkouts and ends, the counts equal a count of all
// checkouts, even if the clock is set back.
func TestSeatsAreCountedRight(t *testing.T) {
	t.Parallel()
	server, err := New(Options{FrozenAt: growthStart})
	require.NoError(t, err)
	l := server.licenses
	server.AddLicense("arn:aws:license-manager::111122223333:license:l-other")
	licenses := l.licenses.items
	random := rand.New(rand.NewPCG(1, 2))
	now := growthStart
	all := map[*checkout]bool{}
	some := func() *checkout {
		list := slices.SortedFunc(maps.Keys(all), func(a, b *checkout) int { return a.issued.Compare(b.issued) })
		if len(list) == 0 {
			return nil
		}
		return list[random.IntN(len(list))]
	}
	for step := range 5000 {
		switch c := some(); {
		case c == nil || random.IntN(3) == 0:
			c := &checkout{from: licenses[random.IntN(2)], token: strconv.Itoa(step), issued: growthStart.Add(time.Duration(step))}
			for range random.IntN(3) {
				c.held = append(c.held, licensemanager.Count(fmt.Sprint("e", random.IntN(2)), int64(1+random.IntN(5))))
			}
			c.held = append(c.held, licensemanager.Feature(SeedFeature))
			if random.IntN(4) > 0 {
				c.expires = now.Add(time.Duration(random.IntN(3600)) * time.Second)
			}
			l.seats.add(c)
			all[c] = true
		case random.IntN(2) == 0:
			l.seats.end(c)
			delete(all, c)
		case !c.expires.IsZero():
			l.seats.extend(c, now.Add(time.Duration(random.IntN(7200))*time.Second), c.token+"x"[:random.IntN(2)])
		case random.IntN(100) == 0:
			l.seats.endAll(c.from)
			maps.DeleteFunc(all, func(other *checkout, _ bool) bool { return other.from == c.from })
		}
		now = now.Add(time.Duration(random.IntN(200)-50) * time.Second)
		l.seats.endExpired(now)
		maps.DeleteFunc(all, func(c *checkout, _ bool) bool { return !c.expires.IsZero() && !now.Before(c.expires) })

		byToken, consumed := map[string]*checkout{}, map[string]int64{}
		for c := range all {
			byToken[c.token] = c
			for i := range 2 {
				name := fmt.Sprint("e", i)
				consumed[c.from.arn+name] += amountOf(c.held, name, licensemanager.EntitlementUnitCount)
			}
		}
		require.Equal(t, byToken, l.seats.byToken)
		for _, from := range licenses {
			for i := range 2 {
				name := fmt.Sprint("e", i)
				require.Equal(t, consumed[from.arn+name], from.consumed[entitlementKey{name, licensemanager.EntitlementUnitCount}])
			}
		}
	}
}

// After a year of one program, the emulator holds only the last days.
func TestWhatHasExpiredIsForgotten(t *testing.T) {
	t.Parallel()
	l := newLoaded(t, 0)
	for day := range 365 {
		l.client, _ = l.oidc.RegisterClient(t.Context(), &ssooidc.RegisterClientInput{ClientName: "c", ClientType: ssooidc.ClientTypePublic})
		require.NoError(t, calls["device"](t.Context(), l))
		_, err := l.oidc.StartDeviceAuthorization(t.Context(), l.deviceInput()) // which is never used
		require.NoError(t, err)
		_, err = l.Authorize(Authorization{ClientID: "arn:aws:sso::111122223333:application/a/b", RedirectURI: "https://example.com"})
		require.NoError(t, err)
		l.assume(l.Now(), roleARN{}, "session", 3600)
		require.Nil(t, l.identity.redeemAssertion(l.Now(), l.UserJWT().Reveal()))
		days := int32(1)
		_, err = l.lm.CreateToken(t.Context(), &licensemanager.CreateTokenInput{
			ClientToken: strconv.Itoa(day), LicenseArn: l.LicenseARN(), ExpirationInDays: &days,
		})
		require.NoError(t, err)
		l.Advance(24 * time.Hour)
	}
	c := l.identity
	for name, size := range map[string]int{
		"devices": len(c.devices.entries), "user codes": len(c.userCodes.entries), "codes": len(c.codes.entries),
		"access tokens": len(c.accessTokens.entries), "assertions": len(c.assertions.entries), "keys": len(l.keys.entries),
		"calls": len(l.licenses.calls.entries), "tokens": len(l.licenses.tokens.items), "token positions": len(l.licenses.tokens.at),
	} {
		assert.LessOrEqual(t, size, 64, name)
	}
	for name, size := range map[string]int{"clients": len(c.clients.entries), "refresh tokens": len(c.refreshTokens.entries)} {
		assert.LessOrEqual(t, size, 2*92, "%s, which live for 90 days", name)
	}
}

func TestRegistrationsAreBounded(t *testing.T) {
	t.Parallel()
	l := newLoaded(t, 0)
	r := &request{Request: httptest.NewRequest(http.MethodPost, "/", nil), now: growthStart}
	for range 2 * maxRegistrations {
		_, refusal := l.identity.registerClient(r, &ssooidc.RegisterClientInput{ClientName: "c", ClientType: ssooidc.ClientTypePublic})
		require.Nil(t, refusal)
	}
	assert.LessOrEqual(t, len(l.identity.clients.entries), maxRegistrations)
	_, err := l.oidc.StartDeviceAuthorization(t.Context(), l.deviceInput())
	assert.ErrorContains(t, err, "InvalidClientException", "the first one is forgotten")
}

// Port 80 is left out of the header Host.
func TestHostOfPort80(t *testing.T) {
	t.Parallel()
	served := 0
	handler := onlyHost("127.0.0.1:80", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served++ }))
	for _, host := range []string{"127.0.0.1", "127.0.0.1:80", "localhost", "localhost:80"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		handler.ServeHTTP(httptest.NewRecorder(), r)
	}
	assert.Equal(t, 4, served)
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Host = "example.com"
	refused := httptest.NewRecorder()
	handler.ServeHTTP(refused, r)
	assert.Equal(t, 4, served)
	assert.Equal(t, http.StatusMisdirectedRequest, refused.Code)
}
