package peers

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdklm "github.com/aws/aws-sdk-go-v2/service/licensemanager"
	sdkoidc "github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/smithy-go/metrics/smithyotelmetrics"
	"github.com/aws/smithy-go/tracing/smithyoteltracing"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// exporters is OpenTelemetry with what it exports kept in memory.
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

func TestDump(t *testing.T) {
	answers := []wire{
		{status: 400, header: http.Header{"X-Amzn-Errortype": {"ThrottlingException"}}, answer: `{"Message":"slow"}`},
		{answer: `{"Token":"a","TokenId":"b","TokenType":"REFRESH_TOKEN"}`},
	}
	i := 0
	var do httpFunc = func(r *http.Request) (*http.Response, error) {
		w := answers[i%2]
		i++
		return w.Do(r)
	}
	e := newExporters()
	c := sdklm.New(sdklm.Options{Region: region, Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, session), HTTPClient: do, TracerProvider: smithyoteltracing.Adapt(e.tracer), MeterProvider: smithyotelmetrics.Adapt(e.metrics)})
	_, err := c.CreateToken(context.Background(), &sdklm.CreateTokenInput{ClientToken: aws.String("x"), LicenseArn: aws.String("arn")})
	require.NoError(t, err)
	i = 1
	c2 := sdkoidc.New(sdkoidc.Options{Region: region, HTTPClient: do, TracerProvider: smithyoteltracing.Adapt(e.tracer), MeterProvider: smithyotelmetrics.Adapt(e.metrics)})
	_, err = c2.CreateToken(context.Background(), &sdkoidc.CreateTokenInput{ClientId: aws.String("x"), ClientSecret: aws.String("arn"), GrantType: aws.String("refresh_token")})
	fmt.Println(err)
	names := map[string]string{}
	for _, s := range e.spans.GetSpans() {
		names[s.SpanContext.SpanID().String()] = s.Name
	}
	for _, s := range e.spans.GetSpans() {
		fmt.Println(names[s.Parent.SpanID().String()], ">", s.Name, s.SpanKind, s.Status, s.InstrumentationScope.Name, s.Attributes)
	}
	var data metricdata.ResourceMetrics
	require.NoError(t, e.reader.Collect(context.Background(), &data))
	for _, sc := range data.ScopeMetrics {
		for _, m := range sc.Metrics {
			var sets []string
			switch d := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					sets = append(sets, p.Attributes.Encoded(attribute.DefaultEncoder()))
				}
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					sets = append(sets, p.Attributes.Encoded(attribute.DefaultEncoder()))
				}
			}
			fmt.Printf("%s %s %T %s %v\n", sc.Scope.Name, m.Name, m.Data, m.Unit, sets)
		}
	}
	_ = maps.Keys[map[string]string]
	_ = slices.Sort[[]string]
	_ = strings.Cut
}

type httpFunc func(*http.Request) (*http.Response, error)

func (f httpFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }
