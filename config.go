package awstokens

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go/metrics"
	"github.com/aws/smithy-go/tracing"
)

// Config is what every client of this module is made from. Only Region is
// required, and not even that when a custom endpoint is used with operations
// that need no signature. A client copies its Config: changing one afterwards
// changes no client. Printing or logging a Config shows no secret.
type Config struct {
	// Region is the AWS Region, such as us-east-1: for License Manager the home
	// Region of the license, for IAM Identity Center that of the instance.
	Region string

	// Credentials sign requests. If nil, operations that need a signature
	// return [ErrNoCredentials] before any I/O.
	Credentials CredentialsProvider

	// BaseEndpoint overrides the endpoint resolved from Region. A path in it is
	// kept as a prefix. It must be https, unless its host is a loopback address
	// or AllowInsecureEndpoint is set.
	BaseEndpoint string

	// ServiceEndpoints overrides BaseEndpoint for single services, by service
	// ID: "License Manager", "SSO OIDC", "SSO" (the access portal) and "STS".
	// Clients cannot be made with any other key.
	ServiceEndpoints map[string]string

	// UseFIPS and UseDualStack choose the FIPS 140 and the dual-stack (IPv4 and
	// IPv6) variant of the resolved endpoint. Clients cannot be made with one of
	// them and a custom endpoint.
	UseFIPS, UseDualStack bool

	// HTTPClient sends requests. If nil, one client shared by the whole process
	// is used, which [DefaultHTTPClient] describes. No redirect is followed,
	// because it would take tokens to another host: an *http.Client is copied,
	// never changed, and the copy follows none. Any other client may follow
	// one by itself: its request is canceled, and nothing of it is sent, when it is
	// about to write it to another host; a response to a request other than the one
	// that was sent is an error. A request with a single-use token is also canceled
	// when such a client sends it again by itself.
	HTTPClient HTTPClient

	// Retryer decides what is retried and when. If nil, each client gets a
	// [NewStandardRetryer] of its own.
	Retryer Retryer

	// Logger receives one record per attempt, at [slog.LevelDebug], with the
	// attributes service, operation, attempt, status, request_id, duration and
	// error. It never sees a secret. If nil, nothing is logged.
	Logger *slog.Logger

	// TracerProvider receives the spans of every call, with the names and
	// attributes of aws-sdk-go-v2: one of the call, such as
	// "License Manager.CreateToken", below it an Attempt for each request, and in
	// that GetIdentity, in whose context the credentials are retrieved, and
	// DoHTTPRequest, in whose context the request is sent. Text is redacted as it
	// is for Logger. If nil, nothing is traced, at no cost. For OpenTelemetry, use
	// smithyoteltracing.Adapt of smithy-go.
	TracerProvider tracing.TracerProvider

	// MeterProvider receives the metrics of every call, with the names and
	// attributes of aws-sdk-go-v2: the counters client.call.attempts and
	// client.call.errors, and histograms of how long the call and its parts took,
	// such as client.call.duration, in seconds. Clients cannot be made if it
	// returns an error for an instrument. If nil, nothing is measured, at no
	// cost. For OpenTelemetry, use smithyotelmetrics.Adapt of smithy-go.
	MeterProvider metrics.MeterProvider

	// AppID is added to the User-Agent header as "app/AppID". AWS recommends at
	// most 50 characters.
	AppID string

	// MaxResponseBytes is the most bytes of a response that are read; a longer
	// one is [ErrResponseTooLarge]. Zero means 1 MiB, far above the largest
	// documented response, a page of 100 items. Clients cannot be made with a
	// negative one.
	MaxResponseBytes int64

	// DisableValidation sends inputs without calling Validate; the service still
	// validates. It helps where the service has relaxed a documented rule.
	DisableValidation bool

	// AllowInsecureEndpoint permits an http:// endpoint on a host that is not a
	// loopback address. Tokens then cross the network in the clear.
	AllowInsecureEndpoint bool

	// Now is the clock for signatures and expirations. If nil, [time.Now]. It
	// must be safe for concurrent use.
	Now func() time.Time
}

// HTTPClient sends one HTTP request. *http.Client implements it. It must be
// safe for concurrent use.
type HTTPClient interface {
	Do(*http.Request) (*http.Response, error)
}

