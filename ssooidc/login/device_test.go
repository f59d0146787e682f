package login_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
)

var session = login.Session{Name: "test", StartURL: "https://example.awsapps.com/start", Region: "us-east-1"}

// silent is a prompt that nobody sees.
var silent = login.PromptFunc(func(ctx context.Context, _ login.Request, _ func(string) error) error {
	<-ctx.Done()
	return nil
})

// device runs a test in a bubble, with a server and options for logging in by
// device, without a retry within a poll.
func device(t *testing.T, test func(*testing.T, *awstokenstest.Server, func(*login.Options))) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
		store := login.NewMemoryStore()
		test(t, server, func(o *login.Options) {
			o.Store, o.Config, o.Flow, o.Prompt = store, server.Config(), login.FlowDevice, silent
			o.Config.Region = "ap-south-1" // of the rest of the program
			o.Config.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = 1 })
		})
	})
}

// after is a prompt that does something after some time, with the code.
func after(d time.Duration, do func(userCode string) error) func(*login.Options) {
	return func(o *login.Options) {
		o.Prompt = login.PromptFunc(func(ctx context.Context, r login.Request, _ func(string) error) error {
			select {
			case <-time.After(d):
				return do(r.UserCode.Reveal())
			case <-ctx.Done():
				return nil
			}
		})
	}
}

func TestDeviceFlow(t *testing.T) {
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		var shown login.Request
		var ends time.Time
		start := time.Now()
		token, err := login.Login(t.Context(), session, options, func(o *login.Options) {
			o.Timeout = time.Hour
			o.Prompt = login.PromptFunc(func(ctx context.Context, r login.Request, paste func(string) error) error {
				shown = r
				ends, _ = ctx.Deadline()
				assert.Nil(t, paste)
				time.Sleep(89500 * time.Millisecond)
				assert.NoError(t, server.IdentityCenter().ApproveDevice(r.UserCode.Reveal()))
				<-ctx.Done()
				return nil
			})
		})
		require.NoError(t, err)
		assert.Equal(t, 90*time.Second, time.Since(start), "the polls are one second apart")
		assert.Equal(t, start.Add(10*time.Minute), ends, "the code's life")
		assert.Equal(t, session, shown.Session)
		assert.Equal(t, login.FlowDevice, shown.Flow)
		assert.Equal(t, server.URL()+"/device", shown.PlainURL)
		assert.Equal(t, shown.PlainURL+"?user_code="+shown.UserCode.Reveal(), shown.URL.Reveal())
		assert.False(t, shown.Opened)

		assert.Equal(t, session.StartURL, token.StartURL)
		assert.Equal(t, session.Region, token.Region)
		assert.WithinDuration(t, time.Now().Add(time.Hour), token.ExpiresAt, time.Second)
		assert.NotEmpty(t, token.AccessToken)
		assert.NotEmpty(t, token.RefreshToken)
		assert.WithinDuration(t, start.Add(90*24*time.Hour), token.RegistrationExpiresAt, time.Second)
		assert.Equal(t, 90, server.IdentityCenter().Requests("CreateToken"))

		again, err := login.Login(t.Context(), session, options)
		require.NoError(t, err)
		assert.Equal(t, token.AccessToken, again.AccessToken, "nobody is asked twice")
		forced, err := login.Login(t.Context(), session, options, after(time.Second, server.IdentityCenter().ApproveDevice), func(o *login.Options) { o.Force = true })
		require.NoError(t, err)
		assert.NotEqual(t, token.AccessToken, forced.AccessToken)
		assert.Equal(t, 1, server.IdentityCenter().Requests("RegisterClient"), "one registration serves both")
	})
}

// The user gives up just when the response with the token arrives. The code is
// spent, so the token is kept.
func TestTokenIsKeptWhenTheContextEndsWithTheResponse(t *testing.T) {
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		server.IdentityCenter().AutoApprove(true)
		ctx, cancel := context.WithCancel(t.Context())
		token, err := login.Login(ctx, session, options, func(o *login.Options) {
			o.Config.HTTPClient = endsWithTheToken{o.Config.HTTPClient, cancel}
		})
		require.NoError(t, err)
		again, err := login.Login(t.Context(), session, options)
		require.NoError(t, err)
		assert.Equal(t, token.AccessToken, again.AccessToken)
	})
}

// endsWithTheToken ends the caller's context when there is a response of /token.
type endsWithTheToken struct {
	awstokens.HTTPClient
	end context.CancelFunc
}

