package awssdk_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awssdk"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
)

var (
	ours = awstokens.Credentials{
		AccessKeyID:     "ASIAEXAMPLE",
		SecretAccessKey: awstokens.NewSecret("not-a-real-secret-key"),
		SessionToken:    awstokens.NewSecret("not-a-real-session-token"),
		AccountID:       "111122223333",
		Expires:         time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC),
	}
	theirs = aws.Credentials{
		AccessKeyID:     "ASIAEXAMPLE",
		SecretAccessKey: "not-a-real-secret-key",
		SessionToken:    "not-a-real-session-token",
		AccountID:       "111122223333",
		Source:          "test",
		CanExpire:       true,
		Expires:         time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC),
	}
)

func giveOurs(creds awstokens.Credentials, err error) awstokens.CredentialsProvider {
	return awstokens.CredentialsFunc(func(context.Context) (awstokens.Credentials, error) { return creds, err })
}

func giveTheirs(creds aws.Credentials, err error) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return creds, err })
}

var errFake = errors.New("fake failure")

func TestProvider(t *testing.T) {
	got, err := awssdk.Provider(giveOurs(ours, nil)).Retrieve(t.Context())
	require.NoError(t, err)
	want := theirs
	want.Source = "awstokens"
	want.Expires = time.Date(2030, 1, 1, 11, 55, 0, 0, time.UTC)
	assert.Equal(t, want, got)

	forever := ours
	forever.Expires = time.Time{}
	got, err = awssdk.Provider(giveOurs(forever, nil)).Retrieve(t.Context())
	require.NoError(t, err)
	assert.False(t, got.CanExpire)

	_, err = awssdk.Provider(giveOurs(ours, errFake)).Retrieve(t.Context())
	require.ErrorIs(t, err, errFake)
	for _, incomplete := range []awstokens.Credentials{{AccessKeyID: "ASIAEXAMPLE"}, {SecretAccessKey: awstokens.NewSecret("not-a-real-secret-key")}} {
		_, err = awssdk.Provider(giveOurs(incomplete, nil)).Retrieve(t.Context())
		require.ErrorIs(t, err, awstokens.ErrNoCredentials)
	}
}

func TestCredentials(t *testing.T) {
	got, err := awssdk.Credentials(giveTheirs(theirs, nil)).Retrieve(t.Context())
	require.NoError(t, err)
	assert.Equal(t, ours, got)

	forever := theirs
	forever.CanExpire = false // and Expires "should be ignored"
	got, err = awssdk.Credentials(giveTheirs(forever, nil)).Retrieve(t.Context())
	require.NoError(t, err)
	assert.True(t, got.Expires.IsZero())

	_, err = awssdk.Credentials(giveTheirs(theirs, errFake)).Retrieve(t.Context())
	require.ErrorIs(t, err, errFake)
}

// Converting a provider there and back returns the original.
func TestRoundTrips(t *testing.T) {
	mine, yours := &counter{}, aws.NewCredentialsCache(giveTheirs(theirs, nil))
	assert.Same(t, mine, awssdk.Credentials(awssdk.Provider(mine)))
	assert.Same(t, yours, awssdk.Provider(awssdk.Credentials(yours)))

	assert.Same(t, mine, awssdk.Credentials(withCache(t, awssdk.Provider(mine))))

	assert.Nil(t, awssdk.Credentials(nil))
	assert.Nil(t, awssdk.Provider(nil))
	assert.Equal(t, awstokens.AnonymousCredentials{}, awssdk.Credentials(aws.AnonymousCredentials{}))
	assert.Equal(t, awstokens.AnonymousCredentials{}, awssdk.Credentials(aws.NewCredentialsCache(aws.AnonymousCredentials{})))
	assert.Equal(t, aws.AnonymousCredentials{}, awssdk.Provider(awstokens.AnonymousCredentials{}))
	assert.Equal(t, aws.AnonymousCredentials{}, awssdk.Provider(&awstokens.AnonymousCredentials{}))
}

