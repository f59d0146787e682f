package tokencreds_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// inProcess makes a server work in a bubble of synctest.
func inProcess(o *awstokenstest.Options) { o.InProcess = true }

// mint creates a refresh token that embeds the server's role.
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
	cfg.Retryer = awstokens.NewStandardRetryer(func(o *awstokens.StandardRetryerOptions) { o.BaseDelay = -1 })
	return cfg
}

func role(server *awstokenstest.Server) func(*tokencreds.Options) {
	return func(o *tokencreds.Options) { o.RoleARN, o.Patience = server.LicenseManager().RoleARN(), -1 }
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
	assert.Equal(t, 1, server.LicenseManager().Requests("GetAccessToken"), "credentials are cached")

	server.Advance(50 * time.Minute)
	_, err = client.ListTokens(context.Background(), nil)
	require.NoError(t, err)
	assert.Equal(t, 1, server.LicenseManager().Requests("GetAccessToken"), "until they are near their end")

	server.Advance(11 * time.Minute)
	_, err = client.ListTokens(context.Background(), nil)
	require.NoError(t, err)
	assert.Equal(t, 2, server.LicenseManager().Requests("GetAccessToken"))
}

// TestTokenFile: the file can have a header, quotes and white space around the token.
func TestTokenFile(t *testing.T) {
	server := awstokenstest.NewServer(t)
	token, _ := mint(t, server)
	for name, text := range map[string]string{
		"alone":                    "%",
		"newline":                  "%\n",
		"double quotes":            "\"%\"\n",
		"white space":              "  \t\"%\" \r\n",
		"single quotes":            "'%'\n",
		"byte order mark":          "\ufeff%\r\n",
		"mark and quotes":          "\ufeff\"%\"",
		"NUL":                      "%\x00",
		"NUL after a newline":      "%\n\x00\x00",
		"token.csv":                "Token\n%\n",
		"token.csv, quoted":        "\"Refresh token\"\r\n\"%\"\r\n",
		"token.csv, any header":    "License token value\n%",
		"token.csv, with a mark":   "\ufeffToken\r\n%\r\n",
		"token.csv, blank line":    "Token\n\n%\n\n",
		"token.csv, columns":       "TokenId,Token,Expiration\nt-1,%,2027-01-01\n",
		"token.csv, other columns": "'Token ID', 'Refresh Token'\n't-1', '%'\n",
		"what the AWS CLI prints":  "{\n    \"TokenId\": \"t-1\",\n    \"TokenType\": \"REFRESH_TOKEN\",\n    \"Token\": \"%\"\n}\n",
	} {
		path := filepath.Join(t.TempDir(), "license_token")
		require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(text, "%", token.Reveal())), 0o600))
		creds, err := tokencreds.New(customer(server), tokencreds.File(path), role(server))
		require.NoError(t, err)
		_, err = creds.Retrieve(t.Context())
		assert.NoError(t, err, name)
	}
}

