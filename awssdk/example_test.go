package awssdk_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/codecatalyst"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awssdk"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// stub stands for a service of AWS. It responds to whoever has the credentials.
type stub struct {
	credentials awstokens.CredentialsProvider
	bearer      awstokens.Secret
	body        string
}

func (s stub) Do(req *http.Request) (*http.Response, error) {
	authorization, status, body := req.Header.Get("Authorization"), http.StatusOK, s.body
	if s.credentials != nil {
		keys, err := s.credentials.Retrieve(req.Context())
		if err != nil {
			return nil, err
		}
		if !strings.Contains(authorization, "Credential="+keys.AccessKeyID+"/") || req.Header.Get("X-Amz-Security-Token") != keys.SessionToken.Reveal() {
			status = http.StatusForbidden
		}
	} else if authorization != "Bearer "+s.bearer.Reveal() {
		status = http.StatusForbidden
	}
	if status != http.StatusOK {
		body = ""
	}
	return &http.Response{
		StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		Header: http.Header{"Content-Type": {"application/json"}},
	}, nil
}

const buckets = `<ListAllMyBucketsResult><Buckets><Bucket><Name>reports</Name></Bucket></Buckets></ListAllMyBucketsResult>`

// printBuckets calls S3 with credentials of this module.
func printBuckets(ctx context.Context, creds awstokens.CredentialsProvider) {
	client := s3.NewFromConfig(aws.Config{
		Region:      "us-east-1",
		Credentials: awssdk.Provider(creds),
		HTTPClient:  stub{credentials: creds, body: buckets}, // against AWS: nil
	})
	out, err := client.ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil {
		log.Fatal(err)
	}
	for _, bucket := range out.Buckets {
		fmt.Println(*bucket.Name)
	}
}

// The credentials that a license's refresh token is good for, in a client of the
// SDK.
func ExampleProvider_license() {
	server, err := awstokenstest.Start() // against AWS: Config{Region: the license's home Region}
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	ctx := context.Background()
	seller, err := licensemanager.New(server.Config())
	if err != nil {
		log.Fatal(err)
	}
	minted, err := seller.CreateToken(ctx, &licensemanager.CreateTokenInput{
		ClientToken: licensemanager.NewClientToken(),
		LicenseArn:  server.LicenseManager().LicenseARN(),
		RoleArns:    []string{server.LicenseManager().RoleARN()},
	})
	if err != nil {
		log.Fatal(err)
	}

	// In a product: tokencreds.FromEnv(cfg).
	creds, err := tokencreds.New(server.Config(), tokencreds.Token(minted.Token), func(o *tokencreds.Options) {
		o.RoleARN = server.LicenseManager().RoleARN()
	})
	if err != nil {
		log.Fatal(err)
	}
	printBuckets(ctx, creds)
	// Output: reports
}

// session returns the token provider of a session that a user has logged in to.
func session(ctx context.Context, server *awstokenstest.Server) (*login.Provider, error) {
	s := login.Session{Name: "my-sso", StartURL: "https://my-sso-portal.awsapps.com/start", Region: "us-east-1"} // in a program: login.LoadSession
	store := login.NewMemoryStore()                                                                              // in a program: none, for the files of the AWS CLI
	server.IdentityCenter().AutoApprove(true)                                                                    // in the place of the user
	_, err := login.Login(ctx, s, func(o *login.Options) {
		o.Config, o.Store, o.Flow, o.Prompt = server.Config(), store, login.FlowDevice, &login.Terminal{Out: io.Discard}
	})
	if err != nil {
		return nil, err
	}
	return login.NewProvider(s, func(o *login.ProviderOptions) { o.Config, o.Store = server.Config(), store })
}

// The credentials of an account's role, as a profile of the AWS CLI names it, in
// a client of the SDK.
func ExampleProvider_profile() {
	server, err := awstokenstest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	ctx := context.Background()
	tokens, err := session(ctx, server)
	if err != nil {
		log.Fatal(err)
	}
	creds, err := portal.RoleCredentials(server.Config(), tokens, "111122223333", "ReadOnlyAccess")
	if err != nil {
		log.Fatal(err)
	}
	printBuckets(ctx, creds)
	// Output: reports
}

// The token of a login, for a service that takes bearer tokens.
func Example_bearerToken() {
	server, err := awstokenstest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	ctx := context.Background()
	tokens, err := session(ctx, server)
	if err != nil {
		log.Fatal(err)
	}
	token, err := tokens.RetrieveBearerToken(ctx)
	if err != nil {
		log.Fatal(err)
	}
	client := codecatalyst.NewFromConfig(aws.Config{
		Region:                  "us-east-1",
		BearerAuthTokenProvider: tokens,
		HTTPClient:              stub{bearer: awstokens.NewSecret(token.Value), body: `{"items":[{"name":"team","regionName":"us-east-1"}]}`}, // against AWS: nil
	})
	out, err := client.ListSpaces(ctx, &codecatalyst.ListSpacesInput{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*out.Items[0].Name)
	// Output: team
}

// A client of this module with the SDK's configuration: here with keys in the
// place of those that its chain finds.
func ExampleLoad() {
	server, err := awstokenstest.Start()
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	ctx := context.Background()
	cfg, err := awssdk.Load(ctx,
		config.WithRegion("us-east-1"),
		config.WithCredentialsProvider(awssdk.Provider(server.Config().Credentials)), // against AWS: neither this
		config.WithBaseEndpoint(server.URL()),                                        // nor this
	)
	if err != nil {
		log.Fatal(err)
	}
	client, err := licensemanager.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	out, err := client.ListTokens(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("tokens:", len(out.Tokens))
	// Output: tokens: 0
}
