package facts

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

const region = "eu-north-1"

// stub responds to every request with the same status, header and body, and keeps
// what was sent.
type stub struct {
	status   int
	header   http.Header
	response string

	unvalidated bool // set Config.DisableValidation

	request *http.Request
	body    []byte
}

func (s *stub) Do(req *http.Request) (*http.Response, error) {
	s.request, s.body = req, nil
	if req.Body != nil {
		s.body, _ = io.ReadAll(req.Body)
	}
	header := s.header
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: s.status, Header: header, Body: io.NopCloser(strings.NewReader(s.response)), Request: req}, nil
}

// call calls an operation of a new client on the stub. The credentials can be nil.
func (s *stub) call(t *testing.T, op *operation, credentials awstokens.CredentialsProvider, in any) (any, error) {
	client, err := op.new(awstokens.Config{
		Region: region, HTTPClient: s, Credentials: credentials, DisableValidation: s.unvalidated,
		Retryer: awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = 1 }),
	})
	require.NoError(t, err)
	results := reflect.ValueOf(client).MethodByName(op.name).Call([]reflect.Value{reflect.ValueOf(t.Context()), reflect.ValueOf(in)})
	err, _ = results[1].Interface().(error)
	return results[0].Interface(), err
}

var someKeys = awstokens.StaticCredentials("AKIDEXAMPLE", "not-a-real-key", "")

// TestCalls compares the request and the output of each operation with the tables:
// for an input with all members, with the required ones only, and with empty lists,
// which are sent.
func TestCalls(t *testing.T) {
	eachOperation(t, func(t *testing.T, op *operation) {
		facts := op.table.Operations[op.name]
		for name, value := range map[string]map[string]any{
			"all members": op.in.sample("").(map[string]any), "required members": op.in.least(), "empty lists": emptyLists(op.in.sample("")).(map[string]any),
		} {
			t.Run(name, func(t *testing.T) {
				response := op.out.sample("")
				s := &stub{
					status: 200, response: string(encode(t, response)), header: http.Header{"X-Amzn-Requestid": {"request-1"}},
					unvalidated: name == "empty lists",
				}
				in := op.in.new(value)
				out, err := s.call(t, op, someKeys, in)
				require.NoError(t, err)
				assert.Equal(t, op.in.new(value), in, "a call changes nothing in its input")

				assert.Equal(t, facts.Method, s.request.Method)
				op.checkQuery(t, facts.URI, s.request.URL, value)
				content := op.checkBody(t, s, value)
				switch op.table.Protocol {
				case "awsJson1_1":
					assert.Equal(t, "application/x-amz-json-1.1", content)
					assert.Equal(t, op.table.TargetPrefix+"."+op.name, s.request.Header.Get("X-Amz-Target"))
				case "restJson1":
					assert.Contains(t, []string{"application/json", ""}, content)
					assert.Empty(t, s.request.Header.Get("X-Amz-Target"))
				default:
					assert.Fail(t, "unknown protocol", op.table.Protocol)
				}

				assert.Equal(t, response, op.out.read(reflect.ValueOf(out)))
				result := out.(interface{ Metadata() *awstokens.Result }).Metadata()
				assert.Equal(t, awstokens.Result{RequestID: "request-1", Attempts: 1}, *result)
			})
		}
	})
}

// least returns the sample without optional members.
func (n *node) least() map[string]any {
	value := map[string]any{}
	sample := n.sample("").(map[string]any)
	for name, member := range n.members {
		switch {
		case !n.requires(name, sample):
		case member.Type == "structure":
			value[name] = member.least()
		default:
			value[name] = sample[name]
		}
	}
	return value
}

// emptyLists returns the value without the items of its lists.
func emptyLists(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			value[name] = emptyLists(member)
		}
	case []any:
		return []any{}
	}
	return value
}

// checkQuery compares the URL with the operation's, and with the members of the
// input that travel there.
func (op *operation) checkQuery(t *testing.T, uri string, sent *url.URL, value map[string]any) {
	path, constant, _ := strings.Cut(uri, "?")
	assert.Equal(t, path, sent.Path)
	want, err := url.ParseQuery(constant)
	require.NoError(t, err)
	for member, name := range op.in.Query {
		if value[member] != nil {
			want.Set(name, fmt.Sprint(value[member]))
		}
	}
	assert.Equal(t, want, sent.Query())
}

