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

// granting is a license that is offered to the other account.
type granting struct {
	*world
	grantee *licensemanager.Client
	arn     string // of the license
	offer   *licensemanager.CreateGrantInput
	grant   string // ARN of the grant
}

func newGranting(t *testing.T) *granting {
	t.Helper()
	w := newLicensing(t)
	g := &granting{world: w, grantee: w.as(t, otherAccount), arn: w.license(t)}
	g.offer = grantInput(g.arn)
	g.denied(t)
	created, err := w.lm.CreateGrant(t.Context(), g.offer)
	require.NoError(t, err)
	g.grant = created.GrantArn
	return g
}

// accept accepts the grant, which leaves it disabled.
func (g *granting) accept(t *testing.T) *licensemanager.AcceptGrantOutput {
	t.Helper()
	accepted, err := g.grantee.AcceptGrant(t.Context(), &licensemanager.AcceptGrantInput{GrantArn: g.grant})
	require.NoError(t, err)
	return accepted
}

// activate accepts and activates the grant.
func (g *granting) activate(t *testing.T) {
	t.Helper()
	g.accept(t)
	_, err := g.grantee.CreateGrantVersion(t.Context(), grantVersion(g.grant, licensemanager.GrantStatusActive))
	require.NoError(t, err)
}

// checkout checks a seat out as the grantee and returns its token.
func (g *granting) checkout(t *testing.T) (string, error) {
	in := checkoutInput()
	in.Beneficiary = ""
	out, err := g.grantee.CheckoutLicense(t.Context(), in)
	if err != nil {
		return "", err
	}
	return out.LicenseConsumptionToken.Reveal(), nil
}

func (g *granting) denied(t *testing.T) {
	t.Helper()
	_, err := g.checkout(t)
	refused(t, err, "NoEntitlementsAllowedException")
}

// extend extends a seat as the grantee.
func (g *granting) extend(t *testing.T, seat string) error {
	_, err := g.grantee.ExtendLicenseConsumption(t.Context(), &licensemanager.ExtendLicenseConsumptionInput{LicenseConsumptionToken: awstokens.NewSecret(seat)})
	return err
}

// A grantee does not have the license until it has accepted and activated the
// grant.
func TestGrantIsOfferedAndAccepted(t *testing.T) {
	t.Parallel()
	g := newGranting(t)
	assert.Regexp(t, `^arn:aws:license-manager::111122223333:grant:g-[0-9a-f]{32}$`, g.grant)
	again, err := g.lm.CreateGrant(t.Context(), g.offer)
	require.NoError(t, err)
	assert.Equal(t, g.grant, again.GrantArn)
	assert.Equal(t, &licensemanager.Grant{
		GrantArn: g.grant, GrantName: "Example grant", GrantStatus: licensemanager.GrantStatusPendingAccept,
		GrantedOperations: g.offer.AllowedOperations, GranteePrincipalArn: g.offer.Principals[0], HomeRegion: "us-east-1",
		LicenseArn: g.arn, ParentArn: g.arn, Version: "1",
	}, g.getGrant(t, g.grant))
	g.denied(t)

	_, err = g.grantee.CreateGrantVersion(t.Context(), grantVersion(g.grant, licensemanager.GrantStatusActive))
	refused(t, err, "InvalidParameterValueException") // it was not accepted
	_, err = g.lm.AcceptGrant(t.Context(), &licensemanager.AcceptGrantInput{GrantArn: g.grant})
	refused(t, err, "AccessDeniedException") // only the grantee can
	for range 2 {
		accepted := g.accept(t)
		assert.Equal(t, licensemanager.GrantStatusDisabled, accepted.Status)
		assert.Equal(t, "1", accepted.Version)
	}
	g.denied(t)
	_, err = g.grantee.RejectGrant(t.Context(), &licensemanager.RejectGrantInput{GrantArn: g.grant})
	refused(t, err, "InvalidParameterValueException")
	_, err = g.lm.CreateGrantVersion(t.Context(), grantVersion(g.grant, licensemanager.GrantStatusActive))
	refused(t, err, "AccessDeniedException") // only the grantee can

	activate := grantVersion(g.grant, licensemanager.GrantStatusActive)
	activate.SourceVersion = "1"
	activate.Options = &licensemanager.GrantOptions{ActivationOverrideBehavior: licensemanager.ActivationOverrideBehaviorDistributedGrantsOnly}
	for range 2 {
		active, err := g.grantee.CreateGrantVersion(t.Context(), activate)
		require.NoError(t, err)
		assert.Equal(t, licensemanager.GrantStatusActive, active.Status)
		assert.Equal(t, "2", active.Version)
	}
	assert.Equal(t, activate.Options, g.getGrant(t, g.grant).Options)
	_, err = g.checkout(t)
	require.NoError(t, err)
}