func (e endsWithTheToken) Do(req *http.Request) (*http.Response, error) {
	resp, err := e.HTTPClient.Do(req)
	if strings.HasSuffix(req.URL.Path, "/token") {
		e.end()
	}
	return resp, err
}

// A poll that is told to slow down waits 5 seconds more from then on.
func TestSlowDownIsPermanent(t *testing.T) {
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		server.IdentityCenter().Next(2, "CreateToken").Refuse("SlowDownException", "too fast", nil)
		start := time.Now()
		_, err := login.Login(t.Context(), session, options, after(20*time.Second, server.IdentityCenter().ApproveDevice))
		require.NoError(t, err)
		// Polls at 1, 7 (6 more), 18 (11 more), 29.
		assert.Equal(t, 29*time.Second, time.Since(start))
		assert.Equal(t, 4, server.IdentityCenter().Requests("CreateToken"))
	})
}

func TestNoIntervalIsFiveSeconds(t *testing.T) {
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		server.IdentityCenter().Next(1, "StartDeviceAuthorization").Answer(http.StatusOK, nil,
			`{"deviceCode":"fake-device-code","userCode":"FAKE-CODE","verificationUri":"https://device.example/","expiresIn":12}`)
		server.IdentityCenter().Next(9, "CreateToken").Refuse("AuthorizationPendingException", "not yet", nil)
		var url string
		_, err := login.Login(t.Context(), session, options, func(o *login.Options) {
			o.Prompt = login.PromptFunc(func(_ context.Context, r login.Request, _ func(string) error) error {
				url = r.URL.Reveal()
				return nil
			})
		})
		assert.ErrorIs(t, err, login.ErrTimedOut)
		assert.Equal(t, 2, server.IdentityCenter().Requests("CreateToken"), "after 5 and 10 seconds of 12")
		assert.Equal(t, "https://device.example/", url, "any host will do")
	})
}

// What the service sends cannot add a line to the prompt, nor command a
// terminal.
func TestHostileUserCode(t *testing.T) {
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		server.IdentityCenter().Next(2, "StartDeviceAuthorization").Answer(http.StatusOK, nil, `{"deviceCode":"fake","expiresIn":2,
			"userCode":"FAKE\r\nOpen https://evil.example/ and type FAKE\u001b[2J\u202e\u2028","verificationUri":"https://device.example/\n\u0007"}`)
		var out strings.Builder
		_, err := login.Login(t.Context(), session, options, func(o *login.Options) { o.Prompt = &login.Terminal{Out: &out} })
		assert.ErrorIs(t, err, login.ErrTimedOut)
		assert.Contains(t, out.String(), "shows the code FAKE  Open https://evil.example/ and type FAKE [2J, or type that at https://device.example/\n")
		for _, control := range []string{"\x1b", "\x07", "\r", "\u202e", "\u2028"} {
			assert.NotContains(t, out.String(), control)
		}
		_, err = login.Login(t.Context(), session, options, func(o *login.Options) {
			o.Prompt = login.PromptFunc(func(_ context.Context, r login.Request, _ func(string) error) error {
				assert.Equal(t, "FAKE  Open https://evil.example/ and type FAKE [2J", r.UserCode.Reveal())
				assert.Equal(t, "https://device.example/", r.PlainURL)
				assert.Equal(t, r.PlainURL, r.URL.Reveal())
				return nil
			})
		})
		assert.ErrorIs(t, err, login.ErrTimedOut)
	})
}

// Nobody is shown a page that is less safe than the service.
func TestVerificationPages(t *testing.T) {
	for page, good := range map[string]bool{
		"https://device.example/": true, "HTTPS://device.example": true, "http://127.0.0.1:1/": true, // as the endpoint is
		"javascript:alert(1)": false, "javascript://device.example/%0aalert(1)": false, "file:///etc/passwd": false, "file://host/share": false,
		"data:text/html,x": false, "vbscript:x": false, "ssh://host/": false, "//device.example/": false, "/device": false, "https:device": false, "https://": false, "%": false, "": false,
	} {
		for _, complete := range []bool{false, true} {
			if page == "" && complete {
				continue // which is no member
			}
			device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
				plain, whole := page, "https://device.example/?user_code=FAKE-CODE"
				if complete {
					plain, whole = whole, page
				}
				body, err := json.Marshal(map[string]any{"deviceCode": "fake", "userCode": "FAKE-CODE", "verificationUri": plain, "verificationUriComplete": whole, "expiresIn": 2})
				require.NoError(t, err)
				server.IdentityCenter().Next(1, "StartDeviceAuthorization").Answer(http.StatusOK, nil, string(body))
				shown := false
				_, err = login.Login(t.Context(), session, options, func(o *login.Options) {
					o.Prompt = login.PromptFunc(func(context.Context, login.Request, func(string) error) error {
						shown = true
						return nil
					})
				})
				require.Error(t, err)
				assert.Equal(t, good, shown, page)
				assert.Equal(t, good, errors.Is(err, login.ErrTimedOut), "%q: %v", page, err)
				assert.NotContains(t, err.Error(), "FAKE-CODE")
			})
		}
	}
}

