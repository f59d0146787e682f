package secrets_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go/auth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/internal/endpoint"
	"github.com/seed-25f54b62/awstokens/internal/sigv4"
	"github.com/seed-25f54b62/awstokens/internal/sts"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/borrow"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// tap is an HTTP client that keeps the secrets of requests and responses: the
// members that have the names of Secrets in inputs and outputs.
type tap struct {
	client awstokens.HTTPClient
	names  map[string]bool

	mu      sync.Mutex
	secrets map[string]string // names by secret
}

func newTap(client awstokens.HTTPClient) *tap {
	names := map[string]bool{}
	for _, op := range operations {
		for _, typ := range []reflect.Type{op.in, op.out} {
			filled(typ, func(typ reflect.Type) {
				for i := range typ.NumField() {
					if f := typ.Field(i); f.Type == secretType {
						names[wireName(f)] = true
					}
				}
			})
		}
	}
	return &tap{client: client, names: names, secrets: map[string]string{}}
}

// wireName returns the name of a field in a request or a response.
func wireName(f reflect.StructField) string {
	for _, key := range []string{"header", "query", "json", "xml"} {
		if name, _, _ := strings.Cut(f.Tag.Get(key), ","); name != "" {
			return name[strings.LastIndexByte(name, '>')+1:]
		}
	}
	return f.Name
}

func (p *tap) note(name, value string) {
	name = name[strings.LastIndexByte(name, '.')+1:] // of a list's member in a form
	// A page's address is secret only because of the code in it, which has a
	// member of its own.
	if p.names[name] && value != "" && !strings.HasPrefix(value, "http") {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.secrets[value] = name
	}
}

func (p *tap) noteJSON(name string, value any) {
	switch value := value.(type) {
	case string:
		p.note(name, value)
	case []any:
		for _, element := range value {
			p.noteJSON(name, element)
		}
	case map[string]any:
		for name, member := range value {
			p.noteJSON(name, member)
		}
	}
}

func (p *tap) noteBody(body []byte) {
	var value any
	if json.Unmarshal(body, &value) == nil {
		p.noteJSON("", value)
		return
	}
	if form, err := url.ParseQuery(string(body)); err == nil {
		for name := range form {
			p.note(name, form.Get(name))
		}
	}
	name := ""
	for decoder := xml.NewDecoder(bytes.NewReader(body)); ; {
		token, err := decoder.Token()
		if err != nil {
			return
		}
		switch token := token.(type) {
		case xml.StartElement:
			name = token.Name.Local
		case xml.CharData:
			p.note(name, string(token))
		}
	}
}

// Do sends a request.
func (p *tap) Do(req *http.Request) (*http.Response, error) {
	for name := range req.Header {
		p.note(name, req.Header.Get(name))
	}
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		p.noteBody(body)
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	p.noteBody(body)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// needles are all secrets that have passed, and the keys that were derived from
// those of the credentials on the day.
func (p *tap) needles(t *testing.T, day time.Time, providers ...awstokens.CredentialsProvider) *needles {
	t.Helper()
	n := newNeedles()
	addKeys := func(secretKey string) {
		n.add(secretKey)
		for _, service := range []endpoint.Service{endpoint.LicenseManager, endpoint.OIDC, endpoint.STS} {
			key := []byte("AWS4" + secretKey)
			for _, part := range []string{day.UTC().Format("20060102"), "us-east-1", service.SigningName, "aws4_request"} {
				mac := hmac.New(sha256.New, key)
				mac.Write([]byte(part))
				key = mac.Sum(nil)
			}
			n.add(string(key))
		}
	}
	for _, provider := range providers {
		creds, err := provider.Retrieve(t.Context())
		require.NoError(t, err)
		addKeys(creds.SecretAccessKey.Reveal())
	}
	for secret, name := range p.secrets { // last, because Retrieve may have made more
		if n.add(secret); strings.EqualFold(name, "SecretAccessKey") {
			addKeys(secret)
		}
	}
	return n
}

// proxied returns an HTTP client whose requests go through the tap, by a proxy:
// the client itself has the buffers of a real connection.
func proxied(t *testing.T, p *tap) *http.Client {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RequestURI = ""
		resp, err := p.Do(r)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		maps.Copy(w.Header(), resp.Header)
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	t.Cleanup(proxy.Close)
	return &http.Client{Transport: &http.Transport{Proxy: func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }}}
}

