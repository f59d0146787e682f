package layout_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const maxReadmeWords = 1300

var goBlock = regexp.MustCompile("(?s)\n```go\n(.*?)\n```\n")

// TestReadme: each Go block of the README and of docs is a complete program that
// compiles. Those with the AWS SDK compile in awssdk.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	assert.LessOrEqual(t, len(strings.Fields(string(readme))), maxReadmeWords, "words")
	blocks := goBlock.FindAllStringSubmatch(string(readme), -1)
	require.NotEmpty(t, blocks)
	docs, err := filepath.Glob("../../docs/*.md")
	require.NoError(t, err)
	for _, doc := range docs {
		text, err := os.ReadFile(doc)
		require.NoError(t, err)
		blocks = append(blocks, goBlock.FindAllStringSubmatch(string(text), -1)...)
	}
	// They are one module, for one vet.
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, text string) {
		file := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	write("go.mod", strings.Replace(string(mod), "module "+module, "module example.com/readme", 1)+
		"\nrequire "+module+" v0.0.0\nreplace "+module+" => "+strconv.Quote(root)+"\n")
	write("go.sum", string(sum))
	for i, block := range blocks {
		if !strings.Contains(block[1], "github.com/aws/aws-sdk-go-v2") {
			write(filepath.Join("block"+strconv.Itoa(i), "main.go"), block[1])
		}
	}
	vet := exec.Command("go", "vet", "-mod=mod", "./...")
	vet.Dir, vet.Env = dir, append(os.Environ(), "GOWORK=off")
	out, err := vet.CombinedOutput()
	assert.NoError(t, err, "%s", out)
}