// TestUnusableTokenFile: the error says what is wrong with the file, without its
// content, and is not ErrTokenRefused. Nothing is sent.
func TestUnusableTokenFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, inProcess)
		for name, test := range map[string]struct{ text, says string }{
			"empty":                 {"", "malformed: it is empty"},
			"blank":                 {"\ufeff \"\"\n\x00", "malformed: it is empty"},
			"UTF-16":                {"\xff\xfef\x00a\x00k\x00e\x00", "UTF-16"},
			"UTF-16, big-endian":    {"\xfe\xff\x00f\x00a", "UTF-16"},
			"not UTF-8":             {"fake.token\xff.x", "no token has"},
			"two words":             {"fake token", "no token has"},
			"cut in lines":          {"fake.aaa\nfake.bbb\nfake.ccc", "no token has"},
			"cut in two lines":      {"fake.aaaa\nfake.bbbb", "no token has"},
			"cut in long lines":     {strings.Repeat("fake", 20) + "\nfake", "no token has"},
			"NUL inside":            {"fake\x00token", "no token has"},
			"columns without names": {"a,b\nfake,fake", "no token has"},
			"more values":           {"Token,x\nfake,fake,fake", "no token has"},
			"header and two values": {"Token\nfake\nfake", "no token has"},
			"a page":                {"<html>\n<body>fake</body>\n</html>", "no token has"},
			"other JSON":            {`{"AccessKeyId": "fake"}`, "malformed: it is empty"},
			"cut JSON":              {`{"Token":"fake`, "nor valid JSON"},
			"too long":              {strings.Repeat("fake", 16<<10+1), "file too long"},
			"longer than a token":   {strings.Repeat("fake", 1025), "4100 characters where at most 4096 are allowed"},
		} {
			path := filepath.Join(t.TempDir(), "license_token")
			require.NoError(t, os.WriteFile(path, []byte(test.text), 0o600))
			creds, err := tokencreds.New(customer(server), tokencreds.File(path), role(server))
			require.NoError(t, err)
			_, err = creds.Retrieve(t.Context())
			require.ErrorContains(t, err, test.says, name)
			assert.NotContains(t, err.Error(), "fake", name)
			assert.NotErrorIs(t, err, tokencreds.ErrTokenRefused, name)
			var failed *tokencreds.Error
			require.ErrorAs(t, err, &failed)
			assert.Equal(t, tokencreds.StepReadToken, failed.Step, name)
			assert.Equal(t, name != "too long", errors.Is(err, tokencreds.ErrTokenMalformed), name)
			assert.NotContains(t, err.Error(), "\n", name)
		}
		assert.Zero(t, server.LicenseManager().Requests("GetAccessToken"))
	})
}

// TestTokenFileIsAFile: a directory or a device is an error.
func TestTokenFileIsAFile(t *testing.T) {
	for _, path := range []string{t.TempDir(), os.DevNull} {
		_, err := tokencreds.File(path)(t.Context())
		assert.ErrorContains(t, err, "not a regular file", path)
	}
}

