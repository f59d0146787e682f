package emulator_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// grantInput offers a license to the other account, to check out and in.
func grantInput(arn string, change ...func(*licensemanager.CreateGrantInput)) *licensemanager.CreateGrantInput {
	in := &licensemanager.CreateGrantInput{
		AllowedOperations: []licensemanager.AllowedOperation{licensemanager.AllowedOperationCheckoutLicense, licensemanager.AllowedOperationCheckInLicense},
		ClientToken:       token(),
		GrantName:         "Example grant",
		HomeRegion:        "us-east-1",
		LicenseArn:        arn,
		Principals:        []string{"arn:aws:iam::" + otherAccount + ":root"},
	}
	for _, f := range change {
		f(in)
	}
	return in
}

func allowing(operations ...licensemanager.AllowedOperation) func(*licensemanager.CreateGrantInput) {
	return func(in *licensemanager.CreateGrantInput) { in.AllowedOperations = operations }
}

// grant offers a license to the other account and returns the grant's ARN.
func (w *world) grant(t *testing.T, arn string, change ...func(*licensemanager.CreateGrantInput)) string {
	t.Helper()
	out, err := w.lm.CreateGrant(t.Context(), grantInput(arn, change...))
	require.NoError(t, err)
	return out.GrantArn
}

// activate has the other account accept and activate a grant of a license.
func (w *world) activate(t *testing.T, arn string, change ...func(*licensemanager.CreateGrantInput)) string {
	t.Helper()
	grant := w.grant(t, arn, change...)
	grantee := w.as(t, otherAccount)
	_, err := grantee.AcceptGrant(t.Context(), &licensemanager.AcceptGrantInput{GrantArn: grant})
	require.NoError(t, err)
	_, err = grantee.CreateGrantVersion(t.Context(), grantVersion(grant, licensemanager.GrantStatusActive))
	require.NoError(t, err)
	return grant
}

func grantVersion(arn string, status licensemanager.GrantStatus) *licensemanager.CreateGrantVersionInput {
	return &licensemanager.CreateGrantVersionInput{ClientToken: token(), GrantArn: arn, Status: status}
}

func (w *world) getGrant(t *testing.T, arn string) *licensemanager.Grant {
	t.Helper()
	out, err := w.lm.GetGrant(t.Context(), &licensemanager.GetGrantInput{GrantArn: arn})
	require.NoError(t, err)
	return out.Grant
}

