package peers

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdklm "github.com/aws/aws-sdk-go-v2/service/licensemanager"
	sdksso "github.com/aws/aws-sdk-go-v2/service/sso"
	sdkoidc "github.com/aws/aws-sdk-go-v2/service/ssooidc"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/sts"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// The keys that both sides sign with.
const (
	keyID   = "AKIDEXAMPLE"
	secret  = "not-a-real-secret-key"
	session = "not-a-real-session-token"
	region  = "us-east-1"
)

// wire is an HTTP client for both sides: it keeps the requests and returns a
// response.
type wire struct {
	status   int
	header   http.Header
	response string // body of the response

	sent []*http.Request
	body []byte // of the last request
}

func (w *wire) Do(req *http.Request) (*http.Response, error) {
	w.body = nil
	if req.Body != nil {
		var err error
		if w.body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
	}
	w.sent = append(w.sent, req)
	header := w.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if header.Get("X-Amzn-Requestid") == "" {
		header.Set("X-Amzn-Requestid", "request-1")
	}
	status := w.status
	if status == 0 {
		status = http.StatusOK
	}
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Header: header, Request: req,
		Body: io.NopCloser(strings.NewReader(w.response)), ContentLength: int64(len(w.response)),
	}, nil
}

func (w *wire) last() *http.Request { return w.sent[len(w.sent)-1] }

// side is a client: ours, or the SDK's.
type side struct {
	*wire
	client reflect.Value
	remote func(t *testing.T, operation string, input []byte) (any, error) // called instead of the client, if not nil
}

// pair is one service, seen from both sides.
type pair struct {
	name       string
	ours, sdk  side
	operations []string
}

func (w *wire) config() awstokens.Config {
	return awstokens.Config{
		Region: region, Credentials: awstokens.StaticCredentials(keyID, secret, session), HTTPClient: w,
		Retryer: awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = 1 }),
	}
}

func (w *wire) sdkConfig() aws.Config {
	return aws.Config{
		Region: region, Credentials: credentials.NewStaticCredentialsProvider(keyID, secret, session), HTTPClient: w,
		Retryer: func() aws.Retryer { return aws.NopRetryer{} },
	}
}

// pairs returns every service that we have. The changes apply to the configurations
// of both sides.
func pairs(t *testing.T, changes ...func(*awstokens.Config, *aws.Config)) []*pair {
	t.Helper()
	build := func(name string, ours func(awstokens.Config) (any, error), sdk func(aws.Config) any) *pair {
		p := &pair{name: name, ours: side{wire: new(wire)}, sdk: side{wire: new(wire)}}
		oursConfig, sdkConfig := p.ours.config(), p.sdk.sdkConfig()
		for _, change := range changes {
			change(&oursConfig, &sdkConfig)
		}
		client, err := ours(oursConfig)
		require.NoError(t, err)
		p.ours.client, p.sdk.client = reflect.ValueOf(client), reflect.ValueOf(sdk(sdkConfig))
		for i := range p.ours.client.NumMethod() {
			m := p.ours.client.Type().Method(i)
			if m.Type.NumIn() == 3 && m.Type.NumOut() == 2 && m.Type.In(2).Kind() == reflect.Pointer && strings.HasSuffix(m.Type.In(2).String(), m.Name+"Input") {
				if m.Type.Out(0).Kind() == reflect.Pointer {
					p.operations = append(p.operations, m.Name)
				}
			}
		}
		require.NotEmpty(t, p.operations)
		return p
	}
	return []*pair{
		build("licensemanager",
			func(c awstokens.Config) (any, error) { return licensemanager.New(c) },
			func(c aws.Config) any { return sdklm.NewFromConfig(c) }),
		build("ssooidc",
			func(c awstokens.Config) (any, error) { return ssooidc.New(c) },
			func(c aws.Config) any { return sdkoidc.NewFromConfig(c) }),
		build("portal",
			func(c awstokens.Config) (any, error) { return portal.New(c) },
			func(c aws.Config) any { return sdksso.NewFromConfig(c) }),
		build("sts",
			func(c awstokens.Config) (any, error) { return sts.New(c) },
			func(c aws.Config) any { return sdksts.NewFromConfig(c) }),
	}
}