// What is printed of an adapter shows no secret.
func TestNothingShows(t *testing.T) {
	used := awssdk.Credentials(staticProvider{theirs})
	_, err := used.Retrieve(t.Context())
	require.NoError(t, err)
	for _, adapter := range []any{
		awssdk.Credentials(aws.NewCredentialsCache(staticProvider{theirs})),
		awssdk.Credentials(staticProvider{theirs}),
		used,
		awssdk.Provider(awstokens.StaticCredentials("AKIDEXAMPLE", "not-a-real-secret-key", "not-a-real-session-token")),
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			assert.NotContains(t, fmt.Sprintf(verb, adapter), "not-a-real")
		}
	}
}

type staticProvider struct{ Value aws.Credentials }

func (p staticProvider) Retrieve(context.Context) (aws.Credentials, error) { return p.Value, nil }

// counter is a provider of this module that counts, and is told what a service
// refused.
type counter struct {
	mu        sync.Mutex
	retrieved int
	discarded int
}

func (c *counter) Retrieve(context.Context) (awstokens.Credentials, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.retrieved++
	return ours, nil
}

func (c *counter) Discard(awstokens.Credentials) { c.discarded++ }

// A provider of the SDK that does not cache is asked once, not on every attempt.
func TestCredentialsCaches(t *testing.T) {
	asked := 0
	provider := awssdk.Credentials(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		asked++
		return theirs, nil
	}))
	for range 5 {
		_, err := provider.Retrieve(t.Context())
		require.NoError(t, err)
	}
	assert.Equal(t, 1, asked)
}

// license returns what gets credentials with a license's token, and the token's
// ID.
func license(t *testing.T, server *awstokenstest.Server) (*tokencreds.Provider, string) {
	t.Helper()
	seller, err := licensemanager.New(server.Config())
	require.NoError(t, err)
	minted, err := seller.CreateToken(t.Context(), &licensemanager.CreateTokenInput{
		ClientToken: licensemanager.NewClientToken(),
		LicenseArn:  server.LicenseManager().LicenseARN(),
		RoleArns:    []string{server.LicenseManager().RoleARN()},
	})
	require.NoError(t, err)
	creds, err := tokencreds.New(server.Config(), tokencreds.Token(minted.Token), func(o *tokencreds.Options) {
		o.RoleARN = server.LicenseManager().RoleARN()
	})
	require.NoError(t, err)
	return creds, minted.TokenId
}

// sdkClient returns a client of the SDK for the emulator's STS.
func sdkClient(server *awstokenstest.Server, creds aws.CredentialsProvider) *sts.Client {
	return sts.New(sts.Options{
		Region:           "us-east-1",
		Credentials:      creds,
		BaseEndpoint:     aws.String(server.URL()),
		HTTPClient:       server.Config().HTTPClient,
		RetryMaxAttempts: 1,
	})
}

// withCache is what config.WithCredentialsProvider makes of a provider: a second
// cache in series with that of this module.
func withCache(t *testing.T, provider aws.CredentialsProvider) aws.CredentialsProvider {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithCredentialsProvider(provider), config.WithRegion("us-east-1"),
		config.WithSharedConfigFiles([]string{}), config.WithSharedCredentialsFiles([]string{}))
	require.NoError(t, err)
	require.IsType(t, (*aws.CredentialsCache)(nil), cfg.Credentials)
	return cfg.Credentials
}

