package entitlements

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/clock"
	"github.com/seed-25f54b62/awstokens/internal/transport"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// API is what this package needs of License Manager. [*licensemanager.Client]
// implements it. Only one of the methods is called: GetLicense if
// [Options].LicenseARN is set, otherwise ListReceivedLicenses.
type API interface {
	ListReceivedLicenses(context.Context, *licensemanager.ListReceivedLicensesInput) (*licensemanager.ListReceivedLicensesOutput, error)
	GetLicense(context.Context, *licensemanager.GetLicenseInput) (*licensemanager.GetLicenseOutput, error)
}

// Options are the settings of [Load] and [Watch]. Zero values mean the
// defaults. Interval and what follows it are options of Watch alone; Load
// returns an error if one is set.
type Options struct {
	// KeyFingerprint is that of the licenses' issuer. Licenses of other issuers
	// do not count, because anybody may issue a license for any product. The
	// default is [licensemanager.MarketplaceKeyFingerprint].
	KeyFingerprint string

	// LicenseARN, if set, is the only license that counts. It is read by
	// GetLicense, which the role AWSLicenseManagerConsumptionRole permits; the
	// role does not permit ListReceivedLicenses.
	LicenseARN string

	// Clock is the time; the default is the system's clock.
	Clock awstokens.Clock

	// Interval is the longest time between two refreshes. Each is up to a tenth
	// earlier, at random. The default is 15 minutes, which AWS asks for.
	Interval time.Duration

	// ExpiringSoon is how long before its end a license is in
	// Change.ExpiringSoon. The default is 7 days; negative means never.
	ExpiringSoon time.Duration

	// Grace is how long a license counts after its end while the service, which
	// may have renewed it, cannot be reached. The default is 0. A license that
	// the service reports as ended has ended.
	Grace time.Duration

	// CacheFile, if set, is the path of a file that keeps the last known
	// licenses, for a start without the service. The file is replaced as a
	// whole, and only its owner may read it. Its directory is created if
	// needed. Processes may share it: one that cannot reach the service takes what
	// another has saved since.
	CacheFile string

	// Key, if set, gives the cache file a MAC (HMAC-SHA-256) instead of a
	// checksum, so that nobody without the key can change it unnoticed. Use at
	// least 16 random bytes.
	Key awstokens.Secret

	// OnChange is called with each change, one at a time, the first perhaps
	// before Watch returns. The next refresh waits for it. It must not call
	// Close.
	OnChange func(Change)
}

// loader gets licenses from the service and from the cache file.
type loader struct {
	api        API
	productSKU string
	options    Options
}

func newLoader(api API, productSKU string, options []func(*Options)) (*loader, error) {
	l := &loader{api: api, productSKU: productSKU}
	for _, option := range options {
		if option != nil {
			option(&l.options)
		}
	}
	o := &l.options
	o.KeyFingerprint = cmp.Or(o.KeyFingerprint, licensemanager.MarketplaceKeyFingerprint)
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	client, isClient := api.(*licensemanager.Client)
	switch {
	case api == nil || isClient && client == nil:
		return nil, errors.New("entitlements: the API is nil")
	case productSKU == "":
		return nil, errors.New("entitlements: the product SKU is empty")
	case o.Interval < 0 || o.Grace < 0:
		return nil, errors.New("entitlements: Interval and Grace must not be negative")
	case !o.Key.IsZero() && o.CacheFile == "":
		return nil, errors.New("entitlements: Key is set without CacheFile")
	}
	return l, nil
}

// Load returns what the customer is entitled to now. Programs that keep running
// use [Watch].
//
// It returns an [*EmptyError] if there is no usable license. Other errors are
// those of [licensemanager.Client.ListReceivedLicenses] or, with LicenseARN,
// [licensemanager.Client.GetLicense]. If the clock of the service differs from
// the local one by more than a day, Load calls twice to find out which is wrong,
// and a third time if the two responses contradict each other. Load has no time
// limit: give ctx a deadline.
func Load(ctx context.Context, api API, productSKU string, options ...func(*Options)) (*Set, error) {
	l, err := newLoader(api, productSKU, options)
	if err != nil {
		return nil, err
	}
	if o := l.options; o.Interval != 0 || o.ExpiringSoon != 0 || o.Grace != 0 || o.CacheFile != "" || o.OnChange != nil {
		return nil, errors.New("entitlements: Interval, ExpiringSoon, Grace, CacheFile and OnChange are options of Watch")
	}
	found, date, err := l.load(ctx, new(clock.Service))
	if err != nil {
		return nil, err
	}
	set := evaluate(&l.options, productSKU, found, date, date)
	if len(set.licenses) == 0 {
		return nil, set.empty()
	}
	return set, nil
}

