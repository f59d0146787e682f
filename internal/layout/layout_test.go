// Package layout_test holds the module to its architecture: imports point from
// examples to awstokenstest, then to the packages on top of the clients, from
// those to the clients, then to internal, then to the root.
package layout_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/seed-25f54b62/awstokens"

// imports returns what the files of each package import, tests left out. Keys
// are directories; the module's own packages are given as directories, too,
// and the standard library is left out.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	root := filepath.Join("..", "..")
	require.NoError(t, filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && file != root && isOtherModule(file):
			return filepath.SkipDir
		case entry.IsDir() || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if imported == module {
				imported = "."
			}
			imported = strings.TrimPrefix(imported, module+"/")
			if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") || isOurs(imported) {
				found[dir] = append(found[dir], imported)
			}
		}
		return nil
	}))
	require.Contains(t, found, "licensemanager")
	return found
}

func isOtherModule(dir string) bool {
	matches, err := filepath.Glob(filepath.Join(dir, "go.mod"))
	return err == nil && len(matches) > 0
}

func isOurs(dir string) bool {
	first, _, _ := strings.Cut(dir, "/")
	return slices.Contains([]string{".", "awstokenstest", "licensemanager", "ssooidc", "internal", "examples"}, first)
}

// isFake says whether a package is the services in memory, or their public face.
func isFake(dir string) bool { return dir == "internal/emulator" || dir == "awstokenstest" }

func TestImportsPointOneWay(t *testing.T) {
	for dir, list := range imports(t) {
		top, _, _ := strings.Cut(dir, "/")
		for _, imported := range list {
			if !isOurs(imported) {
				assert.NotContains(t, imported, "aws-sdk-go-v2", dir)
				continue
			}
			importedTop, _, _ := strings.Cut(imported, "/")
			where := dir + " imports " + imported
			assert.NotEqual(t, ".", dir, where)
			assert.True(t, importedTop != "examples", where)
			if imported == "internal/emulator" {
				assert.Equal(t, "awstokenstest", dir, where)
			}
			if isFake(dir) || top == "examples" {
				continue
			}
			assert.False(t, isFake(imported), where)
			switch top {
			case "internal":
				assert.Contains(t, []string{".", "internal"}, importedTop, where)
			case "licensemanager", "ssooidc":
				assert.Contains(t, []string{".", "internal", top}, importedTop, where)
			}
			if dir == "licensemanager" || dir == "ssooidc" {
				assert.NotEqual(t, top, importedTop, where)
			}
		}
	}
}

// A client alone pulls in the two smithy modules and nothing else.
func TestClientsAreLight(t *testing.T) {
	graph := imports(t)
	for _, client := range []string{"licensemanager", "ssooidc", "ssooidc/portal"} {
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
				assert.True(t, strings.HasPrefix(imported, "github.com/aws/smithy-go/") || imported == "github.com/aws/smithy-go", "%s pulls in %s", client, imported)
			}
		}
		walk(client)
		assert.Contains(t, seen, "internal/transport")
	}
}
