package login_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
)

var deviceRequest = login.Request{
	Session: session, Flow: login.FlowDevice, URL: awstokens.NewSecret("https://device.example/?user_code=FAKE-CODE"),
	PlainURL: "https://device.example/", UserCode: awstokens.NewSecret("FAKE-CODE"),
}

func TestTerminalShowsPageCodeAndTimeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 125*time.Second)
		defer cancel()
		var out strings.Builder
		require.NoError(t, (&login.Terminal{Out: &out}).Show(ctx, deviceRequest, nil))
		assert.Contains(t, out.String(), "log in to test")
		assert.Contains(t, out.String(), "\n    https://device.example/?user_code=FAKE-CODE\n")
		assert.Contains(t, out.String(), "shows the code FAKE-CODE")
		assert.Contains(t, out.String(), "type that at https://device.example/\n")
		assert.Contains(t, out.String(), "Time left: 2:05.\n")
	})
}

// The null device is a character device as a terminal is.
func TestTerminalCountsDown(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(t, err)
	defer null.Close()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		require.NoError(t, (&login.Terminal{Out: null}).Show(ctx, deviceRequest, nil))
		assert.Equal(t, time.Minute, time.Since(start))
	})
}

func TestTerminalShowsNoControlCharacters(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := deviceRequest
	r.UserCode, r.PlainURL = awstokens.NewSecret("FAKE\x1b[2J"), "https://device.example/\x07\u202e"
	var out strings.Builder
	require.NoError(t, (&login.Terminal{Out: &out}).Show(ctx, r, nil))
	for _, control := range []string{"\x1b", "\x07", "\u202e"} {
		assert.NotContains(t, out.String(), control)
	}
}

func TestTerminalTakesAPastedAddress(t *testing.T) {
	for _, opened := range []bool{false, true} {
		t.Run(fmt.Sprint("opened ", opened), func(t *testing.T) { takesAPastedAddress(t, opened) })
	}
}

func takesAPastedAddress(t *testing.T, opened bool) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	in, typing := io.Pipe()
	defer typing.Close()
	reading, out := io.Pipe()
	var pasted []string
	terminal := &login.Terminal{In: in, Out: out}
	done := make(chan error, 1)
	go func() {
		done <- terminal.Show(ctx, login.Request{Session: session, Flow: login.FlowBrowser, URL: awstokens.NewSecret("https://oidc.example/authorize"), Opened: opened}, func(text string) error {
			pasted = append(pasted, text)
			if text == "right" {
				cancel()
				return nil
			}
			return errors.New("wrong")
		})
		out.Close()
	}()
	lines := bufio.NewScanner(reading)
	next := func(text string) {
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return
			}
		}
		t.Errorf("no %q", text)
	}
	next("https://oidc.example/authorize")
	next("paste the address")
	next("Time left")
	fmt.Fprintln(typing, "\n  \nnonsense")
	next("That is not the address")
	fmt.Fprintln(typing, "right")
	assert.False(t, lines.Scan())
	require.NoError(t, <-done)
	assert.Equal(t, []string{"nonsense", "right"}, pasted)
}

