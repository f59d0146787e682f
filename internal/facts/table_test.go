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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

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

// sample returns a JSON value that has every member and violates no constraint.
func (n *node) sample(name string) any {
	switch n.Type {
	case "structure":
		value := map[string]any{}
		for _, m := range sorted(n.members) {
			value[m] = n.members[m].sample(m)
		}
		return value
	case "list":
		return slices.Repeat([]any{n.item.sample(name)}, int(max(1, orZero(n.Min))))
	case "integer", "long":
		return float64(max(7, orZero(n.Min)))
	case "boolean":
		return true
	}
	switch {
	case len(n.Enum) > 0:
		return n.Enum[0]
	case n.Pattern != "":
		return patterns[n.Pattern].good[0]
	case n.goType == secretType: // unlike other strings, which would be redacted in errors
		return "fake:" + name
	}
	return "sample-of-" + name
}

// A violation is a violated constraint.
type violation struct {
	Field         string
	Rule          awstokens.Rule
	Limit, Actual int64
	Pattern       string
}

const ruleRequired awstokens.Rule = "required"

// violations returns the constraints of the tables that a value violates. It is
// independent of the library: it counts all runes and uses regular expressions.
func (n *node) violations(value any, field string) (found []violation) {
	switch v := value.(type) {
	case map[string]any:
		for _, name := range sorted(n.members) {
			member, path := n.members[name], field+"."+goName(name)
			switch {
			case !member.absent(v[name]):
				found = append(found, member.violations(v[name], path)...)
			case n.requires(name, v) && member.canBeAbsent():
				found = append(found, violation{Field: path, Rule: ruleRequired})
			}
		}
	case []any:
		found = n.limits(field, int64(len(v)), awstokens.RuleMinItems, awstokens.RuleMaxItems)
		for i, item := range v {
			found = append(found, n.item.violations(item, field+"["+strconv.Itoa(i)+"]")...)
		}
	case float64:
		found = n.limits(field, int64(v), awstokens.RuleMinValue, awstokens.RuleMaxValue)
	case string:
		found = n.limits(field, int64(utf8.RuneCountInString(v)), awstokens.RuleMinLength, awstokens.RuleMaxLength)
		if n.Pattern != "" && !matches(n.Pattern, v) {
			found = append(found, violation{Field: field, Rule: awstokens.RulePattern, Pattern: n.Pattern})
		}
		if len(n.Enum) > 0 && !slices.Contains(n.Enum, v) {
			found = append(found, violation{Field: field, Rule: awstokens.RuleEnum, Pattern: strings.Join(slices.Sorted(slices.Values(n.Enum)), "|")})
		}
	}
	return found
}

// requires reports whether a structure with this value requires a member.
func (n *node) requires(member string, value map[string]any) bool {
	grant, _ := value["grantType"].(string)
	return slices.Contains(n.Required, member) || slices.Contains(n.grants[grant], member)
}

// matches reports whether a pattern matches a string. It caches the result, because
// the race detector makes regular expressions slow.
func matches(pattern, s string) bool {
	key := [2]string{pattern, s}
	is, known := matched[key]
	if !known {
		is = patterns[pattern].regexp.MatchString(s)
		matched[key] = is
	}
	return is
}

var matched = map[[2]string]bool{}

func (n *node) limits(field string, actual int64, low, high awstokens.Rule) []violation {
	switch {
	case n.Min != nil && actual < *n.Min:
		return []violation{{Field: field, Rule: low, Limit: *n.Min, Actual: actual}}
	case n.Max != nil && actual > *n.Max:
		return []violation{{Field: field, Rule: high, Limit: *n.Max, Actual: actual}}
	}
	return nil
}

// absent reports whether a member with this value is absent in Go. An empty list is
// present, and so is every item of a list.
func (n *node) absent(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case float64:
		return v == 0 && !n.pointer
	}
	return false
}

// promises returns the members that an output must have.
func (n *node) promises() []string { return union(n.Required, promised[n.goType.String()]) }

