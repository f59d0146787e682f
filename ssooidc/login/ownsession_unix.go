//go:build unix

package login

import "syscall"

// ownSession lets a browser outlive the program: it does not get the signals of the
// program's terminal, such as that of Ctrl-C.
var ownSession = &syscall.SysProcAttr{Setsid: true}
