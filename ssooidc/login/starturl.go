package login

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/redact"
)

// resolveTimeout bounds the requests to a company's own domain.
const resolveTimeout = 10 * time.Second

// ResolveStartURL returns the session of a start URL that a user typed or pasted.
// The session has no name, and its Region is empty unless the host names it; set
// both as needed. ResolveStartURL does not log in.
//
// These are start URLs of AWS, for which it sends no request:
//
//	https://NAME.awsapps.com/start
//	https://start.us-gov-home.awsapps.com/directory/NAME, and below awsapps.cn
//	https://ssoins-ID.portal.REGION.app.aws
//	https://ssoins-ID.REGION.portal.amazonaws.com, .com.cn or .eu
//	https://identitycenter.amazonaws.com/ssoins-ID, .com.cn or .eu
//
// It removes space around the URL, a query, a fragment, and slashes at the end, so
// that the address of any page of the portal is a start URL. It adds https:// and
// /start if they are missing.
//
// Any other host may be a company's own domain that redirects to one of these. It
// gets a HEAD request, and a GET request if it responds 405 or 501 to that,
// within 10 seconds. The response must redirect to an https URL of AWS, which gets
// no request. A request has nothing but the URL, without credentials or cookies. No
// other function of this package sends a request to a start URL.
//
// Of the options, it uses Config.HTTPClient, which must be an *http.Client if it
// is set: another one might follow redirects.
//
// The error says what is wrong with the URL. It does not show a query or a
// fragment, which may hold a code.
func ResolveStartURL(ctx context.Context, startURL string, options ...func(*Options)) (Session, error) {
	var o Options
	for _, change := range options {
		if change != nil {
			change(&o)
		}
	}
	u, err := parseStartURL(startURL)
	if err != nil {
		return Session{}, err
	}
	if !isHostOfAWS(u.Hostname()) {
		target, err := redirectOf(ctx, u, o.Config.HTTPClient)
		if err != nil {
			return Session{}, startURLError(u, err)
		}
		u = target
	}
	return sessionAt(u)
}

func startURLError(u *url.URL, err error) error {
	shown := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return fmt.Errorf("start URL %s: %w", redact.Line(shown.String()), err)
}

// parseStartURL parses what the user has typed.
func parseStartURL(text string) (*url.URL, error) {
	text = strings.TrimSpace(text)
	hasScheme := strings.Contains(text, "://")
	if !hasScheme {
		text = "https://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		// The error of url.Parse shows the whole text.
		return nil, errors.New("start URL: not a URL, such as https://my-company.awsapps.com/start")
	}
	switch host := u.Hostname(); {
	case u.Scheme != "https":
		err = errors.New("the scheme is not https")
	case host == "", strings.ContainsAny(text, " \t\r\n"):
		err = errors.New("not a URL")
	case u.User != nil:
		err = errors.New("it has a user name in it")
	case !hasScheme && !strings.Contains(host, "."):
		err = errors.New("not a URL: to log in to a session of the AWS config file, use LoadSession or LoadProfile")
	case !isHost(host):
		err = errors.New("the host is not a host name: write an international one as xn--")
	}
	if err != nil {
		return nil, startURLError(u, err)
	}
	return u, nil
}

// hostName matches the name of a host. An HTTP client maps other characters, such
// as full-width letters, to these, so that a host of AWS could pass for another.
var hostName = regexp.MustCompile(`^(?:[\w-]+\.)*[\w-]+\.?$`)

func isHost(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil || hostName.MatchString(host)
}

var (
	// portalDomains are those of portals: they and the hosts below them are AWS's.
	portalDomains = []string{
		"awsapps.com", "awsapps.cn", "app.aws", "app.amazonwebservices.com.cn", "api.amazonwebservices.eu",
		"portal.amazonaws.com", "portal.amazonaws.com.cn", "portal.amazonaws.eu",
	}

	// An instanceHost is for all instances, which the path names.
	instanceHost = regexp.MustCompile(`^identitycenter\.amazonaws\.(?:com|com\.cn|eu)$`)
	regionHost   = regexp.MustCompile(`^[^.]+\.(?:portal\.([a-z0-9-]+)\.(?:app\.aws|app\.amazonwebservices\.com\.cn|api\.amazonwebservices\.eu)|([a-z0-9-]+)\.portal\.amazonaws\.(?:com|com\.cn|eu))$`)
	companyHost  = regexp.MustCompile(`^[^.]+\.awsapps\.(?:com|cn)$`)
)