// lacks returns the promised members that a response lacks, without members of a
// structure that is absent itself.
func (n *node) lacks(value any) (paths []string) {
	for _, path := range n.promises() {
		member, v := n, value
		names := strings.Split(path, ".")
		for i, name := range names {
			of, _ := v.(map[string]any)
			if member, v = member.members[name], of[name]; member.absent(v) {
				paths = union(paths, []string{strings.Join(names[:i+1], ".")})
				break
			}
		}
	}
	return paths
}

// canBeAbsent reports whether Go distinguishes an absent member: a required boolean is
// always present.
func (n *node) canBeAbsent() bool { return n.Type != "boolean" || n.pointer }

// mutants yields the sample of n with one change at a time, at and around every limit.
func (n *node) mutants(name string, yield func(value any)) {
	switch n.Type {
	case "structure":
		yield(map[string]any{})
		for _, m := range sorted(n.members) {
			with := func(value any) {
				changed := n.sample(name).(map[string]any)
				changed[m] = value
				if value == nil {
					delete(changed, m)
				}
				yield(changed)
			}
			with(nil)
			n.members[m].mutants(m, with)
		}
	case "list":
		good := n.item.sample(name)
		yield([]any{})
		for _, limit := range n.bounds() {
			yield(slices.Repeat([]any{good}, int(limit)))
		}
		n.item.mutants(name, func(item any) {
			yield([]any{item})
			yield([]any{good, item}) // an index other than 0
		})
	case "integer", "long":
		yield(float64(-1))
		yield(float64(0))
		for _, limit := range n.bounds() {
			yield(float64(limit))
		}
	case "string":
		n.eachString(func(s string) { yield(s) })
	}
}

// eachString yields strings at and around every limit of a string.
func (n *node) eachString(yield func(string)) {
	yield("")
	pattern := patterns[n.Pattern]
	for _, limit := range n.bounds() {
		for _, r := range []string{"a", "é", "語", "🔑"} { // 1 to 4 bytes
			yield(strings.Repeat(r, int(limit)))
		}
		if pattern.ofLength != nil {
			yield(pattern.ofLength(int(limit)))
		}
	}
	for _, s := range slices.Concat(pattern.good, pattern.bad) {
		yield(s)
	}
	for _, s := range n.Enum {
		yield(s)
		yield(strings.ToLower(s))
	}
	if len(n.Enum) > 0 {
		yield("ADDED_LATER")
	}
}

// bounds returns each limit and the number beyond it.
func (n *node) bounds() []int64 {
	var all []int64
	if n.Min != nil && *n.Min > 0 {
		all = append(all, *n.Min-1, *n.Min)
	}
	if n.Max != nil {
		all = append(all, *n.Max, *n.Max+1)
	}
	return all
}

// patternSamples is a documented pattern with strings that match and that do not.
type patternSamples struct {
	regexp    *regexp.Regexp
	good, bad []string           // samples have the first good one
	ofLength  func(n int) string // returns a match of n characters; can be nil
}

const (
	arnTail   = `:[A-Za-z0-9][A-Za-z0-9_/.-]{0,62}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9_/.-]{0,63}:[A-Za-z0-9][A-Za-z0-9:_/+=,@.-]{0,1023}$`
	anyARN    = `^arn:aws[a-zA-Z-]*` + arnTail
	strictARN = `^arn:aws(-(cn|us-gov|iso-b|iso-c|iso-d))?` + arnTail
	timestamp = `^(-?(?:[1-9][0-9]*)?[0-9]{4})-(1[0-2]|0[1-9])-(3[0-1]|0[1-9]|[1-2][0-9])T(2[0-3]|[0-1][0-9]):([0-5][0-9]):([0-5][0-9])(\.[0-9]+)?(Z|[+-](?:2[ 0-3]|[0-1][0-9]):[0-5][0-9])+$`
)