const application = "arn:aws:sso::111122223333:application/ssoins-0123456789abcdef/apl-0123456789abcdef"

var session = login.Session{Name: "my-sso", StartURL: "https://example.awsapps.com/start", Region: "us-east-1"}

// approve approves a login as its user does in a browser.
func approve(address string) error {
	resp, err := http.Post(address, "application/x-www-form-urlencoded", strings.NewReader("decision=approve"))
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// writerFunc is a writer that hides what it writes to from a dump.
type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// values are values to show, by a description.
type values map[string]any

// find adds the error of a type that is in err.
func find[E error](t *testing.T, v values, err error) {
	t.Helper()
	var found E
	require.ErrorAs(t, err, &found)
	v[reflect.TypeFor[E]().String()] = found
}

// passing are secrets that pass the tap.
var passing = []string{
	"Token", "AccessToken", "WebIdentityToken", "SessionToken", "SignedToken", "LicenseConsumptionToken", "ContextAssertion",
	"clientSecret", "deviceCode", "userCode", "code", "codeVerifier", "accessToken", "refreshToken", "idToken",
	"assertion", "identityContext", "subjectToken", "secretAccessKey", "sessionToken", "X-Amz-Sso_bearer_token",
}

// testUsed shows what has been used over real connections, whose buffers have
// the requests and responses.
func testUsed(t *testing.T, s *shown) {
	server := awstokenstest.NewServer(t)
	p := newTap(new(http.Client))
	var log, told strings.Builder
	var mu sync.Mutex
	tell := telemetry(func(k, v any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(&told, "%v=%+v\n", k, v)
	})
	cfg := server.Config()
	cfg.HTTPClient, cfg.TracerProvider, cfg.MeterProvider = proxied(t, p), tell, tell
	cfg.Logger = slog.New(slog.NewJSONHandler(writerFunc(log.Write), &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.BaseDelay = -1 })
	v := values{
		"static credentials": cfg.Credentials, "retryer": cfg.Retryer,
		"function of credentials": awstokens.CredentialsFunc(cfg.Credentials.Retrieve),
		"anonymous credentials":   awstokens.AnonymousCredentials{},
	}
	used := &usage{T: t, server: server, cfg: &cfg, values: v}
	customer := used.licenses()
	used.borrowed()
	used.watched()
	used.metered()
	role := used.logins()
	used.applications()
	used.propagated()
	used.served()
	used.failures()

	n := p.needles(t, server.Now(), cfg.Credentials, customer, role)
	n.add(cacheKey)
	n.add(handlerToken)
	assert.Subset(t, slices.Collect(maps.Values(p.secrets)), passing)
	// The connections of a configuration's HTTP client have buffers, into which
	// a dump of the configuration looks. They are the caller's, and not those of
	// the default client.
	if !hasRaceDetector {
		for name, value := range used.configs() {
			assertHides(t, n, name, value, prints)
		}
	}
	cfg.HTTPClient, used.login.Config.HTTPClient, used.provider.Config.HTTPClient = nil, nil, nil
	maps.Copy(v, used.configs())
	for name, value := range v {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.show(t, n, name, value)
		})
	}
	assert.Empty(t, n.in(log.String()), "log")
	assert.Greater(t, strings.Count(log.String(), "request_id"), 10)
	assert.Empty(t, n.in(told.String()), "telemetry")
	assert.Greater(t, strings.Count(told.String(), "span="), 100)
	assert.Greater(t, strings.Count(told.String(), "metric="), 100)
	used.assertFilesHide(n)
}

// hasRaceDetector is set in race_test.go.
var hasRaceDetector bool

// usage uses the packages and collects their values.
type usage struct {
	*testing.T
	server *awstokenstest.Server
	cfg    *awstokens.Config
	values values
	files  []string // that were written

	login    *login.Options
	provider *login.ProviderOptions
}

// configs are the values that have the configuration.
func (u *usage) configs() values {
	return values{"Config": *u.cfg, "*Config": u.cfg, "login.Options": u.login, "login.ProviderOptions": u.provider}
}

