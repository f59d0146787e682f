package sts_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/sts"
)

const roleARN = "arn:aws:iam::123456789012:role/Consumer"

// serve responds to every request with a status and a body, and records the
// requests.
func serve(t *testing.T, status int, body string) (*sts.Client, *[]url.Values, *[]http.Header) {
	t.Helper()
	var forms []url.Values
	var headers []http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		form, err := url.ParseQuery(string(raw))
		assert.NoError(t, err)
		forms, headers = append(forms, form), append(headers, r.Header)
		w.Header().Set("X-Amzn-Requestid", "request-1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	client, err := sts.New(awstokens.Config{
		Region:       "us-east-1",
		BaseEndpoint: server.URL,
		Credentials:  awstokens.StaticCredentials("AKIDEXAMPLE", "not-a-real-secret-key", ""),
		Retryer:      awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.BaseDelay = -1 }),
	})
	require.NoError(t, err)
	return client, &forms, &headers
}

// response is that of the API reference.
func response(action string) string {
	return `<` + action + `Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <` + action + `Result>
    <SubjectFromWebIdentityToken>subject-1</SubjectFromWebIdentityToken>
    <Audience>client.5498841531868486423.1548@apps.example.com</Audience>
    <AssumedRoleUser>
      <Arn>arn:aws:sts::123456789012:assumed-role/Consumer/app1</Arn>
      <AssumedRoleId>AROACLKWSDQRAOEXAMPLE:app1</AssumedRoleId>
    </AssumedRoleUser>
    <Credentials>
      <SessionToken>not-a-real-session-token</SessionToken>
      <SecretAccessKey>not-a-real-secret</SecretAccessKey>
      <Expiration>2014-10-24T23:00:23Z</Expiration>
      <AccessKeyId>ASgeIAIOSFODNN7EXAMPLE</AccessKeyId>
    </Credentials>
    <Provider>www.example.com</Provider>
  </` + action + `Result>
  <ResponseMetadata>
    <RequestId>ad4156e9-bce1-11e2-82e6-6b6efEXAMPLE</RequestId>
  </ResponseMetadata>
</` + action + `Response>`
}

func TestAssumeRoleWithWebIdentity(t *testing.T) {
	client, forms, headers := serve(t, http.StatusOK, response("AssumeRoleWithWebIdentity"))
	out, err := client.AssumeRoleWithWebIdentity(context.Background(), &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: roleARN, RoleSessionName: "app1", WebIdentityToken: awstokens.NewSecret("not-a-real+token/"), DurationSeconds: 3600,
	})
	require.NoError(t, err)

	assert.Equal(t, []url.Values{{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {roleARN},
		"RoleSessionName": {"app1"}, "WebIdentityToken": {"not-a-real+token/"}, "DurationSeconds": {"3600"},
	}}, *forms)
	assert.Empty(t, (*headers)[0].Get("Authorization"), "the operation is not signed")

	assert.Equal(t, awstokens.Credentials{
		AccessKeyID:     "ASgeIAIOSFODNN7EXAMPLE",
		SecretAccessKey: awstokens.NewSecret("not-a-real-secret"),
		SessionToken:    awstokens.NewSecret("not-a-real-session-token"),
		AccountID:       "123456789012",
		Expires:         time.Date(2014, 10, 24, 23, 0, 23, 0, time.UTC),
	}, out.Credentials())
	assert.Equal(t, "arn:aws:sts::123456789012:assumed-role/Consumer/app1", out.AssumedRoleArn)
	assert.Equal(t, "request-1", out.RequestID)
}

func TestAssumeRoleSendsContextsSigned(t *testing.T) {
	client, forms, headers := serve(t, http.StatusOK, response("AssumeRole"))
	_, err := client.AssumeRole(context.Background(), &sts.AssumeRoleInput{
		RoleArn: roleARN, RoleSessionName: "app1",
		ProvidedContexts: []sts.ProvidedContext{{
			ProviderArn: "arn:aws:iam::aws:contextProvider/IdentityCenter", ContextAssertion: awstokens.NewSecret("not-a-real-assertion"),
		}},
	})
	require.NoError(t, err)
	assert.Equal(t, []url.Values{{
		"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {roleARN}, "RoleSessionName": {"app1"},
		"ProvidedContexts.member.1.ProviderArn":      {"arn:aws:iam::aws:contextProvider/IdentityCenter"},
		"ProvidedContexts.member.1.ContextAssertion": {"not-a-real-assertion"},
	}}, *forms)
	assert.Contains(t, (*headers)[0].Get("Authorization"), "/us-east-1/sts/aws4_request")
}