func TestFaultsDoNotEndThePolling(t *testing.T) {
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		server.IdentityCenter().Next(1, "CreateToken").Fail(http.StatusInternalServerError)
		server.IdentityCenter().Next(1, "CreateToken").FailUntyped(http.StatusBadGateway)
		server.IdentityCenter().Next(1, "CreateToken").FailUntyped(http.StatusTooManyRequests)
		server.IdentityCenter().Next(1, "CreateToken").Cut()
		server.IdentityCenter().Next(1, "CreateToken").LoseAnswer()
		_, err := login.Login(t.Context(), session, options, after(6*time.Second, server.IdentityCenter().ApproveDevice))
		assert.NoError(t, err)
	})
}

// What is no error of OAuth says nothing about the code. The login goes on, and
// if the code expires, that was the reason.
func TestResponsesOfSomethingElseDoNotEndThePolling(t *testing.T) {
	html := http.Header{"Content-Type": {"text/html"}}
	type reply struct {
		status int
		header http.Header
		body   string
	}
	replies := map[string]reply{
		"HTML 200":                 {200, html, "<html>log in to the Wi-Fi"},
		"empty 200":                {200, nil, ""},
		"empty object":             {200, nil, "{}"},
		"302":                      {302, http.Header{"Location": {"https://proxy.example/"}}, ""},
		"403 of another service":   {403, http.Header{"X-Amzn-Errortype": {"ForbiddenException"}}, `{"message":"Forbidden"}`},
		"403 of a proxy":           {403, nil, `{"error":"forbidden by policy"}`},
		"500 of the service":       {500, http.Header{"X-Amzn-Errortype": {"InternalServerException"}}, `{"error":"server_error"}`},
		"a throttle by the header": {400, http.Header{"X-Amzn-Errortype": {"ThrottlingException"}}, `{"message":"Rate exceeded"}`},
	}
	for _, status := range []int{400, 401, 403, 404, 407, 408, 429, 500, 502, 503, 504} {
		replies[fmt.Sprint("HTML ", status)] = reply{status, html, "<html>"}
	}
	for name, a := range replies {
		t.Run(name, func(t *testing.T) {
			device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
				server.IdentityCenter().Next(30, "CreateToken").Answer(a.status, a.header, a.body)
				token, err := login.Login(t.Context(), session, options, after(time.Second, server.IdentityCenter().ApproveDevice))
				require.NoError(t, err)
				assert.NotNil(t, token)

				server.IdentityCenter().OneIn(1, "CreateToken").Answer(a.status, a.header, a.body)
				start := time.Now()
				_, err = login.Login(t.Context(), session, options, func(o *login.Options) { o.Force, o.Timeout = true, time.Hour })
				assert.ErrorIs(t, err, login.ErrTimedOut)
				assert.Equal(t, 10*time.Minute, time.Since(start))
				var response *awstokens.ResponseError
				require.ErrorAs(t, err, &response)
				assert.Equal(t, a.status, response.StatusCode)
			})
		})
	}
}

// A code that is spent by a request whose response was lost is refused after
// that. The error has both.
func TestErrorHasTheLostResponse(t *testing.T) {
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		server.IdentityCenter().AutoApprove(true)
		server.IdentityCenter().Next(1, "CreateToken").LoseAnswer()
		_, err := login.Login(t.Context(), session, options)
		var refused *ssooidc.InvalidGrantException
		require.ErrorAs(t, err, &refused)
		assert.ErrorContains(t, err, "the last request failed")
		assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	})
}

