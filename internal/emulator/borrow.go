package emulator

import (
	"crypto/rand"
	"crypto/rsa"
	"sync"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/seed-25f54b62/awstokens/licensemanager"
)

// signKey stands for the AWS KMS key of every issuer. Generating it takes time,
// so that it is generated once per process, when it is first needed.
var signKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // cannot happen with this size
	}
	return key
})

// SignKey returns the public key of the signed checkouts of every license whose
// issuer has a SignKey.
func (s *Server) SignKey() *rsa.PublicKey { return &signKey().PublicKey }

// checkoutBorrowLicense checks out all of the requested entitlements, or none,
// for the license's borrow period. Unlike CheckoutLicense, it has no Beneficiary
// for the issuer to name: the issuer may check out its own license.
func (l *licenseManager) checkoutBorrowLicense(r *request, in *licensemanager.CheckoutBorrowLicenseInput) (any, *failure) {
	if refusal := checkAsked(in.Entitlements); refusal != nil {
		return nil, refusal
	}
	c, refusal := once(l, r, in.ClientToken, in, l.lives, func() (*checkout, *failure) {
		from := l.findFor(r, in.LicenseArn)
		if from == nil {
			return nil, fail("ResourceNotFoundException", "License %s does not exist.", in.LicenseArn)
		}
		own := from.account == r.account()
		borrow := from.current().ConsumptionConfiguration.BorrowConfiguration
		switch {
		case !own && l.activeGrant(r.account(), from, licensemanager.AllowedOperationCheckoutBorrowLicense) == nil:
			return nil, accessDenied()
		case borrow == nil || from.current().Issuer.SignKey == "":
			return nil, fail("EntitlementNotAllowedException", "The license cannot be borrowed.")
		case !from.usable(r.now):
			return nil, nothingAllowed("The license is " + string(from.status(r.now)) + " or outside its validity.")
		}
		c := &checkout{
			from:     from,
			byGrant:  !own,
			kind:     licensemanager.CheckoutTypeProvisional,
			borrowed: true,
			held:     l.grantable(from, in.Entitlements),
			nodeID:   in.NodeId,
			metadata: in.CheckoutMetadata,
			expires:  from.until(r.now, borrow.MaxTimeToLiveInMinutes),
		}
		if len(c.held) < len(in.Entitlements) {
			return nil, nothingAllowed("The license has not all of the entitlements, or not as much as that free.")
		}
		return c, l.begin(r, c)
	})
	if refusal != nil {
		return nil, refusal
	}
	out := l.describeCheckout(c)
	if len(c.metadata) > 0 {
		out["CheckoutMetadata"] = c.metadata
	}
	return out, nil
}

// signedCheckout is the payload of a SignedToken. It has no claim exp.
type signedCheckout struct {
	EntitlementsAllowed     []signedEntitlement `json:"entitlementsAllowed"`
	Expiration              string              `json:"expiration,omitempty"`
	IssuedAt                string              `json:"issuedAt"`
	LicenseArn              string              `json:"licenseArn"`
	LicenseConsumptionToken string              `json:"licenseConsumptionToken"`
	NodeID                  string              `json:"nodeId,omitempty"`
	CheckoutMetadata        map[string]string   `json:"checkoutMetadata,omitempty"`
}

type signedEntitlement struct {
	Name  string                         `json:"name"`
	Unit  licensemanager.EntitlementUnit `json:"unit"`
	Value string                         `json:"value"`
}

// sign returns the JWS of a checkout. Its dates never have a zone.
func (c *checkout) sign() (string, error) {
	payload := signedCheckout{
		IssuedAt:                c.issued.Format(zonelessFormat),
		LicenseArn:              c.from.arn,
		LicenseConsumptionToken: c.token,
		NodeID:                  c.nodeID,
		CheckoutMetadata:        map[string]string{},
	}
	for _, e := range c.held {
		payload.EntitlementsAllowed = append(payload.EntitlementsAllowed, signedEntitlement(e))
	}
	for _, m := range c.metadata {
		payload.CheckoutMetadata[m.Name] = m.Value
	}
	if !c.expires.IsZero() {
		payload.Expiration = c.expires.Format(zonelessFormat)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.PS384, Key: signKey()}, nil)
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(payload).Serialize()
}
