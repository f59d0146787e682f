package emulator_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
	"github.com/seed-25f54b62/awstokens/internal/sts"
	"github.com/seed-25f54b62/awstokens/internal/webpage"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

func newWindow(t *testing.T) *world {
	return newWorld(t, func(o *emulator.Options) { o.Window = true })
}

// get requests a part of the window.
func (w *world) get(t *testing.T, path string, change ...func(*http.Request)) response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL()+path, nil)
	require.NoError(t, err)
	for _, f := range change {
		f(req)
	}
	return w.send(t, req)
}

func setHeader(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// act sends the request of a button of the window.
func (w *world) act(t *testing.T, form string, change ...func(*http.Request)) response {
	t.Helper()
	req := w.request(t, "/window/act", "application/x-www-form-urlencoded", form)
	for _, f := range change {
		f(req)
	}
	return w.send(t, req)
}

type line struct {
	N                         int
	Operation, Caller, Reason string
	Status                    int
}

type rowShown struct {
	Name, Detail, Decide string
	Used, Of             int
}

// page is an open window.
type page struct {
	lines *bufio.Scanner
	text  strings.Builder // everything that was received
	rest  []line          // requests that were received and not returned by line
	close func()
	first map[string][]rowShown // the state when it was opened
}

func (w *world) open(t *testing.T) *page {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL()+"/window/events", nil)
	require.NoError(t, err)
	resp, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	t.Cleanup(func() { resp.Body.Close() })
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	p := &page{lines: bufio.NewScanner(resp.Body), close: cancel}
	p.lines.Buffer(nil, 1<<22)
	p.first = p.state(t) // it is connected from here on
	return p
}

// drain reads all events, as a browser does.
func (p *page) drain() {
	for p.lines.Scan() {
	}
}

// next reads the next event of a name.
func (p *page) next(t *testing.T, name string, into any) {
	t.Helper()
	for found := false; p.lines.Scan(); {
		p.text.WriteString(p.lines.Text() + "\n")
		if data, ok := strings.CutPrefix(p.lines.Text(), "data: "); ok && found {
			require.NoError(t, json.Unmarshal([]byte(data), into))
			return
		}
		found = p.lines.Text() == "event: "+name
	}
	t.Fatal("the stream ended", p.lines.Err())
}

func (p *page) state(t *testing.T) map[string][]rowShown {
	t.Helper()
	var event struct {
		State struct {
			Sections []struct {
				Title string
				Rows  []rowShown
			}
		}
	}
	p.next(t, "state", &event)
	sections := map[string][]rowShown{}
	for _, s := range event.State.Sections {
		sections[s.Title] = s.Rows
	}
	return sections
}

// find returns a row of the state when the window was opened.
func (p *page) find(t *testing.T, title, text string) rowShown {
	t.Helper()
	for _, row := range p.first[title] {
		if strings.Contains(row.Name+" "+row.Detail, text) {
			return row
		}
	}
	t.Fatalf("no %q in %s: %v", text, title, p.first[title])
	return rowShown{}
}

// line reads the next request of an operation.
func (p *page) line(t *testing.T, operation string) line {
	t.Helper()
	for {
		for len(p.rest) == 0 {
			p.next(t, "exchanges", &p.rest)
		}
		next := p.rest[0]
		if p.rest = p.rest[1:]; next.Operation == operation {
			return next
		}
	}
}

func TestWindowIsOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{"/", "/window/events", "/window/exchange?n=1"} {
		assert.Equal(t, http.StatusNotFound, w.get(t, path).status, path)
	}
	assert.Equal(t, http.StatusNotFound, w.act(t, "do=clear").status)
}

