package emulator

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// maxTokenLength is the documented limit of the shape TokenString.
const maxTokenLength = 4096

// issuer signs and verifies the tokens of one emulator.
type issuer struct {
	name      string
	algorithm jose.SignatureAlgorithm
	roleClaim string
	signer    jose.Signer
	public    crypto.PublicKey
}

// claims are the claims of a License Manager token. It is documented that aud is
// the license and amr the properties, but not which claim has the roles, nor
// what sub is. Here sub is the ID of the refresh token that an access token was
// made from, or its own of a refresh token.
type claims struct {
	Issuer     string
	ID         string
	Subject    string
	LicenseArn string
	Properties []string
	Roles      []string
	IssuedAt   time.Time
	Expires    time.Time
}

// isRefreshToken reports whether the claims are those of a refresh token.
func (c claims) isRefreshToken() bool { return c.ID == c.Subject }

func newIssuer(o Options) (*issuer, error) {
	i := &issuer{name: o.Issuer, algorithm: jose.SignatureAlgorithm(o.Algorithm), roleClaim: o.RoleClaim}
	var key crypto.Signer
	var err error
	switch i.algorithm {
	case jose.ES256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.RS256:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		return nil, fmt.Errorf("algorithm %q is neither ES256 nor RS256", o.Algorithm)
	}
	if err != nil {
		return nil, err
	}
	i.public = key.Public()
	i.signer, err = jose.NewSigner(
		jose.SigningKey{Algorithm: i.algorithm, Key: jose.JSONWebKey{Key: key, KeyID: o.KeyID}},
		new(jose.SignerOptions).WithType("JWT"))
	return i, err
}

// sign returns the JWT of a License Manager token.
func (i *issuer) sign(c claims) (string, error) {
	return i.signAny(map[string]any{
		"iss":       i.name,
		"sub":       c.Subject,
		"aud":       c.LicenseArn,
		"amr":       c.Properties,
		"iat":       c.IssuedAt.Unix(),
		"exp":       c.Expires.Unix(),
		"jti":       c.ID,
		i.roleClaim: c.Roles,
	})
}

// signAny returns a JWT of the given claims.
func (i *issuer) signAny(claims map[string]any) (string, error) {
	return jwt.Signed(i.signer).Claims(claims).Serialize()
}

var errNotOurs = errors.New("the token is not a JWT that this service signed")

// verify returns the claims of a token that this issuer signed. It does not
// look at the time.
func (i *issuer) verify(token string) (claims, error) {
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{i.algorithm})
	if err != nil {
		return claims{}, errNotOurs
	}
	var standard jwt.Claims
	var amr struct {
		Properties []string `json:"amr"`
	}
	var all map[string]any
	if err := parsed.Claims(i.public, &standard, &amr, &all); err != nil ||
		standard.Expiry == nil || standard.IssuedAt == nil || len(standard.Audience) != 1 {
		return claims{}, errNotOurs
	}
	c := claims{
		Issuer:     standard.Issuer,
		ID:         standard.ID,
		Subject:    standard.Subject,
		LicenseArn: standard.Audience[0],
		Properties: amr.Properties,
		IssuedAt:   standard.IssuedAt.Time(),
		Expires:    standard.Expiry.Time(),
	}
	roles, _ := all[i.roleClaim].([]any)
	for _, role := range roles {
		if arn, ok := role.(string); ok {
			c.Roles = append(c.Roles, arn)
		}
	}
	return c, nil
}
