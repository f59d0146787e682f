package emulator

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// underRace says that the race detector is on, which costs CPU time of its own, and
// more of it the more memory is in use.
var underRace bool

var growthStart = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// loaded is an emulator that may hold very much, and its clients.
type loaded struct {
	*Server
	lm     *licensemanager.Client
	oidc   *ssooidc.Client
	client *ssooidc.RegisterClientOutput
}

// newLoaded returns an emulator in process that holds n seats, as many refresh
// tokens, and a tenth as many device codes, licenses and grants, which are made
// without the cost of requests.
func newLoaded(t testing.TB, n int) *loaded {
	s, err := New(Options{FrozenAt: growthStart})
	require.NoError(t, err)
	s.ServeInProcess("")
	require.NoError(t, s.ChangeLicense(s.LicenseARN(), func(l *licensemanager.License) {
		l.Issuer.SignKey = "" // RSA would hide the rest of the cost
		l.Entitlements[0].MaxCount = nil
	}))
	l := &loaded{Server: s}
	l.lm, err = licensemanager.New(s.Config())
	require.NoError(t, err)
	l.oidc, err = ssooidc.New(s.Config())
	require.NoError(t, err)
	l.client, err = l.oidc.RegisterClient(t.Context(), &ssooidc.RegisterClientInput{ClientName: "c", ClientType: ssooidc.ClientTypePublic})
	require.NoError(t, err)

	sent := httptest.NewRequest(http.MethodPost, "/", nil)
	key, _ := s.keys.get(growthStart, s.options.AccessKeyID)
	as := func(operation string) *request {
		return &request{Request: sent, operation: operation, now: growthStart, caller: key, sent: sent.URL}
	}
	for i := range n {
		require.Nil(t, s.licenses.begin(as("CheckoutLicense"), &checkout{
			from:    s.licenses.find(s.LicenseARN()),
			kind:    licensemanager.CheckoutTypeProvisional,
			held:    l.checkoutInput().Entitlements,
			expires: growthStart.Add(time.Hour + time.Duration(i*7919%n)*time.Millisecond), // in no order
		}))
		s.licenses.calls.put(growthStart, callName{clientToken: strconv.Itoa(i)}, call{}, growthStart.Add(time.Hour))
		s.licenses.keepToken(growthStart, &refreshToken{id: strconv.Itoa(i), account: s.options.AccountID, expires: growthStart.AddDate(1, 0, 0)})
		if i%10 == 0 {
			_, refusal := s.identity.startDeviceAuthorization(as("StartDeviceAuthorization"), l.deviceInput())
			require.Nil(t, refusal)
			s.licenses.seed(fmt.Sprintf("arn:aws:license-manager::222233334444:license:l-%d", i), fmt.Sprintf("sku-%d", i))
		}
	}
	return l
}

func (l *loaded) checkoutInput() *licensemanager.CheckoutLicenseInput {
	return &licensemanager.CheckoutLicenseInput{
		CheckoutType:   licensemanager.CheckoutTypeProvisional,
		ClientToken:    licensemanager.NewClientToken(),
		Entitlements:   []licensemanager.EntitlementData{licensemanager.Count(SeedCount, 1), licensemanager.Feature(SeedFeature)},
		KeyFingerprint: l.KeyFingerprint(),
		ProductSKU:     l.ProductSKU(),
	}
}

func (l *loaded) deviceInput() *ssooidc.StartDeviceAuthorizationInput {
	return &ssooidc.StartDeviceAuthorizationInput{
		ClientId: l.client.ClientId, ClientSecret: l.client.ClientSecret, StartUrl: "https://example.awsapps.com/start",
	}
}

// seat checks a seat out, extends it, and checks it in.
func (l *loaded) seat(ctx context.Context) error {
	out, err := l.lm.CheckoutLicense(ctx, l.checkoutInput())
	if err != nil {
		return err
	}
	if _, err := l.lm.ExtendLicenseConsumption(ctx, &licensemanager.ExtendLicenseConsumptionInput{LicenseConsumptionToken: out.LicenseConsumptionToken}); err != nil {
		return err
	}
	_, err = l.lm.CheckInLicense(ctx, &licensemanager.CheckInLicenseInput{LicenseConsumptionToken: out.LicenseConsumptionToken})
	return err
}

