package peers

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	sdksts "github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/sts"
)

// Both sides decode the same response to the same values.
func TestSameOutputs(t *testing.T) {
	eachOperation(t, func(t *testing.T, p *pair, operation string) {
		input := p.inputs(t, operation, 1)[0]
		for i := range 20 {
			out := reflect.New(p.ours.client.MethodByName(operation).Type().Out(0).Elem())
			newRandom(uint64(i)).fill(out.Elem(), operation, true)
			body := encodeOutput(t, operation, out.Interface())
			p.ours.response, p.sdk.response = body, body
			ours, sdk, oursErr, sdkErr := p.both(t, operation, input)
			require.NoError(t, oursErr)
			require.NoError(t, sdkErr)
			assert.Equal(t, values(t, sdk), values(t, ours))
		}
	})
}

// encodeOutput returns the response that a service sends for an output of ours.
func encodeOutput(t *testing.T, operation string, out any) string {
	t.Helper()
	if role, ok := out.(*sts.Output); ok {
		var b strings.Builder
		text := struct {
			AccessKeyID     string    `xml:"Credentials>AccessKeyId"`
			SecretAccessKey string    `xml:"Credentials>SecretAccessKey"`
			SessionToken    string    `xml:"Credentials>SessionToken"`
			Expiration      time.Time `xml:"Credentials>Expiration"`
			AssumedRoleArn  string    `xml:"AssumedRoleUser>Arn"`
		}{role.AccessKeyID, role.SecretAccessKey.Reveal(), role.SessionToken.Reveal(), role.Expiration, role.AssumedRoleArn}
		require.NoError(t, xml.NewEncoder(&b).EncodeElement(text, xml.StartElement{Name: xml.Name{Local: operation + "Result"}}))
		return "<" + operation + `Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">` + b.String() + "</" + operation + "Response>"
	}
	return string(encode(t, reflect.ValueOf(out)))
}

// values returns the members of an output by their lower-case names, without
// absent ones.
func values(t *testing.T, out any) any {
	switch sdk := out.(type) { // these have members that ours lack
	case *sdksts.AssumeRoleOutput:
		out = role(sdk.Credentials, sdk.AssumedRoleUser)
	case *sdksts.AssumeRoleWithWebIdentityOutput:
		out = role(sdk.Credentials, sdk.AssumedRoleUser)
	}
	if v := reflect.ValueOf(out); v.Kind() == reflect.Pointer && !v.IsNil() && strings.HasPrefix(v.Elem().Type().PkgPath(), "github.com/seed-25f54b62/") {
		out = plain(v)
	}
	text, err := json.Marshal(out)
	require.NoError(t, err)
	var v any
	require.NoError(t, json.Unmarshal(text, &v))
	return present(v)
}

func role(keys *ststypes.Credentials, user *ststypes.AssumedRoleUser) *sts.Output {
	return &sts.Output{
		AccessKeyID: *keys.AccessKeyId, SecretAccessKey: awstokens.NewSecret(*keys.SecretAccessKey), SessionToken: awstokens.NewSecret(*keys.SessionToken),
		Expiration: *keys.Expiration, AssumedRoleArn: *user.Arn,
	}
}

func present(v any) any {
	switch v := v.(type) {
	case map[string]any:
		members := map[string]any{}
		for name, member := range v {
			if member = present(member); member != nil && name != "ResultMetadata" {
				members[strings.ToLower(name)] = member
			}
		}
		if len(members) == 0 {
			return nil
		}
		return members
	case []any:
		for i := range v {
			v[i] = present(v[i])
		}
		if len(v) == 0 {
			return nil
		}
	case string:
		if v == "" {
			return nil
		}
	}
	return v
}

// codes are the error codes that each service publishes, and one that it does not.
var codes = map[string]string{
	"licensemanager": "AccessDeniedException AuthorizationException ConflictException EntitlementNotAllowedException FailedDependencyException " +
		"FilterLimitExceededException InvalidParameterValueException InvalidResourceStateException LicenseUsageException NoEntitlementsAllowedException " +
		"RateLimitExceededException RedirectException ResourceLimitExceededException ResourceNotFoundException ServerInternalException " +
		"UnsupportedDigitalSignatureMethodException ValidationException ThrottlingException UnheardException",
	"ssooidc": "AccessDeniedException AuthorizationPendingException ExpiredTokenException InternalServerException InvalidClientException " +
		"InvalidClientMetadataException InvalidGrantException InvalidRedirectUriException InvalidRequestException InvalidRequestRegionException " +
		"InvalidScopeException SlowDownException UnauthorizedClientException UnsupportedGrantTypeException UnheardException",
	"portal": "InvalidRequestException ResourceNotFoundException TooManyRequestsException UnauthorizedException UnheardException",
	"sts": "ExpiredTokenException IDPCommunicationError IDPRejectedClaim InvalidIdentityToken MalformedPolicyDocument PackedPolicyTooLarge " +
		"RegionDisabledException AccessDenied Throttling UnheardException",
}

