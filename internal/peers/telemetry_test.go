package peers

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdklm "github.com/aws/aws-sdk-go-v2/service/licensemanager"
	sdkoidc "github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/smithy-go/metrics/smithyotelmetrics"
	"github.com/aws/smithy-go/tracing/smithyoteltracing"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// Spans that the SDK has and we do not, and why.
var spansOfSDKOnly = map[string]string{
	"RetryLoop":             "between the call and its attempts, twice; it begins and ends with the call",
	"OperationSerializer":   "a few microseconds; client.call.serialization_duration has them",
	"OperationDeserializer": "a few microseconds; client.call.deserialization_duration has them",
	"ResolveAuthScheme":     "an operation has one scheme, which is known when it is compiled",
	"ResolveEndpoint":       "the endpoint is resolved when the client is made",
	"ComputePayloadSHA256":  "a part of signing",
	"SignRequest":           "a few microseconds; client.call.auth.signing_duration has them",
}

// Attributes that differ, as "span key", and why. Only we have those that begin
// with +, only the SDK those with -, and both those with ~, with other values.
var attributeDifferences = map[string]string{
	"+call aws.request_id":                        "found without knowing the SDK's tree; it is that of the last attempt",
	"+Attempt exception.type":                     "so that an attempt says why it was followed by another",
	"+Attempt exception.message":                  "the same",
	"+Attempt api.error_code":                     "the same",
	"+Attempt api.error_message":                  "the same",
	"+Attempt api.error_fault":                    "the same",
	"~call exception.type":                        "the name of a Go type: ours is of this module",
	"~call exception.message":                     "the text of the error, in which ours redacts secrets",
	"-DoHTTPRequest net.protocol.version":         "without a response there is none, while the SDK has 0.0",
	"-DoHTTPRequest http.status_code":             "the same, with 0",
	"-DoHTTPRequest http.response_content_length": "the same, with 0",
	"~status of Attempt":                          "Error if it failed, while the SDK's inner spans have none",
	"~status of DoHTTPRequest":                    "the same",
}

// Metrics that the SDK has and we do not, and why.
var metricsOfSDKOnly = map[string]string{
	"client.call.resolve_endpoint_duration":               "the endpoint is resolved when the client is made",
	"client.http.do_request_duration":                     "of the HTTP client, which can be instrumented itself, with otelhttp; without one, client.call.attempt_duration is near it",
	"client.call.auth.resolve_identity_duration/unsigned": "a call that is not signed has no identity",
	"client.call.auth.signing_duration/unsigned":          "and no signature",
}

// goType is an exception.type of an error that has no code, in client.call.errors:
// the name of a Go type, which is of the SDK or of this module.
var goType = regexp.MustCompile(`=\*[\w.]+`)

// span is what is compared of an exported span.
type span struct {
	parent, kind, status string
	attributes           map[string]string
}

// telemetry is what one side reports for a call.
type telemetry struct {
	scope   string
	spans   map[string]span             // by name, the root as call, others with the number of their attempt
	metrics map[string]map[string]int64 // by name, how much was recorded by kind, unit and attributes
	sdkOnly []string
}

// exporters are OpenTelemetry's exporters to memory.
type exporters struct {
	spans   *tracetest.InMemoryExporter
	tracer  *trace.TracerProvider
	reader  *metric.ManualReader
	metrics *metric.MeterProvider
}

func newExporters() *exporters {
	e := &exporters{spans: tracetest.NewInMemoryExporter(), reader: metric.NewManualReader()}
	e.tracer = trace.NewTracerProvider(trace.WithSyncer(e.spans))
	e.metrics = metric.NewMeterProvider(metric.WithReader(e.reader))
	return e
}