// calls are the calls whose cost must not grow with what is held.
var calls = map[string]func(context.Context, *loaded) error{
	"checkout": func(ctx context.Context, l *loaded) error { return l.seat(ctx) },
	"usage": func(ctx context.Context, l *loaded) error {
		_, err := l.lm.GetLicenseUsage(ctx, &licensemanager.GetLicenseUsageInput{LicenseArn: l.LicenseARN()})
		return err
	},
	"page of a list": func(ctx context.Context, l *loaded) error {
		in := &licensemanager.ListTokensInput{MaxResults: 1}
		if all := l.licenses.tokens.items; len(all) > 1 {
			in.NextToken = tokenOf(len(all)-2, all[len(all)-2].id) // of the last page
		}
		_, err := l.lm.ListTokens(ctx, in)
		return err
	},
	"device": func(ctx context.Context, l *loaded) error {
		device, err := l.oidc.StartDeviceAuthorization(ctx, l.deviceInput())
		if err != nil {
			return err
		}
		if err := l.ApproveDevice(device.UserCode.Reveal()); err != nil {
			return err
		}
		_, err = l.oidc.CreateToken(ctx, &ssooidc.CreateTokenInput{
			ClientId: l.client.ClientId, ClientSecret: l.client.ClientSecret,
			GrantType: ssooidc.GrantTypeDeviceCode, DeviceCode: device.DeviceCode,
		})
		return err
	},
}

// skipUnmeasurable skips a test of the CPU time of short calls.
func skipUnmeasurable(t *testing.T) {
	t.Helper()
	if underRace {
		t.Skip("the race detector is on")
	}
	if runtime.GOOS == "windows" {
		t.Skip("the clock of Windows is too coarse")
	}
}

// A call with 100,000 of everything held takes at most 1.5 times the CPU time of
// one with nothing held. Both are measured in turns, in rounds of some calls, and
// the fastest rounds are compared, so that garbage collection counts for neither.
func TestCostDoesNotGrow(t *testing.T) {
	skipUnmeasurable(t)
	const held, rounds, most, perRound = 100_000, 10, 160, 10
	empty, full := newLoaded(t, 0), newLoaded(t, held)
	require.Equal(t, held, full.SeatsTaken(SeedCount))
	runtime.GC()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for name, call := range calls {
		round := func(l *loaded) time.Duration {
			start := cpuTime()
			for range perRound {
				require.NoError(t, call(t.Context(), l), name)
			}
			return cpuTime() - start
		}
		least := [2]time.Duration{time.Hour, time.Hour}
		ratio := func() float64 { return float64(least[1]) / float64(least[0]) }
		for i := 0; i < rounds || ratio() > 1.5 && i < most; i++ {
			least[0], least[1] = min(least[0], round(empty)), min(least[1], round(full))
		}
		t.Logf("%s: %v with none, %v with %d held: %.2f", name, least[0]/perRound, least[1]/perRound, held, ratio())
		assert.LessOrEqual(t, ratio(), 1.5, name)
	}
}

func BenchmarkCheckout(b *testing.B) {
	for _, held := range []int{0, 1000, 100_000} {
		b.Run(fmt.Sprintf("%d held", held), func(b *testing.B) {
			l := newLoaded(b, held)
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, l.seat(b.Context()))
			}
		})
	}
}

// paged lists the tokens of an emulator and measures the CPU time of each page,
// that of the client apart from that of the emulator.
type paged struct {
	*Server
	lm       *licensemanager.Client
	emulator awstokens.HTTPClient
	served   time.Duration // by the emulator, so far
}

