package login_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
)

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

func ExampleToken() {
	token := login.Token{StartURL: "https://my-sso-portal.awsapps.com/start", AccessToken: awstokens.NewSecret("not-a-real-token")}
	fmt.Println(token.StartURL, token.AccessToken)
	// Output: https://my-sso-portal.awsapps.com/start [redacted]
}
