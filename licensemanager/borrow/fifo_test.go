//go:build unix

package borrow_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager/borrow"
)

// Reading a FIFO would block, and a device has no end.
func TestFileMarkReadsFilesOnly(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "clock")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip(err)
	}
	token := borrowed(good())
	for _, path := range []string{fifo, "/dev/zero"} {
		mark := borrow.NewFileMark(path)
		require.Error(t, mark.Raise(now))
		_, err := newVerifier(t, borrow.Options{Mark: mark}).Verify(awstokens.NewSecret(token), wanted())
		refusal(t, err, borrow.ErrMarkUnreadable, token)
	}
}
