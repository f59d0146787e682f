package secrets_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/aws/smithy-go/metrics"
	"github.com/aws/smithy-go/tracing"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager/drawdown"
	"github.com/seed-25f54b62/awstokens/licensemanager/entitlements"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/tip"
)

// cacheKey is the key of the MAC of a cache file, and handlerToken the token of a
// handler of credentials. Neither passes a tap.
var cacheKey, handlerToken = fake(102), fake(103)

// watched uses a Watcher, and one whose cache file has another key.
func (u *usage) watched() {
	service := u.server.LicenseManager()
	path := filepath.Join(u.TempDir(), "cache")
	watch := func(key string) *entitlements.Watcher {
		watcher, err := entitlements.Watch(u.Context(), u.client(), service.ProductSKU(), func(o *entitlements.Options) {
			o.KeyFingerprint, o.CacheFile, o.Key = service.KeyFingerprint(), path, awstokens.NewSecret(key)
			u.values["entitlements.Options"] = o
		})
		require.NoError(u, err)
		watcher.Close() // which would go on while it is shown
		return watcher
	}
	watcher, refused := watch(cacheKey), watch(fake(104))
	require.NoError(u, watcher.Err())
	find[*entitlements.CacheError](u.T, u.values, refused.Err())
	set, _ := watcher.Current()
	maps.Copy(u.values, values{"entitlements.Watcher": watcher, "entitlements.Watcher that is refused": refused, "entitlements.Set": set})
	u.files = append(u.files, path)
}

// metered uses a Meter that charges, one that is denied, and one with the journal
// of another product.
func (u *usage) metered() {
	service, dir := u.server.LicenseManager(), u.TempDir()
	of := drawdown.Request{ProductSKU: service.ProductSKU(), KeyFingerprint: service.KeyFingerprint()}
	path, foreign := filepath.Join(dir, "journal"), filepath.Join(dir, "foreign")
	meter, err := drawdown.New(u.client(), of, path, func(o *drawdown.Options) {
		o.Interval = -1
		u.values["drawdown.Options"] = o
	})
	require.NoError(u, err)
	u.Cleanup(func() { _ = meter.Close(context.Background()) })
	require.NoError(u, meter.Add(awstokenstest.Seats, 1))
	require.NoError(u, meter.Flush(u.Context()))
	require.NoError(u, meter.Add(awstokenstest.Seats, 1000))
	find[*drawdown.DeniedError](u.T, u.values, meter.Flush(u.Context()))

	text, err := os.ReadFile(path)
	require.NoError(u, err)
	require.NoError(u, os.WriteFile(foreign, text, 0o600))
	of.ProductSKU = "another"
	_, err = drawdown.New(u.client(), of, foreign)
	find[*drawdown.JournalError](u.T, u.values, err)
	u.values["drawdown.Meter"] = meter
	u.files = append(u.files, path)
}

// propagated gets credentials that carry the identity of users, from services that
// quote what they refuse.
func (u *usage) propagated() {
	ctx, center := u.Context(), u.server.IdentityCenter()
	app := tip.Application{ARN: application, AccessRoleARN: u.server.LicenseManager().RoleARN()}
	withRole, last := app, awstokens.Secret{}
	withRole.BootstrapRoleARN = "arn:aws:iam::111122223333:role/Bootstrap"
	source := tip.Source(func(context.Context) (awstokens.Secret, error) {
		last = center.UserJWT()
		return last, nil
	})
	pool, err := tip.NewPool(*u.cfg, app)
	require.NoError(u, err)
	provider := func(app tip.Application) *tip.Provider {
		p, err := tip.NewProvider(*u.cfg, app, source)
		require.NoError(u, err)
		return p
	}
	one, bootstrapped, failing, unspent := provider(app), provider(withRole), provider(app), provider(withRole)
	handle := pool.For("user", source)
	for _, p := range []awstokens.CredentialsProvider{one, bootstrapped, handle} {
		_, err := p.Retrieve(ctx)
		require.NoError(u, err)
	}

	center.Next(1, "CreateTokenWithIAM").Refuse("InvalidGrantException", "no", nil)
	_, err = failing.Retrieve(ctx)
	require.ErrorIs(u, err, tip.ErrJWTRefused)
	center.Next(1, "CreateTokenWithIAM").Refuse("InvalidGrantException", "refused: "+last.Reveal()+" of {"+last.Reveal()+"}", nil)
	_, err = failing.Retrieve(ctx)
	find[*tip.Error](u.T, u.values, err)
	find[*ssooidc.InvalidGrantException](u.T, u.values, err)
	u.server.STS().DenySetContext(true)
	_, err = unspent.Retrieve(ctx) // has the credentials of the bootstrap role, and a refresh token
	require.ErrorIs(u, err, tip.ErrContextDenied)
	u.values["denied tip.Error"] = err
	u.server.STS().DenySetContext(false)
	maps.Copy(u.values, values{
		"tip.Source": source, "tip.Pool": pool, "handle": handle, "tip.Provider": one,
		"tip.Provider with a bootstrap role": bootstrapped, "failed tip.Provider": failing, "denied tip.Provider": unspent,
	})
}