// collect returns what has been exported.
func (e *exporters) collect(t *testing.T) telemetry {
	t.Helper()
	found := telemetry{spans: map[string]span{}, metrics: map[string]map[string]int64{}}
	byID := map[string]tracetest.SpanStub{}
	for _, s := range e.spans.GetSpans() {
		byID[s.SpanContext.SpanID().String()] = s
	}
	var label func(tracetest.SpanStub) string
	label = func(s tracetest.SpanStub) string {
		parent, ok := byID[s.Parent.SpanID().String()]
		switch {
		case !ok:
			return "call"
		case spansOfSDKOnly[s.Name] != "":
			return label(parent)
		case s.Name == "Attempt":
			for _, a := range s.Attributes {
				if a.Key == "operation.attempt" {
					return "Attempt " + a.Value.String()
				}
			}
		}
		_, number, _ := strings.Cut(label(parent), " ")
		return s.Name + " " + number
	}
	for _, s := range byID {
		found.scope = s.InstrumentationScope.Name
		if spansOfSDKOnly[s.Name] != "" {
			found.sdkOnly = append(found.sdkOnly, s.Name)
			continue
		}
		exported := span{kind: s.SpanKind.String(), status: s.Status.Code.String(), attributes: map[string]string{}}
		if parent, ok := byID[s.Parent.SpanID().String()]; ok {
			exported.parent = label(parent)
		} else {
			exported.attributes["name"] = s.Name
		}
		for _, a := range s.Attributes {
			exported.attributes[string(a.Key)] = a.Value.Type().String() + " " + a.Value.String()
		}
		require.NotContains(t, found.spans, label(s))
		found.spans[label(s)] = exported
	}
	e.collectMetrics(t, &found)
	return found
}

func (e *exporters) collectMetrics(t *testing.T, found *telemetry) {
	t.Helper()
	var data metricdata.ResourceMetrics
	require.NoError(t, e.reader.Collect(t.Context(), &data))
	for _, scope := range data.ScopeMetrics {
		assert.Equal(t, found.scope, scope.Scope.Name)
		for _, m := range scope.Metrics {
			counts := map[string]int64{}
			add := func(set attribute.Set, n int64) {
				attributes := goType.ReplaceAllString(set.Encoded(attribute.DefaultEncoder()), "=*")
				counts[fmt.Sprintf("%T %s %s", m.Data, m.Unit, attributes)] += n
			}
			switch d := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					assert.Less(t, p.Sum, 60.0, "seconds")
					add(p.Attributes, int64(p.Count))
				}
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					add(p.Attributes, p.Value)
				}
			default:
				t.Errorf("%s is a %T", m.Name, d)
			}
			found.metrics[m.Name] = counts
		}
	}
}

// turns is an HTTP client that returns its responses in turn.
type turns struct {
	responses []func(*http.Request) (*http.Response, error)
	n         int
}

func (a *turns) Do(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
	}
	a.n++
	return a.responses[a.n-1](req)
}

func respond(w wire) func(*http.Request) (*http.Response, error) { return w.Do }

func lost(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

// A call of ours reports to OpenTelemetry what a call of the SDK reports, except
// for the differences listed above, all of which occur.
func TestTelemetry(t *testing.T) {
	const token = `{"Token":"fake-token","TokenId":"t-1","TokenType":"REFRESH_TOKEN"}`
	throttled := respond(wire{status: 400, header: http.Header{"X-Amzn-Errortype": {"ThrottlingException"}}, response: `{"Message":"Rate exceeded"}`})
	seen := map[string]bool{}
	for name, test := range map[string]struct {
		responses []func(*http.Request) (*http.Response, error)
		unsigned  bool
		fails     bool
	}{
		"signed":   {responses: []func(*http.Request) (*http.Response, error){respond(wire{response: token})}},
		"unsigned": {responses: []func(*http.Request) (*http.Response, error){respond(wire{response: `{"accessToken":"fake","tokenType":"Bearer","expiresIn":3600}`})}, unsigned: true},
		"retried":  {responses: []func(*http.Request) (*http.Response, error){throttled, lost, respond(wire{response: token})}},
		"refused": {responses: []func(*http.Request) (*http.Response, error){
			respond(wire{status: 400, header: http.Header{"X-Amzn-Errortype": {"ResourceNotFoundException"}}, response: `{"Message":"there is no such license"}`}),
		}, fails: true},
		"no response": {responses: []func(*http.Request) (*http.Response, error){lost, lost, lost}, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := newExporters(), newExporters()
			observe(t, ours, &turns{responses: test.responses}, test.unsigned, test.fails)
			observeSDK(t, theirs, &turns{responses: test.responses}, test.unsigned, test.fails)
			a, b := ours.collect(t), theirs.collect(t)
			pkg := "licensemanager"
			if test.unsigned {
				pkg = "ssooidc"
			}
			assert.Equal(t, "github.com/seed-25f54b62/awstokens/"+pkg, a.scope)
			assert.Equal(t, "github.com/aws/aws-sdk-go-v2/service/"+pkg, b.scope)

			assert.Empty(t, a.sdkOnly)
			for _, name := range b.sdkOnly {
				seen[name] = true
			}
			if test.unsigned {
				delete(b.spans, "GetIdentity 1") // of a scheme without identity
			}
			assert.Equal(t, slices.Sorted(maps.Keys(b.spans)), slices.Sorted(maps.Keys(a.spans)))
			for label, sdk := range b.spans {
				own := a.spans[label]
				name, _, _ := strings.Cut(label, " ")
				assert.Equal(t, sdk.parent, own.parent, label)
				assert.Equal(t, sdk.kind, own.kind, label)
				explain(t, seen, name, sdk, own)
			}
			sameMetrics(t, seen, test.unsigned, b.metrics, a.metrics)
		})
	}
	for _, list := range []map[string]string{spansOfSDKOnly, attributeDifferences, metricsOfSDKOnly} {
		for difference := range list {
			assert.True(t, seen[difference], "no difference any more: %s", difference)
		}
	}
}

