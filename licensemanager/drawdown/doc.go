// Package drawdown charges counted usage to a license, exactly once.
//
// # Overview
//
// A license can entitle to an amount that is used up: scans, gigabytes,
// documents. A [Meter] adds up what a product uses and charges it in batches, by
// checkouts of type PERPETUAL, which nothing gives back:
//
//	m, err := drawdown.New(client, drawdown.Request{ProductSKU: "my-product"}, "/var/lib/my-product/usage.journal")
//	...
//	defer m.Close(context.Background())
//	...
//	err = m.Add("Documents", 3)
//
// The Meter sends once a minute. [Meter.Flush] sends at once, [Meter.Close] at the
// end, and [Meter.Totals] tells what was charged. At its end, a program closes the
// Meter first, then a Lease or Keeper of package lease, then a Watcher of package
// entitlements.
//
// # Exactly once
//
// A batch is in the journal, on disk, with its ClientToken, before it is sent. If
// its response is lost, or the process is killed, it is sent again with the same
// token, and the service charges it once. It does so for a limited time, which
// AWS publishes for CreateToken alone: 10 minutes. Later a batch could be charged
// twice; it is not sent again, but reported with an [*UnknownError], and the
// others go on. A batch that no attempt has delivered is simply owed.
//
// What was added and is not in a batch yet is in memory. Close writes it to the
// journal if it cannot charge it; a process that is killed loses it, up to a
// minute's worth with the default of Options.Every.
//
// # Denials
//
// What the service denies stays owed and is tried again with the next batch: the
// customer may buy more. A [*DeniedError] says for each entitlement why, and what
// is left. A batch can be charged in part, but the amount of one entitlement is
// charged whole or not at all. A name that is mistyped is denied for
// ever: [Meter.Forget] drops what is owed of it.
//
// # The journal
//
// It is a file of one line a record, each with a checksum over all before it.
// Only its owner may read it. From 1 MiB on it is rewritten with its totals
// alone. The file beside it that ends in .lock keeps other processes away: give
// each its own journal. Never copy a journal that is in use, or put back an old
// one: the batches in it would be charged again.
//
// A journal that is damaged, from another product, issuer or beneficiary, or
// from the future is a [*JournalError] that names the file and says what to do.
// Nothing in it is deleted. If the disk is full, nothing is sent.
//
// # Rights
//
// CheckoutLicense is enough. To explain a denial, the credentials need
// ListReceivedLicenses, or GetLicense with Options.LicenseARN, and
// GetLicenseUsage to know what is left.
package drawdown
