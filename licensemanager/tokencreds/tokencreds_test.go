package tokencreds_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
)

// mint makes a refresh token that embeds the server's role.
// inProcess makes a server that can be used in a bubble of synctest.
func inProcess(o *awstokenstest.Options) { o.InProcess = true }

func mint(t *testing.T, server *awstokenstest.Server) (token awstokens.Secret, id string) {
	t.Helper()
	client, err := licensemanager.New(server.Config())
	require.NoError(t, err)
	out, err := client.CreateToken(context.Background(), &licensemanager.CreateTokenInput{
		ClientToken:     licensemanager.NewClientToken(),
		LicenseArn:      server.LicenseManager().LicenseARN(),
		RoleArns:        []string{server.LicenseManager().RoleARN()},
		TokenProperties: []string{"customer=example"},
	})
	require.NoError(t, err)
	return out.Token, out.TokenId
}

// customer is the configuration of a machine without AWS credentials.
func customer(server *awstokenstest.Server) awstokens.Config {
	cfg := server.Config()
	cfg.Credentials = nil
	cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.BaseDelay = 1 })
	return cfg
}

func role(server *awstokenstest.Server) func(*tokencreds.Options) {
	return func(o *tokencreds.Options) { o.RoleArn, o.Patience = server.LicenseManager().RoleARN(), -1 }
}

func TestCredentialsSign(t *testing.T) {
	server := awstokenstest.NewServer(t)
	token, _ := mint(t, server)
	creds, err := tokencreds.New(customer(server), tokencreds.Token(token), role(server))
	require.NoError(t, err)

	cfg := customer(server)
	cfg.Credentials = creds
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	for range 3 {
		_, err = client.ListTokens(context.Background(), nil)
		require.NoError(t, err)
	}
	assert.Equal(t, 1, server.LicenseManager().Requests("GetAccessToken"), "credentials are kept")

	server.Advance(50 * time.Minute)
	_, err = client.ListTokens(context.Background(), nil)
	require.NoError(t, err)
	assert.Equal(t, 1, server.LicenseManager().Requests("GetAccessToken"), "until they are near their end")

	server.Advance(11 * time.Minute)
	_, err = client.ListTokens(context.Background(), nil)
	require.NoError(t, err)
	assert.Equal(t, 2, server.LicenseManager().Requests("GetAccessToken"))
}

func TestTokenFile(t *testing.T) {
	server := awstokenstest.NewServer(t)
	token, _ := mint(t, server)
	for _, text := range []string{"%", "%\n", "\"%\"\n", "  \t\"%\" \r\n"} {
		path := filepath.Join(t.TempDir(), "license_token")
		require.NoError(t, os.WriteFile(path, []byte(replace(text, token)), 0o600))
		creds, err := tokencreds.New(customer(server), tokencreds.File(path), role(server))
		require.NoError(t, err)
		_, err = creds.Retrieve(context.Background())
		assert.NoError(t, err, "%q", text)
	}
}

func replace(text string, token awstokens.Secret) string {
	var out []byte
	for i := range len(text) {
		if text[i] == '%' {
			out = append(out, token.Reveal()...)
			continue
		}
		out = append(out, text[i])
	}
	return string(out)
}

func TestFromEnv(t *testing.T) {
	server := awstokenstest.NewServer(t)
	token, _ := mint(t, server)
	path := filepath.Join(t.TempDir(), "license_token")
	require.NoError(t, os.WriteFile(path, []byte(token.Reveal()), 0o600))
	t.Setenv("AWS_ROLE_ARN", server.LicenseManager().RoleARN())
	t.Setenv("AWS_ROLE_SESSION_NAME", "from-the-environment")

	_, err := tokencreds.FromEnv(customer(server))
	assert.ErrorContains(t, err, "AWS_WEB_IDENTITY_REFRESH_TOKEN_FILE and AWS_LICENSE_ACCESS_FILE")

	for _, name := range []string{"AWS_LICENSE_ACCESS_FILE", "AWS_WEB_IDENTITY_REFRESH_TOKEN_FILE"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, path)
			creds, err := tokencreds.FromEnv(customer(server))
			require.NoError(t, err)
			_, err = creds.Retrieve(context.Background())
			assert.NoError(t, err)
		})
	}

	t.Setenv("AWS_ROLE_ARN", "")
	_, err = tokencreds.New(customer(server), tokencreds.File(path))
	assert.ErrorContains(t, err, "AWS_ROLE_ARN")
	_, err = tokencreds.New(awstokens.Config{}, tokencreds.File(path), role(server))
	assert.ErrorContains(t, err, "no region")
	_, err = tokencreds.New(customer(server), nil, role(server))
	assert.Error(t, err)
}