// served serves credentials.
func (u *usage) served() {
	handler := awstokens.CredentialsHandler(u.cfg.Credentials, awstokens.NewSecret(handlerToken))
	for _, token := range []string{handlerToken, fake(105)} {
		req, response := httptest.NewRequest(http.MethodGet, "http://127.0.0.1/", nil), httptest.NewRecorder()
		req.RemoteAddr = "127.0.0.1:1"
		req.Header.Set("Authorization", token)
		handler.ServeHTTP(response, req)
		require.Equal(u, token == handlerToken, response.Code == http.StatusOK)
	}
	u.values["CredentialsHandler"] = handler
}

// telemetry receives the attributes of spans and metrics. It is a function, which
// hides them from a dump of the configuration.
type telemetry func(k, v any)

func (t telemetry) note(properties map[any]any) {
	for k, v := range properties {
		t(k, v)
	}
}

func (t telemetry) Tracer(string, ...tracing.TracerOption) tracing.Tracer { return t }

func (t telemetry) StartSpan(ctx context.Context, name string, options ...tracing.SpanOption) (context.Context, tracing.Span) {
	var o tracing.SpanOptions
	for _, option := range options {
		option(&o)
	}
	t("span", name)
	t.note(o.Properties.Values())
	return ctx, t
}

func (t telemetry) Name() string                 { return "" }
func (t telemetry) Context() tracing.SpanContext { return tracing.SpanContext{} }
func (t telemetry) SetProperty(k, v any)         { t(k, v) }
func (t telemetry) SetStatus(tracing.SpanStatus) {}
func (t telemetry) End()                         {}

func (t telemetry) AddEvent(name string, options ...tracing.EventOption) {
	var o tracing.EventOptions
	for _, option := range options {
		option(&o)
	}
	t("event", name)
	t.note(o.Properties.Values())
}

func (t telemetry) Meter(string, ...metrics.MeterOption) metrics.Meter {
	return meter{telemetry: t}
}

type meter struct {
	metrics.NopMeter
	telemetry
}

func (m meter) Float64Histogram(string, ...metrics.InstrumentOption) (metrics.Float64Histogram, error) {
	return histogram(m.telemetry), nil
}

func (m meter) Int64Counter(string, ...metrics.InstrumentOption) (metrics.Int64Counter, error) {
	return counter(m.telemetry), nil
}

type (
	histogram telemetry
	counter   telemetry
)

func (h histogram) Record(_ context.Context, _ float64, options ...metrics.RecordMetricOption) {
	telemetry(h).record(options)
}

func (c counter) Add(_ context.Context, _ int64, options ...metrics.RecordMetricOption) {
	telemetry(c).record(options)
}

func (t telemetry) record(options []metrics.RecordMetricOption) {
	var o metrics.RecordMetricOptions
	for _, option := range options {
		option(&o)
	}
	t("metric", "")
	t.note(o.Properties.Values())
}

// assertFilesHide asserts that the files hide the secrets.
func (u *usage) assertFilesHide(n *needles) {
	for _, path := range u.files {
		text, err := os.ReadFile(path)
		require.NoError(u, err)
		assert.Empty(u, n.in(string(text)), fmt.Sprintf("file %s", filepath.Base(path)))
	}
}
