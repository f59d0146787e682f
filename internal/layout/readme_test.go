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
	dir := t.TempDir()
	var files []string
	for i, block := range blocks {
		if strings.Contains(block[1], "github.com/aws/aws-sdk-go-v2") {
			continue
		}
		file := filepath.Join(dir, strconv.Itoa(i), "main.go")
		require.NoError(t, os.Mkdir(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, []byte(block[1]), 0o600))
		files = append(files, file)
	}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(file)), func(t *testing.T) {
			t.Parallel()
			vet := exec.Command("go", "vet", file)
			vet.Dir = "../.."
			out, err := vet.CombinedOutput()
			assert.NoError(t, err, "%s", out)
		})
	}
}
