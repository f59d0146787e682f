package awsjson_test

import (
	"net/http"
	"testing"
	"unicode/utf8"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"

	"github.com/seed-25f54b62/awstokens/internal/awsjson"
)

type known struct {
	Message  string
	Location string
}

func (*known) Error() string                 { return "" }
func (*known) ErrorCode() string             { return "KnownException" }
func (e *known) ErrorMessage() string        { return e.Message }
func (*known) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }

var protocol = &awsjson.Protocol{TargetPrefix: "Fake", Exception: func(code string) smithy.APIError {
	if code == "KnownException" {
		return new(known)
	}
	return nil
}}

func TestDecodeError(t *testing.T) {
	for name, test := range map[string]struct {
		header, body string
		want         error
	}{
		"nothing":                   {"", "", nil},
		"no code":                   {"", `{"Message":"m"}`, nil},
		"header":                    {"KnownException", `{"Message":"m","Location":"l"}`, &known{Message: "m", Location: "l"}},
		"header, lower-case":        {"KnownException", `{"message":"m"}`, &known{Message: "m"}},
		"header, namespace and URL": {"ns#KnownException:http://example.com/", "", &known{}},
		"header, URL with a #":      {"KnownException:http://example.com/#other", "", &known{}},
		"header over body":          {"KnownException", `{"__type":"Other","code":"Other"}`, &known{}},
		"__type":                    {"", `{"__type":"com.example#KnownException","Message":"m"}`, &known{Message: "m"}},
		"__type over code":          {"", `{"code":"Other","__type":"KnownException"}`, &known{}},
		"code":                      {"", `{"code":"ns#KnownException:x"}`, &known{}},
		"code is no text":           {"", `{"code":400,"__type":"KnownException"}`, &known{}},
		"a member is no text":       {"KnownException", `{"Message":{},"Location":"l"}`, &known{Location: "l"}},
		"header and no JSON":        {"KnownException", `<html>`, &known{}},
		"unknown":                   {"", `{"__type":"ns#New","Message":"m"}`, &smithy.GenericAPIError{Code: "New", Message: "m", Fault: smithy.FaultClient}},
		"empty code":                {" ", `{"__type":"ns#","code":":"}`, nil},
	} {
		err := protocol.DecodeError(400, http.Header{"X-Amzn-Errortype": {test.header}}, []byte(test.body))
		if test.want == nil {
			assert.NoError(t, err, name)
		} else {
			assert.Equal(t, test.want, err, name)
		}
	}
	err := protocol.DecodeError(503, http.Header{"X-Amzn-Errortype": {"New"}}, nil)
	assert.Equal(t, &smithy.GenericAPIError{Code: "New", Fault: smithy.FaultServer}, err)
}

// Whatever a server says is an error with a code, or nil.
func FuzzDecodeError(f *testing.F) {
	f.Add("", []byte(`{"__type":"com.example#KnownException","Message":"m"}`))
	f.Add("KnownException:http://example.com/", []byte(`{"message":"m"}`))
	f.Add("#:", []byte(`<html>`))
	f.Add("", []byte(`{"__type":1,"code":[],"Message":null}`))
	f.Add("", []byte("null"))
	f.Add("", []byte("{\"code\":\"\xff\"}"))
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		err := protocol.DecodeError(400, http.Header{"X-Amzn-Errortype": {header}}, body)
		if err == nil {
			return
		}
		api, ok := err.(smithy.APIError)
		if !ok || api.ErrorCode() == "" {
			t.Errorf("%#v has no code", err)
		}
		if utf8.ValidString(header) && !utf8.ValidString(api.ErrorMessage()) {
			t.Errorf("%q is not UTF-8", api.ErrorMessage())
		}
	})
}
