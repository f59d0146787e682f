package licensemanager_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// responses is an HTTP client that returns responses in order, and keeps the requests.
// When there are no more, the response is lost.
type responses struct {
	bodies []string
	status int // 200 if zero

	sent   []*http.Request
	inputs []string
}

func (r *responses) Do(req *http.Request) (*http.Response, error) {
	input, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.sent, r.inputs = append(r.sent, req), append(r.inputs, string(input))
	if len(r.bodies) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	body := r.bodies[0]
	r.bodies = r.bodies[1:]
	return &http.Response{StatusCode: max(r.status, 200), Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
}

func (r *responses) client(t *testing.T) *licensemanager.Client {
	t.Helper()
	client, err := licensemanager.New(awstokens.Config{
		Region:      "us-east-1",
		Credentials: awstokens.StaticCredentials("AKIDEXAMPLE", "not-a-real-key", ""),
		HTTPClient:  r,
		Retryer:     awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.BaseDelay = -time.Second }),
	})
	require.NoError(t, err)
	return client
}

func TestInvokeSendsAndDecodes(t *testing.T) {
	type configuration struct {
		Name  string
		Count int64 `json:"LicenseCount"`
	}
	r := &responses{bodies: []string{`{"LicenseConfigurations":[{"Name":"a","LicenseCount":10.0}],"NextToken":"n"}`}}
	var out struct {
		LicenseConfigurations []configuration
		NextToken             string
	}
	result, err := r.client(t).Invoke(t.Context(), "ListLicenseConfigurations", map[string]any{"MaxResults": 1}, &out)
	require.NoError(t, err)
	assert.Equal(t, []configuration{{"a", 10}}, out.LicenseConfigurations)
	assert.Equal(t, "n", out.NextToken)
	assert.Equal(t, 1, result.Attempts)

	req := r.sent[0]
	assert.Equal(t, http.MethodPost, req.Method)
	assert.Equal(t, "AWSLicenseManager.ListLicenseConfigurations", req.Header.Get("X-Amz-Target"))
	assert.Contains(t, req.Header.Get("Authorization"), "/us-east-1/license-manager/aws4_request")
	assert.JSONEq(t, `{"MaxResults":1}`, r.inputs[0])
}

func TestInvokeInputsAndOutputs(t *testing.T) {
	var typedNil *licensemanager.GetLicenseInput
	var nilMap map[string]string
	for _, in := range []any{nil, typedNil, nilMap, struct{}{}} {
		r := &responses{bodies: []string{"{}"}}
		_, err := r.client(t).Invoke(t.Context(), "GetServiceSettings", in, nil)
		require.NoError(t, err)
		assert.Equal(t, []string{"{}"}, r.inputs, "%T", in)
	}

	r := &responses{bodies: []string{`{"a":{"b":[1]}}`, `{"a":1}`, "", ""}}
	client := r.client(t)
	var dynamic map[string]any
	_, err := client.Invoke(t.Context(), "GetServiceSettings", nil, &dynamic)
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"a": map[string]any{"b": []any{1.0}}}, dynamic)
	var raw json.RawMessage
	_, err = client.Invoke(t.Context(), "GetServiceSettings", json.RawMessage(`{"x" : 1}`), &raw)
	require.NoError(t, err)
	assert.JSONEq(t, `{"a":1}`, string(raw))
	assert.Equal(t, `{"x":1}`, r.inputs[1])

	_, err = client.Invoke(t.Context(), "UpdateServiceSettings", nil, nil) // which responds with an empty body
	require.NoError(t, err)
	var unusable *smithy.DeserializationError
	_, err = client.Invoke(t.Context(), "GetServiceSettings", nil, &dynamic)
	require.ErrorAs(t, err, &unusable)
}

