package emulator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// What the licenses hold that the emulator makes by itself.
const (
	seedIssuer  = "Emulator"
	seedSKU     = "emulated-product"
	SeedCount   = "AWS::Marketplace::Usage" // the entitlement that is counted
	SeedFeature = "Premium"                 // the one that is a feature
	seedSeats   = 10
	seedMinutes = 60
	borrowDays  = 7
)

// LicenseBehavior is what License Manager may do with licenses. Where it is
// not published, the zero value is the emulator's choice.
type LicenseBehavior struct {
	// ChangeTokensOnExtend gives a checkout another consumption token at every
	// extension. The old one is then unknown.
	ChangeTokensOnExtend bool

	// ClientTokenWindow is how long a ClientToken stands for one call. Zero
	// means 10 minutes, which is published for CreateToken only and which
	// nothing changes there.
	ClientTokenWindow time.Duration

	// PendingPeriod is how long a new license is PENDING_AVAILABLE.
	PendingPeriod time.Duration

	// DeletionPeriod is how long a deleted license is PENDING_DELETE before it
	// is DELETED.
	DeletionPeriod time.Duration

	// ConsumptionRoleOnly permits credentials that were made from an access
	// token only what the policy of AWSLicenseManagerConsumptionRole does, and
	// that only for the license of the token.
	ConsumptionRoleOnly bool

	// NotOnboarded refuses ListReceivedLicenses, as for an account that has
	// never set License Manager up.
	NotOnboarded bool
}

// license is a license in all its versions.
type license struct {
	arn       string
	account   string                   // that issued it
	created   time.Time                // by the emulator's clock
	available time.Time                // until then it is PENDING_AVAILABLE
	deleted   time.Time                // from then on it is DELETED, before it PENDING_DELETE; zero if nobody deleted it
	versions  []licensemanager.License // oldest first, at least one
	tags      tags
	checkouts map[*checkout]struct{}
	consumed  map[entitlementKey]int64 // how much of what is counted is checked out
	drawn     map[entitlementKey]int64 // how much of that never expires
}

func (l *license) current() *licensemanager.License { return &l.versions[len(l.versions)-1] }

// status is the one of now. A license whose validity has ended is EXPIRED,
// whatever its issuer made it before.
func (l *license) status(now time.Time) licensemanager.LicenseStatus {
	end := l.ends()
	switch {
	case !l.deleted.IsZero() && now.Before(l.deleted):
		return licensemanager.LicenseStatusPendingDelete
	case !l.deleted.IsZero():
		return licensemanager.LicenseStatusDeleted
	case now.Before(l.available):
		return licensemanager.LicenseStatusPendingAvailable
	case !end.IsZero() && !now.Before(end):
		return licensemanager.LicenseStatusExpired
	}
	return l.current().Status
}

// usable says whether something can be checked out of the license.
func (l *license) usable(now time.Time) bool {
	begin, _ := l.current().Validity.Begins() // was checked
	return l.status(now) == licensemanager.LicenseStatusAvailable && !now.Before(begin)
}

// ends is the end of the license's validity, or zero if it has none.
func (l *license) ends() time.Time {
	end, _ := l.current().Validity.Ends() // was checked
	return end.UTC()
}

// until is the end of a period from now on, which the license's own end cuts
// short. It has whole seconds, as the dates of a response do.
func (l *license) until(now time.Time, minutes int32) time.Time {
	end := time.Unix(now.Unix()+int64(minutes)*60, 0).UTC()
	if own := l.ends().Truncate(time.Second); !own.IsZero() && own.Before(end) {
		return own
	}
	return end
}

func (l *license) entitlement(name string, unit licensemanager.EntitlementUnit) *licensemanager.Entitlement {
	list := l.current().Entitlements
	i := slices.IndexFunc(list, func(e licensemanager.Entitlement) bool { return e.Name == name && e.Unit == unit })
	if i < 0 {
		return nil
	}
	return &list[i]
}

// change gives the license a new version.
func (l *license) change(to licensemanager.License) {
	to.Version = strconv.Itoa(len(l.versions) + 1)
	l.versions = append(l.versions, to)
}

// add makes a license known.
func (l *licenseManager) add(made *license) {
	made.checkouts, made.consumed, made.drawn = map[*checkout]struct{}{}, map[entitlementKey]int64{}, map[entitlementKey]int64{}
	l.licenses.add(made.arn, made)
	l.indexSKU(made)
}

