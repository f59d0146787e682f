package login

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// OpenBrowser is what opens a browser by default, for tests in a container.
var OpenBrowser = openBrowser

// A browser login without a display, over SSH or in a container cannot work.
func TestHasBrowser(t *testing.T) {
	type environment map[string]string
	for name, test := range map[string]struct {
		goos string
		env  environment
		file string
		want bool
	}{
		"X11":              {"linux", environment{"DISPLAY": ":0"}, "", true},
		"Wayland":          {"linux", environment{"WAYLAND_DISPLAY": "wayland-0"}, "", true},
		"no display":       {"linux", nil, "", false},
		"BSD":              {"freebsd", nil, "", false},
		"macOS":            {"darwin", nil, "", true},
		"Windows":          {"windows", nil, "", true},
		"SSH":              {"darwin", environment{"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}, "", false},
		"SSH terminal":     {"linux", environment{"DISPLAY": "localhost:10.0", "SSH_TTY": "/dev/pts/0"}, "", false},
		"SSH of old":       {"linux", environment{"DISPLAY": ":0", "SSH_CLIENT": "192.0.2.1 1 22"}, "", false},
		"CI":               {"windows", environment{"CI": "true"}, "", false},
		"not CI":           {"windows", environment{"CI": "false"}, "", true},
		"Docker":           {"linux", environment{"DISPLAY": ":0"}, "/.dockerenv", false},
		"Podman":           {"linux", environment{"DISPLAY": ":0"}, "/run/.containerenv", false},
		"systemd-nspawn":   {"linux", environment{"DISPLAY": ":0", "container": "systemd-nspawn"}, "", false},
		"Kubernetes":       {"linux", environment{"DISPLAY": ":0", "KUBERNETES_SERVICE_HOST": "192.0.2.3"}, "", false},
		"WSL":              {"linux", environment{"WSL_DISTRO_NAME": "Debian"}, "", true},
		"WSL as a service": {"linux", environment{"WSL_INTEROP": "/run/WSL/1_interop"}, "", true},
		"SSH into WSL":     {"linux", environment{"WSL_DISTRO_NAME": "Debian", "SSH_TTY": "/dev/pts/0"}, "", false},
		"an empty display": {"linux", environment{"DISPLAY": ""}, "", false},
	} {
		got := hasBrowser(test.goos, func(name string) string { return test.env[name] }, func(path string) bool { return path == test.file })
		assert.Equal(t, test.want, got, name)
	}
}

func TestBrowserCommands(t *testing.T) {
	for name, test := range map[string]struct {
		goos, browser, wsl string
		programs           string // that can be run
		want               [][]string
		chosen             bool
	}{
		"Linux":                 {"linux", "", "", "xdg-open", [][]string{{"xdg-open", "%s"}}, false},
		"nothing":               {"linux", "", "", "", nil, false},
		"macOS":                 {"darwin", "", "", "open", [][]string{{"open", "%s"}}, false},
		"Windows":               {"windows", "", "", "rundll32", [][]string{{"rundll32", "url.dll,FileProtocolHandler", "%s"}}, false},
		"WSL":                   {"linux", "", "Debian", "rundll32.exe xdg-open", [][]string{{"rundll32.exe", "url.dll,FileProtocolHandler", "%s"}, {"xdg-open", "%s"}}, false},
		"WSL with wslu":         {"linux", "", "Debian", "wslview", [][]string{{"wslview", "%s"}}, false},
		"BROWSER":               {"linux", "mine --new", "", "mine xdg-open", [][]string{{"mine", "--new", "%s"}}, true},
		"BROWSER on WSL":        {"linux", "mine", "Debian", "mine wslview", [][]string{{"mine", "%s"}}, true},
		"BROWSER is not there":  {"linux", "mine::'open", "", "xdg-open", [][]string{{"xdg-open", "%s"}}, false},
		"more than one BROWSER": {"linux", "mine %s&x:yours", "", "mine yours", [][]string{{"mine", "%s&x"}, {"yours", "%s"}}, true},
	} {
		getenv := func(variable string) string {
			browser := strings.ReplaceAll(test.browser, ":", string(os.PathListSeparator))
			return map[string]string{"BROWSER": browser, "WSL_DISTRO_NAME": test.wsl}[variable]
		}
		canRun := func(program string) bool {
			return program != "" && slices.Contains(strings.Fields(test.programs), program)
		}
		commands, chosen := browserCommands(test.goos, getenv, canRun)
		assert.ElementsMatch(t, test.want, commands, name)
		assert.Equal(t, test.chosen, chosen, name)
	}
}

// The environment may choose a browser where there is none otherwise, as the
// terminal of an editor on another machine does.
func TestABrowserIsChosenOverSSH(t *testing.T) {
	program, err := os.Executable()
	require.NoError(t, err)
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY", "CI", "BROWSER"} {
		t.Setenv(name, "")
	}
	t.Setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
	assert.False(t, new(login).canOpenBrowser())
	t.Setenv("BROWSER", program)
	assert.True(t, new(login).canOpenBrowser())
	t.Setenv("CI", "true")
	assert.False(t, new(login).canOpenBrowser())
}
