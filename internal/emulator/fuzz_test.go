package emulator_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// Every request gets a response with a status and a request ID.
func FuzzServeHTTP(f *testing.F) {
	const signature = "AWS4-HMAC-SHA256 Credential=AKIAEMULATOREXAMPLE0/20260102/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"
	f.Add("/", "AWSLicenseManager.ListTokens", "application/x-amz-json-1.1", signature, `{"MaxResults":1}`)
	f.Add("/", "AWSLicenseManager.GetAccessToken", "application/x-amz-json-1.1", "", `{"Token":"a.b.c"}`)
	f.Add("/", "", "application/x-www-form-urlencoded", signature, "Action=GetCallerIdentity&Version=2011-06-15")
	f.Add("/", "", "application/x-www-form-urlencoded", "", "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn:aws:iam::111122223333:role/R&RoleSessionName=ss&WebIdentityToken=a.b.c&DurationSeconds=900")
	f.Add("/client/register", "", "application/json", "", `{"clientName":"n","clientType":"public","redirectUris":["http://[::1]:1/"]}`)
	f.Add("/device_authorization", "", "application/json", "", `{"clientId":"c","clientSecret":"s","startUrl":"u"}`)
	f.Add("/token?aws_iam=t", "", "application/json", signature, `{"clientId":"c","grantType":"g"}`)
	f.Add("/authorize?response_type=code&client_id=arn:aws:sso::1:application/a&redirect_uri=http://[::1]:1/", "", "application/x-www-form-urlencoded", "", "decision=approve")
	f.Add("/authorize?response_type=token&client_id=arn:aws:sso::1:application/a&redirect_uri=http://[", "", "", "", "")
	f.Add("/logout", "", "", "", "")
	f.Add("/device", "", "application/x-www-form-urlencoded", "", "user_code=ABCD-EFGH")
	server, err := emulator.New(emulator.Options{FrozenAt: startTime})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, target, operation, contentType, authorization, body string) {
		if u, err := url.ParseRequestURI(target); err != nil || u.Host != "" || strings.ContainsAny(target, " \r\n") {
			t.Skip("no request of an HTTP client")
		}
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/", strings.NewReader(body))
		r.RequestURI = target
		r.URL, _ = url.ParseRequestURI(target)
		r.Header.Set("X-Amz-Date", "20260102T030405Z")
		for name, value := range map[string]string{"X-Amz-Target": operation, "Content-Type": contentType, "Authorization": authorization} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		assert.Len(t, w.Header().Get("X-Amzn-Requestid"), 36)
		if authorization != "" && strings.Contains(target, "aws_iam=t") {
			assert.NotEqual(t, http.StatusOK, w.Code, "a signature cannot be guessed")
		}
	})
}

// An assertion is accepted once, and only if it is a JWT with an ID and an
// expiration in the future.
func FuzzAssertion(f *testing.F) {
	for _, claims := range []string{
		`{"jti":"a"}`, `{"jti":"a","exp":1767323046}`, `{"jti":"a","exp":1767323045}`, `{"jti":"a","exp":1e300}`, `{"jti":"a","exp":-1}`, `{"jti":"a","exp":null}`,
		`{"jti":"a","exp":"1"}`, `{"jti":1}`, `{"jti":""}`, `{"jti":"a"}{}`, `[]`, `null`, `"a"`, "", `{"jti":"\xff"}`, `{"jti":"a","jti":""}`,
	} {
		f.Add("{}", base64.RawURLEncoding.EncodeToString([]byte(claims)), "c")
		f.Add("{}", base64.RawURLEncoding.EncodeToString([]byte(claims)), "c.d")
		f.Add("{}", base64.URLEncoding.EncodeToString([]byte(claims)), "c")
	}
	f.Fuzz(func(t *testing.T, header, claims, signature string) {
		server, err := emulator.New(emulator.Options{FrozenAt: startTime})
		require.NoError(t, err)
		server.ServeInProcess("")
		client, err := ssooidc.New(server.Config())
		require.NoError(t, err)
		assertion := header + "." + claims + "." + signature
		redeem := func() error {
			_, err := client.CreateTokenWithIAM(t.Context(), &ssooidc.CreateTokenWithIAMInput{
				ClientId: application, GrantType: ssooidc.GrantTypeJWTBearer, Assertion: awstokens.NewSecret(assertion),
			})
			return err
		}
		payload, notBase64 := base64.RawURLEncoding.DecodeString(claims)
		var found map[string]any
		isJWT := strings.Count(assertion, ".") == 2 && notBase64 == nil && json.Unmarshal(payload, &found) == nil
		if err := redeem(); err != nil {
			id, _ := found["jti"].(string)
			exp, _ := found["exp"].(float64)
			require.False(t, utf8.ValidString(assertion) && isJWT && len(found) == 2 && id != "" && exp > float64(startTime.Unix()), "%q: %v", payload, err)
			return
		}
		require.True(t, isJWT, "%q", assertion)
		if exp, ok := found["exp"].(float64); ok && len(found) == 2 {
			require.Greater(t, exp, float64(startTime.Unix()))
		}
		require.ErrorContains(t, redeem(), "used before")
	})
}
