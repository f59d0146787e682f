package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
)

const envMain = "AWSTOKENS_TEST_MAIN"

// TestMain runs the command instead of the tests in a process of TestSignal. The
// machine's AWS environment has no part in the tests.
func TestMain(m *testing.M) {
	if os.Getenv(envMain) != "" {
		main()
		return
	}
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") {
			os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}

// holdTokens puts a proxy before the services that holds the responses with tokens, once the
// service has processed the request, and says so in held.
func holdTokens(t *testing.T, server *awstokenstest.Server) (held <-chan struct{}, release func()) {
	t.Helper()
	services, err := url.Parse(server.URL())
	require.NoError(t, err)
	arrived, released := make(chan struct{}, 1), make(chan struct{})
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: services.Scheme, Host: services.Host}) },
		ModifyResponse: func(r *http.Response) error {
			if strings.HasSuffix(r.Request.URL.Path, "/token") {
				arrived <- struct{}{}
				<-released
			}
			return nil
		},
	})
	t.Cleanup(proxy.Close)
	t.Setenv("AWS_ENDPOINT_URL", proxy.URL+services.Path)
	return arrived, func() { close(released) }
}

// TestSignal interrupts the command while the response with the next refresh token is under
// way. The login is not lost, although the service rotates refresh tokens.
func TestSignal(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot be sent an interrupt on Windows")
	}
	server := start(t)
	server.IdentityCenter().AutoApprove(true)
	server.IdentityCenter().RotateRefreshTokens(true)
	profile, err := login.LoadProfile("")
	require.NoError(t, err)
	store, err := login.NewFileStore("")
	require.NoError(t, err)
	token, err := login.Login(t.Context(), profile.Session, func(o *login.Options) {
		o.Config, o.Flow, o.Force = server.Config(), login.FlowDevice, true
		o.Prompt = login.PromptFunc(func(context.Context, login.Request, func(string) error) error { return nil })
	})
	require.NoError(t, err)
	token.ExpiresAt = time.Now().Add(-time.Minute)
	require.NoError(t, store.SaveToken(t.Context(), profile.Session, token))
	held, release := holdTokens(t, server)

	var stderr bytes.Buffer
	command := exec.CommandContext(t.Context(), os.Args[0], "profile")
	command.Env, command.Stderr = append(os.Environ(), envMain+"=1"), &stderr
	require.NoError(t, command.Start())
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	select {
	case <-held:
	case err := <-ended:
		require.NoError(t, err, stderr.String())
	}
	require.NoError(t, command.Process.Signal(os.Interrupt))
	select {
	case <-ended:
		t.Error("the command does not wait for the refresh")
	case <-time.After(300 * time.Millisecond):
	}
	release()
	if !t.Failed() {
		assert.Error(t, <-ended)
		assert.Contains(t, stderr.String(), "context canceled")
	}

	next, err := store.LoadToken(t.Context(), profile.Session)
	require.NoError(t, err)
	assert.False(t, next.RefreshToken.Equal(token.RefreshToken))
	var stdout bytes.Buffer
	assert.NoError(t, run(t.Context(), []string{"profile"}, &stdout, &stderr), "the session goes on")
}
