package login

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/internal/redact"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// Token is what a login gives: an access token, and what it is refreshed with.
// As JSON it is the token file of the AWS CLI.
type Token struct {
	// StartURL and Region are those of the session that the token is for.
	StartURL string
	Region   string

	// AccessToken is good until ExpiresAt. Files keep whole seconds.
	AccessToken awstokens.Secret
	ExpiresAt   time.Time

	// RefreshToken gets the next access token. Sessions without a name, and
	// scopes that do not allow it, have none.
	RefreshToken awstokens.Secret

	// ClientID and ClientSecret are the registration that the token was given
	// to, and which alone can refresh it until RegistrationExpiresAt. A zero
	// time is not known.
	ClientID              string
	ClientSecret          awstokens.Secret
	RegistrationExpiresAt time.Time

	unknown map[string]json.RawMessage
}

// LogValue hides the secrets from slog.
func (t Token) LogValue() slog.Value { return redact.LogValue(t) }

// Format hides the secrets from fmt.
func (t Token) Format(f fmt.State, _ rune) { redact.Format(f, t) }

// UnmarshalJSON reads the JSON of a token file. It keeps members that it does
// not know. An access token and its expiration must be there.
func (t *Token) UnmarshalJSON(data []byte) error {
	in := newReader(data)
	*t = Token{
		StartURL:              take[string](&in, "startUrl"),
		Region:                take[string](&in, "region"),
		AccessToken:           take[awstokens.Secret](&in, "accessToken"),
		ExpiresAt:             in.time("expiresAt"),
		RefreshToken:          take[awstokens.Secret](&in, "refreshToken"),
		ClientID:              take[string](&in, "clientId"),
		ClientSecret:          take[awstokens.Secret](&in, "clientSecret"),
		RegistrationExpiresAt: in.time("registrationExpiresAt"),
	}
	in.require("accessToken", t.AccessToken != "")
	in.require("expiresAt", !t.ExpiresAt.IsZero())
	var err error
	t.unknown, err = in.rest()
	return err
}

// MarshalJSON writes the JSON of a token file, with the members in the order
// of the AWS CLI and those that were not known at the end.
func (t Token) MarshalJSON() ([]byte, error) {
	var w writer
	w.string("startUrl", t.StartURL)
	w.string("region", t.Region)
	w.string("accessToken", t.AccessToken.Reveal())
	w.time("expiresAt", t.ExpiresAt)
	w.string("clientId", t.ClientID)
	w.string("clientSecret", t.ClientSecret.Reveal())
	w.time("registrationExpiresAt", t.RegistrationExpiresAt)
	w.string("refreshToken", t.RefreshToken.Reveal())
	return w.object(t.unknown), nil
}

// Registration is a client of RegisterClient, which serves every login of its
// session for 90 days. As JSON it is the registration file of the AWS CLI.
type Registration struct {
	ClientID     string
	ClientSecret awstokens.Secret

	// ExpiresAt is when the registration ends. Files keep whole seconds.
	ExpiresAt time.Time

	// Scopes are what the client was registered with, if it named any.
	Scopes []string

	// GrantTypes are the grants that the client was registered for. None means
	// the device code and its refresh token.
	GrantTypes []ssooidc.GrantType

	unknown map[string]json.RawMessage
}

// Serves says whether the registration is good for a login with the grant
// type at that time: it is for that grant, and has not expired.
func (r *Registration) Serves(grant ssooidc.GrantType, now time.Time) bool {
	grants := r.GrantTypes
	if len(grants) == 0 {
		grants = []ssooidc.GrantType{ssooidc.GrantTypeDeviceCode, ssooidc.GrantTypeRefreshToken}
	}
	return now.Before(r.ExpiresAt) && slices.Contains(grants, grant)
}

// LogValue hides the client secret from slog.
func (r Registration) LogValue() slog.Value { return redact.LogValue(r) }

// Format hides the client secret from fmt.
func (r Registration) Format(f fmt.State, _ rune) { redact.Format(f, r) }

// UnmarshalJSON reads the JSON of a registration file. It keeps members that
// it does not know. The client's ID and secret and its expiration must be
// there.
func (r *Registration) UnmarshalJSON(data []byte) error {
	in := newReader(data)
	*r = Registration{
		ClientID:     take[string](&in, "clientId"),
		ClientSecret: take[awstokens.Secret](&in, "clientSecret"),
		ExpiresAt:    in.time("expiresAt"),
		Scopes:       take[[]string](&in, "scopes"),
		GrantTypes:   take[[]ssooidc.GrantType](&in, "grantTypes"),
	}
	in.require("clientId", r.ClientID != "")
	in.require("clientSecret", r.ClientSecret != "")
	in.require("expiresAt", !r.ExpiresAt.IsZero())
	var err error
	r.unknown, err = in.rest()
	return err
}

// MarshalJSON writes the JSON of a registration file.
func (r Registration) MarshalJSON() ([]byte, error) {
	var w writer
	w.string("clientId", r.ClientID)
	w.string("clientSecret", r.ClientSecret.Reveal())
	w.time("expiresAt", r.ExpiresAt)
	if len(r.Scopes) > 0 {
		list(&w, "scopes", r.Scopes)
	}
	if len(r.GrantTypes) > 0 {
		list(&w, "grantTypes", r.GrantTypes)
	}
	return w.object(r.unknown), nil
}
