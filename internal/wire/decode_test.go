package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

func TestDecodeAsEncodingJSON(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		var plain, want sample[string]
		random(r, reflect.ValueOf(&plain).Elem(), 0)
		body, err := json.Marshal(&plain)
		require.NoError(t, err)
		if seed%2 == 0 {
			var indented bytes.Buffer
			require.NoError(t, json.Indent(&indented, body, " \t", "\r\n"))
			body = append(indented.Bytes(), ' ')
		}
		require.NoError(t, json.Unmarshal(body, &want))

		var got sample[awstokens.Secret]
		require.NoError(t, decodeJSON(body, &got))
		require.Equal(t, &want, withoutSecrets(&got), "seed %d", seed)
	}
}

// FuzzDecode holds the syntax, and what an untyped value becomes, to
// encoding/json.
func FuzzDecode(f *testing.F) {
	for _, body := range syntaxSeeds {
		f.Add([]byte(body))
	}
	f.Fuzz(checkSyntax)
}

var syntaxSeeds = []string{
	``, ` `, `{`, `}`, `{}`, " \t\r\n{ } \n", `{}{}`, `{},`, `[]`, `"a"`, `null`, "\ufeff{}", "{}\x00", "\v{}", `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a":1 "b":2}`, `{a:1}`, `{'a':1}`,
	`{"a":[1,2,]}`, `{"a":[,]}`, `{"a":[1 2]}`, `{"a":[}`, `{"a":{]}`, `{"a":[`, `{"a":[1`, `{"a":[1,`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":"`, `{"a":"\`, `{"a":"\u`, `{"a":"\u12`,
	`{"a":tru}`, `{"a":true}`, `{"a":truex}`, `{"a":nul`, `{"a":fals `, `{"a":False}`, `{"a":NaN}`,
	`{"a":-}`, `{"a":01}`, `{"a":-0}`, `{"a":1.}`, `{"a":.5}`, `{"a":1e}`, `{"a":1e+}`, `{"a":1E-05}`, `{"a":+1}`, `{"a":1e999}`, `{"a":0x1}`, `{"a":1_0}`, `{"a":0.1e1}`,
	`{"a":"\x"}`, `{"a":"\u12g4"}`, `{"a":"\uD83D\uDE00 \ud83d\ude00"}`, `{"a":"\ud83d"}`, `{"a":"\ud83d\u0041"}`, `{"a":"\ud83d\ud83d\ude00"}`, `{"a":"\ude00\ud83d"}`, `{"a":"\ud83d\u00"}`, `{"a":"\ud83d\n"}`,
	"{\"a\":\"\x1f\"}", "{\"a\":\"\x7f\"}", "{\"a\":\"\xff\"}", "{\"a\":\"\xc3\"}", "{\"\xff\":1}", "{\"a\":\"é\u2028\ufffd\U0001F600\"}", "{\"a\":\"\xed\xa0\x80\"}", "é", "{é}",
	`{"\u0061":1,"a":2,"A":3}`, `{"a":"\"\\\/\b\f\n\r\t"}`, `{"a":"12345678\"12345678"}`, `{"a":null,"b":[null,true,false,{"c":[[]]}]}`,
	`{"a":` + strings.Repeat("[", maxDepth-1) + strings.Repeat("]", maxDepth-1) + `}`,
	`{"a":` + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + `}`,
	strings.Repeat(`{"a":`, maxDepth+1),
}

func TestDecodeSyntax(t *testing.T) {
	for _, body := range syntaxSeeds {
		checkSyntax(t, []byte(body))
		for i := range min(len(body), 100) {
			checkSyntax(t, []byte(body[:i]))
			checkSyntax(t, []byte(body[:i]+"\x00"+body[i:]))
		}
	}
}

func checkSyntax(t *testing.T, body []byte) {
	t.Helper()
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	var want error
	var standard map[string]any
	var syntax *json.SyntaxError
	switch err := json.Unmarshal(body, &standard); {
	case len(trimmed) == 0:
		want = errors.New("the body is empty")
	case !utf8.Valid(body):
		want = errors.New("the body is not valid UTF-8")
	case trimmed[0] != '{':
		want = errors.New("the body is not a JSON object")
	case errors.As(err, &syntax):
	case err != nil: // a number too large for a float64
		standard = nil
	}
	for _, out := range []any{nil, new(map[string]any), new(any), new(sample[awstokens.Secret]), new(map[string]sample[string]), new(json.RawMessage)} {
		err := decodeJSON(body, out)
		switch {
		case err != nil && err.Error() == "the body is nested too deeply":
			assert.Greater(t, bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")), maxDepth)
			continue
		case want != nil:
			assert.Equal(t, want, err, "%q", body)
			continue
		case syntax != nil:
			if assert.Error(t, err, "%q", body) {
				assert.Equal(t, errorAt(syntax.Offset), err.Error(), "%q", body)
			}
			continue
		default:
			require.NoError(t, err, "%q", body)
		}
		switch out := out.(type) {
		case *map[string]any:
			if standard != nil {
				assert.Equal(t, standard, *out, "%q", body)
			}
		case *json.RawMessage:
			assert.Equal(t, string(bytes.Trim(body, " \t\r\n")), string(*out))
		}
	}
}
