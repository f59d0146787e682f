package awssdk_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codecatalyst"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awssdk"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
)

// noCall fails a test whose request is sent.
type noCall struct{ t *testing.T }

func (c noCall) Do(*http.Request) (*http.Response, error) {
	c.t.Error("a request was sent")
	return nil, errFake
}

// What a provider of this module returns is found in the error of an operation
// of the SDK, and the SDK does not retry it.
func TestErrorsThroughTheSDK(t *testing.T) {
	server := awstokenstest.NewServer(t)
	creds, tokenID := license(t, server)
	seller, err := licensemanager.New(server.Config())
	require.NoError(t, err)
	_, err = seller.DeleteToken(t.Context(), &licensemanager.DeleteTokenInput{TokenId: tokenID})
	require.NoError(t, err)
	asked := 0
	counted := awstokens.CredentialsFunc(func(ctx context.Context) (awstokens.Credentials, error) {
		asked++
		return creds.Retrieve(ctx)
	})
	for _, provider := range []aws.CredentialsProvider{awssdk.Provider(counted), withCache(t, awssdk.Provider(counted))} {
		asked = 0
		client := s3.NewFromConfig(aws.Config{Region: "us-east-1", Credentials: provider, HTTPClient: noCall{t}})
		_, err = client.ListBuckets(t.Context(), &s3.ListBucketsInput{})
		var operation *smithy.OperationError
		require.ErrorAs(t, err, &operation)
		assert.Equal(t, "S3", operation.ServiceID)
		require.ErrorIs(t, err, tokencreds.ErrTokenRefused)
		var step *tokencreds.Error
		require.ErrorAs(t, err, &step)
		assert.Equal(t, tokencreds.StepGetAccessToken, step.Step)
		var denied *licensemanager.AccessDeniedException
		require.ErrorAs(t, err, &denied)
		assert.Equal(t, 1, asked)
	}

	tokens, err := login.NewProvider(login.Session{Name: "my-sso", StartURL: "https://my-sso-portal.awsapps.com/start", Region: "us-east-1"},
		func(o *login.ProviderOptions) { o.Config, o.Store = server.Config(), login.NewMemoryStore() })
	require.NoError(t, err)
	spaces := codecatalyst.NewFromConfig(aws.Config{Region: "us-east-1", BearerAuthTokenProvider: tokens, HTTPClient: noCall{t}})
	_, err = spaces.ListSpaces(t.Context(), &codecatalyst.ListSpacesInput{})
	require.ErrorIs(t, err, login.ErrLoginRequired)
	require.ErrorIs(t, err, login.ErrNotFound)
}

// And the other way round: what a provider of the SDK returns is found in the
// error of a call of this module, which is not retried.
func TestErrorsOfTheSDK(t *testing.T) {
	asked := 0
	cfg := awstokens.Config{Region: "us-east-1", HTTPClient: noCall{t}, Credentials: awssdk.Credentials(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		asked++
		return aws.Credentials{}, &smithy.GenericAPIError{Code: "ExpiredTokenException", Message: "fake"}
	}))}
	client, err := licensemanager.New(cfg)
	require.NoError(t, err)
	_, err = client.ListTokens(t.Context(), nil)
	var api *smithy.GenericAPIError
	require.ErrorAs(t, err, &api)
	assert.False(t, awstokens.MayHaveProcessed(err))
	assert.Equal(t, 1, asked)

	cfg.Credentials = awssdk.Credentials(aws.AnonymousCredentials{})
	client, err = licensemanager.New(cfg)
	require.NoError(t, err, "calls are sent unsigned then")
	assert.NotNil(t, client)
}
