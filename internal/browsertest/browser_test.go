package browsertest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
)

var session = login.Session{Name: "test", StartURL: "https://example.awsapps.com/start", Region: "us-east-1"}

// chromium starts a browser that the test's end closes. What it writes, which is more
// than its profile, goes with it.
func chromium(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	switch {
	case path == "" && os.Getenv("BROWSERTEST_REQUIRED") != "":
		t.Fatal("there is no Chromium")
	case path == "":
		t.Skip("SKIPPED: THERE IS NO CHROMIUM, SO NO LOGIN WAS TESTED IN A BROWSER")
	}
	dir, err := os.MkdirTemp("", "browser") // a short path, as there is a socket below it
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.Env("HOME="+dir, "TMPDIR="+dir),
		chromedp.NoFirstRun,
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel) // closes the browser, and waits for it
	require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(800, 600)))
	return ctx
}

// button clicks a button of a form.
func button(decision string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(chromedp.CSS(`button[value="` + decision + `"]`))
}

// see waits for the page with a heading, checks that its policy admits its style,
// and takes screenshots.
func see(t *testing.T, name, heading string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		if err := chromedp.Do(ctx, chromedp.WaitVisible(chromedp.Search(`//h1[normalize-space()="`+heading+`"]`))); err != nil {
			return err
		}
		display, err := chromedp.Run(ctx, chromedp.Evaluate[string](`getComputedStyle(document.body).display`))
		if err != nil {
			return err
		}
		assert.Equal(t, "grid", display, "the style applies")
		return shoot(ctx, name)
	})
}

// shoot takes screenshots of the whole page in light and in dark, if SCREENSHOTS is
// set.
func shoot(ctx context.Context, name string) error {
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return nil
	}
	for _, scheme := range []string{"light", "dark"} {
		picture, err := chromedp.Run(ctx, func(ctx context.Context, target *chromedp.Target) ([]byte, error) {
			_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
			})
			if err != nil {
				return nil, err
			}
			return chromedp.FullScreenshot(100)(ctx, target)
		})
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+"-"+scheme+".png"), picture, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// read reads a text of the page.
func read(into *string, action chromedp.Action[string]) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) (err error) {
		*into, err = action(ctx, target)
		return err
	})
}

// walk opens the page of a login and runs actions on it.
func walk(t *testing.T, browser context.Context, url string, actions ...chromedp.Action[chromedp.Void]) {
	assert.NoError(t, chromedp.Do(browser, append([]chromedp.Action[chromedp.Void]{chromedp.Navigate(url)}, actions...)...))
}

func options(server *awstokenstest.Server, flow login.Flow) func(*login.Options) {
	return func(o *login.Options) {
		o.Store, o.Config, o.Flow, o.Timeout = login.NewMemoryStore(), server.Config(), flow, time.Minute
		o.Prompt = prompt(func(login.Request) {})
	}
}

// prompt is a Prompt that passes the request to a function.
type prompt func(login.Request)

func (p prompt) Show(_ context.Context, r login.Request, _ func(string) error) error {
	p(r)
	return nil
}

func TestBrowserFlowApproved(t *testing.T) {
	browser := chromium(t)
	server := awstokenstest.NewServer(t)
	walked := make(chan struct{})
	token, err := login.Login(t.Context(), session, options(server, login.FlowBrowser), func(o *login.Options) {
		o.OpenBrowser = func(url string) error {
			defer close(walked)
			walk(t, browser, url, see(t, "consent", "Allow access?"), button("approve"), see(t, "success", "You are logged in"))
			return nil
		}
	})
	<-walked
	require.NoError(t, err)
	assert.NotEmpty(t, token.AccessToken)
}

func TestBrowserFlowDenied(t *testing.T) {
	browser := chromium(t)
	server := awstokenstest.NewServer(t)
	walked := make(chan struct{})
	_, err := login.Login(t.Context(), session, options(server, login.FlowBrowser), func(o *login.Options) {
		o.OpenBrowser = func(url string) error {
			defer close(walked)
			var text string
			walk(t, browser, url, button("deny"), see(t, "failure", "The login failed"), read(&text, chromedp.Text(chromedp.CSS("main"))))
			assert.Contains(t, text, "access_denied: The user denied the request")
			return nil
		}
	})
	<-walked
	assert.ErrorIs(t, err, login.ErrDenied)
}

// The user closes the browser without a decision.
func TestBrowserFlowClosed(t *testing.T) {
	browser := chromium(t)
	server := awstokenstest.NewServer(t)
	walked := make(chan struct{})
	_, err := login.Login(t.Context(), session, options(server, login.FlowBrowser), func(o *login.Options) {
		o.Timeout = 5 * time.Second
		o.OpenBrowser = func(url string) error {
			defer close(walked)
			walk(t, browser, url, see(t, "consent", "Allow access?"))
			return chromedp.Cancel(browser)
		}
	})
	<-walked
	assert.ErrorIs(t, err, login.ErrTimedOut)
}

func TestDeviceFlowApproved(t *testing.T) {
	browser := chromium(t)
	server := awstokenstest.NewServer(t)
	token, err := login.Login(t.Context(), session, options(server, login.FlowDevice), func(o *login.Options) {
		o.Prompt = prompt(func(r login.Request) {
			var shown string
			walk(t, browser, r.URL.Reveal(),
				see(t, "device", "Approve a device"), read(&shown, chromedp.Value(chromedp.CSS("#code"))),
				button("approve"), see(t, "device-approved", "The device is approved"))
			assert.Equal(t, r.UserCode.Reveal(), shown)
		})
	})
	require.NoError(t, err)
	assert.NotEmpty(t, token.AccessToken)
}

// The user types the code, first a wrong one, and denies.
func TestDeviceFlowDenied(t *testing.T) {
	browser := chromium(t)
	server := awstokenstest.NewServer(t)
	_, err := login.Login(t.Context(), session, options(server, login.FlowDevice), func(o *login.Options) {
		o.Prompt = prompt(func(r login.Request) {
			walk(t, browser, r.PlainURL,
				see(t, "device-empty", "Approve a device"),
				chromedp.SendKeys(chromedp.CSS("#code"), "NONE-NONE"),
				button("approve"), chromedp.WaitVisible(chromedp.CSS(`[role="alert"]`)),
				see(t, "device-wrong", "Approve a device"),
				chromedp.Clear(chromedp.CSS("#code")),
				chromedp.SendKeys(chromedp.CSS("#code"), strings.ToLower(r.UserCode.Reveal())),
				button("deny"), see(t, "device-denied", "The device is denied"))
		})
	})
	assert.ErrorIs(t, err, login.ErrDenied)
}