// indexSKU finds a license by its product SKU from now on. The licenses of a
// SKU are in the order of their creation.
func (l *licenseManager) indexSKU(of *license) {
	sku := of.current().ProductSKU
	if slices.Contains(l.bySKU[sku], of) {
		return
	}
	l.bySKU[sku] = append(l.bySKU[sku], of)
	slices.SortFunc(l.bySKU[sku], func(a, b *license) int { return cmp.Compare(l.licenses.at[a.arn], l.licenses.at[b.arn]) })
}

// find returns the license of an ARN, or nil.
func (l *licenseManager) find(arn string) *license { return l.licenses.get(arn) }

// findFor is find for a license that the caller may know of: one that its
// account issued or was granted.
func (l *licenseManager) findFor(r *request, arn string) *license {
	found := l.find(arn)
	if found == nil || found.account != r.account() && l.received(r.account(), found) == nil {
		return nil
	}
	return found
}

// account is the one whose key signed the request.
func (r *request) account() string { return accountOf(r.caller.arn) }

// accountOf is the account in an ARN, or empty.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}

// stamp writes a date as the API does.
func (l *licenseManager) stamp(t time.Time) string {
	if l.options.ZonelessTimes {
		return t.Format(zonelessFormat)
	}
	return t.Format("2006-01-02T15:04:05Z")
}

const zonelessFormat = "2006-01-02T15:04:05"

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

// checkHome refuses a home Region other than the emulator's only one. What
// the exception's Location holds is not published.
func (l *licenseManager) checkHome(region string) *failure {
	if region == l.options.Region {
		return nil
	}
	refusal := fail("RedirectException", "The license's home Region is %s.", region)
	refusal.members = map[string]string{"Location": region}
	return refusal
}

// checkTerms refuses what no license can be.
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

// issuerStatuses are those that an issuer can give a license.
var issuerStatuses = []licensemanager.LicenseStatus{
	licensemanager.LicenseStatusAvailable, licensemanager.LicenseStatusSuspended, licensemanager.LicenseStatusDeactivated,
}

// createLicenseVersion changes a license. What is checked out stays so, also
// when it is more than the new version has, unless ResetUsage ends it all.
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

// deleteLicense deletes a license, and ends what is checked out of it.
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

// noSuchLicense is the refusal of the operations for which no
// ResourceNotFoundException is published.
func noSuchLicense(arn string) *failure {
	return fail("InvalidParameterValueException", "License %s does not exist.", arn)
}

// getLicense describes a version of a license to an account that issued it or
// was granted it.
func (l *licenseManager) getLicense(r *request, in *licensemanager.GetLicenseInput) (any, *failure) {
	if !l.permits(r, in.LicenseArn) {
		return nil, accessDenied()
	}
	found := l.findFor(r, in.LicenseArn)
	if found == nil {
		return nil, noSuchLicense(in.LicenseArn)
	}
	if in.Version == "" {
		return object{"License": l.describeLicense(r, found)}, nil
	}
	for _, version := range l.describeVersions(r, found) {
		if version.Version == in.Version {
			return object{"License": version}, nil
		}
	}
	return nil, fail("InvalidParameterValueException", "The license has no version %q.", in.Version)
}

// describeLicense describes the current version.
func (l *licenseManager) describeLicense(r *request, described *license) licensemanager.License {
	list := l.describeVersions(r, described)
	return list[len(list)-1]
}

func (l *licenseManager) describeVersions(r *request, described *license) []licensemanager.License {
	list := slices.Clone(described.versions)
	for i := range list {
		list[i].CreateTime = l.stamp(described.created)
	}
	list[len(list)-1].Status = described.status(r.now)
	return list
}

// getLicenseUsage says how much of a license is checked out. Nothing counts a
// feature.
func (l *licenseManager) getLicenseUsage(r *request, in *licensemanager.GetLicenseUsageInput) (any, *failure) {
	used := l.findFor(r, in.LicenseArn)
	if used == nil {
		return nil, noSuchLicense(in.LicenseArn)
	}
	var usages []licensemanager.EntitlementUsage
	for _, e := range used.current().Entitlements {
		usage := licensemanager.EntitlementUsage{Name: e.Name, Unit: e.Unit, ConsumedValue: strconv.FormatInt(used.consumed[entitlementKey{e.Name, e.Unit}], 10)}
		if e.MaxCount != nil {
			usage.MaxCount = strconv.FormatInt(*e.MaxCount, 10)
		}
		usages = append(usages, usage)
	}
	return object{"LicenseUsage": licensemanager.LicenseUsage{EntitlementUsages: usages}}, nil
}

