// Package atomicfile replaces small files as a whole: whoever reads one, also
// after a crash, finds the old content or the new.
package atomicfile

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Write replaces the file, or makes it, so that only its owner may read it. It
// makes the directory too if need be. The content goes to a temporary file
// beside it first, whose name is the file's with a dot and a number, and which
// stays behind only if the process is killed.
func Write(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// CreateTemp gives the mode 0600.
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := rename(f.Name(), path); err != nil {
		return err
	}
	SyncDir(dir)
	return nil
}

// Clean removes the temporary files of a file that killed processes left
// behind, as far as they have not been written to for some time.
func Clean(path string, idle time.Duration) {
	dir, prefix := filepath.Dir(path), filepath.Base(path)+"."
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		number, ok := strings.CutPrefix(entry.Name(), prefix)
		if !ok || strings.Trim(number, "0123456789") != "" {
			continue
		}
		if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) >= idle {
			_ = os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
}

// SyncDir makes sure that the names in a directory outlast a crash. Not every
// system can sync one, and the names are in place already, so that a failure
// is no error.
func SyncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

// rename is os.Rename. Windows refuses it for as long as anybody has the old
// file open, which a reader has for a moment only.
func rename(from, to string) error {
	err := os.Rename(from, to)
	for again := 0; err != nil && runtime.GOOS == "windows" && again < 50; again++ {
		time.Sleep(10 * time.Millisecond)
		err = os.Rename(from, to)
	}
	return err
}
