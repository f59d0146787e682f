// Package drawdown charges counted usage to a license, exactly once.
//
// # Overview
//
// A license can entitle to an amount that is used up: scans, gigabytes,
// documents. A [Meter] adds up what a product uses and charges it in batches, by
// checkouts of type PERPETUAL, which are never given back:
//
//	m, err := drawdown.New(client, drawdown.Request{ProductSKU: "my-product"}, "/var/lib/my-product/usage.journal")
//	...
//	defer func() {
//		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
//		defer cancel()
//		err := m.Close(ctx)
//		...
//	}()
//	...
//	err = m.Add("Documents", 3)
//
// The Meter sends once a minute, and every 30 seconds while a batch has no
// response. [Meter.Flush] sends at once, and [Meter.Close] at the end.
// [Meter.Totals] tells what was charged, and [Meter.Err] why the last Flush
// failed.
//
// # Exactly once
//
// A batch is in the journal, on disk, with its ClientToken, before it is sent. If
// its response is lost, or the process is killed, it is sent again with the same
// token, and the service charges it once. The service remembers a token for a
// limited time, which AWS publishes for CreateToken alone: 10 minutes. After that
// time a batch could be charged twice. It is not sent again, but reported with an
// [*UnknownError]: it was charged once or not at all. A batch that the service
// cannot have processed just stays owed.
//
// After an UnknownError, the next batch is a probe: an amount of 1 of one
// entitlement. So are those that follow, until the service charges or denies one.
// Then all that is owed is sent at once. So an outage of hours, in which requests
// are sent but responses are lost or are errors such as a ServerInternalException,
// makes the first batch unknown, and then an amount of 1 every 9 minutes, with the
// default of [Options].Window. All else stays owed, and is charged after the
// outage. While nothing can be sent, or the service throttles, nothing becomes
// unknown.
//
// Setting the local clock has no effect while the process runs. Between a crash
// and the next start, the service's clock corrects it, with one exception: if the
// process was killed before its first response, and the local clock is set back
// before the next start, the batch could be charged twice.
//
// What was added and is not in a batch yet is in memory. Close writes it to the
// journal if it cannot charge it. A process that is killed loses it: usage of up
// to a minute, with the default of Options.Interval. [Meter.Sync] writes it to
// the journal at once, without a call.
//
// # Denials
//
// What the service denies stays owed and is part of the next batch: the customer
// may buy more. A [*DeniedError] says for each entitlement why, and what is left;
// [Denials] returns them all. Some entitlements of a batch can be charged and
// others denied, but the amount of one entitlement is charged whole or not at
// all. A wrong name is denied forever: [Meter.Forget] drops what is owed of it.
//
// # The journal
//
// The journal is a file with a record in each line, which has a checksum of
// itself and all lines before it. Only its owner may read it. From 1 MiB on, it is
// rewritten with the totals and the open batch alone. The file beside it whose
// name ends in .lock keeps other processes away: use a path of its own for each
// Meter. Do not copy the journal, make a hard link to it, or restore an old one
// from a backup: what is owed in it would be charged again.
//
// If the journal is damaged, of another product, issuer or beneficiary, or was
// written by a newer version of this package, New returns a [*JournalError] that
// names the file and says what to do. Nothing in it is deleted. If it cannot be
// written, for example because the disk is full, nothing is sent.
//
// # Shutdown
//
// At its end, a program closes the Meter first: what Close cannot charge is in
// the journal, which a container may lose with its disk, whereas a seat of
// package lease ends by itself. Then it closes its Lease or Keeper, and last a
// Watcher of package entitlements, which has nothing to give back.
//
// A Meter has no context. A Keeper is closed by the end of its own: give it
// context.WithoutCancel(ctx) instead of the context of the signal to end, and call
// Close, so that the Meter comes first. Give a Watcher the context of the signal:
// otherwise the signal is ignored while Watch waits for the service. All of this
// must be over before the process is killed: docker stop waits 10 seconds,
// Kubernetes 30.
//
// # Permissions
//
// CheckoutLicense is enough. To explain a denial, the credentials need
// ListReceivedLicenses, or GetLicense with Options.LicenseARN, and
// GetLicenseUsage to know what is left.
//
// # Tests
//
// Package awstokenstest has the service in memory. Its "Synthetic time" shows how a
// test lives through an outage in milliseconds, and
// its method LicenseManager.ChangeLicense adds an entitlement to charge.
package drawdown
