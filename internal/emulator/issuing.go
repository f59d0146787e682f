package emulator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// createLicense issues a license of the caller's account.
func (l *licenseManager) createLicense(r *request, in *licensemanager.CreateLicenseInput) (any, *failure) {
	if refusal := cmp.Or(l.checkHome(in.HomeRegion), checkTerms(in.Validity, in.Entitlements, in.ConsumptionConfiguration)); refusal != nil {
		return nil, refusal
	}
	return once(l, r, in.ClientToken, in, nil, func() (any, *failure) {
		made := &license{
			arn:       "arn:aws:license-manager::" + r.account() + ":license:l-" + randomHex(16),
			account:   r.account(),
			created:   r.now,
			available: r.now.Add(l.options.PendingPeriod),
		}
		made.change(licensemanager.License{
			Beneficiary:              in.Beneficiary,
			ConsumptionConfiguration: in.ConsumptionConfiguration,
			Entitlements:             in.Entitlements,
			HomeRegion:               in.HomeRegion,
			Issuer:                   issuerDetails(r.account(), in.Issuer),
			LicenseArn:               made.arn,
			LicenseMetadata:          in.LicenseMetadata,
			LicenseName:              in.LicenseName,
			ProductName:              in.ProductName,
			ProductSKU:               in.ProductSKU,
			Status:                   licensemanager.LicenseStatusAvailable,
			Validity:                 in.Validity,
		})
		made.tags.set(in.Tags)
		l.add(made)
		return made.changed(r.now), nil
	})
}

// createLicenseVersion changes a license. Checkouts stay, even if they are more
// than the new version has, unless ResetUsage ends them.
func (l *licenseManager) createLicenseVersion(r *request, in *licensemanager.CreateLicenseVersionInput) (any, *failure) {
	if refusal := cmp.Or(l.checkHome(in.HomeRegion), checkTerms(in.Validity, in.Entitlements, in.ConsumptionConfiguration)); refusal != nil {
		return nil, refusal
	}
	if !slices.Contains(issuerStatuses, in.Status) {
		return nil, fail("ValidationException", "An issuer cannot make a license %s.", in.Status)
	}
	return once(l, r, in.ClientToken, in, nil, func() (any, *failure) {
		changed := l.find(in.LicenseArn)
		switch {
		case changed == nil || changed.account != r.account():
			return nil, fail("ResourceNotFoundException", "License %s does not exist.", in.LicenseArn)
		case !changed.deleted.IsZero():
			return nil, fail("ConflictException", "License %s was deleted.", in.LicenseArn)
		case in.SourceVersion != "" && in.SourceVersion != changed.current().Version:
			return nil, fail("ConflictException", "The current version of the license is %s.", changed.current().Version)
		}
		to := *changed.current()
		to.ConsumptionConfiguration = in.ConsumptionConfiguration
		to.Entitlements = in.Entitlements
		to.Issuer = issuerDetails(changed.account, in.Issuer)
		to.LicenseMetadata = in.LicenseMetadata
		to.LicenseName = in.LicenseName
		to.ProductName = in.ProductName
		to.Status = in.Status
		to.Validity = in.Validity
		changed.change(to)
		if in.ResetUsage {
			l.seats.endAll(changed)
		}
		return changed.changed(r.now), nil
	})
}

// issuerStatuses are the statuses that an issuer can give a license.
var issuerStatuses = []licensemanager.LicenseStatus{
	licensemanager.LicenseStatusAvailable, licensemanager.LicenseStatusSuspended, licensemanager.LicenseStatusDeactivated,
}

// deleteLicense deletes a license and ends its checkouts.
func (l *licenseManager) deleteLicense(r *request, in *licensemanager.DeleteLicenseInput) (any, *failure) {
	gone := l.find(in.LicenseArn)
	switch {
	case gone == nil || gone.account != r.account():
		return nil, noSuchLicense(in.LicenseArn)
	case !gone.deleted.IsZero():
		return nil, fail("ConflictException", "License %s was deleted.", in.LicenseArn)
	case in.SourceVersion != gone.current().Version:
		return nil, fail("ConflictException", "The current version of the license is %s.", gone.current().Version)
	}
	gone.deleted = r.now.Truncate(time.Second).Add(l.options.DeletionPeriod)
	l.seats.endAll(gone)
	return object{"Status": gone.status(r.now), "DeletionDate": l.stamp(gone.deleted)}, nil
}

// changed is the response to a call that made or changed the license.
func (l *license) changed(now time.Time) object {
	return object{"LicenseArn": l.arn, "Status": l.status(now), "Version": l.current().Version}
}

func issuerDetails(account string, issuer *licensemanager.Issuer) *licensemanager.IssuerDetails {
	return &licensemanager.IssuerDetails{
		KeyFingerprint: "aws:" + account + ":" + issuer.Name + ":issuer-fingerprint",
		Name:           issuer.Name,
		SignKey:        issuer.SignKey,
	}
}

// checkHome refuses a home Region other than the emulator's. What the
// exception's Location holds is not published.
func (l *licenseManager) checkHome(region string) *failure {
	if region == l.options.Region {
		return nil
	}
	refusal := fail("RedirectException", "The license's home Region is %s.", region)
	refusal.members = map[string]string{"Location": region}
	return refusal
}

// checkTerms refuses terms that contradict themselves.
func checkTerms(validity *licensemanager.DatetimeRange, entitlements []licensemanager.Entitlement, consumption *licensemanager.ConsumptionConfiguration) *failure {
	begin, beginErr := validity.Begins()
	end, endErr := validity.Ends()
	switch {
	case beginErr != nil || endErr != nil:
		return fail("ValidationException", "Validity has a date that does not exist.")
	case !end.IsZero() && !begin.Before(end):
		return fail("ValidationException", "Validity ends before it begins.")
	}
	for i, e := range entitlements {
		same := func(other licensemanager.Entitlement) bool { return other.Name == e.Name && other.Unit == e.Unit }
		switch {
		case e.MaxCount != nil && *e.MaxCount < 0:
			return fail("ValidationException", "Entitlement %q has a negative MaxCount.", e.Name)
		case slices.ContainsFunc(entitlements[:i], same):
			return fail("ValidationException", "Entitlement %q is there twice.", e.Name)
		}
	}
	provisional, borrow := consumption.ProvisionalConfiguration, consumption.BorrowConfiguration
	if provisional != nil && provisional.MaxTimeToLiveInMinutes < 0 || borrow != nil && borrow.MaxTimeToLiveInMinutes < 0 {
		return fail("ValidationException", "MaxTimeToLiveInMinutes must be positive.")
	}
	return nil
}

// ChangeLicense gives a license a new version.
func (s *Server) ChangeLicense(arn string, change func(*licensemanager.License)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := s.licenses.find(arn)
	if changed == nil {
		return fmt.Errorf("no license %s exists", arn)
	}
	text, err := json.Marshal(changed.current())
	if err != nil {
		return err
	}
	var to licensemanager.License // shares nothing with the version before
	if err := json.Unmarshal(text, &to); err != nil {
		return err
	}
	change(&to)
	changed.change(to)
	s.licenses.indexSKU(changed)
	return nil
}