// An error of OAuth ends the login at once.
func TestErrorsThatEndThePolling(t *testing.T) {
	for _, code := range []string{
		"InvalidClientException", "InvalidGrantException", "InvalidRequestException", "InvalidScopeException", "UnauthorizedClientException",
		"UnsupportedGrantTypeException",
	} {
		device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
			server.IdentityCenter().OneIn(1, "CreateToken").Refuse(code, "no", nil)
			start := time.Now()
			_, err := login.Login(t.Context(), session, options)
			var api smithy.APIError
			require.ErrorAs(t, err, &api)
			assert.Equal(t, code, api.ErrorCode())
			assert.Equal(t, time.Second, time.Since(start))
		})
	}
}

// An authorization_pending that only the body names has killed other pollers.
func TestPendingWithoutErrorHeaderDoesNotEndThePolling(t *testing.T) {
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		server.IdentityCenter().Next(3, "CreateToken").OmitErrorHeader()
		_, err := login.Login(t.Context(), session, options, after(4*time.Second, server.IdentityCenter().ApproveDevice))
		assert.NoError(t, err)
	})
}

func TestDeviceDenied(t *testing.T) {
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		_, err := login.Login(t.Context(), session, options, after(time.Second, server.IdentityCenter().DenyDevice))
		assert.ErrorIs(t, err, login.ErrDenied)
		var denied *ssooidc.AccessDeniedException
		assert.ErrorAs(t, err, &denied)
		assert.ErrorContains(t, err, "The user denied the request")
		var of *login.Error
		require.ErrorAs(t, err, &of)
		assert.Equal(t, session, of.Session)
	})
}

func TestDeviceCodeExpires(t *testing.T) {
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		start := time.Now()
		_, err := login.Login(t.Context(), session, options, func(o *login.Options) { o.Timeout = time.Hour })
		assert.ErrorIs(t, err, login.ErrTimedOut)
		assert.Equal(t, 10*time.Minute, time.Since(start))

		server.IdentityCenter().Next(1, "CreateToken").Refuse("ExpiredTokenException", "the code has expired", nil)
		_, err = login.Login(t.Context(), session, options)
		assert.ErrorIs(t, err, login.ErrTimedOut, "by the server's clock")
		var expired *ssooidc.ExpiredTokenException
		assert.ErrorAs(t, err, &expired)
		assert.NotContains(t, err.Error(), "clock")

		server.IdentityCenter().Next(1, "CreateToken").Refuse("ExpiredTokenException", "the code has expired", nil)
		_, err = login.Login(t.Context(), session, options, func(o *login.Options) {
			o.Config.Now = func() time.Time { return time.Now().Add(-3 * time.Hour) }
		})
		assert.ErrorContains(t, err, "the local clock is 3h0m0s behind the service's")
	})
}

func TestLoginIsBoundedByTimeoutAndContext(t *testing.T) {
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		start := time.Now()
		_, err := login.Login(t.Context(), session, options, func(o *login.Options) { o.Timeout = 2500 * time.Millisecond })
		assert.ErrorIs(t, err, login.ErrTimedOut)
		assert.Equal(t, 2500*time.Millisecond, time.Since(start))

		server.IdentityCenter().OneIn(1, "CreateToken").FailUntyped(http.StatusBadGateway)
		_, err = login.Login(t.Context(), session, options, func(o *login.Options) { o.Timeout = 2500 * time.Millisecond })
		assert.ErrorIs(t, err, login.ErrTimedOut)
		assert.ErrorContains(t, err, "502", "what kept it from ending well is not lost")

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		_, err = login.Login(ctx, session, options)
		assert.ErrorIs(t, err, context.Canceled)
		assert.NotErrorIs(t, err, login.ErrTimedOut)
		assert.ErrorContains(t, err, "nobody approved the login yet")

		var o login.Options
		options(&o)
		unlock, err := o.Store.Lock(t.Context(), session, login.LockPrompt)
		require.NoError(t, err)
		defer unlock()
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = login.Login(ctx, session, options)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "wait for the lock of logins")
	})
}

func TestPromptThatFailsEndsTheLogin(t *testing.T) {
	device(t, func(t *testing.T, _ *awstokenstest.Server, options func(*login.Options)) {
		gone := errors.New("the window was closed")
		_, err := login.Login(t.Context(), session, options, after(time.Second, func(string) error { return gone }))
		assert.ErrorIs(t, err, gone)
	})
}