// A grantee uses the license from the activation of its grant until the grant
// no longer permits it, and meanwhile does what the grant permits.
func TestGrantLifecycle(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	ctx, grantee, arn := t.Context(), w.as(t, otherAccount), w.license(t)
	checkout := func() (string, error) {
		in := checkoutInput()
		in.Beneficiary = ""
		out, err := grantee.CheckoutLicense(ctx, in)
		if err != nil {
			return "", err
		}
		return out.LicenseConsumptionToken.Reveal(), nil
	}
	denied := func() {
		t.Helper()
		_, err := checkout()
		refused(t, err, "NoEntitlementsAllowedException")
	}
	denied()
	in := grantInput(arn)
	created, err := w.lm.CreateGrant(ctx, in)
	require.NoError(t, err)
	assert.Regexp(t, `^arn:aws:license-manager::111122223333:grant:g-[0-9a-f]{32}$`, created.GrantArn)
	again, err := w.lm.CreateGrant(ctx, in)
	require.NoError(t, err)
	assert.Equal(t, created.GrantArn, again.GrantArn)
	assert.Equal(t, &licensemanager.Grant{
		GrantArn: created.GrantArn, GrantName: "Example grant", GrantStatus: licensemanager.GrantStatusPendingAccept,
		GrantedOperations: in.AllowedOperations, GranteePrincipalArn: in.Principals[0], HomeRegion: "us-east-1",
		LicenseArn: arn, ParentArn: arn, Version: "1",
	}, w.getGrant(t, created.GrantArn))
	denied()

	_, err = grantee.CreateGrantVersion(ctx, grantVersion(created.GrantArn, licensemanager.GrantStatusActive))
	refused(t, err, "InvalidParameterValueException") // it was not accepted
	_, err = w.lm.AcceptGrant(ctx, &licensemanager.AcceptGrantInput{GrantArn: created.GrantArn})
	refused(t, err, "AccessDeniedException") // only the grantee can
	for range 2 {
		accepted, err := grantee.AcceptGrant(ctx, &licensemanager.AcceptGrantInput{GrantArn: created.GrantArn})
		require.NoError(t, err)
		assert.Equal(t, licensemanager.GrantStatusDisabled, accepted.Status)
		assert.Equal(t, "1", accepted.Version)
	}
	denied()
	_, err = grantee.RejectGrant(ctx, &licensemanager.RejectGrantInput{GrantArn: created.GrantArn})
	refused(t, err, "InvalidParameterValueException")
	_, err = w.lm.CreateGrantVersion(ctx, grantVersion(created.GrantArn, licensemanager.GrantStatusActive))
	refused(t, err, "AccessDeniedException")

	activate := grantVersion(created.GrantArn, licensemanager.GrantStatusActive)
	activate.SourceVersion = "1"
	activate.Options = &licensemanager.GrantOptions{ActivationOverrideBehavior: licensemanager.ActivationOverrideBehaviorDistributedGrantsOnly}
	for range 2 {
		active, err := grantee.CreateGrantVersion(ctx, activate)
		require.NoError(t, err)
		assert.Equal(t, licensemanager.GrantStatusActive, active.Status)
		assert.Equal(t, "2", active.Version)
	}
	assert.Equal(t, activate.Options, w.getGrant(t, created.GrantArn).Options)
	seat, err := checkout()
	require.NoError(t, err)
	_, err = grantee.ExtendLicenseConsumption(ctx, &licensemanager.ExtendLicenseConsumptionInput{LicenseConsumptionToken: awstokens.NewSecret(seat)})
	refused(t, err, "AccessDeniedException")
	refused(t, checkIn(t, w.lm, seat), "ResourceNotFoundException") // it is another account's
	require.NoError(t, checkIn(t, grantee, seat))
	seat, err = checkout()
	require.NoError(t, err)

	change := grantVersion(created.GrantArn, "")
	change.AllowedOperations = []licensemanager.AllowedOperation{licensemanager.AllowedOperationExtendConsumptionLicense, licensemanager.AllowedOperationCheckoutBorrowLicense}
	change.GrantName = "Another name"
	_, err = grantee.CreateGrantVersion(ctx, change)
	refused(t, err, "AccessDeniedException") // only the grantor can
	changed, err := w.lm.CreateGrantVersion(ctx, change)
	require.NoError(t, err)
	assert.Equal(t, licensemanager.GrantStatusActive, changed.Status)
	assert.Equal(t, "Another name", w.getGrant(t, created.GrantArn).GrantName)
	denied()
	refused(t, checkIn(t, grantee, seat), "AccessDeniedException")
	_, err = grantee.ExtendLicenseConsumption(ctx, &licensemanager.ExtendLicenseConsumptionInput{LicenseConsumptionToken: awstokens.NewSecret(seat)})
	require.NoError(t, err)
	_, err = grantee.CheckoutBorrowLicense(ctx, borrowInput(arn))
	require.NoError(t, err)

	disable := grantVersion(created.GrantArn, licensemanager.GrantStatusDisabled)
	disable.StatusReason = "unpaid"
	_, err = w.lm.CreateGrantVersion(ctx, disable)
	require.NoError(t, err)
	_, err = grantee.CheckoutBorrowLicense(ctx, borrowInput(arn))
	refused(t, err, "AccessDeniedException")
	assert.Equal(t, "unpaid", w.getGrant(t, created.GrantArn).StatusReason)

	remove := &licensemanager.DeleteGrantInput{GrantArn: created.GrantArn, Version: "1", StatusReason: "over"}
	_, err = w.lm.DeleteGrant(ctx, remove)
	refused(t, err, "InvalidParameterValueException")
	remove.Version = "4"
	_, err = grantee.DeleteGrant(ctx, remove)
	refused(t, err, "AccessDeniedException")
	deleted, err := w.lm.DeleteGrant(ctx, remove)
	require.NoError(t, err)
	assert.Equal(t, licensemanager.GrantStatusDeleted, deleted.Status)
	_, err = w.lm.DeleteGrant(ctx, remove)
	refused(t, err, "InvalidParameterValueException")
	_, err = grantee.GetLicense(ctx, &licensemanager.GetLicenseInput{LicenseArn: arn})
	refused(t, err, "InvalidParameterValueException")

	old, err := grantee.GetGrant(ctx, &licensemanager.GetGrantInput{GrantArn: created.GrantArn, Version: "2"})
	require.NoError(t, err)
	assert.Equal(t, in.AllowedOperations, old.Grant.GrantedOperations)
	_, err = grantee.GetGrant(ctx, &licensemanager.GetGrantInput{GrantArn: created.GrantArn, Version: "9"})
	refused(t, err, "InvalidParameterValueException")
}

