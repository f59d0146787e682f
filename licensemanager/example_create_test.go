package licensemanager_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// createTokenFor creates a token for an order. Within 10 minutes it can be called
// again, also by another process, and returns the same token.
func createTokenFor(ctx context.Context, client *licensemanager.Client, licenseARN, order string) (awstokens.Secret, error) {
	sum := sha256.Sum256([]byte(order)) // an order's ID may be too long, or contain white space
	out, err := client.CreateToken(ctx, &licensemanager.CreateTokenInput{
		ClientToken:     hex.EncodeToString(sum[:16]),
		LicenseArn:      licenseARN,
		TokenProperties: []string{"order=" + order}, // shows in ListTokens
	})
	var response *awstokens.ResponseError
	switch {
	case err == nil:
		return out.Token, nil
	case awstokens.MayHaveProcessed(err): // first, because the last attempt may have been refused
		err = fmt.Errorf("there may be a token, call again with the same order: %w", err)
	case errors.As(err, &response) && response.Throttled():
		err = fmt.Errorf("there is no token, call again later (Retry-After: %s): %w", response.RetryAfter, err)
	}
	return awstokens.Secret{}, err // see the exceptions of CreateToken
}

// The ClientToken is derived from an ID that the program still has after a crash.
func ExampleClient_CreateToken() {
	server, err := awstokenstest.Start() // against AWS: awstokens.ConfigFromEnv
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	ctx := context.Background()
	client, err := licensemanager.New(server.Config())
	if err != nil {
		log.Fatal(err)
	}
	licenseARN := server.LicenseManager().LicenseARN()

	server.LicenseManager().Next(3, "CreateToken").LoseAnswer() // all attempts of the first call
	_, err = createTokenFor(ctx, client, licenseARN, "order 7")
	fmt.Println("processed?", awstokens.MayHaveProcessed(err))

	token, err := createTokenFor(ctx, client, licenseARN, "order 7")
	if err != nil {
		log.Fatal(err)
	}
	tokens := 0
	for _, err := range client.Tokens(ctx, nil) {
		if err != nil {
			log.Fatal(err)
		}
		tokens++
	}
	fmt.Println(token, "is one of", tokens)
	// Output:
	// processed? true
	// [redacted] is one of 1
}
