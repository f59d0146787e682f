// Sdk mints a token with aws-sdk-go-v2, without its config module, which would
// add as much again.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/licensemanager"
)

func main() {
	client := licensemanager.NewFromConfig(aws.Config{
		Region:      os.Getenv("AWS_REGION"),
		Credentials: credentials.NewStaticCredentialsProvider(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")),
	})
	out, err := client.CreateToken(context.Background(), &licensemanager.CreateTokenInput{
		ClientToken: &os.Args[1],
		LicenseArn:  &os.Args[2],
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*out.TokenId)
}