// A prompt that does not return when its context ends does not keep Login from
// returning.
func TestPromptThatIgnoresItsContext(t *testing.T) {
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		end := make(chan struct{})
		defer close(end)
		stuck := func(o *login.Options) {
			o.Timeout = 5 * time.Second
			o.Prompt = login.PromptFunc(func(context.Context, login.Request, func(string) error) error {
				<-end
				return errors.New("too late")
			})
		}
		start := time.Now()
		_, err := login.Login(t.Context(), session, options, stuck)
		assert.ErrorIs(t, err, login.ErrTimedOut)
		assert.Equal(t, 7*time.Second, time.Since(start))

		server.IdentityCenter().AutoApprove(true)
		start = time.Now()
		token, err := login.Login(t.Context(), session, options, stuck)
		require.NoError(t, err)
		assert.NotEmpty(t, token.AccessToken)
		assert.Equal(t, 3*time.Second, time.Since(start), "one poll, and the wait for the prompt")
	})
}

// An expired registration that is reused fails only after the user approved.
func TestRegistrationIsRenewedBeforeTheUserIsAsked(t *testing.T) {
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		approve := after(time.Second, server.IdentityCenter().ApproveDevice)
		_, err := login.Login(t.Context(), session, options, approve)
		require.NoError(t, err)
		server.Advance(89*24*time.Hour - time.Minute)
		again := func(o *login.Options) { o.Force = true }
		_, err = login.Login(t.Context(), session, options, approve, again)
		require.NoError(t, err)
		assert.Equal(t, 1, server.IdentityCenter().Requests("RegisterClient"), "it lasts for another day")

		server.Advance(2 * time.Hour) // both the token and that day are over
		token, err := login.Login(t.Context(), session, options, approve, again)
		require.NoError(t, err)
		assert.Equal(t, 2, server.IdentityCenter().Requests("RegisterClient"))
		assert.WithinDuration(t, server.Now().Add(90*24*time.Hour), token.RegistrationExpiresAt, time.Minute)
	})
}

func TestForgottenRegistrationIsRenewedOnce(t *testing.T) {
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		var o login.Options
		options(&o)
		forgotten := &login.Registration{
			ClientID: "forgotten", ClientSecret: awstokens.NewSecret("fake-client-secret"), ExpiresAt: time.Now().Add(80 * 24 * time.Hour),
			Scopes: []string{login.DefaultScope},
		}
		require.NoError(t, o.Store.SaveRegistration(t.Context(), session, forgotten))
		asked := 0
		token, err := login.Login(t.Context(), session, options, after(time.Second, func(code string) error {
			asked++
			return server.IdentityCenter().ApproveDevice(code)
		}))
		require.NoError(t, err)
		assert.NotEqual(t, "forgotten", token.ClientID)
		assert.Equal(t, 1, asked)

		server.IdentityCenter().Next(9, "StartDeviceAuthorization").Refuse("InvalidClientException", "who?", nil)
		_, err = login.Login(t.Context(), session, options, func(o *login.Options) { o.Force = true })
		var invalid *ssooidc.InvalidClientException
		assert.ErrorAs(t, err, &invalid)
		assert.Equal(t, 4, server.IdentityCenter().Requests("StartDeviceAuthorization"), "each login tried the old client and a new one")
	})
}

// The start URL of another Region's instance is a bare invalid_request or
// invalid_grant elsewhere.
func TestWrongRegion(t *testing.T) {
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		server.IdentityCenter().Next(1, "StartDeviceAuthorization").Refuse("InvalidRequestRegionException", "not here", map[string]string{"region": "eu-west-1"})
		_, err := login.Login(t.Context(), session, options)
		assert.ErrorIs(t, err, login.ErrWrongRegion)
		assert.ErrorContains(t, err, "eu-west-1")
	})
}

