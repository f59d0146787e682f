package layout_test

import (
	"flag"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"maps"
	"os"
	pathpkg "path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
)

var update = flag.Bool("update", false, "write the API that the code has to testdata/api.txt")

// TestAPI compares what the module and awssdk export, a line each, with
// testdata/api.txt: a name must not change by accident. After a change that is
// meant, run
//
//	go test ./internal/layout -run TestAPI -update
//
// and read the difference as those will who have to follow it.
func TestAPI(t *testing.T) {
	var lines []string
	visit := func(file *ast.File) {
		for _, declaration := range exported(t, file) {
			lines = append(lines, file.Name.Name+": "+declaration)
		}
	}
	eachPublicFile(t, root, visit)
	eachPublicFile(t, filepath.Join(root, "awssdk"), visit)
	slices.Sort(lines)
	lines = slices.Compact(lines) // a constant for each system has one line
	got := strings.Join(lines, "\n") + "\n"

	golden := filepath.Join("testdata", "api.txt")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	before := strings.Split(strings.TrimSpace(string(want)), "\n")
	for _, line := range before {
		if !slices.Contains(lines, line) {
			t.Errorf("gone or changed: %s", line)
		}
	}
	for _, line := range lines {
		if !slices.Contains(before, line) {
			t.Errorf("new: %s", line)
		}
	}
}

// eachPublicFile visits the files of the packages of a module that programs can
// import.
func eachPublicFile(t *testing.T, start string, visit func(*ast.File)) {
	t.Helper()
	eachFileIn(t, start, parser.SkipObjectResolution, func(dir, name string, file *ast.File) {
		if !strings.HasSuffix(name, "_test.go") && !below(dir, "internal") && !below(dir, "examples") {
			visit(file)
		}
	})
}

// ofOthers is what the API has of other modules: interfaces of smithy-go, and
// what their methods return.
var ofOthers = []string{
	"github.com/aws/smithy-go.ErrorFault", // of smithy.APIError
	"github.com/aws/smithy-go/auth/bearer.Token",
	"github.com/aws/smithy-go/auth/bearer.TokenProvider",
	"github.com/aws/smithy-go/metrics.MeterProvider",
	"github.com/aws/smithy-go/tracing.TracerProvider",
}

// TestAPIOfOthers finds types of other modules in the API.
func TestAPIOfOthers(t *testing.T) {
	found := map[string]bool{}
	eachPublicFile(t, root, func(file *ast.File) {
		paths := map[string]string{}
		for _, spec := range file.Imports {
			path := importPath(t, spec)
			if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") || isOurs(directory(path)) {
				continue
			}
			name := pathpkg.Base(path)
			if path == "github.com/aws/smithy-go" {
				name = "smithy"
			}
			if spec.Name != nil {
				name = spec.Name.Name
			}
			paths[name] = path
		}
		for _, declaration := range exported(t, file) {
			for _, qualified := range qualifiedName.FindAllStringSubmatch(declaration, -1) {
				if path, ok := paths[qualified[1]]; ok {
					found[path+"."+qualified[2]] = true
				}
			}
		}
	})
	assert.Equal(t, ofOthers, slices.Sorted(maps.Keys(found)))
}

var qualifiedName = regexp.MustCompile(`\b([a-z]\w*)\.([A-Z]\w*)`)

// exported returns the exported declarations of a file, a line each; fields of
// structs and methods of interfaces have lines of their own.
func exported(t *testing.T, file *ast.File) (lines []string) {
	add := func(prefix string, node any) { lines = append(lines, prefix+oneLine(t, node)) }
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d))) {
				d.Body, d.Doc = nil, nil
				add("", d)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.ValueSpec:
					for _, name := range s.Names {
						if name.IsExported() {
							lines = append(lines, strings.TrimSpace(d.Tok.String()+" "+name.Name+" "+typeOf(t, s)))
						}
					}
				case *ast.TypeSpec:
					if s.Name.IsExported() {
						lines = append(lines, members(t, s)...)
					}
				}
			}
		}
	}
	return lines
}

func receiver(d *ast.FuncDecl) string {
	r := d.Recv.List[0].Type
	if star, ok := r.(*ast.StarExpr); ok {
		r = star.X
	}
	if generic, ok := r.(*ast.IndexExpr); ok {
		r = generic.X
	}
	name, _ := r.(*ast.Ident)
	return name.Name
}

func typeOf(t *testing.T, s *ast.ValueSpec) string {
	if s.Type == nil {
		return ""
	}
	return oneLine(t, s.Type)
}

func members(t *testing.T, s *ast.TypeSpec) []string {
	name := "type " + s.Name.Name
	var fields *ast.FieldList
	switch kind := s.Type.(type) {
	case *ast.StructType:
		name, fields = name+" struct", kind.Fields
	case *ast.InterfaceType:
		name, fields = name+" interface", kind.Methods
	default:
		return []string{name + " " + oneLine(t, s.Type)}
	}
	lines := []string{name}
	for _, field := range fields.List {
		tag := ""
		if field.Tag != nil {
			tag = " " + field.Tag.Value
		}
		if len(field.Names) == 0 {
			lines = append(lines, name+", "+oneLine(t, field.Type)+tag)
		}
		for _, n := range field.Names {
			if n.IsExported() {
				lines = append(lines, name+", "+n.Name+" "+oneLine(t, field.Type)+tag)
			}
		}
	}
	return lines
}

// TestVersion: awssdk is released with the version of the module that it is
// tested with.
func TestVersion(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "awssdk", "go.mod"))
	require.NoError(t, err)
	assert.Contains(t, string(text), "\t"+module+" v"+awstokens.Version+"\n")
}

// oneLine is a node as gofmt writes it, without line breaks.
func oneLine(t *testing.T, node any) string {
	var text strings.Builder
	require.NoError(t, format.Node(&text, token.NewFileSet(), node))
	return strings.Join(strings.Fields(text.String()), " ")
}
