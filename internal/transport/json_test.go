package transport_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/seed-25f54b62/awstokens/internal/transport"
)

// what an answer of this module may hold
type decoded struct {
	Token  string
	Number int32
	List   []struct{ Name *string }
}

// Only a JSON object is a success, and no error repeats the body.
func FuzzDecodeJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"Token":"fake"}`, ` {"token":"fake","Number":1,"List":[{"Name":null}]} `, `{"Number":"fake"}`, `{"Number":3e9}`,
		"", " ", "null", "[]", `"fake"`, "1", "true", "{", `{"Token":"fake`, "{}{}", "{}\x00", "\ufeff{}", "{\"Token\":\"\xff\"}",
		`{"List":[[]]}`, `{"Token":"\ud800"}`, `{"a":{"a":{"a":{}}}}`, "<html>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var out decoded
		err := transport.DecodeJSON(body, &out)
		var object map[string]json.RawMessage
		isObject := utf8.Valid(body) && json.Unmarshal(body, &object) == nil && object != nil
		if err == nil && !isObject {
			t.Errorf("%q is taken for an object", body)
		}
		if err != nil {
			if isObject && json.Unmarshal(body, &decoded{}) == nil {
				t.Errorf("%q is refused: %v", body, err)
			}
			if len(body) > 20 && bytes.Contains([]byte(err.Error()), body) {
				t.Errorf("%v repeats the body", err)
			}
		}
	})
}

func TestDecodeErrorsRepeatNoValue(t *testing.T) {
	for body, want := range map[string]string{
		`{"Number":"fake"}`:            "member Number is a JSON string where a int32 belongs",
		`{"Number":5000000000}`:        "member Number is a JSON number where a int32 belongs",
		`{"List":[{"Name":["fake"]}]}`: "member List.Name is a JSON array where a string belongs",
		`{"Token":fake}`:               "the body is not JSON from byte 12 on",
		`{"Token":"fake`:               "the body is not JSON from byte 14 on",
	} {
		assert.EqualError(t, transport.DecodeJSON([]byte(body), &decoded{}), want)
	}
}

// What is encoded is what was there, or it is refused.
func FuzzEncodeJSON(f *testing.F) {
	for _, seed := range []string{"", "fake", "\xff", "\ufffd", `\ufffd`, `\\ufffd`, `\` + "\xff", "a\\\ufffd\xc3\\ufffd", "<&>\u2028"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		body, err := transport.EncodeJSON(map[string]string{"a": `\ufffd`, "b": text})
		if utf8.ValidString(text) != (err == nil) {
			t.Fatalf("%q: %v", text, err)
		}
		var sent map[string]string
		if err == nil && (json.Unmarshal(body, &sent) != nil || sent["b"] != text) {
			t.Errorf("%q is sent as %s", text, body)
		}
	})
}
