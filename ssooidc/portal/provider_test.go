package portal_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go/auth/bearer"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// session is a token provider with a Region. Each token is new.
type session struct {
	server *awstokenstest.Server
	tokens atomic.Int32 // how many it returned
}

func (s *session) Region() string { return "us-east-1" }

func (s *session) RetrieveBearerToken(context.Context) (bearer.Token, error) {
	s.tokens.Add(1)
	return bearer.Token{Value: s.server.IdentityCenter().SignIn().Reveal()}, nil
}

// visitor returns the configuration of a program without credentials.
func visitor(cfg awstokens.Config) awstokens.Config {
	cfg.Credentials = nil
	return impatient(cfg)
}

func readOnly(t *testing.T, server *awstokenstest.Server, tokens bearer.TokenProvider, options ...func(*portal.Options)) *portal.Provider {
	t.Helper()
	creds, err := portal.RoleCredentials(visitor(server.Config()), tokens, account, "ReadOnlyAccess", options...)
	require.NoError(t, err)
	return creds
}

// slowSession is a session whose token is refreshed for longer than a caller waits.
type slowSession struct {
	session
	refreshes sync.WaitGroup
	waits     atomic.Int32
}

func (s *slowSession) RetrieveBearerToken(ctx context.Context) (bearer.Token, error) {
	s.refreshes.Go(func() { time.Sleep(5 * time.Second) })
	time.Sleep(time.Second)
	return s.session.RetrieveBearerToken(ctx)
}

func (s *slowSession) Wait(ctx context.Context) error {
	s.waits.Add(1)
	s.refreshes.Wait()
	return ctx.Err()
}

// TestWait waits for the renewal of the credentials and for the refresh of the token.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
		tokens := &slowSession{session: session{server: server}}
		creds := readOnly(t, server, tokens)
		require.NoError(t, creds.Wait(t.Context()))
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := creds.Retrieve(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorIs(t, creds.Wait(ctx), context.DeadlineExceeded)
		assert.EqualValues(t, 1, tokens.waits.Load(), "the renewal might begin another refresh")
		require.NoError(t, creds.Wait(t.Context()))
		assert.Equal(t, 5*time.Second, time.Since(begun))
		assert.Equal(t, 1, server.IdentityCenter().Requests("GetRoleCredentials"))

		require.NoError(t, readOnly(t, server, &session{server: server}).Wait(ctx), "of a provider that has no Wait")
	})
}

func inRegion(region string) func(*portal.Options) {
	return func(o *portal.Options) { o.Region = region }
}

// TestOneLoginSignsCalls makes calls for two days.
func TestOneLoginSignsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
		login := &session{server: server}
		cfg := visitor(server.Config())
		cfg.Credentials = readOnly(t, login.server, login)
		client, err := licensemanager.New(cfg)
		require.NoError(t, err)
		assert.Zero(t, server.IdentityCenter().Requests("")+server.LicenseManager().Requests(""), "nothing is sent before it is needed")

		for range 48 * 4 {
			_, err = client.ListTokens(t.Context(), nil)
			require.NoError(t, err)
			time.Sleep(15 * time.Minute)
		}
		renewals := server.IdentityCenter().Requests("GetRoleCredentials")
		assert.InDelta(t, 48, renewals, 3, "once an hour")
		assert.EqualValues(t, renewals, login.tokens.Load())
	})
}

// TestRenewsEarly: credentials are renewed before they expire, while callers still get
// them, also after a renewal that failed.
func TestRenewsEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
		creds := readOnly(t, server, &session{server: server})
		first, err := creds.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, time.Hour, first.Expires.Sub(server.Now()).Round(time.Second))

		time.Sleep(57 * time.Minute)
		server.IdentityCenter().Next(1, "GetRoleCredentials").Refuse("UnauthorizedException", "not now", nil)
		for range 2 {
			again, err := creds.Retrieve(t.Context())
			require.NoError(t, err)
			assert.Equal(t, first, again)
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		_, err = creds.Retrieve(t.Context())
		require.NoError(t, err)
		synctest.Wait()
		second, err := creds.Retrieve(t.Context())
		require.NoError(t, err)
		assert.NotEqual(t, first.AccessKeyID, second.AccessKeyID)
		assert.Equal(t, 3, server.IdentityCenter().Requests("GetRoleCredentials"))
	})
}

