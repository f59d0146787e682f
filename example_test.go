package awstokens_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// A configuration that cannot work is refused when the client is made, and an
// operation that needs a signature fails before anything is sent.
func Example() {
	_, err := licensemanager.New(awstokens.Config{Region: "us-east-1", BaseEndpoint: "http://licenses.example.com"})
	fmt.Println(errors.Is(err, awstokens.ErrInsecureEndpoint))

	client, err := licensemanager.New(awstokens.Config{Region: "us-east-1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.DeleteToken(context.Background(), &licensemanager.DeleteTokenInput{TokenId: "t-1"})
	fmt.Println(errors.Is(err, awstokens.ErrNoCredentials))
	// Output:
	// true
	// true
}

// A Secret shows itself only when it is asked to.
func ExampleSecret() {
	token := awstokens.Secret("not-a-real-token")
	fmt.Printf("%v %s %q %#v\n", token, token, token, token)
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	log.Info("minted", "token", token)
	fmt.Println(token.Reveal())
	// Output:
	// [redacted] [redacted] [redacted] [redacted]
	// level=INFO msg=minted token=[redacted]
	// not-a-real-token
}