// TestInvokeRefuses: an invalid call returns an error before anything is sent.
func TestInvokeRefuses(t *testing.T) {
	for name, call := range map[string]struct {
		operation string
		in, out   any
	}{
		"no name":              {operation: ""},
		"a header in the name": {operation: "Get\r\nX-Evil: 1"},
		"a digit in front":     {operation: "1Get"},
		"a list":               {operation: "GetServiceSettings", in: []string{"a"}},
		"a string":             {operation: "GetServiceSettings", in: "a"},
		"a number":             {operation: "GetServiceSettings", in: 1},
		"not JSON":             {operation: "GetServiceSettings", in: map[string]any{"f": func() {}}},
		"invalid UTF-8":        {operation: "GetServiceSettings", in: map[string]string{"s": "\xff"}},
		"a map as the output":  {operation: "GetServiceSettings", out: map[string]any{}},
		"a nil output":         {operation: "GetServiceSettings", out: (*struct{})(nil)},
		"a violation":          {operation: "GetLicense", in: &licensemanager.GetLicenseInput{}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &responses{bodies: []string{"{}"}}
			_, err := r.client(t).Invoke(t.Context(), call.operation, call.in, call.out)
			require.Error(t, err)
			assert.Empty(t, r.sent)
			assert.False(t, awstokens.MayHaveProcessed(err))
		})
	}
}

func TestInvokeRetriesWhatIsIdempotent(t *testing.T) {
	for _, test := range []struct {
		operation string
		in        any
		sent      int
	}{
		{"GetServiceSettings", nil, 3},
		{"ListResourceInventory", nil, 3},
		{"DescribeSomethingNew", nil, 3},
		{"UpdateServiceSettings", nil, 1},
		{"CreateLicenseConfiguration", map[string]any{"Name": "n"}, 1},
		{"CreateLicenseAssetGroup", map[string]any{"ClientToken": "c"}, 3},
		{"CreateLicenseAssetGroup", struct{ ClientToken string }{"c"}, 3},
		{"CreateLicenseAssetGroup", &struct {
			Token string `json:"ClientToken"`
		}{"c"}, 3},
		{"CreateLicenseAssetGroup", json.RawMessage(`{"ClientToken":"c"}`), 3},
		{"CreateLicenseAssetGroup", map[string]any{"ClientToken": ""}, 1},
		{"CreateLicenseAssetGroup", map[string]any{"clienttoken": "c"}, 1},
		{"CreateLicenseAssetGroup", map[string]any{"Nested": map[string]any{"ClientToken": "c"}}, 1},
	} {
		r := &responses{}
		_, err := r.client(t).Invoke(t.Context(), test.operation, test.in, nil)
		var lost *awstokens.SendError
		require.ErrorAs(t, err, &lost)
		assert.True(t, awstokens.MayHaveProcessed(err))
		assert.Len(t, r.sent, test.sent, "%s %v", test.operation, test.in)
	}
}

func TestInvokeErrors(t *testing.T) {
	const secret = "not-a-real-secret-0123456789"
	r := &responses{status: 400, bodies: []string{`{"__type":"FilterLimitExceededException","Message":"you sent ` + secret + `"}`}}
	result, err := r.client(t).Invoke(t.Context(), "ListLicenseConfigurations", map[string]any{"Secret": awstokens.NewSecret(secret)}, nil)
	var limit *licensemanager.FilterLimitExceededException
	require.ErrorAs(t, err, &limit)
	assert.NotContains(t, err.Error(), secret)
	assert.Contains(t, r.inputs[0], secret)
	assert.Zero(t, result)
	var operation *smithy.OperationError
	require.ErrorAs(t, err, &operation)
	assert.Equal(t, "ListLicenseConfigurations", operation.OperationName)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = r.client(t).Invoke(ctx, "ListLicenseConfigurations", nil, nil)
	assert.True(t, errors.Is(err, context.Canceled))
}

// TestInvokeOfATypedOperation: Invoke returns the same as the method of the operation.
func TestInvokeOfATypedOperation(t *testing.T) {
	server := awstokenstest.NewServer(t)
	client, err := licensemanager.New(server.Config())
	require.NoError(t, err)
	in := &licensemanager.GetLicenseInput{LicenseArn: server.LicenseManager().LicenseARN()}
	typed, err := client.GetLicense(t.Context(), in)
	require.NoError(t, err)
	var out licensemanager.GetLicenseOutput
	_, err = client.Invoke(t.Context(), "GetLicense", in, &out)
	require.NoError(t, err)
	assert.Equal(t, typed.License, out.License)
}
