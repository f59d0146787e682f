package lease_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/drawdown"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
)

// A program holds a seat for as long as it runs.
func Example() {
	server, err := awstokenstest.Start() // against AWS: package tokencreds
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client, err := licensemanager.New(server.Config())
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx := context.Background()
	seat, err := lease.Acquire(ctx, client, lease.Request{
		ProductSKU:     server.LicenseManager().ProductSKU(),
		KeyFingerprint: server.LicenseManager().KeyFingerprint(), // without it, AWS Marketplace's
		Entitlements:   []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 2)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(seat.State(), server.LicenseManager().SeatsTaken(awstokenstest.Seats))
	if err := seat.Close(ctx); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(seat.State(), server.LicenseManager().SeatsTaken(awstokenstest.Seats))
	// Output:
	// active 2
	// closed 0
}

// Check leaves no seat taken, and says why there is none.
func ExampleCheck() {
	server, err := awstokenstest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client, err := licensemanager.New(server.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	verdict, err := lease.Check(context.Background(), client, lease.Request{
		ProductSKU:     server.LicenseManager().ProductSKU(),
		KeyFingerprint: server.LicenseManager().KeyFingerprint(),
		Entitlements:   []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 11)},
	})
	fmt.Println(verdict, err != nil)
	// Output: denied true
}

// A service holds a seat whenever there is one, and runs without it meanwhile.
func ExampleKeep() {
	server, err := awstokenstest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client, err := licensemanager.New(server.Config())
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx := context.Background()
	keeper := lease.Keep(ctx, client, lease.Request{
		ProductSKU:     server.LicenseManager().ProductSKU(),
		KeyFingerprint: server.LicenseManager().KeyFingerprint(),
		Entitlements:   []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 1)},
	})
	waiting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if err := keeper.Wait(waiting); err != nil {
		fmt.Println("not licensed yet:", err)
	}
	fmt.Println(keeper.State(), server.LicenseManager().SeatsTaken(awstokenstest.Seats))
	if err := keeper.Close(ctx); err != nil {
		fmt.Println(err)
	}
	fmt.Println(keeper.State(), server.LicenseManager().SeatsTaken(awstokenstest.Seats))
	// Output:
	// active 1
	// closed 0
}

// A service is not ready while it is denied a seat, or cannot use its store, which
// another process may use. It is also ready in an outage at its start, when it is not
// licensed: a feature that is licensed asks whether Err returns nil. SIGTERM stops it
// within 8 seconds: it charges its usage, then gives its seat back.
func Example_service() {
	server, err := awstokenstest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client, err := licensemanager.New(server.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	sku, fingerprint := server.LicenseManager().ProductSKU(), server.LicenseManager().KeyFingerprint()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	meter, err := drawdown.New(client, drawdown.Request{ProductSKU: sku, KeyFingerprint: fingerprint}, filepath.Join(dir, "usage.journal"))
	if err != nil {
		fmt.Println(err)
		return
	}
	own := context.WithoutCancel(ctx) // the signal must not give the seat back before the usage is charged
	keeper := lease.Keep(own, client, lease.Request{
		ProductSKU: sku, KeyFingerprint: fingerprint,
		Entitlements: []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 1)},
	}, func(o *lease.Options) { o.Store = lease.NewFileStore(filepath.Join(dir, "seat.json")) })
	readyz := func(w http.ResponseWriter, _ *http.Request) {
		state, err := keeper.State(), keeper.Err()
		if state == lease.StateLost || state == lease.StateClosed ||
			errors.As(err, new(*lease.StoreError)) || lease.VerdictOf(err) == lease.VerdictDenied {
			http.Error(w, fmt.Sprint(err), http.StatusServiceUnavailable)
		}
	}

	_ = keeper.Wait(ctx)
	response := httptest.NewRecorder()
	readyz(response, nil) // serve it
	fmt.Println(response.Code, server.LicenseManager().SeatsTaken(awstokenstest.Seats))
	stop() // as SIGTERM does
	<-ctx.Done()

	closing, cancel := context.WithTimeout(own, 8*time.Second)
	defer cancel()
	charging, cancel := context.WithTimeout(closing, 4*time.Second)
	defer cancel()
	fmt.Println(errors.Join(meter.Close(charging), keeper.Close(closing)))
	fmt.Println(keeper.State(), server.LicenseManager().SeatsTaken(awstokenstest.Seats))
	// Output:
	// 200 1
	// <nil>
	// closed 0
}
