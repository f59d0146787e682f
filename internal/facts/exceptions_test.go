package facts

import (
	"encoding/json"
	"net/http"
	"path"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// commonFields are the members that every exception of a service has in Go, in
// addition to those in the table.
var commonFields = map[string][]string{
	"licensemanager": {"Message"},
	"ssooidc":        {"error", "error_description", "reason", "message"},
	"ssooidc/portal": {"message"},
}

// exceptionFields are the Go names of members whose name in the API is that of a
// method, or is not a Go name.
var exceptionFields = map[string]string{
	"ErrorCode":         "ErrorCode_",
	"error":             "OAuthError",
	"error_description": "Description",
}

// TestExceptions responds with every exception of a service, named in every way in
// which a service can name it, and expects the Go type of that name with all its
// members.
func TestExceptions(t *testing.T) {
	for _, s := range services(t) {
		op := anyOperation(t, s)
		in := op.in.new(op.in.sample(""))
		for code, facts := range s.table.Exceptions {
			members := map[string]any{}
			for name, shapeName := range facts.Members {
				members[name] = (&node{shape: s.table.Shapes[shapeName]}).sample(code + "." + name)
			}
			if facts.OAuth != "" {
				members["error"] = facts.OAuth
			}
			ways := map[string]*stub{}
			for form, name := range map[string]string{
				"plain": code, "namespace": "com.amazonaws.example#" + code, "URL": code + ":http://internal.amazon.com/coral/com.amazonaws.example/",
				"both": "com.amazonaws.example#" + code + ":http://internal.amazon.com/",
			} {
				ways["header, "+form] = &stub{header: http.Header{"X-Amzn-Errortype": {name}}, response: string(encode(t, members))}
				ways["__type, "+form] = &stub{response: string(encode(t, with(members, "__type", name)))}
				ways["code, "+form] = &stub{response: string(encode(t, with(members, "code", name)))}
			}
			ways["header before body"] = &stub{header: http.Header{"X-Amzn-Errortype": {code}}, response: string(encode(t, with(members, "__type", "OtherException")))}
			if facts.OAuth != "" {
				ways["OAuth error"] = &stub{response: string(encode(t, members))}
			}
			if text, ok := members["Message"]; ok {
				small := with(members, "message", text)
				delete(small, "Message")
				ways["small message"] = &stub{header: http.Header{"X-Amzn-Errortype": {code}}, response: string(encode(t, small))}
			}
			for way, stub := range ways {
				t.Run(s.dir+"/"+code+"/"+way, func(t *testing.T) {
					stub.status = facts.Status
					_, err := stub.call(t, op, someKeys, in)
					checkException(t, s, err, code, facts.Status, members)
				})
			}
		}
	}
}

// TestExceptionsWithoutMessage: the text of an exception without members ends with its
// code.
func TestExceptionsWithoutMessage(t *testing.T) {
	for _, s := range services(t) {
		op := anyOperation(t, s)
		for code, facts := range s.table.Exceptions {
			_, err := (&stub{status: facts.Status, response: `{"__type":"` + code + `"}`}).call(t, op, someKeys, op.in.new(op.in.sample("")))
			var api smithy.APIError
			require.ErrorAs(t, err, &api)
			assert.Equal(t, code, api.Error())
			assert.True(t, strings.HasSuffix(err.Error(), ", "+code), "%q", err)
		}
	}
}

func checkException(t *testing.T, s *service, err error, code string, status int, members map[string]any) {
	var api smithy.APIError
	require.ErrorAs(t, err, &api)
	is := reflect.TypeOf(api)
	require.Equal(t, "*"+path.Base(s.dir)+"."+code, is.String())
	require.ErrorAs(t, err, reflect.New(is).Interface())
	assert.Equal(t, code, api.ErrorCode())
	wantFault := smithy.FaultClient
	if status >= 500 {
		wantFault = smithy.FaultServer
	}
	assert.Equal(t, wantFault, api.ErrorFault())

	var response interface{ HTTPStatusCode() int }
	require.ErrorAs(t, err, &response)
	assert.Equal(t, status, response.HTTPStatusCode())

	allowed := append(commonFields[s.dir], sorted(members)...)
	for _, field := range reflect.VisibleFields(is.Elem()) {
		if field.Anonymous {
			continue
		}
		name := wireName(field)
		assert.Contains(t, allowed, name, "%s.%s is not in the table", is, field.Name)
		want, ok := members[name]
		if !ok {
			want = ""
		}
		assert.Equal(t, want, reflect.ValueOf(api).Elem().FieldByIndex(field.Index).String(), field.Name)
	}
	for name := range members {
		field := exceptionFields[name]
		if field == "" {
			field = goName(name)
		}
		_, ok := is.Elem().FieldByName(field)
		assert.True(t, ok, "%s has no %s", is, field)
	}
	for _, name := range []string{"Message", "message", "error_description"} {
		if text, ok := members[name]; ok {
			assert.Equal(t, text, api.ErrorMessage())
			assert.Contains(t, api.Error(), text)
		}
	}
	assert.Contains(t, api.Error(), code)
}

// TestOAuthRegion: a member region or endpoint distinguishes an
// InvalidRequestRegionException from an InvalidRequestException. A response without
// the header needs no description.
func TestOAuthRegion(t *testing.T) {
	for response, want := range map[string]smithy.APIError{
		`{"error":"invalid_request"}`:                                   &ssooidc.InvalidRequestException{},
		`{"error":"invalid_request","region":"eu-west-1"}`:              &ssooidc.InvalidRequestRegionException{},
		`{"error":"invalid_request","endpoint":"https://example.test"}`: &ssooidc.InvalidRequestRegionException{},
		`{"error":"authorization_pending"}`:                             &ssooidc.AuthorizationPendingException{},
	} {
		op := bind(t, services(t)[1], "CreateToken")
		_, err := (&stub{status: 400, response: response}).call(t, op, nil, op.in.new(op.in.sample("")))
		var api smithy.APIError
		require.ErrorAs(t, err, &api)
		require.NoError(t, json.Unmarshal([]byte(response), want))
		assert.Equal(t, want, api)
	}
}

// TestUnknownException: a code that is not published is a smithy.GenericAPIError.
func TestUnknownException(t *testing.T) {
	for _, s := range services(t) {
		op := anyOperation(t, s)
		in := op.in.new(op.in.sample(""))
		for status, fault := range map[int]smithy.ErrorFault{400: smithy.FaultClient, 503: smithy.FaultServer} {
			_, err := (&stub{status: status, response: `{"__type":"a.b#AddedLaterException","Message":"why"}`}).call(t, op, someKeys, in)
			var api *smithy.GenericAPIError
			require.ErrorAs(t, err, &api)
			assert.Equal(t, smithy.GenericAPIError{Code: "AddedLaterException", Message: "why", Fault: fault}, *api)
		}
	}
}
