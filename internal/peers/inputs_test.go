package peers

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

const (
	license = `"arn:aws:license-manager::123456789012:license:l-0123456789abcdef0123456789abcdef"`
	grant   = `"arn:aws-us-gov:license-manager::123456789012:grant:g-0123456789abcdef0123456789abcdef"`
	terms   = `"LicenseName":"\"Näme\" \\ </b>","ProductName":"<&>\u2028😀","Issuer":{"Name":"Ausstellerin & Söhne"},"HomeRegion":"us-gov-west-1",
		"Validity":{"Begin":"2026-01-02T03:04:05.678+01:00"},"ClientToken":"c/1+2=",`
)

// picked are inputs written by hand: realistic ones, and some that violate the
// constraints. A zero is the same as none; an empty list is not.
var picked = map[string][]string{
	"licensemanager/AcceptGrant": {`{"GrantArn":` + grant + `}`},
	"licensemanager/CheckInLicense": {
		`{"LicenseConsumptionToken":"0123456789abcdef"}`,
		`{"LicenseConsumptionToken":"a/b+c==","Beneficiary":""}`,
	},
	"licensemanager/CheckoutBorrowLicense": {
		`{"ClientToken":"c-1","LicenseArn":` + license + `,"DigitalSignatureMethod":"JWT_PS384","Entitlements":[{"Name":"Premium","Unit":"None"}],"CheckoutMetadata":[]}`,
		`{"ClientToken":"c-1","LicenseArn":` + license + `,"DigitalSignatureMethod":"JWT_NEW","Entitlements":[{"Name":"n","Unit":"Count","Value":"0"}],"CheckoutMetadata":[{"Name":"k"},{"Value":"v"},{}],"NodeId":"<node>"}`,
	},
	"licensemanager/CheckoutLicense": {
		`{"CheckoutType":"PROVISIONAL","ClientToken":"c-1","KeyFingerprint":"aws:123456789012:Emulator:issuer-fingerprint","ProductSKU":"sku","Entitlements":[{"Name":"AWS::Marketplace::Usage","Unit":"Count","Value":"9223372036854775807"}]}`,
		`{"CheckoutType":"FOREVER","ClientToken":" ","KeyFingerprint":"","ProductSKU":"","Entitlements":[{"Name":"","Unit":"Furlongs"}],"Beneficiary":"123456789012","NodeId":"é"}`,
	},
	"licensemanager/CreateGrant": {
		`{"ClientToken":"c-1","GrantName":"g","HomeRegion":"us-east-1","LicenseArn":` + license + `,"Principals":["arn:aws:iam::123456789012:root"],"AllowedOperations":["CheckoutLicense","FlyToTheMoon"],"Tags":[]}`,
		`{"ClientToken":"c-1","GrantName":"\\\"","HomeRegion":"cn-north-1","LicenseArn":"arn","Principals":["one","two"],"AllowedOperations":["CreateToken"],"Tags":[{"Key":"k","Value":""},{"Key":""}]}`,
	},
	"licensemanager/CreateGrantVersion": {
		`{"ClientToken":"c-1","GrantArn":` + grant + `,"AllowedOperations":[],"Options":{},"Status":"ACTIVE"}`,
		`{"ClientToken":"c-1","GrantArn":` + grant + `,"Options":{"ActivationOverrideBehavior":"NONE_OF_THEM"},"Status":"UNHEARD","StatusReason":"` + strings.Repeat("é", 400) + `","SourceVersion":"1"}`,
	},
	"licensemanager/CreateLicense": {
		`{` + terms + `"ProductSKU":"s","Beneficiary":"b","Entitlements":[{"Name":"n","Unit":"Count","MaxCount":0,"AllowCheckIn":false,"Overage":false}],
			"ConsumptionConfiguration":{"ProvisionalConfiguration":{"MaxTimeToLiveInMinutes":0}},"LicenseMetadata":[],"Tags":[]}`,
		`{` + terms + `"ProductSKU":"s","Beneficiary":"b","Entitlements":[{"Name":"n","Unit":"None"},{"Name":"m","Unit":"Bytes/Second","MaxCount":9223372036854775807,"Value":"v"}],
			"ConsumptionConfiguration":{"BorrowConfiguration":{"AllowEarlyCheckIn":false,"MaxTimeToLiveInMinutes":2147483647},"RenewType":"Hourly"},"LicenseMetadata":[{"Name":"","Value":"v"}]}`,
	},
	"licensemanager/CreateLicenseVersion": {
		`{` + terms + `"LicenseArn":` + license + `,"Status":"SUSPENDED","ConsumptionConfiguration":{},"Entitlements":[{"Name":"n","Unit":"Count","MaxCount":-1}],"SourceVersion":""}`,
	},
	"licensemanager/CreateToken": {
		`{"ClientToken":"00000000-0000-4000-8000-000000000000","LicenseArn":` + license + `}`,
		`{"ClientToken":"c-1","LicenseArn":` + license + `,"ExpirationInDays":0,"RoleArns":[],"TokenProperties":[]}`,
		`{"ClientToken":"` + strings.Repeat("c", 60) + `","LicenseArn":` + license + `,"ExpirationInDays":2147483647,"RoleArns":["arn:aws-iso-b:iam::123456789012:role/r"],"TokenProperties":["","a=b&c","\u2028"]}`,
	},
	"licensemanager/DeleteGrant":   {`{"GrantArn":` + grant + `,"Version":"1"}`, `{"GrantArn":` + grant + `,"Version":"","StatusReason":"it's <over>"}`},
	"licensemanager/DeleteLicense": {`{"LicenseArn":` + license + `,"SourceVersion":"12"}`},
	"licensemanager/DeleteToken":   {`{"TokenId":"0123456789abcdef"}`, `{"TokenId":""}`},
	"licensemanager/ExtendLicenseConsumption": {
		`{"LicenseConsumptionToken":"0123456789abcdef","DryRun":false}`,
		`{"LicenseConsumptionToken":"0123456789abcdef","DryRun":true}`,
	},
	"licensemanager/GetAccessToken": {
		`{"Token":"eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl"}`,
		`{"Token":"` + strings.Repeat("t", 4096) + `","TokenProperties":[]}`,
	},
	"licensemanager/GetGrant":              {`{"GrantArn":` + grant + `}`, `{"GrantArn":` + grant + `,"Version":"2"}`},
	"licensemanager/GetLicense":            {`{"LicenseArn":` + license + `}`, `{"LicenseArn":"not an ARN","Version":"2"}`},
	"licensemanager/GetLicenseUsage":       {`{"LicenseArn":` + license + `}`},
	"licensemanager/ListDistributedGrants": lists("Filters", "GrantArns"),
	"licensemanager/ListLicenseVersions":   {`{"LicenseArn":` + license + `,"MaxResults":1}`, `{"LicenseArn":` + license + `,"MaxResults":100,"NextToken":"AQ+/=="}`},
	"licensemanager/ListLicenses":          lists("Filters", "LicenseArns"),
	"licensemanager/ListReceivedGrants":    lists("Filters", "GrantArns"),
	"licensemanager/ListReceivedLicenses":  lists("Filters", "LicenseArns"),
	"licensemanager/ListTagsForResource":   {`{"ResourceArn":` + license + `}`, `{"ResourceArn":"not an ARN"}`},
	"licensemanager/ListTokens":            lists("Filters", "TokenIds"),
	"licensemanager/RejectGrant":           {`{"GrantArn":` + grant + `}`},
	"licensemanager/TagResource":           {`{"ResourceArn":` + license + `,"Tags":[{"Key":"k","Value":"é<&>"},{"Key":"k"},{}]}`, `{"ResourceArn":"","Tags":[]}`},
	"licensemanager/UntagResource":         {`{"ResourceArn":` + grant + `,"TagKeys":["k","","\u2028"]}`, `{"ResourceArn":"","TagKeys":[]}`},

	"ssooidc/CreateToken": {
		`{"clientId":"c","clientSecret":"fake","grantType":"urn:ietf:params:oauth:grant-type:device_code","deviceCode":"d+/=","scope":[]}`,
		`{"clientId":"c","clientSecret":"fake","grantType":"authorization_code","code":"c","redirectUri":"http://127.0.0.1:8080/oauth/callback?a=b&c=%20","codeVerifier":"v~._-"}`,
		`{"clientId":"c","clientSecret":"fake","grantType":"refresh_token","refreshToken":"r","scope":["sso:account:access",""]}`,
		`{"clientId":"","clientSecret":"","grantType":"password"}`,
	},
	"ssooidc/CreateTokenWithIAM": {
		`{"clientId":"arn:aws:sso::123456789012:application/ssoins-0/apl-0","grantType":"urn:ietf:params:oauth:grant-type:jwt-bearer","assertion":"e30.e30."}`,
		`{"clientId":"arn","grantType":"urn:ietf:params:oauth:grant-type:token-exchange","subjectToken":"s","subjectTokenType":"urn:ietf:params:oauth:token-type:access_token","requestedTokenType":"urn:x:unheard"}`,
		`{"clientId":"arn","grantType":"authorization_code","code":"c","redirectUri":"https://example.com/é"}`,
	},
	"ssooidc/RegisterClient": {
		`{"clientName":"my app","clientType":"public"}`,
		`{"clientName":"\"é\" \\ <b>","clientType":"confidential","scopes":[],"redirectUris":["http://127.0.0.1/cb"],"grantTypes":["authorization_code","refresh_token","new:grant"],"issuerUrl":"https://identitycenter.amazonaws.com/ssoins-0","entitledApplicationArn":"arn"}`,
	},
	"ssooidc/StartDeviceAuthorization": {`{"clientId":"c","clientSecret":"fake","startUrl":"https://d-0123456789.awsapps.com/start#/?tab=accounts&a=b"}`},

	"portal/GetRoleCredentials": {
		`{"accountId":"123456789012","roleName":"Administrator Access+=,.@-_","accessToken":"aoaAAAAA/+=="}`,
		`{"accountId":"é/?&#%","roleName":"100%25 é;漢😀~*'()","accessToken":"a b"}`,
		`{"accountId":"","roleName":"","accessToken":"fake"}`,
	},
	"portal/ListAccountRoles": {
		`{"accountId":"123456789012","accessToken":"fake","maxResults":1,"nextToken":"a+b/c=="}`,
		`{"accountId":"1 2+3%2B","accessToken":"fake","maxResults":100,"nextToken":"é &=#;\u2028"}`,
	},
	"portal/ListAccounts": {
		`{"accessToken":"fake"}`,
		`{"accessToken":"fake","maxResults":0,"nextToken":""}`,
		`{"accessToken":"fake","maxResults":100,"nextToken":"a+b/c=="}`,
	},
	"portal/Logout": {`{"accessToken":"fake"}`},

	"sts/AssumeRole": {
		`{"RoleArn":"arn:aws:iam::123456789012:role/r","RoleSessionName":"me@example.com"}`,
		`{"RoleArn":"a+b c&d=é","RoleSessionName":"","DurationSeconds":43200,"ProvidedContexts":[{"ProviderArn":"arn:aws:iam::aws:contextProvider/IdentityCenter","ContextAssertion":"a+/=="},{"ProviderArn":"p&q","ContextAssertion":"%25"}]}`,
	},
	"sts/AssumeRoleWithWebIdentity": {
		`{"RoleArn":"arn:aws:iam::123456789012:role/r","RoleSessionName":"s","WebIdentityToken":"eyJ.e30.a-_"}`,
		`{"RoleArn":"","RoleSessionName":"😀","WebIdentityToken":"a+b c&d=%20","DurationSeconds":900}`,
	},
}

