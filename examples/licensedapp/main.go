// Command licensedapp is a small HTTP service with a licensed feature. It takes
// a seat when it starts, serves the feature while it has one, goes on when
// License Manager cannot be reached for a while, and gives the seat back when
// it is told to stop.
//
//	go run ./examples/licensedapp
//	curl http://127.0.0.1:8080/feature
//	curl http://127.0.0.1:8080/license
//
// By default it runs on License Manager in memory, with a token that it mints
// itself. With -live it runs on AWS: the refresh token is in the file that
// AWS_LICENSE_ACCESS_FILE names, the role in AWS_ROLE_ARN.
//
//	go run ./examples/licensedapp -live -sku my-product -entitlement Users
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

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

func run(ctx context.Context, args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("licensedapp", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:8080", "`address` to serve on")
	live := flags.Bool("live", false, "run on AWS instead of the service in memory")
	sku := flags.String("sku", "", "with -live: the product's `SKU`")
	fingerprint := flags.String("fingerprint", "", "with -live: the issuer's key `fingerprint`; AWS Marketplace's by default")
	entitlement := flags.String("entitlement", "", "with -live: the `name` of the counted entitlement to take one of")
	if err := flags.Parse(args); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))

	var client *licensemanager.Client
	var request lease.Request
	var err error
	if *live {
		client, err = liveClient()
		request = lease.Request{
			ProductSKU:     *sku,
			KeyFingerprint: *fingerprint,
			Entitlements:   []licensemanager.EntitlementData{licensemanager.Count(*entitlement, 1)},
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
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	log.Info("serving", "url", "http://"+listener.Addr().String())
	return serve(ctx, listener, newApp(client, request, log))
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

// app is the service. Only its feature depends on the license.
type app struct {
	client  *licensemanager.Client
	request lease.Request
	log     *slog.Logger
	retry   time.Duration // how long after a failure to ask for a seat again

	mu    sync.Mutex
	lease *lease.Lease // nil while there is none
	why   error        // then: why not
}

func newApp(client *licensemanager.Client, request lease.Request, log *slog.Logger) *app {
	return &app{client: client, request: request, log: log, retry: time.Minute, why: errors.New("not asked yet")}
}

// serve runs the service until the context ends, and gives the seat back.
func serve(ctx context.Context, listener net.Listener, a *app) error {
	server := &http.Server{Handler: a.handler(), ReadHeaderTimeout: 10 * time.Second}
	var wg sync.WaitGroup
	wg.Go(func() { a.keepLicensed(ctx) })
	wg.Go(func() {
		<-ctx.Done()
		_ = server.Close()
	})
	err := server.Serve(listener)
	wg.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// keepLicensed holds a seat until the context ends, and asks again for one that
// was refused or lost: the customer may buy another while the program runs.
func (a *app) keepLicensed(ctx context.Context) {
	for ctx.Err() == nil {
		l, err := lease.Acquire(ctx, a.client, a.request, func(o *lease.Options) {
			o.OnEvent = func(e lease.Event) {
				a.log.Info("license "+string(e.Type), "expires", e.Expires, "error", e.Err)
			}
		})
		a.set(l, err)
		if err != nil {
			a.log.Warn("no license", "error", err)
			select {
			case <-time.After(a.retry):
			case <-ctx.Done():
			}
			continue
		}
		a.log.Info("license taken", "arn", l.LicenseARN(), "expires", l.Expires())
		select {
		case <-l.Done():
			a.set(nil, l.Err())
		case <-ctx.Done():
			closing, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			if err := l.Close(closing); err != nil {
				a.log.Error("license not given back", "error", err)
			}
			cancel()
		}
	}
}

func (a *app) set(l *lease.Lease, why error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lease, a.why = l, why
}

// license returns the state of the license and, if there is none, why.
func (a *app) license() (lease.State, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lease == nil {
		return lease.StateLost, a.why
	}
	return a.lease.State(), a.lease.Err()
}

func (a *app) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /license", func(w http.ResponseWriter, _ *http.Request) {
		state, why := a.license()
		fmt.Fprintln(w, "license:", state)
		if why != nil {
			fmt.Fprintln(w, "because:", why)
		}
	})
	mux.HandleFunc("GET /feature", func(w http.ResponseWriter, _ *http.Request) {
		switch state, _ := a.license(); state {
		case lease.StateActive:
			fmt.Fprintln(w, "the licensed feature")
		case lease.StateDegraded:
			// The seat is still held; tell the customer, and do not stop.
			w.Header().Set("Warning", `199 - "the license could not be renewed yet"`)
			fmt.Fprintln(w, "the licensed feature")
		default:
			http.Error(w, "this feature needs a license; see /license", http.StatusPaymentRequired)
		}
	})
	return mux
}
