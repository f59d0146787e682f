package emulator

import (
	"cmp"
	"strings"

	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// The licenses that the emulator makes by itself.
const (
	seedIssuer  = "Emulator"
	seedSKU     = "emulated-product"
	SeedCount   = "AWS::Marketplace::Usage" // the counted entitlement
	SeedFeature = "Premium"                 // the feature
	seedSeats   = 10
	seedMinutes = 60
	borrowDays  = 7
)

// seed makes a license like the one that the emulator starts with: 10 seats and
// a feature, for an hour at a time, which the emulator's account may use and
// borrow for a week. It is valid at any time to which the clock is set.
func (l *licenseManager) seed(arn, sku string) {
	account := cmp.Or(accountOf(arn), l.options.AccountID)
	yes, no, seats := true, false, int64(seedSeats)
	made := &license{arn: arn, account: account, created: l.clock.now()}
	made.change(licensemanager.License{
		Beneficiary: l.options.AccountID,
		ConsumptionConfiguration: &licensemanager.ConsumptionConfiguration{
			RenewType:                licensemanager.RenewTypeNone,
			ProvisionalConfiguration: &licensemanager.ProvisionalConfiguration{MaxTimeToLiveInMinutes: seedMinutes},
			BorrowConfiguration:      &licensemanager.BorrowConfiguration{AllowEarlyCheckIn: true, MaxTimeToLiveInMinutes: borrowDays * 24 * 60},
		},
		Entitlements: []licensemanager.Entitlement{
			{Name: SeedCount, Unit: licensemanager.EntitlementUnitCount, MaxCount: &seats, AllowCheckIn: &yes, Overage: &no},
			{Name: SeedFeature, Unit: licensemanager.EntitlementUnitNone, AllowCheckIn: &yes},
		},
		HomeRegion: l.options.Region,
		Issuer: issuerDetails(account, &licensemanager.Issuer{
			Name:    seedIssuer,
			SignKey: "arn:aws:kms:" + l.options.Region + ":" + account + ":key/00000000-0000-0000-0000-000000000000",
		}),
		LicenseArn:  arn,
		LicenseName: "Emulated license",
		ProductName: "Emulated product",
		ProductSKU:  sku,
		Status:      licensemanager.LicenseStatusAvailable,
		Validity:    &licensemanager.DatetimeRange{Begin: "1970-01-01T00:00:00Z"},
	})
	l.add(made)
	l.grant(made, l.options.AccountID)
}

// grant gives an account an active grant of every operation.
func (l *licenseManager) grant(of *license, account string) {
	made := &grant{
		arn:     "arn:aws:license-manager::" + of.account + ":grant:g-" + randomHex(16),
		of:      of,
		grantor: of.account,
		grantee: account,
	}
	made.change(licensemanager.Grant{
		GrantArn:    made.arn,
		GrantName:   "Emulated grant",
		GrantStatus: licensemanager.GrantStatusActive,
		GrantedOperations: []licensemanager.AllowedOperation{
			licensemanager.AllowedOperationCreateGrant,
			licensemanager.AllowedOperationCheckoutLicense,
			licensemanager.AllowedOperationCheckoutBorrowLicense,
			licensemanager.AllowedOperationCheckInLicense,
			licensemanager.AllowedOperationExtendConsumptionLicense,
			licensemanager.AllowedOperationListPurchasedLicenses,
			licensemanager.AllowedOperationCreateToken,
		},
		GranteePrincipalArn: "arn:aws:iam::" + account + ":root",
		HomeRegion:          of.current().HomeRegion,
		LicenseArn:          of.arn,
		ParentArn:           of.arn,
	})
	l.addGrant(made)
}

// AddLicense adds a license like the one that the emulator starts with. Its
// product SKU is the last part of the ARN. AddLicense does nothing if the
// license exists.
func (s *Server) AddLicense(arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.licenses.find(arn) == nil {
		s.licenses.seed(arn, arn[strings.LastIndex(arn, ":")+1:])
	}
}

// LicenseARN returns the ARN of the license that the emulator starts with.
func (s *Server) LicenseARN() string {
	return "arn:aws:license-manager::" + s.options.AccountID + ":license:l-0123456789abcdef0123456789abcdef"
}

// RoleARN returns the ARN of a role to put into tokens. Any other role works as
// well.
func (s *Server) RoleARN() string {
	return "arn:aws:iam::" + s.options.AccountID + ":role/AWSLicenseManagerConsumptionRole"
}

// ProductSKU returns the SKU of the license that the emulator starts with.
func (s *Server) ProductSKU() string { return seedSKU }

// KeyFingerprint returns the fingerprint of the issuer of the license that the
// emulator starts with.
func (s *Server) KeyFingerprint() string {
	return issuerDetails(s.options.AccountID, &licensemanager.Issuer{Name: seedIssuer}).KeyFingerprint
}