// A program's own input is left alone where a browser has opened, and where there
// is nothing to paste.
func TestTerminalDoesNotReadTheProgramsInput(t *testing.T) {
	input, err := os.CreateTemp(t.TempDir(), "input")
	require.NoError(t, err)
	defer input.Close()
	_, err = input.WriteString("of the program\n")
	require.NoError(t, err)
	for _, opened := range []bool{true, false} {
		_, err = input.Seek(0, io.SeekStart)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		if opened {
			cancel()
		}
		var out strings.Builder
		request := login.Request{Session: session, Flow: login.FlowBrowser, URL: awstokens.NewSecret("https://oidc.example/"), Opened: opened}
		require.NoError(t, (&login.Terminal{In: input, Out: &out}).Show(ctx, request, func(string) error {
			cancel()
			return nil
		}))
		cancel()
		offset, err := input.Seek(0, io.SeekCurrent)
		require.NoError(t, err)
		assert.Equal(t, opened, offset == 0)
		assert.Equal(t, opened, !strings.Contains(out.String(), "paste the address"))
		assert.Equal(t, opened, strings.Contains(out.String(), "in the browser that opens"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.NoError(t, (&login.Terminal{In: unreadable{t}, Out: io.Discard}).Show(ctx, deviceRequest, nil))
}

type unreadable struct{ *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.Error("it was read")
	return 0, io.EOF
}

func TestTerminalThatCannotBeWritten(t *testing.T) {
	_, closed := io.Pipe()
	require.NoError(t, closed.Close())
	assert.ErrorIs(t, (&login.Terminal{Out: closed}).Show(t.Context(), deviceRequest, nil), io.ErrClosedPipe)
}

func TestRequestHidesItsSecrets(t *testing.T) {
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("asked", "request", deviceRequest)
	text := log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		text += fmt.Sprintf(verb, deviceRequest) + fmt.Sprintf(verb, &deviceRequest)
	}
	assert.NotContains(t, text, "FAKE-CODE")
	assert.Contains(t, text, "https://device.example/")
}

// Any process of the machine can see the arguments of another.
func TestNoSecretInProcessArguments(t *testing.T) {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("the program that opens a browser is not looked for in PATH there")
	}
	dir := t.TempDir()
	arguments := filepath.Join(dir, "arguments")
	script := "#!/bin/sh\nprintf '%s\\n' \"$@\" >'" + arguments + ".new' && mv '" + arguments + ".new' '" + arguments + "'\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "xdg-open"), []byte(script), 0o700))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	for _, name := range []string{"BROWSER", "WSL_DISTRO_NAME", "WSL_INTEROP"} {
		t.Setenv(name, "")
	}
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no shell")
	}
	server, options := browser(t)
	server.IdentityCenter().AutoApprove(true)
	var verifier, code string
	token, err := login.Login(t.Context(), session, options, watchExchange(&verifier, &code), open(login.OpenBrowser), func(o *login.Options) {
		o.Prompt = login.PromptFunc(func(ctx context.Context, r login.Request, _ func(string) error) error {
			assert.True(t, r.Opened)
			_, err := visit("GET", r.URL.Reveal(), "")
			return err
		})
	})
	require.NoError(t, err)
	text, err := os.ReadFile(arguments)
	require.NoError(t, err)
	assert.True(t, strings.HasPrefix(string(text), server.URL()+"/authorize?"))
	assert.Equal(t, 1, strings.Count(string(text), "\n"), "one argument")
	for _, secret := range []string{verifier, code, token.ClientSecret.Reveal(), token.AccessToken.Reveal()} {
		require.NotEmpty(t, secret)
		assert.NotContains(t, string(text), secret)
	}
}

// BROWSER is a list of commands, of which the first may fail.
func TestBrowserVariable(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil || runtime.GOOS == "windows" {
		t.Skip("no shell")
	}
	dir := filepath.Join(t.TempDir(), "my programs")
	require.NoError(t, os.Mkdir(dir, 0o700))
	for name, script := range map[string]string{
		"broken":   "exit 3",
		"my-own":   `printf '%s\n' "$@" >"$0.arguments"`,
		"xdg-open": `touch "$0.arguments"`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	const url = "https://oidc.example/authorize?a=b&c=d"
	for browser, want := range map[string]string{
		"my-own":                             url,
		"none-such:broken:my-own --new %s":   "--new\n" + url,
		"my-own '--url=%s' \"of a\" profile": "--url=" + url + "\nof a\nprofile",
		filepath.Join(dir, "my-own"):         url,
	} {
		t.Setenv("BROWSER", browser)
		require.NoError(t, login.OpenBrowser(url), browser)
		got, err := os.ReadFile(filepath.Join(dir, "my-own.arguments"))
		require.NoError(t, err)
		assert.Equal(t, want+"\n", string(got), browser)
		require.NoError(t, os.Remove(filepath.Join(dir, "my-own.arguments")))
	}
	t.Setenv("BROWSER", "broken")
	assert.ErrorContains(t, login.OpenBrowser(url), "exit status 3")
	assert.NoFileExists(t, filepath.Join(dir, "xdg-open.arguments"))
}

func TestLogout(t *testing.T) {
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		require.NoError(t, login.Logout(t.Context(), session, options), "there is nothing to do")
		token, err := login.Login(t.Context(), session, options, after(0, server.IdentityCenter().ApproveDevice))
		require.NoError(t, err)
		var o login.Options
		options(&o)

		require.NoError(t, login.Logout(t.Context(), session, options))
		_, err = o.Store.LoadToken(t.Context(), session)
		assert.ErrorIs(t, err, login.ErrNotFound)
		_, err = o.Store.LoadRegistration(t.Context(), session)
		assert.NoError(t, err, "it serves the next login")
		assert.Equal(t, 1, server.IdentityCenter().Requests("Logout"))

		require.NoError(t, o.Store.SaveToken(t.Context(), session, token))
		assert.NoError(t, login.Logout(t.Context(), session, options), "the session has ended already")

		require.NoError(t, o.Store.SaveToken(t.Context(), session, token))
		server.IdentityCenter().Next(1, "Logout").Cut()
		assert.Error(t, login.Logout(t.Context(), session, options))
		_, err = o.Store.LoadToken(t.Context(), session)
		assert.ErrorIs(t, err, login.ErrNotFound, "forgotten all the same")
	})
}
