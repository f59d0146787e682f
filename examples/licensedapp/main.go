// Command licensedapp is a small HTTP service with a licensed feature. It holds
// a seat whenever there is one and serves the feature while it does, also in an
// outage of License Manager. It gives the seat back when it is told to stop, and
// resumes it at the next start if it was killed.
//
//	go run ./examples/licensedapp
//	curl http://127.0.0.1:8080/feature
//	curl http://127.0.0.1:8080/license
//
// /readyz, which fails while a seat is denied or lost, and /livez are for an
// orchestrator, and /metrics has what expvar shows. kubernetes.yaml, beside this
// file, runs it in a cluster.
//
// By default it runs on License Manager in memory, with a token that it mints
// itself. With -live it runs on AWS: the refresh token is in the file that
// AWS_LICENSE_ACCESS_FILE names, the role in AWS_ROLE_ARN.
//
//	go run ./examples/licensedapp -live -sku my-product -entitlement Users -store /var/lib/licensedapp/seat.json
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, os.Args[1:], os.Stderr); {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "licensedapp:", err)
		os.Exit(1)
	}
}

// settings are the program's flags.
type settings struct {
	addr, sku, fingerprint, entitlement, store string
	live                                       bool
}

func parse(args []string, stderr io.Writer) (s settings, err error) {
	flags := flag.NewFlagSet("licensedapp", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.addr, "addr", "127.0.0.1:8080", "`address` to serve on")
	flags.StringVar(&s.store, "store", "", "`file` that keeps the seat across a crash; none by default")
	flags.BoolVar(&s.live, "live", false, "run on AWS instead of the service in memory")
	flags.StringVar(&s.sku, "sku", "", "with -live: the product's `SKU`")
	flags.StringVar(&s.fingerprint, "fingerprint", "", "with -live: the issuer's key `fingerprint`; AWS Marketplace's by default")
	flags.StringVar(&s.entitlement, "entitlement", "", "with -live: the `name` of the counted entitlement to take one of")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if !s.live && s.sku+s.fingerprint+s.entitlement != "" {
		return s, errors.New("-sku, -fingerprint and -entitlement are for -live")
	}
	return s, nil
}

func run(ctx context.Context, args []string, stderr io.Writer) error {
	s, err := parse(args, stderr)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))

	var client *licensemanager.Client
	var request lease.Request
	if s.live {
		client, err = liveClient()
		request = lease.Request{
			ProductSKU:     s.sku,
			KeyFingerprint: s.fingerprint,
			Entitlements:   []licensemanager.EntitlementData{licensemanager.Count(s.entitlement, 1)},
		}
	} else {
		server, startErr := awstokenstest.Start()
		if startErr != nil {
			return startErr
		}
		defer server.Close()
		client, err = memoryClient(ctx, server)
		request = memoryRequest(server)
	}
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err
	}
	log.Info("serving", "url", "http://"+listener.Addr().String())
	return newApp(client, request, s.store, log).serve(ctx, listener)
}

// liveClient is all that a product needs: a client whose credentials come from
// the refresh token.
func liveClient() (*licensemanager.Client, error) {
	cfg, err := awstokens.ConfigFromEnv()
	if err != nil {
		return nil, err
	}
	creds, err := tokencreds.FromEnv(cfg)
	if err != nil {
		return nil, err
	}
	cfg.Credentials = creds
	return licensemanager.New(cfg)
}

// memoryClient is the same with a token that it mints itself.
func memoryClient(ctx context.Context, server *awstokenstest.Server) (*licensemanager.Client, error) {
	cfg := server.Config()
	seller, err := licensemanager.New(cfg)
	if err != nil {
		return nil, err
	}
	minted, err := seller.CreateToken(ctx, &licensemanager.CreateTokenInput{
		ClientToken: licensemanager.NewClientToken(),
		LicenseArn:  server.LicenseManager().LicenseARN(),
		RoleArns:    []string{server.LicenseManager().RoleARN()},
	})
	if err != nil {
		return nil, err
	}
	cfg.Credentials, err = tokencreds.New(cfg, tokencreds.Token(minted.Token), func(o *tokencreds.Options) {
		o.RoleARN = server.LicenseManager().RoleARN()
	})
	if err != nil {
		return nil, err
	}
	return licensemanager.New(cfg)
}

func memoryRequest(server *awstokenstest.Server) lease.Request {
	return lease.Request{
		ProductSKU:     server.LicenseManager().ProductSKU(),
		KeyFingerprint: server.LicenseManager().KeyFingerprint(),
		Entitlements:   []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 1)},
	}
}
