//go:build !unix

package login

import "syscall"

var ownSession *syscall.SysProcAttr