// sameMetrics compares the metrics of a call.
func sameMetrics(t *testing.T, seen map[string]bool, unsigned bool, sdk, own map[string]map[string]int64) {
	t.Helper()
	for name, recorded := range sdk {
		_, ok := own[name]
		switch {
		case ok:
			assert.Equal(t, recorded, own[name], name)
		case metricsOfSDKOnly[name] != "":
			seen[name] = true
		case unsigned && metricsOfSDKOnly[name+"/unsigned"] != "":
			seen[name+"/unsigned"] = true
		default:
			t.Errorf("there is no %s", name)
		}
	}
	for name := range own {
		assert.Contains(t, sdk, name)
	}
}

// explain compares two spans.
func explain(t *testing.T, seen map[string]bool, name string, sdk, own span) {
	t.Helper()
	differs := func(difference string, is ...any) {
		if attributeDifferences[difference] == "" {
			t.Errorf("%s: %q", difference, is)
		}
		seen[difference] = true
	}
	if sdk.status != own.status {
		differs("~status of "+name, sdk.status, own.status)
	}
	for key, value := range sdk.attributes {
		switch is, ok := own.attributes[key]; {
		case !ok:
			differs("-"+name+" "+key, value)
		case is != value:
			differs("~"+name+" "+key, value, is)
		}
	}
	for key, value := range own.attributes {
		if _, ok := sdk.attributes[key]; !ok {
			differs("+"+name+" "+key, value)
		}
	}
}

func observe(t *testing.T, e *exporters, client awstokens.HTTPClient, unsigned, fails bool) {
	t.Helper()
	cfg := new(wire).config()
	cfg.HTTPClient = client
	cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.BaseDelay = -1 })
	cfg.TracerProvider, cfg.MeterProvider = smithyoteltracing.Adapt(e.tracer), smithyotelmetrics.Adapt(e.metrics)
	var err error
	if unsigned {
		c, newErr := ssooidc.New(cfg)
		require.NoError(t, newErr)
		_, err = c.CreateToken(t.Context(), &ssooidc.CreateTokenInput{ClientId: "c", ClientSecret: awstokens.NewSecret("fake-secret"), GrantType: "refresh_token", RefreshToken: awstokens.NewSecret("fake-token")})
	} else {
		c, newErr := licensemanager.New(cfg)
		require.NoError(t, newErr)
		_, err = c.CreateToken(t.Context(), &licensemanager.CreateTokenInput{ClientToken: "c", LicenseArn: arns[0]})
	}
	assert.Equal(t, fails, err != nil, "%v", err)
}

func observeSDK(t *testing.T, e *exporters, client aws.HTTPClient, unsigned, fails bool) {
	t.Helper()
	cfg := new(wire).sdkConfig()
	cfg.HTTPClient = client
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) {
			o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
		})
	}
	var err error
	if unsigned {
		c := sdkoidc.NewFromConfig(cfg, func(o *sdkoidc.Options) {
			o.TracerProvider, o.MeterProvider = smithyoteltracing.Adapt(e.tracer), smithyotelmetrics.Adapt(e.metrics)
		})
		_, err = c.CreateToken(t.Context(), &sdkoidc.CreateTokenInput{ClientId: aws.String("c"), ClientSecret: aws.String("fake-secret"), GrantType: aws.String("refresh_token"), RefreshToken: aws.String("fake-token")})
	} else {
		c := sdklm.NewFromConfig(cfg, func(o *sdklm.Options) {
			o.TracerProvider, o.MeterProvider = smithyoteltracing.Adapt(e.tracer), smithyotelmetrics.Adapt(e.metrics)
		})
		_, err = c.CreateToken(t.Context(), &sdklm.CreateTokenInput{ClientToken: aws.String("c"), LicenseArn: aws.String(arns[0])})
	}
	assert.Equal(t, fails, err != nil, "%v", err)
}
