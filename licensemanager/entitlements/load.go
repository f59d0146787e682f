package entitlements

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/clock"
	"github.com/seed-25f54b62/awstokens/internal/transport"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
)

// API is what this package needs of License Manager. *licensemanager.Client
// implements it. Only one of the two is called, by [Options].LicenseARN.
type API interface {
	ListReceivedLicenses(context.Context, *licensemanager.ListReceivedLicensesInput) (*licensemanager.ListReceivedLicensesOutput, error)
	GetLicense(context.Context, *licensemanager.GetLicenseInput) (*licensemanager.GetLicenseOutput, error)
}

// Options are the settings of [Load] and [Watch]. Zero values mean the
// defaults. Those from Every on are of Watch only; Load returns an error if one
// is set.
type Options struct {
	// KeyFingerprint is that of the licenses' issuer: a license of another
	// issuer does not count, whoever may issue one for the product. The default
	// is [licensemanager.MarketplaceKeyFingerprint].
	KeyFingerprint string

	// LicenseARN, if set, is the only license that counts. It is read by
	// GetLicense, which the role AWSLicenseManagerConsumptionRole permits; the
	// role does not permit ListReceivedLicenses.
	LicenseARN string

	// Clock is the time; the default is that of the system.
	Clock awstokens.Clock

	// Every is the longest time between two looks at the service. Each look is
	// up to a tenth earlier, at random. The default is 15 minutes, which AWS
	// asks for.
	Every time.Duration

	// Soon is how long before its end a license is reported; the default is 7
	// days, negative for no reports.
	Soon time.Duration

	// Grace is how long a license counts after its end while the service cannot
	// be reached, which may have renewed it. The default is none. As soon as the
	// service says that the license has ended, it has.
	Grace time.Duration

	// CacheFile keeps the last known set, for a start without the service. It is
	// replaced as a whole, and only its owner may read it. Its directory is
	// created if need be. Processes may share it.
	CacheFile string

	// Key, if set, makes the cache file carry a MAC (HMAC-SHA-256) instead of a
	// checksum, so that nobody without the key can change it unnoticed. Use at
	// least 16 random bytes.
	Key awstokens.Secret

	// OnChange is told what has changed, one call at a time, the first perhaps
	// before Watch returns. The next look waits for it to return.
	OnChange func(Change)
}

// looker looks at the service.
type looker struct {
	api        API
	productSKU string
	options    Options
}

func newLooker(api API, productSKU string, options []func(*Options)) (*looker, error) {
	l := &looker{api: api, productSKU: productSKU}
	for _, change := range options {
		if change != nil {
			change(&l.options)
		}
	}
	o := &l.options
	if o.KeyFingerprint == "" {
		o.KeyFingerprint = licensemanager.MarketplaceKeyFingerprint
	}
	if o.Clock == nil {
		o.Clock = clock.New()
	}
	client, isClient := api.(*licensemanager.Client)
	switch {
	case api == nil || isClient && client == nil:
		return nil, errors.New("entitlements: the API is nil")
	case productSKU == "":
		return nil, errors.New("entitlements: the product SKU is empty")
	case o.Every < 0 || o.Grace < 0:
		return nil, errors.New("entitlements: Every and Grace must not be negative")
	case !o.Key.IsZero() && o.CacheFile == "":
		return nil, errors.New("entitlements: Key is for a CacheFile, which is not set")
	}
	return l, nil
}

// Load returns what the customer is entitled to now. Programs that run on use
// [Watch].
//
// It returns an [*EmptyError] if there is no usable license. Other errors are
// those of [licensemanager.Client.ListReceivedLicenses] or, with LicenseARN,
// [licensemanager.Client.GetLicense].
func Load(ctx context.Context, api API, productSKU string, options ...func(*Options)) (*Set, error) {
	l, err := newLooker(api, productSKU, options)
	if err != nil {
		return nil, err
	}
	if o := l.options; o.Every != 0 || o.Soon != 0 || o.Grace != 0 || o.CacheFile != "" || o.OnChange != nil {
		return nil, errors.New("entitlements: Every, Soon, Grace, CacheFile and OnChange are options of Watch")
	}
	found, date, err := l.look(ctx)
	if err != nil {
		return nil, err
	}
	set := evaluate(&l.options, productSKU, found, date, date)
	if len(set.licenses) == 0 {
		return nil, set.empty()
	}
	return set, nil
}

// look returns the licenses that there are for the product, and the service's
// time.
func (l *looker) look(ctx context.Context) ([]licensemanager.GrantedLicense, time.Time, error) {
	if l.options.LicenseARN != "" {
		return l.lookAtOne(ctx)
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
	return found, l.orNow(date), nil
}

// explain adds what to do to a refusal that the consumption role gets. A refused
// refresh token is an AccessDeniedException, too.
func explain(err error) error {
	var denied *licensemanager.AccessDeniedException
	var noCredentials *tokencreds.Error
	if errors.As(err, &denied) && !errors.As(err, &noCredentials) {
		err = fmt.Errorf("%w (credentials that may not list received licenses need Options.LicenseARN)", err)
	}
	return fmt.Errorf("entitlements: %w", err)
}

// lookAtOne is look with LicenseARN. A license that the account does not know
// any more was taken away: that is a result.
func (l *looker) lookAtOne(ctx context.Context) ([]licensemanager.GrantedLicense, time.Time, error) {
	out, err := l.api.GetLicense(ctx, &licensemanager.GetLicenseInput{LicenseArn: l.options.LicenseARN})
	var unknown *licensemanager.InvalidParameterValueException
	var gone *licensemanager.ResourceNotFoundException
	switch {
	case errors.As(err, &unknown), errors.As(err, &gone):
		response := new(awstokens.ResponseError)
		errors.As(err, &response)
		return nil, l.orNow(response.Date), nil
	case err != nil:
		return nil, time.Time{}, fmt.Errorf("entitlements: %w", err)
	case out == nil || out.License == nil:
		return nil, time.Time{}, errors.New("entitlements: the response of GetLicense has no license")
	}
	license := licensemanager.GrantedLicense{License: *out.License}
	if license.LicenseArn == "" {
		license.LicenseArn = l.options.LicenseARN
	}
	return []licensemanager.GrantedLicense{license}, l.orNow(out.Date), nil
}

// orNow is the local clock for a service, or an API, that gives no date.
func (l *looker) orNow(date time.Time) time.Time {
	if date.IsZero() {
		return l.options.Clock.Now().UTC()
	}
	return date
}