func (u *usage) client() *licensemanager.Client {
	client, err := licensemanager.New(*u.cfg)
	require.NoError(u, err)
	return client
}

// licenses uses a client and a customer's credentials.
func (u *usage) licenses() *tokencreds.Provider {
	ctx, service, client := u.Context(), u.server.LicenseManager(), u.client()
	minted, err := client.CreateToken(ctx, &licensemanager.CreateTokenInput{
		ClientToken: licensemanager.NewClientToken(), LicenseArn: service.LicenseARN(), RoleArns: []string{service.RoleARN()},
	})
	require.NoError(u, err)
	access, err := client.GetAccessToken(ctx, &licensemanager.GetAccessTokenInput{Token: minted.Token})
	require.NoError(u, err)
	source := tokencreds.Token(minted.Token)
	customer, err := tokencreds.New(*u.cfg, source, func(o *tokencreds.Options) {
		o.RoleARN = service.RoleARN()
		u.values["tokencreds.Options"] = o
	})
	require.NoError(u, err)
	other, err := client.With(func(cfg *awstokens.Config) { cfg.Credentials = customer })
	require.NoError(u, err)
	_, err = other.ListTokens(ctx, nil)
	require.NoError(u, err)
	creds, err := customer.Retrieve(ctx)
	require.NoError(u, err)

	signer := &sigv4.Signer{Service: "license-manager", Region: "us-east-1"}
	signer.Sign(httptest.NewRequest(http.MethodPost, "/", nil), nil, creds, u.server.Now())
	maps.Copy(u.values, values{
		"licensemanager.Client": client, "client of a customer": other, "licensemanager.CreateTokenOutput": minted,
		"licensemanager.GetAccessTokenOutput": access, "tokencreds.Source": source, "tokencreds.Provider": customer,
		"Credentials": creds, "Secret": minted.Token, "sigv4.Signer": signer,
	})
	return customer
}

// borrowed verifies a borrowed license.
func (u *usage) borrowed() {
	service := u.server.LicenseManager()
	out, err := u.client().CheckoutBorrowLicense(u.Context(), &licensemanager.CheckoutBorrowLicenseInput{
		ClientToken: licensemanager.NewClientToken(), DigitalSignatureMethod: licensemanager.DigitalSignatureMethodJwtPs384,
		Entitlements: []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 1)},
		LicenseArn:   service.LicenseARN(), NodeId: "node-1",
	})
	require.NoError(u, err)
	mark := borrow.NewFileMark(u.TempDir() + "/mark")
	verifier, err := borrow.NewVerifier(service.SignKey(), func(o *borrow.Options) {
		o.Now, o.Mark = u.server.Now, mark
		u.values["borrow.Options"] = o
	})
	require.NoError(u, err)
	want := borrow.Want{LicenseARN: service.LicenseARN(), NodeID: "node-1"}
	license, err := verifier.Verify(out.SignedToken, want)
	require.NoError(u, err)
	u.values["CheckoutBorrowLicenseOutput"], u.values["borrow.FileMark"], u.values["borrow.Verifier"] = out, mark, verifier
	u.values["borrow.License"], u.values["borrow.Want"] = license, want
	want.NodeID = "node-2"
	_, err = verifier.Verify(out.SignedToken, want)
	find[*borrow.RefusedError](u.T, u.values, err)
}

