package atomicfile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/internal/atomicfile"
)

func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "file")
	for _, content := range []string{"old", "", "new"} {
		require.NoError(t, atomicfile.Write(path, []byte(content)))
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, content, string(got))
	}
	assert.Equal(t, []string{"file"}, names(t, filepath.Dir(path)))
	if runtime.GOOS != "windows" {
		for name, mode := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
			info, err := os.Stat(name)
			require.NoError(t, err)
			assert.Equal(t, mode, info.Mode().Perm())
		}
	}
}

func TestWriteThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	require.NoError(t, os.MkdirAll(filepath.Join(path, "in the way"), 0o700))
	assert.Error(t, atomicfile.Write(path, []byte("new")))
	assert.Equal(t, []string{"file"}, names(t, dir))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "no directory"), nil, 0o600))
	assert.Error(t, atomicfile.Write(filepath.Join(dir, "no directory", "file"), nil))
}

func TestClean(t *testing.T) {
	dir := t.TempDir()
	hourAgo := time.Now().Add(-time.Hour)
	for _, name := range []string{"file", "file.1", "file.23", "file.bak", "file.4x", "files.5", "file6"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
		if name != "file.23" {
			require.NoError(t, os.Chtimes(filepath.Join(dir, name), hourAgo, hourAgo))
		}
	}
	atomicfile.Clean(filepath.Join(dir, "file"), time.Minute)
	assert.Equal(t, []string{"file", "file.23", "file.4x", "file.bak", "file6", "files.5"}, names(t, dir))
	atomicfile.Clean(filepath.Join(dir, "file"), 0)
	assert.Equal(t, []string{"file", "file.4x", "file.bak", "file6", "files.5"}, names(t, dir))
	atomicfile.Clean(filepath.Join(dir, "none", "file"), 0)
}

func names(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
