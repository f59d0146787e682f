package facts

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
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
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// TestTypes compares the method of every operation, and all members of its input and
// output, with the tables. See bind.
func TestTypes(t *testing.T) {
	eachOperation(t, func(t *testing.T, op *operation) {
		result, ok := op.out.goType.FieldByName("Result")
		assert.True(t, ok && result.Anonymous && result.Type == reflect.TypeFor[awstokens.Result](), "the output does not embed Result")
		_, ok = reflect.New(op.in.goType).Interface().(interface{ Validate() error })
		assert.True(t, ok, "the input has no method Validate")
		_, ok = reflect.New(op.out.goType).Interface().(interface{ Validate() error })
		assert.False(t, ok, "the output has a method Validate")
	})
}

// TestTablesAreWhole finds operations that are missing in the tables, and entries of
// the tables that nothing uses.
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

// TestPatternSamples compares the samples with the patterns.
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

// TestSource checks what reflection does not see: that an enum has a constant for
// each documented value and no other, that the documentation of a method names
// exactly the published exceptions, and that every exception type is published.
func TestSource(t *testing.T) {
	for _, s := range services(t) {
		src := parse(t, s.dir)
		assert.Equal(t, sorted(s.table.Exceptions), src.exceptions, "the exceptions of %s", s.dir)

		enums := map[reflect.Type][]string{}
		for _, name := range sorted(s.table.Operations) {
			op := bind(t, s, name)
			assert.Equal(t, s.table.Operations[name].Errors, src.errorsOf(name), "the exceptions in the documentation of %s.%s", s.dir, name)
			for _, root := range []*node{op.in, op.out} {
				root.walk(func(n *node) {
					if len(n.Enum) > 0 {
						enums[n.goType] = union(enums[n.goType], n.Enum) // grant types differ between operations
					}
				})
			}
		}
		for _, exception := range s.table.Exceptions {
			for member, shape := range exception.Members {
				if enum := s.table.Shapes[shape].Enum; len(enum) > 0 {
					enums[exceptionEnums[member]] = union(enums[exceptionEnums[member]], enum)
				}
			}
		}
		for goType, want := range enums {
			assert.ElementsMatch(t, want, src.constants[goType.Name()], "the constants of %s", goType)
			assert.ElementsMatch(t, want, values(t, goType), "the Values of %s", goType)
		}
	}
}

// exceptionEnums are the Go types of the members of exceptions that are enums, by
// the name of the member.
var exceptionEnums = map[string]reflect.Type{"reason": reflect.TypeFor[ssooidc.Reason]()}

// union returns the sorted union of a and b.
func union(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}

// values returns the result of the method Values of an enum, and checks that a caller
// can change it.
func values(t *testing.T, enum reflect.Type) (all []string) {
	method, ok := enum.MethodByName("Values")
	require.True(t, ok, "%s has no Values", enum)
	for range 2 {
		list := method.Func.Call([]reflect.Value{reflect.Zero(enum)})[0]
		require.Equal(t, reflect.SliceOf(enum), list.Type())
		all = nil
		for i := range list.Len() {
			all = append(all, list.Index(i).String())
			list.Index(i).SetString("changed by a caller")
		}
	}
	return all
}

// walk visits n, its members and its items, at every depth.
func (n *node) walk(visit func(*node)) {
	visit(n)
	for _, name := range sorted(n.members) {
		n.members[name].walk(visit)
	}
	if n.item != nil {
		n.item.walk(visit)
	}
}

// source is what is read from the source of a package.
type source struct {
	constants  map[string][]string // values of string constants, by type
	docs       map[string]string   // doc comments of the Client's methods
	exceptions []string            // the types whose name ends in Exception
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
		// The others embed Exception or OAuthException.
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
	thoseOf       = regexp.MustCompile(`[Ee]xceptions are those of (?:\[Client\.)?(\w+)`)
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

// TestJSON decodes inputs and outputs from JSON with the names of the API, as the AWS
// CLI has it.
func TestJSON(t *testing.T) {
	eachOperation(t, func(t *testing.T, op *operation) {
		for _, n := range []*node{op.in, op.out} {
			decoder := json.NewDecoder(bytes.NewReader(encode(t, n.sample(""))))
			decoder.DisallowUnknownFields()
			value := reflect.New(n.goType)
			require.NoError(t, decoder.Decode(value.Interface()))
			assert.Equal(t, n.sample(""), n.read(value))
		}
	})
}

// new returns a pointer to a new struct with a JSON value.
func (n *node) new(value any) any {
	v := reflect.New(n.goType)
	n.write(v.Elem(), value)
	return v.Interface()
}

// write sets a Go value that is not a pointer to a JSON value.
func (n *node) write(v reflect.Value, value any) {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			field := v.FieldByName(goName(name))
			if n.members[name].pointer {
				field.Set(reflect.New(field.Type().Elem()))
				field = field.Elem()
			}
			n.members[name].write(field, member)
		}
	case []any:
		v.Set(reflect.MakeSlice(v.Type(), len(value), len(value)))
		for i, item := range value {
			n.item.write(v.Index(i), item)
		}
	case float64:
		v.SetInt(int64(value))
	case bool:
		v.SetBool(value)
	case string:
		if n.goType == secretType {
			v.Set(reflect.ValueOf(awstokens.NewSecret(value)))
			return
		}
		v.SetString(value)
	}
}

// read is the inverse of write, without absent members. It also takes a pointer.
func (n *node) read(v reflect.Value) any {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch {
	case n.goType == secretType:
		return v.Interface().(awstokens.Secret).Reveal()
	case n.Type == "structure":
		value := map[string]any{}
		for name, member := range n.members {
			if field := v.FieldByName(goName(name)); !field.IsZero() {
				value[name] = member.read(field)
			}
		}
		return value
	case n.Type == "list":
		value := make([]any, v.Len())
		for i := range value {
			value[i] = n.item.read(v.Index(i))
		}
		return value
	case v.CanInt():
		return float64(v.Int())
	case v.Kind() == reflect.Bool:
		return v.Bool()
	}
	return v.String()
}

func encode(t testing.TB, value any) []byte {
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return text
}