func TestHundredCallersOneRenewal(t *testing.T) {
	server := awstokenstest.NewServer(t)
	login := &session{server: server}
	creds := readOnly(t, server, login)
	for round := range 3 {
		keys := make([]string, 100)
		var wg sync.WaitGroup
		for i := range keys {
			wg.Go(func() {
				got, err := creds.Retrieve(t.Context())
				assert.NoError(t, err)
				keys[i] = got.AccessKeyID
			})
		}
		wg.Wait()
		for _, key := range keys {
			assert.Equal(t, keys[0], key)
		}
		assert.Equal(t, round+1, server.IdentityCenter().Requests("GetRoleCredentials"))
		assert.EqualValues(t, round+1, login.tokens.Load())
		server.Advance(61 * time.Minute)
	}
}

func static(token awstokens.Secret) bearer.TokenProvider {
	return bearer.StaticTokenProvider{Token: bearer.Token{Value: token.Reveal()}}
}

func TestErrorsNameTheirStep(t *testing.T) {
	server := awstokenstest.NewServer(t)
	retrieve := func(tokens bearer.TokenProvider) error {
		_, err := readOnly(t, server, tokens, inRegion("us-east-1")).Retrieve(t.Context())
		return err
	}
	noLogin := errors.New("no login today")
	for name, test := range map[string]struct {
		err  error
		step portal.Step
	}{
		"no token": {retrieve(bearer.TokenProviderFunc(func(context.Context) (bearer.Token, error) {
			return bearer.Token{}, noLogin
		})), portal.StepGetAccessToken},
		"empty token": {retrieve(static(awstokens.Secret{})), portal.StepGetAccessToken},
		"bad token":   {retrieve(static(awstokens.NewSecret("not-a-real-token"))), portal.StepGetRoleCredentials},
	} {
		var step *portal.Error
		require.ErrorAs(t, test.err, &step, name)
		assert.Equal(t, test.step, step.Step, name)
		assert.Regexp(t, `^[a-z_]+$`, string(step.Step), "a code")
		assert.NotContains(t, test.err.Error(), string(step.Step), "a sentence")
		assert.ErrorContains(t, test.err, "role ReadOnlyAccess in the account 111122223333")
		assert.NotContains(t, test.err.Error(), "not-a-real-token")
		assert.Equal(t, name == "no token", errors.Is(test.err, noLogin))

		var unauthorized *portal.UnauthorizedException
		ended := errors.As(test.err, &unauthorized)
		assert.Equal(t, name == "bad token", ended)
		if ended {
			assert.ErrorContains(t, test.err, "log in again")
		}
	}

	token := server.IdentityCenter().SignIn()
	creds, err := portal.RoleCredentials(visitor(server.Config()), static(token), account, "NotMine", inRegion("us-east-1"))
	require.NoError(t, err)
	_, err = creds.Retrieve(t.Context())
	assert.ErrorContains(t, err, "ForbiddenException")
	assert.ErrorContains(t, err, "role NotMine in the account 111122223333: the account or the role does not exist or is not assigned to the user: ")
	assert.NotContains(t, err.Error(), "log in again")
	var denied *portal.Error
	require.ErrorAs(t, err, &denied)
	assert.Equal(t, [2]string{account, "NotMine"}, [2]string{denied.AccountID, denied.RoleName})

	ctx, cancel := context.WithCancel(t.Context())
	_, err = readOnly(t, server, bearer.TokenProviderFunc(func(context.Context) (bearer.Token, error) {
		cancel()
		<-t.Context().Done() // so that only the end of the caller's context can end the call
		return bearer.Token{}, t.Context().Err()
	}), inRegion("us-east-1")).Retrieve(ctx)
	assert.ErrorIs(t, err, context.Canceled)
}

