// Package secrets_test proves for the whole module that nothing it prints
// holds a secret: no struct, no error, no line of a log.
package secrets_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/smithy-go/auth/bearer"
	"github.com/aws/smithy-go/logging"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/borrow"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// operation is one line for each operation of the module.
type operation struct {
	in, out any // empty ones, as pointers
	call    func(context.Context, awstokens.Config, any) (any, error)
}

var operations = map[string]operation{
	"licensemanager.AcceptGrant":              of(licensemanager.New, (*licensemanager.Client).AcceptGrant),
	"licensemanager.CheckInLicense":           of(licensemanager.New, (*licensemanager.Client).CheckInLicense),
	"licensemanager.CheckoutBorrowLicense":    of(licensemanager.New, (*licensemanager.Client).CheckoutBorrowLicense),
	"licensemanager.CheckoutLicense":          of(licensemanager.New, (*licensemanager.Client).CheckoutLicense),
	"licensemanager.CreateGrant":              of(licensemanager.New, (*licensemanager.Client).CreateGrant),
	"licensemanager.CreateGrantVersion":       of(licensemanager.New, (*licensemanager.Client).CreateGrantVersion),
	"licensemanager.CreateLicense":            of(licensemanager.New, (*licensemanager.Client).CreateLicense),
	"licensemanager.CreateLicenseVersion":     of(licensemanager.New, (*licensemanager.Client).CreateLicenseVersion),
	"licensemanager.CreateToken":              of(licensemanager.New, (*licensemanager.Client).CreateToken),
	"licensemanager.DeleteGrant":              of(licensemanager.New, (*licensemanager.Client).DeleteGrant),
	"licensemanager.DeleteLicense":            of(licensemanager.New, (*licensemanager.Client).DeleteLicense),
	"licensemanager.DeleteToken":              of(licensemanager.New, (*licensemanager.Client).DeleteToken),
	"licensemanager.ExtendLicenseConsumption": of(licensemanager.New, (*licensemanager.Client).ExtendLicenseConsumption),
	"licensemanager.GetAccessToken":           of(licensemanager.New, (*licensemanager.Client).GetAccessToken),
	"licensemanager.GetGrant":                 of(licensemanager.New, (*licensemanager.Client).GetGrant),
	"licensemanager.GetLicense":               of(licensemanager.New, (*licensemanager.Client).GetLicense),
	"licensemanager.GetLicenseUsage":          of(licensemanager.New, (*licensemanager.Client).GetLicenseUsage),
	"licensemanager.ListDistributedGrants":    of(licensemanager.New, (*licensemanager.Client).ListDistributedGrants),
	"licensemanager.ListLicenseVersions":      of(licensemanager.New, (*licensemanager.Client).ListLicenseVersions),
	"licensemanager.ListLicenses":             of(licensemanager.New, (*licensemanager.Client).ListLicenses),
	"licensemanager.ListReceivedGrants":       of(licensemanager.New, (*licensemanager.Client).ListReceivedGrants),
	"licensemanager.ListReceivedLicenses":     of(licensemanager.New, (*licensemanager.Client).ListReceivedLicenses),
	"licensemanager.ListTokens":               of(licensemanager.New, (*licensemanager.Client).ListTokens),
	"licensemanager.RejectGrant":              of(licensemanager.New, (*licensemanager.Client).RejectGrant),
	"ssooidc.RegisterClient":                  of(ssooidc.New, (*ssooidc.Client).RegisterClient),
	"ssooidc.StartDeviceAuthorization":        of(ssooidc.New, (*ssooidc.Client).StartDeviceAuthorization),
	"ssooidc.CreateToken":                     of(ssooidc.New, (*ssooidc.Client).CreateToken),
	"ssooidc.CreateTokenWithIAM":              of(ssooidc.New, (*ssooidc.Client).CreateTokenWithIAM),
	"portal.ListAccounts":                     of(portal.New, (*portal.Client).ListAccounts),
	"portal.ListAccountRoles":                 of(portal.New, (*portal.Client).ListAccountRoles),
	"portal.GetRoleCredentials":               of(portal.New, (*portal.Client).GetRoleCredentials),
	"portal.Logout":                           of(portal.New, (*portal.Client).Logout),
}

