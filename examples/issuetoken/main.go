// Command issuetoken makes a refresh token for a license, as a seller's
// operations do for a customer without an AWS account.
//
//	issuetoken -license arn:aws:license-manager::123456789012:license:l-... \
//	    -role arn:aws:iam::123456789012:role/Consumer -days 90 -property customer=example \
//	    -out license_token
//
// Region, credentials and endpoint come from the environment, with the
// variables that the AWS CLI reads; flags override them. With -input-json it
// takes the file that `aws license-manager create-token
// --generate-cli-skeleton` begins.
//
// The service shows a token once: without -out it goes to standard output,
// and everything else to standard error.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "issuetoken:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var in licensemanager.CreateTokenInput
	flags := flag.NewFlagSet("issuetoken", flag.ContinueOnError)
	flags.SetOutput(stderr)
	inputJSON := flags.String("input-json", "", "read the input from this `file`, in the form of the AWS CLI's skeleton; other flags override it")
	license := flags.String("license", "", "`ARN` of the license")
	roles := list(flags, "role", "`ARN` of an IAM role that the token embeds; may be repeated")
	properties := list(flags, "property", "`text` that the token has in its amr claim; up to 3 times")
	days := flags.Int("days", 0, "life of the token in `days`; 0 for the service's default of one year")
	clientToken := flags.String("client-token", "", "idempotency `token`; repeat a failed command with the one it printed")
	region := flags.String("region", "", "the license's home `Region`")
	endpoint := flags.String("endpoint", "", "`URL` of another endpoint")
	out := flags.String("out", "", "write the token to this new `file`, for its owner only")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	if *inputJSON != "" {
		text, err := os.ReadFile(*inputJSON)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &in); err != nil {
			return fmt.Errorf("%s: %w", *inputJSON, err)
		}
		dropPlaceholders(&in)
	}
	if *license != "" {
		in.LicenseArn = *license
	}
	if *clientToken != "" {
		in.ClientToken = *clientToken
	}
	if in.ClientToken == "" {
		in.ClientToken = licensemanager.NewClientToken()
	}
	if *days != 0 {
		d := int32(*days)
		if int(d) != *days {
			return fmt.Errorf("-days %d is too many", *days)
		}
		in.ExpirationInDays = &d
	}
	if len(*roles) > 0 {
		in.RoleArns = *roles
	}
	if len(*properties) > 0 {
		in.TokenProperties = *properties
	}

	cfg, err := awstokens.ConfigFromEnv()
	if err != nil {
		return err
	}
	if *region != "" {
		cfg.Region = *region
	}
	if *endpoint != "" {
		cfg.BaseEndpoint, cfg.ServiceEndpoints = *endpoint, nil
	}
	client, err := licensemanager.New(cfg)
	if err != nil {
		return err
	}

	// The file comes first: a token that could not be kept would be lost.
	keep := stdout
	if *out != "" {
		file, err := os.OpenFile(*out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		defer file.Close()
		keep = file
	}
	fmt.Fprintln(stderr, "client token:", in.ClientToken)
	token, err := client.CreateToken(ctx, &in)
	if err != nil {
		if *out != "" {
			err = errors.Join(err, os.Remove(*out))
		}
		return err
	}
	fmt.Fprintf(stderr, "made %s %s (request ID %s)\n", token.TokenType, token.TokenId, token.RequestID)
	_, err = fmt.Fprintln(keep, token.Token.Reveal())
	return err
}

// dropPlaceholders takes out what the skeleton has in place of values that
// nobody filled in.
func dropPlaceholders(in *licensemanager.CreateTokenInput) {
	isPlaceholder := func(list []string) bool { return len(list) == 1 && list[0] == "" }
	if isPlaceholder(in.RoleArns) {
		in.RoleArns = nil
	}
	if isPlaceholder(in.TokenProperties) {
		in.TokenProperties = nil
	}
	if in.ExpirationInDays != nil && *in.ExpirationInDays == 0 {
		in.ExpirationInDays = nil
	}
}

// list defines a flag that may be repeated.
func list(flags *flag.FlagSet, name, usage string) *[]string {
	var values []string
	flags.Func(name, usage, func(value string) error {
		values = append(values, strings.TrimSpace(value))
		return nil
	})
	return &values
}