func TestFromEnv(t *testing.T) {
	server := awstokenstest.NewServer(t)
	token, _ := mint(t, server)
	path := filepath.Join(t.TempDir(), "license_token")
	require.NoError(t, os.WriteFile(path, []byte(token.Reveal()), 0o600))
	t.Setenv("AWS_ROLE_ARN", server.LicenseManager().RoleARN())
	t.Setenv("AWS_ROLE_SESSION_NAME", "from-the-environment")
	t.Setenv("AWS_LICENSE_ACCESS_FILE", "")
	t.Setenv("AWS_WEB_IDENTITY_REFRESH_TOKEN_FILE", "")

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

// TestOptionsAreValidated: New returns an error for options that violate a constraint.
func TestOptionsAreValidated(t *testing.T) {
	server := awstokenstest.NewServer(t)
	for name, test := range map[string]struct {
		option string
		change func(*tokencreds.Options)
	}{
		"role":             {"RoleARN", func(o *tokencreds.Options) { o.RoleARN = "nonsense" }},
		"space in session": {"RoleSessionName", func(o *tokencreds.Options) { o.RoleSessionName = "two words" }},
		"short session":    {"RoleSessionName", func(o *tokencreds.Options) { o.RoleSessionName = "x" }},
		"short":            {"Duration", func(o *tokencreds.Options) { o.Duration = time.Minute }},
		"under a second":   {"Duration", func(o *tokencreds.Options) { o.Duration = time.Millisecond }},
		"long":             {"Duration", func(o *tokencreds.Options) { o.Duration = 12*time.Hour + 1 }},
		"too long to send": {"Duration", func(o *tokencreds.Options) { o.Duration = (1<<32 + 3600) * time.Second }},
		"negative":         {"Duration", func(o *tokencreds.Options) { o.Duration = -time.Hour }},
		"just negative":    {"Duration", func(o *tokencreds.Options) { o.Duration = -1 }},
		"properties":       {"TokenProperties", func(o *tokencreds.Options) { o.TokenProperties = make([]string, 4) }},
	} {
		_, err := tokencreds.New(customer(server), tokencreds.Token(awstokens.NewSecret("token")), role(server), test.change)
		var violation *awstokens.ConstraintError
		if assert.ErrorAs(t, err, &violation, name) {
			assert.Contains(t, err.Error(), "license credentials: Options."+test.option+": ", name)
		}
		cfg := customer(server)
		cfg.DisableValidation = true
		_, err = tokencreds.New(cfg, tokencreds.Token(awstokens.NewSecret("token")), role(server), test.change)
		assert.NoError(t, err, name)
	}

	_, err := tokencreds.New(customer(server), tokencreds.Token(awstokens.NewSecret("token")), role(server), func(o *tokencreds.Options) {
		o.RoleSessionName, o.Duration = "two words", time.Minute
	})
	assert.ErrorContains(t, err, "Options.RoleSessionName")
	assert.ErrorContains(t, err, "Options.Duration")

	for _, d := range []time.Duration{0, 15 * time.Minute, 15*time.Minute - 1, 12 * time.Hour} {
		_, err := tokencreds.New(customer(server), tokencreds.Token(awstokens.NewSecret("token")), role(server), func(o *tokencreds.Options) { o.Duration = d })
		assert.NoError(t, err, "%s", d)
	}
}

// TestRotatedFile: the token file is written again and the old token deleted, many
// times, while there are many callers. None gets an error, and there is one renewal
// at a time.
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
				retrieve(func(context.Context) (awstokens.Secret, error) { return awstokens.Secret{}, failed }), tokencreds.StepReadToken, failed,
			},
			"no file":     {retrieve(tokencreds.File(filepath.Join(t.TempDir(), "none"))), tokencreds.StepReadToken, os.ErrNotExist},
			"empty token": {retrieve(tokencreds.Token(awstokens.NewSecret(" \n"))), tokencreds.StepReadToken, tokencreds.ErrTokenMalformed},
			"bad token":   {retrieve(tokencreds.Token(awstokens.NewSecret("not-a-real-token"))), tokencreds.StepGetAccessToken, nil},
			"other properties": {
				retrieve(tokencreds.Token(token), func(o *tokencreds.Options) { o.TokenProperties = []string{"customer=other"} }),
				tokencreds.StepGetAccessToken, nil,
			},
			"other role": {
				retrieve(tokencreds.Token(token), func(o *tokencreds.Options) { o.RoleARN += "Other" }), tokencreds.StepAssumeRole, nil,
			},
		} {
			var stepError *tokencreds.Error
			if assert.ErrorAs(t, test.err, &stepError, name) {
				assert.Equal(t, test.step, stepError.Step, name)
				assert.Regexp(t, `^[a-z_]+$`, string(stepError.Step), "a code")
				assert.NotContains(t, test.err.Error(), string(stepError.Step), "a sentence")
				assert.NotContains(t, test.err.Error(), token.Reveal())
				assert.NotContains(t, test.err.Error(), "not-a-real-token")
			}
			if test.is != nil {
				assert.ErrorIs(t, test.err, test.is, name)
			}
		}

		err := retrieve(tokencreds.Token(token), func(o *tokencreds.Options) { o.RoleARN += "Other" })
		assert.ErrorContains(t, err, "credentials of the role "+server.LicenseManager().RoleARN()+"Other: ")
		server.STS().Next(1, "AssumeRoleWithWebIdentity").Refuse("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", nil)
		assert.ErrorContains(t, retrieve(tokencreds.Token(token)), "the token does not embed the role, or the role does not trust License Manager: ")

		seller, err := licensemanager.New(server.Config())
		require.NoError(t, err)
		_, err = seller.DeleteToken(context.Background(), &licensemanager.DeleteTokenInput{TokenId: id})
		require.NoError(t, err)
		var denied *licensemanager.AccessDeniedException
		assert.ErrorAs(t, retrieve(tokencreds.Token(token)), &denied)
	})
}