// logins logs in, refreshes the token, and gets credentials of a role.
func (u *usage) logins() awstokens.CredentialsProvider {
	ctx, center := u.Context(), u.server.IdentityCenter()
	center.RotateRefreshTokens(true)
	files, err := login.NewFileStore(u.TempDir())
	require.NoError(u, err)
	memory := login.NewMemoryStore()
	for name, store := range map[string]login.Store{"file": files, "memory": memory} {
		token, err := login.Login(ctx, session, func(o *login.Options) {
			o.Config, o.Store, o.Flow, o.OpenBrowser = *u.cfg, store, login.FlowBrowser, approve
			o.Prompt = login.PromptFunc(func(_ context.Context, r login.Request, _ func(string) error) error {
				u.values["login.Request by browser"] = r
				return nil
			})
			u.login = o
		})
		require.NoError(u, err)
		registration, err := store.LoadRegistration(ctx, session)
		require.NoError(u, err)
		u.values[name+" store"], u.values["login.Token in "+name], u.values["login.Registration in "+name] = store, token, registration
	}
	u.values["login.PromptFunc"] = login.PromptFunc(func(context.Context, login.Request, func(string) error) error { return nil })
	u.values["login.Profile"] = login.Profile{Name: "p", Session: session, AccountID: "111122223333", RoleName: "ReadOnly"}
	_, err = login.Login(ctx, session, func(o *login.Options) {
		o.Config, o.Store, o.Flow, o.Force = *u.cfg, memory, login.FlowDevice, true
		o.Prompt = login.PromptFunc(func(_ context.Context, r login.Request, _ func(string) error) error {
			u.values["login.Request at a device"] = r
			return errors.New("nobody is there")
		})
	})
	find[*login.Error](u.T, u.values, err)
	provider, err := login.NewProvider(session, func(o *login.ProviderOptions) {
		o.Config, o.Store = *u.cfg, files
		u.provider = o
	})
	require.NoError(u, err)
	first, err := provider.RetrieveBearerToken(ctx)
	require.NoError(u, err)
	u.server.Advance(50 * time.Minute)
	second, err := provider.RetrieveBearerToken(ctx)
	require.NoError(u, err)
	assert.NotEqual(u, first.Value, second.Value, "it was refreshed")
	stored, err := files.LoadToken(ctx, session)
	require.NoError(u, err)

	center.SetAccounts(awstokenstest.Account{ID: "111122223333", Name: "n", EmailAddress: "e", Roles: []string{"ReadOnly"}})
	role, err := portal.RoleCredentials(*u.cfg, provider, "111122223333", "ReadOnly")
	require.NoError(u, err)
	_, err = role.Retrieve(ctx)
	require.NoError(u, err)
	client, err := portal.New(*u.cfg)
	require.NoError(u, err)
	_, err = client.ListAccounts(ctx, &portal.ListAccountsInput{AccessToken: awstokens.NewSecret(second.Value)})
	require.NoError(u, err)
	maps.Copy(u.values, values{"login.Provider": provider, "refreshed login.Token": stored, "role": role, "portal.Client": client})
	return role
}

// applications exchanges the tokens of an application's user.
func (u *usage) applications() {
	ctx, center := u.Context(), u.server.IdentityCenter()
	oidc, err := ssooidc.New(*u.cfg)
	require.NoError(u, err)
	user, err := oidc.CreateTokenWithIAM(ctx, &ssooidc.CreateTokenWithIAMInput{
		ClientId: application, GrantType: ssooidc.GrantTypeJWTBearer, Assertion: center.UserJWT(),
	})
	require.NoError(u, err)
	exchanged, err := oidc.CreateTokenWithIAM(ctx, &ssooidc.CreateTokenWithIAMInput{
		ClientId: application, GrantType: ssooidc.GrantTypeTokenExchange,
		SubjectToken: user.AccessToken, SubjectTokenType: ssooidc.TokenTypeAccessToken,
	})
	require.NoError(u, err)
	roles, err := sts.New(*u.cfg)
	require.NoError(u, err)
	_, err = roles.AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: u.server.LicenseManager().RoleARN(), RoleSessionName: "session", ProvidedContexts: []sts.ProvidedContext{{
			ProviderArn: "arn:aws:iam::aws:contextProvider/IdentityCenter", ContextAssertion: user.AwsAdditionalDetails.IdentityContext,
		}},
	})
	require.NoError(u, err)
	maps.Copy(u.values, values{
		"ssooidc.Client": oidc, "ssooidc.CreateTokenWithIAMOutput": user, "exchanged token": exchanged, "sts.Client": roles,
	})
}

