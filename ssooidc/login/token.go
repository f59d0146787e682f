package login

import (
	"slices"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/ssooidc"
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

// Registration is a client that was registered with RegisterClient. It serves
// every login of its session for 90 days. Its text for a registration file is
// [Registration.CacheJSON]; encoding/json shows no secret of it.
type Registration struct {
	ClientID     string
	ClientSecret awstokens.Secret

	// ExpiresAt is when the registration ends, by the local clock when it was
	// made. One that does not end has the last second of the year 9999. Files
	// keep whole seconds.
	ExpiresAt time.Time

	// Scopes are what the client was registered with, if it named any.
	Scopes []string

	// GrantTypes are the grants that the client was registered for. None means
	// the device code and its refresh token.
	GrantTypes []ssooidc.GrantType

	rest awstokens.Secret // the members of a file that have no field
}

// Serves reports whether a login with the grant type can use the registration
// at that time: it is for that grant, and has not expired.
func (r *Registration) Serves(grant ssooidc.GrantType, now time.Time) bool {
	grants := r.GrantTypes
	if len(grants) == 0 {
		grants = []ssooidc.GrantType{ssooidc.GrantTypeDeviceCode, ssooidc.GrantTypeRefreshToken}
	}
	return now.Before(r.ExpiresAt) && slices.Contains(grants, grant)
}

// ParseRegistration reads the JSON of a registration file, which the AWS CLI
// or [Registration.CacheJSON] wrote. It keeps members that it does not know. It
// returns an error if data has no client ID, no client secret or no expiration.
// The error shows nothing of data.
func ParseRegistration(data []byte) (*Registration, error) {
	in := newReader(data)
	r := &Registration{
		ClientID:     take[string](&in, "clientId"),
		ClientSecret: take[awstokens.Secret](&in, "clientSecret"),
		ExpiresAt:    in.time("expiresAt"),
		Scopes:       take[[]string](&in, "scopes"),
		GrantTypes:   take[[]ssooidc.GrantType](&in, "grantTypes"),
	}
	in.require("clientId", r.ClientID != "")
	in.require("clientSecret", !r.ClientSecret.IsZero())
	in.require("expiresAt", !r.ExpiresAt.IsZero())
	var err error
	if r.rest, err = in.rest(); err != nil {
		return nil, err
	}
	return r, nil
}

// CacheJSON returns the JSON of a registration file, as the AWS CLI reads it.
// It holds the client's secret in plain text: a [Store] writes it where only
// its user can read it.
func (r *Registration) CacheJSON() ([]byte, error) {
	w := writer{}
	w.string("clientId", r.ClientID)
	w.string("clientSecret", r.ClientSecret.Reveal())
	w.time("expiresAt", r.ExpiresAt)
	list(w, "scopes", r.Scopes)
	list(w, "grantTypes", r.GrantTypes)
	return w.json(r.rest)
}
