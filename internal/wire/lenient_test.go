package wire

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

func errorAt(offset int64) string { return fmt.Sprintf("the body is not JSON from byte %d on", offset) }

type odd struct {
	Text    string
	Named   kind
	Token   awstokens.Secret
	Pointer *string
	Flag    bool
	Int     int32
	Small   int8
	Large   int64
	Pint    *int32
	Uint    uint64
	Float   float64
	Short   float32
	Bytes   []byte
	Struct  struct{ A, B string }
	Deep    *struct{ A *int }
	List    []struct{ A string }
	PList   []*struct{ A string }
	Strings []string
	Tokens  []awstokens.Secret
	Ints    []int
	Lists   [][]string
	Anys    []any
	Array   [2]int
	Map     map[string]int
	Any     any
	Stringer
	Upper upper
	IP    net.IP
	Own   own
	Time  time.Time
	Raw   json.RawMessage
	Last  string
}

type Stringer interface{ String() string }

// own is a type with JSON of its own.
type own struct{ raw string }

func (o *own) UnmarshalJSON(b []byte) error {
	o.raw = string(b)
	_ = append(b, "!"...) // must not overwrite the body
	if strings.Contains(o.raw, "no") {
		return errors.New("no")
	}
	return nil
}

var _ json.Unmarshaler = (*own)(nil)
var _ encoding.TextUnmarshaler = (*upper)(nil)