// TestTokenRefused: ErrTokenRefused distinguishes a refused token from a damaged one,
// a wrong Region, and an outage.
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
			"AccessDeniedException":          true,
			"AuthorizationException":         true,
			"ValidationException":            false,
			"InvalidParameterValueException": false,
			"RedirectException":              false,
			"ResourceNotFoundException":      true,
			"RateLimitExceededException":     false,
			"ServerInternalException":        false,
			"UnrecognizedClientException":    false,
		} {
			server.LicenseManager().OneIn(1, "GetAccessToken").Refuse(code, "", nil)
			err := fails()
			assert.Equal(t, refused, errors.Is(err, tokencreds.ErrTokenRefused), code)
			assert.Equal(t, refused, strings.Contains(err.Error(), "it was deleted, has expired, or its license is gone"), "%s: %s", code, err)
			elsewhere := slices.Contains([]string{"ValidationException", "InvalidParameterValueException", "RedirectException"}, code)
			assert.Equal(t, elsewhere, strings.Contains(err.Error(), "or the Region is not the home Region of its license"), "%s: %s", code, err)
			server.ClearFaults()
		}
		server.LicenseManager().OneIn(1, "GetAccessToken").Cut()
		assert.NotErrorIs(t, fails(), tokencreds.ErrTokenRefused, "no response")
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

// TestRequestsOfAFailure: a failed call is not retried beyond its own attempts. A token
// that may have been read in part is read again, and exchanged if it has changed.
func TestRequestsOfAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, inProcess)
		token, _ := mint(t, server)
		for name, test := range map[string]struct {
			fault      func(awstokenstest.Faults)
			sent, read int
		}{
			"5xx":       {func(f awstokenstest.Faults) { f.Fail(500) }, 3, 1},
			"throttled": {awstokenstest.Faults.Throttle, 3, 1},
			"cut":       {awstokenstest.Faults.Cut, 3, 1},
			"unknown":   {func(f awstokenstest.Faults) { f.Refuse("UnrecognizedClientException", "", nil) }, 1, 1},
			"invalid":   {func(f awstokenstest.Faults) { f.Refuse("ValidationException", "", nil) }, 1, 2},
			"refused":   {func(f awstokenstest.Faults) { f.Refuse("AccessDeniedException", "", nil) }, 1, 2},
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
			assert.Equal(t, test.read, read, name)
			server.ClearFaults()
		}

		read := 0
		before := server.LicenseManager().Requests("GetAccessToken")
		halves := []awstokens.Secret{{}, awstokens.NewSecret("half.of"), token}
		source := func(context.Context) (awstokens.Secret, error) { read++; return halves[read-1], nil }
		creds, err := tokencreds.New(customer(server), source, role(server))
		require.NoError(t, err)
		_, err = creds.Retrieve(t.Context())
		assert.NoError(t, err)
		assert.Equal(t, 3, read)
		assert.Equal(t, 2, server.LicenseManager().Requests("GetAccessToken")-before)
	})
}

// TestContextEnds: the error of a context that ends wraps the last failure.
func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, inProcess)
		token, _ := mint(t, server)
		creds, err := tokencreds.New(customer(server), tokencreds.Token(token), func(o *tokencreds.Options) { o.RoleARN = server.LicenseManager().RoleARN() })
		require.NoError(t, err)
		server.STS().OneIn(1, "AssumeRoleWithWebIdentity").Refuse("AccessDenied", "not yet", nil)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err = creds.Retrieve(ctx)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
		var stepError *tokencreds.Error
		if assert.ErrorAs(t, err, &stepError) {
			assert.Equal(t, tokencreds.StepAssumeRole, stepError.Step)
		}
		time.Sleep(time.Minute) // the renewal ends
	})
}

// TestPatience: AssumeRoleWithWebIdentity is retried while STS cannot reach the
// identity provider, cannot get its keys or does not know the role.
func TestPatience(t *testing.T) {
	for _, code := range []string{"IDPCommunicationError", "InvalidIdentityToken", "AccessDenied"} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := awstokenstest.NewServer(t, inProcess)
				token, _ := mint(t, server)
				patient := func(o *tokencreds.Options) { o.RoleARN = server.LicenseManager().RoleARN() }
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

func TestEndlessPatience(t *testing.T) {
	server := awstokenstest.NewServer(t)
	token, _ := mint(t, server)
	creds, err := tokencreds.New(customer(server), tokencreds.Token(token), role(server), func(o *tokencreds.Options) { o.Patience = math.MaxInt64 })
	require.NoError(t, err)
	server.STS().Next(1, "AssumeRoleWithWebIdentity").Refuse("AccessDenied", "not yet", nil)
	_, err = creds.Retrieve(t.Context())
	require.NoError(t, err)
}
