package transport_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/metrics"
	"github.com/aws/smithy-go/tracing"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// spanRecorder is a tracer and a meter that keep what they are told.
type spanRecorder struct {
	metrics.NopMeter
	failing string // an instrument that cannot be made

	mu     sync.Mutex
	spans  []*recordedSpan
	points []point
}

type recordedSpan struct {
	spanRecorder *spanRecorder
	scope        string
	name         string
	parent       string
	kind         tracing.SpanKind
	properties   map[string]any
	status       tracing.SpanStatus
	ended        bool
}

// point is what was recorded with an instrument.
type point struct {
	scope, name, unit string
	value             float64
	attributes        map[any]any
}

type spanKey struct{}

// spanOf returns the name of the span that a context has.
func spanOf(ctx context.Context) string {
	if span, ok := ctx.Value(spanKey{}).(*recordedSpan); ok {
		return span.name
	}
	return ""
}

type scoped struct {
	*spanRecorder
	scope string
}

func (r *spanRecorder) Tracer(scope string, _ ...tracing.TracerOption) tracing.Tracer {
	return scoped{r, scope}
}

func (r *spanRecorder) Meter(scope string, _ ...metrics.MeterOption) metrics.Meter {
	return scoped{r, scope}
}

func (s scoped) StartSpan(ctx context.Context, name string, options ...tracing.SpanOption) (context.Context, tracing.Span) {
	var o tracing.SpanOptions
	for _, option := range options {
		option(&o)
	}
	span := &recordedSpan{spanRecorder: s.spanRecorder, scope: s.scope, name: name, parent: spanOf(ctx), kind: o.Kind, properties: map[string]any{}}
	for k, v := range o.Properties.Values() {
		span.properties[k.(string)] = v
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spans = append(s.spans, span)
	return context.WithValue(ctx, spanKey{}, span), span
}

func (s *recordedSpan) Name() string                            { return s.name }
func (s *recordedSpan) Context() tracing.SpanContext            { return tracing.SpanContext{} }
func (s *recordedSpan) AddEvent(string, ...tracing.EventOption) {}

func (s *recordedSpan) SetProperty(k, v any) {
	s.spanRecorder.mu.Lock()
	defer s.spanRecorder.mu.Unlock()
	s.properties[k.(string)] = v
}

func (s *recordedSpan) SetStatus(status tracing.SpanStatus) { s.status = status }
func (s *recordedSpan) End()                                { s.ended = true }

var errInstrument = errors.New("fake instrument failure")

func (s scoped) Float64Histogram(name string, options ...metrics.InstrumentOption) (metrics.Float64Histogram, error) {
	return histogram{s.instrument(name, options)}, s.failure(name)
}

func (s scoped) Int64Counter(name string, options ...metrics.InstrumentOption) (metrics.Int64Counter, error) {
	return counter{s.instrument(name, options)}, s.failure(name)
}

func (s scoped) failure(name string) error {
	if name == s.failing {
		return fmt.Errorf("%s: %w", name, errInstrument)
	}
	return nil
}

type instrument struct {
	spanRecorder *spanRecorder
	point
}

func (s scoped) instrument(name string, options []metrics.InstrumentOption) *instrument {
	var o metrics.InstrumentOptions
	for _, option := range options {
		option(&o)
	}
	return &instrument{s.spanRecorder, point{scope: s.scope, name: name, unit: o.UnitLabel}}
}

func (i *instrument) record(value float64, options []metrics.RecordMetricOption) {
	var o metrics.RecordMetricOptions
	for _, option := range options {
		option(&o)
	}
	p := i.point
	p.value, p.attributes = value, o.Properties.Values()
	i.spanRecorder.mu.Lock()
	defer i.spanRecorder.mu.Unlock()
	i.spanRecorder.points = append(i.spanRecorder.points, p)
}

type histogram struct{ *instrument }

func (h histogram) Record(_ context.Context, v float64, options ...metrics.RecordMetricOption) {
	h.record(v, options)
}

type counter struct{ *instrument }

func (c counter) Add(_ context.Context, v int64, options ...metrics.RecordMetricOption) {
	c.record(float64(v), options)
}

// watched returns a configuration that reports to a spanRecorder.
func watched(cfg awstokens.Config) (awstokens.Config, *spanRecorder) {
	r := new(spanRecorder)
	cfg.TracerProvider, cfg.MeterProvider = r, r
	return cfg, r
}

// tree returns the spans, a line each: parent and name.
func (r *spanRecorder) tree() []string {
	var lines []string
	for _, span := range r.spans {
		lines = append(lines, strings.TrimPrefix(span.parent+" > "+span.name, " > "))
	}
	return lines
}

// sums returns the sum of what each instrument recorded and how often it did.
func (r *spanRecorder) sums() map[string][2]float64 {
	sums := map[string][2]float64{}
	for _, p := range r.points {
		sums[p.name] = [2]float64{sums[p.name][0] + p.value, sums[p.name][1] + 1}
	}
	return sums
}

const pkg = "github.com/seed-25f54b62/awstokens/"

// What is true of every span and every metric of a call.
func (r *spanRecorder) check(t *testing.T, scope, service, method string) {
	t.Helper()
	for _, span := range r.spans {
		assert.True(t, span.ended, span.name)
		assert.Equal(t, pkg+scope, span.scope)
	}
	for _, p := range r.points {
		assert.Equal(t, pkg+scope, p.scope)
		assert.Equal(t, service, p.attributes["rpc.service"])
		assert.Equal(t, method, p.attributes["rpc.method"])
	}
}

func TestSpansOfACall(t *testing.T) {
	op := named("LM.CreateToken")
	client := play(reply(200, op.response))
	cfg, r := watched(config(client))
	var identity string
	keys := cfg.Credentials
	cfg.Credentials = awstokens.CredentialsFunc(func(ctx context.Context) (awstokens.Credentials, error) {
		identity = spanOf(ctx)
		return keys.Retrieve(ctx)
	})
	_, err := op.open(t, cfg)(t.Context())
	require.NoError(t, err)
	r.check(t, "licensemanager", "License Manager", "CreateToken")

	assert.Equal(t, []string{
		"License Manager.CreateToken",
		"License Manager.CreateToken > Attempt",
		"Attempt > GetIdentity",
		"Attempt > DoHTTPRequest",
	}, r.tree())
	assert.Equal(t, "GetIdentity", identity, "the provider's context")
	assert.Equal(t, "DoHTTPRequest", spanOf(client.sent[0].Context()), "the request's context")

	assert.Equal(t, tracing.SpanKindClient, r.spans[0].kind)
	assert.Equal(t, map[string]any{
		"rpc.system": "aws-api", "rpc.service": "License Manager", "rpc.method": "CreateToken",
		"aws.request_id": fakeRequestID, "error": false,
	}, r.spans[0].properties)
	assert.Equal(t, map[string]any{"operation.attempt": 1, "aws.request_id": fakeRequestID}, r.spans[1].properties)
	assert.Equal(t, map[string]any{
		"http.method": "POST", "http.request_content_length": client.sent[0].ContentLength,
		"net.protocol.version": "0.0", "http.status_code": 200, "http.response_content_length": int64(len(op.response)),
	}, r.spans[3].properties)
	assert.Equal(t, tracing.SpanStatusOK, r.spans[0].status)
	for _, span := range r.spans[1:] {
		assert.Equal(t, tracing.SpanStatusUnset, span.status, span.name)
		assert.Equal(t, tracing.SpanKindInternal, span.kind, span.name)
	}
}

func TestUnsignedCallHasNoIdentity(t *testing.T) {
	op := named("OIDC.CreateToken")
	cfg, r := watched(config(play(reply(200, op.response))))
	_, err := op.open(t, cfg)(t.Context())
	require.NoError(t, err)
	r.check(t, "ssooidc", "SSO OIDC", "CreateToken")
	assert.Equal(t, []string{"SSO OIDC.CreateToken", "SSO OIDC.CreateToken > Attempt", "Attempt > DoHTTPRequest"}, r.tree())
	assert.NotContains(t, r.sums(), "client.call.auth.resolve_identity_duration")
	assert.NotContains(t, r.sums(), "client.call.auth.signing_duration")
}

// The clock of the metrics is not Config.Now, which may stand still.
func TestMetricsOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		op := named("LM.CreateToken")
		slowly := func(a responder) responder {
			return func(req *http.Request) (*http.Response, error) {
				time.Sleep(2 * time.Second)
				return a(req)
			}
		}
		cfg, r := watched(config(play(slowly(exception(400, "RateLimitExceededException")), slowly(reply(200, op.response)))))
		cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.Rand = func() float64 { return 0.5 } })
		cfg.Now = func() time.Time { return time.Unix(1_700_000_000, 0) }
		keys := cfg.Credentials
		cfg.Credentials = awstokens.CredentialsFunc(func(ctx context.Context) (awstokens.Credentials, error) {
			time.Sleep(time.Second)
			return keys.Retrieve(ctx)
		})
		_, err := op.open(t, cfg)(t.Context())
		require.NoError(t, err)
		r.check(t, "licensemanager", "License Manager", "CreateToken")
		assert.Equal(t, map[string][2]float64{
			"client.call.duration":                       {6.5, 1},
			"client.call.attempt_duration":               {6, 2},
			"client.call.attempts":                       {2, 2},
			"client.call.errors":                         {1, 1},
			"client.call.auth.resolve_identity_duration": {2, 2},
			"client.call.auth.signing_duration":          {0, 2},
			"client.call.serialization_duration":         {0, 1},
			"client.call.deserialization_duration":       {0, 2},
		}, r.sums())
		for _, p := range r.points {
			switch p.name {
			case "client.call.attempts":
				assert.Equal(t, "{attempt}", p.unit)
			case "client.call.errors":
				assert.Equal(t, "{error}", p.unit)
				assert.Equal(t, "RateLimitExceededException", p.attributes["exception.type"])
			default:
				assert.Equal(t, "s", p.unit)
			}
			if strings.Contains(p.name, ".auth.") {
				assert.Equal(t, "aws.auth#sigv4", p.attributes["auth.scheme_id"])
			}
		}
		assert.Equal(t, []string{
			"License Manager.CreateToken",
			"License Manager.CreateToken > Attempt", "Attempt > GetIdentity", "Attempt > DoHTTPRequest",
			"License Manager.CreateToken > Attempt", "Attempt > GetIdentity", "Attempt > DoHTTPRequest",
		}, r.tree())
		assert.Equal(t, "RateLimitExceededException", r.spans[1].properties["api.error_code"])
		assert.Equal(t, 2, r.spans[4].properties["operation.attempt"])
		assert.NotContains(t, r.spans[0].properties, "api.error_code", "the call succeeded")
	})
}