func TestDecodeLenient(t *testing.T) {
	text := func(s string) *string { return &s }
	number := func(n int32) *int32 { return &n }
	for body, want := range map[string]odd{
		// What does not fit costs itself alone.
		`"Text":{"a":1}`:               {},
		`"Text":[1]`:                   {},
		`"Text":null`:                  {},
		`"Token":{}`:                   {},
		`"Token":[]`:                   {},
		`"Token":null`:                 {},
		`"Pointer":{}`:                 {},
		`"Pointer":null`:               {},
		`"Flag":1`:                     {},
		`"Flag":"yes"`:                 {},
		`"Flag":"True"`:                {},
		`"Flag":{}`:                    {},
		`"Int":{}`:                     {},
		`"Int":true`:                   {},
		`"Int":""`:                     {},
		`"Int":"ten"`:                  {},
		`"Int":" 1"`:                   {},
		`"Int":"1 "`:                   {},
		`"Int":"0x10"`:                 {},
		`"Int":10.5`:                   {},
		`"Int":1e-1`:                   {},
		`"Int":2147483648`:             {},
		`"Int":1e20`:                   {},
		`"Int":1e25`:                   {},
		`"Int":1e99`:                   {},
		`"Int":1e99999999999999999999`: {},
		`"Uint":-1`:                    {},
		`"Uint":18446744073709551616`:  {},
		`"Pint":"x"`:                   {},
		`"Pint":"."`:                   {},
		`"Pint":"e5"`:                  {},
		`"Float":1e999`:                {},
		`"Float":"NaN"`:                {},
		`"Float":false`:                {},
		`"Short":1e39`:                 {},
		`"Bytes":"?"`:                  {},
		`"Bytes":{}`:                   {},
		`"Struct":"x"`:                 {},
		`"Struct":[{"A":"x"}]`:         {},
		`"Deep":7`:                     {},
		`"List":{"A":"x"}`:             {},
		`"List":"x"`:                   {},
		`"Map":[]`:                     {},
		`"Array":7`:                    {},
		`"Array":[1,"x",3]`:            {},
		`"Stringer":"x"`:               {},
		`"Stringer":{"a":[1]}`:         {},
		`"Upper":7`:                    {},
		`"Upper":true`:                 {},
		`"Named":[]`:                   {},
		`"IP":[1,2,3,4]`:               {},
		`"IP":"1.2.3.4"`:               {IP: net.IP{1, 2, 3, 4}.To16()},
		`"Upper":{}`:                   {},
		`"Upper":null`:                 {},
		`"Upper":"` + strings.Repeat("a", 201) + `"`: {},
		`"Own":"no"`:               {},
		`"Time":"yesterday"`:       {},
		`"Time":7`:                 {},
		`"Any":1e999`:              {},
		`"Any":null`:               {},
		`"Unknown":[{"Text":"x"}]`: {},

		// Literal text for a string.
		`"Text":10`:       {Text: "10"},
		`"Text":-1.50E+3`: {Text: "-1.50E+3"},
		`"Text":true`:     {Text: "true"},
		`"Named":false`:   {Named: "false"},
		`"Token":10`:      {Token: awstokens.NewSecret("10")},
		`"Token":true`:    {Token: awstokens.NewSecret("true")},
		`"Pointer":10`:    {Pointer: text("10")},
		`"Pointer":""`:    {Pointer: text("")},
		`"Strings":[1,"a",true,null,{"a":1},[],""]`: {Strings: []string{"1", "a", "true", ""}},
		`"Tokens":[1,"a",null,{}]`:                  {Tokens: []awstokens.Secret{awstokens.NewSecret("1"), awstokens.NewSecret("a")}},

		// A Secret takes any text.
		`"Token":"[redacted]"`: {Token: awstokens.NewSecret("[redacted]")},
		`"Token":""`:           {},
		`"Token":"\u0061\n"`:   {Token: awstokens.NewSecret("a\n")},

		// Integral numbers, and numbers and booleans in strings.
		`"Int":10.0`:                      {Int: 10},
		`"Int":1e1`:                       {Int: 10},
		`"Int":-1.20E+1`:                  {Int: -12},
		`"Int":1200e-2`:                   {Int: 12},
		`"Int":0.000`:                     {},
		`"Int":-0.0e5`:                    {},
		`"Int":0e-7`:                      {},
		`"Int":0.05e2`:                    {Int: 5},
		`"Int":2147483647.0`:              {Int: 1<<31 - 1},
		`"Int":"10"`:                      {Int: 10},
		`"Int":"-10.0"`:                   {Int: -10},
		`"Small":-128`:                    {Small: -128},
		`"Small":128`:                     {},
		`"Large":9007199254740993.0`:      {Large: 1<<53 + 1},
		`"Large":-9223372036854775808`:    {Large: -1 << 63},
		`"Large":9.223372036854775807e18`: {Large: 1<<63 - 1},
		`"Large":9223372036854775808`:     {},
		`"Uint":18446744073709551615`:     {Uint: 1<<64 - 1},
		`"Uint":1e19`:                     {Uint: 1e19},
		`"Uint":-0`:                       {},
		`"Pint":"7"`:                      {Pint: number(7)},
		`"Float":"1.5"`:                   {Float: 1.5},
		`"Flag":"true"`:                   {Flag: true},
		`"Flag":"false"`:                  {},

		// Lists.
		`"List":[null,{"A":"x"},"x",7,[],{"A":{}},{}]`: {List: []struct{ A string }{{"x"}, {}, {}}},
		`"List":[null]`:                   {List: []struct{ A string }{}},
		`"Ints":[-0.0,0e1,-0e-7,0.10,-0]`: {Ints: []int{0, 0, 0, 0}},
		`"List":[]`:                       {List: []struct{ A string }{}},
		`"List":null`:                     {},
		`"PList":[null,{"A":"x"},"x"]`:    {PList: []*struct{ A string }{{"x"}}},
		`"Ints":[1,"2",3.0,"x",null,4.5]`: {Ints: []int{1, 2, 3}},
		`"Lists":[["a"],null,"x",[]]`:     {Lists: [][]string{{"a"}, nil, {}}},
		`"Anys":[null,1,"x"]`:             {Anys: []any{nil, 1.0, "x"}},
		`"Array":[1]`:                     {Array: [2]int{1}},
		`"Bytes":"YQ=="`:                  {Bytes: []byte("a")},
		`"Bytes":""`:                      {Bytes: []byte{}},

		// Maps, structs and types with methods.
		`"Map":{"a":1,"b":"2","c":{},"d":null}`: {Map: map[string]int{"a": 1, "b": 2, "d": 0}},
		`"Struct":{"A":{},"B":"x"}`:             {Struct: struct{ A, B string }{B: "x"}},
		`"Deep":{"A":"x"}`:                      {Deep: &struct{ A *int }{}},
		`"Upper":"\u0061b"`:                     {Upper: upper{"AB"}},
		`"Own": {"a" : [1]} `:                   {Own: own{`{"a" : [1]}`}},
		`"Own":null`:                            {Own: own{`null`}},
		`"Raw":null`:                            {Raw: json.RawMessage(`null`)},
		`"Raw":{"a":[] }`:                       {Raw: json.RawMessage(`{"a":[] }`)},

		// Names.
		`"text":"x"`:                            {Text: "x"},
		`"te\u0078t":"x"`:                       {Text: "x"},
		`"Text":"exact","text":"x"`:             {Text: "exact"},
		`"text":"x","Text":"exact"`:             {Text: "exact"},
		`"text":"x","Text":"exact","TEXT":1`:    {Text: "exact"},
		`"text":"x","TEXT":"y"`:                 {Text: "y"},
		`"Text":"x","Text":"y"`:                 {Text: "y"},
		`"text":"x","Text":{}`:                  {},
		`"Text":{},"text":"x"`:                  {},
		`"struct":{"A":"x"},"Struct":{"B":"y"}`: {Struct: struct{ A, B string }{B: "y"}},
		`"Struct":{"a":"x","B":"y","b":"z"}`:    {Struct: struct{ A, B string }{"x", "y"}},
		`"map":{"a":1},"Map":{"A":2}`:           {Map: map[string]int{"A": 2}},
		`"Map":{"a":1,"A":2}`:                   {Map: map[string]int{"a": 1, "A": 2}},
		`"list":[{"A":"x"},{}],"List":[{}]`:     {List: []struct{ A string }{{}}},
	} {
		var got odd
		if assert.NoError(t, decodeJSON([]byte(`{"Flag":false,`+body+`,"Last":"kept"}`), &got), body) {
			want.Last = "kept"
			assert.Equal(t, want, got, body)
		}
	}
}

