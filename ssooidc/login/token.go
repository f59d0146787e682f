package login

import (
	"time"

	"github.com/seed-25f54b62/awstokens"
)

// Token is the result of a login: an access token, and what is needed to refresh
// it. To store it, use [Token.CacheJSON]; encoding/json redacts its secrets.
type Token struct {
	// StartURL and Region are those of the session that the token is for.
	StartURL string
	Region   string

	// AccessToken is valid until ExpiresAt, by the local clock when it was
	// issued. Files have whole seconds.
	AccessToken awstokens.Secret
	ExpiresAt   time.Time

	// RefreshToken is exchanged for the next access token. It is empty for a
	// session without a name, and for scopes that do not permit it.
	RefreshToken awstokens.Secret

	// ClientID and ClientSecret are of the registration that the token was issued
	// to. It alone can refresh the token, until about RegistrationExpiresAt: the
	// service decides. The zero time means that the end is not known.
	ClientID              string
	ClientSecret          awstokens.Secret
	RegistrationExpiresAt time.Time

	rest awstokens.Secret // the members of a file that have no field
}

// ParseToken reads the JSON of a token file of the AWS CLI, the AWS SDKs or
// [Token.CacheJSON]. It keeps members that it does not know, and a
// registrationExpiresAt that is not a time. It returns an error if data has no
// access token or no expiration. The error shows nothing of data.
func ParseToken(data []byte) (*Token, error) {
	in := newReader(data)
	t := &Token{
		StartURL:              take[string](&in, "startUrl"),
		Region:                take[string](&in, "region"),
		AccessToken:           take[awstokens.Secret](&in, "accessToken"),
		ExpiresAt:             in.time("expiresAt"),
		RefreshToken:          take[awstokens.Secret](&in, "refreshToken"),
		ClientID:              take[string](&in, "clientId"),
		ClientSecret:          take[awstokens.Secret](&in, "clientSecret"),
		RegistrationExpiresAt: in.timeIfAny("registrationExpiresAt"),
	}
	in.require("accessToken", !t.AccessToken.IsZero())
	in.require("expiresAt", !t.ExpiresAt.IsZero())
	var err error
	if t.rest, err = in.rest(); err != nil {
		return nil, err
	}
	return t, nil
}

// CacheJSON returns the JSON of a token file, as the AWS CLI and the AWS SDKs read
// it. It contains the token's secrets in plain text: only its user must be able to
// read it.
func (t *Token) CacheJSON() ([]byte, error) {
	w := writer{}
	w.string("startUrl", t.StartURL)
	w.string("region", t.Region)
	w.string("accessToken", t.AccessToken.Reveal())
	w.time("expiresAt", t.ExpiresAt)
	w.string("refreshToken", t.RefreshToken.Reveal())
	w.string("clientId", t.ClientID)
	w.string("clientSecret", t.ClientSecret.Reveal())
	w.time("registrationExpiresAt", t.RegistrationExpiresAt)
	return w.json(t.rest)
}

// same reports whether two tokens are from the same response.
func (t *Token) same(as *Token) bool {
	return t.AccessToken.Equal(as.AccessToken) && t.RefreshToken.Equal(as.RefreshToken)
}
