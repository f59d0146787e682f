// Package facts tests that the types, the validation and the errors of the clients
// agree with what AWS publishes: the tables in testdata. Its README describes the
// tables, and how to add an operation.
package facts

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// The Go code differs from the tables in the following:
//
//   - Secrets that the models do not mark: unmarkedSecrets.
//   - Minimums that real values do not reach: unenforcedMin.
//   - Names of structures in Go: typeNames.
//   - Names of exception members in Go: exceptionFields, and the members that
//     every exception has: commonFields.
//   - \S+ applies to the whole value, and white space is six characters:
//     patterns.
//   - The zero value of a member that is not a pointer means that it is absent. So
//     an integer with a minimum of 1 can be 0, which is never sent.
//   - An OIDC grant requires members that are optional in the model, and the grant
//     type is an enum: "grants" in the table.
//   - A call returns an error if its response lacks the member that it is made for,
//     even if it is optional in the model: promised. Members that the model
//     requires deeper in a response are not required, because one incomplete item
//     must not cost a whole page.

// unmarkedSecrets are secrets that the models do not mark as sensitive: shapes,
// members written Structure.member, and members of any structure written .member.
var unmarkedSecrets = map[string]string{
	"TokenString":     "a refresh or access token of License Manager",
	"SignedToken":     "a borrowed license, which is valid offline",
	"DeviceCode":      "whoever has it can get the token",
	"AuthCode":        "whoever has it can exchange it",
	"UserCode":        "whoever sees it can approve the device",
	"IdentityContext": "it carries the identity of the user",
	"StartDeviceAuthorizationResponse.verificationUriComplete": "it has the user code in it",
	".LicenseConsumptionToken":                                 "whoever has it can extend the seat or check it in",
}

// unenforcedMin are shapes whose published minimum is not enforced.
var unenforcedMin = map[string]string{
	"SignedToken": "the published minimum of 4096 characters is longer than real tokens are",
}

// typeNames are the structures whose name in Go is not the API's.
var typeNames = map[string]string{
	"RoleCredentials": "Credentials",  // that name is a function's
	"Options":         "GrantOptions", // Options are settings everywhere else
}

// promised are the paths of the members without which a response is an error. Their
// fields have the tag wire:"required".
var promised = map[string][]string{
	"licensemanager.CreateTokenOutput":           {"Token"},
	"licensemanager.GetAccessTokenOutput":        {"AccessToken"},
	"licensemanager.GetGrantOutput":              {"Grant"},
	"licensemanager.GetLicenseOutput":            {"License"},
	"licensemanager.GetLicenseUsageOutput":       {"LicenseUsage"},
	"licensemanager.CheckoutLicenseOutput":       {"LicenseConsumptionToken"},
	"licensemanager.CheckoutBorrowLicenseOutput": {"SignedToken"},
	"ssooidc.RegisterClientOutput":               {"clientId", "clientSecret"},
	"ssooidc.StartDeviceAuthorizationOutput":     {"deviceCode", "userCode", "verificationUri"},
	"ssooidc.CreateTokenOutput":                  {"accessToken"},
	"ssooidc.CreateTokenWithIAMOutput":           {"accessToken"},
	"portal.GetRoleCredentialsOutput": {
		"roleCredentials.accessKeyId", "roleCredentials.secretAccessKey", "roleCredentials.sessionToken", "roleCredentials.expiration",
	},
}

// promisedInCode are the outputs whose promise is a condition, which a tag cannot
// express.
var promisedInCode = map[string]string{
	"ssooidc.CreateTokenWithIAMOutput": "a refresh token alone is enough if it is what was requested",
}

// A table is one file of testdata.
type table struct {
	Service, APIVersion, Protocol, TargetPrefix, SigningName string

	Operations map[string]struct {
		Method, URI, Auth, Input, Output string
		Errors                           []string
	}
	Shapes     map[string]shape
	Exceptions map[string]struct {
		Status  int
		OAuth   string
		Members map[string]string
	}
	Documented map[string]map[string]shape
	Grants     map[string]map[string][]string
}

type shape struct {
	Type, Member, Pattern string
	Min, Max              *int64
	Enum, Required        []string
	Members               map[string]string
	Query, Header         map[string]string // members that do not travel in the body
	Sensitive             bool
}

