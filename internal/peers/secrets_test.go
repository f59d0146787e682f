package peers_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go/auth/bearer"
	"github.com/davecgh/go-spew/spew"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// dumps show the memory of a value, at any depth. What only the library's own
// dependencies are needed for is in internal/secrets, with the proof that every
// type is tried.
var dumps = map[string]func(any) string{
	"spew": func(v any) string { return spew.Sdump(v) },
	"spew without methods": func(v any) string {
		c := spew.ConfigState{Indent: " ", DisableMethods: true, DisablePointerMethods: true}
		return c.Sdump(v)
	},
	"spew after methods": func(v any) string {
		c := spew.ConfigState{Indent: " ", ContinueOnMethod: true}
		return c.Sdump(v)
	},
	"spew in a format": func(v any) string { return spew.Sprintf("%v %+v %#v %#+v %s %x", v, v, v, v, v, v) },
	"go-cmp": func(v any) string {
		other := reflect.New(reflect.TypeOf(v)).Elem()
		if other.Kind() == reflect.Pointer {
			other.Set(reflect.New(other.Type().Elem()))
		}
		everything := cmp.Exporter(func(reflect.Type) bool { return true })
		return cmp.Diff(v, other.Interface(), everything) + cmp.Diff([]any{v}, []any{}, everything)
	},
}

// tellTales are the ways in which a dump could write any 8 bytes of a secret
// that a multiple of 8 precedes.
func tellTales(secrets ...string) (all []string) {
	list := func(format, separator string, text string) string {
		var bytes []string
		for i := range len(text) {
			bytes = append(bytes, fmt.Sprintf(format, text[i]))
		}
		return strings.Join(bytes, separator)
	}
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		all = append(all, base64.StdEncoding.EncodeToString([]byte(secret))[:len(secret)/3*4])
		for ; len(secret) >= 8; secret = secret[8:] {
			piece := secret[:8]
			if !strings.ContainsAny(piece, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
				continue // the words of fakes are in other text, too
			}
			all = append(all, piece, list("%02x", "", piece), list("%02X", "", piece), list("%02x", " ", piece[:7]),
				list("0x%02x", ", ", piece), list("%d", " ", piece))
		}
	}
	return all
}

// assertHides asserts that no dump of a value shows a secret, and reports
// whether that is so.
func assertHides(t assert.TestingT, name string, value any, tellTales []string) (ok bool) {
	ok = true
	for how, dump := range dumps {
		text := strings.Join(strings.Fields(dump(value)), " ")
		for _, tellTale := range tellTales {
			if i := strings.Index(text, tellTale); i >= 0 {
				ok = assert.Failf(t, name+", "+how, "%q", text[max(0, i-80):i+len(tellTale)])
				break
			}
		}
	}
	return ok
}

// counter counts failures.
type counter int

func (c *counter) Errorf(string, ...any) { *c++ }

// TestDumpsShow: each dump shows a secret that is plain text.
func TestDumpsShow(t *testing.T) {
	const secret = "FAKE-K7MDENG-bPxRfiCY"
	type hidden struct{ text string }
	type bytes struct{ text []byte }
	for _, value := range []any{
		secret, []any{secret}, struct{ Secret string }{secret}, hidden{secret}, &hidden{secret}, map[string]*hidden{"k": {secret}},
		&struct{ down any }{&hidden{secret}}, bytes{[]byte(secret)}, &bytes{[]byte(secret)}, struct{ next **bytes }{new(*bytes)},
	} {
		if deep, ok := value.(struct{ next **bytes }); ok {
			*deep.next = &bytes{[]byte(secret)}
		}
		var found counter
		assertHides(&found, "", value, tellTales(secret))
		assert.EqualValues(t, len(dumps), found, "%#v", value)
	}
}

// TestDumpsOfInputsAndOutputs fills what the methods of the clients take and
// return.
func TestDumpsOfInputsAndOutputs(t *testing.T) {
	total := 0
	for _, client := range []any{new(licensemanager.Client), new(ssooidc.Client), new(portal.Client)} {
		typ := reflect.TypeOf(client)
		for i := range typ.NumMethod() {
			m := typ.Method(i).Type
			if m.NumIn() != 3 || m.NumOut() != 2 { // receiver, context, input; output, error
				continue
			}
			for _, pointer := range []reflect.Type{m.In(2), m.Out(0)} {
				value := reflect.New(pointer.Elem())
				secrets := fill(value.Elem(), nil)
				total += len(secrets)
				if len(secrets) > 0 {
					assertHides(t, pointer.String(), value.Interface(), tellTales(secrets...))
					assertHides(t, pointer.String(), struct{ hidden any }{value.Elem().Interface()}, tellTales(secrets...))
				}
			}
		}
	}
	assert.Greater(t, total, 30, "the structs have secrets")
}