// A client of the SDK works for a day with the credentials of a license that
// live an hour, with one cache and with two in series, and never has to wait for
// a renewal, because there is one before the end.
func TestTwoCachesInSeries(t *testing.T) {
	for name, wrap := range map[string]func(*testing.T, aws.CredentialsProvider) aws.CredentialsProvider{
		"one": func(_ *testing.T, p aws.CredentialsProvider) aws.CredentialsProvider { return p },
		"two": withCache,
		"four": func(t *testing.T, p aws.CredentialsProvider) aws.CredentialsProvider {
			return withCache(t, withCache(t, p))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
				creds, _ := license(t, server)
				client := sdkClient(server, wrap(t, awssdk.Provider(creds)))
				renewals, renewed := 0, -55
				for minute := range 24 * 60 {
					_, err := client.GetCallerIdentity(t.Context(), nil)
					require.NoError(t, err, "minute %d", minute)
					synctest.Wait() // for a renewal in the background
					if n := server.STS().Requests("AssumeRoleWithWebIdentity"); n != renewals {
						assert.Equal(t, renewals+1, n)
						assert.InDelta(t, renewed+55, minute, 1, "five minutes before the end")
						renewals, renewed = n, minute
					}
					time.Sleep(time.Minute)
				}
				assert.InDelta(t, 26, renewals, 1)
			})
		})
	}
}

// Without CanExpire and an early end, the SDK's cache keeps keys that have
// expired.
func TestWhyCanExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
		creds, _ := license(t, server)
		good := awssdk.Provider(creds)
		forever := aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
			keys, err := good.Retrieve(ctx)
			keys.CanExpire = false
			return keys, err
		})
		bad, client := sdkClient(server, withCache(t, forever)), sdkClient(server, withCache(t, good))
		for _, c := range []*sts.Client{bad, client} {
			_, err := c.GetCallerIdentity(t.Context(), nil)
			require.NoError(t, err)
		}
		time.Sleep(2 * time.Hour)
		_, err := bad.GetCallerIdentity(t.Context(), nil)
		require.ErrorContains(t, err, "ExpiredToken")
		_, err = client.GetCallerIdentity(t.Context(), nil)
		require.NoError(t, err)
	})
}

// A token that the seller deleted ends the SDK's calls when the credentials end,
// not later, and the error says so through all that the SDK wraps around it.
func TestRevocation(t *testing.T) {
	for name, wrap := range map[string]func(*testing.T, aws.CredentialsProvider) aws.CredentialsProvider{
		"one cache":  func(_ *testing.T, p aws.CredentialsProvider) aws.CredentialsProvider { return p },
		"two caches": withCache,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
				creds, tokenID := license(t, server)
				client := sdkClient(server, wrap(t, awssdk.Provider(creds)))
				start := time.Now()
				_, err := client.GetCallerIdentity(t.Context(), nil)
				require.NoError(t, err)

				time.Sleep(30 * time.Minute)
				seller, err := licensemanager.New(server.Config())
				require.NoError(t, err)
				_, err = seller.DeleteToken(t.Context(), &licensemanager.DeleteTokenInput{TokenId: tokenID})
				require.NoError(t, err)
				for err == nil && time.Since(start) < 3*time.Hour {
					time.Sleep(10 * time.Second)
					_, err = client.GetCallerIdentity(t.Context(), nil)
				}
				require.ErrorIs(t, err, tokencreds.ErrTokenRefused)
				var step *tokencreds.Error
				require.ErrorAs(t, err, &step)
				assert.Equal(t, tokencreds.StepGetAccessToken, step.Step)
				assert.InDelta(t, time.Hour, time.Since(start), float64(time.Minute))
			})
		})
	}
}

// A caller of the SDK that gives up does not end the renewal that others wait
// for, and its error is the context's.
func TestCanceledCallerOfTheSDK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
		creds, _ := license(t, server)
		server.STS().Next(1, "AssumeRoleWithWebIdentity").Delay(10 * time.Second)
		client := sdkClient(server, withCache(t, awssdk.Provider(creds)))
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		failed := make(chan error, 1)
		go func() {
			_, err := client.GetCallerIdentity(impatient, nil)
			failed <- err
		}()
		synctest.Wait()
		_, err := client.GetCallerIdentity(t.Context(), nil)
		require.NoError(t, err)
		require.ErrorIs(t, <-failed, context.DeadlineExceeded)
		assert.Equal(t, 1, server.STS().Requests("AssumeRoleWithWebIdentity"))
	})
}