func TestSpansOfAFailure(t *testing.T) {
	op := named("LM.CreateToken")
	for name, test := range map[string]struct {
		response responder
		kind     string
		message  string
		code     string
		attempt  tracing.SpanStatus
		request  tracing.SpanStatus
	}{
		"exception":   {exception(400, "ResourceNotFoundException"), "*awstokens.ResponseError", "says the service", "ResourceNotFoundException", tracing.SpanStatusError, tracing.SpanStatusUnset},
		"no response": {lost, "*awstokens.SendError", "unexpected EOF", "", tracing.SpanStatusError, tracing.SpanStatusError},
		"unusable":    {reply(200, "<html>"), "*awstokens.ResponseError", "deserialization failed", "", tracing.SpanStatusError, tracing.SpanStatusUnset},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, r := watched(once(play(test.response)))
			_, err := op.open(t, cfg)(t.Context())
			require.Error(t, err)
			r.check(t, "licensemanager", "License Manager", "CreateToken")
			for _, span := range r.spans[:2] {
				assert.Equal(t, tracing.SpanStatusError, span.status, span.name)
				assert.Equal(t, test.kind, span.properties["exception.type"], span.name)
				assert.Contains(t, span.properties["exception.message"], test.message, span.name)
				if test.code == "" {
					assert.NotContains(t, span.properties, "api.error_code")
				} else {
					assert.Equal(t, test.code, span.properties["api.error_code"])
					assert.Equal(t, "says the service", span.properties["api.error_message"])
					assert.Contains(t, []any{"client", "unknown"}, span.properties["api.error_fault"])
				}
			}
			assert.Equal(t, true, r.spans[0].properties["error"])
			request := r.spans[len(r.spans)-1]
			assert.Equal(t, "DoHTTPRequest", request.name)
			assert.Equal(t, test.request, request.status)
			assert.Equal(t, [2]float64{1, 1}, r.sums()["client.call.errors"])
		})
	}
}

