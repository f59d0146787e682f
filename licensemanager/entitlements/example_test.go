package entitlements_test

import (
	"context"
	"fmt"
	"time"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/entitlements"
)

// A product looks up what its customer has bought.
func ExampleLoad() {
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

	set, err := entitlements.Load(context.Background(), client, server.LicenseManager().ProductSKU(), func(o *entitlements.Options) {
		o.KeyFingerprint = server.LicenseManager().KeyFingerprint() // without it, AWS Marketplace's
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(set.Has("Premium"), set.Has("Enterprise"))
	fmt.Println(set.Limit(awstokenstest.Seats))
	fmt.Println(set.Ask(awstokenstest.Seats, 2))
	_, err = set.Ask(awstokenstest.Seats, 11)
	fmt.Println(err)
	// Output:
	// true false
	// 10 true
	// {AWS::Marketplace::Usage Count 2} <nil>
	// entitlements: cannot ask for 11 of "AWS::Marketplace::Usage": the licenses have less of it
}

// A product that runs on watches for changes.
func ExampleWatch() {
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

	manager := server.LicenseManager()
	w, err := entitlements.Watch(context.Background(), client, manager.ProductSKU(), func(o *entitlements.Options) {
		o.KeyFingerprint = manager.KeyFingerprint()
		o.Interval = time.Millisecond // for the example
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer w.Close()
	set, _ := w.Current()
	fmt.Println(set.Limit(awstokenstest.Seats))

	manager.SetSeats(25) // the customer upgrades
	<-w.Changed()
	set, _ = w.Current()
	fmt.Println(set.Limit(awstokenstest.Seats))
	// Output:
	// 10 true
	// 25 true
}