// others are exported structs that hold secrets and are neither an input nor
// an output themselves.
var others = []any{new(ssooidc.AwsAdditionalDetails), new(login.Token), new(login.Registration), new(portal.Credentials), new(borrow.License)}

func of[C, I, O any](open func(awstokens.Config) (*C, error), call func(*C, context.Context, *I) (*O, error)) operation {
	return operation{new(I), new(O), func(ctx context.Context, cfg awstokens.Config, in any) (any, error) {
		client, err := open(cfg)
		if err != nil {
			return nil, err
		}
		return call(client, ctx, in.(*I))
	}}
}

// TestEveryOperationIsListed finds an operation that was forgotten above.
func TestEveryOperationIsListed(t *testing.T) {
	for name, client := range map[string]reflect.Type{
		"licensemanager": reflect.TypeFor[*licensemanager.Client](),
		"ssooidc":        reflect.TypeFor[*ssooidc.Client](),
		"portal":         reflect.TypeFor[*portal.Client](),
	} {
		for i := range client.NumMethod() {
			m := client.Method(i)
			if m.Type.NumIn() == 3 && m.Type.NumOut() == 2 { // receiver, context, input; output, error
				assert.Contains(t, operations, name+"."+m.Name)
			}
		}
	}
}

// The fakes, all told from each other and from everything else. They hold what
// the alphabets of real ones hold.
const (
	secretKey    = "FAKEkey/wJalrXUtnFEMI+K7MDENG"
	sessionToken = "FAKEsession//IQoJb3JpZ2luX2Vj+EAA=end"
)

// fake returns the n-th secret.
func fake(n int) awstokens.Secret {
	return awstokens.Secret(fmt.Sprintf("FAKE%02d.eyJub3QiOiJyZWFs-_/+In0%02d=c2ln%02d", n, n, n))
}

// assertHidden asserts that a text shows no secret, nor the beginning of one.
func assertHidden(t *testing.T, text, what string) {
	t.Helper()
	if i := strings.Index(text, "FAKE"); i >= 0 {
		t.Errorf("%s shows a secret: %s", what, text[max(0, i-40):min(len(text), i+60)])
	}
}

// fill sets everything in a struct: secrets to fakes, other texts to what
// passes for them. It returns the fakes.
func fill(v reflect.Value, secrets *[]string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), secrets)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), secrets)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), secrets)
	case reflect.String:
		if v.Type() == reflect.TypeFor[awstokens.Secret]() {
			v.SetString(fake(len(*secrets)).Reveal())
			*secrets = append(*secrets, v.String())
			return
		}
		v.SetString("public")
	case reflect.Int32, reflect.Int64, reflect.Int:
		v.SetInt(1)
	case reflect.Bool, reflect.Map, reflect.Float64: // hold none
	default:
		panic("fill: " + v.Type().String())
	}
}

// filled returns a new value of the pointer's type, and its secrets.
func filled(like any) (any, []string) {
	v := reflect.New(reflect.TypeOf(like).Elem())
	var secrets []string
	fill(v.Elem(), &secrets)
	return v.Interface(), secrets
}

func TestStructs(t *testing.T) {
	all := map[string]any{}
	for _, op := range operations {
		for _, v := range []any{op.in, op.out} {
			all[reflect.TypeOf(v).String()] = v
		}
	}
	for _, v := range others {
		all[reflect.TypeOf(v).String()] = v
	}
	total := 0
	for name, like := range all {
		t.Run(name, func(t *testing.T) {
			pointer, secrets := filled(like)
			total += len(secrets)
			plain, err := json.Marshal(pointer)
			require.NoError(t, err)
			for _, secret := range secrets {
				assert.Contains(t, string(plain), secret, "JSON is the wire")
			}
			value := reflect.ValueOf(pointer).Elem().Interface()
			for form, v := range map[string]any{"pointer": pointer, "value": value} {
				assertPrintsNothing(t, v, form)
				assertPrintsNothing(t, struct{ In any }{v}, form+" in a struct")
				assertPrintsNothing(t, []any{v}, form+" in a slice")
				assertPrintsNothing(t, map[string]any{"in": v}, form+" in a map")
				assertLogsNothing(t, v, form)
			}
		})
	}
	assert.Greater(t, total, 20, "the structs have secrets")
}