// eachOperation runs a subtest for every operation that we have.
func eachOperation(t *testing.T, test func(t *testing.T, p *pair, operation string), changes ...func(*awstokens.Config, *aws.Config)) {
	for _, p := range pairs(t, changes...) {
		for _, operation := range p.operations {
			t.Run(p.name+"/"+operation, func(t *testing.T) { test(t, p, operation) })
		}
	}
}

// call calls an operation with an input that is given as JSON.
func (s side) call(t *testing.T, operation string, input []byte) (any, error) {
	t.Helper()
	if s.remote != nil {
		return s.remote(t, operation, input)
	}
	method := s.client.MethodByName(operation)
	require.True(t, method.IsValid(), "%s has no %s", s.client.Type(), operation)
	in := reflect.New(method.Type().In(1).Elem())
	require.NoError(t, json.Unmarshal(input, in.Interface()))
	out := method.Call([]reflect.Value{reflect.ValueOf(context.Background()), in})
	err, _ := out[1].Interface().(error)
	return out[0].Interface(), err
}

// both calls the operation on both sides. A zero member of ours, where the SDK has a
// pointer, is absent for the SDK.
func (p *pair) both(t *testing.T, operation string, input []byte) (ours, sdk any, oursErr, sdkErr error) {
	t.Helper()
	ours, oursErr = p.ours.call(t, operation, input)
	in := p.newInput(operation)
	require.NoError(t, json.Unmarshal(input, in.Interface()))
	sdk, sdkErr = p.sdk.call(t, operation, encode(t, in))
	return ours, sdk, oursErr, sdkErr
}

// newInput returns an empty input of ours.
func (p *pair) newInput(operation string) reflect.Value {
	return reflect.New(p.ours.client.MethodByName(operation).Type().In(1).Elem())
}

// encode returns an input of ours as JSON, with its secrets and without unset
// members.
func encode(t *testing.T, in reflect.Value) []byte {
	t.Helper()
	text, err := json.Marshal(plain(in))
	require.NoError(t, err)
	return text
}

var secretType = reflect.TypeFor[awstokens.Secret]()

// plain returns a value of ours as maps, lists and strings, with its secrets and
// without unset members. Members have their names in JSON, or else in Go.
func plain(v reflect.Value) any {
	switch {
	case v.Type() == secretType:
		return v.Interface().(awstokens.Secret).Reveal()
	case v.Type() == reflect.TypeFor[time.Time]():
		return v.Interface()
	case v.Kind() == reflect.Pointer:
		return plain(v.Elem())
	case v.Kind() == reflect.Struct:
		members := map[string]any{}
		for _, field := range reflect.VisibleFields(v.Type()) {
			member := v.FieldByIndex(field.Index)
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if field.Anonymous || name == "-" || isOptional(field) && member.IsZero() || member.Kind() == reflect.Pointer && member.IsNil() {
				continue
			}
			members[cmp.Or(name, field.Name)] = plain(member)
		}
		return members
	case v.Kind() == reflect.Slice && !v.IsNil():
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plain(v.Index(i))
		}
		return list
	}
	return v.Interface()
}

// isOptional reports whether a zero member is left out.
func isOptional(field reflect.StructField) bool {
	return strings.Contains(field.Tag.Get("json")+field.Tag.Get("query"), ",omitzero") ||
		field.Tag == "" && (field.Name == "DurationSeconds" || field.Name == "ProvidedContexts") // of STS, which has no tags
}

// random makes values of our types that satisfy the constraints.
type random struct{ *rand.Rand }

func newRandom(seed uint64) random { return random{rand.New(rand.NewPCG(seed, 1))} }

var arns = []string{
	"arn:aws:license-manager::123456789012:license:l-0123456789abcdef0123456789abcdef",
	"arn:aws:iam::123456789012:role/some/Role+=,.@-name",
	"arn:aws-cn:license-manager::123456789012:grant:g-0123456789abcdef0123456789abcdef",
}

func (r random) text() string {
	const alphabet = "aZ09-_ \"\\/<>&'+=%é漢😀\u2028\t"
	letters := []rune(alphabet)
	text := make([]rune, 1+r.IntN(12))
	for i := range text {
		text[i] = letters[r.IntN(len(letters))]
	}
	return string(text)
}

