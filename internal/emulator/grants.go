package emulator

import (
	"slices"
	"strconv"

	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// grant is a grant of a license, in all its versions. Accepting, rejecting and
// deleting change the current version; only CreateGrantVersion makes one. An
// activation replaces no other grant, whatever Options say.
type grant struct {
	arn              string
	of               *license
	grantor, grantee string                 // accounts
	versions         []licensemanager.Grant // oldest first, at least one
	tags             tags
}

// grantKey is who has a grant, and of what.
type grantKey struct {
	grantee string // account
	of      *license
}

// addGrant makes a grant known.
func (l *licenseManager) addGrant(made *grant) {
	l.grants.add(made.arn, made)
	key := grantKey{made.grantee, made.of}
	l.granted[key] = append(l.granted[key], made)
}

func (g *grant) current() *licensemanager.Grant { return &g.versions[len(g.versions)-1] }

func (g *grant) change(to licensemanager.Grant) {
	to.Version = strconv.Itoa(len(g.versions) + 1)
	g.versions = append(g.versions, to)
}

// changed is the response to a call that made or changed the grant.
func (g *grant) changed() object {
	v := g.current()
	return object{"GrantArn": g.arn, "Status": v.GrantStatus, "Version": v.Version}
}

// metadata is what the grantee is told of the grant beside the license.
func (g *grant) metadata() *licensemanager.ReceivedMetadata {
	v := g.current()
	return &licensemanager.ReceivedMetadata{
		AllowedOperations:    v.GrantedOperations,
		ReceivedStatus:       licensemanager.ReceivedStatus(v.GrantStatus),
		ReceivedStatusReason: v.StatusReason,
	}
}

// received returns the grant by which an account has a license, or may have it
// once it accepts: an active one, else the newest. Nil if there is none.
func (l *licenseManager) received(account string, of *license) *grant {
	var best *grant
	for _, g := range l.granted[grantKey{account, of}] {
		switch g.current().GrantStatus {
		case licensemanager.GrantStatusActive:
			return g
		case licensemanager.GrantStatusDeleted, licensemanager.GrantStatusRejected:
		default:
			best = g
		}
	}
	return best
}

// activeGrant returns an active grant that permits an account an operation
// with a license, or nil.
func (l *licenseManager) activeGrant(account string, of *license, operation licensemanager.AllowedOperation) *grant {
	for _, g := range l.granted[grantKey{account, of}] {
		if v := g.current(); v.GrantStatus == licensemanager.GrantStatusActive && slices.Contains(v.GrantedOperations, operation) {
			return g
		}
	}
	return nil
}

// createGrant offers a license to an account. The issuer may, and so may who
// has an active grant that permits it: that is then the new one's parent.
func (l *licenseManager) createGrant(r *request, in *licensemanager.CreateGrantInput) (any, *failure) {
	return once(l, r, in.ClientToken, in, nil, func() (any, *failure) {
		of, grantee := l.findFor(r, in.LicenseArn), accountOf(in.Principals[0])
		switch {
		case of == nil || !of.deleted.IsZero():
			return nil, noSuchLicense(in.LicenseArn)
		case in.HomeRegion != of.current().HomeRegion:
			return nil, fail("InvalidParameterValueException", "The license's home Region is %s.", of.current().HomeRegion)
		case grantee == "":
			return nil, fail("InvalidParameterValueException", "Principal %s is of no account.", in.Principals[0])
		}
		parent := of.arn
		if of.account != r.account() {
			by := l.activeGrant(r.account(), of, licensemanager.AllowedOperationCreateGrant)
			if by == nil || !containsAll(by.current().GrantedOperations, in.AllowedOperations) {
				return nil, accessDenied()
			}
			parent = by.arn
		}
		made := &grant{
			arn:     "arn:aws:license-manager::" + r.account() + ":grant:g-" + randomHex(16),
			of:      of,
			grantor: r.account(),
			grantee: grantee,
		}
		made.change(licensemanager.Grant{
			GrantArn:            made.arn,
			GrantName:           in.GrantName,
			GrantStatus:         licensemanager.GrantStatusPendingAccept,
			GrantedOperations:   in.AllowedOperations,
			GranteePrincipalArn: in.Principals[0],
			HomeRegion:          in.HomeRegion,
			LicenseArn:          of.arn,
			ParentArn:           parent,
		})
		made.tags.set(in.Tags)
		l.addGrant(made)
		return made.changed(), nil
	})
}

func containsAll[T comparable](list, wanted []T) bool {
	return !slices.ContainsFunc(wanted, func(item T) bool { return !slices.Contains(list, item) })
}

// findGrant returns a grant that the caller's account made or got. Of the
// exceptions that grants publish, only InvalidParameterValueException fits a
// grant that does not exist or is in the wrong state.
func (l *licenseManager) findGrant(r *request, arn string) (*grant, *failure) {
	g := l.grants.get(arn)
	if g == nil || g.grantor != r.account() && g.grantee != r.account() {
		return nil, fail("InvalidParameterValueException", "Grant %s does not exist.", arn)
	}
	return g, nil
}

func wrongState(g *grant) *failure {
	return fail("InvalidParameterValueException", "Grant %s is %s.", g.arn, g.current().GrantStatus)
}

// acceptGrant leaves a grant that was accepted before as it is, so that the call
// is idempotent.
func (l *licenseManager) acceptGrant(r *request, in *licensemanager.AcceptGrantInput) (any, *failure) {
	return l.respond(r, in.GrantArn, licensemanager.GrantStatusDisabled, licensemanager.GrantStatusActive)
}

func (l *licenseManager) rejectGrant(r *request, in *licensemanager.RejectGrantInput) (any, *failure) {
	return l.respond(r, in.GrantArn, licensemanager.GrantStatusRejected)
}

// respond gives a pending grant the status that its grantee decides on. A grant
// that has that status, or one of the others, stays as it is.
func (l *licenseManager) respond(r *request, arn string, status licensemanager.GrantStatus, others ...licensemanager.GrantStatus) (any, *failure) {
	g, refusal := l.findGrant(r, arn)
	if refusal != nil {
		return nil, refusal
	}
	switch v := g.current(); {
	case g.grantee != r.account():
		return nil, accessDenied()
	case v.GrantStatus == licensemanager.GrantStatusPendingAccept:
		v.GrantStatus = status
	case v.GrantStatus != status && !slices.Contains(others, v.GrantStatus):
		return nil, wrongState(g)
	}
	return g.changed(), nil
}

// createGrantVersion changes a grant. The grantor may change its name and what it
// permits, the grantee may activate it, and either may disable it.
func (l *licenseManager) createGrantVersion(r *request, in *licensemanager.CreateGrantVersionInput) (any, *failure) {
	switch in.Status {
	case "", licensemanager.GrantStatusActive, licensemanager.GrantStatusDisabled:
	default:
		return nil, fail("ValidationException", "Status can be made ACTIVE or DISABLED, not %s.", in.Status)
	}
	return once(l, r, in.ClientToken, in, nil, func() (any, *failure) {
		g, refusal := l.findGrant(r, in.GrantArn)
		if refusal != nil {
			return nil, refusal
		}
		to := *g.current()
		accepted := to.GrantStatus == licensemanager.GrantStatusActive || to.GrantStatus == licensemanager.GrantStatusDisabled
		pending := to.GrantStatus == licensemanager.GrantStatusPendingAccept
		switch {
		case in.SourceVersion != "" && in.SourceVersion != to.Version:
			return nil, notCurrent(g)
		case !accepted && !(pending && in.Status == ""):
			return nil, wrongState(g)
		case in.Status == licensemanager.GrantStatusActive && g.grantee != r.account(),
			(len(in.AllowedOperations) > 0 || in.GrantName != "") && g.grantor != r.account():
			return nil, accessDenied()
		}
		if len(in.AllowedOperations) > 0 {
			to.GrantedOperations = in.AllowedOperations
		}
		if in.GrantName != "" {
			to.GrantName = in.GrantName
		}
		if in.Options != nil {
			to.Options = in.Options
		}
		if in.Status != "" {
			to.GrantStatus = in.Status
		}
		to.StatusReason = in.StatusReason
		g.change(to)
		return g.changed(), nil
	})
}

func notCurrent(g *grant) *failure {
	return fail("InvalidParameterValueException", "The current version of the grant is %s.", g.current().Version)
}

// deleteGrant is for the grantor. Checkouts stay until they expire: nothing else
// is published.
func (l *licenseManager) deleteGrant(r *request, in *licensemanager.DeleteGrantInput) (any, *failure) {
	g, refusal := l.findGrant(r, in.GrantArn)
	if refusal != nil {
		return nil, refusal
	}
	v := g.current()
	switch {
	case g.grantor != r.account():
		return nil, accessDenied()
	case v.GrantStatus == licensemanager.GrantStatusDeleted:
		return nil, wrongState(g)
	case in.Version != v.Version:
		return nil, notCurrent(g)
	}
	v.GrantStatus, v.StatusReason = licensemanager.GrantStatusDeleted, in.StatusReason
	return g.changed(), nil
}

func (l *licenseManager) getGrant(r *request, in *licensemanager.GetGrantInput) (any, *failure) {
	g, refusal := l.findGrant(r, in.GrantArn)
	if refusal != nil {
		return nil, refusal
	}
	if in.Version == "" {
		return object{"Grant": *g.current()}, nil
	}
	for _, version := range g.versions {
		if version.Version == in.Version {
			return object{"Grant": version}, nil
		}
	}
	return nil, fail("InvalidParameterValueException", "The grant has no version %q.", in.Version)
}

// listDistributedGrants returns a page of the grants that the caller's account
// made, oldest first, deleted ones too.
func (l *licenseManager) listDistributedGrants(r *request, in *licensemanager.ListDistributedGrantsInput) (any, *failure) {
	filters, refusal := parseFilters(in.Filters, "LicenseArn", "GrantStatus", "GranteePrincipalARN", "ProductSKU", "LicenseIssuerName")
	if refusal != nil {
		return nil, refusal
	}
	made := func(g *grant) bool { return g.grantor == r.account() }
	return l.pageOfGrants(made, filters, in.GrantArns, in.MaxResults, in.NextToken)
}

// listReceivedGrants returns a page of the grants that the caller's account
// got, oldest first, deleted ones too.
func (l *licenseManager) listReceivedGrants(r *request, in *licensemanager.ListReceivedGrantsInput) (any, *failure) {
	filters, refusal := parseFilters(in.Filters, "ProductSKU", "LicenseIssuerName", "LicenseArn", "GrantStatus")
	if refusal != nil {
		return nil, refusal
	}
	got := func(g *grant) bool { return g.grantee == r.account() }
	return l.pageOfGrants(got, filters, in.GrantArns, in.MaxResults, in.NextToken)
}

func (l *licenseManager) pageOfGrants(visible func(*grant) bool, filters filters, arns []string, maxResults int32, nextToken string) (any, *failure) {
	keep := func(g *grant) bool { return visible(g) && filters.admit(g.attributes()) }
	arn := func(g *grant) string { return g.arn }
	describe := func(g *grant) licensemanager.Grant { return *g.current() }
	return page("Grants", l.grants.of(arns), arn, keep, describe, maxResults, nextToken)
}

// attributes are what filters of grants look at.
func (g *grant) attributes() map[string]string {
	v, issued := g.current(), g.of.current()
	return map[string]string{
		"LicenseArn":          v.LicenseArn,
		"GrantStatus":         string(v.GrantStatus),
		"GranteePrincipalARN": v.GranteePrincipalArn,
		"ProductSKU":          issued.ProductSKU,
		"LicenseIssuerName":   issued.Issuer.Name,
	}
}
