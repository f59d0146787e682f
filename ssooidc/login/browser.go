package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/endpoint"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// AuthorizationError is an error that the authorization endpoint sent back
// through the browser.
type AuthorizationError struct {
	// Code is one of RFC 6749 section 4.1.2.1, such as access_denied.
	Code string

	// Description is the service's explanation, or empty.
	Description string
}

// Error gives the code and the description.
func (e *AuthorizationError) Error() string {
	text := "authorization: " + e.Code
	if e.Description != "" {
		text += ": " + e.Description
	}
	return text
}

// Is reports that access_denied is [ErrDenied].
func (e *AuthorizationError) Is(target error) bool {
	return target == ErrDenied && e.Code == "access_denied"
}

// CallbackPortError says that Options.CallbackPort is not available. No other
// port is tried, because whoever asks for one has forwarded it.
type CallbackPortError struct {
	Port int
	Err  error
}

// Error names the port and the reason.
func (e *CallbackPortError) Error() string {
	return fmt.Sprintf("callback port %d: %s", e.Port, e.Err)
}

// Unwrap returns the reason.
func (e *CallbackPortError) Unwrap() error { return e.Err }

// noBrowserError says that there is no way to log in with a browser here.
type noBrowserError struct{ err error }

func (e *noBrowserError) Error() string { return "no browser login: " + e.err.Error() }
func (e *noBrowserError) Unwrap() error { return e.err }

// openTime is how long a browser may take to fail. A launcher still running
// after this time is assumed to have succeeded.
const openTime = 2 * time.Second

// byBrowser sends a browser to the authorization endpoint, waits for it to be
// redirected back, and exchanges the code that it brings.
func (l *login) byBrowser(ctx context.Context, r *Registration) (token *Token, err error) {
	base, err := endpoint.Resolve(endpoint.OIDC, l.Config)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp4", net.JoinHostPort(callbackHost, strconv.Itoa(l.CallbackPort)))
	switch {
	case err != nil && l.CallbackPort != 0:
		return nil, &CallbackPortError{l.CallbackPort, err}
	case err != nil:
		return nil, &noBrowserError{err}
	}
	state, verifier := randomText(), randomText()
	back := serveCallback(listener, state)
	defer back.close()
	redirectURI := "http://" + listener.Addr().String() + callbackPath
	page := authorizeURL(base, r.ClientID, redirectURI, state, verifier, l.scopes)

	failure := l.open(ctx, page, back.arrived)
	if failure != nil && l.Flow == FlowAuto {
		return nil, &noBrowserError{failure}
	}
	ctx, stop := l.show(ctx, Request{
		Session: l.session, Flow: FlowBrowser, URL: awstokens.NewSecret(page), Opened: failure == nil,
	}, back.paste)
	defer stop()
	defer func() { back.finish(err) }() // first: the prompt may be what waits for the page
	select {
	case <-back.arrived:
		if back.result.err != nil {
			return nil, back.result.err
		}
		return l.exchange(ctx, r, ssooidc.CreateTokenInput{
			GrantType: ssooidc.GrantTypeAuthorizationCode, Code: back.result.code, RedirectUri: redirectURI, CodeVerifier: awstokens.NewSecret(verifier),
		})
	case <-ctx.Done():
		// Only the browser learns that the endpoint does not know a client. With
		// another registration, the next login gets further.
		_ = l.Store.DeleteRegistration(context.WithoutCancel(ctx), l.session)
		return nil, context.Cause(ctx)
	}
}

// authorizeURL is the request of RFC 6749 section 4.1.1 as IAM Identity Center
// expects it, with scopes for scope.
func authorizeURL(base *url.URL, clientID, redirectURI, state, verifier string, scopes []string) string {
	challenge := sha256.Sum256([]byte(verifier))
	u := base.JoinPath("authorize")
	u.RawQuery = url.Values{
		"response_type":         {"code"},
		"client_id":             {clientID},
		"redirect_uri":          {redirectURI},
		"state":                 {state},
		"code_challenge_method": {"S256"},
		"code_challenge":        {base64.RawURLEncoding.EncodeToString(challenge[:])},
		"scopes":                {strings.Join(scopes, " ")},
	}.Encode()
	return u.String()
}

// randomText returns 256 bits in 43 characters, a verifier by RFC 7636 section
// 4.1.
func randomText() string {
	var bits [32]byte
	_, _ = rand.Read(bits[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(bits[:])
}

// open opens a browser, and returns an error if there is none.
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

var errNoBrowser = errors.New("the environment has no browser")

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

// hasBrowser reports whether the user of this process has a browser on this
// machine, as far as the environment tells.
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

// isWSL reports whether this is Linux in Windows, whose browser it uses.
func isWSL(getenv func(string) string) bool {
	return getenv("WSL_DISTRO_NAME") != "" || getenv("WSL_INTEROP") != ""
}

func canRun(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// browserCommands returns the commands that open the URL for which %s stands, the
// best first, if their programs can be run: those that the environment variable
// BROWSER chooses, or else the platform's.
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

// openBrowser opens a URL. Any process of the machine can see its arguments,
// so the URL holds nothing but what the protocol shows to the browser: the code
// challenge, but not the verifier.
func openBrowser(url string) error {
	commands, _ := browserCommands(runtime.GOOS, os.Getenv, canRun)
	err := errNoBrowser
	for _, command := range commands {
		for i := range command[1:] {
			command[1+i] = strings.ReplaceAll(command[1+i], "%s", url)
		}
		if err = exec.Command(command[0], command[1:]...).Run(); err == nil {
			return nil
		}
	}
	return err
}
