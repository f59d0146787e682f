package login

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// openTime is how long a browser may take to fail. A launcher still running
// after this time is assumed to have succeeded.
const openTime = 2 * time.Second

// open opens a browser at a page, or returns an error. It does not wait for the
// browser's end, nor after the redirect has arrived.
func (l *login) open(ctx context.Context, page string, arrived <-chan struct{}) error {
	if !l.canOpenBrowser() {
		return errNoBrowser
	}
	open := l.OpenBrowser
	if open == nil {
		open = openBrowser
	}
	opened := make(chan error, 1)
	go func() { opened <- open(page) }()
	timer := time.NewTimer(openTime)
	defer timer.Stop()
	select {
	case err := <-opened:
		return err
	case <-timer.C:
	case <-arrived:
	case <-ctx.Done():
	}
	return nil
}

func (l *login) canOpenBrowser() bool {
	if l.OpenBrowser != nil {
		return true
	}
	commands, chosen := browserCommands(runtime.GOOS, os.Getenv, canRun)
	return len(commands) > 0 && (chosen && !isCI(os.Getenv) || hasBrowser(runtime.GOOS, os.Getenv, func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	}))
}

// hasBrowser reports whether the environment suggests that the user has a browser
// on this machine.
func hasBrowser(goos string, getenv func(string) string, exists func(path string) bool) bool {
	for _, name := range []string{"SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "KUBERNETES_SERVICE_HOST", "container"} {
		if getenv(name) != "" {
			return false
		}
	}
	if isCI(getenv) {
		return false
	}
	if goos == "windows" || goos == "darwin" {
		return true
	}
	inContainer := exists("/.dockerenv") || exists("/run/.containerenv")
	return !inContainer && (getenv("DISPLAY") != "" || getenv("WAYLAND_DISPLAY") != "" || isWSL(getenv))
}

func isCI(getenv func(string) string) bool {
	ci := getenv("CI")
	return ci != "" && ci != "false"
}

// isWSL reports whether this is the Windows Subsystem for Linux, which uses the
// browser of Windows.
func isWSL(getenv func(string) string) bool {
	return getenv("WSL_DISTRO_NAME") != "" || getenv("WSL_INTEROP") != ""
}

func canRun(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// browserCommands returns the commands that open a URL, for which %s stands, and
// whose programs can be run, the best one first. They are those of the environment
// variable BROWSER, and then chosen is true, or else the platform's.
func browserCommands(goos string, getenv func(string) string, canRun func(string) bool) (commands [][]string, chosen bool) {
	for _, entry := range filepath.SplitList(getenv("BROWSER")) {
		command := []string{entry} // a path may have spaces in it
		if !canRun(entry) {
			command = splitWords(entry)
		}
		if len(command) == 0 || !canRun(command[0]) {
			continue
		}
		if !slices.ContainsFunc(command, func(word string) bool { return strings.Contains(word, "%s") }) {
			command = append(command, "%s")
		}
		commands = append(commands, command)
	}
	if len(commands) > 0 {
		return commands, true
	}
	switch {
	case goos == "windows":
		commands = [][]string{{"rundll32", "url.dll,FileProtocolHandler", "%s"}}
	case goos == "darwin":
		commands = [][]string{{"open", "%s"}}
	case isWSL(getenv):
		commands = [][]string{
			{"wslview", "%s"},
			{"rundll32.exe", "url.dll,FileProtocolHandler", "%s"},
			{"/mnt/c/Windows/System32/rundll32.exe", "url.dll,FileProtocolHandler", "%s"}, // if PATH is not that of Windows
			{"xdg-open", "%s"},
		}
	default:
		commands = [][]string{{"xdg-open", "%s"}}
	}
	return slices.DeleteFunc(commands, func(command []string) bool { return !canRun(command[0]) }), false
}

// openBrowser opens a browser at a URL. Any process of the machine can see the
// arguments of the command, so the URL must hold the code challenge, but not the
// verifier.
func openBrowser(url string) error {
	commands, _ := browserCommands(runtime.GOOS, os.Getenv, canRun)
	err := errNoBrowser
	for _, command := range commands {
		for i := range command[1:] {
			command[1+i] = strings.ReplaceAll(command[1+i], "%s", url)
		}
		launcher := exec.Command(command[0], command[1:]...)
		launcher.SysProcAttr = ownSession
		if err = launcher.Run(); err == nil {
			return nil
		}
	}
	return err
}
