package restjson_test

import (
	"net/http"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"

	"github.com/seed-25f54b62/awstokens/internal/restjson"
	"github.com/seed-25f54b62/awstokens/internal/transport"
)

type known struct {
	OAuthError  string `json:"error"`
	Description string `json:"error_description"`
}

func (*known) Error() string                 { return "" }
func (*known) ErrorCode() string             { return "KnownException" }
func (e *known) ErrorMessage() string        { return e.Description }
func (*known) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }

func protocol(oauth func([]byte) string) *restjson.Protocol {
	return &restjson.Protocol{OAuth: oauth, Exception: func(code string) smithy.APIError {
		if code == "KnownException" {
			return new(known)
		}
		return nil
	}}
}

func byBody([]byte) string { return "KnownException" }

func TestDecodeError(t *testing.T) {
	for name, test := range map[string]struct {
		oauth        func([]byte) string
		header, body string
		code, desc   string
	}{
		"header":           {byBody, "KnownException:http://example.com/", `{"error":"e","error_description":"d"}`, "KnownException", "d"},
		"header over body": {byBody, "OtherException", `{"error":"e"}`, "OtherException", ""},
		"body only":        {byBody, "", `{"error":"e","error_description":"d"}`, "KnownException", "d"},
		"not OAuth":        {nil, "", `{"error":"e"}`, "", ""},
		"code":             {byBody, "", `{"code":"OtherException"}`, "OtherException", ""},
	} {
		err := protocol(test.oauth).DecodeError(400, http.Header{"X-Amzn-Errortype": {test.header}}, []byte(test.body))
		if test.code == "" {
			assert.NoError(t, err, name)
			continue
		}
		api, ok := err.(smithy.APIError)
		if assert.True(t, ok, name) {
			assert.Equal(t, test.code, api.ErrorCode(), name)
		}
		if k, ok := err.(*known); ok {
			assert.Equal(t, test.desc, k.Description, name)
		}
	}
}

func FuzzDecodeError(f *testing.F) {
	f.Add("AuthorizationPendingException:http://example.com/", []byte(`{"error":"authorization_pending","error_description":"d"}`))
	f.Add("", []byte(`{"error":"slow_down"}`))
	f.Add("", []byte(`{"error":{},"error_description":[]}`))
	f.Add(":", []byte(`<html>`))
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		err := protocol(byBody).DecodeError(400, http.Header{"X-Amzn-Errortype": {header}}, body)
		if api, ok := err.(smithy.APIError); !ok || api.ErrorCode() == "" {
			t.Errorf("%#v has no code", err)
		}
	})
}

// A request without a body has no type of one.
func TestContentType(t *testing.T) {
	for _, body := range []bool{true, false} {
		req := &http.Request{Header: http.Header{}}
		if body {
			req.Body = http.NoBody
		}
		protocol(nil).Prepare(req, &transport.Operation{})
		assert.Equal(t, body, req.Header.Get("Content-Type") == "application/json")
	}
}