// A service is a client package beside its table.
type service struct {
	file, dir string // dir is from the module's root
	new       func(awstokens.Config) (any, error)
	client    reflect.Type
	table     table
}

func services(t testing.TB) []*service {
	all := []*service{
		{
			file: "license-manager.json", dir: "licensemanager", client: reflect.TypeFor[*licensemanager.Client](),
			new: func(cfg awstokens.Config) (any, error) { return licensemanager.New(cfg) },
		},
		{
			file: "sso-oidc.json", dir: "ssooidc", client: reflect.TypeFor[*ssooidc.Client](),
			new: func(cfg awstokens.Config) (any, error) { return ssooidc.New(cfg) },
		},
		{
			file: "sso-portal.json", dir: "ssooidc/portal", client: reflect.TypeFor[*portal.Client](),
			new: func(cfg awstokens.Config) (any, error) { return portal.New(cfg) },
		},
	}
	for _, s := range all {
		f, err := os.Open("testdata/" + s.file)
		require.NoError(t, err)
		decoder := json.NewDecoder(f)
		decoder.DisallowUnknownFields() // a misspelled key would be a constraint without a test
		require.NoError(t, decoder.Decode(&s.table), s.file)
		require.NoError(t, f.Close())
	}
	return all
}

// An operation is one of a service's, with its shapes bound to Go types.
type operation struct {
	*service
	name    string
	in, out *node
}

// anyOperation returns an operation of a service, for tests of what is the same in all.
func anyOperation(t testing.TB, s *service) *operation {
	return bind(t, s, sorted(s.table.Operations)[0])
}

// eachOperation runs a subtest for every operation of all services.
func eachOperation(t *testing.T, test func(t *testing.T, op *operation)) {
	for _, s := range services(t) {
		for _, name := range sorted(s.table.Operations) {
			t.Run(s.dir+"/"+name, func(t *testing.T) { test(t, bind(t, s, name)) })
		}
	}
}

// A node is a shape in the input or output of an operation, with the limits there and
// its Go type.
type node struct {
	shape
	shapeName string
	goType    reflect.Type // without the pointer
	pointer   bool
	members   map[string]*node // of a structure, by the API's name
	item      *node            // of a list

	grants map[string][]string // members that each grant type of an input requires
}

// bind returns an operation with its Go types. It fails the test if they do not fit the
// table.
func bind(t testing.TB, s *service, name string) *operation {
	method, ok := s.client.MethodByName(name)
	require.True(t, ok, "%s has no method %s", s.client, name)
	inType, outType, ok := operationTypes(method.Type)
	require.True(t, ok, "%s is not func(context.Context, *In) (*Out, error)", name)
	require.Equal(t, name+"Input", inType.Name())
	require.Equal(t, name+"Output", outType.Name())

	b := &binder{t: t, table: &s.table, limits: s.table.Documented[name], used: map[string]bool{}}
	facts := s.table.Operations[name]
	op := &operation{service: s, name: name, in: b.bind(facts.Input, "", inType)}
	require.Len(t, b.used, len(b.limits), "documented limits of %s for members that it does not have", name)
	if grants := s.table.Grants[name]; grants != nil {
		op.in.grants, op.in.members["grantType"].Enum = grants, sorted(grants)
	}
	b.limits = nil
	op.out = &node{shape: shape{Type: "structure"}, goType: outType} // of a response without a body
	if facts.Output != "" {
		op.out = b.bind(facts.Output, "", outType)
	}
	return op
}

// operationTypes returns the input and output of the method of an operation.
func operationTypes(m reflect.Type) (in, out reflect.Type, ok bool) {
	if m.NumIn() != 3 || m.NumOut() != 2 || m.In(1) != reflect.TypeFor[context.Context]() || m.Out(1) != reflect.TypeFor[error]() ||
		m.In(2).Kind() != reflect.Pointer || m.Out(0).Kind() != reflect.Pointer {
		return nil, nil, false
	}
	return m.In(2).Elem(), m.Out(0).Elem(), true
}

type binder struct {
	t      testing.TB
	table  *table
	limits map[string]shape // documented, by path
	used   map[string]bool
}