// assertPrintsNothing asserts it of fmt, and of slog's text handler, which
// prints with fmt what is no slog.LogValuer.
func assertPrintsNothing(t *testing.T, v any, what string) {
	t.Helper()
	assertFormatsNothing(t, v, what)
	var out bytes.Buffer
	logTo(slog.NewTextHandler(&out, nil), v)
	assertHidden(t, out.String(), what+", text handler")
}

func assertFormatsNothing(t *testing.T, v any, what string) {
	t.Helper()
	var text string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%10.3v"} {
		text += fmt.Sprintf(verb, v) + " "
	}
	assertHidden(t, text, what)
	if strings.Contains(strings.ToLower(text), "46414b45") {
		t.Errorf("%s shows FAKE in hexadecimal: %s", what, text)
	}
}

// assertLogsNothing asserts it of slog's JSON handler, too. That one encodes
// what it does not know as JSON, which is the wire: a secret in the caller's
// own slice or struct is the caller's to hide.
func assertLogsNothing(t *testing.T, v any, what string) {
	t.Helper()
	var out bytes.Buffer
	logTo(slog.NewJSONHandler(&out, nil), v)
	assertHidden(t, out.String(), what+", JSON handler")
}

func logTo(h slog.Handler, v any) {
	slog.New(h).With("with", v).WithGroup("g").Info("m", "attr", v, slog.Group("group", "attr", v, slog.Group("inner", "attr", v)))
}

// What a caller is likely to print while looking for a fault.
func TestClientsAndConfig(t *testing.T) {
	cfg := config(nil, nil)
	lm, err := licensemanager.New(cfg)
	require.NoError(t, err)
	oidc, err := ssooidc.New(cfg)
	require.NoError(t, err)
	access, err := portal.New(cfg)
	require.NoError(t, err)
	tokens := bearer.StaticTokenProvider{Token: bearer.Token{Value: fake(1).Reveal()}}
	role, err := portal.RoleCredentials(cfg, tokens, "111122223333", "Role", func(o *portal.Options) { o.Region = "us-east-1" })
	require.NoError(t, err)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretKey)
	t.Setenv("AWS_SESSION_TOKEN", sessionToken)
	fromEnv, err := awstokens.ConfigFromEnv()
	require.NoError(t, err)
	for name, v := range map[string]any{
		"licensemanager.Client": lm, "ssooidc.Client": oidc, "portal.Client": access, "RoleCredentials": role, "Config": cfg, "*Config": &cfg, "Config from the environment": fromEnv,
		"licensemanager.Client value": reflect.ValueOf(lm).Elem().Interface(), "ssooidc.Client value": reflect.ValueOf(oidc).Elem().Interface(),
		"Credentials": cfg.Credentials, "EnvCredentials": fromEnv.Credentials, "Secret": fake(1), "Secrets": []awstokens.Secret{fake(1)},
	} {
		assertPrintsNothing(t, v, name)
	}
	assertLogsNothing(t, fake(1), "Secret")
}

func config(client awstokens.HTTPClient, logger logging.Logger) awstokens.Config {
	return awstokens.Config{
		Region:            "us-east-1",
		Credentials:       awstokens.StaticCredentials("AKIDEXAMPLE", secretKey, sessionToken),
		HTTPClient:        client,
		Logger:            logger,
		DisableValidation: true, // it is the answers that are tested
		Retryer:           awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts, o.BaseDelay = 2, -1 }),
	}
}

// logger keeps every line.
type logger struct {
	mu    sync.Mutex
	lines []string
}

