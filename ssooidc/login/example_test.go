package login_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
)

// Log in with a browser, and get credentials of a role.
func Example() {
	server, err := awstokenstest.Start() // against AWS: awstokens.ConfigFromEnv
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	server.IdentityCenter().AutoApprove(true)
	ctx, cfg, store := context.Background(), server.Config(), login.NewMemoryStore()

	session := login.Session{Name: "my-sso", StartURL: "https://example.awsapps.com/start", Region: "us-east-1"} // or login.LoadSession("my-sso")
	_, err = login.Login(ctx, session, func(o *login.Options) {
		o.Store, o.Config = store, cfg              // without a Store, the files of the AWS CLI
		o.OpenBrowser, o.Prompt = visitPage, silent // a program leaves these out
	})
	if err != nil {
		log.Fatal(err)
	}

	tokens, err := login.NewProvider(session, func(o *login.ProviderOptions) { o.Store, o.Config = store, cfg })
	if err != nil {
		log.Fatal(err)
	}
	provider, err := portal.RoleCredentials(cfg, tokens, "111122223333", "ReadOnlyAccess")
	if err != nil {
		log.Fatal(err)
	}
	credentials, err := provider.Retrieve(ctx)
	fmt.Println(credentials.AccessKeyID[:4], credentials.SecretAccessKey, err)
	// Output: ASIA [redacted] <nil>
}

// visitPage is a browser in which nobody need approve.
func visitPage(url string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func ExampleNewProvider() {
	ctx := context.Background()
	session := login.Session{Name: "my-sso", StartURL: "https://my-sso-portal.awsapps.com/start", Region: "us-east-1"}
	store := login.NewMemoryStore() // without one, the files of the AWS CLI
	tokens, err := login.NewProvider(session, func(o *login.ProviderOptions) { o.Store = store })
	if err != nil {
		fmt.Println(err)
		return
	}

	_, err = tokens.RetrieveBearerToken(ctx)
	if errors.Is(err, login.ErrLoginRequired) {
		fmt.Println(err)
		// A program would call login.Login now, which saves such a token.
		err = store.SaveToken(ctx, session, &login.Token{AccessToken: awstokens.NewSecret("not-a-real-token"), ExpiresAt: time.Now().Add(time.Hour)})
	}
	if err != nil {
		fmt.Println(err)
		return
	}

	token, err := tokens.RetrieveBearerToken(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("good for an hour:", time.Until(token.Expires) > 59*time.Minute)

	// Output:
	// session "my-sso" of https://my-sso-portal.awsapps.com/start in us-east-1: login required: log in: not in the token cache
	// good for an hour: true
}
