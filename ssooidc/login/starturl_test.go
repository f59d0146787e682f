package login

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unreachable is an HTTP client that fails the test.
func unreachable(t *testing.T) func(*Options) {
	return func(o *Options) {
		o.Config.HTTPClient = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			t.Errorf("%s %s was sent", r.Method, r.URL)
			return nil, errors.New("unreachable")
		})}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestStartURLsOfAWS(t *testing.T) {
	for _, test := range []struct{ want, region, typed string }{
		{"https://corp.awsapps.com/start", "", "https://corp.awsapps.com/start https://corp.awsapps.com/start/ https://corp.awsapps.com/start#" +
			" https://corp.awsapps.com/start#/ https://corp.awsapps.com/start/#/ https://corp.awsapps.com/start/#/?tab=accounts https://corp.awsapps.com" +
			" https://corp.awsapps.com/ https://corp.awsapps.com/#/ corp.awsapps.com/start corp.awsapps.com HTTPS://Corp.AWSApps.com:443/start?x=y https://corp.awsapps.com./start"},
		{"https://d-0123456789.awsapps.com/start", "", "https://d-0123456789.awsapps.com/start//"},
		{"https://corp.awsapps.cn/start", "", "https://corp.awsapps.cn/start"},
		{"https://start.us-gov-home.awsapps.com/directory/corp", "", "https://start.us-gov-home.awsapps.com/directory/corp#/"},
		{"https://start.home.awsapps.cn/directory/d-0123456789", "", "https://start.home.awsapps.cn/directory/d-0123456789/"},
		{"https://ssoins-0123.portal.eu-west-1.app.aws", "eu-west-1", "https://ssoins-0123.portal.eu-west-1.app.aws https://SSOINS-0123.portal.eu-west-1.app.aws/#/"},
		{"https://ssoins-0123.portal.eu-west-1.app.aws/start", "eu-west-1", "https://ssoins-0123.portal.eu-west-1.app.aws/start/"},
		{"https://ssoins-0123.us-gov-west-1.portal.amazonaws.com", "us-gov-west-1", "https://ssoins-0123.us-gov-west-1.portal.amazonaws.com/"},
		{"https://ssoins-0123.cn-north-1.portal.amazonaws.com.cn", "cn-north-1", "https://ssoins-0123.cn-north-1.portal.amazonaws.com.cn"},
		{"https://ssoins-0123.portal.cn-north-1.app.amazonwebservices.com.cn", "cn-north-1", "https://ssoins-0123.portal.cn-north-1.app.amazonwebservices.com.cn"},
		{"https://ssoins-0123.eusc-de-east-1.portal.amazonaws.eu", "eusc-de-east-1", "https://ssoins-0123.eusc-de-east-1.portal.amazonaws.eu"},
		{"https://ssoins-0123.portal.eusc-de-east-1.api.amazonwebservices.eu", "eusc-de-east-1", "https://ssoins-0123.portal.eusc-de-east-1.api.amazonwebservices.eu"},
		{"https://identitycenter.amazonaws.com/ssoins-0123", "", "https://identitycenter.amazonaws.com/ssoins-0123/"},
		{"https://identitycenter.amazonaws.com.cn/ssoins-0123", "", "https://identitycenter.amazonaws.com.cn/ssoins-0123#"},
	} {
		for typed := range strings.SplitSeq(test.typed, " ") {
			session, err := ResolveStartURL(t.Context(), " \t"+typed+"\r\n", unreachable(t), nil)
			require.NoError(t, err, typed)
			assert.Equal(t, Session{StartURL: test.want, Region: test.region}, session, typed)
		}
	}
}