// ConfigFromEnv returns the Config that the environment describes, by the
// variables that the AWS CLI reads:
//
//   - AWS_REGION, else AWS_DEFAULT_REGION
//   - AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and
//     AWS_ACCOUNT_ID, as [EnvCredentials]; without keys Credentials is nil
//   - AWS_ENDPOINT_URL, and for one service AWS_ENDPOINT_URL_LICENSE_MANAGER,
//     AWS_ENDPOINT_URL_SSO_OIDC, AWS_ENDPOINT_URL_SSO, AWS_ENDPOINT_URL_STS;
//     none of them when AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is true
//   - AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT, true or false
//   - AWS_CA_BUNDLE, a PEM file that replaces the system's root certificates
//   - AWS_MAX_ATTEMPTS, the attempts of the standard retryer, at least 1
//   - AWS_SDK_UA_APP_ID, as AppID
//
// It reads no configuration file and no profile. If AWS_PROFILE or
// AWS_DEFAULT_PROFILE is set and there are no keys, Credentials is a provider whose
// error names the functions that read a profile. ConfigFromEnv returns an error that
// names each variable whose value it cannot use. Region and endpoints are checked
// when a client is made.
func ConfigFromEnv() (Config, error) {
	cfg := Config{
		Region: firstEnv("AWS_REGION", "AWS_DEFAULT_REGION"),
		AppID:  os.Getenv("AWS_SDK_UA_APP_ID"),
	}
	var err error
	if firstEnv("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") != "" {
		cfg.Credentials = EnvCredentials()
		_, err = envCredentials()
	} else if envProfile() != "" {
		cfg.Credentials = EnvCredentials() // for its error
	}
	ignoreEndpoints := envBool("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", &err)
	cfg.UseFIPS = envBool("AWS_USE_FIPS_ENDPOINT", &err)
	cfg.UseDualStack = envBool("AWS_USE_DUALSTACK_ENDPOINT", &err)
	if !ignoreEndpoints {
		cfg.BaseEndpoint = os.Getenv("AWS_ENDPOINT_URL")
		for _, id := range []string{"License Manager", "SSO OIDC", "SSO", "STS"} {
			name := "AWS_ENDPOINT_URL_" + strings.ToUpper(strings.ReplaceAll(id, " ", "_"))
			if url := os.Getenv(name); url != "" {
				if cfg.ServiceEndpoints == nil {
					cfg.ServiceEndpoints = make(map[string]string)
				}
				cfg.ServiceEndpoints[id] = url
			}
		}
	}
	if path := os.Getenv("AWS_CA_BUNDLE"); path != "" {
		client, caErr := clientWithCABundle(path)
		if caErr != nil {
			err = errors.Join(err, fmt.Errorf("AWS_CA_BUNDLE: %w", caErr))
		} else {
			cfg.HTTPClient = client
		}
	}
	if s := os.Getenv("AWS_MAX_ATTEMPTS"); s != "" {
		n, convErr := strconv.Atoi(s)
		if convErr != nil || n < 1 {
			err = errors.Join(err, fmt.Errorf("AWS_MAX_ATTEMPTS: %q is not a whole number of at least 1", s))
		} else {
			cfg.Retryer = NewStandardRetryer(func(o *StandardRetryerOptions) { o.MaxAttempts = n })
		}
	}
	if err != nil {
		return Config{}, fmt.Errorf("awstokens: configuration from the environment: %w", err)
	}
	return cfg, nil
}

// DefaultHTTPClient returns a new HTTP client with the settings of the one that
// a nil [Config.HTTPClient] stands for: 10 s to connect, 10 s for the TLS
// handshake, 60 s for one whole attempt, TLS 1.2 or newer, and the proxy that
// HTTP_PROXY, HTTPS_PROXY and NO_PROXY name. An HTTP/2 connection on which nothing
// arrives for 30 s, not even the response to a ping, is closed. Start from it to
// change some.
func DefaultHTTPClient() *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{
		Timeout: 60 * time.Second,
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            dialer.DialContext,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           100,
			MaxIdleConnsPerHost:    32,
			IdleConnTimeout:        90 * time.Second,
			TLSHandshakeTimeout:    10 * time.Second,
			ExpectContinueTimeout:  time.Second,
			MaxResponseHeaderBytes: 256 << 10,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
			// Without pings, every attempt would use a dead HTTP/2 connection and
			// time out, for a quarter of an hour.
			HTTP2: &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
		},
	}
}

func clientWithCABundle(path string) (*http.Client, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s contains no PEM certificate", path)
	}
	client := DefaultHTTPClient()
	client.Transport.(*http.Transport).TLSClientConfig.RootCAs = pool
	return client, nil
}

func firstEnv(names ...string) string {
	for _, name := range names {
		if v := os.Getenv(name); v != "" {
			return v
		}
	}
	return ""
}

func envBool(name string, err *error) bool {
	switch v := os.Getenv(name); strings.ToLower(v) {
	case "", "false":
		return false
	case "true":
		return true
	default:
		*err = errors.Join(*err, fmt.Errorf("%s: %q is neither true nor false", name, v))
		return false
	}
}