// A grantee does what the current version of the grant permits.
func TestGrantPermits(t *testing.T) {
	t.Parallel()
	g := newGranting(t)
	g.activate(t)
	seat, err := g.checkout(t)
	require.NoError(t, err)
	refused(t, g.extend(t, seat), "AccessDeniedException")
	refused(t, checkIn(t, g.lm, seat), "ResourceNotFoundException") // it is another account's
	require.NoError(t, checkIn(t, g.grantee, seat))
	seat, err = g.checkout(t)
	require.NoError(t, err)

	change := grantVersion(g.grant, "")
	change.AllowedOperations = []licensemanager.AllowedOperation{licensemanager.AllowedOperationExtendConsumptionLicense, licensemanager.AllowedOperationCheckoutBorrowLicense}
	change.GrantName = "Another name"
	_, err = g.grantee.CreateGrantVersion(t.Context(), change)
	refused(t, err, "AccessDeniedException") // only the grantor can
	changed, err := g.lm.CreateGrantVersion(t.Context(), change)
	require.NoError(t, err)
	assert.Equal(t, licensemanager.GrantStatusActive, changed.Status)
	assert.Equal(t, "Another name", g.getGrant(t, g.grant).GrantName)
	g.denied(t)
	refused(t, checkIn(t, g.grantee, seat), "AccessDeniedException")
	require.NoError(t, g.extend(t, seat))
	_, err = g.grantee.CheckoutBorrowLicense(t.Context(), borrowInput(g.arn))
	require.NoError(t, err)

	disable := grantVersion(g.grant, licensemanager.GrantStatusDisabled)
	disable.StatusReason = "unpaid"
	_, err = g.lm.CreateGrantVersion(t.Context(), disable)
	require.NoError(t, err)
	_, err = g.grantee.CheckoutBorrowLicense(t.Context(), borrowInput(g.arn))
	refused(t, err, "AccessDeniedException")
	assert.Equal(t, "unpaid", g.getGrant(t, g.grant).StatusReason)
}

// The grantor deletes the current version of a grant, once. Its versions can
// still be read.
func TestGrantIsDeleted(t *testing.T) {
	t.Parallel()
	g := newGranting(t)
	g.activate(t)
	remove := &licensemanager.DeleteGrantInput{GrantArn: g.grant, Version: "1", StatusReason: "over"}
	_, err := g.lm.DeleteGrant(t.Context(), remove)
	refused(t, err, "InvalidParameterValueException")
	remove.Version = "2"
	_, err = g.grantee.DeleteGrant(t.Context(), remove)
	refused(t, err, "AccessDeniedException")
	deleted, err := g.lm.DeleteGrant(t.Context(), remove)
	require.NoError(t, err)
	assert.Equal(t, licensemanager.GrantStatusDeleted, deleted.Status)
	_, err = g.lm.DeleteGrant(t.Context(), remove)
	refused(t, err, "InvalidParameterValueException")
	_, err = g.grantee.GetLicense(t.Context(), &licensemanager.GetLicenseInput{LicenseArn: g.arn})
	refused(t, err, "InvalidParameterValueException")

	old, err := g.grantee.GetGrant(t.Context(), &licensemanager.GetGrantInput{GrantArn: g.grant, Version: "1"})
	require.NoError(t, err)
	assert.Equal(t, g.offer.AllowedOperations, old.Grant.GrantedOperations)
	_, err = g.grantee.GetGrant(t.Context(), &licensemanager.GetGrantInput{GrantArn: g.grant, Version: "9"})
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