// Both sides decode the same error response to equal errors, for every operation
// and in every format.
func TestSameErrors(t *testing.T) {
	eachOperation(t, func(t *testing.T, p *pair, operation string) {
		input := p.inputs(t, operation, 1)[0]
		for _, code := range strings.Fields(codes[p.name]) {
			ways := map[string]wire{
				"header":  {header: http.Header{"X-Amzn-Errortype": {code + ":http://internal.example.com/"}}, response: `{"message":"why","error":"e","error_description":"d","reason":"r"}`},
				"__type":  {response: fmt.Sprintf(`{"__type":"com.example#%s","message":"why"}`, code)},
				"code":    {response: fmt.Sprintf(`{"code":"%s","message":"why"}`, code)},
				"Message": {response: fmt.Sprintf(`{"__type":"%s","Message":"why","Location":"l","ErrorCode":"c","endpoint":"e","region":"r"}`, code)},
			}
			if p.name == "sts" {
				ways = map[string]wire{"XML": {response: `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>` + code +
					`</Code><Message>a &lt;b&gt; &amp; ` + "\u2028é" + `</Message></Error><RequestId>r</RequestId></ErrorResponse>`}}
			}
			for how, way := range ways {
				t.Run(code+"/"+how, func(t *testing.T) {
					way.status = 400
					p.respond(&way)
					_, _, ours, sdk := p.both(t, operation, input)
					sameError(t, p, ours, sdk)
				})
			}
		}
	})
}

// respond sets the response of both sides.
func (p *pair) respond(a *wire) {
	for _, w := range []*wire{p.ours.wire, p.sdk.wire} {
		w.status, w.header, w.response = a.status, a.header, a.response
	}
}

// sameError checks that two errors are equal in code, message, members, fault,
// type, HTTP status and request ID.
func sameError(t *testing.T, p *pair, oursErr, sdkErr error) {
	t.Helper()
	var oursResponse *awstokens.ResponseError
	var sdkResponse *awshttp.ResponseError
	require.ErrorAs(t, oursErr, &oursResponse)
	require.ErrorAs(t, sdkErr, &sdkResponse)
	assert.Equal(t, sdkResponse.HTTPStatusCode(), oursResponse.StatusCode)
	assert.NotEmpty(t, oursResponse.RequestID)
	assert.Equal(t, sdkResponse.ServiceRequestID(), oursResponse.RequestID)

	var ours, sdk smithy.APIError
	require.ErrorAs(t, oursErr, &ours)
	var unreadable *smithy.DeserializationError
	if errors.As(sdkErr, &unreadable) { // a response not of a service, but of something in front of it
		assert.Equal(t, "UnknownError", ours.ErrorCode())
		return
	}
	require.ErrorAs(t, sdkErr, &sdk)
	if sdk.ErrorCode() == "UnknownError" { // without a message; the SDK does not look at the OAuth error
		assert.Equal(t, p.name != "ssooidc", ours.ErrorCode() == "UnknownError")
		return
	}
	assert.Equal(t, sdk.ErrorCode(), ours.ErrorCode())
	if _, generic := sdk.(*smithy.GenericAPIError); generic { // the operation does not publish the code
		assert.Equal(t, oneLine(sdk.ErrorMessage()), ours.ErrorMessage())
		return
	}
	assert.Equal(t, sdk.ErrorFault(), ours.ErrorFault())
	if p.name == "sts" { // for which ours has one type
		assert.Equal(t, oneLine(sdk.ErrorMessage()), ours.ErrorMessage())
		return
	}
	assert.Equal(t, reflect.TypeOf(sdk).Elem().Name(), reflect.TypeOf(ours).Elem().Name())
	if p.name == "ssooidc" { // for which the SDK has no message, and a reason for some only
		assert.Subset(t, errorMembers(t, ours), errorMembers(t, sdk))
		return
	}
	assert.Equal(t, errorMembers(t, sdk), errorMembers(t, ours))
	assert.Equal(t, oneLine(sdk.ErrorMessage()), ours.ErrorMessage())
}

// oneLine returns the text of a service as our errors have it: one line, so that it
// cannot forge log lines.
func oneLine(text string) string {
	line := strings.NewReplacer("\u2028", " ", "\t", " ").Replace(text)
	if line != text {
		line = strings.TrimSpace(line)
	}
	return line
}

// errorMembers returns the members of an exception, by names without the
// underscores that the SDK needs.
func errorMembers(t *testing.T, err error) map[string]any {
	members := map[string]any{}
	all, _ := values(t, err).(map[string]any)
	for name, member := range all {
		if text, ok := member.(string); ok {
			member = oneLine(text)
		}
		if name != "errorcodeoverride" {
			members[strings.TrimSuffix(name, "_")] = member
		}
	}
	return members
}
