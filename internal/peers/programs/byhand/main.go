// Byhand mints a token with no client: net/http and aws-http-auth.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"

	"github.com/aws/smithy-go/aws-http-auth/credentials"
	"github.com/aws/smithy-go/aws-http-auth/sigv4"
)

func main() {
	body, err := json.Marshal(map[string]string{"ClientToken": os.Args[1], "LicenseArn": os.Args[2]})
	if err != nil {
		log.Fatal(err)
	}
	region := os.Getenv("AWS_REGION")
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "https://license-manager."+region+".amazonaws.com/", bytes.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "AWSLicenseManager.CreateToken")
	hash := sha256.Sum256(body)
	if err := sigv4.New().SignRequest(&sigv4.SignRequestInput{
		Request: req, PayloadHash: hash[:], Service: "license-manager", Region: region,
		Credentials: credentials.Credentials{
			AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: os.Getenv("AWS_SESSION_TOKEN"),
		},
	}); err != nil {
		log.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	received, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	var out struct{ TokenId string }
	if err := json.Unmarshal(received, &out); err != nil || resp.StatusCode != http.StatusOK {
		log.Fatalf("status %d: %v", resp.StatusCode, err)
	}
	fmt.Println(out.TokenId)
}