// A call that sends nothing has a span, too.
func TestSpansWithoutAnAttempt(t *testing.T) {
	t.Run("invalid input", func(t *testing.T) {
		cfg, r := watched(config(play(refused)))
		client, err := licensemanager.New(cfg)
		require.NoError(t, err)
		_, err = client.CreateToken(t.Context(), nil)
		require.Error(t, err)
		assert.Equal(t, []string{"License Manager.CreateToken"}, r.tree())
		assert.Equal(t, true, r.spans[0].properties["error"])
		assert.Equal(t, map[string][2]float64{"client.call.duration": r.sums()["client.call.duration"]}, r.sums())
	})
	t.Run("no credentials", func(t *testing.T) {
		op := named("LM.CreateToken")
		cfg, r := watched(config(play(refused)))
		cfg.Credentials = awstokens.StaticCredentials("", "", "")
		_, err := op.open(t, cfg)(t.Context())
		require.ErrorIs(t, err, awstokens.ErrNoCredentials)
		assert.Equal(t, []string{"License Manager.CreateToken", "License Manager.CreateToken > Attempt", "Attempt > GetIdentity"}, r.tree())
		for _, span := range r.spans {
			assert.Equal(t, tracing.SpanStatusError, span.status, span.name)
		}
	})
	t.Run("nil context", func(t *testing.T) {
		op := named("LM.CreateToken")
		cfg, r := watched(config(play(refused)))
		var none context.Context
		_, err := op.open(t, cfg)(none)
		require.Error(t, err)
		assert.Empty(t, r.spans)
	})
}