func TestDecodeDepthIsNotWidth(t *testing.T) {
	var out struct{ A []struct{ B []int } }
	body := `{"x":[` + strings.Repeat(`{"y":[]},`, maxDepth) + `0],"A":[` + strings.Repeat(`{"B":[]},`, maxDepth) + `{}]}`
	require.NoError(t, decodeJSON([]byte(body), &out))
	assert.Len(t, out.A, maxDepth+1)
}

func TestDecodeManyFields(t *testing.T) {
	// More members than the decoder has room for at once, several deep.
	type wide struct {
		A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, B0, B1, B2, B3, B4, B5, B6, B7, B8, B9 string
		C0, C1, C2, C3, C4, C5, C6, C7, C8, C9, D0, D1, D2, D3, D4, D5, D6, D7, D8, D9 string
		Next                                                                           *wide
	}
	body := `null`
	for range 5 {
		body = `{"a0":"folded","D9":"last","Next":` + body + `,"A0":"first","d9":"folded"}`
	}
	var out wide
	require.NoError(t, decodeJSON([]byte(body), &out))
	n := 0
	for w := &out; w != nil; w = w.Next {
		n++
		assert.Equal(t, wide{A0: "first", D9: "last", Next: w.Next}, *w)
	}
	assert.Equal(t, 5, n)
}

func TestDecodeEmbedded(t *testing.T) {
	type embeds struct {
		inner
		Outer
		*nested[string] // a member, which keeps recursive types finite
		Text            string
		A               string
	}
	var out embeds
	require.NoError(t, decodeJSON([]byte(`{"FromInner":"x","Text":"t","Clash":"c","Deepest":"d","A":"a","Unit":"u","nested":{"Unit":"v"}}`), &out))
	assert.Equal(t, embeds{inner: inner{FromInner: "x"}, Outer: Outer{Clash: "c", Deep: Deep{Deepest: "d"}}, Text: "t", A: "a"}, out)
}

func TestDecodeErrors(t *testing.T) {
	const token = "fake-secret"
	for body, want := range map[string]string{
		"":                                   "the body is empty",
		" \r\n\t":                            "the body is empty",
		"{\"a\":\"" + token + "\xff\"}":      "the body is not valid UTF-8",
		"\xff":                               "the body is not valid UTF-8",
		`["` + token + `"]`:                  "the body is not a JSON object",
		token:                                "the body is not a JSON object",
		"\u00a0{}":                           "the body is not a JSON object",
		`{"` + token + `"}`:                  "the body is not JSON from byte 15 on",
		`{"a":"` + token:                     "the body is not JSON from byte 17 on",
		`{"a":1}` + token:                    "the body is not JSON from byte 8 on",
		`{"a":fake}`:                         "the body is not JSON from byte 8 on",
		strings.Repeat(`{"a":`, maxDepth+1):  "the body is nested too deeply",
		`{"a":` + strings.Repeat(`[`, 1<<20): "the body is nested too deeply",
	} {
		for _, out := range []any{nil, new(odd), new(any)} {
			assert.EqualError(t, decodeJSON([]byte(body), out), want)
		}
	}
	for _, out := range []any{odd{}, (*odd)(nil), "x"} {
		assert.EqualError(t, decodeJSON([]byte(`{}`), out), "the output is not a pointer to a value")
	}
}

func TestDecodeDoesNotKeepTheBody(t *testing.T) {
	body := []byte(`{"Text":"fake","Token":"secret","Raw":[1],"Any":{"a":"b"},"Bytes":"YQ==","Strings":["\u0061"]}`)
	var out odd
	require.NoError(t, decodeJSON(body, &out))
	clear(body)
	assert.Equal(t, odd{
		Text: "fake", Token: awstokens.NewSecret("secret"), Raw: json.RawMessage(`[1]`),
		Any: map[string]any{"a": "b"}, Bytes: []byte("a"), Strings: []string{"a"},
	}, out)
}

