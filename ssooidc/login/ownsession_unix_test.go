//go:build unix

package login

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Ctrl-C ends the processes of a process group: not the browser, if it was started
// for the login.
func TestBrowserHasItsOwnProcessGroup(t *testing.T) {
	const child = "AWSTOKENS_TEST_GROUP"
	if path := os.Getenv(child); path != "" {
		require.NoError(t, os.WriteFile(path, fmt.Append(nil, syscall.Getpgrp()), 0o600))
		return
	}
	path := filepath.Join(t.TempDir(), "group")
	program, err := os.Executable()
	require.NoError(t, err)
	t.Setenv(child, path)
	t.Setenv("BROWSER", "'"+program+"' -test.run=^TestBrowserHasItsOwnProcessGroup$")
	require.NoError(t, openBrowser("https://example.awsapps.com/start"))
	group, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.NotEqual(t, fmt.Append(nil, syscall.Getpgrp()), group)
}
