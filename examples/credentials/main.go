// Command credentials provides AWS credentials to programs in any language: those
// of a license's refresh token, those of a profile's login, or those that carry the
// identity of a user.
//
// As a credential_process it prints them once. In the AWS config file:
//
//	[profile licensed]
//	credential_process = credentials license
//
// As an endpoint it serves and renews them, and prints the environment variables
// with which the AWS CLI and the AWS SDKs find it:
//
//	credentials -serve 127.0.0.1:0 license
//
// Programs that are to use them must not have the variables of other credentials,
// such as AWS_PROFILE, which take precedence.
//
// The sources are
//
//	license  the refresh token in the file that AWS_LICENSE_ACCESS_FILE names, for
//	         the role in AWS_ROLE_ARN
//	profile  the profile in AWS_PROFILE, or default, of the AWS config file, after
//	         a login to its session, for example by aws sso login
//	user     the user's JWT in the file that AWS_WEB_IDENTITY_TOKEN_FILE names, for
//	         the role in AWS_ROLE_ARN and the application of -application; each
//	         session needs another JWT in the file
//
// Region, endpoints and the credentials that sign come from the environment
// variables that the AWS CLI reads.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
	"github.com/seed-25f54b62/awstokens/ssooidc/login"
	"github.com/seed-25f54b62/awstokens/ssooidc/portal"
	"github.com/seed-25f54b62/awstokens/ssooidc/tip"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	switch err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "credentials:", err)
		os.Exit(1)
	}
}

// settings are what a source needs beyond the environment.
type settings struct{ application, bootstrapRole string }

// sources are where credentials come from.
var sources = map[string]func(awstokens.Config, settings) (awstokens.CredentialsProvider, error){
	"license": func(cfg awstokens.Config, _ settings) (awstokens.CredentialsProvider, error) {
		return tokencreds.FromEnv(cfg)
	},
	"profile": func(cfg awstokens.Config, _ settings) (awstokens.CredentialsProvider, error) {
		profile, err := login.LoadProfile("")
		if err != nil {
			return nil, err
		}
		return portal.ProfileCredentials(cfg, profile)
	},
	"user": func(cfg awstokens.Config, s settings) (awstokens.CredentialsProvider, error) {
		return tip.NewProvider(cfg, tip.Application{
			ARN:              s.application,
			AccessRoleARN:    os.Getenv("AWS_ROLE_ARN"),
			BootstrapRoleARN: s.bootstrapRole,
		}, readJWT)
	},
}

func readJWT(context.Context) (awstokens.Secret, error) {
	const file = "AWS_WEB_IDENTITY_TOKEN_FILE"
	if os.Getenv(file) == "" {
		return awstokens.Secret{}, errors.New(file + " is not set")
	}
	text, err := os.ReadFile(os.Getenv(file))
	return awstokens.NewSecret(string(bytes.TrimSpace(text))), err
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("credentials", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("serve", "", "serve on this loopback `address`; port 0 is a free one")
	flags.StringVar(&s.application, "application", "", "of user: the `ARN` of the Identity Center application")
	flags.StringVar(&s.bootstrapRole, "bootstrap-role", "", "of user: the `ARN` of a role to assume with the JWT, which signs instead of credentials in the environment")
	if err := flags.Parse(args); err != nil {
		return err
	}
	source, ok := sources[flags.Arg(0)]
	if !ok || flags.NArg() != 1 {
		return fmt.Errorf("the argument must be one of %s; see -h", strings.Join(slices.Sorted(maps.Keys(sources)), ", "))
	}
	if s != (settings{}) && flags.Arg(0) != "user" {
		return errors.New("-application and -bootstrap-role are of user")
	}
	cfg, err := awstokens.ConfigFromEnv()
	if err != nil {
		return err
	}
	provider, err := source(cfg, s)
	if err != nil {
		return err
	}
	defer wait(ctx, provider)
	if *addr != "" {
		return serve(ctx, *addr, provider, stdout, slog.New(slog.NewTextHandler(stderr, nil)))
	}
	credentials, err := provider.Retrieve(ctx)
	if err != nil {
		return err
	}
	return awstokens.WriteProcessCredentials(stdout, credentials)
}

// wait waits for the refresh of a login, also after a signal: a program that exits in
// the middle of it may lose the login.
func wait(ctx context.Context, provider awstokens.CredentialsProvider) {
	w, ok := provider.(interface{ Wait(context.Context) error })
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	_ = w.Wait(ctx)
}

// serve serves the provider's credentials until the context ends.
func serve(ctx context.Context, addr string, provider awstokens.CredentialsProvider, stdout io.Writer, log *slog.Logger) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		_ = listener.Close()
		return fmt.Errorf("%s is not a loopback address", addr)
	}
	token := rand.Text()
	if _, err := fmt.Fprintf(stdout, "export AWS_CONTAINER_CREDENTIALS_FULL_URI=http://%s/\nexport AWS_CONTAINER_AUTHORIZATION_TOKEN=%s\n", listener.Addr(), token); err != nil {
		_ = listener.Close()
		return err
	}
	server := &http.Server{
		Handler:           logRefusals(log, awstokens.CredentialsHandler(logErrors(log, provider), awstokens.NewSecret(token))),
		ReadHeaderTimeout: 10 * time.Second,
		WriteTimeout:      2 * time.Minute, // a renewal may wait for a service
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// logErrors logs the errors of a provider, such as that a login is needed.
func logErrors(log *slog.Logger, provider awstokens.CredentialsProvider) awstokens.CredentialsProvider {
	return awstokens.CredentialsFunc(func(ctx context.Context) (awstokens.Credentials, error) {
		credentials, err := provider.Retrieve(ctx)
		if err != nil {
			log.Warn("no credentials", "error", err)
		}
		return credentials, err
	})
}

// logRefusals logs the status of each response that has no credentials.
func logRefusals(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(s, r)
		if s.status != http.StatusOK {
			log.Warn("no credentials served", "status", s.status)
		}
	})
}

// statusWriter remembers the status of a response.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
