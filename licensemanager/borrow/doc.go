// Package borrow verifies a borrowed license of AWS License Manager offline.
//
// # When to use it
//
// A product that runs where AWS cannot be reached borrows its license before
// it goes there: CheckoutBorrowLicense returns a signed token, and from then
// on the token is all that the product has. It can be verified with the public
// key of the license's issuer, which is shipped with the product. Where AWS
// can be reached, check the license out instead.
//
// # The issuer's key
//
// The issuer signs with a KMS key, an asymmetric RSA key that never leaves
// KMS. Its public half is DER, or PEM after one more step:
//
//	aws kms get-public-key --key-id alias/my-issuer \
//		--query PublicKey --output text | base64 --decode > issuer.der
//	openssl pkey -pubin -inform DER -in issuer.der -out issuer.pem
//
// Embed either file in the program. A key that is read from beside the token
// can be replaced together with it.
//
//	//go:embed issuer.pem
//	var issuer []byte
//
//	key, err := borrow.ParsePublicKey(issuer)
//	...
//	verifier, err := borrow.NewVerifier(key, borrow.Options{
//		Mark: borrow.NewFileMark("/var/lib/product/clock"),
//	})
//	...
//	license, err := verifier.Verify(token, borrow.Want{
//		LicenseArn:   licenseArn,
//		NodeId:       nodeId,
//		Entitlements: []borrow.Entitlement{borrow.Count("Seats", 5)},
//	})
//
// # What is enforced
//
// The token is a JWS, but it has none of a JWT's registered claims: no exp, no
// nbf, no iat, no aud. A JWT library that finds no exp has nothing to enforce
// and accepts a license that ended last year, or that belongs to another
// machine. Verify makes these checks, in this order, and returns the first
// refusal:
//
//  1. The token is a compact JWS of at most 64 KiB with one signature, in
//     canonical base64url. White space around it is ignored, as a file may end
//     in a newline.
//  2. Its algorithm is PS384 and nothing else, it asks for no extension (crit,
//     b64), and the signature is the issuer's. A key that the token brings
//     along (jwk, x5c, jku) is never used.
//  3. Its payload is one JSON object without repeated members, has every
//     member of a borrowed license, and its dates can be read. A date without
//     a zone is UTC.
//  4. License, node, metadata and entitlements are the wanted ones.
//  5. The clock has not gone back, the license was not issued in the future,
//     and it has not ended.
//
// # The clock
//
// Offline, the only clock is the one that the user can set. A [Mark] keeps the
// latest time that a Verifier has seen: a clock that is behind it by more than
// Options.ClockTolerance is refused with [ErrClockWentBack]. Within the
// tolerance the later time counts, so that nothing is gained by going back a
// little, and a license that was seen to end stays ended.
//
// The mark never passes the end of a license that the issuer signed. A clock
// that was ahead by years for a moment therefore blocks a product for no
// longer than the license's own life. To recover earlier, correct the clock
// and remove the mark's file.
//
// A user who may write to the file can also remove it. The mark is a
// deterrent, as strong as the place it is kept in, and the time at which the
// license was issued is a lower bound that nobody can remove.
//
// # Refusals
//
// Every refusal is a [*RefusedError] with a [Reason] of its own:
//
//	switch {
//	case errors.Is(err, borrow.ErrExpired):
//		// ask for a new license
//	case errors.Is(err, borrow.ErrClockWentBack):
//		// ask for the clock to be corrected
//	}
package borrow
