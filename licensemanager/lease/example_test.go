package lease_test

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
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
