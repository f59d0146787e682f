// Package awssdk connects awstokens with aws-sdk-go-v2: a program gets its
// configuration and credentials from the SDK's chain, and gives the credentials
// of this module to the clients of the SDK.
//
//	cfg, err := awssdk.Load(ctx)         // profiles, SSO, containers, instances
//	...
//	client, err := licensemanager.New(cfg)
//
//	creds, err := tokencreds.FromEnv(cfg) // or any other provider of this module
//	...
//	store := s3.New(s3.Options{Region: cfg.Region, Credentials: awssdk.Provider(creds)})
//
// A provider of bearer tokens, such as that of ssooidc/login, needs no
// conversion: it is a value for aws.Config.BearerAuthTokenProvider.
//
// The SDK wraps what its providers return. errors.Is and errors.As find the
// errors of this module in the error of an operation of the SDK, such as
// tokencreds.ErrTokenRefused, and the other way round.
//
// It is a module of its own, so that awstokens does not depend on the SDK:
//
//	go get github.com/seed-25f54b62/awstokens/awssdk
package awssdk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/smithy-go/logging"

	"github.com/seed-25f54b62/awstokens"
)

// Load returns the configuration that config.LoadDefaultConfig of the SDK finds:
// in the environment, in the files of the AWS CLI, and of the container or
// instance that the program runs in. It returns an error if that function or
// [FromConfig] does.
func Load(ctx context.Context, options ...func(*config.LoadOptions) error) (awstokens.Config, error) {
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return awstokens.Config{}, fmt.Errorf("awssdk: %w", err)
	}
	return FromConfig(cfg)
}

// FromConfig converts a configuration of the SDK:
//
//   - Region and AppID as they are, and Credentials by [Credentials].
//   - HTTPClient with its transport. Redirects, which the SDK follows, are not
//     followed, because they would take tokens to other hosts. The SDK's own
//     BuildableClient becomes an *http.Client with a connection pool of its own
//     and, if it has no timeout, that of [awstokens.DefaultHTTPClient].
//   - Retryer is called once, so the clients made from the result share its
//     retryer. Without one, RetryMode and RetryMaxAttempts apply; the standard
//     mode is [awstokens.StandardRetryer].
//   - BaseEndpoint, the endpoints of single services in the environment and in
//     the profile, and whether to use FIPS and dual-stack endpoints.
//   - Logger, if ClientLogMode asks for requests, responses or retries. It gets
//     one line for each attempt, and never a body.
//
// What only the SDK's own clients understand has no effect: APIOptions,
// Interceptors, ServiceOptions, DefaultsMode and the settings for checksums and
// compression. FromConfig returns an error if cfg has one of the SDK's
// deprecated endpoint resolvers, because ignoring it would send tokens elsewhere.
func FromConfig(cfg aws.Config) (awstokens.Config, error) {
	//lint:ignore SA1019 it is refused
	if cfg.EndpointResolver != nil || cfg.EndpointResolverWithOptions != nil {
		return awstokens.Config{}, errors.New("awssdk: aws.Config has an EndpointResolver, which is not supported: set BaseEndpoint")
	}
	out := awstokens.Config{
		Region:       cfg.Region,
		Credentials:  Credentials(cfg.Credentials),
		BaseEndpoint: aws.ToString(cfg.BaseEndpoint),
		HTTPClient:   httpClient(cfg.HTTPClient),
		Retryer:      retryer(cfg),
		Logger:       logger(cfg),
		AppID:        cfg.AppID,
	}
	if err := fromSources(cfg.ConfigSources, &out); err != nil {
		return awstokens.Config{}, fmt.Errorf("awssdk: %w", err)
	}
	return out, nil
}

// httpClient converts the SDK's own client. The clients of this module turn off
// redirects. What is not set in it is as in awstokens.DefaultHTTPClient, so that a
// dead HTTP/2 connection is closed.
func httpClient(client aws.HTTPClient) awstokens.HTTPClient {
	buildable, ok := client.(*awshttp.BuildableClient)
	if !ok {
		return client
	}
	own := awstokens.DefaultHTTPClient()
	transport := buildable.GetTransport() // a copy
	if transport.HTTP2 == nil {
		transport.HTTP2 = own.Transport.(*http.Transport).HTTP2
	}
	own.Transport = transport
	if timeout := buildable.GetTimeout(); timeout != 0 {
		own.Timeout = timeout
	}
	return own
}