// checkBody compares the headers and the body with the members of the input that
// travel there, and returns the Content-Type. An operation without members for a
// body sends no body and no Content-Type.
func (op *operation) checkBody(t *testing.T, s *stub, value map[string]any) (contentType string) {
	body := maps.Clone(value)
	for member, name := range op.in.Header {
		assert.Equal(t, []string{body[member].(string)}, s.request.Header[http.CanonicalHeaderKey(name)])
		delete(body, member)
	}
	for member := range op.in.Query {
		delete(body, member)
	}
	contentType = s.request.Header.Get("Content-Type")
	if len(op.in.Header)+len(op.in.Query) == len(op.in.members) && op.table.Protocol == "restJson1" {
		assert.Empty(t, body)
		assert.Nil(t, s.request.Body)
		assert.Zero(t, s.request.ContentLength)
		assert.Empty(t, contentType)
		return contentType
	}
	assert.JSONEq(t, string(encode(t, body)), string(s.body))
	assert.NotEmpty(t, contentType)
	return contentType
}

// TestAuth: signed operations need credentials, unsigned ones are never signed, and
// those with optional authentication are signed if there are credentials.
func TestAuth(t *testing.T) {
	eachOperation(t, func(t *testing.T, op *operation) {
		in := op.in.new(op.in.sample(""))
		for name, test := range map[string]struct {
			credentials    awstokens.CredentialsProvider
			sent, unsigned []string // the kinds of auth whose request is sent, and not signed
		}{
			"keys":      {someKeys, []string{"signed", "optional", "none"}, []string{"none"}},
			"no keys":   {nil, []string{"optional", "none"}, []string{"optional", "none"}},
			"anonymous": {awstokens.AnonymousCredentials{}, []string{"signed", "optional", "none"}, []string{"signed", "optional", "none"}},
		} {
			t.Run(name, func(t *testing.T) {
				auth := op.table.Operations[op.name].Auth
				require.Contains(t, []string{"signed", "optional", "none"}, auth)
				s := &stub{status: 200, response: string(encode(t, op.out.sample("")))}
				_, err := s.call(t, op, test.credentials, in)
				if !slices.Contains(test.sent, auth) {
					assert.ErrorIs(t, err, awstokens.ErrNoCredentials)
					assert.Nil(t, s.request, "nothing is sent")
					return
				}
				require.NoError(t, err)
				scope := "/" + region + "/" + op.table.SigningName + "/aws4_request"
				signed := strings.Contains(s.request.Header.Get("Authorization"), scope)
				assert.Equal(t, !slices.Contains(test.unsigned, auth), signed)
			})
		}
	})
}

// TestEmptyBodies: an operation without members in its output is documented to
// respond with an empty body. Services send {} as well, and a gateway may add
// white space.
func TestEmptyBodies(t *testing.T) {
	eachOperation(t, func(t *testing.T, op *operation) {
		for _, body := range []string{"", "\n", " \r\n", "{}"} {
			if body == "{}" && len(op.out.members) > 0 {
				continue // whether that is an error depends on the required members
			}
			s := &stub{status: 200, response: body}
			_, err := s.call(t, op, someKeys, op.in.new(op.in.sample("")))
			assert.Equal(t, len(op.out.members) > 0, err != nil, "%q: %v", body, err)
		}
	})
}

// TestUnknownValues: an unknown member or value of an enum in a response is no error,
// and the value is kept.
func TestUnknownValues(t *testing.T) {
	eachOperation(t, func(t *testing.T, op *operation) {
		response := op.out.sample("").(map[string]any)
		response["AddedLater"] = map[string]any{"any": []any{"thing"}}
		for name, member := range op.out.members {
			if len(member.Enum) > 0 {
				response[name] = "ADDED_LATER"
			}
		}
		s := &stub{status: 200, response: string(encode(t, response))}
		out, err := s.call(t, op, someKeys, op.in.new(op.in.sample("")))
		require.NoError(t, err)
		delete(response, "AddedLater")
		assert.Equal(t, response, op.out.read(reflect.ValueOf(out)))
	})
}

// TestPromises removes one member at a time from a response: the call returns an error
// if the member is promised, and only then. The tags of the output say the same.
func TestPromises(t *testing.T) {
	outputs := map[string]bool{}
	eachOperation(t, func(t *testing.T, op *operation) {
		var noted []string
		op.out.without(func(response map[string]any) {
			s := &stub{status: 200, response: string(encode(t, response))}
			_, err := s.call(t, op, someKeys, op.in.new(op.in.sample("")))
			missing := op.out.lacks(response)
			if len(missing) == 0 {
				assert.NoError(t, err, "%s", s.response)
				return
			}
			var unusable *smithy.DeserializationError
			require.ErrorAs(t, err, &unusable, "without %s", missing)
			assert.ErrorContains(t, err, " has no "+missing[0])
			noted = union(noted, missing)
		})
		assert.Subset(t, noted, op.out.promises())
		name := op.out.goType.String()
		outputs[name] = true
		if promisedInCode[name] == "" {
			assert.Equal(t, noted, union(taggedRequired(op.out.goType, ""), nil), "the tags")
		}
	})
	assert.Subset(t, sorted(outputs), sorted(promised))
	assert.Subset(t, sorted(promised), sorted(promisedInCode))
}

