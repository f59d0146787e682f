package endpoint

import (
	"encoding/json"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

// facts are the published endpoint rules.
type facts struct {
	Note       string
	Partitions []struct {
		ID, RegionRegex, DNSSuffix, DualStackDNSSuffix string
		Regions                                        []string
	}
	Hosts map[string]map[string]string // by service ID and variant
}

func published(t *testing.T) (f facts) {
	text, err := os.ReadFile("testdata/endpoints.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &f))
	require.Len(t, f.Partitions, 8)
	return f
}

// host is what the rules make of a service and a Region, written as the note
// in the facts has it: the lists first, then the expressions, then the first
// partition.
func (f facts) host(service, region string, fips, dualStack bool) string {
	is := 0
	for i := len(f.Partitions) - 1; i >= 0; i-- {
		if regexp.MustCompile(f.Partitions[i].RegionRegex).MatchString(region) {
			is = i
		}
	}
	for i, p := range f.Partitions {
		if slices.Contains(p.Regions, region) {
			is = i
		}
	}
	variant := map[[2]bool]string{{}: "plain", {true, false}: "fips", {false, true}: "dualstack", {true, true}: "fips+dualstack"}[[2]bool{fips, dualStack}]
	p, template := f.Partitions[is], f.Hosts[service][variant]
	if special, ok := f.Hosts[service][variant+" in "+p.ID]; ok {
		template = special
	}
	return strings.NewReplacer("{region}", region, "{dnsSuffix}", p.DNSSuffix, "{dualStackDnsSuffix}", p.DualStackDNSSuffix).Replace(template)
}

var services = []Service{LicenseManager, OIDC, Portal, STS}

func TestHosts(t *testing.T) {
	f := published(t)
	require.Len(t, f.Hosts, len(services))
	var regions []string
	for _, p := range f.Partitions {
		regions = append(regions, p.Regions...)
	}
	regions = append(regions,
		// Not listed, but of a partition's form.
		"us-moon-12", "mx-east-1", "cn-moon-1", "cn-az09-90", "eusc-de-west-2", "us-iso-moon-3", "us-isob-moon-3", "eu-isoe-moon-3", "us-isof-moon-3", "us-gov-moon-3",
		// Of no form: the first partition.
		"moon-base-1", "moon", "us-east-1a", "cn-moon-1a", "cn--1", "us-east", "us--1", "xus-east-1", "eusc-fr-east-1", "us-gov-a-b-1", "global",
		// What looks like two partitions.
		"us-gov-1", "us-iso-1", "eu-isoe-1", "cn-1")
	for _, service := range services {
		for _, region := range regions {
			for _, fips := range []bool{false, true} {
				for _, dualStack := range []bool{false, true} {
					u, err := Resolve(service, awstokens.Config{Region: region, UseFIPS: fips, UseDualStack: dualStack})
					require.NoError(t, err, region)
					want := "https://" + f.host(service.ID, region, fips, dualStack)
					assert.Equal(t, want, u.String(), "%s %s, FIPS %t, dual-stack %t", service.ID, region, fips, dualStack)
				}
			}
		}
	}
}

// TestKnownHosts has examples, the special FIPS hosts of aws-us-gov first, against
// a mistake in the rules of TestHosts.
func TestKnownHosts(t *testing.T) {
	type variant struct{ fips, dualStack bool }
	for want, test := range map[string]struct {
		service Service
		region  string
		variant
	}{
		"oidc.us-gov-west-1.amazonaws.com":                              {OIDC, "us-gov-west-1", variant{fips: true}},
		"portal.sso.us-gov-west-1.amazonaws.com":                        {Portal, "us-gov-west-1", variant{fips: true}},
		"sts.us-gov-east-1.amazonaws.com":                               {STS, "us-gov-east-1", variant{fips: true}},
		"license-manager-fips.us-gov-east-1.amazonaws.com":              {LicenseManager, "us-gov-east-1", variant{fips: true}},
		"oidc-fips.us-gov-west-1.api.aws":                               {OIDC, "us-gov-west-1", variant{fips: true, dualStack: true}},
		"oidc-fips.us-east-1.amazonaws.com":                             {OIDC, "us-east-1", variant{fips: true}},
		"portal.sso-fips.ca-west-1.amazonaws.com":                       {Portal, "ca-west-1", variant{fips: true}},
		"license-manager.us-east-1.amazonaws.com":                       {LicenseManager, "us-east-1", variant{}},
		"license-manager.cn-north-1.amazonaws.com.cn":                   {LicenseManager, "cn-north-1", variant{}},
		"license-manager.eusc-de-east-1.amazonaws.eu":                   {LicenseManager, "eusc-de-east-1", variant{}},
		"sts.us-iso-east-1.c2s.ic.gov":                                  {STS, "us-iso-east-1", variant{}},
		"sts.us-isob-east-1.sc2s.sgov.gov":                              {STS, "us-isob-east-1", variant{}},
		"license-manager.eu-isoe-west-1.api.cloud-aws.adc-e.uk":         {LicenseManager, "eu-isoe-west-1", variant{dualStack: true}},
		"license-manager.us-isof-south-1.csp.hci.ic.gov":                {LicenseManager, "us-isof-south-1", variant{}},
		"license-manager-fips.cn-north-1.api.amazonwebservices.com.cn":  {LicenseManager, "cn-north-1", variant{fips: true, dualStack: true}},
		"license-manager.in-a-region-of-tomorrow-1.amazonaws.com":       {LicenseManager, "in-a-region-of-tomorrow-1", variant{}},
		"license-manager.eusc-de-east-1.api.amazonwebservices.eu":       {LicenseManager, "eusc-de-east-1", variant{dualStack: true}},
		"portal.sso.us-iso-west-1.api.aws.ic.gov":                       {Portal, "us-iso-west-1", variant{dualStack: true}},
		"license-manager-fips.us-isob-west-1.api.aws.scloud":            {LicenseManager, "us-isob-west-1", variant{fips: true, dualStack: true}},
		"license-manager-fips.us-isof-east-1.api.aws.hci.ic.gov":        {LicenseManager, "us-isof-east-1", variant{fips: true, dualStack: true}},
		"license-manager-fips.aws-us-gov-global.amazonaws.com":          {LicenseManager, "aws-us-gov-global", variant{fips: true}},
		"license-manager." + strings.Repeat("x", 63) + ".amazonaws.com": {LicenseManager, strings.Repeat("x", 63), variant{}},
	} {
		u, err := Resolve(test.service, awstokens.Config{Region: test.region, UseFIPS: test.fips, UseDualStack: test.dualStack})
		require.NoError(t, err)
		assert.Equal(t, want, u.Host)
	}
}

func TestSigningNames(t *testing.T) {
	assert.Equal(t, []string{"license-manager", "sso-oauth", "awsssoportal", "sts"},
		[]string{LicenseManager.SigningName, OIDC.SigningName, Portal.SigningName, STS.SigningName})
}

func TestCustomEndpoint(t *testing.T) {
	for endpoint, want := range map[string]string{
		"https://example.test":             "https://example.test",
		"https://example.test/":            "https://example.test",
		"https://example.test:8443":        "https://example.test:8443",
		"https://example.test:443/x":       "https://example.test/x", // as AWS's SDKs sign it
		"https://[2001:db8::1]:443":        "https://[2001:db8::1]",
		"http://localhost:80":              "http://localhost",
		"https://example.test:80":          "https://example.test:80",
		"http://localhost:443":             "http://localhost:443",
		"https://example.test:":            "https://example.test",
		"https://example.test/prefix":      "https://example.test/prefix",
		"https://example.test/a/b/":        "https://example.test/a/b",
		"https://example.test//a//":        "https://example.test//a",
		"https://example.test/a%2Fb/":      "https://example.test/a%2Fb",
		"https://example.test/a%2F":        "https://example.test/a%2F",
		"https://example.test/a%20b/c%2fd": "https://example.test/a%20b/c%2fd",
		"https://example.test/\x80%2F":     "https://example.test/%80", // as net/url reads it, which takes the slash for a plain one
		"https://[2001:db8::1]:8443/x":     "https://[2001:db8::1]:8443/x",
		"HTTPS://example.test":             "https://example.test",
		"http://localhost:4010/base":       "http://localhost:4010/base",
		"http://LocalHost":                 "http://localhost", // in another case, a proxy would get what is meant for this machine
		"https://Example.Test/Path":        "https://example.test/Path",
		"https://[2001:DB8::A]/Path":       "https://[2001:db8::a]/Path",
		"http://127.0.0.1:4010":            "http://127.0.0.1:4010",
		"http://127.255.255.254":           "http://127.255.255.254",
		"http://[::1]:4010/x/":             "http://[::1]:4010/x",
		"http://[::ffff:127.0.0.1]":        "http://[::ffff:127.0.0.1]",
	} {
		t.Run(endpoint, func(t *testing.T) {
			for _, region := range []string{"", "us-east-1"} {
				u, err := Resolve(LicenseManager, awstokens.Config{Region: region, BaseEndpoint: endpoint})
				require.NoError(t, err)
				assert.Equal(t, want, u.String())
				assert.NotEqual(t, "/", u.Path)
			}
		})
	}
}

// TestServiceEndpoints: each precedes BaseEndpoint for its service, and an unknown
// key is an error, because the calls would go to AWS otherwise.
func TestServiceEndpoints(t *testing.T) {
	cfg := awstokens.Config{
		BaseEndpoint:     "https://base.example.test",
		ServiceEndpoints: map[string]string{"SSO OIDC": "https://oidc.example.test", "STS": ""},
	}
	for _, test := range []struct {
		service Service
		want    string
	}{{OIDC, "https://oidc.example.test"}, {LicenseManager, "https://base.example.test"}, {Portal, "https://base.example.test"}, {STS, "https://base.example.test"}} {
		u, err := Resolve(test.service, cfg)
		require.NoError(t, err)
		assert.Equal(t, test.want, u.String())
	}

	for _, key := range []string{"license-manager", "License manager", "LICENSE_MANAGER", "SSO-OIDC", ""} {
		wrong := cfg
		wrong.ServiceEndpoints = map[string]string{"STS": "https://sts.example.test", key: "https://example.test"}
		_, err := Resolve(LicenseManager, wrong)
		assert.ErrorContains(t, err, strconv.Quote(key)+", which is not a service ID")
		assert.ErrorContains(t, err, `"SSO OIDC"`, "it names those that there are")
	}

	cfg.BaseEndpoint, cfg.Region = "", "us-east-1"
	u, err := Resolve(LicenseManager, cfg)
	require.NoError(t, err)
	assert.Equal(t, "license-manager.us-east-1.amazonaws.com", u.Host, "the endpoint of another service is none of its business")
}

func TestInsecureEndpoint(t *testing.T) {
	for _, endpoint := range []string{
		"http://example.test", "http://localhost.example.com", "http://127.0.0.1.example.com", "http://10.0.0.1", "http://169.254.169.254",
		"http://0.0.0.0", "http://[::]", "http://[::2]", "http://[::ffff:10.0.0.1]", "http://128.0.0.1", "http://localhost.", "http://xlocalhost", "http://127.1",
		"http://localho%C5%BFt", // the long s folds to an s
	} {
		_, err := Resolve(LicenseManager, awstokens.Config{BaseEndpoint: endpoint})
		assert.ErrorIs(t, err, awstokens.ErrInsecureEndpoint, endpoint)
		_, err = Resolve(LicenseManager, awstokens.Config{ServiceEndpoints: map[string]string{"License Manager": endpoint}})
		assert.ErrorIs(t, err, awstokens.ErrInsecureEndpoint, endpoint)

		u, err := Resolve(LicenseManager, awstokens.Config{BaseEndpoint: endpoint, AllowInsecureEndpoint: true})
		require.NoError(t, err)
		assert.Equal(t, endpoint, u.String())
	}
}

func TestErrors(t *testing.T) {
	const password = "not-a-real-password"
	custom := func(endpoint string) awstokens.Config {
		return awstokens.Config{Region: "us-east-1", BaseEndpoint: endpoint, AllowInsecureEndpoint: true}
	}
	region := func(region string) awstokens.Config { return awstokens.Config{Region: region} }
	for name, test := range map[string]struct {
		cfg  awstokens.Config
		says string
	}{
		"no region":                      {awstokens.Config{}, "no region"},
		"FIPS, custom endpoint":          {awstokens.Config{BaseEndpoint: "https://example.test", UseFIPS: true}, "UseFIPS"},
		"dual-stack, custom endpoint":    {awstokens.Config{BaseEndpoint: "https://example.test", UseDualStack: true}, "UseDualStack"},
		"FIPS, service endpoint":         {awstokens.Config{ServiceEndpoints: map[string]string{"License Manager": "https://example.test"}, UseFIPS: true}, "UseFIPS"},
		"region with a space":            {region("us east-1"), "region"},
		"region with a slash":            {region("us-east-1/x"), "region"},
		"region with a dot":              {region("us-east-1.example.test"), "region"},
		"region with an at sign":         {region("x@example.test"), "region"},
		"region with a hash":             {region("x#"), "region"},
		"region with a colon":            {region("x:80"), "region"},
		"region with a line break":       {region("us-east-1\n"), "region"},
		"region with an underscore":      {region("us_east-1"), "region"},
		"region not ASCII":               {region("üs-east-1"), "region"},
		"region with a hyphen first":     {region("-us-east-1"), "region"},
		"region with a hyphen last":      {region("us-east-"), "region"},
		"region too long":                {region(strings.Repeat("x", 64)), "region"},
		"bad region, custom endpoint":    {awstokens.Config{Region: "a b", BaseEndpoint: "https://example.test"}, "region"},
		"user":                           {custom("https://user@example.test"), "no user"},
		"user and password":              {custom("https://user:" + password + "@example.test"), "no user"},
		"user and password, no host":     {custom("https://user:" + password + "@"), "host"},
		"password, broken host":          {custom("https://user:" + password + "@exa mple.test"), "not a URL"},
		"password, broken escape":        {custom("https://user:" + password + "@example.test/%zz"), "not a URL"},
		"password, no scheme":            {custom("user:" + password + "@example.test"), "http or https"},
		"query":                          {custom("https://example.test?x=" + password), "query"},
		"empty query":                    {custom("https://example.test?"), "query"},
		"fragment":                       {custom("https://example.test#" + password), "fragment"},
		"no scheme":                      {custom("example.test"), "http or https"},
		"no scheme, port":                {custom("127.0.0.1:4010"), "not a URL"},
		"no host":                        {custom("https://"), "host"},
		"port only":                      {custom("https://:8443"), "host"},
		"other scheme":                   {custom("ftp://example.test"), "http or https"},
		"file":                           {custom("file:///etc/hosts"), "http or https"},
		"bad port":                       {custom("https://example.test:port"), "not a URL"},
		"space before":                   {custom(" https://example.test"), "not a URL"},
		"line break":                     {custom("https://example.test\n"), "not a URL"},
		"opaque":                         {custom("https:example.test"), "host"},
		"a host without an end":          {custom("https://[::1"), "not a URL"},
		"insecure and with a password":   {awstokens.Config{BaseEndpoint: "http://user:" + password + "@example.test"}, "no user"},
		"insecure, not even a good host": {awstokens.Config{BaseEndpoint: "http://" + password}, awstokens.ErrInsecureEndpoint.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := Resolve(LicenseManager, test.cfg)
			require.Error(t, err)
			assert.Nil(t, u)
			assert.Contains(t, err.Error(), test.says)
			assert.NotContains(t, err.Error(), password)
		})
	}
}

// A custom endpoint that is accepted has a host, no more than a path besides,
// and is encrypted unless it is this machine or that is permitted. No error
// repeats what may hold a password.
func FuzzCustomEndpoint(f *testing.F) {
	for _, seed := range []string{
		"https://example.test/a/b//", "HTTPS://[2001:db8::1]:8443/a%2Fb%2F/", "http://localhost:4010", "http://LOCALHOST/%20", "http://[::1%25lo]:1/", "http://[::1%25\x80o]", "https://:1]:8443/\x80%2F", "https://:1]:844ps:",
		"http://[::ffff:127.0.0.1]", "http://127.0.0.1.example.test", "http://localho\u017ft", "http://10.0.0.1", "https://example.test:", "https://a%C3%BC.test/\u2028",
		"https://user:not-a-real-password@example.test", "https://example.test?", "https://example.test#", "https:example.test", "//example.test", "https://[::1", "http://%31", "",
	} {
		f.Add(seed, false)
		f.Add(seed, true)
	}
	f.Fuzz(func(t *testing.T, custom string, insecure bool) {
		cfg := awstokens.Config{Region: "us-east-1", BaseEndpoint: custom, AllowInsecureEndpoint: insecure}
		u, err := Resolve(LicenseManager, cfg)
		if err != nil {
			require.Contains(t, []string{
				"the custom endpoint is not a URL", "the custom endpoint must be an http or https URL with a host",
				"the custom endpoint must have no user, query or fragment", awstokens.ErrInsecureEndpoint.Error(),
			}, err.Error())
			return
		}
		if custom == "" {
			require.Equal(t, "https://license-manager.us-east-1.amazonaws.com", u.String())
			return
		}
		require.NotEmpty(t, u.Hostname())
		require.Equal(t, url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}, *u)
		require.False(t, strings.HasSuffix(u.EscapedPath(), "/"), "%q", u.EscapedPath())
		if u.Scheme != "https" {
			address, _, _ := strings.Cut(u.Hostname(), "%") // its zone
			local := strings.ToLower(address) == "localhost" || net.ParseIP(address).IsLoopback()
			require.True(t, u.Scheme == "http" && (insecure || local), "%q", u)
		}
		if strings.Contains(u.Host, "%") {
			return // not every zone that net/url reads can it write
		}
		cfg.BaseEndpoint = u.String()
		again, err := Resolve(LicenseManager, cfg)
		require.NoError(t, err)
		require.Equal(t, u.String(), again.String())
	})
}