// A browser runs the script and applies the style only if the policy has their
// hashes.
func TestWindowPage(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	got := w.get(t, "/")
	require.Equal(t, http.StatusOK, got.status)
	policy := got.header.Get("Content-Security-Policy")
	for _, tag := range []string{"style", "script"} {
		_, rest, _ := strings.Cut(got.body, "<"+tag+">")
		text, _, found := strings.Cut(rest, "</"+tag+">")
		require.True(t, found)
		assert.Contains(t, policy, tag+"-src "+webpage.Hash(text)+";")
	}
	assert.Contains(t, policy, "default-src 'none'")
	assert.NotContains(t, policy, "unsafe")
	assert.Contains(t, html.UnescapeString(got.body), `value="License Manager/CheckoutLicense"`)
	for _, outside := range []string{"http:", "https:", "//cdn", "@import", "url("} {
		assert.NotContains(t, got.body, outside)
	}
	resp, err := http.DefaultTransport.RoundTrip(httptest.NewRequestWithContext(t.Context(), http.MethodGet, w.URL(), nil))
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, http.StatusPermanentRedirect, resp.StatusCode, "what the page asks for is relative to it")
	assert.Equal(t, prefix+"/", resp.Header.Get("Location"))
}

func TestWindowRefusesForeignRequests(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	for _, origin := range []string{"http://evil.example", "http://localhost:1", "null"} {
		assert.Equal(t, http.StatusForbidden, w.act(t, "do=advance&by=1h", setHeader("Origin", origin)).status, origin)
		assert.Equal(t, http.StatusForbidden, w.get(t, "/", setHeader("Origin", origin)).status, origin)
		assert.Equal(t, http.StatusForbidden, w.get(t, "/window/events", setHeader("Origin", origin)).status, origin)
	}
	for _, site := range []string{"cross-site", "same-site"} {
		assert.Equal(t, http.StatusForbidden, w.act(t, "do=advance&by=1h", setHeader("Sec-Fetch-Site", site)).status, site)
		assert.Equal(t, http.StatusForbidden, w.get(t, "/window/exchange?n=1", setHeader("Sec-Fetch-Site", site)).status, site)
	}
	for _, path := range []string{"/", "/window/events"} {
		got := w.get(t, path, func(r *http.Request) { r.Host = "evil.example" })
		assert.Equal(t, http.StatusMisdirectedRequest, got.status, path)
	}
	assert.Equal(t, startTime, w.Now(), "nothing moved the clock")
	own, _ := url.Parse(w.URL())
	assert.Equal(t, http.StatusOK, w.act(t, "do=advance&by=1h", setHeader("Origin", "http://"+own.Host), setHeader("Sec-Fetch-Site", "same-origin")).status)
	assert.Equal(t, startTime.Add(time.Hour), w.Now())
}

func TestWindowActions(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	for form, want := range map[string]string{
		"do=advance&by=soon": "write a duration",
		"do=dance":           `unknown action "dance"`,
		"do=approve&id=1":    "no longer waits",
		"do=fault&operation=STS/Dance&count=1&kind=throttle":     "has no operation",
		"do=fault&operation=STS/&count=none&kind=throttle":       "must be a number",
		"do=fault&operation=STS/&count=0&kind=throttle":          "at least one request",
		"do=fault&operation=STS/&count=1&kind=refuse":            "write the code",
		"do=fault&operation=STS/&count=1&kind=delay&detail=long": "write how long",
		"do=fault&operation=STS/&count=1&kind=late&detail=-1s":   "write how long",
		"do=fault&operation=STS/&count=1&kind=none":              `unknown fault "none"`,
	} {
		got := w.act(t, form)
		assert.Equal(t, http.StatusBadRequest, got.status, form)
		assert.Contains(t, got.body, want)
	}
	p := w.open(t)
	var reasons []string
	for kind, reason := range map[string]string{
		"throttle": "throttled", "internal": "internal error 500", "gateway": "a response as scripted",
		"cut": "connection cut before CreateToken was processed", "lose": "response lost after CreateToken was processed",
		"refuse&detail=AccessDeniedException": "refused as AccessDeniedException", "delay&detail=1ms": "delayed by 1ms",
		"late&detail=1ms": "response to CreateToken delayed by 1ms",
	} {
		got := w.act(t, "do=fault&operation="+url.QueryEscape("License Manager/CreateToken")+"&when=next&count=1&kind="+kind)
		require.Equal(t, http.StatusOK, got.status, got.body)
		_, err := w.lm.CreateToken(t.Context(), w.tokenInput(token()))
		assert.Equal(t, strings.HasSuffix(kind, "detail=1ms"), err == nil, kind)
		reasons = append(reasons, "Scripted fault: "+reason)
	}
	for _, reason := range reasons {
		assert.Contains(t, p.line(t, "CreateToken").Reason, reason)
	}
	w.act(t, "do=fault&operation=STS/&when=onein&count=2&kind=throttle")
	for {
		if rows := p.state(t)["Scripted faults"]; len(rows) == 1 {
			assert.Equal(t, "STS every operation", rows[0].Name)
			assert.Equal(t, "one in 2: throttled", rows[0].Detail)
			break
		}
	}
	w.act(t, "do=clear")
	assert.Empty(t, p.state(t)["Scripted faults"])
}

