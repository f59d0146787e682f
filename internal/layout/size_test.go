package layout_test

import (
	"go/ast"
	"go/parser"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What a reader is to take in at once, in lines, tests left out.
const (
	maxFile     = 450
	maxFunction = 60 // without its doc comment
)

// TestSizes: no file and no function, closures included, is too long to be read
// at once.
func TestSizes(t *testing.T) {
	for _, start := range modules(t) {
		eachFileIn(t, start, parser.SkipObjectResolution, func(dir, name string, file *ast.File) {
			if strings.HasSuffix(name, "_test.go") {
				return
			}
			assert.LessOrEqual(t, positions.Position(file.FileEnd).Line, maxFile, "%s/%s: lines of the file", dir, name)
			ast.Inspect(file, func(node ast.Node) bool {
				name := "func literal"
				switch f := node.(type) {
				case *ast.FuncDecl:
					name = f.Name.Name
				case *ast.FuncLit:
				default:
					return true
				}
				start, end := positions.Position(node.Pos()), positions.Position(node.End())
				assert.LessOrEqual(t, end.Line-start.Line+1, maxFunction, "%s: lines of %s", start, name)
				return true
			})
		})
	}
}
