// Command issuetoken mints a refresh token for a license, as a seller does for a
// customer without an AWS account.
//
//	issuetoken -license arn:aws:license-manager::123456789012:license:l-... \
//	    -role arn:aws:iam::123456789012:role/Consumer -days 90 -property customer=example \
//	    -out license_token
//
// Region, credentials and endpoint come from the environment variables that the
// AWS CLI reads; flags override them. With -input-json, the input comes from a
// file in the form that
//
//	aws license-manager create-token --generate-cli-skeleton
//
// prints. The service returns a token once: it is written to standard output, or
// with -out to a file, and everything else to standard error.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/aws/smithy-go"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "issuetoken:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	in, err := s.input()
	if err != nil {
		return err
	}
	client, err := s.client()
	if err != nil {
		return err
	}
	return mint(ctx, client, in, s.out, stdout, stderr)
}

// settings are the command's flags.
type settings struct {
	inputJSON, license, clientToken string
	roles, properties               []string
	days                            *int32 // nil without the flag
	region, endpoint, out           string
}

func parse(args []string, stderr io.Writer) (s settings, err error) {
	flags := flag.NewFlagSet("issuetoken", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.inputJSON, "input-json", "", "read the input from this `file`, in the form of the AWS CLI's skeleton; other flags override it")
	flags.StringVar(&s.license, "license", "", "`ARN` of the license")
	listVar(flags, &s.roles, "role", "`ARN` of an IAM role that the token embeds; may be repeated")
	listVar(flags, &s.properties, "property", "`string` that the token has in its amr claim; up to 3 times")
	flags.Func("days", "life of the token in `days`; by default, the service makes it one year", func(value string) error {
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil || n < 1 {
			return errors.New("not a number of days")
		}
		days := int32(n)
		s.days = &days
		return nil
	})
	flags.StringVar(&s.clientToken, "client-token", "", "idempotency `token`; to retry a failed command, use the one that it printed")
	flags.StringVar(&s.region, "region", "", "the license's home `Region`")
	flags.StringVar(&s.endpoint, "endpoint", "", "`URL` of another endpoint")
	flags.StringVar(&s.out, "out", "", "write the token to this new `file`, which only its owner can read")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return s, nil
}

// listVar defines a flag that may be repeated.
func listVar(flags *flag.FlagSet, values *[]string, name, usage string) {
	flags.Func(name, usage, func(value string) error {
		*values = append(*values, strings.TrimSpace(value))
		return nil
	})
}

// input returns the input of CreateToken.
func (s settings) input() (*licensemanager.CreateTokenInput, error) {
	in := new(licensemanager.CreateTokenInput)
	if s.inputJSON != "" {
		text, err := os.ReadFile(s.inputJSON)
		if err == nil {
			err = decode(text, in)
		}
		if err != nil {
			return nil, fmt.Errorf("-input-json: %w", err)
		}
	}
	in.LicenseArn = cmp.Or(s.license, in.LicenseArn)
	in.ClientToken = cmp.Or(s.clientToken, in.ClientToken, licensemanager.NewClientToken())
	in.ExpirationInDays = cmp.Or(s.days, in.ExpirationInDays)
	if len(s.roles) > 0 {
		in.RoleArns = s.roles
	}
	if len(s.properties) > 0 {
		in.TokenProperties = s.properties
	}
	return in, nil
}

// client returns a client of the environment's configuration, with the flags in
// place of what they override.
func (s settings) client() (*licensemanager.Client, error) {
	cfg, err := awstokens.ConfigFromEnv()
	if err != nil {
		return nil, explain(err)
	}
	cfg.Region = cmp.Or(s.region, cfg.Region)
	if cfg.Region == "" {
		return nil, errors.New("no Region: use -region or set AWS_REGION")
	}
	if s.endpoint != "" {
		cfg.BaseEndpoint, cfg.ServiceEndpoints = s.endpoint, nil
		cfg.UseFIPS, cfg.UseDualStack = false, false // which are variants of AWS's own endpoints
	}
	client, err := licensemanager.New(cfg)
	return client, explain(err)
}