// The same, where a client of this module waits for a provider of the SDK.
func TestCanceledCallerOfOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
		keys, err := server.Config().Credentials.Retrieve(t.Context())
		require.NoError(t, err)
		asked := 0
		cfg := server.Config()
		cfg.Credentials = awssdk.Credentials(aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
			asked++
			select {
			case <-ctx.Done():
				return aws.Credentials{}, ctx.Err()
			case <-time.After(10 * time.Second):
			}
			return awssdk.Provider(giveOurs(keys, nil)).Retrieve(ctx)
		}))
		client, err := licensemanager.New(cfg)
		require.NoError(t, err)
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		failed := make(chan error, 1)
		go func() {
			_, err := client.ListTokens(impatient, nil)
			failed <- err
		}()
		synctest.Wait()
		_, err = client.ListTokens(t.Context(), nil)
		require.NoError(t, err)
		err = <-failed
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.False(t, awstokens.MayHaveProcessed(err))
		assert.Equal(t, 1, asked)
	})
}

// Credentials that a service refuses as expired, although the SDK's cache takes
// them for good, are replaced: once, however many calls are refused.
func TestRefusedCredentialsAreInvalidated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
		creds, _ := license(t, server)
		asked := 0
		cache := aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
			asked++
			creds.Discard(awstokens.Credentials{AccessKeyID: lastID(creds)})
			keys, err := awssdk.Provider(creds).Retrieve(ctx)
			keys.CanExpire = false
			return keys, err
		}))
		cfg := server.Config()
		cfg.Credentials = awssdk.Credentials(cache)
		client, err := licensemanager.New(cfg)
		require.NoError(t, err)
		get := func() error {
			_, err := client.GetLicense(t.Context(), &licensemanager.GetLicenseInput{LicenseArn: server.LicenseManager().LicenseARN()})
			return err
		}
		require.NoError(t, get())
		require.NoError(t, get())
		assert.Equal(t, 1, asked)
		time.Sleep(2 * time.Hour)
		errs := make(chan error, 20)
		for range 20 {
			go func() { errs <- get() }()
		}
		for range 20 {
			require.NoError(t, <-errs)
		}
		assert.Equal(t, 2, asked)
	})
}

// Credentials that a service refuses are discarded behind a cache of the SDK, too.
func TestRefusedCredentialsInTwoCaches(t *testing.T) {
	server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
	creds, _ := license(t, server)
	cfg, err := awssdk.FromConfig(aws.Config{Region: "us-east-1", Credentials: withCache(t, awssdk.Provider(creds))})
	require.NoError(t, err)
	own := server.Config()
	own.Credentials = cfg.Credentials
	client, err := licensemanager.New(own)
	require.NoError(t, err)
	before := lastID(creds)
	server.LicenseManager().Next(1, "GetLicense").Refuse("ExpiredTokenException", "The security token included in the request is expired", nil)
	_, err = client.GetLicense(t.Context(), &licensemanager.GetLicenseInput{LicenseArn: server.LicenseManager().LicenseARN()})
	require.NoError(t, err)
	assert.NotEqual(t, before, lastID(creds))
}

// A cache of the SDK stays around a provider that does not cache.
func TestCacheAroundAFunction(t *testing.T) {
	asked := 0
	creds := awssdk.Credentials(withCache(t, awssdk.Provider(awstokens.CredentialsFunc(func(context.Context) (awstokens.Credentials, error) {
		asked++
		return ours, nil
	}))))
	for range 3 {
		got, err := creds.Retrieve(t.Context())
		require.NoError(t, err)
		assert.Equal(t, ours.AccessKeyID, got.AccessKeyID)
	}
	assert.Equal(t, 1, asked)
}

func lastID(creds *tokencreds.Provider) string {
	c, _ := creds.Retrieve(context.Background())
	return c.AccessKeyID
}
