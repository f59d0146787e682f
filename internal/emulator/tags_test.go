package emulator_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens/licensemanager"
)

func (w *world) tagsOf(t *testing.T, arn string) []licensemanager.Tag {
	t.Helper()
	out, err := w.lm.ListTagsForResource(t.Context(), &licensemanager.ListTagsForResourceInput{ResourceArn: arn})
	require.NoError(t, err)
	return out.Tags
}

func TestTagsOfLicensesAndGrants(t *testing.T) {
	w := newLicensing(t)
	in := licenseInput()
	in.Tags = []licensemanager.Tag{{Key: "team", Value: "a"}}
	license, err := w.lm.CreateLicense(t.Context(), in)
	require.NoError(t, err)
	grant := w.grant(t, license.LicenseArn, func(in *licensemanager.CreateGrantInput) { in.Tags = []licensemanager.Tag{{Key: "team", Value: "b"}} })

	for arn, first := range map[string]string{license.LicenseArn: "a", grant: "b"} {
		assert.Equal(t, []licensemanager.Tag{{Key: "team", Value: first}}, w.tagsOf(t, arn))
		_, err := w.lm.TagResource(t.Context(), &licensemanager.TagResourceInput{
			ResourceArn: arn, Tags: []licensemanager.Tag{{Key: "cost", Value: "1"}, {Key: "team", Value: "c"}},
		})
		require.NoError(t, err)
		assert.Equal(t, []licensemanager.Tag{{Key: "team", Value: "c"}, {Key: "cost", Value: "1"}}, w.tagsOf(t, arn), "one value for a key")
		for range 2 { // the second time there is nothing to remove
			_, err = w.lm.UntagResource(t.Context(), &licensemanager.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"team", "other"}})
			require.NoError(t, err)
		}
		assert.Equal(t, []licensemanager.Tag{{Key: "cost", Value: "1"}}, w.tagsOf(t, arn))
	}
}

func TestTagsAreTheOwners(t *testing.T) {
	w := newLicensing(t)
	grant := w.activate(t, w.LicenseARN())
	for _, arn := range []string{w.LicenseARN(), grant, w.LicenseARN() + "0"} {
		client := w.as(t, otherAccount)
		_, err := client.TagResource(t.Context(), &licensemanager.TagResourceInput{ResourceArn: arn, Tags: []licensemanager.Tag{{Key: "k"}}})
		var refused *licensemanager.InvalidParameterValueException
		require.ErrorAs(t, err, &refused)
		_, err = client.UntagResource(t.Context(), &licensemanager.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"k"}})
		require.ErrorAs(t, err, &refused)
		_, err = client.ListTagsForResource(t.Context(), &licensemanager.ListTagsForResourceInput{ResourceArn: arn})
		require.ErrorAs(t, err, &refused)
	}
}