// taggedRequired returns the members that the tags of a structure require.
func taggedRequired(structure reflect.Type, prefix string) (paths []string) {
	for _, field := range reflect.VisibleFields(structure) {
		if field.Tag.Get("wire") != "required" {
			continue
		}
		path := prefix + wireName(field)
		paths = append(paths, path)
		if field.Type.Kind() == reflect.Struct {
			paths = append(paths, taggedRequired(field.Type, path+".")...)
		}
	}
	return paths
}

// TestPromiseOfCreateTokenWithIAM: the response must have the token that was issued.
func TestPromiseOfCreateTokenWithIAM(t *testing.T) {
	op := bind(t, services(t)[1], "CreateTokenWithIAM")
	for response, ok := range map[string]bool{
		`{"accessToken":"a"}`: true,
		`{"accessToken":"a","issuedTokenType":"urn:ietf:params:oauth:token-type:refresh_token"}`:  true,
		`{"refreshToken":"r","issuedTokenType":"urn:ietf:params:oauth:token-type:refresh_token"}`: true,
		`{"issuedTokenType":"urn:ietf:params:oauth:token-type:refresh_token"}`:                    false,
		`{"refreshToken":"r"}`: false,
		`{"refreshToken":"r","issuedTokenType":"urn:ietf:params:oauth:token-type:access_token"}`:                     false,
		`{"accessToken":"","refreshToken":"r","issuedTokenType":"urn:ietf:params:oauth:token-type:access_token"}`:    false,
		`{"accessToken":null,"refreshToken":"r","issuedTokenType":"urn:ietf:params:oauth:token-type:refresh_token"}`: true,
	} {
		_, err := (&stub{status: 200, response: response}).call(t, op, someKeys, op.in.new(op.in.sample("")))
		assert.Equal(t, ok, err == nil, "%s: %v", response, err)
	}
}

// without yields the sample without one of its members, for each member that is not
// in a list, at every depth.
func (n *node) without(yield func(map[string]any)) {
	for _, name := range sorted(n.members) {
		lesser := n.sample("").(map[string]any)
		delete(lesser, name)
		yield(lesser)
		n.members[name].without(func(member map[string]any) {
			yield(with(n.sample("").(map[string]any), name, member))
		})
	}
}

// TestIteratorsKeepTheirInput calls each method that returns an iterator, on a
// list of two pages.
func TestIteratorsKeepTheirInput(t *testing.T) {
	for _, s := range services(t) {
		for i := range s.client.NumMethod() {
			method := s.client.Method(i)
			if method.Type.NumOut() != 1 || !method.Type.Out(0).CanSeq2() || method.Type.NumIn() != 3 {
				continue
			}
			t.Run(method.Name, func(t *testing.T) {
				name := strings.TrimSuffix(method.Type.In(2).Elem().Name(), "Input")
				op := bind(t, s, name)
				in, same := op.in.new(op.in.sample("")), op.in.new(op.in.sample(""))
				token := "NextToken"
				if _, ok := op.out.members[token]; !ok {
					token = "nextToken"
				}
				response := encode(t, with(op.out.sample("").(map[string]any), token, "always the same"))
				client, err := s.new(awstokens.Config{Region: region, HTTPClient: &stub{status: 200, response: string(response)}, Credentials: someKeys})
				require.NoError(t, err)
				results := reflect.ValueOf(client).Method(i).Call([]reflect.Value{reflect.ValueOf(t.Context()), reflect.ValueOf(in)})
				items := 0
				for _, failed := range results[0].Seq2() {
					require.True(t, failed.IsNil(), "%v", failed)
					items++
					require.Less(t, items, 10, "it does not end")
				}
				assert.Equal(t, 2, items, "the page of the input's NextToken, and one more until the token repeats")
				assert.Equal(t, same, in)
			})
		}
	}
}

func with(m map[string]any, name string, value any) map[string]any {
	changed := map[string]any{name: value}
	for k, v := range m {
		if k != name {
			changed[k] = v
		}
	}
	return changed
}
