package emulator_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/internal/emulator"
)

// Whatever comes in, an answer with a status and a request ID goes out.
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
			assert.NotEqual(t, http.StatusOK, w.Code, "nobody can guess a signature")
		}
	})
}