func retryer(cfg aws.Config) awstokens.Retryer {
	switch {
	case cfg.Retryer != nil:
		return cfg.Retryer()
	case cfg.RetryMode == aws.RetryModeAdaptive:
		return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
			if cfg.RetryMaxAttempts > 0 {
				o.StandardOptions = append(o.StandardOptions, func(o *retry.StandardOptions) { o.MaxAttempts = cfg.RetryMaxAttempts })
			}
		})
	case cfg.RetryMaxAttempts > 0:
		return awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = cfg.RetryMaxAttempts })
	}
	return nil
}

// Sources of a configuration of the SDK may have these methods. They are what its
// own clients call.
type (
	fipsSource interface {
		GetUseFIPSEndpoint(context.Context) (aws.FIPSEndpointState, bool, error)
	}
	dualStackSource interface {
		GetUseDualStackEndpoint(context.Context) (aws.DualStackEndpointState, bool, error)
	}
	ignoreSource interface {
		GetIgnoreConfiguredEndpoints(context.Context) (bool, bool, error)
	}
	endpointSource interface {
		GetServiceBaseEndpoint(context.Context, string) (string, bool, error)
	}
)

// fromSources sets what a client of the SDK reads from the sources of its
// configuration.
func fromSources(sources []any, out *awstokens.Config) error {
	fips, _, err := first(sources, fipsSource.GetUseFIPSEndpoint)
	if err != nil {
		return err
	}
	dualStack, _, err := first(sources, dualStackSource.GetUseDualStackEndpoint)
	if err != nil {
		return err
	}
	out.UseFIPS = fips == aws.FIPSEndpointStateEnabled
	out.UseDualStack = dualStack == aws.DualStackEndpointStateEnabled

	ignored, _, err := first(sources, ignoreSource.GetIgnoreConfiguredEndpoints)
	if ignored || err != nil {
		return err
	}
	for _, id := range []string{"License Manager", "SSO OIDC", "SSO", "STS"} {
		_, all := os.LookupEnv("AWS_ENDPOINT_URL")
		_, one := os.LookupEnv("AWS_ENDPOINT_URL_" + strings.ToUpper(strings.ReplaceAll(id, " ", "_")))
		if all && !one {
			continue // AWS_ENDPOINT_URL precedes a profile's endpoint of the service
		}
		url, found, err := first(sources, func(s endpointSource, ctx context.Context) (string, bool, error) {
			return s.GetServiceBaseEndpoint(ctx, id)
		})
		if err != nil {
			return err
		}
		if found {
			if out.ServiceEndpoints == nil {
				out.ServiceEndpoints = make(map[string]string)
			}
			out.ServiceEndpoints[id] = url
		}
	}
	return nil
}

// first returns the value of the first source that has one.
func first[S, T any](sources []any, get func(S, context.Context) (T, bool, error)) (value T, found bool, err error) {
	for _, source := range sources {
		if s, ok := source.(S); ok {
			if value, found, err = get(s, context.Background()); found || err != nil {
				return value, found, err
			}
		}
	}
	return value, false, nil
}

// logger returns nil unless ClientLogMode asks for something, because the SDK
// always sets a logger, which writes to the standard error.
func logger(cfg aws.Config) *slog.Logger {
	const attempts = aws.LogRetries | aws.LogRequest | aws.LogRequestWithBody | aws.LogResponse | aws.LogResponseWithBody
	if cfg.Logger == nil || cfg.ClientLogMode&attempts == 0 {
		return nil
	}
	return slog.New(slog.NewTextHandler(lines{cfg.Logger}, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(groups []string, attr slog.Attr) slog.Attr {
			if len(groups) == 0 && (attr.Key == slog.TimeKey || attr.Key == slog.LevelKey) {
				return slog.Attr{} // the logger adds its own
			}
			return attr
		},
	}))
}

// lines writes lines to a logger.
type lines struct{ logging.Logger }

func (l lines) Write(line []byte) (int, error) {
	l.Logf(logging.Debug, "%s", strings.TrimSuffix(string(line), "\n"))
	return len(line), nil
}
