// Package atomicfile reads small files and replaces them as a whole: a reader
// finds either the old or the new content, also after a crash.
package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

var (
	// ErrNotRegular says that the path is not that of a regular file, but for
	// example of a directory, a FIFO or a device.
	ErrNotRegular = errors.New("not a regular file")

	// ErrTooLong says that the file is longer than the caller permits.
	ErrTooLong = errors.New("file too long")
)

// Read returns the content of a regular file of at most limit bytes. It opens
// nothing else: a FIFO would block, and a device may have no end.
func Read(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: ErrNotRegular}
	}
	var file *os.File
	if err := retry(func() error { file, err = os.Open(path); return err }); err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = &fs.PathError{Op: "read", Path: path, Err: ErrTooLong}
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// Write replaces or creates the file, readable by its owner only, and creates its
// directory. If path is a symbolic link to a file, or to nothing yet, Write
// replaces what the link points to.
//
// The content is first written to a temporary file in the same directory, such as
// .NAME.123 for NAME. It is left behind only if the process is killed.
func Write(path string, data []byte) error {
	r, err := create(path)
	if err != nil {
		return err
	}
	defer r.Release()
	return r.Write(data)
}

// Reservation is the temporary file of a later Write. It is not safe for
// concurrent use.
type Reservation struct{ temporary, target string }

// Reserve takes the space for a later Write of up to size bytes. It returns an
// error if there is none. The space is taken until [Reservation.Write] or
// [Reservation.Release]. It contains an empty JSON object, for programs that read
// every file of a directory as JSON.
func Reserve(path string, size int) (_ *Reservation, err error) {
	r, err := create(path)
	if err != nil {
		return nil, err
	}
	filler := bytes.Repeat([]byte{' '}, max(size, 2))
	filler[0], filler[len(filler)-1] = '{', '}'
	if err := r.fill(filler); err != nil {
		r.Release()
		return nil, err
	}
	return r, nil
}

// create creates the temporary file.
func create(path string) (*Reservation, error) {
	target, err := Follow(path)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(target)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	// CreateTemp gives the mode 0600.
	file, err := os.CreateTemp(dir, prefix(target)+"*")
	if err != nil {
		return nil, err
	}
	return &Reservation{file.Name(), target}, file.Close()
}

// fill makes data the content of the temporary file.
func (r *Reservation) fill(data []byte) error {
	file, err := os.OpenFile(r.temporary, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Truncate(int64(len(data))), file.Sync(), file.Close())
}

// Write replaces the file as the function of that name does, in the space that
// was reserved.
func (r *Reservation) Write(data []byte) error {
	if err := r.fill(data); err != nil {
		return err
	}
	if err := retry(func() error { return os.Rename(r.temporary, r.target) }); err != nil {
		return err
	}
	syncDir(filepath.Dir(r.target))
	return nil
}

// Overwrite replaces the content of a file that cannot be replaced as a whole,
// because something is mounted there. A reader may find a part of it.
func Overwrite(path string, data []byte) error {
	return (&Reservation{temporary: path}).fill(data)
}

// Release frees the space. After Write it does nothing.
func (r *Reservation) Release() { _ = os.Remove(r.temporary) }

// Remove removes the file, or what a symbolic link at the path points to, and
// all its temporary files that killed processes left behind. It returns no error
// if there is no file.
func Remove(path string) error {
	target, err := Follow(path)
	if err != nil {
		return err
	}
	if err := retry(func() error { return os.Remove(target) }); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	Clean(path, 0)
	syncDir(filepath.Dir(target))
	return nil
}

// Leftover is the time idle of [Clean] where another process may be writing the
// file: no write takes that long.
const Leftover = time.Hour

// Clean removes the temporary files that killed processes left behind, if they
// were not written to for the time idle.
func Clean(path string, idle time.Duration) {
	target, err := Follow(path)
	if err != nil {
		return
	}
	dir, prefix := filepath.Dir(target), prefix(target)
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

// prefix is what the names of a file's temporary files begin with.
func prefix(path string) string { return "." + filepath.Base(path) + "." }

// maxLinks is how many symbolic links Follow follows, as many as Linux does.
const maxLinks = 40

// Follow returns the path at the end of a chain of symbolic links, if that is a
// regular file or does not exist. Otherwise it returns path, so that a device is
// not replaced.
func Follow(path string) (string, error) {
	target := path
	for range maxLinks {
		info, err := os.Lstat(target)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return target, nil
		case err != nil:
			return "", err
		case info.Mode().IsRegular():
			return target, nil
		case info.Mode()&fs.ModeSymlink == 0:
			return path, nil
		}
		link, err := os.Readlink(target)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(link) {
			dir, err := filepath.EvalSymlinks(filepath.Dir(target)) // or Join would resolve a .. wrongly
			if err != nil {
				return "", err
			}
			link = filepath.Join(dir, link)
		}
		target = link
	}
	return "", fmt.Errorf("%s: more than %d symbolic links", path, maxLinks)
}

// syncDir makes the names in a directory survive a crash. It ignores failures: not
// every system can do that, and the names are in place already.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

// retry calls do. On Windows it retries for half a second unless there is no such
// file: a file can be neither replaced nor removed while a reader has it open, and
// not opened while it is replaced.
func retry(do func() error) error {
	err := do()
	for retries := 0; runtime.GOOS == "windows" && err != nil && !errors.Is(err, fs.ErrNotExist) && retries < 50; retries++ {
		time.Sleep(10 * time.Millisecond)
		err = do()
	}
	return err
}
