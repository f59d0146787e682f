package login

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// OpenBrowser is what opens a browser by default, for tests in a container.
var OpenBrowser = openBrowser

// A browser login without a display, over SSH or in a container cannot work.
func TestWhereABrowserCanBeOpened(t *testing.T) {
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
		"an empty display": {"linux", environment{"DISPLAY": ""}, "", false},
	} {
		got := hasBrowser(test.goos, func(name string) string { return test.env[name] }, func(path string) bool { return path == test.file })
		assert.Equal(t, test.want, got, name)
	}
}
