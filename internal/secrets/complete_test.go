package secrets_test

import (
	"go/ast"
	"go/build"
	gconstant "go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/seed-25f54b62/awstokens"

// constant stands for the number of type arguments of a name that is a constant:
// the length of an array.
const constant = -1

// source is the declarations of the module's packages. Of other packages it
// knows the names that are used, as opaque types: to check the standard library
// as well takes a second.
type source struct {
	fset     *token.FileSet
	files    map[string][]*ast.File    // of the module, by import path
	others   map[string]map[string]int // names of other packages, with their number of type arguments
	packages map[string]*types.Package
}

func newSource() *source {
	return &source{token.NewFileSet(), map[string][]*ast.File{}, map[string]map[string]int{}, map[string]*types.Package{}}
}

// loadModule reads the packages that programs can import, and those in
// internal.
func loadModule(t *testing.T) *source {
	s := newSource()
	root := filepath.Join("..", "..")
	require.NoError(t, filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		dir := filepath.Dir(file)
		if entry.IsDir() {
			_, isModule := os.Stat(filepath.Join(file, "go.mod"))
			if file != root && (isModule == nil || entry.Name() == "testdata" || entry.Name()[0] == '.') {
				return filepath.SkipDir
			}
			return nil
		}
		ours, err := build.Default.MatchFile(dir, entry.Name())
		if !ours || err != nil || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go") {
			return err
		}
		relative, err := filepath.Rel(root, dir)
		if err != nil {
			return err
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return s.parse(path.Join(module, filepath.ToSlash(relative)), file, string(text))
	}))
	return s
}

var notInName = regexp.MustCompile(`/v[0-9]+$`)

// parse adds a file to a package.
func (s *source) parse(pkg, name, text string) error {
	file, err := parser.ParseFile(s.fset, name, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	s.files[pkg] = append(s.files[pkg], file)
	imports := map[string]string{}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		imports[packageName(imported)] = imported
		if spec.Name != nil {
			imports[spec.Name.Name] = imported
		}
	}
	note := func(x ast.Expr, arguments int) {
		selector, ok := x.(*ast.SelectorExpr)
		if !ok {
			return
		}
		if of, ok := selector.X.(*ast.Ident); ok && imports[of.Name] != "" {
			names := s.others[imports[of.Name]]
			if names == nil {
				names = map[string]int{}
				s.others[imports[of.Name]] = names
			}
			if arguments == constant || names[selector.Sel.Name] == constant {
				names[selector.Sel.Name] = constant
				return
			}
			names[selector.Sel.Name] = max(names[selector.Sel.Name], arguments)
		}
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch x := node.(type) {
		case *ast.ArrayType: // before its length, which is in it
			note(x.Len, constant)
		case *ast.IndexExpr:
			note(x.X, 1)
		case *ast.IndexListExpr:
			note(x.X, len(x.Indices))
		case *ast.SelectorExpr:
			note(x, 0)
		}
		return true
	})
	return nil
}

// packageName is what a package calls itself: smithy in smithy-go, jose in
// go-jose/v4.
func packageName(imported string) string {
	name := path.Base(notInName.ReplaceAllString(imported, ""))
	return strings.TrimSuffix(strings.TrimPrefix(name, "go-"), "-go")
}

// Import implements types.Importer.
func (s *source) Import(imported string) (*types.Package, error) {
	pkg := s.packages[imported]
	switch {
	case pkg != nil:
	case s.files[imported] == nil:
		pkg = s.opaque(imported)
	default:
		// Expressions have errors, because names of other packages are types.
		config := types.Config{Importer: s, IgnoreFuncBodies: true, Error: func(error) {}}
		pkg, _ = config.Check(imported, s.fset, s.files[imported], nil)
	}
	s.packages[imported] = pkg
	return pkg, nil
}

func (s *source) opaque(imported string) *types.Package {
	pkg := types.NewPackage(imported, packageName(imported))
	for name, arguments := range s.others[imported] {
		if arguments == constant {
			pkg.Scope().Insert(types.NewConst(token.NoPos, pkg, name, types.Typ[types.UntypedInt], gconstant.MakeInt64(1)))
			continue
		}
		typ := types.NewNamed(types.NewTypeName(token.NoPos, pkg, name, nil), types.NewStruct(nil, nil), nil)
		var parameters []*types.TypeParam
		for range arguments {
			parameter := types.NewTypeName(token.NoPos, pkg, "T", nil)
			parameters = append(parameters, types.NewTypeParam(parameter, types.Universe.Lookup("any").Type().Underlying()))
		}
		typ.SetTypeParams(parameters)
		pkg.Scope().Insert(typ.Obj())
	}
	pkg.MarkComplete()
	return pkg
}

