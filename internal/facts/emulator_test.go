package facts

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
)

// TestEmulator compares the responses of the emulator with the tables: every operation
// succeeds, and its response has all members that the model requires and violates no
// constraint.
func TestEmulator(t *testing.T) {
	e := emulated{t, awstokenstest.NewServer(t), map[string]*operation{}, map[string]bool{}}
	for _, s := range services(t) {
		for name := range s.table.Operations {
			e.operations[s.dir+"/"+name] = bind(t, s, name)
		}
	}
	e.identityCenter()
	e.portal()
	e.tokens()
	e.seats()
	e.grants(e.license())
	assert.Equal(t, sorted(e.operations), sorted(e.called), "every operation must be called here")
}

type emulated struct {
	*testing.T
	server     *awstokenstest.Server
	operations map[string]*operation // by directory and name
	called     map[string]bool
}

type object = map[string]any

// recorder keeps the body of the last response.
type recorder struct{ body []byte }

func (r *recorder) Do(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	r.body, err = io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(r.body))
	return resp, err
}

// call makes a call as the server's own account, and returns the response.
func (e emulated) call(name string, in object) object { return e.callAs(e.server.Config(), name, in) }

func (e emulated) callAs(cfg awstokens.Config, name string, in object) object {
	op, r := e.operations[name], new(recorder)
	require.NotNil(e, op, name)
	e.called[name] = true
	cfg.HTTPClient = r
	client, err := op.new(cfg)
	require.NoError(e, err)
	results := reflect.ValueOf(client).MethodByName(op.name).Call([]reflect.Value{reflect.ValueOf(e.Context()), reflect.ValueOf(op.in.new(in))})
	err, _ = results[1].Interface().(error)
	require.NoError(e, err, name)

	out := object{}
	if len(r.body) > 0 || len(op.out.members) > 0 {
		require.NoError(e, json.Unmarshal(r.body, &out), "%s: %q", name, r.body)
	}
	assert.Empty(e, op.out.violations(out, op.name+"Output"), "%s", r.body)
	assert.Empty(e, op.out.lacks(out), "%s", r.body)
	return out
}

func (e emulated) identityCenter() {
	center := e.server.IdentityCenter()
	registered := e.call("ssooidc/RegisterClient", object{"clientName": "facts", "clientType": "public"})
	client := object{"clientId": registered["clientId"], "clientSecret": registered["clientSecret"]}
	device := e.call("ssooidc/StartDeviceAuthorization", with(client, "startUrl", "https://example.awsapps.com/start"))
	require.NoError(e, center.ApproveDevice(device["userCode"].(string)))
	poll := with(with(client, "grantType", "urn:ietf:params:oauth:grant-type:device_code"), "deviceCode", device["deviceCode"])
	login := e.call("ssooidc/CreateToken", poll)
	e.call("ssooidc/CreateToken", with(with(client, "grantType", "refresh_token"), "refreshToken", login["refreshToken"]))

	application := object{"clientId": "arn:aws:sso::111122223333:application/ssoins-0/apl-0"}
	bearer := with(application, "grantType", "urn:ietf:params:oauth:grant-type:jwt-bearer")
	tokens := e.call("ssooidc/CreateTokenWithIAM", with(bearer, "assertion", center.UserJWT().Reveal()))
	e.call("ssooidc/CreateTokenWithIAM", with(with(application, "grantType", "refresh_token"), "refreshToken", tokens["refreshToken"]))
	exchange := with(with(application, "grantType", "urn:ietf:params:oauth:grant-type:token-exchange"), "subjectToken", tokens["accessToken"])
	exchange["subjectTokenType"] = "urn:ietf:params:oauth:token-type:access_token"
	e.call("ssooidc/CreateTokenWithIAM", exchange)
	e.call("ssooidc/CreateTokenWithIAM", with(exchange, "requestedTokenType", "urn:ietf:params:oauth:token-type:refresh_token"))
}

func (e emulated) portal() {
	token := object{"accessToken": e.server.IdentityCenter().SignIn().Reveal()}
	e.call("ssooidc/portal/ListAccounts", with(token, "maxResults", 1.0))
	account := with(token, "accountId", "111122223333")
	e.call("ssooidc/portal/ListAccountRoles", account)
	e.call("ssooidc/portal/GetRoleCredentials", with(account, "roleName", "ReadOnlyAccess"))
	e.call("ssooidc/portal/Logout", token)
}

func (e emulated) tokens() {
	minted := e.call("licensemanager/CreateToken", object{
		"ClientToken": "facts", "LicenseArn": e.server.LicenseManager().LicenseARN(),
		"RoleArns": []any{e.server.LicenseManager().RoleARN()}, "TokenProperties": []any{"a"},
	})
	e.call("licensemanager/GetAccessToken", object{"Token": minted["Token"]})
	e.call("licensemanager/DeleteToken", object{"TokenId": minted["TokenId"]})
	e.call("licensemanager/ListTokens", object{})
}