// Text on a span passes the same redaction as an error's, whatever a response, a
// gateway or an HTTP client quotes.
func TestNoSecretOnSpans(t *testing.T) {
	eachOperation(t, func(t *testing.T, op operation) {
		echo := func(req *http.Request) string {
			body := new(strings.Builder)
			_ = req.Write(body)
			return body.String()
		}
		for name, a := range map[string]responder{
			"success":      func(req *http.Request) (*http.Response, error) { return reply(200, op.response)(req) },
			"other status": func(req *http.Request) (*http.Response, error) { return reply(403, op.response)(req) },
			"quoted by the service": func(req *http.Request) (*http.Response, error) {
				return reply(400, fmt.Sprintf(`{"__type":"ValidationException","Message":%q}`, echo(req)))(req)
			},
			"quoted by the client": func(req *http.Request) (*http.Response, error) {
				return nil, errors.New("cannot send " + echo(req) + hostileText)
			},
			"request ID": func(req *http.Request) (*http.Response, error) {
				return reply(200, op.response, "X-Amzn-Requestid", "not-a-real-session-token fake-client-secret fake-device-code fake.refresh.token fake-refresh-token\x1b[2J")(req)
			},
		} {
			t.Run(name, func(t *testing.T) {
				if name == "request ID" && op.name == "OIDC.RegisterClient" {
					t.Skip("the call has no secret that it could show")
				}
				cfg, r := watched(once(play(a)))
				_, _ = op.open(t, cfg)(t.Context())
				require.NotEmpty(t, r.spans)
				for _, span := range r.spans {
					for key, value := range span.properties {
						text := fmt.Sprint(value)
						assert.NotContains(t, strings.ToLower(text), "fake", "%s of %s", key, span.name)
						assert.NotContains(t, text, "not-a-real", "%s of %s", key, span.name)
						assert.False(t, strings.ContainsFunc(text, isUnsafe), "%s of %s: %q", key, span.name, text)
					}
				}
			})
		}
	})
}