func isHostOfAWS(host string) bool {
	if !hostName.MatchString(host) {
		return false
	}
	host = plainHost(host)
	isAt := func(domain string) bool { return host == domain || strings.HasSuffix(host, "."+domain) }
	return slices.ContainsFunc(portalDomains, isAt) || instanceHost.MatchString(host)
}

// regionInHost returns the Region that a host of AWS names, or "".
func regionInHost(host string) string {
	found := regionHost.FindStringSubmatch(plainHost(host))
	if found == nil {
		return ""
	}
	return found[1] + found[2]
}

func plainHost(host string) string { return strings.TrimSuffix(strings.ToLower(host), ".") }

// sessionAt returns the session of a URL at a host of AWS.
func sessionAt(u *url.URL) (Session, error) {
	host, path := plainHost(u.Hostname()), strings.TrimRight(u.Path, "/")
	directory, isDirectory := strings.CutPrefix(path, "/directory/")
	region := regionInHost(host)
	var err error
	switch {
	case u.Port() != "" && u.Port() != "443":
		err = errors.New("AWS has no portal at that port")
	case slices.Contains(portalDomains, host):
		err = errors.New("the host must begin with the name of a portal or an instance")
	case companyHost.MatchString(host) && path == "":
		path = "/start"
	case path == "/start":
	case isDirectory && directory != "" && !strings.Contains(directory, "/"):
	case instanceHost.MatchString(host):
		if strings.Count(path, "/") != 1 {
			err = errors.New("the path must be the ID of an instance, such as /ssoins-0123456789abcdef")
		}
	case path == "" && region != "":
	default:
		err = errors.New("the path must be /start or /directory/NAME, as the IAM Identity Center console shows it")
	}
	if err != nil {
		return Session{}, startURLError(u, err)
	}
	start := url.URL{Scheme: "https", Host: host, Path: path}
	return Session{StartURL: start.String(), Region: region}, nil
}

// redirectOf returns the URL that a company's URL redirects to, which is of AWS.
func redirectOf(ctx context.Context, u *url.URL, httpClient awstokens.HTTPClient) (*url.URL, error) {
	own := awstokens.DefaultHTTPClient()
	switch client := httpClient.(type) {
	case nil:
		defer own.CloseIdleConnections()
	case *http.Client:
		if client != nil {
			own = client
		}
	default:
		return nil, fmt.Errorf("Config.HTTPClient is a %T, which may follow redirects: set an *http.Client", httpClient)
	}
	transport := own.Transport // unlike the client, it follows no redirect and sends no cookies
	if transport == nil {
		transport = http.DefaultTransport
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	for _, method := range []string{http.MethodHead, http.MethodGet} {
		req, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("User-Agent", "awstokens/"+awstokens.Version)
		resp, err := transport.RoundTrip(req)
		if err != nil {
			return nil, fmt.Errorf("this is not a host of AWS, and the request to it failed: %w", err)
		}
		_ = resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusMethodNotAllowed, http.StatusNotImplemented:
			continue
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
			return redirectTarget(resp)
		}
		return nil, fmt.Errorf("this is not a host of AWS, and does not redirect to one: status %d", resp.StatusCode)
	}
	return nil, errors.New("this is not a host of AWS, and it accepts neither HEAD nor GET")
}

func redirectTarget(resp *http.Response) (*url.URL, error) {
	target, err := resp.Location()
	switch {
	case err != nil:
		return nil, errors.New("it redirects, but not to a URL")
	case !isHostOfAWS(target.Hostname()):
		return nil, fmt.Errorf("it redirects to %s, which is not a host of AWS", redact.Line(target.Host))
	case target.Scheme != "https" || target.User != nil:
		return nil, fmt.Errorf("it redirects to %s, but not by a plain https URL", redact.Line(target.Host))
	}
	return target, nil
}