// Options that no call can work with are reported before there is one.
func TestOptionsAreValidated(t *testing.T) {
	server := awstokenstest.NewServer(t)
	for name, test := range map[string]struct {
		option string
		change func(*tokencreds.Options)
	}{
		"role":             {"RoleArn", func(o *tokencreds.Options) { o.RoleArn = "nonsense" }},
		"space in session": {"RoleSessionName", func(o *tokencreds.Options) { o.RoleSessionName = "two words" }},
		"short session":    {"RoleSessionName", func(o *tokencreds.Options) { o.RoleSessionName = "x" }},
		"short":            {"Duration", func(o *tokencreds.Options) { o.Duration = time.Minute }},
		"under a second":   {"Duration", func(o *tokencreds.Options) { o.Duration = time.Millisecond }},
		"long":             {"Duration", func(o *tokencreds.Options) { o.Duration = 12*time.Hour + 1 }},
		"too long to send": {"Duration", func(o *tokencreds.Options) { o.Duration = (1<<32 + 3600) * time.Second }},
		"negative":         {"Duration", func(o *tokencreds.Options) { o.Duration = -time.Hour }},
		"properties":       {"TokenProperties", func(o *tokencreds.Options) { o.TokenProperties = make([]string, 4) }},
	} {
		_, err := tokencreds.New(customer(server), tokencreds.Token("token"), role(server), test.change)
		var violation *awstokens.ConstraintError
		if assert.ErrorAs(t, err, &violation, name) {
			assert.Contains(t, err.Error(), "license credentials: Options."+test.option+": ", name)
		}
		cfg := customer(server)
		cfg.DisableValidation = true
		_, err = tokencreds.New(cfg, tokencreds.Token("token"), role(server), test.change)
		assert.NoError(t, err, name)
	}

	_, err := tokencreds.New(customer(server), tokencreds.Token("token"), role(server), func(o *tokencreds.Options) {
		o.RoleSessionName, o.Duration = "two words", time.Minute
	})
	assert.ErrorContains(t, err, "Options.RoleSessionName")
	assert.ErrorContains(t, err, "Options.Duration")

	for _, d := range []time.Duration{0, 15 * time.Minute, 15*time.Minute - 1, 12 * time.Hour} {
		_, err := tokencreds.New(customer(server), tokencreds.Token("token"), role(server), func(o *tokencreds.Options) { o.Duration = d })
		assert.NoError(t, err, "%s", d)
	}
}

// The file is replaced, and its old token deleted, again and again, in place
// as a shell does it, while many callers ask: none may see an error, and
// renewals happen one at a time.
func TestRotatedFile(t *testing.T) {
	server := awstokenstest.NewServer(t)
	token, id := mint(t, server)
	seller, err := licensemanager.New(server.Config())
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "license_token")
	require.NoError(t, os.WriteFile(path, []byte(token.Reveal()), 0o600))

	var renewing sync.Mutex
	source := func(ctx context.Context) (awstokens.Secret, error) {
		assert.True(t, renewing.TryLock(), "two renewals at once")
		defer renewing.Unlock()
		return tokencreds.File(path)(ctx)
	}
	creds, err := tokencreds.New(customer(server), source, role(server))
	require.NoError(t, err)

	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 100 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := creds.Retrieve(context.Background()); !assert.NoError(t, err) {
					return
				}
			}
		})
	}
	for range 20 {
		server.Advance(56 * time.Minute)
		next, nextID := mint(t, server)
		require.NoError(t, os.WriteFile(path, []byte(next.Reveal()), 0o600))
		_, err := seller.DeleteToken(context.Background(), &licensemanager.DeleteTokenInput{TokenId: id})
		require.NoError(t, err)
		id = nextID
		_, err = creds.Retrieve(context.Background())
		require.NoError(t, err)
	}
	close(stop)
	wg.Wait()
	assert.GreaterOrEqual(t, server.STS().Requests("AssumeRoleWithWebIdentity"), 10)
}

func TestErrorsNameTheirStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, inProcess)
		token, id := mint(t, server)
		retrieve := func(source tokencreds.Source, options ...func(*tokencreds.Options)) error {
			creds, err := tokencreds.New(customer(server), source, append([]func(*tokencreds.Options){role(server)}, options...)...)
			require.NoError(t, err)
			_, err = creds.Retrieve(context.Background())
			return err
		}
		failed := errors.New("no token today")
		for name, test := range map[string]struct {
			err  error
			step tokencreds.Step
			is   error
		}{
			"source fails": {
				retrieve(func(context.Context) (awstokens.Secret, error) { return "", failed }), tokencreds.StepReadToken, failed,
			},
			"no file":     {retrieve(tokencreds.File(filepath.Join(t.TempDir(), "none"))), tokencreds.StepReadToken, os.ErrNotExist},
			"empty token": {retrieve(tokencreds.Token(" \n")), tokencreds.StepReadToken, nil},
			"bad token":   {retrieve(tokencreds.Token("not-a-real-token")), tokencreds.StepGetAccessToken, nil},
			"other properties": {
				retrieve(tokencreds.Token(token), func(o *tokencreds.Options) { o.TokenProperties = []string{"customer=other"} }),
				tokencreds.StepGetAccessToken, nil,
			},
			"other role": {
				retrieve(tokencreds.Token(token), func(o *tokencreds.Options) { o.RoleArn += "Other" }), tokencreds.StepAssumeRole, nil,
			},
		} {
			var stepError *tokencreds.Error
			if assert.ErrorAs(t, test.err, &stepError, name) {
				assert.Equal(t, test.step, stepError.Step, name)
				assert.NotContains(t, test.err.Error(), token.Reveal())
				assert.NotContains(t, test.err.Error(), "not-a-real-token")
			}
			if test.is != nil {
				assert.ErrorIs(t, test.err, test.is, name)
			}
		}

		seller, err := licensemanager.New(server.Config())
		require.NoError(t, err)
		_, err = seller.DeleteToken(context.Background(), &licensemanager.DeleteTokenInput{TokenId: id})
		require.NoError(t, err)
		var denied *licensemanager.AccessDeniedException
		assert.ErrorAs(t, retrieve(tokencreds.Token(token)), &denied)
	})
}

// A token that was taken back is told from a service that cannot be asked.
func TestTokenRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, inProcess)
		token, id := mint(t, server)
		creds, err := tokencreds.New(customer(server), tokencreds.Token(token), role(server))
		require.NoError(t, err)
		cfg := customer(server)
		cfg.Credentials = creds
		client, err := licensemanager.New(cfg)
		require.NoError(t, err)
		fails := func() error {
			_, err := client.ListTokens(t.Context(), nil)
			var stepError *tokencreds.Error
			require.ErrorAs(t, err, &stepError)
			return err
		}

		for code, refused := range map[string]bool{
			"AccessDeniedException":       true,
			"AuthorizationException":      true,
			"ValidationException":         true,
			"ResourceNotFoundException":   true,
			"RateLimitExceededException":  false,
			"ServerInternalException":     false,
			"UnrecognizedClientException": false,
		} {
			server.LicenseManager().OneIn(1, "GetAccessToken").Refuse(code, "", nil)
			assert.Equal(t, refused, errors.Is(fails(), tokencreds.ErrTokenRefused), code)
			server.ClearFaults()
		}
		server.LicenseManager().OneIn(1, "GetAccessToken").Cut()
		assert.NotErrorIs(t, fails(), tokencreds.ErrTokenRefused, "no answer")
		server.ClearFaults()
		server.STS().OneIn(1, "AssumeRoleWithWebIdentity").Refuse("AccessDeniedException", "", nil)
		assert.NotErrorIs(t, fails(), tokencreds.ErrTokenRefused, "another step")
		server.ClearFaults()

		_, err = client.ListTokens(t.Context(), nil)
		require.NoError(t, err)
		seller, err := licensemanager.New(server.Config())
		require.NoError(t, err)
		_, err = seller.DeleteToken(t.Context(), &licensemanager.DeleteTokenInput{TokenId: id})
		require.NoError(t, err)
		server.Advance(2 * time.Hour)
		assert.ErrorIs(t, fails(), tokencreds.ErrTokenRefused, "deleted")

		token, _ = mint(t, server)
		server.Advance(366 * 24 * time.Hour)
		creds, err = tokencreds.New(customer(server), tokencreds.Token(token), role(server))
		require.NoError(t, err)
		_, err = creds.Retrieve(t.Context())
		assert.ErrorIs(t, err, tokencreds.ErrTokenRefused, "expired")
	})
}

