package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

// standard is what encoding/json makes of v.
func standard(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func TestEncodeAsEncodingJSON(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 0))
		var plain sample[string]
		random(r, reflect.ValueOf(&plain).Elem(), 0)
		want, err := standard(&plain)
		require.NoError(t, err)

		secret := withSecrets(&plain)
		secret.Any = hideStrings(plain.Any)
		for _, in := range []any{secret, *secret} { // in the second nothing has an address
			got, err := encodeJSON(in)
			require.NoError(t, err)
			require.Equal(t, string(want), string(got), "seed %d", seed)
		}
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("a\u2028\"\\\x01<é", "")
	f.Add("12345678\xff", "\n")
	f.Fuzz(func(t *testing.T, text, key string) {
		valid := strings.ToValidUTF8(text, "") == text && strings.ToValidUTF8(key, "") == key
		want, err := standard(map[string]any{key: []string{text}})
		require.NoError(t, err)
		got, err := encodeJSON(map[string]any{key: []any{awstokens.NewSecret(text)}})
		if !valid {
			assert.ErrorContains(t, err, "contains invalid UTF-8")
			return
		}
		require.NoError(t, err)
		assert.Equal(t, string(want), string(got))
	})
}

func TestEncodeTypes(t *testing.T) {
	secret := awstokens.NewSecret("fake \"secret\"")
	empty := awstokens.Secret{}
	var none *createTokenInput
	for want, in := range map[string]any{
		`null`:                        nil,
		`{"Token":"fake \"secret\""}`: map[string]any{"Token": secret},
		`["fake \"secret\""]`:         []*awstokens.Secret{&secret},
		`{"Present":[]}`: &struct {
			Absent  []string `json:",omitzero"`
			Present []string `json:",omitzero"`
		}{Present: []string{}},
		`{"Pointer":""}`: &struct {
			Pointer *awstokens.Secret `json:",omitempty,omitzero"`
			Value   awstokens.Secret  `json:",omitzero"`
		}{Pointer: &empty},
		`{"Body":"b"}`: &struct {
			Header awstokens.Secret `json:"-" header:"x-token"`
			Marker string           `json:"marker" header:"x-marker"`
			Query  string           `query:"q"`
			Body   string
		}{Header: secret, Marker: "m", Query: "q", Body: "b"},
		`{"Secret":"fake","B":1}`: &struct {
			awstokens.Secret
			B int
		}{awstokens.NewSecret("fake"), 1},
		`[{"Secret":null}]`: []struct{ *awstokens.Secret }{{}},
		`5`:                 5.0,
		`{"FromInner":"a","Text":"outer"}`: &struct {
			inner
			Other string `json:"Text"` // outside of the inner one, wherever it stands
		}{inner{"a", "b"}, "outer"},
		`{}`:              struct{}{},
		`[12.50,0]`:       []json.Number{"12.50", ""},
		`{"":null,"a":1}`: map[kind]any{"a": 1, "": none},
		`"<&>"`:           kind("<&>"),
		`[{"V":"p"},"p"]`: []any{struct{ V any }{pointerOnly{}.address()}, pointerOnly{}.address()},
	} {
		got, err := encodeJSON(in)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
}

// pointerOnly has methods of its pointer alone. encoding/json calls them only
// where the value has an address; here they are called wherever it stands.
type pointerOnly struct{ N int }

func (p pointerOnly) address() *pointerOnly       { return &p }
func (*pointerOnly) MarshalJSON() ([]byte, error) { return []byte(` "p" `), nil }
func (p *pointerOnly) IsZero() bool               { return p.N == 7 }

func TestEncodeMethodsOfPointers(t *testing.T) {
	type holder struct {
		Value   pointerOnly
		Zero    pointerOnly  `json:",omitzero"`
		Pointer *pointerOnly `json:",omitzero"`
		List    []pointerOnly
		Map     map[string]pointerOnly
		Any     any
	}
	in := holder{Zero: pointerOnly{7}, Pointer: &pointerOnly{7}, List: []pointerOnly{{1}}, Map: map[string]pointerOnly{"a": {2}}, Any: pointerOnly{3}}
	for _, v := range []any{in, &in} {
		got, err := encodeJSON(v)
		require.NoError(t, err)
		assert.Equal(t, `{"Value":"p","List":["p"],"Map":{"a":"p"},"Any":"p"}`, string(got))
	}
}

type failing struct{}

func (failing) MarshalText() ([]byte, error) { return nil, errors.New("of the fake-secret") }

func TestEncodeErrors(t *testing.T) {
	const bad = "fake-secret-\xff"
	type list struct{ RoleArns []string }
	cyclic := map[string]any{}
	cyclic["again"] = cyclic
	for want, in := range map[string]any{
		"member RoleArns contains invalid UTF-8": list{[]string{"fine", bad}},
		"member Token contains invalid UTF-8":    &struct{ Token awstokens.Secret }{awstokens.NewSecret(bad)},
		"member values contains invalid UTF-8": map[string]any{"Filters": []struct {
			Name   string
			Values []string `json:"values"`
		}{{"", []string{"", "a", bad}}}},
		"member Items contains invalid UTF-8":                                     map[string]any{"Items": []any{map[string]string{"a": "b"}, list{}, bad}},
		"input contains invalid UTF-8":                                            [][]string{{}, {bad}},
		"member Tags contains invalid UTF-8":                                      map[string]any{"Tags": map[string]int{bad: 1}},
		"member Raw contains invalid UTF-8":                                       map[string]any{"Raw": json.RawMessage(`"` + bad + `"`)},
		"member Raw of type json.RawMessage cannot be represented in JSON":        map[string]any{"Raw": json.RawMessage(`fake-secret`)},
		"member N of type json.Number cannot be represented in JSON":              map[string]any{"N": json.Number("fake-secret")},
		"member F of type float64 cannot be represented in JSON":                  map[string]any{"F": math.Inf(1)},
		"member C of type chan int cannot be represented in JSON":                 struct{ C chan int }{},
		"member M of type map[int]awstokens.Secret cannot be represented in JSON": struct{ M map[int]awstokens.Secret }{map[int]awstokens.Secret{1: {}}},
		"input of type wire.failing cannot be represented in JSON":                failing{},
		"member again is nested too deeply":                                       cyclic,
	} {
		body, err := encodeJSON(in)
		assert.EqualError(t, err, want)
		assert.Nil(t, body)
		assert.NotContains(t, err.Error(), "fake")
	}
}

type createTokenInput struct {
	ClientToken      string
	LicenseArn       string
	ExpirationInDays *int32           `json:",omitempty"`
	RoleArns         []string         `json:",omitzero"`
	TokenProperties  []string         `json:",omitzero"`
	Token            awstokens.Secret `json:",omitzero"`
}

func newCreateTokenInput() *createTokenInput {
	days := int32(30)
	return &createTokenInput{
		ClientToken:      "2b1c7e0a-1f6d-4b53-9d7e-0f8a2f1f3c55",
		LicenseArn:       "arn:aws:license-manager::123456789012:license:l-0123456789abcdef0123456789abcdef",
		ExpirationInDays: &days,
		RoleArns:         []string{"arn:aws:iam::123456789012:role/one", "arn:aws:iam::123456789012:role/two"},
		TokenProperties:  []string{"customer=example"},
		Token:            awstokens.NewSecret(strings.Repeat("not-a-real-token.", 36)),
	}
}

func TestEncodeAllocatesOnce(t *testing.T) {
	in := newCreateTokenInput()
	require.Equal(t, 1.0, testing.AllocsPerRun(100, func() {
		if _, err := encodeJSON(in); err != nil {
			panic(err)
		}
	}))
	// The next body may be a little longer, or much shorter.
	in.TokenProperties[0] = "customer=例"
	small := &createTokenInput{ClientToken: "short"}
	encodeBoth := func() {
		in.ClientToken += "+" // the third allocation
		for _, in := range []*createTokenInput{in, small} {
			if _, err := encodeJSON(in); err != nil {
				panic(err)
			}
		}
	}
	for range 20 {
		encodeBoth()
	}
	require.Equal(t, 3.0, testing.AllocsPerRun(100, encodeBoth))
}

func TestEncodeCapacityFollowsTheBodies(t *testing.T) {
	type input struct{ Text string }
	capacityAfter := func(size int) int {
		_, err := encodeJSON(&input{strings.Repeat("a", size)})
		require.NoError(t, err)
		body, err := encodeJSON(&input{})
		require.NoError(t, err)
		return cap(body)
	}
	assert.Equal(t, firstCapacity, capacityAfter(10))
	assert.Greater(t, capacityAfter(5000), 5000)
	assert.Equal(t, maxCapacity, capacityAfter(1<<20))
}

func BenchmarkEncode(b *testing.B) {
	type plainInput struct {
		ClientToken, LicenseArn string
		ExpirationInDays        *int32   `json:",omitempty"`
		RoleArns                []string `json:",omitzero"`
		TokenProperties         []string `json:",omitzero"`
		Token                   string   `json:",omitzero"`
	}
	in := newCreateTokenInput()
	plain := plainInput{in.ClientToken, in.LicenseArn, in.ExpirationInDays, in.RoleArns, in.TokenProperties, in.Token.Reveal()}
	b.Run("wire", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := encodeJSON(in); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(&plain); err != nil {
				b.Fatal(err)
			}
		}
	})
}
