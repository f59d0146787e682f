package facts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

// TestTypes holds every operation's method, and every member that its input
// and output reach, against the tables; bind does the work.
func TestTypes(t *testing.T) {
	eachOperation(t, func(t *testing.T, op *operation) {
		result, ok := op.out.goType.FieldByName("Result")
		assert.True(t, ok && result.Anonymous && result.Type == reflect.TypeFor[awstokens.Result](), "the output embeds no Result")
		_, ok = reflect.New(op.in.goType).Interface().(interface{ Validate() error })
		assert.True(t, ok, "the input has no Validate")
		_, ok = reflect.New(op.out.goType).Interface().(interface{ Validate() error })
		assert.Equal(t, len(op.out.members) > 0, ok, "has the output a Validate?")
	})
}

// TestTablesAreWhole finds operations that no table has, and entries of a
// table that nothing uses.
func TestTablesAreWhole(t *testing.T) {
	for _, s := range services(t) {
		for i := range s.client.NumMethod() {
			if _, _, ok := operationTypes(s.client.Method(i).Type); ok {
				assert.Contains(t, s.table.Operations, s.client.Method(i).Name, "the table lacks an operation of %s", s.client)
			}
		}

		reached := map[string]bool{}
		var reach func(name string)
		reach = func(name string) {
			if name == "" || reached[name] {
				return
			}
			reached[name] = true
			require.Contains(t, s.table.Shapes, name, s.file)
			reach(s.table.Shapes[name].Member)
			for _, member := range s.table.Shapes[name].Members {
				reach(member)
			}
		}
		for name, op := range s.table.Operations {
			reach(op.Input)
			reach(op.Output)
			for _, code := range op.Errors {
				assert.Contains(t, s.table.Exceptions, code, "%s: an error of %s", s.file, name)
			}
		}
		for _, e := range s.table.Exceptions {
			for _, member := range e.Members {
				reach(member)
			}
		}
		assert.Equal(t, sorted(reached), sorted(s.table.Shapes), "%s: shapes that nothing reaches", s.file)
		for _, of := range [][]string{sorted(s.table.Documented), sorted(s.table.Grants)} {
			assert.Subset(t, sorted(s.table.Operations), of, s.file)
		}
	}
}

// TestPatternSamples holds the samples against the patterns, so that a test
// cannot pass for want of a text that matches or one that does not.
func TestPatternSamples(t *testing.T) {
	for pattern, p := range patterns {
		for _, s := range p.good {
			assert.True(t, p.regexp.MatchString(s), "%q is good for %s", s, pattern)
		}
		for _, s := range p.bad {
			assert.False(t, p.regexp.MatchString(s), "%q is bad for %s", s, pattern)
		}
		if p.ofLength != nil {
			assert.Len(t, p.ofLength(50), 50)
			assert.True(t, p.regexp.MatchString(p.ofLength(50)), pattern)
		}
	}
}

// TestSource checks what reflection cannot see: that an enum has a constant
// for each documented value and no other, that a method's documentation names
// exactly the published exceptions, and that no type of an exception is left
// over.
func TestSource(t *testing.T) {
	for _, s := range services(t) {
		src := parse(t, s.dir)
		assert.Equal(t, sorted(s.table.Exceptions), src.exceptions, "the exceptions of %s", s.dir)

		enums := map[string][]string{} // by Go type
		for _, name := range sorted(s.table.Operations) {
			op := bind(t, s, name)
			assert.Equal(t, s.table.Operations[name].Errors, src.errorsOf(name), "the exceptions in the documentation of %s.%s", s.dir, name)
			for _, root := range []*node{op.in, op.out} {
				root.walk(func(n *node) {
					if len(n.Enum) > 0 {
						enums[n.goType.Name()] = n.Enum
					}
				})
			}
			for grant := range s.table.Grants[name] {
				if typeName := op.in.members["grantType"].goType.Name(); !slices.Contains(enums[typeName], grant) {
					enums[typeName] = append(enums[typeName], grant)
				}
			}
		}
		for typeName, values := range enums {
			assert.ElementsMatch(t, values, src.constants[typeName], "the constants of %s.%s", s.dir, typeName)
		}
	}
}

// walk visits n and what it holds.
func (n *node) walk(visit func(*node)) {
	visit(n)
	for _, name := range sorted(n.members) {
		n.members[name].walk(visit)
	}
	if n.item != nil {
		n.item.walk(visit)
	}
}

// source is what the text of a package says.
type source struct {
	constants  map[string][]string // values of text constants, by type
	docs       map[string]string   // of the Client's methods
	exceptions []string            // the types of that name
}

func parse(t *testing.T, dir string) source {
	src := source{constants: map[string][]string{}, docs: map[string]string{}}
	files, err := filepath.Glob(filepath.Join("..", "..", dir, "*.go"))
	require.NoError(t, err)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				if isClient(decl.Recv) {
					src.docs[decl.Name.Name] = decl.Doc.Text()
				}
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					src.add(t, spec)
				}
			}
		}
	}
	slices.Sort(src.exceptions)
	return src
}