// enums are the documented values by type, one of ours each.
var enums = map[string][]string{
	"CheckoutType": {"PROVISIONAL", "PERPETUAL"}, "DigitalSignatureMethod": {"JWT_PS384"},
	"EntitlementUnit": {"Count", "None", "Bytes/Second"}, "RenewType": {"None", "Weekly", "Monthly"},
	"LicenseStatus": {"AVAILABLE", "SUSPENDED"}, "LicenseDeletionStatus": {"DELETED"}, "TokenType": {"REFRESH_TOKEN"},
	"GrantStatus": {"ACTIVE", "DISABLED"}, "ReceivedStatus": {"ACTIVE"}, "AllowedOperation": {"CheckoutLicense", "CreateToken"},
	"ActivationOverrideBehavior": {"DISTRIBUTED_GRANTS_ONLY"},
	"GrantType":                  {"authorization_code", "some:other"}, "TokenTypeURI": {"urn:ietf:params:oauth:token-type:access_token"},
}

// unknownToSDK is a member of CreateLicenseVersionInput that it lacks so far.
const unknownToSDK = "ResetUsage"

// fill sets every member, or each optional one by chance.
func (r random) fill(v reflect.Value, name string, all bool) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.fill(v.Elem(), name, all)
	case reflect.Struct:
		switch v.Type() {
		case secretType:
			v.Set(reflect.ValueOf(awstokens.NewSecret(r.value("", name))))
			return
		case reflect.TypeFor[time.Time]():
			v.Set(reflect.ValueOf(time.Unix(r.Int64N(1<<32), 0).UTC()))
			return
		}
		for _, field := range reflect.VisibleFields(v.Type()) {
			if field.Anonymous || field.Tag.Get("json") == "-" || field.Name == unknownToSDK {
				continue
			}
			if isOptional(field) && !all && r.IntN(2) == 0 && !required[field.Name] {
				continue
			}
			r.fill(v.FieldByIndex(field.Index), field.Name, all)
		}
	case reflect.Slice:
		n := 1 + r.IntN(3)
		if name == "Principals" {
			n = 1
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			r.fill(v.Index(i), name, all)
		}
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int32, reflect.Int64:
		v.SetInt(1 + r.Int64N(100))
		if name == "DurationSeconds" {
			v.SetInt(900 + r.Int64N(100))
		}
	case reflect.String:
		v.SetString(r.value(v.Type().Name(), name))
	default:
		panic(fmt.Sprintf("no values of type %s yet", v.Type()))
	}
}

// required members have omitzero where a nil list would be sent as null.
var required = map[string]bool{
	"Entitlements": true, "AllowedOperations": true, "Principals": true,
	"ConsumptionConfiguration": true, "Issuer": true, "Validity": true,
	"Tags": true, "TagKeys": true,
	"Code": true, "RedirectUri": true,
}

func (r random) value(typeName, name string) string {
	switch values := enums[typeName]; {
	case len(values) > 0:
		return values[r.IntN(len(values))]
	case strings.HasSuffix(name, "Arn") || strings.HasSuffix(name, "Arns") || name == "Principals":
		return arns[r.IntN(len(arns))]
	case name == "RoleSessionName":
		return "session=1,2.3@4-5"
	case name == "ClientToken" || strings.HasSuffix(name, "Token") || name == "ContextAssertion":
		return fmt.Sprintf("fake-%d-é", r.IntN(1000)) // in no error message, where it would be redacted
	case name == "Begin" || name == "End" || strings.HasPrefix(name, "Expiration") || strings.HasSuffix(name, "Time") || strings.HasSuffix(name, "Date") || name == "IssuedAt":
		return "2026-01-02T03:04:05Z"
	}
	return r.text()
}

// inputs returns n inputs of an operation as JSON: the first with all members, the
// others with some.
func (p *pair) inputs(t *testing.T, operation string, n int) [][]byte {
	t.Helper()
	var list [][]byte
	for i := range n {
		in := p.newInput(operation)
		newRandom(uint64(i)).fill(in.Elem(), operation, i == 0)
		list = append(list, encode(t, in))
	}
	return list
}
