package login

import (
	"time"

	"github.com/seed-25f54b62/awstokens"
)

// Token is the result of a login: an access token, and what refreshes it. Its
// text for a token file is [Token.CacheJSON]; encoding/json shows no secret of
// it.
type Token struct {
	// StartURL and Region are those of the session that the token is for.
	StartURL string
	Region   string

	// AccessToken is good until ExpiresAt, by the local clock when it was
	// issued. Files keep whole seconds.
	AccessToken awstokens.Secret
	ExpiresAt   time.Time

	// RefreshToken gets the next access token. It is empty for a session
	// without a name, and for scopes that do not permit it.
	RefreshToken awstokens.Secret

	// ClientID and ClientSecret are the registration that the token was issued
	// to, and which alone can refresh it, until about RegistrationExpiresAt: the
	// service decides. The zero time means that the end is not known.
	ClientID              string
	ClientSecret          awstokens.Secret
	RegistrationExpiresAt time.Time

	rest awstokens.Secret // the members of a file that have no field
}

// ParseToken reads the JSON of a token file, which the AWS CLI, the AWS SDKs
// or [Token.CacheJSON] wrote. It keeps members that it does not know, and
// passes over a registrationExpiresAt that is not a time. It returns an error if
// data has no access token or no expiration. The error shows nothing of data.
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

// CacheJSON returns the JSON of a token file, as the AWS CLI and the AWS SDKs
// read it. It holds the token's secrets in plain text: a [Store] writes it where
// only its user can read it.
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