type createTokenOutput struct {
	Token     awstokens.Secret
	TokenId   string
	TokenType kind
	awstokens.Result
}

var createTokenBody = []byte(`{"Token":"` + strings.Repeat("not-a-token.", 50) + `","TokenId":"12345678-1234-1234-1234-123456789012","TokenType":"REFRESH_TOKEN"}`)

func TestDecodeAllocations(t *testing.T) {
	var out createTokenOutput
	require.NoError(t, decodeJSON(createTokenBody, &out))
	require.Equal(t, strings.Repeat("not-a-token.", 50), out.Token.Reveal())
	require.Equal(t, "REFRESH_TOKEN", string(out.TokenType))

	allocations := func(body string, out any) float64 {
		b := []byte(body)
		return testing.AllocsPerRun(100, func() {
			if err := decodeJSON(b, out); err != nil {
				panic(err)
			}
		})
	}
	assert.Equal(t, 4.0, allocations(string(createTokenBody), new(createTokenOutput)), "two strings, and two of the Secret")
	assert.Zero(t, allocations(`{"Int":10,"Flag":true,"Unknown":{"Text":["a",{"b":"é"},1.5e3]},"Struct":{}}`, new(odd)))
	assert.Equal(t, 1.0, allocations(`{"Text":"`+strings.Repeat("é", 100)+`"}`, new(odd)))
	assert.Zero(t, allocations(`{"Text":{},"Int":{},"Struct":[1,2,{"a":"b"}],"List":"x"}`, new(odd)))
}

type license[S any] struct {
	LicenseArn, LicenseName, ProductName, ProductSKU, HomeRegion, Status, Beneficiary, Version, CreateTime string
	Issuer                                                                                                 *struct{ Name, SignKey, KeyFingerprint string }
	Validity                                                                                               *struct{ Begin, End string }
	Entitlements                                                                                           []struct {
		Name, Value, Unit string
		MaxCount          *int64
		Overage           bool
		AllowCheckIn      bool
	}
	ConsumptionConfiguration *struct {
		RenewType                kind
		ProvisionalConfiguration *struct{ MaxTimeToLiveInMinutes int32 }
	}
	LicenseMetadata []struct{ Name, Value string }
}

func licensesBody() []byte {
	var b strings.Builder
	b.WriteString(`{"Licenses":[`)
	for i := range 100 {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"LicenseArn":"arn:aws:license-manager::123456789012:license:l-` + strconv.Itoa(i) + `","LicenseName":"license","ProductName":"Example Product",` +
			`"ProductSKU":"example-sku","Issuer":{"Name":"Example","SignKey":"aws:294406891311:AWS/LicenseManager:issuer-Signer","KeyFingerprint":"fingerprint"},` +
			`"HomeRegion":"us-east-1","Status":"AVAILABLE","Validity":{"Begin":"2025-01-01T00:00:00Z","End":"2027-01-01T00:00:00Z"},"Beneficiary":"123456789012",` +
			`"Entitlements":[{"Name":"seats","MaxCount":10,"Overage":false,"Unit":"Count","AllowCheckIn":true},{"Name":"edition","Value":"gold","Unit":"None"}],` +
			`"ConsumptionConfiguration":{"RenewType":"Weekly","ProvisionalConfiguration":{"MaxTimeToLiveInMinutes":60}},` +
			`"LicenseMetadata":[{"Name":"a","Value":"b"}],"CreateTime":"1735689600","Version":"1"}`)
	}
	b.WriteString(`],"NextToken":"next"}`)
	return []byte(b.String())
}

type licensesOutput struct {
	Licenses  []license[awstokens.Secret]
	NextToken string
}

func BenchmarkDecode(b *testing.B) {
	type plainOutput struct {
		Token, TokenId string
		TokenType      kind
	}
	licenses := licensesBody()
	var want, got licensesOutput
	require.NoError(b, json.Unmarshal(licenses, &want))
	require.NoError(b, decodeJSON(licenses, &got))
	require.Equal(b, want, got)
	run := func(name string, decode func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := decode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("CreateToken/wire", func() error { return decodeJSON(createTokenBody, new(createTokenOutput)) })
	run("CreateToken/encoding-json", func() error { return json.Unmarshal(createTokenBody, new(plainOutput)) })
	run("licenses/wire", func() error { return decodeJSON(licenses, new(licensesOutput)) })
	run("licenses/encoding-json", func() error { return json.Unmarshal(licenses, new(licensesOutput)) })
}
