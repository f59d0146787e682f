package wire

import (
	"bytes"
	"cmp"
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/aws/smithy-go"
)

// AWSJSON is awsJson 1.1 for one service: every operation is a POST to the
// endpoint itself, named by a header, with JSON both ways.
type AWSJSON struct {
	// TargetPrefix is what X-Amz-Target has before the operation's name.
	TargetPrefix string

	// Exception returns a new, empty exception for a code, or nil for a code
	// that the service does not publish.
	Exception func(code string) smithy.APIError
}

var awsJSONContentType = []string{"application/x-amz-json-1.1"}

// Encode implements [Format].
func (f *AWSJSON) Encode(op Operation, in any) (Request, error) {
	body, err := encodeJSON(in)
	if err == nil && body[0] != '{' {
		err = errors.New("the input is not a JSON object")
	}
	return Request{
		Method: http.MethodPost,
		Header: [2]HeaderField{{"Content-Type", awsJSONContentType}, {"X-Amz-Target", []string{f.TargetPrefix + "." + op.Name}}},
		Body:   body,
	}, err
}

// Decode implements [Format].
func (f *AWSJSON) Decode(resp Response, out any) error {
	return decodeResponse(resp, out, f.Exception, nil)
}

// RESTJSON is restJson 1 for one service, as IAM Identity Center speaks it: an
// operation is a method and a path. Members of an input that are tagged query
// or header travel there, and the others in a body of JSON. An error is named
// by a header or by the OAuth error in the body.
type RESTJSON struct {
	// Exception is as in [AWSJSON].
	Exception func(code string) smithy.APIError

	// CodeByBody returns the code that an error's body stands for when no
	// header names one, or "". Nil for a service that is not OAuth.
	CodeByBody func(body []byte) string
}

var restJSONContentType = []string{"application/json"}

// Encode implements [Format].
func (f *RESTJSON) Encode(op Operation, in any) (Request, error) {
	path, query, _ := strings.Cut(op.Path, "?")
	req := Request{Method: cmp.Or(op.Method, http.MethodPost), Path: path, Query: query}
	v := reflect.ValueOf(in).Elem()
	if p := planOf(v.Type()); p.bindings != nil {
		return req, p.bind(&req, v)
	}
	var err error
	req.Header[0] = HeaderField{"Content-Type", restJSONContentType}
	req.Body, err = encodeJSON(in)
	return req, err
}

// Decode implements [Format].
func (f *RESTJSON) Decode(resp Response, out any) error {
	return decodeResponse(resp, out, f.Exception, f.CodeByBody)
}

// decodeResponse decodes a success into out, or returns an exception. The body
// may be empty or white space if out has no members: some operations are
// documented to respond with an empty body, and others send {}.
func decodeResponse(resp Response, out any, exception func(string) smithy.APIError, codeByBody func([]byte) string) error {
	switch {
	case !success(resp.StatusCode):
		return decodeException(resp, exception, codeByBody)
	case len(bytes.TrimSpace(resp.Body)) == 0 && !hasMembers(out):
		return nil
	}
	return checkOutput(out, decodeJSON(resp.Body, out))
}

// checkOutput returns the error, if any, of a response that was decoded into
// out with the error err. Out must have every member that is required.
func checkOutput(out any, err error) error {
	if err == nil {
		name := missing(out)
		if name == "" {
			return nil
		}
		err = errors.New("the response has no " + name)
	}
	return &smithy.DeserializationError{Err: err}
}

// codeText is a string that only a string fits.
type codeText string

// decodeException returns the exception that an error response names in the
// header X-Amzn-Errortype, or else in the body's __type or code, or else by
// what codeByBody, if there is one, makes of the body.
func decodeException(resp Response, exception func(string) smithy.APIError, codeByBody func([]byte) string) error {
	var body struct {
		Type    codeText `json:"__type"`
		Code    codeText
		Message string
	}
	_ = decodeJSON(resp.Body, &body) // a header alone is enough
	code := cmp.Or(errorCode(resp.Header.Get("X-Amzn-Errortype")), errorCode(string(body.Type)), errorCode(string(body.Code)))
	if code == "" && codeByBody != nil {
		code = codeByBody(resp.Body)
	}
	if code == "" {
		return ErrNoCode
	}
	if e := exception(code); e != nil {
		_ = decodeJSON(resp.Body, e)
		return e
	}
	return &smithy.GenericAPIError{Code: code, Message: body.Message, Fault: Fault(resp.StatusCode)}
}

// errorCode takes the code out of a string such as
// com.amazonaws.licensemanager#ValidationException:http://internal.amazon.com/.
func errorCode(s string) string {
	s, _, _ = strings.Cut(s, ":") // first, because a # may follow
	s = strings.TrimSpace(s[strings.IndexByte(s, '#')+1:])
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "" // nothing of it may be printable
	}
	return s
}