func newPaged(t testing.TB, tokens int) *paged {
	s, err := New(Options{FrozenAt: growthStart})
	require.NoError(t, err)
	s.ServeInProcess("")
	for i := range tokens {
		s.licenses.keepToken(growthStart, &refreshToken{
			id: strconv.Itoa(i), account: s.options.AccountID, expires: growthStart.AddDate(1, 0, 0),
			input: licensemanager.CreateTokenInput{LicenseArn: s.LicenseARN(), RoleArns: []string{s.RoleARN()}},
		})
	}
	p := &paged{Server: s}
	cfg := s.Config()
	p.emulator, cfg.HTTPClient = cfg.HTTPClient, p
	p.lm, err = licensemanager.New(cfg)
	require.NoError(t, err)
	return p
}

// Do implements awstokens.HTTPClient.
func (p *paged) Do(r *http.Request) (*http.Response, error) {
	start := cpuTime()
	defer func() { p.served += cpuTime() - start }()
	return p.emulator.Do(r)
}

// list lists all tokens and returns what each page cost the client and the
// emulator.
func (p *paged) list(t *testing.T, tokens, perPage int) (client, emulator []time.Duration) {
	start, served, n := cpuTime(), p.served, 0
	for token, err := range p.lm.Tokens(t.Context(), &licensemanager.ListTokensInput{MaxResults: int32(perPage)}) {
		require.NoError(t, err)
		require.Equal(t, strconv.Itoa(n), token.TokenId)
		if n++; n%perPage == 0 {
			now := cpuTime()
			emulator = append(emulator, p.served-served)
			client = append(client, now-start-(p.served-served))
			start, served = cpuTime(), p.served
		}
	}
	require.Equal(t, tokens, n)
	return client, emulator
}

// The last of 1,000 pages cost the client and the emulator at most 1.5 times as
// much CPU time as the first ones. Medians are compared, so that garbage
// collection counts for neither.
func TestPagesCostTheSame(t *testing.T) {
	skipUnmeasurable(t)
	const tokens, perPage, some = 20_000, 20, 100 // small pages, of which what is passed over would be the most
	p := newPaged(t, tokens)
	runtime.GC()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	growth := func(name string, pages []time.Duration) float64 {
		first, last := median(pages[:some]), median(pages[len(pages)-some:])
		t.Logf("%s: %v for one of the first pages, %v for one of the last", name, first, last)
		return float64(last) / float64(first)
	}
	var ratio [2]float64
	for range 4 { // once, unless something disturbs it
		client, emulator := p.list(t, tokens, perPage)
		if ratio = [2]float64{growth("client", client), growth("emulator", emulator)}; max(ratio[0], ratio[1]) <= 1.5 {
			break
		}
	}
	assert.LessOrEqual(t, ratio[0], 1.5, "client")
	assert.LessOrEqual(t, ratio[1], 1.5, "emulator")
}

func median(list []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(list))[len(list)/2]
}

func BenchmarkListTokens(b *testing.B) {
	const tokens = 100_000
	p := newPaged(b, tokens)
	for name, after := range map[string]int{"first page": 0, "last page": tokens - 100} {
		b.Run(name, func(b *testing.B) {
			in := &licensemanager.ListTokensInput{MaxResults: 100}
			if after > 0 {
				in.NextToken = tokenOf(after-1, strconv.Itoa(after-1))
			}
			b.ReportAllocs()
			for b.Loop() {
				out, err := p.lm.ListTokens(b.Context(), in)
				require.NoError(b, err)
				require.Len(b, out.Tokens, 100)
			}
		})
	}
}

// A fault that no request can meet any more costs nothing.
func TestUsedFaultsAreForgotten(t *testing.T) {
	t.Parallel()
	l := newLoaded(t, 0)
	for range 100 {
		require.NoError(t, l.Inject(When{Service: LicenseManager, Next: 1}, Fault{OmitErrorHeader: true}))
		require.NoError(t, calls["usage"](t.Context(), l))
	}
	assert.Empty(t, l.faults.scripted)
}
