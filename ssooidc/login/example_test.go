package login_test

import (
	"context"
	"fmt"
	"io"
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
		o.Store, o.Config = store, cfg // without a Store, the files of the AWS CLI
		// A program leaves these out, for the user's browser and terminal.
		o.OpenBrowser = func(url string) error { _, err := http.Get(url); return err }
		o.Prompt = &login.Terminal{Out: io.Discard}
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

// A whole login in a test: a browser, a refresh that asks nobody, and the end of the
// session.
func ExampleLogin() {
	server, err := awstokenstest.Start() // in a test: awstokenstest.NewServer(t)
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	server.IdentityCenter().AutoApprove(true) // in the place of the user
	ctx, store := context.Background(), login.NewMemoryStore()
	session := login.Session{Name: "my-sso", StartURL: "https://example.awsapps.com/start", Region: "us-east-1"}
	opened := 0
	logIn := func() {
		_, err := login.Login(ctx, session, func(o *login.Options) {
			o.Config, o.Store, o.Flow, o.Prompt = server.Config(), store, login.FlowBrowser, &login.Terminal{Out: io.Discard}
			o.OpenBrowser = func(url string) error { // the client follows the redirect to the login
				opened++
				resp, err := http.Get(url)
				if err == nil {
					err = resp.Body.Close()
				}
				return err
			}
		})
		fmt.Println("browsers opened:", opened, err)
	}
	logIn()
	server.Advance(2 * time.Hour) // the access token has expired
	logIn()

	tokens, err := login.NewProvider(session, func(o *login.ProviderOptions) { o.Config, o.Store = server.Config(), store })
	if err != nil {
		log.Fatal(err)
	}
	_, err = tokens.AccessToken(ctx)
	fmt.Println("login needed:", login.Needed(err))
	server.IdentityCenter().EndSessions()
	server.Advance(2 * time.Hour)
	_, err = tokens.AccessToken(ctx)
	fmt.Println("login needed:", login.Needed(err))
	logIn()
	// Output:
	// browsers opened: 1 <nil>
	// browsers opened: 1 <nil>
	// login needed: false
	// login needed: true
	// browsers opened: 2 <nil>
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

	_, err = tokens.AccessToken(ctx)
	if login.Needed(err) {
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
