package borrow_test

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager/borrow"
)

// The issuer's key is part of the program.
//
//go:embed testdata/issuer.pem
var issuerKey []byte

// The token is what CheckoutBorrowLicense returned, stored in a file. This one
// was signed with openssl by a key that was thrown away.
//
//go:embed testdata/license.jws
var token string

func Example() {
	key, err := borrow.ParsePublicKey(issuerKey)
	if err != nil {
		fmt.Println(err)
		return
	}
	dir, err := os.MkdirTemp("", "borrow")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	today := time.Date(2026, time.March, 10, 12, 0, 0, 0, time.UTC)
	verifier, err := borrow.NewVerifier(key, func(o *borrow.Options) {
		o.Mark = borrow.NewFileMark(filepath.Join(dir, "clock"))
		o.Now = func() time.Time { return today } // the default is the real clock
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	want := borrow.Want{
		LicenseARN:   "arn:aws:license-manager::111122223333:license:l-0123456789abcdef0123456789abcdef",
		NodeID:       "build-host-7",
		Metadata:     map[string]string{"edition": "pro"},
		Entitlements: []borrow.EntitlementData{borrow.Count("Seats", 5), borrow.Feature("Export")},
	}
	license, err := verifier.Verify(awstokens.NewSecret(token), want)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("licensed until", license.Expiration)

	// The user sets the clock back.
	today = today.AddDate(0, 0, -5)
	_, err = verifier.Verify(awstokens.NewSecret(token), want)
	fmt.Println(errors.Is(err, borrow.ErrClockWentBack))

	// The license expires.
	today = license.Expiration
	_, err = verifier.Verify(awstokens.NewSecret(token), want)
	var refused *borrow.RefusedError
	if errors.As(err, &refused) && refused.Reason == borrow.ErrExpired {
		fmt.Println("expired", refused.License.Expiration.Format(time.DateOnly))
	}

	// Output:
	// licensed until 2026-03-31 12:00:00 +0000 UTC
	// true
	// expired 2026-03-31
}
