package layout_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	limitLine  = regexp.MustCompile(`limit\("([^"]+)", "(sdk|byhand)", ([\d.]+)\)`)
	sizeLimit  = regexp.MustCompile(`exit over > ([\d.]+)`)
	benchmarks = regexp.MustCompile(`[a-z]+=`)
	namedTest  = regexp.MustCompile("`([\\w/]+/\\w+\\.(?:Test|Fuzz|Benchmark)\\w+)`")
)

// TestCosts: docs/costs.md has the limits of the script that compares costs, by
// the names of its own tables, and names tests that exist.
func TestCosts(t *testing.T) {
	read := func(elements ...string) string {
		text, err := os.ReadFile(filepath.Join(append([]string{root}, elements...)...))
		require.NoError(t, err)
		return string(text)
	}
	script, docs := read("internal", "peers", "compare"), read("docs", "costs.md")
	limits := map[string]map[string]string{}
	for _, found := range limitLine.FindAllStringSubmatch(script, -1) {
		name := strings.ReplaceAll(benchmarks.ReplaceAllString(found[1], ""), "/", ", ")
		name = strings.TrimPrefix(name, "Call, ")
		if limits[name] == nil {
			limits[name] = map[string]string{}
		}
		limits[name][found[2]] = found[3]
	}
	require.NotEmpty(t, limits)
	for name, limit := range limits {
		row := fmt.Sprintf("| %s | %s | %s |\n", name, cmp.Or(limit["sdk"], "–"), cmp.Or(limit["byhand"], "–"))
		assert.Contains(t, docs, row)
		assert.Equal(t, 2, strings.Count(docs, "\n| "+name+" |"), "tables with %s", name)
	}
	size := sizeLimit.FindStringSubmatch(script)
	require.NotNil(t, size)
	assert.Contains(t, docs, size[1]+" MB larger")

	tests, names := testFunctions(t), namedTest.FindAllStringSubmatch(docs, -1)
	require.NotEmpty(t, names)
	for _, name := range names {
		assert.True(t, tests[name[1]], "no test %s", name[1])
	}
}
