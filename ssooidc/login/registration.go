package login

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/seed-25f54b62/awstokens"
	"github.com/seed-25f54b62/awstokens/ssooidc"
)

// Registration is a client that was registered with RegisterClient. The logins of
// its session use it for 90 days. To store it, use [Registration.CacheJSON];
// encoding/json redacts its secret.
type Registration struct {
	ClientID     string
	ClientSecret awstokens.Secret

	// ExpiresAt is when the registration ends, by the local clock when it was
	// made. If it does not end, that is the last second of the year 9999. Files
	// have whole seconds.
	ExpiresAt time.Time

	// Scopes are those that the client was registered with, if any.
	Scopes []string

	// GrantTypes are the grants that the client was registered for. None means
	// the device code and its refresh token.
	GrantTypes []ssooidc.GrantType

	rest awstokens.Secret // the members of a file that have no field
}

// ParseRegistration reads the JSON of a registration file of the AWS CLI or of
// [Registration.CacheJSON]. It keeps members that it does not know. It returns an
// error if data has no client ID, no client secret or no expiration. The error
// shows nothing of data.
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

// CacheJSON returns the JSON of a registration file, as the AWS CLI reads it. It
// contains the client's secret in plain text: only its user must be able to read it.
func (r *Registration) CacheJSON() ([]byte, error) {
	w := writer{}
	w.string("clientId", r.ClientID)
	w.string("clientSecret", r.ClientSecret.Reveal())
	w.time("expiresAt", r.ExpiresAt)
	list(w, "scopes", r.Scopes)
	list(w, "grantTypes", r.GrantTypes)
	return w.json(r.rest)
}

// minRegistration is how long a registration must still be valid to be used again:
// when it ends, the token of the login cannot be refreshed any more.
const minRegistration = 24 * time.Hour

// withRegistration logs in with a client that is registered for a grant. If the
// service refuses a client that was registered before, withRegistration registers
// another one, once.
func (l *login) withRegistration(ctx context.Context, grant ssooidc.GrantType, flow func(context.Context, *Registration) (*Token, error)) (*Token, error) {
	// A registration that cannot be read is replaced.
	r, err := l.Store.LoadRegistration(ctx, l.session)
	if err == nil && l.serves(r, grant) {
		token, err := flow(ctx, r)
		if token != nil || !refusesClient(err) {
			return token, err
		}
	}
	if r, err = l.register(ctx, grant); err != nil {
		return nil, err
	}
	return flow(ctx, r)
}

// serves reports whether a login can use a registration: it is for the grant and
// the scopes, and does not end soon.
func (l *login) serves(r *Registration, grant ssooidc.GrantType) bool {
	isFor := slices.Contains(r.GrantTypes, grant) || len(r.GrantTypes) == 0 && grant == ssooidc.GrantTypeDeviceCode
	lacks := func(scope string) bool { return !slices.Contains(r.Scopes, scope) }
	return isFor && !slices.ContainsFunc(l.scopes, lacks) && l.now().Add(minRegistration).Before(r.ExpiresAt)
}

func (l *login) register(ctx context.Context, grant ssooidc.GrantType) (*Registration, error) {
	in := &ssooidc.RegisterClientInput{
		ClientName: "awstokens-client-" + strconv.FormatInt(l.now().Unix(), 10),
		ClientType: ssooidc.ClientTypePublic,
		Scopes:     l.scopes,
	}
	if grant == ssooidc.GrantTypeAuthorizationCode {
		in.GrantTypes = []ssooidc.GrantType{grant, ssooidc.GrantTypeRefreshToken}
		in.RedirectUris = []string{"http://" + callbackHost + callbackPath}
		in.IssuerUrl = l.session.StartURL
	}
	out, err := l.client.RegisterClient(ctx, in)
	if err != nil {
		return nil, err
	}
	r := &Registration{
		ClientID: out.ClientId, ClientSecret: out.ClientSecret, ExpiresAt: registrationEnd(out, l.now()),
		Scopes: in.Scopes, GrantTypes: in.GrantTypes,
	}
	// If the Store cannot be written, the login ends before the user is asked.
	return r, l.Store.SaveRegistration(ctx, l.session, r)
}

// registrationEnd returns when a registration ends by the local clock, which shows
// now.
func registrationEnd(out *ssooidc.RegisterClientOutput, now time.Time) time.Time {
	end := out.Expires()
	switch {
	case end.IsZero():
		return never
	case !out.Date.IsZero():
		end = now.Add(end.Sub(out.Date))
	}
	return end.UTC().Truncate(time.Second)
}
