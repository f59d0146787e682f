//go:build unix

package atomicfile_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/internal/atomicfile"
)

func TestReadOpensNoFIFOAndNoDevice(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	for _, path := range []string{fifo, "/dev/zero"} {
		_, err := atomicfile.Read(path, 5)
		assert.ErrorIs(t, err, atomicfile.ErrNotRegular, path)
	}
	require.NoError(t, atomicfile.Write(fifo, []byte("new")), "a file replaces it")
	assert.Equal(t, "new", read(t, fifo))
}