func TestStartURLErrors(t *testing.T) {
	const code = "FAKE-CODE"
	for typed, want := range map[string]string{
		"":                                                  "not a URL",
		"my-sso":                                            "use LoadSession or LoadProfile",
		"http://corp.awsapps.com/start":                     "start URL http://corp.awsapps.com/start: the scheme is not https",
		"ftp://corp.awsapps.com":                            "the scheme is not https",
		"https://":                                          "not a URL",
		"https://corp.awsapps.com/start please":             "not a URL",
		"https://corp .awsapps.com/start":                   "not a URL",
		"https://[::1/start":                                "not a URL",
		"https://me:pass@corp.awsapps.com/start":            "start URL https://corp.awsapps.com/start: it has a user name in it",
		"https://corp.awsapps.com:8443/start":               "AWS has no portal at that port",
		"https://corp.awsapps.com/console":                  "the path must be /start or /directory/NAME",
		"https://start.home.awsapps.cn/":                    "the path must be /start or /directory/NAME",
		"https://start.home.awsapps.cn/directory/a%2Fb":     "the path must be /start or /directory/NAME",
		"https://awsapps.com/start":                         "the host must begin with the name",
		"https://cörp.awsapps.com/start":                    "the host is not a host name",
		"https://\u212a.awsapps.com/start":                  "the host is not a host name", // whose lower case is k
		"https://corp\u3002awsapps\u3002com/start":          "the host is not a host name", // which a client maps to corp.awsapps.com
		"https://<b>.awsapps.com/start":                     "the host is not a host name",
		"https://*.awsapps.com/start":                       "the host is not a host name",
		"https://a..awsapps.com/start":                      "the host is not a host name",
		"https://.awsapps.com/start":                        "the host is not a host name",
		"https://corp.awsapps.com../start":                  "the host is not a host name",
		"https://corp.awsapps.com%2e/start":                 "not a URL",
		"https://corp.awsapps.com\\start":                   "not a URL",
		"https://corp.awsapps.com/start\u200b":              "the path must be /start",
		"https://portal.amazonaws.com":                      "the host must begin with the name",
		"https://identitycenter.amazonaws.com":              "the path must be the ID of an instance",
		"https://identitycenter.amazonaws.com/ssoins-0/x":   "the path must be the ID of an instance",
		"https://ssoins-0123.portal.eu-west-1.app.aws/else": "the path must be /start",
	} {
		if typed != "" {
			typed += "?user_code=" + code + "#" + code
		}
		_, err := ResolveStartURL(t.Context(), typed, unreachable(t))
		require.ErrorContains(t, err, want, typed)
		assert.NotContains(t, err.Error(), code)
		assert.NotContains(t, err.Error(), "pass@")
	}
	_, err := ResolveStartURL(t.Context(), "https://corp.example", func(o *Options) { o.Config.HTTPClient = otherClient{} })
	assert.ErrorContains(t, err, "Config.HTTPClient is a login.otherClient, which may follow redirects")
}

type otherClient struct{}

func (otherClient) Do(*http.Request) (*http.Response, error) { panic("it was used") }

// company is a company's own domain, and what it was asked.
func company(t *testing.T, handler http.HandlerFunc) (address string, options func(*Options), asked *[]string) {
	t.Helper()
	asked = new([]string)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.Method+" "+r.URL.String())
		assert.Empty(t, r.Header.Get("Authorization")+r.Header.Get("Cookie"))
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	client := server.Client()
	client.Transport.(*http.Transport).Proxy = nil
	client.Jar = oneCookie{}
	return server.URL, func(o *Options) { o.Config.HTTPClient = client }, asked
}

type oneCookie struct{ http.CookieJar }

func (oneCookie) Cookies(*url.URL) []*http.Cookie {
	return []*http.Cookie{{Name: "fake", Value: "fake"}}
}

func TestStartURLAtACompany(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, refused := range []int{0, 405, 501} {
			address, options, asked := company(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodHead && refused != 0 {
					w.WriteHeader(refused)
					return
				}
				w.Header().Set("Location", "https://ssoins-0123.portal.eu-west-1.app.aws/start/?code=FAKE#/")
				w.WriteHeader(status)
			})
			session, err := ResolveStartURL(t.Context(), address+"/sso?tenant=1#x", options)
			require.NoError(t, err)
			assert.Equal(t, Session{StartURL: "https://ssoins-0123.portal.eu-west-1.app.aws/start", Region: "eu-west-1"}, session)
			want := []string{"HEAD /sso?tenant=1"}
			if refused != 0 {
				want = append(want, "GET /sso?tenant=1")
			}
			assert.Equal(t, want, *asked)
		}
	}
}