// The window shows everything that the services hold.
func TestWindowState(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	kept, deleted := w.createToken(t, w.tokenInput(token())), w.createToken(t, w.tokenInput(token()))
	_, err := w.lm.DeleteToken(t.Context(), &licensemanager.DeleteTokenInput{TokenId: deleted.TokenId})
	require.NoError(t, err)
	arn := w.license(t)
	w.grant(t, arn)
	w.checkout(t, perpetual)
	w.checkout(t, asking(seats(2)...))
	require.NoError(t, w.assume(t, contextOf(w.exchange(t))))
	w.SignIn()
	client := w.register(t, ssooidc.GrantTypeDeviceCode)
	waiting, other := w.startDevice(t, client), w.startDevice(t, client)
	browser := w.register(t, ssooidc.GrantTypeAuthorizationCode)
	require.Equal(t, http.StatusOK, w.browse(t, http.MethodGet, w.authorizeURL(browser, nil), "").status)

	p := w.open(t)
	find := func(title, text string) rowShown { return p.find(t, title, text) }
	find("Tokens", kept.TokenId+" AVAILABLE")
	find("Tokens", deleted.TokenId+" DELETED")
	license := find("Licenses", "Seats 1 drawn down, 3 of ")
	assert.Equal(t, 3, license.Used)
	assert.GreaterOrEqual(t, license.Of, 3)
	find("Seats", "PERPETUAL, Seats 1")
	find("Seats", "PROVISIONAL, Seats 2")
	find("Grants", "PENDING_ACCEPT")
	find("Role sessions", "assumed-role/AWSLicenseManagerConsumptionRole/session")
	find("Role sessions", "for emulated-user")
	find("Propagated users", "emulated-user "+application)
	find("Logins", "sso:account:access")

	// The buttons decide one login each, once.
	code := waiting.UserCode.Reveal()
	id := find("Waiting logins", "ends in "+code[5:]).Decide
	require.Equal(t, http.StatusOK, w.act(t, "do=approve&id="+id).status)
	assert.Equal(t, http.StatusBadRequest, w.act(t, "do=deny&id="+id).status)
	_, err = w.poll(t, client, waiting)
	require.NoError(t, err)
	_, err = w.poll(t, client, other)
	refused(t, err, "AuthorizationPendingException")
	id = find("Waiting logins", "browser, sso:account:access").Decide
	got := w.act(t, "do=approve&id="+id)
	require.Equal(t, http.StatusOK, got.status)
	back, err := url.Parse(got.json(t)["Location"].(string))
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1:43210", back.Host)
	assert.Equal(t, "a state & more", back.Query().Get("state"))
	assert.NotEmpty(t, back.Query().Get("code"))
	assert.Equal(t, http.StatusBadRequest, w.act(t, "do=approve&id="+id).status)
	assert.Empty(t, w.open(t).first["Waiting logins"][1:], "one device waits")
}

