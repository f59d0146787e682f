package browsertest

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
)

func checkoutInput(server *awstokenstest.Server) *licensemanager.CheckoutLicenseInput {
	return &licensemanager.CheckoutLicenseInput{
		CheckoutType:   licensemanager.CheckoutTypeProvisional,
		ClientToken:    licensemanager.NewClientToken(),
		Entitlements:   []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 3)},
		KeyFingerprint: server.LicenseManager().KeyFingerprint(),
		NodeId:         "build-machine-7",
		ProductSKU:     server.LicenseManager().ProductSKU(),
	}
}

// appears waits for an element with a text, given as XPath and words.
func appears(xpath, words string) chromedp.Action[chromedp.Void] {
	return chromedp.WaitVisible(chromedp.Search(xpath + `[contains(., "` + words + `")]`))
}

// press focuses an element, and presses Enter: the page can be used without a
// mouse.
func press(element string) chromedp.Action[chromedp.Void] {
	return chromedp.SendKeys(chromedp.Search(element), "\r")
}

const (
	request = `//details/summary`
	row     = `//div[contains(@class, "row")]`
)

// openWindow opens the window of a server, and returns a function that runs
// actions on it.
func openWindow(t *testing.T) (browser context.Context, server *awstokenstest.Server, look func(...chromedp.Action[chromedp.Void])) {
	t.Helper()
	browser = chromium(t)
	server = awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.Window = true })
	look = func(actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		require.NoError(t, chromedp.Do(browser, actions...))
	}
	look(chromedp.Navigate(server.URL()), appears(`//*[@id="link"]`, "Connected"), appears(`//h2`, "Licenses"))
	return browser, server, look
}

// The window shows logins that wait, and its buttons decide them.
func TestWindowLogins(t *testing.T) {
	browser, server, look := openWindow(t)

	// A login waits, and is approved here.
	done := make(chan error, 1)
	go func() {
		_, err := login.Login(t.Context(), session, options(server, login.FlowDevice))
		done <- err
	}()
	look(appears(row, "device with a code that ends in"), shots(t, "window-login"), press(`//button[text()="Approve"]`))
	require.NoError(t, <-done)
	look(appears(request, "StartDeviceAuthorization"), appears(request, "CreateToken"), appears(`//section[h2[contains(., "Logins")]]`+row, "sso:account:access"))

	// The login of a browser waits for consent, and is denied and approved here.
	for decision, want := range map[string]error{"Deny": login.ErrDenied, "Approve": nil} {
		_, err := login.Login(t.Context(), session, options(server, login.FlowBrowser), func(o *login.Options) {
			o.OpenBrowser = func(url string) error {
				tab, closeTab := chromedp.NewContext(browser)
				t.Cleanup(closeTab)
				assert.NoError(t, chromedp.Do(tab, chromedp.Navigate(url), appears(`//h1`, "Allow access?")))
				look(appears(row, "browser, sso:account:access"), press(`//button[text()="`+decision+`"]`))
				return nil
			}
		})
		assert.ErrorIs(t, err, want, decision)
	}
}

// The window shows what clients do, and its form and clock work.
func TestWindow(t *testing.T) {
	_, server, look := openWindow(t)
	client, err := licensemanager.New(server.Config())
	require.NoError(t, err)
	_, err = client.CheckoutLicense(t.Context(), checkoutInput(server))
	require.NoError(t, err)
	look(appears(request, "CheckoutLicense"), appears(row, "build-machine-7"), appears(row, "3 of 10"))

	server.LicenseManager().Next(1, "GetLicense").Throttle()
	_, err = client.GetLicense(t.Context(), &licensemanager.GetLicenseInput{LicenseArn: server.LicenseManager().LicenseARN()})
	require.NoError(t, err, "the client retries")
	look(appears(request, "Scripted fault: throttled"))

	cfg := server.Config()
	key, err := cfg.Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	cfg.Credentials = awstokens.StaticCredentials(key.AccessKeyID, "another-fake-secret", "")
	stranger, err := licensemanager.New(cfg)
	require.NoError(t, err)
	_, err = stranger.ListTokens(t.Context(), &licensemanager.ListTokensInput{})
	require.Error(t, err)
	look(appears(request, "The secret access key is not that of"),
		press(request+`[contains(., "ListTokens")]`), appears(`//details/pre`, "Signature=[redacted]"), shots(t, "window"))

	// The form scripts a fault, and the clock's button ends the seat.
	look(chromedp.SetValue(chromedp.CSS("#operation"), "License Manager/ListTokens"), press(`//form[@id="fault"]//button[text()="Add"]`),
		appears(row, "the next 1: throttled"))
	look(press(`//button[text()="+1 h"]`), chromedp.WaitNotPresent(chromedp.Search(row+`[contains(., "build-machine-7")]`)), appears(row, "0 of 10"))
	assert.Zero(t, server.LicenseManager().SeatsTaken(awstokenstest.Seats))
	assert.Greater(t, time.Until(server.Now()), 59*time.Minute)
}

// shots takes screenshots of the whole page in both schemes and two widths, and
// checks that it does not overflow to the side.
func shots(t *testing.T, name string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		for _, width := range []int{400, 1200} {
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(int64(width), 900)); err != nil {
				return err
			}
			overflow, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth - innerWidth`))
			if err != nil {
				return err
			}
			assert.LessOrEqual(t, overflow, 0, "at %d px", width)
			if err := shoot(ctx, name+"-"+strconv.Itoa(width)); err != nil {
				return err
			}
		}
		return nil
	})
}