// mint mints a token and writes it to the file out, or to stdout if out is empty.
func mint(ctx context.Context, client *licensemanager.Client, in *licensemanager.CreateTokenInput, out string, stdout, stderr io.Writer) (err error) {
	if err := in.Validate(); err != nil {
		return explain(err)
	}
	// The file comes first: a token that could not be kept would be lost.
	keep := stdout
	if out != "" {
		file, openErr := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if openErr != nil {
			return openErr
		}
		defer func() {
			if err = errors.Join(err, file.Close()); err != nil {
				err = errors.Join(err, os.Remove(out))
			}
		}()
		keep = file
	}
	fmt.Fprintln(stderr, "client token:", in.ClientToken)
	token, err := client.CreateToken(ctx, in)
	if err != nil {
		return explain(err)
	}
	fmt.Fprintf(stderr, "minted %s %s (request ID %s)\n", token.TokenType, token.TokenId, token.RequestID)
	_, err = fmt.Fprintln(keep, token.Token.Reveal())
	return err
}

// decode decodes an input in the form of the AWS CLI. A member that CreateToken
// does not have is an error: a token would not have a limit whose name was
// misspelled.
func decode(text []byte, in *licensemanager.CreateTokenInput) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil {
		return err
	}
	var unknown []string
	for name := range members {
		if _, ok := flagOf[name]; !ok {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return fmt.Errorf("CreateToken does not have %s", strings.Join(unknown, ", "))
	}
	err := json.Unmarshal(text, in)
	var mistyped *json.UnmarshalTypeError
	if errors.As(err, &mistyped) {
		return fmt.Errorf("%s cannot be a %s", mistyped.Field, mistyped.Value)
	}
	dropPlaceholders(in)
	return err
}

// dropPlaceholders removes the values of the skeleton that were not replaced.
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

// flagOf has the flag of each member of the input.
var flagOf = map[string]string{
	"ClientToken":      "-client-token",
	"ExpirationInDays": "-days",
	"LicenseArn":       "-license",
	"RoleArns":         "-role",
	"TokenProperties":  "-property",
}

// explain rewords an error of the library for users of the command, who know its
// flags and environment variables, but not Go. Without an error, it returns nil.
func explain(err error) error {
	switch {
	case errors.Is(err, awstokens.ErrNoCredentials):
		return errors.New("no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
	case errors.Is(err, awstokens.ErrInsecureEndpoint):
		return errors.New("the endpoint is not https and its host is not a loopback address")
	}
	var invalid smithy.InvalidParamsError
	if !errors.As(err, &invalid) {
		return err
	}
	var list []error
	for _, err := range invalid.Errs() {
		list = append(list, violation(err))
	}
	return errors.Join(list...)
}

// violation returns an error that names the flag instead of the member of the
// input.
func violation(err error) error {
	var broken smithy.InvalidParamError
	errors.As(err, &broken)
	_, member, _ := strings.Cut(broken.Field(), ".")
	member, item, _ := strings.Cut(member, "[")
	reason := "is required"
	var rule *awstokens.ConstraintError
	if errors.As(err, &rule) {
		switch rule.Rule {
		case awstokens.RuleMaxLength:
			reason = fmt.Sprintf("has %d characters, and at most %d are allowed", rule.Actual, rule.Limit)
		case awstokens.RuleMaxItems:
			reason = fmt.Sprintf("is given %d times, and at most %d are allowed", rule.Actual, rule.Limit)
		default:
			reason = "does not match " + rule.Pattern
		}
	}
	if n, err := strconv.Atoi(strings.TrimSuffix(item, "]")); err == nil {
		return fmt.Errorf("%s, number %d, %s", flagOf[member], n+1, reason)
	}
	return fmt.Errorf("%s %s", flagOf[member], reason)
}
