package wire

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"time"

	"github.com/seed-25f54b62/awstokens"
)

// sample has everything that inputs and outputs may have. With a string for
// S it is what encoding/json has to say about the one with a Secret.
type sample[S any] struct {
	Token    S
	Optional S  `json:",omitzero"`
	Empty    S  `json:",omitempty"`
	Pointer  *S `json:"pointer,omitzero"`
	Secrets  []S
	ByName   map[string]S

	Text     string
	Named    kind              `json:"named,omitempty"`
	Days     *int32            `json:",omitempty"`
	Roles    []string          `json:",omitempty"`
	Present  []string          `json:",omitzero"`
	Tags     map[string]string `json:"tags,omitempty"`
	Flag     bool
	Small    int8
	Large    int64   `json:"large-number"`
	Unsigned uint16  `json:",omitempty"`
	Huge     uint64  `json:",omitzero"`
	Float    float64 `json:"x.y"`
	Short    float32
	Bytes    []byte
	Array    [2]string
	Any      any
	Nested   nested[S]
	List     []nested[S]
	Pointers *[]*nested[S] `json:"<pointers>"`
	Raw      json.RawMessage
	Time     time.Time `json:",omitzero"`
	Instant  *time.Time
	Upper    upper
	Uppers   map[string]upper
	Itself   *sample[S] `json:",omitempty"`
	Ignored  string     `json:"-"`
	//lint:ignore SA5008 encoding/json takes it for the name -
	Dash     string `json:"-,"`
	InHeader string `json:"-" header:"x-test"`
	_        string

	nested[S]
	Outer
	inner
	Result
}

type (
	kind string

	nested[S any] struct {
		Token  S
		Secret S `json:",omitempty"`
		Unit   string
		Count  *int64
	}

	Outer struct {
		Unit  string `json:"outerUnit"`
		Clash string
		Deep
	}
	Deep struct {
		Deepest string
		Clash   string // less deep in Outer
	}
	inner struct {
		FromInner string
		Text      string // less deep in sample
	}
	Result struct {
		RequestID string `json:"-"`
	}
)

// upper is a type with text of its own.
type upper struct{ text string }

func (u upper) MarshalText() ([]byte, error) { return []byte(strings.ToUpper(u.text)), nil }

func (u *upper) UnmarshalText(text []byte) error {
	if len(text) > 200 {
		return fmt.Errorf("%d bytes are too many", len(text))
	}
	u.text = strings.ToUpper(string(text))
	return nil
}

var _ encoding.TextMarshaler = upper{}

// random fills v. Some of it stays empty.
func random(r *rand.Rand, v reflect.Value, depth int) {
	if v.CanAddr() && v.CanInterface() {
		switch p := v.Addr().Interface().(type) {
		case *upper:
			p.text = strings.ToUpper(randomText(r))
			return
		case *time.Time:
			*p = time.Unix(r.Int64N(1<<32), r.Int64N(1e9)).UTC()
			return
		case *json.RawMessage:
			*p = json.RawMessage([]string{`null`, `{"a":[1,"<b>"]}`, `"\u2028"`, `0.5`}[r.IntN(4)])
			return
		}
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(randomText(r))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int8, reflect.Int32, reflect.Int64:
		v.SetInt(int64(r.Uint64()) >> r.IntN(64))
	case reflect.Uint8, reflect.Uint16, reflect.Uint64:
		v.SetUint(r.Uint64() >> r.IntN(64))
	case reflect.Float32:
		v.SetFloat(finite(float64([]float32{math.Float32frombits(r.Uint32()), 1e-6, 1e21, 1e-7, 2.5}[r.IntN(5)])))
	case reflect.Float64:
		v.SetFloat(finite([]float64{math.Float64frombits(r.Uint64()), float64(r.IntN(100)), 1e-7, 1e21, 123456789.5}[r.IntN(5)]))
	case reflect.Pointer:
		if depth < 3 && r.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			random(r, v.Elem(), depth+1)
		}
	case reflect.Slice:
		if r.IntN(3) > 0 {
			v.Set(reflect.MakeSlice(v.Type(), r.IntN(4), 8))
			for i := range v.Len() {
				if item := v.Index(i); item.Kind() == reflect.Pointer { // null is dropped from a list of these
					item.Set(reflect.New(item.Type().Elem()))
					random(r, item.Elem(), depth+1)
				} else {
					random(r, item, depth+1)
				}
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			random(r, v.Index(i), depth+1)
		}
	case reflect.Map:
		if r.IntN(3) > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range r.IntN(4) {
				value := reflect.New(v.Type().Elem()).Elem()
				random(r, value, depth+1)
				v.SetMapIndex(reflect.ValueOf(randomText(r)), value)
			}
		}
	case reflect.Interface:
		if value := randomAny(r, depth); value != nil {
			v.Set(reflect.ValueOf(value))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() || f.Anonymous {
				random(r, v.Field(i), depth+1)
			}
		}
	}
}