// The window shows reasons that no client is told.
func TestWindowReasons(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	p := w.open(t)
	var reasons []string
	for want, change := range map[string]func(*licensemanager.CheckoutLicenseInput){
		"No license has this ProductSKU.":            func(in *licensemanager.CheckoutLicenseInput) { in.ProductSKU = "other" },
		"KeyFingerprint is not that of the license":  func(in *licensemanager.CheckoutLicenseInput) { in.KeyFingerprint = "other" },
		"not as much as that free":                   asking(licensemanager.Count(emulator.SeedCount, 99)),
		"NoEntitlementsAllowedException: No entitle": asking(licensemanager.Count("other", 1)),
	} {
		in := checkoutInput(func(in *licensemanager.CheckoutLicenseInput) {
			in.ProductSKU, in.KeyFingerprint, in.Beneficiary = w.ProductSKU(), w.KeyFingerprint(), ""
		}, change)
		_, err := w.lm.CheckoutLicense(t.Context(), in)
		refused(t, err, "NoEntitlementsAllowedException")
		reasons = append(reasons, want)
	}
	w.send(t, w.target(t, "Dance", "{}"))
	w.get(t, "/nothing/here")
	for _, want := range reasons {
		assert.Contains(t, p.line(t, "CheckoutLicense").Reason, want)
	}
	assert.Contains(t, p.line(t, "Dance").Reason, "The operation Dance is unknown")
	assert.Contains(t, p.line(t, "GET /nothing/here").Reason, "Not Found at "+prefix+"/nothing/here")
}

