//go:build unix

package login

import "syscall"

func mkfifo(path string) error { return syscall.Mkfifo(path, 0o600) }
