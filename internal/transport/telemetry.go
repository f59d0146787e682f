package transport

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/metrics"
	"github.com/aws/smithy-go/tracing"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/redact"
)

// stage is a part of a call that is observed.
type stage int

const (
	wholeCall stage = iota
	serialization
	oneAttempt
	getIdentity
	signing
	httpRequest
	deserialization
)

// stages has the names that aws-sdk-go-v2 gives to spans and histograms. It has
// more spans than these, and they say nothing that the histograms do not say.
var stages = [...]struct{ span, histogram, description string }{
	wholeCall:       {"", "client.call.duration", "Overall call duration, with retries"},
	serialization:   {"", "client.call.serialization_duration", "Time to serialize a request"},
	oneAttempt:      {"Attempt", "client.call.attempt_duration", "Time from the first use of the credentials to a decoded response"},
	getIdentity:     {"GetIdentity", "client.call.auth.resolve_identity_duration", "Time to get credentials from their provider"},
	signing:         {"", "client.call.auth.signing_duration", "Time to sign a request"},
	httpRequest:     {"DoHTTPRequest", "", ""},
	deserialization: {"", "client.call.deserialization_duration", "Time to deserialize a response"},
}

const sigV4 = "aws.auth#sigv4"

// telemetry reports the calls of one client. A nil telemetry reports nothing,
// and allocates nothing.
type telemetry struct {
	service    string
	tracer     tracing.Tracer
	histograms [len(stages)]metrics.Float64Histogram
	attempts   metrics.Int64Counter
	errors     metrics.Int64Counter
}

func newTelemetry(cfg awstokens.Config, service, scope string) (*telemetry, error) {
	if cfg.TracerProvider == nil && cfg.MeterProvider == nil {
		return nil, nil
	}
	t := &telemetry{service: service}
	if cfg.TracerProvider == nil {
		cfg.TracerProvider = tracing.NopTracerProvider{}
	}
	if cfg.MeterProvider == nil {
		cfg.MeterProvider = metrics.NopMeterProvider{}
	}
	t.tracer = cfg.TracerProvider.Tracer(scope)
	meter := cfg.MeterProvider.Meter(scope)
	var errs [len(stages) + 2]error
	for i, stage := range stages {
		if stage.histogram != "" {
			t.histograms[i], errs[i] = meter.Float64Histogram(stage.histogram, instrument("s", stage.description))
		}
	}
	t.attempts, errs[len(stages)] = meter.Int64Counter("client.call.attempts", instrument("{attempt}", "Number of attempts of a call"))
	t.errors, errs[len(stages)+1] = meter.Int64Counter("client.call.errors", instrument("{error}", "Number of failed attempts"))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("MeterProvider: %w", err)
	}
	return t, nil
}

func instrument(unit, description string) metrics.InstrumentOption {
	return func(o *metrics.InstrumentOptions) { o.UnitLabel, o.Description = unit, description }
}

// observation is a stage under way. A nil one is not observed.
type observation struct {
	*telemetry
	ctx    context.Context // with the span
	stage  stage
	method string
	span   tracing.Span
	start  time.Time // by the monotonic clock, whatever Config.Now is
}

// begin begins to observe a stage of a call of the operation. The context has the
// stage's span.
func (t *telemetry) begin(ctx context.Context, stage stage, operation string) (context.Context, *observation) {
	if t == nil || ctx == nil {
		return ctx, nil
	}
	o := &observation{telemetry: t, stage: stage, method: operation, start: time.Now()}
	switch {
	case stage == wholeCall:
		ctx, o.span = t.tracer.StartSpan(ctx, t.service+"."+operation, func(s *tracing.SpanOptions) {
			s.Kind = tracing.SpanKindClient
			s.Properties.Set("rpc.system", "aws-api")
			o.name(&s.Properties)
		})
	case stages[stage].span != "":
		ctx, o.span = t.tracer.StartSpan(ctx, stages[stage].span)
	}
	o.ctx = ctx
	return ctx, o
}

