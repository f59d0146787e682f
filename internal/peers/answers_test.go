package peers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// The same answer is read as the same values.
func TestSameOutputs(t *testing.T) {
	eachOperation(t, func(t *testing.T, p *pair, operation string) {
		input := p.inputs(t, operation, 1)[0]
		for i := range 20 {
			out := reflect.New(p.ours.client.MethodByName(operation).Type().Out(0).Elem())
			newRandom(uint64(i)).fill(out.Elem(), operation, true)
			answer, err := json.Marshal(out.Interface())
			require.NoError(t, err)
			p.ours.answer, p.sdk.answer = string(answer), string(answer)
			ours, sdk, oursErr, sdkErr := p.both(t, operation, input)
			require.NoError(t, oursErr)
			require.NoError(t, sdkErr)
			assert.Equal(t, values(t, sdk), values(t, ours))
		}
	})
}

// values are the members of an output by their lower-case names, without those
// that are absent.
func values(t *testing.T, out any) any {
	text, err := json.Marshal(out)
	require.NoError(t, err)
	var v any
	require.NoError(t, json.Unmarshal(text, &v))
	return present(v)
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
	case string, float64, bool:
		if reflect.ValueOf(v).IsZero() {
			return nil
		}
	}
	return v
}

// The same error answer has the same code, message and fault.
func TestSameErrors(t *testing.T) {
	for _, p := range pairs(t) {
		codes := map[string]string{
			"licensemanager": "AccessDeniedException AuthorizationException ConflictException EntitlementNotAllowedException FailedDependencyException " +
				"FilterLimitExceededException InvalidParameterValueException InvalidResourceStateException LicenseUsageException NoEntitlementsAllowedException " +
				"RateLimitExceededException RedirectException ResourceLimitExceededException ResourceNotFoundException ServerInternalException " +
				"UnsupportedDigitalSignatureMethodException ValidationException ThrottlingException UnheardException",
			"ssooidc": "AccessDeniedException AuthorizationPendingException ExpiredTokenException InternalServerException InvalidClientException " +
				"InvalidClientMetadataException InvalidGrantException InvalidRedirectUriException InvalidRequestException InvalidRequestRegionException " +
				"InvalidScopeException SlowDownException UnauthorizedClientException UnsupportedGrantTypeException UnheardException",
			"portal": "InvalidRequestException ResourceNotFoundException TooManyRequestsException UnauthorizedException UnheardException",
		}[p.name]
		operation := "CreateToken"
		if p.name == "portal" {
			operation = "GetRoleCredentials"
		}
		input := p.inputs(t, operation, 1)[0]
		for _, code := range strings.Fields(codes) {
			for how, answer := range map[string]wire{
				"header":  {header: http.Header{"X-Amzn-Errortype": {code + ":http://internal.example.com/"}}, answer: `{"message":"why","error":"e","error_description":"d"}`},
				"__type":  {answer: fmt.Sprintf(`{"__type":"com.example#%s","message":"why"}`, code)},
				"code":    {answer: fmt.Sprintf(`{"code":"%s","message":"why"}`, code)},
				"Message": {answer: fmt.Sprintf(`{"__type":"%s","Message":"why"}`, code)},
			} {
				t.Run(p.name+"/"+code+"/"+how, func(t *testing.T) {
					for _, side := range []*wire{p.ours.wire, p.sdk.wire} {
						side.status, side.header, side.answer = 400, answer.header, answer.answer
					}
					_, _, oursErr, sdkErr := p.both(t, operation, input)
					var ours, sdk smithy.APIError
					require.ErrorAs(t, oursErr, &ours)
					require.ErrorAs(t, sdkErr, &sdk)
					assert.Equal(t, sdk.ErrorCode(), ours.ErrorCode())
					if name := reflect.TypeOf(sdk).Elem().Name(); name != "GenericAPIError" { // so it is when the operation does not publish the code
						assert.Equal(t, name, reflect.TypeOf(ours).Elem().Name())
					}
					if p.name != "ssooidc" { // the other side drops OAuth's description
						assert.Equal(t, sdk.ErrorMessage(), ours.ErrorMessage())
					}
				})
			}
		}
	}
}

// A retryer of the SDK drops in, and does the right thing with an exception
// that it does not know.
func TestSDKRetryer(t *testing.T) {
	var _ awstokens.Retryer = aws.Retryer(nil)
	w := &wire{status: 400, answer: `{"__type":"RateLimitExceededException","message":"slow"}`}
	cfg := w.config()
	cfg.Retryer = retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 4
		o.Backoff = retry.BackoffDelayerFunc(func(int, error) (time.Duration, error) { return 0, nil })
	})
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	_, err = client.ListTokens(t.Context(), nil)
	var limited *licensemanager.RateLimitExceededException
	assert.ErrorAs(t, err, &limited)
	assert.Len(t, w.sent, 4)

	w.sent, w.answer = nil, `{"__type":"ValidationException","message":"no"}`
	_, err = client.ListTokens(t.Context(), nil)
	assert.Error(t, err)
	assert.Len(t, w.sent, 1)
}
