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

// New returns an error for a configuration that cannot work. An operation that
// needs a signature returns one before any I/O.
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

// Only Reveal returns the text of a Secret.
func ExampleSecret() {
	token := awstokens.NewSecret("not-a-real-token")
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