func (l *logger) Logf(_ logging.Classification, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...), fmt.Sprint(args...), fmt.Sprintf("%+v %#v", args, args))
}

// stub answers every request alike.
type stub func(*http.Request, string) (*http.Response, error)

func (s stub) Do(req *http.Request) (*http.Response, error) {
	if req.Body == nil {
		return s(req, "")
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	return s(req, string(body))
}

func reply(status int, body string, headers ...string) (*http.Response, error) {
	header := http.Header{"X-Amzn-Requestid": {"11111111-2222-3333-4444-555555555555"}}
	for i := 0; i < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}, nil
}

// echo is what a server has seen: the request's body and headers.
func echo(req *http.Request, body string) string {
	var headers strings.Builder
	_ = req.Header.Write(&headers)
	if req.Header.Get("Authorization") != "" {
		body += "\n" + secretKey // which no server sees, but say it did
	}
	return body + "\n" + headers.String()
}

// escapes are the ways in which a text comes back.
var escapes = map[string]func(string) string{
	"plain": func(s string) string { return s },
	"JSON":  quoted,
	"slash": func(s string) string { return strings.ReplaceAll(s, "/", `\/`) },
	"twice": func(s string) string { return quoted(quoted(s)) },
	"query": url.QueryEscape,
	"path":  url.PathEscape,
	"HTML":  html.EscapeString,
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b[1 : len(b)-1])
}

// codes are of exceptions of each service and of none.
var codes = []string{"ValidationException", "InvalidRequestRegionException", "RedirectException", "FailedDependencyException", "BrandNewException", ""}

// message is an error body, with the text wherever an exception keeps one.
func message(text string) string {
	body, _ := json.Marshal(map[string]string{
		"Message": text, "Location": text, "ErrorCode": text, "error": "invalid_request", "error_description": text,
		"reason": text, "region": text, "endpoint": text,
	})
	return string(body)
}

// TestErrors has servers, and the ways to them, say what they have seen.
func TestErrors(t *testing.T) {
	answers := map[string]stub{}
	for name, escape := range escapes {
		for _, code := range codes {
			answers[code+" error, "+name] = func(req *http.Request, body string) (*http.Response, error) {
				return reply(400, message("refused: "+escape(echo(req, body))+" end"), "X-Amzn-Errortype", code)
			}
		}
		answers["HTML page, "+name] = func(req *http.Request, body string) (*http.Response, error) {
			return reply(502, "<html>"+escape(echo(req, body))+"</html>")
		}
		answers["code, "+name] = func(req *http.Request, body string) (*http.Response, error) {
			return reply(400, `{"__type":`+strconv.Quote(escape(echo(req, body)))+`}`)
		}
		answers["success that is none, "+name] = func(req *http.Request, body string) (*http.Response, error) {
			return reply(200, "<html>"+escape(echo(req, body)))
		}
		answers["request ID, "+name] = func(req *http.Request, body string) (*http.Response, error) {
			return reply(400, "", "X-Amzn-Requestid", escape(echo(req, body)))
		}
		answers["request ID of a success that is none, "+name] = func(req *http.Request, body string) (*http.Response, error) {
			return reply(200, "none", "X-Amzn-Requestid", escape(echo(req, body)))
		}
		answers["send error, "+name] = func(req *http.Request, body string) (*http.Response, error) {
			return nil, fmt.Errorf("proxy said %s: %w", escape(echo(req, body)), io.ErrUnexpectedEOF)
		}
		answers["typed send error, "+name] = func(req *http.Request, body string) (*http.Response, error) {
			return nil, &url.Error{Op: "Post", URL: escape(echo(req, body)), Err: errText(escape(echo(req, body)))}
		}
		answers["body's error, "+name] = func(req *http.Request, body string) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(failing{errText(escape(echo(req, body)))})}, nil
		}
		answers["body's error after an error, "+name] = func(req *http.Request, body string) (*http.Response, error) {
			return &http.Response{StatusCode: 400, Body: io.NopCloser(failing{errText(escape(echo(req, body)))})}, nil
		}
	}
	for name, op := range operations {
		if _, secrets := filled(op.in); len(secrets) == 0 && name != "licensemanager.CreateToken" {
			continue // all are one call path, and one operation shows what becomes of the keys
		}
		t.Run(name, func(t *testing.T) {
			for answer, s := range answers {
				assertCallHides(t, op, s, answer)
			}
		})
	}
}

