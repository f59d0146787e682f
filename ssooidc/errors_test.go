package ssooidc_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

type responses func() *http.Response

func (r responses) Do(*http.Request) (*http.Response, error) { return r(), nil }

// oauthCodes are the codes of RFC 6749, RFC 7591 and RFC 8628 for which the service has
// an exception, without server_error.
var oauthCodes = []string{
	"access_denied", "authorization_pending", "expired_token", "invalid_client", "invalid_client_metadata", "invalid_grant", "invalid_redirect_uri",
	"invalid_request", "invalid_scope", "slow_down", "unauthorized_client", "unsupported_grant_type",
}

// FuzzErrorBody: for any body, the error has a code, which is that of OAuth if there is
// no other. Its text is one line, and contains no secret of the request.
func FuzzErrorBody(f *testing.F) {
	const secret = "fake-client-secret"
	for _, body := range []string{
		`{"error":"authorization_pending","error_description":"d"}`, `{"error":"server_error"}`, `{"error":"invalid_request","region":"eu-west-1","endpoint":"e","reason":"r"}`,
		`{"error":"` + secret + `","error_description":"` + secret + `"}`, `{"error":"slow_down","Error":"access_denied"}`, `{"error":{},"error_description":[]}`, `{"__type":"SlowDownException"}`,
		`{"error":"invalid_grant","error":"x"}`, `{"error":"invalid_grant","error_description":"a\nforged line \u001b[2J\u202e"}`, `{"error":"slow_down"`, `["` + secret + `"]`, "null", "", "<html>" + secret,
	} {
		f.Add("", []byte(body))
		f.Add("aws#ValidationException:http://internal.amazon.com/", []byte(body))
	}
	f.Add("\xb5", []byte(`{"error":"`+secret+`"}`))
	for _, code := range oauthCodes {
		f.Add("", []byte(`{"error":"`+code+`"}`))
		f.Add("", []byte(`{"error":"`+code+`","error_description":"`+secret+`"}`))
	}
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		client, err := ssooidc.New(awstokens.Config{
			Region: "us-east-1",
			HTTPClient: responses(func() *http.Response {
				return &http.Response{StatusCode: http.StatusBadRequest, Header: http.Header{"X-Amzn-Errortype": {header}}, Body: io.NopCloser(strings.NewReader(string(body)))}
			}),
			Retryer: awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = 1 }),
		})
		require.NoError(t, err)
		_, err = client.CreateToken(t.Context(), &ssooidc.CreateTokenInput{
			ClientId: "c-1", ClientSecret: awstokens.NewSecret(secret), GrantType: ssooidc.GrantTypeDeviceCode, DeviceCode: awstokens.NewSecret("fake-device-code"),
		})
		var api smithy.APIError
		require.ErrorAs(t, err, &api)
		require.NotEmpty(t, api.ErrorCode())
		require.NotContains(t, err.Error()+api.ErrorCode()+api.ErrorMessage(), secret)
		require.False(t, strings.ContainsFunc(err.Error()+api.ErrorMessage(), unicode.IsControl), "%q", err)

		// authorization_pending stands for AuthorizationPendingException.
		var found map[string]any
		oauth := ""
		if header == "" && json.Unmarshal(body, &found) == nil && len(found) == 1 {
			oauth, _ = found["error"].(string)
		}
		if slices.Contains(oauthCodes, oauth) {
			name := strings.ReplaceAll(oauth, "_", "") + "exception"
			require.Equal(t, name, strings.ToLower(api.ErrorCode()))
		}
	})
}