func randomAny(r *rand.Rand, depth int) any {
	switch r.IntN(7) {
	case 0:
		return randomText(r)
	case 1:
		return float64(r.Int32())
	case 2:
		return r.IntN(2) == 0
	case 3, 4:
		if depth < 4 {
			return []any{randomAny(r, depth+1), randomAny(r, depth+1)}
		}
	case 5:
		if depth < 4 {
			return map[string]any{randomText(r): randomAny(r, depth+1), "a": randomAny(r, depth+1)}
		}
	}
	return nil
}

func randomText(r *rand.Rand) string {
	const odd = "\x00\x01\x1f\x7f\"\\/\b\f\n\r\t<>&'é߀\u2027\u2028\u2029\u202a\u3028\U0003F029€\ufffd\U0001F600aZ09 "
	runes := []rune(odd)
	var b strings.Builder
	for range r.IntN(12) {
		if r.IntN(2) == 0 {
			b.WriteString("arn:aws:plain"[:r.IntN(13)])
		}
		if r.IntN(3) == 0 {
			b.WriteRune(runes[r.IntN(len(runes))])
		}
	}
	return b.String()
}

func finite(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return -0.25
	}
	return f
}

// withSecrets copies a value, with Secrets where the copy's type has them. In
// an interface every other string becomes one.
func withSecrets(plain *sample[string]) *sample[awstokens.Secret] {
	var out sample[awstokens.Secret]
	transcribe(reflect.ValueOf(&out).Elem(), reflect.ValueOf(plain).Elem())
	return &out
}

// withoutSecrets is the reverse of withSecrets.
func withoutSecrets(secret *sample[awstokens.Secret]) *sample[string] {
	var out sample[string]
	transcribe(reflect.ValueOf(&out).Elem(), reflect.ValueOf(secret).Elem())
	return &out
}

func transcribe(dst, src reflect.Value) {
	switch {
	case dst.Type() == secretType:
		dst.Set(reflect.ValueOf(awstokens.NewSecret(src.String())))
		return
	case src.Type() == secretType:
		dst.SetString(src.Interface().(awstokens.Secret).Reveal())
		return
	}
	switch src.Kind() {
	case reflect.Pointer:
		if !src.IsNil() {
			dst.Set(reflect.New(dst.Type().Elem()))
			transcribe(dst.Elem(), src.Elem())
		}
	case reflect.Slice:
		if !src.IsNil() {
			dst.Set(reflect.MakeSlice(dst.Type(), src.Len(), src.Len()))
			for i := range src.Len() {
				transcribe(dst.Index(i), src.Index(i))
			}
		}
	case reflect.Map:
		if !src.IsNil() {
			dst.Set(reflect.MakeMap(dst.Type()))
			for key, value := range src.Seq2() {
				item := reflect.New(dst.Type().Elem()).Elem()
				transcribe(item, value)
				dst.SetMapIndex(key, item)
			}
		}
	case reflect.Struct:
		if dst.Type() == src.Type() && src.CanInterface() {
			dst.Set(src)
			return
		}
		for i := range src.NumField() {
			if f := src.Type().Field(i); f.IsExported() || f.Anonymous {
				transcribe(dst.Field(i), src.Field(i))
			}
		}
	default:
		dst.Set(src)
	}
}

// hideStrings puts Secrets, and pointers to them, in the place of strings.
func hideStrings(v any) any {
	switch v := v.(type) {
	case string:
		if secret := awstokens.NewSecret(v); len(v)%2 == 0 {
			return &secret
		}
		return awstokens.NewSecret(v)
	case []any:
		hidden := make([]any, len(v))
		for i, item := range v {
			hidden[i] = hideStrings(item)
		}
		return hidden
	case map[string]any:
		hidden := make(map[string]any, len(v))
		for key, item := range v {
			hidden[key] = hideStrings(item)
		}
		return hidden
	}
	return v
}
