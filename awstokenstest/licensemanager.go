package awstokenstest

import (
	"crypto/rsa"
	"crypto/x509"
	"time"

	"github.com/seed-25f54b62/awstokens/internal/emulator"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// The entitlements of the license that the server starts with.
const (
	// Seats is AWS::Marketplace::Usage. It is counted; there are 10.
	Seats = emulator.SeedCount

	// Feature is Premium, which is not counted.
	Feature = emulator.SeedFeature
)

// LicenseManager controls the AWS License Manager of a server. It is safe for
// concurrent use.
//
// AWS publishes no limits of CreateToken's ExpirationInDays. The server refuses
// those that are not positive or end after the year 9999.
type LicenseManager struct{ Service }

// LicenseManager returns the controls of AWS License Manager.
func (s *Server) LicenseManager() LicenseManager {
	return LicenseManager{Service{s.emulator, emulator.LicenseManager}}
}

// LicenseARN returns the ARN of the license that the server starts with. Its
// entitlements are [Seats] and [Feature], checked out for 60 minutes at a time.
// It does not expire, and can be borrowed for 7 days and given back early. The
// account of [Server.Config] has an active grant that permits every operation.
func (l LicenseManager) LicenseARN() string { return l.emulator.LicenseARN() }

// ProductSKU returns the product SKU of the license that the server starts
// with.
func (l LicenseManager) ProductSKU() string { return l.emulator.ProductSKU() }

// KeyFingerprint returns the fingerprint of the issuer of the license that the
// server starts with.
func (l LicenseManager) KeyFingerprint() string { return l.emulator.KeyFingerprint() }

// RoleARN returns the ARN of a role to put into tokens. Any other role works as
// well: AssumeRoleWithWebIdentity accepts the roles that a token embeds.
func (l LicenseManager) RoleARN() string { return l.emulator.RoleARN() }

// Minted returns how many refresh tokens CreateToken has made for a
// ClientToken. Calls with the same ClientToken within 10 minutes make one.
func (l LicenseManager) Minted(clientToken string) int { return l.emulator.Minted(clientToken) }

// SeatsTaken returns how much of an entitlement, such as [Seats], is checked
// out now, of all licenses together. A feature is not counted.
func (l LicenseManager) SeatsTaken(entitlement string) int { return l.emulator.SeatsTaken(entitlement) }

// SetSeats sets how many of the entitlement [Seats] the license that the server
// starts with has, in a new version. Checkouts stay, even if they are more.
func (l LicenseManager) SetSeats(n int) {
	count := int64(n)
	l.ChangeLicense(l.LicenseARN(), func(license *licensemanager.License) {
		for i := range license.Entitlements {
			if e := &license.Entitlements[i]; e.Name == Seats {
				e.MaxCount = &count
			}
		}
	})
}

// AddLicense adds a license like the one that the server starts with, except
// for its ARN, the account and fingerprint in it, and its product SKU, which is
// the last part of the ARN, such as l-0123. It does nothing if the license
// exists.
func (l LicenseManager) AddLicense(arn string) { l.emulator.AddLicense(arn) }

// ChangeLicense gives a license a new version, as its issuer does with
// CreateLicenseVersion, but without its checks. It panics if there is no such
// license.
func (l LicenseManager) ChangeLicense(arn string, change func(*licensemanager.License)) {
	if err := l.emulator.ChangeLicense(arn, change); err != nil {
		panic("awstokenstest: " + err.Error())
	}
}

// SuspendLicense makes a license SUSPENDED: nothing can be checked out of it or
// extended until [LicenseManager.ResumeLicense]. It panics if there is no such
// license.
func (l LicenseManager) SuspendLicense(arn string) {
	l.setStatus(arn, licensemanager.LicenseStatusSuspended)
}

// ResumeLicense makes a license AVAILABLE. It panics if there is no such
// license.
func (l LicenseManager) ResumeLicense(arn string) {
	l.setStatus(arn, licensemanager.LicenseStatusAvailable)
}

func (l LicenseManager) setStatus(arn string, status licensemanager.LicenseStatus) {
	l.ChangeLicense(arn, func(license *licensemanager.License) { license.Status = status })
}

// ChangeTokensOnExtend makes ExtendLicenseConsumption return another
// consumption token, as it may. The old one is then unknown.
func (l LicenseManager) ChangeTokensOnExtend(on bool) {
	l.emulator.Behave(func(b *emulator.Behavior) { b.ChangeTokensOnExtend = on })
}

// ConsumptionRoleOnly limits credentials of AssumeRoleWithWebIdentity to the
// policy of AWSLicenseManagerConsumptionRole: CheckoutLicense, CheckInLicense,
// ExtendLicenseConsumption and GetLicense, for the license of their token. By
// default, all credentials permit everything.
func (l LicenseManager) ConsumptionRoleOnly(on bool) {
	l.emulator.Behave(func(b *emulator.Behavior) { b.ConsumptionRoleOnly = on })
}

// NotOnboarded makes ListReceivedLicenses return the error of an account that
// was never set up for License Manager.
func (l LicenseManager) NotOnboarded(on bool) {
	l.emulator.Behave(func(b *emulator.Behavior) { b.NotOnboarded = on })
}

// PendingPeriod sets how long new licenses are PENDING_AVAILABLE. By default,
// they are AVAILABLE at once.
func (l LicenseManager) PendingPeriod(d time.Duration) {
	l.emulator.Behave(func(b *emulator.Behavior) { b.PendingPeriod = d })
}

// DeletionPeriod sets how long deleted licenses are PENDING_DELETE. By default,
// they are DELETED at once.
func (l LicenseManager) DeletionPeriod(d time.Duration) {
	l.emulator.Behave(func(b *emulator.Behavior) { b.DeletionPeriod = d })
}

// ClientTokenWindow sets how long a ClientToken stands for one call. The
// default is 10 minutes, which AWS publishes for CreateToken only; CreateToken
// always has 10 minutes.
func (l LicenseManager) ClientTokenWindow(d time.Duration) {
	l.emulator.Behave(func(b *emulator.Behavior) { b.ClientTokenWindow = d })
}

// ZonelessTimes makes the service write dates without a zone, as some services
// do against their published pattern.
func (l LicenseManager) ZonelessTimes(on bool) {
	l.emulator.Behave(func(b *emulator.Behavior) { b.ZonelessTimes = on })
}

// SignKey returns the public key of every SignedToken.
func (l LicenseManager) SignKey() *rsa.PublicKey { return l.emulator.SignKey() }

// SignKeyDER returns [LicenseManager.SignKey] as a SubjectPublicKeyInfo in DER,
// the form of GetPublicKey of AWS KMS.
func (l LicenseManager) SignKeyDER() []byte {
	der, err := x509.MarshalPKIXPublicKey(l.SignKey())
	if err != nil {
		panic("awstokenstest: " + err.Error()) // cannot happen to an RSA key
	}
	return der
}
