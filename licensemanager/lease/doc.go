// Package lease takes a seat of a license, keeps it for as long as the program
// runs, and gives it back.
//
// # The story
//
// A seat that is checked out provisionally expires: after an hour with AWS
// Marketplace. A program that uses it has to extend it in time, survive a
// service that cannot be reached, follow a consumption token that changes, and
// check the seat in at its end, whatever that end is; otherwise nobody else
// can have it for the rest of its life. A Lease does all of that:
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
//	defer l.Close(context.Background())
//
// Close repeats a check-in that fails for a passing reason, for up to a minute;
// a program that cannot wait so long gives it a context with a timeout.
//
// # States
//
// A lease is Active while the seat is held. When an extension fails it becomes
// Degraded: the seat is still held, and the extension is tried again after 5
// seconds, then after twice as long, up to a minute. It becomes Lost at the
// seat's expiration, or Options.Grace after that; then Done is closed and Err
// says why. When the service does not know the seat any more, the lease takes
// another; when that is refused, it is Lost at once.
//
// AWS asks sellers to avoid a hard stop: tell the customer when a lease
// degrades, and let a lost lease disable what is licensed, not the product.
//
// # Probing
//
// Check takes a seat and gives it back at once. Its verdict is Denied only
// when the service says so; a service that cannot be asked is Unknown.
//
// # Revocation
//
// An issuer who deletes a refresh token refuses the credentials, not the seat:
// Check is Unknown and Acquire fails with an error, a lease is Degraded and its
// events have an error, in which errors.Is finds tokencreds.ErrTokenRefused. An
// outage does not have it.
//
// # Refusals
//
// The service gives one exception for several reasons. Where the credentials
// permit ListReceivedLicenses and GetLicenseUsage, a *DeniedError says which it
// was; those of the role AWSLicenseManagerConsumptionRole do not, and the plain
// exception stands. A checkout can be partial: it is given back with a
// *PartialError that names what was missing, unless Request.Any admits it.
package lease
