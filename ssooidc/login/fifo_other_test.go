//go:build !unix

package login

import "errors"

func mkfifo(string) error { return errors.ErrUnsupported }
