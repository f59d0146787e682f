// Ours mints a token with this module. Its size and dependencies are compared
// with those of the programs beside it, which do the same.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

func main() {
	client, err := licensemanager.New(awstokens.Config{Region: os.Getenv("AWS_REGION"), Credentials: awstokens.EnvCredentials()})
	if err != nil {
		log.Fatal(err)
	}
	out, err := client.CreateToken(context.Background(), &licensemanager.CreateTokenInput{
		ClientToken: os.Args[1],
		LicenseArn:  os.Args[2],
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.TokenId)
}