var patterns = map[string]patternSamples{
	// White space differs between regular expression engines. It is the six
	// characters of most of them, and no other: what the service accepts must not
	// be an error.
	`\S+`: {
		regexp: regexp.MustCompile(`^[^ \t\n\v\f\r]+$`),
		good:   []string{"no-space", "🔑", "\u00a0", "a\u0085b", "a\u2003b", "a\u2028b", "\u3000", "a\u200bb"},
		bad: func() (all []string) {
			for _, space := range []string{" ", "\t", "\n", "\v", "\f", "\r"} {
				all = append(all, space, space+"a", "a"+space, "a"+space+"b")
			}
			return all
		}(),
	},
	anyARN: {
		regexp: compile(anyARN),
		good: append(arns("aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-e", "aws-iso-f", "aws-eusc", "awsX", "aws-"),
			longestARN),
		bad: append(badARNs, arns("", "aw", "azure", "aws1", "aws_cn", "aws é")...),
		// Only the partition has no maximum length.
		ofLength: func(n int) string { return "arn:aws" + strings.Repeat("x", n-len("arn:aws:s:::r")) + ":s:::r" },
	},
	strictARN: {
		regexp: compile(strictARN),
		good: append(arns("aws", "aws-cn", "aws-us-gov", "aws-iso-b", "aws-iso-c", "aws-iso-d"),
			longestARN),
		bad: append(badARNs, arns("", "aws-iso", "aws-iso-e", "aws-iso-f", "aws-eusc", "awsX", "aws-", "aws-CN")...),
	},
	timestamp: {
		regexp: regexp.MustCompile(timestamp),
		good:   []string{"2030-01-02T03:04:05Z", "2030-12-31T23:59:59.123+14:00", "-12030-01-02T03:04:05Z", "2030-02-31T00:00:00-23:59Z"},
		bad:    []string{"2030-01-02T03:04:05", "2030-01-02 03:04:05Z", "2030-13-02T03:04:05Z", "2030-01-02T24:00:00Z", "2030-01-02T03:04:05z", "tomorrow", "2030-01-02T03:04:05Z\n"},
		ofLength: func(n int) string {
			return "2030-01-02T03:04:05." + strings.Repeat("9", n-len("2030-01-02T03:04:05.Z")) + "Z"
		},
	},
	// Without anchors, it matches any string that is not empty.
	`[\s\S]+`: {regexp: regexp.MustCompile(`[\s\S]+`), good: []string{"any text", " \n"}},
	`^lct-[a-zA-Z0-9]*`: {
		regexp: regexp.MustCompile(`^lct-[a-zA-Z0-9]*`),
		good:   []string{"lct-1a", "lct-", "lct-1_"}, // no anchor at the end
		bad:    []string{"lct", "LCT-1", " lct-1"},
	},
	`^[A-Za-z0-9]{1,25}$`: {
		regexp: regexp.MustCompile(`^[A-Za-z0-9]{1,25}$`),
		good:   []string{"Ab1", strings.Repeat("a", 25)},
		bad:    []string{strings.Repeat("a", 26), "a-b", "é"},
	},
}

// compile compiles a documented pattern. Go does not permit repetitions of more than
// 1000, so that they are split.
func compile(pattern string) *regexp.Regexp {
	long := regexp.MustCompile(`(\[[^\]]*\])\{0,1023\}`)
	return regexp.MustCompile(long.ReplaceAllString(pattern, `(?:$1{0,23}|$1{24}$1{0,999})`))
}

func arns(partitions ...string) (all []string) {
	for _, p := range partitions {
		all = append(all, "arn:"+p+":license-manager::123456789012:license:l-0123456789abcdef0123456789abcdef")
	}
	return all
}

var (
	longestARN = "arn:aws:" + strings.Repeat("s", 63) + ":" + strings.Repeat("/", 63) + ":" + strings.Repeat(".", 63) + ":" + strings.Repeat("r", 1024)

	badARNs = []string{
		"arn", "arn:aws:s::r", "arn:aws::::r", "arn:aws:s:::", "arn:aws:s:::-r", "ARN:aws:s:::r", " arn:aws:s:::r", "arn:aws:s:::r\n",
		"arn:aws:s:::r s", "arn:aws:s:::é", "arn:aws:-s:::r", "arn:aws:s:r@:1:r", longestARN + "r",
		"arn:aws:" + strings.Repeat("s", 64) + ":::r", "arn:aws:s:" + strings.Repeat("r", 64) + "::r", "arn:aws:s::" + strings.Repeat("1", 64) + ":r",
	}
)

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
