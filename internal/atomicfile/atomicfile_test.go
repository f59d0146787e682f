package atomicfile_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
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
		assert.Equal(t, content, read(t, path))
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

func TestReserve(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	r, err := atomicfile.Reserve(path, 1000)
	require.NoError(t, err)
	assert.NoFileExists(t, path)
	held := names(t, dir)
	require.Len(t, held, 1)
	filler := read(t, filepath.Join(dir, held[0]))
	assert.Len(t, filler, 1000)
	assert.True(t, json.Valid([]byte(filler)))

	require.NoError(t, r.Write([]byte("new")))
	assert.Equal(t, "new", read(t, path))
	assert.Equal(t, []string{"file"}, names(t, dir))
	r.Release()
	assert.Equal(t, "new", read(t, path))

	r, err = atomicfile.Reserve(path, 0)
	require.NoError(t, err)
	r.Release()
	assert.Equal(t, []string{"file"}, names(t, dir))
	assert.Equal(t, "new", read(t, path))
	assert.Error(t, r.Write(nil), "the space is gone")
}

// fullDisk is a directory on a file system without space, if the test may
// mount one.
func fullDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("no small file system: %s", out)
	}
	t.Cleanup(func() { assert.NoError(t, exec.Command("umount", dir).Run()) })
	return dir
}

// TestReserveOnAFullDisk: a reservation is refused where there is no space, and
// one that was made is good when the disk is full.
func TestReserveOnAFullDisk(t *testing.T) {
	dir := fullDisk(t)
	path := filepath.Join(dir, "file")
	require.NoError(t, atomicfile.Write(path, []byte("old")))
	r, err := atomicfile.Reserve(path, 16<<10)
	require.NoError(t, err)
	require.Error(t, os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 64<<10), 0o600), "the disk is full now")

	_, err = atomicfile.Reserve(path, 16<<10)
	require.ErrorContains(t, err, "no space")
	require.ErrorContains(t, atomicfile.Write(path, make([]byte, 4<<10)), "no space")
	assert.Equal(t, "old", read(t, path))
	require.NoError(t, r.Write(make([]byte, 4<<10)))
	assert.Len(t, read(t, path), 4<<10)
	assert.Equal(t, []string{"file", "filler"}, names(t, dir))
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(path, []byte("12345"), 0o600))
	data, err := atomicfile.Read(path, 5)
	require.NoError(t, err)
	assert.Equal(t, "12345", string(data))
	_, err = atomicfile.Read(path, 4)
	assert.ErrorIs(t, err, atomicfile.ErrTooLong)
	_, err = atomicfile.Read(dir, 5)
	assert.ErrorIs(t, err, atomicfile.ErrNotRegular)
	_, err = atomicfile.Read(filepath.Join(dir, "none"), 5)
	assert.ErrorIs(t, err, fs.ErrNotExist)
}

// symlink makes a symbolic link, or skips the test.
func symlink(t *testing.T, to, link string) {
	t.Helper()
	if err := os.Symlink(to, link); err != nil {
		t.Skip(err)
	}
}

func TestSymbolicLinks(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"links", "elsewhere"} {
		require.NoError(t, os.Mkdir(filepath.Join(dir, sub), 0o700))
	}
	target, link := filepath.Join(dir, "elsewhere", "target"), filepath.Join(dir, "links", "link")
	symlink(t, filepath.Join("..", "links", "second"), link)
	symlink(t, target, filepath.Join(dir, "links", "second"))

	require.NoError(t, atomicfile.Write(link, []byte("new")), "the target does not exist yet")
	require.NoError(t, atomicfile.Write(link, []byte("newer")))
	assert.Equal(t, "newer", read(t, target))
	assert.Equal(t, []string{"target"}, names(t, filepath.Dir(target)))
	assert.Equal(t, []string{"link", "second"}, names(t, filepath.Dir(link)))

	require.NoError(t, os.WriteFile(filepath.Join(dir, "elsewhere", ".target.7"), nil, 0o600))
	require.NoError(t, atomicfile.Remove(link))
	assert.Empty(t, names(t, filepath.Dir(target)), "the content is gone")
	assert.Equal(t, []string{"link", "second"}, names(t, filepath.Dir(link)), "the links stay")
	require.NoError(t, atomicfile.Remove(link))

	loop := filepath.Join(dir, "links", "loop")
	symlink(t, loop, loop)
	assert.ErrorContains(t, atomicfile.Write(loop, nil), "symbolic links")
}

// TestRelativeLinkInALinkedDirectory: a .. of a link begins at the real
// directory.
func TestRelativeLinkInALinkedDirectory(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "a", "real"), 0o700))
	symlink(t, filepath.Join("a", "real"), filepath.Join(dir, "short"))
	symlink(t, filepath.Join("..", "target"), filepath.Join(dir, "a", "real", "link"))
	require.NoError(t, atomicfile.Write(filepath.Join(dir, "short", "link"), []byte("new")))
	assert.Equal(t, "new", read(t, filepath.Join(dir, "a", "target")))
}

// TestLinkToSomethingElse: no directory and no device is replaced, but the
// link to it.
func TestLinkToSomethingElse(t *testing.T) {
	dir := t.TempDir()
	link, other := filepath.Join(dir, "link"), filepath.Join(dir, "other")
	require.NoError(t, os.Mkdir(other, 0o700))
	symlink(t, other, link)
	require.NoError(t, atomicfile.Write(link, []byte("new")))
	assert.Equal(t, "new", read(t, link))
	assert.DirExists(t, other)

	require.NoError(t, os.Remove(link))
	symlink(t, os.DevNull, link)
	require.NoError(t, atomicfile.Remove(link))
	assert.Equal(t, []string{"other"}, names(t, dir))
}

func TestClean(t *testing.T) {
	dir := t.TempDir()
	hourAgo := time.Now().Add(-time.Hour)
	for _, name := range []string{"file", ".file.1", ".file.23", "file.1", ".file.bak", ".file.4x", ".files.5", ".file6"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
		if name != ".file.23" {
			require.NoError(t, os.Chtimes(filepath.Join(dir, name), hourAgo, hourAgo))
		}
	}
	atomicfile.Clean(filepath.Join(dir, "file"), time.Minute)
	assert.Equal(t, []string{".file.23", ".file.4x", ".file.bak", ".file6", ".files.5", "file", "file.1"}, names(t, dir))
	atomicfile.Clean(filepath.Join(dir, "file"), 0)
	assert.Equal(t, []string{".file.4x", ".file.bak", ".file6", ".files.5", "file", "file.1"}, names(t, dir))
	atomicfile.Clean(filepath.Join(dir, "none", "file"), 0)
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(data)
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

// TestOverwrite: the file stays the same one, and none is created.
func TestOverwrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	require.ErrorIs(t, atomicfile.Overwrite(path, []byte("new")), fs.ErrNotExist)
	require.NoError(t, os.WriteFile(path, []byte("longer than new"), 0o600))
	before, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, atomicfile.Overwrite(path, []byte("new")))
	after, err := os.Stat(path)
	require.NoError(t, err)
	assert.True(t, os.SameFile(before, after))
	assert.Equal(t, "new", read(t, path))
	assert.Equal(t, []string{"file"}, names(t, dir))
}