// errText is an error that fmt can look into.
type errText string

func (e errText) Error() string { return string(e) }

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// assertCallHides makes a call that fails.
func assertCallHides(t *testing.T, op operation, client awstokens.HTTPClient, what string) error {
	t.Helper()
	in, _ := filled(op.in)
	log := new(logger)
	_, err := op.call(t.Context(), config(client, log), in)
	require.Error(t, err, what)
	assertErrorHides(t, err, what)
	assertPrintsNothing(t, err, what)
	assertLogsNothing(t, err, what)
	assert.NotEmpty(t, log.lines)
	for _, line := range log.lines {
		assertHidden(t, line, what+", log")
	}
	return err
}

// assertErrorHides asserts it of every error of the chain.
func assertErrorHides(t *testing.T, err error, what string) {
	t.Helper()
	assertFormatsNothing(t, err, what)
	if reflect.ValueOf(err).Kind() == reflect.Pointer { // its members, too
		assertFormatsNothing(t, reflect.ValueOf(err).Elem(), what)
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if next := e.Unwrap(); next != nil {
			assertErrorHides(t, next, what)
		}
	case interface{ Unwrap() []error }:
		for _, next := range e.Unwrap() {
			assertErrorHides(t, next, what)
		}
	}
}

// TestCutOffEchoes cuts the answer at every byte: within a secret, within an
// escape, and where the cap on a response does it.
func TestCutOffEchoes(t *testing.T) {
	in, secrets := filled(new(ssooidc.CreateTokenInput))
	require.Greater(t, len(secrets), 3)
	for name, escape := range escapes {
		whole := "<html>" + escape(secrets[1]+" "+sessionToken)
		for cut := range len(whole) {
			for _, capped := range []bool{false, true} {
				text := whole[:cut]
				cfg := config(nil, nil)
				if capped {
					text, cfg.MaxResponseBytes = whole, int64(max(1, cut))
				}
				cfg.HTTPClient = stub(func(*http.Request, string) (*http.Response, error) { return reply(403, text) })
				_, err := operations["ssooidc.CreateTokenWithIAM"].call(t.Context(), cfg, &ssooidc.CreateTokenWithIAMInput{
					RefreshToken: in.(*ssooidc.CreateTokenInput).DeviceCode,
				})
				require.Error(t, err)
				if strings.Contains(err.Error(), "FAKEs") || strings.Contains(err.Error(), "FAKE0") {
					t.Errorf("%s, cut to %q: %v", name, text, err)
				}
			}
		}
	}
}

// TestValidationErrors has inputs that break the rules with their secrets.
func TestValidationErrors(t *testing.T) {
	for rule, spoil := range map[string]string{
		"white space": " with white space", "too long": strings.Repeat("x", 5000), "not UTF-8": "\xff", "multi-byte": strings.Repeat("ü", 5000),
	} {
		for name, op := range operations {
			in, secrets := filled(op.in)
			spoilSecrets(reflect.ValueOf(in).Elem(), spoil)
			log := new(logger)
			cfg := config(stub(func(*http.Request, string) (*http.Response, error) { return reply(200, "{") }), log)
			cfg.DisableValidation = false
			_, err := op.call(t.Context(), cfg, in)
			require.Error(t, err)
			assertErrorHides(t, err, name+", "+rule)
			for _, line := range log.lines {
				assertHidden(t, line, "log")
			}
			if name == "licensemanager.GetAccessToken" {
				require.Len(t, secrets, 1)
				assert.Empty(t, log.lines, "%s: nothing was sent", rule)
			}
		}
	}
}