func TestErrors(t *testing.T) {
	body := func(code, kind string) string {
		return `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>` + kind + `</Type><Code>` + code +
			`</Code><Message>not-a-real-token is wrong</Message></Error><RequestId>r</RequestId></ErrorResponse>`
	}
	for _, test := range []struct {
		status   int
		body     string
		code     string
		attempts int
	}{
		{400, body("InvalidIdentityToken", "Sender"), "InvalidIdentityToken", 1},
		{400, body("ExpiredTokenException", "Sender"), "ExpiredTokenException", 1},
		{403, body("AccessDenied", "Sender"), "AccessDenied", 1},
		{400, body("IDPCommunicationError", "Sender"), "IDPCommunicationError", 3},
		{400, body("Throttling", "Sender"), "Throttling", 3},
		{429, body("AddedLater", "Sender"), "AddedLater", 3},
		{500, body("InternalFailure", "Receiver"), "InternalFailure", 3},
		{503, `<html>unavailable`, "UnknownError", 3},
		{200, `<html>captive portal</html>`, "", 1},
		{200, ``, "", 1},
		{200, `{"Credentials":{}}`, "", 1},
		{200, strings.ReplaceAll(response("AssumeRoleWithWebIdentity"), "not-a-real-session-token", ""), "", 1},
	} {
		client, forms, _ := serve(t, test.status, test.body)
		out, err := client.AssumeRoleWithWebIdentity(context.Background(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: roleARN, RoleSessionName: "app1", WebIdentityToken: awstokens.NewSecret("not-a-real-token"),
		})
		assert.Nil(t, out)
		var failed *awstokens.ResponseError
		require.ErrorAs(t, err, &failed, test.body)
		assert.Equal(t, test.status, failed.HTTPStatusCode())
		assert.Equal(t, "request-1", failed.ServiceRequestID())
		assert.Len(t, *forms, test.attempts, test.body)
		assert.NotContains(t, err.Error(), "not-a-real", "a service quotes what it refuses")
		var api smithy.APIError
		if test.code == "" {
			assert.NotErrorAs(t, err, &api)
		} else if assert.ErrorAs(t, err, &api) {
			assert.Equal(t, test.code, api.ErrorCode())
			var unpublished *smithy.GenericAPIError
			assert.ErrorAs(t, err, &unpublished, "no code of STS has a type")
			assert.Equal(t, test.code, unpublished.Code)
		}
	}
}

// TestLife: how long credentials are valid is measured by the service's clock.
func TestLife(t *testing.T) {
	date := time.Date(2014, 10, 24, 22, 0, 23, 0, time.UTC)
	out := &sts.Output{Expiration: date.Add(time.Hour)}
	assert.Equal(t, time.Hour, out.Life(date))
	out.Date = date
	for _, off := range []time.Duration{-5 * time.Hour, 0, 2 * time.Hour} {
		assert.Equal(t, time.Hour-time.Second, out.Life(date.Add(off)))
	}
}

// TestAccountOfOddARNs: the account is optional, an ARN that has none is no
// error.
func TestAccountOfOddARNs(t *testing.T) {
	for arn, want := range map[string]string{
		"": "", "arn:aws:sts": "", "arn:aws:sts::1": "", "arn:aws:sts:::assumed-role/a/b": "", "arn:aws-cn:sts::444455556666:assumed-role/a:b/c": "444455556666",
	} {
		assert.Equal(t, want, (&sts.Output{AssumedRoleArn: arn}).Credentials().AccountID, arn)
	}
}

// TestValidCostsNothing: Validate does not allocate for valid inputs.
func TestValidCostsNothing(t *testing.T) {
	web := &sts.AssumeRoleWithWebIdentityInput{
		RoleArn: roleARN, RoleSessionName: "app1", WebIdentityToken: awstokens.NewSecret(strings.Repeat("x", 4096)), DurationSeconds: 3600,
	}
	role := &sts.AssumeRoleInput{RoleArn: roleARN, RoleSessionName: "app1", ProvidedContexts: []sts.ProvidedContext{{
		ProviderArn: "arn:aws:iam::aws:contextProvider/IdentityCenter", ContextAssertion: awstokens.NewSecret(strings.Repeat("x", 2048)),
	}}}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		if web.Validate() != nil || role.Validate() != nil {
			panic("both are valid")
		}
	}))
}

func TestValidation(t *testing.T) {
	client, forms, _ := serve(t, http.StatusOK, "")
	valid := sts.AssumeRoleWithWebIdentityInput{RoleArn: roleARN, RoleSessionName: "app1", WebIdentityToken: awstokens.NewSecret("not-a-real-token")}
	for field, change := range map[string]func(*sts.AssumeRoleWithWebIdentityInput){
		"RoleArn":          func(in *sts.AssumeRoleWithWebIdentityInput) { in.RoleArn = "arn:aws:iam::1:role" },
		"RoleSessionName":  func(in *sts.AssumeRoleWithWebIdentityInput) { in.RoleSessionName = "two words" },
		"WebIdentityToken": func(in *sts.AssumeRoleWithWebIdentityInput) { in.WebIdentityToken = awstokens.NewSecret("abc") },
		"DurationSeconds":  func(in *sts.AssumeRoleWithWebIdentityInput) { in.DurationSeconds = 899 },
	} {
		in := valid
		change(&in)
		_, err := client.AssumeRoleWithWebIdentity(context.Background(), &in)
		var violated *awstokens.ConstraintError
		if assert.ErrorAs(t, err, &violated, field) {
			assert.Equal(t, "AssumeRoleWithWebIdentityInput."+field, violated.Field())
		}
	}
	_, err := client.AssumeRoleWithWebIdentity(context.Background(), nil)
	var invalid smithy.InvalidParamsError
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, 3, invalid.Len())

	tooMany := make([]sts.ProvidedContext, 6)
	tooMany[1].ContextAssertion = awstokens.NewSecret("abc")
	_, err = client.AssumeRole(context.Background(), &sts.AssumeRoleInput{RoleArn: roleARN, RoleSessionName: "app1", ProvidedContexts: tooMany})
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, 2, invalid.Len())
	assert.Contains(t, err.Error(), "AssumeRoleInput.ProvidedContexts[1].ContextAssertion")
	assert.Empty(t, *forms, "nothing was sent")
}