// Issuer and grantee can be one account.
func TestGrantToOneself(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	grant := w.grant(t, w.license(t), func(in *licensemanager.CreateGrantInput) { in.Principals[0] = "arn:aws:iam::111122223333:root" })
	noBeneficiary := func(in *licensemanager.CheckoutLicenseInput) { in.Beneficiary = "" }
	w.notAllowed(t, noBeneficiary)
	_, err := w.lm.AcceptGrant(t.Context(), &licensemanager.AcceptGrantInput{GrantArn: grant})
	require.NoError(t, err)
	_, err = w.lm.CreateGrantVersion(t.Context(), grantVersion(grant, licensemanager.GrantStatusActive))
	require.NoError(t, err)
	require.NoError(t, checkIn(t, w.lm, w.checkout(t, noBeneficiary).LicenseConsumptionToken.Reveal()))
}

func TestRejectedGrant(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	grantee, grant := w.as(t, otherAccount), w.grant(t, w.license(t))
	for range 2 {
		out, err := grantee.RejectGrant(t.Context(), &licensemanager.RejectGrantInput{GrantArn: grant})
		require.NoError(t, err)
		assert.Equal(t, licensemanager.GrantStatusRejected, out.Status)
	}
	_, err := grantee.AcceptGrant(t.Context(), &licensemanager.AcceptGrantInput{GrantArn: grant})
	refused(t, err, "InvalidParameterValueException")
	_, err = w.lm.CreateGrantVersion(t.Context(), grantVersion(grant, licensemanager.GrantStatusActive))
	refused(t, err, "InvalidParameterValueException")
	received, err := grantee.ListReceivedLicenses(t.Context(), nil)
	require.NoError(t, err)
	assert.Empty(t, received.Licenses)
}

// Who has a license may grant it on if the grant permits it, and no more than
// the grant does.
func TestGrantOfAGrant(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	grantee, arn := w.as(t, otherAccount), w.license(t)
	toThird := func(in *licensemanager.CreateGrantInput) { in.Principals[0] = "arn:aws:iam::777788889999:root" }
	w.activate(t, arn)
	_, err := grantee.CreateGrant(t.Context(), grantInput(arn, toThird))
	refused(t, err, "AccessDeniedException")
	parent := w.activate(t, arn, allowing(licensemanager.AllowedOperationCreateGrant, licensemanager.AllowedOperationCheckoutLicense))
	_, err = grantee.CreateGrant(t.Context(), grantInput(arn, toThird))
	refused(t, err, "AccessDeniedException") // to check in is not its to give
	out, err := grantee.CreateGrant(t.Context(), grantInput(arn, toThird, allowing(licensemanager.AllowedOperationCheckoutLicense)))
	require.NoError(t, err)
	got, err := w.as(t, "777788889999").GetGrant(t.Context(), &licensemanager.GetGrantInput{GrantArn: out.GrantArn})
	require.NoError(t, err)
	assert.Equal(t, parent, got.Grant.ParentArn)
}

func TestInvalidGrants(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	ctx, arn := t.Context(), w.license(t)
	for _, change := range []func(*licensemanager.CreateGrantInput){
		func(in *licensemanager.CreateGrantInput) { in.HomeRegion = "eu-central-1" },
		func(in *licensemanager.CreateGrantInput) { in.Principals[0] = "arn:aws:iam:::root" },
	} {
		_, err := w.lm.CreateGrant(ctx, grantInput(arn, change))
		refused(t, err, "InvalidParameterValueException")
	}
	grant := w.grant(t, arn)
	_, err := w.lm.CreateGrantVersion(ctx, grantVersion(grant, licensemanager.GrantStatusDeleted))
	refused(t, err, "ValidationException")
	stale := grantVersion(grant, "")
	stale.SourceVersion = "7"
	_, err = w.lm.CreateGrantVersion(ctx, stale)
	refused(t, err, "InvalidParameterValueException")
	rename := grantVersion(grant, "")
	rename.GrantName = "renamed before it was accepted"
	_, err = w.lm.CreateGrantVersion(ctx, rename)
	assert.NoError(t, err)

	for _, client := range []*licensemanager.Client{w.lm, w.as(t, "777788889999")} {
		none := grant
		if client == w.lm {
			none += "0"
		}
		_, err := client.GetGrant(ctx, &licensemanager.GetGrantInput{GrantArn: none})
		refused(t, err, "InvalidParameterValueException")
		_, err = client.AcceptGrant(ctx, &licensemanager.AcceptGrantInput{GrantArn: none})
		refused(t, err, "InvalidParameterValueException")
		_, err = client.CreateGrantVersion(ctx, grantVersion(none, ""))
		refused(t, err, "InvalidParameterValueException")
		_, err = client.DeleteGrant(ctx, &licensemanager.DeleteGrantInput{GrantArn: none, Version: "1"})
		refused(t, err, "InvalidParameterValueException")
	}
}