// caching is a token provider that returns its first token until it is discarded.
type caching struct {
	tokens    []awstokens.Secret
	discarded []awstokens.Secret
}

func (c *caching) RetrieveBearerToken(context.Context) (bearer.Token, error) {
	return bearer.Token{Value: c.tokens[0].Reveal()}, nil
}

func (c *caching) Discard(refused awstokens.Secret) {
	c.discarded, c.tokens = append(c.discarded, refused), c.tokens[1:]
}

// TestRefusedTokenIsDiscarded: a token that the portal refuses is discarded, and the
// next one is tried once.
func TestRefusedTokenIsDiscarded(t *testing.T) {
	server := awstokenstest.NewServer(t)
	refused, good := awstokens.NewSecret("not-a-real-token"), server.IdentityCenter().SignIn()
	tokens := &caching{tokens: []awstokens.Secret{refused, good}}
	_, err := readOnly(t, server, tokens, inRegion("us-east-1")).Retrieve(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []awstokens.Secret{refused}, tokens.discarded)

	tokens = &caching{tokens: []awstokens.Secret{refused, refused, good}}
	_, err = readOnly(t, server, tokens, inRegion("us-east-1")).Retrieve(t.Context())
	var unauthorized *portal.UnauthorizedException
	require.ErrorAs(t, err, &unauthorized)
	assert.Len(t, tokens.discarded, 1)
}

// TestRegionOfTheSession: the portal is called in the Region of the session, not in
// that of the configuration.
func TestRegionOfTheSession(t *testing.T) {
	get := func(tokens bearer.TokenProvider, options ...func(*portal.Options)) (string, error) {
		stub := &response{status: 200, body: someKeys}
		cfg := awstokens.Config{Region: "eu-north-1", HTTPClient: stub}
		creds, err := portal.RoleCredentials(cfg, tokens, account, "ReadOnlyAccess", options...)
		if err != nil {
			return "", err
		}
		_, err = creds.Retrieve(t.Context())
		require.NoError(t, err)
		return stub.sent.URL.Host, nil
	}
	server := awstokenstest.NewServer(t)
	session := &session{server: server}
	for name, options := range map[string][]func(*portal.Options){"the session's": nil, "the same, said twice": {inRegion("us-east-1")}} {
		host, err := get(session, options...)
		require.NoError(t, err, name)
		assert.Equal(t, "portal.sso.us-east-1.amazonaws.com", host, name)
	}
	host, err := get(static(awstokens.NewSecret("fake")), inRegion("us-west-2"))
	require.NoError(t, err)
	assert.Equal(t, "portal.sso.us-west-2.amazonaws.com", host)

	_, err = get(static(awstokens.NewSecret("fake")))
	assert.ErrorContains(t, err, "set Options.Region")
	_, err = get(session, inRegion("us-west-2"))
	assert.ErrorContains(t, err, "us-east-1")
	_, err = get(static(awstokens.NewSecret("fake")), inRegion("no host"))
	assert.ErrorContains(t, err, "not a host label")
}

func TestRoleCredentialsRequires(t *testing.T) {
	for _, missing := range []int{0, 1, 2} {
		tokens, account, role := static(awstokens.NewSecret("fake")), account, "ReadOnlyAccess"
		switch missing {
		case 0:
			tokens = nil
		case 1:
			account = ""
		case 2:
			role = ""
		}
		_, err := portal.RoleCredentials(awstokens.Config{}, tokens, account, role, inRegion("us-east-1"))
		assert.ErrorContains(t, err, "a token provider, an account and a role are required", fmt.Sprint(missing))
	}
}
