package entitlements_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/entitlements"
	"github.com/seed-25f54b62/awstokens/licensemanager/tokencreds"
)

func client(t *testing.T, cfg awstokens.Config) *licensemanager.Client {
	t.Helper()
	c, err := licensemanager.New(cfg)
	require.NoError(t, err)
	return c
}

func of(server *awstokenstest.Server) func(*entitlements.Options) {
	return func(o *entitlements.Options) { o.KeyFingerprint = server.LicenseManager().KeyFingerprint() }
}

func TestLoadReadsAllPages(t *testing.T) {
	api := &service{date: date}
	for i := range 5 {
		api.licenses = append(api.licenses, license(created(fmt.Sprintf("2026-01-0%dT00:00:00Z", i+1)), with(count("Users", 2))))
	}
	set, err := entitlements.Load(t.Context(), api, sku, atDate)
	require.NoError(t, err)
	assert.Equal(t, limit{10, true}, limitOf(set, "Users"))
	require.Len(t, api.listed, 6)
	assert.Equal(t, []licensemanager.Filter{
		{Name: "ProductSKU", Values: []string{sku}}, {Name: "Fingerprint", Values: []string{licensemanager.MarketplaceKeyFingerprint}},
	}, api.listed[5].Filters)
}

// atDate sets the local clock to date.
func atDate(o *entitlements.Options) { o.Clock = setBy(time.Until(date)) }

// dated is a service whose responses have these Dates; the last one stays.
type dated struct {
	service
	dates []time.Time
	calls int
}

func (d *dated) GetLicense(ctx context.Context, in *licensemanager.GetLicenseInput) (*licensemanager.GetLicenseOutput, error) {
	d.date = d.dates[min(d.calls, len(d.dates)-1)]
	d.calls++
	return d.service.GetLicense(ctx, in)
}

// A single Date that is far from the local clock is not believed.
func TestLoadConfirmsAnOddDate(t *testing.T) {
	odd := date.AddDate(10, 0, 0)
	for name, test := range map[string]struct {
		dates []time.Time
		calls int
		has   bool
	}{
		"no Date":                    {[]time.Time{{}}, 1, true},
		"the clocks agree":           {[]time.Time{date.Add(23 * time.Hour)}, 1, true},
		"one Date is odd":            {[]time.Time{odd, date}, 2, true},
		"the local clock is wrong":   {[]time.Time{odd}, 2, false},
		"two Dates, then one agrees": {[]time.Time{odd, date.AddDate(-10, 0, 0)}, 3, false},
		"the other way round":        {[]time.Time{date.AddDate(-10, 0, 0), date}, 2, true},
		"the service's clock is set": {[]time.Time{odd, odd.Add(time.Hour)}, 2, false},
	} {
		api := &dated{service: service{licenses: []licensemanager.GrantedLicense{license(with(feature("Premium")))}}, dates: test.dates}
		set, err := entitlements.Load(t.Context(), api, sku, atDate, func(o *entitlements.Options) { o.LicenseARN = arn })
		assert.Equal(t, test.has, err == nil && set.Has("Premium"), name)
		assert.Equal(t, test.calls, api.calls, name)
	}
}

// The role of a customer without an AWS account may only get its license.
func TestLoadWithTheConsumptionRole(t *testing.T) {
	server := awstokenstest.NewServer(t)
	manager := server.LicenseManager()
	manager.ConsumptionRoleOnly(true)
	minted, err := client(t, server.Config()).CreateToken(t.Context(), &licensemanager.CreateTokenInput{
		ClientToken: licensemanager.NewClientToken(), LicenseArn: manager.LicenseARN(), RoleArns: []string{manager.RoleARN()},
	})
	require.NoError(t, err)
	cfg := server.Config()
	cfg.Credentials, err = tokencreds.New(cfg, tokencreds.Token(minted.Token), func(o *tokencreds.Options) { o.RoleARN = manager.RoleARN() })
	require.NoError(t, err)
	product := client(t, cfg)

	_, err = entitlements.Load(t.Context(), product, manager.ProductSKU(), of(server))
	var denied *licensemanager.AccessDeniedException
	require.ErrorAs(t, err, &denied)
	assert.ErrorContains(t, err, "LicenseARN")

	one := func(o *entitlements.Options) { o.LicenseARN = manager.LicenseARN() }
	set, err := entitlements.Load(t.Context(), product, manager.ProductSKU(), of(server), one)
	require.NoError(t, err)
	assert.Equal(t, limit{10, true}, limitOf(set, awstokenstest.Seats))
	assert.True(t, set.Has(awstokenstest.Feature))
	w, err := entitlements.Watch(t.Context(), product, manager.ProductSKU(), of(server), one)
	require.NoError(t, err)
	defer w.Close()
	watched, _ := w.Current()
	assert.Equal(t, set.Licenses(), watched.Licenses())
}

func TestLoadWithARefusedToken(t *testing.T) {
	server := awstokenstest.NewServer(t)
	manager := server.LicenseManager()
	cfg := server.Config()
	minted, err := client(t, cfg).CreateToken(t.Context(), &licensemanager.CreateTokenInput{
		ClientToken: licensemanager.NewClientToken(), LicenseArn: manager.LicenseARN(), RoleArns: []string{manager.RoleARN()},
	})
	require.NoError(t, err)
	_, err = client(t, cfg).DeleteToken(t.Context(), &licensemanager.DeleteTokenInput{TokenId: minted.TokenId})
	require.NoError(t, err)
	cfg.Credentials, err = tokencreds.New(cfg, tokencreds.Token(minted.Token), func(o *tokencreds.Options) { o.RoleARN = manager.RoleARN() })
	require.NoError(t, err)

	_, err = entitlements.Load(t.Context(), client(t, cfg), manager.ProductSKU(), of(server))
	require.ErrorIs(t, err, tokencreds.ErrTokenRefused)
	var denied *licensemanager.AccessDeniedException
	require.ErrorAs(t, err, &denied)
	assert.NotContains(t, err.Error(), "Options.LicenseARN")
}