func isOurs(pkg *types.Package) bool {
	return pkg != nil && (pkg.Path() == module || strings.HasPrefix(pkg.Path(), module+"/"))
}

// harmless are the types of other packages that hold nothing of this module's.
var harmless = map[string]bool{"sync.Mutex": true, "time.Duration": true, "time.Time": true}

// holds reports whether a Secret, or something that may hold one, can be
// reached from a type: by a field, also of an interface type; in what a
// function or a method takes or returns.
func holds(typ types.Type, seen map[types.Type]bool) bool {
	if seen[typ] {
		return false
	}
	seen[typ] = true
	switch typ := types.Unalias(typ).(type) {
	case *types.Basic:
		if typ.Kind() == types.Invalid {
			panic("a type is not known")
		}
	case *types.Map:
		return holds(typ.Key(), seen) || holds(typ.Elem(), seen)
	case interface{ Elem() types.Type }: // a pointer, slice, array or channel
		return holds(typ.Elem(), seen)
	case *types.Struct:
		for i := range typ.NumFields() {
			if holds(typ.Field(i).Type(), seen) {
				return true
			}
		}
	case *types.Interface:
		return true
	case *types.Signature:
		return passes(typ.Params(), seen) || passes(typ.Results(), seen)
	case *types.TypeParam:
		return true
	case *types.Named:
		for i := range typ.TypeArgs().Len() {
			if holds(typ.TypeArgs().At(i), seen) {
				return true
			}
		}
		if typ.Obj().Pkg() == nil {
			return true // error
		}
		if !isOurs(typ.Obj().Pkg()) {
			return !harmless[typ.Obj().Pkg().Path()+"."+typ.Obj().Name()]
		}
		if typ.Obj().Pkg().Path() == module && typ.Obj().Name() == "Secret" || holds(typ.Underlying(), seen) {
			return true
		}
		for i := range typ.NumMethods() {
			if holds(typ.Method(i).Type(), seen) {
				return true
			}
		}
	}
	return false
}

// passes reports whether one of the parameters or results is a type of the
// module that holds a Secret.
func passes(tuple *types.Tuple, seen map[types.Type]bool) bool {
	for i := range tuple.Len() {
		typ := types.Unalias(tuple.At(i).Type())
		if pointer, ok := typ.(*types.Pointer); ok {
			typ = types.Unalias(pointer.Elem())
		}
		if named, ok := typ.(*types.Named); ok && !isOurs(named.Obj().Pkg()) {
			continue
		}
		if holds(typ, seen) {
			return true
		}
	}
	return false
}

// inside are types behind an exported interface of which no program can have a
// value: they are made for the configuration of a client in a tip.Provider or a
// tip.Pool, where the client's function hides them. What has them is shown.
var inside = map[string]bool{"ssooidc/tip.signer": true, "ssooidc/tip.singleUse": true, "ssooidc/tip.limitedSingleUse": true}

// secretTypes are the types that may hold a secret, and of which a program can
// have a value: exported ones, and those behind an exported interface. Errors
// that are not exported are in the chains that calls_test.go shows.
func (s *source) secretTypes() map[string]bool {
	var interfaces []*types.Interface
	s.each(func(name *types.TypeName) {
		if i, ok := name.Type().Underlying().(*types.Interface); ok && name.Exported() && i.NumMethods() > 0 {
			interfaces = append(interfaces, i)
		}
	})
	found := map[string]bool{}
	s.each(func(name *types.TypeName) {
		if types.IsInterface(name.Type()) || !holds(name.Type(), map[types.Type]bool{}) {
			return
		}
		serves := func(i *types.Interface) bool { return types.Implements(types.NewPointer(name.Type()), i) }
		if name.Exported() || slices.ContainsFunc(interfaces, serves) {
			found[nameIn(name.Pkg().Path(), name.Name())] = true
		}
	})
	return found
}

// nameIn is a name with the directory of its package.
func nameIn(pkg, name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(pkg, module), "/") + "." + name
}