// maxOdd is how far a Date may be from what is expected.
const maxOdd = 24 * time.Hour

// load returns the licenses of the product and the service's time. A wrong Date
// would end every license: one that is not believed is replaced by the time that
// is known or, if none is, confirmed by another fetch, of which there are two
// because the local clock and one Date may be wrong at once. A response without a
// Date says nothing of the time: the local clock stands for it if nothing is known.
func (l *loader) load(ctx context.Context, service *clock.Service) (found []licensemanager.GrantedLicense, date time.Time, err error) {
	c := l.options.Clock
	for range 3 {
		found, date, err = l.fetch(ctx)
		if err != nil || !date.IsZero() && service.Hear(c, date, maxOdd) {
			return found, date, err
		}
		if date.IsZero() || service.Heard() {
			break
		}
	}
	if service.Now(c).IsZero() {
		if date.IsZero() {
			date = c.Now().UTC()
		}
		service.Guess(c, date)
	}
	return found, service.Now(c), nil
}

// fetch returns the licenses of the product and the Date of the response, or the
// zero time if it has none.
func (l *loader) fetch(ctx context.Context) ([]licensemanager.GrantedLicense, time.Time, error) {
	if l.options.LicenseARN != "" {
		return l.fetchOne(ctx)
	}
	var date time.Time
	list := func(ctx context.Context, in *licensemanager.ListReceivedLicensesInput) (*licensemanager.ListReceivedLicensesOutput, error) {
		out, err := l.api.ListReceivedLicenses(ctx, in)
		if err == nil {
			date = out.Date
		}
		return out, err
	}
	in := &licensemanager.ListReceivedLicensesInput{Filters: []licensemanager.Filter{
		{Name: "ProductSKU", Values: []string{l.productSKU}},
		{Name: "Fingerprint", Values: []string{l.options.KeyFingerprint}},
	}}
	parts := func(in *licensemanager.ListReceivedLicensesInput, out *licensemanager.ListReceivedLicensesOutput) ([]licensemanager.GrantedLicense, *string, string) {
		return out.Licenses, &in.NextToken, out.NextToken
	}
	var found []licensemanager.GrantedLicense
	for license, err := range transport.Pages(ctx, list, in, parts) {
		if err != nil {
			return nil, time.Time{}, explain(err)
		}
		found = append(found, license)
	}
	return found, date, nil
}

// explain adds a hint for the consumption role, which may not list licenses. A
// refused refresh token is an AccessDeniedException too.
func explain(err error) error {
	var denied *licensemanager.AccessDeniedException
	if errors.As(err, &denied) && !transport.IsOfCredentials(err) {
		err = fmt.Errorf("%w (credentials that may not list received licenses need Options.LicenseARN)", err)
	}
	return fmt.Errorf("entitlements: %w", err)
}

// fetchOne is fetch with LicenseARN. That the license does not exist for the
// account, perhaps not any more, is a result, not an error.
func (l *loader) fetchOne(ctx context.Context) ([]licensemanager.GrantedLicense, time.Time, error) {
	out, err := l.api.GetLicense(ctx, &licensemanager.GetLicenseInput{LicenseArn: l.options.LicenseARN})
	var unknown *licensemanager.InvalidParameterValueException
	var gone *licensemanager.ResourceNotFoundException
	switch {
	case !transport.IsOfCredentials(err) && (errors.As(err, &unknown) || errors.As(err, &gone)):
		response := new(awstokens.ResponseError)
		errors.As(err, &response)
		return nil, response.Date, nil
	case err != nil:
		return nil, time.Time{}, fmt.Errorf("entitlements: %w", err)
	case out == nil || out.License == nil:
		return nil, time.Time{}, errors.New("entitlements: the response of GetLicense has no license")
	}
	license := licensemanager.GrantedLicense{License: *out.License}
	license.LicenseArn = cmp.Or(license.LicenseArn, l.options.LicenseARN)
	return []licensemanager.GrantedLicense{license}, out.Date, nil
}
