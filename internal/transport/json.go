package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/aws/smithy-go"
)

var errNotUTF8 = errors.New("a text of the input is not valid UTF-8")

// EncodeJSON encodes an input. It refuses text that is not UTF-8, which JSON
// cannot carry: the encoder would send something else in its place.
func EncodeJSON(in any) ([]byte, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	// The encoder writes U+FFFD itself as it is, and this escape only for an
	// invalid byte. A backslash before it is a text's own, escaped.
	for rest := body; ; {
		i := bytes.Index(rest, []byte(`\ufffd`))
		if i < 0 {
			return body, nil
		}
		escapes := len(rest[:i]) - len(bytes.TrimRight(rest[:i], `\`))
		if escapes%2 == 0 {
			return nil, errNotUTF8
		}
		rest = rest[i+1:]
	}
}

// DecodeJSON fills out from a body that must be one JSON object. Its errors
// repeat nothing of the body, which may hold a token.
func DecodeJSON(body []byte, out any) error {
	switch trimmed := bytes.TrimLeft(body, " \t\r\n"); {
	case len(trimmed) == 0:
		return errors.New("the body is empty")
	case !utf8.Valid(body):
		return errors.New("the body is not valid UTF-8")
	case trimmed[0] != '{':
		return errors.New("the body is not a JSON object")
	}
	err := json.Unmarshal(body, out)
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return fmt.Errorf("the body is not JSON from byte %d on", syntax.Offset)
	case errors.As(err, &mismatch):
		kind, _, _ := strings.Cut(mismatch.Value, " ") // what follows would be the value
		return fmt.Errorf("member %s is a JSON %s where a %s belongs", mismatch.Field, kind, mismatch.Type)
	}
	return errors.New("the body is not the JSON it should be")
}

// DecodeJSONError returns the exception that an error answer names in the
// header X-Amzn-Errortype, or else in the body's __type or code, or else by
// what byBody, if there is one, makes of the body. It returns nil if nothing
// names one.
func DecodeJSONError(status int, header http.Header, body []byte, exception func(code string) smithy.APIError, byBody func([]byte) string) error {
	var text struct {
		Type    any `json:"__type"` // not always a text
		Code    any
		Message string
	}
	_ = json.Unmarshal(body, &text) // a header alone is enough
	code := errorCode(header.Get("X-Amzn-Errortype"))
	for _, v := range []any{text.Type, text.Code} {
		if s, ok := v.(string); ok && code == "" {
			code = errorCode(s)
		}
	}
	if code == "" && byBody != nil {
		code = byBody(body)
	}
	if code == "" {
		return nil
	}
	if e := exception(code); e != nil {
		_ = json.Unmarshal(body, e)
		return e
	}
	return &smithy.GenericAPIError{Code: code, Message: text.Message, Fault: FaultOf(status)}
}

// errorCode takes the code out of a text such as
// com.amazonaws.licensemanager#ValidationException:http://internal.amazon.com/.
func errorCode(text string) string {
	text, _, _ = strings.Cut(text, ":") // first, because a # may be in what follows
	text = text[strings.IndexByte(text, '#')+1:]
	return strings.TrimSpace(text)
}
