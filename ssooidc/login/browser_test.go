package login_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
)

// page is what a browser shows.
type page struct {
	status int
	header http.Header
	text   string
}

// visit sends a request as a browser does, which follows redirects.
func visit(method, address, form string) (page, error) {
	r, err := http.NewRequest(method, address, strings.NewReader(form))
	if err != nil {
		return page{}, err
	}
	r.Header.Set("Accept", "text/html")
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return page{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return page{resp.StatusCode, resp.Header, string(text)}, err
}

// user is somebody at a browser. What the last page is comes to last.
type user struct {
	*testing.T
	last chan page
}

func newUser(t *testing.T) *user { return &user{t, make(chan page, 1)} }

// decide is a browser in which the user decides at the consent page.
func (u *user) decide(decision string) func(string) error {
	return func(address string) error {
		consent, err := visit(http.MethodGet, address, "")
		assert.NoError(u, err)
		assert.Equal(u, http.StatusOK, consent.status, consent.text)
		last, err := visit(http.MethodPost, address, "decision="+decision)
		assert.NoError(u, err)
		u.last <- last
		return nil
	}
}

// redirectURI returns where an authorization sends the browser back to, and
// its state.
func redirectURI(t testing.TB, address string) (uri, state string) {
	u, err := url.Parse(address)
	require.NoError(t, err)
	return u.Query().Get("redirect_uri"), u.Query().Get("state")
}

// browser starts a server and returns it with options for logging in by a
// browser.
func browser(t *testing.T) (*awstokenstest.Server, func(*login.Options)) {
	t.Helper()
	server := awstokenstest.NewServer(t)
	store := login.NewMemoryStore()
	return server, func(o *login.Options) {
		o.Store, o.Config, o.Flow, o.Prompt, o.Timeout = store, server.Config(), login.FlowBrowser, silent, time.Minute
		o.Config.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = 1 })
	}
}

func open(f func(string) error) func(*login.Options) {
	return func(o *login.Options) { o.OpenBrowser = f }
}

