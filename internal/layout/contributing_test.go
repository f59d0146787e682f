package layout_test

import (
	"go/ast"
	"go/parser"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// section returns the text of CONTRIBUTING between a heading and the next one.
func section(t *testing.T, heading string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	require.NoError(t, err)
	_, after, found := strings.Cut(string(text), "\n"+heading+"\n")
	require.True(t, found, "CONTRIBUTING has no heading %q", heading)
	section, _, _ := strings.Cut(after, "\n## ")
	return section
}

// TestImportGraph compares the graph in CONTRIBUTING with the imports of the
// code, and holds it to its order: a package imports only packages above it.
func TestImportGraph(t *testing.T) {
	_, block, found := strings.Cut(section(t, "## Imports"), "```text\n")
	require.True(t, found, "no graph")
	block, _, _ = strings.Cut(block, "```")
	graph := importGraph(t)
	var above []string
	for line := range strings.Lines(block) {
		if line == "\n" { // between layers
			continue
		}
		dir, list, found := strings.Cut(line, "->")
		require.True(t, found, "no arrow in %q", line)
		dir = strings.TrimSpace(dir)
		assert.NotContains(t, above, dir, "two lines of one package")
		imported, exists := graph[dir]
		assert.True(t, exists, "%s is no package that is not a test", dir)
		assert.Equal(t, strings.Join(imported, ", "), strings.TrimSpace(list), "what %s imports", dir)
		assert.Subset(t, above, imported, "%s imports a package that is not above it", dir)
		above = append(above, dir)
	}
	for dir := range graph {
		assert.Contains(t, above, dir, "the graph lacks a package")
	}
}

// importGraph returns which packages of the module each package of the module and
// of awssdk imports, without tests, sorted and as directories.
func importGraph(t *testing.T) map[string][]string {
	t.Helper()
	sets := map[string]map[string]bool{}
	visit := func(dir, name string, file *ast.File) {
		if strings.HasSuffix(name, "_test.go") || len(file.Decls) == 0 { // the doc comment of a test
			return
		}
		if sets[dir] == nil {
			sets[dir] = map[string]bool{}
		}
		for _, spec := range file.Imports {
			if imported := importPath(t, spec); below(imported, module) {
				sets[dir][directory(imported)] = true
			}
		}
	}
	eachFile(t, parser.SkipObjectResolution, visit)
	eachFileIn(t, filepath.Join(root, "awssdk"), parser.SkipObjectResolution, visit)
	graph := map[string][]string{}
	for dir, set := range sets {
		graph[dir] = slices.Sorted(maps.Keys(set))
	}
	return graph
}

var (
	codeSpan = regexp.MustCompile("`([^`]+)`")
	pathSpan = regexp.MustCompile("`([\\w.-]+/[\\w./-]+\\.(?:go|md|mod|txt))`")
)

// TestFiles: every file whose path CONTRIBUTING, README or SECURITY gives exists.
func TestFiles(t *testing.T) {
	for _, name := range []string{"CONTRIBUTING.md", "README.md", "SECURITY.md"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		for _, path := range pathSpan.FindAllSubmatch(text, -1) {
			assert.FileExists(t, filepath.Join(root, string(path[1])), name)
		}
	}
}

// TestPlaces: the table of places in CONTRIBUTING has every directory with a
// package, nested modules included, and nothing that does not exist. A place that
// ends with a slash stands for everything below it.
func TestPlaces(t *testing.T) {
	var places []string
	for line := range strings.Lines(section(t, "## Where things are")) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cell, _, _ := strings.Cut(line[1:], "|")
		for _, place := range codeSpan.FindAllStringSubmatch(cell, -1) {
			matches, err := filepath.Glob(filepath.Join(root, place[1]))
			require.NoError(t, err)
			assert.NotEmpty(t, matches, "%s does not exist", place[1])
			places = append(places, place[1])
		}
	}
	seen := map[string]bool{}
	for _, start := range modules(t) {
		eachFileIn(t, start, parser.PackageClauseOnly, func(dir, _ string, _ *ast.File) {
			if seen[dir] {
				return
			}
			seen[dir] = true
			assert.True(t, slices.ContainsFunc(places, func(place string) bool {
				return place == dir || place == path.Join(dir, "*.go") || strings.HasSuffix(place, "/") && below(dir, place[:len(place)-1])
			}), "%s is not in the table", dir)
		})
	}
}