// name sets the attributes that every metric has.
func (o *observation) name(properties *smithy.Properties) {
	properties.Set("rpc.service", o.service)
	properties.Set("rpc.method", o.method)
}

// end ends the observation with the stage's outcome. Only the spans of the call
// and of its attempts have the text of an error: there it has been redacted.
func (o *observation) end(err error) {
	if o == nil {
		return
	}
	if histogram := o.histograms[o.stage]; histogram != nil {
		histogram.Record(o.ctx, time.Since(o.start).Seconds(), func(r *metrics.RecordMetricOptions) {
			o.name(&r.Properties)
			if o.stage == getIdentity || o.stage == signing {
				r.Properties.Set("auth.scheme_id", sigV4)
			}
		})
	}
	if o.span == nil {
		return
	}
	defer o.span.End()
	if o.stage == wholeCall {
		o.span.SetProperty("error", err != nil)
	}
	if err == nil {
		if o.stage == wholeCall {
			o.span.SetStatus(tracing.SpanStatusOK)
		}
		return
	}
	o.span.SetStatus(tracing.SpanStatusError)
	if call, ok := err.(*callError); ok {
		err = call.error
	}
	if o.stage != wholeCall && o.stage != oneAttempt {
		return
	}
	o.span.SetProperty("exception.type", fmt.Sprintf("%T", err))
	o.span.SetProperty("exception.message", redact.Line(err.Error()))
	var api smithy.APIError
	if errors.As(err, &api) {
		o.span.SetProperty("api.error_code", redact.Line(api.ErrorCode()))
		o.span.SetProperty("api.error_message", redact.Line(api.ErrorMessage()))
		o.span.SetProperty("api.error_fault", api.ErrorFault().String())
	}
}

// beginAttempt observes an attempt and counts it.
func (a *attempt) beginAttempt(ctx context.Context) (context.Context, *observation) {
	ctx, o := a.telemetry.begin(ctx, oneAttempt, a.op.Name)
	if o != nil {
		o.span.SetProperty("operation.attempt", a.number)
		o.attempts.Add(ctx, 1, func(r *metrics.RecordMetricOptions) { o.name(&r.Properties) })
	}
	return ctx, o
}

// endAttempt ends the observation of an attempt. The ID of its request is also
// that of the call, until another attempt has one.
func (a *attempt) endAttempt(o *observation, err error) {
	if o == nil {
		return
	}
	if a.requestID != "" {
		id := a.scrubber().Text(a.requestID)
		o.span.SetProperty("aws.request_id", id)
		a.whole.span.SetProperty("aws.request_id", id)
	}
	if err != nil {
		o.errors.Add(o.ctx, 1, func(r *metrics.RecordMetricOptions) {
			o.name(&r.Properties)
			r.Properties.Set("exception.type", errorType(err))
		})
	}
	o.end(err)
}

func errorType(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprintf("%T", err)
}

// beginRequest observes what the HTTP client does, and gives the request the
// span's context.
func (a *attempt) beginRequest(req *http.Request) (*http.Request, *observation) {
	if a.telemetry == nil {
		return req, nil
	}
	ctx, o := a.telemetry.begin(req.Context(), httpRequest, a.op.Name)
	o.span.SetProperty("http.method", req.Method)
	o.span.SetProperty("http.request_content_length", req.ContentLength)
	return req.WithContext(ctx), o
}

func (o *observation) endRequest(resp *http.Response, err error) {
	if o == nil {
		return
	}
	if err == nil {
		o.span.SetProperty("net.protocol.version", fmt.Sprintf("%d.%d", resp.ProtoMajor, resp.ProtoMinor))
		o.span.SetProperty("http.status_code", resp.StatusCode)
		o.span.SetProperty("http.response_content_length", resp.ContentLength)
	}
	o.end(err)
}
