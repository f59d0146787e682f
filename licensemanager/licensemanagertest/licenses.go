package licensemanagertest

import (
	"crypto/rsa"
	"crypto/x509"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// The entitlements of the license that the server starts with.
const (
	// Seats is AWS::Marketplace::Usage. It is counted; there are 10.
	Seats = emulator.SeedCount

	// Feature is Premium, which is there or not.
	Feature = emulator.SeedFeature
)

// LicenseArn returns the ARN of the license that the server starts with. It
// has the entitlements Seats and Feature, for 60 minutes at a time, and no
// end, and can be borrowed for 7 days and given back early. The account of
// Config has an active grant that permits everything.
func (s *Server) LicenseArn() string { return s.emulator.LicenseArn() }

// ProductSKU returns that of the license that the server starts with.
func (s *Server) ProductSKU() string { return s.emulator.ProductSKU() }

// KeyFingerprint returns that of the license that the server starts with.
func (s *Server) KeyFingerprint() string { return s.emulator.KeyFingerprint() }

// AddLicense makes one more license that is like the first one but for its
// ARN, the account and the fingerprint that go with it, and its product SKU,
// which is the ARN's last part, such as l-0123. Nothing happens if the license
// exists.
func (s *Server) AddLicense(arn string) { s.emulator.AddLicense(arn) }

// ChangeLicense gives a license a new version, as its issuer does with
// CreateLicenseVersion, but without its checks. It panics if there is no such
// license.
func (s *Server) ChangeLicense(arn string, change func(*licensemanager.License)) {
	if err := s.emulator.ChangeLicense(arn, change); err != nil {
		panic("licensemanagertest: " + err.Error())
	}
}

// SuspendLicense makes a license SUSPENDED. Nothing can be checked out of it
// or extended, until ResumeLicense.
func (s *Server) SuspendLicense(arn string) {
	s.ChangeLicense(arn, func(l *licensemanager.License) { l.Status = licensemanager.LicenseStatusSuspended })
}

// ResumeLicense makes a license AVAILABLE.
func (s *Server) ResumeLicense(arn string) {
	s.ChangeLicense(arn, func(l *licensemanager.License) { l.Status = licensemanager.LicenseStatusAvailable })
}

// SetSeats sets how many of the entitlement Seats the license has that the
// server starts with, in a new version. What is checked out stays so.
func (s *Server) SetSeats(n int) {
	s.ChangeLicense(s.LicenseArn(), func(l *licensemanager.License) {
		for i := range l.Entitlements {
			if e := &l.Entitlements[i]; e.Name == Seats {
				*e.MaxCount = int64(n)
			}
		}
	})
}

// SeatsTaken returns how much of an entitlement, such as Seats, is checked out
// now, of all licenses together. A feature is not counted.
func (s *Server) SeatsTaken(entitlement string) int { return s.emulator.SeatsTaken(entitlement) }

// ConfigOf is Config for another account, of 12 digits. The server has every
// account. What is one account's is not another's: it needs a grant.
func (s *Server) ConfigOf(account string) awstokens.Config { return s.emulator.ConfigOf(account) }

// ChangeTokensOnExtend makes ExtendLicenseConsumption return another
// consumption token, as it may. The old one is then unknown.
func (s *Server) ChangeTokensOnExtend(on bool) {
	s.emulator.Behave(func(b *emulator.Behavior) { b.ChangeTokensOnExtend = on })
}

// ConsumptionRoleOnly puts credentials of AssumeRoleWithWebIdentity under the
// policy of AWSLicenseManagerConsumptionRole: they permit CheckoutLicense,
// CheckInLicense, ExtendLicenseConsumption and GetLicense, for the license of
// their token. By default, any credentials permit everything.
func (s *Server) ConsumptionRoleOnly(on bool) {
	s.emulator.Behave(func(b *emulator.Behavior) { b.ConsumptionRoleOnly = on })
}

// NotOnboarded makes ListReceivedLicenses fail as it does for an account that
// has never set License Manager up.
func (s *Server) NotOnboarded(on bool) {
	s.emulator.Behave(func(b *emulator.Behavior) { b.NotOnboarded = on })
}

// PendingPeriod makes new licenses PENDING_AVAILABLE for so long. By default,
// they are AVAILABLE at once.
func (s *Server) PendingPeriod(d time.Duration) {
	s.emulator.Behave(func(b *emulator.Behavior) { b.PendingPeriod = d })
}

// DeletionPeriod makes deleted licenses PENDING_DELETE for so long. By default,
// they are DELETED at once.
func (s *Server) DeletionPeriod(d time.Duration) {
	s.emulator.Behave(func(b *emulator.Behavior) { b.DeletionPeriod = d })
}

// ClientTokenWindow sets how long a ClientToken stands for one call. AWS
// publishes it for CreateToken only, where it stays 10 minutes; that is the
// default of the other operations, too.
func (s *Server) ClientTokenWindow(d time.Duration) {
	s.emulator.Behave(func(b *emulator.Behavior) { b.ClientTokenWindow = d })
}

// SignKey returns the public key of every SignedToken.
func (s *Server) SignKey() *rsa.PublicKey { return s.emulator.SignKey() }

// SignKeyDER returns the key of SignKey as a SubjectPublicKeyInfo in DER, as
// AWS KMS does by GetPublicKey.
func (s *Server) SignKeyDER() []byte {
	der, err := x509.MarshalPKIXPublicKey(s.SignKey())
	if err != nil {
		panic("licensemanagertest: " + err.Error())
	}
	return der
}
