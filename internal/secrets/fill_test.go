package secrets_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/sts"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// clients make the clients of all services.
var clients = []func(awstokens.Config) (any, error){
	clientOf(licensemanager.New), clientOf(ssooidc.New), clientOf(portal.New), clientOf(sts.New),
}

func clientOf[C any](open func(awstokens.Config) (*C, error)) func(awstokens.Config) (any, error) {
	return func(cfg awstokens.Config) (any, error) { return open(cfg) }
}

// operation is a method of a client that calls its service.
type operation struct {
	name    string
	open    func(awstokens.Config) (any, error)
	client  reflect.Type
	method  int
	in, out reflect.Type // structs
}

// operations are those of all clients.
var operations = func() (all []operation) {
	for _, open := range clients {
		client, err := open(awstokens.Config{Region: "us-east-1"})
		if err != nil {
			panic(err)
		}
		typ := reflect.TypeOf(client)
		for i := range typ.NumMethod() {
			m := typ.Method(i)
			if m.Type.NumIn() == 3 && m.Type.NumOut() == 2 { // receiver, context, input; output, error
				all = append(all, operation{typ.String() + "." + m.Name, open, typ, i, m.Type.In(2).Elem(), m.Type.Out(0).Elem()})
			}
		}
	}
	return all
}()

var secretType = reflect.TypeFor[awstokens.Secret]()

// filled returns a pointer to a new value in which everything is set, secrets
// to fakes, and the fakes. Visit is called with the type of each struct in it.
func filled(typ reflect.Type, visit func(reflect.Type)) (value any, fakes []string) {
	var fill func(reflect.Value)
	fill = func(v reflect.Value) {
		switch {
		case v.Type() == secretType:
			text := fake(len(fakes))
			fakes = append(fakes, text)
			v.Set(reflect.ValueOf(awstokens.NewSecret(text)))
			return
		case v.Type() == reflect.TypeFor[time.Time]():
			v.Set(reflect.ValueOf(time.Unix(1_700_000_000, 0).UTC()))
			return
		}
		switch v.Kind() {
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem())
		case reflect.Struct:
			if visit != nil {
				visit(v.Type())
			}
			for i := range v.NumField() {
				if v.Field(i).CanSet() {
					fill(v.Field(i))
				}
			}
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			fill(v.Index(0))
			fill(v.Index(1))
		case reflect.Map:
			key, element := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(key)
			fill(element)
			v.Set(reflect.MakeMap(v.Type()))
			v.SetMapIndex(key, element)
		case reflect.String:
			v.SetString("public")
		case reflect.Int, reflect.Int32, reflect.Int64:
			v.SetInt(1)
		case reflect.Float64:
			v.SetFloat(1)
		case reflect.Bool:
			v.SetBool(true)
		default:
			panic("cannot fill " + v.Type().String())
		}
	}
	v := reflect.New(typ)
	fill(v.Elem())
	return v.Interface(), fakes
}

// testFilled shows every input and output, and each struct in them by itself.
func testFilled(t *testing.T, s *shown) {
	all := map[reflect.Type]bool{}
	for _, op := range operations {
		for _, typ := range []reflect.Type{op.in, op.out} {
			filled(typ, func(typ reflect.Type) { all[typ] = true })
		}
	}
	with := 0
	for typ := range all {
		value, fakes := filled(typ, nil)
		if len(fakes) == 0 {
			continue
		}
		with++
		t.Run(typ.String(), func(t *testing.T) {
			t.Parallel()
			// A value that holds nothing would show nothing.
			text, err := json.Marshal(value)
			require.NoError(t, err)
			require.Equal(t, len(fakes), bytes.Count(text, []byte("[redacted]")))
			s.show(t, newNeedles(fakes...), typ.String(), value)
		})
	}
	assert.Greater(t, with, 20, "the structs have secrets")
}
