package layout_test

import (
	"go/ast"
	"go/parser"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var testName = regexp.MustCompile(`^(Test|Fuzz|Example|Benchmark)`)

// TestPromises: every row of the tables in docs/promises.md is complete and names
// tests that exist, as DIRECTORY.TestName; the directory of the root is awstokens.
func TestPromises(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "promises.md"))
	require.NoError(t, err)
	const header = "| Promise | Test | Simulates | How often |"
	require.Contains(t, string(text), "\n"+header+"\n")
	tests := testFunctions(t)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || line == header || strings.HasPrefix(line, "|---") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if !assert.Len(t, cells, strings.Count(header, "|")-1, "cells of %s", line) {
			continue
		}
		for i, cell := range cells {
			assert.NotEmpty(t, strings.TrimSpace(cell), "cell %d of %s", i+1, line)
		}
		for name := range strings.SplitSeq(strings.ReplaceAll(cells[1], "<br>", ","), ",") {
			assert.True(t, tests[strings.Trim(name, "` ")], "no test %s, of %s", strings.TrimSpace(name), line)
		}
	}
}

// testFunctions returns the test functions of all modules, as docs/promises.md
// names them.
func testFunctions(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, start := range modules(t) {
		eachFileIn(t, start, parser.SkipObjectResolution, func(dir, file string, parsed *ast.File) {
			if dir == "." {
				dir = path.Base(module)
			}
			for _, declaration := range parsed.Decls {
				f, ok := declaration.(*ast.FuncDecl)
				if !ok || f.Recv != nil || !strings.HasSuffix(file, "_test.go") {
					continue
				}
				if testName.MatchString(f.Name.Name) {
					found[dir+"."+f.Name.Name] = true
				}
			}
		})
	}
	return found
}