func TestBrowserFlow(t *testing.T) {
	server, options := browser(t)
	u := newUser(t)
	var opened string
	var shown login.Request
	token, err := login.Login(t.Context(), session, options, func(o *login.Options) {
		o.OpenBrowser = func(address string) error {
			opened = address
			return u.decide("approve")(address)
		}
		o.Prompt = login.PromptFunc(func(_ context.Context, r login.Request, paste func(string) error) error {
			shown = r
			assert.NotNil(t, paste)
			return nil
		})
	})
	require.NoError(t, err)
	assert.NotEmpty(t, token.AccessToken)
	assert.NotEmpty(t, token.RefreshToken)
	last := <-u.last
	assert.Equal(t, http.StatusOK, last.status)
	assert.Contains(t, last.text, "You are logged in")
	assert.Equal(t, "no-store", last.header.Get("Cache-Control"))
	assert.Equal(t, "no-referrer", last.header.Get("Referrer-Policy"))
	assert.Contains(t, last.header.Get("Content-Security-Policy"), "default-src 'none'")
	assert.Equal(t, opened, shown.URL.Reveal())
	assert.True(t, shown.Opened)

	target, err := url.Parse(opened)
	require.NoError(t, err)
	query := target.Query()
	assert.Equal(t, server.URL()+"/authorize", opened[:strings.Index(opened, "?")], "the endpoint, with its path")
	assert.Equal(t, "code", query.Get("response_type"))
	assert.Equal(t, token.ClientID, query.Get("client_id"))
	assert.Equal(t, "S256", query.Get("code_challenge_method"))
	assert.Len(t, query.Get("code_challenge"), 43)
	assert.Len(t, query.Get("state"), 52, "260 bits")
	assert.Equal(t, "sso:account:access", query.Get("scopes"))
	assert.Len(t, query, 7, "and nothing else")
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+/oauth/callback$`, query.Get("redirect_uri"))
	_, err = visit(http.MethodGet, query.Get("redirect_uri"), "")
	assert.Error(t, err, "nobody listens any more")

	// The registration is one that the AWS CLI can use for the same flow.
	var o login.Options
	options(&o)
	r, err := o.Store.LoadRegistration(t.Context(), session)
	require.NoError(t, err)
	assert.Equal(t, []ssooidc.GrantType{ssooidc.GrantTypeAuthorizationCode, ssooidc.GrantTypeRefreshToken}, r.GrantTypes)
	_, err = login.Login(t.Context(), session, options, open(newUser(t).decide("approve")), func(o *login.Options) { o.Force = true })
	require.NoError(t, err)
	assert.Equal(t, 1, server.IdentityCenter().Requests("RegisterClient"))
}

// Others show a page of success whatever came.
func TestNoSuccessPageWhenDenied(t *testing.T) {
	_, options := browser(t)
	u := newUser(t)
	_, err := login.Login(t.Context(), session, options, open(u.decide("deny")))
	assert.ErrorIs(t, err, login.ErrDenied)
	var denied *login.AuthorizationError
	require.ErrorAs(t, err, &denied)
	assert.Equal(t, login.AuthorizationError{Code: "access_denied", Description: "The user denied the request"}, *denied)
	last := <-u.last
	assert.Equal(t, http.StatusBadRequest, last.status)
	assert.Contains(t, last.text, "The login failed")
	assert.Contains(t, last.text, "access_denied: The user denied the request")
	assert.NotContains(t, last.text, "logged in")
}

func TestNoSuccessPageWhenTheExchangeFails(t *testing.T) {
	server, options := browser(t)
	u := newUser(t)
	server.IdentityCenter().Next(1, "CreateToken").Refuse("InvalidGrantException", "the code is no good", nil)
	_, err := login.Login(t.Context(), session, options, open(u.decide("approve")))
	var invalid *ssooidc.InvalidGrantException
	assert.ErrorAs(t, err, &invalid)
	last := <-u.last
	assert.Contains(t, last.text, "The login failed")
	assert.Contains(t, last.text, "the code is no good")
}

func TestErrorDescriptionIsNotLost(t *testing.T) {
	_, options := browser(t)
	last := make(chan page, 1)
	_, err := login.Login(t.Context(), session, options, open(func(address string) error {
		target, state := redirectURI(t, address)
		got, err := visit(http.MethodGet, target+"?"+url.Values{
			"state": {state}, "error": {"server_error"}, "error_description": {"<b>down</b>\x1b[2J\nfor a while" + strings.Repeat("ä", 1000)},
		}.Encode(), "")
		assert.NoError(t, err)
		last <- got
		return nil
	}))
	assert.NotErrorIs(t, err, login.ErrDenied)
	assert.ErrorContains(t, err, "server_error: <b>down</b> [2J for a while")
	assert.NotContains(t, err.Error(), "\x1b")
	assert.Less(t, len(err.Error()), 1000)
	got := <-last
	assert.Contains(t, got.text, "server_error: &lt;b&gt;down&lt;/b&gt;")
}

func TestHintAtStartURLInTheBrowser(t *testing.T) {
	_, options := browser(t)
	_, err := login.Login(t.Context(), session, options, open(func(address string) error {
		target, state := redirectURI(t, address)
		_, err := visit(http.MethodGet, target+"?state="+state+"&error=invalid_request", "")
		return err
	}))
	assert.ErrorContains(t, err, "is that the start URL")
}

// One stray request has killed other logins.
func TestStrayRequestsDoNotEndTheLogin(t *testing.T) {
	_, options := browser(t)
	u := newUser(t)
	_, err := login.Login(t.Context(), session, options, open(func(address string) error {
		target, state := redirectURI(t, address)
		root := strings.TrimSuffix(target, "/oauth/callback")
		right := "?code=fake-code&state=" + state
		for _, stray := range []struct {
			method, address string
			status          int
		}{
			{http.MethodGet, target, http.StatusBadRequest},
			{http.MethodGet, target + "?code=fake-code", http.StatusBadRequest},
			{http.MethodGet, target + "?code=fake-code&state=wrong", http.StatusBadRequest},
			{http.MethodGet, target + "?error=access_denied&state=", http.StatusBadRequest},
			{http.MethodGet, target + "?state=" + state, http.StatusBadRequest},
			{http.MethodGet, target + "?state=" + state[1:] + "&code=fake-code", http.StatusBadRequest},
			{http.MethodHead, target + right, http.StatusNotFound},
			{http.MethodPost, target + right, http.StatusNotFound},
			{http.MethodOptions, target + right, http.StatusNotFound},
			{http.MethodGet, root + "/" + right, http.StatusNotFound},
			{http.MethodGet, root + "/favicon.ico", http.StatusNotFound},
			{http.MethodGet, target + "/" + right, http.StatusNotFound},
			{http.MethodGet, root + "/oauth%2Fcallback" + right, http.StatusNotFound},
			{http.MethodGet, root + "/x/../oauth/callback" + right, http.StatusNotFound},
			{http.MethodGet, root + "//oauth/callback" + right, http.StatusNotFound},
		} {
			got, err := visit(stray.method, stray.address, "")
			assert.NoError(t, err)
			assert.Equal(t, stray.status, got.status, stray)
			assert.NotContains(t, got.text, state)
		}
		return u.decide("approve")(address)
	}))
	require.NoError(t, err)
	assert.Contains(t, (<-u.last).text, "You are logged in")
}

func TestSecondCallbackChangesNothing(t *testing.T) {
	server, options := browser(t)
	server.IdentityCenter().Next(1, "CreateToken").Delay(time.Second) // in which the other callbacks arrive
	u := newUser(t)
	second := make(chan page, 2)
	token, err := login.Login(t.Context(), session, options, open(func(address string) error {
		target, state := redirectURI(t, address)
		for _, query := range []string{"?error=access_denied", "?code=fake-code"} {
			go func() {
				for server.IdentityCenter().Requests("CreateToken") == 0 {
					time.Sleep(time.Millisecond) // until the first is being exchanged
				}
				got, err := visit(http.MethodGet, target+query+"&state="+state, "")
				assert.NoError(t, err)
				second <- got
			}()
		}
		return u.decide("approve")(address)
	}))
	require.NoError(t, err)
	assert.NotEmpty(t, token.AccessToken)
	for _, got := range []page{<-u.last, <-second, <-second} {
		assert.Contains(t, got.text, "You are logged in", "which is how the login went")
	}
	assert.Equal(t, 1, server.IdentityCenter().Requests("CreateToken"))
}

func TestListensOnLoopbackOnly(t *testing.T) {
	_, options := browser(t)
	u := newUser(t)
	_, err := login.Login(t.Context(), session, options, open(func(address string) error {
		target, _ := redirectURI(t, address)
		parsed, err := url.Parse(target)
		require.NoError(t, err)
		addresses, err := net.InterfaceAddrs()
		require.NoError(t, err)
		for _, address := range addresses {
			ip := address.(*net.IPNet).IP
			if ip.String() == "127.0.0.1" {
				continue
			}
			conn, err := net.DialTimeout("tcp", net.JoinHostPort(ip.String(), parsed.Port()), time.Second)
			if err == nil {
				conn.Close()
				t.Errorf("it listens on %s", ip)
			}
		}
		return u.decide("approve")(address)
	}))
	assert.NoError(t, err)
}

// listenBelowEphemeral listens on a port that the system gives to nobody who does
// not ask for it, so that it stays free afterwards.
func listenBelowEphemeral(t *testing.T) net.Listener {
	t.Helper()
	for range 100 {
		if listener, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(10_000))); err == nil {
			return listener
		}
	}
	t.Fatal("no port is free")
	return nil
}

func TestPortTaken(t *testing.T) {
	listener := listenBelowEphemeral(t)
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	for _, flow := range []login.Flow{login.FlowBrowser, login.FlowAuto} {
		_, options := browser(t)
		_, err := login.Login(t.Context(), session, options, open(func(string) error {
			t.Error("the browser must not open")
			return nil
		}), func(o *login.Options) { o.CallbackPort, o.Flow = port, flow })
		var taken *login.CallbackPortError
		require.ErrorAs(t, err, &taken)
		assert.Equal(t, port, taken.Port)
		var inUse *os.SyscallError
		assert.ErrorAs(t, err, &inUse)
	}
	require.NoError(t, listener.Close())
	_, options := browser(t)
	_, err := login.Login(t.Context(), session, options, func(o *login.Options) {
		o.CallbackPort = port
		o.OpenBrowser = func(address string) error {
			target, _ := redirectURI(t, address)
			assert.Equal(t, fmt.Sprintf("http://127.0.0.1:%d/oauth/callback", port), target)
			return newUser(t).decide("approve")(address)
		}
	})
	assert.NoError(t, err)
}

// A user who closes the browser is not waited for forever.
func TestClosedBrowser(t *testing.T) {
	server, options := browser(t)
	var target atomic.Value
	closed := open(func(address string) error {
		uri, _ := redirectURI(t, address)
		target.Store(uri)
		return nil
	})
	for timeout := 250 * time.Millisecond; target.Load() == nil; timeout *= 2 { // until the browser opens in time
		_, err := login.Login(t.Context(), session, options, closed, func(o *login.Options) { o.Timeout = timeout })
		assert.ErrorIs(t, err, login.ErrTimedOut)
	}
	_, err := visit(http.MethodGet, target.Load().(string), "")
	assert.Error(t, err, "nobody listens any more")

	registered := server.IdentityCenter().Requests("RegisterClient")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err = login.Login(ctx, session, options, open(func(string) error {
		cancel()
		return nil
	}))
	assert.ErrorIs(t, err, context.Canceled)
	assert.NotErrorIs(t, err, login.ErrTimedOut)
	assert.ErrorContains(t, err, "nobody approved the login yet")
	// It may have been the page of a client that the endpoint does not know.
	assert.Equal(t, registered+1, server.IdentityCenter().Requests("RegisterClient"))
}

// The browser runs on another machine, which nobody listens on.
func TestPastedAddress(t *testing.T) {
	_, options := browser(t)
	paste := func(decision string) func(*login.Options) {
		return func(o *login.Options) {
			o.OpenBrowser = func(string) error { return errors.New("there is none") }
			o.Prompt = login.PromptFunc(func(ctx context.Context, r login.Request, paste func(string) error) error {
				assert.False(t, r.Opened)
				follow := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
				resp, err := follow.PostForm(r.URL.Reveal(), url.Values{"decision": {decision}})
				if err != nil {
					return err
				}
				defer resp.Body.Close()
				for _, wrong := range []string{"", "nonsense", "https://example.com/", r.URL.Reveal(), "%", strings.Replace(resp.Header.Get("Location"), "state=", "state=x", 1)} {
					err := paste(wrong)
					if assert.Error(t, err) && wrong != "" {
						assert.NotContains(t, err.Error(), wrong)
					}
				}
				return paste("  " + resp.Header.Get("Location") + "\r\n")
			})
		}
	}
	_, err := login.Login(t.Context(), session, options, paste("deny"))
	assert.ErrorIs(t, err, login.ErrDenied)
	token, err := login.Login(t.Context(), session, options, paste("approve"))
	require.NoError(t, err)
	assert.NotEmpty(t, token.AccessToken)
}

func TestAutoFlow(t *testing.T) {
	for name, test := range map[string]struct {
		open func(string) error
		want login.Flow
	}{
		"a browser opens": {func(string) error { return nil }, login.FlowBrowser},
		"none opens":      {func(string) error { return errors.New("there is none") }, login.FlowDevice},
	} {
		t.Run(name, func(t *testing.T) {
			server, options := browser(t)
			server.IdentityCenter().AutoApprove(true)
			stop := errors.New("seen enough")
			_, err := login.Login(t.Context(), session, options, open(test.open), func(o *login.Options) {
				o.Flow = login.FlowAuto
				o.Prompt = login.PromptFunc(func(_ context.Context, r login.Request, _ func(string) error) error {
					assert.Equal(t, test.want, r.Flow)
					return stop
				})
			})
			assert.ErrorIs(t, err, stop)
		})
	}
}

// A browser login without a display, over SSH or in a container cannot work.
func TestAutoFlowOverSSHIsTheDeviceFlow(t *testing.T) {
	t.Setenv("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		server.IdentityCenter().AutoApprove(true)
		_, err := login.Login(t.Context(), session, options, func(o *login.Options) {
			o.Flow = login.FlowAuto
			o.Prompt = login.PromptFunc(func(_ context.Context, r login.Request, _ func(string) error) error {
				assert.Equal(t, login.FlowDevice, r.Flow)
				return nil
			})
		})
		assert.NoError(t, err)
	})
}

// A browser that stays in the foreground, as those in a terminal do, is open
// all the same.
func TestBrowserThatStays(t *testing.T) {
	_, options := browser(t)
	u := newUser(t)
	quit := make(chan struct{})
	defer close(quit)
	_, err := login.Login(t.Context(), session, options, open(func(address string) error {
		err := u.decide("approve")(address)
		<-quit
		return err
	}))
	assert.NoError(t, err)
}

func TestRegistrationOfTheOtherFlowIsReplaced(t *testing.T) {
	server, options := browser(t)
	server.IdentityCenter().AutoApprove(true)
	enough := errors.New("the client is registered")
	device := func(o *login.Options) {
		o.Flow, o.Force = login.FlowDevice, true
		o.Prompt = login.PromptFunc(func(context.Context, login.Request, func(string) error) error { return enough })
	}
	_, err := login.Login(t.Context(), session, options, device)
	require.ErrorIs(t, err, enough)
	_, err = login.Login(t.Context(), session, options, func(o *login.Options) {
		o.Force = true
		o.OpenBrowser = func(address string) error {
			_, err := visit(http.MethodGet, address, "")
			return err
		}
	})
	require.NoError(t, err)
	_, err = login.Login(t.Context(), session, options, device)
	require.ErrorIs(t, err, enough)
	assert.Equal(t, 3, server.IdentityCenter().Requests("RegisterClient"))
}

func TestRefusedClientAsksOnceMore(t *testing.T) {
	server, options := browser(t)
	server.IdentityCenter().AutoApprove(true)
	opened := 0
	visitor := func(o *login.Options) {
		o.Force = true
		o.OpenBrowser = func(address string) error {
			opened++
			_, err := visit(http.MethodGet, address, "")
			return err
		}
	}
	_, err := login.Login(t.Context(), session, options, visitor)
	require.NoError(t, err)
	server.IdentityCenter().Next(1, "CreateToken").Refuse("InvalidClientException", "who?", nil)
	_, err = login.Login(t.Context(), session, options, visitor)
	require.NoError(t, err)
	assert.Equal(t, 3, opened)
	assert.Equal(t, 2, server.IdentityCenter().Requests("RegisterClient"))
	server.IdentityCenter().Next(2, "CreateToken").Refuse("InvalidClientException", "who?", nil)
	_, err = login.Login(t.Context(), session, options, visitor)
	assert.Error(t, err)
	assert.Equal(t, 5, opened, "and not again")
}

// Many goroutines and processes that find an expired token together have
// opened dozens of tabs elsewhere.
func TestOneBrowserForAll(t *testing.T) {
	server, options := browser(t)
	server.IdentityCenter().AutoApprove(true)
	var opened atomic.Int32
	tokens := make([]*login.Token, 20)
	var all sync.WaitGroup
	for i := range tokens {
		all.Go(func() {
			var err error
			tokens[i], err = login.Login(t.Context(), session, options, open(func(address string) error {
				opened.Add(1)
				_, err := visit(http.MethodGet, address, "")
				return err
			}))
			assert.NoError(t, err)
		})
	}
	all.Wait()
	assert.EqualValues(t, 1, opened.Load())
	for _, token := range tokens[1:] {
		assert.Equal(t, tokens[0].AccessToken, token.AccessToken)
	}
}

const helperVariable = "LOGIN_TEST_HELPER"

func TestOneBrowserForAllProcesses(t *testing.T) {
	if where := os.Getenv(helperVariable); where != "" {
		loginInProcess(t, where)
		return
	}
	server, _ := browser(t)
	server.IdentityCenter().AutoApprove(true)
	dir := t.TempDir()
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			helper := exec.Command(os.Args[0], "-test.run=^TestOneBrowserForAllProcesses$")
			helper.Env = append(server.Environ(), helperVariable+"="+dir)
			out, err := helper.CombinedOutput()
			assert.NoError(t, err, "%s", out)
		})
	}
	all.Wait()
	opened, err := os.ReadFile(filepath.Join(dir, "opened"))
	require.NoError(t, err)
	assert.Equal(t, "one\n", string(opened))
	assert.Equal(t, 1, server.IdentityCenter().Requests("CreateToken"))
}

func loginInProcess(t *testing.T, dir string) {
	store, err := login.NewFileStore(filepath.Join(dir, "cache"))
	require.NoError(t, err)
	cfg, err := awstokens.ConfigFromEnv()
	require.NoError(t, err)
	_, err = login.Login(t.Context(), session, func(o *login.Options) {
		o.Store, o.Config, o.Flow, o.Prompt, o.Timeout = store, cfg, login.FlowBrowser, silent, time.Minute
		o.OpenBrowser = func(address string) error {
			log, err := os.OpenFile(filepath.Join(dir, "opened"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			if err != nil {
				return err
			}
			_, err = log.WriteString("one\n")
			assert.NoError(t, err)
			assert.NoError(t, log.Close())
			_, err = visit(http.MethodGet, address, "")
			return err
		}
	})
	require.NoError(t, err)
}

// Secrets have been pasted with debug logs: codes among them, which are not
// marked as secret in the API.
func TestNoSecretInLogsAndErrors(t *testing.T) {
	var seen syncBuffer
	secrets := map[string]string{}
	note := func(name, secret string) {
		require.NotEmpty(t, secret, name)
		secrets[name] = secret
	}
	tap := func(o *login.Options) {
		o.Force = true
		o.Config.Logger = slog.New(slog.NewTextHandler(&seen, &slog.HandlerOptions{Level: slog.LevelDebug}))
		inner := cmp.Or[awstokens.HTTPClient](o.Config.HTTPClient, http.DefaultClient)
		o.Config.HTTPClient = doFunc(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			r.Body = io.NopCloser(bytes.NewReader(body))
			for _, name := range []string{"clientSecret", "deviceCode", "code", "codeVerifier"} {
				if _, rest, ok := strings.Cut(string(body), `"`+name+`":"`); ok {
					secret, _, _ := strings.Cut(rest, `"`)
					note(name, secret)
				}
			}
			return inner.Do(r)
		})
	}
	keep := func(token *login.Token, err error) {
		fmt.Fprintf(&seen, "%+v %v\n", token, err)
		if token != nil {
			note("accessToken", token.AccessToken.Reveal())
			note("refreshToken", token.RefreshToken.Reveal())
		}
	}
	spoils := []func(*awstokenstest.Server){
		func(*awstokenstest.Server) {},
		func(s *awstokenstest.Server) {
			s.IdentityCenter().Next(1, "CreateToken").Refuse("InvalidGrantException", "bad", nil)
		},
		func(s *awstokenstest.Server) { s.IdentityCenter().Next(1, "CreateToken").LoseAnswer() },
		func(s *awstokenstest.Server) { s.IdentityCenter().Next(1, "CreateToken").FailUntyped(403) },
	}
	server, options := browser(t)
	for _, spoil := range spoils {
		spoil(server)
		keep(login.Login(t.Context(), session, options, tap, open(newUser(t).decide("approve"))))
	}
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		for _, spoil := range spoils {
			spoil(server)
			keep(login.Login(t.Context(), session, options, tap, after(0, func(code string) error {
				note("userCode", code)
				return server.IdentityCenter().ApproveDevice(code)
			})))
		}
	})
	assert.Len(t, secrets, 7)
	assert.Contains(t, seen.String(), "operation=CreateToken attempt=1")
	for name, secret := range secrets {
		assert.NotContains(t, seen.String(), secret, name)
	}
}

// syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// watchExchange notes the secrets of the exchange of a code.
func watchExchange(verifier, code *string) func(*login.Options) {
	return func(o *login.Options) {
		o.Config.HTTPClient = doFunc(func(r *http.Request) (*http.Response, error) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			var in struct{ CodeVerifier, Code string }
			if err := json.Unmarshal(body, &in); err == nil && in.Code != "" {
				*verifier, *code = in.CodeVerifier, in.Code
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			return http.DefaultClient.Do(r)
		})
	}
}