// New returns an instrument's error, whichever it is.
func TestInstrumentFails(t *testing.T) {
	for _, name := range []string{
		"client.call.duration", "client.call.attempts", "client.call.errors", "client.call.attempt_duration",
		"client.call.serialization_duration", "client.call.deserialization_duration",
		"client.call.auth.resolve_identity_duration", "client.call.auth.signing_duration",
	} {
		cfg, r := watched(config(nil))
		r.failing = name
		_, err := licensemanager.New(cfg)
		require.ErrorIs(t, err, errInstrument)
		assert.ErrorContains(t, err, "License Manager: configuration: MeterProvider: "+name)
	}
}

// Either provider may be left nil.
func TestOneProvider(t *testing.T) {
	op := named("LM.CreateToken")
	cfg, r := watched(config(play(reply(200, op.response))))
	cfg.TracerProvider = nil
	_, err := op.open(t, cfg)(t.Context())
	require.NoError(t, err)
	assert.Empty(t, r.spans)
	assert.NotEmpty(t, r.points)

	cfg, r = watched(config(play(reply(200, op.response))))
	cfg.MeterProvider = nil
	_, err = op.open(t, cfg)(t.Context())
	require.NoError(t, err)
	assert.NotEmpty(t, r.spans)
	assert.Empty(t, r.points)
}

// A client that With makes reports where its configuration says.
func TestTelemetryOfWith(t *testing.T) {
	cfg, r := watched(config(play(exception(400, "ResourceNotFoundException"))))
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	silent, err := client.With(func(cfg *awstokens.Config) { cfg.TracerProvider, cfg.MeterProvider = nil, nil })
	require.NoError(t, err)
	_, err = silent.ListTokens(t.Context(), nil)
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	assert.Empty(t, r.spans)
	assert.Empty(t, r.points)
}

// docs/telemetry.md lists every span, attribute and metric, and nothing else.
func TestTelemetryDoc(t *testing.T) {
	r := new(spanRecorder)
	for _, a := range []responder{reply(200, named("LM.CreateToken").response), exception(400, "ResourceNotFoundException")} {
		cfg := once(play(a))
		cfg.TracerProvider, cfg.MeterProvider = r, r
		_, _ = named("LM.CreateToken").open(t, cfg)(t.Context())
	}
	recorded := map[string]bool{}
	for _, span := range r.spans {
		recorded[span.name] = true
		for key := range span.properties {
			recorded[span.name+" "+key] = true
		}
	}
	for _, p := range r.points {
		recorded[p.name+" "+p.unit] = true
		for key := range p.attributes {
			if name := key.(string); !strings.HasPrefix(name, "rpc.") {
				recorded[p.name+" "+name] = true
			}
		}
	}

	doc, err := os.ReadFile("../../docs/telemetry.md")
	require.NoError(t, err)
	listed := map[string]bool{}
	span := ""
	for _, line := range strings.Split(string(doc), "\n") {
		cells := strings.Split(strings.ReplaceAll(line, "`", ""), "|")
		switch name := strings.TrimSpace(cells[min(1, len(cells)-1)]); {
		case len(cells) != 5 || name == "Span" || name == "Metric" || strings.HasPrefix(name, "-"):
		case strings.HasPrefix(name, "client."):
			listed[name+" "+strings.TrimSpace(cells[2])] = true
			if attribute, _, _ := strings.Cut(strings.TrimSpace(cells[3]), ":"); attribute != "" {
				listed[name+" "+attribute] = true
			}
		default:
			span = cmp.Or(name, span)
			listed[span] = true
			if attribute := strings.TrimSpace(cells[2]); attribute != "" {
				listed[span+" "+attribute] = true
			}
		}
	}
	assert.Equal(t, recorded, listed)
}