// listLicenses returns a page of what the caller's account issued, oldest
// first, what is deleted too.
func (l *licenseManager) listLicenses(r *request, in *licensemanager.ListLicensesInput) (any, *failure) {
	filters, refusal := parseFilters(in.Filters, "Beneficiary", "ProductSKU", "Fingerprint", "Status")
	if refusal != nil {
		return nil, refusal
	}
	keep := func(issued *license) bool {
		return issued.account == r.account() && filters.admit(issued.attributes(r.now))
	}
	describe := func(issued *license) licensemanager.License { return l.describeLicense(r, issued) }
	return page("Licenses", l.licenses.of(in.LicenseArns), licenseARN, keep, describe, in.MaxResults, in.NextToken)
}

func licenseARN(l *license) string { return l.arn }

// attributes are what filters of licenses look at.
func (l *license) attributes(now time.Time) map[string]string {
	v := l.current()
	return map[string]string{
		"Beneficiary": v.Beneficiary,
		"ProductSKU":  v.ProductSKU,
		"Fingerprint": v.Issuer.KeyFingerprint,
		"IssuerName":  v.Issuer.Name,
		"Status":      string(l.status(now)),
	}
}

// listLicenseVersions returns a page of the versions of a license that the
// caller's account issued or was granted, oldest first.
func (l *licenseManager) listLicenseVersions(r *request, in *licensemanager.ListLicenseVersionsInput) (any, *failure) {
	found := l.findFor(r, in.LicenseArn)
	if found == nil {
		return nil, noSuchLicense(in.LicenseArn)
	}
	version := func(v licensemanager.License) string { return v.Version }
	return page("Licenses", l.describeVersions(r, found), version, every[licensemanager.License], same[licensemanager.License], in.MaxResults, in.NextToken)
}

// listReceivedLicenses returns a page of the licenses that were granted to the
// caller's account, oldest first.
func (l *licenseManager) listReceivedLicenses(r *request, in *licensemanager.ListReceivedLicensesInput) (any, *failure) {
	if l.options.NotOnboarded {
		return nil, fail("AccessDeniedException", "Service role not found. Set License Manager up in this account first.")
	}
	filters, refusal := parseFilters(in.Filters, "ProductSKU", "Status", "Fingerprint", "IssuerName", "Beneficiary")
	if refusal != nil {
		return nil, refusal
	}
	keep := func(candidate *license) bool {
		return l.received(r.account(), candidate) != nil && filters.admit(candidate.attributes(r.now))
	}
	describe := func(of *license) licensemanager.GrantedLicense {
		return licensemanager.GrantedLicense{License: l.describeLicense(r, of), ReceivedMetadata: l.received(r.account(), of).metadata()}
	}
	return page("Licenses", l.licenses.of(in.LicenseArns), licenseARN, keep, describe, in.MaxResults, in.NextToken)
}

// seed makes a license as the emulator has one from the start: 10 seats and a
// feature, for an hour at a time, which the emulator's account may use and
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

// AddLicense makes a license exist, on the terms of the one that the emulator
// starts with and with the last part of its ARN as the product SKU. Nothing
// happens if it exists.
func (s *Server) AddLicense(arn string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.licenses.find(arn) == nil {
		s.licenses.seed(arn, arn[strings.LastIndex(arn, ":")+1:])
	}
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

// ProductSKU is that of the license that the emulator starts with.
func (s *Server) ProductSKU() string { return seedSKU }

// KeyFingerprint is that of the issuer of the license that the emulator starts
// with.
func (s *Server) KeyFingerprint() string {
	return issuerDetails(s.options.AccountID, &licensemanager.Issuer{Name: seedIssuer}).KeyFingerprint
}

// ConfigOf is Config with a key of another account. Every account exists.
func (s *Server) ConfigOf(account string) awstokens.Config {
	cfg := s.Config()
	if account == s.options.AccountID {
		return cfg
	}
	id, secret := "AKIA"+account+"EMUL", "not-a-real-secret-of-"+account
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addKey(id, secret, account)
	cfg.Credentials = awstokens.StaticCredentials(id, secret, "")
	return cfg
}

// addKey makes a long-lived key of an account known.
func (s *Server) addKey(id, secret, account string) {
	s.keys.put(s.clock.now(), id, &accessKey{
		id:     id,
		secret: secret,
		arn:    "arn:aws:iam::" + account + ":user/emulator",
		userID: "AIDAEMULATEDUSER00000",
	}, time.Time{})
}