// What the service cannot answer is repeated by the call to it and by nothing
// around that; a token that may be half of one is read again.
func TestRequestsOfAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, inProcess)
		token, _ := mint(t, server)
		for name, test := range map[string]struct {
			fault func(awstokenstest.Faults)
			sent  int
		}{
			"5xx":       {func(f awstokenstest.Faults) { f.Fail(500) }, 3},
			"throttled": {awstokenstest.Faults.Throttle, 3},
			"cut":       {awstokenstest.Faults.Cut, 3},
			"unknown":   {func(f awstokenstest.Faults) { f.Refuse("UnrecognizedClientException", "", nil) }, 1},
			"refused":   {func(f awstokenstest.Faults) { f.Refuse("ValidationException", "", nil) }, 3},
		} {
			read := 0
			source := func(context.Context) (awstokens.Secret, error) { read++; return token, nil }
			creds, err := tokencreds.New(customer(server), source, role(server))
			require.NoError(t, err)
			cfg := customer(server)
			cfg.Credentials = creds
			client, err := licensemanager.New(cfg)
			require.NoError(t, err)
			test.fault(server.LicenseManager().OneIn(1, "GetAccessToken"))
			before := server.LicenseManager().Requests("GetAccessToken")
			_, err = client.ListTokens(t.Context(), nil)
			assert.Error(t, err, name)
			assert.Equal(t, test.sent, server.LicenseManager().Requests("GetAccessToken")-before, name)
			if name == "refused" {
				assert.Equal(t, 3, read, name)
			} else {
				assert.Equal(t, 1, read, name)
			}
			server.ClearFaults()
		}

		read := 0
		halves := []awstokens.Secret{"", "half of", token}
		source := func(context.Context) (awstokens.Secret, error) { read++; return halves[read-1], nil }
		creds, err := tokencreds.New(customer(server), source, role(server))
		require.NoError(t, err)
		_, err = creds.Retrieve(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, 3, read)
	})
}

// STS cannot reach the identity provider for a while, or IAM has not heard of
// the role yet.
func TestPatience(t *testing.T) {
	for _, code := range []string{"IDPCommunicationError", "AccessDenied"} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := awstokenstest.NewServer(t, inProcess)
				token, _ := mint(t, server)
				patient := func(o *tokencreds.Options) { o.RoleArn = server.LicenseManager().RoleARN() }
				cfg := customer(server)
				cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.MaxAttempts = 1 })
				creds, err := tokencreds.New(cfg, tokencreds.Token(token), patient)
				require.NoError(t, err)

				server.STS().Next(4, "AssumeRoleWithWebIdentity").Refuse(code, "not yet", nil)
				_, err = creds.Retrieve(t.Context())
				require.NoError(t, err)
				assert.Equal(t, 5, server.STS().Requests("AssumeRoleWithWebIdentity"))

				server.Advance(2 * time.Hour)
				server.STS().OneIn(1, "AssumeRoleWithWebIdentity").Refuse(code, "not ever", nil)
				start := time.Now()
				_, err = creds.Retrieve(t.Context())
				assert.ErrorContains(t, err, "not ever")
				assert.LessOrEqual(t, time.Since(start), 20*time.Second)
				assert.GreaterOrEqual(t, time.Since(start), 10*time.Second)
			})
		})
	}
}
