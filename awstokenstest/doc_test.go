package awstokenstest_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/awstokenstest"
	"github.com/seed-25f54b62/awstokens/licensemanager"
	"github.com/seed-25f54b62/awstokens/licensemanager/lease"
)

// The tests in the package's documentation are those of this file.
func TestDocumentation(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	code, err := os.ReadFile("doc_test.go")
	require.NoError(t, err)
	text := strings.ReplaceAll("\n"+string(doc), "\n//", "\n")
	tests := regexp.MustCompile(`(?s)\n\tfunc Test.*?\n\t}\n`).FindAllString(text, -1)
	require.Len(t, tests, 2)
	for _, test := range tests {
		assert.Contains(t, string(code), strings.ReplaceAll(test, "\n\t", "\n"))
	}
}

func TestLicensedProduct(t *testing.T) {
	server := awstokenstest.NewServer(t)
	service := server.LicenseManager()
	client, err := licensemanager.New(server.Config())
	require.NoError(t, err)

	// The first response is lost. The retry gets the same token.
	service.Next(1, "CreateToken").LoseAnswer()
	created, err := client.CreateToken(t.Context(), &licensemanager.CreateTokenInput{
		ClientToken: licensemanager.NewClientToken(),
		LicenseArn:  service.LicenseARN(),
		RoleArns:    []string{service.RoleARN()},
	})
	require.NoError(t, err)
	assert.Equal(t, 2, service.Requests("CreateToken"))

	// After a year, it has expired.
	server.Advance(366 * 24 * time.Hour)
	_, err = client.GetAccessToken(t.Context(), &licensemanager.GetAccessTokenInput{Token: created.Token})
	var denied *licensemanager.AccessDeniedException
	require.ErrorAs(t, err, &denied)
}

func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := awstokenstest.NewServer(t, func(o *awstokenstest.Options) { o.InProcess = true })
		service := server.LicenseManager()
		client, err := licensemanager.New(server.Config())
		require.NoError(t, err)
		seat := lease.Keep(t.Context(), client, lease.Request{
			ProductSKU:     service.ProductSKU(),
			KeyFingerprint: service.KeyFingerprint(),
			Entitlements:   []licensemanager.EntitlementData{licensemanager.Count(awstokenstest.Seats, 1)},
		})
		time.Sleep(time.Minute)
		assert.Equal(t, lease.StateActive, seat.State())

		service.OneIn(1, "").Throttle() // an outage
		time.Sleep(45 * time.Minute)
		assert.Equal(t, lease.StateDegraded, seat.State(), "still licensed")
		time.Sleep(time.Hour)
		assert.Equal(t, lease.StateLost, seat.State(), "the seat has expired")

		server.ClearFaults()
		time.Sleep(7 * 24 * time.Hour) // a week of renewals
		assert.Equal(t, lease.StateActive, seat.State())
		require.NoError(t, seat.Close(t.Context()))
	})
}