func TestListGrants(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	grantee, arn := w.as(t, otherAccount), w.license(t)
	pending, active := w.grant(t, arn), w.activate(t, arn)
	distributed := func(in *licensemanager.ListDistributedGrantsInput) (found []string) {
		for g, err := range w.lm.DistributedGrants(t.Context(), in) {
			require.NoError(t, err)
			found = append(found, g.GrantArn)
		}
		return found
	}
	received := func(in *licensemanager.ListReceivedGrantsInput) (found []string) {
		for g, err := range grantee.ReceivedGrants(t.Context(), in) {
			require.NoError(t, err)
			found = append(found, g.GrantArn)
		}
		return found
	}
	both := []string{pending, active}
	assert.Len(t, distributed(nil), 3, "the license from the start is granted, too")
	assert.Equal(t, both, received(&licensemanager.ListReceivedGrantsInput{MaxResults: 1}))
	assert.Equal(t, both[1:], received(&licensemanager.ListReceivedGrantsInput{GrantArns: both[1:]}))
	for _, tt := range []struct {
		filter licensemanager.Filter
		want   []string
		only   bool // distributed grants have it, received ones do not
	}{
		{filter: licensemanager.Filter{Name: "LicenseArn", Values: []string{arn}}, want: both},
		{filter: licensemanager.Filter{Name: "GrantStatus", Values: []string{"PENDING_ACCEPT"}}, want: both[:1]},
		{filter: licensemanager.Filter{Name: "ProductSKU", Values: []string{"sku-1"}}, want: both},
		{filter: licensemanager.Filter{Name: "LicenseIssuerName", Values: []string{"Example Corp"}}, want: both},
		{filter: licensemanager.Filter{Name: "GranteePrincipalARN", Values: []string{"arn:aws:iam::" + otherAccount + ":root"}}, want: both, only: true},
	} {
		list := []licensemanager.Filter{tt.filter}
		assert.Equal(t, tt.want, distributed(&licensemanager.ListDistributedGrantsInput{Filters: list, MaxResults: 1}), tt.filter.Name)
		if !tt.only {
			assert.Equal(t, tt.want, received(&licensemanager.ListReceivedGrantsInput{Filters: list}), tt.filter.Name)
		}
	}
	unknown := []licensemanager.Filter{{Name: "Grantee"}}
	_, err := w.lm.ListDistributedGrants(t.Context(), &licensemanager.ListDistributedGrantsInput{Filters: unknown})
	refused(t, err, "InvalidParameterValueException")
	_, err = grantee.ListReceivedGrants(t.Context(), &licensemanager.ListReceivedGrantsInput{Filters: unknown})
	refused(t, err, "InvalidParameterValueException")
}

// Tokens are their account's, and so are ClientTokens.
func TestTokensOfTwoAccounts(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	arn := w.license(t)
	w.activate(t, arn, allowing(licensemanager.AllowedOperationCreateToken))
	in := &licensemanager.CreateTokenInput{ClientToken: "t-1", LicenseArn: arn}
	mine := w.createToken(t, in)
	grantee := w.as(t, otherAccount)
	theirs, err := grantee.CreateToken(t.Context(), in)
	require.NoError(t, err)
	assert.NotEqual(t, mine.TokenId, theirs.TokenId)
	_, claims := claimsOf(t, theirs.Token)
	assert.Equal(t, []any{"aws:license-manager:token-issuer-account-id:" + otherAccount}, claims["amr"])
	list, err := w.lm.ListTokens(t.Context(), nil)
	require.NoError(t, err)
	require.Len(t, list.Tokens, 1)
	assert.Equal(t, mine.TokenId, list.Tokens[0].TokenId)
	_, err = grantee.DeleteToken(t.Context(), &licensemanager.DeleteTokenInput{TokenId: mine.TokenId})
	refused(t, err, "ResourceNotFoundException")
}

func TestConfigOfTheSameAccount(t *testing.T) {
	t.Parallel()
	w := newLicensing(t)
	ours, err := w.Config().Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	same, err := w.ConfigOf("111122223333").Credentials.Retrieve(t.Context())
	require.NoError(t, err)
	assert.Equal(t, ours, same)
}
