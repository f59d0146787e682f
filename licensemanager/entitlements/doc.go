// Package entitlements says what a customer is entitled to: which features, and
// how much of what is counted.
//
// # Overview
//
// A product asks AWS License Manager when it starts, and every 15 minutes for
// renewals, upgrades and cancellations. A [Watcher] does that, keeps its last set
// while the service cannot be reached, and saves it in a file for the next start:
//
//	w, err := entitlements.Watch(ctx, client, "my-product", func(o *entitlements.Options) {
//		o.CacheFile = "/var/lib/my-product/entitlements.json"
//	})
//	...
//	defer w.Close()
//	set, age := w.Current()
//	if set.Has("Premium") && age < 30*24*time.Hour {
//		...
//	}
//	users, limited := set.Limit("Users")
//
// At its end, a program closes a Meter of package drawdown first, then a Lease or
// Keeper of package lease, then the Watcher, which has nothing to give back.
// Package drawdown says why.
//
// [Load] asks once. To take a seat, use the unit of the license: a checkout in
// another unit is denied.
//
//	users, err := set.Ask("Users", 1)
//	...
//	seat, err := lease.Acquire(ctx, client, lease.Request{
//		ProductSKU:   "my-product",
//		Entitlements: []licensemanager.EntitlementData{users},
//	})
//
// # Which licenses count
//
// A license is usable if it is of the product and the issuer, is AVAILABLE, is
// within its validity by the service's clock, and has an active grant that
// permits CheckoutLicense. What is missing in a license or cannot be parsed does
// not count against it. The exception is the issuer with [Options].LicenseARN: it
// must be known, otherwise a customer could issue a license for the product to
// themselves.
//
// A Watcher that misses a license in a response, or is told that it does not
// exist, asks twice more, a second apart. The license is gone if all three
// responses agree.
//
// # How licenses are merged
//
//   - A feature (unit None) is there if one usable license has it.
//   - The MaxCounts of a counted entitlement are added up.
//   - Without a MaxCount, or with Overage, there is no limit.
//   - If licenses have an entitlement in different units, the unit and the
//     limit are those of the newest license, which the service checks out.
//   - If a license has two entitlements with one name, the first counts.
//
// The service checks out of one license at a time. Which one, if several match,
// is not published.
//
// # First start
//
// Watch waits for its first refresh: up to a minute, or up to 10 seconds if there
// is a cache file. If that fails and there is no cache file, as at the first
// start, Watch returns an error. A program that has to start then calls it again:
//
//	w, err := entitlements.Watch(ctx, client, "my-product", options)
//	for err != nil {
//		log.Print(err)
//		select {
//		case <-time.After(30 * time.Second):
//			w, err = entitlements.Watch(ctx, client, "my-product", options)
//		case <-ctx.Done():
//			return ctx.Err()
//		}
//	}
//
// If there is no usable license yet, Watch returns a Watcher with an empty set, which
// asks again after 30 seconds, then after twice as long, up to Options.Interval. To
// wait until the customer buys one:
//
//	set, _ := w.Current()
//	for !set.Has("Users") {
//		if _, ok := <-w.Changed(); !ok {
//			return // the Watcher was closed
//		}
//		set, _ = w.Current()
//	}
//
// # Without the service
//
// If a refresh fails, the [Watcher] keeps its set and retries after 30 seconds,
// then after twice as long, up to Options.Interval. So after a long outage, and
// after a refused token was replaced, the Watcher may not ask for another 15 minutes.
// Licenses still end at their end, or after Options.Grace.
//
// Somebody who can block the service can hide a cancellation until the end of the
// license: that is why Current says how old the set is. Somebody who can write to
// the cache file can change it, unless Options.Key gives it a MAC.
//
// All times are by the service's clock, so setting the local clock while the
// product runs has no effect. If it is set back between two runs, a license is as
// old as at the end of the first run, not younger. A Date that differs from what
// is expected by more than a day is believed when a second one agrees.
//
// # Permissions
//
// The credentials need license-manager:ListReceivedLicenses. With
// Options.LicenseARN they need license-manager:GetLicense instead, which the
// role AWSLicenseManagerConsumptionRole has.
//
// # Tests
//
// Package awstokenstest has the service in memory. Its "Synthetic time" shows how a
// test lives through an outage in milliseconds.
package entitlements