func spoilSecrets(v reflect.Value, spoil string) {
	for i := range v.NumField() {
		if f := v.Field(i); f.Type() == reflect.TypeFor[awstokens.Secret]() {
			f.SetString(f.String() + spoil)
		}
	}
}

// TestWire has real servers speak no HTTP, and requests that cannot be sent.
func TestWire(t *testing.T) {
	for name, speak := range map[string]func(net.Conn, string){
		"no HTTP": func(c net.Conn, body string) { _, _ = io.WriteString(c, body+"\r\n\r\n") },
		"status":  func(c net.Conn, body string) { _, _ = io.WriteString(c, "HTTP/1.1 "+body+"\r\n\r\n") },
		"header":  func(c net.Conn, body string) { _, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+body+"\r\n\r\n") },
		"length": func(c net.Conn, body string) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: "+body+"\r\n\r\n")
		},
		"transfer encoding": func(c net.Conn, body string) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: "+body+"\r\n\r\n")
		},
		"chunk": func(c net.Conn, body string) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+body+"\r\n")
		},
		"trailer": func(c net.Conn, body string) {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"+body+"\r\n\r\n")
		},
		"location": func(c net.Conn, body string) {
			_, _ = io.WriteString(c, "HTTP/1.1 307 No\r\nLocation: http://%zz/"+body+"\r\n\r\n")
		},
		"location, followed": func(c net.Conn, body string) {
			_, _ = io.WriteString(c, "HTTP/1.1 308 No\r\nLocation: /?"+url.QueryEscape(body)+"\r\nContent-Length: 0\r\n\r\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				body, _ := io.ReadAll(req.Body)
				conn, _, err := http.NewResponseController(w).Hijack()
				if assert.NoError(t, err) {
					seen := string(body) + req.Header.Get("X-Amz-Sso_bearer_token")
					speak(conn, strings.ReplaceAll(seen, "\n", " "))
					conn.Close()
				}
			}))
			defer server.Close()
			for name, op := range operations {
				in, _ := filled(op.in)
				log := new(logger)
				cfg := config(server.Client(), log)
				cfg.BaseEndpoint = server.URL
				_, err := op.call(t.Context(), cfg, in)
				require.Error(t, err)
				assertErrorHides(t, err, name)
				for _, line := range log.lines {
					assertHidden(t, line, "log")
				}
			}
		})
	}
	// A token that was read from a file with its line's end is no header.
	for name, op := range operations {
		in, _ := filled(op.in)
		cfg := config(&http.Client{Transport: &http.Transport{}}, nil)
		cfg.BaseEndpoint = "http://127.0.0.1:1"
		cfg.Credentials = awstokens.StaticCredentials("AKIDEXAMPLE", secretKey, sessionToken+"\n")
		_, err := op.call(t.Context(), cfg, in)
		require.Error(t, err)
		assertErrorHides(t, err, name)
	}
}

// An error of the caller's own still is one.
func TestHiddenErrorsAreFound(t *testing.T) {
	op := operations["licensemanager.GetAccessToken"]
	err := assertCallHides(t, op, stub(func(_ *http.Request, body string) (*http.Response, error) {
		return nil, fmt.Errorf("%s: %w", body, net.ErrClosed)
	}), "send error")
	assert.ErrorIs(t, err, net.ErrClosed)
	var send *awstokens.SendError
	assert.True(t, errors.As(err, &send))
}

// A success is logged, but not what it says.
func TestLogOfSuccess(t *testing.T) {
	for name, op := range operations {
		in, _ := filled(op.in)
		out, _ := filled(op.out)
		answer, err := json.Marshal(out)
		require.NoError(t, err)
		log := new(logger)
		_, err = op.call(t.Context(), config(stub(func(*http.Request, string) (*http.Response, error) { return reply(200, string(answer)) }), log), in)
		require.NoError(t, err, name)
		require.NotEmpty(t, log.lines)
		for _, line := range log.lines {
			assertHidden(t, line, name)
		}
		assert.Contains(t, log.lines[0], "11111111-2222-3333-4444-555555555555")
	}
}