// A start URL that the service does not know is refused as an invalid request
// or grant. The error says what to look at.
func TestHintAtStartURLAndRegion(t *testing.T) {
	for _, code := range []string{"InvalidRequestException", "InvalidGrantException"} {
		for url, want := range map[string]string{
			"https://example.awsapps.com/start":                          "is that the start URL, and is its Identity Center instance in us-east-1?",
			"https://ssoins-0123456789abcdef.portal.us-east-1.app.aws":   "is that the start URL",
			"https://ssoins-0123456789abcdef.portal.eu-west-1.app.aws/":  "the start URL is of eu-west-1",
			"https://ssoins-0123.eu-west-1.portal.amazonaws.com/":        "the start URL is of eu-west-1",
			"HTTPS://SSOINS-0123.CN-NORTH-1.PORTAL.AMAZONAWS.COM.CN#":    "the start URL is of cn-north-1",
			"https://portal.eu-west-1.app.aws/":                          "is that the start URL",
			"https://ssoins-0123.portal.eu-west-1.app.aws.evil.example/": "is that the start URL",
		} {
			device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
				session := session
				session.StartURL = url
				server.IdentityCenter().Next(1, "StartDeviceAuthorization").Refuse(code, "no", nil)
				_, err := login.Login(t.Context(), session, options)
				assert.ErrorContains(t, err, want)
				assert.Equal(t, strings.Contains(want, " is of "), errors.Is(err, login.ErrWrongRegion), url)
			})
		}
	}
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		server.IdentityCenter().Next(1, "StartDeviceAuthorization").Refuse("InvalidRequestException", "no", map[string]string{"reason": "KMS_DisabledException"})
		_, err := login.Login(t.Context(), session, options)
		assert.ErrorContains(t, err, "KMS_DisabledException")
		assert.NotContains(t, err.Error(), "is that the start URL")
	})
}

// All requests go to the session's Region, whatever the program's.
func TestRequestsGoToTheSessionsRegion(t *testing.T) {
	var host string
	session := session
	session.Region = "eu-south-2"
	_, err := login.Login(t.Context(), session, func(o *login.Options) {
		o.Store, o.Flow = login.NewMemoryStore(), login.FlowDevice
		o.Config.Region = "ap-south-1"
		o.Config.HTTPClient = doFunc(func(r *http.Request) (*http.Response, error) {
			host = r.URL.Host
			return nil, errors.New("no network here")
		})
		o.Config.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = 1 })
	})
	assert.ErrorContains(t, err, "no network here")
	assert.Equal(t, "oidc.eu-south-2.amazonaws.com", host)
}

type doFunc func(*http.Request) (*http.Response, error)

func (f doFunc) Do(r *http.Request) (*http.Response, error) { return f(r) }

func TestLoginErrors(t *testing.T) {
	memory := func(o *login.Options) { o.Store = login.NewMemoryStore() }
	_, err := login.Login(t.Context(), login.Session{Name: "half"}, memory)
	assert.ErrorContains(t, err, "no start URL")
	_, err = login.Login(t.Context(), session, memory, func(o *login.Options) { o.Flow = "pigeon" })
	assert.ErrorContains(t, err, `no flow "pigeon"`)
	_, err = login.Login(t.Context(), session, memory, func(o *login.Options) { o.Config.BaseEndpoint = "http://example.com" })
	assert.ErrorIs(t, err, awstokens.ErrInsecureEndpoint)
}

// A store that cannot keep the registration ends the login before anybody is
// asked.
func TestStoreThatCannotBeWritten(t *testing.T) {
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		_, err := login.Login(t.Context(), session, options, func(o *login.Options) { o.Store = readOnly{o.Store} })
		assert.ErrorIs(t, err, errReadOnly)
		assert.Zero(t, server.IdentityCenter().Requests("StartDeviceAuthorization"))
	})
}

var errReadOnly = errors.New("the store is read-only")

type readOnly struct{ login.Store }

func (readOnly) SaveRegistration(context.Context, login.Session, *login.Registration) error {
	return errReadOnly
}

func TestDeviceScopes(t *testing.T) {
	device(t, func(t *testing.T, server *awstokenstest.Server, options func(*login.Options)) {
		var o login.Options
		options(&o)
		narrow := &login.Registration{
			ClientID: "narrow", ClientSecret: awstokens.NewSecret("fake-client-secret"), ExpiresAt: time.Now().Add(80 * 24 * time.Hour), Scopes: []string{"other:scope"},
		}
		require.NoError(t, o.Store.SaveRegistration(t.Context(), session, narrow))
		_, err := login.Login(t.Context(), session, options, after(time.Second, server.IdentityCenter().ApproveDevice))
		require.NoError(t, err)
		r, err := o.Store.LoadRegistration(t.Context(), session)
		require.NoError(t, err)
		assert.Equal(t, []string{login.DefaultScope}, r.Scopes)
		assert.Empty(t, r.GrantTypes, "which means the device code")
		assert.False(t, strings.Contains(r.ClientID, "narrow"))
	})
}
