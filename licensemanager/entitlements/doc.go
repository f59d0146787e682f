// Package entitlements says what a customer is entitled to: which features, and
// how much of what is counted.
//
// # Overview
//
// A product asks AWS License Manager at its start, and every 15 minutes for
// renewals, upgrades and cancellations. A [Watcher] does that, uses the last set
// it has while the service cannot be reached, and keeps it in a file for the
// next start:
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
// Keeper of package lease, then the Watcher.
//
// [Load] looks once. To take a seat, ask in the unit of the license: a checkout
// in another unit is refused.
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
// permits CheckoutLicense. What the service leaves out, or writes so that it
// cannot be read, is no reason against a license. The issuer is the exception
// with [Options].LicenseARN: it must be known, or a customer could issue a
// license for the product to themselves.
//
// # How licenses are merged
//
//   - A feature (unit None) is there if one usable license has it.
//   - The MaxCounts of a counted entitlement add up.
//   - Without a MaxCount, or with Overage, there is no limit.
//   - If licenses have an entitlement in different units, the unit and the
//     limit are those of the newest license, which the service checks out.
//   - Of two entitlements with one name in a license, the first counts.
//
// The service checks out of one license at a time. Which one, if several match,
// is not published.
//
// # Without the service
//
// A [Watcher] that cannot look keeps its set and retries after 30 seconds, then
// after twice as long, up to the interval. Licenses still end at their end, or
// after Options.Grace. The cache file is a convenience, not a protection, unless
// Options.Key gives it a MAC; somebody who can keep the service away can keep a
// cancellation away until the end of the license, which is why Current says how
// old the set is. All times are the service's, so setting the local clock while
// the product runs changes nothing; setting it back between two runs does not
// make a license last longer.
//
// # Rights
//
// The credentials need license-manager:ListReceivedLicenses. With
// Options.LicenseARN they need license-manager:GetLicense instead, which the
// role AWSLicenseManagerConsumptionRole has.
package entitlements