// lists are inputs of a list operation with filters and a list of names.
func lists(filters, names string) []string {
	return []string{
		`{}`,
		`{"MaxResults":0,"NextToken":"","` + filters + `":[],"` + names + `":[]}`,
		`{"MaxResults":1,"NextToken":"AQICAHi+/w==","` + filters + `":[{"Name":"Status","Values":["AVAILABLE","é&<>"]},{"Name":"","Values":[]},{}]}`,
		`{"MaxResults":100,"` + names + `":["","` + strings.Repeat("n", 2048) + `"]}`,
	}
}

// edgeTexts are put into every string of an input, whatever its constraints.
var edgeTexts = []string{
	"", " ", " padded ", `"quoted" \ and / and \u0041`, `<script>&amp;'</script>`, "a b+c%2Fd%20e/f?g#h=i&j;k", "line\u2028and\u2029\ufeff\ufffd",
	"é漢字😀👩‍👩‍👧", "a\ttab", "eyJ+/w==", "null", "0", "UNHEARD_OF", strings.Repeat("é", 4096), "\x00\x1f\x7f\r\n",
}

// edges are inputs that have an edge of its type in every member.
func (p *pair) edges(t *testing.T, operation string) [][]byte {
	t.Helper()
	var list [][]byte
	add := func(change func(v reflect.Value, name string)) {
		in := p.newInput(operation)
		newRandom(0).fill(in.Elem(), operation, true)
		eachLeaf(in.Elem(), "", change)
		list = append(list, encode(t, in))
	}
	for _, text := range edgeTexts {
		add(func(v reflect.Value, name string) {
			switch {
			case v.Kind() != reflect.String && v.Type() != secretType:
			case p.name == "portal" && name == "AccessToken" && strings.ContainsAny(text, "\x00\r\n"): // which no header can hold
			case text == "" && enums[v.Type().Name()] != nil: // the SDK does not send one that is required
			case v.Type() == secretType:
				v.Set(reflect.ValueOf(awstokens.NewSecret(text)))
			default:
				v.SetString(text)
			}
		})
	}
	for _, n := range []int64{0, 1, -1, 100, math.MaxInt32, math.MinInt32, math.MaxInt64} {
		add(func(v reflect.Value, _ string) {
			if v.CanInt() && !v.OverflowInt(n) {
				v.SetInt(n)
			}
		})
	}
	for _, on := range []bool{true, false} {
		add(func(v reflect.Value, name string) {
			if v.Kind() == reflect.Bool && name != unknownToSDK {
				v.SetBool(on)
			}
		})
	}
	// Not those that are required: the SDK sends nothing without them.
	add(func(v reflect.Value, name string) {
		if v.Kind() == reflect.Slice && !required[name] {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
	})
	return list
}

// eachLeaf visits every list, and everything else that holds nothing.
func eachLeaf(v reflect.Value, name string, visit func(v reflect.Value, name string)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			eachLeaf(v.Elem(), name, visit)
		}
	case reflect.Struct:
		if v.Type() == secretType {
			visit(v, name)
			return
		}
		for i := range v.NumField() {
			eachLeaf(v.Field(i), v.Type().Field(i).Name, visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachLeaf(v.Index(i), name, visit)
		}
		visit(v, name)
	default:
		visit(v, name)
	}
}

// allInputs returns generated inputs, those of picked, and the edges.
func (p *pair) allInputs(t *testing.T, operation string, generated int) [][]byte {
	t.Helper()
	byHand := picked[p.name+"/"+operation]
	require.NotEmpty(t, byHand, "somebody has to pick inputs for the operation")
	list := slices.Concat(p.inputs(t, operation, generated), p.edges(t, operation))
	for _, input := range byHand {
		strict := json.NewDecoder(bytes.NewReader([]byte(input)))
		strict.DisallowUnknownFields()
		require.NoError(t, strict.Decode(p.newInput(operation).Interface()), "%s", input)
		list = append(list, []byte(input))
	}
	return list
}