func TestWindowExplainsSignatures(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	p := w.open(t)
	const body = `{"LicenseArn":"x"}`
	cases := []struct {
		want           string
		signed, change func(*http.Request)
	}{
		{`The header host differs: "localhost:`, func(r *http.Request) { r.Host = "localhost:" + r.URL.Port() }, func(r *http.Request) { r.Host = "" }},
		{`The header x-amz-target differs: "AWSLicenseManager.GetLicense" was`, nil, setHeader("X-Amz-Target", "AWSLicenseManager.GetGrant")},
		{"The header x-amz-extra was signed, but did not arrive", setHeader("X-Amz-Extra", "one"), func(r *http.Request) { r.Header.Del("X-Amz-Extra") }},
		{`The header x-amz-extra differs: "one" was signed`, setHeader("X-Amz-Extra", "one"), func(r *http.Request) { r.Header.Add("X-Amz-Extra", "two") }},
		{"or a header changed on the way", setHeader("X-Amz-Extra", "one"), setHeader("X-Amz-Extra", "two")},
		{"The path differs: it was signed without " + prefix, func(r *http.Request) { r.URL.Path = "/" }, func(r *http.Request) { r.URL.Path = prefix + "/" }},
		{"The body differs: an empty one was signed", func(r *http.Request) { r.GetBody = func() (io.ReadCloser, error) { return http.NoBody, nil } }, nil},
		{
			"The body differs from what was signed: X-Amz-Content-Sha256 is not its hash",
			func(r *http.Request) {
				r.GetBody = func() (io.ReadCloser, error) { return http.NoBody, nil }
				r.Header.Set("X-Amz-Content-Sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
			}, nil,
		},
	}
	for _, c := range cases {
		req := w.target(t, "GetLicense", body)
		if c.signed != nil {
			c.signed(req)
		}
		w.sign(t, req, "license-manager")
		if c.change != nil {
			c.change(req)
		}
		require.Equal(t, http.StatusBadRequest, w.send(t, req).status, c.want)
	}
	for _, c := range cases {
		operation := "GetLicense"
		if strings.Contains(c.want, "x-amz-target") {
			operation = "GetGrant"
		}
		reason := p.line(t, operation).Reason
		assert.Contains(t, reason, "InvalidSignatureException")
		assert.Contains(t, reason, c.want)
	}

	// What a client of this library signs and a proxy changes.
	cfg := w.cfg
	cfg.HTTPClient = tamper{w.cfg.HTTPClient, setHeader("Content-Type", "application/json")}
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	_, err = client.GetLicense(t.Context(), &licensemanager.GetLicenseInput{LicenseArn: w.LicenseARN()})
	refused(t, err, "InvalidSignatureException")
	assert.Contains(t, p.line(t, "GetLicense").Reason, `The header content-type differs: "application/x-amz-json-1.1" was signed.`)

	w.cfg.Credentials = awstokens.StaticCredentials("AKIAEMULATOREXAMPLE0", "another-fake-secret", "")
	req := w.target(t, "GetLicense", body)
	w.sign(t, req, "license-manager")
	w.send(t, req)
	assert.Contains(t, p.line(t, "GetLicense").Reason, "The secret access key is not that of AKIAEMULATOREXAMPLE0")
}

// tamper is an HTTP client that changes signed requests.
type tamper struct {
	next   awstokens.HTTPClient
	change func(*http.Request)
}

func (c tamper) Do(r *http.Request) (*http.Response, error) {
	c.change(r)
	return c.next.Do(r)
}

// No secret that the clients of all services send and receive is on the page or in
// the details of a request.
func TestWindowShowsNoSecrets(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	p := w.open(t)
	var secrets []string
	add := func(list ...awstokens.Secret) {
		for _, s := range list {
			require.False(t, s.IsZero())
			secrets = append(secrets, s.Reveal())
		}
	}
	client, device := w.secretLogin(t, add)
	created := w.createToken(t, w.tokenInput(token()))
	access := w.accessToken(t, created.Token)
	add(created.Token, access)
	seat, err := w.lm.CheckoutLicense(t.Context(), checkoutInput(func(in *licensemanager.CheckoutLicenseInput) {
		in.ProductSKU, in.KeyFingerprint, in.Beneficiary = w.ProductSKU(), w.KeyFingerprint(), ""
		in.NodeId = "node"
	}, asking(licensemanager.Count(emulator.SeedCount, 1))))
	require.NoError(t, err)
	add(seat.LicenseConsumptionToken)
	w.secretRoles(t, access, add)

	// Secrets in unexpected places.
	w.send(t, w.target(t, "GetLicense", `{"LicenseArn":"`+created.Token.Reveal()+`"}`))
	w.send(t, w.request(t, "/token", "application/json", `{"clientId":"`+client.ClientId+`","clientSecret":"`+client.ClientSecret.Reveal()+
		`","grantType":"`+client.ClientSecret.Reveal()+`","deviceCode":{"wrong":["`+device.DeviceCode.Reveal()+`"]}}`))
	w.send(t, w.request(t, "/token", "text/plain", created.Token.Reveal()))
	w.get(t, "/user-jwt")
	w.get(t, "/last?refresh_token="+url.QueryEscape(created.Token.Reveal()))

	last := p.line(t, "GET /last").N
	require.Greater(t, last, 10)
	shown := p.text.String() + w.get(t, "/").body
	for n := 1; n <= last; n++ {
		got := w.get(t, fmt.Sprintf("/window/exchange?n=%d", n))
		require.Equal(t, http.StatusOK, got.status)
		shown += fmt.Sprint(got.json(t)["Sent"], "\n", got.json(t)["Received"], "\n")
	}
	for _, secret := range secrets {
		assert.False(t, strings.Contains(shown, secret), "%.24s… is shown", secret)
		assert.False(t, strings.Contains(shown, secret[len(secret)/2:]), "the end of %.24s… is shown", secret)
	}
	assert.NotContains(t, shown, "eyJ", "no JWT is shown")
	for _, plain := range []string{
		`"LicenseArn": "` + w.LicenseARN(), "grantType", "X-Amz-Target: AWSLicenseManager.CreateToken", "RoleSessionName=emulated",
		"Signature=[redacted]", "SignedHeaders=", created.TokenId, `"NodeId": "node"`, "<SecretAccessKey>[redacted]</SecretAccessKey>",
	} {
		assert.Contains(t, shown, plain)
	}
}

func TestWindowForgetsOldRequests(t *testing.T) {
	t.Parallel()
	w := newWindow(t)
	w.get(t, "/before")
	p := w.open(t)
	for i := range 201 {
		w.get(t, fmt.Sprintf("/number/%d", i))
	}
	assert.Equal(t, 201, p.line(t, "GET /number/200").N, "nothing is recorded before the page is open")
	assert.Equal(t, http.StatusNotFound, w.get(t, "/window/exchange?n=1").status)
	assert.Equal(t, http.StatusOK, w.get(t, "/window/exchange?n=2").status)
}

// With the page open, 4,000 more requests do not make the heap grow.
func TestWindowMemoryIsFlat(t *testing.T) {
	w := newWindow(t)
	p := w.open(t)
	go p.drain()
	heap := func(requests int) int {
		for range requests {
			_, err := w.lm.GetLicense(t.Context(), &licensemanager.GetLicenseInput{LicenseArn: w.LicenseARN()})
			require.NoError(t, err)
		}
		runtime.GC()
		runtime.GC() // what pools hold is freed by the second
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	before := heap(1000)
	after := heap(4000)
	t.Logf("%d bytes after 1,000 requests, %d after 5,000", before, after)
	assert.Less(t, after-before, 320<<10) // 80 bytes a request
}

// secretLogin logs in on a device and in a browser, and passes all secrets to add.
func (w *world) secretLogin(t *testing.T, add func(...awstokens.Secret)) (*ssooidc.RegisterClientOutput, *ssooidc.StartDeviceAuthorizationOutput) {
	t.Helper()
	client := w.register(t)
	device := w.startDevice(t, client)
	require.NoError(t, w.ApproveDevice(device.UserCode.Reveal()))
	out, err := w.poll(t, client, device)
	require.NoError(t, err)
	add(client.ClientSecret, device.DeviceCode, device.UserCode, device.VerificationUriComplete, out.AccessToken, out.RefreshToken)
	again, err := w.token(t, client, ssooidc.GrantTypeRefreshToken, func(in *ssooidc.CreateTokenInput) { in.RefreshToken = out.RefreshToken })
	require.NoError(t, err)
	add(again.AccessToken)
	waiting := w.startDevice(t, client)
	add(waiting.DeviceCode, waiting.UserCode)

	browser := w.register(t, ssooidc.GrantTypeAuthorizationCode)
	back := sentBack(t, w.browse(t, http.MethodPost, w.authorizeURL(browser, nil), "decision=approve"))
	add(awstokens.NewSecret(back.Get("code")))
	return client, waiting
}

// secretRoles gets credentials in every way, and passes all secrets to add.
func (w *world) secretRoles(t *testing.T, access awstokens.Secret, add func(...awstokens.Secret)) {
	t.Helper()
	role, err := w.sts.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: w.RoleARN(), RoleSessionName: "emulated", WebIdentityToken: access,
	})
	require.NoError(t, err)
	add(role.SecretAccessKey, role.SessionToken)
	cfg := w.cfg
	cfg.Credentials = awstokens.StaticCredentials(role.AccessKeyID, role.SecretAccessKey.Reveal(), role.SessionToken.Reveal())
	_, oidc, _ := clients(t, cfg)
	jwt := w.UserJWT()
	out, err := oidc.CreateTokenWithIAM(t.Context(), &ssooidc.CreateTokenWithIAMInput{
		ClientId: application, GrantType: ssooidc.GrantTypeJWTBearer, Assertion: jwt,
	})
	require.NoError(t, err)
	add(jwt, out.AccessToken, out.RefreshToken, out.IdToken, out.AwsAdditionalDetails.IdentityContext)
	require.NoError(t, w.assume(t, contextOf(out)))
	bearer := w.SignIn()
	client, err := portal.New(w.cfg)
	require.NoError(t, err)
	credentials, err := client.GetRoleCredentials(t.Context(), &portal.GetRoleCredentialsInput{
		AccessToken: bearer, AccountId: "444455556666", RoleName: "PowerUserAccess",
	})
	require.NoError(t, err)
	add(bearer, credentials.RoleCredentials.SecretAccessKey, credentials.RoleCredentials.SessionToken)
}