// fill sets what can hold a Secret, and appends the secrets that it has made.
func fill(v reflect.Value, secrets []string) []string {
	if v.Type() == reflect.TypeFor[awstokens.Secret]() {
		text := fmt.Sprintf("FAKE%02d-K7MDENG%02d/bPxRfiCY%02d=", len(secrets), len(secrets), len(secrets))
		v.Set(reflect.ValueOf(awstokens.NewSecret(text)))
		return append(secrets, text)
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return fill(v.Elem(), secrets)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		return fill(v.Index(0), secrets)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				secrets = fill(v.Field(i), secrets)
			}
		}
	}
	return secrets
}

// TestDumpsAfterUse dumps what has made calls over real connections.
func TestDumpsAfterUse(t *testing.T) {
	ctx, server := t.Context(), awstokenstest.NewServer(t)
	service, cfg := server.LicenseManager(), server.Config()
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	minted, err := client.CreateToken(ctx, &licensemanager.CreateTokenInput{
		ClientToken: licensemanager.NewClientToken(), LicenseArn: service.LicenseARN(), RoleArns: []string{service.RoleARN()},
	})
	require.NoError(t, err)
	customer, err := tokencreds.New(cfg, tokencreds.Token(minted.Token), func(o *tokencreds.Options) { o.RoleARN = service.RoleARN() })
	require.NoError(t, err)
	other, err := client.With(func(cfg *awstokens.Config) { cfg.Credentials = customer })
	require.NoError(t, err)
	_, err = other.ListTokens(ctx, nil)
	require.NoError(t, err)

	held, err := lease.Acquire(ctx, client, lease.Request{
		ProductSKU: service.ProductSKU(), KeyFingerprint: service.KeyFingerprint(),
		Entitlements: []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 1)},
	})
	require.NoError(t, err)
	defer func() { assert.NoError(t, held.Close(context.Background())) }()

	oidc, err := ssooidc.New(cfg)
	require.NoError(t, err)
	registered, err := oidc.RegisterClient(ctx, &ssooidc.RegisterClientInput{ClientName: "test", ClientType: ssooidc.ClientTypePublic})
	require.NoError(t, err)
	server.IdentityCenter().SetAccounts(awstokenstest.Account{ID: "111122223333", Name: "n", EmailAddress: "e", Roles: []string{"ReadOnly"}})
	session := login.Session{Name: "my-sso", StartURL: "https://example.awsapps.com/start", Region: cfg.Region}
	token := &login.Token{
		StartURL: session.StartURL, Region: session.Region, AccessToken: server.IdentityCenter().SignIn(), ExpiresAt: server.Now().Add(time.Hour),
		RefreshToken: awstokens.NewSecret("FAKE-wJalrXUt/nFEMI"), ClientID: registered.ClientId, ClientSecret: registered.ClientSecret,
	}
	memory := login.NewMemoryStore()
	require.NoError(t, memory.SaveToken(ctx, session, token))
	provider, err := login.NewProvider(session, func(o *login.ProviderOptions) { o.Config, o.Store = cfg, memory })
	require.NoError(t, err)
	role, err := portal.RoleCredentials(cfg, provider, "111122223333", "ReadOnly")
	require.NoError(t, err)
	static := bearer.StaticTokenProvider{Token: bearer.Token{Value: token.AccessToken.Reveal()}}
	careless, err := portal.RoleCredentials(cfg, static, "111122223333", "ReadOnly", func(o *portal.Options) { o.Region = cfg.Region })
	require.NoError(t, err)

	secrets := []string{
		minted.Token.Reveal(), registered.ClientSecret.Reveal(), token.AccessToken.Reveal(), token.RefreshToken.Reveal(),
	}
	for _, creds := range []awstokens.CredentialsProvider{cfg.Credentials, customer, role, careless} {
		got, err := creds.Retrieve(ctx)
		require.NoError(t, err)
		secrets = append(secrets, got.SecretAccessKey.Reveal(), got.SessionToken.Reveal())
	}
	service.Next(1, "GetAccessToken").Refuse("ValidationException", "refused: "+minted.Token.Reveal(), nil)
	_, refused := client.GetAccessToken(ctx, &licensemanager.GetAccessTokenInput{Token: minted.Token})
	require.Error(t, refused)
	tales := tellTales(secrets...)
	for name, value := range map[string]any{
		"Config": cfg, "client": client, "customer's client": other, "ssooidc.Client": oidc, "customer": customer, "lease": held,
		"minted": minted, "registered": registered, "token": token, "store": memory, "login.Provider": provider,
		"role": role, "role of a careless provider": careless, "error": refused,
	} {
		assertHides(t, name, value, tales)
	}
}