func isClient(receiver *ast.FieldList) bool {
	if receiver == nil {
		return false
	}
	star, ok := receiver.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	name, ok := star.X.(*ast.Ident)
	return ok && name.Name == "Client"
}

func (src *source) add(t *testing.T, spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		// Exception and OAuthException are what the others embed.
		if name := spec.Name.Name; strings.HasSuffix(name, "Exception") && name != "Exception" && name != "OAuthException" {
			src.exceptions = append(src.exceptions, name)
		}
	case *ast.ValueSpec:
		for _, value := range spec.Values {
			typeName, isNamed := spec.Type.(*ast.Ident)
			literal, isLiteral := value.(*ast.BasicLit)
			if isNamed && isLiteral && literal.Kind == token.STRING {
				text, err := strconv.Unquote(literal.Value)
				require.NoError(t, err)
				src.constants[typeName.Name] = append(src.constants[typeName.Name], text)
			}
		}
	}
}

var (
	exceptionName = regexp.MustCompile(`\w+Exception\b`)
	thoseOf       = regexp.MustCompile(`[Ee]xceptions are those of (\w+)`)
)

// errorsOf returns the exceptions that the last paragraph of a method's
// documentation names, with those of the operation that it refers to.
func (src *source) errorsOf(operation string) []string {
	paragraphs := strings.Split(strings.TrimSpace(src.docs[operation]), "\n\n")
	last := strings.Join(strings.Fields(paragraphs[len(paragraphs)-1]), " ")
	names := exceptionName.FindAllString(last, -1)
	if other := thoseOf.FindStringSubmatch(last); other != nil && other[1] != operation {
		names = append(names, src.errorsOf(other[1])...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TestJSON fills inputs and outputs from JSON and writes them again: what goes
// over the wire, and what the AWS CLI's JSON holds, has exactly these names.
func TestJSON(t *testing.T) {
	eachOperation(t, func(t *testing.T, op *operation) {
		for _, n := range []*node{op.in, op.out} {
			want := encode(t, n.sample(""))
			decoder := json.NewDecoder(bytes.NewReader(want))
			decoder.DisallowUnknownFields()
			value := reflect.New(n.goType)
			require.NoError(t, decoder.Decode(value.Interface()))
			assert.JSONEq(t, string(want), string(encode(t, value.Interface())))
		}

		// An optional member that is not set is not sent, not even as null.
		least := map[string]any{}
		for _, name := range op.in.Required {
			least[name] = op.in.members[name].sample(name)
		}
		body := encode(t, decode(t, op.in, least))
		assert.JSONEq(t, string(encode(t, least)), string(body))
	})
}

// TestSecretsStayHidden prints inputs and outputs in all the ways that print
// by accident. What slog's JSON handler finds inside a list or a structure of
// the caller's is beyond this package's reach: there it encodes plain JSON.
func TestSecretsStayHidden(t *testing.T) {
	const secret = "not-a-real-secret"
	eachOperation(t, func(t *testing.T, op *operation) {
		for _, root := range []*node{op.in, op.out} {
			root.walk(func(n *node) {
				if n.Type != "structure" {
					return
				}
				value := decode(t, n, n.sample(""))
				if !fillSecrets(reflect.ValueOf(value).Elem(), secret) {
					return
				}
				byValue := reflect.ValueOf(value).Elem().Interface()
				_, ok := byValue.(slog.LogValuer)
				assert.True(t, ok, "%T holds a secret and is no slog.LogValuer", byValue)

				var out bytes.Buffer
				for _, v := range []any{value, byValue} {
					for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%08.3f"} {
						fmt.Fprintf(&out, verb, v)
					}
					for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
						slog.New(handler).Info("message", "value", v, slog.Group("group", "value", v))
					}
				}
				shown := slices.ContainsFunc([]string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret)},
					func(form string) bool { return strings.Contains(out.String(), form) })
				assert.False(t, shown, "%T shows a secret", byValue)
			})
		}
	})
}

// fillSecrets writes the text into each Secret and says whether there was one.
func fillSecrets(v reflect.Value, text string) (found bool) {
	switch v.Kind() {
	case reflect.Pointer:
		return !v.IsNil() && fillSecrets(v.Elem(), text)
	case reflect.Struct:
		for i := range v.NumField() {
			found = fillSecrets(v.Field(i), text) || found
		}
	case reflect.Slice:
		for i := range v.Len() {
			found = fillSecrets(v.Index(i), text) || found
		}
	case reflect.String:
		if v.Type() == reflect.TypeFor[awstokens.Secret]() {
			v.SetString(text)
			return true
		}
	}
	return found
}

// decode makes a Go value, a pointer to a structure, of a value as of JSON.
func decode(t testing.TB, n *node, value any) any { return decodeText(t, n, encode(t, value)) }

func decodeText(t testing.TB, n *node, text []byte) any {
	v := reflect.New(n.goType).Interface()
	require.NoError(t, json.Unmarshal(text, v))
	return v
}

func encode(t testing.TB, value any) []byte {
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return text
}