func TestLicenseARNOfSomethingElse(t *testing.T) {
	server := awstokenstest.NewServer(t)
	manager := server.LicenseManager()
	api := client(t, server.Config())
	for name, test := range map[string]struct {
		sku, fingerprint, arn string
		reason                entitlements.Reason
	}{
		"another product":       {"other", manager.KeyFingerprint(), manager.LicenseARN(), entitlements.ReasonWrongProduct},
		"another issuer":        {manager.ProductSKU(), "", manager.LicenseARN(), entitlements.ReasonWrongIssuer},
		"nobody granted it":     {manager.ProductSKU(), manager.KeyFingerprint(), manager.LicenseARN() + "0", entitlements.ReasonNoLicense},
		"that of another grant": {"l-1", manager.KeyFingerprint(), "arn:aws:license-manager::444455556666:license:l-1", entitlements.ReasonNoLicense},
	} {
		options := func(o *entitlements.Options) { o.KeyFingerprint, o.LicenseARN = test.fingerprint, test.arn }
		_, err := entitlements.Load(t.Context(), api, test.sku, options)
		var empty *entitlements.EmptyError
		require.ErrorAs(t, err, &empty, name)
		assert.Equal(t, []entitlements.UnusableLicense{{LicenseARN: test.arn, Reason: test.reason}}, empty.Unusable, name)

		w, err := entitlements.Watch(t.Context(), api, test.sku, options)
		if test.reason == entitlements.ReasonNoLicense { // it may be granted later
			require.NoError(t, err, name)
			set, _ := w.Current()
			_, err = set.Ask(awstokenstest.Seats, 1)
			require.ErrorAs(t, err, &empty)
			w.Close()
			continue
		}
		require.ErrorAs(t, err, &empty, name)
	}

	// GetLicense has no filter for the issuer, so it must be known.
	anonymous := license(func(l *licensemanager.GrantedLicense) { l.Issuer = nil })
	_, err := entitlements.Load(t.Context(), &service{licenses: []licensemanager.GrantedLicense{anonymous}, date: date}, sku,
		func(o *entitlements.Options) { o.LicenseARN = arn })
	var empty *entitlements.EmptyError
	require.ErrorAs(t, err, &empty)
	assert.Equal(t, entitlements.ReasonWrongIssuer, empty.Unusable[0].Reason)
}

// The list of licenses is that of the issuer, so those of another one are unknown.
func TestForgottenFingerprint(t *testing.T) {
	server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
	client, err := licensemanager.New(server.Config())
	require.NoError(t, err)
	_, err = entitlements.Load(t.Context(), client, server.LicenseManager().ProductSKU())
	assert.ErrorContains(t, err, "check the product SKU and Options.KeyFingerprint")
}

func TestLoadFails(t *testing.T) {
	failure := errors.New("no network")
	for _, options := range []func(*entitlements.Options){nil, func(o *entitlements.Options) { o.LicenseARN = arn }} {
		_, err := entitlements.Load(t.Context(), &service{err: failure}, sku, options)
		assert.ErrorIs(t, err, failure)
	}
	// A fake need not wrap its exceptions as a client does.
	_, err := entitlements.Load(t.Context(), &service{err: &licensemanager.ResourceNotFoundException{}}, sku, func(o *entitlements.Options) { o.LicenseARN = arn })
	var empty *entitlements.EmptyError
	assert.ErrorAs(t, err, &empty)
}

func TestBadArguments(t *testing.T) {
	var noClient *licensemanager.Client
	for name, test := range map[string]struct {
		api    entitlements.API
		sku    string
		option func(*entitlements.Options)
	}{
		"no API":     {nil, sku, nil},
		"no client":  {noClient, sku, nil},
		"no product": {&service{}, "", nil},
		"Interval":   {&service{}, sku, func(o *entitlements.Options) { o.Interval = -1 }},
		"Grace":      {&service{}, sku, func(o *entitlements.Options) { o.Grace = -1 }},
		"Key":        {&service{}, sku, func(o *entitlements.Options) { o.Key = awstokens.NewSecret("not-a-real-key") }},
	} {
		_, err := entitlements.Watch(t.Context(), test.api, test.sku, test.option)
		assert.Error(t, err, name)
		_, err = entitlements.Load(t.Context(), test.api, test.sku, test.option)
		assert.Error(t, err, name)
	}
	for name, option := range map[string]func(*entitlements.Options){
		"Interval":     func(o *entitlements.Options) { o.Interval = time.Hour },
		"ExpiringSoon": func(o *entitlements.Options) { o.ExpiringSoon = time.Hour },
		"Grace":        func(o *entitlements.Options) { o.Grace = time.Hour },
		"CacheFile":    func(o *entitlements.Options) { o.CacheFile = "file" },
		"OnChange":     func(o *entitlements.Options) { o.OnChange = func(entitlements.Change) {} },
	} {
		_, err := entitlements.Load(t.Context(), &service{licenses: []licensemanager.GrantedLicense{license()}, date: date}, sku, option)
		assert.ErrorContains(t, err, "of Watch", name)
	}
}
