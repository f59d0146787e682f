// Package borrow verifies a borrowed license of AWS License Manager offline.
//
// # Overview
//
// A product that runs where AWS cannot be reached borrows its license before it
// goes there: CheckoutBorrowLicense returns a signed token, and from then on the
// product has nothing but the token. It verifies the token with the public key
// of the license's issuer, which is shipped with the product. Where AWS can be
// reached, check the license out instead.
//
//	//go:embed issuer.pem
//	var issuer []byte
//
//	key, err := borrow.ParsePublicKey(issuer)
//	...
//	verifier, err := borrow.NewVerifier(key, func(o *borrow.Options) {
//		o.Mark = borrow.NewFileMark("/var/lib/product/clock")
//	})
//	...
//	license, err := verifier.Verify(token, borrow.Want{
//		LicenseARN:   licenseARN,
//		NodeID:       nodeID,
//		Entitlements: []borrow.EntitlementData{borrow.Count("Seats", 5)},
//	})
//
// # Borrowing and giving back
//
// The example named Borrowing shows all of it: borrow, write the SignedToken to a file,
// verify that, and give the license back before its end, by CheckInLicense with
// [License].LicenseConsumptionToken, if the issuer permits that.
//
// Keep the ClientToken until the SignedToken is in the file: if a call fails and
// awstokens.MayHaveProcessed reports true, a call with the same ClientToken
// within minutes returns the same license. One with a new ClientToken borrows
// another.
//
// # Permissions
//
// Borrowing takes the permission for CheckoutBorrowLicense, giving back that for
// CheckInLicense, and Verify none. The role AWSLicenseManagerConsumptionRole
// permits CheckInLicense alone: to borrow with a refresh token, create the token
// with another role.
//
// # Issuer key
//
// The issuer signs with an asymmetric RSA key that never leaves KMS. Its public
// half is available as DER, and as PEM after one more step:
//
//	aws kms get-public-key --key-id alias/my-issuer \
//		--query PublicKey --output text | base64 --decode > issuer.der
//	openssl pkey -pubin -inform DER -in issuer.der -out issuer.pem
//
// Embed either file in the program. A key that is read from a file beside the
// token can be replaced together with it.
//
// # Checks
//
// The token is a JWS without any registered claim of a JWT: no exp, no nbf, no
// iat, no aud. A JWT library that finds no exp has nothing to enforce, and
// accepts a license that expired last year or that belongs to another machine.
// [Verifier.Verify] makes these checks in this order, and stops at the first that
// fails:
//
//  1. The token is a compact JWS of at most 64 KiB with one signature, in
//     canonical base64url. A byte order mark and white space around it, which a
//     file may have, are ignored.
//  2. Its algorithm is PS384, it requires no extension (crit, b64), and the
//     signature is the issuer's. A key in the token (jwk, x5c, jku) is never
//     used.
//  3. Its payload is one JSON object without duplicate members, it has every
//     member of a borrowed license, and its dates can be parsed. A date without
//     a zone is UTC.
//  4. License, node, metadata and entitlements are those that [Want] requires.
//  5. The clock has not gone back, the license was not issued in the future,
//     and it has not expired.
//
// # Clock
//
// Offline, the only clock is the one that the user can set. A [Mark] stores the
// latest time that a Verifier has seen. A clock that is behind it by more than
// Options.ClockTolerance is refused with [ErrClockWentBack]. Within the
// tolerance, the later time counts: setting the clock back a little gains
// nothing, and a license that was seen to expire stays expired.
//
// The mark never passes the end of a license that the issuer signed. So a clock
// that was years ahead for a moment blocks a product only for the life of the
// license. To recover earlier, correct the clock and remove the file of the mark.
//
// A user who may write to the file may also remove it: the mark is as strong as
// the place where it is stored. The time at which the license was issued is a
// lower bound that nobody can remove.
//
// # Errors
//
// A token is refused with a [*RefusedError], which has a [Reason]:
//
//	switch {
//	case errors.Is(err, borrow.ErrExpired):
//		// ask for a new license
//	case errors.Is(err, borrow.ErrClockWentBack):
//		// ask the user to correct the clock
//	}
package borrow
