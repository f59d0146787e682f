// Package layout_test holds the module to its architecture: imports point from
// examples to awstokenstest, then to the packages on top of the clients, from
// those to the clients, then to internal, then to the root.
package layout_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/seed-25f54b62/awstokens"

// root is the directory of the module.
var root = filepath.Join("..", "..")

// clients are the packages that call a service.
var clients = []string{"licensemanager", "ssooidc", "ssooidc/portal"}

// dependencies are the modules that packages may import beside the standard
// library, and where. Nil means everywhere.
var dependencies = map[string][]string{
	"github.com/aws/smithy-go":               nil,
	"github.com/aws/smithy-go/aws-http-auth": {"internal/emulator"},
	"github.com/go-jose/go-jose/v4":          {"internal/emulator", "licensemanager/borrow"},
	"github.com/gofrs/flock":                 {"licensemanager/drawdown", "licensemanager/lease", "ssooidc/login"},
	"golang.org/x/sys":                       {"internal/clock"},
}

// positions are those of all parsed files.
var positions = token.NewFileSet()

// eachFile visits the Go files of the module, but not those of nested modules,
// with their directory.
func eachFile(t *testing.T, mode parser.Mode, visit func(dir, name string, file *ast.File)) {
	t.Helper()
	eachFileIn(t, root, mode, visit)
}

// eachFileIn is eachFile for the module in a directory. Directories are always
// relative to the root.
func eachFileIn(t *testing.T, start string, mode parser.Mode, visit func(dir, name string, file *ast.File)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(start, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != start && (isModule(path) || isIgnored(entry.Name())):
			return filepath.SkipDir
		case entry.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		file, err := parser.ParseFile(positions, path, nil, mode)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		visit(filepath.ToSlash(dir), entry.Name(), file)
		return err
	}))
}

// isIgnored reports whether a directory is not a place for packages.
func isIgnored(name string) bool {
	return name == "testdata" || name == "node_modules" || name[0] == '.'
}

// modules are the directories of all modules, nested ones included.
func modules(t *testing.T) []string {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && path != root && isIgnored(entry.Name()) {
			return filepath.SkipDir
		}
		if err == nil && entry.IsDir() && isModule(path) {
			found = append(found, path)
		}
		return err
	}))
	require.Contains(t, found, filepath.Join(root, "awssdk"))
	return found
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// imports returns what each package imports, by its directory. The module's own
// packages are given as directories, too, and the standard library is left out.
// So are tests, but what those of examples import of the module.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	eachFile(t, parser.ImportsOnly, func(dir, name string, file *ast.File) {
		isTest := strings.HasSuffix(name, "_test.go")
		if isTest && !below(dir, "examples") {
			return
		}
		for _, spec := range file.Imports {
			imported := importPath(t, spec)
			first, _, _ := strings.Cut(imported, "/")
			imported = directory(imported)
			if strings.Contains(first, ".") && (isOurs(imported) || !isTest) {
				found[dir] = append(found[dir], imported)
			}
		}
	})
	require.Contains(t, found, "licensemanager")
	return found
}

func importPath(t *testing.T, spec *ast.ImportSpec) string {
	t.Helper()
	path, err := strconv.Unquote(spec.Path.Value)
	require.NoError(t, err)
	return path
}

// directory is that of a package of the module. Other paths stay as they are.
func directory(path string) string {
	if path == module {
		return "."
	}
	return strings.TrimPrefix(path, module+"/")
}

func isOurs(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return first == "." || !strings.Contains(first, ".")
}

func below(dir, parent string) bool { return dir == parent || strings.HasPrefix(dir, parent+"/") }

// isFake reports whether a package is the services in memory, or their public API.
func isFake(dir string) bool { return dir == "internal/emulator" || dir == "awstokenstest" }

func TestImportsPointOneWay(t *testing.T) {
	for dir, list := range imports(t) {
		for _, imported := range list {
			where := dir + " imports " + imported
			if !isOurs(imported) {
				assert.Contains(t, dependencies, dependency(imported), where)
				continue
			}
			assert.False(t, below(imported, "examples"), where)
			if imported == "internal/emulator" {
				assert.Equal(t, "awstokenstest", dir, where)
			}
			switch {
			case dir == ".":
				assert.Fail(t, where)
			case below(dir, "examples"):
				assert.False(t, below(imported, "internal"), where)
			case isFake(dir):
			case below(dir, "internal"):
				assert.True(t, imported == "." || below(imported, "internal"), where)
			case slices.Contains(clients, dir):
				assert.True(t, imported == "." || below(imported, "internal"), where)
				assert.False(t, isFake(imported), where)
			default: // what is on top of a client
				family, _, _ := strings.Cut(dir, "/")
				assert.True(t, imported == "." || below(imported, "internal") || below(imported, family), where)
				assert.False(t, isFake(imported), where)
			}
		}
	}
}

// dependency is the module of a package that is not ours.
func dependency(imported string) string {
	longest := ""
	for path := range dependencies {
		if below(imported, path) && len(path) > len(longest) {
			longest = path
		}
	}
	return longest
}

// TestDependencies: each is imported where it may be, and nowhere else.
func TestDependencies(t *testing.T) {
	users := map[string][]string{}
	for dir, list := range imports(t) {
		for _, imported := range list {
			if !isOurs(imported) {
				of := dependency(imported)
				users[of] = append(users[of], dir)
			}
		}
	}
	for path, want := range dependencies {
		slices.Sort(users[path])
		if got := slices.Compact(users[path]); want != nil {
			assert.Equal(t, want, got, path)
		} else {
			assert.NotEmpty(t, got, path)
		}
	}
}

// TestClientsAreLight: a client alone pulls in smithy-go and nothing else.
func TestClientsAreLight(t *testing.T) {
	graph := imports(t)
	for _, client := range clients {
		var seen []string
		var walk func(dir string)
		walk = func(dir string) {
			for _, imported := range graph[dir] {
				if slices.Contains(seen, imported) {
					continue
				}
				seen = append(seen, imported)
				if isOurs(imported) {
					walk(imported)
					continue
				}
				assert.Equal(t, "github.com/aws/smithy-go", dependency(imported), "%s pulls in %s", client, imported)
			}
		}
		walk(client)
		assert.Contains(t, seen, "internal/transport")
	}
}