// failures makes calls to services that quote what they refuse.
func (u *usage) failures() {
	ctx, license, center := u.Context(), u.server.LicenseManager(), u.server.IdentityCenter()
	quoting := func(token awstokens.Secret) string {
		return "refused: " + token.Reveal() + " of {" + token.Reveal() + "}"
	}

	token := u.values["licensemanager.CreateTokenOutput"].(*licensemanager.CreateTokenOutput).Token
	customer, err := tokencreds.New(*u.cfg, tokencreds.Token(token), func(o *tokencreds.Options) { o.RoleARN = license.RoleARN() })
	require.NoError(u, err)
	license.Next(1, "GetAccessToken").Refuse("InvalidParameterValueException", quoting(token), nil)
	_, err = customer.Retrieve(ctx)
	find[*tokencreds.Error](u.T, u.values, err)
	find[*awstokens.ResponseError](u.T, u.values, err)
	u.values["failed tokencreds.Provider"] = customer

	stored := u.values["refreshed login.Token"].(*login.Token)
	static := bearer.StaticTokenProvider{Token: bearer.Token{Value: stored.AccessToken.Reveal()}}
	role, err := portal.RoleCredentials(*u.cfg, static, "111122223333", "ReadOnly", func(o *portal.Options) { o.Region = session.Region })
	require.NoError(u, err)
	center.Next(1, "GetRoleCredentials").Refuse("InvalidRequestException", quoting(stored.AccessToken), nil)
	_, err = role.Retrieve(ctx)
	find[*portal.Error](u.T, u.values, err)
	u.values["failed role"] = role

	provider := u.values["login.Provider"].(*login.Provider)
	u.server.Advance(2 * time.Hour)
	center.Next(1, "CreateToken").Refuse("InvalidRequestException", quoting(stored.RefreshToken), nil)
	_, err = provider.RetrieveBearerToken(ctx)
	find[*login.Error](u.T, u.values, err)

	center.Next(3, "StartDeviceAuthorization").Cut()
	_, err = u.values["ssooidc.Client"].(*ssooidc.Client).StartDeviceAuthorization(ctx, &ssooidc.StartDeviceAuthorizationInput{
		ClientId: stored.ClientID, ClientSecret: stored.ClientSecret, StartUrl: session.StartURL,
	})
	find[*awstokens.SendError](u.T, u.values, err)
	maps.Copy(u.values, values{
		"lease.LostError": &lease.LostError{Err: err}, "lease.TakenError": &lease.TakenError{Err: err},
		"login.CallbackPortError": &login.CallbackPortError{Err: err}, "login.Terminal": &login.Terminal{Out: new(bytes.Buffer)},
	})
	license.SetSeats(0)
	_, err = lease.Acquire(ctx, u.client(), request(license))
	find[*lease.DeniedError](u.T, u.values, err)
}

// request is a request for a seat.
func request(service awstokenstest.LicenseManager) lease.Request {
	return lease.Request{
		ProductSKU: service.ProductSKU(), KeyFingerprint: service.KeyFingerprint(),
		Entitlements: []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 1)},
	}
}

// testSeats shows a lease and a keeper that have extended their seats, and a
// login at a device.
func testSeats(t *testing.T, s *shown) {
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
		cfg := server.Config()
		p := newTap(cfg.HTTPClient)
		cfg.HTTPClient = p
		client, err := licensemanager.New(cfg)
		require.NoError(t, err)
		service := server.LicenseManager()
		service.ChangeTokensOnExtend(true)
		v := values{}
		options := func(o *lease.Options) {
			v["lease.Options"] = o
			o.OnEvent = func(e lease.Event) { v["lease.Event "+string(e.Type)] = e }
		}
		held, err := lease.Acquire(t.Context(), client, request(service), options)
		require.NoError(t, err)
		path := filepath.Join(t.TempDir(), "record")
		store := lease.NewFileStore(path)
		kept := lease.Keep(t.Context(), client, request(service), func(o *lease.Options) { o.Store = store })
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, lease.StateActive, held.State())
		require.Equal(t, lease.StateActive, kept.State())
		require.Equal(t, 2, service.SeatsTaken(awstokenstest.Seats))
		v["lease.Lease"], v["lease.Keeper"], v["lease.FileStore"] = held, kept, store
		another := request(service)
		another.ProductSKU = "another"
		foreign := filepath.Join(t.TempDir(), "foreign")
		record, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(foreign, record, 0o600))
		_, err = lease.Acquire(t.Context(), client, another, func(o *lease.Options) { o.Store = lease.NewFileStore(foreign) })
		find[*lease.StoreError](t, v, err)
		n := p.needles(t, server.Now(), cfg.Credentials)
		for name, value := range v {
			s.show(t, n, name, value)
		}
		require.NoError(t, held.Close(t.Context()))
		require.NoError(t, kept.Close(t.Context()))
	})
}
