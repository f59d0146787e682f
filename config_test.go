package awstokens_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

// setEnv sets the given variables, and all others that ConfigFromEnv reads to the
// empty string.
func setEnv(t *testing.T, env map[string]string) {
	t.Helper()
	known := map[string]string{
		"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "",
		"AWS_ACCOUNT_ID":   "",
		"AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_LICENSE_MANAGER": "", "AWS_ENDPOINT_URL_SSO_OIDC": "", "AWS_ENDPOINT_URL_SSO": "",
		"AWS_ENDPOINT_URL_STS": "", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "", "AWS_USE_FIPS_ENDPOINT": "", "AWS_USE_DUALSTACK_ENDPOINT": "",
		"AWS_CA_BUNDLE": "", "AWS_MAX_ATTEMPTS": "", "AWS_SDK_UA_APP_ID": "", "AWS_PROFILE": "", "AWS_DEFAULT_PROFILE": "",
	}
	for name, value := range env {
		require.Contains(t, known, name)
		known[name] = value
	}
	for name, value := range known {
		t.Setenv(name, value)
	}
}

func TestConfigFromEnv(t *testing.T) {
	type env = map[string]string
	for name, test := range map[string]struct {
		env  env
		want awstokens.Config
	}{
		"nothing":              {nil, awstokens.Config{}},
		"region":               {env{"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-east-1"}, awstokens.Config{Region: "eu-west-1"}},
		"default region":       {env{"AWS_DEFAULT_REGION": "us-east-1"}, awstokens.Config{Region: "us-east-1"}},
		"FIPS":                 {env{"AWS_USE_FIPS_ENDPOINT": "true"}, awstokens.Config{UseFIPS: true}},
		"dual-stack":           {env{"AWS_USE_DUALSTACK_ENDPOINT": "TRUE"}, awstokens.Config{UseDualStack: true}},
		"false":                {env{"AWS_USE_FIPS_ENDPOINT": "false", "AWS_USE_DUALSTACK_ENDPOINT": "False"}, awstokens.Config{}},
		"endpoint":             {env{"AWS_ENDPOINT_URL": "https://example.test"}, awstokens.Config{BaseEndpoint: "https://example.test"}},
		"application":          {env{"AWS_SDK_UA_APP_ID": "my-app"}, awstokens.Config{AppID: "my-app"}},
		"session token, alone": {env{"AWS_SESSION_TOKEN": fake}, awstokens.Config{}},
		"endpoints of services": {
			env{
				"AWS_ENDPOINT_URL": "https://all.example.test", "AWS_ENDPOINT_URL_LICENSE_MANAGER": "https://lm.example.test", "AWS_ENDPOINT_URL_SSO_OIDC": "https://oidc.example.test",
				"AWS_ENDPOINT_URL_SSO": "https://sso.example.test", "AWS_ENDPOINT_URL_STS": "https://sts.example.test",
			},
			awstokens.Config{BaseEndpoint: "https://all.example.test", ServiceEndpoints: map[string]string{
				"License Manager": "https://lm.example.test", "SSO OIDC": "https://oidc.example.test", "SSO": "https://sso.example.test", "STS": "https://sts.example.test",
			}},
		},
		"endpoints ignored": {
			env{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "AWS_ENDPOINT_URL": "https://example.test", "AWS_ENDPOINT_URL_STS": "https://sts.example.test"},
			awstokens.Config{},
		},
		"endpoints not ignored": {
			env{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false", "AWS_ENDPOINT_URL_STS": "https://sts.example.test"},
			awstokens.Config{ServiceEndpoints: map[string]string{"STS": "https://sts.example.test"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			setEnv(t, test.env)
			got, err := awstokens.ConfigFromEnv()
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

func TestConfigFromEnvCredentials(t *testing.T) {
	setEnv(t, map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": fake})
	cfg, err := awstokens.ConfigFromEnv()
	require.NoError(t, err)
	creds, err := cfg.Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "AKIDEXAMPLE", creds.AccessKeyID)
}

func TestConfigFromEnvMaxAttempts(t *testing.T) {
	for text, want := range map[string]int{"1": 1, "7": 7} {
		setEnv(t, map[string]string{"AWS_MAX_ATTEMPTS": text})
		cfg, err := awstokens.ConfigFromEnv()
		require.NoError(t, err)
		assert.Equal(t, want, cfg.Retryer.MaxAttempts())
	}
}

// TestConfigFromEnvRefuses: the error names every invalid variable, and contains no
// key.
func TestConfigFromEnvRefuses(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "not.pem")
	require.NoError(t, os.WriteFile(notPEM, []byte("no certificate"), 0o600))
	for _, env := range []map[string]string{
		{"AWS_USE_FIPS_ENDPOINT": "yes"},
		{"AWS_USE_DUALSTACK_ENDPOINT": "1"},
		{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "maybe"},
		{"AWS_MAX_ATTEMPTS": "0"},
		{"AWS_MAX_ATTEMPTS": "-1"},
		{"AWS_MAX_ATTEMPTS": "three"},
		{"AWS_MAX_ATTEMPTS": "1.5"},
		{"AWS_CA_BUNDLE": filepath.Join(t.TempDir(), "none.pem")},
		{"AWS_CA_BUNDLE": notPEM},
		{"AWS_CA_BUNDLE": notPEM, "AWS_MAX_ATTEMPTS": "x", "AWS_USE_FIPS_ENDPOINT": "x", "AWS_USE_DUALSTACK_ENDPOINT": "x"},
	} {
		setEnv(t, env)
		cfg, err := awstokens.ConfigFromEnv()
		require.Error(t, err, env)
		assert.Zero(t, cfg)
		for name := range env {
			assert.ErrorContains(t, err, name)
		}
	}
	for half, other := range map[string]string{"AWS_ACCESS_KEY_ID": "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY": "AWS_ACCESS_KEY_ID"} {
		setEnv(t, map[string]string{half: fake})
		_, err := awstokens.ConfigFromEnv()
		assert.ErrorIs(t, err, awstokens.ErrNoCredentials)
		assert.ErrorContains(t, err, other)
		assert.NotContains(t, err.Error(), fake)
	}
}

// TestCABundle calls a server whose certificate is only in the bundle.
func TestCABundle(t *testing.T) {
	certificate, bundle := selfSigned(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it would report the handshake that is to fail
	server.StartTLS()
	defer server.Close()
	get := func(client awstokens.HTTPClient) (*http.Response, error) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		require.NoError(t, err)
		return client.Do(req)
	}

	_, err := get(awstokens.DefaultHTTPClient())
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)

	setEnv(t, map[string]string{"AWS_CA_BUNDLE": bundle})
	cfg, err := awstokens.ConfigFromEnv()
	require.NoError(t, err)
	client := cfg.HTTPClient.(*http.Client)
	defer client.CloseIdleConnections()
	resp, err := get(client)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusTeapot, resp.StatusCode)
	assert.Equal(t, awstokens.DefaultHTTPClient().Timeout, client.Timeout)
}

// selfSigned makes a certificate for 127.0.0.1, and a file with it in PEM.
func selfSigned(t *testing.T) (tls.Certificate, string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, path
}

// TestDefaultHTTPClient: the client has the documented timeouts, and each call
// returns another one.
func TestDefaultHTTPClient(t *testing.T) {
	client := awstokens.DefaultHTTPClient()
	transport := client.Transport.(*http.Transport)
	assert.Equal(t, 60*time.Second, client.Timeout)
	assert.Equal(t, 10*time.Second, transport.TLSHandshakeTimeout)
	assert.Equal(t, uint16(tls.VersionTLS12), transport.TLSClientConfig.MinVersion)
	assert.NotNil(t, transport.Proxy)
	require.NotNil(t, transport.HTTP2)
	assert.Equal(t, 30*time.Second, transport.HTTP2.SendPingTimeout+transport.HTTP2.PingTimeout)
	assert.NotSame(t, client, awstokens.DefaultHTTPClient())
	assert.NotSame(t, transport, awstokens.DefaultHTTPClient().Transport)
}