func (e emulated) seats() {
	manager := e.server.LicenseManager()
	seat := []any{object{"Name": awstokenstest.Seats, "Unit": "Count", "Value": "1"}, object{"Name": awstokenstest.Feature, "Unit": "None"}}
	held := e.call("licensemanager/CheckoutLicense", object{
		"CheckoutType": "PROVISIONAL", "ClientToken": "facts", "ProductSKU": manager.ProductSKU(), "KeyFingerprint": manager.KeyFingerprint(), "Entitlements": seat,
	})
	token := object{"LicenseConsumptionToken": held["LicenseConsumptionToken"]}
	e.call("licensemanager/ExtendLicenseConsumption", token)
	e.call("licensemanager/ExtendLicenseConsumption", with(token, "DryRun", true))
	e.call("licensemanager/GetLicenseUsage", object{"LicenseArn": manager.LicenseARN()})
	e.call("licensemanager/CheckInLicense", token)
	e.call("licensemanager/CheckoutBorrowLicense", object{
		"ClientToken": "facts", "LicenseArn": manager.LicenseARN(), "DigitalSignatureMethod": "JWT_PS384", "Entitlements": seat[:1],
		"CheckoutMetadata": []any{object{"Name": "k", "Value": "v"}},
	})
}

// license creates a license, calls the operations on it except its deletion, and
// returns its ARN.
func (e emulated) license() (arn any) {
	terms := object{
		"ClientToken": "license", "LicenseName": "l", "ProductName": "p", "HomeRegion": "us-east-1", "Issuer": object{"Name": "i"},
		"Validity":     object{"Begin": "2020-01-01T00:00:00Z", "End": "2120-01-01T00:00:00Z"},
		"Entitlements": []any{object{"Name": "Users", "Unit": "Count", "MaxCount": 5.0, "Overage": true, "AllowCheckIn": true}},
		"ConsumptionConfiguration": object{
			"RenewType": "Monthly", "ProvisionalConfiguration": object{"MaxTimeToLiveInMinutes": 60.0},
			"BorrowConfiguration": object{"AllowEarlyCheckIn": true, "MaxTimeToLiveInMinutes": 60.0},
		},
		"LicenseMetadata": []any{object{"Name": "k", "Value": "v"}},
	}
	created := e.call("licensemanager/CreateLicense", with(with(terms, "ProductSKU", "sku"), "Beneficiary", "b"))
	arn = created["LicenseArn"]
	version := with(with(with(terms, "LicenseArn", arn), "Status", "AVAILABLE"), "ClientToken", "version")
	e.call("licensemanager/CreateLicenseVersion", version)
	e.call("licensemanager/GetLicense", object{"LicenseArn": arn})
	e.call("licensemanager/ListLicenses", object{})
	e.call("licensemanager/ListLicenseVersions", object{"LicenseArn": arn})
	resource := object{"ResourceArn": arn}
	e.call("licensemanager/TagResource", with(resource, "Tags", []any{object{"Key": "k", "Value": "v"}}))
	e.call("licensemanager/ListTagsForResource", resource)
	e.call("licensemanager/UntagResource", with(resource, "TagKeys", []any{"k"}))
	return arn
}

// grants grants the license to another account, and deletes the grant and the license.
func (e emulated) grants(license any) {
	const account = "444455556666"
	grantee := e.server.ConfigOf(account)
	offer := object{
		"ClientToken": "grant", "GrantName": "g", "HomeRegion": "us-east-1", "LicenseArn": license, "Principals": []any{"arn:aws:iam::" + account + ":root"},
		"AllowedOperations": []any{"CheckoutLicense", "CheckInLicense", "ExtendConsumptionLicense", "ListPurchasedLicenses"},
	}
	grant := object{"GrantArn": e.call("licensemanager/CreateGrant", offer)["GrantArn"]}
	e.callAs(grantee, "licensemanager/AcceptGrant", grant)
	e.callAs(grantee, "licensemanager/CreateGrantVersion", with(with(with(grant, "ClientToken", "version"), "Status", "ACTIVE"), "StatusReason", "why"))
	e.callAs(grantee, "licensemanager/GetGrant", grant)
	e.callAs(grantee, "licensemanager/ListReceivedGrants", object{})
	e.callAs(grantee, "licensemanager/ListReceivedLicenses", object{})
	e.call("licensemanager/ListDistributedGrants", object{})
	rejected := e.call("licensemanager/CreateGrant", with(with(offer, "ClientToken", "second"), "GrantName", "second"))
	e.callAs(grantee, "licensemanager/RejectGrant", object{"GrantArn": rejected["GrantArn"]})
	e.call("licensemanager/DeleteGrant", with(grant, "Version", "2"))
	e.call("licensemanager/DeleteLicense", object{"LicenseArn": license, "SourceVersion": "2"})
}
