package awstokens_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
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

// A program handles the errors of a call by kind.
func Example_errors() {
	server, err := awstokenstest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client, err := licensemanager.New(server.Config()) // against AWS: awstokens.ConfigFromEnv
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, token := range []string{"", "not-a-real-token"} {
		_, err = client.GetAccessToken(context.Background(), &licensemanager.GetAccessTokenInput{Token: awstokens.NewSecret(token)})
		var invalid smithy.InvalidParamsError
		var refused *licensemanager.ValidationException
		switch {
		case errors.As(err, &invalid):
			fmt.Println("not sent:", len(invalid.Errs()), "violation")
		case errors.As(err, &refused):
			fmt.Println("refused:", refused.ErrorCode())
		case awstokens.MayHaveProcessed(err):
			fmt.Println("unknown:", err)
		}
	}
	// Output:
	// not sent: 1 violation
	// refused: ValidationException
}

// A program gives its credentials to the AWS CLI, an SDK in another language, or
// here to an HTTP client.
func ExampleCredentialsHandler() {
	provider := awstokens.StaticCredentials("AKIAFAKE", "not-a-real-key", "") // such as a tokencreds.Provider
	token := awstokens.NewSecret(rand.Text())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	server := &http.Server{Handler: awstokens.CredentialsHandler(provider, token), ReadHeaderTimeout: 10 * time.Second}
	defer server.Close()
	go server.Serve(listener)

	// The other program gets this URL in AWS_CONTAINER_CREDENTIALS_FULL_URI, and the
	// token in AWS_CONTAINER_AUTHORIZATION_TOKEN.
	request, err := http.NewRequest(http.MethodGet, "http://"+listener.Addr().String(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	request.Header.Set("Authorization", token.Reveal())
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	fmt.Println(response.Status)
	// Output: 200 OK
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