// clientTypes are the types with a method that calls an operation.
func (s *source) clientTypes() map[string]bool {
	found := map[string]bool{}
	s.each(func(name *types.TypeName) {
		typ, ok := name.Type().(*types.Named)
		if !ok || types.IsInterface(typ) || !name.Exported() {
			return
		}
		for i := range typ.NumMethods() {
			method := typ.Method(i).Signature()
			if !typ.Method(i).Exported() {
				continue
			}
			if in, out := method.Params(), method.Results(); in.Len() == 2 && out.Len() == 2 && isStruct(in.At(1).Type()) && isStruct(out.At(0).Type()) {
				found[nameIn(name.Pkg().Path(), name.Name())] = true
			}
		}
	})
	return found
}

// isStruct reports whether a type is a pointer to a struct of the module.
func isStruct(typ types.Type) bool {
	pointer, ok := typ.(*types.Pointer)
	if !ok {
		return false
	}
	named, ok := pointer.Elem().(*types.Named)
	if !ok || !isOurs(named.Obj().Pkg()) {
		return false
	}
	_, ok = named.Underlying().(*types.Struct)
	return ok
}

// each visits the types of the packages that programs can import, but not of
// awstokenstest: that one is the service, which knows all secrets.
func (s *source) each(visit func(*types.TypeName)) {
	for imported := range s.files {
		relative := strings.TrimPrefix(strings.TrimPrefix(imported, module), "/")
		if first, _, _ := strings.Cut(relative, "/"); first == "internal" || first == "examples" || first == "awstokenstest" {
			continue
		}
		pkg, _ := s.Import(imported)
		for _, name := range pkg.Scope().Names() {
			if typ, ok := pkg.Scope().Lookup(name).(*types.TypeName); ok {
				visit(typ)
			}
		}
	}
}

// TestSecretTypes tries the rules on a made-up module.
func TestSecretTypes(t *testing.T) {
	s := newSource()
	require.NoError(t, s.parse(module, "secret.go", `package awstokens
		type Secret struct{ masked *[]byte }
		type Provider interface{ Retrieve() Secret }
		type StoreInput struct{ Token Secret }
		func fixed() Provider { return static{} }
		type static struct{ secret Secret }
		func (s static) Retrieve() Secret { return s.secret }
		type unused struct{ secret Secret }`))
	require.NoError(t, s.parse(module+"/made", "made.go", `package made
		import (
			"context"
			"net/http"
			"sync"
			"sync/atomic"
			"time"
			"example.com/go-other/v2"
			tokens "github.com/seed-25f54b62/awstokens"
		)
		type (
			Plain   struct{ Name string; Count []int; table map[string]bool; mu sync.Mutex; at time.Time }
			Recursive struct{ next *Recursive }
			Number  int
			Direct  struct{ Secret tokens.Secret }
			Deep    struct{ list []map[string]*struct{ d Direct } }
			Key     struct{ table map[Named]int }
			Named   [2]tokens.Secret
			Loop    struct{ next *Loop; d *Direct }
			Generic struct{ at atomic.Pointer[Direct] }
			Box[T any] struct{ value T }
			Boxed   struct{ box Box[Direct] }
			Any     struct{ value any }
			Failure struct{ err error }
			Foreign struct{ client *http.Client; other other.Thing }
			Seat    struct{ provider tokens.Provider }
			Fetch   func(context.Context) (*Direct, error)
			Clock   func(context.Context) (time.Time, error)
			Store   struct{ path string }
			Harmless struct{ path string }
			Sum     struct{ sum [other.Size]byte; sums map[[other.Size]byte]time.Time }
			Service interface{ Do(tokens.Secret) }
		)
		func (s *Store) Save(ctx context.Context, in *tokens.StoreInput) (*Plain, error) { return nil, nil }
		func (h *Harmless) Save(ctx context.Context, p *Plain) error { return nil }`))
	var want []string
	for _, name := range []string{"Any", "Box", "Boxed", "Deep", "Direct", "Failure", "Fetch", "Foreign", "Generic", "Key", "Loop", "Named", "Seat", "Store"} {
		want = append(want, "made."+name)
	}
	want = append(want, ".Secret", ".StoreInput", ".static")
	assert.ElementsMatch(t, want, slices.Collect(maps.Keys(s.secretTypes())))
	assert.Equal(t, map[string]bool{"made.Store": true}, s.clientTypes())
}
