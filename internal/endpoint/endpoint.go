// Package endpoint resolves the endpoint of a service in a Region, in all eight
// AWS partitions, by the published endpoint rules.
package endpoint

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/seed-25f54b62/awstokens"
)

// Service is what endpoints, signatures and errors need to know of a service.
type Service struct {
	ID          string // the service ID, as in errors: "License Manager"
	SigningName string // the service's name in a SigV4 credential scope
	Scope       string // of the client's spans and metrics: the path of its package

	host    string // the host's labels before the Region
	fips    string // the same for FIPS endpoints
	govFIPS bool   // in aws-us-gov the plain host is the FIPS host
}

const module = "github.com/seed-25f54b62/awstokens/"

// The services of this module.
var (
	LicenseManager = Service{ID: "License Manager", SigningName: "license-manager", Scope: module + "licensemanager", host: "license-manager", fips: "license-manager-fips"}
	OIDC           = Service{ID: "SSO OIDC", SigningName: "sso-oauth", Scope: module + "ssooidc", host: "oidc", fips: "oidc-fips", govFIPS: true}
	Portal         = Service{ID: "SSO", SigningName: "awsssoportal", Scope: module + "ssooidc/portal", host: "portal.sso", fips: "portal.sso-fips", govFIPS: true}
	STS            = Service{ID: "STS", SigningName: "sts", Scope: module + "internal/sts", host: "sts", fips: "sts-fips", govFIPS: true}
)

type partition struct {
	id              string
	prefixes        []string // of its Regions, before word-number
	listed          string   // a Region that does not match the prefixes
	suffix          string
	dualStackSuffix string
}

// partitions are in the published order. All of them support FIPS and
// dual-stack.
var partitions = []partition{
	{"aws", []string{"us-", "eu-", "ap-", "sa-", "ca-", "me-", "af-", "il-", "mx-"}, "aws-global", "amazonaws.com", "api.aws"},
	{"aws-cn", []string{"cn-"}, "aws-cn-global", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
	{"aws-eusc", []string{"eusc-de-"}, "", "amazonaws.eu", "api.amazonwebservices.eu"},
	{"aws-iso", []string{"us-iso-"}, "aws-iso-global", "c2s.ic.gov", "api.aws.ic.gov"},
	{"aws-iso-b", []string{"us-isob-"}, "aws-iso-b-global", "sc2s.sgov.gov", "api.aws.scloud"},
	{"aws-iso-e", []string{"eu-isoe-"}, "aws-iso-e-global", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
	{"aws-iso-f", []string{"us-isof-"}, "aws-iso-f-global", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
	{"aws-us-gov", []string{"us-gov-"}, "aws-us-gov-global", "amazonaws.com", "api.aws"},
}

// partitionOf returns the partition of a Region. A Region that matches none
// belongs to the first, as published.
func partitionOf(region string) *partition {
	for i := range partitions {
		if partitions[i].has(region) {
			return &partitions[i]
		}
	}
	return &partitions[0]
}

// has reports whether the Region is the listed one or matches the published
// ^prefix\w+-\d+$.
func (p *partition) has(region string) bool {
	if region == p.listed {
		return region != ""
	}
	for _, prefix := range p.prefixes {
		if rest, ok := strings.CutPrefix(region, prefix); ok {
			word, number, _ := strings.Cut(rest, "-")
			if isAll(word, isWord) && isAll(number, isDigit) {
				return true
			}
		}
	}
	return false
}

// Resolve returns the URL that the requests of a service go to: the custom
// endpoint of the configuration, or that of its Region. A path does not end with a
// slash.
func Resolve(service Service, cfg awstokens.Config) (*url.URL, error) {
	for id := range cfg.ServiceEndpoints {
		if !isServiceID(id) {
			return nil, fmt.Errorf("ServiceEndpoints has the key %q, which is not a service ID: %q, %q, %q or %q", id, LicenseManager.ID, OIDC.ID, Portal.ID, STS.ID)
		}
	}
	custom := cfg.ServiceEndpoints[service.ID]
	if custom == "" {
		custom = cfg.BaseEndpoint
	}
	if cfg.Region != "" && !isHostLabel(cfg.Region) {
		return nil, fmt.Errorf("region %q is not a host label: letters, digits and inner hyphens, at most 63", cfg.Region)
	}
	if custom != "" {
		return parseCustom(custom, cfg)
	}
	if cfg.Region == "" {
		return nil, errors.New("no region: set Config.Region, or AWS_REGION for ConfigFromEnv")
	}
	return &url.URL{Scheme: "https", Host: hostOf(service, cfg)}, nil
}

func isServiceID(id string) bool {
	return id == LicenseManager.ID || id == OIDC.ID || id == Portal.ID || id == STS.ID
}

func hostOf(service Service, cfg awstokens.Config) string {
	p := partitionOf(cfg.Region)
	prefix, suffix := service.host, p.suffix
	if cfg.UseFIPS {
		prefix = service.fips
	}
	if cfg.UseDualStack {
		suffix = p.dualStackSuffix
	} else if cfg.UseFIPS && service.govFIPS && p.id == "aws-us-gov" {
		prefix = service.host
	}
	return prefix + "." + strings.ToLower(cfg.Region) + "." + suffix
}

func parseCustom(custom string, cfg awstokens.Config) (*url.URL, error) {
	if cfg.UseFIPS {
		return nil, errors.New("UseFIPS cannot be used with a custom endpoint")
	}
	if cfg.UseDualStack {
		return nil, errors.New("UseDualStack cannot be used with a custom endpoint")
	}
	u, err := url.Parse(custom)
	if err != nil {
		// The parser's error quotes the endpoint, which may contain a password.
		return nil, errors.New("the custom endpoint is not a URL")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "", u.Host[0] != '[' && strings.ContainsAny(u.Hostname(), "[]:"):
		return nil, errors.New("the custom endpoint must be an http or https URL with a host")
	case u.User != nil, u.RawQuery != "", u.ForceQuery, u.Fragment != "":
		return nil, errors.New("the custom endpoint must have no user, query or fragment")
	case u.Scheme == "http" && !cfg.AllowInsecureEndpoint && !isLoopback(u.Hostname()):
		return nil, awstokens.ErrInsecureEndpoint
	}
	u.Host = strings.ToLower(u.Host) // in upper case, net/http sends a request for localhost to the proxy
	if port := u.Port(); port == "" || port == defaultPorts[u.Scheme] {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	escaped := strings.TrimRight(u.EscapedPath(), "/") // an escaped slash is part of a name
	u.Path, _ = url.PathUnescape(escaped)
	u.RawPath = ""
	if u.EscapedPath() != escaped {
		u.RawPath = escaped
	}
	return u, nil
}

// defaultPorts are left out of the header Host, which is signed: what a proxy
// passes on has none either.
var defaultPorts = map[string]string{"https": "443", "http": "80"}

// isLoopback reports whether a host can only be this machine. A name other than
// localhost could resolve to any address.
func isLoopback(host string) bool {
	if strings.ToLower(host) == "localhost" { // EqualFold would accept other letters, such as a long s
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

func isHostLabel(s string) bool {
	return len(s) <= 63 && s[0] != '-' && s[len(s)-1] != '-' &&
		isAll(s, func(c byte) bool { return c == '-' || isWord(c) && c != '_' })
}

// isAll reports whether s has at least one byte and all its bytes are of a kind.
func isAll(s string, kind func(byte) bool) bool {
	for i := range len(s) {
		if !kind(s[i]) {
			return false
		}
	}
	return s != ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isWord(c byte) bool {
	return c == '_' || isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
