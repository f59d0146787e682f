package awssdk_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var goBlock = regexp.MustCompile("(?s)\n```go\n(.*?)\n```\n")

// The Go block of the README that needs the SDK is a whole program that compiles
// as it stands.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	compiled := 0
	for _, block := range goBlock.FindAllStringSubmatch(string(readme), -1) {
		if !strings.Contains(block[1], "github.com/aws/aws-sdk-go-v2") {
			continue
		}
		file := filepath.Join(t.TempDir(), "main.go")
		require.NoError(t, os.WriteFile(file, []byte(block[1]), 0o600))
		out, err := exec.Command("go", "vet", file).CombinedOutput()
		assert.NoError(t, err, "%s", out)
		compiled++
	}
	assert.Equal(t, 1, compiled)
}
