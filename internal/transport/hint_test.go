package transport_test

import (
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// noHost is an HTTP client for which a host does not exist: that of the request,
// or another one.
type noHost struct {
	name      string
	temporary bool
}

func (c noHost) Do(req *http.Request) (*http.Response, error) {
	if c.name == "" {
		c.name = req.URL.Hostname()
	}
	lookup := &net.DNSError{Err: "no such host", Name: c.name, IsNotFound: !c.temporary, IsTemporary: c.temporary}
	return nil, &url.Error{Op: "Get", URL: req.URL.String(), Err: &net.OpError{Op: "dial", Net: "tcp", Err: lookup}}
}

// TestNoSuchHost: the error says what may be wrong with the endpoint that was
// made from the configuration.
func TestNoSuchHost(t *testing.T) {
	const region = "eu-nroth-1"
	for name, test := range map[string]struct {
		cfg  awstokens.Config
		says string
	}{
		"plain":           {awstokens.Config{Region: region}, "SSO may have no endpoint in the Region eu-nroth-1"},
		"FIPS":            {awstokens.Config{Region: region, UseFIPS: true}, "SSO may have no FIPS endpoint in the Region eu-nroth-1"},
		"dual-stack":      {awstokens.Config{Region: region, UseDualStack: true}, "SSO may have no dual-stack endpoint in the Region eu-nroth-1"},
		"both":            {awstokens.Config{Region: region, UseFIPS: true, UseDualStack: true}, "SSO may have no FIPS dual-stack endpoint in the Region eu-nroth-1"},
		"full name":       {awstokens.Config{Region: region, HTTPClient: noHost{name: "portal.sso.eu-nroth-1.amazonaws.com."}}, "SSO may have no endpoint"},
		"custom":          {awstokens.Config{Region: region, BaseEndpoint: "https://portal.example.com"}, ""},
		"of the service":  {awstokens.Config{Region: region, ServiceEndpoints: map[string]string{"SSO": "https://portal.example.com"}}, ""},
		"of a proxy":      {awstokens.Config{Region: region, HTTPClient: noHost{name: "proxy.example.com"}}, ""},
		"no name service": {awstokens.Config{Region: region, HTTPClient: noHost{temporary: true}}, ""},
	} {
		if test.cfg.HTTPClient == nil {
			test.cfg.HTTPClient = noHost{}
		}
		test.cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = 1 })
		client, err := portal.New(test.cfg)
		require.NoError(t, err)
		_, err = client.Logout(t.Context(), &portal.LogoutInput{AccessToken: awstokens.NewSecret("fake-token")})
		require.ErrorContains(t, err, "no such host", name)
		if test.says == "" {
			assert.NotContains(t, err.Error(), "may have no", name)
		} else {
			assert.ErrorContains(t, err, test.says, name)
		}
		var lookup *net.DNSError
		assert.ErrorAs(t, err, &lookup, name)
	}
}
