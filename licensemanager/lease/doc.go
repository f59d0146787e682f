// Package lease takes a seat of a license, keeps it for as long as the program
// runs, and gives it back.
//
// # Overview
//
// A seat that is checked out provisionally expires: after an hour with AWS
// Marketplace. A program that uses it has to extend it in time, survive an outage
// of the service, follow a consumption token that changes, and check the seat in
// at its end; otherwise the seat stays taken until it expires. A [Lease] does all
// of that:
//
//	creds, err := tokencreds.FromEnv(cfg)
//	...
//	cfg.Credentials = creds
//	client, err := licensemanager.New(cfg)
//	...
//	l, err := lease.Acquire(ctx, client, lease.Request{
//		ProductSKU:   "my-product",
//		Entitlements: []licensemanager.EntitlementData{licensemanager.Count("Users", 1)},
//	})
//	...
//	defer func() {
//		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 8*time.Second)
//		defer cancel()
//		err := l.Close(ctx)
//		...
//	}()
//
// [Acquire] takes one seat, which the Lease keeps until it is lost or closed. It
// is for programs that do not start without a seat. A service uses [Keep]: a
// [Keeper] takes a seat whenever there is one, before and after a loss.
// [Keeper.Wait] waits for it.
//
// Watch either with State, Err, LastError or [Options.OnEvent], a Lease also with
// Done. State is how the seat is now, Err why there is none, and LastError why
// the last call failed, such as the renewal that leads to StateDegraded.
//
// [Check] takes a seat and gives it back at once.
//
// # Readiness
//
// Err of a Keeper is nil while the program is licensed. Otherwise [VerdictOf]
// tells a denial from an outage, before the first seat and after a loss:
//
//	switch err := keeper.Err(); lease.VerdictOf(err) {
//	case lease.VerdictEntitled: // licensed
//	case lease.VerdictDenied: // the service denies a seat: do not serve
//	case lease.VerdictUnknown: // nobody knows; State tells whether there was a seat
//	}
//
// # Shutdown
//
// Catch SIGTERM besides os.Interrupt, and stop in less time than the program is
// given before it is killed: 10 seconds by docker stop, 30 by Kubernetes. First
// serve the requests under way. Then close a Meter of package drawdown, which
// charges their usage: a container may lose its journal with the disk, and
// somebody else may take the seat once it is given back. Then close the Lease or
// Keeper, then a Watcher of package entitlements. Leave time for the later ones,
// and give Keep a context that does not end with the signal, but Watch the one
// that does, because Watch waits for the service:
//
//	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
//	defer stop()
//	own := context.WithoutCancel(ctx)
//	watcher, err := entitlements.Watch(ctx, client, "my-product")
//	...
//	keeper := lease.Keep(own, client, request)
//	...
//	<-ctx.Done()
//	closing, cancel := context.WithTimeout(own, 8*time.Second)
//	defer cancel()
//	charging, cancel := context.WithTimeout(closing, 4*time.Second)
//	defer cancel()
//	err = errors.Join(meter.Close(charging), keeper.Close(closing))
//
// # States
//
// A lease is StateActive while the seat is certainly held. It becomes
// StateDegraded when a renewal fails: the seat is probably held, and the
// renewal is retried after 5 seconds, then after twice as long, up to a minute.
// It is lost at the first attempt that fails after its expiry plus
// Options.Grace, within 30 seconds of that time. If the service no longer knows
// the seat at its expiry, or denies the permission to extend it, the lease takes
// another.
//
// AWS asks sellers to avoid a hard stop: tell the customer when a lease
// degrades, and let a lost lease disable what is licensed, not the product.
//
// # What is promised
//
// A lease never holds two seats, a failed Acquire leaves none, and Close gives
// the seat back or says until when it may stay taken, with a [*TakenError]. A
// single wrong refusal of an extension or a check-in ends nothing. StateActive
// never outlasts the seat. A lease cannot keep these promises in these cases:
//
//   - The response of an extension that changed the consumption token is lost.
//     Nobody can name the seat until it expires; if it was the only one, there is
//     none until then.
//   - A checkout without a response cannot be sent again within ten minutes, in
//     which its ClientToken names the same seat, or the program has been started
//     with another Request since: the store has only a digest of the first one.
//   - The service refuses three times in a row a token that it knows.
//   - The service processes a request long after it was given up.
//   - The license forbids check-in.
//   - The process is killed and has no store, or its store failed before: its
//     seat expires by itself.
//
// # Crashes
//
// With [Options.Store], a program that was killed resumes its seat when it starts
// with the same store and request, at whatever point it was killed:
//
//	lease.Keep(ctx, client, request, func(o *lease.Options) {
//		o.Store = lease.NewFileStore("/var/lib/my-product/seat.json")
//	})
//
// The store's file is locked until the seat is given back. Of several processes
// with one store, one holds the seat; the others send nothing. The record of a
// checkout is saved before the checkout is sent: if that fails, nothing is sent.
// Another save that fails is an EventSaveFailed, and the next save includes it.
// If a program was killed at its first checkout, nobody knows how long ago that
// was sent, and Close may return a TakenError.
//
// If the program starts with another [Request], such as for two seats instead of
// one, the lease first gives the recorded seat back, then takes its own, which is
// an EventRecordDropped. If the seat cannot be given back, Err is a [*StoreError]
// that says, once the program has credentials, until when it lives: a Keeper goes
// on after that, and Acquire returns an error until then.
//
// During an outage a program that was killed is not licensed when it starts: only
// a response of the service proves that its seat still lives. The Keeper is
// StateAcquiring, without Granted and Expires, and VerdictOf(Err()) is
// VerdictUnknown. A program that has to run nevertheless sets a limit of its own,
// such as by the age of what package entitlements has cached. A [*StoreError] is
// no outage: another process may have the seat, or somebody damaged the file:
//
//	set, age := watcher.Current()
//	err := keeper.Err()
//	licensed := err == nil || lease.VerdictOf(err) == lease.VerdictUnknown &&
//		!errors.As(err, new(*lease.StoreError)) && keeper.State() == lease.StateAcquiring &&
//		set.Has("Premium") && age < 24*time.Hour
//
// # Clocks
//
// A seat's life is measured by the service's clock. The local clock may be wrong.
// When the wall clock jumps during a lease, no seat is lost: if it is set ahead,
// the lease may be StateDegraded until a renewal, within 30 seconds; if it is set
// back, nothing changes. After a suspension of the machine the
// lease is not StateActive until it is renewed. Where the operating system does
// not count suspensions (all but Linux), the wall clock does; if it is set back
// around a suspension, the lease stays StateActive until the next renewal.
//
// # Revocation
//
// An issuer who deletes a refresh token makes the service refuse the credentials,
// not the seat: Check is VerdictUnknown, Acquire returns an error, and a lease is
// StateDegraded. In these errors, and in LastError, errors.Is finds
// tokencreds.ErrTokenRefused; in those of an outage it does not.
//
// # Denials
//
// The service has one exception for several reasons. A [*DeniedError] says
// which it was if [Request.LicenseARN] is set and the credentials permit
// GetLicense, as the role AWSLicenseManagerConsumptionRole does, or if they
// permit ListReceivedLicenses and GetLicenseUsage. A checkout can be partial: it
// is given back with a [*PartialError] that names what was missing, unless
// [Request.AllowPartial] is set. If it cannot be given back, a Keeper waits until
// it expires before it takes another.
//
// # Tests
//
// Package awstokenstest has the service in memory. Its "Synthetic time" shows how a
// test lives through an outage in milliseconds.
package lease
