package peers

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	smithymiddleware "github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

const (
	grantee     = "444455556666"
	startURL    = "https://example.awsapps.com/start"
	redirectURI = "http://127.0.0.1:8765/oauth/callback"
	noLicense   = "arn:aws:license-manager::1:license:l-none"
	application = "arn:aws:sso::111122223333:application/ssoins-0/apl-0"
	verifier    = "not-a-real-verifier-not-a-real-verifier-123"
)

// The SDK's clients drive the emulator through every operation, and so do
// ours.
func TestBothDriveTheEmulator(t *testing.T) {
	for name, side := range map[string]func(*pair) side{"sdk": func(p *pair) side { return p.sdk }, "ours": func(p *pair) side { return p.ours }} {
		t.Run(name, func(t *testing.T) {
			d := drive(t, side)
			d.flows()
			for _, p := range pairs(t) {
				for _, operation := range p.operations {
					assert.Positive(t, d.requests(p.name, operation), "%s/%s was never called", p.name, operation)
				}
			}
		})
	}
}

// Both sides decode every response of the emulator to the same values, for every
// operation: successes, the errors of the flows, and scripted ones.
func TestSameResponsesOfTheEmulator(t *testing.T) {
	d := drive(t, func(p *pair) side { return p.sdk })
	d.flows()
	d.faults()
	successes, refusals := map[string]int{}, map[string]int{}
	byName := map[string]*pair{}
	for _, p := range pairs(t) {
		byName[p.name] = p
	}
	for i, a := range d.responses {
		t.Run(fmt.Sprintf("%s/%d", a.operation, i), func(t *testing.T) {
			service, operation, _ := strings.Cut(a.operation, "/")
			p := byName[service]
			p.respond(&a.wire)
			ours, sdk, oursErr, sdkErr := p.both(t, operation, p.inputs(t, operation, 1)[0])
			if a.status >= 300 {
				refusals[a.operation]++
				sameError(t, p, oursErr, sdkErr)
				return
			}
			successes[a.operation]++
			require.NoError(t, sdkErr)
			require.NoError(t, oursErr)
			assert.Equal(t, values(t, sdk), values(t, ours))
			assert.Equal(t, sdkRequestID(sdk), ours.(interface{ Metadata() *awstokens.Result }).Metadata().RequestID)
		})
	}
	for _, p := range byName {
		for _, operation := range p.operations {
			assert.Positive(t, successes[p.name+"/"+operation], "no success of %s/%s", p.name, operation)
			assert.Greater(t, refusals[p.name+"/"+operation], 4, "no errors of %s/%s", p.name, operation)
		}
	}
}

func sdkRequestID(out any) string {
	id, _ := middleware.GetRequestIDMetadata(reflect.ValueOf(out).Elem().FieldByName("ResultMetadata").Interface().(smithymiddleware.Metadata))
	return id
}

// flows runs the token flow and the license flow, with every refusal that needs no
// scripted fault.
func (d *driver) flows() {
	me := d.as(d.server.Config())
	me.logins()
	me.applications()
	me.accessPortal()
	me.tokens()
	me.seats()
	me.licenses(d.as(d.server.ConfigOf(grantee)))
}

func (c *caller) register(grants ...ssooidc.GrantType) object {
	client := c.good("ssooidc/RegisterClient", object{
		"clientName": "péer", "clientType": "public", "grantTypes": grants, "redirectUris": []string{redirectURI}, "scopes": []string{"sso:account:access"},
	})
	return object{"clientId": client["clientid"], "clientSecret": client["clientsecret"]}
}

// device starts a device authorization and returns what to poll with.
func (c *caller) device(client object) (poll object, userCode string) {
	device := c.good("ssooidc/StartDeviceAuthorization", with(client, "startUrl", startURL))
	return with(with(client, "grantType", ssooidc.GrantTypeDeviceCode), "deviceCode", device["devicecode"]), device["usercode"].(string)
}

