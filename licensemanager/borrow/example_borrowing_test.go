package borrow_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/borrow"
	"github.com/seed-25f54b62/awstokens/licensemanager/entitlements"
)

const laptop = "laptop-7"

// borrowSeats borrows seats for this machine, and writes the token to a file. It
// returns what Verify is to require.
func borrowSeats(ctx context.Context, client *licensemanager.Client, manager awstokenstest.LicenseManager, file string) (borrow.Want, error) {
	set, err := entitlements.Load(ctx, client, manager.ProductSKU(), func(o *entitlements.Options) {
		o.KeyFingerprint = manager.KeyFingerprint() // without it, AWS Marketplace's
	})
	if err != nil {
		return borrow.Want{}, err
	}
	seats, err := set.Ask(awstokenstest.Seats, 3) // in the unit of the license
	if err != nil {
		return borrow.Want{}, err
	}
	out, err := client.CheckoutBorrowLicense(ctx, &licensemanager.CheckoutBorrowLicenseInput{
		ClientToken:            licensemanager.NewClientToken(),
		DigitalSignatureMethod: licensemanager.DigitalSignatureMethodJwtPs384,
		Entitlements:           []licensemanager.EntitlementData{seats},
		LicenseArn:             manager.LicenseARN(),
		NodeId:                 laptop,
	})
	if err != nil {
		return borrow.Want{}, err
	}
	return borrow.Want{
		LicenseARN:   manager.LicenseARN(),
		NodeID:       laptop,
		Entitlements: []borrow.EntitlementData{{Name: seats.Name, Unit: string(seats.Unit), Value: seats.Value}},
	}, os.WriteFile(file, []byte(out.SignedToken.Reveal()), 0o600)
}

// verifyFile needs no network.
func verifyFile(verifier *borrow.Verifier, file string, want borrow.Want) (*borrow.License, error) {
	token, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return verifier.Verify(awstokens.NewSecret(string(token)), want)
}

// giveBack checks a license in before its end, which its issuer must permit. One
// that has expired has gone back by itself.
func giveBack(ctx context.Context, client *licensemanager.Client, verifier *borrow.Verifier, file string, want borrow.Want) error {
	license, err := verifyFile(verifier, file, want)
	switch {
	case errors.Is(err, borrow.ErrExpired):
		return os.Remove(file)
	case err != nil:
		return err
	}
	_, err = client.CheckInLicense(ctx, &licensemanager.CheckInLicenseInput{LicenseConsumptionToken: license.LicenseConsumptionToken})
	var gone *licensemanager.ResourceNotFoundException
	if err != nil && !errors.As(err, &gone) {
		return err
	}
	return os.Remove(file)
}

// A product borrows a license, uses it offline, and gives it back.
func Example_borrowing() {
	server, err := awstokenstest.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client, err := licensemanager.New(server.Config()) // against AWS: package tokencreds
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
	manager := server.LicenseManager()
	verifier, err := borrow.NewVerifier(manager.SignKey(), func(o *borrow.Options) { // the issuer's key, embedded in the product
		o.Mark = borrow.NewFileMark(filepath.Join(dir, "clock"))
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, file := context.Background(), filepath.Join(dir, "license.jws")

	want, err := borrowSeats(ctx, client, manager, file)
	fmt.Println("borrowed:", manager.SeatsTaken(awstokenstest.Seats), err)

	license, err := verifyFile(verifier, file, want)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("verified:", license.Entitlements, "for", license.Expiration.Sub(license.IssuedAt))

	err = giveBack(ctx, client, verifier, file, want)
	fmt.Println("given back:", manager.SeatsTaken(awstokenstest.Seats), err)
	// Output:
	// borrowed: 3 <nil>
	// verified: [{AWS::Marketplace::Usage Count 3}] for 168h0m0s
	// given back: 0 <nil>
}