func (b *binder) bind(shapeName, path string, goType reflect.Type) *node {
	s, ok := b.table.Shapes[shapeName]
	require.True(b.t, ok, "the table has no shape %s", shapeName)
	if limit, ok := b.limits[path]; ok {
		s.Min, s.Max, s.Pattern, s.Enum = limit.Min, limit.Max, limit.Pattern, limit.Enum
		b.used[path] = true
	}
	if unenforcedMin[shapeName] != "" {
		s.Min = nil
	}
	n := &node{shape: s, shapeName: shapeName, goType: goType}
	if goType.Kind() == reflect.Pointer {
		// Unset differs from zero for numbers, booleans and structures only.
		require.NotContains(b.t, []string{"string", "list"}, s.Type, "%s is a pointer", path)
		n.goType, n.pointer = goType.Elem(), true
	}
	kinds := map[string]reflect.Kind{
		"string": reflect.String, "integer": reflect.Int32, "long": reflect.Int64,
		"boolean": reflect.Bool, "list": reflect.Slice, "structure": reflect.Struct,
	}
	require.Contains(b.t, kinds, s.Type, "shape %s has an unknown type", shapeName)
	if kind := n.goType.Kind(); n.goType != secretType || s.Type != "string" {
		require.Equal(b.t, kinds[s.Type], kind, "%s is a %s", path, goType)
	}
	switch s.Type {
	case "string":
		if s.Pattern != "" {
			require.Contains(b.t, patterns, s.Pattern, "%s: the pattern has no samples in this test", shapeName)
		}
		if len(s.Enum) > 0 {
			require.NotEqual(b.t, reflect.TypeFor[string](), n.goType, "%s is an enum and has no type of its own", path)
		}
	case "list":
		n.item = b.bind(s.Member, path+"[]", n.goType.Elem())
	case "structure":
		b.bindMembers(n, path)
	}
	return n
}

func (b *binder) bindMembers(n *node, path string) {
	if path != "" { // inputs and outputs have the name of their operation
		require.Equal(b.t, cmp.Or(typeNames[n.shapeName], n.shapeName), n.goType.Name())
		path += "."
	}
	n.members = map[string]*node{}
	for _, field := range reflect.VisibleFields(n.goType) { // including those of an embedded structure
		if field.Anonymous || field.Tag.Get("json") == "-" { // Result and its fields
			continue
		}
		where := n.goType.String() + "." + field.Name
		name := b.memberOf(n, field)
		require.Equal(b.t, goName(name), field.Name, "%s does not have the name in the API", where)
		n.members[name] = b.bind(n.Members[name], path+name, field.Type)

		is := n.members[name].goType
		for is.Kind() == reflect.Slice {
			is = is.Elem()
		}
		leaf := b.table.Shapes[n.Members[name]]
		secret := leaf.Sensitive || unmarkedSecrets[n.Members[name]]+unmarkedSecrets[n.shapeName+"."+name]+unmarkedSecrets["."+name] != ""
		require.Equal(b.t, secret, is == secretType, "%s: should it be a Secret?", where)
	}
	for name := range n.Members {
		require.Contains(b.t, n.members, name, "%s lacks a member", n.goType)
	}
	for _, list := range [][]string{n.Required, sorted(n.Query), sorted(n.Header)} {
		for _, name := range list {
			require.Contains(b.t, n.Members, name)
		}
	}
}

var secretType = reflect.TypeFor[awstokens.Secret]()

// memberOf returns the member of a field, whose tag says where the member travels: in
// the query, in a header, or in the body.
func (b *binder) memberOf(n *node, field reflect.StructField) string {
	where := n.goType.String() + "." + field.Name
	for location, names := range map[string]map[string]string{"query": n.Query, "header": n.Header} {
		tag, _, _ := strings.Cut(field.Tag.Get(location), ",")
		for member, name := range names {
			if location == "header" {
				name = http.CanonicalHeaderKey(name)
			}
			if goName(member) == field.Name {
				require.Equal(b.t, name, tag, "the %s tag of %s", location, where)
				require.Empty(b.t, field.Tag.Get("json"), "the JSON tag of %s", where)
				return member
			}
		}
		require.Empty(b.t, tag, "the %s tag of %s", location, where)
	}
	name := wireName(field)
	require.Contains(b.t, n.Members, name, "%s is not in the table", where)
	return name
}

// wireName returns the name that a field has in JSON.
func wireName(field reflect.StructField) string {
	if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
		return name
	}
	return field.Name
}

// goName returns the name that a member has in Go.
func goName(wire string) string { return strings.ToUpper(wire[:1]) + wire[1:] }

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func orZero(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}