func (c *caller) logins() {
	center := c.server.IdentityCenter()
	const create = "ssooidc/CreateToken"
	client := c.register(ssooidc.GrantTypeDeviceCode, ssooidc.GrantTypeRefreshToken, ssooidc.GrantTypeAuthorizationCode)
	c.bad("ssooidc/RegisterClient", "InvalidClientMetadataException", object{"clientName": "peer", "clientType": "private"})
	c.bad("ssooidc/RegisterClient", "InvalidRedirectUriException", object{"clientName": "peer", "clientType": "public", "redirectUris": []string{"http://example.com"}})
	c.bad("ssooidc/RegisterClient", "InvalidScopeException", object{"clientName": "peer", "clientType": "public", "scopes": []string{"a b"}})
	c.bad("ssooidc/RegisterClient", "UnsupportedGrantTypeException", object{"clientName": "peer", "clientType": "public", "grantTypes": []string{"password"}})

	poll, code := c.device(client)
	c.bad(create, "AuthorizationPendingException", poll)
	c.bad(create, "SlowDownException", poll)
	require.NoError(c, center.ApproveDevice(code))
	login := c.good(create, poll)
	c.bad(create, "InvalidGrantException", poll)
	poll, code = c.device(client)
	require.NoError(c, center.DenyDevice(code))
	c.bad(create, "AccessDeniedException", poll)
	poll, _ = c.device(client)
	c.server.Advance(10 * time.Minute)
	c.bad(create, "ExpiredTokenException", poll)
	c.server.Advance(-10 * time.Minute)
	c.bad("ssooidc/StartDeviceAuthorization", "InvalidRequestException", with(client, "startUrl", "nowhere"))
	c.bad("ssooidc/StartDeviceAuthorization", "InvalidClientException", object{"clientId": "é", "clientSecret": "fake", "startUrl": startURL})

	refresh := with(with(client, "grantType", ssooidc.GrantTypeRefreshToken), "refreshToken", login["refreshtoken"])
	c.good(create, refresh) // with no refresh token in the response
	center.RotateRefreshTokens(true)
	c.good(create, refresh)
	c.bad(create, "InvalidGrantException", refresh)
	center.RotateRefreshTokens(false)

	authorized, err := center.Authorize(client["clientId"].(string), redirectURI, challenge())
	require.NoError(c, err)
	exchange := with(with(client, "grantType", ssooidc.GrantTypeAuthorizationCode), "code", authorized)
	exchange = with(with(exchange, "redirectUri", redirectURI), "codeVerifier", verifier)
	c.bad(create, "InvalidScopeException", with(with(refresh, "refreshToken", c.good(create, exchange)["refreshtoken"]), "scope", []string{"more"}))
	c.bad(create, "InvalidGrantException", exchange)
	c.bad(create, "UnsupportedGrantTypeException", with(client, "grantType", "password"))
	c.bad(create, "InvalidClientException", with(poll, "clientSecret", "another"))
	c.bad(create, "UnauthorizedClientException", with(with(c.register(ssooidc.GrantTypeDeviceCode), "grantType", ssooidc.GrantTypeRefreshToken), "refreshToken", "r"))
}