func TestStartURLAtAHostileDomain(t *testing.T) {
	for location, want := range map[string]string{
		"https://evil.example/?secret=FAKE-CODE":    "redirects to evil.example, which is not a host of AWS",
		"https://awsapps.com.evil.example/start":    "not a host of AWS",
		"https://evil-awsapps.com/start":            "not a host of AWS",
		"https://<b>.awsapps.com/start":             "not a host of AWS",
		"https://c%C3%B6rp.awsapps.com/start":       "not a host of AWS",
		"http://corp.awsapps.com/start":             "redirects to corp.awsapps.com, but not by a plain https URL",
		"https://me:pass@corp.awsapps.com/start":    "not by a plain https URL",
		"file:///etc/passwd":                        "not a host of AWS",
		"/elsewhere":                                "not a host of AWS",
		"https://[::1":                              "it redirects, but not to a URL",
		"":                                          "it redirects, but not to a URL",
		"https://corp.awsapps.com/saml?x=FAKE-CODE": "start URL https://corp.awsapps.com/saml: the path must be /start",
	} {
		address, options, asked := company(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusFound)
		})
		_, err := ResolveStartURL(t.Context(), address, options)
		require.ErrorContains(t, err, want, location)
		assert.NotContains(t, err.Error(), "FAKE-CODE")
		assert.Len(t, *asked, 1, location)
	}
	for _, status := range []int{200, 204, 300, 304, 401, 404, 405, 500, 501} {
		address, options, asked := company(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		_, err := ResolveStartURL(t.Context(), address, options)
		require.ErrorContains(t, err, "start URL "+address+": this is not a host of AWS")
		assert.LessOrEqual(t, len(*asked), 2)
	}

	address, _, asked := company(t, func(http.ResponseWriter, *http.Request) {})
	_, err := ResolveStartURL(t.Context(), address+"?secret=FAKE-CODE", func(o *Options) { o.Config.HTTPClient = &http.Client{} })
	require.ErrorContains(t, err, "certificate")
	assert.NotContains(t, err.Error(), "FAKE-CODE")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = ResolveStartURL(ctx, address)
	assert.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, *asked)
}

func FuzzStartURL(f *testing.F) {
	for _, seed := range []string{"https://corp.awsapps.com/start/#/", "corp.awsapps.com", "https://ssoins-0.portal.r.app.aws", "https://x.example", "https://[::1%25x]:1/%zz"} {
		f.Add(seed, "https://corp.awsapps.com/start")
		f.Add("https://x.example", seed)
	}
	f.Fuzz(func(t *testing.T, typed, location string) {
		requests := 0
		client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			requests++
			assert.True(t, isHost(r.URL.Hostname()) && !isHostOfAWS(r.URL.Hostname()))
			assert.Equal(t, "https", r.URL.Scheme)
			return &http.Response{StatusCode: 302, Header: http.Header{"Location": {location}}, Body: http.NoBody, Request: r}, nil
		})}
		session, err := ResolveStartURL(t.Context(), typed, func(o *Options) { o.Config.HTTPClient = client })
		assert.LessOrEqual(t, requests, 1)
		if err != nil {
			return
		}
		u, err := url.Parse(session.StartURL)
		require.NoError(t, err)
		assert.True(t, hostName.MatchString(u.Host) && isHostOfAWS(u.Host) && u.Scheme == "https" && !strings.HasSuffix(u.Path, "/") && u.RawQuery+u.Fragment == "", session.StartURL)
		again, err := ResolveStartURL(t.Context(), session.StartURL, unreachable(t))
		require.NoError(t, err)
		assert.Equal(t, session, again)
	})
}
