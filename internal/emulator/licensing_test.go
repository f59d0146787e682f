package emulator_test

import (
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/emulator"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

const (
	otherAccount = "444455556666"
	customer     = "Example Customer"
	fingerprint  = "aws:111122223333:Example Corp:issuer-fingerprint"
)

// newLicensing is newWorld with a client that checks that every error of License
// Manager is one that its operation publishes.
func newLicensing(t *testing.T, change ...func(*emulator.Options)) *world {
	t.Helper()
	w := newWorld(t, change...)
	w.cfg.HTTPClient = publishedOnly{t, w.cfg.HTTPClient}
	w.lm, w.oidc, w.sts = clients(t, w.cfg)
	return w
}

type publishedOnly struct {
	t      *testing.T
	client awstokens.HTTPClient
}

func (c publishedOnly) Do(req *http.Request) (*http.Response, error) {
	resp, err := c.client.Do(req)
	if err == nil {
		operation, ok := strings.CutPrefix(req.Header.Get("X-Amz-Target"), "AWSLicenseManager.")
		code := resp.Header.Get("X-Amzn-Errortype")
		if ok && code != "" && !slices.Contains(publishedErrors()[operation], code) {
			c.t.Errorf("%s is not published for %s", code, operation)
		}
	}
	return resp, err
}

// publishedErrors are the codes that each operation publishes.
var publishedErrors = sync.OnceValue(func() map[string][]string {
	text, err := os.ReadFile("../facts/testdata/license-manager.json")
	if err != nil {
		panic(err)
	}
	var table struct {
		Operations map[string]struct{ Errors []string }
	}
	if err := json.Unmarshal(text, &table); err != nil {
		panic(err)
	}
	codes := map[string][]string{}
	for name, operation := range table.Operations {
		codes[name] = operation.Errors
	}
	return codes
})

// as returns a client of another account.
func (w *world) as(t *testing.T, account string) *licensemanager.Client {
	t.Helper()
	client, err := w.lm.With(func(c *awstokens.Config) { c.Credentials = w.ConfigOf(account).Credentials })
	require.NoError(t, err)
	return client
}

func ptr[T any](v T) *T { return &v }

// token makes a ClientToken.
func token() string { return licensemanager.NewClientToken() }

func licenseInput() *licensemanager.CreateLicenseInput {
	return &licensemanager.CreateLicenseInput{
		Beneficiary: customer,
		ClientToken: token(),
		ConsumptionConfiguration: &licensemanager.ConsumptionConfiguration{
			ProvisionalConfiguration: &licensemanager.ProvisionalConfiguration{MaxTimeToLiveInMinutes: 60},
			BorrowConfiguration:      &licensemanager.BorrowConfiguration{MaxTimeToLiveInMinutes: 24 * 60},
		},
		Entitlements: []licensemanager.Entitlement{
			{Name: "Seats", Unit: licensemanager.EntitlementUnitCount, MaxCount: ptr(int64(3))},
			{Name: "Storage", Unit: licensemanager.EntitlementUnitGigabytes, MaxCount: ptr(int64(100)), Overage: ptr(true)},
			{Name: "Scans", Unit: licensemanager.EntitlementUnitCount, MaxCount: ptr(int64(5)), AllowCheckIn: ptr(false)},
			{Name: "Logins", Unit: licensemanager.EntitlementUnitCount},
			{Name: "Premium", Unit: licensemanager.EntitlementUnitNone},
			{Name: "Tier", Unit: licensemanager.EntitlementUnitNone, Value: "gold"},
		},
		HomeRegion:  "us-east-1",
		Issuer:      &licensemanager.Issuer{Name: "Example Corp", SignKey: "arn:aws:kms:us-east-1:111122223333:key/1"},
		LicenseName: "Example license",
		ProductName: "Example product",
		ProductSKU:  "sku-1",
		Validity:    ptr(licensemanager.Period(startTime, startTime.AddDate(1, 0, 0))),
	}
}

// license issues a license and returns its ARN.
func (w *world) license(t *testing.T, change ...func(*licensemanager.CreateLicenseInput)) string {
	t.Helper()
	in := licenseInput()
	for _, f := range change {
		f(in)
	}
	out, err := w.lm.CreateLicense(t.Context(), in)
	require.NoError(t, err)
	return out.LicenseArn
}

// version is the input that changes nothing of a license.
func (w *world) version(t *testing.T, arn string, change ...func(*licensemanager.CreateLicenseVersionInput)) *licensemanager.CreateLicenseVersionInput {
	t.Helper()
	l := w.getLicense(t, arn)
	in := &licensemanager.CreateLicenseVersionInput{
		ClientToken:              token(),
		ConsumptionConfiguration: l.ConsumptionConfiguration,
		Entitlements:             l.Entitlements,
		HomeRegion:               l.HomeRegion,
		Issuer:                   &licensemanager.Issuer{Name: l.Issuer.Name, SignKey: l.Issuer.SignKey},
		LicenseArn:               arn,
		LicenseName:              l.LicenseName,
		ProductName:              l.ProductName,
		SourceVersion:            l.Version,
		Status:                   licensemanager.LicenseStatusAvailable,
		Validity:                 l.Validity,
	}
	for _, f := range change {
		f(in)
	}
	return in
}

// changeLicense gives a license a new version.
func (w *world) changeLicense(t *testing.T, arn string, change ...func(*licensemanager.CreateLicenseVersionInput)) {
	t.Helper()
	_, err := w.lm.CreateLicenseVersion(t.Context(), w.version(t, arn, change...))
	require.NoError(t, err)
}

func withStatus(status licensemanager.LicenseStatus) func(*licensemanager.CreateLicenseVersionInput) {
	return func(in *licensemanager.CreateLicenseVersionInput) { in.Status = status }
}

func (w *world) getLicense(t *testing.T, arn string) *licensemanager.License {
	t.Helper()
	out, err := w.lm.GetLicense(t.Context(), &licensemanager.GetLicenseInput{LicenseArn: arn})
	require.NoError(t, err)
	return out.License
}

// usage returns what is consumed, by entitlement.
func (w *world) usage(t *testing.T, arn string) map[string]string {
	t.Helper()
	out, err := w.lm.GetLicenseUsage(t.Context(), &licensemanager.GetLicenseUsageInput{LicenseArn: arn})
	require.NoError(t, err)
	consumed := map[string]string{}
	for _, usage := range out.LicenseUsage.EntitlementUsages {
		consumed[usage.Name] = usage.ConsumedValue
	}
	return consumed
}

func seats(n int64) []licensemanager.EntitlementData {
	return []licensemanager.EntitlementData{licensemanager.Count("Seats", n)}
}

// checkoutInput asks as the issuer for one seat of a license of licenseInput.
func checkoutInput(change ...func(*licensemanager.CheckoutLicenseInput)) *licensemanager.CheckoutLicenseInput {
	in := &licensemanager.CheckoutLicenseInput{
		Beneficiary:    customer,
		CheckoutType:   licensemanager.CheckoutTypeProvisional,
		ClientToken:    token(),
		Entitlements:   seats(1),
		KeyFingerprint: fingerprint,
		ProductSKU:     "sku-1",
	}
	for _, f := range change {
		f(in)
	}
	return in
}

func asking(list ...licensemanager.EntitlementData) func(*licensemanager.CheckoutLicenseInput) {
	return func(in *licensemanager.CheckoutLicenseInput) { in.Entitlements = list }
}

func perpetual(in *licensemanager.CheckoutLicenseInput) {
	in.CheckoutType = licensemanager.CheckoutTypePerpetual
}

func (w *world) checkout(t *testing.T, change ...func(*licensemanager.CheckoutLicenseInput)) *licensemanager.CheckoutLicenseOutput {
	t.Helper()
	out, err := w.lm.CheckoutLicense(t.Context(), checkoutInput(change...))
	require.NoError(t, err)
	return out
}

func (w *world) notAllowed(t *testing.T, change ...func(*licensemanager.CheckoutLicenseInput)) {
	t.Helper()
	_, err := w.lm.CheckoutLicense(t.Context(), checkoutInput(change...))
	refused(t, err, "NoEntitlementsAllowedException")
	if err != nil {
		assert.ErrorContains(t, err, "No entitlements are allowed for this request.", "for whatever reason")
	}
}

func (w *world) extend(t *testing.T, consumption string) (*licensemanager.ExtendLicenseConsumptionOutput, error) {
	t.Helper()
	return w.lm.ExtendLicenseConsumption(t.Context(), &licensemanager.ExtendLicenseConsumptionInput{LicenseConsumptionToken: awstokens.NewSecret(consumption)})
}

func checkIn(t *testing.T, client *licensemanager.Client, consumption string) error {
	t.Helper()
	_, err := client.CheckInLicense(t.Context(), &licensemanager.CheckInLicenseInput{LicenseConsumptionToken: awstokens.NewSecret(consumption)})
	return err
}

func at(d time.Duration) string { return startTime.Add(d).Format(time.RFC3339) }