func challenge() string {
	hash := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

// applications uses the four grants of an application, and the identity context
// of its user.
func (c *caller) applications() {
	const create = "ssooidc/CreateTokenWithIAM"
	app := object{"clientId": application}
	bearer := with(with(app, "grantType", ssooidc.GrantTypeJWTBearer), "assertion", "e30."+base64.RawURLEncoding.EncodeToString([]byte(`{"jti":"1","exp":4102444800}`))+".")
	tokens := c.good(create, bearer)
	c.bad(create, "InvalidGrantException", bearer)
	c.good(create, with(with(app, "grantType", ssooidc.GrantTypeRefreshToken), "refreshToken", tokens["refreshtoken"]))
	exchange := with(with(with(app, "grantType", ssooidc.GrantTypeTokenExchange), "subjectToken", tokens["accesstoken"]), "subjectTokenType", ssooidc.TokenTypeAccessToken)
	c.good(create, exchange)
	c.good(create, with(exchange, "requestedTokenType", ssooidc.TokenTypeRefreshToken))
	c.bad(create, "InvalidRequestException", with(exchange, "requestedTokenType", "urn:x:unheard"))
	code, err := c.server.IdentityCenter().Authorize(application, redirectURI, challenge(), "openid", "sts:identity_context")
	require.NoError(c, err)
	byCode := with(with(app, "grantType", ssooidc.GrantTypeAuthorizationCode), "code", code)
	c.good(create, with(with(byCode, "redirectUri", redirectURI), "codeVerifier", verifier))
	c.bad(create, "InvalidClientException", with(bearer, "clientId", "no ARN"))
	c.bad(create, "UnsupportedGrantTypeException", with(bearer, "grantType", ssooidc.GrantTypeDeviceCode))

	role := object{"RoleArn": c.server.LicenseManager().RoleARN(), "RoleSessionName": "peer", "ProvidedContexts": []object{{
		"ProviderArn": "arn:aws:iam::aws:contextProvider/IdentityCenter", "ContextAssertion": tokens["awsadditionaldetails"].(object)["identitycontext"],
	}}}
	c.good("sts/AssumeRole", role)
	c.bad("sts/AssumeRole", "ValidationError", with(role, "RoleArn", "arn:aws:iam::1:<role>&é"))
}

func (c *caller) accessPortal() {
	token := object{"accessToken": c.server.IdentityCenter().SignIn().Reveal()}
	first := c.good("portal/ListAccounts", with(token, "maxResults", 1))
	second := c.good("portal/ListAccounts", with(with(token, "maxResults", 1), "nextToken", first["nexttoken"]))
	assert.NotEqual(c, first["accountlist"], second["accountlist"])
	assert.Nil(c, second["nexttoken"])
	c.bad("portal/ListAccounts", "InvalidRequestException", with(token, "nextToken", "?&= é"))
	account := with(token, "accountId", "111122223333")
	roles := c.good("portal/ListAccountRoles", with(account, "maxResults", 1))
	c.good("portal/ListAccountRoles", with(account, "nextToken", roles["nexttoken"]))
	c.bad("portal/ListAccountRoles", "InvalidRequestException", with(account, "maxResults", 101))
	c.bad("portal/ListAccountRoles", "ForbiddenException", with(token, "accountId", "999999999999"))
	c.good("portal/GetRoleCredentials", with(account, "roleName", "ReadOnlyAccess"))
	c.bad("portal/GetRoleCredentials", "ForbiddenException", with(account, "roleName", "Emperor"))
	c.good("portal/Logout", token)
	for operation, in := range map[string]object{"Logout": token, "ListAccounts": token, "ListAccountRoles": account, "GetRoleCredentials": with(account, "roleName", "r")} {
		c.bad("portal/"+operation, "UnauthorizedException", in)
	}
}

func (c *caller) tokens() {
	mint := object{"ClientToken": "peer-1", "LicenseArn": c.server.LicenseManager().LicenseARN(), "RoleArns": []string{c.server.LicenseManager().RoleARN()}, "TokenProperties": []string{"a<b&c\u2028"}}
	minted := c.good("licensemanager/CreateToken", mint)
	again := c.good("licensemanager/CreateToken", mint)
	assert.Equal(c, minted, again)
	c.bad("licensemanager/CreateToken", "ValidationException", with(mint, "ExpirationInDays", 0))
	c.bad("licensemanager/CreateToken", "ResourceNotFoundException", with(mint, "LicenseArn", noLicense))
	c.good("licensemanager/CreateToken", with(mint, "ClientToken", "peer-2"))
	page := c.good("licensemanager/ListTokens", object{"MaxResults": 1})
	c.good("licensemanager/ListTokens", object{"NextToken": page["nexttoken"]})
	c.good("licensemanager/ListTokens", object{"TokenIds": []string{"none"}})
	c.bad("licensemanager/ListTokens", "ValidationException", object{"Filters": []object{{"Name": "Weather"}}})

	use := object{"Token": minted["token"]}
	access := c.good("licensemanager/GetAccessToken", use)
	c.bad("licensemanager/GetAccessToken", "ValidationException", object{"Token": "x"})
	c.bad("licensemanager/GetAccessToken", "AccessDeniedException", with(use, "TokenProperties", []string{"b"}))
	id := object{"TokenId": minted["tokenid"]}
	c.good("licensemanager/DeleteToken", id)
	c.bad("licensemanager/DeleteToken", "ResourceNotFoundException", id)
	c.bad("licensemanager/GetAccessToken", "AccessDeniedException", use)

	web := object{"RoleArn": c.server.LicenseManager().RoleARN(), "RoleSessionName": "peer", "WebIdentityToken": access["accesstoken"]}
	keys := c.good("sts/AssumeRoleWithWebIdentity", web)
	c.bad("sts/AssumeRoleWithWebIdentity", "AccessDenied", with(web, "RoleArn", "arn:aws:iam::111122223333:role/Other"))
	c.bad("sts/AssumeRoleWithWebIdentity", "InvalidIdentityToken", with(web, "WebIdentityToken", "e30.e30.e30"))
	c.server.Advance(time.Hour)
	c.bad("sts/AssumeRoleWithWebIdentity", "ExpiredTokenException", web)
	c.server.Advance(-time.Hour)

	// The product of a customer has only these credentials.
	cfg := c.server.Config()
	cfg.Credentials = awstokens.StaticCredentials(keys["accesskeyid"].(string), keys["secretaccesskey"].(string), keys["sessiontoken"].(string))
	c.server.LicenseManager().ConsumptionRoleOnly(true)
	product := c.as(cfg)
	seat := product.good("licensemanager/CheckoutLicense", c.checkout("product", "2"))
	assert.Equal(c, 2, c.server.LicenseManager().SeatsTaken(awstokenstest.Seats))
	product.good("licensemanager/CheckInLicense", object{"LicenseConsumptionToken": seat["licenseconsumptiontoken"]})
	product.bad("licensemanager/ListTokens", "AccessDeniedException", object{})
	c.server.LicenseManager().ConsumptionRoleOnly(false)
}

func (c *caller) checkout(clientToken, seats string) object {
	return object{
		"CheckoutType": "PROVISIONAL", "ClientToken": clientToken, "ProductSKU": c.server.LicenseManager().ProductSKU(), "KeyFingerprint": c.server.LicenseManager().KeyFingerprint(), "NodeId": "<nöde>",
		"Entitlements": []object{{"Name": awstokenstest.Seats, "Unit": "Count", "Value": seats}, {"Name": awstokenstest.Feature, "Unit": "None"}},
	}
}

func (c *caller) seats() {
	seat := c.good("licensemanager/CheckoutLicense", c.checkout("seat", "10"))
	c.bad("licensemanager/CheckoutLicense", "InvalidParameterValueException", c.checkout("many", "-1"))
	c.bad("licensemanager/CheckoutLicense", "NoEntitlementsAllowedException", with(c.checkout("other", "1"), "ProductSKU", "other"))
	held := object{"LicenseConsumptionToken": seat["licenseconsumptiontoken"]}
	c.good("licensemanager/ExtendLicenseConsumption", with(held, "DryRun", true))
	c.good("licensemanager/ExtendLicenseConsumption", held)
	usage := c.good("licensemanager/GetLicenseUsage", object{"LicenseArn": c.server.LicenseManager().LicenseARN()})
	assert.Equal(c, "10", usage["licenseusage"].(object)["entitlementusages"].([]any)[0].(object)["consumedvalue"])
	c.good("licensemanager/CheckInLicense", held)
	c.bad("licensemanager/CheckInLicense", "ResourceNotFoundException", held)
	c.bad("licensemanager/ExtendLicenseConsumption", "ResourceNotFoundException", held)
	perpetual := c.good("licensemanager/CheckoutLicense", with(c.checkout("perpetual", "1"), "CheckoutType", "PERPETUAL"))
	forever := object{"LicenseConsumptionToken": perpetual["licenseconsumptiontoken"]}
	c.bad("licensemanager/ExtendLicenseConsumption", "InvalidParameterValueException", forever)

	borrow := object{
		"ClientToken": "borrow", "LicenseArn": c.server.LicenseManager().LicenseARN(), "DigitalSignatureMethod": "JWT_PS384",
		"Entitlements": []object{{"Name": awstokenstest.Seats, "Unit": "Count", "Value": "1"}}, "CheckoutMetadata": []object{{"Name": "k", "Value": "é\u2028"}},
	}
	c.good("licensemanager/CheckoutBorrowLicense", borrow)
	c.bad("licensemanager/CheckoutBorrowLicense", "ValidationException", with(borrow, "NodeId", "other"))
	c.bad("licensemanager/CheckoutBorrowLicense", "ResourceNotFoundException", with(with(borrow, "ClientToken", "none"), "LicenseArn", noLicense))
}

// licenses follows a license from its issuer to its user.
func (c *caller) licenses(other *caller) {
	license := object{
		"ClientToken": "license-1", "LicenseName": `"l" \ <b>`, "ProductName": "p😀", "ProductSKU": "sku-1", "Beneficiary": "b", "HomeRegion": "us-east-1",
		"Issuer": object{"Name": "Is & Suer"}, "Validity": object{"Begin": "2020-01-01T00:00:00Z", "End": "2120-01-01T00:00:00Z"},
		"Entitlements":             []object{{"Name": "Users", "Unit": "Count", "MaxCount": 0, "Overage": true, "AllowCheckIn": false}},
		"ConsumptionConfiguration": object{"RenewType": "Monthly", "ProvisionalConfiguration": object{"MaxTimeToLiveInMinutes": 60}},
		"LicenseMetadata":          []object{{"Name": "k", "Value": ""}}, "Tags": []object{{"Key": "k", "Value": "v"}},
	}
	arn := object{"LicenseArn": c.good("licensemanager/CreateLicense", license)["licensearn"]}
	c.bad("licensemanager/CreateLicense", "RedirectException", with(license, "HomeRegion", "eu-west-1"))
	c.bad("licensemanager/CreateLicense", "ValidationException", with(license, "Validity", object{"Begin": "someday"}))
	version := with(with(license, "LicenseArn", arn["LicenseArn"]), "Status", "AVAILABLE")
	delete(version, "ProductSKU")
	delete(version, "Beneficiary")
	delete(version, "Tags")
	c.good("licensemanager/CreateLicenseVersion", with(version, "SourceVersion", "1"))
	c.bad("licensemanager/CreateLicenseVersion", "ConflictException", with(with(version, "SourceVersion", "7"), "ClientToken", "c-2"))
	c.bad("licensemanager/CreateLicenseVersion", "ResourceNotFoundException", with(with(version, "LicenseArn", noLicense), "ClientToken", "c-3"))
	c.good("licensemanager/GetLicense", arn)
	c.good("licensemanager/GetLicense", with(arn, "Version", "1"))
	c.bad("licensemanager/GetLicense", "InvalidParameterValueException", with(arn, "Version", "é"))
	c.good("licensemanager/GetLicenseUsage", arn)
	c.bad("licensemanager/GetLicenseUsage", "ValidationException", object{"LicenseArn": "no ARN"})
	c.bad("licensemanager/ListLicenseVersions", "InvalidParameterValueException", object{"LicenseArn": "no ARN"})
	c.bad("licensemanager/CheckoutBorrowLicense", "EntitlementNotAllowedException", object{
		"ClientToken": "c-4", "LicenseArn": arn["LicenseArn"], "DigitalSignatureMethod": "JWT_PS384", "Entitlements": []object{{"Name": "Users", "Unit": "Count", "Value": "1"}},
	})
	c.pages("licensemanager/ListLicenses", object{}, 2)
	c.pages("licensemanager/ListLicenseVersions", arn, 2)
	tagged := object{"ResourceArn": arn["LicenseArn"]}
	c.good("licensemanager/TagResource", with(tagged, "Tags", []object{{"Key": "k", "Value": "é"}, {"Key": "empty"}}))
	c.good("licensemanager/ListTagsForResource", tagged)
	c.good("licensemanager/UntagResource", with(tagged, "TagKeys", []string{"k"}))
	other.bad("licensemanager/TagResource", "InvalidParameterValueException", with(tagged, "Tags", []object{}))
	other.bad("licensemanager/UntagResource", "InvalidParameterValueException", with(tagged, "TagKeys", []string{"k"}))
	other.bad("licensemanager/ListTagsForResource", "InvalidParameterValueException", tagged)
	c.grants(other, arn)
	c.server.LicenseManager().NotOnboarded(true)
	other.bad("licensemanager/ListReceivedLicenses", "AccessDeniedException", object{})
	c.server.LicenseManager().NotOnboarded(false)
	c.bad("licensemanager/DeleteLicense", "ConflictException", with(arn, "SourceVersion", "1"))
	c.server.LicenseManager().DeletionPeriod(time.Hour)
	c.good("licensemanager/DeleteLicense", with(arn, "SourceVersion", "2"))
}

// grants follows the grants of a license, and what the other account does with
// them.
func (c *caller) grants(other *caller, arn object) {
	offer := object{
		"ClientToken": "grant-1", "GrantName": "g<&>", "HomeRegion": "us-east-1", "LicenseArn": arn["LicenseArn"], "Principals": []string{"arn:aws:iam::" + grantee + ":root"},
		"AllowedOperations": []string{"CheckoutLicense", "CheckInLicense", "ExtendConsumptionLicense", "CreateToken"}, "Tags": []object{{"Key": "k"}},
	}
	grant := object{"GrantArn": c.good("licensemanager/CreateGrant", offer)["grantarn"]}
	c.bad("licensemanager/CreateGrant", "InvalidParameterValueException", with(with(offer, "ClientToken", "c-5"), "Principals", []string{"arn:aws:iam:::root"}))
	c.bad("licensemanager/AcceptGrant", "AccessDeniedException", grant)
	c.bad("licensemanager/RejectGrant", "AccessDeniedException", grant)
	other.good("licensemanager/AcceptGrant", grant)
	other.bad("licensemanager/RejectGrant", "InvalidParameterValueException", grant)
	activate := with(with(with(grant, "ClientToken", "c-6"), "Status", "ACTIVE"), "StatusReason", strings.Repeat("é", 400))
	c.bad("licensemanager/CreateGrantVersion", "AccessDeniedException", activate)
	other.good("licensemanager/CreateGrantVersion", with(activate, "Options", object{"ActivationOverrideBehavior": "DISTRIBUTED_GRANTS_ONLY"}))
	other.good("licensemanager/GetGrant", grant)
	other.bad("licensemanager/GetGrant", "InvalidParameterValueException", with(grant, "Version", "9"))
	other.good("licensemanager/ListReceivedLicenses", object{"Filters": []object{{"Name": "IssuerName", "Values": []string{"Is & Suer"}}}})
	c.good("licensemanager/ListReceivedLicenses", object{"LicenseArns": []string{noLicense}})
	used := other.good("licensemanager/CheckoutLicense", object{
		"CheckoutType": "PROVISIONAL", "ClientToken": "c-7", "ProductSKU": "sku-1", "KeyFingerprint": "aws:111122223333:Is & Suer:issuer-fingerprint",
		"Entitlements": []object{{"Name": "Users", "Unit": "Count", "Value": "3"}},
	})
	held := object{"LicenseConsumptionToken": used["licenseconsumptiontoken"]}
	other.bad("licensemanager/CheckInLicense", "ConflictException", held)
	second := object{"GrantArn": c.good("licensemanager/CreateGrant", with(with(offer, "ClientToken", "grant-2"), "GrantName", "second"))["grantarn"]}
	other.good("licensemanager/RejectGrant", second)
	c.pages("licensemanager/ListDistributedGrants", object{}, 3)
	other.pages("licensemanager/ListReceivedGrants", object{}, 2)
	c.bad("licensemanager/ListDistributedGrants", "InvalidParameterValueException", object{"NextToken": "?"})
	c.bad("licensemanager/ListReceivedGrants", "InvalidParameterValueException", object{"NextToken": "?"})
	c.bad("licensemanager/DeleteGrant", "InvalidParameterValueException", with(grant, "Version", "9"))
	c.good("licensemanager/DeleteGrant", with(with(grant, "Version", "2"), "StatusReason", "over"))
	other.bad("licensemanager/ExtendLicenseConsumption", "AccessDeniedException", held)
}

// pages lists a number of items, one per page.
func (c *caller) pages(operation string, in object, items int) {
	c.Helper()
	var seen []object
	for next := any(nil); len(seen) == 0 || next != nil; {
		page := with(with(in, "MaxResults", 1), "NextToken", next)
		out := c.good(operation, page)
		assert.False(c, slices.ContainsFunc(seen, func(o object) bool { return assert.ObjectsAreEqual(o, out) }), "no page comes twice")
		seen, next = append(seen, out), out["nexttoken"]
	}
	assert.Len(c, seen, items, operation)
}

// faults scripts every error for every operation, and makes calls with inputs that
// the emulator refuses.
func (d *driver) faults() {
	me := d.as(d.server.Config())
	for _, p := range pairs(d.T) {
		for _, operation := range p.operations {
			inputs := p.inputs(d.T, operation, 4)
			script := func(with func(awstokenstest.Faults), input []byte) {
				with(d.next(p.name, operation))
				before := len(d.responses)
				_, _ = me.call(p.name+"/"+operation, json.RawMessage(input))
				require.Len(d, d.responses, before+1)
			}
			for _, input := range inputs {
				script(awstokenstest.Faults.OmitErrorHeader, input)
			}
			script(awstokenstest.Faults.Throttle, inputs[0])
			for _, status := range []int{http.StatusInternalServerError, http.StatusServiceUnavailable} {
				script(func(f awstokenstest.Faults) { f.Fail(status) }, inputs[0])
			}
			for _, status := range []int{http.StatusForbidden, http.StatusTooManyRequests, http.StatusBadGateway} {
				script(func(f awstokenstest.Faults) { f.FailUntyped(status) }, inputs[0])
			}
			for _, code := range strings.Fields(codes[p.name]) {
				script(func(f awstokenstest.Faults) {
					f.Refuse(code, "refused <&> é\u2028", map[string]string{"Location": "l", "ErrorCode": "e", "endpoint": "https://example.com", "region": "eu-west-1", "reason": "KMS_x"})
				}, inputs[0])
			}
		}
	}
}
